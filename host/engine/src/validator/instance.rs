//! One instance of a validator in a store of its own, and what its errors mean.
//!
//! A store dies with the first trap in it, so an instance is a store: made, used, and
//! dropped whole.

use wasmtime::{PoolConcurrencyLimitError, Store, Trap};

use super::bindings::{self, ValidatorPre};
use crate::ids::Binding;
use crate::limiter::{Limiter, Refused};
use crate::outcome::{Cause, HostFault, IllegalAnswer, TrapKind};
use crate::profile::{MAX_ANSWER_BYTES, SETUP_FUEL};

/// What the host keeps beside a guest.
pub(crate) struct Host {
    limiter: Limiter,
}

/// How a call ends that does not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The guest's doing, alike everywhere.
    Guest(Cause),
    /// This machine's doing.
    Host(HostFault),
}

/// How setting up ends when no instance comes of it.
#[derive(Clone, Debug)]
pub(crate) enum SetupFailure {
    /// `configure` says no, in the module's words.
    Refused(String),
    /// Something broke, and in which step.
    Broken(&'static str, Failure),
}

pub(crate) struct Instance {
    store: Store<Host>,
    world: bindings::Validator,
}

impl Instance {
    /// Instantiates, with an allowance of its own.
    pub(crate) fn new(pre: &ValidatorPre<Host>, memory: u64) -> Result<Self, SetupFailure> {
        let mut store = Store::new(pre.engine(), Host { limiter: Limiter::new(memory) });
        store.limiter(|host| &mut host.limiter);
        store.set_hostcall_fuel(MAX_ANSWER_BYTES);
        set_fuel(&mut store, SETUP_FUEL);
        match pre.instantiate(&mut store) {
            Ok(world) => Ok(Self { store, world }),
            Err(error) => Err(SetupFailure::Broken("instantiate", classify_setup(&error))),
        }
    }

    /// An instance that is ready for records: instantiated and configured.
    pub(crate) fn configured(pre: &ValidatorPre<Host>, binding: &Binding) -> Result<Self, SetupFailure> {
        let mut instance = Self::new(pre, binding.memory)?;
        instance.configure(&binding.config)?;
        Ok(instance)
    }

    pub(crate) fn configure(&mut self, config: &[u8]) -> Result<(), SetupFailure> {
        set_fuel(&mut self.store, SETUP_FUEL);
        let module = self.world.atlas_types_module();
        let answer = module.call_configure(&mut self.store, config);
        match self.finish(answer, SETUP_FUEL) {
            Ok((Ok(()), _)) => Ok(()),
            Ok((Err(text), _)) => Err(SetupFailure::Refused(text)),
            Err(failure) => Err(SetupFailure::Broken("configure", failure)),
        }
    }

    pub(crate) fn describe(&mut self) -> Result<super::Description, SetupFailure> {
        set_fuel(&mut self.store, SETUP_FUEL);
        let answer = self.world.atlas_types_module().call_describe(&mut self.store);
        self.finish(answer, SETUP_FUEL)
            .map(|(description, _)| description)
            .map_err(|failure| SetupFailure::Broken("describe", failure))
    }

    pub(crate) fn rules(&mut self) -> Result<super::Rules, SetupFailure> {
        set_fuel(&mut self.store, SETUP_FUEL);
        let answer = self.world.atlas_validator_validation().call_rules(&mut self.store);
        self.finish(answer, SETUP_FUEL)
            .map(|(rules, _)| rules)
            .map_err(|failure| SetupFailure::Broken("rules", failure))
    }

    /// Judges, and says what fuel it took.
    pub(crate) fn validate(
        &mut self,
        batch: &[super::Candidate],
        fuel: u64,
    ) -> Result<(Vec<super::Verdict>, u64), Failure> {
        set_fuel(&mut self.store, fuel);
        let answer = self.world.atlas_validator_validation().call_validate(&mut self.store, batch);
        self.finish(answer, fuel)
    }

    /// Completes drafts, and says what fuel it took.
    pub(crate) fn prepare(
        &mut self,
        drafts: &[super::Draft],
        fuel: u64,
    ) -> Result<(Vec<Result<super::Draft, super::Reason>>, u64), Failure> {
        set_fuel(&mut self.store, fuel);
        let answer = self.world.atlas_validator_validation().call_prepare(&mut self.store, drafts);
        self.finish(answer, fuel)
    }

    /// An answer counts if fuel is left: the guest is checked at intervals only, so that a
    /// call may end beyond its allowance without having been stopped.
    fn finish<T>(&self, answer: wasmtime::Result<T>, granted: u64) -> Result<(T, u64), Failure> {
        let answer = answer.map_err(|error| classify(&error))?;
        match self.store.get_fuel().expect("the profile consumes fuel") {
            0 => Err(Failure::Guest(Cause::FuelExhausted)),
            left => Ok((answer, granted - left)),
        }
    }
}

fn set_fuel(store: &mut Store<Host>, fuel: u64) {
    store.set_fuel(fuel).expect("the profile consumes fuel");
}

/// Sorts an error of a call into the guest's doing and the host's.
fn classify(error: &wasmtime::Error) -> Failure {
    if let Some(known) = known(error) {
        return known;
    }
    // What is left comes from copying values in and out: pointers and lengths out of
    // bounds, bad UTF-8, unknown cases, answers beyond the copying allowance.
    tracing::debug!("a guest answers garbage: {error:#}");
    Failure::Guest(Cause::IllegalAnswer(IllegalAnswer::Garbage))
}

/// The same for instantiation, where nothing is copied: what is left are bounds on the
/// number and size of parts, some of which depend on how memory is allocated here.
fn classify_setup(error: &wasmtime::Error) -> Failure {
    known(error).unwrap_or_else(|| Failure::Host(HostFault::Setup(format!("{error:#}"))))
}

fn known(error: &wasmtime::Error) -> Option<Failure> {
    if let Some(refused) = error.downcast_ref::<Refused>() {
        return Some(match refused {
            Refused::Allowance => Failure::Guest(Cause::MemoryExceeded),
            Refused::Host => Failure::Host(HostFault::OutOfMemory),
        });
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return Some(classify_trap(*trap));
    }
    if error.is::<PoolConcurrencyLimitError>() {
        return Some(Failure::Host(HostFault::PoolExhausted));
    }
    if error.is::<wasmtime::OutOfMemory>() || error.is::<std::io::Error>() {
        return Some(Failure::Host(HostFault::OutOfMemory));
    }
    None
}

fn classify_trap(trap: Trap) -> Failure {
    let kind = match trap {
        Trap::StackOverflow => return Failure::Host(HostFault::StackOverflow),
        Trap::Interrupt => return Failure::Host(HostFault::Interrupted),
        Trap::OutOfFuel => return Failure::Guest(Cause::FuelExhausted),
        Trap::AllocationTooLarge => return Failure::Guest(Cause::MemoryExceeded),
        Trap::UnreachableCodeReached => TrapKind::Unreachable,
        Trap::MemoryOutOfBounds => TrapKind::MemoryOutOfBounds,
        Trap::TableOutOfBounds => TrapKind::TableOutOfBounds,
        Trap::IndirectCallToNull | Trap::BadSignature => TrapKind::IndirectCall,
        Trap::IntegerOverflow => TrapKind::IntegerOverflow,
        Trap::IntegerDivisionByZero => TrapKind::DivisionByZero,
        Trap::BadConversionToInteger => TrapKind::BadConversion,
        Trap::CannotEnterComponent
        | Trap::CannotLeaveComponent
        | Trap::InvalidChar
        | Trap::StringOutOfBounds
        | Trap::ListOutOfBounds => TrapKind::Component,
        _ => TrapKind::Other,
    };
    Failure::Guest(Cause::Trap(kind))
}
