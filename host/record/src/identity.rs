//! Identities: who speaks, and with which keys.
//!
//! An identity is named by the BLAKE3 of its signed genesis event, for good. The genesis
//! holds the first *root* keys (cold; how many of them must sign), digests of the root keys
//! that may replace them (so that a stolen root key cannot rotate the identity away), and
//! the first *device* keys, which sign records.
//!
//! Signed form: `[genesis, [signature, …]]`, one signature of 64 bytes for each root key,
//! in their order, over the genesis bytes behind a domain of their own.

use crate::Timestamp;
use crate::cbor::{DecodeError, Writer};
#[cfg(feature = "crypto")]
use crate::cbor::{Fault, Reader};
#[cfg(feature = "crypto")]
use crate::fields::distinct;
use crate::id::{IdentityId, PublicKey};
use crate::limits;

const DOMAIN: &[u8] = b"atlas/identity/1\0";
const VERSION: u64 = 1;

/// Root keys, commitments to their successors, and first devices of one identity: each list
/// has at most this many.
pub const MOST_KEYS: usize = 16;

/// The digest by which an event commits to a root key that is not shown yet.
pub fn commitment(key: &PublicKey) -> [u8; 32] {
    blake3::derive_key("atlas 2026 root key commitment", &key.0)
}

/// The event that creates an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Genesis {
    /// When, by the creator's clock.
    pub created: Timestamp,
    /// The root keys.
    pub root: Vec<PublicKey>,
    /// How many root keys must sign a root event; 1 to the number of keys.
    pub threshold: u64,
    /// [`commitment`]s to the next root keys, at least one.
    pub next: Vec<[u8; 32]>,
    /// Keys that may sign records from the start.
    pub devices: Vec<PublicKey>,
    /// Makes two identities of one key and time different.
    pub nonce: [u8; 16],
}

/// Why bytes are no identity genesis.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Bytes that break a rule of the format.
    #[error("the identity's genesis is {0}")]
    Format(#[from] DecodeError),
    /// Over the limit for documents.
    #[error("the identity's genesis has {0} bytes; the limit is {limit}", limit = limits::DOCUMENT_BYTES)]
    TooLarge(usize),
    /// A key of small order, or not canonically encoded.
    #[error("key {0} is unsound: not the canonical encoding of a point of large order")]
    UnsoundKey(PublicKey),
    /// A root key did not sign.
    #[error("the signature of root key {0} does not verify")]
    Signature(PublicKey),
}

impl Genesis {
    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.array(7);
        w.uint(VERSION);
        w.uint(self.created);
        w.array(self.root.len());
        self.root.iter().for_each(|key| w.bytes(&key.0));
        w.uint(self.threshold);
        w.array(self.next.len());
        self.next.iter().for_each(|digest| w.bytes(digest));
        w.array(self.devices.len());
        self.devices.iter().for_each(|key| w.bytes(&key.0));
        w.bytes(&self.nonce);
        w.into_bytes()
    }

    /// What each root key signs.
    pub fn signing_bytes(&self) -> Vec<u8> {
        [DOMAIN, &self.encode()].concat()
    }

    #[cfg(feature = "crypto")]
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.tuple(7, "an identity genesis of 7 items")?;
        let at = r.at();
        if r.uint()? != VERSION {
            return r.fail(at, Fault::Expected("identity format version 1"));
        }
        let created = r.uint()?;
        let keys = |r: &mut Reader<'_>| r.list(MOST_KEYS, "16 keys at most", |r| r.array_of("a key of 32 bytes"));
        let genesis = Self {
            created,
            root: keys(r)?.into_iter().map(PublicKey).collect(),
            threshold: r.uint()?,
            next: keys(r)?,
            devices: keys(r)?.into_iter().map(PublicKey).collect(),
            nonce: r.array_of("a nonce of 16 bytes")?,
        };

        if created > limits::MAX_TIMESTAMP
            || !(1..=genesis.root.len() as u64).contains(&genesis.threshold)
            || genesis.next.is_empty()
            || !distinct(&genesis.root)
            || !distinct(&genesis.next)
            || !distinct(&genesis.devices)
            || genesis.devices.iter().any(|key| genesis.root.contains(key))
        {
            return r.fail(
                at,
                Fault::Expected("a threshold from 1 to the number of root keys, a next key, and each key once"),
            );
        }
        Ok(genesis)
    }
}

/// A genesis with its signatures, verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    genesis: Genesis,
    bytes: Box<[u8]>,
    id: IdentityId,
}

impl Identity {
    /// Joins a genesis and the signatures of its root keys, in their order.
    #[cfg(feature = "crypto")]
    pub fn new(genesis: Genesis, signatures: &[[u8; 64]]) -> Result<Self, IdentityError> {
        let mut w = Writer::default();
        w.array(2);
        w.raw(&genesis.encode());
        w.array(signatures.len());
        signatures.iter().for_each(|signature| w.bytes(signature));
        Self::decode(&w.into_bytes())
    }

    /// Reads canonical bytes and verifies every root key's signature.
    #[cfg(feature = "crypto")]
    pub fn decode(bytes: &[u8]) -> Result<Self, IdentityError> {
        if bytes.len() > limits::DOCUMENT_BYTES {
            return Err(IdentityError::TooLarge(bytes.len()));
        }
        let mut r = Reader::new(bytes);
        r.tuple(2, "a signed identity genesis")?;
        let genesis = Genesis::read(&mut r)?;
        let at = r.at();
        let signatures =
            r.list(MOST_KEYS, "a signature for each root key", |r| r.array_of::<64>("a signature of 64 bytes"))?;
        if signatures.len() != genesis.root.len() {
            return Err(DecodeError { at, fault: Fault::Expected("a signature for each root key") }.into());
        }
        r.end()?;
        if let Some(key) = genesis.root.iter().chain(&genesis.devices).find(|key| !crate::sign::is_sound_key(key)) {
            return Err(IdentityError::UnsoundKey(*key));
        }
        let message = genesis.signing_bytes();
        for (key, signature) in genesis.root.iter().zip(&signatures) {
            if !crate::sign::verify(key, &message, signature) {
                return Err(IdentityError::Signature(*key));
            }
        }
        Ok(Self { genesis, id: IdentityId::of(bytes), bytes: bytes.into() })
    }

    /// The genesis.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The id.
    pub fn id(&self) -> IdentityId {
        self.id
    }

    /// The bytes as received.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether a key may sign records for this identity without a grant.
    pub fn is_device(&self, key: &PublicKey) -> bool {
        self.genesis.devices.contains(key)
    }
}
