//! Claims about labels, good and hostile.

use atlas_sdk::name::Key;
use atlas_sdk::testing::hostile::no_record_panics;
use atlas_sdk::testing::{Given, check_delete, check_rules, examples, given};
use atlas_sdk::{Map, Validator as _, Value, map};

use crate::Label;

const CID: &str = "bafyr4igdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";

fn examples_of_the_readme() -> [Map; 2] {
    examples(include_str!("../README.md")).try_into().unwrap()
}

fn identity() -> String {
    format!("id:{CID}")
}

fn hiding() -> Given {
    let [_, body] = examples_of_the_readme();
    given(body).link("labels", CID).link("rule", CID).link("appeal", &identity()).prepared(&Label)
}

fn code(field: &str, value: impl Into<Value>) -> Option<&'static str> {
    let mut body = map! { "value": "spam" };
    body.insert(field, value.into());
    given(body).link("labels", CID).key(&format!("{CID}:spam")).code(&Label)
}

#[test]
fn the_rules_keep_the_contract_and_take_no_config() {
    check_rules(&Label.rules());
    assert!(Label::configure(b"").is_ok() && Label::configure(b"x").is_err());
    assert!(check_delete(&Label, Some("k")).is_valid());
}

#[test]
fn the_examples_of_the_readme_are_valid_and_found() {
    let [plain, _] = examples_of_the_readme();
    let plain = given(plain).link("labels", &identity()).prepared(&Label);
    assert_eq!(plain.found(&Label, "value"), ["graphic-media"]);
    assert_eq!(hiding().found(&Label, "value"), ["hide"]);
}

#[test]
fn records_addresses_and_identities_can_be_labelled() {
    let address = format!("atlas://{CID}/{CID}/atlas.post/a!b:c");
    for subject in [CID, &identity(), &address] {
        let label = given(map! { "value": "spam" }).link("labels", subject).prepared(&Label);
        assert_eq!(label.code(&Label), None, "{subject}");
        assert!(Key::new(label.entry().key.as_deref().unwrap()).is_ok());
    }
    let code = |subject: &str| given(map! { "value": "spam" }).link("labels", subject).code(&Label);
    assert_eq!(code("name:someone"), Some("wrong-target"));
    assert_eq!(given(map! { "value": "spam" }).code(&Label), Some("missing-link"));
}

#[test]
fn an_address_too_long_for_a_key_is_labelled_by_its_records_id() {
    let address = format!("atlas://{CID}/{CID}/atlas.post/{}", "k".repeat(400));
    let (code, text) = given(map! { "value": "spam" }).link("labels", &address).refusal(&Label);
    assert_eq!(code, "too-long");
    assert!(text.ends_with("label the record by its id"), "{text}");
}

#[test]
fn values_are_words() {
    for value in ["spam", "graphic-media", "org.example.rule-3"] {
        assert_eq!(given(map! { "value": value }).link("labels", CID).prepared(&Label).code(&Label), None);
    }
    assert_eq!(code("value", "Spam"), Some("not-a-word"));
    assert_eq!(code("value", "!hide"), Some("not-a-word"));
    assert_eq!(code("value", ""), Some("too-short"));
}

#[test]
fn a_label_that_is_taken_back_is_found_as_such_only() {
    let label = given(map! { "value": "spam", "negated": true }).link("labels", CID).prepared(&Label);
    assert!(label.found(&Label, "value").is_empty());
    assert_eq!(label.found(&Label, "negated"), ["spam"]);
    assert_eq!(code("negated", "yes"), Some("wrong-kind"));
}

#[test]
fn a_later_label_of_the_same_value_replaces_the_earlier() {
    let label = |body: Map| given(body).link("labels", CID).prepared(&Label).entry().key.clone();
    assert_eq!(label(map! { "value": "spam" }), label(map! { "value": "spam", "negated": true }));
    assert_ne!(label(map! { "value": "spam" }), label(map! { "value": "fun" }));
    assert_eq!(given(map! { "value": "spam" }).link("labels", CID).key("spam").code(&Label), Some("wrong-key"));
}

#[test]
fn hiding_names_rule_reason_and_where_to_appeal() {
    assert_eq!(hiding().code(&Label), None);
    let bare = given(map! { "value": "hide" }).link("labels", CID).prepared(&Label);
    assert_eq!(bare.code(&Label), Some("unfounded"));
    let half = given(map! { "value": "hide", "reason": "spam" }).link("labels", CID).link("rule", CID);
    assert_eq!(half.prepared(&Label).code(&Label), Some("unfounded"));
    let back = given(map! { "value": "hide", "negated": true }).link("labels", CID).prepared(&Label);
    assert_eq!(back.code(&Label), None, "taking it back needs no ground");
}

#[test]
fn reasons_are_bounded() {
    assert_eq!(code("reason", "x".repeat(1_000)), None);
    assert_eq!(code("reason", "x".repeat(1_001)), Some("too-long"));
    assert_eq!(code("reason", ""), Some("too-short"));
}

#[test]
fn no_label_panics() {
    no_record_panics(&Label, hiding().entry());
}
