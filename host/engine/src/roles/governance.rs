//! Governance modules: a roll and ballots in, a decision out that accounts for each ballot.

use wasmtime::Store;

use super::Part;
use super::columns::{MAX_NUMBERED, MAX_ROWS, all_below, all_different, all_within, equal_lengths};
use crate::machine::answer::{MAX_REASON_CODE, MAX_SENTENCE, check_reason, cut, is_code};
use crate::machine::{Host, world};
use crate::outcome::{Answered, IllegalAnswer};
use crate::quarantine::{Contradiction, Seen};

mod bindings {
    #![allow(missing_docs, reason = "generated; the WIT comments are carried over")]

    wasmtime::component::bindgen!({
        path: ["../../wit/types-0.1", "../../wit/governance-0.1"],
        world: "atlas:governance/governance",
        with: { "atlas:types/types@0.1.0": crate::machine::module::atlas::types::types },
        additional_derives: [PartialEq, Eq, serde::Serialize, serde::Deserialize],
    });
}

pub use self::bindings::Governance;
use self::bindings::exports::atlas::governance::tallying::Question as Asked;
pub use self::bindings::exports::atlas::governance::tallying::{
    Ballots, Chunk, Decision, Delegations, Figure, Members, Outcome as Tallied, SetAside,
};

/// Options that a decision may choose.
pub const MAX_CHOSEN: usize = 64;
/// Figures of one outcome.
pub const MAX_FIGURES: usize = 256;
/// Reasons for which ballots are set aside.
pub const MAX_REASONS: usize = 64;

/// A whole question: what is asked, and roll and ballots in chunks.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Question {
    /// The proposal's record id.
    pub proposal: String,
    /// Who proposed, where that is one of the voters.
    #[serde(default)]
    pub proposer: Option<u32>,
    /// The proposal's body: canonical DAG-CBOR.
    pub body: Vec<u8>,
    /// When voting began.
    pub opened: u64,
    /// When it ends.
    pub closes: u64,
    /// The effective time of the cut that is counted.
    pub now: u64,
    /// How many voters there are, on the roll or not.
    pub voters: u32,
    /// The constitution's parameters: a canonical DAG-CBOR map.
    pub parameters: Vec<u8>,
    /// 32 bytes that nobody knew before voting ended.
    pub lot: Vec<u8>,
    /// Roll and ballots. How they are cut into chunks does not show in the outcome.
    pub chunks: Vec<Chunk>,
}

world!(Governance, bindings::GovernanceIndices, Governance);

impl Part for Governance {
    type Question = Question;
    type Answer = Tallied;
    type Rules = ();

    fn rules(&self, _: &mut Store<Host>) -> wasmtime::Result<()> {
        Ok(())
    }

    fn check_rules((): &()) -> Result<(), String> {
        Ok(())
    }

    fn check_question(question: &Question) -> Result<(), String> {
        all_within("`voters`", &[question.voters], &(0..=MAX_NUMBERED))?;
        all_below("`proposer`", question.proposer.as_slice(), question.voters)?;
        if question.lot.len() != 32 {
            return Err(format!("`lot` has {} bytes, 32 are expected", question.lot.len()));
        }
        for Chunk { members, ballots, delegations } in &question.chunks {
            let columns =
                [("voter", members.voter.len()), ("weight", members.weight.len()), ("since", members.since.len())];
            equal_lengths("a chunk of members", MAX_ROWS, &columns)?;
            let columns = [("voter", ballots.voter.len()), ("cast", ballots.cast.len()), ("body", ballots.body.len())];
            equal_lengths("a chunk of ballots", MAX_ROWS, &columns)?;
            let columns = [("voter", delegations.voter.len()), ("delegate", delegations.delegate.len())];
            equal_lengths("a chunk of delegations", MAX_ROWS, &columns)?;
            let rows = members.voter.len() + ballots.voter.len() + delegations.voter.len();
            all_within("the rows of a chunk", &[rows], &(0..=MAX_ROWS))?;
            all_within("`weight`", &members.weight, &(0..=1_000_000))?;
            for numbers in [&members.voter, &ballots.voter, &delegations.voter, &delegations.delegate] {
                all_below("a column", numbers, question.voters)?;
            }
        }
        let chunks = || question.chunks.iter();
        all_different("the roll", chunks().flat_map(|chunk| &chunk.members.voter))?;
        all_different("the voters of ballots", chunks().flat_map(|chunk| &chunk.ballots.voter))?;
        let pairs = chunks().flat_map(|chunk| chunk.delegations.voter.iter().zip(&chunk.delegations.delegate));
        all_different("the delegations", pairs.map(|(a, b)| u64::from(*a) << 32 | u64::from(*b)))
    }

    fn ask(&self, store: &mut Store<Host>, asked: &[Question]) -> wasmtime::Result<Vec<Tallied>> {
        let exports = self.atlas_governance_tallying();
        let one = |question: &Question| {
            exports.call_init(&mut *store, &asked_of(question))?;
            for chunk in &question.chunks {
                exports.call_fold(&mut *store, chunk)?;
            }
            exports.call_finish(&mut *store)
        };
        asked.iter().map(one).collect()
    }

    fn check_answer((): &(), question: &Question, answer: &Tallied) -> Result<(), IllegalAnswer> {
        let Tallied { decision, text, figures, counted, set_aside } = answer;
        if let Decision::Accepted(chosen) = decision {
            if chosen.len() > MAX_CHOSEN {
                return Err(IllegalAnswer::TooLong(format!("`accepted`: {} options", chosen.len())));
            }
            all_different("`accepted`", chosen).map_err(IllegalAnswer::Twice)?;
        }
        if text.len() > MAX_SENTENCE {
            return Err(IllegalAnswer::TooLong("the outcome's text".into()));
        }
        if figures.len() > MAX_FIGURES {
            return Err(IllegalAnswer::TooLong(format!("`figures`: {} of them", figures.len())));
        }
        if let Some(bad) = figures.iter().find(|it| it.name.len() > MAX_REASON_CODE || !is_code(&it.name)) {
            return Err(IllegalAnswer::OutOfRange(format!("`{}` is no name of a figure", cut(&bad.name))));
        }
        all_different("`figures`", figures.iter().map(|figure| &figure.name)).map_err(IllegalAnswer::Twice)?;
        check_account(question, *counted, set_aside)
    }

    fn accuse(seen: Seen<Question, Answered<Tallied>>) -> Contradiction {
        Contradiction::Governance(seen)
    }
}

fn asked_of(question: &Question) -> Asked {
    let Question { proposal, proposer, body, opened, closes, now, voters, parameters, lot, chunks: _ } = question;
    Asked {
        proposal: proposal.clone(),
        proposer: *proposer,
        body: body.clone(),
        opened: *opened,
        closes: *closes,
        now: *now,
        voters: *voters,
        parameters: parameters.clone(),
        lot: lot.clone(),
    }
}

/// Every ballot is counted or set aside, and nothing is set aside that was no ballot.
fn check_account(question: &Question, counted: u64, set_aside: &[SetAside]) -> Result<(), IllegalAnswer> {
    if set_aside.len() > MAX_REASONS {
        return Err(IllegalAnswer::TooLong(format!("`set-aside`: {} reasons", set_aside.len())));
    }
    set_aside.iter().try_for_each(|it| check_reason(&it.reason))?;
    if let Some(pair) = set_aside.windows(2).find(|pair| pair[0].reason.code >= pair[1].reason.code) {
        let (one, other) = (&pair[0].reason.code, &pair[1].reason.code);
        return Err(IllegalAnswer::OutOfOrder(format!("`set-aside` has {one} before {other}: it stands by code")));
    }
    let mut voted = vec![false; question.voters as usize];
    let ballots = question.chunks.iter().flat_map(|chunk| &chunk.ballots.voter);
    let mut cast = 0_u64;
    for voter in ballots {
        voted[*voter as usize] = true;
        cast += 1;
    }
    let mut aside = 0_u64;
    for it in set_aside {
        if let Some(pair) = it.voters.windows(2).find(|pair| pair[0] >= pair[1]) {
            let text = format!("voter {} stands before {}: voters stand by number", pair[0], pair[1]);
            return Err(IllegalAnswer::OutOfOrder(text));
        }
        for voter in &it.voters {
            match voted.get_mut(*voter as usize) {
                Some(voted) if *voted => *voted = false,
                _ => {
                    let text = format!("voter {voter} is set aside without a ballot, or twice");
                    return Err(IllegalAnswer::Twice(text));
                }
            }
            aside += 1;
        }
    }
    if counted + aside != cast {
        return Err(IllegalAnswer::Vanished(format!(
            "{cast} ballots were cast, {counted} are counted and {aside} set aside with a reason"
        )));
    }
    Ok(())
}
