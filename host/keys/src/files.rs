//! Files that only their owner can read, written whole or not at all.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use crate::KeyError;

/// How the name of an unfinished file ends. One that is left behind by a crash is removed
/// when the folder is opened.
const PARTIAL: &str = ".partial";
/// Held while something in the folder changes.
const LOCK: &str = "keyring.lock";
/// No file of a keyring is larger: nothing beyond it is read into memory.
const MOST_BYTES: u64 = 1 << 20;

/// Makes a folder that only its owner can enter.
pub fn private_folder(path: &Path) -> Result<(), KeyError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(KeyError::file("create", path))
}

/// Writes a file that only its owner can read, all of it or nothing, in place of the one that
/// may be there. It is durable when this returns.
pub fn write_private(path: &Path, content: &[u8]) -> Result<(), KeyError> {
    let partial = partial(path, content)?;
    partial.persist(path).map_err(|error| KeyError::file("write", path)(error.error))?;
    sync_folder(path)
}

/// As [`write_private`], for a name that must be free. Whether it was.
pub(crate) fn create_private(path: &Path, content: &[u8]) -> Result<bool, KeyError> {
    match partial(path, content)?.persist_noclobber(path) {
        Ok(_) => sync_folder(path).map(|()| true),
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(KeyError::file("write", path)(error.error)),
    }
}

/// Removes a file for good.
pub(crate) fn remove(path: &Path) -> Result<(), KeyError> {
    fs::remove_file(path).map_err(KeyError::file("remove", path))?;
    sync_folder(path)
}

/// The content beside its final name, synced. `tempfile` makes it readable by the owner only,
/// under a name of its own, and removes it unless it is persisted.
fn partial(path: &Path, content: &[u8]) -> Result<NamedTempFile, KeyError> {
    let write = || {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut partial = tempfile::Builder::new().prefix(".").suffix(PARTIAL).tempfile_in(folder)?;
        partial.write_all(content)?;
        partial.as_file().sync_all()?;
        Ok(partial)
    };
    write().map_err(KeyError::file("write", path))
}

/// A new name is durable when its folder is.
fn sync_folder(path: &Path) -> Result<(), KeyError> {
    #[cfg(unix)]
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(KeyError::file("sync", folder))?;
    }
    Ok(())
}

/// Reads a file that nobody else may read. `None` if there is none.
pub(crate) fn read_private(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, KeyError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(KeyError::file("read", path))?,
    };
    // The file that was opened is asked, not its name, which may be another file by now.
    let about = file.metadata().map_err(KeyError::file("read", path))?;
    refuse_open(path, &about, 0o077, 0o600)?;
    if about.len() > MOST_BYTES {
        return Err(KeyError::damaged(path, "the file is larger than any file of a keyring"));
    }
    // One byte more than the file has, so that reading to its end never makes the vector grow.
    let mut content = Zeroizing::new(Vec::with_capacity(about.len() as usize + 1));
    file.take(about.len()).read_to_end(&mut content).map_err(KeyError::file("read", path))?;
    Ok(Some(content))
}

#[cfg(unix)]
fn refuse_open(path: &Path, about: &fs::Metadata, forbidden: u32, wanted: u32) -> Result<(), KeyError> {
    let mode = std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o777;
    if mode & forbidden == 0 { Ok(()) } else { Err(KeyError::TooOpen { path: path.to_owned(), mode, wanted }) }
}

#[cfg(not(unix))]
fn refuse_open(_: &Path, _: &fs::Metadata, _: u32, _: u32) -> Result<(), KeyError> {
    Ok(())
}

/// The folder of a keyring.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

/// While this lives, no other process and no other keyring changes the folder.
pub(crate) struct FolderLock {
    _file: File,
}

impl Folder {
    pub(crate) fn open(path: PathBuf) -> Result<Self, KeyError> {
        private_folder(&path)?;
        let about = fs::metadata(&path).map_err(KeyError::file("read", &path))?;
        // Who may write here could swap files, whatever the permissions of the files.
        refuse_open(&path, &about, 0o022, 0o700)?;
        Ok(Self(path))
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Waits for others that change something here; they are done in milliseconds.
    pub(crate) fn lock(&self) -> Result<FolderLock, KeyError> {
        let path = self.file(LOCK);
        let mut options = File::options();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(KeyError::file("open", &path))?;
        file.lock().map_err(KeyError::file("lock", &path))?;
        Ok(FolderLock { _file: file })
    }

    /// Removes what a crash left unfinished: it may hold a machine key in clear. Nobody writes
    /// while the lock is held, so nothing that is still being written is removed.
    pub(crate) fn sweep(&self, _: &FolderLock) -> Result<(), KeyError> {
        for name in self.names()? {
            if name.starts_with('.') && name.ends_with(PARTIAL) {
                remove(&self.file(&name))?;
            }
        }
        Ok(())
    }

    /// The names of all files, except those that are not UTF-8: no keyring wrote them.
    pub(crate) fn names(&self) -> Result<Vec<String>, KeyError> {
        let read = || fs::read_dir(&self.0)?.map(|entry| Ok(entry?.file_name())).collect::<std::io::Result<Vec<_>>>();
        let names = read().map_err(KeyError::file("read", &self.0))?;
        Ok(names.into_iter().filter_map(|name| name.into_string().ok()).collect())
    }
}
