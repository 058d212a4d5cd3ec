//! What must be shown, said over a whole set of records at once, straight from the rules and
//! without a thought of speed.
#![allow(clippy::unwrap_used)]

use atlas_record::order::{Lifecycle, Rank};
use atlas_record::{BlobId, Op, Record, RecordId, Target};
use atlas_store::{IndexEntry, Status, Verdict, Waiting};
use proptest::sample::Index;

use crate::common::*;

/// The time at which expiry is checked.
pub const NOW: u64 = 50;

/// The grant that some records name.
pub const GRANT: u8 = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    Valid,
    Invalid,
    Pending,
}

/// Something that is said of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    Verdict(Said),
    Revoked(bool),
}

/// A record and its story.
#[derive(Debug, Clone)]
pub struct Spec {
    pub author: u8,
    pub of: &'static str,
    pub key: Option<&'static str>,
    pub created: u64,
    /// Whether it deletes, and which of those before it if it has no key.
    pub delete: Option<Index>,
    /// What is said of it when it comes.
    pub verdict: Said,
    pub revoked: bool,
    pub creates_only: bool,
    /// What is said of it later.
    pub later: Vec<Word>,
    pub expires: bool,
    pub seq: u64,
    pub granted: bool,
    pub tag: &'static str,
}

#[derive(Debug)]
pub struct Made {
    pub record: Record,
    pub spec: Spec,
}

impl Made {
    pub fn id(&self) -> RecordId {
        self.record.id()
    }

    pub fn rank(&self) -> Rank {
        Rank { created: self.record.header().created, id: self.record.id() }
    }

    pub fn verdict(&self, said: Said) -> Verdict {
        match said {
            Said::Valid => Verdict::Valid(vec![IndexEntry::new("tag", self.spec.tag)]),
            Said::Invalid => invalid(),
            Said::Pending => Verdict::Pending(Waiting::default()),
        }
    }

    pub fn last_said(&self) -> Said {
        let verdict = |word: &Word| if let Word::Verdict(said) = word { Some(*said) } else { None };
        self.spec.later.iter().rev().find_map(verdict).unwrap_or(self.spec.verdict)
    }

    pub fn is_revoked(&self) -> bool {
        let revoked = |word: &Word| if let Word::Revoked(revoked) = word { Some(*revoked) } else { None };
        self.spec.later.iter().rev().find_map(revoked).unwrap_or(self.spec.revoked)
    }

    pub fn address(&self) -> Option<(u8, &'static str, &'static str)> {
        self.spec.key.map(|key| (self.spec.author, self.spec.of, key))
    }

    fn is_delete(&self) -> bool {
        self.record.header().op == Op::Delete
    }

    /// Only such a record does anything to others.
    fn is_in_force(&self) -> bool {
        self.last_said() == Said::Valid && !self.is_revoked()
    }

    fn only_creates(&self) -> bool {
        self.spec.creates_only && !self.is_delete()
    }

    fn deletes(&self, other: &Made) -> bool {
        let names = match other.address() {
            Some(address) => self.address() == Some(address) && self.rank() > other.rank(),
            None => {
                let target = self.record.header().links.first().map(|link| &link.target);
                self.address().is_none() && target == Some(&Target::from(other.id()))
            }
        };
        let same = (self.spec.author, self.spec.of) == (other.spec.author, other.spec.of);
        self.is_delete() && self.is_in_force() && !other.is_delete() && same && names
    }

    /// Whether it keeps another record of its address from standing.
    fn stands_before(&self, other: &Made) -> bool {
        let goes_first = match (self.only_creates(), other.only_creates()) {
            (false, false) => self.rank() > other.rank(),
            (true, true) => self.rank() < other.rank(),
            (only_creates, _) => !only_creates,
        };
        self.is_in_force() && self.address().is_some() && self.address() == other.address() && goes_first
    }
}

/// What an unkeyed delete names: mostly one of two records that it may delete, so that several
/// deletes meet at one; sometimes any record, which it may well not delete.
fn target(made: &[Made], delete: &Spec, which: &Index) -> Option<RecordId> {
    let may = |one: &&Made| (one.spec.author, one.spec.of, one.spec.key) == (delete.author, delete.of, None);
    let own: Vec<&Made> = made.iter().filter(may).filter(|one| !one.is_delete()).take(2).collect();
    let from: Vec<&Made> = if own.is_empty() || which.index(5) == 0 { made.iter().collect() } else { own };
    (!from.is_empty()).then(|| from[which.index(from.len())].id())
}

/// The whole set.
pub struct Model(pub Vec<Made>);

impl Model {
    pub fn of(specs: Vec<Spec>) -> Self {
        let mut made: Vec<Made> = Vec::new();
        for (i, spec) in specs.into_iter().enumerate() {
            let mut draft = draft(spec.of, spec.created, &format!("{i}")).by(spec.author).link("about", name(spec.tag));
            if let Some(key) = spec.key {
                draft = draft.key(key);
            }
            if spec.expires {
                draft = draft.expires(NOW);
            }
            // One that many carry, and sometimes one of its own, named twice.
            draft = draft.blob(BlobId::of(spec.tag.as_bytes()), 1);
            if spec.created % 3 == 0 {
                let own = BlobId::of(&[i as u8]);
                draft = draft.blob(own, 1).blob(own, 1);
            }
            if spec.seq > 0 {
                draft = draft.seq(spec.seq);
            }
            if spec.granted {
                draft = draft.grant(GRANT);
            }
            if let Some(which) = &spec.delete {
                match (spec.key, target(&made, &spec, which)) {
                    (Some(_), _) => draft = draft.deletes(None),
                    (None, Some(target)) => draft = draft.deletes(Some(target)),
                    (None, None) => {}
                }
            }
            made.push(Made { record: draft.make(), spec });
        }
        Self(made)
    }

    fn is_deleted(&self, one: &Made) -> bool {
        self.0.iter().any(|by| by.deletes(one))
    }

    fn is_expired(&self, one: &Made) -> bool {
        one.spec.expires && !one.is_delete()
    }

    pub fn stands(&self, one: &Made) -> bool {
        one.is_in_force() && !self.0.iter().any(|by| by.stands_before(one))
    }

    /// What a record is worth, if its body is here.
    pub fn status(&self, one: &Made) -> Status {
        let replaceable = lifecycle(one.spec.of) == Lifecycle::Replaceable;
        match one.last_said() {
            _ if self.is_deleted(one) => Status::Deleted,
            _ if self.is_expired(one) => Status::Expired,
            _ if one.is_revoked() => Status::Revoked,
            Said::Invalid => Status::Invalid,
            Said::Pending => Status::Pending,
            Said::Valid if one.is_delete() => Status::Delete,
            Said::Valid if replaceable && !self.stands(one) => Status::Superseded,
            Said::Valid => Status::Visible,
        }
    }

    pub fn keeps_body(&self, one: &Made) -> bool {
        let gone = self.is_deleted(one) || self.is_expired(one) || one.last_said() == Said::Invalid;
        !one.is_delete() && !gone
    }

    /// Whether it waits for a verdict, revoked or not.
    pub fn waits(&self, one: &Made) -> bool {
        one.last_said() == Said::Pending && !self.is_deleted(one) && !self.is_expired(one)
    }
}
