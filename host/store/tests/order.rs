//! The same records show the same, in whatever order and however often they come.
//!
//! A small model says what must be shown, straight from the rules, over the whole set at
//! once; the store gets the set piece by piece, shuffled, with repetitions, grouped at random,
//! and is opened anew in between.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use atlas_record::order::{Lifecycle, Rank};
use atlas_record::{Op, Record, RecordId, Target};
use atlas_store::kv::memory::MemoryKv;
use atlas_store::{Batch, By, Config, IndexEntry, Item, Scan, Store, Values, Verdict, Waiting};
use common::*;
use proptest::prelude::*;
use proptest::sample::Index;

/// The time at which expiry is checked.
const NOW: u64 = 50;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Valid,
    Invalid,
    Pending,
}

#[derive(Debug, Clone)]
struct Spec {
    author: u8,
    of: &'static str,
    key: Option<&'static str>,
    created: u64,
    delete: Option<Index>,
    first: Said,
    /// What is said of it later, if anything.
    then: Option<Said>,
    expires: bool,
    tag: &'static str,
}

fn said() -> impl Strategy<Value = Said> {
    prop_oneof![5 => Just(Said::Valid), 1 => Just(Said::Invalid), 1 => Just(Said::Pending)]
}

prop_compose! {
    fn spec()(
        author in 1u8..3,
        of in prop::sample::select(vec![POST, PAGE]),
        key in prop::sample::select(vec![None, Some("k"), Some("k"), Some("l")]),
        created in 1u64..8,
        delete in prop::option::weighted(0.25, any::<Index>()),
        first in said(),
        then in prop::option::weighted(0.3, said()),
        expires in prop::bool::weighted(0.15),
        tag in prop::sample::select(vec!["a", "b"]),
    ) -> Spec {
        Spec { author, of, key, created, delete, first, then, expires, tag }
    }
}

struct Made {
    record: Record,
    spec: Spec,
}

impl Made {
    fn rank(&self) -> Rank {
        Rank { created: self.record.header().created, id: self.record.id() }
    }

    fn verdict(&self, said: Said) -> Verdict {
        match said {
            Said::Valid => Verdict::Valid(vec![IndexEntry::new("tag", self.spec.tag)]),
            Said::Invalid => invalid(),
            Said::Pending => Verdict::Pending(Waiting::default()),
        }
    }

    /// Whether the last word on it is that it is valid. A delete is not taken back.
    fn is_valid(&self) -> bool {
        let was = self.spec.first == Said::Valid;
        match self.spec.then {
            Some(then) if !(was && self.is_delete()) => then == Said::Valid,
            _ => was,
        }
    }

    fn is_delete(&self) -> bool {
        self.record.header().op == Op::Delete
    }

    fn address(&self) -> Option<(u8, &'static str, &'static str)> {
        self.spec.key.map(|key| (self.spec.author, self.spec.of, key))
    }
}

fn make(specs: Vec<Spec>) -> Vec<Made> {
    let mut made: Vec<Made> = Vec::new();
    for (i, spec) in specs.into_iter().enumerate() {
        let mut draft = draft(spec.of, spec.created, &format!("{i}")).by(spec.author).link("about", name(spec.tag));
        if let Some(key) = spec.key {
            draft = draft.key(key);
        }
        if spec.expires {
            draft = draft.expires(NOW);
        }
        if let Some(which) = &spec.delete {
            match (spec.key, made.is_empty()) {
                (Some(_), _) => draft = draft.deletes(None),
                (None, false) => draft = draft.deletes(Some(made[which.index(made.len())].record.id())),
                (None, true) => {}
            }
        }
        made.push(Made { record: draft.make(), spec });
    }
    made
}

/// The rules, over the whole set.
fn shown(made: &[Made]) -> BTreeSet<RecordId> {
    let taken_back = |one: &Made| {
        made.iter().any(|delete| {
            let same = (delete.spec.author, delete.spec.of) == (one.spec.author, one.spec.of);
            let names = match one.address() {
                Some(address) => delete.address() == Some(address) && delete.rank() > one.rank(),
                None => {
                    let target = delete.record.header().links.first().map(|link| &link.target);
                    delete.address().is_none() && target == Some(&Target::from(one.record.id()))
                }
            };
            delete.is_delete() && delete.is_valid() && same && names
        })
    };
    let superseded = |one: &Made| {
        lifecycle(one.spec.of) == Lifecycle::Replaceable
            && one.address().is_some()
            && made.iter().any(|by| by.is_valid() && by.address() == one.address() && by.rank() > one.rank())
    };
    made.iter()
        .filter(|one| one.is_valid() && !one.is_delete() && !one.spec.expires)
        .filter(|one| !taken_back(one) && !superseded(one))
        .map(|one| one.record.id())
        .collect()
}

fn found(store: &Store, by: By) -> BTreeSet<RecordId> {
    let hits = store.scan(&Scan::new(space(), by)).unwrap();
    hits.map(|hit| store.by_number(hit.unwrap().n).unwrap().unwrap().record.id()).collect()
}

/// Everything that is shown, by every index that shows it.
fn assert_shows(store: &Store, made: &[Made], expected: &BTreeSet<RecordId>) {
    let of = |want: &dyn Fn(&Made) -> bool| -> BTreeSet<RecordId> {
        made.iter().filter(|one| want(one) && expected.contains(&one.record.id())).map(|one| one.record.id()).collect()
    };
    assert_eq!(&found(store, By::Arrival { after: 0 }), expected, "by arrival");
    for number in 1..3u8 {
        let by = |type_name| By::Author { author: author(number), type_name };
        assert_eq!(found(store, by(None)), of(&|one| one.spec.author == number), "by author");
        let pages = of(&|one| one.spec.author == number && one.spec.of == PAGE);
        assert_eq!(found(store, by(Some(type_name(PAGE)))), pages, "by author and type");
    }
    for the_type in [POST, PAGE] {
        assert_eq!(found(store, By::Type(type_name(the_type))), of(&|one| one.spec.of == the_type), "by type");
        for tag in ["a", "b"] {
            let tagged = of(&|one| one.spec.of == the_type && one.spec.tag == tag);
            let index = |values| By::Index { type_name: type_name(the_type), name: "tag".into(), values };
            assert_eq!(found(store, index(Values::Eq(tag.into()))), tagged, "by index");
            let link = By::LinkTo { relation: None, target: name(tag), type_name: Some(type_name(the_type)) };
            assert_eq!(found(store, link), tagged, "by link");
        }
    }
    let counted: u64 = store.counts(&space()).unwrap().iter().map(|counts| counts.counts.visible).sum();
    assert_eq!(counted, expected.len() as u64, "counts");
    let total: u64 = store.counts(&space()).unwrap().iter().map(|counts| counts.counts.total).sum();
    assert_eq!(total, made.len() as u64, "the replicated set");
}

/// History and what stands, at every address.
fn assert_addresses(store: &Store, made: &[Made]) {
    let mut addresses: BTreeMap<_, Vec<&Made>> = BTreeMap::new();
    for one in made {
        addresses.entry(one.address()).or_default().push(one);
    }
    for (at, mut there) in addresses {
        let Some((by, of, key)) = at else { continue };
        there.sort_by_key(|one| one.rank());
        let at = address(by, of, key);
        let (mut history, mut from) = (Vec::new(), None);
        loop {
            let page = store.history(&at, from, 2).unwrap();
            history.extend(page.records.iter().map(|stored| stored.record.id()));
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        assert_eq!(history, there.iter().map(|one| one.record.id()).collect::<Vec<_>>());
        let top = there.iter().rev().find(|one| one.is_valid()).map(|one| one.record.id());
        assert_eq!(store.current(&at).unwrap().map(|stored| stored.record.id()), top);
    }
}

#[derive(Debug, Clone)]
struct Delivery {
    which: Index,
    /// Where the new verdict goes among what follows.
    judged_after: Index,
    closes_batch: bool,
    reopens: bool,
    expires: bool,
}

fn deliveries() -> impl Strategy<Value = Vec<Delivery>> {
    let one = (any::<Index>(), any::<Index>(), any::<bool>(), prop::bool::weighted(0.1), prop::bool::weighted(0.1))
        .prop_map(|(which, judged_after, closes_batch, reopens, expires)| Delivery {
            which,
            judged_after,
            closes_batch,
            reopens,
            expires,
        });
    prop::collection::vec(one, 40)
}

proptest! {
    #[test]
    fn any_order_of_arrival_shows_the_same(specs in prop::collection::vec(spec(), 1..24), how in deliveries()) {
        let made = make(specs);
        let expected = shown(&made);
        // A shuffle with repetitions: draw from a bag, and put some back.
        let mut bag: Vec<usize> = (0..made.len()).collect();
        let mut steps: Vec<(usize, bool)> = Vec::new();
        for delivery in how.iter().cycle() {
            if bag.is_empty() {
                break;
            }
            let which = bag.swap_remove(delivery.which.index(bag.len()));
            let comes_again = steps.len() % 5 == 4;
            steps.push((which, false));
            if comes_again {
                let again = steps[delivery.which.index(steps.len())].0;
                steps.push((again, false));
            }
        }
        for (i, one) in made.iter().enumerate().filter(|(_, one)| one.spec.then.is_some()) {
            let first = steps.iter().position(|step| *step == (i, false)).unwrap();
            let at = first + 1 + how[i % how.len()].judged_after.index(steps.len() - first);
            steps.insert(at, (i, true));
            let _ = one;
        }

        let kv = Arc::new(MemoryKv::new());
        let mut store = Store::on(kv.clone(), None, Config::default()).unwrap();
        let mut batch = Batch::new();
        for (step, delivery) in steps.iter().zip(how.iter().cycle()) {
            let one = &made[step.0];
            batch.push(match (step.1, one.spec.then) {
                (true, Some(then)) => Item::Judge {
                    id: one.record.id(),
                    verdict: one.verdict(then),
                    payload: one.record.payload().cloned(),
                },
                _ => Item::Put(atlas_store::JudgedRecord {
                    record: one.record.clone(),
                    lifecycle: lifecycle(one.spec.of),
                    verdict: one.verdict(one.spec.first),
                }),
            });
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

        assert_shows(&store, &made, &expected);
        assert_addresses(&store, &made);
        assert_whole(&store);
    }
}
