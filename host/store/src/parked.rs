//! Records that wait: parked ones, which are not admitted yet, and pending ones, which are
//! in the replicated set without a verdict. Both survive a restart and are bounded.
//!
//! Rows of [`Table::Waiting`]: who waits (parked or pending), for what, and the record, by id
//! or number. What waits for a time sorts by it, so what is due is one range.

use std::collections::HashSet;
use std::ops::Bound;

use atlas_record::{Record, RecordId, Timestamp};

use crate::error::StoreError;
use crate::keys::{Parts, key, wait_key};
use crate::kv::{Range, Table, View, after_prefix};
use crate::rows::{decode_waiting, encode_waiting};
use crate::waiting::{WaitKey, Waiting};

/// Marks rows of parked records.
pub(crate) const PARKED: u8 = 0;
/// Marks rows of pending records.
pub(crate) const PENDING: u8 = 1;

/// A record that waits for admission.
#[derive(Debug, Clone, PartialEq)]
pub struct ParkedRecord {
    /// The record.
    pub record: Record,
    /// What it waits for.
    pub waiting: Waiting,
    /// When it was parked.
    pub since: Timestamp,
}

/// The value of a row of [`Table::Parked`].
pub(crate) fn encode(record: &Record, waiting: &Waiting, since: Timestamp) -> Vec<u8> {
    let mut out = since.to_be_bytes().to_vec();
    encode_waiting(&mut out, waiting);
    out.extend_from_slice(&record.encode());
    out
}

fn damaged(what: impl Into<String>) -> StoreError {
    StoreError::damaged(Table::Parked, what)
}

/// What a parked record waits for.
pub(crate) fn waiting_of(row: &[u8]) -> Result<Waiting, StoreError> {
    let mut parts = Parts(row);
    parts.time().and_then(|_| decode_waiting(&mut parts)).ok_or_else(|| damaged("a row is malformed"))
}

pub(crate) fn decode(row: &[u8]) -> Result<ParkedRecord, StoreError> {
    let mut parts = Parts(row);
    let head = parts.time().and_then(|since| Some((since, decode_waiting(&mut parts)?)));
    let (since, waiting) = head.ok_or_else(|| damaged("a row is malformed"))?;
    let record = Record::decode(parts.0).map_err(|error| damaged(error.to_string()))?;
    Ok(ParkedRecord { record, waiting, since })
}

/// Owners of rows that wait for a key, at most so many.
pub(crate) fn waiting_for(view: &dyn View, who: u8, on: &WaitKey, most: usize) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut prefix = key();
    wait_key(&mut prefix, who, on);
    owners(view, Range::prefix(prefix.done()), prefix.done().len(), most)
}

/// Pending records that wait for a record, and the number of who waits: from a place in the order of ids on, and
/// around to it. At most so many.
pub(crate) fn pending_on_records(
    view: &dyn View,
    from: &RecordId,
    most: usize,
) -> Result<Vec<(RecordId, u64)>, StoreError> {
    let place = |id: [u8; 32]| {
        let mut place = key();
        wait_key(&mut place, PENDING, &WaitKey::Record(RecordId(id)));
        place.to_vec()
    };
    let (first, start, last) = (place([0; 32]), place(from.0), place([0xff; 32]));
    let around = [
        Range { from: Bound::Included(start.clone()), to: after_prefix(&last), backward: false },
        Range { from: Bound::Included(first.clone()), to: Bound::Excluded(start), backward: false },
    ];
    let rows = around.into_iter().flat_map(|range| view.range(Table::Waiting, range)).take(most);
    rows.map(|row| {
        let (row, _) = row?;
        let ids = row.get(first.len() - 32..first.len()).and_then(|id| id.try_into().ok());
        let owner = row.get(first.len()..).and_then(|owner| Parts(owner).number());
        let damaged = || StoreError::damaged(Table::Waiting, "a key of another length");
        ids.map(RecordId).zip(owner).ok_or_else(damaged)
    })
    .collect()
}

/// Owners of rows whose time has come, at most so many, earliest first.
pub(crate) fn due(view: &dyn View, who: u8, now: Timestamp, most: usize) -> Result<Vec<Vec<u8>>, StoreError> {
    let (mut first, mut last) = (key(), key());
    wait_key(&mut first, who, &WaitKey::Until(0));
    wait_key(&mut last, who, &WaitKey::Until(now.saturating_add(1)));
    let length = first.done().len();
    let range = Range { from: Bound::Included(first.to_vec()), to: Bound::Excluded(last.to_vec()), backward: false };
    owners(view, range, length, most)
}

fn owners(view: &dyn View, range: Range, prefix: usize, most: usize) -> Result<Vec<Vec<u8>>, StoreError> {
    let (mut found, mut seen) = (Vec::new(), HashSet::new());
    for row in view.range(Table::Waiting, range).take(most) {
        let (row, _) = row?;
        let owner = row.get(prefix..).unwrap_or_default().to_vec();
        // One that waits for a time and gives up at another is listed once.
        if seen.insert(owner.clone()) {
            found.push(owner);
        }
    }
    Ok(found)
}

/// The parked records of these owners.
pub(crate) fn load(view: &dyn View, owners: Vec<Vec<u8>>) -> Result<Vec<ParkedRecord>, StoreError> {
    owners
        .iter()
        .map(|id| {
            let row = view.get(Table::Parked, id)?;
            decode(&row.ok_or_else(|| damaged("a record that waits is missing"))?)
        })
        .collect()
}

/// The row of a parked record.
pub(crate) fn get(view: &dyn View, id: &RecordId) -> Result<Option<ParkedRecord>, StoreError> {
    view.get(Table::Parked, &id.0)?.map(|row| decode(&row)).transpose()
}
