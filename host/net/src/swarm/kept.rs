//! What outlives the process: the address book and the roots, in two files of one folder.
//! Writing takes its time, so it is done beside the driver, one round at a time.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::NetError;
use super::disk::write_whole;
use crate::book::Book;

/// How often what has changed is written.
const EVERY: Duration = Duration::from_secs(60);

/// The folder, and the writing that is under way.
pub(super) struct Kept {
    folder: PathBuf,
    saved: Instant,
    writing: Option<JoinHandle<()>>,
}

impl Kept {
    pub(super) fn open(folder: &Path) -> Result<Self, NetError> {
        let failed = |source| NetError::File { what: "create", path: folder.to_owned(), source };
        std::fs::create_dir_all(folder).map_err(failed)?;
        Ok(Self { folder: folder.to_owned(), saved: Instant::now(), writing: None })
    }

    pub(super) fn book(&self) -> PathBuf {
        self.folder.join("peers.cbor")
    }

    pub(super) fn roots(&self) -> PathBuf {
        self.folder.join("roots.cbor")
    }

    /// Whether it is time to write, and nothing is being written.
    pub(super) fn is_due(&self) -> bool {
        self.saved.elapsed() >= EVERY && self.writing.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Begins to write, after what is being written.
    pub(super) fn save(&mut self, book: &mut Book, roots: Option<Vec<u8>>) {
        self.saved = Instant::now();
        let book = book.unsaved().map(|bytes| (self.book(), bytes));
        let roots = roots.map(|bytes| (self.roots(), bytes));
        let before = self.writing.take();
        self.writing = Some(tokio::spawn(async move {
            if let Some(before) = before {
                let _ = before.await;
            }
            let written = tokio::task::spawn_blocking(move || {
                for (path, bytes) in book.into_iter().chain(roots) {
                    if let Err(error) = write_whole(&path, &bytes) {
                        tracing::warn!(%error, "what is known of the network is not saved");
                    }
                }
            });
            let _ = written.await;
        }));
    }

    /// Waits until everything is written.
    pub(super) async fn close(self) {
        if let Some(writing) = self.writing {
            let _ = writing.await;
        }
    }
}
