//! A validator at work: records in, verdicts out.
//!
//! Records are judged in batches wherever that cannot be told apart from judging each alone
//! in a fresh instance; how, and what that means, is the [`machine`](crate::machine)'s. Here
//! is what is particular to the role: the rules of a type, drafts, and what an author may
//! cost others.

pub(crate) mod answer;
mod bindings;
mod rules;

use std::sync::{Arc, Mutex};

use wasmtime::Store;

pub use self::answer::{MAX_ENTRIES, MAX_INDEX_TEXT};
pub use self::bindings::exports::atlas::validator::validation::{
    Candidate, Display, Draft, Index, IndexEntry, IndexKind, IndexValue, KeyRule, Lifecycle, Supplied, TextField,
    Transition, TypeRules as Rules, Verdict, Workflow,
};
pub use self::rules::{MAX_INDEX_NAME, MAX_INDEXES, MAX_SCHEMA, MAX_STATES, MAX_TEXT_FIELDS, MAX_TRANSITIONS};
pub use crate::machine::answer::{MAX_DOCUMENTS, MAX_NEEDS, MAX_REASON_CODE, MAX_REASON_TEXT};
pub use crate::machine::module::atlas::types::types::{Blob, Entry, Link, Operation, Reason};
pub use crate::machine::module::exports::atlas::types::module::{Description, Incomplete};

use crate::compile::Code;
use crate::error::EngineError;
use crate::health::Health;
use crate::ids::Binding;
use crate::machine::{Appetite, Call, Host, Machine, Shared, setup_error, world};
use crate::outcome::{Answered, Cause, HostFault, Judgement, Outcome};
use crate::quarantine::Contradiction;
use crate::stats::Stats;

world!(bindings::Validator, bindings::ValidatorIndices, Validator);

/// A bound validator module: compiled, configured, its rules checked. Shared by threads;
/// each caller gets an instance of its own.
pub struct Validator {
    machine: Machine<bindings::Validator>,
    rules: Rules,
    validating: Mutex<Appetite>,
    preparing: Mutex<Appetite>,
}

/// Why a draft was not completed, or a record not accepted where it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The module refuses it, or misbehaved.
    Refused(Cause),
    /// This host could not run the module.
    Fault(HostFault),
    /// Judging it takes more than a quarter of the slot's fuel. Others would accept it;
    /// authors do not write it, so that no node ever has to pay the full price.
    TooCostly {
        /// Fuel it takes.
        fuel: u64,
        /// Fuel it may take.
        limit: u64,
    },
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(cause) => cause.fmt(f),
            Self::Fault(fault) => fault.fmt(f),
            Self::TooCostly { fuel, limit } => {
                write!(
                    f,
                    "judging this record takes {fuel} fuel, an author may use {limit}; make it simpler or split it"
                )
            }
        }
    }
}

impl Refusal {
    /// A stable code for programs.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Refused(cause) => cause.code(),
            Self::Fault(_) => "host-fault",
            Self::TooCostly { .. } => "too-costly",
        }
    }
}

/// Judging records under the rules of their type.
struct Validate<'a>(&'a Rules);

impl Call<bindings::Validator> for Validate<'_> {
    type Question = Candidate;
    type Answer = Verdict;
    type Outcome = Outcome;

    fn ask(
        &self,
        world: &bindings::Validator,
        store: &mut Store<Host>,
        asked: &[Candidate],
    ) -> wasmtime::Result<Vec<Verdict>> {
        world.atlas_validator_validation().call_validate(store, asked)
    }

    fn outcome(&self, _: &Candidate, verdict: Verdict) -> Outcome {
        answer::outcome(self.0, verdict)
    }

    fn accuse(&self) -> Option<crate::machine::Accuse<Candidate, Outcome>> {
        Some(Contradiction::Validator)
    }
}

/// Completing drafts. Not probed: what counts is what is said of the result.
struct Prepare;

impl Call<bindings::Validator> for Prepare {
    type Question = Draft;
    type Answer = Result<Draft, Reason>;
    type Outcome = Answered<Result<Draft, Reason>>;

    fn ask(
        &self,
        world: &bindings::Validator,
        store: &mut Store<Host>,
        asked: &[Draft],
    ) -> wasmtime::Result<Vec<Result<Draft, Reason>>> {
        world.atlas_validator_validation().call_prepare(store, asked)
    }

    fn outcome(&self, _: &Draft, prepared: Result<Draft, Reason>) -> Self::Outcome {
        answer::draft(prepared).map_or_else(|illegal| Answered::Failed(Cause::IllegalAnswer(illegal)), Answered::Answer)
    }

    fn accuse(&self) -> Option<crate::machine::Accuse<Draft, Self::Outcome>> {
        None
    }
}

impl Validator {
    /// Sets a module up for a binding, and checks what it says of itself.
    pub(crate) fn open(
        code: &Code,
        binding: Binding,
        health: Arc<Mutex<Health>>,
        shared: Arc<Shared>,
    ) -> Result<Self, EngineError> {
        let (machine, mut instance) = Machine::<bindings::Validator>::open(code, binding, health, shared)?;
        let binding = &machine.binding;
        let rules = instance
            .set_up("rules", |_, world, store| world.atlas_validator_validation().call_rules(store))
            .map_err(|failure| setup_error(binding, failure))?;
        rules::check_rules(&rules).map_err(|text| EngineError::BadRules { code: binding.code, text })?;
        let (validating, preparing) = (machine.appetite(), machine.appetite());
        Ok(Self { machine, rules, validating, preparing })
    }

    /// What is bound, and its allowances.
    #[must_use]
    pub fn binding(&self) -> &Binding {
        &self.machine.binding
    }

    /// What the module says of itself.
    #[must_use]
    pub fn description(&self) -> &Description {
        self.machine.description()
    }

    /// What holds for the whole type.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Where and why the module panicked in its last canonical run that failed, in its own
    /// words, where it was built to say so. For its author; no verdict depends on it.
    #[must_use]
    pub fn last_panic(&self) -> Option<String> {
        self.machine.last_panic()
    }

    /// What this validator did and cost so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.machine.stats()
    }

    /// Judges candidates: one judgement each, in order, independent of one another.
    ///
    /// Blocks for as long as the fuel lasts, and wants 1.5 MiB of stack left on the calling
    /// thread, of which a guest may use 1 MiB.
    pub fn validate(&self, candidates: &[Candidate]) -> Vec<Judgement> {
        let judged = self.machine.ask(&Validate(&self.rules), &self.validating, candidates);
        self.machine.counters.records.add(candidates.len() as u64);
        judged
    }

    /// Judges one record canonically: alone, in a fresh instance, its fuel measured.
    pub fn validate_alone(&self, candidate: &Candidate) -> Judgement {
        let judged = self.machine.ask_alone(&Validate(&self.rules), &self.validating, candidate);
        self.machine.counters.records.add(1);
        judged
    }

    /// Judges a record where it is written, canonically, and refuses what takes more than
    /// a quarter of the slot's fuel.
    pub fn validate_authoring(&self, candidate: &Candidate) -> Result<Judgement, Refusal> {
        let judgement = self.validate_alone(candidate);
        let limit = self.binding().fuel / 4;
        match (&judgement.outcome, judgement.fuel) {
            (Outcome::Invalid(cause), _) => Err(Refusal::Refused(cause.clone())),
            (Outcome::Fault(fault), _) => Err(Refusal::Fault(fault.clone())),
            (_, Some(fuel)) if fuel > limit => Err(Refusal::TooCostly { fuel, limit }),
            _ => Ok(judgement),
        }
    }

    /// Completes drafts: one answer each, in order.
    pub fn prepare(&self, drafts: &[Draft]) -> Vec<Result<Draft, Refusal>> {
        let prepared = self.machine.ask(&Prepare, &self.preparing, drafts);
        prepared.into_iter().map(|prepared| completed(prepared.outcome)).collect()
    }

    /// Judges them in calls of one instance that nobody used before; see
    /// [`Machine::ask_reusing`].
    pub(crate) fn validate_reusing(&self, calls: &[&[Candidate]]) -> Vec<Vec<Outcome>> {
        self.machine.ask_reusing(&Validate(&self.rules), calls)
    }
}

fn completed(prepared: Answered<Result<Draft, Reason>>) -> Result<Draft, Refusal> {
    match prepared {
        Answered::Answer(Ok(draft)) => Ok(draft),
        Answered::Answer(Err(reason)) => Err(Refusal::Refused(Cause::Refused(reason))),
        Answered::Failed(cause) => Err(Refusal::Refused(cause)),
        Answered::Fault(fault) => Err(Refusal::Fault(fault)),
    }
}

impl std::fmt::Debug for Validator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Validator")
            .field("name", &self.description().name)
            .field("binding", self.binding())
            .finish_non_exhaustive()
    }
}
