//! How a node takes part in the network. Every limit has a unit and a default that a home
//! machine can bear.

use std::path::PathBuf;
use std::time::Duration;

use libp2p::Multiaddr;
use zeroize::Zeroizing;

/// What [`Network::start`](super::Network::start) needs to know.
pub struct Config {
    /// The secret half of the node key: an ed25519 seed. It is the machine's, not a person's.
    pub key: Zeroizing<[u8; 32]>,
    /// Name and version of the program, as peers see it. At most 64 bytes are shown of others'.
    pub agent: String,
    /// Where to listen. Empty: this node only dials.
    pub listen: Vec<Multiaddr>,
    /// Addresses that the operator vouches for: told to others without a test.
    pub external: Vec<Multiaddr>,
    /// Nodes to begin with, each with `/p2p/`. The network keeps a connection to them.
    pub known: Vec<Multiaddr>,
    /// Which addresses strangers can use.
    pub realm: Realm,
    /// Whether to find nodes on the local network, and be found.
    pub mdns: bool,
    /// Part in the DHT.
    pub dht: Dht,
    /// Whether to carry the signalling of others.
    pub relay_server: Relay,
    /// Where the address book and the provided roots are kept. `None`: nowhere.
    pub state_dir: Option<PathBuf>,
    /// Bounds.
    pub limits: Limits,
    /// How long a connection without any stream stays open.
    pub idle: Duration,
}

impl Config {
    /// A node that listens nowhere, takes part in nothing and writes nothing: the start of
    /// every configuration.
    pub fn new(key: Zeroizing<[u8; 32]>) -> Self {
        Self {
            key,
            agent: concat!("atlas/", env!("CARGO_PKG_VERSION")).to_owned(),
            listen: Vec::new(),
            external: Vec::new(),
            known: Vec::new(),
            realm: Realm::Internet,
            mdns: false,
            dht: Dht::Off,
            relay_server: Relay::Off,
            state_dir: None,
            limits: Limits::default(),
            idle: Duration::from_secs(60),
        }
    }

    /// TCP and QUIC at a port of all interfaces, IPv4 and IPv6. Port 0 lets the system choose,
    /// one for each.
    pub fn everywhere(port: u16) -> Vec<Multiaddr> {
        [
            format!("/ip4/0.0.0.0/tcp/{port}"),
            format!("/ip4/0.0.0.0/udp/{port}/quic-v1"),
            format!("/ip6/::/tcp/{port}"),
            format!("/ip6/::/udp/{port}/quic-v1"),
        ]
        .iter()
        .map(|addr| addr.parse().expect("addresses of this form parse"))
        .collect()
    }
}

/// Which addresses count as reachable by strangers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Realm {
    /// The internet: private and loopback addresses are used where they were learnt, but never
    /// told to anyone, and make nobody reachable.
    Internet,
    /// A network whose private ranges are its internet: a laboratory, a VPN, one machine.
    Closed,
}

/// Part in the DHT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dht {
    /// None.
    Off,
    /// Asks, and answers nobody.
    Client,
    /// Answers while strangers can reach this node, and asks in any case.
    Auto,
}

/// Whether to relay for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relay {
    /// Never.
    Off,
    /// While strangers can reach this node.
    Auto,
    /// Always: the operator says that strangers can reach the listening addresses.
    On,
}

/// Bounds on what strangers can make this node do.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Inbound connections whose handshake is not done.
    pub pending_in: u32,
    /// Dials that are not done.
    pub pending_out: u32,
    /// Inbound connections. Fewer than `total`, so that strangers never take every place.
    pub established_in: u32,
    /// All connections.
    pub total: u32,
    /// Connections to one peer: a relayed one, a punched one, and two that crossed.
    pub per_peer: u32,
    /// Inbound connections, pending ones included, from one IPv4 /24 or IPv6 /48.
    pub per_subnet: usize,
    /// Whether loopback and private addresses are exempt from `per_subnet`: a whole office
    /// or laboratory may share one.
    pub local_exempt: bool,
    /// Memory of the process, in bytes, above which new connections are refused.
    pub memory: Option<usize>,
    /// Streams that one peer has opened to this node and that are still alive. More are
    /// answered with "busy".
    pub streams_in_per_peer: usize,
    /// The same, of all peers.
    pub streams_in_total: usize,
    /// Streams that this node has opened to one peer and that are still alive. More wait.
    pub streams_out_per_peer: usize,
    /// Time for a connection's handshakes, all of them together.
    pub handshake: Duration,
    /// Time to agree on a stream's protocol and be admitted.
    pub open: Duration,
    /// Events that wait for the consumer, above which new inbound connections are refused and
    /// discoveries dropped.
    pub backlog: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pending_in: 64,
            pending_out: 64,
            established_in: 192,
            total: 256,
            per_peer: 4,
            per_subnet: 8,
            local_exempt: true,
            memory: None,
            streams_in_per_peer: 64,
            streams_in_total: 4096,
            streams_out_per_peer: 64,
            handshake: Duration::from_secs(10),
            open: Duration::from_secs(10),
            backlog: 1024,
        }
    }
}

impl Limits {
    /// Inbound streams of one connection that negotiate at a time.
    pub(super) fn negotiating(&self) -> usize {
        self.streams_in_per_peer.max(16)
    }

    /// Streams of one connection, both directions. The multiplexer ends a connection that goes
    /// beyond, so it leaves room for what is not counted here: libp2p's own protocols, and
    /// streams that one side has left and the other not yet.
    pub(super) fn muxed(&self) -> usize {
        self.streams_in_per_peer + self.streams_out_per_peer + 128
    }
}
