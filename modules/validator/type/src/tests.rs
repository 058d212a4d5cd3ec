//! Claims about entries of a registry of types, good and hostile.

use atlas_sdk::testing::hostile::no_record_panics;
use atlas_sdk::testing::{Given, check_delete, check_rules, examples, given};
use atlas_sdk::{Map, Validator as _, Value, list, map};

use crate::Type;

const CODE: &str = "bafkr4igdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";
const CONFIG: &str = "bafkr4ihdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";
const ID: &str = "bafyr4igdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";

fn body() -> Map {
    let [body] = examples(include_str!("../README.md")).try_into().unwrap();
    body
}

fn entry(body: Map) -> Given {
    given(body).blob(CONFIG, 212).prepared(&Type)
}

fn code(field: &str, value: impl Into<Value>) -> Option<&'static str> {
    let mut body = body();
    body.insert(field, value.into());
    entry(body).code(&Type)
}

#[test]
fn the_rules_keep_the_contract_and_take_no_config() {
    check_rules(&Type.rules());
    assert!(Type::configure(b"").is_ok() && Type::configure(b"x").is_err());
    assert!(check_delete(&Type, Some("k")).is_valid());
}

#[test]
fn the_example_of_the_readme_gets_its_key_and_is_found() {
    let entry = entry(body());
    assert_eq!(entry.entry().key.as_deref(), Some("org.example.recipe"));
    assert_eq!(entry.found(&Type, "name"), ["org.example.recipe"]);
    assert_eq!(entry.found(&Type, "code"), [CODE]);
    assert_eq!(entry.found(&Type, "tag"), ["food", "cooking"]);
}

#[test]
fn what_a_type_is_has_to_be_said() {
    for field in ["name", "title", "text", "validator"] {
        let mut body = body();
        body.remove(field);
        let entry = given(body).blob(CONFIG, 212).key("org.example.recipe");
        assert_eq!(entry.code(&Type), Some("missing-field"), "{field}");
    }
}

#[test]
fn the_key_is_the_name_of_a_type() {
    assert_eq!(code("name", "recipe"), Some("not-a-type"));
    assert_eq!(code("name", "org.example.*"), Some("not-a-type"));
    assert_eq!(given(body()).blob(CONFIG, 212).key("org.example.other").code(&Type), Some("wrong-key"));
}

#[test]
fn the_validator_is_named_by_its_code() {
    let code_of = |id: &str| Value::Link(id.parse().unwrap());
    assert_eq!(code("validator", map! { "code": (code_of(CODE)) }), None);
    assert_eq!(code("validator", map! { "code": (code_of(ID)) }), Some("not-a-blob"));
    assert_eq!(code("validator", map! { "name": "a:b" }), Some("missing-field"));
    assert_eq!(code("validator", map! { "code": (code_of(CODE)), "name": "x" }), Some("too-short"));
    assert_eq!(code("validator", map! { "code": (code_of(CODE)), "version": "1" }), Some("not-a-version"));
    assert_eq!(code("validator", map! { "code": (code_of(CODE)), "fuel": 1 }), Some("unknown-field"));
}

#[test]
fn a_config_travels_with_the_entry() {
    assert_eq!(given(body()).key("org.example.recipe").code(&Type), Some("not-attached"));
    assert_eq!(given(body()).key("org.example.recipe").blob(CONFIG, 213).code(&Type), Some("wrong-size"));
}

#[test]
fn other_fields_keep_their_bounds() {
    assert_eq!(code("schema", "{}"), Some("wrong-kind"));
    assert_eq!(code("text", "x".repeat(20_001)), Some("too-long"));
    assert_eq!(code("tags", list!["#x"]), Some("not-a-tag"));
    assert_eq!(entry(body()).link("example", ID).link("release", ID).code(&Type), None);
    assert_eq!(entry(body()).link("example", "id:x").code(&Type), Some("wrong-target"));
}

#[test]
fn no_entry_panics() {
    no_record_panics(&Type, entry(body()).entry());
}
