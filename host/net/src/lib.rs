//! Nodes that find each other, agree, and stay in agreement.
//!
//! Read in this order: [`wire`] (what is said), [`negentropy`] (which members of a set does the other side
//! lack), [`overlay`] (whom to tell, whom to ask, whom to leave), [`session`] (the loops around these
//! machines), [`swarm`] (libp2p: connections and streams), [`replica`] (what all of it asks of the node).
//!
//! The machines are pure: time and chance are arguments, so that the simulator runs thousands of nodes
//! of the code that ships. A peer is never trusted: what it sends is checked by the node before anyone
//! else hears of it.

pub mod address;
pub mod book;
pub mod negentropy;
pub mod overlay;
pub mod replica;
pub mod session;
#[cfg(feature = "sim")]
pub mod sim;
pub mod swarm;
pub mod wire;
