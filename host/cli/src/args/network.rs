//! What `up` takes of the network, and the commands about peers and members.

use clap::Subcommand;

/// How a node takes part in the network.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Network {
    /// Take no part in the network
    #[arg(long, conflicts_with_all = ["listen", "peers", "external", "relay"])]
    pub offline: bool,
    /// Where to listen: a port for TCP and QUIC, or a multiaddr; repeatable [default: 7421, or any free port]
    #[arg(long, value_name = "PORT|MULTIADDR")]
    pub listen: Vec<String>,
    /// A peer to begin with, as /ip4/192.0.2.1/tcp/7421/p2p/PEER; repeatable
    #[arg(long = "peer", value_name = "MULTIADDR")]
    pub peers: Vec<String>,
    /// An address that strangers can reach this node at; repeatable
    #[arg(long, value_name = "MULTIADDR")]
    pub external: Vec<String>,
    /// Look for nodes on the local network: on or off
    #[arg(long, value_name = "on|off", default_value = "on", action = clap::ArgAction::Set, value_parser = parse_switch)]
    pub mdns: bool,
    /// Take part in the DHT, by which spaces are found by their id alone: on or off
    #[arg(long, value_name = "on|off", default_value = "on", action = clap::ArgAction::Set, value_parser = parse_switch)]
    pub dht: bool,
    /// Relay for nodes that strangers cannot reach: on, off, or auto (while this one can be reached)
    #[arg(long, value_name = "on|off|auto")]
    pub relay: Option<String>,
    /// Private addresses count as reachable: a laboratory or a network of your own
    #[arg(long)]
    pub closed_network: bool,
}

fn parse_switch(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("expected on or off".to_owned()),
    }
}

/// Peer commands.
#[derive(Debug, Subcommand)]
pub enum Peer {
    /// Show this node on the network: its addresses, its peers, how far each space is
    List,
    /// Connect to a peer, and remember where it is
    Add {
        /// As /ip4/192.0.2.1/tcp/7421, with /p2p/PEER if its name is known
        address: String,
    },
    /// Leave a peer, and let it in no more
    Block {
        /// Its name, as `atlas peer list` shows it
        peer: String,
    },
    /// Let a peer in again that was blocked
    Unblock {
        /// Its name
        peer: String,
    },
}

/// Commands about members.
#[derive(Debug, Subcommand)]
pub enum Member {
    /// Show who is listed
    List {
        /// The space, by name or id [default: the only space here]
        #[arg(long)]
        space: Option<String>,
    },
    /// List an identity as a member
    Add {
        /// By local name or id
        identity: String,
        #[command(flatten)]
        place: super::Place,
    },
    /// List an identity no more. It keeps what it has
    Remove {
        /// By local name or id
        identity: String,
        #[command(flatten)]
        place: super::Place,
    },
}

/// What an operator does not keep.
#[derive(Debug, Subcommand)]
pub enum Deny {
    /// Show what is denied
    List,
    /// Drop a record's body or a blob from this node, and keep it out; its header stays
    Add {
        /// The record's or the blob's id
        id: String,
        /// Why, for you and those who ask you
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Let it in again; what was dropped does not come back by itself
    Remove {
        /// The record's or the blob's id
        id: String,
    },
}
