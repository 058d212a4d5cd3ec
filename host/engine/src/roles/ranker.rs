//! Rankers: candidates in, an order out that adds up and leaves nothing out in silence.

use wasmtime::Store;

use super::Part;
use super::columns::{all_different, all_within, equal_lengths, is_name, one_each};
use crate::machine::answer::{MAX_SENTENCE, check_reason, cut};
use crate::machine::{Host, world};
use crate::outcome::{Answered, IllegalAnswer};
use crate::quarantine::{Contradiction, Seen};

mod bindings {
    #![allow(missing_docs, reason = "generated; the WIT comments are carried over")]

    wasmtime::component::bindgen!({
        path: ["../../wit/types-0.1", "../../wit/ranker-0.1"],
        world: "atlas:ranker/ranker",
        with: { "atlas:types/types@0.1.0": crate::machine::module::atlas::types::types },
        additional_derives: [PartialEq, Eq, serde::Serialize, serde::Deserialize],
    });
}

pub use self::bindings::Ranker;
pub use self::bindings::exports::atlas::ranker::ranking::{
    Column, Feature, LeftOut, Ordered, Question, RankerRules as Rules,
};

/// Candidates of one question.
pub const MAX_CANDIDATES: usize = 4096;
/// Features that a ranker weighs, and columns that it may want.
pub const MAX_FEATURES: usize = 32;

world!(Ranker, bindings::RankerIndices, Ranker);

impl Part for Ranker {
    type Question = Question;
    type Answer = Ordered;
    type Rules = Rules;

    fn rules(&self, store: &mut Store<Host>) -> wasmtime::Result<Rules> {
        self.atlas_ranker_ranking().call_rules(store)
    }

    fn check_rules(rules: &Rules) -> Result<(), String> {
        let Rules { features, columns } = rules;
        all_within("the number of features", &[features.len()], &(1..=MAX_FEATURES))?;
        all_within("the number of columns", &[columns.len()], &(0..=MAX_FEATURES))?;
        let names = || features.iter().map(|feature| &feature.name);
        if let Some(bad) = names().chain(columns).find(|name| !is_name(name)) {
            return Err(format!("`{}` is not 1 to 32 lower-case letters, digits and `-`", cut(bad)));
        }
        if let Some(long) = features.iter().find(|feature| feature.about.len() > MAX_SENTENCE) {
            return Err(format!("what feature `{}` says of itself is too long", long.name));
        }
        all_different("`features`", names())?;
        all_different("`columns`", columns)
    }

    fn check_question(question: &Question) -> Result<(), String> {
        let Question { now: _, ids, authors, created, columns } = question;
        let mut lengths = vec![("ids", ids.len()), ("authors", authors.len()), ("created", created.len())];
        lengths.extend(columns.iter().map(|column| (column.name.as_str(), column.values.len())));
        equal_lengths("the candidates", MAX_CANDIDATES, &lengths)?;
        all_within("the number of columns", &[columns.len()], &(0..=MAX_FEATURES))?;
        all_different("`columns`", columns.iter().map(|column| &column.name))?;
        all_different("`ids`", ids)
    }

    fn ask(&self, store: &mut Store<Host>, asked: &[Question]) -> wasmtime::Result<Vec<Ordered>> {
        let exports = self.atlas_ranker_ranking();
        asked.iter().map(|question| exports.call_rank(&mut *store, question)).collect()
    }

    fn check_answer(rules: &Rules, question: &Question, answer: &Ordered) -> Result<(), IllegalAnswer> {
        let Ordered { order, scores, contributions, left_out } = answer;
        let features = rules.features.len();
        one_each("scores", scores.len(), "rows of `order`", order.len())?;
        one_each("contributions", contributions.len(), "rows of `order` and features", order.len() * features)?;
        check_presence(question, order, left_out)?;
        for ((row, score), parts) in order.iter().zip(scores).zip(contributions.chunks(features)) {
            let sum: i128 = parts.iter().map(|part| i128::from(*part)).sum();
            if sum != i128::from(*score) {
                return Err(IllegalAnswer::SumDiffers(format!(
                    "the contributions to row {row} add up to {sum}, and its score is {score}"
                )));
            }
        }
        let id = |row: u32| &question.ids[row as usize];
        let placed: Vec<_> =
            order.iter().zip(scores).map(|(row, score)| (std::cmp::Reverse(*score), id(*row))).collect();
        if let Some(at) = placed.windows(2).position(|pair| pair[0] >= pair[1]) {
            let (row, next) = (order[at], order[at + 1]);
            return Err(IllegalAnswer::OutOfOrder(format!(
                "row {row} (score {}) stands before row {next} (score {}): scores fall, and equal scores stand by id",
                scores[at],
                scores[at + 1]
            )));
        }
        let left: Vec<_> = left_out.iter().map(|left| id(left.candidate)).collect();
        if let Some(pair) = left.windows(2).find(|pair| pair[0] >= pair[1]) {
            return Err(IllegalAnswer::OutOfOrder(format!(
                "`left-out` has {} before {}: it stands by id",
                pair[0], pair[1]
            )));
        }
        left_out.iter().try_for_each(|left| check_reason(&left.reason))
    }

    fn accuse(seen: Seen<Question, Answered<Ordered>>) -> Contradiction {
        Contradiction::Ranker(seen)
    }
}

/// Every row stands once.
fn check_presence(question: &Question, order: &[u32], left_out: &[LeftOut]) -> Result<(), IllegalAnswer> {
    let mut stands = vec![false; question.ids.len()];
    for row in order.iter().copied().chain(left_out.iter().map(|left| left.candidate)) {
        match stands.get_mut(row as usize) {
            None => {
                let text = format!("the answer names row {row}, and there are {}", question.ids.len());
                return Err(IllegalAnswer::OutOfRange(text));
            }
            Some(true) => return Err(IllegalAnswer::Twice(format!("row {row} stands twice"))),
            Some(stands) => *stands = true,
        }
    }
    match stands.iter().position(|stands| !stands) {
        Some(row) => {
            Err(IllegalAnswer::Vanished(format!("row {row} is neither in `order` nor in `left-out` with a reason")))
        }
        None => Ok(()),
    }
}
