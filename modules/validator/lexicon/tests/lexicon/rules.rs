//! Each rule of the language: what it takes, what it refuses, and in which words.

use atlas_sdk::Verdict;

use crate::support::{TID, document, it, judge, judge_as, lexicon, map, right, wrong};

/// A lexicon whose record has one property `it`, with other definitions.
fn of_with(definition: &str, others: &str) -> atlas_lexicon::Lexicon {
    lexicon(&document(&format!(r#""it":{definition}"#), others))
}

fn of(definition: &str) -> atlas_lexicon::Lexicon {
    of_with(definition, "")
}

#[test]
fn a_record_says_its_own_type() {
    let lexicon = of(r#"{"type":"string"}"#);
    let reason = |body: &str| match judge(&lexicon, map(body)) {
        Verdict::Invalid(reason) => reason.to_string(),
        other => panic!("{body} is {other:?}"),
    };
    assert!(judge(&lexicon, map(r#"{"$type":"com.example.thing"}"#)).is_valid());
    assert_eq!(reason("{}"), "missing-field: /$type: is missing: expected `com.example.thing`");
    assert_eq!(reason(r#"{"$type":7}"#), "wrong-kind: /$type: expected a string, found an integer");
    for other in ["com.example.other", "com.example.thing#main", "com.example.thing#x", ""] {
        let said = reason(&format!(r#"{{"$type":"{other}"}}"#));
        assert_eq!(said, format!("wrong-type: /$type: expected `com.example.thing`, found `{other}`"));
    }
}

#[test]
fn a_lexicon_judges_the_type_it_is_named_after() {
    let lexicon = of(r#"{"type":"string"}"#);
    let verdict = judge_as(&lexicon, "com.example.other", Some(TID), map(r#"{"$type":"com.example.thing"}"#));
    assert_eq!(verdict.code(), Some("wrong-type"));
}

#[test]
fn every_kind_of_value_is_told_from_every_other() {
    let kinds = [
        (r#"{"type":"string"}"#, r#""x""#, "a string"),
        (r#"{"type":"integer"}"#, "5", "an integer"),
        (r#"{"type":"boolean"}"#, "true", "a boolean"),
        (r#"{"type":"bytes"}"#, r#"{"$bytes":"AQI"}"#, "bytes"),
        (
            r#"{"type":"cid-link"}"#,
            r#"{"$link":"bafkreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a"}"#,
            "a link",
        ),
        (r#"{"type":"array","items":{"type":"string"}}"#, r#"["x"]"#, "an array"),
        (r#"{"type":"unknown"}"#, r#"{"any":"thing"}"#, "an object"),
        (
            r#"{"type":"blob"}"#,
            r#"{"$type":"blob","ref":{"$link":"bafkreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a"},"mimeType":"a/b","size":1}"#,
            "a blob",
        ),
    ];
    for (definition, own, expected) in kinds {
        let lexicon = of(definition);
        right(&lexicon, own);
        assert_eq!(wrong(&lexicon, "null"), format!("wrong-kind: /it: expected {expected}, found null"));
        assert_eq!(wrong(&lexicon, "1.5"), format!("wrong-kind: /it: expected {expected}, found a float"));
        for (_, other, found) in kinds.iter().filter(|(other, ..)| *other != definition) {
            let said = wrong(&lexicon, other);
            assert!(said.starts_with(&format!("wrong-kind: /it: expected {expected}, found {found}")), "{said}");
        }
    }
}

#[test]
fn required_must_be_there_and_nullable_may_be_null() {
    let lexicon = lexicon(
        r#"{"lexicon":1,"id":"com.example.thing","defs":{"main":{"type":"record","key":"tid","record":
        {"type":"object","required":["a","b"],"nullable":["b","c"],"properties":
        {"a":{"type":"string"},"b":{"type":"string"},"c":{"type":"string"},"d":{"type":"string"}}}}}}"#,
    );
    let code = |fields: &str| judge(&lexicon, map(&format!(r#"{{"$type":"com.example.thing",{fields}}}"#))).code();
    assert_eq!(code(r#""a":"x","b":"x""#), None);
    assert_eq!(code(r#""a":"x","b":null,"c":null"#), None);
    assert_eq!(code(r#""a":"x""#), Some("missing-field"), "nullable is not optional");
    assert_eq!(code(r#""a":null,"b":"x""#), Some("wrong-kind"));
    assert_eq!(code(r#""a":"x","b":"x","d":null"#), Some("wrong-kind"), "optional is not nullable");
    assert_eq!(code(r#""a":"x","b":"x","e":null,"f":[{}]"#), None, "what is not declared is anybody's");
}

#[test]
fn strings_are_bounded_in_bytes_and_in_graphemes() {
    let bytes = of(r#"{"type":"string","minLength":2,"maxLength":4}"#);
    right(&bytes, r#""éé""#);
    assert_eq!(wrong(&bytes, r#""x""#), "too-short: /it: expected 2 to 4 bytes, found 1");
    assert_eq!(wrong(&bytes, r#""éée""#), "too-long: /it: expected 2 to 4 bytes, found 5");
    let graphemes = of(r#"{"type":"string","minGraphemes":2,"maxGraphemes":3}"#);
    let family = "👩‍👩‍👧‍👧";
    right(&graphemes, &format!("\"{family}{family}e\u{301}\""));
    right(&graphemes, r#""a\r\nb""#);
    assert_eq!(wrong(&graphemes, &format!("\"{family}\"")), "too-short: /it: expected 2 to 3 characters, found 1");
    assert_eq!(wrong(&graphemes, r#""abcd""#), "too-long: /it: expected 2 to 3 characters, found 4");
    assert_eq!(wrong(&graphemes, r#""🇩🇪🇫🇷🇮🇹🇪🇸""#), "too-long: /it: expected 2 to 3 characters, found 4");
}

#[test]
fn strings_and_integers_are_one_of_what_is_listed() {
    let listed = of(r#"{"type":"string","enum":["b","a"]}"#);
    right(&listed, r#""a""#);
    assert_eq!(wrong(&listed, r#""c""#), "not-one-of: /it: expected `a`, `b`, found `c`");
    right(&of(r#"{"type":"string","knownValues":["a"],"default":"z"}"#), r#""anything""#);
    assert_eq!(wrong(&of(r#"{"type":"string","const":"x"}"#), r#""y""#), "not-one-of: /it: expected `x`, found `y`");
    let numbers = of(r#"{"type":"integer","enum":[5,-5]}"#);
    right(&numbers, "-5");
    assert_eq!(wrong(&numbers, "0"), "not-one-of: /it: expected `-5`, `5`, found 0");
    assert_eq!(wrong(&of(r#"{"type":"integer","const":3}"#), "4"), "not-one-of: /it: expected `3`, found 4");
    assert_eq!(
        wrong(&of(r#"{"type":"boolean","const":true}"#), "false"),
        "not-one-of: /it: expected true, found false"
    );
}

#[test]
fn integers_are_bounded_and_have_64_bits() {
    let bounded = of(r#"{"type":"integer","minimum":-1,"maximum":10}"#);
    right(&bounded, "-1");
    right(&bounded, "10");
    assert_eq!(wrong(&bounded, "-2"), "out-of-range: /it: expected at least -1, found -2");
    assert_eq!(wrong(&bounded, "11"), "out-of-range: /it: expected at most 10, found 11");
    let any = of(r#"{"type":"integer"}"#);
    right(&any, "9223372036854775807");
    assert!(wrong(&any, "9223372036854775808").starts_with("out-of-range: /it: expected an integer of 64 bits"));
}

#[test]
fn strings_keep_their_format() {
    for (format, good, bad) in [
        ("at-identifier", "alice.example.com", "alice"),
        ("at-uri", "at://did:plc:abc/com.example.thing/x", "https://example.com"),
        ("cid", "bafkreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a", "cid"),
        ("datetime", "2026-01-01T00:00:00Z", "2026-01-01"),
        ("did", "did:plc:abc", "alice.example.com"),
        ("handle", "alice.example.com", "did:plc:abc"),
        ("language", "pt-BR", "Portuguese"),
        ("nsid", "com.example.thing", "thing"),
        ("record-key", "self", "a/b"),
        ("tid", TID, "self"),
        ("uri", "https://example.com", "example.com"),
    ] {
        let lexicon = of(&format!(r#"{{"type":"string","format":"{format}"}}"#));
        right(&lexicon, &format!("\"{good}\""));
        let said = wrong(&lexicon, &format!("\"{bad}\""));
        assert!(said.starts_with("wrong-format: /it: expected a"), "{said}");
        assert!(said.ends_with(&format!("found `{bad}`")), "{said}");
    }
}

#[test]
fn bytes_and_arrays_are_bounded() {
    let bytes = of(r#"{"type":"bytes","minLength":1,"maxLength":2}"#);
    right(&bytes, r#"{"$bytes":"AQI"}"#);
    assert_eq!(wrong(&bytes, r#"{"$bytes":""}"#), "too-short: /it: expected 1 to 2 bytes, found 0");
    assert_eq!(wrong(&bytes, r#"{"$bytes":"AQID"}"#), "too-long: /it: expected 1 to 2 bytes, found 3");
    let list = of(r#"{"type":"array","minLength":1,"maxLength":2,"items":{"type":"integer","maximum":9}}"#);
    right(&list, "[1,2]");
    assert_eq!(wrong(&list, "[]"), "too-few: /it: expected 1 to 2 items, found 0");
    assert_eq!(wrong(&list, "[1,2,3]"), "too-many: /it: expected 1 to 2 items, found 3");
    assert_eq!(wrong(&list, "[1,10]"), "out-of-range: /it/1: expected at most 9, found 10");
}

#[test]
fn references_lead_to_other_definitions_and_back() {
    let tree = of_with(
        r##"{"type":"ref","ref":"#node"}"##,
        r##""node":{"type":"object","required":["n"],"properties":{"n":{"type":"integer"},
        "in":{"type":"array","items":{"type":"ref","ref":"com.example.thing#node"}}}}"##,
    );
    right(&tree, r#"{"n":1,"in":[{"n":2,"in":[{"n":3}]},{"n":4,"$type":"com.example.thing#node"}]}"#);
    assert_eq!(
        wrong(&tree, r#"{"n":1,"in":[{"n":2,"in":[{"n":"3"}]}]}"#),
        "wrong-kind: /it/in/0/in/0/n: expected an integer, found a string"
    );
    assert_eq!(
        wrong(&tree, r#"{"n":1,"$type":"com.example.thing#other"}"#),
        "wrong-type: /it/$type: expected `com.example.thing#node` or nothing, found `com.example.thing#other`"
    );
    assert_eq!(wrong(&tree, "7"), "wrong-kind: /it: expected an object, found an integer");
}

#[test]
fn recursion_ends_with_the_data() {
    let chain = of_with(
        r##"{"type":"ref","ref":"#link"}"##,
        r##""link":{"type":"object","properties":{"next":{"type":"ref","ref":"#link"}}}"##,
    );
    let deep = r#"{"next":"#.repeat(29);
    right(&chain, &format!("{deep}{{}}{}", "}".repeat(29)));
    let said = wrong(&chain, &format!("{deep}5{}", "}".repeat(29)));
    assert!(said.ends_with("/next: expected an object, found an integer"), "{said}");
}

#[test]
fn a_token_stands_for_itself() {
    let lexicon = of_with(r##"{"type":"ref","ref":"#open"}"##, r#""open":{"type":"token"}"#);
    right(&lexicon, r#""com.example.thing#open""#);
    assert_eq!(
        wrong(&lexicon, r#""open""#),
        "not-one-of: /it: expected the token `com.example.thing#open`, found `open`"
    );
    assert_eq!(wrong(&lexicon, "1"), "wrong-kind: /it: expected the token `com.example.thing#open`, found an integer");
}

const SHAPES: &str = r#""circle":{"type":"object","required":["radius"],"properties":{"radius":{"type":"integer"}}},
    "square":{"type":"object","required":["side"],"properties":{"side":{"type":"integer"}}}"#;

#[test]
fn an_open_union_checks_what_it_knows_and_takes_what_it_does_not() {
    let open = of_with(r##"{"type":"union","refs":["#circle","#square"]}"##, SHAPES);
    right(&open, r#"{"$type":"com.example.thing#circle","radius":1}"#);
    right(&open, r#"{"$type":"org.example.other","anything":[]}"#);
    assert_eq!(
        wrong(&open, r#"{"$type":"com.example.thing#circle","side":1}"#),
        "missing-field: /it/radius: is missing: expected an integer"
    );
    assert_eq!(
        wrong(&open, r#"{"radius":1}"#),
        "missing-field: /it/$type: is missing: a union says by it what it holds; expected one of \
         `com.example.thing#circle`, `com.example.thing#square`, or another type"
    );
    assert_eq!(wrong(&open, r#"{"$type":"","radius":1}"#), "wrong-type: /it/$type: expected the name of a type");
    assert_eq!(wrong(&open, r#"{"$type":1}"#), "wrong-kind: /it/$type: expected a string, found an integer");
    assert_eq!(wrong(&open, r#""circle""#), "wrong-kind: /it: expected an object with a `$type`, found a string");
}

#[test]
fn a_closed_union_takes_nothing_else() {
    let closed = of_with(r##"{"type":"union","closed":true,"refs":["#circle","#square"]}"##, SHAPES);
    right(&closed, r#"{"$type":"com.example.thing#square","side":1}"#);
    assert_eq!(
        wrong(&closed, r#"{"$type":"org.example.other"}"#),
        "not-one-of: /it/$type: expected one of `com.example.thing#circle`, `com.example.thing#square`, \
         found `org.example.other`"
    );
}

#[test]
fn a_main_definition_is_named_with_or_without_main() {
    let lexicon = of_with(r#"{"type":"union","refs":["com.example.thing"]}"#, "");
    for name in ["com.example.thing", "com.example.thing#main"] {
        right(&lexicon, &format!(r#"{{"$type":"{name}"}}"#));
        let said = wrong(&lexicon, &format!(r#"{{"$type":"{name}","it":5}}"#));
        assert_eq!(said, "wrong-kind: /it/it: expected an object with a `$type`, found an integer", "{name}");
    }
}

#[test]
fn a_blob_is_whole_of_an_accepted_kind_and_not_too_large() {
    let picture = of(r#"{"type":"blob","accept":["image/*","video/mp4"],"maxSize":100}"#);
    let blob = |mime: &str, size: &str| {
        format!(
            r#"{{"$type":"blob","ref":{{"$link":"bafkreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a"}},
            "mimeType":"{mime}","size":{size}}}"#
        )
    };
    right(&picture, &blob("image/png", "100"));
    right(&picture, &blob("video/mp4", "0"));
    right(&of(r#"{"type":"blob","accept":["*/*"]}"#), &blob("a/b", "1"));
    assert_eq!(
        wrong(&picture, &blob("video/webm", "1")),
        "not-accepted: /it/mimeType: expected `image/*`, `video/mp4`, found `video/webm`"
    );
    assert_eq!(
        wrong(&picture, &blob("image/png", "101")),
        "too-large: /it/size: expected at most 100 bytes, found 101"
    );
    assert_eq!(wrong(&picture, &blob("image", "1")), "wrong-format: /it/mimeType: expected a MIME type, found `image`");
    assert_eq!(wrong(&picture, &blob("image/png", "-1")), "out-of-range: /it/size: expected at least 0, found -1");
    assert_eq!(
        wrong(&picture, &blob("image/png", "\"1\"")),
        "wrong-kind: /it/size: expected an integer, found a string"
    );
    for (broken, says) in [
        (r#"{"$type":"blob","mimeType":"image/png","size":1}"#, "/it/ref: expected a link, found nothing"),
        (
            r#"{"$type":"blob","ref":"bafk","mimeType":"image/png","size":1}"#,
            "/it/ref: expected a link, found a string",
        ),
        (r#"{"cid":"bafk","mimeType":"image/png"}"#, "/it: expected a blob, found an object without"),
    ] {
        let said = wrong(&picture, broken);
        assert!(said.contains(says), "{said}");
    }
    let record = blob("image/png", "1").replace("bafkreid", "bafyreid");
    assert!(wrong(&picture, &record).contains("/it/ref: expected a CIDv1 of raw bytes"));
    let more = blob("image/png", "1").replace("\"size\"", "\"alt\":1,\"size\"");
    assert!(wrong(&picture, &more).contains("/it/alt: a blob has no such field"));
}

#[test]
fn what_is_not_declared_still_is_at_protocol_data() {
    let lexicon = lexicon(&document("", ""));
    for (good, bad) in [
        ("1", "1.5"),
        (r#"{"$type":"x.y.z"}"#, r#"{"$type":null}"#),
        (r#"[[{"n":-9223372036854775808}]]"#, r#"[[{"n":-9223372036854775809}]]"#),
        (r#"{"a":{"$bytes":"AQ"}}"#, r#"{"a":{"$bytes":"AQ","b":1}}"#),
        (r#"{"$type":"blobs"}"#, r#"{"$type":"blob","size":1}"#),
        (r#"{"$unknown":1,"$also":1}"#, r#"{"$link":"bafk","b":1}"#),
    ] {
        right(&lexicon, good);
        wrong(&lexicon, bad);
    }
    assert_eq!(
        wrong(&lexicon, r#"[{"x":[0,1.0]}]"#),
        "wrong-kind: /it/0/x/1: is a float, which AT Protocol data never holds"
    );
}

#[test]
fn an_author_may_leave_type_and_key_to_the_module() {
    use atlas_sdk::{Draft, testing};
    let any = document(r#""it":{"type":"string"}"#, "").replace(r#""tid""#, r#""any""#);
    let draft = testing::prepare(&lexicon(&any), Draft { body: map(r#"{"it":"x"}"#), ..Draft::default() }).unwrap();
    assert_eq!(draft.body, it(r#""x""#));
    assert!(judge_as(&lexicon(&any), "com.example.thing", draft.key.as_deref(), draft.body).is_valid());
    // For the host to make.
    let tid = lexicon(&document("", ""));
    assert_eq!(testing::prepare(&tid, Draft::default()).unwrap().key, None);
}

#[test]
fn authors_may_take_records_back() {
    assert!(atlas_sdk::testing::check_delete(&lexicon(&document("", "")), Some(TID)).is_valid());
}
