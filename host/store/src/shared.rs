//! What readers and the committer share: the backend, the watermark, figures, subscribers.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError};

use crate::blobs::BlobDir;
use crate::config::Config;
use crate::group::Totals;
use crate::kv::Kv;
use crate::ranges::LiveSets;
use crate::status::Status;

/// A record came, or its status changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The record.
    pub n: u64,
    /// Its status before; `None` if it is new.
    pub before: Option<Status>,
    /// Its status now.
    pub now: Status,
}

/// Changes as they become durable.
#[derive(Debug)]
pub struct Changes {
    receiver: Receiver<Arc<[Change]>>,
    missed: Arc<Mutex<u64>>,
}

impl Changes {
    /// The changes of the next commit, or none if nothing came within the time. `Err` with
    /// how many were missed if the subscriber was too slow: query again from what it last saw.
    pub fn next(&self, timeout: Duration) -> Result<Arc<[Change]>, u64> {
        match std::mem::take(&mut *lock(&self.missed)) {
            0 => Ok(self.receiver.recv_timeout(timeout).unwrap_or_default()),
            missed => Err(missed),
        }
    }
}

struct Subscriber {
    sender: Sender<Arc<[Change]>>,
    missed: Arc<Mutex<u64>>,
}

/// Figures since the start.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Figures {
    pub totals: Totals,
    pub refused: u64,
    pub commits: u64,
    pub batches: u64,
    pub last_commit: Duration,
    pub longest_commit: Duration,
}

pub(crate) struct Shared {
    /// Names the store in messages; empty for one in memory.
    pub dir: PathBuf,
    pub kv: Arc<dyn Kv>,
    pub blobs: Option<BlobDir>,
    pub config: Config,
    /// Sets whose ranges somebody has asked for.
    pub live: LiveSets,
    watermark: Mutex<u64>,
    moved: Condvar,
    figures: Mutex<Figures>,
    subscribers: Mutex<Vec<Subscriber>>,
}

/// Nothing panics while it holds one of these locks; if it did, the values are still whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub fn new(
        dir: PathBuf,
        kv: Arc<dyn Kv>,
        blobs: Option<BlobDir>,
        config: Config,
        last: u64,
        totals: Totals,
    ) -> Self {
        Self {
            dir,
            kv,
            blobs,
            config,
            live: LiveSets::default(),
            watermark: Mutex::new(last),
            moved: Condvar::new(),
            figures: Mutex::new(Figures { totals, ..Figures::default() }),
            subscribers: Mutex::default(),
        }
    }

    /// A group is durable.
    pub fn publish(&self, last: u64, totals: Totals, refused: u64, changes: Vec<Change>) {
        {
            let mut figures = lock(&self.figures);
            figures.totals = totals;
            figures.refused += refused;
        }
        if !changes.is_empty() {
            let changes: Arc<[Change]> = changes.into();
            lock(&self.subscribers).retain(|subscriber| match subscriber.sender.try_send(changes.clone()) {
                Ok(()) => true,
                Err(TrySendError::Full(_)) => {
                    *lock(&subscriber.missed) += changes.len() as u64;
                    true
                }
                Err(TrySendError::Disconnected(_)) => false,
            });
        }
        let mut watermark = lock(&self.watermark);
        if *watermark != last {
            *watermark = last;
            self.moved.notify_all();
        }
    }

    /// A group was answered, well or badly.
    pub fn committed(&self, batches: usize, took: Duration) {
        let mut figures = lock(&self.figures);
        figures.commits += 1;
        figures.batches += batches as u64;
        figures.last_commit = took;
        figures.longest_commit = figures.longest_commit.max(took);
    }

    pub fn figures(&self) -> Figures {
        *lock(&self.figures)
    }

    pub fn watermark(&self) -> u64 {
        *lock(&self.watermark)
    }

    pub fn wait_beyond(&self, n: u64, timeout: Duration) -> u64 {
        let until = Instant::now() + timeout;
        let mut watermark = lock(&self.watermark);
        while *watermark <= n {
            let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) else { break };
            watermark = self.moved.wait_timeout(watermark, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        *watermark
    }

    pub fn subscribe(&self, capacity: usize) -> Changes {
        let (sender, receiver) = crossbeam_channel::bounded(capacity.max(1));
        let missed = Arc::new(Mutex::new(0));
        lock(&self.subscribers).push(Subscriber { sender, missed: missed.clone() });
        Changes { receiver, missed }
    }
}
