//! Why a config is not taken: something is wrong in it, or something is missing.

use std::fmt;

/// What [`Validator::configure`](crate::Validator::configure) answers to a config that it
/// does not take. A text is [`Invalid`](Self::Invalid), so that `?` passes one on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigError {
    /// What is wrong in the config, where, and what would be right.
    Invalid(String),
    /// Nothing is wrong so far, but other documents belong to it. Whoever binds the module
    /// packs them all in a [`Bundle`](crate::bundle::Bundle) and asks again.
    Incomplete {
        /// Where the document that the config is about has its place.
        main: String,
        /// Paths of the documents that are missing, 1 to 512.
        documents: Vec<String>,
    },
}

impl From<String> for ConfigError {
    fn from(text: String) -> Self {
        Self::Invalid(text)
    }
}

impl From<&str> for ConfigError {
    fn from(text: &str) -> Self {
        Self::Invalid(text.to_owned())
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(text) => f.write_str(text),
            Self::Incomplete { main, documents } => write!(f, "beside {main} it needs {}", documents.join(", ")),
        }
    }
}

impl std::error::Error for ConfigError {}
