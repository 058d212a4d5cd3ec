//! The worked example of `docs/record-format.md`, made again from its inputs: once by the
//! crate, once item by item as the document describes it. The document cannot drift from
//! what is written.
#![cfg(all(feature = "crypto", feature = "json"))]

use atlas_record::cbor::Map;
use atlas_record::header::BlobRef;
use atlas_record::json::{parse_json, to_json};
use atlas_record::sign::{SecretKey, verify_header};
use atlas_record::{
    BlobId, Body, ConstitutionId, Header, IdentityId, Link, Op, Payload, Record, RecordId, Salt, SpaceId, Target, Value,
};
use data_encoding::HEXLOWER;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/record-format.md");
const BEGIN: &str = "<!-- worked example: begin -->\n";
const END: &str = "<!-- worked example: end -->\n";

/// The head of a CBOR item, as RFC 8949 section 3 has it, in its shortest form.
fn head(major: u8, argument: usize) -> Vec<u8> {
    let major = major << 5;
    match argument {
        0..=23 => vec![major | argument as u8],
        24..=0xff => vec![major | 24, argument as u8],
        0x100..=0xffff => [&[major | 25][..], &(argument as u16).to_be_bytes()].concat(),
        0x1_0000..=0xffff_ffff => [&[major | 26][..], &(argument as u32).to_be_bytes()].concat(),
        _ => [&[major | 27][..], &(argument as u64).to_be_bytes()].concat(),
    }
}

fn bytes(bytes: &[u8]) -> Vec<u8> {
    [head(2, bytes.len()), bytes.to_vec()].concat()
}

fn text(text: &str) -> Vec<u8> {
    [head(3, text.len()), text.as_bytes().to_vec()].concat()
}

/// Hexadecimal, as many lines as it takes.
fn wrapped(bytes: &[u8]) -> String {
    let lines: Vec<String> = bytes.chunks(48).map(|line| HEXLOWER.encode(line)).collect();
    lines.join("\n")
}

struct Example {
    secret: SecretKey,
    payload: Payload,
    record: Record,
    /// The header's items, each with what it is.
    items: Vec<(Vec<u8>, String)>,
}

fn example() -> Example {
    let seed: [u8; 32] = std::array::from_fn(|i| i as u8);
    let secret = SecretKey::from_seed(&seed);
    let key = secret.public();
    let (space, author) = (SpaceId::of(b"space"), IdentityId::of(b"author"));
    let constitution = ConstitutionId::of(b"constitution");
    let (first, third) = (RecordId::of(b"record 1"), RecordId::of(b"record 3"));
    let file = BlobId::of(b"hello\n");
    let created = 1_767_225_600_000;

    let map: Map =
        [("text", Value::from("Hello, Atlas")), ("langs", vec![Value::from("en")].into())].into_iter().collect();
    let payload = Payload {
        salt: Salt(std::array::from_fn(|i| 0xa0 + i as u8)),
        body: Body::from_map(&map).expect("a fit body"),
    };
    let body = payload.body.commit(&payload.salt);
    let header = Header {
        space,
        type_name: "atlas.post".parse().expect("a type"),
        author,
        key,
        grant: None,
        seq: 4,
        prev: Some(third),
        skip: Some(first),
        created,
        constitution,
        record_key: Some("hello".parse().expect("a key")),
        op: Op::Put,
        links: vec![
            Link { relation: "reply-to".parse().expect("a relation"), target: first.into() },
            Link { relation: "about".parse().expect("a relation"), target: Target::Name("libssl3".into()) },
        ],
        blobs: vec![BlobRef { id: file, size: 6 }],
        expires: None,
        body: Some(body),
        ext: Vec::new(),
    };

    let null = || vec![0xf6];
    let reply =
        [head(4, 2), text("reply-to"), head(6, 42), bytes(&[&[0, 1, 0x71, 0x1e, 32], &first.0[..]].concat())].concat();
    let about = [head(4, 2), text("about"), text("name:libssl3")].concat();
    let blob = [head(4, 1), head(4, 2), bytes(&file.0), head(0, 6)].concat();
    let items = vec![
        (head(4, 19), "a list of 19 items".to_owned()),
        (head(0, 1), "0 version: 1".to_owned()),
        (bytes(&space.0), "1 space: BLAKE3 of `space`".to_owned()),
        (text("atlas.post"), "2 type: `atlas.post`".to_owned()),
        (bytes(&author.0), "3 author: BLAKE3 of `author`".to_owned()),
        (bytes(&key.0), "4 key: the public key of the seed".to_owned()),
        (null(), "5 grant: none".to_owned()),
        (head(0, 4), "6 seq: 4".to_owned()),
        (bytes(&third.0), "7 prev: BLAKE3 of `record 3`".to_owned()),
        (bytes(&first.0), "8 skip: lipmaa(4) = 1: BLAKE3 of `record 1`".to_owned()),
        (head(0, created as usize), "9 created: 1767225600000, 2026-01-01T00:00:00Z".to_owned()),
        (bytes(&constitution.0), "10 constitution: BLAKE3 of `constitution`".to_owned()),
        (text("hello"), "11 record key: `hello`".to_owned()),
        (head(0, 0), "12 op: put".to_owned()),
        ([head(4, 2), reply, about].concat(), "13 links: `reply-to` record 1, `about` `name:libssl3`".to_owned()),
        (blob, "14 blobs: BLAKE3 of `hello\\n`, 6 bytes".to_owned()),
        (null(), "15 expires: never".to_owned()),
        (bytes(&body.hash), "16 body hash: BLAKE3 of salt and body".to_owned()),
        (head(0, body.size as usize), format!("17 body size: {}", body.size)),
        (head(4, 0), "18 ext: none".to_owned()),
    ];

    let record = Record::new(secret.sign_header(header), Some(payload.clone())).expect("a whole record");
    Example { secret, payload, record, items }
}

/// The example as the document shows it.
fn rendered(example: &Example) -> String {
    let Example { secret, payload, record, items } = example;
    let mut out = String::new();
    let mut block = |title: &str, content: &str| out += &format!("\n{title}\n\n```text\n{content}\n```\n");

    block("Seed of the signing key, and the public key:", &{
        format!("{}\n{}\n{}", wrapped(secret.seed()), wrapped(&secret.public().0), secret.public())
    });
    let body = payload.body.as_bytes();
    block("The body in JSON, and in canonical DAG-CBOR:", &{
        format!("{}\n{}", to_json(&Value::Map(payload.body.to_map())), wrapped(body))
    });
    let commitment = record.header().body.expect("a put has a body").hash;
    block("The salt, and BLAKE3 of salt and body:", &format!("{}\n{}", wrapped(&payload.salt.0), wrapped(&commitment)));
    let lines: Vec<String> = items.iter().map(|(bytes, what)| format!("# {what}\n{}", wrapped(bytes))).collect();
    block("The header, item by item:", &lines.join("\n"));
    block("The signature over `atlas/record/1`, a zero byte, and the header:", &wrapped(&record.signed().signature()));
    block("The signed header:", &wrapped(record.signed().as_bytes()));
    block("The record's id, as a digest and as text:", &format!("{}\n{}", wrapped(&record.id().0), record.id()));
    block("The transport form:", &wrapped(&record.encode()));
    block("The transport form once salt and body are erased:", &wrapped(&record.clone().erased().encode()));
    out.push('\n');
    out
}

#[test]
fn the_document_shows_what_the_crate_writes() {
    let document = std::fs::read_to_string(DOCUMENT).unwrap_or_else(|error| panic!("{DOCUMENT}: {error}"));
    let shown = document.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END)).map(|(shown, _)| shown);
    let expected = rendered(&example());
    assert!(shown == Some(&expected), "{DOCUMENT} should show, between its two marks:\n{expected}");
}

#[test]
fn the_parts_are_put_together_as_the_document_says() {
    let Example { secret, payload, record, items } = example();
    let header: Vec<u8> = items.into_iter().flat_map(|(bytes, _)| bytes).collect();
    assert_eq!(record.header().encode(), header);

    let signature = secret.sign(&[b"atlas/record/1\0", &header[..]].concat());
    let signed = [head(4, 2), header, bytes(&signature)].concat();
    assert_eq!(record.signed().as_bytes(), signed);
    assert_eq!(record.id(), RecordId::of(&signed));
    assert!(verify_header(record.signed()));

    let body = [head(5, 2), text("text"), text("Hello, Atlas"), text("langs"), head(4, 1), text("en")].concat();
    assert_eq!(payload.body.as_bytes(), body);
    assert_eq!(
        parse_json(r#"{"langs":["en"],"text":"Hello, Atlas"}"#),
        Ok(Value::Map(payload.body.to_map())),
        "the order of keys in JSON means nothing"
    );
    let transport = [head(4, 3), bytes(&signed), bytes(&payload.salt.0), bytes(&body)].concat();
    assert_eq!(record.encode(), transport);
    let erased = [head(4, 3), bytes(&signed), vec![0xf6, 0xf6]].concat();
    assert_eq!(record.erased().encode(), erased);
}
