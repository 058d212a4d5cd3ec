//! One entry of a keyring, and its file.
//!
//! `NAME.keys` is JSON: what everybody may know in clear (the name, whose keys these are, the
//! public keys and their roles), and `sealed`, base64 of an age file to the machine key. In it
//! is a digest of the clear part and then one seed for each public key. So a clear part that
//! was edited, and a file that was put in the place of another, do not go unnoticed once the
//! keyring is unlocked. An older copy of the same file is not told from the newest: putting one
//! back is how a backup is restored.

use std::path::Path;

use atlas_record::IdentityId;
use atlas_record::cbor::{self, Value};
use atlas_record::id::PublicKey;
use atlas_record::sign::SecretKey;
use data_encoding::BASE64_NOPAD;
use serde::{Deserialize, Serialize};

use crate::seal::MachineKey;
use crate::{KeyError, Kind, Role, document, seeds};

/// The format of entry files that this program writes.
pub(crate) const VERSION: u64 = 1;
/// How the name of an entry's file ends.
pub(crate) const EXTENSION: &str = ".keys";
/// Keys of one entry.
pub const MOST_KEYS: usize = 64;

const DIGEST: usize = 32;

/// What is known of an entry without its secrets.
///
/// While the keyring is locked this is what the file says; it is checked when the keyring is
/// unlocked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryInfo {
    /// What the operator calls it. Known to this machine only.
    pub name: String,
    /// Whose keys these are.
    pub kind: Kind,
    /// The identity that they belong to or act for, once it is known.
    pub identity: Option<IdentityId>,
    /// The public keys; each appears once.
    pub keys: Vec<PublicEntry>,
}

/// A public key and what its secret half may sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicEntry {
    /// What it may sign.
    pub role: Role,
    /// The key.
    pub key: PublicKey,
}

/// Checks a name of keys on this machine: what a shell and a file name can hold, and nothing
/// that leads out of a folder.
pub fn check_name(name: &str) -> Result<(), KeyError> {
    let legal = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    if (1..=64).contains(&name.len()) && name.chars().all(legal) && !name.starts_with(['.', '-']) {
        return Ok(());
    }
    // Enough to recognise it, and nothing that could drive a terminal.
    Err(KeyError::Name(name.chars().take(64).flat_map(char::escape_default).collect()))
}

impl EntryInfo {
    /// The keys in one role, in order.
    pub fn in_role(&self, role: Role) -> impl Iterator<Item = PublicKey> + '_ {
        self.keys.iter().filter(move |entry| entry.role == role).map(|entry| entry.key)
    }

    pub(crate) fn holds(&self, role: Role, key: &PublicKey) -> bool {
        self.keys.contains(&PublicEntry { role, key: *key })
    }

    /// Each key once, and not too many of them.
    pub(crate) fn check_keys(&self) -> Result<(), KeyError> {
        if self.keys.len() > MOST_KEYS {
            return Err(KeyError::TooManyKeys { name: self.name.clone() });
        }
        match self.keys.iter().enumerate().find(|(i, entry)| self.keys[..*i].iter().any(|e| e.key == entry.key)) {
            Some((_, entry)) => Err(KeyError::KeyTwice { name: self.name.clone(), key: entry.key }),
            None => Ok(()),
        }
    }

    /// Commits to everything in clear.
    fn digest(&self) -> [u8; DIGEST] {
        let kind = match self.kind {
            Kind::Identity => "identity",
            Kind::App => "app",
        };
        let clear: cbor::Map = [
            ("version", Value::from(VERSION)),
            ("name", self.name.as_str().into()),
            ("kind", kind.into()),
            ("identity", document::identity(self.identity)),
            ("keys", document::public_list(&self.keys)),
        ]
        .into_iter()
        .collect();
        blake3::derive_key("atlas 2026 keyring entry in clear", &cbor::encode_map(&clear))
    }

    /// The file's content.
    pub(crate) fn seal(&self, secrets: &[(Role, SecretKey)], machine: &MachineKey) -> Vec<u8> {
        let keys = self.keys.iter().map(|entry| KeyLine { role: entry.role, key: entry.key.to_string() }).collect();
        let file = EntryFile {
            version: VERSION,
            name: self.name.clone(),
            kind: self.kind,
            identity: self.identity,
            keys,
            sealed: BASE64_NOPAD.encode(&machine.seal(&seeds::join(&self.digest(), secrets))),
        };
        let mut content = serde_json::to_vec_pretty(&file).expect("an entry is JSON");
        content.push(b'\n');
        content
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryFile {
    version: u64,
    name: String,
    kind: Kind,
    identity: Option<IdentityId>,
    keys: Vec<KeyLine>,
    sealed: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyLine {
    role: Role,
    key: String,
}

/// Read before anything else, so that a newer file is called newer and not damaged.
#[derive(Deserialize)]
struct AnyVersion {
    version: u64,
}

/// An entry as it stands in its file.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) info: EntryInfo,
    sealed: Vec<u8>,
}

impl Entry {
    /// Reads the file of the entry `name`. Nothing sealed is opened.
    pub(crate) fn parse(path: &Path, name: &str, content: &[u8]) -> Result<Self, KeyError> {
        let damaged = |why| KeyError::damaged(path, why);
        let AnyVersion { version } = serde_json::from_slice(content)
            .map_err(|_| damaged("the file is cut off, or is no key file: its version cannot be read"))?;
        if version > VERSION {
            return Err(KeyError::NewerFormat { path: path.to_owned(), found: version });
        }
        let file: EntryFile =
            serde_json::from_slice(content).map_err(|_| damaged("the file is damaged: it is no entry of a keyring"))?;
        if version < VERSION {
            return Err(damaged("the file has a format that never was"));
        }
        if file.name != name {
            return Err(damaged("the file says that it belongs to another name"));
        }
        check_name(&file.name)?;
        let key = |line: KeyLine| Some(PublicEntry { role: line.role, key: line.key.parse().ok()? });
        let keys: Option<Vec<_>> = file.keys.into_iter().map(key).collect();
        let Some(keys) = keys else { return Err(damaged("one of its public keys is damaged")) };
        let info = EntryInfo { name: file.name, kind: file.kind, identity: file.identity, keys };
        info.check_keys().map_err(|_| damaged("it lists a key twice, or too many keys"))?;
        let sealed = BASE64_NOPAD.decode(file.sealed.as_bytes()).map_err(|_| damaged("its sealed part is damaged"))?;
        Ok(Self { info, sealed })
    }

    /// Opens the sealed part and holds the clear part against it.
    pub(crate) fn open(&self, path: &Path, machine: &MachineKey) -> Result<Vec<(Role, SecretKey)>, KeyError> {
        let damaged = |why| KeyError::damaged(path, why);
        let content = machine.open(&self.sealed).ok_or_else(|| {
            damaged("its sealed part is damaged, or was sealed with the machine key of another keyring")
        })?;
        let (digest, rows) =
            content.split_first_chunk::<DIGEST>().ok_or_else(|| damaged("its sealed part is short"))?;
        if *digest != self.info.digest() {
            return Err(damaged(
                "what it says in clear is not what was sealed with it: it was edited, or mixed with another file",
            ));
        }
        seeds::read(rows, &self.info.keys).ok_or_else(|| damaged("its seeds are not those of its public keys"))
    }
}
