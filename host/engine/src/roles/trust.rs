//! Trust modules: a graph in, scores out, some of them explained.

use wasmtime::Store;

use super::Part;
use super::columns::{
    MAX_NUMBERED, MAX_ROWS, all_below, all_different, all_within, answers_within, equal_lengths, one_each,
};
use crate::machine::answer::cut;
use crate::machine::{Host, world};
use crate::outcome::{Answered, IllegalAnswer};
use crate::quarantine::{Contradiction, Seen};

mod bindings {
    #![allow(missing_docs, reason = "generated; the WIT comments are carried over")]

    wasmtime::component::bindgen!({
        path: ["../../wit/types-0.1", "../../wit/trust-0.1"],
        world: "atlas:trust/trust",
        with: { "atlas:types/types@0.1.0": crate::machine::module::atlas::types::types },
        additional_derives: [PartialEq, Eq, serde::Serialize, serde::Deserialize],
    });
}

pub use self::bindings::Trust;
use self::bindings::exports::atlas::trust::trusting::Question as Asked;
pub use self::bindings::exports::atlas::trust::trusting::{Edges, Explanation, Part as Cause, Seed, Standing};

/// Whole trust, in millionths.
pub const WHOLE: i32 = 1_000_000;
/// Seeds of one question.
pub const MAX_SEEDS: usize = 1024;
/// Identities that one question asks to explain.
pub const MAX_EXPLAINED: usize = 256;
/// Causes of one score, and identities on one path.
pub const MAX_PARTS: usize = 16;
const MAX_BECAUSE: usize = 200;

/// A whole question: what is asked, and the graph in chunks.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Question {
    /// How many identities there are.
    pub identities: u32,
    /// Whose view is taken.
    pub seeds: Vec<Seed>,
    /// The time that the question is about.
    pub now: u64,
    /// Whose scores are to be explained.
    #[serde(default)]
    pub explain: Vec<u32>,
    /// The edges. How they are cut into chunks does not show in the answer.
    pub chunks: Vec<Edges>,
}

world!(Trust, bindings::TrustIndices, Trust);

impl Part for Trust {
    type Question = Question;
    type Answer = Standing;
    type Rules = ();

    fn rules(&self, _: &mut Store<Host>) -> wasmtime::Result<()> {
        Ok(())
    }

    fn check_rules((): &()) -> Result<(), String> {
        Ok(())
    }

    fn check_question(question: &Question) -> Result<(), String> {
        let Question { identities, seeds, now: _, explain, chunks } = question;
        all_within("`identities`", &[*identities], &(0..=MAX_NUMBERED))?;
        all_within("the number of seeds", &[seeds.len()], &(0..=MAX_SEEDS))?;
        all_within("the number of explanations", &[explain.len()], &(0..=MAX_EXPLAINED))?;
        let seeded: Vec<u32> = seeds.iter().map(|seed| seed.identity).collect();
        all_below("a seed", &seeded, *identities)?;
        all_different("`seeds`", seeded)?;
        all_within("a seed's weight", &seeds.iter().map(|seed| seed.weight).collect::<Vec<_>>(), &(1..=1_000_000))?;
        all_below("`explain`", explain, *identities)?;
        all_different("`explain`", explain)?;
        for edges in chunks {
            let Edges { truster, trusted, weight, created } = edges;
            let columns = [
                ("truster", truster.len()),
                ("trusted", trusted.len()),
                ("weight", weight.len()),
                ("created", created.len()),
            ];
            equal_lengths("a chunk of edges", MAX_ROWS, &columns)?;
            all_below("`truster`", truster, *identities)?;
            all_below("`trusted`", trusted, *identities)?;
            all_within("`weight`", weight, &(-1000..=1000))?;
            if let Some(own) = truster.iter().zip(trusted).find(|(a, b)| a == b) {
                return Err(format!("identity {} trusts itself", own.0));
            }
        }
        let pairs = chunks.iter().flat_map(|edges| edges.truster.iter().zip(&edges.trusted));
        all_different("the edges", pairs.map(|(a, b)| u64::from(*a) << 32 | u64::from(*b)))
    }

    fn ask(&self, store: &mut Store<Host>, asked: &[Question]) -> wasmtime::Result<Vec<Standing>> {
        let exports = self.atlas_trust_trusting();
        let one = |question: &Question| {
            let Question { identities, seeds, now, explain, chunks } = question;
            let asked = Asked { identities: *identities, seeds: seeds.clone(), now: *now, explain: explain.clone() };
            exports.call_init(&mut *store, &asked)?;
            for chunk in chunks {
                exports.call_fold(&mut *store, chunk)?;
            }
            exports.call_finish(&mut *store)
        };
        asked.iter().map(one).collect()
    }

    fn check_answer((): &(), question: &Question, answer: &Standing) -> Result<(), IllegalAnswer> {
        let Standing { scores, explanations } = answer;
        one_each("scores", scores.len(), "identities", question.identities as usize)?;
        answers_within("scores", scores, &(-WHOLE..=WHOLE))?;
        one_each("explanations", explanations.len(), "identities to explain", question.explain.len())?;
        for (wanted, explanation) in question.explain.iter().zip(explanations) {
            check_explanation(*wanted, scores[*wanted as usize], question.identities, explanation)?;
        }
        Ok(())
    }

    fn accuse(seen: Seen<Question, Answered<Standing>>) -> Contradiction {
        Contradiction::Trust(seen)
    }
}

fn check_explanation(wanted: u32, score: i32, identities: u32, found: &Explanation) -> Result<(), IllegalAnswer> {
    let Explanation { identity, parts } = found;
    if *identity != wanted {
        return Err(IllegalAnswer::OutOfOrder(format!("the explanation of {wanted} is about {identity}")));
    }
    if parts.len() > MAX_PARTS {
        return Err(IllegalAnswer::TooLong(format!("the explanation of {wanted}: {} parts", parts.len())));
    }
    for part in parts {
        if part.because.len() > MAX_BECAUSE {
            return Err(IllegalAnswer::TooLong(format!("a cause `{}`", cut(&part.because))));
        }
        if part.path.len() > MAX_PARTS {
            return Err(IllegalAnswer::TooLong(format!("a path of {} identities", part.path.len())));
        }
        all_below("a path", &part.path, identities).map_err(IllegalAnswer::OutOfRange)?;
    }
    let sum: i64 = parts.iter().map(|part| i64::from(part.amount)).sum();
    if sum != i64::from(score) {
        return Err(IllegalAnswer::SumDiffers(format!(
            "the parts that explain {wanted} add up to {sum}, and its score is {score}"
        )));
    }
    Ok(())
}
