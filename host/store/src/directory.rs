//! The directory of a store: who holds it, and in which format it is.
//!
//! ```text
//! lock      held by the process that has the store open
//! FORMAT    "atlas-store" and the version of the format
//! db/       the tables
//! blobs/    blobs too large for a row
//! ```

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::error::StoreError;

/// The format that this version writes and reads.
pub const FORMAT: u32 = 2;

/// A directory that this process holds.
#[derive(Debug)]
pub(crate) struct Directory {
    dir: PathBuf,
    /// Unlocked by the system when it is closed, however the process ends.
    _lock: File,
}

impl Directory {
    /// Takes the directory, makes it a store if it is empty, and checks its format.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(dir).map_err(|e| StoreError::io("create", dir, &e))?;
        let path = dir.join("lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|e| StoreError::io("open", &path, &e))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::InUse { dir: dir.to_owned() }),
            Err(TryLockError::Error(error)) => return Err(StoreError::io("lock", &path, &error)),
        }
        let directory = Self { dir: dir.to_owned(), _lock: lock };
        directory.check_format()?;
        Ok(directory)
    }

    fn check_format(&self) -> Result<(), StoreError> {
        let path = self.dir.join("FORMAT");
        let not_a_store = |why: String| StoreError::NotAStore { dir: self.dir.clone(), why };
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                if self.db().exists() {
                    return Err(not_a_store("it has tables and no FORMAT file".to_owned()));
                }
                return self.write_format(&path);
            }
            Err(error) => return Err(StoreError::io("read", &path, &error)),
        };
        let version = text.strip_prefix("atlas-store ").and_then(|rest| rest.trim_end().parse::<u32>().ok());
        let dir = self.dir.clone();
        match version {
            Some(FORMAT) => Ok(()),
            Some(found) if found > FORMAT => Err(StoreError::NewerFormat { dir, found, ours: FORMAT }),
            Some(found) => Err(StoreError::OlderFormat { dir, found, ours: FORMAT }),
            None => Err(not_a_store(format!("its FORMAT file holds {text:?}"))),
        }
    }

    fn write_format(&self, path: &Path) -> Result<(), StoreError> {
        let temporary = self.dir.join("FORMAT.new");
        let write = || {
            let mut file = File::create(&temporary)?;
            writeln!(file, "atlas-store {FORMAT}")?;
            file.sync_all()?;
            fs::rename(&temporary, path)?;
            // The name is durable once the directory is; not every system can sync one.
            if cfg!(unix) { File::open(&self.dir)?.sync_all() } else { Ok(()) }
        };
        write().map_err(|e| StoreError::io("write", path, &e))
    }

    /// Where the tables are.
    pub fn db(&self) -> PathBuf {
        self.dir.join("db")
    }

    /// Where the blob files are.
    pub fn blobs(&self) -> PathBuf {
        self.dir.join("blobs")
    }
}
