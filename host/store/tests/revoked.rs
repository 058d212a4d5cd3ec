//! Revocations come and go, and their effects with them; some puts may only create.
#![allow(clippy::unwrap_used)]

mod common;

use atlas_record::{GrantId, Record, SpaceId};
use atlas_store::{Batch, By, Config, Item, JudgedRecord, Outcome, Scan, Status, Store, Verdict, WaitKey, Waiting};
use common::*;

fn store() -> Store {
    Store::in_memory(Config::default()).unwrap()
}

fn current(store: &Store, key: &str) -> Option<String> {
    let stored = store.current(&address(1, PAGE, key)).unwrap()?;
    Some(if stored.status == Status::Delete { "a delete".to_owned() } else { text(&stored.record) })
}

fn page(created: u64, text: &str) -> Record {
    draft(PAGE, created, text).key("k").make()
}

fn delete_page(created: u64) -> Record {
    draft(PAGE, created, "delete").key("k").deletes(None).make()
}

#[test]
fn a_revoked_record_is_not_shown_and_keeps_its_verdict_and_body() {
    let store = store();
    let record = draft(POST, 10, "said").link("about", name("x")).make();
    put(&store, &record, found_under(&[("tag", "t")]));
    assert_eq!(revoke(&store, &record), Outcome::Changed { n: 1, visible: false });
    assert_eq!(revoke(&store, &record), Outcome::Unchanged { n: 1 });
    let stored = store.get(&record.id()).unwrap().unwrap();
    assert_eq!((stored.status, stored.revoked, stored.entries().len()), (Status::Revoked, true, 1));
    assert_eq!(stored.record, record);
    assert!(texts(&store, &by_type(POST)).is_empty());
    let about = By::LinkTo { relation: None, target: name("x"), type_name: None };
    assert!(texts(&store, &Scan::new(space(), about)).is_empty());
    assert_eq!(store.counts(&space()).unwrap()[0].counts.visible, 0);
    let set = store.admissible(&space(), &type_name(POST), None).unwrap();
    assert_eq!(set.count(), 1, "the replicated set keeps it");
    assert_whole(&store);

    assert_eq!(restore(&store, &record), Outcome::Changed { n: 1, visible: true });
    assert_eq!(texts(&store, &by_type(POST)), ["said"]);
    assert_whole(&store);
}

#[test]
fn what_is_not_here_cannot_be_revoked() {
    let store = store();
    assert_eq!(revoke(&store, &draft(POST, 1, "elsewhere").make()), Outcome::Unknown);
}

#[test]
fn a_record_can_be_revoked_before_it_comes() {
    let store = store();
    let record = page(10, "late");
    put(&store, &page(5, "earlier"), valid());
    assert_eq!(put_revoked(&store, &record), Outcome::Stored { n: 2, visible: false, forked: false });
    assert_eq!(current(&store, "k").as_deref(), Some("earlier"));
    assert_eq!(texts(&store, &by_type(PAGE)), ["earlier"]);
    restore(&store, &record);
    assert_eq!(texts(&store, &by_type(PAGE)), ["late"]);
    assert_whole(&store);
}

#[test]
fn a_revoked_record_gives_its_address_back_and_takes_it_again() {
    let store = store();
    let [first, second, third] = [page(10, "first"), page(11, "second"), page(12, "third")];
    for record in [&first, &second, &third] {
        put(&store, record, valid());
    }
    revoke(&store, &second);
    assert_eq!(current(&store, "k").as_deref(), Some("third"));
    revoke(&store, &third);
    assert_eq!(texts(&store, &by_type(PAGE)), ["first"]);
    assert_whole(&store);
    restore(&store, &second);
    assert_eq!(texts(&store, &by_type(PAGE)), ["second"]);
    assert_eq!(status(&store, &first), Status::Superseded);
    revoke(&store, &first);
    revoke(&store, &second);
    assert_eq!(store.current(&address(1, PAGE, "k")).unwrap(), None);
    // Whatever stands, history tells all of it in order of time.
    let history = store.history(&address(1, PAGE, "k"), None, 10).unwrap();
    assert_eq!(history.records.iter().map(|r| text(&r.record)).collect::<Vec<_>>(), ["first", "second", "third"]);
    assert_whole(&store);
}

#[test]
fn a_revoked_delete_gives_back_what_no_other_delete_covers() {
    let store = store();
    let [old, newer] = [page(10, "old"), page(20, "newer")];
    let [first, second] = [delete_page(15), delete_page(25)];
    for record in [&old, &newer, &first, &second] {
        put(&store, record, valid());
    }
    assert_eq!((status(&store, &old), status(&store, &newer)), (Status::Deleted, Status::Deleted));
    revoke(&store, &second);
    assert_eq!((status(&store, &old), status(&store, &newer)), (Status::Deleted, Status::Bodiless));
    assert_eq!(status(&store, &second), Status::Revoked);
    assert_whole(&store);
    revoke(&store, &first);
    assert_eq!((status(&store, &old), status(&store, &newer)), (Status::Superseded, Status::Bodiless));
    restore(&store, &second);
    assert_eq!((status(&store, &old), status(&store, &newer)), (Status::Deleted, Status::Deleted));
    assert_eq!(current(&store, "k").as_deref(), Some("a delete"));
    assert_whole(&store);
}

#[test]
fn a_body_comes_again_once_its_record_is_deleted_no_longer() {
    let store = store();
    let (record, delete) = (page(10, "back"), delete_page(11));
    put(&store, &record, valid());
    put(&store, &delete, valid());
    judge(&store, &record, valid());
    assert!(!has_body(&store, &record), "not while it is deleted");
    revoke(&store, &delete);
    assert_eq!((status(&store, &record), has_body(&store, &record)), (Status::Bodiless, false));
    assert_eq!(judge(&store, &record, valid()), Outcome::Changed { n: 1, visible: true });
    assert_eq!(texts(&store, &by_type(PAGE)), ["back"]);
    assert_whole(&store);
}

#[test]
fn a_delete_that_is_revoked_when_it_comes_takes_nothing() {
    let store = store();
    let post = draft(POST, 10, "said").make();
    put(&store, &post, valid());
    put(&store, &page(10, "page"), valid());
    put_revoked(&store, &delete_page(11));
    put_revoked(&store, &draft(POST, 11, "delete").deletes(Some(post.id())).make());
    assert_eq!(
        (texts(&store, &by_type(POST)), texts(&store, &by_type(PAGE))),
        (vec!["said".into()], vec!["page".into()])
    );
    assert_whole(&store);
}

#[test]
fn an_unkeyed_record_comes_back_when_the_last_delete_of_it_is_revoked() {
    let post = draft(POST, 10, "said").make();
    let deletes = [11, 12].map(|created| draft(POST, created, "delete").deletes(Some(post.id())).make());
    for post_first in [true, false] {
        let store = store();
        let mut records: Vec<&Record> = deletes.iter().collect();
        records.insert(if post_first { 0 } else { 2 }, &post);
        records.iter().for_each(|record| drop(put(&store, record, valid())));
        revoke(&store, &deletes[0]);
        assert_eq!(status(&store, &post), Status::Deleted, "the other delete stands");
        assert_whole(&store);
        revoke(&store, &deletes[1]);
        assert_eq!(status(&store, &post), Status::Bodiless);
        judge(&store, &post, valid());
        assert_eq!(texts(&store, &by_type(POST)), ["said"]);
        assert_whole(&store);
        restore(&store, &deletes[0]);
        assert_eq!((status(&store, &post), has_body(&store, &post)), (Status::Deleted, false));
        assert_whole(&store);
    }
}

#[test]
fn deletes_that_come_and_go_in_one_batch_are_told_apart() {
    let store = store();
    let post = draft(POST, 10, "said").make();
    let deletes = [11, 12].map(|created| draft(POST, created, "delete").deletes(Some(post.id())).make());
    let mut batch = Batch::new();
    batch.put_judged(judged(&post, valid()));
    for delete in &deletes {
        batch.put_judged(judged(delete, valid()));
    }
    batch.set_revoked(deletes[1].id(), true);
    store.commit(batch).unwrap();
    assert_eq!(status(&store, &post), Status::Deleted);
    assert_whole(&store);
}

#[test]
fn a_delete_that_is_judged_anew_is_taken_back_too() {
    let store = store();
    let (record, delete) = (page(10, "said"), delete_page(11));
    put(&store, &record, valid());
    put(&store, &delete, valid());
    judge(&store, &delete, invalid());
    assert_eq!(status(&store, &record), Status::Bodiless);
    judge(&store, &delete, valid());
    assert_eq!(status(&store, &record), Status::Deleted);
    assert_whole(&store);
}

#[test]
fn what_is_gone_for_good_is_not_restored() {
    let store = store();
    let passing = draft(POST, 10, "passing").expires(100).make();
    let unlawful = draft(POST, 11, "unlawful").make();
    for record in [&passing, &unlawful] {
        put_revoked(&store, record);
    }
    store.commit([Item::Erase(unlawful.id())].into_iter().collect()).unwrap();
    store.erase_expired(100).unwrap();
    for (record, gone) in [(&passing, Status::Expired), (&unlawful, Status::Erased)] {
        assert_eq!(status(&store, record), gone);
        restore(&store, record);
        judge(&store, record, valid());
        assert_eq!((status(&store, record), has_body(&store, record)), (gone, false));
    }
    assert_whole(&store);
}

#[test]
fn a_revoked_record_waits_for_its_verdict_like_any_other() {
    let store = store();
    let record = draft(POST, 10, "waits").make();
    let needed = WaitKey::Record(draft(POST, 1, "needed").make().id());
    let pending = Verdict::Pending(Waiting::on(needed));
    let revoked = JudgedRecord { revoked: true, ..judged(&record, pending.clone()) };
    commit(&store, Item::Put(revoked));
    assert_eq!((status(&store, &record), store.stats().pending), (Status::Revoked, 1));
    assert_eq!(store.pending_waiting(&needed, 10).unwrap()[0].verdict, pending);
    assert_whole(&store);
    // Judged meanwhile, it is shown as soon as it is restored.
    assert_eq!(judge(&store, &record, valid()), Outcome::Changed { n: 1, visible: false });
    assert_eq!((status(&store, &record), store.stats().pending), (Status::Revoked, 0));
    assert_eq!(restore(&store, &record), Outcome::Changed { n: 1, visible: true });
    assert_whole(&store);
    // And the other way round: restored first, it waits on.
    let other = draft(POST, 11, "waits too").make();
    put(&store, &other, Verdict::Pending(Waiting::on(needed)));
    revoke(&store, &other);
    restore(&store, &other);
    assert_eq!((status(&store, &other), store.pending_waiting(&needed, 10).unwrap().len()), (Status::Pending, 1));
    assert_whole(&store);
}

#[test]
fn a_revoked_record_that_is_judged_invalid_loses_its_body() {
    let store = store();
    let record = draft(POST, 10, "bad").make();
    put_revoked(&store, &record);
    judge(&store, &record, invalid());
    assert_eq!((status(&store, &record), has_body(&store, &record)), (Status::Revoked, false));
    restore(&store, &record);
    assert_eq!(status(&store, &record), Status::Invalid);
    assert_whole(&store);
}

#[test]
fn a_put_that_may_only_create_replaces_nothing() {
    let [ordinary, later] = [page(10, "ordinary"), page(20, "later")];
    for create_first in [true, false] {
        let store = store();
        if create_first {
            create(&store, &later);
            assert_eq!(texts(&store, &by_type(PAGE)), ["later"], "nothing was there");
        }
        put(&store, &ordinary, valid());
        if !create_first {
            create(&store, &later);
        }
        assert_eq!(texts(&store, &by_type(PAGE)), ["ordinary"]);
        assert_eq!(status(&store, &later), Status::Superseded);
        assert!(store.get(&later.id()).unwrap().unwrap().creates_only);
        let history = store.history(&address(1, PAGE, "k"), None, 10).unwrap();
        assert_eq!(history.records.iter().map(|r| text(&r.record)).collect::<Vec<_>>(), ["ordinary", "later"]);
        assert_whole(&store);
        // Where the ordinary record goes, what was created stands.
        revoke(&store, &ordinary);
        assert_eq!(texts(&store, &by_type(PAGE)), ["later"]);
        assert_whole(&store);
    }
}

#[test]
fn of_puts_that_may_only_create_the_earliest_stands() {
    let store = store();
    let [first, second, third] = [page(10, "first"), page(20, "second"), page(30, "third")];
    for record in [&second, &third, &first] {
        create(&store, record);
    }
    assert_eq!(texts(&store, &by_type(PAGE)), ["first"]);
    revoke(&store, &first);
    assert_eq!(texts(&store, &by_type(PAGE)), ["second"]);
    revoke(&store, &third);
    revoke(&store, &second);
    assert_eq!(current(&store, "k"), None);
    restore(&store, &third);
    restore(&store, &first);
    assert_eq!(texts(&store, &by_type(PAGE)), ["first"]);
    assert_whole(&store);
}

#[test]
fn nothing_is_created_where_a_delete_stands() {
    let store = store();
    let (before, delete, after) = (page(10, "before"), delete_page(20), page(30, "after"));
    create(&store, &before);
    put(&store, &delete, valid());
    create(&store, &after);
    assert_eq!(current(&store, "k").as_deref(), Some("a delete"));
    assert_eq!((status(&store, &before), status(&store, &after)), (Status::Deleted, Status::Superseded));
    assert!(has_body(&store, &after), "what was written after the delete was not taken back by it");
    assert_whole(&store);
    revoke(&store, &delete);
    assert_eq!((status(&store, &before), status(&store, &after)), (Status::Bodiless, Status::Superseded));
    assert_whole(&store);
}

#[test]
fn history_is_paged_by_time_wherever_the_standing_record_is_in_it() {
    let store = store();
    let pages: Vec<Record> = (1..=7).map(|created| page(created, &format!("{created}"))).collect();
    pages.iter().for_each(|record| drop(create(&store, record)));
    assert_eq!(current(&store, "k").as_deref(), Some("1"));
    for most in 1..=8 {
        let (mut all, mut from) = (Vec::new(), None);
        loop {
            let history = store.history(&address(1, PAGE, "k"), from, most).unwrap();
            all.extend(history.records.iter().map(|stored| stored.created()));
            from = history.next;
            if from.is_none() {
                break;
            }
        }
        assert_eq!(all, (1..=7).collect::<Vec<_>>(), "{most} at a time");
    }
}

#[test]
fn a_chain_lists_every_position_with_its_forks_in_order() {
    let store = store();
    let fork = draft(POST, 5, "fork").seq(2).make();
    let chain: Vec<Record> = (1..=4).map(|seq| draft(POST, seq, "chained").seq(seq).make()).collect();
    for record in [&chain[3], &fork, &chain[1], &chain[0]] {
        put(&store, record, valid());
    }
    put_revoked(&store, &chain[2]);
    put(&store, &draft(POST, 9, "of another key").by(2).seq(2).make(), valid());
    put(&store, &draft(POST, 9, "of no chain").make(), valid());
    let key = chain[0].header().key;
    let listed = |from| -> Vec<_> {
        store.chain(&key, &space(), from).unwrap().map(|position| position.unwrap()).map(|p| (p.seq, p.id)).collect()
    };
    let all =
        [(1, &chain[0]), (2, &fork), (2, &chain[1]), (3, &chain[2]), (4, &chain[3])].map(|(seq, r)| (seq, r.id()));
    assert_eq!(listed(0), all);
    assert_eq!(listed(2), all[1..]);
    assert_eq!(listed(3), all[3..]);
    assert_eq!(listed(5), []);
    assert_eq!(store.chain(&key, &SpaceId([0; 32]), 0).unwrap().count(), 0);
    assert_whole(&store);
}

#[test]
fn the_spaces_of_a_key_are_those_in_which_it_has_a_chain() {
    let store = store();
    let of = |number: u8, seq: u64| {
        let mut draft = draft(POST, seq, "x").seq(seq);
        draft.header.space = SpaceId([number; 32]);
        draft.make()
    };
    let records = [of(7, 1), of(3, 1), of(7, 2), of(5, 1)];
    records.iter().for_each(|record| drop(put(&store, record, valid())));
    let key = records[0].header().key;
    assert_eq!(store.chain_spaces(&key).unwrap(), [7, 3, 5].map(|number| SpaceId([number; 32])));
    let stranger = atlas_record::id::PublicKey([99; 32]);
    assert!(store.chain_spaces(&stranger).unwrap().is_empty());
}

#[test]
fn records_are_found_by_their_grant_whatever_became_of_them() {
    let store = store();
    let post = draft(POST, 1, "ungranted").make();
    put(&store, &post, valid());
    put(&store, &draft(POST, 2, "valid").grant(1).make(), valid());
    put(&store, &draft(POST, 3, "invalid").grant(1).make(), invalid());
    put(&store, &draft(POST, 4, "of another").grant(2).make(), valid());
    put_revoked(&store, &draft(POST, 5, "revoked").grant(1).make());
    put(&store, &draft(POST, 6, "delete").grant(1).deletes(Some(post.id())).make(), valid());
    let by_grant = |number: u8, from, most| store.by_grant(&GrantId([number; 32]), from, most).unwrap();
    assert_eq!(by_grant(1, 0, 10), [2, 3, 5, 6]);
    assert_eq!(by_grant(1, 3, 2), [3, 5]);
    assert_eq!(by_grant(2, 0, 10), [4]);
    assert!(by_grant(3, 0, 10).is_empty());
    assert_whole(&store);
}
