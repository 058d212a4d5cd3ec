//! Packages of modules: who vouches for them, and how they come to this node and leave it.
//!
//! A package is a file, and its hash is what spaces bind. [`releases`] are records that say which
//! package is which version of a module, in any space; [`rehearsal`] asks a module what it would
//! have said of records that are stored, before a space binds it.

pub mod rehearsal;
pub mod releases;

use atlas_record::space::Slot;
use atlas_record::{BlobId, IdentityId, SpaceId};
use atlas_registry::{Manifest, Signature};
use atlas_store::{Batch, DocKind, Item};
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::error::{NodeError, Refusal};
use crate::identities::Local;
use crate::modules::{ModuleInfo, manifest};
use crate::node::Node;

/// What an identity's log says of the key that signed a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It signs for the identity.
    Holds,
    /// It did, and does no more.
    Ended,
    /// The identity's log is not here.
    Unknown,
}

/// Who vouches for a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Signer {
    /// The identity.
    #[schema(value_type = String)]
    pub identity: IdentityId,
    /// What this node calls it, if it is one of its own.
    pub name: Option<String>,
    /// The public key that signed.
    pub key: String,
    /// Whether the key signs for the identity.
    pub standing: Standing,
}

/// What an installation may do that is refused otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Allowed {
    /// Put an earlier version in the place of a later one.
    pub downgrade: bool,
    /// Put a package of another signer, or of none, in the place of a signed one.
    pub other_signer: bool,
}

fn refused(code: &str, text: String, hint: &str) -> NodeError {
    Refusal::new(code, text).hint(hint).into()
}

/// The manifest of what is to be signed or published.
fn packed(package: &[u8]) -> Result<Manifest, NodeError> {
    let text = "the component carries no manifest, so nobody can say what it is".to_owned();
    manifest(package)?.ok_or_else(|| refused("no-manifest", text, "make a package of it: `atlas module pack`"))
}

impl Node {
    /// Who vouches for a package; `None` where nobody does. Refuses one whose signature does not hold.
    pub fn signer(&self, package: &[u8]) -> Result<Option<Signer>, NodeError> {
        let found = Signature::of(package).map_err(|error| {
            refused("bad-signature", error.to_string(), "fetch it again; if it stays so, do not use it")
        })?;
        let Some(Signature { identity, key }) = found else { return Ok(None) };
        let standing = match self.identity(&identity)? {
            None => Standing::Unknown,
            Some(known) if !known.log().ever_named(&key) => {
                let text = format!(
                    "the package says that {} signed it, whose log does not know the key {key}",
                    self.name_identity(&identity)
                );
                return Err(refused("wrong-signer", text, "whoever made it is not who it says"));
            }
            Some(known) if known.causes(&key, None).is_empty() => Standing::Holds,
            Some(_) => Standing::Ended,
        };
        let name = self.identities().name_of(&identity);
        Ok(Some(Signer { identity, name, key: key.to_string(), standing }))
    }

    /// Signs a package in the name of an identity of this machine.
    pub fn sign_package(&self, package: &[u8], by: &Local) -> Result<Vec<u8>, NodeError> {
        packed(package)?;
        let identity = self.device_authority(by)?.author;
        Signature::attach(package, identity, by.key(), |message| by.secret.sign(message))
            .map_err(|error| NodeError::Misuse(error.to_string()))
    }

    /// Checks a package, compiles it and keeps it under a name (its own, if none is given).
    pub fn install(&self, name: Option<&str>, package: Vec<u8>, allowed: Allowed) -> Result<ModuleInfo, NodeError> {
        let signer = self.signer(&package)?;
        if let Some(Signer { standing: Standing::Ended, identity, .. }) = &signer {
            let text = format!("the key that signed the package no longer signs for {}", self.name_identity(identity));
            return Err(refused("signer-ended", text, "ask for one that is signed by a key in force"));
        }
        let info = ModuleInfo { signer: signer.map(|signer| signer.identity), ..self.modules().describe(&package)? };
        if let Some(before) = self.installed(&info.module)? {
            self.check_succession(&before, &info, allowed)?;
        }
        self.modules().keep(name, info, package)
    }

    /// What is installed of a module, whatever it is called here.
    pub fn installed(&self, module: &str) -> Result<Option<ModuleInfo>, NodeError> {
        Ok(self.modules().list()?.into_iter().find(|info| !info.standard && info.module == module))
    }

    /// Whether one package may take the place of another of the same module.
    fn check_succession(&self, before: &ModuleInfo, next: &ModuleInfo, allowed: Allowed) -> Result<(), NodeError> {
        let who = |signer: &Option<IdentityId>| match signer {
            Some(identity) => self.name_identity(identity),
            None => "nobody".to_owned(),
        };
        if before.signer.is_some() && before.signer != next.signer && !allowed.other_signer {
            let text = format!(
                "{} {} is installed, signed by {}, and this package is signed by {}",
                before.module,
                before.version,
                who(&before.signer),
                who(&next.signer)
            );
            return Err(refused("other-signer", text, "if you know why, say --allow-other-signer"));
        }
        let (Ok(old), Ok(new)) = (Version::parse(&before.version), Version::parse(&next.version)) else {
            return Ok(());
        };
        if new < old && !allowed.downgrade {
            let text = format!("{} {old} is installed, and this package is {new}, an earlier one", before.module);
            return Err(refused("downgrade", text, "if you mean it, say --allow-downgrade"));
        }
        // An unsigned one is somebody's work in progress; what was signed does not change.
        if new == old && before.signer.is_some() && before.code != next.code && !allowed.other_signer {
            let text = format!(
                "{} {old} is installed as {}, and this package of the same version is {}",
                before.module, before.code, next.code
            );
            return Err(refused("changed-version", text, "a version is one package: ask its author for a new one"));
        }
        Ok(())
    }

    /// Forgets an installed module, unless a space binds it.
    pub fn remove_module(&self, name: &str) -> Result<ModuleInfo, NodeError> {
        let info = self.modules().find(name)?;
        if info.standard {
            let text = format!("`{}` is part of this program", info.name);
            return Err(refused("standard-module", text, "bind another module in its place"));
        }
        let bound = self.bound(&info.code);
        if let [(space, slot), ..] = &bound[..] {
            let name = self.spaces().get(space).map_or_else(|| space.to_string(), |space| space.name.clone());
            let text = format!("space `{name}` binds `{}` to {slot}, and needs its code", info.name);
            return Err(refused("bound", text, "bind another module there first"));
        }
        let mut batch = Batch::new();
        batch.push(Item::RemoveDoc { kind: DocKind::Module, key: format!("name/{}", info.name).into_bytes() });
        self.store().commit(batch)?;
        if self.is_needless(&info.code)? {
            self.store().commit([Item::RemoveBlob(info.code)].into_iter().collect())?;
        }
        Ok(info)
    }

    /// Where code is bound now.
    fn bound(&self, code: &BlobId) -> Vec<(SpaceId, Slot)> {
        let spaces = self.spaces().all();
        let slots =
            spaces.iter().flat_map(|space| space.current().1.slots.iter().map(|(slot, of)| (space.id, slot, of)));
        slots.filter(|(_, _, of)| of.code == *code).map(|(space, slot, _)| (space, slot.clone())).collect()
    }
}
