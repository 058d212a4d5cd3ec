//! Economy modules: ledgers in; whom to serve, what to keep and how often out.

use wasmtime::Store;

use super::Part;
use super::columns::{MAX_ROWS, all_within, answers_within, equal_lengths, one_each};
use crate::machine::{Host, world};
use crate::outcome::{Answered, IllegalAnswer};
use crate::quarantine::{Contradiction, Seen};

mod bindings {
    #![allow(missing_docs, reason = "generated; the WIT comments are carried over")]

    wasmtime::component::bindgen!({
        path: ["../../wit/types-0.1", "../../wit/economy-0.1"],
        world: "atlas:economy/economy",
        with: { "atlas:types/types@0.1.0": crate::machine::module::atlas::types::types },
        additional_derives: [PartialEq, Eq, serde::Serialize, serde::Deserialize],
    });
}

pub use self::bindings::Economy;
pub use self::bindings::exports::atlas::economy::balancing::{Items, Peers, Question, Weights};

/// The largest share of a peer.
pub const MAX_SERVICE: u32 = 1_000_000;
/// Most replicas to aim for.
pub const MAX_REPLICAS: u32 = 1000;

world!(Economy, bindings::EconomyIndices, Economy);

impl Part for Economy {
    type Question = Question;
    type Answer = Weights;
    type Rules = ();

    fn rules(&self, _: &mut Store<Host>) -> wasmtime::Result<()> {
        Ok(())
    }

    fn check_rules((): &()) -> Result<(), String> {
        Ok(())
    }

    fn check_question(question: &Question) -> Result<(), String> {
        let Peers { served_us, served_them, keeps, passed, failed, met, active, trust } = &question.peers;
        let columns = [
            ("served-us", served_us.len()),
            ("served-them", served_them.len()),
            ("keeps", keeps.len()),
            ("passed", passed.len()),
            ("failed", failed.len()),
            ("met", met.len()),
            ("active", active.len()),
            ("trust", trust.len()),
        ];
        equal_lengths("`peers`", MAX_ROWS, &columns)?;
        all_within("`trust`", trust, &(-1_000_000..=1_000_000))?;
        let Items { size, replicas, voted, pledged, requests, active } = &question.items;
        let columns = [
            ("size", size.len()),
            ("replicas", replicas.len()),
            ("voted", voted.len()),
            ("pledged", pledged.len()),
            ("requests", requests.len()),
            ("active", active.len()),
        ];
        equal_lengths("`items`", MAX_ROWS, &columns)?;
        all_within("`pledged`", pledged, &(0..=1))
    }

    fn ask(&self, store: &mut Store<Host>, asked: &[Question]) -> wasmtime::Result<Vec<Weights>> {
        let exports = self.atlas_economy_balancing();
        asked.iter().map(|question| exports.call_weigh(&mut *store, question)).collect()
    }

    fn check_answer((): &(), question: &Question, answer: &Weights) -> Result<(), IllegalAnswer> {
        let Weights { service, retention, replicas } = answer;
        let (peers, items) = (question.peers.met.len(), question.items.size.len());
        one_each("service", service.len(), "peers", peers)?;
        one_each("retention", retention.len(), "items", items)?;
        one_each("replicas", replicas.len(), "items", items)?;
        answers_within("service", service, &(1..=MAX_SERVICE))?;
        answers_within("replicas", replicas, &(0..=MAX_REPLICAS))
    }

    fn accuse(seen: Seen<Question, Answered<Weights>>) -> Contradiction {
        Contradiction::Economy(seen)
    }
}
