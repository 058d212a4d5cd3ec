//! Asking modules of the roles beside the validator's, held to the contract that the host
//! holds them to: in another order, or cut otherwise, a question has the same answer.

use crate::economy::{Economy, Items, Peers, Weights};
use crate::governance::{self, Chunk, Governance, Outcome};
use crate::ranker::{self, Ordered, Ranker};
use crate::trust::{self, Edge, Standing, Trust, WHOLE};

/// The standing of a graph, given at once and edge by edge backwards.
///
/// # Panics
/// When both differ, or an answer breaks its bounds.
pub fn standing<T: Trust>(module: &T, question: &trust::Question, edges: &[Edge]) -> Standing {
    let ask = |edges: &mut dyn Iterator<Item = Vec<Edge>>| {
        let mut kept = module.begin(question);
        for chunk in edges {
            module.fold(question, &mut kept, &chunk.into_iter().collect());
        }
        module.finish(question, kept)
    };
    let standing = ask(&mut std::iter::once(edges.to_vec()));
    assert_eq!(standing, ask(&mut edges.iter().rev().map(|edge| vec![*edge])), "order and chunks do not matter");
    assert_eq!(standing.scores.len(), question.identities as usize, "one score for each identity");
    assert!(standing.scores.iter().all(|score| (-WHOLE..=WHOLE).contains(score)), "scores are in range");
    assert_eq!(standing.explanations.len(), question.explain.len(), "one explanation for each that was asked for");
    for (identity, parts) in question.explain.iter().zip(&standing.explanations) {
        assert!(parts.len() <= trust::PARTS, "{} parts", parts.len());
        let sum: i64 = parts.iter().map(|part| i64::from(part.amount)).sum();
        assert_eq!(sum, i64::from(standing.scores[*identity as usize]), "the parts of {identity} add up");
    }
    standing
}

/// The ranking of candidates, given in this order and backwards.
///
/// # Panics
/// When both differ, contributions do not add up, or a candidate vanishes.
pub fn ranking<R: Ranker>(module: &R, question: &ranker::Question) -> Ordered {
    let features = module.rules().features.len();
    let ordered = module.rank(question);
    let back = ranker::Question {
        now: question.now,
        ids: reversed(&question.ids),
        authors: reversed(&question.authors),
        created: reversed(&question.created),
        columns: { question.columns.iter() }
            .map(|it| ranker::Column { name: it.name.clone(), values: reversed(&it.values) })
            .collect(),
    };
    let again = module.rank(&back);
    let shown = |question: &ranker::Question, answer: &Ordered| -> Vec<_> {
        answer.order.iter().map(|row| question.ids[*row as usize].clone()).collect()
    };
    assert_eq!(shown(question, &ordered), shown(&back, &again), "the order of candidates does not matter");
    assert_eq!(ordered.scores, again.scores);
    for (score, parts) in ordered.scores.iter().zip(ordered.contributions.chunks(features)) {
        assert_eq!(*score, parts.iter().sum::<i64>(), "contributions add up");
    }
    let mut rows = ordered.order.clone();
    rows.extend(ordered.left_out.iter().map(|left| left.candidate));
    rows.sort_unstable();
    assert!(rows.iter().copied().eq(0..question.ids.len() as u32), "every candidate stands once: {rows:?}");
    ordered
}

/// The outcome of a tally, given at once and row by row backwards, ballots first.
///
/// # Panics
/// When both differ, or a ballot is neither counted nor set aside.
pub fn tally<G: Governance>(module: &G, question: &governance::Question, whole: &Chunk) -> Outcome {
    let ask = |chunks: &[Chunk]| {
        let mut kept = module.begin(question);
        chunks.iter().for_each(|chunk| module.fold(question, &mut kept, chunk));
        module.finish(question, kept)
    };
    let outcome = ask(std::slice::from_ref(whole));
    assert_eq!(outcome, ask(&rows(whole)), "order and chunks do not matter");
    let cast = whole.ballots.voter.len() as u64;
    assert_eq!(outcome.counted + outcome.set_aside.count() as u64, cast, "every ballot is counted or set aside");
    outcome
}

fn rows(whole: &Chunk) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    let mut add = |change: &dyn Fn(&mut Chunk)| {
        let mut chunk = Chunk::default();
        change(&mut chunk);
        chunks.push(chunk);
    };
    let Chunk { members, ballots, delegations } = whole;
    for row in (0..ballots.voter.len()).rev() {
        add(&|chunk| {
            chunk.ballots.voter.push(ballots.voter[row]);
            chunk.ballots.cast.push(ballots.cast[row]);
            chunk.ballots.body.push(ballots.body[row].clone());
        });
    }
    for row in (0..delegations.voter.len()).rev() {
        add(&|chunk| {
            chunk.delegations.voter.push(delegations.voter[row]);
            chunk.delegations.delegate.push(delegations.delegate[row]);
        });
    }
    for row in (0..members.voter.len()).rev() {
        add(&|chunk| {
            chunk.members.voter.push(members.voter[row]);
            chunk.members.weight.push(members.weight[row]);
            chunk.members.since.push(members.since[row]);
        });
    }
    chunks
}

/// The weights of peers and items, given in this order and backwards.
///
/// # Panics
/// When both differ, or a weight is out of bounds.
pub fn weights<E: Economy>(module: &E, question: &crate::economy::Question) -> Weights {
    let weights = module.weigh(question);
    let Peers { served_us, served_them, keeps, passed, failed, met, active, trust } = &question.peers;
    let peers = Peers {
        served_us: reversed(served_us),
        served_them: reversed(served_them),
        keeps: reversed(keeps),
        passed: reversed(passed),
        failed: reversed(failed),
        met: reversed(met),
        active: reversed(active),
        trust: reversed(trust),
    };
    let Items { size, replicas, voted, pledged, requests, active } = &question.items;
    let items = Items {
        size: reversed(size),
        replicas: reversed(replicas),
        voted: reversed(voted),
        pledged: reversed(pledged),
        requests: reversed(requests),
        active: reversed(active),
    };
    let back = module.weigh(&crate::economy::Question { now: question.now, peers, items });
    let again = Weights {
        service: reversed(&back.service),
        retention: reversed(&back.retention),
        replicas: reversed(&back.replicas),
    };
    assert_eq!(weights, again, "the order of peers and items does not matter");
    assert_eq!(weights.service.len(), question.peers.count(), "one share for each peer");
    assert_eq!(weights.retention.len(), question.items.count(), "one weight for each item");
    assert!(weights.service.iter().all(|share| (1..=crate::economy::SERVICE).contains(share)));
    assert!(weights.replicas.iter().all(|count| *count <= crate::economy::REPLICAS));
    weights
}

fn reversed<T: Clone>(values: &[T]) -> Vec<T> {
    values.iter().rev().cloned().collect()
}
