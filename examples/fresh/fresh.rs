//! Orders what is fresh and talked about first: age, replies, and nobody whom the viewer distrusts.
//!
//! This is the whole module. `rules` says what it weighs; `weigh` says what each candidate is
//! worth by each feature, or why it is left out. Change them into your own.

use atlas_sdk::ranker::{Question, Ranker, RankerRules};
use atlas_sdk::{Description, Module, Reason, export_ranker};

/// What is new is worth this much, and loses a sixtieth of a thousandth of it with each second.
const FRESH: i64 = 1_000_000;
/// What a minute takes off.
const MINUTE: i64 = 1_000;
/// What a reply is worth.
const REPLY: i64 = 20_000;
/// Replies beyond these add nothing.
const MOST_REPLIES: i64 = 100;

/// Orders by age and replies.
#[derive(Default)]
pub struct Fresh;

impl Module for Fresh {
    fn describe() -> Description {
        Description::new("example:fresh", env!("CARGO_PKG_VERSION"), "What is fresh and talked about first.")
    }
}

impl Ranker for Fresh {
    fn rules(&self) -> RankerRules {
        RankerRules::new()
            .feature("fresh", "a million when new, a thousand less with each minute")
            .feature("replies", "20,000 for each reply, up to a hundred of them")
            .column("replies")
            .column("trust")
    }

    fn weigh(&self, question: &Question) -> Vec<Result<Vec<i64>, Reason>> {
        let (replies, trust) = (question.column("replies"), question.column("trust"));
        let row = |at: usize| {
            if trust.is_some_and(|trust| trust[at] < 0) {
                return Err(Reason::new("distrusted", "the viewer distrusts its author"));
            }
            // Who dates a record into the future gains nothing by it.
            let minutes = question.now.saturating_sub(question.created[at]) / 60_000;
            let fresh = FRESH - i64::try_from(minutes).unwrap_or(i64::MAX).min(FRESH / MINUTE) * MINUTE;
            let replies = replies.map_or(0, |replies| replies[at].clamp(0, MOST_REPLIES) * REPLY);
            Ok(vec![fresh, replies])
        };
        (0..question.ids.len()).map(row).collect()
    }
}

export_ranker!(Fresh);

#[cfg(test)]
mod tests {
    use atlas_sdk::ranker::Column;
    use atlas_sdk::testing::roles::ranking;

    use super::*;

    const HOUR: u64 = 3_600_000;

    fn question(created: &[u64], columns: Vec<Column>) -> Question {
        let ids = (0..created.len()).map(|n| format!("bafy{n}")).collect();
        Question { now: 100 * HOUR, ids, authors: vec![0; created.len()], created: created.to_vec(), columns }
    }

    #[test]
    fn replies_make_up_for_age() {
        let replies = Column { name: "replies".to_owned(), values: vec![0, 10, 0] };
        let ordered = ranking(&Fresh, &question(&[99 * HOUR, 98 * HOUR, 10 * HOUR], vec![replies]));
        assert_eq!((ordered.order, ordered.scores), (vec![1, 0, 2], vec![1_080_000, 940_000, 0]));
    }

    #[test]
    fn whom_the_viewer_distrusts_is_left_out_by_name() {
        let trust = Column { name: "trust".to_owned(), values: vec![5, -1] };
        let ordered = ranking(&Fresh, &question(&[0, 0], vec![trust]));
        assert_eq!((ordered.order, ordered.left_out[0].candidate), (vec![0], 1));
        assert_eq!(ordered.left_out[0].reason.code, "distrusted");
    }
}
