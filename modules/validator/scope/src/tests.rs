//! Claims about scopes, good and hostile.

use atlas_sdk::testing::hostile::no_record_panics;
use atlas_sdk::testing::{Given, check_delete, check_rules, examples, given};
use atlas_sdk::{Validator as _, Value, list};

use crate::Scope;

fn example() -> Given {
    let [body] = examples(include_str!("../README.md")).try_into().unwrap();
    given(body).key("post-and-label")
}

fn code(field: &str, value: impl Into<Value>) -> Option<&'static str> {
    let mut body = example().entry().body.clone();
    body.insert(field, value.into());
    given(body).key("post-and-label").code(&Scope)
}

#[test]
fn the_rules_keep_the_contract_and_take_no_config() {
    check_rules(&Scope.rules());
    assert!(Scope::configure(b"").is_ok() && Scope::configure(b"x").is_err());
    assert!(check_delete(&Scope, Some("k")).is_valid());
}

#[test]
fn the_example_of_the_readme_is_valid_and_found_by_what_it_covers() {
    assert_eq!(example().found(&Scope, "type"), ["atlas.post", "atlas.label"]);
    assert_eq!(example().found(&Scope, "action"), ["create", "replace", "label"]);
}

#[test]
fn a_scope_says_what_it_is_and_what_it_covers() {
    for field in ["title", "text", "types", "actions"] {
        let mut body = example().entry().body.clone();
        body.remove(field);
        assert_eq!(given(body).key("k").code(&Scope), Some("missing-field"), "{field}");
    }
    assert_eq!(code("title", "a\nb"), Some("not-one-line"));
    assert_eq!(code("text", ""), Some("too-short"));
}

#[test]
fn types_and_actions_are_exact() {
    for pattern in ["*", "atlas.*", "atlas", "Atlas.post", ""] {
        assert_eq!(code("types", list![pattern]), Some("not-a-type"), "{pattern}");
    }
    assert_eq!(code("types", list![]), Some("too-few"));
    assert_eq!(code("types", list!["a.b", "a.b"]), Some("twice"));
    assert_eq!(code("actions", list!["everything"]), Some("not-one-of"));
    assert_eq!(code("actions", list![]), Some("too-few"));
    assert_eq!(code("actions", "create"), Some("wrong-kind"));
}

#[test]
fn nothing_hides_in_a_scope() {
    assert_eq!(code("alsoTypes", list!["atlas.trust"]), Some("unknown-field"));
}

#[test]
fn no_scope_panics() {
    no_record_panics(&Scope, example().entry());
}
