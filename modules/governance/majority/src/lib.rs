//! `atlas:majority`: more yes than no decides, if enough of the roll took part.
//!
//! Who is on the roll votes with the weight that it gives; abstaining counts for the quorum
//! and for nothing else. See the README for figures and reasons.

#![cfg_attr(test, allow(clippy::unwrap_used))]

use atlas_sdk::cbor::{Value, decode};
use atlas_sdk::governance::{Chunk, Decision, Governance, Outcome, Question, SetAside};
use atlas_sdk::{Description, Fields, Module, Reason, export_governance, reason};

/// Counts yes and no.
#[derive(Default)]
pub struct Majority;

impl Module for Majority {
    fn describe() -> Description {
        let summary = "More yes than no decides, once a quorum of the roll took part.";
        Description::new("atlas:majority", env!("CARGO_PKG_VERSION"), summary)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Vote {
    Yes,
    No,
    Abstain,
}

/// What is kept of each voter, by number: a line of the roll and a ballot come in any order.
pub struct Kept {
    weight: Vec<Option<u32>>,
    vote: Vec<Option<Result<Vote, Reason>>>,
}

impl Governance for Majority {
    type Kept = Kept;

    fn begin(&self, question: &Question) -> Kept {
        let voters = question.voters as usize;
        Kept { weight: vec![None; voters], vote: vec![None; voters] }
    }

    fn fold(&self, question: &Question, kept: &mut Kept, chunk: &Chunk) {
        for (voter, weight) in chunk.members.voter.iter().zip(&chunk.members.weight) {
            kept.weight[*voter as usize] = Some(*weight);
        }
        let ballots = &chunk.ballots;
        for ((voter, cast), body) in ballots.voter.iter().zip(&ballots.cast).zip(&ballots.body) {
            kept.vote[*voter as usize] = Some(timely(question, *cast).and_then(|()| vote(body)));
        }
    }

    fn finish(&self, question: &Question, kept: Kept) -> Outcome {
        let (mut yes, mut no, mut abstain, mut counted) = (0_i64, 0_i64, 0_i64, 0_u64);
        let mut set_aside = SetAside::new();
        let roll: i64 = kept.weight.iter().flatten().map(|weight| i64::from(*weight)).sum();
        for ((voter, weight), vote) in (0..).zip(kept.weight).zip(kept.vote) {
            match (vote, weight) {
                (None, _) => {}
                (Some(_), None) => set_aside.add(voter, reason!("not-on-roll", "the voter is not on the roll")),
                (Some(Err(why)), Some(_)) => set_aside.add(voter, why),
                (Some(Ok(vote)), Some(weight)) => {
                    counted += 1;
                    *match vote {
                        Vote::Yes => &mut yes,
                        Vote::No => &mut no,
                        Vote::Abstain => &mut abstain,
                    } += i64::from(weight);
                }
            }
        }
        let quorum = quorum(question, roll);
        let (decision, text) = decide(question, yes, no, yes + no + abstain, quorum);
        let figures = vec![("yes", yes), ("no", no), ("abstain", abstain), ("roll", roll), ("quorum", quorum)];
        Outcome { decision, text, figures, counted, set_aside }
    }
}

fn timely(question: &Question, cast: u64) -> Result<(), Reason> {
    if cast < question.opened {
        return Err(reason!("early", "cast before voting began at {}", question.opened));
    }
    if cast > question.closes {
        return Err(reason!("late", "cast after voting ended at {}", question.closes));
    }
    Ok(())
}

/// What a ballot says. Texts are about the rule: one stands for all ballots of its code.
fn vote(body: &[u8]) -> Result<Vote, Reason> {
    let Ok(Value::Map(map)) = decode(body) else {
        return Err(reason!("unreadable", "the ballot is no canonical map"));
    };
    match Fields::new(&map).text("vote").map(|vote| vote.as_str()) {
        Ok("yes") => Ok(Vote::Yes),
        Ok("no") => Ok(Vote::No),
        Ok("abstain") => Ok(Vote::Abstain),
        _ => Err(reason!("no-vote", "expected `vote`: yes, no or abstain")),
    }
}

/// What has to take part, in the roll's thousandths: the parameter `quorum` in percent of the
/// roll, rounded up.
fn quorum(question: &Question, roll: i64) -> i64 {
    let percent = Fields::new(&question.parameters).integer("quorum").map_or(0, |percent| *percent);
    (roll * percent.clamp(0, 100) + 99) / 100
}

fn decide(question: &Question, yes: i64, no: i64, took_part: i64, quorum: i64) -> (Decision, String) {
    let choice = Fields::new(&question.body).text("choice").map_or("vote", |choice| choice.as_str());
    if choice != "vote" {
        let text = format!("the proposal is answered by {}: a majority decides yes or no only", cut(choice));
        return (Decision::Rejected, text);
    }
    if question.now <= question.closes {
        return (Decision::Open, format!("voting is open until {}", question.closes));
    }
    if took_part < quorum || took_part == 0 {
        return (Decision::Rejected, format!("{took_part} took part, and the quorum is {quorum}"));
    }
    if yes > no {
        return (Decision::Accepted(vec![]), format!("{yes} said yes and {no} no"));
    }
    (Decision::Rejected, format!("{yes} said yes and {no} no: more have to say yes"))
}

/// A proposal may hold anything.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(64)]
}

export_governance!(Majority);

#[cfg(test)]
mod tests {
    use atlas_sdk::cbor::encode_map;
    use atlas_sdk::map;
    use atlas_sdk::testing::roles::tally;

    use super::*;

    fn question(quorum: i64) -> Question {
        Question {
            proposal: "bafyproposal".into(),
            opened: 10,
            closes: 20,
            now: 21,
            voters: 6,
            parameters: map! { "quorum": quorum },
            lot: vec![0; 32],
            ..Question::default()
        }
    }

    /// Members with a vote each, then who voted what.
    fn chunk(members: &[u32], votes: &[(u32, &str)]) -> Chunk {
        let mut chunk = Chunk::default();
        for voter in members {
            chunk.members.voter.push(*voter);
            chunk.members.weight.push(1000);
            chunk.members.since.push(0);
        }
        for (voter, vote) in votes {
            chunk.ballots.voter.push(*voter);
            chunk.ballots.cast.push(15);
            chunk.ballots.body.push(encode_map(&map! { "vote": (*vote) }));
        }
        chunk
    }

    fn decision(question: &Question, chunk: &Chunk) -> Decision {
        tally(&Majority, question, chunk).decision
    }

    #[test]
    fn more_yes_than_no_is_accepted_and_a_tie_is_not() {
        let all = [0, 1, 2, 3];
        let accepted = chunk(&all, &[(0, "yes"), (1, "yes"), (2, "no"), (3, "abstain")]);
        assert_eq!(decision(&question(0), &accepted), Decision::Accepted(vec![]));
        assert_eq!(decision(&question(0), &chunk(&all, &[(0, "yes"), (1, "no")])), Decision::Rejected);
        assert_eq!(decision(&question(0), &chunk(&all, &[])), Decision::Rejected);
    }

    #[test]
    fn abstaining_counts_for_the_quorum_only() {
        let votes = chunk(&[0, 1, 2, 3], &[(0, "yes"), (1, "abstain")]);
        assert_eq!(decision(&question(50), &votes), Decision::Accepted(vec![]));
        assert_eq!(decision(&question(51), &votes), Decision::Rejected);
    }

    #[test]
    fn a_ballot_that_does_not_count_is_set_aside_with_a_reason() {
        let mut votes = chunk(&[0, 1, 2, 3], &[(0, "yes"), (4, "no"), (1, "maybe"), (2, "no"), (3, "no")]);
        votes.ballots.cast[3] = 21;
        votes.ballots.body[4] = b"?".to_vec();
        let outcome = tally(&Majority, &question(0), &votes);
        assert_eq!((outcome.decision, outcome.counted), (Decision::Accepted(vec![]), 1));
        let aside: Vec<_> = outcome.set_aside.into_groups().map(|(code, _, voters)| (code, voters)).collect();
        assert_eq!(aside, [("late", vec![2]), ("no-vote", vec![1]), ("not-on-roll", vec![4]), ("unreadable", vec![3])]);
    }

    #[test]
    fn a_weight_is_the_rolls_and_not_the_voters() {
        let mut votes = chunk(&[0, 1, 2], &[(0, "yes"), (1, "no"), (2, "no")]);
        votes.members.weight[0] = 2001;
        assert_eq!(decision(&question(0), &votes), Decision::Accepted(vec![]));
    }

    #[test]
    fn nothing_is_decided_before_voting_ends_or_on_a_question_of_another_kind() {
        let votes = chunk(&[0], &[(0, "yes")]);
        assert_eq!(decision(&Question { now: 20, ..question(0) }, &votes), Decision::Open);
        let ranked = Question { body: map! { "choice": "ranked" }, ..question(0) };
        assert_eq!(decision(&ranked, &votes), Decision::Rejected);
    }
}
