//! A module under test, whatever its role: asked alone, and asked in one instance.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::outcome::{Answered, Cause, HostFault, Judgement, Outcome};
use crate::roles::{Bound, Part};
use crate::validator::{Candidate, Description, Validator};

pub(crate) trait Subject {
    type Question: Clone + PartialEq + Debug + Serialize + DeserializeOwned;
    type Outcome: Clone + PartialEq + Debug + Serialize;

    fn about(&self) -> &Description;
    /// The slot's fuel.
    fn fuel(&self) -> u64;
    /// In a fresh instance, with the slot's fuel.
    fn alone(&self, question: &Self::Question) -> Judgement<Self::Outcome>;
    /// In one instance, call after call.
    fn reusing(&self, calls: &[&[Self::Question]]) -> Vec<Vec<Self::Outcome>>;
    /// What the author of the module wants to know of its last trap.
    fn last_panic(&self) -> Option<String>;
    /// How the module misbehaved, if it did. A validator's refusal is none.
    fn misbehaviour(outcome: &Self::Outcome) -> Option<&Cause>;
    /// Why this host could not run it, if it could not.
    fn fault(outcome: &Self::Outcome) -> Option<&HostFault>;
    /// The records that it asks for.
    fn needs(outcome: &Self::Outcome) -> Option<&[String]>;
}

impl Subject for Validator {
    type Question = Candidate;
    type Outcome = Outcome;

    fn about(&self) -> &Description {
        self.description()
    }

    fn fuel(&self) -> u64 {
        self.binding().fuel
    }

    fn alone(&self, question: &Candidate) -> Judgement {
        self.validate_alone(question)
    }

    fn reusing(&self, calls: &[&[Candidate]]) -> Vec<Vec<Outcome>> {
        self.validate_reusing(calls)
    }

    fn last_panic(&self) -> Option<String> {
        Self::last_panic(self)
    }

    fn misbehaviour(outcome: &Outcome) -> Option<&Cause> {
        match outcome {
            Outcome::Invalid(Cause::Refused(_)) => None,
            Outcome::Invalid(cause) => Some(cause),
            _ => None,
        }
    }

    fn fault(outcome: &Outcome) -> Option<&HostFault> {
        match outcome {
            Outcome::Fault(fault) => Some(fault),
            _ => None,
        }
    }

    fn needs(outcome: &Outcome) -> Option<&[String]> {
        match outcome {
            Outcome::Needs(ids) => Some(ids),
            _ => None,
        }
    }
}

impl<P: Part> Subject for Bound<P>
where
    P::Answer: Needy,
{
    type Question = P::Question;
    type Outcome = Answered<P::Answer>;

    fn about(&self) -> &Description {
        self.description()
    }

    fn fuel(&self) -> u64 {
        self.binding().fuel
    }

    fn alone(&self, question: &P::Question) -> Judgement<Self::Outcome> {
        self.ask_alone(question)
    }

    fn reusing(&self, calls: &[&[P::Question]]) -> Vec<Vec<Self::Outcome>> {
        self.ask_reusing(calls)
    }

    fn last_panic(&self) -> Option<String> {
        Self::last_panic(self)
    }

    fn misbehaviour(outcome: &Self::Outcome) -> Option<&Cause> {
        match outcome {
            Answered::Failed(cause) => Some(cause),
            _ => None,
        }
    }

    fn fault(outcome: &Self::Outcome) -> Option<&HostFault> {
        match outcome {
            Answered::Fault(fault) => Some(fault),
            _ => None,
        }
    }

    fn needs(outcome: &Self::Outcome) -> Option<&[String]> {
        match outcome {
            Answered::Answer(answer) => answer.needs(),
            _ => None,
        }
    }
}

/// An answer that may ask for records.
pub(crate) trait Needy {
    fn needs(&self) -> Option<&[String]> {
        None
    }
}

impl Needy for crate::roles::trust::Standing {}
impl Needy for crate::roles::ranker::Ordered {}
impl Needy for crate::roles::governance::Tallied {}
impl Needy for crate::roles::economy::Weights {}

impl Needy for crate::roles::admission::Admittance {
    fn needs(&self) -> Option<&[String]> {
        match self {
            Self::Needs(ids) => Some(ids),
            _ => None,
        }
    }
}
