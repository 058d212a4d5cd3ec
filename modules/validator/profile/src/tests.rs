//! Claims about profiles, good and hostile.

use atlas_sdk::testing::hostile::no_record_panics;
use atlas_sdk::testing::{Given, check_delete, check_rules, examples, given};
use atlas_sdk::{Map, Validator as _, Value, list, map};

use crate::Profile;

const AVATAR: &str = "bafkr4igdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";

fn example() -> Given {
    let [body] = examples(include_str!("../README.md")).try_into().unwrap();
    given(body).key("self").blob(AVATAR, 48_213)
}

fn code(field: &str, value: impl Into<Value>) -> Option<&'static str> {
    let mut body = map! {};
    body.insert(field, value.into());
    given(body).code(&Profile)
}

fn avatar(change: impl FnOnce(&mut Map)) -> Option<&'static str> {
    let link = Value::Link(AVATAR.parse().unwrap());
    let mut avatar = map! { "blob": link, "size": 10, "mediaType": "image/png" };
    change(&mut avatar);
    given(map! { "avatar": avatar }).blob(AVATAR, 10).code(&Profile)
}

#[test]
fn the_rules_keep_the_contract_and_take_no_config() {
    check_rules(&Profile.rules());
    assert!(Profile::configure(b"").is_ok() && Profile::configure(b"x").is_err());
    assert!(check_delete(&Profile, Some("self")).is_valid());
}

#[test]
fn the_example_of_the_readme_is_valid_and_found_by_its_name() {
    assert_eq!(example().found(&Profile, "name"), ["Ada Lovelace"]);
    assert_eq!(example().found(&Profile, "lang"), ["en", "fr"]);
}

#[test]
fn an_empty_profile_says_nothing_and_is_valid() {
    assert_eq!(given(map! {}).code(&Profile), None);
}

#[test]
fn names_are_one_line_and_texts_are_bounded() {
    assert_eq!(code("displayName", "é".repeat(64)), None);
    assert_eq!(code("displayName", "é".repeat(65)), Some("too-long"));
    assert_eq!(code("displayName", ""), Some("too-short"));
    assert_eq!(code("displayName", "a\nb"), Some("not-one-line"));
    assert_eq!(code("displayName", 3u64), Some("wrong-kind"));
    assert_eq!(code("description", "a\nb"), None);
    assert_eq!(code("description", "x".repeat(2_501)), Some("too-long"));
    assert_eq!(code("description", "\u{10ffff}".repeat(2_500)), None);
}

#[test]
fn an_avatar_is_a_small_picture_that_the_record_carries() {
    assert_eq!(avatar(|_| ()), None);
    assert_eq!(avatar(|it| drop(it.insert("mediaType", "image/svg+xml".into()))), Some("not-one-of"));
    assert_eq!(avatar(|it| drop(it.insert("size", 11u64.into()))), Some("wrong-size"));
    assert_eq!(avatar(|it| drop(it.insert("size", 0u64.into()))), Some("out-of-range"));
    assert_eq!(avatar(|it| drop(it.insert("size", 1_000_001u64.into()))), Some("out-of-range"));
    assert_eq!(avatar(|it| drop(it.insert("other", 1u64.into()))), Some("unknown-field"));
    assert_eq!(avatar(|it| drop(it.remove("blob"))), Some("missing-field"));
    assert_eq!(avatar(|it| drop(it.insert("blob", AVATAR.into()))), Some("wrong-kind"));
    let other = "bafkr4ihdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";
    assert_eq!(avatar(|it| drop(it.insert("blob", Value::Link(other.parse().unwrap())))), Some("not-attached"));
}

#[test]
fn links_lead_to_the_web() {
    assert_eq!(code("links", list![{ "url": "https://example.org", "title": "me" }]), None);
    assert_eq!(code("links", list![{ "url": "javascript:alert(1)" }]), Some("not-a-url"));
    assert_eq!(code("links", list![{ "title": "me" }]), Some("missing-field"));
    assert_eq!(code("links", list!["https://example.org"]), Some("wrong-kind"));
    assert_eq!(code("links", vec![Value::from(map! { "url": "https://a" }); 17]), Some("too-many"));
}

#[test]
fn later_versions_may_define_more_fields() {
    assert_eq!(code("pronouns", "she/her"), None);
    assert_eq!(code("Pronouns", "she/her"), Some("unknown-field"));
}

#[test]
fn no_profile_panics() {
    no_record_panics(&Profile, example().entry());
}
