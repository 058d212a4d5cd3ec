//! What can go wrong, one variant per cause that a caller can act on.
//!
//! Errors are cloned to every writer of a group commit, so they hold text, not sources.

use std::path::{Path, PathBuf};

/// Why the store could not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another process has the directory open.
    #[error(
        "the store at {dir} is in use by another process: stop that one, talk to it through its API, or choose another --dir"
    )]
    InUse {
        /// The directory.
        dir: PathBuf,
    },
    /// Written by a newer version of the program.
    #[error(
        "the store at {dir} has format {found}, and this program reads up to {ours}: use the newer program that wrote it"
    )]
    NewerFormat {
        /// The directory.
        dir: PathBuf,
        /// The format found there.
        found: u32,
        /// The newest format this program knows.
        ours: u32,
    },
    /// Written by an older version of the program, and there is no migration.
    #[error(
        "the store at {dir} has format {found}, and this program needs {ours}: export it with the version that wrote it and import it here"
    )]
    OlderFormat {
        /// The directory.
        dir: PathBuf,
        /// The format found there.
        found: u32,
        /// The format this program writes.
        ours: u32,
    },
    /// The directory holds something, and it is not a store.
    #[error("{dir} is not a store: {why}; choose an empty directory or one that holds a store")]
    NotAStore {
        /// The directory.
        dir: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// No space left. What was acknowledged before is safe; nothing more is accepted.
    #[error(
        "the disk that holds {dir} is full: free some space, and restart if it goes on; everything acknowledged is kept, the write in hand was not acknowledged"
    )]
    DiskFull {
        /// The directory.
        dir: PathBuf,
    },
    /// The engine refuses further writes after a failure it cannot judge.
    #[error(
        "the store at {dir} stopped accepting writes: {cause}; check the disk (dmesg, SMART), restart, and run `atlas doctor`; everything acknowledged is kept"
    )]
    Fatal {
        /// The directory.
        dir: PathBuf,
        /// What the engine said first.
        cause: String,
    },
    /// A file operation failed.
    #[error("cannot {action} {path}: {cause}")]
    Io {
        /// What was attempted, as `write` or `open`.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        cause: String,
    },
    /// The engine failed on a read.
    #[error("reading table `{table}` failed: {cause}; run `atlas doctor`")]
    Read {
        /// The table.
        table: &'static str,
        /// What the engine said.
        cause: String,
    },
    /// A row is not what it must be.
    #[error(
        "table `{table}` holds a damaged row ({what}): run `atlas doctor`, and restore from another peer what it lists"
    )]
    Damaged {
        /// The table.
        table: &'static str,
        /// The row and the reason.
        what: String,
    },
    /// A cursor that was made by another query.
    #[error(
        "the cursor belongs to another query: pass it with the same filters and order it came from, or start without one"
    )]
    ForeignCursor,
    /// Bytes that are no cursor.
    #[error("the cursor is cut off or was changed: start without one")]
    BadCursor,
    /// A query over every relation or type at once, where there are too many of them.
    #[error("{found} {what} are more than the {most} that one query merges: name one of them")]
    TooBroad {
        /// What there are too many of, as `relations`.
        what: &'static str,
        /// How many there are at least.
        found: usize,
        /// How many are merged at most.
        most: usize,
    },
    /// A blob whose bytes are not those of its id.
    #[error("the bytes given for blob {0} have another hash: fetch it again")]
    BlobMismatch(atlas_record::BlobId),
    /// The store is shutting down.
    #[error("the store is closed: nothing more is written")]
    Closed,
}

impl StoreError {
    /// A failed file operation; a full disk is told apart.
    pub fn io(action: &'static str, path: &Path, error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { dir: path.to_owned() }
            }
            _ => Self::Io { action, path: path.to_owned(), cause: error.to_string() },
        }
    }

    /// A row that does not decode.
    pub(crate) fn damaged(table: crate::kv::Table, what: impl Into<String>) -> Self {
        Self::Damaged { table: table.name(), what: what.into() }
    }

    /// Whether every later write will fail too, until the store is opened again.
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::DiskFull { .. } | Self::Fatal { .. } | Self::Closed)
    }
}
