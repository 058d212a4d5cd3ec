//! A validator at work: records in, verdicts out.
//!
//! The meaning of a verdict is fixed by its *canonical* form: the record alone, in a
//! fresh instance, with the slot's fuel `F`. Fresh instances cost some 25 us and a warm
//! batch under 1 us a record, so records run in *warm* batches wherever that cannot be
//! told apart: a warm batch has a budget of `F / 4` for all of it, and counts only if it
//! ends inside with one legal answer per record. Anything odd drops the instance, and the
//! records run again canonically, one by one.
//!
//! What this rule cannot see is a module that answers differently when reused. A random
//! sample of warm verdicts is therefore compared with fresh instances, and the first
//! difference takes the module out of service, with the evidence.

mod answer;
mod batch;
mod bindings;
pub(crate) mod instance;
mod probe;
mod rules;

use std::slice;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

pub use self::answer::{MAX_DOCUMENTS, MAX_ENTRIES, MAX_INDEX_TEXT, MAX_NEEDS, MAX_REASON_CODE, MAX_REASON_TEXT};
pub use self::bindings::atlas::types::types::{Blob, Entry, Link, Operation, Reason};
pub use self::bindings::exports::atlas::types::module::{Description, Incomplete};
pub use self::bindings::exports::atlas::validator::validation::{
    Candidate, Display, Draft, Index, IndexEntry, IndexKind, IndexValue, KeyRule, Lifecycle, Supplied, TextField,
    Transition, TypeRules as Rules, Verdict, Workflow,
};
pub use self::rules::{MAX_INDEX_NAME, MAX_INDEXES, MAX_SCHEMA, MAX_STATES, MAX_TEXT_FIELDS, MAX_TRANSITIONS};

use self::batch::{Appetite, Plan};
use self::instance::{Failure, Instance, Mould, SetupFailure};
use crate::compile::Code;
use crate::error::EngineError;
use crate::health::Health;
use crate::ids::{Binding, ModuleKey};
use crate::outcome::{Cause, HostFault, IllegalAnswer, Judgement, Outcome};
use crate::quarantine::Quarantine;
use crate::stats::{Counters, Stats};

/// What the validators of one engine share.
pub(crate) struct Shared {
    pub(crate) quarantine: Quarantine,
    /// One in so many warm verdicts is probed; 0 probes none.
    pub(crate) sample_rate: u32,
    /// Makes the sample unpredictable from outside this node.
    pub(crate) sample_seed: u64,
    /// Warm instances that one validator keeps.
    pub(crate) keep_warm: usize,
}

/// A bound validator module: compiled, configured, its rules checked. Shared by threads;
/// each caller gets an instance of its own.
pub struct Validator {
    binding: Binding,
    key: ModuleKey,
    description: Description,
    rules: Rules,
    mould: Mould,
    warm: Mutex<Vec<Instance>>,
    validating: Mutex<Appetite>,
    preparing: Mutex<Appetite>,
    health: Arc<Mutex<Health>>,
    counters: Counters,
    panic: Mutex<Option<String>>,
    sampler: probe::Sampler,
    shared: Arc<Shared>,
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

impl Validator {
    /// Sets a module up for a binding, and checks what it says of itself.
    pub(crate) fn open(
        code: &Code,
        binding: Binding,
        health: Arc<Mutex<Health>>,
        shared: Arc<Shared>,
    ) -> Result<Self, EngineError> {
        let hash = binding.code;
        let mould = mould(code, &binding)?;
        // In an instance of its own, so that it can leave nothing behind.
        let description = describe(&mould, &binding)?;
        let refuse = |failure| setup_error(&binding, failure);
        let mut instance = Instance::configured(&mould, &binding).map_err(refuse)?;
        let rules = instance.rules().map_err(refuse)?;
        rules::check_rules(&rules).map_err(|text| EngineError::BadRules { code: hash, text })?;
        let key = binding.module();
        Ok(Self {
            key,
            description,
            rules,
            mould,
            warm: Mutex::default(),
            validating: Mutex::new(Appetite::new(binding.fuel / 4)),
            preparing: Mutex::new(Appetite::new(binding.fuel / 4)),
            health,
            counters: Counters::default(),
            panic: Mutex::default(),
            sampler: probe::Sampler::new(shared.sample_rate, shared.sample_seed, &key),
            shared,
            binding,
        })
    }

    /// What is bound, and its allowances.
    #[must_use]
    pub fn binding(&self) -> &Binding {
        &self.binding
    }

    /// What the module says of itself.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.description
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
        lock(&self.panic).clone()
    }

    /// What this validator did and cost so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.counters.snapshot()
    }

    /// Judges candidates: one judgement each, in order, independent of one another.
    ///
    /// Blocks for as long as the fuel lasts, and wants 1.5 MiB of stack left on the calling
    /// thread, of which a guest may use 1 MiB.
    pub fn validate(&self, candidates: &[Candidate]) -> Vec<Judgement> {
        let started = Instant::now();
        let mut judged = Vec::with_capacity(candidates.len());
        while judged.len() < candidates.len() {
            if let Some(fault) = self.barred() {
                judged.resize_with(candidates.len(), || fault_of(fault.clone()));
                break;
            }
            let rest = &candidates[judged.len()..];
            let plan = lock(&self.validating).plan(rest.len());
            match plan {
                Plan::Warm(count) => self.validate_warm(&rest[..count], &mut judged),
                Plan::Canonical => judged.push(self.validate_canonical(&rest[0])),
            }
        }
        self.counters.records.add(candidates.len() as u64);
        self.counters.nanos.add(started.elapsed().as_nanos() as u64);
        judged
    }

    /// Judges one record canonically: alone, in a fresh instance, its fuel measured.
    pub fn validate_alone(&self, candidate: &Candidate) -> Judgement {
        let started = Instant::now();
        let judgement = self.barred().map_or_else(|| self.validate_canonical(candidate), fault_of);
        self.counters.records.add(1);
        self.counters.nanos.add(started.elapsed().as_nanos() as u64);
        judgement
    }

    /// Judges a record where it is written, canonically, and refuses what takes more than
    /// a quarter of the slot's fuel.
    pub fn validate_authoring(&self, candidate: &Candidate) -> Result<Judgement, Refusal> {
        let judgement = self.validate_alone(candidate);
        let limit = self.binding.fuel / 4;
        match (&judgement.outcome, judgement.fuel) {
            (Outcome::Invalid(cause), _) => Err(Refusal::Refused(cause.clone())),
            (Outcome::Fault(fault), _) => Err(Refusal::Fault(fault.clone())),
            (_, Some(fuel)) if fuel > limit => Err(Refusal::TooCostly { fuel, limit }),
            _ => Ok(judgement),
        }
    }

    /// Completes drafts: one answer each, in order.
    pub fn prepare(&self, drafts: &[Draft]) -> Vec<Result<Draft, Refusal>> {
        let started = Instant::now();
        let mut done = Vec::with_capacity(drafts.len());
        while done.len() < drafts.len() {
            if let Some(fault) = self.barred() {
                done.resize_with(drafts.len(), || Err(Refusal::Fault(fault.clone())));
                break;
            }
            let rest = &drafts[done.len()..];
            let plan = lock(&self.preparing).plan(rest.len());
            match plan {
                Plan::Warm(count) => self.prepare_warm(&rest[..count], &mut done),
                Plan::Canonical => done.push(self.prepare_canonical(&rest[0])),
            }
        }
        self.counters.nanos.add(started.elapsed().as_nanos() as u64);
        done
    }

    /// Why no call is made now, if none is.
    fn barred(&self) -> Option<HostFault> {
        if self.shared.quarantine.holds(&self.key) {
            return Some(HostFault::Quarantined);
        }
        lock(&self.health).rest_left(Instant::now()).map(|retry_in| HostFault::BackedOff { retry_in })
    }

    fn validate_warm(&self, batch: &[Candidate], judged: &mut Vec<Judgement>) {
        let budget = self.binding.fuel / 4;
        let run = self.run_warm(batch.len(), |instance| instance.validate(batch, budget));
        let outcomes = run.and_then(|(verdicts, fuel, instance)| {
            let outcomes: Vec<Outcome> =
                verdicts.into_iter().map(|verdict| answer::outcome(&self.rules, verdict)).collect();
            // An illegal answer is odd: only the canonical run may call it a verdict.
            let odd = |outcome: &Outcome| matches!(outcome, Outcome::Invalid(Cause::IllegalAnswer(_)));
            (!outcomes.iter().any(odd)).then_some((outcomes, fuel, instance))
        });
        let Some((outcomes, fuel, instance)) = outcomes else {
            self.counters.reruns.add(1);
            lock(&self.validating).failed(batch.len());
            for candidate in batch {
                match self.barred() {
                    None => judged.push(self.validate_canonical(candidate)),
                    Some(fault) => judged.push(fault_of(fault)),
                }
            }
            return;
        };
        self.keep(instance);
        lock(&self.validating).fitted(batch.len(), fuel);
        self.counters.fuel.add(fuel);
        lock(&self.health).served();
        if self.contradicted(batch, &outcomes) {
            judged.extend(batch.iter().map(|_| fault_of(HostFault::Quarantined)));
        } else {
            judged.extend(outcomes.into_iter().map(|outcome| Judgement { outcome, fuel: None }));
        }
    }

    /// Runs a batch in a warm instance. `None` if it does not count, for whatever reason;
    /// the instance is gone then.
    fn run_warm<T>(
        &self,
        count: usize,
        call: impl FnOnce(&mut Instance) -> Result<(Vec<T>, u64), Failure>,
    ) -> Option<(Vec<T>, u64, Instance)> {
        let warm = lock(&self.warm).pop();
        let mut instance = match warm {
            Some(instance) => instance,
            None => self.fresh().ok()?,
        };
        self.counters.calls.add(1);
        match call(&mut instance) {
            Ok((answers, fuel)) if answers.len() == count => Some((answers, fuel, instance)),
            Ok(_) => None,
            Err(_) => {
                self.counters.traps.add(1);
                None
            }
        }
    }

    fn keep(&self, instance: Instance) {
        let mut warm = lock(&self.warm);
        if warm.len() < self.shared.keep_warm {
            warm.push(instance);
        }
    }

    /// A fresh, configured instance. When every slot is taken, our own idle ones go first.
    fn fresh(&self) -> Result<Instance, HostFault> {
        let make = || {
            self.counters.instances.add(1);
            Instance::configured(&self.mould, &self.binding).map_err(setup_fault)
        };
        match make() {
            Err(HostFault::PoolExhausted) => {
                let idle = std::mem::take(&mut *lock(&self.warm));
                drop(idle);
                make()
            }
            made => made,
        }
    }

    fn validate_canonical(&self, candidate: &Candidate) -> Judgement {
        let judgement = self.judge_alone(candidate);
        match (&judgement.outcome, judgement.fuel) {
            (Outcome::Fault(_), _) => lock(&self.health).faulted(Instant::now()),
            (_, fuel) => {
                lock(&self.health).served();
                if let Some(fuel) = fuel {
                    lock(&self.validating).ran_alone(fuel);
                    self.counters.fuel.add(fuel);
                }
            }
        }
        judgement
    }

    /// The canonical run itself.
    fn judge_alone(&self, candidate: &Candidate) -> Judgement {
        let granted = self.binding.fuel;
        match self.run_alone(|instance| instance.validate(slice::from_ref(candidate), granted)) {
            Ok((verdict, fuel)) => Judgement { outcome: answer::outcome(&self.rules, verdict), fuel: Some(fuel) },
            Err(Failure::Guest(Cause::FuelExhausted)) => {
                Judgement { outcome: Outcome::Invalid(Cause::FuelExhausted), fuel: Some(granted) }
            }
            Err(Failure::Guest(cause)) => Judgement { outcome: Outcome::Invalid(cause), fuel: None },
            Err(Failure::Host(fault)) => fault_of(fault),
        }
    }

    fn run_alone<T>(
        &self,
        call: impl FnOnce(&mut Instance) -> Result<(Vec<T>, u64), Failure>,
    ) -> Result<(T, u64), Failure> {
        let run = self.fresh().map_err(Failure::Host).and_then(|mut instance| {
            self.counters.calls.add(1);
            self.counters.canonical_runs.add(1);
            let run = call(&mut instance);
            if run.is_err() {
                *lock(&self.panic) = instance.take_note();
            }
            run
        });
        match run {
            Ok((mut answers, fuel)) => match (answers.pop(), answers.len()) {
                (Some(answer), 0) => Ok((answer, fuel)),
                (answer, more) => {
                    let found = more as u64 + u64::from(answer.is_some());
                    Err(Failure::Guest(Cause::IllegalAnswer(IllegalAnswer::Count { expected: 1, found })))
                }
            },
            Err(failure) => {
                match failure {
                    Failure::Guest(_) => self.counters.traps.add(1),
                    Failure::Host(_) => self.counters.faults.add(1),
                }
                Err(failure)
            }
        }
    }

    fn prepare_warm(&self, drafts: &[Draft], done: &mut Vec<Result<Draft, Refusal>>) {
        let budget = self.binding.fuel / 4;
        let run = self.run_warm(drafts.len(), |instance| instance.prepare(drafts, budget));
        let checked = run.and_then(|(answers, fuel, instance)| {
            let answers: Result<Vec<_>, _> = answers.into_iter().map(answer::draft).collect();
            answers.ok().map(|answers| (answers, fuel, instance))
        });
        let Some((answers, fuel, instance)) = checked else {
            self.counters.reruns.add(1);
            lock(&self.preparing).failed(drafts.len());
            done.extend(drafts.iter().map(|draft| self.prepare_canonical(draft)));
            return;
        };
        self.keep(instance);
        lock(&self.preparing).fitted(drafts.len(), fuel);
        self.counters.fuel.add(fuel);
        done.extend(
            answers.into_iter().map(|answer| answer.map_err(|reason| Refusal::Refused(Cause::Refused(reason)))),
        );
    }

    fn prepare_canonical(&self, draft: &Draft) -> Result<Draft, Refusal> {
        if let Some(fault) = self.barred() {
            return Err(Refusal::Fault(fault));
        }
        let granted = self.binding.fuel;
        match self.run_alone(|instance| instance.prepare(slice::from_ref(draft), granted)) {
            Ok((prepared, fuel)) => {
                lock(&self.preparing).ran_alone(fuel);
                match answer::draft(prepared) {
                    Ok(answer) => answer.map_err(|reason| Refusal::Refused(Cause::Refused(reason))),
                    Err(illegal) => Err(Refusal::Refused(Cause::IllegalAnswer(illegal))),
                }
            }
            Err(Failure::Guest(cause)) => Err(Refusal::Refused(cause)),
            Err(Failure::Host(fault)) => {
                lock(&self.health).faulted(Instant::now());
                Err(Refusal::Fault(fault))
            }
        }
    }
}

impl std::fmt::Debug for Validator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Validator")
            .field("name", &self.description.name)
            .field("binding", &self.binding)
            .finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn fault_of(fault: HostFault) -> Judgement {
    Judgement { outcome: Outcome::Fault(fault), fuel: None }
}

fn mould(code: &Code, binding: &Binding) -> Result<Mould, EngineError> {
    Mould::new(code.pre.clone()).map_err(|error| EngineError::Unfit { code: binding.code, text: format!("{error:#}") })
}

fn describe(mould: &Mould, binding: &Binding) -> Result<Description, EngineError> {
    let refuse = |failure| setup_error(binding, failure);
    let description = Instance::new(mould, binding.memory).map_err(refuse)?.describe().map_err(refuse)?;
    rules::check_description(&description).map_err(|text| EngineError::BadDescription { code: binding.code, text })?;
    Ok(description)
}

/// What a module says of itself, before it is bound to anything.
pub(crate) fn describe_code(code: &Code, binding: &Binding) -> Result<Description, EngineError> {
    describe(&mould(code, binding)?, binding)
}

/// What a failed setup means when the module was set up before: it did come up then, so
/// the difference lies with this host.
fn setup_fault(failure: SetupFailure) -> HostFault {
    match failure {
        SetupFailure::Broken(_, Failure::Host(fault)) => fault,
        SetupFailure::Broken(during, Failure::Guest(cause)) => HostFault::Setup(format!("`{during}`: {cause}")),
        SetupFailure::Refused(text) => HostFault::Setup(format!("`configure` refuses: {text}")),
        SetupFailure::Incomplete(_) => HostFault::Setup("`configure` asks for documents".to_owned()),
        SetupFailure::Unfit(text) => HostFault::Setup(text),
    }
}

/// What a failed setup means the first time.
fn setup_error(binding: &Binding, failure: SetupFailure) -> EngineError {
    let code = binding.code;
    match failure {
        SetupFailure::Refused(mut text) => {
            text.truncate(text.floor_char_boundary(MAX_REASON_TEXT));
            EngineError::ConfigRefused { code, text }
        }
        SetupFailure::Incomplete(Incomplete { main, documents }) => {
            EngineError::ConfigIncomplete { code, main, documents }
        }
        SetupFailure::Unfit(text) => EngineError::Unfit { code, text },
        SetupFailure::Broken(during, Failure::Guest(cause)) => EngineError::Setup { code, during, cause },
        SetupFailure::Broken(during, Failure::Host(fault)) => EngineError::SetupFault { code, during, fault },
    }
}
