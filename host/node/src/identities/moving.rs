//! Identities between machines: bundles under a passphrase, recovery sheets on paper, and
//! public lines that carry no secret.
//!
//! Two machines must not sign with one key: their records would fork its chain. So a bundle
//! carries a device key of its own, which is added to the log before the bundle is written and
//! is on no other machine; it is for one machine.

use atlas_keys::bundle::{self, Bundle, Purpose};
use atlas_keys::sheet::{self, SheetContent};
use atlas_keys::{Kind, Passphrase, Role};
use atlas_record::IdentityId;
use atlas_record::identity::{Action, Identity, SignedEvent};
use atlas_record::sign::SecretKey;
use data_encoding::BASE64URL_NOPAD;
use zeroize::Zeroizing;

use super::fresh_key;
use crate::archive::{Part, Parts, write_archive};
use crate::authority::when;
use crate::error::{NodeError, Refusal};
use crate::import::pieces::Pieces;
use crate::node::Node;

/// How a line of public parts begins.
const PUBLIC: &str = "atlas-identity:";
/// Bytes of a line of public parts.
const MOST_LINE: usize = 4 << 20;

/// What an import brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The name of the keys here; none if there were no secrets.
    pub name: Option<String>,
    /// The identity.
    pub identity: Option<IdentityId>,
    /// What has to be done before it can sign records, if anything.
    pub next: Option<String>,
}

fn bad(error: impl std::fmt::Display) -> NodeError {
    Refusal::new("bad-bundle", error.to_string()).into()
}

impl Node {
    /// An identity with its secrets and a device key for another machine, sealed. An app's key is
    /// moved, not copied, by whoever exports it: one key signs on one machine.
    pub fn export_bundle(&self, name: &str, passphrase: &Passphrase) -> Result<String, NodeError> {
        let entry = self.identities().entry(Some(name))?;
        let mut secrets = self.identities().keyring().secrets(&entry.name)?;
        let (mut log, mut statements, mut purpose) = (Vec::new(), Vec::new(), Purpose::App);
        if entry.kind == Kind::Identity {
            secrets.retain(|(role, _)| *role != Role::Device);
            let mut roots = Vec::new();
            if entry.identity.is_some() {
                let (_, identity) = self.own(Some(name))?;
                let device = fresh_key();
                match self.add_device(Some(name), device.public()) {
                    Ok(_) => secrets.push((Role::Device, device)),
                    // Cold root keys are elsewhere: the other machine asks to be added.
                    Err(NodeError::Refused(refusal)) if refusal.code == "not-enough-keys" => {}
                    Err(error) => return Err(error),
                }
                let identity = self.identity(&identity.id())?.unwrap_or(identity);
                roots = identity.log().establishment().root.keys.clone();
                log = identity.log().all().iter().map(|event| event.as_bytes().to_vec()).collect();
                statements.extend(identity.grants().iter().map(|grant| grant.as_bytes().to_vec()));
                statements.extend(identity.revocations().iter().map(|it| it.as_bytes().to_vec()));
            }
            let only_recovery = !secrets.is_empty() && secrets.iter().all(|(role, _)| *role == Role::Recovery);
            purpose = if only_recovery { Purpose::Recovery { roots } } else { Purpose::Identity };
        }
        let bundle = Bundle { purpose, name: entry.name, identity: entry.identity, log, statements, secrets };
        bundle::seal(&bundle, passphrase).map_err(bad)
    }

    /// The root and recovery keys of an entry as a page to print.
    pub fn recovery_sheet(&self, name: &str) -> Result<Zeroizing<String>, NodeError> {
        let entry = self.identities().entry(Some(name))?;
        let mut secrets = self.identities().keyring().secrets(&entry.name)?;
        secrets.retain(|(role, _)| matches!(role, Role::Root | Role::NextRoot | Role::Recovery));
        if secrets.is_empty() {
            let text =
                format!("`{}` has no root or recovery key on this machine: there is nothing to print", entry.name);
            return Err(Refusal::new("not-enough-keys", text).into());
        }
        let mut log = Vec::new();
        if let Some(id) = entry.identity
            && let Some(identity) = self.identity(&id)?
        {
            // What fits on paper: all of a short log, else what a newcomer cannot do without.
            let events = identity.log().all();
            let whole: usize = events.iter().map(|event| event.as_bytes().len()).sum();
            let few = if whole > 4096 { &events[..1] } else { &events[..] };
            log = few.iter().map(|event| event.as_bytes().to_vec()).collect();
        }
        let content =
            SheetContent { name: entry.name, identity: entry.identity, date: when(crate::clock::now()), secrets, log };
        sheet::print(&content).map_err(bad)
    }

    /// What others may know of an identity, as one line: to hand a new device or an app what was
    /// signed for it, where no network does.
    pub fn public_line(&self, identity: &Identity) -> Result<String, NodeError> {
        let mut bytes = Vec::new();
        write_archive(&mut bytes, &self.identity_parts(identity, None)?);
        Ok(format!("{PUBLIC}{}", BASE64URL_NOPAD.encode(&bytes)))
    }

    /// Whether a text is sealed, so that a passphrase has to be asked for.
    pub fn is_sealed(text: &str) -> bool {
        bundle::is_bundle(text)
    }

    /// Takes in a bundle, a recovery sheet or a public line.
    pub fn import_identity(
        &self,
        text: &str,
        passphrase: Option<&Passphrase>,
        name: Option<&str>,
    ) -> Result<Imported, NodeError> {
        if let Some(line) = text.trim().strip_prefix(PUBLIC) {
            return self.import_public(line);
        }
        if bundle::is_bundle(text) {
            let passphrase = passphrase.ok_or_else(|| {
                Refusal::new("passphrase-needed", "this bundle is sealed with a passphrase")
                    .hint("set ATLAS_PASSPHRASE, or run this on a terminal to be asked for it")
            })?;
            let bundle = bundle::open(text, passphrase).map_err(bad)?;
            let kind = if bundle.purpose == Purpose::App { Kind::App } else { Kind::Identity };
            return self.import_secrets(
                name.unwrap_or(&bundle.name),
                kind,
                bundle.identity,
                &bundle.log,
                &bundle.statements,
                bundle.secrets,
            );
        }
        if sheet::is_sheet(text) {
            let sheet = sheet::parse(text).map_err(bad)?;
            return self.import_secrets(
                name.unwrap_or(&sheet.name),
                Kind::Identity,
                sheet.identity,
                &sheet.log,
                &[],
                sheet.secrets,
            );
        }
        Err(NodeError::Misuse(format!("this is no bundle, no recovery sheet and no line that begins with `{PUBLIC}`")))
    }

    fn import_public(&self, line: &str) -> Result<Imported, NodeError> {
        let damaged = || NodeError::Misuse("the line is damaged: copy all of it".into());
        if line.len() > MOST_LINE {
            return Err(damaged());
        }
        let bytes = BASE64URL_NOPAD.decode(line.trim().as_bytes()).map_err(|_| damaged())?;
        let mut pieces = Pieces::default();
        for part in Parts::new(&bytes[..]) {
            if pieces.take(part.map_err(|_| damaged())?).is_some() {
                return Err(damaged());
            }
        }
        let Some(id) = pieces.identity() else { return Err(damaged()) };
        if let Some(refusal) = pieces.learn(self)?.into_iter().next() {
            return Err(refusal.into());
        }
        // A device that waited for it knows now whose it is.
        let identity = self.identity(&id)?.ok_or_else(damaged)?;
        let mut mine = None;
        for entry in self.identities().all() {
            let named = entry.in_role(Role::Device).any(|key| identity.log().state().devices.contains_key(&key));
            if entry.identity.is_none() && named {
                self.identities().keyring().update(&entry.name, |edit| {
                    edit.set_identity(Some(id));
                    Ok(())
                })?;
                mine = Some(entry.name);
            }
        }
        Ok(Imported { name: mine, identity: Some(id), next: None })
    }

    fn import_secrets(
        &self,
        name: &str,
        kind: Kind,
        identity: Option<IdentityId>,
        log: &[Vec<u8>],
        statements: &[Vec<u8>],
        secrets: Vec<(Role, SecretKey)>,
    ) -> Result<Imported, NodeError> {
        if let Some(id) = identity {
            let mut pieces = Pieces::default();
            for bytes in log {
                pieces.take(match SignedEvent::read_back(bytes).map_err(bad)?.event().action {
                    Action::Genesis { .. } => Part::Identity(bytes.clone()),
                    _ => Part::Event([&id.0[..], bytes].concat()),
                });
            }
            for bytes in statements {
                pieces.take(if crate::people::Piece::grant(bytes).is_ok() {
                    Part::Grant(bytes.clone())
                } else {
                    Part::Revocation(bytes.clone())
                });
            }
            if pieces.identity().is_some_and(|it| it != id) {
                return Err(bad("the log in it is another identity's"));
            }
            if let Some(refusal) = pieces.learn(self)?.into_iter().next() {
                return Err(refusal.into());
            }
            if let Some(there) =
                self.identities().all().into_iter().find(|it| it.identity == identity && it.kind == kind)
            {
                // The same identity again: keys that are missing join those that are here.
                self.identities().keyring().update(&there.name, |edit| {
                    for (role, key) in &secrets {
                        let held = edit.info().keys.iter().any(|it| it.key == key.public());
                        // One device key for one machine: this one has its own.
                        let spare = *role == Role::Device && edit.info().in_role(Role::Device).next().is_some();
                        if !held && !spare {
                            edit.add(*role, key.clone())?;
                        }
                    }
                    Ok(())
                })?;
                return Ok(Imported { name: Some(there.name), identity, next: None });
            }
        }
        self.identities().check_free(name)?;
        let has_device = secrets.iter().any(|(role, _)| matches!(role, Role::Device | Role::App));
        let has_root = secrets.iter().any(|(role, _)| *role == Role::Root);
        self.identities().keyring().add(name, kind, identity, &secrets)?;
        let next = (!has_device && has_root).then(|| {
            format!(
                "these keys cannot sign records yet: let this node learn the newest log of the identity (import a space, or a newer bundle), then run `atlas id device add --here --as {name}`"
            )
        });
        Ok(Imported { name: Some(name.to_owned()), identity, next })
    }

    /// Makes this machine a device of an identity whose root keys are here.
    pub fn add_this_device(&self, name: Option<&str>) -> Result<(), NodeError> {
        let (entry, identity) = self.own(name)?;
        let active = |key: &_| identity.log().state().devices.get(key).is_some_and(|device| device.removed.is_none());
        if entry.in_role(Role::Device).any(|key| active(&key)) {
            return Err(Refusal::new("exists", format!("this machine is a device of `{}` already", entry.name)).into());
        }
        let device = fresh_key();
        self.add_device(Some(&entry.name), device.public())?;
        self.identities().keyring().update(&entry.name, |edit| {
            let old: Vec<_> = edit.info().in_role(Role::Device).collect();
            old.iter().try_for_each(|key| edit.remove(key))?;
            edit.add(Role::Device, device)
        })?;
        Ok(())
    }

    /// Takes the root keys off this machine, once they are kept elsewhere.
    pub fn forget_roots(&self, name: &str) -> Result<usize, NodeError> {
        let entry = self.identities().entry(Some(name))?;
        Ok(self.identities().keyring().update(&entry.name, |edit| {
            let cold: Vec<_> = [Role::Root, Role::NextRoot]
                .iter()
                .flat_map(|role| edit.info().in_role(*role).collect::<Vec<_>>())
                .collect();
            cold.iter().try_for_each(|key| edit.remove(key))?;
            Ok(cold.len())
        })?)
    }

    /// Makes a recovery key, to be named in someone's recovery set.
    pub fn create_recovery(&self, name: &str) -> Result<atlas_record::id::PublicKey, NodeError> {
        self.identities().check_free(name)?;
        let key = fresh_key();
        let public = key.public();
        self.identities().keyring().add(name, Kind::Identity, None, &[(Role::Recovery, key)])?;
        Ok(public)
    }
}
