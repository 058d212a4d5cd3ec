//! Small files, written whole or not at all.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use super::NetError;

/// Writes a file in place of the one that may be there. It is durable when this returns.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> Result<(), NetError> {
    let write = || {
        let partial = path.with_extension("partial");
        let mut file = File::create(&partial)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&partial, path)?;
        // A new name is durable when its folder is.
        match path.parent() {
            Some(folder) if cfg!(unix) && !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
            _ => Ok(()),
        }
    };
    write().map_err(|source: io::Error| NetError::File { what: "write", path: path.to_owned(), source })
}

/// Reads a file of at most `most` bytes. `None` if there is none.
pub(crate) fn read_whole(path: &Path, most: u64) -> Result<Option<Vec<u8>>, NetError> {
    let failed = |source| NetError::File { what: "read", path: path.to_owned(), source };
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(failed)?,
    };
    let mut content = Vec::new();
    file.take(most + 1).read_to_end(&mut content).map_err(failed)?;
    if content.len() as u64 > most {
        return Err(damaged(path, format!("it is larger than {most} bytes")));
    }
    Ok(Some(content))
}

pub(crate) fn damaged(path: &Path, why: impl Into<String>) -> NetError {
    NetError::Damaged { path: path.to_owned(), why: why.into() }
}
