//! Reads for whoever sends records to others and fetches them from there: by id, many at once.
//!
//! What is sent is taken from the stored row as it is: the header's bytes, and salt and body
//! unless they were dropped. Beyond the id nothing is checked or decoded; whoever receives it
//! does that.

use atlas_record::{RecordId, SignedHeader, SpaceId, TypeName, Value, cbor};

use crate::error::StoreError;
use crate::keys::{Name, Parts};
use crate::kv::{Range, Table, View};
use crate::parked;
use crate::read::{number_of, space_number, type_number};
use crate::rows::RawRow;
use crate::status::Status;
use crate::store::Store;

/// Records that wait are looked at for each that is wanted.
const LOOKED_AT: usize = 16;

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
    /// Records of one type of a space in their transport form as of one moment, in the order of the ids, of which
    /// the first bytes will do; `None` for those that are not here, or not of that type and space, or lack their
    /// bodies where only `whole` ones are wanted. Ends early rather than hold more than `most_bytes`, and never
    /// without the first.
    pub fn encoded<const N: usize>(
        &self,
        space: &SpaceId,
        type_name: &TypeName,
        ids: &[[u8; N]],
        whole: bool,
        most_bytes: usize,
    ) -> Result<Vec<Option<Vec<u8>>>> {
        let view = self.view();
        let (Some(space), Some(type_name)) = (space_number(&*view, space)?, type_number(&*view, type_name)?) else {
            return Ok(vec![None; ids.len()]);
        };
        let (mut found, mut bytes) = (Vec::new(), 0);
        for id in ids {
            let record = encoded(&*view, (space, type_name), id, whole)?;
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

    /// Records of a space that are stored without a verdict or a body, and would take the body: `most` of them at
    /// most, from a place on that `seed` says, so that with another one others are given. Looks at a bounded number
    /// of records that wait.
    pub fn without_bodies(&self, space: &SpaceId, seed: [u8; 32], most: usize) -> Result<Vec<(TypeName, RecordId)>> {
        let view = self.view();
        let Some(space) = space_number(&*view, space)? else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for (on, owner) in parked::pending_on_records(&*view, &RecordId(seed), most.saturating_mul(LOOKED_AT))? {
            // What waits for itself waits for its body.
            if found.len() == most || number_of(&*view, &on)? != Some(owner) {
                continue;
            }
            let row = row(&*view, owner)?;
            let raw = RawRow::of(owner, &row)?;
            if raw.space == space && takes_body(&raw) {
                let header = SignedHeader::decode(raw.header);
                let header = header.map_err(|error| StoreError::damaged(Table::Records, error.to_string()))?;
                found.push((header.header().type_name.clone(), on));
            }
        }
        Ok(found)
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

/// A record of a type of a space in transport form, by its id or the first bytes of it.
fn encoded(view: &dyn View, set: (Name, Name), id: &[u8], whole: bool) -> Result<Option<Vec<u8>>> {
    let encode_if_of_set = |id: &RecordId, n: u64| {
        let row = row(view, n)?;
        let raw = RawRow::of(n, &row)?;
        let wanted = (raw.space, raw.type_name) == set && (raw.payload.is_some() || !whole);
        wanted.then(|| encode(n, id, &raw)).transpose()
    };
    if let Ok(id) = id.try_into().map(RecordId) {
        return number_of(view, &id)?.map_or(Ok(None), |n| encode_if_of_set(&id, n));
    }
    for named in view.range(Table::Ids, Range::prefix(id)) {
        let (id, n) = named?;
        let damaged = || StoreError::damaged(Table::Ids, "a row of another length");
        let (id, n) = (id.try_into().map_err(|_| damaged())?, Parts(&n).number().ok_or_else(damaged)?);
        if let Some(record) = encode_if_of_set(&RecordId(id), n)? {
            return Ok(Some(record));
        }
    }
    Ok(None)
}

fn row(view: &dyn View, n: u64) -> Result<Vec<u8>> {
    let row = view.get(Table::Records, &n.to_be_bytes())?;
    row.ok_or_else(|| StoreError::damaged(Table::Records, format!("record {n} is missing")))
}

/// The row of a stored record.
fn stored(view: &dyn View, id: &RecordId) -> Result<Option<(u64, Vec<u8>)>> {
    let Some(n) = number_of(view, id)? else { return Ok(None) };
    Ok(Some((n, row(view, n)?)))
}

/// Whether a stored header lacks its body and would take it: one that is valid, or not judged.
fn takes_body(row: &RawRow<'_>) -> bool {
    row.payload.is_none() && (row.status == Status::Bodiless || row.is_pending())
}

/// The transport form, as [`atlas_record::Record::encode`] writes it.
fn encode(n: u64, id: &RecordId, row: &RawRow<'_>) -> Result<Vec<u8>> {
    if RecordId::of(row.header) != *id {
        // Whoever asked would take it for a lie.
        return Err(StoreError::damaged(Table::Records, format!("record {n}: its header is not that of its id")));
    }
    let bytes = |part: &[u8]| Value::Bytes(part.to_vec());
    let (salt, body) = row.payload.map_or((Value::Null, Value::Null), |(salt, body)| (bytes(salt), bytes(body)));
    Ok(cbor::encode(&Value::List(vec![bytes(row.header), salt, body])))
}
