//! What is stored of a record, and what it is worth now.

use atlas_record::order::Lifecycle;
use atlas_record::{Record, Timestamp};

use crate::entry::IndexEntry;
use crate::waiting::Waiting;

/// What the space's validator said of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Valid, found under these entries.
    Valid(Vec<IndexEntry>),
    /// Not valid. The header stays in the replicated set, the body is dropped.
    Invalid {
        /// The validator's code: stable, for programs.
        code: Box<str>,
        /// Its words.
        text: Box<str>,
    },
    /// Not judged yet. Kept, not shown.
    Pending(Waiting),
}

/// What a record is worth now. A function of what is known, not of the order it came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Status {
    /// Shown by queries.
    Visible = 0,
    /// A later record stands at its address.
    Superseded = 1,
    /// Taken back by its author: header only. If the delete itself is revoked, the body may
    /// come again.
    Deleted = 2,
    /// Takes something back. Not shown itself.
    Delete = 3,
    /// Its author's expiry has passed: header only.
    Expired = 4,
    /// Dropped on this node (law, operator): header only, and the body is not taken again.
    Erased = 5,
    /// Valid, and its body is not here.
    Bodiless = 6,
    /// The validator said no: header only.
    Invalid = 7,
    /// Not judged yet.
    Pending = 8,
    /// Its signing key was revoked, and it is not among what survives. Not shown, and without
    /// any effect; verdict and body are kept, because a later proof may restore it.
    Revoked = 9,
}

impl Status {
    /// Whether queries show it.
    pub fn is_visible(self) -> bool {
        self == Self::Visible
    }

    /// The status with this number.
    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        use Status::*;
        [Visible, Superseded, Deleted, Delete, Expired, Erased, Bodiless, Invalid, Pending, Revoked]
            .get(usize::from(byte))
            .copied()
    }
}

/// A record as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRecord {
    /// Its local number: the order of arrival, from 1, without gaps.
    pub n: u64,
    /// The record; its payload is there unless it was dropped.
    pub record: Record,
    /// What it is worth now.
    pub status: Status,
    /// How records of its type live.
    pub lifecycle: Lifecycle,
    /// What the validator said last. Entries are kept for records that are not shown too.
    pub verdict: Verdict,
    /// Whether it is revoked, also where its status says what hides that.
    pub revoked: bool,
    /// Whether it was written under a grant that lets it create and not replace.
    pub creates_only: bool,
}

impl StoredRecord {
    /// The validator's index entries; none unless it was judged valid.
    pub fn entries(&self) -> &[IndexEntry] {
        match &self.verdict {
            Verdict::Valid(entries) => entries,
            _ => &[],
        }
    }

    /// The author's own time.
    pub fn created(&self) -> Timestamp {
        self.record.header().created
    }
}
