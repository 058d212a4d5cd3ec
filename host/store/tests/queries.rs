//! Queries: order, bounds, paging, cursors.
#![allow(clippy::unwrap_used)]

mod common;

use std::ops::Bound;

use atlas_record::Relation;
use atlas_store::{
    Batch, By, Config, IndexEntry, IndexValue, Position, Scan, Status, Store, StoreError, Values, Verdict,
};
use common::*;

fn filled() -> Store {
    let store = Store::in_memory(Config::default()).unwrap();
    for i in 0..20u64 {
        let of = if i % 2 == 0 { POST } else { PAGE };
        let relation = if i % 3 == 0 { "reply" } else { "about" };
        // Arrival order differs from time.
        let created = (i * 7) % 20;
        let record = draft(of, created, &format!("{created:02}")).link(relation, name("x")).make();
        let entries = vec![
            IndexEntry::new("size", i64::try_from(created).unwrap() - 10),
            IndexEntry::new("tag", if created < 10 { "low" } else { "high" }),
        ];
        put(&store, &record, Verdict::Valid(entries));
    }
    store
}

fn all(store: &Store, scan: &Scan) -> Vec<String> {
    texts(store, scan)
}

/// The same answer, one hit at a time, through cursor bytes.
fn paged(store: &Store, scan: &Scan) -> Vec<String> {
    let (mut scan, mut found) = (scan.clone(), Vec::new());
    while let Some(hit) = store.scan(&scan).unwrap().next() {
        let hit = hit.unwrap();
        found.push(text(&store.by_number(hit.n).unwrap().unwrap().record));
        scan.after = Some(Position::from_bytes(&hit.position.to_bytes()).unwrap());
    }
    found
}

fn every_query() -> Vec<Scan> {
    let index = |name: &str, values| By::Index { type_name: type_name(POST), name: name.into(), values };
    let link = |relation: Option<&str>| By::LinkTo {
        relation: relation.map(|relation| Relation::new(relation).unwrap()),
        target: name("x"),
        type_name: None,
    };
    let bys = [
        By::Type(type_name(POST)),
        By::Author { author: author(1), type_name: None },
        By::Author { author: author(1), type_name: Some(type_name(PAGE)) },
        link(None),
        link(Some("reply")),
        index("tag", Values::Eq("low".into())),
        index("size", Values::Range(Bound::Included((-5).into()), Bound::Excluded(5.into()))),
        index("size", Values::Range(Bound::Unbounded, Bound::Included(0.into()))),
        By::Arrival { after: 3 },
    ];
    bys.into_iter()
        .flat_map(|by| [true, false].map(|newest_first| Scan { newest_first, ..Scan::new(space(), by.clone()) }))
        .flat_map(|scan| [scan.clone(), Scan { since: Some(5), until: Some(15), ..scan }])
        .collect()
}

#[test]
fn answers_come_in_order_of_time() {
    let store = filled();
    for scan in every_query().into_iter().filter(|scan| !matches!(scan.by, By::Arrival { .. })) {
        let mut sorted = all(&store, &scan);
        assert!(!sorted.is_empty(), "{scan:?}");
        let found = sorted.clone();
        sorted.sort();
        if scan.newest_first {
            sorted.reverse();
        }
        assert_eq!(found, sorted, "{scan:?}");
        if let (Some(since), Some(until)) = (scan.since, scan.until) {
            assert!(found.iter().all(|text| (since..until).contains(&text.parse().unwrap())), "{found:?}");
        }
    }
    let any = By::Author { author: author(1), type_name: None };
    assert_eq!(all(&store, &Scan::new(space(), any)).len(), 20);
}

#[test]
fn pages_put_together_are_the_whole_answer() {
    let store = filled();
    for scan in every_query() {
        assert_eq!(paged(&store, &scan), all(&store, &scan), "{scan:?}");
    }
}

#[test]
fn a_cursor_goes_on_in_a_window_that_has_moved() {
    let store = filled();
    for query in every_query() {
        let first = store.scan(&query).unwrap().next().unwrap().unwrap();
        for (since, until) in
            [(first.created + 1, u64::MAX >> 11), (0, first.created), (first.created, first.created), (2, 5), (12, 14)]
        {
            let after = Some(first.position.clone());
            let moved = Scan { since: Some(since), until: Some(until), after, ..query.clone() };
            for hit in store.scan(&moved).unwrap() {
                let created = hit.unwrap().created;
                assert!((since..until).contains(&created), "{moved:?}");
            }
        }
    }
}

#[test]
fn a_cursor_of_another_query_is_refused() {
    let store = filled();
    let queries = every_query(); // in pairs that differ in their window of time only
    for (i, from) in queries.iter().enumerate() {
        let position = store.scan(from).unwrap().next().unwrap().unwrap().position;
        for (j, to) in queries.iter().enumerate() {
            let answer = store.scan(&Scan { after: Some(position.clone()), ..to.clone() });
            match i / 2 == j / 2 {
                true => assert!(answer.is_ok()),
                false => assert_eq!(answer.err(), Some(StoreError::ForeignCursor), "{from:?} -> {to:?}"),
            }
        }
    }
}

#[test]
fn a_damaged_cursor_is_refused() {
    let store = filled();
    let bytes = store.scan(&by_type(POST)).unwrap().next().unwrap().unwrap().position.to_bytes();
    for length in 0..bytes.len() {
        assert_eq!(Position::from_bytes(&bytes[..length]), Err(StoreError::BadCursor));
    }
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert_eq!(Position::from_bytes(&changed), Err(StoreError::BadCursor));
    }
}

#[test]
fn a_query_pauses_where_nothing_is_shown_and_goes_on() {
    let store = Store::in_memory(Config::default()).unwrap();
    put(&store, &draft(PAGE, 1, "first").key("other").make(), valid());
    for i in 0..50 {
        put(&store, &draft(PAGE, 2 + i, &format!("{i}")).key("k").make(), valid());
    }
    let mut scan = Scan { newest_first: false, most_rows: Some(10), ..by_type(PAGE) };
    let (mut rounds, mut found) = (0, Vec::new());
    loop {
        let mut hits = store.scan(&scan).unwrap();
        found.extend(hits.by_ref().map(|hit| hit.unwrap().created));
        assert!(hits.examined() <= 10);
        if !hits.is_paused() {
            break;
        }
        scan.after = hits.position();
        rounds += 1;
    }
    assert_eq!((rounds, found), (5, vec![1, 51]));
}

#[test]
fn long_texts_are_found_by_their_beginning() {
    let store = Store::in_memory(Config::default()).unwrap();
    let long = "x".repeat(300);
    let entries = vec![IndexEntry::new("title", long.as_str())];
    put(&store, &draft(POST, 1, "long").make(), Verdict::Valid(entries));
    let ask = |value: &str| {
        let values = Values::Eq(value.into());
        Scan::new(space(), By::Index { type_name: type_name(POST), name: "title".into(), values })
    };
    assert_eq!(all(&store, &ask(&long)), ["long"]);
    assert_eq!(all(&store, &ask(&long[..256])), ["long"]);
    assert!(all(&store, &ask(&long[..255])).is_empty());
}

#[test]
fn texts_and_integers_do_not_mix_in_a_range() {
    let store = Store::in_memory(Config::default()).unwrap();
    let put_under = |text: &str, value: IndexValue| {
        let entries = vec![IndexEntry { name: "v".into(), value }];
        put(&store, &draft(POST, 1, text).make(), Verdict::Valid(entries));
    };
    put_under("integer", 7.into());
    put_under("text", "a".into());
    put_under("later text", "b".into());
    let ask = |from, to| {
        let values = Values::Range(from, to);
        let by = By::Index { type_name: type_name(POST), name: "v".into(), values };
        all(&store, &Scan { newest_first: false, ..Scan::new(space(), by) })
    };
    assert_eq!(ask(Bound::Included(0.into()), Bound::Unbounded), ["integer"]);
    assert_eq!(ask(Bound::Unbounded, Bound::Excluded("b".into())), ["text"]);
    assert_eq!(ask(Bound::Excluded("a".into()), Bound::Unbounded), ["later text"]);
    assert_eq!(ask(Bound::Unbounded, Bound::Unbounded), ["integer", "text", "later text"]);
}

#[test]
fn an_answer_does_not_change_while_it_is_read() {
    let store = filled();
    let mut hits = store.scan(&by_type(POST)).unwrap();
    let first = hits.next().unwrap().unwrap();
    for i in 0..20 {
        put(&store, &draft(POST, i, &format!("new {i}")).make(), valid());
    }
    assert_eq!(1 + hits.count(), 10);
    assert_eq!(store.by_number(first.n).unwrap().unwrap().status, Status::Visible);
}

#[test]
fn too_many_relations_to_one_target_ask_for_one() {
    let store = Store::in_memory(Config::default()).unwrap();
    let mut batch = Batch::new();
    for i in 0..300u64 {
        let record = draft(POST, i, "x").link(&format!("r{i}"), name("x")).make();
        batch.put(record, lifecycle(POST), valid());
    }
    store.commit(batch).unwrap();
    let any = By::LinkTo { relation: None, target: name("x"), type_name: None };
    assert!(matches!(store.scan(&Scan::new(space(), any)), Err(StoreError::TooBroad { .. })));
    let one = By::LinkTo { relation: Some(Relation::new("r7").unwrap()), target: name("x"), type_name: None };
    assert_eq!(store.scan(&Scan::new(space(), one)).unwrap().count(), 1);
}

#[test]
fn a_look_at_a_key_says_what_a_scan_finds() {
    let store = filled();
    let everything = Scan::new(space(), By::Author { author: author(1), type_name: None });
    let records: Vec<(u64, u64)> =
        store.scan(&everything).unwrap().map(|hit| hit.map(|hit| (hit.created, hit.n)).unwrap()).collect();
    assert_eq!(records.len(), 20);
    let (mut told, mut not_told) = (0, 0);
    for scan in every_query().into_iter().filter(|scan| scan.since.is_none()) {
        let Some(membership) = store.membership(&scan).unwrap() else {
            not_told += 1;
            let one_key = !matches!(&scan.by, By::Type(_) | By::Arrival { .. })
                && !matches!(&scan.by, By::Index { values: Values::Range(..), .. });
            assert!(!one_key, "{scan:?}");
            continue;
        };
        told += 1;
        let found: Vec<u64> = store.scan(&scan).unwrap().map(|hit| hit.unwrap().n).collect();
        for (created, n) in &records {
            assert_eq!(membership.has(*created, *n).unwrap(), found.contains(n), "{scan:?}: {n}");
            assert!(!membership.has(*created + 1, *n).unwrap());
        }
    }
    assert!(told > 0 && not_told > 0);
    let unseen = By::Author { author: author(9), type_name: None };
    let nobody = store.membership(&Scan::new(space(), unseen)).unwrap().unwrap();
    assert!(records.iter().all(|(created, n)| !nobody.has(*created, *n).unwrap()));
}
