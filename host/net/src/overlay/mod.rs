//! Announce and pull: how what one node writes reaches all others, and how a node deals with peers
//! that lie. One machine per node, without clock and I/O.
//!
//! A node that has taken in something new *announces* it, a time and an id, to its *neighbours* in the
//! space: a few that it chose, and a few that chose it. They *pull* what they lack; the host passes it through ingest; what was accepted is announced
//! on. So nothing spreads that the node in between has not checked. What announcements miss, *reconciliation* finds
//! ([`crate::negentropy`]), and its findings go onto the same *want-list*: one place decides what is fetched
//! from whom, how much at once, and what happens if it does not come.
//!
//! Everything a peer can cause is bounded ([`Config`]). What does not fit is dropped, and counted, and
//! the space is reconciled later: so a bound costs time, never a record. What a peer does wrong costs it points ([`Offence`]);
//! who has too many is *limited*, then *left* for a while. Announcements that were never
//! fetched cost nothing but a share of the list; announcements that cannot be served cost the announcer.
//!
//! Neighbours, places in the peer table and partners of reconciliation are chosen so that one part of the network (a
//! *group*, such as a subnet) cannot take them all: whoever wants to isolate a node needs addresses everywhere.
//!
//! The host feeds events in, then does what [`Overlay::next_action`] says until there is nothing, and calls
//! [`Overlay::tick`] at [`Overlay::next_wake`]. Chance comes from a seed and time is an argument, so
//! the simulator runs this code as it ships.

mod agree;
mod announce;
mod config;
mod machine;
mod pace;
mod peer;
mod pull;
mod recent;
mod score;
mod space;
mod status;
mod types;
mod wants;

pub use config::Config;
pub use machine::Overlay;
pub(crate) use pace::Rate;
pub use score::{Offence, Reason, Standing};
pub use status::{Load, PeerStatus, SpaceStatus};
pub use types::{Action, End, Entry, Follows, Known, Millis, Outcome, PeerKey, Refusal, Room, Set, Tally, Token};
