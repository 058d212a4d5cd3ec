//! Rows to put and remove together: a buffer that is also an index of itself.
//!
//! A backend may give all rows of a write one version, so a key must not occur twice; and
//! the committer must find again what it wrote earlier in the same group. Both need a lookup
//! by key, which an open-addressing table over the one byte buffer gives without an
//! allocation per row.

use std::hash::{BuildHasher, RandomState};

use super::Table;

/// Rows to put and remove. The last word on a key counts; the others are forgotten.
#[derive(Debug, Default)]
pub struct Writes {
    bytes: Vec<u8>,
    ops: Vec<Op>,
    /// Positions in `ops` plus one; 0 is free. A power of two long, half full at most.
    slots: Vec<u32>,
    hasher: RandomState,
    dead: usize,
}

#[derive(Debug, Clone, Copy)]
struct Op {
    table: Table,
    kind: Kind,
    hash: u32,
    key: usize,
    value: usize,
    end: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Put,
    Remove,
    /// Another op on the same key came later.
    Dead,
}

/// Buffers larger than this are given back after a commit.
const KEEP_BYTES: usize = 4 << 20;
const KEEP_OPS: usize = 64 << 10;

impl Writes {
    /// Puts a row.
    pub fn put(&mut self, table: Table, key: &[u8], value: &[u8]) {
        self.push(table, Kind::Put, key, value);
    }

    /// Removes a row, whether or not there is one.
    pub fn remove(&mut self, table: Table, key: &[u8]) {
        self.push(table, Kind::Remove, key, &[]);
    }

    /// What was said of a key: `Some(None)` for removed, `None` for nothing.
    pub fn get(&self, table: Table, key: &[u8]) -> Option<Option<&[u8]>> {
        let slot = self.slot(table, key, self.hash(table, key))?;
        let at = self.slots[slot];
        let op = &self.ops[(at as usize).checked_sub(1)?];
        Some((op.kind == Kind::Put).then(|| &self.bytes[op.value..op.end]))
    }

    fn hash(&self, table: Table, key: &[u8]) -> u32 {
        // The low half is as good as any; rows per group stay far below 2^31.
        self.hasher.hash_one((table as u8, key)) as u32
    }

    /// The slot of a key, or the free one where it belongs. `None` without a table.
    fn slot(&self, table: Table, key: &[u8], hash: u32) -> Option<usize> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut slot = hash as usize & mask;
        loop {
            let Some(at) = (self.slots[slot] as usize).checked_sub(1) else { return Some(slot) };
            let op = &self.ops[at];
            if op.hash == hash && op.table == table && &self.bytes[op.key..op.value] == key {
                return Some(slot);
            }
            slot = (slot + 1) & mask;
        }
    }

    fn push(&mut self, table: Table, kind: Kind, key: &[u8], value: &[u8]) {
        if self.ops.len() * 2 >= self.slots.len() {
            self.grow();
        }
        let hash = self.hash(table, key);
        let slot = self.slot(table, key, hash).expect("grown above");
        let start = self.bytes.len();
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
        let op = Op { table, kind, hash, key: start, value: start + key.len(), end: self.bytes.len() };
        self.ops.push(op);
        let before = std::mem::replace(&mut self.slots[slot], u32::try_from(self.ops.len()).expect("< 2^31 rows"));
        if let Some(before) = (before as usize).checked_sub(1) {
            self.ops[before].kind = Kind::Dead;
            self.dead += 1;
        }
    }

    fn grow(&mut self) {
        let length = (self.slots.len() * 2).max(1024);
        let mask = length - 1;
        self.slots.clear();
        self.slots.resize(length, 0);
        for (at, op) in self.ops.iter().enumerate().filter(|(_, op)| op.kind != Kind::Dead) {
            let mut slot = op.hash as usize & mask;
            while self.slots[slot] != 0 {
                slot = (slot + 1) & mask;
            }
            self.slots[slot] = u32::try_from(at + 1).expect("< 2^31 rows");
        }
    }

    /// The rows; a value of `None` removes. Each key once.
    pub fn iter(&self) -> impl Iterator<Item = (Table, &[u8], Option<&[u8]>)> {
        self.ops.iter().filter(|op| op.kind != Kind::Dead).map(|op| {
            (op.table, &self.bytes[op.key..op.value], (op.kind == Kind::Put).then(|| &self.bytes[op.value..op.end]))
        })
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.ops.len() - self.dead
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// Forgets the rows and keeps the buffers, unless they grew out of proportion.
    pub fn clear(&mut self) {
        self.dead = 0;
        self.ops.clear();
        self.bytes.clear();
        if self.ops.capacity() > KEEP_OPS {
            self.ops.shrink_to(KEEP_OPS);
            self.slots = Vec::new();
        }
        if self.bytes.capacity() > KEEP_BYTES {
            self.bytes.shrink_to(KEEP_BYTES);
        }
        self.slots.fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_on_a_key_counts() {
        let mut writes = Writes::default();
        for i in 0..5_000u32 {
            writes.put(Table::Set, &(i % 1_000).to_be_bytes(), &i.to_be_bytes());
        }
        writes.remove(Table::Set, &7u32.to_be_bytes());
        writes.put(Table::Ids, &7u32.to_be_bytes(), b"other table");
        assert_eq!(writes.len(), 1_001);
        assert_eq!(writes.iter().count(), 1_001);
        assert_eq!(writes.get(Table::Set, &8u32.to_be_bytes()), Some(Some(&4_008u32.to_be_bytes()[..])));
        assert_eq!(writes.get(Table::Set, &7u32.to_be_bytes()), Some(None));
        assert_eq!(writes.get(Table::Set, &1_000u32.to_be_bytes()), None);
        writes.clear();
        assert!(writes.is_empty());
        assert_eq!(writes.get(Table::Set, &8u32.to_be_bytes()), None);
    }
}
