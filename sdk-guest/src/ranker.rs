//! The `ranker` role: in which order are candidates shown?
//!
//! A ranker says of each candidate what it is worth by each feature, or why it is left out
//! ([`Ranker::weigh`]); sums, order and ties are then the SDK's work, so that the
//! contributions add up and nothing vanishes.

use crate::module::Module;
use crate::reason::Reason;
use crate::types::{Id, Timestamp};

/// Something that a ranker weighs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feature {
    /// Lower-case letters, digits and `-`: 1 to 32 bytes.
    pub name: String,
    /// What it measures, for people.
    pub about: String,
}

/// What holds for every ranking.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RankerRules {
    /// What is weighed: 1 to 32 features.
    pub features: Vec<Feature>,
    /// The columns that are wanted, by name: 32 at most.
    pub columns: Vec<String>,
}

impl RankerRules {
    /// No feature yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Weighs this too.
    #[must_use]
    pub fn feature(mut self, name: &str, about: &str) -> Self {
        self.features.push(Feature { name: name.to_owned(), about: about.to_owned() });
        self
    }

    /// Wants this column too.
    #[must_use]
    pub fn column(mut self, name: &str) -> Self {
        self.columns.push(name.to_owned());
        self
    }
}

/// A number for each candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name, as `relevance` or `trust`.
    pub name: String,
    /// One value for each candidate.
    pub values: Vec<i64>,
}

/// Candidates, as columns of equal length.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Question {
    /// The time that the ranking is for.
    pub now: Timestamp,
    /// The record's id. Each stands once.
    pub ids: Vec<Id>,
    /// The record's author, by a number that means nothing beyond this question.
    pub authors: Vec<u32>,
    /// The author's own time.
    pub created: Vec<Timestamp>,
    /// What the host has of the columns that are wanted.
    pub columns: Vec<Column>,
}

impl Question {
    /// The values of a column, where the host has it.
    pub fn column(&self, name: &str) -> Option<&[i64]> {
        self.columns.iter().find(|column| column.name == name).map(|column| column.values.as_slice())
    }
}

/// A candidate that is not shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its row.
    pub candidate: u32,
    /// Why.
    pub reason: Reason,
}

/// The answer. Every row stands once, either in `order` or in `left_out`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ordered {
    /// Rows, the first to be shown first.
    pub order: Vec<u32>,
    /// The score of each, beside `order`.
    pub scores: Vec<i64>,
    /// For each of `order` one value for each feature; they add up to the score.
    pub contributions: Vec<i64>,
    /// What is not shown, by id.
    pub left_out: Vec<LeftOut>,
}

/// Orders candidates. The order in which they are given must not show in the answer.
pub trait Ranker: Module {
    /// Features and columns. May depend on the config, on nothing else.
    fn rules(&self) -> RankerRules;

    /// What each row is worth, by feature, or why it is left out: one for each candidate.
    fn weigh(&self, question: &Question) -> Vec<Result<Vec<i64>, Reason>>;

    /// Orders by the sums of [`weigh`](Self::weigh). Sums that 64 bits cannot hold are cut
    /// off there, at the cost of the largest contributions.
    fn rank(&self, question: &Question) -> Ordered {
        ordered(question, self.weigh(question))
    }
}

/// Puts weighed rows in order: scores fall, and equal scores stand by id.
pub fn ordered(question: &Question, weighed: Vec<Result<Vec<i64>, Reason>>) -> Ordered {
    let mut placed = Vec::new();
    let mut answer = Ordered::default();
    for (row, weighed) in (0..).zip(weighed) {
        match weighed {
            Ok(mut parts) => placed.push((row, sum(&mut parts), parts)),
            Err(reason) => answer.left_out.push(LeftOut { candidate: row, reason }),
        }
    }
    let id = |row: u32| question.ids.get(row as usize);
    placed.sort_unstable_by(|(a, one, _), (b, other, _)| other.cmp(one).then_with(|| id(*a).cmp(&id(*b))));
    answer.left_out.sort_unstable_by(|a, b| id(a.candidate).cmp(&id(b.candidate)));
    for (row, score, parts) in placed {
        answer.order.push(row);
        answer.scores.push(score);
        answer.contributions.extend(parts);
    }
    answer
}

/// The sum, for which a part that would carry it beyond 64 bits is cut.
fn sum(parts: &mut [i64]) -> i64 {
    let mut sum = 0_i64;
    for part in parts {
        let next = sum.saturating_add(*part);
        // Where both have one sign the difference fits; where they differ nothing was cut.
        *part = next.wrapping_sub(sum);
        sum = next;
    }
    sum
}

/// Checks at compile time that a type is a [`Ranker`], and makes the surrounding crate a
/// module that exports it. Does nothing else in a native build.
#[macro_export]
macro_rules! export_ranker {
    ($module:ty) => {
        $crate::__export_role!($module, $crate::ranker::Ranker, ());
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(ids: &[&str]) -> Question {
        Question { ids: ids.iter().map(|id| (*id).to_owned()).collect(), ..Question::default() }
    }

    #[test]
    fn scores_fall_and_equal_scores_stand_by_id() {
        let weighed = vec![Ok(vec![1, 1]), Ok(vec![3, 0]), Ok(vec![0, 2]), Err(Reason::new("no", "no"))];
        let answer = ordered(&question(&["c", "d", "a", "b"]), weighed);
        assert_eq!((answer.order, answer.scores), (vec![1, 2, 0], vec![3, 2, 2]));
        assert_eq!(answer.contributions, [3, 0, 0, 2, 1, 1]);
        assert_eq!(answer.left_out[0].candidate, 3);
    }

    #[test]
    fn contributions_add_up_at_the_ends_of_the_scale_too() {
        for parts in [[i64::MAX, i64::MAX, -1], [i64::MIN, i64::MIN, 1], [i64::MAX, i64::MIN, i64::MAX]] {
            let mut parts = parts;
            let score = sum(&mut parts);
            assert_eq!(parts.iter().map(|part| i128::from(*part)).sum::<i128>(), i128::from(score));
        }
    }
}
