//! May this header be in the replicated set? A pure decision from immutable things.
//!
//! Every node that knows the same things decides the same: nothing here depends on other
//! records, on the order of arrival, or on this node's own state, but for the one delay of
//! records from the future, which does not change the outcome.

use atlas_record::identity::{Identity, Rate, Uncovered};
use atlas_record::space::{Binding, Slot};
use atlas_record::{GrantId, Record, Timestamp, limits};
use atlas_store::WaitKey;

use crate::error::Refusal;
use crate::spaces::Space;

/// What this node knows of a record's surroundings.
pub struct Known<'a> {
    /// The time.
    pub now: Timestamp,
    /// The space, if it is one of ours.
    pub space: Option<&'a Space>,
    /// The author's identity, if it has come.
    pub author: Option<&'a Identity>,
}

/// The decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// In.
    Admit(Admitted),
    /// Cannot be decided before this has come.
    Park(WaitKey),
    /// Out.
    Refuse(Refusal),
}

/// What a record is in under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// What judges it.
    pub binding: Binding,
    /// Whether it may only stand where none of the author's records does.
    pub creates_only: bool,
    /// The grant that covers it, if that bounds how often.
    pub rated: Option<(GrantId, Rate)>,
}

/// Decides. The record's signature has been verified.
pub fn admit(record: &Record, known: &Known<'_>) -> Admission {
    let header = record.header();
    let Some(space) = known.space else {
        let text = format!("space {} is not one of this node's", header.space);
        return Admission::Refuse(Refusal::new("unknown-space", text));
    };
    let Some(author) = known.author else {
        return Admission::Park(WaitKey::Identity(header.author));
    };
    let (creates_only, rated) = match author.covers(header) {
        Ok(covered) => {
            let rate = covered.grant().and_then(|grant| grant.scope.rate);
            (covered.creates_only(), header.grant.zip(rate))
        }
        // A later event or grant may cover it, whatever came first here.
        Err(Uncovered::UnknownDevice) => return Admission::Park(WaitKey::Identity(header.author)),
        Err(Uncovered::UnknownGrant(id)) => return Admission::Park(WaitKey::Grant(id)),
        Err(Uncovered::No(reason)) => return Admission::Refuse(Refusal::new(reason.code(), reason.to_string())),
    };
    if header.created > known.now + limits::FUTURE_MS {
        return Admission::Park(WaitKey::Until(header.created));
    }
    let Some(constitution) = space.constitution(&header.constitution) else {
        return Admission::Park(WaitKey::Constitution(header.constitution));
    };
    if constitution.slots.contains_key(&Slot::Other("admission".into())) {
        // A rule that cannot be run must not be taken for "everyone may write".
        let text = format!("space `{}` binds an admission module, and this version runs none", space.name);
        return Admission::Refuse(Refusal::new("admission-unsupported", text));
    }
    match constitution.slots.get(&Slot::Validator(header.type_name.clone())) {
        Some(binding) => Admission::Admit(Admitted { binding: binding.clone(), creates_only, rated }),
        None => {
            let text =
                format!("space `{}` has no type `{}` under the record's constitution", space.name, header.type_name);
            Admission::Refuse(Refusal::new("unknown-type", text))
        }
    }
}
