//! Interned names: what repeats in keys becomes a local number of four bytes.
//!
//! A number is given once and never changes, so a cached one is always right. Each kind
//! counts for itself, from 1. Both directions are rows, because counts and forks are listed by
//! name; records carry their own names.

use std::collections::HashMap;

use crate::error::StoreError;
use crate::keys::{Name, Parts, key};
use crate::kv::{Range, Table, View};

/// What a name names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum Kind {
    Space = 0,
    Type = 1,
    Author = 2,
    Key = 3,
    Relation = 4,
    Index = 5,
    Grant = 6,
}

pub(crate) const KINDS: [Kind; 7] =
    [Kind::Space, Kind::Type, Kind::Author, Kind::Key, Kind::Relation, Kind::Index, Kind::Grant];

/// Row of a name.
pub(crate) fn forward(kind: Kind, name: &[u8]) -> Vec<u8> {
    key().byte(0).byte(kind as u8).bytes(name).to_vec()
}

/// Row of a number.
pub(crate) fn backward(kind: Kind, number: Name) -> Vec<u8> {
    key().byte(1).byte(kind as u8).name(number).to_vec()
}

/// The number of a name, from the tables.
pub(crate) fn number(view: &dyn View, kind: Kind, name: &[u8]) -> Result<Option<Name>, StoreError> {
    let Some(row) = view.get(Table::Names, &forward(kind, name))? else { return Ok(None) };
    Parts(&row).name().map(Some).ok_or_else(|| StoreError::damaged(Table::Names, "a number of another length"))
}

/// The name of a number, from the tables.
pub(crate) fn text(view: &dyn View, kind: Kind, number: Name) -> Result<Vec<u8>, StoreError> {
    view.get(Table::Names, &backward(kind, number))?
        .ok_or_else(|| StoreError::damaged(Table::Names, format!("number {number} of kind {kind:?} has no name")))
}

/// The last number given of each kind.
pub(crate) fn last_numbers(view: &dyn View) -> Result<[Name; KINDS.len()], StoreError> {
    let mut last = [0; KINDS.len()];
    for kind in KINDS {
        let all = Range::prefix(&[1, kind as u8]).backward();
        if let Some(row) = view.range(Table::Names, all).next() {
            let (row, _) = row?;
            last[kind as usize] =
                Parts(&row[2..]).name().ok_or_else(|| StoreError::damaged(Table::Names, "a key of another length"))?;
        }
    }
    Ok(last)
}

/// How many names one generation of the cache holds: some 2 MiB for both.
const GENERATION: usize = 8 * 1024;

/// The most recently used names, in two generations: what is not asked for while one fills
/// is forgotten with the next.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    young: HashMap<Box<[u8]>, Name>,
    old: HashMap<Box<[u8]>, Name>,
    probe: Vec<u8>,
}

impl Cache {
    pub fn get(&mut self, kind: Kind, name: &[u8]) -> Option<Name> {
        self.probe.clear();
        self.probe.push(kind as u8);
        self.probe.extend_from_slice(name);
        if let Some(&number) = self.young.get(&self.probe[..]) {
            return Some(number);
        }
        let (key, number) = self.old.remove_entry(&self.probe[..])?;
        self.keep(key, number);
        Some(number)
    }

    pub fn insert(&mut self, kind: Kind, name: &[u8], number: Name) {
        self.keep([&[kind as u8], name].concat().into(), number);
    }

    fn keep(&mut self, key: Box<[u8]>, number: Name) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_use_stays_cached_and_the_cache_stays_small() {
        let mut cache = Cache::default();
        cache.insert(Kind::Space, b"in use", 1);
        for i in 0..10 * GENERATION as u32 {
            cache.insert(Kind::Author, &i.to_be_bytes(), i);
            if i % 1_000 == 0 {
                assert_eq!(cache.get(Kind::Space, b"in use"), Some(1));
            }
        }
        assert_eq!(cache.get(Kind::Author, b"in use"), None);
        assert!(cache.young.len() + cache.old.len() <= 2 * GENERATION);
    }
}
