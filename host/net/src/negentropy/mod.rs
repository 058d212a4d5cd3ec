//! Which members of a set does the other side lack, and which do we? Negentropy v1, sans-I/O.
//!
//! Both sides hold a set of [`Item`]s, ordered by time and then by id. The *initiator* cuts its set
//! into ranges and sends a fingerprint of each. The *responder* says nothing about the ranges that
//! agree, cuts those that do not into finer ones, and lists the ids of small ones. Message by message the
//! ranges that differ shrink, until the initiator has learned which ids it alone has and which it
//! needs. Equal ranges cost a few bytes however many members they have.
//!
//! The machines keep nothing between messages but a counter: everything that is asked and answered
//! stands in the message. A message must see one state of the set ([`Items`] of a snapshot), two
//! messages need not.
//!
//! What comes from the other side is bounded in bytes ([`Limits::incoming`]), and so is what it makes
//! us do: a range costs two searches and one sum, and whatever costs more fills the answer, which is
//! bounded too ([`Limits::frame`]). Every way in which a message can be wrong has a name
//! ([`Malformed`]).
//!
//! The protocol is that of any v1 peer. Where a range is cut is the sender's own affair
//! ([`Split`]): at fixed points, as the first implementations do, so that transcripts can be replayed, or at
//! random ones. Whoever knows beforehand which members are summed together can craft members whose sums
//! collide, and so hide a difference. Against random points such a plan holds for one session at most.

mod cut;
mod error;
mod items;
mod machine;
pub mod wire;

pub use cut::Split;
pub use error::{Malformed, ReconcileError};
pub use items::{Fingerprint, Id, Item, Items, Memory, ReservedTime, Sum};
pub use machine::{Initiator, Limits, Responder, Step};
