//! Records in words: `given(body).link("trusts", ada).key("…").verdict(&Trust)`.

use atlas_record::cbor::Map;

use super::{prepare, verdict};
use crate::types::{Blob, Candidate, Draft, Entry, Link, Supplied, Timestamp};
use crate::validator::Validator;
use crate::verdict::{IndexEntry, IndexValue, Verdict};

/// A record that a test describes part by part.
#[derive(Debug, Clone, PartialEq)]
pub struct Given(Candidate);

/// A record with this body and nothing else.
pub fn given(body: Map) -> Given {
    Given(super::candidate(Entry { body, ..Entry::default() }))
}

impl Given {
    /// Written by this identity.
    #[must_use]
    pub fn author(mut self, id: &str) -> Self {
        self.0.entry.author = id.to_owned();
        self
    }

    /// Of this type.
    #[must_use]
    pub fn type_name(mut self, name: &str) -> Self {
        self.0.entry.type_name = name.to_owned();
        self
    }

    /// Written at this time.
    #[must_use]
    pub fn created(mut self, at: Timestamp) -> Self {
        self.0.entry.created = at;
        self
    }

    /// Gone from this time on.
    #[must_use]
    pub fn expires(mut self, at: Timestamp) -> Self {
        self.0.entry.expires = Some(at);
        self
    }

    /// Under this key.
    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        self.0.entry.key = Some(key.to_owned());
        self
    }

    /// With this link.
    #[must_use]
    pub fn link(mut self, relation: &str, target: &str) -> Self {
        self.0.entry.links.push(Link::new(relation, target));
        self
    }

    /// With this file attached.
    #[must_use]
    pub fn blob(mut self, id: &str, size: u64) -> Self {
        self.0.entry.blobs.push(Blob { id: id.to_owned(), size });
        self
    }

    /// With this record at hand, as an earlier `needs` asked for.
    #[must_use]
    pub fn supplied(mut self, id: &str, record: &Given) -> Self {
        self.0.supplied.push(Supplied { id: id.to_owned(), entry: record.0.entry.clone() });
        self
    }

    /// Completed by the validator, as where it is written.
    ///
    /// # Panics
    /// When the validator refuses the draft.
    #[must_use]
    pub fn prepared<V: Validator>(mut self, validator: &V) -> Self {
        let Entry { key, links, body, .. } = self.0.entry.clone();
        let draft = prepare(validator, Draft { key, links, body });
        let Draft { key, links, body } = draft.unwrap_or_else(|reason| panic!("the draft is refused: {reason}"));
        (self.0.entry.key, self.0.entry.links, self.0.entry.body) = (key, links, body);
        self
    }

    /// The record.
    pub fn entry(&self) -> &Entry {
        &self.0.entry
    }

    /// The verdict, as on a record from elsewhere.
    ///
    /// # Panics
    /// When the validator breaks its contract; see [`verdict`].
    pub fn verdict<V: Validator>(&self, validator: &V) -> Verdict {
        verdict(validator, &self.0)
    }

    /// The code of the refusal, if it is refused.
    ///
    /// # Panics
    /// When the validator breaks its contract; see [`verdict`].
    pub fn code<V: Validator>(&self, validator: &V) -> Option<&'static str> {
        self.verdict(validator).code()
    }

    /// Code and text of the refusal.
    ///
    /// # Panics
    /// When the record is not refused.
    pub fn refusal<V: Validator>(&self, validator: &V) -> (&'static str, String) {
        match self.verdict(validator) {
            Verdict::Invalid(reason) => (reason.code, reason.text),
            other => panic!("not refused: {other:?}"),
        }
    }

    /// What the record is found under in one index, numbers in decimal.
    ///
    /// # Panics
    /// When the record is not valid.
    pub fn found<V: Validator>(&self, validator: &V, index: &str) -> Vec<String> {
        let Verdict::Valid(entries) = self.verdict(validator) else {
            panic!("not valid: {:?}", self.verdict(validator));
        };
        let value = |entry: IndexEntry| match entry.value {
            IndexValue::Text(text) => text,
            IndexValue::Integer(integer) => integer.to_string(),
        };
        entries.into_iter().filter(|entry| entry.name == index).map(value).collect()
    }
}
