//! Claims about collections of files, good and hostile.

use atlas_sdk::testing::hostile::no_record_panics;
use atlas_sdk::testing::{Given, check_delete, check_rules, examples, given};
use atlas_sdk::{Map, Validator as _, Value, map};

use crate::File;

const BLOB: &str = "bafkr4igdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";
const OTHER: &str = "bafkr4ihdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";

fn readme() -> [Map; 2] {
    examples(include_str!("../README.md")).try_into().unwrap()
}

fn example() -> Given {
    let [body, _] = readme();
    given(body).key("field-recordings").blob(BLOB, 1_200_000).blob(OTHER, 800)
}

fn link(id: &str) -> Value {
    Value::Link(id.parse().unwrap())
}

/// A collection of files of one byte at these paths.
fn at(paths: &[&str]) -> Given {
    let entry = |path: &&str| Value::from(map! { "path": (*path), "blob": (link(BLOB)), "size": 1 });
    let files: Vec<Value> = paths.iter().map(entry).collect();
    given(map! { "totalSize": (files.len()), "files": files }).key("k").blob(BLOB, 1)
}

fn one(change: impl FnOnce(&mut Map)) -> Option<&'static str> {
    let mut entry = map! { "path": "a", "blob": (link(BLOB)), "size": 5, "mediaType": "text/plain" };
    change(&mut entry);
    given(map! { "totalSize": 5, "files": [entry] }).blob(BLOB, 5).code(&File)
}

fn set(field: &'static str, value: impl Into<Value>) -> impl FnOnce(&mut Map) {
    let value = value.into();
    move |map| drop(map.insert(field, value))
}

#[test]
fn the_rules_keep_the_contract_and_take_no_config() {
    check_rules(&File.rules());
    assert!(File::configure(b"").is_ok() && File::configure(b"x").is_err());
    assert!(check_delete(&File, Some("k")).is_valid());
}

#[test]
fn the_examples_of_the_readme_are_valid_and_found() {
    let example = example();
    assert_eq!(example.found(&File, "name"), ["Field recordings, spring"]);
    assert_eq!(example.found(&File, "media"), ["audio/flac", "text/plain"]);
    assert_eq!(example.found(&File, "size"), ["2400800"]);
    assert_eq!(example.found(&File, "count"), ["3"]);
    assert_eq!(example.found(&File, "tag"), ["birds"]);
    let [_, large] = readme();
    assert_eq!(given(large).blob(BLOB, 52_428).found(&File, "count"), ["700"]);
}

#[test]
fn a_file_is_attached_in_the_size_it_says() {
    assert_eq!(one(|_| ()), None);
    assert_eq!(one(set("blob", link(OTHER))), Some("not-attached"));
    assert_eq!(one(set("size", 6u64)), Some("wrong-size"));
    assert_eq!(one(set("size", -1i64)), Some("out-of-range"));
    assert_eq!(one(set("mediaType", "text")), Some("not-a-media-type"));
    assert_eq!(one(set("extra", 1u64)), Some("unknown-field"));
    for field in ["path", "blob", "size"] {
        assert_eq!(one(|entry| drop(entry.remove(field))), Some("missing-field"), "{field}");
    }
}

#[test]
fn the_total_is_the_sum() {
    let files = || vec![Value::from(map! { "path": "a", "blob": (link(BLOB)), "size": 5 })];
    let of = |total: u64| given(map! { "totalSize": total, "files": (files()) }).blob(BLOB, 5).refusal(&File);
    assert_eq!(of(6), ("wrong-total", "`totalSize` is 6: the files have 5 bytes together".to_owned()));
    assert_eq!(of(1 << 53).0, "out-of-range");
}

#[test]
fn one_blob_may_stand_at_several_paths() {
    assert_eq!(at(&["a", "b", "c/d"]).code(&File), None);
}

#[test]
fn paths_are_relative_and_portable() {
    for path in ["", "/etc/passwd", "../up", "a/../../b", "a\\b", "C:/x", "a/", "nul", "a\0b"] {
        assert!(matches!(at(&[path]).code(&File), Some("bad-path" | "too-short")), "{path:?}");
    }
    assert_eq!(at(&[&"x/".repeat(512)]).code(&File), Some("bad-path"));
    assert_eq!(at(&[&"xx/".repeat(512)]).code(&File), Some("too-long"));
    let (_, text) = at(&["good", "a/../b"]).refusal(&File);
    assert_eq!(text, "`files[1].path` is `a/../b`, which has a segment `.` or `..`: expected names only");
}

#[test]
fn paths_that_cannot_stand_beside_each_other_are_refused() {
    for paths in [&["a", "a"][..], &["A/b", "a/B"], &["a", "a/b"], &["x/y/z", "X"], &["a/b", "a!", "a"]] {
        assert_eq!(at(paths).code(&File), Some("paths-clash"), "{paths:?}");
    }
    let (_, text) = at(&["a", "b", "A"]).refusal(&File);
    assert_eq!(text, "`files[2].path` is `A`, and `files[0].path` is `a`: the same path on some machines");
    assert_eq!(at(&["a/b", "a!", "ab", "a.b"]).code(&File), None);
}

#[test]
fn forms_of_one_letter_are_different_bytes_and_different_paths() {
    assert_eq!(at(&["\u{e9}", "e\u{301}"]).code(&File), None);
}

#[test]
fn a_collection_says_what_it_holds_once() {
    let manifest = map! { "blob": (link(BLOB)), "size": 5, "count": 9 };
    let with = |body: Map| given(body).blob(BLOB, 5).code(&File);
    assert_eq!(with(map! { "totalSize": 5 }), Some("no-files"));
    assert_eq!(with(map! { "totalSize": 5, "files": [] }), Some("too-few"));
    assert_eq!(with(map! { "totalSize": 5, "manifest": (manifest.clone()) }), None);
    assert_eq!(with(map! { "totalSize": 5, "manifest": manifest, "files": [] }), Some("two-lists"));
    assert_eq!(with(map! { "files": [] }), Some("missing-field"));
    let unattached = map! { "totalSize": 5, "manifest": { "blob": (link(OTHER)), "size": 5, "count": 9 } };
    assert_eq!(with(unattached), Some("not-attached"));
    let none = map! { "totalSize": 5, "manifest": { "blob": (link(BLOB)), "size": 5, "count": 0 } };
    assert_eq!(with(none), Some("out-of-range"));
}

#[test]
fn five_hundred_and_twelve_files_fit_and_no_more() {
    let paths: Vec<String> = (0..513).map(|n| format!("d/{n}")).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    assert_eq!(at(&paths[..512]).code(&File), None);
    assert_eq!(at(&paths).code(&File), Some("too-many"));
}

#[test]
fn no_collection_panics() {
    no_record_panics(&File, example().entry());
    let [_, large] = readme();
    no_record_panics(&File, given(large).blob(BLOB, 52_428).entry());
}
