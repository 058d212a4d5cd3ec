//! Everything that can go wrong before a module judges anything. What goes wrong while
//! it judges is an [`Outcome`](crate::Outcome), because a module's misbehaviour is a
//! verdict there.

use std::path::PathBuf;

use crate::ids::CodeHash;
use crate::inspect::Role;
use crate::outcome::{Cause, HostFault};

/// Why the engine cannot do what was asked.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// Not WebAssembly at all.
    #[error("not a WebAssembly file: it does not start with `\\0asm`; give a component (`.wasm`)")]
    NotWasm,
    /// A core module where a component is wanted.
    #[error(
        "this is a core WebAssembly module, not a component; encode it first, for example with `atlas module build` or `wasm-tools component new`"
    )]
    CoreModule,
    /// A component that is not valid under the `pure` profile.
    #[error("not a valid component for the `pure` profile: {text}")]
    Malformed {
        /// What the parser says, with the offset.
        text: String,
    },
    /// A component beyond [`crate::MAX_CODE_BYTES`].
    #[error("the component is {size} bytes; {limit} at most are accepted")]
    TooLarge {
        /// Its size in bytes.
        size: u64,
        /// The bound.
        limit: u64,
    },
    /// A pure module that asks for the outside world.
    #[error(
        "a pure module imports nothing, and this one imports {}; rebuild it without them, or let `atlas module pack` replace `wasi:*` by a deterministic stub",
        names.join(", ")
    )]
    ForeignImports {
        /// Every foreign import, by name.
        names: Vec<String>,
    },
    /// A component whose exports fit no known world.
    #[error(
        "the component fits no Atlas world: {} missing; it exports {}",
        missing.join(", "),
        if found.is_empty() { "nothing".to_owned() } else { found.join(", ") }
    )]
    WrongWorld {
        /// What the nearest world wants and the component lacks.
        missing: Vec<String>,
        /// What it does export.
        found: Vec<String>,
    },
    /// A component that exports the interfaces of two roles.
    #[error("the component is both a {one} and a {other} module; a module has one role: build two")]
    TwoRoles {
        /// One of them.
        one: Role,
        /// Another.
        other: Role,
    },
    /// A module of another role than the slot's.
    #[error("module {code} is a {found} module, and a {wanted} module is wanted here")]
    WrongRole {
        /// The component.
        code: CodeHash,
        /// The role that was asked for.
        wanted: Role,
        /// The role that it has.
        found: Role,
    },
    /// Not the name of a role.
    #[error("unknown role `{name}`; there are validator, trust, ranker, governance, admission and economy")]
    UnknownRole {
        /// What was given.
        name: String,
    },
    /// Exports of the right names and the wrong types, or more parts than an instance may
    /// have.
    #[error("module {code} does not fit its world: {text}; build it against the WIT packages of this version")]
    Unfit {
        /// The component.
        code: CodeHash,
        /// What does not fit.
        text: String,
    },
    /// The bytes are not what the binding names.
    #[error("the binding names module {expected}, and the bytes given are {found}; fetch the bound module")]
    HashMismatch {
        /// The hash in the binding.
        expected: CodeHash,
        /// The hash of the bytes.
        found: CodeHash,
    },
    /// Not 64 hexadecimal digits.
    #[error("`{text}` is not a hash: 64 hexadecimal digits are wanted")]
    BadHash {
        /// What was given.
        text: String,
    },
    /// A meter that this engine does not know.
    #[error("unknown meter `{name}`; this engine knows meter/1, a newer one may know more")]
    UnknownMeter {
        /// What was given.
        name: String,
    },
    /// Allowances that no engine grants.
    #[error("the binding of module {code} cannot be honoured: {text}")]
    BadBinding {
        /// The component.
        code: CodeHash,
        /// Which allowance, and its bounds.
        text: String,
    },
    /// The module does not like its config.
    #[error("module {code} refuses its config: {text}")]
    ConfigRefused {
        /// The component.
        code: CodeHash,
        /// The module's own words, cut at 1,000 bytes.
        text: String,
    },
    /// The config refers to documents that it does not hold.
    #[error(
        "the config of module {code} is incomplete: beside {main} it needs {}; pack all of them in a bundle, or let `atlas module bind --config FILE` do it",
        documents.join(", ")
    )]
    ConfigIncomplete {
        /// The component.
        code: CodeHash,
        /// Where the document that was given has its place.
        main: String,
        /// Paths of those that are missing, relative to the same folder.
        documents: Vec<String>,
    },
    /// The module misbehaved before it could judge anything.
    #[error("module {code} failed in `{during}`: {cause}")]
    Setup {
        /// The component.
        code: CodeHash,
        /// `instantiate`, `describe`, `configure` or `rules`.
        during: &'static str,
        /// How.
        cause: Cause,
    },
    /// The host failed while the module was set up: try again.
    #[error("the host could not set up module {code} in `{during}`: {fault}; this is local and may pass")]
    SetupFault {
        /// The component.
        code: CodeHash,
        /// `instantiate`, `describe`, `configure` or `rules`.
        during: &'static str,
        /// How.
        fault: HostFault,
    },
    /// `describe` answers outside its bounds.
    #[error("module {code} describes itself badly: {text}")]
    BadDescription {
        /// The component.
        code: CodeHash,
        /// Which field, and its bounds.
        text: String,
    },
    /// `rules` answers outside its bounds.
    #[error("module {code} declares rules that cannot hold: {text}")]
    BadRules {
        /// The component.
        code: CodeHash,
        /// Which rule, and its bounds.
        text: String,
    },
    /// The module was caught giving different answers to the same question.
    #[error(
        "module {code} is quarantined, because it gave different answers to one question; the evidence is kept, and `release` lifts the quarantine"
    )]
    Quarantined {
        /// The component.
        code: CodeHash,
    },
    /// A test case that is none.
    #[error("the case `{name}` cannot be used: {text}")]
    BadCase {
        /// What it is called.
        name: String,
        /// Why, and what would be right.
        text: String,
    },
    /// A document that shows nothing.
    #[error("this is no evidence that can be run again: {text}")]
    BadEvidence {
        /// Why.
        text: String,
    },
    /// The compiler gave up.
    #[error("module {code} does not compile: {text}")]
    Compile {
        /// The component.
        code: CodeHash,
        /// What the compiler says.
        text: String,
    },
    /// A file of the engine cannot be used.
    #[error("cannot {doing} {}: {text}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system says.
        text: String,
    },
    /// The runtime itself does not start.
    #[error("the WebAssembly runtime does not start here: {text}")]
    Runtime {
        /// What it says.
        text: String,
    },
}

impl EngineError {
    pub(crate) fn io(doing: &'static str, path: impl Into<PathBuf>, error: &std::io::Error) -> Self {
        Self::Io { doing, path: path.into(), text: error.to_string() }
    }

    /// Whether the same call may succeed later without a change of its arguments.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::SetupFault { .. } | Self::Io { .. } | Self::Quarantined { .. } | Self::Runtime { .. })
    }
}
