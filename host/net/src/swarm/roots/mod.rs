//! Which spaces are provided where: the only thing that Atlas keeps in a DHT.
//!
//! A *root* is a 32-byte key, the id of a public space, and what the DHT holds for it is who
//! provides it. [`Store`] is the record store behind libp2p's Kademlia: this node's own roots,
//! as many as it has spaces, and of other nodes' those whose keys are nearest to this node.
//! [`Schedule`] decides when an own root is published again. Both survive a restart.

mod schedule;
mod store;

pub(super) use schedule::{NEW, RENEWED, Schedule};
pub(super) use store::{Bounds, Store};
