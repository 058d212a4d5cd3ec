//! What the store offers to those that follow it: the digest of a set, changes of what is
//! shown, counts per value.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod common;

use std::sync::Arc;

use atlas_record::RecordId;
use atlas_store::kv::memory::MemoryKv;
use atlas_store::kv::{Durability, Kv, Table, Writes};
use atlas_store::{Config, IndexValue, Shown, Store, Tallied, Tally};
use common::*;

fn in_memory() -> Store {
    Store::in_memory(Config::default()).unwrap()
}

#[test]
fn the_same_headers_have_the_same_digest_in_any_order_and_whatever_their_verdict() {
    let records: Vec<_> = (0..20).map(|i| draft(POST, 100 + i, &format!("text {i}")).make()).collect();
    let (one, two) = (in_memory(), in_memory());
    records.iter().for_each(|record| drop(put(&one, record, valid())));
    records.iter().rev().for_each(|record| drop(put(&two, record, invalid())));
    let digest = |store: &Store| store.set_summary(&space(), Some(&type_name(POST))).unwrap();
    let (a, b) = (digest(&one), digest(&two));
    assert_eq!((a.digest, a.counts.total), (b.digest, b.counts.total));
    assert_eq!((a.counts.visible, b.counts.visible, a.watermark), (20, 0, 20));
    put(&one, &records[3], valid());
    assert_eq!(digest(&one), a, "known records change nothing");
    put(&one, &draft(PAGE, 7, "a page").key("k").make(), valid());
    assert_eq!(digest(&one).digest, a.digest, "nor do records of another type");
    let both = one.set_summary(&space(), None).unwrap();
    assert_eq!(both.counts.total, 21);
    assert_ne!(both.digest, a.digest);
    assert_whole(&one);
    assert_whole(&two);
}

#[test]
fn a_digest_survives_a_restart_and_a_wrong_one_is_found() {
    let kv = Arc::new(MemoryKv::new());
    let store = Store::on(kv.clone(), None, Config::default()).unwrap();
    put(&store, &draft(POST, 1, "one").make(), valid());
    drop(store);
    let store = Store::on(kv.clone(), None, Config::default()).unwrap();
    put(&store, &draft(POST, 2, "two").make(), valid());
    assert_whole(&store);
    let (row, mut state) = kv.view().range(Table::Digest, atlas_store::kv::Range::all()).next().unwrap().unwrap();
    state[7] ^= 1;
    let mut writes = Writes::default();
    writes.put(Table::Digest, &row, &state);
    kv.write(&writes, Durability::Synced).unwrap();
    let report = store.check(&mut |_| {}).unwrap();
    assert_eq!(report.problem_count, 1);
    assert!(report.problems[0].contains("digest"), "{:?}", report.problems);
}

#[test]
fn what_comes_into_sight_or_goes_out_of_it_is_noted_until_it_is_settled() {
    let store = in_memory();
    put(&store, &draft(PAGE, 1, "old").key("k").make(), valid());
    assert_eq!(store.shown(10).unwrap(), [], "what is new is told by its number");
    put(&store, &draft(PAGE, 2, "new").key("k").make(), valid());
    let gone = [Shown { n: 1, visible: false }];
    assert_eq!(store.shown(10).unwrap(), gone);
    assert_whole(&store);
    // The second is withdrawn, and the first stands again.
    let second: RecordId = store.by_number(2).unwrap().unwrap().record.id();
    let mut batch = atlas_store::Batch::new();
    batch.push(atlas_store::Item::Judge { id: second, verdict: invalid(), payload: None });
    store.commit(batch).unwrap();
    let now = [Shown { n: 1, visible: true }, Shown { n: 2, visible: false }];
    assert_eq!(store.shown(10).unwrap(), now);
    store.settle_shown(gone.to_vec()).unwrap();
    assert_eq!(store.shown(10).unwrap(), now, "what was followed is not how it is now");
    store.settle_shown(now[..1].to_vec()).unwrap();
    assert_eq!(store.shown(10).unwrap(), now[1..]);
    assert_whole(&store);
}

#[test]
fn a_tally_counts_each_record_once_however_it_is_cut() {
    let store = in_memory();
    let mut expected = std::collections::BTreeMap::new();
    for i in 0..60u64 {
        let colour = ["red", "green", "blue", "blau\u{0}e"][(i * i % 7 % 4) as usize];
        *expected.entry(colour.to_owned()).or_insert(0) += 1;
        put(&store, &draft(POST, i, &i.to_string()).make(), found_under(&[("colour", colour), ("other", "x")]));
    }
    let tally = Tally {
        space: space(),
        type_name: type_name(POST),
        index: "colour".into(),
        since: 0,
        until: u64::MAX,
        after: None,
        most_values: 100,
    };
    let text = |value: &IndexValue| match value {
        IndexValue::Text(text) => text.to_string(),
        IndexValue::Integer(_) => panic!("these are texts"),
    };
    let whole = store.tally(&tally, |_| true).unwrap();
    let values: Vec<(String, u64)> = whole.values.iter().map(|(value, count)| (text(value), *count)).collect();
    assert_eq!(values, expected.clone().into_iter().collect::<Vec<_>>());
    assert_eq!((whole.rows, whole.next), (60, None));
    for step in [1, 7, 59] {
        let (mut sum, mut after) = (std::collections::BTreeMap::new(), None);
        loop {
            let mut left = step;
            let page: Tallied = store
                .tally(&Tally { after, ..tally.clone() }, |_| {
                    left -= 1;
                    left > 0
                })
                .unwrap();
            page.values.iter().for_each(|(value, count)| *sum.entry(text(value)).or_insert(0) += count);
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        assert_eq!(sum, expected, "cut every {step} rows");
    }
    let two = store.tally(&Tally { most_values: 2, ..tally.clone() }, |_| true).unwrap();
    assert_eq!(two.values, whole.values[..2]);
    let rest = store.tally(&Tally { after: two.next, ..tally.clone() }, |_| true).unwrap();
    assert_eq!(rest.values, whole.values[2..]);
    let early = store.tally(&Tally { until: 10, ..tally }, |_| true).unwrap();
    assert_eq!(early.values.iter().map(|(_, count)| count).sum::<u64>(), 10);
}
