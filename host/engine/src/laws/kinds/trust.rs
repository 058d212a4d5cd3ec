//! Graphs: small ones with all that graphs have, seeds that nobody trusts, ends of the scale.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::{Order, Questions, fewer_rows, pick};
use crate::laws::dice::Dice;
use crate::roles::trust::{Edges, Question, Seed, Standing, Trust};

impl Questions for Trust {
    fn made((): &(), dice: &mut Dice) -> Question {
        let identities = dice.below(24) as u32;
        let count = identities as usize;
        let mut numbers = dice.order(count);
        numbers.truncate(dice.below(count.min(5) + 1));
        let seeds = numbers.into_iter().map(|n| {
            let most = if dice.once_in(8) { 1_000_000 } else { 9 };
            Seed { identity: n as u32, weight: dice.within(1, most) as u32 }
        });
        let seeds: Vec<Seed> = seeds.collect();
        let explain = dice.order(count).into_iter().take(4).map(|n| n as u32).collect();
        let mut edges = Edges { truster: vec![], trusted: vec![], weight: vec![], created: vec![] };
        let mut pairs = BTreeSet::new();
        let wanted = if count < 2 { 0 } else { dice.below(count * 4) };
        for _ in 0..wanted {
            let (truster, trusted) = (dice.below(count) as u32, dice.below(count) as u32);
            if truster != trusted && pairs.insert((truster, trusted)) {
                edges.truster.push(truster);
                edges.trusted.push(trusted);
                edges.weight.push(*dice.one_of(&[1000, 1000, 900, 500, 333, 1, 0, -1, -500, -1000]));
                edges.created.push(dice.lifelike());
            }
        }
        Question { identities, seeds, now: dice.lifelike(), explain, chunks: cut(&edges, dice) }
    }

    fn damaged(question: &Question, dice: &mut Dice) -> Question {
        let mut damaged = question.clone();
        let mut edges = joined(question);
        for weight in &mut edges.weight {
            if dice.once_in(3) {
                *weight = dice.within(-1000, 1000) as i32;
            }
        }
        for created in &mut edges.created {
            *created = dice.lifelike();
        }
        match dice.below(4) {
            0 => damaged.seeds.clear(),
            1 => damaged.seeds.iter_mut().for_each(|seed| seed.weight = 1_000_000),
            // Identities whom no edge names.
            2 => damaged.identities += 1000,
            _ => damaged.now = dice.lifelike(),
        }
        damaged.chunks = cut(&edges, dice);
        damaged
    }

    fn smaller(question: &Question) -> Vec<Question> {
        let edges = joined(question);
        let with = |edges: Edges| Question { chunks: vec![edges], ..question.clone() };
        let mut smaller: Vec<Question> =
            fewer_rows(edges.truster.len()).iter().map(|rows| with(rows_of(&edges, rows))).collect();
        smaller.extend(
            fewer_rows(question.seeds.len())
                .iter()
                .map(|rows| Question { seeds: pick(&question.seeds, rows), ..question.clone() }),
        );
        smaller.extend(
            fewer_rows(question.explain.len())
                .iter()
                .map(|rows| Question { explain: pick(&question.explain, rows), ..question.clone() }),
        );
        let named = edges.truster.iter().chain(&edges.trusted).chain(&question.explain).copied();
        let most = named.chain(question.seeds.iter().map(|seed| seed.identity)).max().map_or(0, |most| most + 1);
        smaller.push(Question { identities: most, ..question.clone() });
        if question.chunks.len() > 1 {
            smaller.push(with(edges));
        }
        smaller
    }

    fn size(question: &Question) -> usize {
        let edges: usize = question.chunks.iter().map(|chunk| chunk.truster.len()).sum();
        let parts =
            question.seeds.len() + question.explain.len() + question.chunks.len() + question.identities as usize;
        edges * 4 + parts
    }

    fn arranged(question: &Question, dice: &mut Dice) -> Option<(Question, Order)> {
        let edges = joined(question);
        let turned = rows_of(&edges, &dice.order(edges.truster.len()));
        Some((Question { chunks: cut(&turned, dice), ..question.clone() }, Order::default()))
    }

    fn gist(answer: &Standing) -> Json {
        json!(answer.scores)
    }

    fn in_short(answer: &Standing) -> String {
        let trusted = answer.scores.iter().filter(|score| **score > 0).count();
        format!("{trusted} trusted")
    }
}

fn rows_of(edges: &Edges, rows: &[usize]) -> Edges {
    Edges {
        truster: pick(&edges.truster, rows),
        trusted: pick(&edges.trusted, rows),
        weight: pick(&edges.weight, rows),
        created: pick(&edges.created, rows),
    }
}

fn joined(question: &Question) -> Edges {
    let all = || question.chunks.iter();
    Edges {
        truster: all().flat_map(|it| it.truster.iter().copied()).collect(),
        trusted: all().flat_map(|it| it.trusted.iter().copied()).collect(),
        weight: all().flat_map(|it| it.weight.iter().copied()).collect(),
        created: all().flat_map(|it| it.created.iter().copied()).collect(),
    }
}

fn cut(edges: &Edges, dice: &mut Dice) -> Vec<Edges> {
    let rows: Vec<usize> = (0..edges.truster.len()).collect();
    rows.chunks(1 + dice.below(rows.len().max(1))).map(|rows| rows_of(edges, rows)).collect()
}
