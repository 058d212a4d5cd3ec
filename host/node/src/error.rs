//! What can go wrong between a request and its answer.

use atlas_engine::EngineError;
use atlas_keys::KeyError;
use atlas_store::StoreError;

/// Why a request was not done. Each variant is something a caller acts on differently.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The request itself makes no sense: fix it before sending it again.
    #[error("{0}")]
    Misuse(String),
    /// Something named is not here.
    #[error("there is no {what} `{name}` here")]
    NotFound {
        /// What kind of thing.
        what: &'static str,
        /// As it was named.
        name: String,
        /// What to do.
        hint: String,
    },
    /// A name is taken.
    #[error("{what} `{name}` exists already")]
    Exists {
        /// What kind of thing.
        what: &'static str,
        /// As it was named.
        name: String,
    },
    /// More bytes than are taken.
    #[error("the {what} is too large: {most} bytes are taken at most")]
    TooLarge {
        /// What kind of thing.
        what: &'static str,
        /// How many bytes are taken.
        most: u64,
    },
    /// The rules do not allow it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store failed or refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key of this machine cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// A module cannot be used.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A file could not be read or written.
    #[error("{what} {path}: {error}", path = path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// Where.
        path: std::path::PathBuf,
        /// How it failed.
        error: std::io::Error,
    },
    /// Cannot be done now; the same request may succeed later.
    #[error("{0}")]
    Unavailable(String),
}

/// A rule said no: to a record, or to an act.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Refusal {
    /// Stable, for programs.
    pub code: String,
    /// For people.
    pub text: String,
    /// What to do, where that is known.
    pub hint: Option<String>,
    /// After how many milliseconds the same request may be taken, where that is known.
    pub retry_ms: Option<u64>,
}

impl Refusal {
    /// A refusal without advice.
    pub fn new(code: impl Into<String>, text: impl Into<String>) -> Self {
        Self { code: code.into(), text: text.into(), hint: None, retry_ms: None }
    }

    /// The same with advice.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl NodeError {
    /// Stable, for programs.
    pub fn code(&self) -> &str {
        match self {
            NodeError::Misuse(_) => "misuse",
            NodeError::NotFound { .. } => "not-found",
            NodeError::Exists { .. } => "exists",
            NodeError::TooLarge { .. } => "too-large",
            NodeError::Refused(refusal) => &refusal.code,
            NodeError::Store(StoreError::InUse { .. }) => "in-use",
            NodeError::Store(StoreError::BadCursor | StoreError::ForeignCursor) => "bad-cursor",
            NodeError::Store(StoreError::DiskFull { .. }) => "disk-full",
            NodeError::Store(_) => "store",
            NodeError::Keys(KeyError::Locked) => "keys-locked",
            NodeError::Keys(KeyError::WrongPassphrase { .. }) => "wrong-passphrase",
            NodeError::Keys(KeyError::NotFound(_)) => "not-found",
            NodeError::Keys(KeyError::Exists(_)) => "exists",
            NodeError::Keys(_) => "keys",
            NodeError::Engine(EngineError::ConfigRefused { .. }) => "config-refused",
            NodeError::Engine(EngineError::ConfigIncomplete { .. }) => "config-incomplete",
            NodeError::Engine(EngineError::ForeignImports { .. }) => "foreign-imports",
            NodeError::Engine(_) => "module",
            NodeError::File { .. } => "file",
            NodeError::Unavailable(_) => "unavailable",
        }
    }

    /// What to do, where that is known.
    pub fn hint(&self) -> Option<&str> {
        match self {
            NodeError::NotFound { hint, .. } => Some(hint),
            NodeError::Refused(refusal) => refusal.hint.as_deref(),
            _ => None,
        }
    }

    /// The HTTP status that fits.
    pub fn status(&self) -> u16 {
        match self {
            NodeError::Misuse(_) | NodeError::Store(StoreError::BadCursor | StoreError::ForeignCursor) => 400,
            NodeError::NotFound { .. } => 404,
            NodeError::Exists { .. } => 409,
            NodeError::TooLarge { .. } => 413,
            NodeError::Refused(refusal) if refusal.retry_ms.is_some() => 429,
            NodeError::Refused(refusal) if refusal.code == "not-granted" => 403,
            NodeError::Refused(_) | NodeError::Engine(_) => 422,
            NodeError::Keys(KeyError::Locked | KeyError::WrongPassphrase { .. }) => 423,
            NodeError::Keys(KeyError::NotFound(_)) => 404,
            NodeError::Keys(KeyError::Exists(_)) => 409,
            NodeError::Keys(KeyError::Name(_)) => 400,
            NodeError::Keys(_) => 500,
            NodeError::Unavailable(_) => 503,
            NodeError::Store(StoreError::DiskFull { .. }) => 507,
            NodeError::Store(_) | NodeError::File { .. } => 500,
        }
    }

    /// A missing thing, with what to do about it.
    pub fn missing(what: &'static str, name: impl ToString, hint: impl Into<String>) -> Self {
        Self::NotFound { what, name: name.to_string(), hint: hint.into() }
    }
}
