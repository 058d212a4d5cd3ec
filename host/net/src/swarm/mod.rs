//! The libp2p edge: connections, streams, discovery. It knows peers and bytes; what spaces are,
//! and what is said over a stream, is decided above.
//!
//! ```text
//!   Network (cloneable handle)          Events (one consumer)
//!      │ commands        │ open             ▲ connections, discoveries
//!      ▼                 │                  │ inbound streams
//!   driver ── libp2p swarm ─────────────────┘
//!      │         │       ▼
//!      │         └── streams: one handler per connection; every stream is admitted
//!      │                     or refused in words, none is dropped
//!      ├── address book, saved        (who is where, when to try again)
//!      └── provided roots, saved      (own record store, own republish schedule)
//! ```
//!
//! [`Network::start`] puts all of it on threads of its own: a connection that is busy with bulk
//! data must not starve the timers of the rest of the program, nor the reverse. Everything a
//! caller sees of it is plain async: handles may be used from any runtime.
//!
//! A *node key* identifies a machine, never a person: the peer id is its public key, and
//! nothing in this module signs with anything else.

mod addr;
mod behaviour;
mod config;
mod dialing;
mod disk;
mod driver;
mod error;
mod event;
mod gate;
mod guard;
mod kept;
mod mux;
mod network;
mod peers;
mod react;
mod relays;
mod roots;
mod shared;
mod streams;
mod traffic;
mod transport;

pub use addr::{Scope, is_relayed, may_tell, peer_of, scope, without_peer};
pub use config::{Config, Dht, Limits, Realm, Relay};
pub(crate) use disk::{damaged, read_whole, write_whole};
pub use error::{DialError, NetError, OpenError};
pub use event::{Event, Events, How};
pub use gate::{Refusal, Refusals};
pub use libp2p::{Multiaddr, PeerId};
pub use network::Network;
pub use peers::{Direction, PeerView};
pub use shared::Reachability;
pub use streams::Stream;
pub use traffic::Traffic;

/// What this program says in the identify protocol: peers that say something else speak
/// another protocol.
pub const PROTOCOL: &str = "/atlas/1";
/// The DHT's own protocol name: an Atlas node is in no other program's DHT.
pub const DHT_PROTOCOL: &str = "/atlas/kad/1";
