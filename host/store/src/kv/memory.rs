//! Tables in memory: for property tests, and for nodes that keep nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::{Durability, Kv, Range, Rows, Table, View, Writes};
use crate::error::StoreError;

type Tables = BTreeMap<Table, BTreeMap<Vec<u8>, Vec<u8>>>;

/// A backend without a disk. Opening a store on the same one again finds what was written.
#[derive(Debug, Default)]
pub struct MemoryKv {
    /// Copied on write only while a view is alive.
    tables: RwLock<Arc<Tables>>,
}

impl MemoryKv {
    /// Empty tables.
    pub fn new() -> Self {
        Self::default()
    }
}

struct MemoryView(Arc<Tables>);

impl View for MemoryView {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.get(&table).and_then(|rows| rows.get(key)).cloned())
    }

    fn range(&self, table: Table, range: Range) -> Rows {
        let Range { mut from, mut to, backward } = range.clone();
        if range.is_empty() {
            return Box::new(std::iter::empty());
        }
        let tables = self.0.clone();
        // Each step seeks again: the view owns its tables, so the iterator borrows nothing.
        Box::new(std::iter::from_fn(move || {
            let rows = tables.get(&table)?;
            if (Range { from: from.clone(), to: to.clone(), backward }).is_empty() {
                return None;
            }
            let mut range = rows.range::<Vec<u8>, _>((from.as_ref(), to.as_ref()));
            let (key, value) = if backward { range.next_back() } else { range.next() }?;
            let next = std::ops::Bound::Excluded(key.clone());
            *(if backward { &mut to } else { &mut from }) = next;
            Some(Ok((key.clone(), value.clone())))
        }))
    }
}

impl Kv for MemoryKv {
    fn view(&self) -> Box<dyn View> {
        Box::new(MemoryView(self.tables.read().unwrap_or_else(PoisonError::into_inner).clone()))
    }

    fn write(&self, writes: &Writes, _: Durability) -> Result<(), StoreError> {
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        let tables = Arc::make_mut(&mut tables);
        for (table, key, value) in writes.iter() {
            let rows = tables.entry(table).or_default();
            match value {
                Some(value) => rows.insert(key.to_vec(), value.to_vec()),
                None => rows.remove(key),
            };
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
