//! Claims about packages, good and hostile.

use atlas_sdk::testing::{author, check_delete, check_keyed, check_rules, prepare};
use atlas_sdk::{Draft, IndexEntry, IndexValue, Link, Map, Validator as _, Value, Verdict, list, map};

use crate::{INDEXED_TAGS, Package};

/// A package as Debian has them.
fn curl() -> Map {
    map! {
        "name": "curl",
        "version": "7.88.1-10+deb12u8",
        "architecture": "amd64",
        "maintainer": "A Maintainer <a@example.org>",
        "summary": "command line tool for transferring data with URL syntax",
        "description": "curl is a command line tool.\n\nIt speaks HTTP, and much else.",
        "section": "web",
        "priority": "optional",
        "homepage": "https://example.org/curl",
        "source": "curl",
        "license": "curl",
        "tags": ["role::program", "protocol::http"],
        "size": 315212,
        "installedSize": 505856,
        "filename": "pool/main/c/curl/curl_7.88.1-10+deb12u8_amd64.deb",
        "hashes": { "md5": ([1u8; 16]), "sha256": ([2u8; 32]) },
        "relations": {
            "depends": [
                [{ "name": "libc6", "constraint": { "op": ">=", "version": "2.34" } }],
                [{ "name": "libcurl4", "constraint": { "op": "=", "version": "7.88.1-10+deb12u8" } }],
                [{ "name": "zlib1g", "arch": "any" }, { "name": "libc6" }]
            ],
            "provides": [[{ "name": "http-client" }]]
        }
    }
}

const LINKS: [(&str, &str); 4] = [
    ("depends", "name:libc6"),
    ("depends", "name:libcurl4"),
    ("depends", "name:zlib1g"),
    ("provides", "name:http-client"),
];

fn check(key: &str, body: Map, links: &[(&str, &str)]) -> Verdict {
    check_keyed(&Package, Some(key), body, links)
}

/// The verdict on a draft of this body, and its reason's text.
fn authored(body: Map) -> Verdict {
    author(&Package, Draft { body, ..Draft::default() })
}

fn with(mut body: Map, field: &str, value: impl Into<Value>) -> Map {
    body.insert(field, value.into());
    body
}

/// The smallest package, with one field more.
fn plus(field: &str, value: Value) -> Map {
    with(map! { "name": "x", "version": "1" }, field, value)
}

/// Code and text of the refusal of the smallest package with one field more.
fn refusal(field: &str, value: Value) -> (&'static str, String) {
    match authored(plus(field, value)) {
        Verdict::Invalid(reason) => (reason.code, reason.text),
        other => panic!("`{field}` is accepted: {other:?}"),
    }
}

fn code(field: &str, value: impl Into<Value>) -> &'static str {
    refusal(field, value.into()).0
}

fn is_valid(field: &str, value: impl Into<Value>) -> bool {
    authored(plus(field, value.into())).is_valid()
}

fn depends_on(alternative: Map) -> Value {
    map! { "depends": [[(alternative)]] }.into()
}

#[test]
fn the_rules_keep_the_contract_and_the_schema_names_every_field() {
    let rules = Package.rules();
    check_rules(&rules);
    for (field, _) in curl().iter() {
        assert!(rules.schema.contains(&format!("\"{field}\"")), "the schema leaves out `{field}`");
    }
}

#[test]
fn a_config_is_refused_and_none_is_fine() {
    assert!(Package::configure(b"").is_ok());
    assert!(Package::configure(b"\xa0").err().is_some_and(|error| error.to_string().contains("no config")));
}

#[test]
fn a_whole_package_is_valid_and_found_under_its_indexes() {
    let text = |name, value: &str| IndexEntry { name, value: IndexValue::Text(value.to_owned()) };
    let expected = vec![
        text("name", "curl"),
        text("architecture", "amd64"),
        text("maintainer", "A Maintainer <a@example.org>"),
        text("section", "web"),
        text("source", "curl"),
        IndexEntry { name: "size", value: IndexValue::Integer(315_212) },
        text("tag", "role::program"),
        text("tag", "protocol::http"),
    ];
    assert_eq!(check("curl:amd64", curl(), &LINKS), Verdict::Valid(expected));
}

#[test]
fn name_and_version_are_enough_and_both_are_required() {
    assert!(check("x", map! { "name": "x", "version": "1" }, &[]).is_valid());
    assert_eq!(check("x", map! { "version": "1" }, &[]).code(), Some("missing-field"));
    assert_eq!(check("x", map! { "name": "x" }, &[]).code(), Some("missing-field"));
    assert_eq!(check("x", map! {}, &[]).code(), Some("missing-field"));
}

#[test]
fn anyone_may_take_a_package_back() {
    assert!(check_delete(&Package, Some("curl")).is_valid());
}

#[test]
fn prepare_fills_the_key_and_one_link_for_each_relation_and_name() {
    let prepared = prepare(&Package, Draft { body: curl(), ..Draft::default() }).unwrap();
    assert_eq!(prepared.key.as_deref(), Some("curl:amd64"));
    assert_eq!(prepared.links, LINKS.map(|(relation, target)| Link::new(relation, target)));
    assert_eq!(prepare(&Package, prepared.clone()).as_ref(), Ok(&prepared), "preparing twice changes nothing");
}

#[test]
fn prepare_keeps_what_the_author_wrote() {
    let links = vec![Link::new("screenshot", "name:x"), Link::new("depends", "name:libc6")];
    let draft = Draft { key: Some("curl".into()), links: links.clone(), body: curl() };
    let prepared = prepare(&Package, draft).unwrap();
    assert_eq!(prepared.key.as_deref(), Some("curl"));
    assert_eq!(prepared.links[..2], links);
    assert_eq!(prepared.links.len(), 5);
    assert!(author(&Package, prepared).is_valid());
}

#[test]
fn a_superfluous_link_is_not_silently_dropped() {
    let draft = Draft { links: vec![Link::new("depends", "name:evil")], body: curl(), ..Draft::default() };
    assert_eq!(author(&Package, draft).code(), Some("links-differ"));
}

#[test]
fn the_key_is_the_name_with_or_without_the_architecture() {
    assert!(check("curl", curl(), &LINKS).is_valid());
    assert!(check("curl:amd64", curl(), &LINKS).is_valid());
    for wrong in ["curl:arm64", "wget", "curl:", "Curl", "curl:amd64:"] {
        assert_eq!(check(wrong, curl(), &LINKS).code(), Some("wrong-key"), "{wrong}");
    }
    assert_eq!(check_keyed(&Package, None, curl(), &LINKS).code(), Some("wrong-key"));
    assert_eq!(check("x:amd64", map! { "name": "x", "version": "1" }, &[]).code(), Some("wrong-key"));
}

#[test]
fn a_slash_in_a_name_is_written_as_an_exclamation_mark_in_the_key() {
    let body = map! { "name": "@scope/tool", "version": "1" };
    let prepared = prepare(&Package, Draft { body, ..Draft::default() }).unwrap();
    assert_eq!(prepared.key.as_deref(), Some("@scope!tool"));
    assert!(author(&Package, prepared).is_valid());
}

#[test]
fn every_key_that_a_name_can_give_is_a_legal_key() {
    for name in ["libstdc++6", "a", "_x", "0ad", "python3.11-minimal", "@s/p", "x~y", "A.B-C"] {
        let body = map! { "name": name, "version": "1", "architecture": "x86_64" };
        let prepared = prepare(&Package, Draft { body, ..Draft::default() }).unwrap();
        let key = prepared.key.unwrap();
        assert!(atlas_sdk::name::Key::new(&key).is_ok(), "{key}");
    }
}

#[test]
fn names_outside_the_charset_are_refused() {
    let long = "n".repeat(215);
    for name in ["", " ", "a b", "a:b", "a!b", "-x", ".x", "+x", "/x", "x/", "a//b", "é", "a\n", "a\0", "a|b", &long] {
        let verdict = check("x", map! { "name": name, "version": "1" }, &[]);
        assert!(matches!(verdict.code(), Some("bad-name" | "too-short" | "too-long")), "{name:?}: {verdict:?}");
    }
    let longest = "n".repeat(214);
    assert!(check(&longest, map! { "name": (longest.as_str()), "version": "1" }, &[]).is_valid());
}

#[test]
fn versions_of_any_ecosystem_are_accepted_but_no_spaces() {
    for version in ["1:2.3-4+b1~rc1", "v0.0.0-20200101+incompatible", "1!2.0.post1", "2024^git1", "0"] {
        assert!(check("x", map! { "name": "x", "version": version }, &[]).is_valid(), "{version}");
    }
    for version in ["", "1 2", "1\t", "ä", "1\0"] {
        assert!(!check("x", map! { "name": "x", "version": version }, &[]).is_valid(), "{version:?}");
    }
}

#[test]
fn each_known_field_is_held_to_its_kind() {
    for (field, _) in curl().iter() {
        let wrong: Value = if field == "tags" { "x".into() } else { list![1].into() };
        let mut body = with(curl(), field, wrong);
        if field == "relations" {
            body.insert("relations", 3u64.into());
        }
        assert_eq!(check("curl", body, &[]).code(), Some("wrong-kind"), "{field}");
        let null = with(curl(), field, Value::Null);
        assert_eq!(check("curl", null, &[]).code(), Some("wrong-kind"), "{field}");
    }
}

#[test]
fn lines_have_one_line_and_bounds() {
    for field in ["maintainer", "summary", "section", "priority", "homepage", "source", "license", "filename"] {
        assert_eq!(code(field, ""), "too-short", "{field}");
        assert_eq!(code(field, "a\nb"), "not-one-line", "{field}");
        assert_eq!(code(field, "x".repeat(5000)), "too-long", "{field}");
        assert!(is_valid(field, "x"), "{field}");
    }
    assert!(is_valid("description", "a\nb"));
    assert_eq!(code("description", "x".repeat(32 * 1024 + 1)), "too-long");
}

#[test]
fn sizes_are_integers_from_zero() {
    for field in ["size", "installedSize"] {
        assert!(is_valid(field, 0u64));
        assert!(is_valid(field, i64::MAX));
        assert_eq!(code(field, -1i64), "out-of-range");
        assert_eq!(code(field, u64::MAX), "out-of-range");
        assert_eq!(code(field, Value::Float(1.0)), "wrong-kind");
        assert_eq!(code(field, "1"), "wrong-kind");
    }
}

#[test]
fn a_hash_is_bytes_of_its_algorithms_length() {
    for (algorithm, length) in [("md5", 16), ("sha1", 20), ("sha256", 32), ("sha512", 64), ("blake3", 32)] {
        let hashes = |length| Value::from([(algorithm, Value::Bytes(vec![7; length]))].into_iter().collect::<Map>());
        assert!(is_valid("hashes", hashes(length)), "{algorithm}");
        for wrong in [0, length - 1, length + 1, length * 2] {
            assert_eq!(code("hashes", hashes(wrong)), "wrong-length", "{algorithm} {wrong}");
        }
    }
}

#[test]
fn a_hash_as_text_is_refused_with_its_path() {
    let (code, text) = refusal("hashes", map! { "sha256": "00ff" }.into());
    assert_eq!((code, text.as_str()), ("wrong-kind", "`hashes.sha256` is text: expected bytes"));
}

#[test]
fn unknown_algorithms_are_accepted_in_bounds() {
    assert!(is_valid("hashes", map! { "sha3-256": ([0u8; 32]) }));
    assert_eq!(code("hashes", map! { "sha3-256": ([0u8; 65]) }), "too-long");
    assert_eq!(code("hashes", map! { "crc32": ([0u8; 4]) }), "too-short");
    assert_eq!(code("hashes", map! { "SHA3": ([0u8; 32]) }), "bad-algorithm");
    let many: Map = (0..17).map(|n| (format!("h{n}"), Value::Bytes(vec![0; 32]))).collect();
    assert_eq!(code("hashes", many), "too-many");
}

#[test]
fn only_the_first_sixteen_distinct_tags_are_indexed() {
    let tags: Vec<Value> = (0..200).map(|n| Value::from(format!("t{}", n / 2))).collect();
    let Verdict::Valid(entries) = authored(plus("tags", tags.into())) else { panic!("tags are valid") };
    let tags: Vec<_> = entries.iter().filter(|entry| entry.name == "tag").collect();
    assert_eq!(tags.len(), INDEXED_TAGS);
    assert_eq!(tags[15].value, IndexValue::Text("t15".into()));
    assert_eq!(code("tags", list![3]), "wrong-kind");
    assert_eq!(code("tags", list![""]), "too-short");
    assert_eq!(code("tags", vec![Value::from("t"); 257]), "too-many");
}

#[test]
fn every_operator_is_accepted_and_no_other() {
    let constraint = |op: &str| depends_on(map! { "name": "a", "constraint": { "op": op, "version": "1" } });
    for op in ["<", "<=", "=", ">=", ">"] {
        assert!(is_valid("relations", constraint(op)), "{op}");
    }
    for op in ["", "<<", ">>", "==", "!=", "~", "≥"] {
        assert_eq!(code("relations", constraint(op)), "not-one-of", "{op}");
    }
}

#[test]
fn malformed_relations_are_refused_where_they_are_wrong() {
    let wrong = |relations: Value| refusal("relations", relations);
    assert_eq!(wrong(map! { "needs": [] }.into()).0, "unknown-relation");
    assert_eq!(wrong(map! { "depends": "libc6" }.into()).0, "wrong-kind");
    assert_eq!(wrong(map! { "depends": [[]] }.into()).0, "too-few");
    assert_eq!(wrong(map! { "depends": [{ "name": "a" }] }.into()).0, "wrong-kind");
    assert_eq!(wrong(depends_on(map! {})).0, "missing-field");
    assert_eq!(wrong(depends_on(map! { "name": "a", "extra": 1 })).0, "unknown-field");
    assert_eq!(wrong(depends_on(map! { "name": "a", "constraint": { "op": "=" } })).0, "missing-field");
    assert_eq!(wrong(depends_on(map! { "name": "a", "arch": "any  x" })).0, "bad-architecture");
    let deep = map! { "breaks": [[{ "name": "a" }], [{ "name": "b" }, { "name": "c d" }]] };
    let (code, text) = wrong(deep.into());
    assert_eq!(code, "bad-name");
    assert!(text.starts_with("`relations.breaks[1][1].name` is not a package name"), "{text}");
}

#[test]
fn links_must_be_exactly_those_of_the_relations() {
    let missing = check("curl", curl(), &LINKS[..3]);
    assert_eq!(missing.code(), Some("links-differ"));
    let Verdict::Invalid(reason) = missing else { unreachable!() };
    assert!(reason.text.contains("no link `provides` to `name:http-client`"), "{reason}");

    for superfluous in [("depends", "name:evil"), ("breaks", "name:libc6"), ("depends", "name:libc6")] {
        let links = [&LINKS[..], &[superfluous]].concat();
        assert_eq!(check("curl", curl(), &links).code(), Some("links-differ"), "{superfluous:?}");
    }
    let by_id = [&LINKS[..], &[("depends", "bafyreigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi")]].concat();
    assert_eq!(check("curl", curl(), &by_id).code(), Some("links-differ"));
    assert_eq!(check("x", map! { "name": "x", "version": "1" }, &LINKS[..1]).code(), Some("links-differ"));
}

#[test]
fn the_order_of_links_and_other_relations_are_the_authors() {
    let mut links = LINKS.to_vec();
    links.reverse();
    links.push(("screenshot", "name:anything"));
    links.insert(0, ("maintained-by", "name:team"));
    assert!(check("curl", curl(), &links).is_valid());
}

#[test]
fn relations_that_amount_to_too_many_links_are_refused() {
    let group = |n: usize| Value::from(list![{ "name": (format!("p{n}")) }]);
    let depends = |count: usize| Value::from(map! { "depends": ((0..count).map(group).collect::<Vec<_>>()) });
    assert!(is_valid("relations", depends(1000)));
    assert_eq!(code("relations", depends(1001)), "too-many");
    assert_eq!(code("relations", depends(2049)), "too-many");
}

#[test]
fn later_versions_may_define_more_fields() {
    assert!(is_valid("multiArch", "same"));
    assert!(is_valid("x", map! { "anything": [1, null, {}] }));
    assert_eq!(code("Essential", true), "unknown-field");
    assert_eq!(code("9lives", true), "unknown-field");
    assert_eq!(code(&"x".repeat(65), true), "unknown-field");
    let crowd: Map = (0..65).map(|n| (format!("f{n}"), Value::Null)).collect();
    let body: Map = crowd.iter().map(|(k, v)| (k, v.clone())).chain(curl_fields()).collect();
    assert_eq!(check("curl", body, &LINKS).code(), Some("too-many"));
}

fn curl_fields() -> Vec<(&'static str, Value)> {
    let keep = ["name", "version", "relations"];
    keep.into_iter().filter_map(|field| Some((field, curl().get(field)?.clone()))).collect()
}
