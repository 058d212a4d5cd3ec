//! What stands, and what is shown.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use atlas_record::Record;
use atlas_record::order::Lifecycle;
use atlas_store::{
    Batch, By, Config, DocKind, Item, Limit, Outcome, Scan, Status, Store, Values, Verdict, WaitBounds, WaitKey,
    Waiting,
};
use common::*;

fn store() -> Store {
    Store::in_memory(Config::default()).unwrap()
}

fn indexed(value: &str) -> Scan {
    let values = Values::Eq(value.into());
    Scan::new(space(), By::Index { type_name: type_name(PAGE), name: "tag".into(), values })
}

#[test]
fn a_record_is_read_back_as_it_was_given() {
    let store = store();
    let record = draft(POST, 10, "hello").seq(1).link("reply", name("x")).make();
    let outcome = put(&store, &record, found_under(&[("tag", "a")]));
    assert_eq!(outcome, Outcome::Stored { n: 1, visible: true, forked: false });
    let stored = store.get(&record.id()).unwrap().unwrap();
    assert_eq!(stored.record, record);
    assert_eq!(stored.status, Status::Visible);
    assert_eq!(stored.entries().len(), 1);
    assert_eq!(store.by_number(1).unwrap().unwrap(), stored);
    assert_eq!(store.watermark(), 1);
    assert_whole(&store);
}

#[test]
fn a_known_record_changes_nothing() {
    let store = store();
    let record = draft(POST, 10, "hello").make();
    put(&store, &record, valid());
    assert_eq!(put(&store, &record, invalid()), Outcome::Duplicate { n: 1 });
    assert_eq!(status(&store, &record), Status::Visible);
    assert_eq!(store.watermark(), 1);
}

#[test]
fn an_ephemeral_record_is_not_stored() {
    let store = store();
    let mut batch = Batch::new();
    batch.put(draft(POST, 1, "now").make(), Lifecycle::Ephemeral, valid());
    assert_eq!(store.commit(batch).unwrap(), [Outcome::Ephemeral]);
    assert_eq!(store.watermark(), 0);
}

#[test]
fn a_superseded_record_leaves_the_index() {
    let store = store();
    let first = draft(PAGE, 10, "first").key("k").link("about", name("x")).make();
    let second = draft(PAGE, 11, "second").key("k").link("about", name("y")).make();
    put(&store, &first, found_under(&[("tag", "old")]));
    put(&store, &second, found_under(&[("tag", "new")]));
    assert_eq!(status(&store, &first), Status::Superseded);
    assert!(texts(&store, &indexed("old")).is_empty());
    assert_eq!(texts(&store, &indexed("new")), ["second"]);
    let to_x = By::LinkTo { relation: None, target: name("x"), type_name: None };
    assert!(texts(&store, &Scan::new(space(), to_x)).is_empty());
    assert_eq!(texts(&store, &by_type(PAGE)), ["second"]);
    // Its history keeps it, body and all.
    let history = store.history(&address(1, PAGE, "k"), None, 10).unwrap();
    assert_eq!(history.records.iter().map(|r| text(&r.record)).collect::<Vec<_>>(), ["first", "second"]);
    assert_eq!(store.current(&address(1, PAGE, "k")).unwrap().unwrap().record, second);
    assert_whole(&store);
}

#[test]
fn an_earlier_record_that_comes_later_does_not_stand() {
    let store = store();
    put(&store, &draft(PAGE, 11, "second").key("k").make(), valid());
    let late = put(&store, &draft(PAGE, 10, "first").key("k").make(), valid());
    assert_eq!(late, Outcome::Stored { n: 2, visible: false, forked: false });
    assert_eq!(texts(&store, &by_type(PAGE)), ["second"]);
    assert_whole(&store);
}

#[test]
fn keyed_records_of_an_append_type_stay_beside_each_other() {
    let store = store();
    put(&store, &draft(POST, 11, "second").key("k").make(), valid());
    put(&store, &draft(POST, 10, "first").key("k").make(), valid());
    assert_eq!(texts(&store, &by_type(POST)), ["second", "first"]);
    assert_whole(&store);
}

#[test]
fn a_delete_erases_every_earlier_version_and_no_later_one() {
    let store = store();
    let old = draft(PAGE, 10, "old").key("k").make();
    let newer = draft(PAGE, 11, "newer").key("k").make();
    let pending = draft(PAGE, 9, "pending").key("k").make();
    let other = draft(PAGE, 1, "other").key("l").make();
    put(&store, &old, valid());
    put(&store, &newer, valid());
    put(&store, &pending, Verdict::Pending(Waiting::default()));
    put(&store, &other, valid());
    put(&store, &draft(PAGE, 12, "delete").key("k").deletes(None).make(), valid());
    for record in [&old, &newer, &pending] {
        let stored = store.get(&record.id()).unwrap().unwrap();
        assert_eq!((stored.status, stored.record.payload()), (Status::Deleted, None));
    }
    assert_eq!(store.current(&address(1, PAGE, "k")).unwrap().unwrap().status, Status::Delete);
    assert_eq!(texts(&store, &by_type(PAGE)), ["other"]);
    // One that was written before it and comes after it is kept as a header only.
    let late = draft(PAGE, 8, "late").key("k").make();
    put(&store, &late, valid());
    assert_eq!(store.get(&late.id()).unwrap().unwrap().record.payload(), None);
    put(&store, &draft(PAGE, 13, "again").key("k").make(), valid());
    assert_eq!(texts(&store, &by_type(PAGE)), ["again", "other"]);
    assert_whole(&store);
}

#[test]
fn an_unkeyed_record_is_deleted_by_id_in_either_order_and_by_its_author_only() {
    let record = draft(POST, 10, "said").make();
    let delete = draft(POST, 11, "taken back").deletes(Some(record.id())).make();
    let foreign = draft(POST, 11, "not yours").by(2).deletes(Some(record.id())).make();
    let of_another_type = draft("test.other", 11, "not here").deletes(Some(record.id())).make();
    for order in [[&record, &delete], [&delete, &record]] {
        let store = store();
        order.into_iter().for_each(|record| drop(put(&store, record, valid())));
        assert_eq!(status(&store, &record), Status::Deleted);
        assert!(texts(&store, &by_type(POST)).is_empty());
        assert_whole(&store);
    }
    for order in [[&record, &foreign, &of_another_type], [&foreign, &of_another_type, &record]] {
        let store = store();
        order.into_iter().for_each(|record| drop(put(&store, record, valid())));
        assert_eq!(texts(&store, &by_type(POST)), ["said"]);
        assert_whole(&store);
    }
}

#[test]
fn an_invalid_record_keeps_its_header_in_the_replicated_set() {
    let store = store();
    let record = draft(POST, 10, "bad").make();
    put(&store, &record, invalid());
    let stored = store.get(&record.id()).unwrap().unwrap();
    assert_eq!((stored.status, stored.record.payload()), (Status::Invalid, None));
    assert!(texts(&store, &by_type(POST)).is_empty());
    let set: Vec<_> =
        store.admissible(&space(), &type_name(POST), None).unwrap().map(|row| row.unwrap().0.id).collect();
    assert_eq!(set, [record.id()]);
    // Judged anew, with the body fetched again.
    assert_eq!(judge(&store, &record, valid()), Outcome::Changed { n: 1, visible: true });
    assert_eq!(texts(&store, &by_type(POST)), ["bad"]);
    assert_whole(&store);
}

#[test]
fn a_record_that_loses_its_verdict_gives_its_place_back() {
    let store = store();
    let first = draft(PAGE, 10, "first").key("k").make();
    let second = draft(PAGE, 11, "second").key("k").make();
    put(&store, &first, found_under(&[("tag", "t")]));
    put(&store, &second, valid());
    judge(&store, &second, invalid());
    assert_eq!(status(&store, &first), Status::Visible);
    assert_eq!(texts(&store, &indexed("t")), ["first"]);
    assert_whole(&store);
    judge(&store, &second, valid());
    assert_eq!(texts(&store, &by_type(PAGE)), ["second"]);
    assert_whole(&store);
}

#[test]
fn a_payload_that_is_not_the_records_is_refused() {
    let store = store();
    let record = draft(POST, 10, "a").make();
    put(&store, &record.clone().erased(), Verdict::Pending(Waiting::default()));
    let payload = draft(POST, 10, "b").make().payload().cloned();
    let item = Item::Judge { id: record.id(), verdict: valid(), payload };
    assert_eq!(store.commit([item].into_iter().collect()).unwrap(), [Outcome::WrongPayload]);
    assert_eq!(status(&store, &record), Status::Pending);
}

#[test]
fn an_expired_body_goes_and_what_it_superseded_does_not_come_back() {
    let store = store();
    let lasting = draft(PAGE, 10, "lasting").key("k").make();
    let passing = draft(PAGE, 11, "passing").key("k").expires(100).make();
    put(&store, &lasting, valid());
    put(&store, &passing, valid());
    assert_eq!(store.erase_expired(99).unwrap(), 0);
    assert_eq!(texts(&store, &by_type(PAGE)), ["passing"]);
    assert_eq!(store.erase_expired(100).unwrap(), 1);
    assert_eq!(store.get(&passing.id()).unwrap().unwrap().record.payload(), None);
    assert!(texts(&store, &by_type(PAGE)).is_empty());
    assert_eq!(status(&store, &lasting), Status::Superseded);
    assert_eq!(store.erase_expired(1000).unwrap(), 0);
    assert_whole(&store);
}

#[test]
fn an_erased_body_is_not_taken_again() {
    let store = store();
    let record = draft(POST, 10, "unlawful").make();
    put(&store, &record, valid());
    store.commit([Item::Erase(record.id())].into_iter().collect()).unwrap();
    judge(&store, &record, valid());
    let stored = store.get(&record.id()).unwrap().unwrap();
    assert_eq!((stored.status, stored.record.payload()), (Status::Erased, None));
    assert_whole(&store);
}

#[test]
fn two_records_at_one_chain_position_are_both_kept_and_listed() {
    let store = store();
    let one = draft(POST, 10, "one").seq(2).make();
    let two = draft(POST, 11, "two").seq(2).make();
    put(&store, &draft(POST, 9, "zero").seq(1).make(), valid());
    put(&store, &one, valid());
    assert_eq!(put(&store, &two, valid()), Outcome::Stored { n: 3, visible: true, forked: true });
    let forks = store.forks(10).unwrap();
    assert_eq!(forks.len(), 1);
    assert_eq!((forks[0].seq, &forks[0].records[..]), (2, &[one.id(), two.id()][..]));
    let key = one.header().key;
    let at = store.chain_at(&key, &space(), 2).unwrap();
    assert_eq!(at.iter().map(|p| p.id).collect::<Vec<_>>(), [one.id(), two.id()]);
    assert_eq!(store.chain_at(&key, &space(), 1).unwrap().len(), 1);
    assert_eq!(store.chain_head(&key, &space()).unwrap().unwrap().id, one.id());
    assert_eq!(store.chain_head(&key, &atlas_record::SpaceId([0; 32])).unwrap(), None);
    assert_whole(&store);
}

#[test]
fn counts_follow_what_is_shown() {
    let store = store();
    let size = |record: &Record| record.payload().unwrap().body.as_bytes().len() as u64;
    let first = draft(PAGE, 10, "first").key("k").make();
    let second = draft(PAGE, 11, "the second").key("k").make();
    put(&store, &first, valid());
    put(&store, &second, valid());
    put(&store, &draft(PAGE, 12, "bad").make(), invalid());
    let counts = store.counts(&space()).unwrap();
    assert_eq!(counts.len(), 1);
    assert_eq!((counts[0].counts.visible, counts[0].counts.total), (1, 3));
    assert_eq!(counts[0].counts.body_bytes, size(&first) + size(&second));
}

#[test]
fn documents_are_written_with_records_and_swapped_only_when_unchanged() {
    let store = store();
    let mut batch = Batch::new();
    batch.put_doc(DocKind::Genesis, "a", "1").put_doc(DocKind::Genesis, "b", "2").put_doc(DocKind::Space, "a", "3");
    batch.put(draft(POST, 1, "x").make(), Lifecycle::Append, valid());
    store.commit(batch).unwrap();
    let docs: Vec<_> = store.docs(DocKind::Genesis, b"").map(|doc| doc.unwrap()).collect();
    assert_eq!(
        docs.iter().map(|doc| (&doc.key[..], &doc.bytes[..])).collect::<Vec<_>>(),
        [(&b"a"[..], &b"1"[..]), (b"b", b"2")]
    );
    let swap = |expected: Option<&[u8]>, bytes: &[u8]| {
        let (kind, key) = (DocKind::Genesis, b"a".to_vec());
        let item = Item::SwapDoc { kind, key, expected: expected.map(<[u8]>::to_vec), bytes: Some(bytes.to_vec()) };
        store.commit([item].into_iter().collect()).unwrap().remove(0)
    };
    assert_eq!(swap(None, b"9"), Outcome::Conflict { found: Some(b"1".to_vec()) });
    assert_eq!(swap(Some(b"1"), b"9"), Outcome::Done);
    assert_eq!(store.doc(DocKind::Genesis, b"a").unwrap().unwrap(), b"9");
}

#[test]
fn what_waits_is_bounded_found_and_counted() {
    let bounds = WaitBounds { count: 2, bytes: 10_000 };
    let store = Store::in_memory(Config { parked: bounds, pending: bounds, ..Config::default() }).unwrap();
    let records: Vec<Record> = (0..3).map(|i| draft(POST, i, "waits").make()).collect();
    let needed = WaitKey::Record(records[2].id());
    let park = |record: &Record, waiting: Waiting| {
        let item = Item::Park { record: record.clone(), waiting, now: 5 };
        store.commit([item].into_iter().collect()).unwrap().remove(0)
    };
    assert_eq!(park(&records[0], Waiting::on(WaitKey::Until(100))), Outcome::Parked { count: 1 });
    assert_eq!(park(&records[1], Waiting { on: vec![needed], give_up: Some(50) }), Outcome::Parked { count: 2 });
    assert_eq!(park(&records[2], Waiting::default()), Outcome::Refused { limit: Limit::ParkedCount });
    assert_eq!(store.stats().refused, 1);
    let ids = |parked: Vec<atlas_store::ParkedRecord>| parked.iter().map(|p| p.record.id()).collect::<Vec<_>>();
    assert_eq!(ids(store.parked_waiting(&needed, 10).unwrap()), [records[1].id()]);
    assert!(store.parked_due(49, 10).unwrap().is_empty());
    assert_eq!(ids(store.parked_due(100, 10).unwrap()), [records[1].id(), records[0].id()]);
    assert_whole(&store);
    store.commit([Item::Unpark(records[1].id())].into_iter().collect()).unwrap();
    assert!(store.parked_waiting(&needed, 10).unwrap().is_empty());
    assert_eq!(store.stats().parked, 1);

    for record in &records[..2] {
        put(&store, record, Verdict::Pending(Waiting::on(needed)));
    }
    let refused = put(&store, &records[2], Verdict::Pending(Waiting::default()));
    assert_eq!(refused, Outcome::Refused { limit: Limit::PendingCount });
    assert_eq!(store.pending_waiting(&needed, 10).unwrap().len(), 2);
    judge(&store, &records[0], valid());
    assert_eq!(store.pending_waiting(&needed, 10).unwrap().len(), 1);
    assert_eq!(store.stats().pending, 1);
    assert_whole(&store);
}

#[test]
fn subscribers_see_arrivals_and_what_becomes_visible_later() {
    let store = store();
    let changes = store.changes(16);
    let record = draft(POST, 1, "x").make();
    put(&store, &record, Verdict::Pending(Waiting::default()));
    judge(&store, &record, valid());
    let next = || changes.next(Duration::from_secs(10)).unwrap()[0];
    assert_eq!((next().now, next().now), (Status::Pending, Status::Visible));
    assert_eq!(store.wait_beyond(0, Duration::ZERO), 1);
    let slow = store.changes(1);
    put(&store, &draft(POST, 2, "y").make(), valid());
    put(&store, &draft(POST, 3, "z").make(), valid());
    assert_eq!(slow.next(Duration::ZERO), Err(1));
}
