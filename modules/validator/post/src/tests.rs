//! Claims about posts, good and hostile.

use atlas_sdk::testing::{check, check_delete, check_rules};
use atlas_sdk::{IndexEntry, IndexValue, Map, Validator as _, Value, Verdict, list, map};

use crate::Post;

const CID: &str = "bafyr4igdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";

fn address() -> String {
    format!("atlas://{CID}/{CID}/atlas.profile/self")
}

fn identity() -> String {
    format!("id:{CID}")
}

fn body(field: &str, value: impl Into<Value>) -> Map {
    let mut body = map! { "text": "hello" };
    body.insert(field, value.into());
    body
}

fn code(field: &str, value: impl Into<Value>) -> Option<&'static str> {
    check(&Post, body(field, value), &[]).code()
}

fn linked(links: &[(&str, &str)]) -> Option<&'static str> {
    check(&Post, map! { "text": "hello" }, links).code()
}

fn indexed(verdict: Verdict) -> Vec<(&'static str, String)> {
    let Verdict::Valid(entries) = verdict else { panic!("not valid: {verdict:?}") };
    let text = |entry: IndexEntry| match entry.value {
        IndexValue::Text(text) => (entry.name, text),
        IndexValue::Integer(_) => unreachable!("posts have text indexes only"),
    };
    entries.into_iter().map(text).collect()
}

#[test]
fn the_rules_keep_the_contract_and_take_no_config() {
    check_rules(&Post.rules());
    assert!(Post::configure(b"").is_ok());
    assert!(Post::configure(b"x").is_err());
}

#[test]
fn a_text_is_enough_and_required() {
    assert_eq!(check(&Post, map! { "text": "hello" }, &[]), Verdict::Valid(vec![]));
    assert_eq!(check(&Post, map! {}, &[]).code(), Some("missing-field"));
    assert_eq!(code("text", 3u64), Some("wrong-kind"));
    assert_eq!(code("text", ""), Some("too-short"));
}

#[test]
fn a_text_is_bounded_in_characters_and_in_bytes() {
    assert_eq!(code("text", "x".repeat(3000)), None);
    assert_eq!(code("text", "x".repeat(3001)), Some("too-long"));
    assert_eq!(code("text", "é".repeat(3000)), None);
    assert_eq!(code("text", "\u{10FFFF}".repeat(2500)), None);
    assert_eq!(code("text", "\u{10FFFF}".repeat(2501)), Some("too-long"));
}

#[test]
fn authors_may_take_posts_back() {
    assert!(check_delete(&Post, None).is_valid());
}

#[test]
fn titles_are_one_line() {
    assert_eq!(code("title", "A title"), None);
    assert_eq!(code("title", "é".repeat(300)), None);
    assert_eq!(code("title", "é".repeat(301)), Some("too-long"));
    assert_eq!(code("title", ""), Some("too-short"));
    assert_eq!(code("title", "a\nb"), Some("not-one-line"));
}

#[test]
fn the_format_is_plain_or_markdown() {
    assert_eq!(code("format", "plain"), None);
    assert_eq!(code("format", "markdown"), None);
    assert_eq!(code("format", "html"), Some("not-one-of"));
}

#[test]
fn tags_are_found_in_lower_case_and_once() {
    let verdict = check(&Post, body("tags", list!["Rust", "rust", "Ärger"]), &[]);
    assert_eq!(indexed(verdict), [("tag", "rust".into()), ("tag", "ärger".into())]);
}

#[test]
fn hostile_tags_are_refused() {
    for tag in ["#rust", "a b", "a\u{a0}b", "a\nb", "\0"] {
        assert_eq!(code("tags", list![tag]), Some("not-a-tag"), "{tag:?}");
    }
    assert_eq!(code("tags", list![""]), Some("too-short"));
    assert_eq!(code("tags", list![("x".repeat(65))]), Some("too-long"));
    assert_eq!(code("tags", vec![Value::from("x"); 9]), Some("too-many"));
    assert_eq!(code("tags", list![1]), Some("wrong-kind"));
    assert_eq!(code("tags", "rust"), Some("wrong-kind"));
}

#[test]
fn a_language_is_found_whole_and_by_its_primary_subtag() {
    let verdict = check(&Post, body("langs", list!["en-GB", "en", "zh-Hant-TW"]), &[]);
    let expected = ["en", "en-gb", "zh", "zh-hant-tw"].map(|lang| ("lang", lang.to_owned()));
    assert_eq!(indexed(verdict), expected);
}

#[test]
fn what_has_not_the_shape_of_a_language_is_refused() {
    for lang in ["e1", "en-", "-en", "en--gb", "en_GB", "toolonglang", "en-abcdefghi", "日本"] {
        assert_eq!(code("langs", list![lang]), Some("not-a-language"), "{lang}");
    }
    assert_eq!(code("langs", list!["e"]), Some("too-short"));
    assert_eq!(code("langs", list!["en", "de", "fr", "it"]), Some("too-many"));
}

#[test]
fn a_post_answers_one_record_and_may_name_the_thread() {
    assert_eq!(linked(&[("reply", CID)]), None);
    assert_eq!(linked(&[("reply", &address())]), None);
    assert_eq!(linked(&[("reply", CID), ("root", CID)]), None);
    assert_eq!(linked(&[("reply", CID), ("reply", CID)]), Some("too-many"));
    assert_eq!(linked(&[("reply", CID), ("root", CID), ("root", CID)]), Some("too-many"));
    assert_eq!(linked(&[("root", CID)]), Some("root-without-reply"));
}

#[test]
fn answers_and_quotes_point_at_records_and_mentions_at_identities() {
    for relation in ["reply", "quote"] {
        for target in [identity().as_str(), "name:x", "", "nonsense", "atlas://x"] {
            assert_eq!(linked(&[(relation, target)]), Some("wrong-target"), "{relation} {target}");
        }
    }
    assert_eq!(linked(&[("quote", CID), ("quote", &address())]), None);
    assert_eq!(linked(&[("quote", CID); 5]), Some("too-many"));
    assert_eq!(linked(&[("mention", &identity())]), None);
    for target in [CID, &address(), "name:bob", "id:", "id:bob"] {
        assert_eq!(linked(&[("mention", target)]), Some("wrong-target"), "{target}");
    }
    assert_eq!(linked(&[("mention", identity().as_str()); 65]), Some("too-many"));
}

#[test]
fn other_relations_are_the_authors() {
    assert_eq!(linked(&[("about", "name:anything"); 3]), None);
}

#[test]
fn later_versions_may_define_more_fields() {
    assert_eq!(code("contentWarning", "spoiler"), None);
    assert_eq!(code("Text", "x"), Some("unknown-field"));
    let mut crowd: Map = (0..17).map(|n| (format!("f{n}"), Value::Null)).collect();
    crowd.insert("text", "hello".into());
    assert_eq!(check(&Post, crowd, &[]).code(), Some("too-many"));
}
