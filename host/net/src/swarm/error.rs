//! What can go wrong at the edge, by what a caller does next.

use std::io;
use std::path::PathBuf;

use libp2p::{Multiaddr, PeerId};

use super::gate;

/// Why a network did not start.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// The node key is no ed25519 seed.
    #[error("the node key is not an ed25519 secret: make a new one")]
    Key,
    /// A transport could not be made.
    #[error("cannot set up {what}: {why}")]
    Setup {
        /// Which part.
        what: &'static str,
        /// The part's own words.
        why: String,
    },
    /// An address to listen on is taken, not ours, or of a kind that is not spoken.
    #[error("cannot listen on {addr}: {why}; choose another port or address")]
    Listen {
        /// The address.
        addr: Multiaddr,
        /// The system's words.
        why: String,
    },
    /// A known node's address does not say who it is.
    #[error("{addr} does not name a node: it has to end with /p2p/ and the node's id")]
    Nameless {
        /// The address.
        addr: Multiaddr,
    },
    /// A relay did not grant what was asked, or cannot be asked.
    #[error("{relay} does not relay for this node: {why}")]
    Relay {
        /// The relay.
        relay: PeerId,
        /// Why.
        why: String,
    },
    /// More roots than a node provides.
    #[error("this node provides as many roots as it may: stop providing others first")]
    TooManyRoots,
    /// What is kept on disk cannot be read or written.
    #[error("cannot {what} {path}: {source}")]
    File {
        /// The verb.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// A file holds something else than it should. It is left as it is.
    #[error("{path} is damaged ({why}): move it away, and it will be built anew")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The network has been shut down.
    #[error("the network has been shut down")]
    Down,
}

/// Why there is no connection.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DialError {
    /// No address is known.
    #[error("no address of {0} is known: give one, or wait until it is discovered")]
    NoAddress(PeerId),
    /// Every address was tried.
    #[error("nobody could be reached: {}", list(.0))]
    Unreachable(Vec<(Multiaddr, String)>),
    /// Somebody else answers there.
    #[error("at {addr} is {found}, which is somebody else")]
    SomebodyElse {
        /// The address.
        addr: Multiaddr,
        /// Who is there.
        found: PeerId,
    },
    /// This node itself answers there.
    #[error("{0} is this node itself")]
    Self_(Multiaddr),
    /// This node does not want the connection.
    #[error("refused here: {0}")]
    Refused(gate::Refusal),
    /// It was given up on the way.
    #[error("the attempt was given up")]
    Aborted,
    /// The network has been shut down.
    #[error("the network has been shut down")]
    Down,
}

fn list(tries: &[(Multiaddr, String)]) -> String {
    tries.iter().map(|(addr, why)| format!("{addr}: {why}")).collect::<Vec<_>>().join("; ")
}

/// Why a stream was not opened.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OpenError {
    /// There is no connection: dial first.
    #[error("not connected to {0}")]
    NotConnected(PeerId),
    /// The peer does not speak this protocol.
    #[error("{peer} does not speak {protocol}")]
    NotSpoken {
        /// The peer.
        peer: PeerId,
        /// The protocol.
        protocol: &'static str,
    },
    /// The peer has as many streams of ours as it takes. Finish some, or ask later.
    #[error("{0} is busy: finish other streams first, or ask later")]
    Busy(PeerId),
    /// The peer did not answer in time, or this node's own streams to it are all in use.
    #[error("no answer from {0} in time")]
    TimedOut(PeerId),
    /// The connection broke meanwhile.
    #[error("the connection to {peer} broke: {why}")]
    Broken {
        /// The peer.
        peer: PeerId,
        /// The connection's words.
        why: String,
    },
    /// This network was not started with this protocol.
    #[error("{0} is not among this network's protocols")]
    Unknown(&'static str),
    /// The network has been shut down.
    #[error("the network has been shut down")]
    Down,
}
