//! Good records, once and again.

use atlas_node::ingest::Fate;
use atlas_record::cbor::Map;
use atlas_record::{Salt, Value, limits};
use atlas_store::Status;
use atlas_tests::peer::{Draft, Peer};

use crate::support::{ACCEPTED, NOW, world};

#[test]
fn a_good_record_is_accepted_and_shown() {
    let mut world = world();
    let post = world.ada.write(&world.community, Draft::post("hello", 0));
    assert_eq!(world.ingest(&post), ACCEPTED);
    let stored = world.find(&post).unwrap();
    assert_eq!((stored.status, stored.record), (Status::Visible, post));
    world.assert_sound();
}

#[test]
fn a_record_that_comes_twice_is_stored_once() {
    let mut world = world();
    let post = world.ada.write(&world.community, Draft::post("hello", 0)).encode();
    let fates = world.node.ingest(&[post.clone(), post.clone()], NOW).unwrap();
    assert_eq!(fates, [ACCEPTED, Fate::Duplicate], "within one batch");
    assert_eq!(world.ingest_bytes(post), Fate::Duplicate, "in a later one");
    assert_eq!(world.visible(), 1);
}

#[test]
fn a_bad_record_does_not_hold_up_the_good_ones_of_its_batch() {
    let mut world = world();
    let good: Vec<_> =
        (0..40).map(|i| world.ada.write(&world.community, Draft::post(&format!("post {i}"), i)).encode()).collect();
    let mut batch = good.clone();
    for i in [3, 17, 30] {
        let last = batch[i].len() - 1;
        batch[i].truncate(last);
    }
    let fates = world.node.ingest(&batch, NOW).unwrap();
    let accepted = fates.iter().filter(|fate| **fate == ACCEPTED).count();
    assert_eq!((fates.len(), accepted), (40, 37));
    world.assert_sound();
}

#[test]
fn the_later_of_two_records_at_an_address_stands_whichever_comes_first() {
    for reverse in [false, true] {
        let mut world = world();
        let mut both = [
            world.ada.write(&world.community, Draft::package("zlib", "1.0", 0)),
            world.ada.write(&world.community, Draft::package("zlib", "1.1", 5)),
        ];
        let newer = both[1].clone();
        if reverse {
            both.reverse();
        }
        both.iter().for_each(|record| assert_eq!(world.ingest(record), ACCEPTED));
        assert_eq!(world.visible(), 1);
        assert_eq!(world.find(&newer).unwrap().status, Status::Visible);
        world.assert_sound();
    }
}

#[test]
fn a_fork_is_accepted_and_reported() {
    let mut world = world();
    let mut twin = world.ada.clone();
    let one = world.ada.write(&world.community, Draft::post("one", 0));
    let other = twin.write(&world.community, Draft::post("other", 0));
    assert_eq!(world.ingest(&one), ACCEPTED);
    assert_eq!(world.ingest(&other), Fate::Accepted { forked: true });
    let forks = world.node.store().forks(10).unwrap();
    assert_eq!((forks.len(), forks[0].seq, forks[0].records.len()), (1, 1, 2));
    assert_eq!(world.visible(), 2, "both stay valid");
}

#[test]
fn a_gap_in_the_chain_blocks_nothing() {
    let mut world = world();
    let records: Vec<_> = (0..5).map(|i| world.ada.write(&world.community, Draft::post("again", i))).collect();
    assert_eq!(world.ingest(&records[4]), ACCEPTED);
    assert_eq!(world.ingest(&records[1]), ACCEPTED);
    assert_eq!(world.visible(), 2);
}

#[test]
fn what_the_validator_refuses_is_kept_as_a_header_without_its_body() {
    let mut world = world();
    let empty = world.ada.write(&world.community, Draft::new("atlas.post", 0, Map::new()));
    match world.ingest(&empty) {
        Fate::Invalid { code, text } => assert!(!code.is_empty() && text.contains("text"), "{code}: {text}"),
        other => panic!("{other:?}"),
    }
    let stored = world.find(&empty).unwrap();
    assert_eq!((stored.status, stored.record.payload()), (Status::Invalid, None));
    assert_eq!(world.visible(), 0);
    assert_eq!(world.ingest(&empty), Fate::Duplicate, "it is not judged again");
    world.assert_sound();
}

#[test]
fn a_header_without_its_body_waits_and_the_body_is_taken_when_it_comes() {
    let mut world = world();
    let post = world.ada.write(&world.community, Draft::post("the body comes later", 0));
    let bare = post.clone().erased();
    assert!(matches!(world.ingest(&bare), Fate::Parked { .. }));
    assert_eq!(world.visible(), 0);
    assert_eq!(world.ingest(&bare), Fate::Duplicate);
    assert_eq!(world.ingest(&post), ACCEPTED, "whoever sent the bare header must not keep the body out");
    assert_eq!(world.find(&post).unwrap().status, Status::Visible);
    assert_eq!(world.ingest(&bare), Fate::Duplicate);
    assert_eq!(world.find(&post).unwrap().record, post);
    world.assert_sound();
}

#[test]
fn a_bare_header_and_its_record_in_one_batch_are_one_record() {
    for bare_first in [true, false] {
        let mut world = world();
        let post = world.ada.write(&world.community, Draft::post("once", 0));
        let mut batch = [post.clone().erased().encode(), post.encode()];
        if !bare_first {
            batch.reverse();
        }
        assert_eq!(world.node.ingest(&batch, NOW).unwrap(), [ACCEPTED, Fate::Duplicate], "bare first: {bare_first}");
        assert_eq!(world.find(&post).unwrap().record, post);
    }
}

#[test]
fn a_body_that_is_not_the_one_of_the_header_is_refused() {
    let mut world = world();
    let post = world.ada.write(&world.community, Draft::post("mine", 0));
    let other = Peer::new(2).write(&world.community, Draft::post("theirs", 0));
    let body = other.payload().unwrap().body.as_bytes().to_vec();
    let forged = atlas_tests::peer::transport(post.signed().as_bytes(), Some(&Salt([1; 16]).0), Some(&body));
    assert_eq!(crate::support::refusal(world.ingest_bytes(forged)), "malformed");
    assert_eq!(world.ingest(&post), ACCEPTED, "the forgery does not keep the record out");
}

#[test]
fn a_record_of_64_kib_is_taken_and_one_of_a_byte_more_is_refused() {
    let mut world = world();
    // The package's description takes 32 KiB; extra fields take the rest.
    let package = |fill: usize| {
        let body = Map::from_iter([
            ("name", Value::from("large")),
            ("version", Value::from("1")),
            ("x-fill", Value::Bytes(vec![7; fill])),
        ]);
        Draft::new("atlas.package", 0, body).key("large")
    };
    let size_of = |record: &atlas_record::Record| {
        record.signed().as_bytes().len() + record.payload().unwrap().body.as_bytes().len()
    };
    let mut scout = Peer::new(7);
    // 60,000 and 65,000 bytes have heads of the same length.
    let base = size_of(&scout.clone().write(&world.community, package(60_000)));
    let fill = 60_000 + limits::RECORD_BYTES - base;
    let whole = scout.write(&world.community, package(fill));
    assert_eq!(size_of(&whole), limits::RECORD_BYTES);
    let draft = package(fill + 1);
    let (header, payload) = world.ada.header(world.community.space_id(), world.community.constitution_id(), draft);
    let payload = payload.unwrap();
    let signed = world.ada.device.sign_header(header);
    let bytes = atlas_tests::peer::transport(signed.as_bytes(), Some(&payload.salt.0), Some(payload.body.as_bytes()));
    assert_eq!(crate::support::refusal(world.ingest_bytes(bytes)), "malformed");
    let bare = atlas_tests::peer::transport(signed.as_bytes(), None, None);
    assert_eq!(crate::support::refusal(world.ingest_bytes(bare)), "malformed", "with or without its body");
    let whole = world.ada.write(&world.community, package(fill));
    let fate = world.ingest(&whole);
    assert!(!matches!(fate, Fate::Refused { .. }), "the format takes it, whatever the validator says: {fate:?}");
    world.assert_sound();
}
