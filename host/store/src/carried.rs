//! Which records carry which blobs, and which blobs nothing carries.
//!
//! A record *carries* the blobs that its header names, for as long as its body is here: one row
//! of [`Table::Carried`] for each, written and removed with the record's own. A blob that comes
//! before its record, as uploads do, is *loose*: a row of [`Table::Loose`] says since when and
//! how large it is. So is a blob whose last record let go of it, since ever. Who tends the store
//! sweeps what has been loose for long enough; the committer looks again at that moment, so that
//! no record loses a blob between the question and the answer. A blob that is put without being
//! loose is kept until somebody removes it.

use std::ops::ControlFlow;

use atlas_record::{BlobId, Timestamp};

use crate::batch::{BlobBytes, Outcome};
use crate::error::StoreError;
use crate::group::Group;
use crate::keys::{KeyBuf, Parts, key};
use crate::kv::{Range, Table};
use crate::rows::RecordRow;
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

/// A blob that nothing is known to need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LooseBlob {
    /// The blob.
    pub id: BlobId,
    /// Since when; 0 where a record let go of it.
    pub since: Timestamp,
    /// Bytes.
    pub size: u64,
}

impl LooseBlob {
    fn decode(key: &[u8], value: &[u8]) -> Result<Self> {
        let (mut key, mut value) = (Parts(key), Parts(value));
        let mut parts = || Some(Self { id: BlobId(key.array()?), since: value.number()?, size: value.number()? });
        parts().ok_or_else(|| StoreError::damaged(Table::Loose, "a row is malformed"))
    }
}

fn carried_key(id: &BlobId, n: u64) -> KeyBuf {
    let mut row = key();
    row.bytes(&id.0).number(n);
    row
}

/// The keys of the rows that say what a record carries, each once.
pub(crate) fn carried_keys(n: u64, row: &RecordRow<'_>) -> Vec<KeyBuf> {
    if row.payload.is_none() {
        return Vec::new();
    }
    let mut ids: Vec<BlobId> = row.signed.header().blobs.iter().map(|blob| blob.id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.iter().map(|id| carried_key(id, n)).collect()
}

impl Group<'_> {
    /// A record's row is written: it carries its blobs from now on, or no longer.
    pub fn carry(&mut self, n: u64, before: Option<&RecordRow<'static>>, after: &RecordRow<'_>) -> Result<()> {
        let had = before.is_some_and(|before| before.payload.is_some());
        match (had, after.payload.is_some()) {
            (false, true) => {
                carried_keys(n, after).iter().for_each(|row| self.put_ordered(Table::Carried, row, &[]));
            }
            (true, false) => {
                for row in before.into_iter().flat_map(|before| carried_keys(n, before)) {
                    self.remove(Table::Carried, &row);
                    let id = Parts(row.done()).array().expect("a carried row begins with an id");
                    self.let_go(&BlobId(id))?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A record carries this blob no more: it is loose if none does.
    fn let_go(&mut self, id: &BlobId) -> Result<()> {
        let Some(size) = self.blob_size(id)? else { return Ok(()) };
        if self.get(Table::Loose, &id.0)?.is_none() && !self.is_carried(id)? {
            self.mark_loose(id, 0, size);
        }
        Ok(())
    }

    fn is_carried(&self, id: &BlobId) -> Result<bool> {
        let mut carried = false;
        self.range(Table::Carried, Range::prefix(&id.0), |_, _| {
            carried = true;
            Ok(ControlFlow::Break(()))
        })?;
        Ok(carried)
    }

    fn mark_loose(&mut self, id: &BlobId, since: Timestamp, size: u64) {
        self.writes.put(Table::Loose, &id.0, key().number(since).number(size).done());
    }

    /// Stores a blob that is loose until a record carries it.
    pub fn offer_blob(&mut self, blob: &BlobBytes, now: Timestamp) -> Result<Outcome> {
        let outcome = self.put_blob(blob)?;
        self.mark_loose(&blob.id(), now, blob.size());
        Ok(outcome)
    }

    /// A blob is wanted for another reason than a record: it is not loose.
    pub fn keep_blob(&mut self, id: &BlobId) -> Outcome {
        self.writes.remove(Table::Loose, &id.0);
        Outcome::Done
    }

    /// Removes a blob that is still as loose as whoever swept it saw.
    pub fn sweep_blob(&mut self, loose: &LooseBlob) -> Result<Outcome> {
        let LooseBlob { id, since, .. } = loose;
        match self.get(Table::Loose, &id.0)? {
            Some(row) if LooseBlob::decode(&id.0, &row)?.since == *since => {}
            _ => return Ok(Outcome::Unknown),
        }
        self.writes.remove(Table::Loose, &id.0);
        if self.is_carried(id)? { Ok(Outcome::Done) } else { self.remove_blob(id) }
    }
}

impl Store {
    /// The numbers of records that carry a blob, up to `most`, in order of arrival.
    pub fn carriers(&self, id: &BlobId, most: usize) -> Result<Vec<u64>> {
        let number = |row: Result<crate::kv::Row>| {
            let n = row?.0.get(id.0.len()..).and_then(|tail| Parts(tail).number());
            n.ok_or_else(|| StoreError::damaged(Table::Carried, "a key of another length"))
        };
        self.view().range(Table::Carried, Range::prefix(&id.0)).take(most).map(number).collect()
    }

    /// Every loose blob, those included that a record has come to carry since.
    pub fn loose_blobs(&self) -> Result<Vec<LooseBlob>> {
        let read = |row: Result<crate::kv::Row>| row.and_then(|(key, value)| LooseBlob::decode(&key, &value));
        self.view().range(Table::Loose, Range::all()).map(read).collect()
    }

    /// Whether a blob is loose.
    pub fn is_loose(&self, id: &BlobId) -> Result<bool> {
        Ok(self.view().get(Table::Loose, &id.0)?.is_some())
    }
}
