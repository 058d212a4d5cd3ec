//! Receipts: a witness attests when it first saw an event or a statement.

use std::collections::{BTreeMap, HashMap};

use crate::Timestamp;
use crate::cbor::{Fault, Writer};
use crate::id::{IdentityId, PublicKey};
use crate::sign::SecretKey;

use super::keys::KeySet;
use super::signed::{IdentityError, check, read_sealed, seal};

const DOMAIN: &[u8] = b"atlas/receipt/1\0";
const VERSION: u64 = 1;
const WHAT: &str = "receipt";

/// How long after something a higher tier can still nullify it, in milliseconds.
pub const NULLIFY_WITHIN_MS: u64 = 72 * 60 * 60 * 1000;

/// A witness's word that it had seen something by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Receipt {
    /// The identity whose event or statement it is.
    pub identity: IdentityId,
    /// The event, grant or revocation: the digest of its id.
    pub of: [u8; 32],
    /// The witness.
    pub witness: PublicKey,
    /// When it first saw it, by its own clock.
    pub seen: Timestamp,
}

impl Receipt {
    fn encode(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.array(5);
        w.uint(VERSION);
        w.bytes(&self.identity.0);
        w.bytes(&self.of);
        w.bytes(&self.witness.0);
        w.uint(self.seen);
        w.into_bytes()
    }

    /// The signed form, which [`decode`](Self::decode) reads.
    pub fn sign(identity: IdentityId, of: [u8; 32], seen: Timestamp, witness: &SecretKey) -> Vec<u8> {
        let receipt = Self { identity, of, witness: witness.public(), seen };
        seal(&receipt.encode(), DOMAIN, witness)
    }

    /// Reads canonical bytes and verifies the signature.
    pub fn decode(bytes: &[u8]) -> Result<Self, IdentityError> {
        let (receipt, content, signature) = read_sealed(bytes, WHAT, |r| {
            r.tuple(5, "a receipt of 5 items")?;
            let at = r.at();
            if r.uint()? != VERSION {
                return r.fail(at, Fault::Expected("receipt format version 1"));
            }
            Ok(Self {
                identity: IdentityId(r.array_of("an identity id of 32 bytes")?),
                of: r.array_of("an id of 32 bytes")?,
                witness: PublicKey(r.array_of("a key of 32 bytes")?),
                seen: r.timestamp()?,
            })
        })?;
        check(&receipt.witness, &[DOMAIN, content].concat(), &signature)?;
        Ok(receipt)
    }
}

/// Receipts by what they attest. Of several by one witness the earliest counts, so that the
/// order of arrival does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipts(HashMap<[u8; 32], BTreeMap<PublicKey, Timestamp>>);

impl Receipts {
    /// Adds one; whether that changed anything.
    pub fn add(&mut self, receipt: &Receipt) -> bool {
        let seen = self.0.entry(receipt.of).or_default().entry(receipt.witness).or_insert(Timestamp::MAX);
        let earlier = receipt.seen < *seen;
        *seen = (*seen).min(receipt.seen);
        earlier
    }

    /// When a quorum of these witnesses had seen it, if one has.
    pub fn attested(&self, of: &[u8; 32], witnesses: &KeySet) -> Option<Timestamp> {
        let seen = self.0.get(of)?;
        let mut times: Vec<Timestamp> = witnesses.keys.iter().filter_map(|key| seen.get(key)).copied().collect();
        times.sort_unstable();
        // As early as the quorum that saw it first: fewer than a quorum cannot move it.
        times.get(usize::try_from(witnesses.threshold).ok()?.checked_sub(1)?).copied()
    }

    /// Who attests it, and when.
    pub fn of(&self, id: &[u8; 32]) -> impl Iterator<Item = (&PublicKey, &Timestamp)> {
        self.0.get(id).into_iter().flatten()
    }
}

/// Whether something attested at `nullifier` comes in time to nullify something attested at
/// `target`; what nobody attested in time cannot be proved to be older.
pub fn in_time(nullifier: Option<Timestamp>, target: Option<Timestamp>) -> bool {
    match (nullifier, target) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(nullifier), Some(target)) => nullifier <= target.saturating_add(NULLIFY_WITHIN_MS),
    }
}
