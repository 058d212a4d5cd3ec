//! Blobs live as long as something needs them.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;

use atlas_record::{BlobId, Record};
use atlas_store::{BlobBytes, Config, Item, LooseBlob, Outcome, Store};
use common::*;
use proptest::prelude::*;

fn store() -> Store {
    Store::in_memory(Config::default()).unwrap()
}

fn offer(store: &Store, bytes: &[u8], now: u64) -> BlobId {
    store.offer_blob(&mut &bytes[..], now).unwrap().0
}

fn carrying(text: &str, blobs: &[BlobId]) -> Record {
    blobs.iter().fold(draft(POST, 10, text), |draft, id| draft.blob(*id, 1)).make()
}

/// Sweeps everything that has been loose since `until` or longer.
fn sweep(store: &Store, until: u64) {
    for loose in store.loose_blobs().unwrap().into_iter().filter(|loose| loose.since <= until) {
        commit(store, Item::SweepBlob(loose));
    }
    assert_whole(store);
}

fn is_here(store: &Store, id: &BlobId) -> bool {
    store.has_blob(id).unwrap().is_some()
}

#[test]
fn a_loose_blob_goes_unless_a_record_comes_to_carry_it() {
    let store = store();
    let (kept, lost, young) = (offer(&store, b"k", 5), offer(&store, b"l", 5), offer(&store, b"y", 6));
    let record = carrying("with", &[kept]);
    put(&store, &record, valid());
    assert_eq!(store.carriers(&kept, 9).unwrap(), [1]);
    sweep(&store, 5);
    assert_eq!([&kept, &lost, &young].map(|id| is_here(&store, id)), [true, false, true]);
    assert_eq!(store.loose_blobs().unwrap(), [LooseBlob { id: young, since: 6, size: 1 }]);
    assert_eq!((store.stats().blobs, store.stats().blob_bytes), (2, 2));
}

#[test]
fn a_blob_goes_with_the_last_body_that_needs_it() {
    let store = store();
    let shared = offer(&store, b"s", 5);
    let (first, second) = (carrying("one", &[shared, shared]), carrying("two", &[shared]));
    put(&store, &first, valid());
    put(&store, &second, valid());
    sweep(&store, 5);
    commit(&store, Item::Erase(first.id()));
    assert!(!store.is_loose(&shared).unwrap());
    // A verdict drops a body as well as an erasure does.
    judge(&store, &second, invalid());
    assert_eq!(store.loose_blobs().unwrap(), [LooseBlob { id: shared, since: 0, size: 1 }]);
    assert!(store.carriers(&shared, 9).unwrap().is_empty());
    sweep(&store, 0);
    assert!(!is_here(&store, &shared));
}

#[test]
fn a_blob_that_was_needed_since_the_question_is_not_swept() {
    let store = store();
    let ids = [offer(&store, b"a", 5), offer(&store, b"b", 5), offer(&store, b"c", 5), offer(&store, b"d", 5)];
    let seen = store.loose_blobs().unwrap();
    put(&store, &carrying("late", &[ids[0]]), valid());
    commit(&store, Item::PutBlob(BlobBytes::new(b"b".to_vec())));
    commit(&store, Item::KeepBlob(ids[2]));
    offer(&store, b"d", 9);
    for loose in seen {
        let outcome = commit(&store, Item::SweepBlob(loose));
        let expected = if loose.id == ids[0] { Outcome::Done } else { Outcome::Unknown };
        assert_eq!(outcome, expected, "{}", loose.id);
    }
    assert!(ids.iter().all(|id| is_here(&store, id)));
    assert_eq!(store.loose_blobs().unwrap().len(), 1, "the one that was offered again");
    assert_whole(&store);
}

#[test]
fn a_record_without_its_body_carries_nothing_until_the_body_comes() {
    let store = store();
    let id = offer(&store, b"x", 5);
    let record = carrying("later", &[id]);
    let header = Record::new(record.signed().clone(), None).unwrap();
    put(&store, &header, atlas_store::Verdict::Pending(atlas_store::Waiting::default()));
    assert!(store.carriers(&id, 9).unwrap().is_empty());
    judge(&store, &record, valid());
    assert_eq!(store.carriers(&id, 9).unwrap(), [1]);
    assert_whole(&store);
}

#[test]
fn a_large_loose_blob_takes_its_file_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Config::default()).unwrap();
    let bytes = vec![7; 200_000];
    let id = offer(&store, &bytes, 5);
    let name = id.0.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let file = dir.path().join("blobs").join(&name[..2]).join(&name[2..]);
    assert!(file.exists());
    sweep(&store, 5);
    assert!(!file.exists() && !is_here(&store, &id));
}

#[derive(Debug, Clone)]
enum Step {
    Offer(u8),
    Keep(u8),
    Put(u8, Vec<u8>),
    Erase(u8),
    Sweep,
}

fn step() -> impl Strategy<Value = Step> {
    let blob = 0u8..4;
    prop_oneof![
        3 => blob.clone().prop_map(Step::Offer),
        1 => blob.clone().prop_map(Step::Keep),
        3 => (0u8..6, prop::collection::vec(blob, 0..3)).prop_map(|(record, blobs)| Step::Put(record, blobs)),
        2 => (0u8..6).prop_map(Step::Erase),
        2 => Just(Step::Sweep),
    ]
}

proptest! {
    /// The model says it in sets: after a sweep, what is here is what a body needs, and what was
    /// kept and not let go of since.
    #[test]
    fn what_is_here_after_a_sweep_is_what_is_needed(steps in prop::collection::vec(step(), 1..40)) {
        let store = store();
        let id = |blob: u8| BlobId::of(&[blob]);
        let mut here = BTreeSet::new();
        let mut loose = BTreeSet::new();
        let mut records: Vec<(u8, Record, Vec<u8>, bool)> = Vec::new();
        for step in steps {
            match step {
                Step::Offer(blob) => {
                    offer(&store, &[blob], 1);
                    here.insert(blob);
                    loose.insert(blob);
                }
                Step::Keep(blob) => {
                    commit(&store, Item::PutBlob(BlobBytes::new(vec![blob])));
                    here.insert(blob);
                    loose.remove(&blob);
                }
                Step::Put(name, blobs) => {
                    if records.iter().all(|(other, ..)| *other != name) {
                        let ids: Vec<BlobId> = blobs.iter().map(|blob| id(*blob)).collect();
                        let record = carrying(&name.to_string(), &ids);
                        put(&store, &record, valid());
                        records.push((name, record, blobs, true));
                    }
                }
                Step::Erase(name) => {
                    let Some(at) = records.iter().position(|(other, .., alive)| *other == name && *alive) else {
                        continue;
                    };
                    commit(&store, Item::Erase(records[at].1.id()));
                    records[at].3 = false;
                    for blob in records[at].2.clone() {
                        let needed = records.iter().any(|(_, _, blobs, alive)| *alive && blobs.contains(&blob));
                        if here.contains(&blob) && !needed {
                            loose.insert(blob);
                        }
                    }
                }
                Step::Sweep => {
                    sweep(&store, 1);
                    let needed = |blob: &u8| records.iter().any(|(_, _, blobs, alive)| *alive && blobs.contains(blob));
                    here.retain(|blob| !loose.contains(blob) || needed(blob));
                    loose.clear();
                }
            }
            for blob in 0..4 {
                prop_assert_eq!(is_here(&store, &id(blob)), here.contains(&blob), "blob {}", blob);
                prop_assert_eq!(store.is_loose(&id(blob)).unwrap(), loose.contains(&blob), "blob {}", blob);
            }
        }
        assert_whole(&store);
    }
}
