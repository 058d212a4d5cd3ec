//! What is sent is what came, and what is asked for is what lacks.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;

use atlas_record::{Record, RecordId, SpaceId, TypeName};
use atlas_store::{Batch, Config, Item, Lacking, Status, Store, Verdict, WaitKey, Waiting};
use common::*;

fn store() -> Store {
    Store::in_memory(Config::default()).unwrap()
}

fn all(store: &Store, records: &[&Record]) -> Vec<Option<Vec<u8>>> {
    records.iter().map(|record| encoded(store, &record.header().type_name, &[record.id().0]).remove(0)).collect()
}

fn encoded<const N: usize>(store: &Store, of: &TypeName, ids: &[[u8; N]]) -> Vec<Option<Vec<u8>>> {
    store.encoded(&space(), of, ids, false, usize::MAX).unwrap()
}

fn lacking(store: &Store, record: &Record) -> Option<Lacking> {
    store.lacking(&[record.id()]).unwrap()[0]
}

fn pending() -> Verdict {
    Verdict::Pending(Waiting::on(WaitKey::Until(u64::MAX)))
}

/// Parks a record.
fn park(store: &Store, record: &Record) {
    let waiting = Waiting::on(WaitKey::Until(9));
    commit(store, Item::Park { record: record.clone(), waiting, now: 1 });
}

#[test]
fn what_is_sent_is_what_came() {
    let store = store();
    let (kept, unknown) = (draft(POST, 1, "kept").make(), draft(POST, 2, "unknown").make());
    let granted = draft(PAGE, 3, "granted").key("k").grant(4).link("to", name("x")).expires(99).seq(2).make();
    let taken_back = draft(POST, 4, "taken back").make();
    let delete = draft(POST, 5, "delete").deletes(Some(taken_back.id())).make();
    let refused = draft(POST, 6, "refused").make();
    for record in [&kept, &granted, &taken_back, &delete] {
        put(&store, record, found_under(&[("tag", "a")]));
    }
    put(&store, &refused, invalid());
    let sent = all(&store, &[&delete, &unknown, &kept, &granted, &taken_back, &refused, &kept]);
    let header_only = |record: &Record| Some(record.clone().erased().encode());
    let expected = [
        Some(delete.encode()),
        None,
        Some(kept.encode()),
        Some(granted.encode()),
        header_only(&taken_back),
        header_only(&refused),
        Some(kept.encode()),
    ];
    assert_eq!(sent, expected);
    assert!(sent.iter().flatten().all(|bytes| Record::decode(bytes).is_ok()));
}

#[test]
fn an_answer_ends_before_it_is_too_long_and_never_without_anything() {
    let store = store();
    let records: Vec<Record> = (0..5).map(|i| draft(POST, i, &"long ".repeat(100)).make()).collect();
    records.iter().for_each(|record| drop(put(&store, record, valid())));
    let ids: Vec<[u8; 32]> = records.iter().map(|record| record.id().0).collect();
    let size = records[0].encode().len();
    let sent = |most| store.encoded(&space(), &type_name(POST), &ids, false, most).unwrap().len();
    assert_eq!([sent(0), sent(size), sent(3 * size), sent(3 * size + 1), sent(5 * size)], [1, 1, 3, 3, 5]);
}

#[test]
fn a_record_is_handed_out_in_its_own_space_and_under_its_own_type_alone() {
    let store = store();
    let post = draft(POST, 1, "a post").make();
    let elsewhere = {
        let mut draft = draft(POST, 2, "a secret of another space");
        draft.header.space = SpaceId([2; 32]);
        draft.make()
    };
    for record in [&post, &elsewhere] {
        put(&store, record, valid());
    }
    let ids = [post.id().0, elsewhere.id().0];
    assert_eq!(encoded(&store, &type_name(POST), &ids), [Some(post.encode()), None]);
    assert_eq!(encoded(&store, &type_name(PAGE), &ids), [None, None]);
    let of = |space| store.encoded(&SpaceId([space; 32]), &type_name(POST), &ids, false, usize::MAX).unwrap();
    let other = of(2);
    assert_eq!(other, [None, Some(elsewhere.encode())]);
    assert_eq!(of(3), [None, None]);
}

#[test]
fn the_first_bytes_of_an_id_name_a_record_of_the_set() {
    let store = store();
    let posts: Vec<Record> = (0..600).map(|i| draft(POST, i, &i.to_string()).make()).collect();
    posts.iter().for_each(|post| drop(put(&store, post, valid())));
    let whole: Vec<[u8; 32]> = posts.iter().map(|post| post.id().0).collect();
    let short: Vec<[u8; 16]> = whole.iter().map(|id| *id.first_chunk().unwrap()).collect();
    let found = encoded(&store, &type_name(POST), &short);
    assert_eq!(found, encoded(&store, &type_name(POST), &whole));
    assert!(found.iter().zip(&posts).all(|(found, post)| found.as_deref() == Some(&post.encode()[..])));
    // With so many, some share their first byte: one of those that do is given, if it is of the set.
    let first = encoded(&store, &type_name(POST), &[[whole[0][0]]]).remove(0).unwrap();
    assert_eq!(Record::decode(&first).unwrap().id().0[0], whole[0][0]);
    assert_eq!(encoded(&store, &type_name(POST), &[[7; 16]]), [None]);
    let page = draft(PAGE, 1, "a page").make();
    put(&store, &page, valid());
    let (pages, first) = (type_name(PAGE), [page.id().0[0]]);
    assert_eq!(encoded(&store, &pages, &[first]), [Some(page.encode())], "those of other types are passed over");
}

#[test]
fn headers_that_wait_for_their_bodies_are_found_and_no_others() {
    let store = store();
    let own_body = |record: &Record| Verdict::Pending(Waiting::on(WaitKey::Record(record.id())));
    let bare: Vec<Record> = (0..5).map(|i| draft(POST, i, &i.to_string()).make()).collect();
    for record in &bare {
        put(&store, &record.clone().erased(), own_body(record));
    }
    let (whole, waits_for_another) = (draft(POST, 8, "whole").make(), draft(PAGE, 9, "waits").make());
    put(&store, &whole, valid());
    put(&store, &waits_for_another, Verdict::Pending(Waiting::on(WaitKey::Record(RecordId([3; 32])))));
    let found = |seed, most| -> BTreeSet<RecordId> {
        let found = store.without_bodies(&space(), [seed; 32], most).unwrap();
        assert!(found.iter().all(|(of, _)| *of == type_name(POST)));
        found.into_iter().map(|(_, id)| id).collect()
    };
    let all: BTreeSet<RecordId> = bare.iter().map(Record::id).collect();
    for seed in [0, 100, 255] {
        assert_eq!(found(seed, 10), all, "from any place on, around to it");
    }
    let some: BTreeSet<RecordId> = (0..=255).flat_map(|seed| found(seed, 1)).collect();
    assert_eq!(some, all, "another place, others");
    assert!(store.without_bodies(&SpaceId([2; 32]), [0; 32], 10).unwrap().is_empty());

    commit(&store, Item::Judge { id: bare[0].id(), verdict: valid(), payload: bare[0].payload().cloned() });
    assert_eq!(found(0, 10).len(), 4, "a body that has come is not asked for");
    let ids: Vec<[u8; 16]> = bare.iter().map(|record| *record.id().0.first_chunk().unwrap()).collect();
    let sent = store.encoded(&space(), &type_name(POST), &ids, true, usize::MAX).unwrap();
    assert_eq!(sent[0], Some(bare[0].encode()));
    assert!(sent[1..].iter().all(Option::is_none), "what has no body is left out where whole ones are wanted");
}

#[test]
fn what_is_stored_or_parked_is_not_asked_for_again() {
    let store = store();
    let [stored, parked, unknown, invalid_one] = [1, 2, 3, 4].map(|i| draft(POST, i, &i.to_string()).make());
    put(&store, &stored, valid());
    put(&store, &invalid_one, invalid());
    park(&store, &parked);
    let ids = [unknown.id(), stored.id(), parked.id(), invalid_one.id(), unknown.id()];
    assert_eq!(store.absent(&ids).unwrap(), [unknown.id(), unknown.id()]);
    let all = Some(Lacking::Record);
    assert_eq!(store.lacking(&ids).unwrap(), [all, None, None, None, all]);
    commit(&store, Item::Unpark(parked.id()));
    assert_eq!(lacking(&store, &parked), all);
}

#[test]
fn a_body_is_asked_for_as_long_as_it_would_be_kept() {
    let store = store();
    let body = Some(Lacking::Body);
    let record = draft(POST, 1, "without its body").make();
    put(&store, &record.clone().erased(), pending());
    assert_eq!(lacking(&store, &record), body, "it waits for its body");
    assert_eq!(
        judge(&store, &record.clone().erased(), valid()),
        atlas_store::Outcome::Changed { n: 1, visible: false }
    );
    assert_eq!((status(&store, &record), lacking(&store, &record)), (Status::Bodiless, body));
    judge(&store, &record, valid());
    assert_eq!((status(&store, &record), lacking(&store, &record)), (Status::Visible, None));

    let waiting = draft(POST, 2, "waits with its body").make();
    put(&store, &waiting, pending());
    assert_eq!(lacking(&store, &waiting), None);

    let erased = draft(POST, 3, "erased").make();
    put(&store, &erased, valid());
    commit(&store, Item::Erase(erased.id()));
    assert_eq!(lacking(&store, &erased), None);

    let delete = draft(POST, 4, "delete").deletes(Some(record.id())).make();
    store.commit(Batch::from_iter([Item::Put(judged(&delete, valid()))])).unwrap();
    assert_eq!(lacking(&store, &delete), None, "a delete has none");
    assert_eq!(lacking(&store, &record), None, "it was taken back");
}
