//! One instance of a module in a store of its own, and what its errors mean.
//!
//! A store dies with the first trap in it, so an instance is a store: made, used, and
//! dropped whole.

use wasmtime::component::InstancePre;
use wasmtime::{PoolConcurrencyLimitError, Store, Trap};

use super::World;
use super::module::exports::atlas::types::module::{ConfigError, Description, Incomplete};
use super::module::{Module, ModuleIndices};
use crate::ids::Binding;
use crate::limiter::{Limiter, Refused};
use crate::outcome::{Cause, HostFault, IllegalAnswer, TrapKind};
use crate::panic_note;
use crate::profile::{MAX_ANSWER_BYTES, SETUP_FUEL};

/// What the host keeps beside a guest.
pub struct Host {
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
    /// `configure` asks for more documents. Their paths are sound.
    Incomplete(Incomplete),
    /// The component is not what the world wants, wherever it runs.
    Unfit(String),
    /// Something broke, and in which step.
    Broken(&'static str, Failure),
}

/// Where instances come from: the compiled component, and where its exports are.
pub(crate) struct Mould<W: World> {
    pre: InstancePre<Host>,
    module: ModuleIndices,
    exports: W::Exports,
}

impl<W: World> Mould<W> {
    pub(crate) fn new(pre: InstancePre<Host>) -> wasmtime::Result<Self> {
        let module = ModuleIndices::new(&pre)?;
        let exports = W::exports(&pre)?;
        Ok(Self { pre, module, exports })
    }
}

pub(crate) struct Instance<W> {
    store: Store<Host>,
    module: Module,
    world: W,
    /// What the guest left behind when it panicked.
    note: Option<String>,
}

impl<W: World> Instance<W> {
    /// Instantiates, with an allowance of its own.
    pub(crate) fn new(mould: &Mould<W>, memory: u64) -> Result<Self, SetupFailure> {
        let mut store = Store::new(mould.pre.engine(), Host { limiter: Limiter::new(memory) });
        store.limiter(|host| &mut host.limiter);
        store.set_hostcall_fuel(MAX_ANSWER_BYTES);
        set_fuel(&mut store, SETUP_FUEL);
        let instance = mould.pre.instantiate(&mut store).map_err(|error| classify_setup(&error))?;
        // Compares the types of the exports with those of the world.
        let unfit = |error: wasmtime::Error| SetupFailure::Unfit(format!("{error:#}"));
        let module = mould.module.load(&mut store, &instance).map_err(unfit)?;
        let world = W::load(&mould.exports, &mut store, &instance).map_err(unfit)?;
        Ok(Self { store, module, world, note: None })
    }

    /// An instance that is ready for questions: instantiated and configured.
    pub(crate) fn configured(mould: &Mould<W>, binding: &Binding) -> Result<Self, SetupFailure> {
        let mut instance = Self::new(mould, binding.memory)?;
        instance.configure(&binding.config)?;
        Ok(instance)
    }

    pub(crate) fn configure(&mut self, config: &[u8]) -> Result<(), SetupFailure> {
        let answer =
            self.set_up("configure", |module, _, store| module.atlas_types_module().call_configure(store, config))?;
        match answer {
            Ok(()) => Ok(()),
            Err(ConfigError::Invalid(text)) => Err(SetupFailure::Refused(text)),
            Err(ConfigError::Incomplete(lacks)) => match super::answer::check_incomplete(&lacks) {
                Ok(()) => Err(SetupFailure::Incomplete(lacks)),
                Err(illegal) => Err(SetupFailure::Broken("configure", Failure::Guest(Cause::IllegalAnswer(illegal)))),
            },
        }
    }

    pub(crate) fn describe(&mut self) -> Result<Description, SetupFailure> {
        self.set_up("describe", |module, _, store| module.atlas_types_module().call_describe(store))
    }

    /// A call of the setting-up kind, with an allowance of its own.
    pub(crate) fn set_up<T>(
        &mut self,
        during: &'static str,
        call: impl FnOnce(&Module, &W, &mut Store<Host>) -> wasmtime::Result<T>,
    ) -> Result<T, SetupFailure> {
        set_fuel(&mut self.store, SETUP_FUEL);
        let answer = call(&self.module, &self.world, &mut self.store);
        let answer = self.finish(answer, SETUP_FUEL);
        answer.map(|(answer, _)| answer).map_err(|failure| SetupFailure::Broken(during, failure))
    }

    /// Asks, in one call or several, and says what fuel it took all told.
    pub(crate) fn ask<T>(
        &mut self,
        fuel: u64,
        call: impl FnOnce(&W, &mut Store<Host>) -> wasmtime::Result<T>,
    ) -> Result<(T, u64), Failure> {
        set_fuel(&mut self.store, fuel);
        let answer = call(&self.world, &mut self.store);
        self.finish(answer, fuel)
    }

    /// What the guest left behind when it panicked, if it did.
    pub(crate) fn take_note(&mut self) -> Option<String> {
        self.note.take()
    }

    /// An answer counts if fuel is left: the guest is checked at intervals only, so that a
    /// call may end beyond its allowance without having been stopped.
    fn finish<T>(&mut self, answer: wasmtime::Result<T>, granted: u64) -> Result<(T, u64), Failure> {
        let answer = answer.map_err(|error| {
            self.note = panic_note::of(&error, &self.store);
            classify(&error)
        })?;
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

/// The same for instantiation, where nothing is copied: what is unknown here is a
/// reservation that this host could not make.
fn classify_setup(error: &wasmtime::Error) -> SetupFailure {
    let text = format!("{error:#}");
    // The store counts instances, memories and tables itself, against the limiter's
    // bounds, and has no type for this error.
    if text.contains("resource limit exceeded") {
        return SetupFailure::Unfit(text);
    }
    let failure = known(error).unwrap_or(Failure::Host(HostFault::Setup(text)));
    SetupFailure::Broken("instantiate", failure)
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
    // Errors of the operating system come in several types, and all print their number.
    let from_system = || format!("{error:#}").contains("(os error ");
    if error.is::<wasmtime::OutOfMemory>() || error.is::<std::io::Error>() || from_system() {
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
