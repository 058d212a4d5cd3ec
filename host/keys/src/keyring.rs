//! The keyring: the keys of this machine, in use.
//!
//! A folder holds `machine.key` and one `NAME.keys` for each entry. The public part of every
//! entry is in memory; secrets are opened when they are asked for. Only keys that sign day by
//! day (devices and applications) stay in memory once used: root and recovery keys are read
//! again each time.
//!
//! Changes are safe against each other, within a process and between processes: they hold a
//! lock on the folder, read the entry again, and replace its file in one step. What another
//! process *added* is seen after [`Keyring::reload`].

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use atlas_record::IdentityId;
use atlas_record::id::PublicKey;
use atlas_record::sign::SecretKey;

use crate::entry::{EXTENSION, Entry, EntryInfo, check_name};
use crate::files::{self, Folder};
use crate::machine::{self, Stored};
use crate::seal::MachineKey;
use crate::{Edit, KeyError, Kind, Passphrase, Role, WorkFactor, seeds};

/// What keeps the machine key from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// The permissions of its file: who can read the owner's files can sign.
    Permissions,
    /// A passphrase as well.
    Passphrase,
}

/// The keys of this machine.
pub struct Keyring {
    folder: Folder,
    work: WorkFactor,
    state: RwLock<State>,
}

struct State {
    protection: Protection,
    /// `None` while locked.
    machine: Option<MachineKey>,
    entries: BTreeMap<String, Entry>,
    /// Opened keys that sign day by day. May hold keys that no entry lists any more: they are
    /// only found by way of an entry.
    hot: HashMap<PublicKey, Arc<SecretKey>>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.read();
        f.debug_struct("Keyring")
            .field("folder", &self.folder)
            .field("protection", &state.protection)
            .field("locked", &state.machine.is_none())
            .field("entries", &state.entries.keys())
            .finish()
    }
}

impl Keyring {
    /// Opens the keyring in a folder. Both are made if they are not there; a new keyring is
    /// protected by permissions.
    ///
    /// An entry that is damaged is an error that names its file, and nothing is overwritten.
    /// Without a passphrase every entry is checked against what is sealed in it; with one that
    /// happens at [`Keyring::unlock`].
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, KeyError> {
        Self::open_with(folder, WorkFactor::NORMAL)
    }

    /// As [`Keyring::open`], with another cost of guessing for passphrases set from now on.
    pub fn open_with(folder: impl Into<PathBuf>, work: WorkFactor) -> Result<Self, KeyError> {
        let folder = Folder::open(folder.into())?;
        let lock = folder.lock()?;
        folder.sweep(&lock)?;
        let path = machine::path(&folder);
        let (protection, machine) = match machine::read(&path)? {
            Some(Stored::Plain(key)) => (Protection::Permissions, Some(key)),
            Some(Stored::Sealed(_)) => (Protection::Passphrase, None),
            // A new key opens none of the entries that are there: making one would hide the loss.
            None if folder.names()?.iter().any(|name| entry_name(name).is_some()) => {
                return Err(KeyError::NoMachineKey { path });
            }
            None => {
                let key = MachineKey::generate();
                machine::write(&path, &key, None, work)?;
                (Protection::Permissions, Some(key))
            }
        };
        let entries = scan(&folder, machine.as_ref())?;
        drop(lock);
        Ok(Self { folder, work, state: RwLock::new(State { protection, machine, entries, hot: HashMap::new() }) })
    }

    /// Reads the folder again: what other processes did to it. On an error what was known stays.
    pub fn reload(&self) -> Result<(), KeyError> {
        let _lock = self.folder.lock()?;
        let path = machine::path(&self.folder);
        let (protection, machine) = match machine::read(&path)? {
            Some(Stored::Plain(key)) => (Protection::Permissions, Some(key)),
            Some(Stored::Sealed(_)) => (Protection::Passphrase, self.read().machine.clone()),
            None => return Err(KeyError::NoMachineKey { path }),
        };
        let entries = scan(&self.folder, machine.as_ref())?;
        *self.write() = State { protection, machine, entries, hot: HashMap::new() };
        Ok(())
    }

    /// What keeps the machine key from others.
    pub fn protection(&self) -> Protection {
        self.read().protection
    }

    /// Whether a passphrase is needed before a secret can be read or an entry changed.
    pub fn is_locked(&self) -> bool {
        self.read().machine.is_none()
    }

    /// Reads the machine key with the passphrase and checks every entry. Takes about a second.
    /// A wrong passphrase is an error on an unlocked keyring too; without protection by a
    /// passphrase any will do.
    pub fn unlock(&self, passphrase: &Passphrase) -> Result<(), KeyError> {
        let path = machine::path(&self.folder);
        let (protection, key) = match machine::read(&path)? {
            None => return Err(KeyError::NoMachineKey { path }),
            Some(Stored::Plain(key)) => (Protection::Permissions, key),
            Some(Stored::Sealed(sealed)) => (Protection::Passphrase, machine::unlock(&path, &sealed, passphrase)?),
        };
        let _lock = self.folder.lock()?;
        let entries = scan(&self.folder, Some(&key))?;
        *self.write() = State { protection, machine: Some(key), entries, hot: HashMap::new() };
        Ok(())
    }

    /// Forgets the machine key and every opened secret, if there is a passphrase to bring them
    /// back.
    pub fn lock(&self) {
        let mut state = self.write();
        if state.protection == Protection::Passphrase {
            state.machine = None;
            state.hot.clear();
        }
    }

    /// Sets, changes or removes the passphrase, at once or not at all. The keyring must be
    /// unlocked, and stays so.
    ///
    /// The machine key stays the same: copies of the folder made before still open with what
    /// opened them then.
    pub fn set_passphrase(&self, passphrase: Option<&Passphrase>) -> Result<(), KeyError> {
        let lock = self.folder.lock()?;
        let key = self.machine()?;
        machine::write(&machine::path(&self.folder), &key, passphrase, self.work)?;
        self.folder.sweep(&lock)?;
        self.write().protection = if passphrase.is_some() { Protection::Passphrase } else { Protection::Permissions };
        Ok(())
    }

    /// All entries, by name.
    pub fn entries(&self) -> Vec<EntryInfo> {
        self.read().entries.values().map(|entry| entry.info.clone()).collect()
    }

    /// One entry.
    pub fn entry(&self, name: &str) -> Result<EntryInfo, KeyError> {
        let state = self.read();
        state.entries.get(name).map(|entry| entry.info.clone()).ok_or_else(|| KeyError::NotFound(name.to_owned()))
    }

    /// Stores keys under a new name.
    pub fn add(
        &self,
        name: &str,
        kind: Kind,
        identity: Option<IdentityId>,
        secrets: &[(Role, SecretKey)],
    ) -> Result<EntryInfo, KeyError> {
        check_name(name)?;
        let info = EntryInfo { name: name.to_owned(), kind, identity, keys: seeds::public(secrets) };
        info.check_keys()?;
        let _lock = self.folder.lock()?;
        self.create(&info, secrets)?;
        Ok(info)
    }

    /// Changes an entry. If `change` or the writing fails, nothing has changed.
    ///
    /// `change` must not use the keyring: it would wait for itself.
    pub fn update<T>(&self, name: &str, change: impl FnOnce(&mut Edit) -> Result<T, KeyError>) -> Result<T, KeyError> {
        let _lock = self.folder.lock()?;
        let mut edit = self.edit(name)?;
        let answer = change(&mut edit)?;
        let (info, secrets) = edit.parts();
        let path = self.path(name);
        let content = info.seal(secrets, &self.machine()?);
        let entry = Entry::parse(&path, name, &content)?;
        files::write_private(&path, &content)?;
        self.forget(name);
        self.write().entries.insert(name.to_owned(), entry);
        Ok(answer)
    }

    /// Gives an entry another name, which must be free. A crash in the middle leaves the entry
    /// under both names.
    pub fn rename(&self, name: &str, to: &str) -> Result<(), KeyError> {
        check_name(to)?;
        let _lock = self.folder.lock()?;
        let mut edit = self.edit(name)?;
        edit.rename(to);
        let (info, secrets) = edit.parts();
        self.create(info, secrets)?;
        files::remove(&self.path(name))?;
        self.write().entries.remove(name);
        Ok(())
    }

    /// Deletes an entry, for good as far as this program can: what a disk keeps of deleted
    /// files is beyond it. Works on a locked keyring too.
    pub fn remove(&self, name: &str) -> Result<(), KeyError> {
        check_name(name)?;
        let _lock = self.folder.lock()?;
        let path = self.path(name);
        if files::read_private(&path)?.is_none() {
            self.write().entries.remove(name);
            return Err(KeyError::NotFound(name.to_owned()));
        }
        files::remove(&path)?;
        self.forget(name);
        self.write().entries.remove(name);
        Ok(())
    }

    /// One secret key. Cheap for device and app keys that were used before.
    pub fn secret(&self, name: &str, role: Role, key: &PublicKey) -> Result<Arc<SecretKey>, KeyError> {
        let machine = {
            let state = self.read();
            let entry = state.entries.get(name).ok_or_else(|| KeyError::NotFound(name.to_owned()))?;
            if !entry.info.holds(role, key) {
                return Err(KeyError::NoSuchKey { name: name.to_owned(), role, key: *key });
            }
            let machine = state.machine.as_ref().ok_or(KeyError::Locked)?;
            if let Some(secret) = state.hot.get(key) {
                return Ok(secret.clone());
            }
            machine.clone()
        };
        let (_, secrets) = self.read_entry(name, &machine)?;
        let found = secrets.into_iter().find(|(r, secret)| *r == role && secret.public() == *key);
        let Some((_, secret)) = found else {
            return Err(KeyError::NoSuchKey { name: name.to_owned(), role, key: *key });
        };
        let secret = Arc::new(secret);
        if role.is_hot() {
            let mut state = self.write();
            // It may have been locked meanwhile.
            if state.machine.is_some() {
                state.hot.insert(*key, secret.clone());
            }
        }
        Ok(secret)
    }

    /// All secret keys of an entry, in the order of its public keys: to write a bundle or a
    /// recovery sheet.
    pub fn secrets(&self, name: &str) -> Result<Vec<(Role, SecretKey)>, KeyError> {
        check_name(name)?;
        self.read_entry(name, &self.machine()?).map(|(_, secrets)| secrets)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.file(&format!("{name}{EXTENSION}"))
    }

    fn machine(&self) -> Result<MachineKey, KeyError> {
        self.read().machine.clone().ok_or(KeyError::Locked)
    }

    fn read_entry(&self, name: &str, machine: &MachineKey) -> Result<(EntryInfo, Vec<(Role, SecretKey)>), KeyError> {
        let path = self.path(name);
        let Some(content) = files::read_private(&path)? else { return Err(KeyError::NotFound(name.to_owned())) };
        let entry = Entry::parse(&path, name, &content)?;
        let secrets = entry.open(&path, machine)?;
        Ok((entry.info, secrets))
    }

    /// The entry as it stands on disk, checked, so that a change builds on what is there and
    /// never on what was read earlier.
    fn edit(&self, name: &str) -> Result<Edit, KeyError> {
        check_name(name)?;
        let (info, secrets) = self.read_entry(name, &self.machine()?)?;
        Ok(Edit::new(info, secrets))
    }

    fn create(&self, info: &EntryInfo, secrets: &[(Role, SecretKey)]) -> Result<(), KeyError> {
        let path = self.path(&info.name);
        let content = info.seal(secrets, &self.machine()?);
        let entry = Entry::parse(&path, &info.name, &content)?;
        if !files::create_private(&path, &content)? {
            return Err(KeyError::Exists(info.name.clone()));
        }
        self.write().entries.insert(info.name.clone(), entry);
        Ok(())
    }

    /// Wipes the opened keys of an entry that changes.
    fn forget(&self, name: &str) {
        let mut state = self.write();
        let State { entries, hot, .. } = &mut *state;
        for entry in entries.get(name).iter().flat_map(|entry| &entry.info.keys) {
            hot.remove(&entry.key);
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().expect("no thread panics with this lock")
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().expect("no thread panics with this lock")
    }
}

/// The entry that a file name stands for.
fn entry_name(file: &str) -> Option<&str> {
    file.strip_suffix(EXTENSION).filter(|name| !name.starts_with('.'))
}

/// Reads every entry, and with the machine key checks them.
fn scan(folder: &Folder, machine: Option<&MachineKey>) -> Result<BTreeMap<String, Entry>, KeyError> {
    let mut entries = BTreeMap::new();
    for file in folder.names()? {
        let Some(name) = entry_name(&file) else { continue };
        let path = folder.file(&file);
        // Gone since the folder was listed: somebody removed it by hand.
        let Some(content) = files::read_private(&path)? else { continue };
        let entry = Entry::parse(&path, name, &content)?;
        if let Some(machine) = machine {
            entry.open(&path, machine)?;
        }
        entries.insert(name.to_owned(), entry);
    }
    Ok(entries)
}
