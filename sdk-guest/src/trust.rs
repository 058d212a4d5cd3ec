//! The `trust` role: how far is each identity to be trusted, seen from somebody?

use crate::module::Module;
use crate::types::Timestamp;

/// Whole trust, in millionths: as oneself.
pub const WHOLE: i32 = 1_000_000;
/// What an edge's weight of whole trust is, in thousandths.
pub const WHOLE_EDGE: i32 = 1_000;
/// Causes of one explanation.
pub const PARTS: usize = 16;

/// Whose view is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed {
    /// The identity.
    pub identity: u32,
    /// How much it counts beside the other seeds: 1 to 1,000,000.
    pub weight: u32,
}

/// What is asked. Identities are numbers, 0 to `identities - 1`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Question {
    /// How many identities there are.
    pub identities: u32,
    /// Whose view is taken: each identity once.
    pub seeds: Vec<Seed>,
    /// The time that the question is about.
    pub now: Timestamp,
    /// Whose scores are to be explained.
    pub explain: Vec<u32>,
}

/// Statements of trust, as columns of equal length.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edges {
    /// Who trusts.
    pub truster: Vec<u32>,
    /// Who is trusted.
    pub trusted: Vec<u32>,
    /// How far, in thousandths: -1,000 to 1,000.
    pub weight: Vec<i32>,
    /// When it was said.
    pub created: Vec<Timestamp>,
}

/// One statement of trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// Who trusts.
    pub truster: u32,
    /// Who is trusted.
    pub trusted: u32,
    /// How far, in thousandths.
    pub weight: i32,
    /// When it was said.
    pub created: Timestamp,
}

impl Edges {
    /// Row by row.
    pub fn iter(&self) -> impl Iterator<Item = Edge> + '_ {
        let weights = self.weight.iter().zip(&self.created);
        self.truster.iter().zip(&self.trusted).zip(weights).map(|((truster, trusted), (weight, created))| Edge {
            truster: *truster,
            trusted: *trusted,
            weight: *weight,
            created: *created,
        })
    }
}

impl FromIterator<Edge> for Edges {
    fn from_iter<I: IntoIterator<Item = Edge>>(edges: I) -> Self {
        let mut columns = Self::default();
        for edge in edges {
            columns.truster.push(edge.truster);
            columns.trusted.push(edge.trusted);
            columns.weight.push(edge.weight);
            columns.created.push(edge.created);
        }
        columns
    }
}

/// One cause of a score.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// For people, 200 bytes at most.
    pub because: String,
    /// Over whom, from a seed to the identity: 16 at most.
    pub path: Vec<u32>,
    /// What it adds to the score.
    pub amount: i32,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// One score for each identity, in millionths.
    pub scores: Vec<i32>,
    /// For each identity that `explain` names, in that order, the causes of its score: 16 at
    /// most, and their amounts add up to it.
    pub explanations: Vec<Vec<Part>>,
}

/// Scores identities over a graph that arrives in chunks. How edges are ordered and cut must
/// not show in the answer.
pub trait Trust: Module {
    /// What is kept of the edges between chunks.
    type Kept: Send + 'static;

    /// Begins a question.
    fn begin(&self, question: &Question) -> Self::Kept;

    /// Takes a chunk of edges in.
    fn fold(&self, question: &Question, kept: &mut Self::Kept, edges: &Edges);

    /// Answers.
    fn finish(&self, question: &Question, kept: Self::Kept) -> Standing;
}

/// Checks at compile time that a type is a [`Trust`] module, and makes the surrounding crate
/// a module that exports it. Does nothing else in a native build.
#[macro_export]
macro_rules! export_trust {
    ($module:ty) => {
        $crate::__export_role!($module, $crate::trust::Trust, $crate::boundary::trust::Fold<$module>);
    };
}
