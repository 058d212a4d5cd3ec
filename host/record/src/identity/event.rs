//! Root events: the links of an identity's log.
//!
//! Canonical form: `[1, number, prev, created, action]` with `action` an array whose first item
//! says which it is. An event is named by the hash of these bytes, without its signatures.

use crate::Timestamp;
use crate::cbor::{DecodeError, Fault, Reader, Writer};
use crate::fields::distinct;
use crate::id::{EventId, IdentityId, PublicKey};
use crate::limits;
use crate::sign::{self, SecretKey};

use super::kept::Keep;
use super::keys::{Establishment, KeySet, MOST_KEYS, sound_key};
use super::signed::{IdentityError, Signature, read_signed, sign_all};

const DOMAIN: &[u8] = b"atlas/identity/1\0";
const VERSION: u64 = 1;
const WHAT: &str = "identity event";

/// What a root event does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Creates the identity. Signed by every root key.
    Genesis {
        /// Who may write the next event.
        establishment: Establishment,
        /// Keys that may sign records from the start, each once, none of them a root key.
        devices: Vec<PublicKey>,
        /// Makes two identities of the same keys and time different.
        nonce: [u8; 16],
    },
    /// Replaces the root keys, and may change the recovery set and the witnesses. The new root
    /// keys were committed to; enough of them sign.
    Rotate(Establishment),
    /// Lets a key sign records. Signed by the root keys. The key itself need not agree: what it
    /// signs names its author, so nobody speaks for an identity by being claimed by it.
    AddDevice(PublicKey),
    /// Ends a device; a key that was removed never comes back. Signed by the root keys.
    RemoveDevice {
        /// The device.
        key: PublicKey,
        /// What it signed that stays in force.
        keep: Keep,
    },
    /// Replaces lost root keys. Signed by the recovery set and by the new root keys.
    Recover(Establishment),
    /// Ends the identity. Signed by committed keys, which it shows, as a rotation would be.
    Close {
        /// Committed keys that sign.
        keys: Vec<PublicKey>,
        /// What the devices signed that stays in force.
        keep: Keep,
    },
}

/// How much authority an event was signed with. A higher tier can nullify a lower one, where
/// witnesses attest that it came in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// The root keys in force.
    Root,
    /// The root keys that were committed to.
    Next,
    /// The recovery set.
    Recovery,
}

impl Action {
    /// With how much authority it has to be signed.
    pub fn tier(&self) -> Tier {
        match self {
            Action::AddDevice(_) | Action::RemoveDevice { .. } => Tier::Root,
            Action::Genesis { .. } | Action::Rotate(_) | Action::Close { .. } => Tier::Next,
            Action::Recover(_) => Tier::Recovery,
        }
    }

    /// Who may write what comes after, where this event decides it.
    pub fn establishment(&self) -> Option<&Establishment> {
        match self {
            Action::Genesis { establishment, .. } | Action::Rotate(establishment) | Action::Recover(establishment) => {
                Some(establishment)
            }
            _ => None,
        }
    }

    fn write(&self, w: &mut Writer) {
        let keys = |w: &mut Writer, keys: &[PublicKey]| {
            w.array(keys.len());
            keys.iter().for_each(|key| w.bytes(&key.0));
        };
        match self {
            Action::Genesis { establishment, devices, nonce } => {
                w.array(4);
                w.uint(0);
                establishment.write(w);
                keys(w, devices);
                w.bytes(nonce);
            }
            Action::Rotate(establishment) => {
                w.array(2);
                w.uint(1);
                establishment.write(w);
            }
            Action::AddDevice(key) => {
                w.array(2);
                w.uint(2);
                w.bytes(&key.0);
            }
            Action::RemoveDevice { key, keep } => {
                w.array(3);
                w.uint(3);
                w.bytes(&key.0);
                keep.write(w);
            }
            Action::Recover(establishment) => {
                w.array(2);
                w.uint(4);
                establishment.write(w);
            }
            Action::Close { keys: shown, keep } => {
                w.array(3);
                w.uint(5);
                keys(w, shown);
                keep.write(w);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        const KNOWN: &str = "an action of an identity event, with its items";
        let at = r.at();
        let length = r.array()?;
        if length == 0 {
            return r.fail(at, Fault::Expected(KNOWN));
        }
        let keys = |r: &mut Reader<'_>| {
            let at = r.at();
            let keys = r.list(MOST_KEYS, "16 keys at most", sound_key)?;
            if distinct(&keys) { Ok(keys) } else { r.fail(at, Fault::Expected("each key once")) }
        };
        Ok(match (r.uint()?, length) {
            (0, 4) => {
                let establishment = Establishment::read(r)?;
                let at = r.at();
                let devices = keys(r)?;
                if devices.iter().any(|key| establishment.root.keys.contains(key)) {
                    return r.fail(at, Fault::Expected("devices that are no root keys"));
                }
                Action::Genesis { establishment, devices, nonce: r.array_of("a nonce of 16 bytes")? }
            }
            (1, 2) => Action::Rotate(Establishment::read(r)?),
            (2, 2) => Action::AddDevice(sound_key(r)?),
            (3, 3) => Action::RemoveDevice { key: sound_key(r)?, keep: Keep::read(r)? },
            (4, 2) => Action::Recover(Establishment::read(r)?),
            (5, 3) => Action::Close { keys: keys(r)?, keep: Keep::read(r)? },
            _ => return r.fail(at, Fault::Expected(KNOWN)),
        })
    }
}

/// A root event, before it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// 0 for the genesis, then one more each.
    pub number: u64,
    /// The event that this one follows; none for the genesis.
    pub prev: Option<EventId>,
    /// When, by the signers' clock. For people: nothing is decided by it.
    pub created: Timestamp,
    /// What it does.
    pub action: Action,
}

impl Event {
    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.array(5);
        w.uint(VERSION);
        w.uint(self.number);
        w.optional_bytes(self.prev.as_ref().map(|id| &id.0[..]));
        w.uint(self.created);
        self.action.write(&mut w);
        w.into_bytes()
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.tuple(5, "an identity event of 5 items")?;
        let at = r.at();
        if r.uint()? != VERSION {
            return r.fail(at, Fault::Expected("identity format version 1"));
        }
        let number = r.uint()?;
        let event = Self {
            number,
            prev: r.optional(|r| r.array_of("an event id of 32 bytes"))?.map(EventId),
            created: r.timestamp()?,
            action: Action::read(r)?,
        };
        let is_genesis = matches!(event.action, Action::Genesis { .. });
        if number > limits::MAX_COUNT || is_genesis != (number == 0) || is_genesis != event.prev.is_none() {
            return r.fail(at, Fault::Expected("number 0 and no predecessor for a genesis, and for nothing else"));
        }
        Ok(event)
    }

    /// Signs it with these keys.
    pub fn sign(self, keys: &[&SecretKey]) -> Result<SignedEvent, IdentityError> {
        let content = self.encode();
        SignedEvent::decode(&sign_all(&content, &[DOMAIN, &content].concat(), keys))
    }
}

/// A root event whose signatures verify. Whether the signers had the authority is for the
/// [log](super::Log) to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedEvent {
    event: Event,
    id: EventId,
    signers: Vec<PublicKey>,
    bytes: Box<[u8]>,
}

impl SignedEvent {
    /// Reads canonical bytes and verifies every signature.
    pub fn decode(bytes: &[u8]) -> Result<Self, IdentityError> {
        let (event, signatures) = Self::parse(bytes)?;
        let message = event.message();
        for (key, signature) in &signatures {
            super::signed::check(key, &message, signature)?;
        }
        Ok(event)
    }

    /// As [`decode`](Self::decode) for many, with the signatures verified together.
    pub fn decode_all<'a>(events: impl IntoIterator<Item = &'a [u8]>) -> Vec<Result<Self, IdentityError>> {
        let parsed: Vec<_> = events.into_iter().map(Self::parse).collect();
        let signed = parsed.iter().flatten().flat_map(|(event, signatures)| {
            let message: std::rc::Rc<[u8]> = event.message().into();
            signatures.iter().map(move |(key, signature)| (*key, message.clone(), *signature))
        });
        let mut valid = sign::verify_all(signed).into_iter();
        let judge = |(event, signatures): (Self, Vec<Signature>)| {
            let verdicts: Vec<bool> = valid.by_ref().take(signatures.len()).collect();
            match signatures.iter().zip(verdicts).find(|(_, valid)| !valid) {
                Some(((key, _), _)) => Err(IdentityError::Signature(*key)),
                None => Ok(event),
            }
        };
        let mut judge = judge;
        parsed.into_iter().map(|parsed| parsed.and_then(&mut judge)).collect()
    }

    /// Reads bytes that were verified when they came.
    pub fn read_back(bytes: &[u8]) -> Result<Self, IdentityError> {
        Self::parse(bytes).map(|(event, _)| event)
    }

    fn parse(bytes: &[u8]) -> Result<(Self, Vec<Signature>), IdentityError> {
        let (event, content, signatures) = read_signed(bytes, WHAT, Event::read)?;
        let signers = signatures.iter().map(|(key, _)| *key).collect();
        Ok((Self { event, id: EventId::of(content), signers, bytes: bytes.into() }, signatures))
    }

    fn message(&self) -> Vec<u8> {
        [DOMAIN, &self.event.encode()].concat()
    }

    /// The event.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// Its name.
    pub fn id(&self) -> EventId {
        self.id
    }

    /// The identity that a genesis creates.
    pub fn identity(&self) -> Option<IdentityId> {
        matches!(self.event.action, Action::Genesis { .. }).then_some(IdentityId(self.id.0))
    }

    /// Who signed.
    pub fn signers(&self) -> &[PublicKey] {
        &self.signers
    }

    /// The bytes as received.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether it may follow an event under this establishment; for a genesis, its own.
    pub(super) fn is_authorised(&self, before: &Establishment) -> bool {
        let signers = &self.signers;
        match &self.event.action {
            Action::Genesis { establishment, .. } => establishment.root.keys.iter().all(|key| signers.contains(key)),
            Action::Rotate(after) => {
                after.root.keys.iter().all(|key| before.next.commits_to(key))
                    && replaces(&before.next, &after.root, signers)
            }
            Action::AddDevice(_) | Action::RemoveDevice { .. } => before.root.is_met_by(signers),
            Action::Recover(after) => {
                before.recovery.as_ref().is_some_and(|set| set.is_met_by(signers)) && after.root.is_met_by(signers)
            }
            Action::Close { keys, .. } => {
                let shown: Vec<PublicKey> = keys.iter().filter(|key| signers.contains(key)).copied().collect();
                before.next.is_met_by(&shown)
            }
        }
    }
}

/// Whether enough committed keys sign, and enough of the new set.
fn replaces(next: &super::keys::NextKeys, root: &KeySet, signers: &[PublicKey]) -> bool {
    let signing: Vec<PublicKey> = root.keys.iter().filter(|key| signers.contains(key)).copied().collect();
    next.is_met_by(&signing) && root.is_met_by(&signing)
}
