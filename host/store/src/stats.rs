//! Figures for `status`, metrics and tests.

use std::time::Duration;

use atlas_record::TypeName;

/// The store in figures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Bytes on disk: tables and journals, without blob files.
    pub disk_bytes: u64,
    /// Bytes of blobs, in rows and files.
    pub blob_bytes: u64,
    /// Blobs.
    pub blobs: u64,
    /// Records, shown or not: the highest number given.
    pub records: u64,
    /// Records parked.
    pub parked: u64,
    /// Their bytes.
    pub parked_bytes: u64,
    /// Records without a verdict.
    pub pending: u64,
    /// Their bytes.
    pub pending_bytes: u64,
    /// Parked or pending records refused since the start, because too much waits.
    pub refused: u64,
    /// Batches that wait for the committer.
    pub queue: usize,
    /// Groups committed since the start.
    pub commits: u64,
    /// Batches in them.
    pub batches: u64,
    /// How long the last group took, from the first look at it to the acknowledgement.
    pub last_commit: Duration,
    /// The longest so far.
    pub longest_commit: Duration,
}

/// How much of a type is in a space.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records that queries show.
    pub visible: u64,
    /// All of the replicated set.
    pub total: u64,
    /// Bytes of the bodies that are here.
    pub body_bytes: u64,
}

/// [`Counts`] of one type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeCounts {
    /// The type.
    pub type_name: TypeName,
    /// The counts.
    pub counts: Counts,
}
