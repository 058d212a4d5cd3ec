//! What hosts index of a lexicon's records.

use atlas_sdk::{Draft, IndexEntry, IndexKind, IndexValue, Link, Validator, Verdict, testing};

use crate::support::{TID, candidate, document, documents, judge, lexicon, map, packed};

const CID: &str = "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a";

fn thing() -> atlas_lexicon::Lexicon {
    lexicon(&document(
        r##""createdAt":{"type":"string","format":"datetime"},"count":{"type":"integer"},
        "status":{"type":"string","knownValues":["open"]},"langs":{"type":"array","items":{"type":"string","format":"language"}},
        "tags":{"type":"array","items":{"type":"string","maxGraphemes":64}},"essays":{"type":"array","items":{"type":"string"}},
        "title":{"type":"string"},"text":{"type":"string"},"file":{"type":"cid-link"},"who":{"type":"string","format":"did"},
        "inReplyTo":{"type":"ref","ref":"#pair"},"friends":{"type":"array","items":{"type":"string","format":"did"}},
        "deletes":{"type":"cid-link"}"##,
        r#""pair":{"type":"object","properties":{"rootPost":{"type":"string","format":"at-uri"}}}"#,
    ))
}

#[test]
fn indexes_and_text_follow_from_the_schema() {
    let rules = thing().rules();
    testing::check_rules(&rules);
    let indexes: Vec<_> = rules.indexes.iter().map(|index| (index.name.as_str(), index.kind)).collect();
    assert_eq!(
        indexes,
        [
            ("tags", IndexKind::Text),
            ("count", IndexKind::Integer),
            ("langs", IndexKind::Text),
            ("status", IndexKind::Text),
            ("created-at", IndexKind::Integer)
        ]
    );
    let text: Vec<_> = rules.text.iter().map(|field| (field.path.as_str(), field.weight)).collect();
    assert_eq!(text, [("text", 100), ("title", 200)]);
    assert_eq!((rules.display.title.as_deref(), rules.display.summary.as_deref()), (Some("title"), Some("text")));
}

#[test]
fn a_record_is_found_under_its_values() {
    let body = map(
        r#"{"$type":"com.example.thing","createdAt":"2026-01-01T01:00:00+01:00","count":-7,"tags":["a","b","a"],"status":"shut",
        "langs":[],"text":"long"}"#,
    );
    let Verdict::Valid(entries) = judge(&thing(), body) else { panic!("it is valid") };
    let text = |name, value: &str| IndexEntry { name, value: IndexValue::Text(value.into()) };
    let integer = |name, value| IndexEntry { name, value: IndexValue::Integer(value) };
    assert_eq!(
        entries,
        [
            text("tags", "a"),
            text("tags", "b"),
            integer("count", -7),
            text("status", "shut"),
            integer("created-at", 1_767_225_600_000)
        ]
    );
}

#[test]
fn index_entries_are_bounded() {
    let many: Vec<String> = (0..100).map(|n| format!("\"{n}{}\"", "é".repeat(60))).collect();
    let body = map(&format!(r#"{{"$type":"com.example.thing","tags":[{}]}}"#, many.join(",")));
    let Verdict::Valid(entries) = judge(&thing(), body) else { panic!("it is valid") };
    assert_eq!(entries.len(), 16);
    let long = format!(r#"{{"$type":"com.example.thing","status":"{}"}}"#, "é".repeat(1000));
    let Verdict::Valid(entries) = judge(&thing(), map(&long)) else { panic!("it is valid") };
    assert!(matches!(&entries[0].value, IndexValue::Text(text) if text.len() == 256));
}

const LINKED: &str = r#"{"file":{"$link":"bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a"},"who":"did:plc:abc",
    "inReplyTo":{"rootPost":"at://did:plc:x/a.b.c/1"},"friends":["did:plc:b","did:plc:a","did:plc:b",7],
    "deletes":{"$link":"bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a"}}"#;

#[test]
fn links_follow_from_the_body() {
    let draft = testing::prepare(&thing(), Draft { body: map(LINKED), ..Draft::default() }).unwrap();
    let links: Vec<_> = draft.links.iter().map(|link| (link.relation.as_str(), link.target.as_str())).collect();
    assert_eq!(
        links,
        [
            ("file", CID),
            ("friends", "name:did:plc:a"),
            ("friends", "name:did:plc:b"),
            ("in-reply-to-root-post", "name:at://did:plc:x/a.b.c/1"),
            ("who", "name:did:plc:abc"),
        ],
        "and none under a relation that means something else"
    );
}

#[test]
fn a_link_may_be_left_out_and_not_made_up() {
    let mut body = map(LINKED);
    body.remove("friends");
    body.insert("$type", "com.example.thing".into());
    let linked = |relation: &str, target: &str| {
        let mut candidate = candidate("com.example.thing", Some(TID), body.clone());
        candidate.entry.links = vec![Link::new(relation, target)];
        testing::verdict(&thing(), &candidate).code()
    };
    assert_eq!(linked("who", "name:did:plc:abc"), None);
    assert_eq!(linked("own", "name:anything"), None, "other relations are the author's");
    assert_eq!(linked("who", "name:did:plc:other"), Some("links-differ"));
    assert_eq!(linked("friends", "name:did:plc:abc"), Some("links-differ"));
}

#[test]
fn links_of_one_record_are_bounded() {
    let many: Vec<String> = (0..2000).map(|n| format!("\"did:plc:{n}\"")).collect();
    let body = map(&format!(r#"{{"friends":[{}]}}"#, many.join(",")));
    assert_eq!(testing::prepare(&thing(), Draft { body, ..Draft::default() }).unwrap().links.len(), 512);
}

#[test]
fn a_strong_reference_is_found_by_version_and_by_address() {
    let Some(root) = documents() else { return };
    let (like, _) = packed(&root, "app/bsky/feed/like.json").unwrap();
    let body = map(&format!(r#"{{"subject":{{"uri":"at://did:plc:x/a.b.c/1","cid":"{CID}"}}}}"#));
    let draft = testing::prepare(&like, Draft { body, ..Draft::default() }).unwrap();
    assert_eq!(draft.links, [Link::new("subject", CID), Link::new("subject", "name:at://did:plc:x/a.b.c/1")]);
    let (post, _) = packed(&root, "app/bsky/feed/post.json").unwrap();
    let reply = format!(r#"{{"uri":"at://did:plc:x/a.b.c/1","cid":"{CID}"}}"#);
    let body = map(&format!(r#"{{"reply":{{"root":{reply},"parent":{reply}}}}}"#));
    let draft = testing::prepare(&post, Draft { body, ..Draft::default() }).unwrap();
    let relations: Vec<_> = draft.links.iter().map(|link| link.relation.as_str()).collect();
    assert_eq!(relations, ["reply-parent", "reply-parent", "reply-root", "reply-root"]);
}
