//! What all roles share: a bound module at work, questions in, outcomes out.
//!
//! The meaning of an outcome is fixed by its *canonical* form: the question alone, in a
//! fresh instance, with the slot's fuel `F`. Fresh instances cost some 25 us and a warm
//! batch under 1 us a record, so questions run in *warm* batches wherever that cannot be
//! told apart: a warm batch has a budget of `F / 4` for all of it, and counts only if it
//! ends inside with one legal answer per question. Anything odd drops the instance, and the
//! questions run again canonically, one by one.
//!
//! What this rule cannot see is a module that answers differently when reused. A random
//! sample of warm outcomes is therefore compared with fresh instances, and the first
//! difference takes the module out of service, with the evidence.
//!
//! A [`World`] says where the exports of a role are, a [`Call`] how one of them is asked and
//! which of its answers are legal; everything else is here, once.

pub(crate) mod answer;
mod appetite;
pub(crate) mod instance;
pub(crate) mod module;
mod probe;

use std::slice;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use wasmtime::Store;
use wasmtime::component::InstancePre;

pub(crate) use self::appetite::Appetite;
use self::appetite::Plan;
pub(crate) use self::instance::{Failure, Host, Instance, Mould, SetupFailure};
use self::module::exports::atlas::types::module::{Description, Incomplete};
use crate::compile::Code;
use crate::error::EngineError;
use crate::health::Health;
use crate::ids::{Binding, ModuleKey};
use crate::inspect::Role;
use crate::outcome::{Cause, HostFault, IllegalAnswer, Judgement};
use crate::quarantine::{Contradiction, Quarantine, Seen};
use crate::stats::{Counters, Stats};

/// What the modules of one engine share.
pub(crate) struct Shared {
    pub(crate) quarantine: Quarantine,
    /// One in so many warm outcomes is probed; 0 probes none.
    pub(crate) sample_rate: u32,
    /// Makes the sample unpredictable from outside this node.
    pub(crate) sample_seed: u64,
    /// Warm instances that one module keeps.
    pub(crate) keep_warm: usize,
}

/// A role as the machine sees it: where its exports are in a component and in an instance.
pub trait World: Sized + Send + 'static {
    /// The role.
    const ROLE: Role;
    /// Where the exports are in a component.
    type Exports: Send + Sync;

    /// Finds the exports.
    fn exports(pre: &InstancePre<Host>) -> wasmtime::Result<Self::Exports>;

    /// Finds them in an instance, and compares their types with those of the WIT.
    fn load(
        exports: &Self::Exports,
        store: &mut Store<Host>,
        instance: &wasmtime::component::Instance,
    ) -> wasmtime::Result<Self>;
}

/// Implements [`World`] by what `bindgen!` generates for it.
macro_rules! world {
    ($world:ty, $indices:ty, $role:ident) => {
        impl $crate::machine::World for $world {
            const ROLE: $crate::inspect::Role = $crate::inspect::Role::$role;
            type Exports = $indices;

            fn exports(
                pre: &wasmtime::component::InstancePre<$crate::machine::Host>,
            ) -> wasmtime::Result<Self::Exports> {
                <$indices>::new(pre)
            }

            fn load(
                exports: &Self::Exports,
                store: &mut wasmtime::Store<$crate::machine::Host>,
                instance: &wasmtime::component::Instance,
            ) -> wasmtime::Result<Self> {
                exports.load(store, instance)
            }
        }
    };
}
pub(crate) use world;

/// An outcome of any role.
pub(crate) trait Outcomes: Clone + PartialEq {
    /// The module misbehaved, alike everywhere.
    fn failed(cause: Cause) -> Self;
    /// This host could not run it.
    fn fault(fault: HostFault) -> Self;
    /// Whether every honest node comes to the same.
    fn is_verdict(&self) -> bool;
    /// Whether the module answered what the world does not allow.
    fn is_illegal(&self) -> bool;
}

/// One way of asking a world.
pub(crate) trait Call<W: World> {
    type Question: Clone;
    type Answer;
    type Outcome: Outcomes;

    /// Asks all of them, in one instance.
    fn ask(&self, world: &W, store: &mut Store<Host>, asked: &[Self::Question]) -> wasmtime::Result<Vec<Self::Answer>>;

    /// What an answer comes to, legal or not.
    fn outcome(&self, question: &Self::Question, answer: Self::Answer) -> Self::Outcome;

    /// How a contradiction is put down, where answers are probed for some.
    fn accuse(&self) -> Option<Accuse<Self::Question, Self::Outcome>>;
}

/// Puts a contradiction down.
pub(crate) type Accuse<Q, O> = fn(Seen<Q, O>) -> Contradiction;

/// A bound module: compiled, configured, described. Shared by threads; each caller gets an
/// instance of its own.
pub(crate) struct Machine<W: World> {
    pub(crate) binding: Binding,
    key: ModuleKey,
    description: Description,
    mould: Mould<W>,
    warm: Mutex<Vec<Instance<W>>>,
    health: Arc<Mutex<Health>>,
    pub(crate) counters: Counters,
    panic: Mutex<Option<String>>,
    sampler: probe::Sampler,
    shared: Arc<Shared>,
}

impl<W: World> Machine<W> {
    /// Sets a module up for a binding, and checks what it says of itself. Gives a configured
    /// instance too, for the rules of its role.
    pub(crate) fn open(
        code: &Code,
        binding: Binding,
        health: Arc<Mutex<Health>>,
        shared: Arc<Shared>,
    ) -> Result<(Self, Instance<W>), EngineError> {
        let found = code.inspection.role;
        if found != W::ROLE {
            return Err(EngineError::WrongRole { code: binding.code, wanted: W::ROLE, found });
        }
        let unfit = |error| EngineError::Unfit { code: binding.code, text: format!("{error:#}") };
        let mould = Mould::new(code.pre.clone()).map_err(unfit)?;
        let refuse = |failure| setup_error(&binding, failure);
        // In an instance of its own, so that it can leave nothing behind.
        let description = Instance::new(&mould, binding.memory).map_err(refuse)?.describe().map_err(refuse)?;
        checked(&binding, &description)?;
        let instance = Instance::configured(&mould, &binding).map_err(refuse)?;
        let key = binding.module();
        let machine = Self {
            key,
            description,
            mould,
            warm: Mutex::default(),
            health,
            counters: Counters::default(),
            panic: Mutex::default(),
            sampler: probe::Sampler::new(shared.sample_rate, shared.sample_seed, &key),
            shared,
            binding,
        };
        Ok((machine, instance))
    }

    pub(crate) fn description(&self) -> &Description {
        &self.description
    }

    pub(crate) fn last_panic(&self) -> Option<String> {
        lock(&self.panic).clone()
    }

    pub(crate) fn stats(&self) -> Stats {
        self.counters.snapshot()
    }

    /// An appetite for a way of asking this module.
    pub(crate) fn appetite(&self) -> Mutex<Appetite> {
        Mutex::new(Appetite::new(self.binding.fuel / 4))
    }

    /// Asks: one judgement each, in order, independent of one another.
    pub(crate) fn ask<C: Call<W>>(
        &self,
        call: &C,
        appetite: &Mutex<Appetite>,
        asked: &[C::Question],
    ) -> Vec<Judgement<C::Outcome>> {
        let started = Instant::now();
        let mut judged = Vec::with_capacity(asked.len());
        while judged.len() < asked.len() {
            if let Some(fault) = self.barred() {
                judged.resize_with(asked.len(), || fault_of(fault.clone()));
                break;
            }
            let rest = &asked[judged.len()..];
            let plan = lock(appetite).plan(rest.len());
            match plan {
                Plan::Warm(count) => self.ask_warm(call, appetite, &rest[..count], &mut judged),
                Plan::Canonical => judged.push(self.ask_canonical(call, appetite, &rest[0])),
            }
        }
        self.counters.nanos.add(started.elapsed().as_nanos() as u64);
        judged
    }

    /// Asks canonically: alone, in a fresh instance, its fuel measured.
    pub(crate) fn ask_alone<C: Call<W>>(
        &self,
        call: &C,
        appetite: &Mutex<Appetite>,
        question: &C::Question,
    ) -> Judgement<C::Outcome> {
        let started = Instant::now();
        let judgement = self.barred().map_or_else(|| self.ask_canonical(call, appetite, question), fault_of);
        self.counters.nanos.add(started.elapsed().as_nanos() as u64);
        judgement
    }

    /// Asks all of them in one instance that nobody used before, in this order and in the
    /// calls given, each with a fresh allowance, whatever they take. For who looks whether
    /// reuse can be told; no verdict is made so. Ends with the first call that does not answer.
    pub(crate) fn ask_reusing<C: Call<W>>(&self, call: &C, calls: &[&[C::Question]]) -> Vec<Vec<C::Outcome>> {
        let mut instance = match self.fresh() {
            Ok(instance) => instance,
            Err(fault) => return vec![vec![C::Outcome::fault(fault)]],
        };
        let mut outcomes = Vec::with_capacity(calls.len());
        for asked in calls {
            let granted = self.binding.fuel.saturating_mul(asked.len().max(1) as u64).min(crate::profile::MAX_FUEL);
            self.counters.calls.add(1);
            match instance.ask(granted, |world, store| call.ask(world, store, asked)) {
                Ok((answers, _)) if answers.len() == asked.len() => {
                    outcomes.push(asked.iter().zip(answers).map(|(it, answer)| call.outcome(it, answer)).collect());
                }
                Ok((answers, _)) => {
                    let (expected, found) = (asked.len() as u64, answers.len() as u64);
                    let cause = Cause::IllegalAnswer(IllegalAnswer::Count { expected, found });
                    outcomes.push(vec![C::Outcome::failed(cause)]);
                    break;
                }
                Err(Failure::Guest(cause)) => {
                    outcomes.push(vec![C::Outcome::failed(cause)]);
                    break;
                }
                Err(Failure::Host(fault)) => {
                    outcomes.push(vec![C::Outcome::fault(fault)]);
                    break;
                }
            }
        }
        outcomes
    }

    /// Why no call is made now, if none is.
    fn barred(&self) -> Option<HostFault> {
        if self.shared.quarantine.holds(&self.key) {
            return Some(HostFault::Quarantined);
        }
        lock(&self.health).rest_left(Instant::now()).map(|retry_in| HostFault::BackedOff { retry_in })
    }

    fn ask_warm<C: Call<W>>(
        &self,
        call: &C,
        appetite: &Mutex<Appetite>,
        batch: &[C::Question],
        judged: &mut Vec<Judgement<C::Outcome>>,
    ) {
        let run = self.run_warm(call, batch).and_then(|(answers, fuel, instance)| {
            let outcomes: Vec<_> = batch.iter().zip(answers).map(|(it, answer)| call.outcome(it, answer)).collect();
            // An illegal answer is odd: only the canonical run may call it a verdict.
            (!outcomes.iter().any(Outcomes::is_illegal)).then_some((outcomes, fuel, instance))
        });
        let Some((outcomes, fuel, instance)) = run else {
            self.counters.reruns.add(1);
            lock(appetite).failed(batch.len());
            for question in batch {
                match self.barred() {
                    None => judged.push(self.ask_canonical(call, appetite, question)),
                    Some(fault) => judged.push(fault_of(fault)),
                }
            }
            return;
        };
        self.keep(instance);
        lock(appetite).fitted(batch.len(), fuel);
        self.counters.fuel.add(fuel);
        lock(&self.health).served();
        if self.contradicted(call, batch, &outcomes) {
            judged.extend(batch.iter().map(|_| fault_of(HostFault::Quarantined)));
        } else {
            judged.extend(outcomes.into_iter().map(|outcome| Judgement { outcome, fuel: None }));
        }
    }

    /// Runs a batch in a warm instance. `None` if it does not count, for whatever reason;
    /// the instance is gone then.
    fn run_warm<C: Call<W>>(&self, call: &C, batch: &[C::Question]) -> Option<(Vec<C::Answer>, u64, Instance<W>)> {
        let warm = lock(&self.warm).pop();
        let mut instance = match warm {
            Some(instance) => instance,
            None => self.fresh().ok()?,
        };
        self.counters.calls.add(1);
        match instance.ask(self.binding.fuel / 4, |world, store| call.ask(world, store, batch)) {
            Ok((answers, fuel)) if answers.len() == batch.len() => Some((answers, fuel, instance)),
            Ok(_) => None,
            Err(_) => {
                self.counters.traps.add(1);
                None
            }
        }
    }

    fn keep(&self, instance: Instance<W>) {
        let mut warm = lock(&self.warm);
        if warm.len() < self.shared.keep_warm {
            warm.push(instance);
        }
    }

    /// A fresh, configured instance. When every slot is taken, our own idle ones go first.
    fn fresh(&self) -> Result<Instance<W>, HostFault> {
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

    fn ask_canonical<C: Call<W>>(
        &self,
        call: &C,
        appetite: &Mutex<Appetite>,
        question: &C::Question,
    ) -> Judgement<C::Outcome> {
        let judgement = self.judge_alone(call, question);
        if judgement.outcome.is_verdict() {
            lock(&self.health).served();
            if let Some(fuel) = judgement.fuel {
                lock(appetite).ran_alone(fuel);
                self.counters.fuel.add(fuel);
            }
        } else {
            lock(&self.health).faulted(Instant::now());
        }
        judgement
    }

    /// The canonical run itself.
    fn judge_alone<C: Call<W>>(&self, call: &C, question: &C::Question) -> Judgement<C::Outcome> {
        let failed = |cause, fuel| Judgement { outcome: C::Outcome::failed(cause), fuel };
        match self.run_alone(call, question) {
            Ok((answer, fuel)) => Judgement { outcome: call.outcome(question, answer), fuel: Some(fuel) },
            Err(Failure::Guest(Cause::FuelExhausted)) => failed(Cause::FuelExhausted, Some(self.binding.fuel)),
            Err(Failure::Guest(cause)) => failed(cause, None),
            Err(Failure::Host(fault)) => fault_of(fault),
        }
    }

    fn run_alone<C: Call<W>>(&self, call: &C, question: &C::Question) -> Result<(C::Answer, u64), Failure> {
        let run = self.fresh().map_err(Failure::Host).and_then(|mut instance| {
            self.counters.calls.add(1);
            self.counters.canonical_runs.add(1);
            let run = instance.ask(self.binding.fuel, |world, store| call.ask(world, store, slice::from_ref(question)));
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
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn fault_of<O: Outcomes>(fault: HostFault) -> Judgement<O> {
    Judgement { outcome: O::fault(fault), fuel: None }
}

fn checked(binding: &Binding, description: &Description) -> Result<(), EngineError> {
    answer::check_description(description).map_err(|text| EngineError::BadDescription { code: binding.code, text })
}

/// A module of any role, as far as `describe` and `configure` go.
struct Anyone;

impl World for Anyone {
    const ROLE: Role = Role::Validator;
    type Exports = ();

    fn exports(_: &InstancePre<Host>) -> wasmtime::Result<()> {
        Ok(())
    }

    fn load((): &(), _: &mut Store<Host>, _: &wasmtime::component::Instance) -> wasmtime::Result<Self> {
        Ok(Self)
    }
}

/// What a module says of itself, whatever its role, before it is bound to anything.
pub(crate) fn describe_code(code: &Code, binding: &Binding) -> Result<Description, EngineError> {
    let unfit = |error| EngineError::Unfit { code: binding.code, text: format!("{error:#}") };
    let mould = Mould::<Anyone>::new(code.pre.clone()).map_err(unfit)?;
    let refuse = |failure| setup_error(binding, failure);
    let description = Instance::new(&mould, binding.memory).map_err(refuse)?.describe().map_err(refuse)?;
    checked(binding, &description)?;
    Ok(description)
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
pub(crate) fn setup_error(binding: &Binding, failure: SetupFailure) -> EngineError {
    let code = binding.code;
    match failure {
        SetupFailure::Refused(mut text) => {
            text.truncate(text.floor_char_boundary(answer::MAX_REASON_TEXT));
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
