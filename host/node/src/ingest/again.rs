//! Looking again at records that wait: parked ones, which are not admitted yet, and pending
//! ones, which are stored without a verdict.

use std::collections::HashSet;

use atlas_record::{BlobId, Record, RecordId, Timestamp};
use atlas_store::{Batch, Item, StoredRecord, WaitKey};

use super::{Arrival, Fate};
use crate::error::NodeError;
use crate::node::Node;

/// Records that are looked at together.
const AT_ONCE: usize = 1024;

impl Node {
    /// Looks again at parked and pending records whose time has come; how many were settled.
    pub fn retry_waiting(&self, now: Timestamp) -> Result<usize, NodeError> {
        let parked = self.in_rounds(now, |most| Ok(records(self.store().parked_due(now, most)?)), Self::admit_again)?;
        let pending = self.in_rounds(now, |most| Ok(self.store().pending_due(now, most)?), Self::judge_again)?;
        Ok(parked + pending)
    }

    /// Looks again at records that wait for something that has just come.
    pub fn retry_waiting_for(&self, key: &WaitKey, now: Timestamp) -> Result<usize, NodeError> {
        self.decisions().let_them_end();
        let parked =
            self.in_rounds(now, |most| Ok(records(self.store().parked_waiting(key, most)?)), Self::admit_again)?;
        let pending = self.in_rounds(now, |most| Ok(self.store().pending_waiting(key, most)?), Self::judge_again)?;
        Ok(parked + pending)
    }

    /// Looks again at what waits for a module, once the compiler is done with it. The node may be
    /// gone by then.
    pub(super) fn judge_when_compiled(&self, code: BlobId) {
        let node = self.downgrade();
        let then = move || {
            let Some(node) = node.upgrade() else { return };
            if let Err(error) = node.retry_waiting_for(&WaitKey::Module(code), crate::clock::now()) {
                tracing::warn!("records that waited for module {code} were not judged: {error}");
            }
        };
        self.modules().when_compiled(code, then);
    }

    /// Judges the records that waited for these, and those that waited for them.
    pub(crate) fn records_came(&self, mut came: Vec<RecordId>, now: Timestamp) -> Result<(), NodeError> {
        while !came.is_empty() {
            self.decisions().note(&came);
            if self.store().pending_count() == 0 {
                return Ok(());
            }
            for id in std::mem::take(&mut came) {
                self.in_rounds(
                    now,
                    |most| Ok(self.store().pending_waiting(&WaitKey::Record(id), most)?),
                    |node, waiting, now| {
                        let settled = node.judge_again(waiting, now)?;
                        came.extend_from_slice(&settled);
                        Ok(settled)
                    },
                )?;
            }
        }
        Ok(())
    }

    /// Takes what is listed in rounds, until a round brings nothing that was not seen before:
    /// what goes on waiting may be listed again. How many were settled.
    fn in_rounds<T: Named>(
        &self,
        now: Timestamp,
        list: impl Fn(usize) -> Result<Vec<T>, NodeError>,
        mut take: impl FnMut(&Self, Vec<T>, Timestamp) -> Result<Vec<RecordId>, NodeError>,
    ) -> Result<usize, NodeError> {
        let (mut seen, mut settled) = (HashSet::new(), 0);
        loop {
            // What was seen and waits on stands in front of what was not.
            let mut round = list(AT_ONCE + seen.len() - settled)?;
            round.retain(|item| seen.insert(item.name()));
            if round.is_empty() {
                return Ok(settled);
            }
            settled += take(self, round, now)?.len();
        }
    }

    /// Puts parked records through admission once more. Those that wait no longer.
    fn admit_again(&self, records: Vec<Record>, now: Timestamp) -> Result<Vec<RecordId>, NodeError> {
        let ids: Vec<RecordId> = records.iter().map(Record::id).collect();
        let fates = self.ingest_decoded(records.into_iter().map(Ok).collect(), now)?;
        let mut settled = Vec::new();
        for (id, fate) in ids.into_iter().zip(&fates) {
            // What waits for its body or for another record now is stored, and parked no more.
            if !matches!(fate, Fate::Parked { .. }) || self.store().number(&id)?.is_some() {
                settled.push(id);
            }
        }
        let batch: Batch = settled.iter().map(|id| Item::Unpark(*id)).collect();
        self.store().commit(batch)?;
        Ok(settled)
    }

    /// Judges pending records whose bodies are here once more. Those that have a verdict now.
    fn judge_again(&self, waiting: Vec<StoredRecord>, now: Timestamp) -> Result<Vec<RecordId>, NodeError> {
        let whole = waiting.into_iter().map(|stored| stored.record).filter(|record| record.payload().is_some());
        let arrivals: Vec<Arrival> = whole.enumerate().map(|(i, record)| Arrival::new(i, record, true)).collect();
        let ids: Vec<RecordId> = arrivals.iter().map(|arrival| arrival.record.id()).collect();
        let fates = self.decide(arrivals, now)?;
        Ok(fates.into_iter().filter(|(_, fate)| fate.is_stored()).map(|(i, _)| ids[i]).collect())
    }
}

fn records(parked: Vec<atlas_store::ParkedRecord>) -> Vec<Record> {
    parked.into_iter().map(|parked| parked.record).collect()
}

/// What has a record's id.
trait Named {
    fn name(&self) -> RecordId;
}

impl Named for Record {
    fn name(&self) -> RecordId {
        self.id()
    }
}

impl Named for StoredRecord {
    fn name(&self) -> RecordId {
        self.record.id()
    }
}
