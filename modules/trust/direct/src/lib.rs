//! `atlas:direct`: trust as the seeds state it themselves, and nothing that follows from it.
//!
//! A score is the mean of what the seeds say about an identity, weighed by the seeds. See the
//! README.

#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::collections::BTreeMap;

use atlas_sdk::trust::{Edges, PARTS, Part, Question, Standing, Trust, WHOLE, WHOLE_EDGE};
use atlas_sdk::{Description, Module, export_trust};

/// Scores by statements of the seeds alone.
#[derive(Default)]
pub struct Direct;

impl Module for Direct {
    fn describe() -> Description {
        let summary = "Trust as the seeds state it themselves: the mean of what they say, and nothing that follows.";
        Description::new("atlas:direct", env!("CARGO_PKG_VERSION"), summary)
    }
}

/// What a seed says of an identity, in thousandths.
struct Statement {
    seed: u32,
    seed_weight: u32,
    weight: i32,
}

/// Statements by whom they are about.
#[derive(Default)]
pub struct Kept(BTreeMap<u32, Vec<Statement>>);

impl Trust for Direct {
    type Kept = Kept;

    fn begin(&self, _: &Question) -> Kept {
        Kept::default()
    }

    fn fold(&self, question: &Question, kept: &mut Kept, edges: &Edges) {
        for edge in edges.iter() {
            if let Some(seed) = question.seeds.iter().find(|seed| seed.identity == edge.truster) {
                let (seed, seed_weight) = (seed.identity, seed.weight);
                kept.0.entry(edge.trusted).or_default().push(Statement { seed, seed_weight, weight: edge.weight });
            }
        }
    }

    fn finish(&self, question: &Question, kept: Kept) -> Standing {
        let mut scores = vec![0; question.identities as usize];
        let mut causes: BTreeMap<u32, Vec<Part>> = BTreeMap::new();
        for (identity, statements) in kept.0 {
            let parts = parts(identity, statements);
            scores[identity as usize] = parts.iter().map(|part| part.amount).sum();
            if question.explain.contains(&identity) {
                causes.insert(identity, explained(parts));
            }
        }
        // A seed trusts itself, whatever other seeds say of it.
        for seed in &question.seeds {
            scores[seed.identity as usize] = WHOLE;
            let itself = Part { because: "is a seed".to_owned(), path: vec![seed.identity], amount: WHOLE };
            causes.insert(seed.identity, vec![itself]);
        }
        let explanations = question.explain.iter().map(|identity| causes.remove(identity).unwrap_or_default());
        Standing { explanations: explanations.collect(), scores }
    }
}

/// What each statement adds to the mean, in the order of the seeds. Each is rounded towards 0,
/// so that the parts add up to the score and no order of edges shows.
fn parts(identity: u32, mut statements: Vec<Statement>) -> Vec<Part> {
    statements.sort_unstable_by_key(|statement| statement.seed);
    let all: i64 = statements.iter().map(|statement| i64::from(statement.seed_weight)).sum();
    let part = |statement: Statement| {
        let Statement { seed, seed_weight, weight } = statement;
        let whole = i64::from(seed_weight) * i64::from(weight) * i64::from(WHOLE / WHOLE_EDGE);
        let amount = i32::try_from(whole / all.max(1)).expect("a part of a mean of weights lies within them");
        let because = format!("a seed says {weight} of 1000, and counts {seed_weight} of {all}");
        Part { because, path: vec![seed, identity], amount }
    };
    statements.into_iter().map(part).collect()
}

/// The weightiest causes, and the rest in one.
fn explained(mut parts: Vec<Part>) -> Vec<Part> {
    parts.sort_by(|a, b| b.amount.abs().cmp(&a.amount.abs()).then_with(|| a.path.cmp(&b.path)));
    if parts.len() > PARTS {
        let rest = parts.split_off(PARTS - 1);
        let because = format!("{} seeds more say less", rest.len());
        parts.push(Part { because, path: vec![], amount: rest.iter().map(|part| part.amount).sum() });
    }
    parts
}

export_trust!(Direct);

#[cfg(test)]
mod tests {
    use atlas_sdk::testing::roles::standing;
    use atlas_sdk::trust::{Edge, Seed};

    use super::*;

    fn question(seeds: &[(u32, u32)], explain: &[u32]) -> Question {
        let seeds = seeds.iter().map(|&(identity, weight)| Seed { identity, weight }).collect();
        Question { identities: 6, seeds, now: 10, explain: explain.to_vec() }
    }

    fn edges(edges: &[(u32, u32, i32)]) -> Vec<Edge> {
        edges.iter().map(|&(truster, trusted, weight)| Edge { truster, trusted, weight, created: 1 }).collect()
    }

    #[test]
    fn a_score_is_the_mean_of_what_the_seeds_say() {
        let said = edges(&[(0, 2, 1000), (1, 2, -500), (0, 3, 300), (4, 5, 1000), (2, 5, 1000)]);
        let standing = standing(&Direct, &question(&[(0, 3), (1, 1)], &[2, 5, 0]), &said);
        assert_eq!(standing.scores, [1_000_000, 1_000_000, 625_000, 300_000, 0, 0]);
        let amounts: Vec<_> = standing.explanations[0].iter().map(|part| part.amount).collect();
        assert_eq!(amounts, [750_000, -125_000]);
        assert_eq!(standing.explanations[0][0].path, [0, 2]);
        assert!(standing.explanations[1].is_empty(), "whom no seed names has no score, and nothing to explain");
        assert_eq!(standing.explanations[2][0].because, "is a seed");
    }

    #[test]
    fn what_others_say_does_not_count_and_a_seed_is_not_distrusted() {
        let said = edges(&[(3, 4, 1000), (1, 0, -1000)]);
        let standing = standing(&Direct, &question(&[(0, 1)], &[4]), &said);
        assert_eq!(standing.scores, [1_000_000, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn forty_seeds_are_explained_by_the_weightiest_and_the_rest() {
        let seeds = (0..40).map(|identity| Seed { identity, weight: 1 + identity }).collect();
        let question = Question { identities: 41, seeds, now: 0, explain: vec![40] };
        let said: Vec<_> = (0..40).map(|truster| Edge { truster, trusted: 40, weight: 999, created: 0 }).collect();
        let standing = standing(&Direct, &question, &said);
        assert_eq!(standing.explanations[0].len(), 16);
        assert_eq!(standing.explanations[0][15].because, "25 seeds more say less");
    }

    #[test]
    fn nobody_is_asked_about_nobody() {
        assert_eq!(standing(&Direct, &Question::default(), &[]), Standing::default());
    }
}
