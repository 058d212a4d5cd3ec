//! What is never taken in, and what is said about it.

use atlas_record::cbor::{Map, encode};
use atlas_record::header::BodyHash;
use atlas_record::sign::SecretKey;
use atlas_record::{GrantId, Record, Value};
use atlas_tests::Dice;
use atlas_tests::peer::{Community, Draft, Peer, transport};

use crate::support::{ACCEPTED, NOW, refusal, world};

#[test]
fn a_truncated_record_is_malformed_wherever_it_is_cut() {
    let mut world = world();
    let whole = world.ada.write(&world.community, Draft::post("whole", 0)).encode();
    let cut: Vec<_> = (0..whole.len()).map(|end| whole[..end].to_vec()).collect();
    for (end, fate) in world.node.ingest(&cut, NOW).unwrap().into_iter().enumerate() {
        assert_eq!(refusal(fate), "malformed", "cut at {end}");
    }
    let longer = [&whole[..], &[0]].concat();
    assert_eq!(refusal(world.ingest_bytes(longer)), "malformed");
    assert_eq!(world.ingest_bytes(whole), ACCEPTED);
}

#[test]
fn no_flipped_bit_gets_in() {
    let mut world = world();
    let whole = world.ada.write(&world.community, Draft::post("exactly this", 0)).encode();
    let flipped: Vec<_> = (0..whole.len() * 8)
        .map(|bit| {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            bytes
        })
        .collect();
    for (bit, fate) in world.node.ingest(&flipped, NOW).unwrap().into_iter().enumerate() {
        let code = refusal(fate);
        assert!(["malformed", "bad-signature"].contains(&code.as_str()), "bit {bit}: {code}");
    }
    assert_eq!((world.visible(), world.node.store().stats().parked), (0, 0));
}

#[test]
fn random_bytes_are_malformed() {
    let world = world();
    let mut dice = Dice::new(1);
    let noise: Vec<Vec<u8>> = (0..500)
        .map(|_| {
            let length = dice.below(600);
            (0..length).map(|_| dice.below(256) as u8).collect()
        })
        .collect();
    for fate in world.node.ingest(&noise, NOW).unwrap() {
        assert_eq!(refusal(fate), "malformed");
    }
}

#[test]
fn non_canonical_bytes_are_malformed_even_if_they_are_signed() {
    let mut world = world();
    let record = world.ada.write(&world.community, Draft::post("canonical", 0));
    let bytes = record.encode();
    assert_eq!(bytes[0], 0x83, "an array of three");
    let wide_head = [&[0x98, 3], &bytes[1..]].concat();
    let indefinite = [&[0x9f], &bytes[1..], &[0xff]].concat();
    for forged in [wide_head, indefinite] {
        assert_eq!(refusal(world.ingest_bytes(forged)), "malformed");
    }
    // Bodies that mean {"text": "x"} or nearly so, each under a header that commits to it.
    let bodies: [&[u8]; 7] = [
        b"\xb8\x01\x64text\x61x",                      // the map's length in two bytes
        b"\xbf\x64text\x61x\xff",                      // a map without a length
        b"\xa1\x78\x04text\x61x",                      // the key's length in two bytes
        b"\xa2\x64text\x61x\x61a\x01",                 // keys out of order
        b"\xa2\x64text\x61x\x64text\x61x",             // a key twice
        b"\xa2\x61a\xfa\x3f\x80\x00\x00\x64text\x61x", // a float of 32 bits
        b"\xa1\x64text\x61x\x00",                      // a byte too many
    ];
    for body in bodies {
        let (mut header, payload) =
            world.ada.header(world.community.space_id(), world.community.constitution_id(), Draft::post("x", 0));
        let salt = payload.unwrap().salt;
        header.body = Some(BodyHash { hash: hash(&salt.0, body), size: body.len() as u64 });
        let signed = world.ada.device.sign_header(header);
        let forged = transport(signed.as_bytes(), Some(&salt.0), Some(body));
        assert_eq!(refusal(world.ingest_bytes(forged)), "malformed", "{body:02x?}");
    }
}

fn hash(salt: &[u8], body: &[u8]) -> [u8; 32] {
    *atlas_record::BlobId::of(&[salt, body].concat()).as_bytes()
}

#[test]
fn what_is_much_too_large_is_refused_unread() {
    let world = world();
    let huge = encode(&Value::List(vec![Value::Bytes(vec![0; 8 << 20]), Value::Null, Value::Null]));
    assert_eq!(refusal(world.ingest_bytes(huge)), "malformed");
}

#[test]
fn a_signature_of_another_key_or_another_header_is_refused() {
    let mut world = world();
    let good = world.ada.write(&world.community, Draft::post("signed", 0));
    let other = world.ada.write(&world.community, Draft::post("signed too", 1));
    let splice = |signed: &[u8], signature: &[u8; 64]| [&signed[..signed.len() - 64], signature].concat();
    let payload = good.payload().unwrap();
    let with = |signature: [u8; 64]| {
        transport(&splice(good.signed().as_bytes(), &signature), Some(&payload.salt.0), Some(payload.body.as_bytes()))
    };
    let stranger = SecretKey::from_seed(&[99; 32]);
    for signature in [other.signed().signature(), stranger.sign(&good.signed().signed_bytes()), [0; 64], [0xff; 64]] {
        assert_eq!(refusal(world.ingest_bytes(with(signature))), "bad-signature");
    }
    assert_eq!(world.ingest_bytes(with(good.signed().signature())), ACCEPTED);
}

#[test]
fn one_wrong_signature_is_found_in_a_large_batch() {
    let mut world = world();
    let mut batch: Vec<_> =
        (0..600).map(|i| world.ada.write(&world.community, Draft::post("many", i)).encode()).collect();
    let signed_elsewhere = {
        let mut record = world.ada.write(&world.community, Draft::post("wrong", 700));
        let header = record.header().clone();
        let payload = record.payload().cloned();
        record = Record::new(atlas_record::SignedHeader::new(header, &[1; 64]), payload).unwrap();
        record.encode()
    };
    batch.insert(431, signed_elsewhere);
    let fates = world.node.ingest(&batch, NOW).unwrap();
    for (i, fate) in fates.into_iter().enumerate() {
        match i {
            431 => assert_eq!(refusal(fate), "bad-signature"),
            _ => assert_eq!(fate, ACCEPTED, "record {i}"),
        }
    }
}

#[test]
fn a_key_that_is_no_device_of_the_author_cannot_speak_for_them() {
    let mut world = world();
    let mut impostor = Peer::new(9);
    impostor.identity = world.ada.identity.clone();
    let record = impostor.write(&world.community, Draft::post("I am Ada", 0));
    // A later event of Ada's could name the key: until one does, it waits, with a bound.
    assert!(crate::support::parked(world.ingest(&record)).contains("identity"));
    assert_eq!(world.visible(), 0);
    let record = world.ada.write(&world.community, Draft::post("no, I am", 0));
    assert_eq!(world.ingest(&record), ACCEPTED);
}

#[test]
fn a_record_of_an_unknown_space_is_refused() {
    let mut world = world();
    let elsewhere = Community::usual("elsewhere", Peer::new(5));
    let record = world.ada.write(&elsewhere, Draft::post("to others", 0));
    assert_eq!(refusal(world.ingest(&record)), "unknown-space");
}

#[test]
fn a_record_cannot_be_replayed_in_another_space() {
    let mut world = world();
    let elsewhere = Community::usual("elsewhere", Peer::new(5));
    elsewhere.join(&world.node).unwrap();
    let record = world.ada.write(&world.community, Draft::post("said here", 0));
    // The same words and the same signature, with the other space in the header.
    let mut header = record.header().clone();
    header.space = elsewhere.space_id();
    header.constitution = elsewhere.constitution_id();
    let replayed = atlas_record::SignedHeader::new(header, &record.signed().signature());
    let replayed = Record::new(replayed, record.payload().cloned()).unwrap();
    assert_eq!(refusal(world.ingest(&replayed)), "bad-signature");
    // As it is, it lands where it was written, whichever way it came.
    assert_eq!(world.ingest(&record), ACCEPTED);
    assert!(world.node.store().counts(&elsewhere.space_id()).unwrap().iter().all(|of| of.counts.total == 0));
    // A header of this space that names the other's constitution is not judged by it.
    let (mut header, payload) =
        world.ada.header(world.community.space_id(), elsewhere.constitution_id(), Draft::post("mixed", 1));
    header.space = world.community.space_id();
    let mixed = world.ada.sign(header, payload);
    assert!(crate::support::parked(world.ingest(&mixed)).contains("constitution"));
}

#[test]
fn a_type_that_the_space_does_not_have_is_refused() {
    let mut world = world();
    let record = world.ada.write(&world.community, Draft::new("example.unheard", 0, Map::new()));
    assert_eq!(refusal(world.ingest(&record)), "unknown-type");
}

#[test]
fn a_record_that_names_a_grant_waits_for_it() {
    let mut world = world();
    let (mut header, payload) =
        world.ada.header(world.community.space_id(), world.community.constitution_id(), Draft::post("by an app", 0));
    header.grant = Some(GrantId([3; 32]));
    let record = world.ada.sign(header, payload);
    assert!(crate::support::parked(world.ingest(&record)).contains("grant"));
    assert_eq!(world.visible(), 0);
}

#[test]
fn only_the_founder_changes_the_constitution() {
    let world = world();
    let mut usurper = world.community.clone();
    usurper.founder = world.ada.clone();
    let (slot, binding) = atlas_tests::peer::standard("example.mine", "post");
    let bytes = usurper.amend(slot, binding).as_bytes().to_vec();
    let error = world.node.learn_amendment(&bytes).unwrap_err();
    assert_eq!(error.code(), "not-the-founder");
}
