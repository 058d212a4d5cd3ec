//! `atlas:recent`: the newest first, and nothing else. The null ranker: it weighs no opinion,
//! leaves nothing out, and is what others are compared with. See the README.

use atlas_sdk::ranker::{Question, Ranker, RankerRules};
use atlas_sdk::{Description, Module, Reason, export_ranker};

/// Orders by time.
#[derive(Default)]
pub struct Recent;

impl Module for Recent {
    fn describe() -> Description {
        Description::new("atlas:recent", env!("CARGO_PKG_VERSION"), "The newest first, and nothing else.")
    }
}

impl Ranker for Recent {
    fn rules(&self) -> RankerRules {
        RankerRules::new().feature("created", "the author's own time in milliseconds, and the present at most")
    }

    fn weigh(&self, question: &Question) -> Vec<Result<Vec<i64>, Reason>> {
        // Who dates a record into the future gains nothing by it.
        let time = |created: &u64| i64::try_from((*created).min(question.now)).unwrap_or(i64::MAX);
        question.created.iter().map(|created| Ok(vec![time(created)])).collect()
    }
}

export_ranker!(Recent);

#[cfg(test)]
mod tests {
    use atlas_sdk::testing::roles::ranking;

    use super::*;

    fn question(created: &[u64]) -> Question {
        let ids = (0..created.len()).map(|n| format!("bafy{n}")).collect();
        Question { now: 100, ids, authors: vec![0; created.len()], created: created.to_vec(), columns: vec![] }
    }

    #[test]
    fn the_newest_stands_first_and_nothing_is_left_out() {
        let ordered = ranking(&Recent, &question(&[30, 90, 10]));
        assert_eq!((ordered.order, ordered.left_out), (vec![1, 0, 2], vec![]));
    }

    #[test]
    fn the_future_is_no_better_than_the_present() {
        assert_eq!(ranking(&Recent, &question(&[u64::MAX, 100, 99])).scores, [100, 100, 99]);
    }
}
