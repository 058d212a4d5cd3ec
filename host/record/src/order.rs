//! Which of two records at one address stands.

use crate::Timestamp;
use crate::id::RecordId;

/// The total order of records: by creation time, then by id. Every node computes the same
/// one, in any order of arrival. The author chooses `created`; races that matter are decided
/// by effective time, which spaces derive from cuts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rank {
    /// The author's own time.
    pub created: Timestamp,
    /// Breaks ties.
    pub id: RecordId,
}

/// How records of a type live. Declared by the type's validator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lifecycle {
    /// Every record stays.
    Append,
    /// The latest at an address, by [`Rank`], stands for it; earlier ones are its history.
    Replaceable,
    /// Delivered to whoever listens, never stored, outside any chain.
    Ephemeral,
}
