//! Queries that one index answers, as lazy iterators that can be resumed.

use std::ops::Bound;

use atlas_record::{IdentityId, Relation, SpaceId, Target, Timestamp, TypeName};

use crate::entry::IndexValue;
use crate::error::StoreError;
use crate::keys::{Parts, key};

/// Which values of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Values {
    /// One value: hits in order of time.
    Eq(IndexValue),
    /// All values between two of the same kind: hits in order of value, then time.
    Range(Bound<IndexValue>, Bound<IndexValue>),
}

/// The index that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// Records of a type, in order of time.
    Type(TypeName),
    /// Records of an author, of one type or of all, in order of time.
    Author {
        /// The author.
        author: IdentityId,
        /// The type; all types where left out.
        type_name: Option<TypeName>,
    },
    /// Records that point at a target, in order of time.
    LinkTo {
        /// The relation; any where left out.
        relation: Option<Relation>,
        /// The target.
        target: Target,
        /// The type of the records that point; any where left out.
        type_name: Option<TypeName>,
    },
    /// Records under values of a declared index.
    Index {
        /// The type that declares it.
        type_name: TypeName,
        /// Its name.
        name: Box<str>,
        /// The values.
        values: Values,
    },
    /// Records in the order in which they came to this node, numbers above `after`.
    Arrival {
        /// The last number that the caller has seen; 0 for all.
        after: u64,
    },
}

/// A query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// The space.
    pub space: SpaceId,
    /// The index that answers.
    pub by: By,
    /// Newest (or highest value, or last arrived) first.
    pub newest_first: bool,
    /// Created at this time or later.
    pub since: Option<Timestamp>,
    /// Created before this time.
    pub until: Option<Timestamp>,
    /// Go on behind this position of the same query.
    pub after: Option<Position>,
    /// Stop after looking at this many rows; see [`crate::Hits::is_paused`].
    pub most_rows: Option<u64>,
}

impl Scan {
    /// Newest first, over all time.
    pub fn new(space: SpaceId, by: By) -> Self {
        Self { space, by, newest_first: true, since: None, until: None, after: None, most_rows: None }
    }
}

/// A place in the answer to a query. Opaque; belongs to one query.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Position {
    pub(crate) query: [u8; 8],
    pub(crate) at: Vec<u8>,
}

/// A record that a query found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Its number.
    pub n: u64,
    /// The author's own time.
    pub created: Timestamp,
    /// To go on behind this hit.
    pub position: Position,
}

impl Scan {
    /// Identifies the query, so that a position is refused by another one. Paging (`after`,
    /// `most_rows`, the start of an arrival scan) is not part of it, nor is the window of time:
    /// a position means the same in any, and "the last hour" moves between two pages.
    pub(crate) fn fingerprint(&self) -> [u8; 8] {
        let mut out = key();
        out.bytes(&self.space.0).byte(u8::from(self.newest_first));
        match &self.by {
            By::Type(type_name) => out.byte(0).bytes(type_name.as_str().as_bytes()),
            By::Author { author, type_name } => {
                let type_name = type_name.as_ref().map_or("", TypeName::as_str);
                out.byte(1).bytes(&author.0).bytes(type_name.as_bytes())
            }
            By::LinkTo { relation, target, type_name } => {
                out.byte(2).target(target).bytes(relation.as_ref().map_or("", Relation::as_str).as_bytes());
                out.byte(0).bytes(type_name.as_ref().map_or("", TypeName::as_str).as_bytes())
            }
            By::Index { type_name, name, values } => {
                out.byte(3).bytes(type_name.as_str().as_bytes()).byte(0).bytes(name.as_bytes()).byte(0);
                match values {
                    Values::Eq(value) => out.byte(0).value(value),
                    Values::Range(from, to) => {
                        out.byte(1);
                        for bound in [from, to] {
                            match bound {
                                Bound::Unbounded => out.byte(0),
                                Bound::Included(value) => out.byte(1).value(value),
                                Bound::Excluded(value) => out.byte(2).value(value),
                            };
                        }
                        &mut out
                    }
                }
            }
            By::Arrival { .. } => out.byte(4),
        };
        blake3::hash(out.done()).as_bytes()[..8].try_into().expect("8 of 32 bytes")
    }
}

/// The version of the cursor's form.
const VERSION: u8 = 1;
const CHECKSUM: usize = 4;

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    blake3::hash(bytes).as_bytes()[..CHECKSUM].try_into().expect("4 of 32 bytes")
}

impl Position {
    /// For a cursor in text or on the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(&self.query);
        out.extend_from_slice(&self.at);
        out.extend_from_slice(&checksum(&out));
        out
    }

    /// Reads it back. Whether it belongs to a query is checked where it is used.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StoreError> {
        let parts = || {
            let (body, sum) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM)?)?;
            let mut parts = Parts(body);
            let (version, query) = (parts.byte()?, parts.array()?);
            (version == VERSION && sum == checksum(body)).then(|| Self { query, at: parts.0.to_vec() })
        };
        parts().ok_or(StoreError::BadCursor)
    }
}
