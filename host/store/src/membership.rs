//! Whether a record stands in an index: a look at a key instead of a read of the record.
//!
//! A query with several conditions walks the index of one and asks the others about each record that it finds.
//! Indexes mostly say no without a read, so what does not fit costs a fraction of what reading it would.

use atlas_record::Timestamp;

use crate::error::StoreError;
use crate::hits::{Plan, Shape, plan};
use crate::keys::Parts;
use crate::kv::{Table, View};
use crate::scan::Scan;
use crate::store::Store;

/// More prefixes than this are not looked at one by one.
const MOST_PREFIXES: usize = 4;

/// The rows of one condition, as of one moment.
pub struct Membership {
    view: Box<dyn View>,
    table: Table,
    shape: Shape,
    /// One of them begins the row. None where the condition names something that was never seen.
    prefixes: Vec<Vec<u8>>,
}

impl Membership {
    /// Whether a record stands there.
    pub fn has(&self, created: Timestamp, n: u64) -> Result<bool, StoreError> {
        let tail = [created.to_be_bytes(), n.to_be_bytes()].concat();
        for prefix in &self.prefixes {
            let value = self.view.get(self.table, &[prefix, &tail[..]].concat())?;
            if value.is_some_and(|value| self.takes(&value)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn takes(&self, value: &[u8]) -> bool {
        match self.shape {
            Shape::Linked(Some(wanted)) => Parts(value).name() == Some(wanted),
            _ => true,
        }
    }
}

impl Store {
    /// The rows of a condition, where one look at a key tells whether a record holds it: those of one value, one author or
    /// one target. The window of time and the order of the scan do not matter.
    pub fn membership(&self, scan: &Scan) -> Result<Option<Membership>, StoreError> {
        let view = self.view();
        let planned = match plan(&*view, scan) {
            Err(StoreError::TooBroad { .. }) => return Ok(None),
            planned => planned?,
        };
        Ok(match planned {
            None => Some(Membership { view, table: Table::Index, shape: Shape::Timed, prefixes: Vec::new() }),
            Some(Plan { table, shape: shape @ (Shape::Timed | Shape::Linked(_)), prefixes, .. })
                if prefixes.len() <= MOST_PREFIXES =>
            {
                Some(Membership { view, table, shape, prefixes })
            }
            Some(_) => None,
        })
    }
}
