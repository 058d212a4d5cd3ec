//! Who may act for an identity: key sets, commitments to the next keys, witnesses.

use crate::cbor::{DecodeError, Fault, Reader, Writer};
use crate::fields::distinct;
use crate::id::PublicKey;

/// Keys of one set, digests of one commitment, witnesses of one identity: at most this many.
pub const MOST_KEYS: usize = 16;

/// The digest by which an event commits to a root key that is not shown yet.
pub fn commitment(key: &PublicKey) -> [u8; 32] {
    blake3::derive_key("atlas 2026 root key commitment", &key.0)
}

/// Keys of which some number must sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySet {
    /// The keys, each once.
    pub keys: Vec<PublicKey>,
    /// How many of them must sign: 1 to their number.
    pub threshold: u64,
}

impl KeySet {
    /// One key, which signs alone.
    pub fn single(key: PublicKey) -> Self {
        Self { keys: vec![key], threshold: 1 }
    }

    /// Whether enough of the keys are among the signers.
    pub fn is_met_by(&self, signers: &[PublicKey]) -> bool {
        let found = self.keys.iter().filter(|key| signers.contains(key)).count();
        found as u64 >= self.threshold
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.array(2);
        w.array(self.keys.len());
        self.keys.iter().for_each(|key| w.bytes(&key.0));
        w.uint(self.threshold);
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.tuple(2, "a key set: keys and threshold")?;
        let at = r.at();
        let keys = r.list(MOST_KEYS, "16 keys at most", sound_key)?;
        let threshold = threshold(r, keys.len())?;
        if distinct(&keys) { Ok(Self { keys, threshold }) } else { r.fail(at, Fault::Expected("each key once")) }
    }
}

/// Commitments to the root keys that may come next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextKeys {
    /// [`commitment`]s, each once.
    pub digests: Vec<[u8; 32]>,
    /// How many of the committed keys must sign what replaces the root keys.
    pub threshold: u64,
}

impl NextKeys {
    /// A commitment to one key.
    pub fn single(key: &PublicKey) -> Self {
        Self { digests: vec![commitment(key)], threshold: 1 }
    }

    /// Whether a key is one of those that were committed to.
    pub fn commits_to(&self, key: &PublicKey) -> bool {
        self.digests.contains(&commitment(key))
    }

    /// Whether enough of the committed keys are among the signers.
    pub fn is_met_by(&self, signers: &[PublicKey]) -> bool {
        signers.iter().filter(|key| self.commits_to(key)).count() as u64 >= self.threshold
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.array(2);
        w.array(self.digests.len());
        self.digests.iter().for_each(|digest| w.bytes(digest));
        w.uint(self.threshold);
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.tuple(2, "next keys: digests and threshold")?;
        let at = r.at();
        let digests = r.list(MOST_KEYS, "16 digests at most", |r| r.array_of("a digest of 32 bytes"))?;
        let threshold = threshold(r, digests.len())?;
        if distinct(&digests) {
            Ok(Self { digests, threshold })
        } else {
            r.fail(at, Fault::Expected("each digest once"))
        }
    }
}

/// Everything that decides who may write the next root event.
///
/// Only events that the holders of pre-rotated keys or of the recovery set sign can change
/// it: a stolen current root key can neither replace the keys nor name its own recoverers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Establishment {
    /// The root keys, which add and remove devices.
    pub root: KeySet,
    /// Commitments to the keys that may replace them.
    pub next: NextKeys,
    /// Keys that may replace them when all of those are lost.
    pub recovery: Option<KeySet>,
    /// Nodes that attest when they first saw an event; the threshold is their quorum.
    pub witnesses: Option<KeySet>,
}

impl Establishment {
    pub(super) fn write(&self, w: &mut Writer) {
        w.array(4);
        self.root.write(w);
        self.next.write(w);
        for set in [&self.recovery, &self.witnesses] {
            match set {
                Some(set) => set.write(w),
                None => w.null(),
            }
        }
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.tuple(4, "an establishment: root, next, recovery, witnesses")?;
        Ok(Self {
            root: KeySet::read(r)?,
            next: NextKeys::read(r)?,
            recovery: r.optional(KeySet::read)?,
            witnesses: r.optional(KeySet::read)?,
        })
    }
}

/// A key that may enter a log: ZIP-215 would verify for others too, and for some of those
/// anyone can sign.
pub(super) fn sound_key(r: &mut Reader<'_>) -> Result<PublicKey, DecodeError> {
    let at = r.at();
    let key = PublicKey(r.array_of("a key of 32 bytes")?);
    if crate::sign::is_sound_key(&key) {
        Ok(key)
    } else {
        r.fail(at, Fault::Expected("a sound key: the canonical encoding of a point of large order"))
    }
}

fn threshold(r: &mut Reader<'_>, keys: usize) -> Result<u64, DecodeError> {
    let at = r.at();
    match r.uint()? {
        threshold if (1..=keys as u64).contains(&threshold) => Ok(threshold),
        _ => r.fail(at, Fault::Expected("a threshold from 1 to the number of keys")),
    }
}
