//! Claims about trust statements, good and hostile.

use atlas_sdk::testing::hostile::no_record_panics;
use atlas_sdk::testing::{Given, check_delete, check_rules, examples, given};
use atlas_sdk::{Map, Validator as _, Value, map};

use crate::Trust;

const BOB: &str = "bafyr4igdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";

fn bob() -> String {
    format!("id:{BOB}")
}

fn about_bob(body: Map) -> Given {
    given(body).author("ada").link("trusts", &bob())
}

fn example() -> Given {
    let [body] = examples(include_str!("../README.md")).try_into().unwrap();
    about_bob(body).prepared(&Trust)
}

fn code(field: &str, value: impl Into<Value>) -> Option<&'static str> {
    let mut body = map! { "context": "code", "weight": 800 };
    body.insert(field, value.into());
    about_bob(body).key(&format!("{BOB}:code")).code(&Trust)
}

#[test]
fn the_rules_keep_the_contract_and_take_no_config() {
    check_rules(&Trust.rules());
    assert!(Trust::configure(b"").is_ok() && Trust::configure(b"x").is_err());
    assert!(check_delete(&Trust, Some("k")).is_valid());
}

#[test]
fn the_example_of_the_readme_gets_its_key_and_is_found() {
    let example = example();
    assert_eq!(example.entry().key.as_deref(), Some(format!("{BOB}:code").as_str()));
    assert_eq!(example.found(&Trust, "context"), ["code"]);
    assert_eq!(example.found(&Trust, "subject"), [BOB]);
    assert_eq!(example.found(&Trust, "weight"), ["800"]);
}

#[test]
fn weights_are_whole_thousandths() {
    for weight in [-1000i64, -1, 0, 1, 1000] {
        assert_eq!(code("weight", weight), None, "{weight}");
    }
    for weight in [-1001i64, 1001, i64::MIN, i64::MAX] {
        assert_eq!(code("weight", weight), Some("out-of-range"), "{weight}");
    }
    assert_eq!(code("weight", Value::Float(0.8)), Some("wrong-kind"));
    assert_eq!(about_bob(map! { "context": "code" }).code(&Trust), Some("missing-field"));
}

#[test]
fn a_context_is_a_word() {
    assert_eq!(code("context", "Code"), Some("not-a-word"));
    assert_eq!(code("context", "a b"), Some("not-a-word"));
    assert_eq!(code("context", ""), Some("too-short"));
    assert_eq!(code("context", "x".repeat(65)), Some("too-long"));
}

#[test]
fn the_latest_statement_about_someone_in_a_context_replaces_the_earlier() {
    let statement = |context: &str| about_bob(map! { "context": context, "weight": 1 });
    assert_eq!(statement("code").prepared(&Trust).entry().key, statement("code").prepared(&Trust).entry().key);
    assert_ne!(statement("code").prepared(&Trust).entry().key, statement("food").prepared(&Trust).entry().key);
    assert_eq!(statement("code").key(&format!("{BOB}:food")).code(&Trust), Some("wrong-key"));
    assert_eq!(statement("code").code(&Trust), Some("wrong-key"));
}

#[test]
fn trust_is_in_one_identity_and_not_in_oneself() {
    let body = || map! { "context": "code", "weight": 1 };
    assert_eq!(given(body()).code(&Trust), Some("missing-link"));
    assert_eq!(given(body()).link("trusts", BOB).code(&Trust), Some("wrong-target"));
    assert_eq!(given(body()).link("trusts", "name:bob").code(&Trust), Some("wrong-target"));
    assert_eq!(about_bob(body()).link("trusts", &bob()).code(&Trust), Some("too-many"));
    assert_eq!(about_bob(body()).author(BOB).code(&Trust), Some("about-oneself"));
}

#[test]
fn reasons_are_bounded_and_evidence_is_linked() {
    assert_eq!(code("reason", "x".repeat(1_000)), None);
    assert_eq!(code("reason", "x".repeat(1_001)), Some("too-long"));
    assert_eq!(example().link("evidence", BOB).code(&Trust), None);
    assert_eq!(example().link("evidence", &bob()).code(&Trust), Some("wrong-target"));
}

#[test]
fn no_statement_panics() {
    no_record_panics(&Trust, example().entry());
}
