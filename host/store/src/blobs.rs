//! Blobs: small ones in rows, larger ones in files.
//!
//! A file is complete before its row is committed: written under a temporary name, synced,
//! renamed, its directory synced. A row without a file is damage; a file without a row is
//! rubbish from a crash. Files are named by their hash: `blobs/xx/yyyy…`.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use atlas_record::BlobId;

use crate::error::StoreError;
use crate::keys::Parts;
use crate::kv::Table;

/// Blobs up to this many bytes are kept in rows.
pub const INLINE_BYTES: usize = 64 * 1024;

const INLINE: u8 = 0;
const FILE: u8 = 1;

/// Bytes moved at a time.
const PIECE: usize = 256 * 1024;

pub(crate) fn inline_row(bytes: &[u8]) -> Vec<u8> {
    [&[INLINE], bytes].concat()
}

pub(crate) fn file_row(size: u64) -> Vec<u8> {
    [&[FILE][..], &size.to_be_bytes()].concat()
}

/// What a row says of a blob.
pub(crate) enum Row<'a> {
    Inline(&'a [u8]),
    File(u64),
}

pub(crate) fn read_row(row: &[u8]) -> Result<Row<'_>, StoreError> {
    let damaged = || StoreError::damaged(Table::Blobs, "a row is malformed");
    match row.split_first() {
        Some((&INLINE, bytes)) => Ok(Row::Inline(bytes)),
        Some((&FILE, size)) => Parts(size).number().map(Row::File).ok_or_else(damaged),
        _ => Err(damaged()),
    }
}

/// The length of the blob of a row.
pub(crate) fn size_of(row: &[u8]) -> Result<u64, StoreError> {
    Ok(match read_row(row)? {
        Row::Inline(bytes) => bytes.len() as u64,
        Row::File(size) => size,
    })
}

/// The directory of blob files.
pub(crate) struct BlobDir {
    dir: PathBuf,
    next_temporary: AtomicU64,
    /// Files that are written and whose rows are not: they must not be removed.
    in_hand: Mutex<HashMap<BlobId, usize>>,
}

impl BlobDir {
    /// Opens or creates the directory, and removes what a crash left half written.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let temporary = dir.join("tmp");
        fs::create_dir_all(&temporary).map_err(|e| StoreError::io("create", &temporary, &e))?;
        for entry in fs::read_dir(&temporary).map_err(|e| StoreError::io("list", &temporary, &e))?.flatten() {
            fs::remove_file(entry.path()).map_err(|e| StoreError::io("remove", &entry.path(), &e))?;
        }
        Ok(Self { dir: dir.to_owned(), next_temporary: AtomicU64::new(0), in_hand: Mutex::default() })
    }

    /// The file of a blob.
    pub fn path(&self, id: &BlobId) -> PathBuf {
        let name: String = id.0.iter().map(|byte| format!("{byte:02x}")).collect();
        self.dir.join(&name[..2]).join(&name[2..])
    }

    fn in_hand(&self) -> MutexGuard<'_, HashMap<BlobId, usize>> {
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a file that nobody sees yet.
    pub fn start(&self) -> Result<NewFile, StoreError> {
        let path = self.dir.join("tmp").join(self.next_temporary.fetch_add(1, Ordering::Relaxed).to_string());
        let file = File::create(&path).map_err(|e| StoreError::io("create", &path, &e))?;
        Ok(NewFile { path, file: Some(file), hasher: blake3::Hasher::new(), size: 0 })
    }

    /// Makes a file durable under its name. Until [`BlobDir::settled`] it is safe from removal.
    pub fn keep(&self, mut new: NewFile) -> Result<(BlobId, u64), StoreError> {
        let id = BlobId(*new.hasher.finalize().as_bytes());
        let file = new.file.take().expect("taken once");
        file.sync_all().map_err(|e| StoreError::io("sync", &new.path, &e))?;
        drop(file);
        *self.in_hand().entry(id).or_default() += 1;
        let kept = self.rename(&new.path, &self.path(&id));
        if let Err(error) = kept {
            self.settled(&id);
            return Err(error);
        }
        Ok((id, new.size))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), StoreError> {
        let parent = to.parent().expect("files are two levels down");
        if !parent.is_dir() {
            fs::create_dir_all(parent).map_err(|e| StoreError::io("create", parent, &e))?;
            sync_dir(&self.dir)?;
        }
        fs::rename(from, to).map_err(|e| StoreError::io("rename", to, &e))?;
        sync_dir(parent)
    }

    /// The row of a kept file is written, or never will be.
    pub fn settled(&self, id: &BlobId) {
        let mut in_hand = self.in_hand();
        if let Some(count) = in_hand.get_mut(id) {
            *count -= 1;
            if *count == 0 {
                in_hand.remove(id);
            }
        }
    }

    /// Removes the file of a blob whose row is gone, unless it is being stored again.
    pub fn remove(&self, id: &BlobId) {
        self.remove_unless(id, || Ok(false)).expect("the condition does not fail");
    }

    /// Removes the file of a blob unless it is being stored, or has a row. The order matters:
    /// a file leaves the hand after its row is written, so the row is looked for last.
    pub fn remove_unless(
        &self,
        id: &BlobId,
        has_row: impl FnOnce() -> Result<bool, StoreError>,
    ) -> Result<bool, StoreError> {
        let in_hand = self.in_hand();
        if in_hand.contains_key(id) || has_row()? {
            return Ok(false);
        }
        let path = self.path(id);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(path = %path.display(), %error, "a removed blob's file stays on the disk");
                Ok(false)
            }
            _ => Ok(true),
        }
    }

    /// The blobs that have files.
    pub fn files(&self) -> Result<Vec<BlobId>, StoreError> {
        let mut found = Vec::new();
        let list = |dir: &Path| fs::read_dir(dir).map_err(|e| StoreError::io("list", dir, &e));
        for dir in list(&self.dir)?.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()) {
            for file in list(&dir)?.flatten() {
                let name = [dir.file_name().unwrap_or_default(), &file.file_name()]
                    .map(|part| part.to_string_lossy().into_owned());
                found.extend(parse_hex(&name.concat()).map(BlobId));
            }
        }
        Ok(found)
    }
}

fn parse_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(unix)]
fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|e| StoreError::io("sync", dir, &e))
}

#[cfg(not(unix))]
fn sync_dir(_: &Path) -> Result<(), StoreError> {
    Ok(())
}

/// A blob's file while it is written. Removed unless it is kept.
pub(crate) struct NewFile {
    path: PathBuf,
    file: Option<File>,
    hasher: blake3::Hasher,
    size: u64,
}

impl NewFile {
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let file = self.file.as_mut().expect("not kept yet");
        for piece in bytes.chunks(PIECE) {
            file.write_all(piece).map_err(|e| StoreError::io("write", &self.path, &e))?;
        }
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // Renamed already if it was kept.
        let _ = fs::remove_file(&self.path);
    }
}

/// Reads up to `most` bytes, or to the end.
pub(crate) fn read_up_to(from: &mut dyn Read, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(most as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Bytes that a blob is copied in.
pub(crate) const COPY_BYTES: usize = PIECE;

/// Reads a blob; seekable.
#[derive(Debug)]
pub struct BlobReader {
    from: Source,
    size: u64,
}

#[derive(Debug)]
enum Source {
    Row(io::Cursor<Vec<u8>>),
    File(File),
}

impl BlobReader {
    pub(crate) fn of_row(bytes: Vec<u8>) -> Self {
        Self { size: bytes.len() as u64, from: Source::Row(io::Cursor::new(bytes)) }
    }

    pub(crate) fn of_file(file: File, size: u64) -> Self {
        Self { from: Source::File(file), size }
    }

    /// The length in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }
}

impl Read for BlobReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match &mut self.from {
            Source::Row(row) => row.read(buf),
            Source::File(file) => file.read(buf),
        }
    }
}

impl Seek for BlobReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match &mut self.from {
            Source::Row(row) => row.seek(to),
            Source::File(file) => file.seek(to),
        }
    }
}
