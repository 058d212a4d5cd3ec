//! Root events, signed with root keys of this machine.
//!
//! Which of an entry's keys sign what follows from the log, not from the roles in the keyring:
//! a crash between the two leaves roles behind, and the log is what others see. New secrets are
//! stored before the event that commits to them is, so that no event names a lost key.

use std::sync::Arc;

use atlas_keys::{EntryInfo, Kind, Role};
use atlas_record::id::PublicKey;
use atlas_record::identity::{
    Action, Establishment, Event, Identity, Keep, Kept, KeySet, NextKeys, SignedEvent, commitment,
};
use atlas_record::sign::SecretKey;
use atlas_record::{EventId, IdentityId, Timestamp};

use super::fresh_key;
use crate::error::{NodeError, Refusal};
use crate::node::Node;
use crate::people::Piece;

/// What else a rotation or recovery changes.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// The recovery set from now on; left out, it stays. An empty set removes it.
    pub recovery: Option<(Vec<PublicKey>, u64)>,
    /// The witnesses from now on; left out, they stay. An empty set removes them.
    pub witnesses: Option<(Vec<PublicKey>, u64)>,
    /// The event beside which this one is put, to nullify it where witnesses attest that it
    /// comes in time.
    pub instead_of: Option<EventId>,
}

/// Which records of a key stay when it ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum KeepUntil {
    /// All that this node has seen.
    #[default]
    Now,
    /// Those created before then, as far as the chain has them in order.
    Time(Timestamp),
    /// None.
    Nothing,
}

fn set(change: Option<(Vec<PublicKey>, u64)>, before: &Option<KeySet>) -> Result<Option<KeySet>, NodeError> {
    match change {
        None => Ok(before.clone()),
        Some((keys, _)) if keys.is_empty() => Ok(None),
        Some((keys, threshold)) if (1..=keys.len() as u64).contains(&threshold) => Ok(Some(KeySet { keys, threshold })),
        Some((keys, threshold)) => {
            Err(NodeError::Misuse(format!("{threshold} of {} keys: say a number from 1 to {}", keys.len(), keys.len())))
        }
    }
}

impl Node {
    /// An identity whose keys are here, and what is known of it.
    pub(crate) fn own(&self, name: Option<&str>) -> Result<(EntryInfo, Arc<Identity>), NodeError> {
        let entry = self.identities().entry(name)?;
        let id = entry.identity.filter(|_| entry.kind == Kind::Identity).ok_or_else(|| {
            NodeError::Misuse(format!("`{}` is no identity: say which one with --as NAME", entry.name))
        })?;
        let identity = self
            .identity(&id)?
            .ok_or_else(|| NodeError::missing("identity", id, "its log is not here: import its bundle again"))?;
        Ok((entry, identity))
    }

    /// The secrets of an entry that belong to these public keys, whatever their roles.
    fn secrets_for(&self, entry: &EntryInfo, wanted: impl Fn(&PublicKey) -> bool) -> Result<Vec<SecretKey>, NodeError> {
        let mut found = Vec::new();
        for public in entry.keys.iter().filter(|it| matches!(it.role, Role::Root | Role::NextRoot | Role::Recovery)) {
            if wanted(&public.key) {
                let secret = self.identities().keyring().secret(&entry.name, public.role, &public.key)?;
                found.push(SecretKey::clone(&secret));
            }
        }
        Ok(found)
    }

    /// Where the next event goes: after the head, or beside an event.
    fn place_after(&self, identity: &Identity, instead_of: Option<EventId>) -> Result<SignedEvent, NodeError> {
        let log = identity.log();
        let prev = match instead_of {
            Some(id) => {
                let event =
                    log.event(&id).ok_or_else(|| NodeError::missing("event", id, "see `atlas id show NAME`"))?;
                event.event().prev.ok_or_else(|| NodeError::Misuse("nothing comes before a genesis".into()))?
            }
            None => {
                if let Some(dispute) = log.duplicity() {
                    let text = format!(
                        "the log is disputed after event {}: an event that follows it would only be one more",
                        dispute.after
                    );
                    return Err(Refusal::new("disputed", text)
                        .hint("where witnesses are named, rotate or recover --instead-of one of the events")
                        .into());
                }
                log.state().head
            }
        };
        if log.state().closed.is_some() && instead_of.is_none() {
            return Err(Refusal::new("closed", "the identity is closed: nothing follows that").into());
        }
        Ok(log.event(&prev).expect("events of the tree have their predecessors in it").clone())
    }

    fn publish(
        &self,
        identity: &Identity,
        prev: &SignedEvent,
        action: Action,
        keys: &[&SecretKey],
    ) -> Result<EventId, NodeError> {
        let event =
            Event { number: prev.event().number + 1, prev: Some(prev.id()), created: crate::clock::now(), action };
        let signed = event.sign(keys).map_err(|error| NodeError::Misuse(error.to_string()))?;
        let id = signed.id();
        match self.learn(identity.id(), vec![Piece::Event(signed)])?.into_iter().next() {
            Some(refusal) => Err(refusal.into()),
            None => Ok(id),
        }
    }

    fn root_keys(&self, entry: &EntryInfo, establishment: &Establishment) -> Result<Vec<SecretKey>, NodeError> {
        let root = &establishment.root;
        let keys = self.secrets_for(entry, |key| root.keys.contains(key))?;
        enough(entry, "root", keys, root.threshold, root.keys.len())
    }

    /// The committed keys that are here.
    fn next_keys(&self, entry: &EntryInfo, establishment: &Establishment) -> Result<Vec<SecretKey>, NodeError> {
        let next = &establishment.next;
        let keys = self.secrets_for(entry, |key| next.commits_to(key))?;
        enough(entry, "next root", keys, next.threshold, next.digests.len())
    }

    /// Replaces the root keys by those that were committed to, and commits to new ones.
    pub fn rotate(&self, name: Option<&str>, changes: Changes) -> Result<EventId, NodeError> {
        let (entry, identity) = self.own(name)?;
        let prev = self.place_after(&identity, changes.instead_of)?;
        let before = identity.log().establishment_after(&prev.id()).clone();
        let shown = self.next_keys(&entry, &before)?;
        let fresh: Vec<SecretKey> = shown.iter().map(|_| fresh_key()).collect();
        let after = Establishment {
            root: KeySet {
                keys: shown.iter().map(SecretKey::public).collect(),
                threshold: before.root.threshold.clamp(1, shown.len() as u64),
            },
            next: next_after(&before, &shown, &fresh),
            recovery: set(changes.recovery, &before.recovery)?,
            witnesses: set(changes.witnesses, &before.witnesses)?,
        };
        self.keep_next(&entry, &fresh)?;
        let id = self.publish(&identity, &prev, Action::Rotate(after), &shown.iter().collect::<Vec<_>>())?;
        self.tidy_roots(&entry.name)?;
        Ok(id)
    }

    /// Stores keys that an event is about to commit to.
    fn keep_next(&self, entry: &EntryInfo, fresh: &[SecretKey]) -> Result<(), NodeError> {
        self.identities()
            .keyring()
            .update(&entry.name, |edit| fresh.iter().try_for_each(|key| edit.add(Role::NextRoot, key.clone())))?;
        Ok(())
    }

    /// Gives root keys the roles that the log gives them, and forgets those that it ended.
    fn tidy_roots(&self, name: &str) -> Result<(), NodeError> {
        let (entry, identity) = self.own(Some(name))?;
        let now = identity.log().establishment();
        self.identities().keyring().update(name, |edit| {
            for held in entry.keys.iter().filter(|it| matches!(it.role, Role::Root | Role::NextRoot)) {
                if now.root.keys.contains(&held.key) {
                    edit.set_role(&held.key, Role::Root)?;
                } else if now.next.commits_to(&held.key) {
                    edit.set_role(&held.key, Role::NextRoot)?;
                } else {
                    edit.remove(&held.key)?;
                }
            }
            Ok(())
        })?;
        Ok(())
    }

    /// Lets a key sign records as a device of an identity.
    pub fn add_device(&self, name: Option<&str>, key: PublicKey) -> Result<EventId, NodeError> {
        let (entry, identity) = self.own(name)?;
        if let Some(device) = identity.log().state().devices.get(&key) {
            return match device.removed {
                None => Ok(device.added),
                Some(_) => Err(Refusal::new(
                    "device-removed",
                    format!("key {key} was a device, and was removed: that is for good"),
                )
                .hint("make a new key on that machine: atlas id new --device NAME")
                .into()),
            };
        }
        let prev = self.place_after(&identity, None)?;
        let keys = self.root_keys(&entry, identity.log().establishment())?;
        self.publish(&identity, &prev, Action::AddDevice(key), &keys.iter().collect::<Vec<_>>())
    }

    /// Ends a device. What it signed stays as far as `until` says.
    pub fn remove_device(&self, name: Option<&str>, key: PublicKey, until: KeepUntil) -> Result<EventId, NodeError> {
        let (entry, identity) = self.own(name)?;
        match identity.log().state().devices.get(&key) {
            Some(device) if device.removed.is_none() => {}
            Some(_) => return Err(Refusal::new("device-removed", format!("device {key} was removed already")).into()),
            None => {
                return Err(NodeError::missing("device", key, "see `atlas id device list`"));
            }
        }
        let prev = self.place_after(&identity, None)?;
        let keys = self.root_keys(&entry, identity.log().establishment())?;
        let keep = Keep { positions: self.positions(&[key], until)?, statements: statements(&identity, &key, until) };
        let action = Action::RemoveDevice { key, keep: keep.normal() };
        self.publish(&identity, &prev, action, &keys.iter().collect::<Vec<_>>())
    }

    /// Ends the identity. What its devices have signed until now stays.
    pub fn close_identity(&self, name: Option<&str>) -> Result<EventId, NodeError> {
        let (entry, identity) = self.own(name)?;
        let prev = self.place_after(&identity, None)?;
        let shown = self.next_keys(&entry, identity.log().establishment())?;
        let devices: Vec<PublicKey> = identity.log().state().devices.keys().copied().collect();
        let keep = Keep {
            positions: self.positions(&devices, KeepUntil::Now)?,
            statements: devices.iter().flat_map(|key| identity.statements_of(key)).collect(),
        };
        let action = Action::Close { keys: shown.iter().map(SecretKey::public).collect(), keep: keep.normal() };
        self.publish(&identity, &prev, action, &shown.iter().collect::<Vec<_>>())
    }

    /// Takes an identity back with recovery keys of this machine, whichever entries hold them:
    /// new root keys, kept under `name`.
    pub fn recover(&self, id: IdentityId, name: &str, changes: Changes) -> Result<EventId, NodeError> {
        let identity = self.identity(&id)?.ok_or_else(|| {
            NodeError::missing(
                "identity",
                id,
                "its log has to come first: import a space that it wrote in, or its bundle",
            )
        })?;
        let prev = self.place_after(&identity, changes.instead_of)?;
        let before = identity.log().establishment_after(&prev.id()).clone();
        let Some(recovery) = &before.recovery else {
            let text = format!("identity {id} has named no recovery set: nobody can take it back");
            return Err(Refusal::new("no-recovery-set", text).into());
        };
        let mut signing = Vec::new();
        for entry in self.identities().all() {
            signing.extend(self.secrets_for(&entry, |key| recovery.keys.contains(key))?);
        }
        if (signing.len() as u64) < recovery.threshold {
            let text = format!(
                "{} of {} recovery keys have to sign, and {} are on this machine",
                recovery.threshold,
                recovery.keys.len(),
                signing.len()
            );
            return Err(Refusal::new("not-enough-keys", text)
                .hint("bring the others here with `atlas id import BUNDLE`, from those who keep them")
                .into());
        }
        let [root, next] = std::array::from_fn(|_| fresh_key());
        let after = Establishment {
            root: KeySet::single(root.public()),
            next: NextKeys::single(&next.public()),
            recovery: set(changes.recovery, &before.recovery)?,
            witnesses: set(changes.witnesses, &before.witnesses)?,
        };
        let secrets = [(Role::Root, root.clone()), (Role::NextRoot, next)];
        match self
            .identities()
            .all()
            .into_iter()
            .find(|entry| entry.identity == Some(id) && entry.kind == Kind::Identity)
        {
            Some(entry) => {
                self.identities().keyring().update(&entry.name, |edit| {
                    secrets.iter().try_for_each(|(role, key)| edit.add(*role, key.clone()))
                })?;
            }
            None => {
                self.identities().check_free(name)?;
                self.identities().keyring().add(name, Kind::Identity, Some(id), &secrets)?;
            }
        }
        let mut keys: Vec<&SecretKey> = signing.iter().collect();
        keys.push(&root);
        self.publish(&identity, &prev, Action::Recover(after), &keys)
    }

    /// The last positions that stay of these keys' chains, in every space.
    pub(crate) fn positions(&self, keys: &[PublicKey], until: KeepUntil) -> Result<Vec<Kept>, NodeError> {
        let mut kept = Vec::new();
        if until == KeepUntil::Nothing {
            return Ok(kept);
        }
        for key in keys {
            for space in self.store().chain_spaces(key)? {
                let last = match until {
                    KeepUntil::Time(time) => self.last_before(key, &space, time)?,
                    _ => self.store().chain_head(key, &space)?.map(|head| (head.seq, head.id)),
                };
                kept.extend(last.map(|(seq, id)| Kept::new(key, &space, seq, id)));
            }
        }
        Ok(kept)
    }

    /// The last position of a chain before the first record that was created then or later:
    /// times are the key's own word, positions are not.
    fn last_before(
        &self,
        key: &PublicKey,
        space: &atlas_record::SpaceId,
        time: Timestamp,
    ) -> Result<Option<(u64, atlas_record::RecordId)>, NodeError> {
        let mut last = None;
        for position in self.store().chain(key, space, 0)? {
            let position = position?;
            let Some(stored) = self.store().by_number(position.n)? else { continue };
            if stored.created() >= time {
                break;
            }
            last = Some((position.seq, position.id));
        }
        Ok(last)
    }
}

/// The next keys after a rotation: a fresh one for each that was shown, and those kept back.
fn next_after(before: &Establishment, shown: &[SecretKey], fresh: &[SecretKey]) -> NextKeys {
    let used: Vec<[u8; 32]> = shown.iter().map(|key| commitment(&key.public())).collect();
    let mut digests: Vec<[u8; 32]> = fresh.iter().map(|key| commitment(&key.public())).collect();
    digests.extend(before.next.digests.iter().filter(|digest| !used.contains(digest)));
    NextKeys { threshold: before.next.threshold.min(digests.len() as u64), digests }
}

fn enough(
    entry: &EntryInfo,
    what: &str,
    keys: Vec<SecretKey>,
    needed: u64,
    of: usize,
) -> Result<Vec<SecretKey>, NodeError> {
    if keys.len() as u64 >= needed {
        return Ok(keys);
    }
    let text = format!(
        "this takes {needed} of the {of} {what} keys of `{}`, and {} are on this machine",
        entry.name,
        keys.len()
    );
    let hint = "root keys are kept cold: bring them here with `atlas id import FILE` (a bundle or a recovery sheet), or do this where they are";
    Err(Refusal::new("not-enough-keys", text).hint(hint).into())
}

/// The statements of a device that stay.
pub(super) fn statements(identity: &Identity, key: &PublicKey, until: KeepUntil) -> Vec<[u8; 32]> {
    let before = |created: Timestamp| match until {
        KeepUntil::Now => true,
        KeepUntil::Time(time) => created < time,
        KeepUntil::Nothing => false,
    };
    let grants = identity.grants().into_iter().map(|it| (it.statement().issuer, it.statement().created, it.id().0));
    let revocations =
        identity.revocations().into_iter().map(|it| (it.statement().issuer, it.statement().created, it.id().0));
    grants
        .chain(revocations)
        .filter(|(issuer, created, _)| issuer == key && before(*created))
        .map(|(.., id)| id)
        .collect()
}
