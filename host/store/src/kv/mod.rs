//! What the store asks of a backend: ordered tables, consistent views, atomic writes.
//!
//! Kept narrow, so that a backend on a SQL engine is a file, not a project: a table is a map
//! from bytes to bytes in byte order; a [`View`] sees the tables as of one moment; [`Kv::write`]
//! applies all of [`Writes`] or nothing. There is one writer, so backends need no conflict rules.

pub mod fjall;
pub mod memory;
mod writes;

use std::ops::Bound;

use crate::error::StoreError;

pub use writes::Writes;

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// The tables. The module `keys` says how their keys are built.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Table {
            $($(#[$doc])* $name,)*
        }

        impl Table {
            /// Every table, in the order of the enum.
            pub const ALL: &'static [Table] = &[$(Table::$name,)*];

            /// The name on disk and in messages.
            pub fn name(self) -> &'static str {
                match self {
                    $(Table::$name => $text,)*
                }
            }
        }
    };
}

tables! {
    /// Counters of the store itself.
    Meta = "meta",
    /// Interned names and their numbers, both ways.
    Names = "names",
    /// Number -> record.
    Records = "records",
    /// Record id -> number.
    Ids = "ids",
    /// (space, type, created, id): the replicated set.
    Set = "set",
    /// (space, author, type, created, n): visible records of an author.
    Author = "author",
    /// (space, author, type, key): what stands at an address, and its history.
    Address = "address",
    /// (space, target, relation, created, n): visible records that point at a target.
    Link = "link",
    /// (space, type, index, value, created, n): visible records under a declared value.
    Index = "index",
    /// (key, space, seq): the record at a chain position.
    Chain = "chain",
    /// (key, space, seq, n): every record at a position that has several.
    Fork = "fork",
    /// (grant, n): every record whose header names a grant.
    Grant = "grant",
    /// (space, type, author, target id): a mark that a delete in force takes the target back;
    /// behind it, with n, a row for each such delete.
    Tombstone = "tombstone",
    /// (expires, n).
    Expiry = "expiry",
    /// (blob id, n): records that are here with their bodies and name a blob.
    Carried = "carried",
    /// Blob id -> since when nothing carries it, and its size.
    Loose = "loose",
    /// (space, type) -> counts.
    Counts = "counts",
    /// (space, type) -> state of the digest of its headers.
    Digest = "digest",
    /// n -> whether it is visible: records that came into sight or went out of it.
    Changed = "changed",
    /// (kind, key) -> document.
    Docs = "docs",
    /// Record id -> record that waits for admission.
    Parked = "parked",
    /// (what, id): who waits for what.
    Waiting = "waiting",
    /// Blob id -> bytes, or the size of the file that holds them.
    Blobs = "blobs",
}

/// A row: key and value.
pub type Row = (Vec<u8>, Vec<u8>);

/// Rows of one table between two bounds. Owns what it needs; dropping it is cheap.
pub type Rows = Box<dyn Iterator<Item = Result<Row, StoreError>> + Send>;

/// Keys between two bounds, walked in one direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// The lower bound.
    pub from: Bound<Vec<u8>>,
    /// The upper bound.
    pub to: Bound<Vec<u8>>,
    /// From the upper bound down.
    pub backward: bool,
}

impl Range {
    /// Keys that begin with `prefix`, upwards.
    pub fn prefix(prefix: &[u8]) -> Self {
        Self { from: Bound::Included(prefix.to_vec()), to: after_prefix(prefix), backward: false }
    }

    /// Every key, upwards.
    pub fn all() -> Self {
        Self::prefix(&[])
    }

    /// The same keys from the last one down.
    pub fn backward(self) -> Self {
        Self { backward: true, ..self }
    }

    /// Whether no key can be between the bounds.
    pub fn is_empty(&self) -> bool {
        let (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to)) =
            (&self.from, &self.to)
        else {
            return false;
        };
        match (&self.from, &self.to) {
            (Bound::Included(_), Bound::Included(_)) => from > to,
            _ => from >= to,
        }
    }
}

/// The bound behind every key that begins with `prefix`.
pub fn after_prefix(prefix: &[u8]) -> Bound<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.last_mut() {
        if *last < 0xff {
            *last += 1;
            return Bound::Excluded(end);
        }
        end.pop();
    }
    Bound::Unbounded
}

/// How far a write must get before [`Kv::write`] returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// On the disk: survives power loss.
    Synced,
    /// Handed to the system: survives the process. For bulk loads that end with a synced write.
    Buffered,
}

/// The tables as of one moment.
pub trait View: Send + Sync {
    /// The value under a key.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Rows between two bounds.
    fn range(&self, table: Table, range: Range) -> Rows;
}

/// A backend.
pub trait Kv: Send + Sync + 'static {
    /// The tables as of now.
    fn view(&self) -> Box<dyn View>;

    /// Applies every row or none. Later views see all of it.
    fn write(&self, writes: &Writes, durability: Durability) -> Result<(), StoreError>;

    /// Moves what is buffered in memory to its final place, in the background. Called when the
    /// store is idle, twice some seconds apart, so that memory that the first call made
    /// superfluous can be given back by the second.
    fn flush(&self) -> Result<(), StoreError>;

    /// Called once, after the last write. May take a moment to make the next start short.
    fn close(&self) {}

    /// Bytes on disk, without blob files.
    fn disk_bytes(&self) -> u64;
}
