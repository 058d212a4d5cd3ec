//! The `economy` role: whom does a node serve first, and what does it keep longest?

use crate::module::Module;
use crate::types::Timestamp;

/// The largest share of a peer.
pub const SERVICE: u32 = 1_000_000;
/// Most replicas to aim for.
pub const REPLICAS: u32 = 1_000;

/// Peers, as columns of equal length.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Peers {
    /// Bytes that the peer served to this node.
    pub served_us: Vec<u64>,
    /// Bytes that this node served to the peer.
    pub served_them: Vec<u64>,
    /// Bytes that the peer keeps for this node or its spaces.
    pub keeps: Vec<u64>,
    /// Audits that it passed.
    pub passed: Vec<u32>,
    /// Audits that it failed.
    pub failed: Vec<u32>,
    /// When it was first met.
    pub met: Vec<Timestamp>,
    /// The last receipt between both.
    pub active: Vec<Timestamp>,
    /// Trust in it, in millionths.
    pub trust: Vec<i32>,
}

impl Peers {
    /// How many.
    pub fn count(&self) -> usize {
        self.met.len()
    }
}

/// Items that can be kept, as columns of equal length.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Items {
    /// Bytes.
    pub size: Vec<u64>,
    /// Replicas that are known to be kept.
    pub replicas: Vec<u32>,
    /// Replicas that the space voted for.
    pub voted: Vec<u32>,
    /// Whether this node pledged to keep it: 1, or 0.
    pub pledged: Vec<u8>,
    /// How often it was asked for here.
    pub requests: Vec<u32>,
    /// When it was last asked for, or came.
    pub active: Vec<Timestamp>,
}

impl Items {
    /// How many.
    pub fn count(&self) -> usize {
        self.size.len()
    }
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Question {
    /// The time that the question is about.
    pub now: Timestamp,
    /// Whom the node serves.
    pub peers: Peers,
    /// What it may keep.
    pub items: Items,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Weights {
    /// For each peer its share of what the node sends: 1 to [`SERVICE`].
    pub service: Vec<u32>,
    /// For each item how long it stays: what is lower goes first.
    pub retention: Vec<i64>,
    /// For each item how many replicas to aim for: [`REPLICAS`] at most.
    pub replicas: Vec<u32>,
}

/// Sets priorities. The order of peers and items must not show in the answer.
pub trait Economy: Module {
    /// Weighs peers and items.
    fn weigh(&self, question: &Question) -> Weights;
}

/// Checks at compile time that a type is an [`Economy`] module, and makes the surrounding
/// crate a module that exports it. Does nothing else in a native build.
#[macro_export]
macro_rules! export_economy {
    ($module:ty) => {
        $crate::__export_role!($module, $crate::economy::Economy, ());
    };
}
