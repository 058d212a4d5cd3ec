//! What peers say to each other, and when: the loops around the pure machines.
//!
//! [`acquaintance`] finds out which spaces two peers share. [`reconcile`] compares one set with
//! one peer, [`fetch`] moves what is missing, [`serve`] is the other end of both. [`joint`] brings a
//! whole space together with one peer, in the order in which things depend on each other:
//! identities, laws, modules, records. [`mesh`] is the one task that owns the overlay machine
//! and does what it decides.
//!
//! Every reader of a stream bounds what it takes, and every writer waits for its peer no longer
//! than [`crate::wire::frame::PATIENCE`]. On the gossip stream, where both sides speak when they like,
//! reading and writing are two tasks: whoever only writes while the other only writes would
//! wait for good.

pub mod acquaintance;
pub mod fetch;
mod joint;
pub mod mesh;
mod pair;
pub mod reconcile;
mod serve;
mod table;
