//! The tables beside the records: what they hold is compared with what the records call for.

use std::hash::{BuildHasher, RandomState};
use std::io::Read;
use std::path::Path;

use atlas_record::{BlobId, Op};

use super::{Check, CheckReport, PlaceView, Sum, expected_rows};
use crate::blobs;
use crate::decide::{Contender, Standing};
use crate::error::StoreError;
use crate::group::Totals;
use crate::keys::Parts;
use crate::kv::{Range, Table};
use crate::place::MARK_BYTES;
use crate::rows::{HistoryRow, RecordRow, decode_counts, decode_standing, row_head};
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

impl Check<'_> {
    pub(super) fn derived(&mut self, table: Table) -> Result<()> {
        let mut sum = Sum::default();
        for (done, row) in (1..).zip(self.view.range(table, Range::all())) {
            let (key, value) = row?;
            self.step(table.name(), done, None);
            sum.add(self.hasher.hash_one((&key[..], &value[..])));
        }
        self.compare(table, sum)
    }

    /// Compares the rows of a table with those that records call for.
    fn compare(&mut self, table: Table, sum: Sum) -> Result<()> {
        let expected = self.expected.remove(&table).unwrap_or_default();
        if sum == expected {
            return Ok(());
        }
        let before = self.report.problem_count;
        self.missing_rows(table)?;
        let missing = self.report.problem_count - before;
        // Each missing row explains one; what is left over has no record, or another value.
        let surplus = (sum.1 + missing).saturating_sub(expected.1);
        if surplus > 0 || missing == 0 {
            self.report.problem(format!(
                "`{}` has {} rows and the records call for {}: some rows belong to no record or differ from it",
                table.name(),
                sum.1,
                expected.1
            ));
        }
        Ok(())
    }

    /// Names the rows that records call for and that are not there.
    fn missing_rows(&mut self, table: Table) -> Result<()> {
        for row in self.view.range(Table::Records, Range::all()) {
            let (row, value) = row?;
            let Some(n) = Parts(&row).number() else { continue };
            let Ok(row) = RecordRow::decode(n, &value) else { continue };
            let mut wanted = Vec::new();
            let listed = expected_rows(&mut self.names, n, &row, &mut |its, key, value| {
                if its == table {
                    wanted.push((key.to_vec(), value.to_vec()));
                }
            });
            if listed.is_err() {
                continue; // reported with the record
            }
            for (key, value) in wanted {
                match self.view.get(table, &key)? {
                    None => self.report.problem(format!("record {n}: its row in `{}` is missing", table.name())),
                    Some(found) if found != value => {
                        self.report.problem(format!("record {n}: its row in `{}` says something else", table.name()));
                    }
                    Some(_) => {}
                }
            }
        }
        Ok(())
    }

    pub(super) fn addresses(&mut self) -> Result<()> {
        let mut sum = Sum::default();
        let mut address = Address::default();
        for (done, row) in (1..).zip(self.view.range(Table::Address, Range::all())) {
            let (row, value) = row?;
            self.step("address", done, None);
            // Space, author, type, then a key that ends with the first zero byte.
            let Some(length) = row.iter().skip(12).position(|byte| *byte == 0).map(|at| 12 + at + 1) else {
                self.report.problem("`address` has a key without an end");
                continue;
            };
            if row[..length] != address.key[..] {
                address.close(&self.hasher, &mut sum, &mut self.report);
                address = Address { key: row[..length].to_vec(), ..Address::default() };
            }
            if length == row.len() {
                match decode_standing(&value) {
                    Ok(standing) => {
                        address.stated = Some(standing);
                        address.rows.extend(standing.top.map(|record| HistoryRow { record, in_force: true }));
                    }
                    Err(error) => self.report.problem(error.to_string()),
                }
            } else {
                match HistoryRow::decode(length, &row, &value) {
                    Ok(row) => address.rows.push(row),
                    Err(error) => self.report.problem(error.to_string()),
                }
            }
        }
        address.close(&self.hasher, &mut sum, &mut self.report);
        if sum != self.places {
            self.report.problem(format!(
                "`address` has {} records and there are {} with a key, or some of them stand where they should not",
                sum.1, self.places.1
            ));
        }
        Ok(())
    }

    pub(super) fn chain(&mut self) -> Result<()> {
        let mut sum = Sum::default();
        let read = |key: &[u8], value: &[u8]| {
            let (mut key, mut value) = (Parts(key), Parts(value));
            Some((key.name()?, key.name()?, key.number()?, value.number()?, value.array::<32>()?))
        };
        for (done, row) in (1..).zip(self.view.range(Table::Chain, Range::all())) {
            let (key, value) = row?;
            self.step("chain", done, None);
            match read(&key, &value) {
                Some(position) => sum.add(self.hasher.hash_one(position)),
                None => self.report.problem("`chain` has a malformed row"),
            }
        }
        let mut position = Vec::new();
        for (done, row) in (1..).zip(self.view.range(Table::Fork, Range::all())) {
            let (key, id) = row?;
            self.step("fork", done, None);
            // The record that came first is in both tables, and the first of its position in this.
            let begins = position != key.get(..16).unwrap_or_default();
            position = key.get(..16).unwrap_or_default().to_vec();
            let n = key.get(16..).and_then(|tail| Parts(tail).number());
            let first = self.view.get(Table::Chain, key.get(..16).unwrap_or_default())?;
            match (n, first.as_deref().and_then(|first| Parts(first).number())) {
                (Some(n), Some(first)) if n != first && !begins => {
                    let value = [&n.to_be_bytes()[..], &id].concat();
                    sum.add(read(&key, &value).map_or(0, |position| self.hasher.hash_one(position)));
                }
                (Some(_), Some(_)) if begins => {}
                _ => self.report.problem("`fork` and `chain` differ on what came first at a position"),
            }
        }
        if sum != self.chains {
            self.report.problem(format!(
                "`chain` has {} positions and {} records are part of a chain, or some of them differ",
                sum.1, self.chains.1
            ));
        }
        Ok(())
    }

    pub(super) fn tombstones(&mut self) -> Result<()> {
        let mut sum = Sum::default();
        // The mark whose deletes come next, and whether one came.
        let mut mark: Option<(Vec<u8>, bool)> = None;
        for (done, row) in (1..).zip(self.view.range(Table::Tombstone, Range::all())) {
            let (key, value) = row?;
            self.step("tombstone", done, None);
            if key.len() == MARK_BYTES {
                self.close_mark(mark.replace((key, false)));
                continue;
            }
            sum.add(self.hasher.hash_one((&key[..], &value[..])));
            match &mut mark {
                Some((mark, has_delete)) if key.starts_with(mark) => *has_delete = true,
                _ => self.report.problem("`tombstone` has a delete whose target is not marked"),
            }
        }
        self.close_mark(mark);
        self.compare(Table::Tombstone, sum)
    }

    fn close_mark(&mut self, mark: Option<(Vec<u8>, bool)>) {
        if mark.is_some_and(|(_, has_delete)| !has_delete) {
            self.report.problem("`tombstone` marks a record that no delete in force names");
        }
    }

    pub(super) fn counted(&mut self) -> Result<()> {
        for (done, row) in (1..).zip(self.view.range(Table::Counts, Range::all())) {
            let (key, value) = row?;
            self.step("counts", done, None);
            let mut parts = Parts(&key);
            let (Some(space), Some(type_name)) = (parts.name(), parts.name()) else {
                self.report.problem("`counts` has a key of another length");
                continue;
            };
            let counted = self.counts.remove(&(space, type_name)).unwrap_or_default();
            match decode_counts(&value) {
                Ok(stored) if stored == counted => {}
                Ok(stored) => self.report.problem(format!(
                    "`counts` of space {space}, type {type_name} says {stored:?}, the records say {counted:?}"
                )),
                Err(error) => self.report.problem(error.to_string()),
            }
        }
        for (space, type_name) in std::mem::take(&mut self.counts).into_keys() {
            self.report.problem(format!("`counts` of space {space}, type {type_name} is missing"));
        }
        Ok(())
    }

    pub(super) fn digested(&mut self) -> Result<()> {
        for (done, row) in (1..).zip(self.view.range(Table::Digest, Range::all())) {
            let (key, value) = row?;
            self.step("digest", done, None);
            let mut parts = Parts(&key);
            let (Some(space), Some(type_name)) = (parts.name(), parts.name()) else {
                self.report.problem("`digest` has a key of another length");
                continue;
            };
            let summed = self.digests.remove(&(space, type_name)).unwrap_or_default();
            if summed.to_bytes() != value {
                self.report.problem(format!(
                    "`digest` of space {space}, type {type_name} is not the sum of the headers of its set"
                ));
            }
        }
        for (space, type_name) in std::mem::take(&mut self.digests).into_keys() {
            self.report.problem(format!("`digest` of space {space}, type {type_name} is missing"));
        }
        Ok(())
    }

    pub(super) fn changed(&mut self) -> Result<()> {
        for (done, row) in (1..).zip(self.view.range(Table::Changed, Range::all())) {
            let (key, value) = row?;
            self.step("changed", done, None);
            let head = match self.view.get(Table::Records, &key)? {
                Some(record) => row_head(0, &record).ok(),
                None => None,
            };
            if head.is_none_or(|head| value != [u8::from(head.status.is_visible())]) {
                self.report.problem("`changed` has a row that differs from its record on whether that is visible");
            }
        }
        Ok(())
    }

    pub(super) fn named(&mut self) -> Result<()> {
        let (mut numbers, mut names) = (Sum::default(), Sum::default());
        for (done, row) in (1..).zip(self.view.range(Table::Names, Range::all())) {
            let (key, value) = row?;
            self.step("names", done, None);
            match &key[..] {
                [0, kind, name @ ..] => numbers.add(self.hasher.hash_one((*kind, name, &value[..]))),
                [1, kind, number @ ..] => names.add(self.hasher.hash_one((*kind, &value[..], number))),
                _ => self.report.problem("`names` has a malformed key"),
            }
        }
        if numbers != names {
            self.report.problem("`names` does not lead back from every number to its name");
        }
        Ok(())
    }

    pub(super) fn blobs(&mut self, store: &Store) -> Result<()> {
        for (done, row) in (1..).zip(self.view.range(Table::Blobs, Range::all())) {
            let (key, value) = row?;
            self.step("blobs", done, None);
            self.report.blobs += 1;
            let Some(id) = Parts(&key).array().map(BlobId) else {
                self.report.problem("`blobs` has a key of another length");
                continue;
            };
            self.totals.blobs += 1;
            self.totals.blob_bytes += blobs::size_of(&value).unwrap_or(0);
            match hash_blob(store, &id, &value) {
                Ok(hash) if hash == id => {}
                Ok(_) => {
                    self.report.problem(format!("blob {id}: its bytes have another hash: remove it and fetch it again"))
                }
                Err(error) => self.report.problem(format!("blob {id}: {error}")),
            }
        }
        for loose in store.loose_blobs()? {
            if self.view.get(Table::Blobs, &loose.id.0)?.map(|row| blobs::size_of(&row)).transpose()?
                != Some(loose.size)
            {
                self.report.problem(format!("blob {}: `loose` says it is here with {} bytes", loose.id, loose.size));
            }
        }
        let stored = Totals::load(self.view)?;
        if stored != self.totals {
            self.report.problem(format!("the totals say {stored:?}, the rows say {:?}", self.totals));
        }
        Ok(())
    }
}

fn hash_blob(store: &Store, id: &BlobId, row: &[u8]) -> Result<BlobId> {
    if let blobs::Row::Inline(bytes) = blobs::read_row(row)? {
        return Ok(BlobId::of(bytes));
    }
    let Some(mut reader) = store.open_blob(id)? else {
        return Err(StoreError::damaged(Table::Blobs, "it was removed during the check"));
    };
    let mut hasher = blake3::Hasher::new();
    let mut piece = vec![0; blobs::COPY_BYTES];
    loop {
        let length = reader.read(&mut piece).map_err(|e| StoreError::io("read", Path::new("its file"), &e))?;
        if length == 0 {
            return Ok(BlobId(*hasher.finalize().as_bytes()));
        }
        hasher.update(&piece[..length]);
    }
}

/// The rows of one address.
#[derive(Default)]
struct Address {
    key: Vec<u8>,
    stated: Option<Standing>,
    rows: Vec<HistoryRow>,
}

impl Address {
    /// Works out again what stands here, and says where each record's place is.
    fn close(&self, hasher: &RandomState, sum: &mut Sum, report: &mut CheckReport) {
        let in_force = || self.rows.iter().filter(|row| row.in_force).map(|row| row.record);
        let top = in_force().max_by_key(Contender::standing_rank);
        let deleted_below = in_force().filter(|record| record.op == Op::Delete).map(|record| record.rank).max();
        if self.stated.unwrap_or_default() != (Standing { top, deleted_below }) {
            let n = top.map(|record| record.n);
            report.problem(format!("`address`: at the address of record {n:?} another record stands than should"));
        }
        for &HistoryRow { record, in_force } in &self.rows {
            let stands = top.is_some_and(|top| top.n == record.n);
            sum.add(hasher.hash_one(PlaceView {
                address: &self.key,
                record,
                in_force,
                deleted: record.is_deleted_by(deleted_below),
                superseded: in_force && record.op == Op::Put && record.replaceable && !stands,
            }));
        }
    }
}
