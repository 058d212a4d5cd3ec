//! The `governance` role: what does a community decide, given its ballots?

use std::collections::BTreeMap;

use crate::cbor::Map;
use crate::module::Module;
use crate::reason::Reason;
use crate::types::{Id, Timestamp};

/// One vote, in the thousandths that a roll gives weights in.
pub const ONE_VOTE: u32 = 1_000;

/// What is asked. Voters are numbers, 0 to `voters - 1`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Question {
    /// The proposal's record id.
    pub proposal: Id,
    /// Who proposed, where that is one of the voters.
    pub proposer: Option<u32>,
    /// The proposal's body. Empty where it cannot be read.
    pub body: Map,
    /// When voting began, in effective time.
    pub opened: Timestamp,
    /// When it ends.
    pub closes: Timestamp,
    /// The effective time of the cut that is counted.
    pub now: Timestamp,
    /// How many voters there are, on the roll or not.
    pub voters: u32,
    /// The constitution's parameters. Empty where they cannot be read.
    pub parameters: Map,
    /// 32 bytes that nobody knew before voting ended.
    pub lot: Vec<u8>,
}

/// Who may vote, as columns of equal length.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Members {
    /// The member.
    pub voter: Vec<u32>,
    /// In thousandths of one vote.
    pub weight: Vec<u32>,
    /// Since when.
    pub since: Vec<Timestamp>,
}

/// Ballots, as columns of equal length.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ballots {
    /// Who voted; not always a member.
    pub voter: Vec<u32>,
    /// When, in effective time.
    pub cast: Vec<Timestamp>,
    /// The ballot's body: canonical DAG-CBOR.
    pub body: Vec<Vec<u8>>,
}

/// Who lets another vote in his place, as columns of equal length.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Delegations {
    /// Who delegates.
    pub voter: Vec<u32>,
    /// To whom.
    pub delegate: Vec<u32>,
}

/// A part of the input.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chunk {
    /// A part of the roll.
    pub members: Members,
    /// A part of the ballots.
    pub ballots: Ballots,
    /// A part of the delegations.
    pub delegations: Delegations,
}

/// What was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It is accepted, or these options are chosen.
    Accepted(Vec<u32>),
    /// It is not.
    Rejected,
    /// Not yet.
    Open,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What was decided.
    pub decision: Decision,
    /// Why, in a sentence or two.
    pub text: String,
    /// The numbers that it rests on, each name once.
    pub figures: Vec<(&'static str, i64)>,
    /// How many ballots count.
    pub counted: u64,
    /// Those that do not.
    pub set_aside: SetAside,
}

/// Ballots that do not count, by reason. Puts them in the order that the world wants.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SetAside(BTreeMap<&'static str, (String, Vec<u32>)>);

impl SetAside {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the ballot of a voter aside. The text of the first reason of a code stands for all,
    /// so it is about the rule, and not about the voter.
    pub fn add(&mut self, voter: u32, reason: Reason) {
        self.0.entry(reason.code).or_insert_with(|| (reason.text, Vec::new())).1.push(voter);
    }

    /// How many ballots.
    pub fn count(&self) -> usize {
        self.0.values().map(|(_, voters)| voters.len()).sum()
    }

    /// Code, text and voters, in order.
    pub fn into_groups(self) -> impl Iterator<Item = (&'static str, String, Vec<u32>)> {
        self.0.into_iter().map(|(code, (text, mut voters))| {
            voters.sort_unstable();
            (code, text, voters)
        })
    }
}

/// Turns ballots into a decision. They arrive in chunks, together with the roll; how both are
/// ordered and cut must not show in the outcome.
pub trait Governance: Module {
    /// What is kept of roll and ballots between chunks.
    type Kept: Send + 'static;

    /// Begins a tally.
    fn begin(&self, question: &Question) -> Self::Kept;

    /// Takes a chunk in.
    fn fold(&self, question: &Question, kept: &mut Self::Kept, chunk: &Chunk);

    /// Answers.
    fn finish(&self, question: &Question, kept: Self::Kept) -> Outcome;
}

/// Checks at compile time that a type is a [`Governance`] module, and makes the surrounding
/// crate a module that exports it. Does nothing else in a native build.
#[macro_export]
macro_rules! export_governance {
    ($module:ty) => {
        $crate::__export_role!($module, $crate::governance::Governance, $crate::boundary::governance::Fold<$module>);
    };
}
