//! Questions of each role: making them, damaging them, arranging them otherwise, and making
//! them smaller. What comes out keeps the bounds that the host keeps.

mod admission;
mod economy;
mod governance;
mod ranker;
mod trust;
mod validator;

use serde_json::Value as Json;

use super::cases::Case;
use super::dice::Dice;
use super::report::CaseResult;
use super::subject::{Needy, Subject};
use crate::error::EngineError;
use crate::outcome::Answered;
use crate::roles::{Bound, Part};

/// Which row of the old question stands in each row of the new one, by table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Order {
    pub(crate) rows: Vec<usize>,
    pub(crate) more: Vec<usize>,
}

/// What the laws need to know of a role.
pub(crate) trait Kind: Subject {
    /// A question from nothing.
    fn made(&self, dice: &mut Dice) -> Self::Question;
    /// A relative of a question that nobody would ask, within the bounds of the WIT.
    fn damaged(question: &Self::Question, dice: &mut Dice) -> Self::Question;
    /// Questions that hold less than this one.
    fn smaller(question: &Self::Question) -> Vec<Self::Question>;
    /// How much a question holds; a smaller one holds less.
    fn size(question: &Self::Question) -> usize;
    /// The same question, its parts in another order and other chunks, where it has parts.
    fn arranged(question: &Self::Question, dice: &mut Dice) -> Option<(Self::Question, Order)>;
    /// What the answer to the question is, once it is arranged so.
    fn rearranged(outcome: &Self::Outcome, order: &Order) -> Self::Outcome;
    /// The question with these records supplied, where the role has such.
    fn supplied_with(question: &Self::Question, ids: &[String]) -> Option<Self::Question>;
    /// Whether a record is supplied.
    fn has(question: &Self::Question, id: &str) -> bool;
    /// Why a host would not ask that, where it would not.
    fn unfit(question: &Self::Question) -> Option<String>;
    /// Whether two outcomes say the same, whatever words they use.
    fn alike(one: &Self::Outcome, other: &Self::Outcome) -> bool;
    /// An outcome in a few words.
    fn in_short(outcome: &Self::Outcome) -> String;
    /// Tries an author's case, and gives its question to be looked at further.
    fn try_case(&self, case: &Case) -> Result<(Option<Self::Question>, CaseResult), EngineError>;
}

/// The same for the roles that are a [`Part`].
pub(crate) trait Questions: Part {
    fn made(rules: &Self::Rules, dice: &mut Dice) -> Self::Question;
    fn damaged(question: &Self::Question, dice: &mut Dice) -> Self::Question;
    fn smaller(question: &Self::Question) -> Vec<Self::Question>;
    fn size(question: &Self::Question) -> usize;
    fn arranged(_: &Self::Question, _: &mut Dice) -> Option<(Self::Question, Order)> {
        None
    }
    fn rearranged(answer: &Self::Answer, _: &Order) -> Self::Answer {
        answer.clone()
    }
    fn supplied_with(_: &Self::Question, _: &[String]) -> Option<Self::Question> {
        None
    }
    fn has(_: &Self::Question, _: &str) -> bool {
        false
    }
    /// What an answer says, without the words in which it says why.
    fn gist(answer: &Self::Answer) -> Json;
    /// An answer in a few words.
    fn in_short(answer: &Self::Answer) -> String;
}

impl<P: Questions> Kind for Bound<P>
where
    P::Answer: Needy,
{
    fn made(&self, dice: &mut Dice) -> P::Question {
        let made = P::made(self.rules(), dice);
        debug_assert_eq!(P::check_question(&made), Ok(()));
        made
    }

    fn damaged(question: &P::Question, dice: &mut Dice) -> P::Question {
        let damaged = P::damaged(question, dice);
        debug_assert_eq!(P::check_question(&damaged), Ok(()));
        damaged
    }

    fn smaller(question: &P::Question) -> Vec<P::Question> {
        P::smaller(question).into_iter().filter(|smaller| P::check_question(smaller).is_ok()).collect()
    }

    fn size(question: &P::Question) -> usize {
        P::size(question)
    }

    fn arranged(question: &P::Question, dice: &mut Dice) -> Option<(P::Question, Order)> {
        P::arranged(question, dice)
    }

    fn rearranged(outcome: &Self::Outcome, order: &Order) -> Self::Outcome {
        match outcome {
            Answered::Answer(answer) => Answered::Answer(P::rearranged(answer, order)),
            other => other.clone(),
        }
    }

    fn supplied_with(question: &P::Question, ids: &[String]) -> Option<P::Question> {
        P::supplied_with(question, ids)
    }

    fn has(question: &P::Question, id: &str) -> bool {
        P::has(question, id)
    }

    fn unfit(question: &P::Question) -> Option<String> {
        P::check_question(question).err()
    }

    fn alike(one: &Self::Outcome, other: &Self::Outcome) -> bool {
        match (one, other) {
            (Answered::Answer(one), Answered::Answer(other)) => P::gist(one) == P::gist(other),
            (Answered::Failed(one), Answered::Failed(other)) => one.code() == other.code(),
            _ => one == other,
        }
    }

    fn in_short(outcome: &Self::Outcome) -> String {
        match outcome {
            Answered::Answer(answer) => P::in_short(answer),
            Answered::Failed(cause) => cause.code().to_owned(),
            Answered::Fault(_) => "host fault".to_owned(),
        }
    }

    fn try_case(&self, case: &Case) -> Result<(Option<P::Question>, CaseResult), EngineError> {
        let question: P::Question = case.question()?;
        P::check_question(&question).map_err(|why| case.refuse(&why))?;
        let found = match self.ask_alone(&question).outcome {
            Answered::Answer(answer) => serde_json::to_value(answer).expect("an answer is plain data"),
            Answered::Failed(cause) => serde_json::json!({ "failed": cause.code(), "text": cause.to_string() }),
            Answered::Fault(fault) => serde_json::json!({ "fault": fault.to_string() }),
        };
        Ok((Some(question), case.compare(found)))
    }
}

/// The values in these rows.
pub(crate) fn pick<T: Clone>(values: &[T], rows: &[usize]) -> Vec<T> {
    rows.iter().map(|row| values[*row].clone()).collect()
}

/// Rows to keep of so many, the fewest first: halves, then all but a few, then all but one.
pub(crate) fn fewer_rows(count: usize) -> Vec<Vec<usize>> {
    let mut kept = Vec::new();
    let mut cut = count;
    while cut > 0 {
        for from in (0..count).step_by(cut).take(32) {
            kept.push((0..count).filter(|row| !(from..from + cut).contains(row)).collect());
        }
        cut /= 2;
    }
    kept
}

/// A record that nobody wrote: a body that reads, and nothing in it.
pub(crate) fn some_entry(author: String) -> crate::validator::Entry {
    let mut body = atlas_record::cbor::Map::new();
    body.insert("text", atlas_record::Value::Text("supplied".to_owned()));
    crate::validator::Entry {
        space: "bafyr4i".to_owned() + &"a".repeat(52),
        type_name: "example.supplied".to_owned(),
        author,
        created: 1,
        key: None,
        operation: crate::validator::Operation::Put,
        links: vec![],
        blobs: vec![],
        expires: None,
        body: atlas_record::cbor::encode_map(&body),
    }
}
