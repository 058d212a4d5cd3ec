//! Who this machine can sign for: the keyring's entries, by their local names.

mod grants;
mod moving;
mod root;
mod words;

use std::path::PathBuf;
use std::sync::Arc;

use atlas_keys::{EntryInfo, KeyError, Keyring, Kind, Role};
use atlas_record::IdentityId;
use atlas_record::id::PublicKey;
use atlas_record::sign::SecretKey;

use crate::error::NodeError;

pub use grants::{NewGrant, USUAL_MS};
pub use moving::Imported;
pub use root::{Changes, KeepUntil};
pub use words::Chapter;

/// A key of this machine that signs records: a device of an identity, or an app.
#[derive(Debug, Clone)]
pub struct Local {
    /// What the operator calls it. Known to this machine only.
    pub name: String,
    /// A device of an identity, or an app's key.
    pub kind: Kind,
    /// The identity whose device it is; for an app, the one named with `APP@IDENTITY`.
    pub identity: Option<IdentityId>,
    /// Signs. Never printed, wiped when dropped.
    pub secret: Arc<SecretKey>,
}

impl Local {
    /// The public half.
    pub fn key(&self) -> PublicKey {
        self.secret.public()
    }
}

/// The keys on this machine.
#[derive(Debug)]
pub struct Identities {
    keyring: Keyring,
}

/// 32 bytes from the operating system.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// A new secret key.
pub(crate) fn fresh_key() -> SecretKey {
    SecretKey::from_seed(&zeroize::Zeroizing::new(random()))
}

/// Names of identities and spaces on this machine: what a shell and a file name can hold.
pub(crate) fn check_local_name(what: &'static str, name: &str) -> Result<(), NodeError> {
    atlas_keys::check_name(name).map_err(|_| {
        NodeError::Misuse(format!(
            "`{}` cannot name {what}: use 1 to 64 letters, digits, `-`, `_` and `.`, and start with a letter or digit",
            name.chars().take(64).flat_map(char::escape_default).collect::<String>()
        ))
    })
}

impl Identities {
    /// Opens the keyring in a folder, which is made if it is not there.
    pub fn open(folder: PathBuf) -> Result<Self, NodeError> {
        Ok(Self { keyring: Keyring::open(folder)? })
    }

    /// The keyring.
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// All entries, by name.
    pub fn all(&self) -> Vec<EntryInfo> {
        self.keyring.entries()
    }

    /// The entry with this local name, or of the identity with this id; without either, the only
    /// identity there is.
    pub fn entry(&self, name: Option<&str>) -> Result<EntryInfo, NodeError> {
        let all = self.all();
        let identities = || all.iter().filter(|entry| entry.kind == Kind::Identity).collect::<Vec<_>>();
        let Some(name) = name else {
            return match &identities()[..] {
                [only] => Ok((*only).clone()),
                [] => Err(NodeError::Misuse("there is no identity here yet: make one with `atlas id new NAME`".into())),
                several => Err(NodeError::Misuse(format!(
                    "several identities are here ({}): say which with --as NAME",
                    names(several.iter().copied())
                ))),
            };
        };
        let id: Option<IdentityId> = name.parse().ok();
        let by_name = all.iter().find(|entry| entry.name == name);
        let by_id = || identities().into_iter().find(|entry| id.is_some() && entry.identity == id);
        by_name.or_else(by_id).cloned().ok_or_else(|| {
            let hint = if all.is_empty() {
                "make one with `atlas id new NAME`".to_owned()
            } else {
                format!("known here: {}", names(all.iter()))
            };
            NodeError::missing("identity", name, hint)
        })
    }

    /// Who signs under a name: `NAME`, an identity's id, or `APP@IDENTITY` where several
    /// identities have granted something to one app.
    pub fn resolve(&self, name: Option<&str>) -> Result<Arc<Local>, NodeError> {
        if let Some((app, identity)) = name.and_then(|name| name.split_once('@')) {
            let local = self.local(self.entry(Some(app))?)?;
            let identity = self.identity(identity)?;
            return Ok(Arc::new(Local { identity: Some(identity), ..local }));
        }
        self.local(self.entry(name)?).map(Arc::new)
    }

    fn local(&self, entry: EntryInfo) -> Result<Local, NodeError> {
        let role = match entry.kind {
            Kind::Identity => Role::Device,
            Kind::App => Role::App,
        };
        let key = entry.in_role(role).next().ok_or_else(|| {
            NodeError::Misuse(format!(
                "`{}` has no {role} key on this machine, so it cannot sign records: add one with `atlas id new --device NAME`",
                entry.name
            ))
        })?;
        let secret = self.keyring.secret(&entry.name, role, &key)?;
        let identity = entry.identity.filter(|_| entry.kind == Kind::Identity);
        Ok(Local { name: entry.name, kind: entry.kind, identity, secret })
    }

    /// An identity by the name it has here, or by its id, whoever's it is.
    pub fn identity(&self, name: &str) -> Result<IdentityId, NodeError> {
        if let Ok(id) = name.parse() {
            return Ok(id);
        }
        let entry = self.entry(Some(name))?;
        entry.identity.ok_or_else(|| {
            NodeError::Misuse(format!("`{name}` belongs to no identity yet: nobody has answered its request"))
        })
    }

    /// The local name of an identity, if its keys are here.
    pub fn name_of(&self, id: &IdentityId) -> Option<String> {
        let mut all = self.all().into_iter();
        all.find(|entry| entry.kind == Kind::Identity && entry.identity == Some(*id)).map(|entry| entry.name)
    }

    /// The local name of a key.
    pub fn name_of_key(&self, key: &PublicKey) -> Option<String> {
        self.all().into_iter().find(|entry| entry.keys.iter().any(|it| it.key == *key)).map(|entry| entry.name)
    }

    /// Refuses a name that is taken.
    pub(crate) fn check_free(&self, name: &str) -> Result<(), NodeError> {
        check_local_name("an identity", name)?;
        match self.keyring.entry(name) {
            Ok(_) => Err(NodeError::Exists { what: "identity", name: name.to_owned() }),
            Err(KeyError::NotFound(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn names<'a>(entries: impl Iterator<Item = &'a EntryInfo>) -> String {
    entries.map(|entry| entry.name.as_str()).collect::<Vec<_>>().join(", ")
}
