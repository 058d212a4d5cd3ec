//! Ranges of the replicated set say what the set itself says, at the moment they are of.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use atlas_record::order::Rank;
use atlas_record::{Record, RecordId};
use atlas_store::kv::memory::MemoryKv;
use atlas_store::kv::{Durability, Kv, View, Writes};
use atlas_store::{Batch, Config, Item, Ranges, Store, StoreError, Sum};
use common::*;
use crossbeam_channel::{Receiver, Sender, bounded};
use proptest::prelude::*;

fn record(of: &str, number: u64) -> Record {
    // Seven records share a time, so that ids decide among them.
    draft(of, number / 7, &number.to_string()).make()
}

fn rank(record: &Record) -> Rank {
    Rank { created: record.header().created, id: record.id() }
}

fn batch(of: &str, numbers: impl IntoIterator<Item = u64>) -> Batch {
    numbers.into_iter().map(|number| Item::Put(judged(&record(of, number), valid()))).collect()
}

fn ranges(store: &Store, of: &str) -> Ranges {
    store.ranges(&space(), &type_name(of)).unwrap()
}

/// The lowest rank of an id that begins with these bytes.
fn bound(created: u64, prefix: &[u8]) -> Rank {
    let mut id = [0; 32];
    id[..prefix.len()].copy_from_slice(prefix);
    Rank { created, id: RecordId(id) }
}

fn assert_is(ranges: &Ranges, set: &BTreeSet<Rank>, picks: &[(prop::sample::Index, prop::sample::Index)]) {
    let all: Vec<Rank> = set.iter().copied().collect();
    assert_eq!(ranges.len(), all.len() as u64);
    assert_eq!(ranges.iter(0..ranges.len()).collect::<Result<Vec<_>, _>>().unwrap(), all);
    assert_eq!(ranges.sum(0..ranges.len()).unwrap(), all.iter().map(|member| &member.id).collect::<Sum>());
    for (one, other) in picks {
        let (one, other) = (one.index(all.len() + 1), other.index(all.len() + 1));
        let range = one.min(other)..one.max(other);
        let within = &all[range.clone()];
        let range = range.start as u64..range.end as u64;
        assert_eq!(ranges.sum(range.clone()).unwrap(), within.iter().map(|member| &member.id).collect::<Sum>());
        assert_eq!(ranges.iter(range).collect::<Result<Vec<_>, _>>().unwrap(), within);
        let Some(member) = all.get(one) else { continue };
        assert_eq!(ranges.at(one as u64).unwrap(), *member);
        assert_eq!(ranges.lower_bound(member).unwrap(), one as u64);
        for bound in [
            bound(member.created, &[]),
            bound(member.created, &member.id.0[..1]),
            bound(member.created, &member.id.0[..31]),
            bound(member.created + 1, &[]),
            bound(u64::MAX, &[]),
        ] {
            assert_eq!(ranges.lower_bound(&bound).unwrap(), all.partition_point(|other| *other < bound) as u64);
        }
    }
}

#[derive(Debug, Clone)]
struct Round {
    posts: Vec<u64>,
    pages: Vec<u64>,
    asked: bool,
}

fn round() -> impl Strategy<Value = Round> {
    let numbers = || prop::collection::vec(0..1500u64, 0..200);
    // Now and then many at once and in order, as a first sync brings them.
    let posts = prop_oneof![4 => numbers(), 1 => (0..1000u64).prop_map(|from| (from..from + 500).collect())];
    (posts, numbers(), any::<bool>()).prop_map(|(posts, pages, asked)| Round { posts, pages, asked })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn ranges_are_those_of_the_set_and_stay_what_they_were(
        rounds in prop::collection::vec(round(), 1..6),
        picks in prop::collection::vec(any::<(prop::sample::Index, prop::sample::Index)>(), 12),
    ) {
        let kv = Arc::new(MemoryKv::new());
        let mut store = Store::on(kv.clone(), None, Config::default()).unwrap();
        let (mut posts, mut pages, mut kept) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
        for (i, Round { posts: new_posts, pages: new_pages, asked }) in rounds.into_iter().enumerate() {
            posts.extend(new_posts.iter().map(|number| rank(&record(POST, *number))));
            pages.extend(new_pages.iter().map(|number| rank(&record(PAGE, *number))));
            store.commit(batch(PAGE, new_pages)).unwrap();
            store.commit(batch(POST, new_posts.iter().copied())).unwrap();
            // What is said of a record later does not make it another member.
            for number in new_posts.into_iter().take(3) {
                judge(&store, &record(POST, number), invalid());
                revoke(&store, &record(POST, number));
            }
            if asked {
                kept.push((ranges(&store, POST), posts.clone()));
            }
            if i == 2 {
                drop(store);
                store = Store::on(kv.clone(), None, Config::default()).unwrap();
            }
        }
        assert_is(&ranges(&store, POST), &posts, &picks);
        assert_is(&ranges(&store, PAGE), &pages, &picks);
        for (ranges, set) in &kept {
            assert_is(ranges, set, &picks);
            prop_assert_eq!(ranges.summary().unwrap().counts.total, set.len() as u64);
        }
        let summary = store.set_summary(&space(), Some(&type_name(POST))).unwrap();
        prop_assert_eq!(ranges(&store, POST).summary().unwrap(), summary);
    }
}

#[test]
fn a_set_that_nobody_has_heard_of_is_empty() {
    let store = Store::in_memory(Config::default()).unwrap();
    assert_is(&ranges(&store, POST), &BTreeSet::new(), &[]);
    store.commit(batch(PAGE, 0..3)).unwrap();
    assert_is(&ranges(&store, POST), &BTreeSet::new(), &[]);
    assert!(ranges(&store, POST).is_empty());
    store.commit(batch(POST, 0..3)).unwrap();
    assert_eq!(ranges(&store, POST).len(), 3, "a set is not empty because it once was");
}

/// Whether a snapshot agrees with itself: buckets and rows are of the same moment.
fn assert_of_one_moment(ranges: &Ranges) {
    let members: Vec<Rank> = ranges.iter(0..ranges.len()).collect::<Result<_, _>>().unwrap();
    assert!(members.is_sorted_by(|a, b| a < b));
    assert_eq!(ranges.sum(0..ranges.len()).unwrap(), members.iter().map(|member| &member.id).collect::<Sum>());
    assert_eq!(ranges.summary().unwrap().counts.total, members.len() as u64);
}

#[test]
fn ranges_taken_while_records_stream_in_are_of_one_moment() {
    const RECORDS: u64 = 6000;
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Config::default()).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let (mut last, mut grown) = (0, 0);
                while !done.load(Ordering::Acquire) || grown == 0 {
                    let ranges = ranges(&store, POST);
                    assert_of_one_moment(&ranges);
                    assert!(ranges.len() >= last, "a set only grows");
                    grown += usize::from(ranges.len() > last);
                    last = ranges.len();
                }
            });
        }
        // From all over the set, so that buckets fill up everywhere while others read.
        let mut tickets = Vec::new();
        for from in 0..RECORDS / 40 {
            tickets.push(store.submit(batch(POST, (0..40).map(|i| (from + i * RECORDS / 40) % RECORDS))).unwrap());
        }
        tickets.into_iter().for_each(|ticket| drop(ticket.wait().unwrap()));
        done.store(true, Ordering::Release);
    });
    assert_eq!(ranges(&store, POST).len(), RECORDS);
    assert_of_one_moment(&ranges(&store, POST));
}

/// A backend whose next writes go as a test says.
struct Scripted {
    inner: MemoryKv,
    fail: AtomicBool,
    /// Told once a write is in the tables, which then waits for an answer before it returns.
    written: Sender<()>,
    go_on: Receiver<()>,
    pause: AtomicBool,
}

impl Kv for Scripted {
    fn view(&self) -> Box<dyn View> {
        self.inner.view()
    }

    fn write(&self, writes: &Writes, durability: Durability) -> Result<(), StoreError> {
        if self.fail.swap(false, Ordering::AcqRel) {
            return Err(StoreError::Io { action: "write", path: "a test".into(), cause: "it was told to".into() });
        }
        self.inner.write(writes, durability)?;
        if self.pause.swap(false, Ordering::AcqRel) {
            self.written.send(()).unwrap();
            self.go_on.recv().unwrap();
        }
        Ok(())
    }

    fn flush(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn disk_bytes(&self) -> u64 {
        0
    }
}

fn scripted() -> (Arc<Scripted>, Store, Receiver<()>, Sender<()>) {
    let ((written, is_written), (may_go_on, go_on)) = (bounded(1), bounded(1));
    let flags = || AtomicBool::new(false);
    let kv = Arc::new(Scripted { inner: MemoryKv::new(), fail: flags(), written, go_on, pause: flags() });
    let store = Store::on(kv.clone(), None, Config::default()).unwrap();
    (kv, store, is_written, may_go_on)
}

#[test]
fn what_is_in_the_tables_counts_before_the_committer_says_so() {
    let (kv, store, is_written, may_go_on) = scripted();
    store.commit(batch(POST, 0..300)).unwrap();
    let before = ranges(&store, POST);
    kv.pause.store(true, Ordering::Release);
    let ticket = store.submit(batch(POST, 300..310)).unwrap();
    is_written.recv().unwrap();
    let between = ranges(&store, POST);
    let again = ranges(&store, POST);
    may_go_on.send(()).unwrap();
    ticket.wait().unwrap();
    let after = ranges(&store, POST);
    assert_eq!([before.len(), between.len(), again.len(), after.len()], [300, 310, 310, 310]);
    [before, between, again, after].iter().for_each(assert_of_one_moment);
}

#[test]
fn what_was_not_written_is_not_counted() {
    let (kv, store, ..) = scripted();
    store.commit(batch(POST, 0..300)).unwrap();
    assert_eq!(ranges(&store, POST).len(), 300);
    kv.fail.store(true, Ordering::Release);
    assert!(store.commit(batch(POST, 300..310)).is_err());
    assert_eq!(ranges(&store, POST).len(), 300);
    // Numbers that the failed write would have given go to others.
    store.commit(batch(POST, 400..405)).unwrap();
    assert_eq!(ranges(&store, POST).len(), 305);
    assert_of_one_moment(&ranges(&store, POST));
}
