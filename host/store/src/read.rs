//! Reads by id, number, address, grant, kind. Each sees the store as of one moment.

use std::fs::{self, File};
use std::ops::Bound;

use atlas_record::order::Rank;
use atlas_record::{Address, BlobId, GrantId, RecordId, SpaceId, Timestamp, TypeName};

use crate::blobs::{self, BlobReader};
use crate::docs::{Doc, DocKind, doc_key};
use crate::error::StoreError;
use crate::group::RecordNames;
use crate::keys::{KeyBuf, Name, Parts, key};
use crate::kv::{Range, Table, View, after_prefix};
use crate::names::{self, Kind};
use crate::parked::{self, PARKED, PENDING, ParkedRecord};
use crate::place::address_key;
use crate::rows::{HistoryRow, RecordRow, decode_counts, decode_standing};
use crate::stats::TypeCounts;
use crate::status::StoredRecord;
use crate::store::Store;
use crate::waiting::WaitKey;

type Result<T> = std::result::Result<T, StoreError>;

/// A page of what was written at an address.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// By rank, earliest first.
    pub records: Vec<StoredRecord>,
    /// Where the next page begins, if there is more.
    pub next: Option<Rank>,
}

/// What lists the replicated set.
pub type Admissible = Box<dyn Iterator<Item = Result<(Rank, u64)>> + Send>;

/// What lists documents.
pub type Docs = Box<dyn Iterator<Item = Result<Doc>> + Send>;

pub(crate) fn load(view: &dyn View, n: u64) -> Result<Option<StoredRecord>> {
    let Some(row) = view.get(Table::Records, &n.to_be_bytes())? else { return Ok(None) };
    Ok(Some(RecordRow::decode(n, &row)?.into_stored(n)))
}

/// A record that a row names.
fn load_named(view: &dyn View, n: u64) -> Result<StoredRecord> {
    load(view, n)?.ok_or_else(|| StoreError::damaged(Table::Records, format!("record {n} is missing")))
}

pub(crate) fn number_of(view: &dyn View, id: &RecordId) -> Result<Option<u64>> {
    let Some(row) = view.get(Table::Ids, &id.0)? else { return Ok(None) };
    Parts(&row).number().map(Some).ok_or_else(|| StoreError::damaged(Table::Ids, "a number of another length"))
}

pub(crate) fn space_number(view: &dyn View, space: &SpaceId) -> Result<Option<Name>> {
    names::number(view, Kind::Space, &space.0)
}

pub(crate) fn type_number(view: &dyn View, type_name: &TypeName) -> Result<Option<Name>> {
    names::number(view, Kind::Type, type_name.as_str().as_bytes())
}

/// The key of an address, unless nothing of it was ever named here.
fn address_row(view: &dyn View, address: &Address) -> Result<Option<KeyBuf>> {
    let space = space_number(view, &address.space)?;
    let type_name = type_number(view, &address.type_name)?;
    let author = names::number(view, Kind::Author, &address.author.0)?;
    let (Some(space), Some(type_name), Some(author)) = (space, type_name, author) else { return Ok(None) };
    Ok(Some(address_key(RecordNames { space, type_name, author }, &address.key)))
}

impl Store {
    /// A record by its id.
    pub fn get(&self, id: &RecordId) -> Result<Option<StoredRecord>> {
        let view = self.view();
        number_of(&*view, id)?.map(|n| load_named(&*view, n)).transpose()
    }

    /// The number of a record: whether it is stored, without reading it.
    pub fn number(&self, id: &RecordId) -> Result<Option<u64>> {
        number_of(&*self.view(), id)
    }

    /// A record by its number.
    pub fn by_number(&self, n: u64) -> Result<Option<StoredRecord>> {
        load(&*self.view(), n)
    }

    /// Records by their numbers, as of one moment. Those that do not exist are left out.
    pub fn by_numbers(&self, numbers: impl IntoIterator<Item = u64>) -> Result<Vec<StoredRecord>> {
        let view = self.view();
        numbers.into_iter().filter_map(|n| load(&*view, n).transpose()).collect()
    }

    /// What stands at an address, put or delete: the latest record that is valid and not
    /// revoked; where all such records may only create, the earliest. Only one whose status is
    /// visible is content.
    pub fn current(&self, address: &Address) -> Result<Option<StoredRecord>> {
        let view = self.view();
        let Some(row) = address_row(&*view, address)? else { return Ok(None) };
        let Some(standing) = view.get(Table::Address, row.done())? else { return Ok(None) };
        decode_standing(&standing)?.top.map(|top| load_named(&*view, top.n)).transpose()
    }

    /// Everything written at an address, by rank, from `from` on, `most` records at most.
    pub fn history(&self, address: &Address, from: Option<Rank>, most: usize) -> Result<History> {
        let none = History { records: Vec::new(), next: None };
        let view = self.view();
        let Some(row) = address_row(&*view, address)? else { return Ok(none) };
        let mut start = row.clone();
        match &from {
            Some(rank) => start.rank(rank),
            None => start.byte(0),
        };
        let range = Range { from: Bound::Included(start.to_vec()), to: after_prefix(row.done()), backward: false };
        let mut found = Vec::new();
        for stored in view.range(Table::Address, range).take(most.saturating_add(1)) {
            let (stored, value) = stored?;
            let record = HistoryRow::decode(row.done().len(), &stored, &value)?.record;
            found.push((record.rank, record.n));
        }
        if let Some(standing) = view.get(Table::Address, row.done())?
            && let Some(top) = decode_standing(&standing)?.top
            && from.is_none_or(|from| top.rank >= from)
        {
            let at = found.partition_point(|(rank, _)| *rank < top.rank);
            found.insert(at, (top.rank, top.n));
        }
        let next = found.get(most).map(|(rank, _)| *rank);
        let records = found.iter().take(most).map(|(_, n)| load_named(&*view, *n)).collect::<Result<_>>()?;
        Ok(History { records, next })
    }

    /// Everything written at an address before a rank, latest first, `most` records at most. What
    /// comes next is before [`History::next`].
    pub fn history_before(&self, address: &Address, before: Option<Rank>, most: usize) -> Result<History> {
        let none = History { records: Vec::new(), next: None };
        let view = self.view();
        let Some(row) = address_row(&*view, address)? else { return Ok(none) };
        let to = match &before {
            Some(rank) => Bound::Excluded(row.clone().rank(rank).to_vec()),
            None => after_prefix(row.done()),
        };
        let range = Range { from: Bound::Excluded(row.to_vec()), to, backward: true };
        let mut found = Vec::new();
        for stored in view.range(Table::Address, range).take(most.saturating_add(1)) {
            let (stored, value) = stored?;
            let record = HistoryRow::decode(row.done().len(), &stored, &value)?.record;
            found.push((record.rank, record.n));
        }
        if let Some(standing) = view.get(Table::Address, row.done())?
            && let Some(top) = decode_standing(&standing)?.top
            && before.is_none_or(|before| top.rank < before)
        {
            let at = found.partition_point(|(rank, _)| *rank > top.rank);
            found.insert(at, (top.rank, top.n));
        }
        let more = found.len() > most;
        found.truncate(most);
        let next = found.last().filter(|_| more).map(|(rank, _)| *rank);
        let records = found.iter().map(|(_, n)| load_named(&*view, *n)).collect::<Result<_>>()?;
        Ok(History { records, next })
    }

    /// The replicated set of a type in a space, in order of (created, id), from a rank on:
    /// what reconciliation runs over. Lazy; sees the store as of now.
    pub fn admissible(&self, space: &SpaceId, type_name: &TypeName, from: Option<Rank>) -> Result<Admissible> {
        let view = self.view();
        let (Some(space), Some(type_name)) = (space_number(&*view, space)?, type_number(&*view, type_name)?) else {
            return Ok(Box::new(std::iter::empty()));
        };
        let mut start = key();
        start.name(space).name(type_name);
        let to = after_prefix(start.done());
        if let Some(rank) = &from {
            start.rank(rank);
        }
        let range = Range { from: Bound::Included(start.to_vec()), to, backward: false };
        Ok(Box::new(view.range(Table::Set, range).map(|row| {
            let (row, value) = row?;
            let rank = row.get(8..).and_then(|tail| Parts(tail).rank());
            rank.zip(Parts(&value).number()).ok_or_else(|| StoreError::damaged(Table::Set, "a row is malformed"))
        })))
    }

    /// Numbers of the records whose headers name a grant, whatever their status, from `from_n`
    /// on, `most` of them at most, in order.
    pub fn by_grant(&self, grant: &GrantId, from_n: u64, most: usize) -> Result<Vec<u64>> {
        let view = self.view();
        let Some(grant) = names::number(&*view, Kind::Grant, &grant.0)? else { return Ok(Vec::new()) };
        let prefix = key().name(grant).to_vec();
        let from = key().name(grant).number(from_n).to_vec();
        let range = Range { from: Bound::Included(from), to: after_prefix(&prefix), backward: false };
        let number = |row: Result<crate::kv::Row>| {
            let (row, _) = row?;
            let n = row.get(prefix.len()..).and_then(|tail| Parts(tail).number());
            n.ok_or_else(|| StoreError::damaged(Table::Grant, "a key of another length"))
        };
        view.range(Table::Grant, range).take(most).map(number).collect()
    }

    /// How much of each type is in a space.
    pub fn counts(&self, space: &SpaceId) -> Result<Vec<TypeCounts>> {
        let view = self.view();
        let Some(space) = space_number(&*view, space)? else { return Ok(Vec::new()) };
        let rows = view.range(Table::Counts, Range::prefix(key().name(space).done()));
        let count = |row: Result<crate::kv::Row>| {
            let (row, value) = row?;
            let number = row.get(4..).and_then(|tail| Parts(tail).name());
            let number = number.ok_or_else(|| StoreError::damaged(Table::Counts, "a key of another length"))?;
            let text = names::text(&*view, Kind::Type, number)?;
            let type_name = std::str::from_utf8(&text).ok().and_then(|text| TypeName::new(text).ok());
            let type_name = type_name.ok_or_else(|| StoreError::damaged(Table::Names, "a type that is none"))?;
            Ok(TypeCounts { type_name, counts: decode_counts(&value)? })
        };
        rows.map(count).collect()
    }

    /// A document.
    pub fn doc(&self, kind: DocKind, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.view().get(Table::Docs, &doc_key(kind, key))
    }

    /// Documents of a kind whose keys begin with `prefix`, by key. Lazy; sees the store as of now.
    pub fn docs(&self, kind: DocKind, prefix: &[u8]) -> Docs {
        let rows = self.view().range(Table::Docs, Range::prefix(&doc_key(kind, prefix)));
        Box::new(rows.map(|row| row.map(|(key, bytes)| Doc { key: key[1..].to_vec(), bytes })))
    }

    /// A blob to read from.
    pub fn open_blob(&self, id: &BlobId) -> Result<Option<BlobReader>> {
        let Some(row) = self.view().get(Table::Blobs, &id.0)? else { return Ok(None) };
        match blobs::read_row(&row)? {
            blobs::Row::Inline(bytes) => Ok(Some(BlobReader::of_row(bytes.to_vec()))),
            blobs::Row::File(size) => {
                let path = self.blob_path(id)?;
                let file = File::open(&path).map_err(|e| StoreError::io("open", &path, &e))?;
                Ok(Some(BlobReader::of_file(file, size)))
            }
        }
    }

    /// A blob in one piece.
    pub fn blob(&self, id: &BlobId) -> Result<Option<Vec<u8>>> {
        let Some(row) = self.view().get(Table::Blobs, &id.0)? else { return Ok(None) };
        match blobs::read_row(&row)? {
            blobs::Row::Inline(bytes) => Ok(Some(bytes.to_vec())),
            blobs::Row::File(_) => {
                let path = self.blob_path(id)?;
                fs::read(&path).map(Some).map_err(|e| StoreError::io("read", &path, &e))
            }
        }
    }

    fn blob_path(&self, id: &BlobId) -> Result<std::path::PathBuf> {
        let blobs = self.shared().blobs.as_ref();
        let blobs = blobs.ok_or_else(|| StoreError::damaged(Table::Blobs, "a blob in a file, and no directory"))?;
        Ok(blobs.path(id))
    }

    /// Whether a blob is here; its size if so.
    pub fn has_blob(&self, id: &BlobId) -> Result<Option<u64>> {
        self.view().get(Table::Blobs, &id.0)?.map(|row| blobs::size_of(&row)).transpose()
    }

    /// A parked record.
    pub fn parked(&self, id: &RecordId) -> Result<Option<ParkedRecord>> {
        parked::get(&*self.view(), id)
    }

    /// Parked records whose time has come or who have waited long enough, earliest first.
    pub fn parked_due(&self, now: Timestamp, most: usize) -> Result<Vec<ParkedRecord>> {
        let view = self.view();
        parked::load(&*view, parked::due(&*view, PARKED, now, most)?)
    }

    /// Parked records that wait for something.
    pub fn parked_waiting(&self, on: &WaitKey, most: usize) -> Result<Vec<ParkedRecord>> {
        let view = self.view();
        parked::load(&*view, parked::waiting_for(&*view, PARKED, on, most)?)
    }

    /// Pending records whose time has come or who have waited long enough, earliest first.
    pub fn pending_due(&self, now: Timestamp, most: usize) -> Result<Vec<StoredRecord>> {
        let view = self.view();
        load_owners(&*view, &parked::due(&*view, PENDING, now, most)?)
    }

    /// Pending records that wait for something.
    pub fn pending_waiting(&self, on: &WaitKey, most: usize) -> Result<Vec<StoredRecord>> {
        let view = self.view();
        load_owners(&*view, &parked::waiting_for(&*view, PENDING, on, most)?)
    }
}

fn load_owners(view: &dyn View, owners: &[Vec<u8>]) -> Result<Vec<StoredRecord>> {
    let number = |owner: &Vec<u8>| Parts(owner).number();
    owners
        .iter()
        .map(|owner| {
            let n = number(owner).ok_or_else(|| StoreError::damaged(Table::Waiting, "a key of another length"))?;
            load_named(view, n)
        })
        .collect()
}
