//! What a validator answers.

use crate::reason::Reason;
use crate::types::Id;

/// What [`Validator::validate`](crate::Validator::validate) returns: the index entries of
/// a valid record, or why there are none. `?` passes a [`Reason`] on.
pub type Judgement = Result<Valid, NotValid>;

/// The value of an index entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexValue {
    /// For indexes of kind `text`; 256 bytes at most are indexed.
    Text(String),
    /// For indexes of kind `integer`.
    Integer(i64),
}

/// Says that a record is found under a value of a declared index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexEntry {
    /// The declared index.
    pub name: &'static str,
    /// The value.
    pub value: IndexValue,
}

/// The record is valid and found under these index entries, 64 at most.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Valid(pub Vec<IndexEntry>);

impl Valid {
    /// Valid, found under no index yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Found under a text.
    #[must_use]
    pub fn text(mut self, index: &'static str, value: impl Into<String>) -> Self {
        self.0.push(IndexEntry { name: index, value: IndexValue::Text(value.into()) });
        self
    }

    /// Found under a number.
    #[must_use]
    pub fn integer(mut self, index: &'static str, value: i64) -> Self {
        self.0.push(IndexEntry { name: index, value: IndexValue::Integer(value) });
        self
    }

    /// Found under a text, unless it is already.
    #[must_use]
    pub fn text_once(mut self, index: &'static str, value: impl Into<String>) -> Self {
        let entry = IndexEntry { name: index, value: IndexValue::Text(value.into()) };
        if !self.0.contains(&entry) {
            self.0.push(entry);
        }
        self
    }

    /// Found under each of several texts.
    #[must_use]
    pub fn texts<T: Into<String>>(self, index: &'static str, values: impl IntoIterator<Item = T>) -> Self {
        values.into_iter().fold(self, |valid, value| valid.text(index, value))
    }
}

/// Why a validator does not call a record valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotValid {
    /// It breaks a rule.
    Invalid(Reason),
    /// It cannot be judged without these records, 16 at most.
    Needs(Vec<Id>),
}

impl From<Reason> for NotValid {
    fn from(reason: Reason) -> Self {
        Self::Invalid(reason)
    }
}

/// A judgement as the host receives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Valid, found under these index entries.
    Valid(Vec<IndexEntry>),
    /// Not valid.
    Invalid(Reason),
    /// Cannot be judged without these records.
    Needs(Vec<Id>),
}

impl From<Judgement> for Verdict {
    fn from(judgement: Judgement) -> Self {
        match judgement {
            Ok(Valid(entries)) => Self::Valid(entries),
            Err(NotValid::Invalid(reason)) => Self::Invalid(reason),
            Err(NotValid::Needs(ids)) => Self::Needs(ids),
        }
    }
}

impl Verdict {
    /// The code of an invalid record's reason.
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::Invalid(reason) => Some(reason.code),
            _ => None,
        }
    }

    /// Whether the record is valid.
    pub fn is_valid(&self) -> bool {
        matches!(self, Self::Valid(_))
    }
}
