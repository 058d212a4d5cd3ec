//! What a module of any role beside the validator's says of itself, and how it takes a
//! config.

use crate::config_error::ConfigError;
use crate::types::Description;

/// The part that all modules share. A role's own trait stands beside it: implement both, and
/// put the role's `export_…!` under them.
pub trait Module: Default + Send + Sync + 'static {
    /// What this module is. Must not depend on the config.
    fn describe() -> Description;

    /// Reads the config that a constitution binds. Without one the config is empty and
    /// means [`Default`]; a module that takes none refuses any other. An error names what is
    /// wrong in the config, and where, or the documents that it lacks.
    fn configure(config: &[u8]) -> Result<Self, ConfigError> {
        if config.is_empty() {
            return Ok(Self::default());
        }
        Err(format!("this module takes no config, but {} bytes were given: leave it out", config.len()).into())
    }
}
