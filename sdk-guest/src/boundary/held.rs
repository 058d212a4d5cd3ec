//! What an instance holds: its configured module and, in roles that fold, the question that
//! is under way.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::bindings::exports::atlas::types::module as wit;
use crate::config_error::ConfigError;
use crate::module::Module;
use crate::types::Description;

/// Holds a module, and what it keeps between calls.
pub struct Holder<M, R> {
    module: OnceLock<M>,
    running: Mutex<Option<R>>,
}

impl<M: Module, R> Holder<M, R> {
    /// Nothing configured, nothing under way.
    pub const fn new() -> Self {
        Self { module: OnceLock::new(), running: Mutex::new(None) }
    }

    pub(super) fn module(&self) -> &M {
        self.module.get().expect("the host calls `configure` before anything else but `describe`")
    }

    pub(super) fn running(&self) -> MutexGuard<'_, Option<R>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M: Module, R> Default for Holder<M, R> {
    fn default() -> Self {
        Self::new()
    }
}

/// What the `export_…!` macros write for a module.
pub trait Held: 'static {
    /// The module.
    type Module: Module;
    /// What is kept between calls.
    type Running: Send + 'static;
    /// Where both are.
    fn holder() -> &'static Holder<Self::Module, Self::Running>;
}

fn configure<E: Held>(config: &[u8]) -> Result<(), ConfigError> {
    let module = E::Module::configure(config)?;
    E::holder().module.set(module).map_err(|_| ConfigError::from("this instance is configured already"))?;
    #[cfg(not(feature = "fold"))]
    crate::arena::keep();
    Ok(())
}

impl<E: Held> wit::Guest for E {
    fn describe() -> wit::Description {
        crate::panic::install_hook();
        let Description { name, version, summary } = E::Module::describe();
        wit::Description { name, version, summary }
    }

    fn configure(config: Vec<u8>) -> Result<(), wit::ConfigError> {
        crate::panic::install_hook();
        configure::<E>(&config).map_err(|error| match error {
            ConfigError::Invalid(text) => wit::ConfigError::Invalid(text),
            ConfigError::Incomplete { main, documents } => {
                wit::ConfigError::Incomplete(wit::Incomplete { main, documents })
            }
        })
    }
}
