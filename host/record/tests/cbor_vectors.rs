//! Canonical DAG-CBOR against what others wrote: the cases of dasl-testing, each with the
//! verdict that it expects, and the valid blocks of the IPLD codec fixtures.
#![cfg(all(feature = "crypto", feature = "json"))]

use std::collections::BTreeSet;

use atlas_record::Value;
use atlas_record::cbor::{self, Fault, Unfit};
use atlas_record::id::Cid;

#[path = "common/data.rs"]
mod data;

/// Where Atlas departs from a case's own verdict: file, type of the case, bytes, and why.
/// Most cases are written for one of several profiles of CBOR; Atlas follows `dag-cbor`.
const DIFFERENCES: &[(&str, &str, &str, &str)] = &[
    // The case files of other profiles, where dag-cbor says the opposite.
    ("dasl-floats", "roundtrip", "f93e00", "rfc8949 shortens floats; dag-cbor has 64-bit floats only"),
    ("dasl-floats", "invalid_in", "fb3ff8000000000000", "rfc8949 shortens floats; dag-cbor has 64-bit floats only"),
    ("dasl-floats", "roundtrip", "f97e00", "rfc8949 has NaN; dag-cbor has finite floats only"),
    ("dasl-floats", "roundtrip", "f90000", "rfc8949 shortens floats; dag-cbor has 64-bit floats only"),
    (
        "dasl-integer_range",
        "roundtrip",
        "c249010000000000000000",
        "CBOR Core has big integers; dag-cbor has tag 42 only",
    ),
    (
        "dasl-integer_range",
        "roundtrip",
        "c349010000000000000000",
        "CBOR Core has big integers; dag-cbor has tag 42 only",
    ),
    (
        "dasl-numeric_reduction",
        "roundtrip",
        "a20a00f9490000",
        "dCBOR has keys that are numbers; dag-cbor has text only",
    ),
    (
        "dasl-utf8",
        "invalid_in",
        "6365cc81",
        "dCBOR wants Unicode NFC; dag-cbor takes text as it is (another case says so)",
    ),
    // Links: DASL allows few kinds of CID; a body may link to what other systems named.
    ("dasl-cid", "invalid_in", "d82a582300122022ad631c69ee983095b5b8acd029ff94aff1dc6c48837878589a92b90dfea317", CIDS),
    ("dasl-cid", "invalid_in", "d82a450001551200", CIDS),
    (
        "dasl-cid",
        "invalid_in",
        "d82a5824000155121f5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be",
        CIDS,
    ),
    (
        "dasl-cid",
        "invalid_in",
        "d82a582600015512215891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be0300",
        CIDS,
    ),
    (
        "dasl-cid",
        "invalid_in",
        "d82a58250001701220e9822efc7c48027a5429fdbd988d02b2b8e4eaee8f62c32bd1021dcf922e05de",
        CIDS,
    ),
    ("dasl-cid", "invalid_in", "d82a58190001551114f572d396fae9206628714fb2ce00f72e94f2258f", CIDS),
];

const CIDS: &str = "dasl-cid narrows CIDs; dag-cbor links to any well-formed CID, whatever its version, codec and hash";

const FILES: &[&str] = &[
    "dasl-cid",
    "dasl-concat",
    "dasl-floats",
    "dasl-indefinite",
    "dasl-integer_range",
    "dasl-map_keys",
    "dasl-numeric_reduction",
    "dasl-short_form",
    "dasl-simple",
    "dasl-tags",
    "dasl-utf8",
];

/// Whether Atlas reads these bytes; if so it must write the same ones.
fn accepts(bytes: &[u8]) -> bool {
    match cbor::decode(bytes) {
        Err(_) => false,
        Ok(value) => {
            assert_eq!(cbor::encode(&value), bytes, "accepted bytes are written again as they were");
            true
        }
    }
}

#[test]
fn every_dasl_case_gets_its_verdict_or_is_a_stated_difference() {
    let mut seen = BTreeSet::new();
    let mut cases = 0;
    for &file in FILES {
        let Some(json) = data::json(&format!("cbor/{file}.json")) else { return };
        for case in json.as_array().expect("a file is a list of cases") {
            let field = |name: &str| case[name].as_str().unwrap_or_else(|| panic!("{file}: `{name}` is text"));
            let (kind, hex) = (field("type"), field("data"));
            let expected = match kind {
                "roundtrip" => true,
                // What cannot be read cannot be made from bytes, and so not be written either;
                // for values made in memory see `values_without_bytes_are_found_before_encoding`.
                "invalid_in" | "invalid_out" => false,
                other => panic!("{file}: a case of a new type, {other}"),
            };
            let actual = accepts(&data::hex(hex));
            let difference = DIFFERENCES.iter().position(|(f, k, h, _)| (*f, *k, *h) == (file, kind, hex));
            match difference {
                None => assert_eq!(actual, expected, "{file}: {kind} {hex}: {}", field("name")),
                Some(at) => {
                    assert_ne!(actual, expected, "{file}: {kind} {hex} is no difference: {}", DIFFERENCES[at].3);
                    seen.insert(at);
                }
            }
            cases += 1;
        }
    }
    assert_eq!(seen.len(), DIFFERENCES.len(), "every stated difference has a case");
    assert_eq!(cases, 105, "cases of the files known");
}

#[test]
fn valid_blocks_of_other_implementations_come_back_byte_for_byte() {
    let Some(folder) = data::shared("cbor/dag-cbor-valid") else { return };
    let mut blocks = 0;
    for entry in std::fs::read_dir(folder).expect("the folder is readable") {
        let path = entry.expect("its entries are too").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("blocks are named by their CID");
        let cid: Cid = name.parse().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(cid.to_string(), name);
        assert_eq!(cid.as_bytes()[..4], [1, 0x71, 0x12, 32], "{name} is dag-cbor under sha2-256");
        let bytes = std::fs::read(&path).expect("blocks are readable");
        let value = cbor::decode(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(cbor::encode(&value), bytes, "{name}");
        value.check().unwrap_or_else(|error| panic!("{name}: {error}"));
        // And through JSON, where nothing may be lost either.
        let text = atlas_record::json::to_json(&value).to_string();
        assert_eq!(atlas_record::json::parse_json(&text).as_ref(), Ok(&value), "{name}");
        blocks += 1;
    }
    assert_eq!(blocks, 128);
}

#[test]
fn blocks_with_duplicate_keys_are_refused() {
    let Some(json) = data::json("cbor/dag-cbor-invalid-duplicate-keys.json") else { return };
    let cases = json.as_array().expect("a list of cases");
    assert!(!cases.is_empty());
    for case in cases {
        let bytes = data::hex(case["hex"].as_str().expect("a case has bytes"));
        assert!(cbor::decode(&bytes).is_err(), "{case}");
    }
}

#[test]
fn every_rule_has_a_name_and_a_place() {
    let deep = |levels: usize| [vec![0x81; levels - 1], vec![0x80]].concat();
    let cases: &[(&[u8], usize, Fault)] = &[
        (b"", 0, Fault::Truncated),
        (b"\x82\x00", 0, Fault::Truncated), // two items do not fit in one byte
        (b"\x18", 1, Fault::Truncated),
        (b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff", 0, Fault::Truncated), // a length beyond the input
        (b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff", 0, Fault::Truncated),
        (b"\xbb\x7f\xff\xff\xff\xff\xff\xff\xff", 0, Fault::Truncated),
        (b"\x00\x00", 1, Fault::Trailing),
        (b"\x81\x18\x17", 1, Fault::NotShortest),
        (b"\x19\x00\xff", 0, Fault::NotShortest),
        (b"\x1a\x00\x00\xff\xff", 0, Fault::NotShortest),
        (b"\x1b\x00\x00\x00\x00\xff\xff\xff\xff", 0, Fault::NotShortest),
        (b"\x9f\xff", 0, Fault::Indefinite),
        (b"\xff", 0, Fault::Indefinite),
        (b"\xfa\x3f\x80\x00\x00", 0, Fault::ShortFloat),
        (b"\xfb\x7f\xf0\x00\x00\x00\x00\x00\x00", 0, Fault::NotFinite),
        (b"\xf7", 0, Fault::Simple),
        (b"\xf8\x15", 0, Fault::Simple), // `true` in two bytes
        (b"\x1c", 0, Fault::Simple),
        (b"\x61\xff", 0, Fault::Utf8),
        (b"\x63\xed\xa0\x80", 0, Fault::Utf8), // a surrogate
        (b"\xa1\x00\x00", 1, Fault::KeyKind),
        (b"\xa2\x61b\x00\x61a\x00", 4, Fault::KeyOrder),
        (b"\xa2\x62aa\x00\x61b\x00", 5, Fault::KeyOrder), // shorter keys come first
        (b"\xa2\x61a\x00\x61a\x00", 4, Fault::DuplicateKey),
        (b"\xd8\x2b\x40", 0, Fault::Tag),
        (b"\xd8\x2a\x40", 0, Fault::Cid),
        (b"\xd8\x2a\x60", 0, Fault::Cid),
        (&deep(33), 32, Fault::Depth),
    ];
    for (bytes, at, fault) in cases {
        let error = cbor::decode(bytes).expect_err("broken bytes");
        assert_eq!((error.at, &error.fault), (*at, fault), "{bytes:02x?}");
    }
    assert!(cbor::decode(&deep(32)).is_ok());
}

#[test]
fn values_without_bytes_are_found_before_encoding() {
    let cases = [
        (Value::Float(f64::NAN), Unfit::NotFinite),
        (Value::Float(f64::INFINITY), Unfit::NotFinite),
        (Value::Float(f64::NEG_INFINITY), Unfit::NotFinite),
        (Value::Int(cbor::MAX_INT + 1), Unfit::IntRange),
        (Value::Int(cbor::MIN_INT - 1), Unfit::IntRange),
        (Value::Map([("$link", Value::Null)].into_iter().collect()), Unfit::ReservedKey("$link")),
        (Value::Map([("$bytes", Value::Null)].into_iter().collect()), Unfit::ReservedKey("$bytes")),
        ((0..33).fold(Value::Null, |inner, _| vec![inner].into()), Unfit::Depth),
    ];
    for (value, unfit) in cases {
        assert_eq!(value.check(), Err(unfit));
        assert_eq!(Value::List(vec![value]).check(), Err(unfit));
    }
    assert_eq!(Value::Int(cbor::MAX_INT).check(), Ok(()));
    assert_eq!(Value::Int(cbor::MIN_INT).check(), Ok(()));
}
