//! What comes of a call: a verdict, which every honest node shares, or a host fault,
//! which is this machine's own trouble and never a verdict.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::machine::Outcomes;
use crate::validator::{IndexEntry, Reason};

/// What the engine reports of one record, or of one question in another role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement<O = Outcome> {
    /// What came of it.
    pub outcome: O,
    /// Fuel used, where the question was asked alone in a fresh instance: the one amount that
    /// every node agrees on. `None` for one of a warm batch, whose fuel is shared.
    pub fuel: Option<u64>,
}

/// What came of a question to a module that is no validator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answered<T> {
    /// An answer that the world allows.
    Answer(T),
    /// The module misbehaved, in a way that every node sees alike.
    Failed(Cause),
    /// This host could not run it. Local, retryable, never an answer.
    Fault(HostFault),
}

impl<T: Clone + PartialEq> Outcomes for Answered<T> {
    fn failed(cause: Cause) -> Self {
        Self::Failed(cause)
    }

    fn fault(fault: HostFault) -> Self {
        Self::Fault(fault)
    }

    fn is_verdict(&self) -> bool {
        !matches!(self, Self::Fault(_))
    }

    fn is_illegal(&self) -> bool {
        matches!(self, Self::Failed(Cause::IllegalAnswer(_)))
    }
}

impl Outcomes for Outcome {
    fn failed(cause: Cause) -> Self {
        Self::Invalid(cause)
    }

    fn fault(fault: HostFault) -> Self {
        Self::Fault(fault)
    }

    fn is_verdict(&self) -> bool {
        !matches!(self, Self::Fault(_))
    }

    fn is_illegal(&self) -> bool {
        matches!(self, Self::Invalid(Cause::IllegalAnswer(_)))
    }
}

/// What came of judging one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Valid, found under these entries. Every name is declared and every kind fits.
    Valid(Vec<IndexEntry>),
    /// Not valid: the module says so, or misbehaved in a way that every node sees alike.
    Invalid(Cause),
    /// Cannot be judged without these records: 1 to 16 ids.
    Needs(Vec<String>),
    /// This host could not judge it. Local, retryable, never a verdict.
    Fault(HostFault),
}

impl Outcome {
    /// Whether every honest node comes to the same outcome.
    #[must_use]
    pub const fn is_verdict(&self) -> bool {
        !matches!(self, Self::Fault(_))
    }
}

/// Why a record is invalid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// The module's own reason, within the bounds of the WIT.
    Refused(Reason),
    /// The module trapped.
    Trap(TrapKind),
    /// The module used all its fuel.
    FuelExhausted,
    /// The module asked for more memory or table space than its allowance.
    MemoryExceeded,
    /// The module answered something that the world does not allow.
    IllegalAnswer(IllegalAnswer),
}

impl Cause {
    /// A stable code for programs, in the form of [`Reason::code`].
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Refused(reason) => &reason.code,
            Self::Trap(_) => "module-trapped",
            Self::FuelExhausted => "module-fuel-exhausted",
            Self::MemoryExceeded => "module-memory-exceeded",
            Self::IllegalAnswer(_) => "module-illegal-answer",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(reason) => f.write_str(&reason.text),
            Self::Trap(kind) => write!(f, "the module trapped: {kind}"),
            Self::FuelExhausted => f.write_str("the module used all the fuel that its slot grants"),
            Self::MemoryExceeded => f.write_str("the module asked for more memory than its slot grants"),
            Self::IllegalAnswer(what) => write!(f, "the module's answer is illegal: {what}"),
        }
    }
}

/// The traps that happen alike on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TrapKind {
    /// `unreachable`, which is also how guest panics end.
    Unreachable,
    /// A memory access out of bounds.
    MemoryOutOfBounds,
    /// A table access out of bounds.
    TableOutOfBounds,
    /// An indirect call to nothing, or to a function of another type.
    IndirectCall,
    /// An integer division by zero.
    DivisionByZero,
    /// An integer overflow in a division or a conversion.
    IntegerOverflow,
    /// A float that is no integer, converted to one.
    BadConversion,
    /// A rule of the component model broken inside the component.
    Component,
    /// A deterministic trap of another kind.
    Other,
}

impl fmt::Display for TrapKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "`unreachable` reached (a panic or an assertion)",
            Self::MemoryOutOfBounds => "memory access out of bounds",
            Self::TableOutOfBounds => "table access out of bounds",
            Self::IndirectCall => "bad indirect call",
            Self::DivisionByZero => "integer division by zero",
            Self::IntegerOverflow => "integer overflow",
            Self::BadConversion => "float without an integer value converted to one",
            Self::Component => "a rule of the component model broken inside the component",
            Self::Other => "a deterministic trap",
        })
    }
}

/// What is illegal about an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum IllegalAnswer {
    /// Bytes that are no value of the result type: pointers or lengths out of bounds,
    /// text that is not UTF-8, an unknown case, more than the host will copy.
    Garbage,
    /// Not one answer per item.
    Count {
        /// Items asked about.
        expected: u64,
        /// Answers given.
        found: u64,
    },
    /// More index entries than 64.
    TooManyEntries {
        /// How many.
        found: u64,
    },
    /// An entry of an index that `rules` does not declare. Holds the name, cut.
    UndeclaredIndex(String),
    /// An entry whose value is not of the declared kind.
    WrongKind(String),
    /// No ids in `needs`, or more than 16.
    NeedsCount {
        /// How many.
        found: u64,
    },
    /// An id in `needs` that is none. Holds it, cut.
    BadId(String),
    /// A text beyond its bound. Names the field.
    TooLong(String),
    /// A reason whose code is not lower-case words joined by `-`.
    BadCode,
    /// No documents that a config lacks, or more than 512.
    DocumentCount {
        /// How many.
        found: u64,
    },
    /// A path of a document that leaves its folder or has no other form of a path. Holds it, cut.
    BadPath(String),
    /// Columns that do not have as many values as there are rows. Says which.
    Shape(String),
    /// A number outside its bounds, or that names nothing. Says which.
    OutOfRange(String),
    /// Something that stands where it may not stand again. Says what.
    Twice(String),
    /// Parts that do not add up to their whole. Says which, and by how much.
    SumDiffers(String),
    /// Something that was given and is neither used nor set aside with a reason. Says what.
    Vanished(String),
    /// Something that does not stand where the world has it stand. Says what.
    OutOfOrder(String),
}

impl fmt::Display for IllegalAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Garbage => f.write_str("the bytes are no value of the result type"),
            Self::Count { expected, found } => write!(f, "{found} answers to {expected} questions"),
            Self::TooManyEntries { found } => write!(f, "{found} index entries, 64 at most are allowed"),
            Self::UndeclaredIndex(name) => write!(f, "index `{name}` is not declared in `rules`"),
            Self::WrongKind(name) => write!(f, "the value for index `{name}` is not of its kind"),
            Self::NeedsCount { found } => write!(f, "`needs` names {found} ids, 1 to 16 are allowed"),
            Self::BadId(id) => write!(f, "`{id}` is not an id"),
            Self::TooLong(field) => write!(f, "{field} is too long"),
            Self::DocumentCount { found } => write!(f, "{found} documents are missing, 1 to 512 are allowed"),
            Self::BadPath(path) => write!(f, "`{path}` is not the path of a document"),
            Self::Shape(text)
            | Self::OutOfRange(text)
            | Self::Twice(text)
            | Self::SumDiffers(text)
            | Self::Vanished(text)
            | Self::OutOfOrder(text) => f.write_str(text),
            Self::BadCode => f.write_str("the reason's code is not lower-case words joined by `-`"),
        }
    }
}

/// Why this host, here and now, could not run a module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum HostFault {
    /// The native stack ran out. How much WASM fits a stack differs between machines.
    StackOverflow,
    /// The host interrupted the call.
    Interrupted,
    /// The host has no memory for what the module may have.
    OutOfMemory,
    /// Every instance slot of the host is taken.
    PoolExhausted,
    /// A fresh instance did not come up as its first one did.
    Setup(String),
    /// The module faulted too often and rests.
    BackedOff {
        /// Until it is tried again.
        retry_in: Duration,
    },
    /// The module is quarantined.
    Quarantined,
    /// The runtime reports something unknown to this version.
    Other(String),
}

impl fmt::Display for HostFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StackOverflow => f.write_str("the call stack is exhausted"),
            Self::Interrupted => f.write_str("the call was interrupted"),
            Self::OutOfMemory => f.write_str("the host is out of memory"),
            Self::PoolExhausted => f.write_str("every instance slot is taken"),
            Self::Setup(text) => write!(f, "a fresh instance did not come up: {text}"),
            Self::BackedOff { retry_in } => {
                write!(f, "the module faulted too often and rests for {} ms", retry_in.as_millis())
            }
            Self::Quarantined => f.write_str("the module is quarantined"),
            Self::Other(text) => write!(f, "the runtime reports: {text}"),
        }
    }
}
