//! Claims about releases of modules, good and hostile.

use atlas_sdk::name::Key;
use atlas_sdk::testing::hostile::no_record_panics;
use atlas_sdk::testing::{Given, check_delete, check_rules, examples, given};
use atlas_sdk::{Map, Validator as _, Value, list};

use crate::{ModuleRelease, is_world};

const CODE: &str = "bafkr4igdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";
const ID: &str = "bafyr4igdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";

fn body() -> Map {
    let [body] = examples(include_str!("../README.md")).try_into().unwrap();
    body
}

fn release(body: Map) -> Given {
    given(body).blob(CODE, 41_213).prepared(&ModuleRelease)
}

fn code(field: &str, value: impl Into<Value>) -> Option<&'static str> {
    let mut body = body();
    body.insert(field, value.into());
    given(body).blob(CODE, 41_213).key("example:recipe@1.2.0").code(&ModuleRelease)
}

#[test]
fn the_rules_keep_the_contract_and_take_no_config() {
    check_rules(&ModuleRelease.rules());
    assert!(ModuleRelease::configure(b"").is_ok() && ModuleRelease::configure(b"x").is_err());
    assert!(check_delete(&ModuleRelease, Some("k")).is_valid());
}

#[test]
fn the_example_of_the_readme_gets_its_key_and_is_found() {
    let release = release(body());
    assert_eq!(release.entry().key.as_deref(), Some("example:recipe@1.2.0"));
    assert_eq!(release.found(&ModuleRelease, "name"), ["example:recipe"]);
    assert_eq!(release.found(&ModuleRelease, "role"), ["validator"]);
    assert_eq!(release.found(&ModuleRelease, "code"), [CODE]);
    assert_eq!(release.found(&ModuleRelease, "licence"), ["MIT OR Apache-2.0"]);
    assert_eq!(release.found(&ModuleRelease, "tag"), ["food"]);
}

#[test]
fn every_key_that_a_release_can_have_is_legal() {
    for (name, version) in [("a:b", "1.0.0-rc.1+build.5"), ("a-b.c:d-e.f", "0.0.0")] {
        assert!(Key::new(&crate::key(name, version)).is_ok());
    }
}

#[test]
fn what_a_release_is_has_to_be_said() {
    for field in ["name", "version", "role", "code", "wit", "licence", "summary"] {
        let mut body = body();
        body.remove(field);
        let release = given(body).blob(CODE, 41_213).key("example:recipe@1.2.0");
        assert_eq!(release.code(&ModuleRelease), Some("missing-field"), "{field}");
    }
}

#[test]
fn fields_keep_their_grammar() {
    assert_eq!(code("name", "Recipe"), Some("not-a-module-name"));
    assert_eq!(code("version", "1.2"), Some("not-a-version"));
    assert_eq!(code("version", "1.3.0"), Some("wrong-key"));
    assert_eq!(code("role", "oracle"), Some("not-one-of"));
    assert_eq!(code("wit", "validator"), Some("not-a-world"));
    assert_eq!(code("source", "ftp://example.org"), Some("not-a-url"));
    assert_eq!(code("capabilities", list!["net", "net"]), Some("twice"));
    assert_eq!(code("capabilities", list![""]), Some("too-short"));
    assert_eq!(code("notes", "x".repeat(10_001)), Some("too-long"));
    assert_eq!(code("tags", list!["a b"]), Some("not-a-tag"));
    assert_eq!(code("homepage", "https://example.org"), None);
}

#[test]
fn worlds_have_a_version() {
    for world in ["atlas:validator@0.1.0", "atlas:validator/validator@0.1.0", "wasi:http/proxy@0.2.0-rc-1"] {
        assert!(is_world(world), "{world}");
    }
    for no in ["", "@", "a:b", "a@1", "a:b@", "a:b@x", "A:b@1", "a:b/@1", "a:b/c/d@1", "a:b@1..2", ":b@1"] {
        assert!(!is_world(no), "{no}");
    }
}

#[test]
fn the_code_travels_with_the_release() {
    let unattached = given(body()).key("example:recipe@1.2.0");
    assert_eq!(unattached.code(&ModuleRelease), Some("not-attached"));
    let other_size = given(body()).blob(CODE, 5).key("example:recipe@1.2.0");
    assert_eq!(other_size.code(&ModuleRelease), Some("wrong-size"));
}

#[test]
fn a_yanked_release_says_why_and_is_found_as_such_only() {
    let mut yanked = body();
    yanked.insert("yanked", true.into());
    assert_eq!(release(yanked.clone()).code(&ModuleRelease), Some("yank-reason"));
    yanked.insert("yankReason", "Refuses good recipes.".into());
    assert_eq!(release(yanked.clone()).found(&ModuleRelease, "yanked"), ["example:recipe"]);
    assert!(release(yanked).found(&ModuleRelease, "name").is_empty());
    assert_eq!(code("yankReason", "no reason"), Some("yank-reason"));
    assert_eq!(code("yanked", false), None);
}

#[test]
fn a_release_names_one_previous_release() {
    assert_eq!(release(body()).link("previous", ID).code(&ModuleRelease), None);
    assert_eq!(release(body()).link("previous", "name:x").code(&ModuleRelease), Some("wrong-target"));
    assert_eq!(release(body()).link("previous", ID).link("previous", ID).code(&ModuleRelease), Some("too-many"));
}

#[test]
fn no_release_panics() {
    no_record_panics(&ModuleRelease, release(body()).entry());
}
