//! The same records show the same, in whatever order and however often they come.
//!
//! A small model says what must be shown, straight from the rules, over the whole set at
//! once; the store gets the set piece by piece, shuffled, with repetitions, grouped at random,
//! and is opened anew in between. Each record has a story of its own, verdicts and revocations
//! one after the other; the stories are interleaved at random, and only the last word of each
//! must count.
#![allow(clippy::unwrap_used)]

mod common;
mod model;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use atlas_record::{GrantId, RecordId};
use atlas_store::kv::memory::MemoryKv;
use atlas_store::{Batch, By, Config, Item, JudgedRecord, Scan, Status, Store, Values};
use common::*;
use model::{GRANT, Made, Model, NOW, Said, Spec, Word};
use proptest::prelude::*;
use proptest::sample::Index;

fn said() -> impl Strategy<Value = Said> {
    prop_oneof![5 => Just(Said::Valid), 1 => Just(Said::Invalid), 1 => Just(Said::Pending)]
}

fn word() -> impl Strategy<Value = Word> {
    prop_oneof![said().prop_map(Word::Verdict), any::<bool>().prop_map(Word::Revoked)]
}

prop_compose! {
    fn spec()(
        author in 1u8..3,
        of in prop::sample::select(vec![POST, PAGE]),
        key in prop::sample::select(vec![None, None, Some("k"), Some("k"), Some("l")]),
        created in 1u64..8,
        delete in prop::option::weighted(0.3, any::<Index>()),
        verdict in said(),
        (revoked, creates_only) in (prop::bool::weighted(0.15), prop::bool::weighted(0.3)),
        later in prop::collection::vec(word(), 0..4),
        expires in prop::bool::weighted(0.15),
        (seq, granted) in (0u64..5, any::<bool>()),
        tag in prop::sample::select(vec!["a", "b"]),
    ) -> Spec {
        Spec { author, of, key, created, delete, verdict, revoked, creates_only, later, expires, seq, granted, tag }
    }
}

fn found(store: &Store, by: By) -> BTreeSet<RecordId> {
    let hits = store.scan(&Scan::new(space(), by)).unwrap();
    hits.map(|hit| store.by_number(hit.unwrap().n).unwrap().unwrap().record.id()).collect()
}

/// Everything that is shown, by every index that shows it.
fn assert_shows(store: &Store, model: &Model) {
    let shown = |want: &dyn Fn(&Spec) -> bool| -> BTreeSet<RecordId> {
        let visible = |one: &&Made| model.status(one) == Status::Visible && want(&one.spec);
        model.0.iter().filter(visible).map(Made::id).collect()
    };
    let all = shown(&|_| true);
    assert_eq!(found(store, By::Arrival { after: 0 }), all, "by arrival");
    for number in 1..3u8 {
        let by = |type_name| By::Author { author: author(number), type_name };
        assert_eq!(found(store, by(None)), shown(&|one| one.author == number), "by author");
        let pages = shown(&|one| one.author == number && one.of == PAGE);
        assert_eq!(found(store, by(Some(type_name(PAGE)))), pages, "by author and type");
    }
    for of in [POST, PAGE] {
        assert_eq!(found(store, By::Type(type_name(of))), shown(&|one| one.of == of), "by type");
        for tag in ["a", "b"] {
            let tagged = shown(&|one| one.of == of && one.tag == tag);
            let index = |values| By::Index { type_name: type_name(of), name: "tag".into(), values };
            assert_eq!(found(store, index(Values::Eq(tag.into()))), tagged, "by index");
            let link = By::LinkTo { relation: None, target: name(tag), type_name: Some(type_name(of)) };
            assert_eq!(found(store, link), tagged, "by link");
        }
    }
    let counts = store.counts(&space()).unwrap();
    assert_eq!(counts.iter().map(|of| of.counts.visible).sum::<u64>(), all.len() as u64, "counts");
    assert_eq!(counts.iter().map(|of| of.counts.total).sum::<u64>(), model.0.len() as u64, "the replicated set");
    let pending = model.0.iter().filter(|one| model.waits(one)).count();
    assert_eq!(store.stats().pending, pending as u64, "what waits for a verdict");
}

/// Statuses and what follows from them. A body that was dropped on the way may not be back.
fn assert_statuses(store: &Store, model: &Model, bodies_are_back: bool) {
    for one in &model.0 {
        let stored = store.get(&one.id()).unwrap().unwrap();
        let expected = model.status(one);
        if bodies_are_back {
            assert_eq!(stored.status, expected, "{one:?}");
            assert_eq!(stored.record.payload().is_some(), model.keeps_body(one), "{one:?}");
        } else {
            let seen = if stored.status == Status::Bodiless { Status::Visible } else { stored.status };
            assert_eq!(seen, expected, "{one:?}");
            assert!(model.keeps_body(one) || stored.record.payload().is_none(), "{one:?}");
        }
        assert_eq!((stored.revoked, &stored.verdict), (one.is_revoked(), &one.verdict(one.last_said())));
    }
}

/// History and what stands, at every address.
fn assert_addresses(store: &Store, model: &Model) {
    let mut addresses: BTreeMap<_, Vec<&Made>> = BTreeMap::new();
    for one in &model.0 {
        addresses.entry(one.address()).or_default().push(one);
    }
    for (at, mut there) in addresses {
        let Some((by, of, key)) = at else { continue };
        there.sort_by_key(|one| one.rank());
        let at = address(by, of, key);
        let (mut history, mut from) = (Vec::new(), None);
        loop {
            let page = store.history(&at, from, 2).unwrap();
            if from.is_none() {
                assert_backwards(store, &at);
            }
            history.extend(page.records.iter().map(|stored| stored.record.id()));
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        assert_eq!(history, there.iter().map(|one| one.id()).collect::<Vec<_>>());
        let standing = there.iter().find(|one| model.stands(one)).map(|one| one.id());
        assert_eq!(store.current(&at).unwrap().map(|stored| stored.record.id()), standing);
    }
}

/// Chains and grants list records of every status.
fn assert_lists_all(store: &Store, model: &Model) {
    let ids = |numbers: Vec<u64>| -> BTreeSet<RecordId> {
        numbers.iter().map(|n| store.by_number(*n).unwrap().unwrap().record.id()).collect()
    };
    let granted = model.0.iter().filter(|one| one.spec.granted).map(Made::id).collect();
    assert_eq!(ids(store.by_grant(&GrantId([GRANT; 32]), 0, usize::MAX).unwrap()), granted);
    for number in 1..3u8 {
        let key = atlas_record::id::PublicKey([number; 32]);
        let chained = |from: u64| -> BTreeSet<(u64, RecordId)> {
            let chained = |one: &&Made| one.spec.author == number && one.spec.seq >= from.max(1);
            model.0.iter().filter(chained).map(|one| (one.spec.seq, one.id())).collect()
        };
        for from in [0, 2] {
            let listed: Vec<_> = store.chain(&key, &space(), from).unwrap().map(Result::unwrap).collect();
            assert!(listed.is_sorted_by_key(|position| (position.seq, position.n)));
            assert_eq!(listed.len(), chained(from).len());
            assert_eq!(listed.iter().map(|p| (p.seq, p.id)).collect::<BTreeSet<_>>(), chained(from));
        }
        let spaces = if chained(0).is_empty() { vec![] } else { vec![space()] };
        assert_eq!(store.chain_spaces(&key).unwrap(), spaces);
    }
}

#[derive(Debug, Clone)]
struct Delivery {
    which: Index,
    /// A record that is here comes again.
    repeats: Option<Index>,
    closes_batch: bool,
    reopens: bool,
    expires: bool,
}

fn deliveries() -> impl Strategy<Value = Vec<Delivery>> {
    let rarely = || prop::bool::weighted(0.1);
    let repeats = prop::option::weighted(0.2, any::<Index>());
    let one = (any::<Index>(), repeats, prop::bool::weighted(0.2), rarely(), rarely()).prop_map(
        |(which, repeats, closes_batch, reopens, expires)| Delivery { which, repeats, closes_batch, reopens, expires },
    );
    prop::collection::vec(one, 40)
}

fn arrival(one: &Made) -> Item {
    let Spec { of, verdict, revoked, creates_only, .. } = one.spec;
    let judged = JudgedRecord::new(one.record.clone(), lifecycle(of), one.verdict(verdict));
    Item::Put(JudgedRecord { revoked, creates_only, ..judged })
}

fn said_later(one: &Made, word: Word) -> Item {
    let (id, payload) = (one.id(), one.record.payload().cloned());
    match word {
        Word::Verdict(said) => Item::Judge { id, verdict: one.verdict(said), payload },
        Word::Revoked(revoked) => Item::SetRevoked { id, revoked },
    }
}

/// Tells a store the stories, interleaved, and compares it with the model.
fn assert_follows(model: &Model, how: &[Delivery]) {
    let kv = Arc::new(MemoryKv::new());
    let mut store = Store::on(kv.clone(), None, Config::default()).unwrap();
    let mut batch = Batch::new();
    // How much of each story was told: the record itself, then what is said of it.
    let mut told = vec![0; model.0.len()];
    for delivery in how.iter().cycle() {
        let untold: Vec<usize> = (0..told.len()).filter(|i| told[*i] <= model.0[*i].spec.later.len()).collect();
        if untold.is_empty() {
            break;
        }
        let which = untold[delivery.which.index(untold.len())];
        let one = &model.0[which];
        batch.push(match told[which] {
            0 => arrival(one),
            words => said_later(one, one.spec.later[words - 1]),
        });
        told[which] += 1;
        if let Some(which) = delivery.repeats.map(|again| again.index(told.len())).filter(|i| told[*i] > 0) {
            batch.push(arrival(&model.0[which]));
        }
        if delivery.expires {
            batch.push(Item::EraseExpired { now: NOW, most: 3 });
        }
        if delivery.closes_batch {
            store.commit(std::mem::take(&mut batch)).unwrap();
        }
        if delivery.reopens {
            store.commit(std::mem::take(&mut batch)).unwrap();
            drop(store);
            store = Store::on(kv.clone(), None, Config::default()).unwrap();
        }
    }
    store.commit(batch).unwrap();
    store.erase_expired(NOW).unwrap();

    assert_statuses(&store, model, false);
    assert_addresses(&store, model);
    assert_lists_all(&store, model);
    assert_whole(&store);
    // Bodies that were dropped under a delete or a verdict of the meantime come again.
    store.commit(model.0.iter().map(|one| said_later(one, Word::Verdict(one.last_said()))).collect()).unwrap();
    assert_statuses(&store, model, true);
    assert_shows(&store, model);
    assert_addresses(&store, model);
    assert_whole(&store);
}

/// Pages from the end are pages from the beginning, the other way round.
fn assert_backwards(store: &Store, at: &atlas_record::Address) {
    let mut forward = store.history(at, None, usize::MAX - 1).unwrap().records;
    forward.reverse();
    let (mut backward, mut before) = (Vec::new(), None);
    loop {
        let page = store.history_before(at, before, 2).unwrap();
        backward.extend(page.records);
        match page.next {
            Some(next) => before = Some(next),
            None => break,
        }
    }
    assert_eq!(backward, forward);
}

proptest! {
    #[test]
    fn any_order_of_arrival_shows_the_same(specs in prop::collection::vec(spec(), 1..24), how in deliveries()) {
        assert_follows(&Model::of(specs), &how);
    }

    /// All of one author and type, without a key or with the same: everything bears on everything.
    #[test]
    fn any_order_of_arrival_shows_the_same_in_a_crowd(
        specs in prop::collection::vec(spec(), 1..16),
        of in prop::sample::select(vec![POST, PAGE]),
        key in prop::sample::select(vec![None, Some("k")]),
        how in deliveries(),
    ) {
        let crowd = specs.into_iter().map(|spec| Spec { author: 1, of, key, expires: false, ..spec }).collect();
        assert_follows(&Model::of(crowd), &how);
    }
}
