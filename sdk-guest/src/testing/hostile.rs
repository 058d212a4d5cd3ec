//! Records that nobody would write: for `proptest`, of which no validator may panic.
//!
//! Anything at all is mostly refused by the first check. So a good record is taken apart
//! instead: some of its values, keys, links and blobs are replaced, dropped or doubled.

use atlas_record::cbor::{Map, Value};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::verdict;
use crate::types::{Candidate, Entry, Link, Operation, Supplied};
use crate::validator::Validator;

const CID: &str = "bafyr4igdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";

/// Texts that sit on the edges of grammars.
const TEXTS: [&str; 24] = [
    "",
    " ",
    "a",
    "A",
    "\0",
    "\n",
    "é",
    "\u{202e}",
    "\u{10ffff}",
    "..",
    "a/../b",
    "/",
    "a:b",
    "1.0.0",
    "-",
    ".",
    "name:x",
    "id:",
    "atlas://",
    CID,
    "https://example.org",
    "open",
    "yes",
    "image/png",
];

/// Any value, of any shape that a body may hold.
pub fn values() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        proptest::sample::select(&TEXTS[..]).prop_map(str::to_owned),
        "\\PC{0,40}",
        (0usize..5000).prop_map(|length| "x".repeat(length)),
    ];
    let integer = prop_oneof![
        any::<i8>().prop_map(i128::from),
        any::<i64>().prop_map(i128::from),
        any::<u64>().prop_map(|int| -i128::from(int)),
        Just(i128::from(u64::MAX)),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        integer.prop_map(Value::Int),
        (-1e9f64..1e9).prop_filter("negative zero is no value", |x| *x != 0.0).prop_map(Value::Float),
        vec(any::<u8>(), 0..70).prop_map(Value::Bytes),
        text.prop_map(Value::Text),
        Just(Value::Link(CID.parse().expect("a constant CID"))),
    ];
    leaf.prop_recursive(4, 40, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..8).prop_map(Value::List),
            vec(("[a-zA-Z-]{0,8}", inner), 0..8).prop_map(|entries| Value::Map(entries.into_iter().collect())),
        ]
    })
}

/// Any body.
pub fn bodies() -> impl Strategy<Value = Map> {
    vec(("[a-zA-Z]{0,8}", values()), 0..8).prop_map(|entries| entries.into_iter().collect())
}

/// Relatives of a record, most of them malformed.
pub fn relatives(good: &Entry) -> impl Strategy<Value = Candidate> + use<> {
    let damage = vec((any::<Index>(), any::<Index>(), values(), 0u8..6), 0..4);
    let header = (0u8..12, any::<Index>(), proptest::sample::select(&TEXTS[..]), any::<bool>());
    (Just(good.clone()), damage, header, bodies()).prop_map(|(good, damage, (which, at, text, supply), other)| {
        let mut entry = good.clone();
        let mut body = Value::Map(std::mem::take(&mut entry.body));
        for (place, from, value, how) in damage {
            let count = count(&body);
            let copied = nth(&body, from.index(count)).cloned();
            let value = if how == 0 { copied.unwrap_or(Value::Null) } else { value };
            change(&mut body, &mut place.index(count), how == 1, &value);
        }
        entry.body = match body {
            Value::Map(map) => map,
            _ => other,
        };
        damage_header(&mut entry, which, at, text);
        let named: Vec<String> = entry.links.iter().map(|link| link.target.clone()).collect();
        let supplied = named.into_iter().filter(|_| supply).map(|id| Supplied { id, entry: good.clone() });
        Candidate { supplied: supplied.collect(), entry }
    })
}

fn damage_header(entry: &mut Entry, which: u8, at: Index, text: &str) {
    match which {
        0 => entry.key = None,
        1 => entry.key = Some(text.to_owned()),
        2 => entry.links.clear(),
        3 => entry.blobs.clear(),
        4 => entry.expires = Some(0),
        5 => entry.created = u64::MAX,
        6 => entry.operation = Operation::Delete,
        7 => entry.links.extend(vec![Link::new("follows", CID); 3]),
        8 if !entry.links.is_empty() => {
            let link = at.index(entry.links.len());
            entry.links[link].target = text.to_owned();
        }
        9 if !entry.blobs.is_empty() => {
            let blob = at.index(entry.blobs.len());
            entry.blobs[blob].size = u64::MAX;
        }
        _ => {}
    }
}

/// Values in a value, itself included.
fn count(value: &Value) -> usize {
    match value {
        Value::List(list) => 1 + list.iter().map(count).sum::<usize>(),
        Value::Map(map) => 1 + map.iter().map(|(_, value)| count(value)).sum::<usize>(),
        _ => 1,
    }
}

fn nth(value: &Value, mut at: usize) -> Option<&Value> {
    fn walk<'a>(value: &'a Value, at: &mut usize) -> Option<&'a Value> {
        if *at == 0 {
            return Some(value);
        }
        *at -= 1;
        match value {
            Value::List(list) => list.iter().find_map(|item| walk(item, at)),
            Value::Map(map) => map.iter().find_map(|(_, item)| walk(item, at)),
            _ => None,
        }
    }
    walk(value, &mut at)
}

/// Replaces the value at a place, or takes it out of its map or list.
fn change(value: &mut Value, at: &mut usize, remove: bool, new: &Value) -> bool {
    if *at == 0 {
        *value = new.clone();
        return true;
    }
    *at -= 1;
    match value {
        Value::List(list) => {
            for i in 0..list.len() {
                if *at == 0 && remove {
                    list.remove(i);
                    return true;
                }
                if change(&mut list[i], at, remove, new) {
                    return true;
                }
            }
            false
        }
        Value::Map(map) => {
            let keys: Vec<String> = map.iter().map(|(key, _)| key.to_owned()).collect();
            for key in keys {
                let Some(mut item) = map.remove(&key) else { continue };
                if *at == 0 && remove {
                    return true;
                }
                let changed = change(&mut item, at, remove, new);
                map.insert(key, item);
                if changed {
                    return true;
                }
            }
            false
        }
        _ => false,
    }
}

/// Judges 256 relatives of a good record and as many other bodies. None of them may make
/// the validator panic or break its contract.
///
/// # Panics
/// When one does.
pub fn no_record_panics<V: Validator>(validator: &V, good: &Entry) {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let judge = |candidate: Candidate| {
        let readable = Value::Map(candidate.body.clone()).check().is_ok();
        prop_assume!(readable);
        verdict(validator, &candidate);
        let Entry { key, links, body, .. } = candidate.entry;
        let _ = validator.prepare(&mut crate::Draft { key, links, body });
        Ok(())
    };
    runner.run(&relatives(good), judge).unwrap_or_else(|error| panic!("{error}"));
    let strange = (Just(good.clone()), bodies()).prop_map(|(good, body)| super::candidate(Entry { body, ..good }));
    runner.run(&strange, judge).unwrap_or_else(|error| panic!("{error}"));
}
