//! What can go wrong while modules are built.

use std::path::PathBuf;

/// Why the set was not built or checked.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A file could not be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// A file has not the form it should have.
    #[error("{}: {why}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A program failed.
    #[error("`{command}` failed: {why}")]
    Command {
        /// What was run.
        command: String,
        /// Its status, or why it did not start.
        why: String,
    },
    /// Nothing here compiles to WebAssembly.
    #[error(transparent)]
    Toolchain(#[from] atlas_registry::RegistryError),
    /// A module is not a component of its world.
    #[error("{module}: {why}")]
    Component {
        /// The module.
        module: String,
        /// What is wrong with it.
        why: String,
    },
    /// No module has this name.
    #[error("no module is named `{name}`: expected one of {}", known.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
}

impl BuildError {
    /// For `map_err` on operations on one file.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |error| Self::File { path, error }
    }

    pub(crate) fn form(path: impl Into<PathBuf>, why: impl ToString) -> Self {
        Self::Form { path: path.into(), why: why.to_string() }
    }
}
