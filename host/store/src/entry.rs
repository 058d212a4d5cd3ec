//! Index entries: what a validator says a record is found under.

use std::cmp::Ordering;

/// The value of an index entry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum IndexValue {
    /// Text, ordered by its UTF-8 bytes. The first 256 bytes are indexed: longer texts that
    /// begin alike are found under one another.
    Text(Box<str>),
    /// An integer, ordered by value.
    Integer(i64),
}

impl From<&str> for IndexValue {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<i64> for IndexValue {
    fn from(integer: i64) -> Self {
        Self::Integer(integer)
    }
}

impl PartialOrd for IndexValue {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for IndexValue {
    /// The order in which a range lists them: integers, then texts.
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Self::Integer(_), Self::Text(_)) => Ordering::Less,
            (Self::Text(_), Self::Integer(_)) => Ordering::Greater,
        }
    }
}

/// One entry of a record.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IndexEntry {
    /// The declared index, as `maintainer`.
    pub name: Box<str>,
    /// The value.
    pub value: IndexValue,
}

impl IndexEntry {
    /// An entry.
    pub fn new(name: &str, value: impl Into<IndexValue>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}
