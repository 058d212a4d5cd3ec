//! What can go wrong with a keyring. Each variant is something a caller acts on differently,
//! and each text says what to do.

use std::io;
use std::path::{Path, PathBuf};

use atlas_record::id::PublicKey;

use crate::Role;

/// Why a keyring did not do what was asked. Nothing was changed then.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A name that a file or a shell cannot hold.
    #[error(
        "`{0}` cannot name keys: use 1 to 64 letters, digits, `-`, `_` and `.`, and start with a letter, a digit or `_`"
    )]
    Name(String),
    /// The name is taken.
    #[error("there are keys named `{0}` already: choose another name, or remove those first")]
    Exists(String),
    /// No entry of this name.
    #[error("there are no keys named `{0}` here")]
    NotFound(String),
    /// The entry does not hold this key in this role.
    #[error("`{name}` does not hold {key} as a {role} key")]
    NoSuchKey {
        /// The entry.
        name: String,
        /// The role asked for.
        role: Role,
        /// The key asked for.
        key: PublicKey,
    },
    /// The entry does not hold this key at all.
    #[error("`{name}` does not hold {key}")]
    KeyNotHeld {
        /// The entry.
        name: String,
        /// The key.
        key: PublicKey,
    },
    /// An entry holds each key once.
    #[error("`{name}` holds {key} already")]
    KeyTwice {
        /// The entry.
        name: String,
        /// The key.
        key: PublicKey,
    },
    /// More keys than an entry holds.
    #[error("`{name}` would hold more than {most} keys", most = crate::MOST_KEYS)]
    TooManyKeys {
        /// The entry.
        name: String,
    },
    /// The machine key is under a passphrase that was not given yet.
    #[error(
        "the keys on this machine are locked by a passphrase: set ATLAS_PASSPHRASE, or run this on a terminal to be asked for it"
    )]
    Locked,
    /// The passphrase does not open the machine key. Which of the two it is cannot be told.
    #[error(
        "{path}: wrong passphrase, or the file is damaged; try again, or restore the file from a copy",
        path = path.display()
    )]
    WrongPassphrase {
        /// The machine key.
        path: PathBuf,
    },
    /// A passphrase without a character.
    #[error("an empty passphrase protects nothing: choose a longer one, or none")]
    EmptyPassphrase,
    /// Others than the owner may read a file of secrets, or write to its folder.
    #[error(
        "{path} is open to other users (mode {mode:03o}): run `chmod {wanted:o} {path}` and consider who could have read it",
        path = path.display()
    )]
    TooOpen {
        /// The file or folder.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
        /// What they should be.
        wanted: u32,
    },
    /// A file that was cut, changed, swapped with another, or brought from elsewhere.
    #[error("{path}: {why}; restore this file from a copy, or move it away", path = path.display())]
    Damaged {
        /// The file. It is never overwritten.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Written by a newer version of the program.
    #[error(
        "{path} has format {found}, and this program reads format {ours}: use the newer program that wrote it",
        path = path.display(),
        ours = crate::entry::VERSION
    )]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
    },
    /// Entries without the key that opens them.
    #[error(
        "{path} is missing, and the keys beside it open with nothing else: restore it from a copy, or move the *.keys files away",
        path = path.display()
    )]
    NoMachineKey {
        /// Where it should be.
        path: PathBuf,
    },
    /// A file could not be read or written.
    #[error("cannot {what} {path}: {error}", path = path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// How it failed.
        #[source]
        error: io::Error,
    },
}

impl KeyError {
    pub(crate) fn file(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::File { what, path, error }
    }

    pub(crate) fn damaged(path: &Path, why: &'static str) -> Self {
        Self::Damaged { path: path.to_owned(), why }
    }
}
