//! What each law asks for: a function of the module and of questions, that says what breaks
//! the law, or nothing. Everything else (making questions, shrinking, reports) is built on
//! these.

use std::cell::RefCell;
use std::collections::VecDeque;

use super::dice::Dice;
use super::kinds::Kind;
use super::subject::Subject;
use super::{Law, TOGETHER};
use crate::outcome::{Cause, HostFault, Judgement};

/// Other arrangements of a question that are tried.
const ARRANGEMENTS: u64 = 3;
/// Rounds of `needs` that a host would go along with.
const ROUNDS: usize = 16;

/// A module, and what it said of the last questions when it was asked each of them alone: most
/// laws begin with that.
pub(super) struct Heard<'a, S: Kind> {
    subject: &'a S,
    last: RefCell<VecDeque<Asked<S>>>,
}

/// A question, and what was said of it.
type Asked<S> = (<S as Subject>::Question, Judgement<<S as Subject>::Outcome>);

/// Questions in some order, what that order is called, and what each is to be answered with.
type Way<'a, S> = (&'a str, &'a [<S as Subject>::Question], Vec<&'a <S as Subject>::Outcome>);

impl<'a, S: Kind> Heard<'a, S> {
    pub(super) fn new(subject: &'a S) -> Self {
        Self { subject, last: RefCell::default() }
    }

    /// What it says of a question alone, asked now or lately.
    pub(super) fn alone(&self, question: &S::Question) -> Judgement<S::Outcome> {
        let known = self.last.borrow().iter().find(|(asked, _)| asked == question).map(|(_, said)| said.clone());
        known.unwrap_or_else(|| {
            let said = self.subject.alone(question);
            let mut last = self.last.borrow_mut();
            last.push_back((question.clone(), said.clone()));
            if last.len() > 2 * TOGETHER {
                last.pop_front();
            }
            said
        })
    }
}

/// What breaks the law on these questions, if something does.
pub(super) fn breach<S: Kind>(law: Law, subject: &Heard<'_, S>, asked: &[S::Question]) -> Option<String> {
    let each = |look: &dyn Fn(&S::Question) -> Option<String>| asked.iter().find_map(look);
    match law {
        Law::Total => each(&|question| total(subject, question)),
        Law::BoundedFuel => each(&|question| bounded(subject, question)),
        Law::LegalAnswers | Law::InRange | Law::AddsUp | Law::NothingVanishes | Law::InOrder => {
            each(&|question| illegal(law, subject, question))
        }
        Law::Deterministic => each(&|question| deterministic(subject, question)),
        Law::Stateless => stateless(subject, asked),
        Law::AnyArrangement => each(&|question| any_arrangement(subject, question)),
        Law::MonotoneNeeds => each(&|question| monotone(subject, question)),
    }
}

fn total<S: Kind>(subject: &Heard<'_, S>, question: &S::Question) -> Option<String> {
    let outcome = subject.alone(question).outcome;
    match (S::misbehaviour(&outcome), S::fault(&outcome)) {
        (Some(cause @ (Cause::Trap(_) | Cause::MemoryExceeded)), _) => Some(cause.to_string()),
        (_, Some(fault @ HostFault::StackOverflow)) => Some(format!("{fault}: it calls itself without end")),
        _ => None,
    }
}

fn bounded<S: Kind>(subject: &Heard<'_, S>, question: &S::Question) -> Option<String> {
    let outcome = subject.alone(question).outcome;
    let exhausted = matches!(S::misbehaviour(&outcome), Some(Cause::FuelExhausted));
    exhausted.then(|| format!("it takes more than the {} units of fuel that its slot grants", subject.subject.fuel()))
}

fn illegal<S: Kind>(law: Law, subject: &Heard<'_, S>, question: &S::Question) -> Option<String> {
    match S::misbehaviour(&subject.alone(question).outcome) {
        Some(Cause::IllegalAnswer(illegal)) if Law::against(illegal) == law => Some(illegal.to_string()),
        _ => None,
    }
}

fn deterministic<S: Kind>(subject: &Heard<'_, S>, question: &S::Question) -> Option<String> {
    let (one, other) = (subject.alone(question), subject.subject.alone(question));
    // What this host could not run says nothing.
    if S::fault(&one.outcome).is_some() || S::fault(&other.outcome).is_some() {
        return None;
    }
    if one.outcome != other.outcome {
        return Some(format!("asked twice, each time in a fresh instance: {}", unlike(&one.outcome, &other.outcome)));
    }
    (one.fuel != other.fuel).then(|| format!("the same question took {:?} and {:?} fuel", one.fuel, other.fuel))
}

/// Asked alone, one after the other, all at once, backwards and twice: the same answers.
fn stateless<S: Kind>(subject: &Heard<'_, S>, asked: &[S::Question]) -> Option<String> {
    // An instance dies with a trap, so what does not answer is not asked among others.
    let answers = |question: &&S::Question| {
        let outcome = subject.alone(question).outcome;
        (S::misbehaviour(&outcome).is_none() && S::fault(&outcome).is_none()).then(|| ((*question).clone(), outcome))
    };
    let alone: Vec<(S::Question, S::Outcome)> = asked.iter().collect::<Vec<_>>().iter().filter_map(answers).collect();
    let questions: Vec<S::Question> = alone.iter().map(|(question, _)| question.clone()).collect();
    let wanted: Vec<&S::Outcome> = alone.iter().map(|(_, outcome)| outcome).collect();
    let backwards: Vec<S::Question> = questions.iter().rev().cloned().collect();
    let twice: Vec<S::Question> = questions.iter().flat_map(|question| [question.clone(), question.clone()]).collect();
    let ways: [Way<'_, S>; 3] = [
        ("in this order", &questions, wanted.clone()),
        ("backwards", &backwards, wanted.iter().rev().copied().collect()),
        ("twice each", &twice, wanted.iter().flat_map(|outcome| [*outcome, *outcome]).collect()),
    ];
    for (how, questions, wanted) in ways {
        let one_by_one: Vec<&[S::Question]> = questions.chunks(1).collect();
        for (calls, batched) in [(one_by_one, "one call each"), (vec![questions], "in one call")] {
            let found: Vec<S::Outcome> = subject.subject.reusing(&calls).into_iter().flatten().collect();
            if found.iter().any(|outcome| S::fault(outcome).is_some()) {
                continue;
            }
            let differs = found.iter().zip(&wanted).position(|(found, wanted)| found != *wanted);
            if let Some(at) = differs {
                return Some(format!(
                    "question {} of {}, asked {how} and {batched} in one instance, is answered otherwise than alone: {}",
                    at + 1,
                    questions.len(),
                    unlike(wanted[at], &found[at])
                ));
            }
        }
    }
    None
}

fn any_arrangement<S: Kind>(subject: &Heard<'_, S>, question: &S::Question) -> Option<String> {
    let outcome = subject.alone(question).outcome;
    if S::misbehaviour(&outcome).is_some() || S::fault(&outcome).is_some() {
        return None;
    }
    for seed in 0..ARRANGEMENTS {
        let (turned, order) = S::arranged(question, &mut Dice::new(seed))?;
        let other = subject.subject.alone(&turned).outcome;
        if S::fault(&other).is_some() {
            continue;
        }
        let wanted = S::rearranged(&outcome, &order);
        if other != wanted {
            return Some(format!("the same input in another order or other chunks: {}", unlike(&wanted, &other)));
        }
    }
    None
}

/// Supplies what is asked for until there is a decision, and then more of it.
fn monotone<S: Kind>(subject: &Heard<'_, S>, question: &S::Question) -> Option<String> {
    let mut question = question.clone();
    for round in 0..ROUNDS {
        let outcome = subject.alone(&question).outcome;
        if let (1.., Some(cause)) = (round, S::misbehaviour(&outcome)) {
            return Some(format!("given what it asked for: {cause}"));
        }
        let Some(ids) = S::needs(&outcome) else {
            let more = S::supplied_with(&question, &["bafyr4i".to_owned() + &"a".repeat(52)])?;
            let other = subject.subject.alone(&more).outcome;
            if S::fault(&outcome).is_some() || S::fault(&other).is_some() || other == outcome {
                return None;
            }
            return Some(format!("a record that it did not ask for changes it: {}", unlike(&outcome, &other)));
        };
        if let Some(again) = ids.iter().find(|id| S::has(&question, id)) {
            return Some(format!("it asks for {again}, which it was given"));
        }
        question = S::supplied_with(&question, ids)?;
    }
    Some(format!("after {ROUNDS} rounds of records it still asks for more"))
}

/// Two outcomes in a line each, cut.
fn unlike<O: std::fmt::Debug>(one: &O, other: &O) -> String {
    let cut = |outcome: &O| {
        let text = format!("{outcome:?}");
        text[..text.floor_char_boundary(300)].to_owned()
    };
    format!("{}, and {}", cut(one), cut(other))
}
