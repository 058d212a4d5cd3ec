//! Everything a batch can hold beside records: documents, blobs, what is parked.

use atlas_record::{BlobId, Record, RecordId, Timestamp};

use crate::batch::{BlobBytes, Content, Item, Limit, Outcome};
use crate::blobs;
use crate::docs::{DocKind, doc_key};
use crate::error::StoreError;
use crate::group::Group;
use crate::keys::{key, wait_key};
use crate::kv::Table;
use crate::parked;
use crate::waiting::{WaitKey, Waiting};

type Result<T> = std::result::Result<T, StoreError>;

impl Group<'_> {
    /// Applies one item.
    pub fn apply(&mut self, item: &Item) -> Result<Outcome> {
        match item {
            Item::Put(put) => self.put_record(put),
            Item::Judge { id, verdict, payload } => self.judge(id, verdict, payload.as_ref()),
            Item::SetRevoked { id, revoked } => self.set_revoked(id, *revoked),
            Item::Erase(id) => self.erase(id),
            Item::EraseExpired { now, most } => self.erase_expired(*now, *most),
            Item::PutDoc { kind, key, bytes } => {
                self.writes.put(Table::Docs, &doc_key(*kind, key), bytes);
                Ok(Outcome::Done)
            }
            Item::SwapDoc { kind, key, expected, bytes } => {
                self.swap_doc(*kind, key, expected.as_deref(), bytes.as_deref())
            }
            Item::RemoveDoc { kind, key } => {
                self.writes.remove(Table::Docs, &doc_key(*kind, key));
                Ok(Outcome::Done)
            }
            Item::PutBlob(blob) => {
                self.keep_blob(&blob.id());
                self.put_blob(blob)
            }
            Item::OfferBlob { blob, now } => self.offer_blob(blob, *now),
            Item::KeepBlob(id) => Ok(self.keep_blob(id)),
            Item::SweepBlob(loose) => self.sweep_blob(loose),
            Item::RemoveBlob(id) => self.remove_blob(id),
            Item::Park { record, waiting, now } => self.park(record, waiting, *now),
            Item::Unpark(id) => self.unpark(id),
            Item::SettleShown(followed) => self.settle_shown(followed),
        }
    }

    fn swap_doc(
        &mut self,
        kind: DocKind,
        doc: &[u8],
        expected: Option<&[u8]>,
        bytes: Option<&[u8]>,
    ) -> Result<Outcome> {
        let row = doc_key(kind, doc);
        let found = self.get(Table::Docs, &row)?;
        if found.as_deref() != expected {
            return Ok(Outcome::Conflict { found });
        }
        match bytes {
            Some(bytes) => self.writes.put(Table::Docs, &row, bytes),
            None => self.writes.remove(Table::Docs, &row),
        }
        Ok(Outcome::Done)
    }

    pub(crate) fn blob_size(&self, id: &BlobId) -> Result<Option<u64>> {
        self.get(Table::Blobs, &id.0)?.map(|row| blobs::size_of(&row)).transpose()
    }

    pub(crate) fn put_blob(&mut self, blob: &BlobBytes) -> Result<Outcome> {
        let id = blob.id();
        if self.blob_size(&id)?.is_none() {
            self.state.totals.blobs += 1;
            self.state.totals.blob_bytes += blob.size();
        }
        match &blob.content {
            Content::Bytes(bytes) => self.writes.put(Table::Blobs, &id.0, &blobs::inline_row(bytes)),
            Content::File(size) => self.writes.put(Table::Blobs, &id.0, &blobs::file_row(*size)),
        }
        self.removed_blobs.retain(|removed| *removed != id);
        Ok(Outcome::Done)
    }

    pub(crate) fn remove_blob(&mut self, id: &BlobId) -> Result<Outcome> {
        let Some(size) = self.blob_size(id)? else { return Ok(Outcome::Unknown) };
        self.state.totals.blobs -= 1;
        self.state.totals.blob_bytes -= size;
        self.writes.remove(Table::Blobs, &id.0);
        self.writes.remove(Table::Loose, &id.0);
        self.removed_blobs.push(*id);
        Ok(Outcome::Done)
    }

    fn park(&mut self, record: &Record, waiting: &Waiting, now: Timestamp) -> Result<Outcome> {
        let id = record.id();
        // Whoever sends a header without its body must not take the body from one that waits.
        let before = match record.payload() {
            None => self.get(Table::Parked, &id.0)?.map(|row| parked::decode(&row)).transpose()?,
            Some(_) => None,
        };
        let record = before.as_ref().map_or(record, |before| &before.record);
        let is_new = self.unpark(&id)? == Outcome::Unknown;
        let row = parked::encode(record, waiting, now);
        let (totals, bounds) = (&mut self.state.totals, &self.config.parked);
        let size = row.len() as u64;
        let limit = if is_new && totals.parked >= bounds.count {
            Some(Limit::ParkedCount)
        } else if is_new && totals.parked_bytes + size > bounds.bytes {
            Some(Limit::ParkedBytes)
        } else {
            None
        };
        if let Some(limit) = limit {
            self.refused += 1;
            return Ok(Outcome::Refused { limit });
        }
        totals.parked += 1;
        totals.parked_bytes += size;
        let count = totals.parked;
        self.writes.put(Table::Parked, &id.0, &row);
        self.wait_rows(parked::PARKED, waiting, &id.0, true);
        Ok(Outcome::Parked { count })
    }

    fn unpark(&mut self, id: &RecordId) -> Result<Outcome> {
        let Some(row) = self.get(Table::Parked, &id.0)? else { return Ok(Outcome::Unknown) };
        let waiting = parked::waiting_of(&row)?;
        self.state.totals.parked -= 1;
        self.state.totals.parked_bytes -= row.len() as u64;
        self.writes.remove(Table::Parked, &id.0);
        self.wait_rows(parked::PARKED, &waiting, &id.0, false);
        Ok(Outcome::Parked { count: self.state.totals.parked })
    }

    /// Writes or removes the rows by which a record without a verdict is found again.
    pub fn pending_rows(&mut self, n: u64, waiting: &Waiting, put: bool) {
        self.wait_rows(parked::PENDING, waiting, &n.to_be_bytes(), put);
    }

    fn wait_rows(&mut self, who: u8, waiting: &Waiting, owner: &[u8], put: bool) {
        let give_up = waiting.give_up.map(WaitKey::Until);
        for on in waiting.on.iter().copied().chain(give_up) {
            let mut row = key();
            wait_key(&mut row, who, &on);
            row.bytes(owner);
            if put {
                self.put(Table::Waiting, &row, &[]);
            } else {
                self.remove(Table::Waiting, &row);
            }
        }
    }
}
