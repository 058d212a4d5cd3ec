//! The roles beside the validator's: questions in, answers out.
//!
//! A [`Part`] is a role as a type: its question, its answer, and which answers its world
//! allows. A [`Bound`] is a module of that role under a binding. What an answer means, and
//! how reuse is kept invisible, is the [`machine`](crate::machine)'s, the same as for
//! validators: a question's answer is the one that a fresh instance gives with the slot's
//! fuel.
//!
//! Questions are made by the host, so they are held to the WIT's bounds too
//! ([`Part::check_question`]): a module may rely on them.

pub mod admission;
mod columns;
pub mod economy;
pub mod governance;
pub mod ranker;
pub mod trust;

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use serde::Serialize;
use serde::de::DeserializeOwned;
use wasmtime::Store;

use crate::compile::Code;
use crate::error::EngineError;
use crate::health::Health;
use crate::ids::Binding;
use crate::machine::{Appetite, Call, Host, Instance, Machine, Shared, World, setup_error};
use crate::outcome::{Answered, Cause, IllegalAnswer, Judgement};
use crate::quarantine::{Contradiction, Seen};
use crate::stats::Stats;
use crate::validator::Description;

pub use self::admission::Admission;
pub use self::economy::Economy;
pub use self::governance::Governance;
pub use self::ranker::Ranker;
pub use self::trust::Trust;

/// A role beside the validator's.
pub trait Part: World {
    /// What is asked.
    type Question: Clone + PartialEq + Debug + Serialize + DeserializeOwned + Send + Sync;
    /// What is answered.
    type Answer: Clone + PartialEq + Debug + Serialize + DeserializeOwned + Send + Sync;
    /// What a module declares of all its answers.
    type Rules: Clone + Debug + Send + Sync;

    /// Asks for the rules, where the role has some.
    fn rules(&self, store: &mut Store<Host>) -> wasmtime::Result<Self::Rules>;

    /// Says which rule breaks its bounds.
    fn check_rules(rules: &Self::Rules) -> Result<(), String>;

    /// Says which part of a question breaks the bounds of the WIT.
    fn check_question(question: &Self::Question) -> Result<(), String>;

    /// Asks, one after the other or all at once, as the world has it.
    fn ask(&self, store: &mut Store<Host>, asked: &[Self::Question]) -> wasmtime::Result<Vec<Self::Answer>>;

    /// Says what the world does not allow about an answer.
    fn check_answer(rules: &Self::Rules, question: &Self::Question, answer: &Self::Answer)
    -> Result<(), IllegalAnswer>;

    /// Puts a contradiction down.
    fn accuse(seen: Seen<Self::Question, Answered<Self::Answer>>) -> Contradiction;
}

/// A module of a role under a binding: compiled, configured, its rules checked. Shared by
/// threads; each caller gets an instance of its own.
pub struct Bound<P: Part> {
    machine: Machine<P>,
    rules: P::Rules,
    asking: Mutex<Appetite>,
}

/// Asking a part under its rules.
struct Ask<'a, P: Part>(&'a P::Rules);

impl<P: Part> Call<P> for Ask<'_, P> {
    type Question = P::Question;
    type Answer = P::Answer;
    type Outcome = Answered<P::Answer>;

    fn ask(&self, world: &P, store: &mut Store<Host>, asked: &[P::Question]) -> wasmtime::Result<Vec<P::Answer>> {
        world.ask(store, asked)
    }

    fn outcome(&self, question: &P::Question, answer: P::Answer) -> Self::Outcome {
        match P::check_answer(self.0, question, &answer) {
            Ok(()) => Answered::Answer(answer),
            Err(illegal) => Answered::Failed(Cause::IllegalAnswer(illegal)),
        }
    }

    fn accuse(&self) -> Option<crate::machine::Accuse<P::Question, Self::Outcome>> {
        Some(P::accuse)
    }
}

impl<P: Part> Bound<P> {
    pub(crate) fn open(
        code: &Code,
        binding: Binding,
        health: Arc<Mutex<Health>>,
        shared: Arc<Shared>,
    ) -> Result<Self, EngineError> {
        let (machine, mut instance): (Machine<P>, Instance<P>) = Machine::open(code, binding, health, shared)?;
        let binding = &machine.binding;
        let rules = instance
            .set_up("rules", |_, world, store| world.rules(store))
            .map_err(|failure| setup_error(binding, failure))?;
        P::check_rules(&rules).map_err(|text| EngineError::BadRules { code: binding.code, text })?;
        let asking = machine.appetite();
        Ok(Self { machine, rules, asking })
    }

    /// What is bound, and its allowances.
    #[must_use]
    pub fn binding(&self) -> &Binding {
        &self.machine.binding
    }

    /// What the module says of itself.
    #[must_use]
    pub fn description(&self) -> &Description {
        self.machine.description()
    }

    /// What the module declares of all its answers.
    #[must_use]
    pub fn rules(&self) -> &P::Rules {
        &self.rules
    }

    /// Where and why the module panicked in its last canonical run that failed; see
    /// [`Validator::last_panic`](crate::Validator::last_panic).
    #[must_use]
    pub fn last_panic(&self) -> Option<String> {
        self.machine.last_panic()
    }

    /// What this module did and cost so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.machine.stats()
    }

    /// Asks: one judgement for each question, in order, independent of one another. The
    /// questions keep the bounds of the WIT ([`Part::check_question`]); a module may
    /// misbehave where they do not, and would be blamed for it.
    ///
    /// Blocks for as long as the fuel lasts, and wants 1.5 MiB of stack left on the calling
    /// thread, of which a guest may use 1 MiB.
    pub fn ask(&self, questions: &[P::Question]) -> Vec<Judgement<Answered<P::Answer>>> {
        debug_assert!(questions.iter().all(|question| P::check_question(question).is_ok()));
        let judged = self.machine.ask(&Ask::<P>(&self.rules), &self.asking, questions);
        self.machine.counters.records.add(questions.len() as u64);
        judged
    }

    /// Asks canonically: alone, in a fresh instance, its fuel measured.
    pub fn ask_alone(&self, question: &P::Question) -> Judgement<Answered<P::Answer>> {
        debug_assert!(P::check_question(question).is_ok());
        let judged = self.machine.ask_alone(&Ask::<P>(&self.rules), &self.asking, question);
        self.machine.counters.records.add(1);
        judged
    }

    /// Asks in calls of one instance that nobody used before; see [`Machine::ask_reusing`].
    pub(crate) fn ask_reusing(&self, calls: &[&[P::Question]]) -> Vec<Vec<Answered<P::Answer>>> {
        self.machine.ask_reusing(&Ask::<P>(&self.rules), calls)
    }
}

impl<P: Part> Debug for Bound<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bound")
            .field("role", &P::ROLE)
            .field("name", &self.description().name)
            .field("binding", self.binding())
            .finish_non_exhaustive()
    }
}
