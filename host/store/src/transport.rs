//! Reads for whoever sends records to others and fetches them from there: by id, many at once.
//!
//! What is sent is taken from the stored row as it is: the header's bytes, and salt and body
//! unless they were dropped. Beyond the id nothing is checked or decoded; whoever receives it
//! does that.

use atlas_record::{RecordId, Value, cbor};

use crate::error::StoreError;
use crate::kv::{Table, View};
use crate::read::number_of;
use crate::rows::RawRow;
use crate::status::Status;
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

/// What of a record has to come from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lacking {
    /// All of it: it is neither stored nor parked.
    Record,
    /// Its body: the header is stored, and takes a body.
    Body,
}

impl Store {
    /// Records in their transport form as of one moment, in the order of the ids; `None` for
    /// those that are not here. Ends early rather than hold more than `most_bytes`, and never
    /// without the first.
    pub fn encoded(&self, ids: &[RecordId], most_bytes: usize) -> Result<Vec<Option<Vec<u8>>>> {
        let view = self.view();
        let (mut found, mut bytes) = (Vec::new(), 0);
        for id in ids {
            let record = match stored(&*view, id)? {
                Some((n, row)) => Some(encode(n, id, &row)?),
                None => None,
            };
            bytes += record.as_ref().map_or(0, Vec::len);
            if bytes > most_bytes && !found.is_empty() {
                break;
            }
            found.push(record);
        }
        Ok(found)
    }

    /// What is lacking of each of these records, as of one moment and in their order; `None`
    /// where nothing has to come.
    pub fn lacking(&self, ids: &[RecordId]) -> Result<Vec<Option<Lacking>>> {
        let view = self.view();
        ids.iter()
            .map(|id| match stored(&*view, id)? {
                Some((n, row)) => Ok(takes_body(&RawRow::of(n, &row)?).then_some(Lacking::Body)),
                None => Ok(is_absent(&*view, id)?.then_some(Lacking::Record)),
            })
            .collect()
    }

    /// Those of these records that are neither stored nor parked, in their order. Reads no
    /// record, so it is the cheaper question where bodies do not matter.
    pub fn absent(&self, ids: &[RecordId]) -> Result<Vec<RecordId>> {
        let view = self.view();
        let mut absent = Vec::new();
        for id in ids {
            if number_of(&*view, id)?.is_none() && is_absent(&*view, id)? {
                absent.push(*id);
            }
        }
        Ok(absent)
    }
}

/// Of a record that is not stored: whether it does not wait for admission either.
fn is_absent(view: &dyn View, id: &RecordId) -> Result<bool> {
    Ok(view.get(Table::Parked, &id.0)?.is_none())
}

/// The row of a stored record.
fn stored(view: &dyn View, id: &RecordId) -> Result<Option<(u64, Vec<u8>)>> {
    let Some(n) = number_of(view, id)? else { return Ok(None) };
    let row = view.get(Table::Records, &n.to_be_bytes())?;
    let row = row.ok_or_else(|| StoreError::damaged(Table::Records, format!("record {n} is missing")))?;
    Ok(Some((n, row)))
}

/// Whether a stored header lacks its body and would take it: one that is valid, or not judged.
fn takes_body(row: &RawRow<'_>) -> bool {
    row.payload.is_none() && (row.status == Status::Bodiless || row.is_pending())
}

/// The transport form, as [`atlas_record::Record::encode`] writes it.
fn encode(n: u64, id: &RecordId, row: &[u8]) -> Result<Vec<u8>> {
    let row = RawRow::of(n, row)?;
    if RecordId::of(row.header) != *id {
        // Whoever asked would take it for a lie.
        return Err(StoreError::damaged(Table::Records, format!("record {n}: its header is not that of its id")));
    }
    let bytes = |part: &[u8]| Value::Bytes(part.to_vec());
    let (salt, body) = row.payload.map_or((Value::Null, Value::Null), |(salt, body)| (bytes(salt), bytes(body)));
    Ok(cbor::encode(&Value::List(vec![bytes(row.header), salt, body])))
}
