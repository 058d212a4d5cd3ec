//! Changing an entry.

use atlas_record::IdentityId;
use atlas_record::id::PublicKey;
use atlas_record::sign::SecretKey;

use crate::entry::EntryInfo;
use crate::{KeyError, Role, seeds};

/// An entry that is being changed. What is done to it becomes true all at once, when the
/// closure given to [`crate::Keyring::update`] returns well, or not at all.
#[derive(Debug)]
pub struct Edit {
    info: EntryInfo,
    secrets: Vec<(Role, SecretKey)>,
}

impl Edit {
    pub(crate) fn new(info: EntryInfo, secrets: Vec<(Role, SecretKey)>) -> Self {
        Self { info, secrets }
    }

    /// The entry, with the changes so far.
    pub fn info(&self) -> &EntryInfo {
        &self.info
    }

    /// Says to whom the keys belong, or for whom they act.
    pub fn set_identity(&mut self, identity: Option<IdentityId>) {
        self.info.identity = identity;
    }

    /// Adds a key behind the others.
    pub fn add(&mut self, role: Role, secret: SecretKey) -> Result<(), KeyError> {
        self.secrets.push((role, secret));
        self.settle().inspect_err(|_| {
            // In place, so that the seed is wiped where it lies.
            self.secrets.truncate(self.secrets.len() - 1);
            self.info.keys.truncate(self.secrets.len());
        })
    }

    /// Takes a key out, for good.
    pub fn remove(&mut self, key: &PublicKey) -> Result<(), KeyError> {
        let at = self.at(key)?;
        // Moved to the end and dropped there: taking it from the middle would leave a copy of
        // the last one behind.
        self.secrets[at..].rotate_left(1);
        self.secrets.truncate(self.secrets.len() - 1);
        self.settle()
    }

    /// Gives a key another role: a next root key becomes the root key.
    pub fn set_role(&mut self, key: &PublicKey, role: Role) -> Result<(), KeyError> {
        let at = self.at(key)?;
        self.secrets[at].0 = role;
        self.settle()
    }

    fn at(&self, key: &PublicKey) -> Result<usize, KeyError> {
        let at = self.info.keys.iter().position(|entry| entry.key == *key);
        at.ok_or_else(|| KeyError::KeyNotHeld { name: self.info.name.clone(), key: *key })
    }

    /// The public list follows the secrets.
    fn settle(&mut self) -> Result<(), KeyError> {
        self.info.keys = seeds::public(&self.secrets);
        self.info.check_keys()
    }

    pub(crate) fn rename(&mut self, name: &str) {
        name.clone_into(&mut self.info.name);
    }

    pub(crate) fn parts(&self) -> (&EntryInfo, &[(Role, SecretKey)]) {
        (&self.info, &self.secrets)
    }
}
