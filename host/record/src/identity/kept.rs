//! What stays of a key's records when the key is revoked.

use crate::cbor::{DecodeError, Fault, Reader, Writer};
use crate::id::{PublicKey, RecordId, SpaceId};
use crate::limits;

/// Kept positions of one event, and statements that one event keeps: at most this many.
pub const MOST_KEPT: usize = 2048;

/// The last good position of a key's chain in a space: `keep_upto`.
///
/// The space is named by a tag that only someone who knows the space can match, so that a
/// public log names no private space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kept {
    /// [`kept_tag`] of the key and the space.
    pub tag: [u8; 32],
    /// The position.
    pub seq: u64,
    /// The record there: of two at one position, this one counts.
    pub record: RecordId,
}

/// How a revocation names a key's chain in a space.
pub fn kept_tag(key: &PublicKey, space: &SpaceId) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("atlas 2026 kept position");
    hasher.update(&key.0).update(&space.0);
    *hasher.finalize().as_bytes()
}

impl Kept {
    /// Of a key's chain in a space.
    pub fn new(key: &PublicKey, space: &SpaceId, seq: u64, record: RecordId) -> Self {
        Self { tag: kept_tag(key, space), seq, record }
    }
}

/// What a revocation or the removal of a device leaves in force. What it does not list is
/// not kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keep {
    /// Records: up to these positions.
    pub positions: Vec<Kept>,
    /// Grants and revocations that the key signed: these.
    pub statements: Vec<[u8; 32]>,
}

impl Keep {
    /// Sorts, as the canonical form wants it, and drops what comes twice.
    pub fn normal(mut self) -> Self {
        self.positions.sort_unstable();
        self.positions.dedup();
        self.statements.sort_unstable();
        self.statements.dedup();
        self
    }

    /// The kept position of a chain.
    pub fn position(&self, tag: &[u8; 32]) -> Option<&Kept> {
        self.positions.binary_search_by(|kept| kept.tag.cmp(tag)).ok().map(|i| &self.positions[i])
    }

    /// Whether a statement stays in force.
    pub fn has_statement(&self, id: &[u8; 32]) -> bool {
        self.statements.binary_search(id).is_ok()
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.array(2);
        w.array(self.positions.len());
        for kept in &self.positions {
            w.array(3);
            w.bytes(&kept.tag);
            w.uint(kept.seq);
            w.bytes(&kept.record.0);
        }
        w.array(self.statements.len());
        self.statements.iter().for_each(|id| w.bytes(id));
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.tuple(2, "what is kept: positions and statements")?;
        let at = r.at();
        let positions = r.list(MOST_KEPT, "2,048 kept positions at most", |r| {
            r.tuple(3, "a kept position: tag, seq, record")?;
            let tag = r.array_of("a tag of 32 bytes")?;
            let at = r.at();
            let seq = r.uint()?;
            if !(1..=limits::MAX_COUNT).contains(&seq) {
                return r.fail(at, Fault::Expected("a position from 1, below 2^53"));
            }
            Ok(Kept { tag, seq, record: RecordId(r.array_of("a record id of 32 bytes")?) })
        })?;
        // One position for each chain: two would contradict each other.
        if !positions.windows(2).all(|pair| pair[0].tag < pair[1].tag) {
            return r.fail(at, Fault::Expected("kept positions sorted by tag, each tag once"));
        }
        let at = r.at();
        let statements = r.list(MOST_KEPT, "2,048 kept statements at most", |r| r.array_of("an id of 32 bytes"))?;
        if !statements.windows(2).all(|pair| pair[0] < pair[1]) {
            return r.fail(at, Fault::Expected("kept statements sorted, each once"));
        }
        Ok(Self { positions, statements })
    }
}
