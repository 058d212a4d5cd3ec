//! Which documents are taken, and what is said of those that are not.

use atlas_lexicon::Lexicon;
use atlas_sdk::bundle::Bundle;
use atlas_sdk::{ConfigError, KeyRule, Lifecycle, Validator, testing};

use crate::support::{document, lexicon, refusal};

/// Why a definition of the property `it` is not taken.
#[track_caller]
fn refused(definition: &str) -> String {
    refusal(document(&format!(r#""it":{definition}"#), ""))
}

#[test]
fn a_document_of_a_record_is_wanted() {
    assert!(refusal("").contains("--config FILE"));
    for (bytes, says) in [
        (&b"\xff"[..], "the config is not UTF-8"),
        (b"not json", "the config is no Lexicon document: at /: expected ident"),
        (b"[]", "the config is no Lexicon document: at /: invalid type"),
        (b"{}", "expected an `id`"),
        (br#"{"id":"thing"}"#, "expected an `id`"),
        (br#"{"id":"com.example.thing"}"#, "com.example.thing at /lexicon: expected 1"),
        (br#"{"id":"com.example.thing","lexicon":2}"#, "com.example.thing at /lexicon: expected 1"),
        (br#"{"id":"com.example.thing","lexicon":1}"#, "com.example.thing at /defs: expected an object"),
        (br#"{"id":"com.example.thing","lexicon":1,"defs":{}}"#, "has no `main`"),
        (
            br#"{"id":"com.example.thing","lexicon":1,"defs":{"main":7}}"#,
            "at /defs/main: expected an object with a `type`",
        ),
        (
            br#"{"id":"com.example.thing","lexicon":1,"defs":{"main":{"type":"query"}}}"#,
            "com.example.thing at /defs/main: is a query: a type is judged by a record",
        ),
        (br#"{"id":"com.example.thing","lexicon":1,"lexicon":1}"#, "appears twice"),
        (br#"{"id":"Com.Example.thing","lexicon":1,"defs":{}}"#, "no name of a type that can be bound"),
        (b"\xa2", "the bundle is not canonical DAG-CBOR"),
    ] {
        let said = refusal(bytes);
        assert!(said.contains(says), "{said}");
    }
}

#[test]
fn an_unknown_type_of_definition_is_named_with_its_place() {
    assert_eq!(
        refused(r#"{"type":"float"}"#),
        "com.example.thing at /defs/main/record/properties/it: unknown type `float`"
    );
    assert!(refused("7").ends_with("/properties/it: expected a definition"));
    assert!(refused("{}").ends_with("/properties/it/type: is missing: what is it?"));
    let said = refusal(document("", r#""other":{"type":"fancy"}"#));
    assert!(said.contains("com.example.thing at /defs/other: unknown type of definition `fancy`"), "{said}");
    assert!(said.contains("cid-link"), "what would be right: {said}");
    let nested = r#"{"type":"array","items":{"type":"array","items":{"type":"hash"}}}"#;
    assert!(refused(nested).ends_with("/properties/it/items/items: unknown type `hash`"));
}

#[test]
fn bounds_that_contradict_each_other_are_refused() {
    for (definition, says) in [
        (r#"{"type":"string","minLength":3,"maxLength":2}"#, "/it/minLength: expected 2 at most, which is `maxLength`"),
        (r#"{"type":"string","maxGraphemes":-1}"#, "/it/maxGraphemes: expected 0 or more"),
        (r#"{"type":"string","maxLength":1.0}"#, "/it/maxLength: expected an integer"),
        (r#"{"type":"integer","minimum":3,"maximum":2}"#, "/it/minimum: expected 2 at most, which is `maximum`"),
        (r#"{"type":"integer","minimum":"3"}"#, "/it/minimum: expected an integer"),
        (r#"{"type":"integer","maximum":3,"default":4}"#, "/it/default: expected at most 3, found 4"),
        (r#"{"type":"integer","enum":[1],"const":2}"#, "/it/const: expected `1`, found 2"),
        (r#"{"type":"string","enum":["a",1]}"#, "/it/enum: expected a list of strings"),
        (r#"{"type":"string","format":"did","default":"x"}"#, "/it/default: expected a DID"),
        (r#"{"type":"string","maxLength":1,"enum":["ab"]}"#, "/it/enum: expected at most 1 bytes, found 2"),
        (r#"{"type":"boolean","const":true,"default":false}"#, "/it/default: expected true, which is `const`"),
        (r#"{"type":"string","format":"email"}"#, "/it/format: expected one of at-identifier"),
        (r#"{"type":"blob","accept":["image"]}"#, "/it/accept: expected MIME types"),
        (r#"{"type":"blob","maxSize":-5}"#, "/it/maxSize: expected 0 or more"),
        (r#"{"type":"array"}"#, "/it/items: expected a definition"),
        (r#"{"type":"ref"}"#, "/it/ref: expected a reference"),
        (r#"{"type":"union"}"#, "/it/refs: expected a list of references"),
        (r#"{"type":"union","refs":[],"closed":true}"#, "/it/refs: expected one reference or more"),
        (r#"{"type":"string","description":7}"#, "/it/description: expected a string"),
        (r#"{"type":"object","required":["x"]}"#, "/it/required: expected names of properties, and `x` is none"),
    ] {
        let said = refused(definition);
        assert!(said.starts_with("com.example.thing at /defs/main/record/properties/it/"), "{said}");
        assert!(said.contains(says), "{said}");
    }
}

#[test]
fn a_reference_to_nothing_is_named_with_who_refers() {
    let said = refused(r##"{"type":"ref","ref":"#gone"}"##);
    assert_eq!(
        said,
        "com.example.thing at /defs/main/record/properties/it/ref: refers to `com.example.thing#gone`, \
         and com.example.thing defines only main"
    );
    for reference in ["", "#", "gone", "a b#c", "com.example.thing#", "com.example.thing#a#b", "lex:com.example.thing"]
    {
        let said = refused(&format!(r#"{{"type":"ref","ref":"{reference}"}}"#));
        assert!(said.contains(&format!("`{reference}` is no reference: expected #NAME, NSID or NSID#NAME")), "{said}");
    }
}

#[test]
fn a_union_chooses_between_objects_and_servers_calls_are_no_data() {
    let union = r##""it":{"type":"union","refs":["#word"]}"##;
    let said = refusal(document(union, r#""word":{"type":"string"}"#));
    assert!(said.contains("/properties/it/refs/0: `com.example.thing#word` is no object"), "{said}");
    let call = r##""it":{"type":"ref","ref":"#call"}"##;
    let said = refusal(document(call, r#""call":{"type":"query"}"#));
    assert!(said.contains("a query describes no data"), "{said}");
    for named in [r##""word":{"type":"ref","ref":"#word"}"##, r#""word":{"type":"union","refs":[]}"#] {
        let said = refusal(document(union, named));
        assert!(said.contains("unknown type of definition"), "a name of its own is for concrete types: {said}");
    }
}

#[test]
fn what_nobody_refers_to_is_not_asked_for() {
    let elsewhere = r#""unused":{"type":"object","properties":{"x":{"type":"ref","ref":"org.example.gone"}}}"#;
    lexicon(&document("", elsewhere));
}

#[test]
fn missing_documents_are_asked_for_by_their_places_all_at_once() {
    let refs = r##""a":{"type":"ref","ref":"org.example.one"},"b":{"type":"union","refs":["org.example.two#x","org.example.two#y"]}"##;
    let Err(ConfigError::Incomplete { main, documents }) = Lexicon::configure(document(refs, "").as_bytes()) else {
        panic!("two documents are missing")
    };
    assert_eq!(main, "com/example/thing.json");
    assert_eq!(documents, ["org/example/one.json", "org/example/two.json"]);
}

#[test]
fn a_document_stands_where_its_name_says() {
    let refs = r#""a":{"type":"ref","ref":"org.example.one"}"#;
    let other = r#"{"lexicon":1,"id":"org.example.two","defs":{"main":{"type":"object"}}}"#;
    let bundle = |main: &str, path: &str, document_at_path: &str| {
        let mut bundle = Bundle::new(main, document(refs, "").into_bytes()).unwrap();
        bundle.add(path, document_at_path.as_bytes().to_vec()).unwrap();
        bundle.encode()
    };
    let said = refusal(bundle("com/example/thing.json", "org/example/one.json", other));
    assert!(said.contains("the document at org/example/one.json calls itself org.example.two"), "{said}");
    assert!(said.starts_with("com.example.thing at /defs/main/record/properties/a/ref"), "who refers: {said}");
    let said = refusal(bundle("post.json", "org/example/one.json", other));
    assert!(said.contains("it belongs at com/example/thing.json"), "{said}");
    let good = other.replace("two", "one");
    assert!(Lexicon::configure(&bundle("com/example/thing.json", "org/example/one.json", &good)).is_ok());
    let said = refusal(bundle("com/example/thing.json", "org/example/one.json", "{"));
    assert!(said.contains("org/example/one.json is no Lexicon document"), "{said}");
}

#[test]
fn documents_too_deep_or_too_wide_are_refused() {
    let deep = format!("{}{{\"type\":\"string\"}}{}", r#"{"type":"array","items":"#.repeat(40), "}".repeat(40));
    assert!(refused(&deep).contains("more than 32 levels"));
    let many: String = (0..5000).map(|n| format!(r##","d{n}":{{"type":"object"}}"##)).collect();
    let refs: Vec<String> = (0..5000).map(|n| format!(r##""#d{n}""##)).collect();
    let wide = document(&format!(r#""it":{{"type":"union","refs":[{}]}}"#, refs.join(",")), &many[1..]);
    let said = refusal(wide);
    assert!(said.contains("more than 4096 definitions are within reach"), "{said}");
}

#[test]
fn keys_are_what_the_record_says() {
    let rule = |key: &str| {
        let rules = lexicon(&document("", "").replace(r#""tid""#, &format!("\"{key}\""))).rules();
        testing::check_rules(&rules);
        (rules.lifecycle, rules.key)
    };
    assert_eq!(rule("tid"), (Lifecycle::Replaceable, KeyRule::Tid));
    assert_eq!(rule("any").1, KeyRule::Any);
    assert_eq!(rule("nsid").1, KeyRule::Nsid);
    assert_eq!(rule("literal:self").1, KeyRule::Literal("self".into()));
    for bad in [r#""uuid""#, r#""literal:""#, "7"] {
        let said = refusal(document("", "").replace(r#""tid""#, bad));
        assert!(said.contains("/defs/main/key: expected tid, nsid, any or literal:VALUE"), "{said}");
    }
}

#[test]
fn what_later_versions_of_the_language_add_is_left_alone() {
    let newer = r#""it":{"type":"string","newKeyword":{"type":"nonsense"}}"#;
    lexicon(&document(newer, "").replace(r#""lexicon":1"#, r#""lexicon":1,"revision":9,"$type":"x""#));
}
