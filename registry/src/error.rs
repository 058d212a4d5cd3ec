//! What can go wrong between a module's source and its package.

use std::path::PathBuf;

/// Why something was not written, built or packed.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A word that names nothing.
    #[error("there is no {what} `{name}`: expected one of {}", known.join(", "))]
    Unknown {
        /// What kind of thing.
        what: &'static str,
        /// As it was named.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A manifest breaks a rule.
    #[error("the manifest cannot be used: {0}")]
    Manifest(String),
    /// A signature that is none, or not of these bytes.
    #[error("the package's signature does not hold: {0}")]
    Signature(String),
    /// A registry of OCI artifacts did not do what was asked, or cannot be asked.
    #[error("{at}: {why}")]
    Oci {
        /// The reference.
        at: String,
        /// What happened.
        why: String,
        /// What to do.
        hint: String,
    },
    /// A name that cannot be one.
    #[error("`{name}` cannot be the name of a module: {why}")]
    Name {
        /// As it was given.
        name: String,
        /// The rule it breaks.
        why: &'static str,
    },
    /// What would be written is there already.
    #[error("{} is there already and not empty: choose another place with --path", .0.display())]
    Exists(PathBuf),
    /// No project where one was looked for.
    #[error("{} holds no module.toml: run this in a module's folder, or say where it is with --path", .0.display())]
    NoProject(PathBuf),
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
    /// What a language needs is not installed.
    #[error(
        "{what} is needed to build this module, and was not found. Install one of:\n{install}\nWhat was tried:\n{tried}"
    )]
    NoToolchain {
        /// What is needed, in words.
        what: &'static str,
        /// One line for each way to get it.
        install: String,
        /// One line for each place that was looked at.
        tried: String,
    },
    /// A compiler or another program failed.
    #[error("`{command}` failed ({why}){}", said(output))]
    Command {
        /// What was run.
        command: String,
        /// Its status, or why it did not start.
        why: String,
        /// The end of what it said.
        output: String,
    },
    /// Not a component of a role.
    #[error("{0}")]
    Component(String),
    /// Imports that nobody can answer for in a pure module.
    #[error(
        "the component imports what no pure module may: {}. Only leftovers of WASI 0.2 can be answered for, and with \
         answers that never differ; take the others out of the source",
        .0.join(", ")
    )]
    Foreign(Vec<String>),
}

fn said(output: &str) -> String {
    if output.is_empty() { String::new() } else { format!(":\n{output}") }
}

#[cfg(feature = "author")]
impl RegistryError {
    /// For `map_err` on operations on one file.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |error| Self::File { path, error }
    }

    pub(crate) fn form(path: impl Into<PathBuf>, why: impl ToString) -> Self {
        Self::Form { path: path.into(), why: why.to_string() }
    }
}
