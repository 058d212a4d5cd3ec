//! What holds for every value, name, header and record.
#![cfg(all(feature = "crypto", feature = "json"))]

use atlas_record::cbor::{self, Map};
use atlas_record::chain::{has_skip, lipmaa};
use atlas_record::header::BodyHash;
use atlas_record::id::{Cid, PublicKey};
use atlas_record::json::{JsonBody, from_json, parse_json, to_json};
use atlas_record::record::RecordError;
use atlas_record::sign::{SecretKey, verify_header, verify_headers};
use atlas_record::{
    Address, BlobId, Body, Header, IdentityId, Key, Op, Payload, Record, RecordId, Relation, Salt, SignedHeader,
    Target, TypeName, Value, limits,
};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

#[path = "common/arbitrary.rs"]
mod arbitrary;

/// Failures are kept beside the crate's source, to be tried first from then on.
fn config(cases: u32) -> ProptestConfig {
    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/proptest-regressions/properties.txt");
    ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(FILE))),
        ..ProptestConfig::with_cases(cases)
    }
}

/// Changes bytes a little: flips a bit, cuts, doubles or drops a piece, writes over one.
fn mutate(bytes: &mut Vec<u8>, (kind, at, with): (u8, prop::sample::Index, u8)) {
    if bytes.is_empty() {
        return;
    }
    let at = at.index(bytes.len());
    match kind % 5 {
        0 => bytes[at] ^= 1 << (with % 8),
        1 => bytes.truncate(at),
        2 => bytes.insert(at, with),
        3 => drop(bytes.remove(at)),
        _ => bytes[at] = with,
    }
}

fn mutations() -> impl Strategy<Value = Vec<(u8, prop::sample::Index, u8)>> {
    prop::collection::vec((any::<u8>(), any::<prop::sample::Index>(), any::<u8>()), 1..4)
}

/// Bytes that are accepted are written again as they were; a second implementation reads
/// the same out of them.
fn accepted_only_if_canonical(bytes: &[u8]) {
    if let Ok(value) = cbor::decode(bytes) {
        assert_eq!(cbor::encode(&value), bytes);
        let other: ipld_core::ipld::Ipld = serde_ipld_dagcbor::from_slice(bytes).expect("DAG-CBOR to others as well");
        assert_eq!(serde_ipld_dagcbor::to_vec(&other).expect("what was read"), bytes);
    }
}

proptest! {
    #![proptest_config(config(512))]

    #[test]
    fn a_value_comes_back_from_its_bytes(value in arbitrary::value()) {
        let bytes = cbor::encode(&value);
        assert_eq!(cbor::decode(&bytes).as_ref(), Ok(&value));
        accepted_only_if_canonical(&bytes);
    }

    #[test]
    fn a_value_comes_back_from_its_json_text(value in arbitrary::value()) {
        let json = to_json(&value);
        let text = json.to_string();
        assert_eq!(parse_json(&text).as_ref(), Ok(&value), "{}", text);
        assert_eq!(from_json(&json).as_ref(), Ok(&value), "{}", text);
        let inside: Vec<JsonBody> = serde_json::from_str(&format!("[ {text} ]")).expect("a list of one");
        assert_eq!(&inside[0].0, &value);
        // Spaces mean nothing, and neither does the order of keys.
        let pretty = serde_json::to_string_pretty(&json).expect("JSON is written");
        assert_eq!(parse_json(&pretty).as_ref(), Ok(&value));
    }

    #[test]
    fn the_order_of_insertion_leaves_no_trace(entries in prop::collection::vec((arbitrary::text(), arbitrary::value()), 0..12)) {
        let mut inserted = Map::new();
        for (key, value) in entries.clone() {
            inserted.insert(key, value);
        }
        let collected: Map = entries.clone().into_iter().collect();
        assert_eq!(&inserted, &collected);
        let unique = inserted.len() == entries.len();
        assert_eq!(Map::from_entries(entries).is_ok(), unique);
    }

    #[test]
    fn a_cid_reads_to_others_as_to_us(cid in arbitrary::cid()) {
        let other = ipld_core::cid::Cid::try_from(cid.as_bytes()).expect("a CID to others as well");
        assert_eq!(cid.to_string(), other.to_string());
        assert_eq!(cid.to_string().parse::<Cid>().as_ref(), Ok(&cid));
    }

    #[test]
    fn ids_and_keys_come_back_from_their_text_and_cid(bytes in any::<[u8; 32]>()) {
        let (record, blob, key) = (RecordId(bytes), BlobId(bytes), PublicKey(bytes));
        assert_eq!(record.to_string().parse::<RecordId>(), Ok(record));
        assert_eq!(RecordId::from_cid(&record.to_cid()), Some(record));
        assert_eq!(blob.to_string().parse::<BlobId>(), Ok(blob));
        assert_eq!(BlobId::from_cid(&blob.to_cid()), Some(blob));
        assert_eq!(key.to_string().parse::<PublicKey>(), Ok(key));
        // One digest, but a record is no blob.
        assert!(record.to_string().parse::<BlobId>().is_err() && BlobId::from_cid(&record.to_cid()).is_none());
        assert!(record.to_string().starts_with("bafyr4i") && blob.to_string().starts_with("bafkr4i"));
    }

    #[test]
    fn addresses_and_targets_come_back_from_their_text(address in arbitrary::address(), target in arbitrary::target()) {
        assert_eq!(address.to_string().parse::<Address>(), Ok(address));
        assert_eq!(target.to_string().parse::<Target>(), Ok(target));
    }

    #[test]
    fn a_text_that_names_something_is_its_only_text(text in arbitrary::hostile_text()) {
        macro_rules! one_text {
            ($($what:ty),*) => { $(
                if let Ok(parsed) = text.parse::<$what>() {
                    assert_eq!(parsed.to_string(), text.as_str());
                }
            )* };
        }
        one_text!(Cid, RecordId, IdentityId, BlobId, PublicKey, Target, Address, Key, TypeName, Relation);
    }

    #[test]
    fn arbitrary_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        accepted_only_if_canonical(&bytes);
        let _ = Header::decode(&bytes);
        let _ = SignedHeader::decode(&bytes).map(|signed| verify_header(&signed));
        let _ = Record::decode(&bytes);
        let _ = Cid::from_bytes(&bytes);
        let _ = parse_json(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn bytes_near_a_value_are_accepted_only_if_canonical(value in arbitrary::value(), mutations in mutations()) {
        let mut bytes = cbor::encode(&value);
        mutations.into_iter().for_each(|mutation| mutate(&mut bytes, mutation));
        accepted_only_if_canonical(&bytes);
    }

    #[test]
    fn text_near_json_is_read_or_refused(value in arbitrary::value(), mutations in mutations()) {
        let mut bytes = to_json(&value).to_string().into_bytes();
        mutations.into_iter().for_each(|mutation| mutate(&mut bytes, mutation));
        if let Ok(value) = parse_json(&String::from_utf8_lossy(&bytes)) {
            assert_eq!(value.check(), Ok(()));
            assert_eq!(parse_json(&to_json(&value).to_string()), Ok(value));
        }
    }

    #[test]
    fn skips_follow_the_definition(seq in prop_oneof![2..100_000u64, 2..=u64::MAX]) {
        assert_eq!(lipmaa(seq), lipmaa_by_definition(seq.into()));
        assert!(lipmaa(seq) < seq);
        assert_eq!(has_skip(seq), lipmaa(seq) != seq - 1);
    }
}

proptest! {
    #![proptest_config(config(96))]

    #[test]
    fn a_record_comes_back_from_its_transport_form(record in arbitrary::record()) {
        assert_eq!(record.header().broken_rule(), None);
        assert_eq!(Header::decode(&record.header().encode()).as_ref(), Ok(record.header()));
        assert_eq!(SignedHeader::decode(record.signed().as_bytes()).as_ref(), Ok(record.signed()));
        assert_eq!(Record::decode(&record.encode()).as_ref(), Ok(&record));
        assert_eq!(record.id(), RecordId::of(record.signed().as_bytes()));
        assert!(verify_header(record.signed()));
    }

    #[test]
    fn an_erased_record_keeps_its_id_and_verifies(record in arbitrary::record()) {
        let (id, had_body) = (record.id(), record.payload().is_some());
        let erased = record.clone().erased();
        assert_eq!(erased.id(), id);
        assert!(erased.payload().is_none() && verify_header(erased.signed()));
        assert_eq!(erased.encode().len() < record.encode().len(), had_body);
        assert_eq!(Record::decode(&erased.encode()), Ok(erased));
    }

    #[test]
    fn bytes_near_a_record_are_refused_or_another_record_that_does_not_verify(
        record in arbitrary::record(), mutations in mutations(),
    ) {
        let original = record.encode();
        let mut bytes = original.clone();
        mutations.into_iter().for_each(|mutation| mutate(&mut bytes, mutation));
        if bytes != original && let Ok(other) = Record::decode(&bytes) {
            assert_eq!(other.encode(), bytes);
            assert!(other.id() != record.id() && !verify_header(other.signed()));
        }
    }
}

proptest! {
    #![proptest_config(config(24))]

    #[test]
    fn a_batch_of_headers_answers_as_singles_do(
        records in prop::collection::vec((arbitrary::record(), any::<bool>()), 0..20),
    ) {
        let headers: Vec<SignedHeader> = records
            .into_iter()
            .map(|(record, forged)| match forged {
                false => record.signed().clone(),
                true => SignedHeader::new(record.header().clone(), &[7; 64]),
            })
            .collect();
        let singles: Vec<bool> = headers.iter().map(verify_header).collect();
        assert_eq!(verify_headers(&headers), singles);
    }
}

/// The recursive definition that the Bamboo specification gives: with `(3^(k-1) - 1) / 2 < n
/// <= (3^k - 1) / 2`, a crown leads `3^(k-1)` back, and every other n leads back as far as
/// `(3^g - 1) / 2`, where g is the k of the crown that n ends at when crowns are taken away.
fn lipmaa_by_definition(n: u128) -> u64 {
    fn level(n: u128) -> (u32, bool) {
        let k = (1..).find(|k| (3u128.pow(*k) - 1) / 2 >= n).expect("powers grow");
        (k, (3u128.pow(k) - 1) / 2 == n)
    }
    fn g(n: u128) -> u32 {
        match level(n) {
            (k, true) => k,
            (k, false) => g(n - (3u128.pow(k - 1) - 1) / 2),
        }
    }
    let back = match level(n) {
        (k, true) => n - 3u128.pow(k - 1),
        (_, false) => n - (3u128.pow(g(n)) - 1) / 2,
    };
    u64::try_from(back).expect("a skip leads back")
}

/// A record of a fixed author whose body is one text of `length` bytes.
fn record_with_text(length: usize) -> (SignedHeader, Payload) {
    let secret = SecretKey::from_seed(&[9; 32]);
    let map: Map = [("text", Value::from("x".repeat(length)))].into_iter().collect();
    let payload = Payload { salt: Salt([1; 16]), body: Body::from_map(&map).expect("a small map") };
    (secret.sign_header(plain_header(secret.public(), payload.body.commit(&payload.salt))), payload)
}

fn plain_header(key: PublicKey, body: BodyHash) -> Header {
    Header {
        space: atlas_record::SpaceId([1; 32]),
        type_name: "atlas.post".parse().expect("a type"),
        author: IdentityId([2; 32]),
        key,
        grant: None,
        seq: 1,
        prev: None,
        skip: None,
        created: 1_700_000_000_000,
        constitution: atlas_record::ConstitutionId([3; 32]),
        record_key: None,
        op: Op::Put,
        links: Vec::new(),
        blobs: Vec::new(),
        expires: None,
        body: Some(body),
        ext: Vec::new(),
    }
}

#[test]
fn every_flipped_bit_of_a_record_is_refused_or_found_by_the_signature() {
    let (signed, payload) = record_with_text(40);
    let record = Record::new(signed, Some(payload)).expect("a small record");
    let bytes = record.encode();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Ok(other) = Record::decode(&flipped) {
            assert_ne!(other.id(), record.id(), "bit {bit}");
            assert!(!verify_header(other.signed()), "bit {bit}");
        }
    }
}

#[test]
fn a_record_of_exactly_64_kib_is_accepted_and_one_byte_more_is_not() {
    let (signed, payload) = record_with_text(60_000);
    let rest = limits::RECORD_BYTES - signed.as_bytes().len() - payload.body.as_bytes().len();
    let (signed, payload) = record_with_text(60_000 + rest);
    assert_eq!(signed.as_bytes().len() + payload.body.as_bytes().len(), limits::RECORD_BYTES);
    let record = Record::new(signed, Some(payload)).expect("the limit itself");
    assert_eq!(Record::decode(&record.encode()), Ok(record));

    let (signed, payload) = record_with_text(60_001 + rest);
    let too_large = Err(RecordError::TooLarge { size: limits::RECORD_BYTES + 1 });
    // With its body, without it, and as a header alone: one answer, so that nodes that have
    // the body and nodes that do not agree on the header.
    assert_eq!(Record::new(signed.clone(), Some(payload)), too_large);
    assert_eq!(Record::new(signed.clone(), None), too_large);
    assert_eq!(SignedHeader::decode(signed.as_bytes()).map(drop), too_large.map(drop));
}

#[test]
fn a_body_size_that_no_memory_holds_is_refused() {
    let secret = SecretKey::from_seed(&[9; 32]);
    let signed = secret.sign_header(plain_header(secret.public(), BodyHash { hash: [0; 32], size: u64::MAX }));
    assert!(matches!(SignedHeader::decode(signed.as_bytes()), Err(RecordError::TooLarge { .. })));
}

#[test]
fn bodies_nest_32_levels_and_no_more() {
    // The body's own map is the first level, a list for each further one.
    let nested = |levels: usize| {
        let inner = (1..levels).fold(Value::Null, |inner, _| vec![inner].into());
        [("a", inner)].into_iter().collect::<Map>()
    };
    let (deepest, deeper) = (nested(limits::DEPTH), nested(limits::DEPTH + 1));
    let body = Body::from_map(&deepest).expect("32 levels");
    assert_eq!(body.to_map(), deepest);
    assert!(Body::from_map(&deeper).is_err());
    assert!(Body::from_bytes(&cbor::encode_map(&deeper)).is_err());

    assert_eq!(parse_json(&to_json(&Value::Map(deepest.clone())).to_string()), Ok(Value::Map(deepest)));
    let error = parse_json(&to_json(&Value::Map(deeper)).to_string()).expect_err("33 levels");
    assert!(error.why.contains("32 levels"), "{error}");
    // Empty lists are levels too.
    let lists = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    assert!(parse_json(&lists(32)).is_ok());
    assert!(parse_json(&lists(33)).is_err());
    // And depth costs nothing before it is refused.
    assert!(parse_json(&lists(1_000_000)).is_err());
    assert!(cbor::decode(&vec![0x81; 1_000_000]).is_err());
}

#[test]
fn a_key_that_appears_twice_is_refused_at_any_level() {
    for (text, path) in [
        (r#"{"a":1,"a":1}"#, "/a"),
        (r#"{"a":1,"\u0061":2}"#, "/a"),
        (r#"{"x":[{"b/~":1,"c":2,"b/~":3}]}"#, "/x/0/b~1~0"),
        (r#"{"$link":"x","$link":"y"}"#, "/$link"),
    ] {
        let error = parse_json(text).expect_err(text);
        assert_eq!((error.path.as_str(), error.why.contains("twice")), (path, true), "{error}");
        let inside = serde_json::from_str::<JsonBody>(text).expect_err(text);
        assert!(inside.to_string().contains("twice"), "{inside}");
    }
}

#[test]
fn maps_of_many_keys_are_read_in_any_order() {
    // Longer keys first: the worst order for a map that keeps shorter ones in front.
    let key = |i: usize| format!("{}{i}", "k".repeat(i % 50));
    let text: Vec<String> = (0..50_000).rev().map(|i| format!("\"{}\":{i}", key(i))).collect();
    let value = parse_json(&format!("{{{}}}", text.join(","))).expect("distinct keys");
    let map = value.as_map().expect("a map");
    assert_eq!(map.len(), 50_000);
    assert_eq!(map.get(&key(1_234)).and_then(Value::as_int), Some(1_234));
}

#[test]
fn numbers_in_json_are_what_they_look_like() {
    let read = |text: &str| parse_json(text).map_err(|error| error.why);
    assert_eq!(read("1"), Ok(Value::Int(1)));
    assert_eq!(read("1.0"), Ok(Value::Float(1.0)));
    assert_eq!(read("1e0"), Ok(Value::Float(1.0)));
    assert!(read("-0.0").is_err());
    assert_eq!(read("18446744073709551615"), Ok(Value::Int(cbor::MAX_INT)));
    assert_eq!(read("-18446744073709551616"), Ok(Value::Int(cbor::MIN_INT)));
    for refused in ["18446744073709551616", "-18446744073709551617", "-0", "1e400", "01", "+1", ".5", "NaN", "1."] {
        assert!(read(refused).is_err(), "{refused}");
    }
    assert!(read(&"9".repeat(100_000)).is_err());
    // A JSON library's private spelling of numbers is an object like any other.
    let map: Map = [("$serde_json::private::Number", Value::from("1"))].into_iter().collect();
    assert_eq!(read(r#"{"$serde_json::private::Number":"1"}"#), Ok(Value::Map(map)));
}

#[test]
fn links_and_bytes_in_json_are_strict() {
    let cid = RecordId([5; 32]).to_cid();
    assert_eq!(parse_json(&format!(r#"{{"$link":"{cid}"}}"#)), Ok(Value::Link(cid)));
    for (text, bytes) in
        [("", &b""[..]), ("AA", b"\0"), ("AA==", b"\0"), ("AAA", b"\0\0"), ("-_8", b""), ("+/8", b"\xfb\xff")]
    {
        let read = parse_json(&format!(r#"{{"$bytes":"{text}"}}"#));
        match text {
            "-_8" => assert!(read.is_err(), "the URL alphabet would be a second form"),
            _ => assert_eq!(read, Ok(Value::Bytes(bytes.into()))),
        }
    }
    for refused in
        [r#"{"$link":5}"#, r#"{"$link":"x"}"#, r#"{"$bytes":null}"#, r#"{"$bytes":"AB"}"#, r#"{"$bytes":"A"}"#]
    {
        assert!(parse_json(refused).is_err(), "{refused}");
    }
    // Beside other keys they are keys like any other.
    assert!(matches!(parse_json(r#"{"$link":5,"a":1}"#), Ok(Value::Map(_))));
}

#[test]
fn a_cid_has_one_text() {
    let v0 = "QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n"; // the empty directory's, of IPFS fame
    let cid: Cid = v0.parse().expect("a CIDv0");
    assert_eq!(cid.to_string(), v0);
    assert_eq!(cid.as_bytes().len(), 34);
    let id = RecordId([5; 32]).to_string();
    for refused in [
        id.to_uppercase(),
        format!("{id}="),
        format!(" {id}"),
        id.replacen('b', "z", 1),
        id[..id.len() - 1].to_owned(),
        // The same multihash as v0 in base32, and digits that base58 leaves out.
        "bciqlu6awx6hqdt7kifaubxs5vyrchmadmgrzmf32ts2bb73b6iablli".to_owned(),
        v0.replacen('B', "0", 1),
        "Qm".to_owned() + &"z".repeat(44),
    ] {
        assert!(refused.parse::<Cid>().is_err(), "{refused}");
    }
    // Bits behind the last digit, which many decoders drop.
    let last = id.chars().last().expect("digits");
    let other: Vec<char> = "abcdefghijklmnopqrstuvwxyz234567".chars().filter(|c| *c != last).collect();
    let same = other.iter().filter(|c| {
        let text = format!("{}{c}", &id[..id.len() - 1]);
        text.parse::<RecordId>().is_ok_and(|id| id == RecordId([5; 32]))
    });
    assert_eq!(same.count(), 0);
}

#[test]
fn names_keep_their_grammar() {
    let long = |n: usize| "a".repeat(n);
    let types: &[(&str, bool)] = &[
        ("atlas.post", true),
        ("app.bsky.feed.post", true),
        ("com.example.fooBar2", true),
        ("a-1.b", true),
        ("post", false),
        ("", false),
        (".", false),
        ("a..b", false),
        ("1a.post", false),
        ("App.post", false),
        ("atlas.2post", false),
        ("atlas.po-st", false),
        ("-a.post", false),
        ("a-.post", false),
        ("atlas.post.", false),
        ("atlas.pöst", false),
        ("atlas.post ", false),
    ];
    for (text, valid) in types {
        assert_eq!(TypeName::new(text).is_ok(), *valid, "{text}");
    }
    assert!(TypeName::new(&format!("{}.{}", long(63), long(63))).is_ok());
    assert!(TypeName::new(&format!("{}.{}", long(64), long(63))).is_err());
    let longest = [long(63), long(63), long(63), long(63), long(61)].join(".");
    assert_eq!(longest.len(), limits::TYPE_NAME_BYTES);
    assert!(TypeName::new(&longest).is_ok() && TypeName::new(&format!("{longest}a")).is_err());

    for (text, valid) in [("a", true), ("...", true), ("A:b@c=~", true), (".", false), ("..", false), ("", false)] {
        assert_eq!(Key::new(text).is_ok(), valid, "{text}");
    }
    for text in ["a/b", "a%20b", "a b", "a?b", "a#b", "a\\b", "é", "a\0", "a\n"] {
        assert!(Key::new(text).is_err(), "{text:?}");
    }
    assert!(Key::new(&long(512)).is_ok() && Key::new(&long(513)).is_err());

    for (text, valid) in
        [("depends", true), ("reply-to", true), ("a1", true), ("1a", false), ("-a", false), ("", false)]
    {
        assert_eq!(Relation::new(text).is_ok(), valid, "{text}");
    }
    assert!(Relation::new("Reply").is_err() && Relation::new("a_b").is_err());
    assert!(Relation::new(&long(64)).is_ok() && Relation::new(&long(65)).is_err());

    for (text, valid) in
        [("name:libssl3", true), ("name:name:", true), ("name:ü", true), ("name:", false), ("name:\u{85}", false)]
    {
        assert_eq!(text.parse::<Target>().is_ok(), valid, "{text:?}");
    }
    assert!(format!("name:{}", long(256)).parse::<Target>().is_ok());
    assert!(format!("name:{}", long(257)).parse::<Target>().is_err());
}

#[test]
fn every_rule_between_fields_is_checked() {
    let secret = SecretKey::from_seed(&[9; 32]);
    let put = || plain_header(secret.public(), BodyHash { hash: [0; 32], size: 1 });
    let delete = || Header { op: Op::Delete, body: None, record_key: Some("k".parse().expect("a key")), ..put() };
    let link =
        |relation: &str, target: Target| atlas_record::Link { relation: relation.parse().expect("a relation"), target };
    let id = Some(RecordId([7; 32]));
    type Change = Box<dyn Fn(&mut Header)>;
    let change = |f: fn(&mut Header)| -> Change { Box::new(f) };

    let valid: Vec<(&str, Header, Change)> = vec![
        ("a put", put(), change(|_| ())),
        ("a delete by key", delete(), change(|_| ())),
        ("outside any chain", put(), change(|h| h.seq = 0)),
        ("position 2 leans on its predecessor", put(), Box::new(move |h| (h.seq, h.prev) = (2, id))),
        ("position 4 skips", put(), Box::new(move |h| (h.seq, h.prev, h.skip) = (4, id, id))),
        ("an expiry right after creation", put(), change(|h| h.expires = Some(h.created + 1))),
        ("a name of any script", put(), {
            let link = link("about", Target::Name("libssl3 – ü".into()));
            Box::new(move |h| h.links.push(link.clone()))
        }),
        ("a delete by id", delete(), {
            let link = link("deletes", RecordId([7; 32]).into());
            Box::new(move |h| (h.record_key, h.links) = (None, vec![link.clone()]))
        }),
    ];
    for (name, mut header, change) in valid {
        change(&mut header);
        assert_eq!(Header::decode(&header.encode()).as_ref(), Ok(&header), "{name}");
    }

    let broken: Vec<(&str, Header, Change)> = vec![
        ("a predecessor outside any chain", put(), Box::new(move |h| (h.seq, h.prev) = (0, id))),
        ("a predecessor of the first", put(), Box::new(move |h| h.prev = id)),
        ("no predecessor", put(), change(|h| h.seq = 2)),
        ("a skip where there is none", put(), Box::new(move |h| (h.seq, h.prev, h.skip) = (2, id, id))),
        ("no skip where there is one", put(), Box::new(move |h| (h.seq, h.prev) = (4, id))),
        (
            "a position beyond 2^53",
            put(),
            Box::new(move |h| {
                (h.seq, h.prev) = (limits::MAX_COUNT + 1, id);
                h.skip = has_skip(h.seq).then_some(RecordId([7; 32]));
            }),
        ),
        ("a put without a body", put(), change(|h| h.body = None)),
        ("a put of nothing", put(), change(|h| h.body = Some(BodyHash { hash: [0; 32], size: 0 }))),
        ("a delete with a body", delete(), change(|h| h.body = Some(BodyHash { hash: [0; 32], size: 1 }))),
        ("a delete that expires", delete(), change(|h| h.expires = Some(h.created + 1))),
        (
            "a delete with a file",
            delete(),
            change(|h| {
                h.blobs.push(atlas_record::header::BlobRef { id: BlobId([0; 32]), size: 1 });
            }),
        ),
        ("a delete of nothing", delete(), change(|h| h.record_key = None)),
        ("a delete by key and id", delete(), {
            let link = link("deletes", RecordId([7; 32]).into());
            Box::new(move |h| h.links.push(link.clone()))
        }),
        ("a delete of a blob", delete(), {
            let link = link("deletes", Target::Cid(BlobId([7; 32]).to_cid()));
            Box::new(move |h| (h.record_key, h.links) = (None, vec![link.clone()]))
        }),
        ("an expiry at creation", put(), change(|h| h.expires = Some(h.created))),
        ("a time beyond 2^53", put(), change(|h| h.created = limits::MAX_TIMESTAMP + 1)),
        (
            "a blob beyond 2^53",
            put(),
            change(|h| {
                h.blobs.push(atlas_record::header::BlobRef { id: BlobId([0; 32]), size: limits::MAX_COUNT + 1 });
            }),
        ),
        ("an empty name", put(), {
            let link = link("about", Target::Name("".into()));
            Box::new(move |h| h.links.push(link.clone()))
        }),
        ("too many links", put(), {
            let link = link("about", Target::Name("x".into()));
            Box::new(move |h| h.links = vec![link.clone(); limits::LINKS + 1])
        }),
        (
            "too many blobs",
            put(),
            change(|h| {
                h.blobs = vec![atlas_record::header::BlobRef { id: BlobId([0; 32]), size: 1 }; limits::BLOBS + 1];
            }),
        ),
        (
            "an extension twice",
            put(),
            change(|h| {
                let ext = atlas_record::header::Ext { name: "x".parse().expect("a name"), value: Value::Null };
                h.ext = vec![ext.clone(), ext];
            }),
        ),
        (
            "an extension too large",
            put(),
            change(|h| {
                let value = Value::Bytes(vec![0; limits::EXT_BYTES]);
                h.ext.push(atlas_record::header::Ext { name: "x".parse().expect("a name"), value });
            }),
        ),
        (
            "an extension that JSON would take for a link",
            put(),
            change(|h| {
                let value = Value::Map([("$link", Value::Null)].into_iter().collect());
                h.ext.push(atlas_record::header::Ext { name: "x".parse().expect("a name"), value });
            }),
        ),
    ];
    for (name, mut header, change) in broken {
        change(&mut header);
        assert!(Header::decode(&header.encode()).is_err(), "{name}");
    }
}

#[test]
fn a_body_belongs_to_one_salt_and_one_header() {
    let (signed, payload) = record_with_text(10);
    let other_salt = Payload { salt: Salt([2; 16]), ..payload.clone() };
    assert_eq!(Record::new(signed.clone(), Some(other_salt)), Err(RecordError::BodyMismatch));
    let (_, other_body) = record_with_text(11);
    assert_eq!(Record::new(signed.clone(), Some(other_body)), Err(RecordError::BodyMismatch));
    // A delete commits to no body, so that none can be slipped in.
    let secret = SecretKey::from_seed(&[9; 32]);
    let delete =
        Header { op: Op::Delete, body: None, record_key: Some("k".parse().expect("a key")), ..signed.header().clone() };
    assert_eq!(Record::new(secret.sign_header(delete), Some(payload)), Err(RecordError::BodyMismatch));
}

#[test]
fn bodies_are_maps_that_json_can_show() {
    assert_eq!(Body::from_bytes(b"\x80"), Err(RecordError::NotAMap("a list")));
    assert!(matches!(Body::from_bytes(b"\xa1\x65$link\xf6"), Err(RecordError::Unfit(_))));
    assert!(matches!(Body::from_bytes(b"\xa1\x61a\xa1\x66$bytes\x00"), Err(RecordError::Unfit(_))));
    assert!(Body::from_bytes(b"\xa2\x61a\x00\x65$link\xf6").is_ok());
    assert!(Body::from_bytes(b"\xa0").is_ok());
    let nan: Map = [("a", Value::Float(f64::NAN))].into_iter().collect();
    assert!(matches!(Body::from_map(&nan), Err(RecordError::Unfit(_))));
}

#[test]
fn domains_are_kept_apart() {
    let (signed, _) = record_with_text(10);
    assert!(signed.signed_bytes().starts_with(b"atlas/record/1\0"));
    // A signature over the header alone is none.
    let secret = SecretKey::from_seed(&[9; 32]);
    let bare = SignedHeader::new(signed.header().clone(), &secret.sign(&signed.header().encode()));
    assert!(!verify_header(&bare) && verify_header(&signed));
}
