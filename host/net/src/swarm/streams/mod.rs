//! Streams with named protocols, each admitted or refused in words.
//!
//! Opening a stream agrees on its protocol first; then the side that accepts writes one byte:
//! admitted, or busy. It is admitted when the peer holds fewer streams here than it may, and
//! the admission lasts as long as the stream, so the byte is the whole of the flow control: a
//! slow consumer leads to "busy" at the other side, and never to a stream that the other side
//! believes open and this one has dropped. It costs no round trip, for it travels with the
//! answer to the protocol's name.
//!
//! ```text
//!   opener                               acceptor
//!     ── multistream header, protocol ──▶
//!     ◀─ multistream header, protocol ───
//!     ◀─ 1 admitted │ 0 busy ────────────   then the stream belongs to the protocol
//! ```
//!
//! A peer may be connected more than once. New streams take a direct connection if there is
//! one, and the youngest of those: the older one may be the half of a crossing that the other
//! side is about to close.

mod behaviour;
mod handler;
mod registry;
mod stream;
mod upgrade;

pub(super) use behaviour::Behaviour;
pub(super) use registry::{Places, Registry};
pub use stream::Stream;
