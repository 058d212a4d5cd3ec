//! What a module would say of the records that a space has, before the space binds it.
//!
//! Every record is judged by the module that its constitution binds, for good, so binding another one
//! changes no verdict. What a rehearsal finds is what would be refused if it were written from then on, and
//! with that how far the new rules are from the community's practice.

use std::time::Instant;

use atlas_engine::validator::Candidate;
use atlas_engine::{Outcome, Validator};
use atlas_record::space::Slot;
use atlas_record::{RecordId, TypeName};
use rayon::prelude::*;
use serde::Serialize;

use crate::error::NodeError;
use crate::judge::{self, Subject};
use crate::node::{NewBinding, Node};
use crate::spaces::Space;

/// Records that are judged together.
const TOGETHER: usize = 256;
/// Records that are read at once.
const AT_ONCE: usize = 8 * 1024;
/// Examples of each kind that are kept.
const EXAMPLES: usize = 20;

/// How two modules differ on what is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Rehearsal {
    /// Records of the type that are in sight: all of them valid, as the modules of their constitutions say.
    pub records: u64,
    /// Valid to this module, too, and found under the same index entries.
    pub same: u64,
    /// This module would refuse them.
    pub would_fail: u64,
    /// Valid, and found under other index entries.
    pub indexed_otherwise: u64,
    /// Neither, because something that they need is not here, or this machine failed.
    pub undecided: u64,
    /// Milliseconds that it took.
    pub took_ms: u64,
    /// The first of those that would fail.
    pub failing: Vec<Example>,
    /// Reasons for which they would, the most frequent first.
    pub reasons: Vec<Reason>,
}

/// A record that would be judged otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Example {
    /// The record.
    #[schema(value_type = String)]
    pub record: RecordId,
    /// Its key, where its type has keys.
    pub key: Option<String>,
    /// The module's code for it.
    pub code: String,
    /// The module's words.
    pub text: String,
}

/// How often a module refuses with a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Reason {
    /// The module's code.
    pub code: String,
    /// How many records.
    pub records: u64,
}

/// What became of one record.
enum Found {
    Same,
    Fails { n: u64, code: String, text: String },
    Otherwise,
    Undecided,
}

impl Node {
    /// Asks a module what it says of the records of a slot's type, with all processors.
    pub fn rehearse(&self, space: &Space, new: NewBinding) -> Result<Rehearsal, NodeError> {
        let started = Instant::now();
        let Slot::Validator(type_name) = new.slot.clone() else {
            return Err(NodeError::Misuse(format!("`{}` judges no records: name a slot validator:TYPE", new.slot)));
        };
        let validator = self.candidate_validator(new)?;
        let mut rehearsal = Rehearsal::default();
        let mut reasons = std::collections::BTreeMap::<String, u64>::new();
        let walk = |numbers: Vec<u64>| -> Result<(), NodeError> {
            let parts: Vec<Vec<Found>> = numbers
                .par_chunks(TOGETHER)
                .map(|part| self.rehearse_part(&validator, part))
                .collect::<Result<_, _>>()?;
            for found in parts.into_iter().flatten() {
                rehearsal.records += 1;
                match found {
                    Found::Same => rehearsal.same += 1,
                    Found::Otherwise => rehearsal.indexed_otherwise += 1,
                    Found::Undecided => rehearsal.undecided += 1,
                    Found::Fails { n, code, text } => {
                        rehearsal.would_fail += 1;
                        *reasons.entry(code.clone()).or_default() += 1;
                        if rehearsal.failing.len() < EXAMPLES
                            && let Some(stored) = self.store().by_number(n)?
                        {
                            let key = stored.record.header().record_key.as_ref().map(ToString::to_string);
                            rehearsal.failing.push(Example { record: stored.record.id(), key, code, text });
                        }
                    }
                }
            }
            Ok(())
        };
        self.in_parts(space, &type_name, walk)?;
        rehearsal.reasons = reasons.into_iter().map(|(code, records)| Reason { code, records }).collect();
        rehearsal.reasons.sort_by_key(|reason| std::cmp::Reverse(reason.records));
        rehearsal.took_ms = started.elapsed().as_millis() as u64;
        Ok(rehearsal)
    }

    /// The numbers of a type's records, some thousand at a time.
    fn in_parts(
        &self,
        space: &Space,
        type_name: &TypeName,
        mut each: impl FnMut(Vec<u64>) -> Result<(), NodeError>,
    ) -> Result<(), NodeError> {
        let mut numbers = Vec::with_capacity(AT_ONCE);
        for member in self.store().admissible(&space.id, type_name, None)? {
            numbers.push(member?.1);
            if numbers.len() == AT_ONCE {
                each(std::mem::take(&mut numbers))?;
            }
        }
        each(numbers)
    }

    fn rehearse_part(&self, validator: &Validator, numbers: &[u64]) -> Result<Vec<Found>, NodeError> {
        let mut stored = self.store().by_numbers(numbers.iter().copied())?;
        stored.retain(|stored| stored.status.is_visible());
        let mut candidates: Vec<Candidate> = stored
            .iter()
            .map(|stored| {
                let body = stored.record.payload().map(|payload| &payload.body);
                Subject::of(stored.record.header(), body).candidate()
            })
            .collect();
        let judgements = judge::judge(self.store(), validator, &mut candidates)?;
        let found = stored.iter().zip(judgements).map(|(stored, judgement)| match judgement.outcome {
            Outcome::Valid(entries) if judge::store_entries(entries.clone()) == stored.verdict => Found::Same,
            Outcome::Valid(_) => Found::Otherwise,
            Outcome::Invalid(cause) => {
                Found::Fails { n: stored.n, code: cause.code().to_owned(), text: cause.to_string() }
            }
            Outcome::Needs(_) | Outcome::Fault(_) => Found::Undecided,
        });
        Ok(found.collect())
    }
}
