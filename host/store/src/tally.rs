//! How many records stand under each value of a declared index: a walk over its rows.

use std::ops::Bound;

use atlas_record::{SpaceId, Timestamp, TypeName};

use crate::entry::IndexValue;
use crate::error::StoreError;
use crate::keys::{Parts, key};
use crate::kv::{Range, Table, after_prefix};
use crate::names::{self, Kind};
use crate::read::{space_number, type_number};
use crate::store::Store;

/// A walk over an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// The space.
    pub space: SpaceId,
    /// The type that declares the index.
    pub type_name: TypeName,
    /// The index.
    pub index: Box<str>,
    /// Created at this time or later.
    pub since: Timestamp,
    /// Created before this time.
    pub until: Timestamp,
    /// Go on behind this place of an earlier walk.
    pub after: Option<Vec<u8>>,
    /// Values at most.
    pub most_values: usize,
}

/// What a walk found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tallied {
    /// Values in their order, and how many records stand under each. The first may go on from
    /// the last of an earlier walk, and the last may go on in the next one.
    pub values: Vec<(IndexValue, u64)>,
    /// Where to go on, if there is more.
    pub next: Option<Vec<u8>>,
    /// Rows looked at.
    pub rows: u64,
}

fn malformed() -> StoreError {
    StoreError::damaged(Table::Index, "a row is malformed")
}

impl Store {
    /// Counts the records under each value of an index. `go_on` is asked now and then, with the
    /// rows so far.
    pub fn tally(&self, tally: &Tally, mut go_on: impl FnMut(u64) -> bool) -> Result<Tallied, StoreError> {
        let view = self.view();
        let mut found = Tallied::default();
        let (space, type_name) = (space_number(&*view, &tally.space)?, type_number(&*view, &tally.type_name)?);
        let index = names::number(&*view, Kind::Index, tally.index.as_bytes())?;
        let (Some(space), Some(type_name), Some(index)) = (space, type_name, index) else { return Ok(found) };
        let prefix = key().name(space).name(type_name).name(index).to_vec();
        let from = match &tally.after {
            None => Bound::Included(prefix.clone()),
            Some(after) => Bound::Excluded([&prefix[..], after].concat()),
        };
        let range = Range { from, to: after_prefix(&prefix), backward: false };
        // The bytes of the value that is being counted.
        let (mut current, mut last) = (Vec::new(), Vec::new());
        for row in view.range(Table::Index, range) {
            let (row, _) = row?;
            let tail = row.get(prefix.len()..).ok_or_else(malformed)?;
            let (value, time) = tail.split_at_checked(tail.len().wrapping_sub(16)).ok_or_else(malformed)?;
            let created = Parts(time).time().ok_or_else(malformed)?;
            let is_new = found.values.is_empty() || value != current;
            if (is_new && found.values.len() == tally.most_values) || (found.rows > 0 && !go_on(found.rows)) {
                found.next = Some(last);
                return Ok(found);
            }
            found.rows += 1;
            last.clear();
            last.extend_from_slice(tail);
            if !(tally.since..tally.until).contains(&created) {
                continue;
            }
            if is_new {
                current = value.to_vec();
                found.values.push((Parts(value).value().ok_or_else(malformed)?, 0));
            }
            found.values.last_mut().expect("pushed where it is new").1 += 1;
        }
        Ok(found)
    }
}
