//! The one thread that writes.
//!
//! It takes whatever batches are queued, applies them in order to one [`Group`], writes the
//! group atomically, waits for the disk, and then answers every batch. While the disk works
//! the next batches queue up, so under load many share one sync. Every decision that depends
//! on what is stored is made here, so decisions never race.

use std::sync::Arc;
use std::time::{Duration, Instant};

use atlas_record::BlobId;
use crossbeam_channel::{Receiver, RecvTimeoutError};

use crate::batch::{Batch, Item, Outcome};
use crate::error::StoreError;
use crate::group::{Group, State};
use crate::kv::{Durability, Writes};
use crate::ranges::Arrivals;
use crate::shared::Shared;

pub(crate) type Answer = Result<Vec<Outcome>, StoreError>;

/// A batch and whom to tell.
pub(crate) struct Job {
    pub batch: Batch,
    /// Blobs of the batch whose files are written already.
    pub files: Vec<BlobId>,
    pub reply: Box<dyn FnOnce(Answer) + Send>,
}

/// After this long without work, what is buffered in memory moves to the disk.
const IDLE: Duration = Duration::from_secs(5);

/// The first flush moves the buffers, the second one frees their memory.
const IDLE_FLUSHES: u8 = 2;

/// Bytes of records and blobs that one group takes, so that memory stays bounded.
const GROUP_BYTES: usize = 16 << 20;

struct Committer {
    shared: Arc<Shared>,
    state: State,
    writes: Writes,
    /// Blobs whose rows are gone and whose files are not yet.
    removed_blobs: Vec<BlobId>,
    /// The failure after which nothing is written any more.
    failed: Option<StoreError>,
}

/// Runs until every sender is gone and the queue is empty.
pub(crate) fn run(shared: Arc<Shared>, state: State, jobs: &Receiver<Job>) {
    let mut committer = Committer { shared, state, writes: Writes::default(), removed_blobs: Vec::new(), failed: None };
    let mut flushes_left = 0_u8;
    loop {
        let first = match jobs.recv_timeout(IDLE) {
            Ok(job) => job,
            Err(RecvTimeoutError::Timeout) => {
                if flushes_left > 0
                    && let Err(error) = committer.shared.kv.flush()
                {
                    tracing::error!(%error, "the store cannot move what it buffers to the disk");
                }
                flushes_left = flushes_left.saturating_sub(1);
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return committer.shared.kv.close(),
        };
        flushes_left = IDLE_FLUSHES;
        let started = Instant::now();
        let (mut items, mut bytes) = (first.batch.len(), weight(&first.batch));
        let mut group = vec![first];
        while items < committer.shared.config.group_items && bytes < GROUP_BYTES {
            let Ok(job) = jobs.try_recv() else { break };
            items += job.batch.len();
            bytes += weight(&job.batch);
            group.push(job);
        }
        committer.commit(group, started);
    }
}

/// Roughly the bytes that a batch brings.
fn weight(batch: &Batch) -> usize {
    let weigh = |item: &Item| match item {
        Item::Put(put) => {
            let body = put.record.payload().map_or(0, |payload| payload.body.as_bytes().len());
            put.record.signed().as_bytes().len() + body
        }
        Item::PutBlob(blob) | Item::OfferBlob { blob, .. } => {
            usize::try_from(blob.size()).unwrap_or(usize::MAX).min(crate::blobs::INLINE_BYTES)
        }
        Item::PutDoc { bytes, .. } => bytes.len(),
        Item::Park { record, .. } => record.signed().as_bytes().len(),
        _ => 64,
    };
    batch.items.iter().map(weigh).sum()
}

impl Committer {
    fn commit(&mut self, group: Vec<Job>, started: Instant) {
        let batches: Vec<&Batch> = group.iter().map(|job| &job.batch).collect();
        let answers = match self.write(&batches) {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            Err(error) if batches.len() == 1 || error.is_fatal() => vec![Err(error); batches.len()],
            // One batch met damage. The others must not suffer for it.
            Err(_) => batches.iter().map(|batch| self.write(&[batch]).map(|mut answers| answers.remove(0))).collect(),
        };
        self.shared.committed(batches.len(), started.elapsed());
        if let Some(blobs) = &self.shared.blobs {
            group.iter().flat_map(|job| &job.files).for_each(|id| blobs.settled(id));
            self.removed_blobs.drain(..).for_each(|id| blobs.remove(&id));
        }
        for (job, answer) in group.into_iter().zip(answers) {
            (job.reply)(answer);
        }
    }

    /// Writes batches as one group; their outcomes.
    fn write(&mut self, batches: &[&Batch]) -> Result<Vec<Vec<Outcome>>, StoreError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let written = self.try_write(batches);
        if let Err(error) = &written {
            if error.is_fatal() {
                tracing::error!(%error, "the store stops writing");
                self.failed = Some(error.clone());
            } else {
                // What the group changed in memory was not written.
                match State::load(&*self.shared.kv.view()) {
                    Ok(state) => self.state = state,
                    Err(error) => self.failed = Some(error),
                }
            }
        }
        written
    }

    fn try_write(&mut self, batches: &[&Batch]) -> Result<Vec<Vec<Outcome>>, StoreError> {
        let shared = &self.shared;
        let mut group = Group::new(&*shared.kv, &mut self.state, &shared.config, &mut self.writes);
        let outcomes = batches
            .iter()
            .map(|batch| batch.items.iter().map(|item| group.apply(item)).collect())
            .collect::<Result<_, _>>()?;
        group.finish();
        let Group { changes, removed_blobs, arrived, refused, .. } = group;
        if !self.writes.is_empty() {
            shared.live.coming(Arrivals { last: self.state.last, members: arrived });
            shared.kv.write(&self.writes, Durability::Synced)?;
            shared.live.came();
        }
        self.writes.clear();
        self.removed_blobs.extend(removed_blobs);
        shared.publish(self.state.last, self.state.totals, refused, changes);
        Ok(outcomes)
    }
}
