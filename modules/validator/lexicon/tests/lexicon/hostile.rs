//! Whatever a config or a body holds, the validator answers and keeps its contract.

use atlas_lexicon::Lexicon;
use atlas_sdk::cbor::{Map, encode};
use atlas_sdk::{Validator, Value, Verdict, testing};
use proptest::prelude::*;

use crate::support::{TID, candidate, document, judge, lexicon};

/// Words that mean something in a document, and some that do not.
const WORDS: [&str; 44] = [
    "lexicon",
    "id",
    "defs",
    "main",
    "type",
    "record",
    "key",
    "object",
    "properties",
    "required",
    "nullable",
    "array",
    "items",
    "ref",
    "refs",
    "union",
    "closed",
    "string",
    "format",
    "maxLength",
    "minLength",
    "maxGraphemes",
    "enum",
    "const",
    "default",
    "integer",
    "minimum",
    "maximum",
    "boolean",
    "bytes",
    "cid-link",
    "blob",
    "accept",
    "unknown",
    "token",
    "tid",
    "datetime",
    "$type",
    "com.example.thing",
    "#main",
    "com.example.thing#x",
    "x",
    "",
    "é",
];

fn word() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(&WORDS[..])
}

/// Any value that a body can hold, of words that a schema might ask for.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        (-3i64..10).prop_map(Value::from),
        Just(Value::Int(i128::from(u64::MAX))),
        Just(Value::Float(1.5)),
        word().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::Text),
        proptest::collection::vec(any::<u8>(), 0..4).prop_map(Value::Bytes),
    ];
    leaf.prop_recursive(6, 60, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::List),
            proptest::collection::vec((word(), inner), 0..6)
                .prop_map(|entries| Value::Map(entries.into_iter().collect::<Map>())),
        ]
    })
}

/// A definition that mostly makes sense.
fn definition() -> impl Strategy<Value = String> {
    let bounds =
        prop_oneof![Just(""), Just(r#","maxLength":3"#), Just(r#","minLength":1"#), Just(r#","minLength":-1"#)];
    let leaf = (
        proptest::sample::select(
            &["string", "integer", "boolean", "bytes", "cid-link", "blob", "unknown", "nonsense"][..],
        ),
        bounds,
    )
        .prop_map(|(kind, bounds)| format!(r#"{{"type":"{kind}"{bounds}}}"#));
    let reference = proptest::sample::select(&["#main", "#x", "#y", "#gone", "com.example.other"][..])
        .prop_map(|name| format!(r#"{{"type":"ref","ref":"{name}"}}"#));
    let union = Just(r##"{"type":"union","refs":["#x","#main"]}"##.to_owned());
    prop_oneof![4 => leaf, 1 => reference, 1 => union].prop_recursive(4, 20, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|items| format!(r#"{{"type":"array","items":{items}}}"#)),
            (inner.clone(), inner)
                .prop_map(|(a, b)| format!(r#"{{"type":"object","properties":{{"type":{a},"x":{b}}}}}"#)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_at_all_make_configure_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Lexicon::configure(&bytes);
    }

    #[test]
    fn no_document_makes_configure_panic(value in anything()) {
        let _ = Lexicon::configure(&encode(&value));
        let wrapped = format!(r#"{{"lexicon":1,"id":"com.example.thing","defs":{}}}"#, atlas_record::json::to_json(&value));
        let _ = Lexicon::configure(wrapped.as_bytes());
    }

    #[test]
    fn whatever_is_taken_judges_whatever_comes(
        property in definition(), x in definition(), y in definition(), bodies in proptest::collection::vec(anything(), 8)
    ) {
        let document = document(&format!(r#""x":{property},"type":{{"type":"unknown"}}"#), &format!(r#""x":{x},"y":{y}"#));
        let Ok(lexicon) = Lexicon::configure(document.as_bytes()) else { return Ok(()) };
        testing::check_rules(&lexicon.rules());
        for body in bodies {
            let mut map: Map = [("x", body)].into_iter().collect();
            let _ = judge(&lexicon, map.clone());
            map.insert("$type", "com.example.thing".into());
            let verdict = judge(&lexicon, map.clone());
            // What is valid stays so when an author writes it.
            if let Verdict::Valid(_) = verdict {
                let draft = atlas_sdk::Draft { key: Some(TID.into()), body: map, ..Default::default() };
                let draft = testing::prepare(&lexicon, draft).unwrap();
                let mut candidate = candidate("com.example.thing", Some(TID), draft.body);
                candidate.entry.links = draft.links;
                prop_assert_eq!(testing::verdict(&lexicon, &candidate), verdict);
            }
        }
    }
}

#[test]
fn a_lexicon_that_is_nothing_but_itself_ends() {
    let own = lexicon(&document(
        r#""it":{"type":"ref","ref":"com.example.thing"},"all":{"type":"array","items":{"type":"union","refs":["com.example.thing"]}}"#,
        "",
    ));
    let mut body = Value::Map([("$type", Value::from("com.example.thing"))].into_iter().collect());
    for _ in 0..30 {
        body = Value::Map([("$type", Value::from("com.example.thing")), ("it", body)].into_iter().collect());
    }
    let Value::Map(body) = body else { unreachable!("a map stays a map") };
    assert!(judge(&own, body).is_valid());
    assert!(own.rules().schema.contains("$defs") || own.rules().schema.contains("$ref"));
}

#[test]
fn long_keys_and_texts_make_short_reasons() {
    let lexicon = lexicon(&document(r#""it":{"type":"string","maxLength":1}"#, ""));
    let mut body: Map = [("$type", Value::from("com.example.thing"))].into_iter().collect();
    body.insert("k".repeat(20_000), Value::Float(1.5));
    let Verdict::Invalid(reason) = judge(&lexicon, body.clone()) else { panic!("a float is refused") };
    assert!(reason.text.ends_with("is a float, which AT Protocol data never holds"), "{reason}");
    body.insert("it", Value::Text("x".repeat(20_000)));
    let Verdict::Invalid(reason) = judge(&lexicon, body) else { panic!("it is too long") };
    assert_eq!(reason.to_string(), "too-long: /it: expected at most 1 bytes, found 20000");
}
