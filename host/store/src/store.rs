//! The handle that everything goes through: opening, writing, closing.
//!
//! Reads are in [`crate::read`], queries in [`crate::scan`].

use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use atlas_record::{BlobId, Timestamp};
use crossbeam_channel::{Receiver, Sender};

use crate::batch::{Batch, BlobBytes, Content, Item, Outcome};
use crate::blobs::{BlobDir, COPY_BYTES, INLINE_BYTES, read_up_to};
use crate::committer::{self, Answer, Job};
use crate::config::Config;
use crate::directory::Directory;
use crate::error::StoreError;
use crate::group::{State, Totals};
use crate::kv::fjall::FjallKv;
use crate::kv::memory::MemoryKv;
use crate::kv::{Kv, Table, View};
use crate::shared::{Changes, Shared};
use crate::stats::Stats;

pub(crate) use crate::shared::Change;

type Result<T> = std::result::Result<T, StoreError>;

/// A store. Cheap to clone; the last handle dropped waits for what was submitted, and closes.
#[derive(Clone)]
pub struct Store(Arc<Handle>);

struct Handle {
    shared: Arc<Shared>,
    jobs: Option<Sender<Job>>,
    committer: Option<JoinHandle<()>>,
    /// Released last: until then the tables are in use.
    _directory: Option<Directory>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(committer) = self.committer.take()
            && committer.thread().id() != thread::current().id()
        {
            // A panic there was reported by the hook, and to every waiting writer.
            let _ = committer.join();
        }
    }
}

/// A batch on its way to the disk.
#[must_use = "what was submitted is durable only once its ticket says so"]
#[derive(Debug)]
pub struct Ticket(Receiver<Answer>);

impl Ticket {
    /// Blocks until the batch is durable; one outcome per item.
    pub fn wait(self) -> Result<Vec<Outcome>> {
        self.0.recv().unwrap_or(Err(StoreError::Closed))
    }

    /// The answer, if it is there.
    pub fn poll(&self) -> Option<Result<Vec<Outcome>>> {
        match self.0.try_recv() {
            Ok(answer) => Some(answer),
            Err(crossbeam_channel::TryRecvError::Empty) => None,
            Err(crossbeam_channel::TryRecvError::Disconnected) => Some(Err(StoreError::Closed)),
        }
    }
}

impl Store {
    /// Opens the store in a directory, and makes one there if there is none.
    pub fn open(dir: &Path, config: Config) -> Result<Self> {
        let directory = Directory::open(dir)?;
        let kv = FjallKv::open(&directory.db(), config.fjall)?;
        let blobs = BlobDir::open(&directory.blobs())?;
        Self::start(dir, Arc::new(kv), Some(blobs), config, Some(directory))
    }

    /// A store without a directory: nothing outlives the last handle.
    pub fn in_memory(config: Config) -> Result<Self> {
        Self::on(Arc::new(MemoryKv::new()), None, config)
    }

    /// A store on a backend. `blob_dir` is for large blobs; without it they are kept in rows.
    /// Whoever calls this sees to it that nobody else writes to the backend.
    pub fn on(kv: Arc<dyn Kv>, blob_dir: Option<&Path>, config: Config) -> Result<Self> {
        let blobs = blob_dir.map(BlobDir::open).transpose()?;
        Self::start(Path::new(""), kv, blobs, config, None)
    }

    fn start(
        dir: &Path,
        kv: Arc<dyn Kv>,
        blobs: Option<BlobDir>,
        config: Config,
        directory: Option<Directory>,
    ) -> Result<Self> {
        let view = kv.view();
        let state = State::load(&*view)?;
        let totals = Totals::load(&*view)?;
        drop(view);
        let shared = Arc::new(Shared::new(dir.to_owned(), kv, blobs, config, state.last, totals));
        let (jobs, queue) = crossbeam_channel::bounded(config.queue.max(1));
        let committer = thread::Builder::new()
            .name("store-committer".to_owned())
            .spawn({
                let shared = shared.clone();
                move || committer::run(shared, state, &queue)
            })
            .map_err(|e| StoreError::io("start the committer of", dir, &e))?;
        Ok(Self(Arc::new(Handle { shared, jobs: Some(jobs), committer: Some(committer), _directory: directory })))
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0.shared
    }

    pub(crate) fn view(&self) -> Box<dyn View> {
        self.0.shared.kv.view()
    }

    /// The directory; empty for a store in memory.
    pub fn dir(&self) -> &Path {
        &self.0.shared.dir
    }

    /// Hands a batch to the committer. Writes large blobs first, and blocks while the queue is
    /// full: not for async threads.
    pub fn submit(&self, batch: Batch) -> Result<Ticket> {
        let (sender, receiver) = crossbeam_channel::bounded(1);
        self.submit_then(batch, move |answer| {
            // Whoever dropped the ticket does not want to know.
            let _ = sender.send(answer);
        })?;
        Ok(Ticket(receiver))
    }

    /// As [`Store::submit`], and calls `then` from the committer's thread once the batch is
    /// durable or has failed: it should only pass the answer on.
    pub fn submit_then(&self, batch: Batch, then: impl FnOnce(Result<Vec<Outcome>>) + Send + 'static) -> Result<()> {
        let mut job = Job { batch, files: Vec::new(), reply: Box::new(then) };
        let written = self.write_files(&mut job);
        let jobs = self.0.jobs.as_ref().expect("open while a handle is alive");
        let refused = match written {
            Ok(()) => match jobs.send(job) {
                Ok(()) => return Ok(()),
                Err(refused) => (refused.0, StoreError::Closed),
            },
            Err(error) => (job, error),
        };
        let (job, error) = refused;
        if let Some(blobs) = &self.shared().blobs {
            job.files.iter().for_each(|id| blobs.settled(id));
        }
        Err(error)
    }

    /// Writes a batch and waits until it is durable.
    pub fn commit(&self, batch: Batch) -> Result<Vec<Outcome>> {
        self.submit(batch)?.wait()
    }

    /// Moves large blobs of a batch to files, in the caller's thread: the committer only
    /// writes rows.
    fn write_files(&self, job: &mut Job) -> Result<()> {
        let Some(blobs) = &self.shared().blobs else { return Ok(()) };
        for item in &mut job.batch.items {
            if let Item::PutBlob(blob) = item
                && let Content::Bytes(bytes) = &blob.content
                && bytes.len() > INLINE_BYTES
            {
                let mut file = blobs.start()?;
                file.write(bytes)?;
                let (id, size) = blobs.keep(file)?;
                job.files.push(id);
                *blob = BlobBytes::in_file(id, size);
            }
        }
        Ok(())
    }

    /// Stores a blob of any size from a reader, and keeps it until it is removed; its id and
    /// size, once it is durable.
    pub fn import_blob(&self, from: &mut dyn Read) -> Result<(BlobId, u64)> {
        self.store_blob(from, Item::PutBlob)
    }

    /// As [`Store::import_blob`]; the blob is loose until a record carries it: see
    /// [`crate::carried`].
    pub fn offer_blob(&self, from: &mut dyn Read, now: Timestamp) -> Result<(BlobId, u64)> {
        self.store_blob(from, |blob| Item::OfferBlob { blob, now })
    }

    fn store_blob(&self, from: &mut dyn Read, item: impl Fn(BlobBytes) -> Item) -> Result<(BlobId, u64)> {
        let failed = |e: std::io::Error| StoreError::Io {
            action: "read",
            path: "the blob that is imported".into(),
            cause: e.to_string(),
        };
        let most = if self.shared().blobs.is_some() { INLINE_BYTES + 1 } else { usize::MAX };
        let head = read_up_to(from, most).map_err(failed)?;
        let Some(blobs) = self.shared().blobs.as_ref().filter(|_| head.len() > INLINE_BYTES) else {
            let blob = BlobBytes::new(head);
            let answer = (blob.id(), blob.size());
            self.commit([item(blob)].into_iter().collect())?;
            return Ok(answer);
        };
        let mut file = blobs.start()?;
        file.write(&head)?;
        let mut piece = vec![0; COPY_BYTES];
        loop {
            match from.read(&mut piece) {
                Ok(0) => break,
                Ok(length) => file.write(&piece[..length])?,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(error)),
            }
        }
        let (id, size) = blobs.keep(file)?;
        let (sender, receiver) = crossbeam_channel::bounded(1);
        let job = Job {
            batch: [item(BlobBytes::in_file(id, size))].into_iter().collect(),
            files: vec![id],
            reply: Box::new(move |answer| drop(sender.send(answer))),
        };
        let jobs = self.0.jobs.as_ref().expect("open while a handle is alive");
        if jobs.send(job).is_err() {
            blobs.settled(&id);
            return Err(StoreError::Closed);
        }
        Ticket(receiver).wait()?;
        Ok((id, size))
    }

    /// Removes files of blobs that a crash left without a row; how many. They take space and
    /// do no harm otherwise.
    pub fn sweep_blobs(&self) -> Result<u64> {
        let Some(blobs) = &self.shared().blobs else { return Ok(0) };
        let mut swept = 0;
        for id in blobs.files()? {
            let has_row = || self.view().get(Table::Blobs, &id.0).map(|row| row.is_some());
            swept += u64::from(blobs.remove_unless(&id, has_row)?);
        }
        Ok(swept)
    }

    /// Drops every body whose expiry has passed; how many.
    pub fn erase_expired(&self, now: Timestamp) -> Result<u64> {
        let mut total = 0;
        loop {
            let outcomes = self.commit([Item::EraseExpired { now, most: 1000 }].into_iter().collect())?;
            let [Outcome::Expired { dropped, more }] = outcomes[..] else {
                unreachable!("one item has one outcome, and this item that one")
            };
            total += dropped as u64;
            if !more {
                return Ok(total);
            }
        }
    }

    /// The number of the last durable record.
    pub fn watermark(&self) -> u64 {
        self.shared().watermark()
    }

    /// Waits until the watermark is above `n`, or the time is over; the watermark.
    pub fn wait_beyond(&self, n: u64, timeout: Duration) -> u64 {
        self.shared().wait_beyond(n, timeout)
    }

    /// Subscribes to arrivals, and to changes of status, which the watermark does not show.
    /// `capacity` commits are kept for a slow subscriber.
    pub fn changes(&self, capacity: usize) -> Changes {
        self.shared().subscribe(capacity)
    }

    /// Moves what is buffered in memory to the tables, in the background. The committer does
    /// it when idle.
    pub fn flush(&self) -> Result<()> {
        self.shared().kv.flush()
    }

    /// How many records have no verdict yet. Costs nothing, unlike [`Store::stats`].
    pub fn pending_count(&self) -> u64 {
        self.shared().figures().totals.pending
    }

    /// The store in figures.
    pub fn stats(&self) -> Stats {
        let figures = self.shared().figures();
        Stats {
            disk_bytes: self.shared().kv.disk_bytes(),
            blob_bytes: figures.totals.blob_bytes,
            blobs: figures.totals.blobs,
            records: self.watermark(),
            parked: figures.totals.parked,
            parked_bytes: figures.totals.parked_bytes,
            pending: figures.totals.pending,
            pending_bytes: figures.totals.pending_bytes,
            refused: figures.refused,
            queue: self.0.jobs.as_ref().map_or(0, Sender::len),
            commits: figures.commits,
            batches: figures.batches,
            last_commit: figures.last_commit,
            longest_commit: figures.longest_commit,
        }
    }
}
