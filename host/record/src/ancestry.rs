//! Is this record that position of a key's chain, or before it?
//!
//! A revocation keeps a record and its ancestors. From one position to an earlier one leads one
//! *path*: the skip where it does not lead too far back, else the predecessor. The path is fixed
//! by the two positions, so a question has one answer on every node that has its headers, and
//! a proof is those headers: about 2·log3(n) of them. The id of a record names its signed
//! header, and the header the ids behind it, so a proof needs no signatures: whoever knows the
//! first id can check the rest by hashing.
//!
//! A step counts only if what it leads to is of the same key and space and at the position it
//! should be at. A chain that its key has not kept in order loses its own records by that, and
//! nobody else's.

use std::collections::HashMap;

use crate::chain;
use crate::header::Header;
use crate::id::{PublicKey, RecordId, SpaceId};
use crate::record::{RecordError, SignedHeader};

/// Headers of one proof: more than any path in a chain of 2^53 positions has.
pub const MOST_STEPS: usize = 256;

/// What a path needs to know of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The key that signed.
    pub key: PublicKey,
    /// The space.
    pub space: SpaceId,
    /// The position.
    pub seq: u64,
    /// The record before it.
    pub prev: Option<RecordId>,
    /// The record further back.
    pub skip: Option<RecordId>,
}

impl Step {
    /// Of a header.
    pub fn of(header: &Header) -> Self {
        Self { key: header.key, space: header.space, seq: header.seq, prev: header.prev, skip: header.skip }
    }
}

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ancestry {
    /// It is that record, or one before it.
    Within,
    /// It is not.
    Outside,
    /// The path leads over this record, which is not here.
    Unknown(RecordId),
}

/// The position that a path to `to` takes after `from`; `to` is below `from`.
fn step(from: u64, to: u64) -> u64 {
    let skip = chain::lipmaa(from);
    if skip >= to { skip } else { from - 1 }
}

/// Whether `record`, which stands at `seq` of a key's chain in a space, is `last` (at
/// `last_seq`) or one before it. `get` finds headers by id.
pub fn ancestry(
    (last_seq, last): (u64, RecordId),
    (seq, record): (u64, RecordId),
    key: &PublicKey,
    space: &SpaceId,
    mut get: impl FnMut(&RecordId) -> Option<Step>,
) -> Ancestry {
    if seq == 0 || seq > last_seq {
        return Ancestry::Outside;
    }
    let (mut at, mut id) = (last_seq, last);
    while at > seq {
        let Some(here) = get(&id) else { return Ancestry::Unknown(id) };
        if here.seq != at || here.key != *key || here.space != *space {
            return Ancestry::Outside;
        }
        let next = step(at, seq);
        let link = if next == at - 1 { here.prev } else { here.skip };
        let Some(link) = link else { return Ancestry::Outside };
        (at, id) = (next, link);
    }
    if id == record { Ancestry::Within } else { Ancestry::Outside }
}

/// The headers of the path from one record back to another, which whoever knows the first id
/// can check.
#[derive(Debug, Clone, PartialEq)]
pub struct Proof(Vec<SignedHeader>);

/// Why a proof proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// More headers than a path has.
    #[error("a proof has {MOST_STEPS} headers at most, and this one has {0}")]
    TooLong(usize),
    /// A header that is none.
    #[error("a header of the proof is malformed: {0}")]
    Header(#[from] RecordError),
    /// The path leads over a record that the proof does not hold.
    #[error("the proof lacks record {0}, over which the path leads")]
    Missing(RecordId),
    /// A header that the path does not lead over.
    #[error("the proof holds a header that is not on the path")]
    Stray,
    /// The headers are right, and show that the record is not an ancestor.
    #[error("the headers show that the record is not an ancestor")]
    Outside,
}

impl Proof {
    /// Collects the path, with `get` as the source of headers; the id that is missing if it is
    /// not all there.
    pub fn collect(
        (last_seq, last): (u64, RecordId),
        seq: u64,
        mut get: impl FnMut(&RecordId) -> Option<SignedHeader>,
    ) -> Result<Self, RecordId> {
        let (mut headers, mut at, mut id) = (Vec::new(), last_seq, last);
        while at > seq && headers.len() < MOST_STEPS {
            let signed = get(&id).ok_or(id)?;
            let next = step(at, seq);
            let link = if next == at - 1 { signed.header().prev } else { signed.header().skip };
            headers.push(signed);
            let Some(link) = link else { break };
            (at, id) = (next, link);
        }
        Ok(Self(headers))
    }

    /// Reads the signed headers of a proof, latest first.
    pub fn decode(headers: &[Vec<u8>]) -> Result<Self, ProofError> {
        if headers.len() > MOST_STEPS {
            return Err(ProofError::TooLong(headers.len()));
        }
        Ok(Self(headers.iter().map(|bytes| SignedHeader::decode(bytes)).collect::<Result<_, _>>()?))
    }

    /// The headers, latest first.
    pub fn headers(&self) -> &[SignedHeader] {
        &self.0
    }

    /// Whether it shows that `record` is `last` or before it.
    pub fn check(
        &self,
        last: (u64, RecordId),
        record: (u64, RecordId),
        key: &PublicKey,
        space: &SpaceId,
    ) -> Result<(), ProofError> {
        let held: HashMap<RecordId, Step> =
            self.0.iter().map(|signed| (signed.id(), Step::of(signed.header()))).collect();
        let mut used = 0;
        let answer = ancestry(last, record, key, space, |id| {
            let step = held.get(id).copied();
            used += usize::from(step.is_some());
            step
        });
        match answer {
            Ancestry::Unknown(id) => Err(ProofError::Missing(id)),
            Ancestry::Outside => Err(ProofError::Outside),
            Ancestry::Within if used != self.0.len() => Err(ProofError::Stray),
            Ancestry::Within => Ok(()),
        }
    }
}
