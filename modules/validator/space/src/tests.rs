//! Claims about entries of a registry of spaces, good and hostile.

use atlas_sdk::testing::hostile::no_record_panics;
use atlas_sdk::testing::{Given, check_delete, check_rules, examples, given};
use atlas_sdk::{Map, Validator as _, Value, list, map};

use crate::Space;

const ID: &str = "bafyr4igdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";

fn body() -> Map {
    let [body] = examples(include_str!("../README.md")).try_into().unwrap();
    body
}

fn entry(body: Map) -> Given {
    given(body).key(ID)
}

fn code(field: &str, value: impl Into<Value>) -> Option<&'static str> {
    let mut body = body();
    body.insert(field, value.into());
    entry(body).code(&Space)
}

#[test]
fn the_rules_keep_the_contract_and_take_no_config() {
    check_rules(&Space.rules());
    assert!(Space::configure(b"").is_ok() && Space::configure(b"x").is_err());
    assert!(check_delete(&Space, Some("k")).is_valid());
}

#[test]
fn the_example_of_the_readme_gets_its_key_and_is_found() {
    let entry = given(body()).prepared(&Space);
    assert_eq!(entry.entry().key.as_deref(), Some(ID));
    assert_eq!(entry.found(&Space, "name"), ["Debian packages"]);
    assert_eq!(entry.found(&Space, "join"), ["open"]);
    assert_eq!(entry.found(&Space, "lang"), ["en"]);
    assert_eq!(entry.found(&Space, "tag"), ["software", "debian"]);
}

#[test]
fn what_a_space_is_and_how_to_join_it_has_to_be_said() {
    for field in ["space", "title", "text", "join"] {
        let mut body = body();
        body.remove(field);
        assert_eq!(entry(body).code(&Space), Some("missing-field"), "{field}");
    }
}

#[test]
fn the_key_is_the_id_of_a_space() {
    assert_eq!(code("space", "debian"), Some("not-an-id"));
    assert_eq!(code("space", ID.replace("bafyr", "bafkr")), Some("not-an-id"));
    assert_eq!(given(body()).key("debian").code(&Space), Some("wrong-key"));
}

#[test]
fn joining_has_a_way() {
    assert_eq!(code("join", map! { "how": "ask", "text": "Write to Ada." }), None);
    assert_eq!(code("join", map! { "how": "bribe" }), Some("not-one-of"));
    assert_eq!(code("join", map! {}), Some("missing-field"));
    assert_eq!(code("join", map! { "how": "open", "peers": ["a b"] }), Some("not-a-place"));
    assert_eq!(code("join", map! { "how": "open", "password": "x" }), Some("unknown-field"));
}

#[test]
fn other_fields_keep_their_bounds() {
    assert_eq!(code("url", "example.org"), Some("not-a-url"));
    assert_eq!(code("langs", list!["english language"]), Some("not-a-language"));
    assert_eq!(code("tags", list!["a b"]), Some("not-a-tag"));
    assert_eq!(code("title", "a\nb"), Some("not-one-line"));
    assert_eq!(code("logo", "x"), None);
}

#[test]
fn no_entry_panics() {
    no_record_panics(&Space, entry(body()).entry());
}
