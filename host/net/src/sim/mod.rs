//! Thousands of nodes in one thread: virtual time, one seed, and the machines as they ship.
//!
//! A [`World`] has nodes, links between them and one queue of events. An honest node is
//! an [`Overlay`](crate::overlay::Overlay), both sides of [`crate::negentropy`] and a [`Replica`] in memory; a
//! [`Lie`] is a node that does one thing wrong, as hard as it can. Links have latency, jitter and bandwidth,
//! and are streams: a lost packet delays what comes behind it, and sometimes a connection breaks.
//! Networks fall apart and heal, nodes go and come back with what they had on disk and an empty memory.
//!
//! Nothing is left to the machine it runs on: the same seed gives the same events in the same order, and [`World::digest`]
//! says so.

mod liar;
mod link;
mod message;
mod node;
mod record;
mod world;

pub use liar::Lie;
pub use link::Network;
pub use record::{Record, Replica, entry, kind, space};
pub use world::{World, WorldConfig};

/// Names a node: its number in the world.
pub type Name = u32;

/// Microseconds of virtual time: transmission takes less than a millisecond.
pub type Micros = u64;

/// The clock of the machines.
pub(crate) fn millis(now: Micros) -> crate::overlay::Millis {
    now / 1000
}
