//! The node on the network: what `host/net` asks of a node is answered here.
//!
//! [`replica`] answers for the store and the ingest pipeline; [`sets`] holds identities and laws as sets
//! to compare, of the people on the [`roster`], in [`pieces`]; [`feed`] tells peers what is new;
//! [`invite`] and [`participation`] are how a space is joined, [`membership`] who may be in a private
//! one. [`Net`] is what the rest of the node sees of it all.

pub mod feed;
pub mod invite;
pub mod membership;
pub mod participation;
mod pieces;
mod replica;
mod roster;
mod sets;
mod strangers;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use atlas_net::session::mesh::{Mesh, MeshStatus};
use atlas_net::swarm::{Config, Dht, Multiaddr, Network, PeerId, Realm, Relay};
use atlas_net::wire;
use atlas_record::{BlobId, SpaceId, TypeName};
use atlas_store::{Batch, DocKind, Item};
use crossbeam_channel::Sender;
use zeroize::Zeroizing;

use crate::error::NodeError;
use crate::node::Node;
use feed::{BACKLOG, Feed, News};
use invite::{Invite, MOST_PEERS};
use participation::Participation;
pub(crate) use replica::BLOB_BYTES;
use replica::NodeReplica;
use sets::IdentitySets;

/// The port that is listened on where nothing else is said, over TCP and QUIC.
pub const DEFAULT_PORT: u16 = 7421;

/// How a node takes part in the network.
#[derive(Debug, Clone)]
pub struct NetConfig {
    /// Where to listen.
    pub listen: Vec<Multiaddr>,
    /// Whether the addresses above may be replaced by free ports if they are taken.
    pub any_port: bool,
    /// Whether to find nodes on the local network.
    pub mdns: bool,
    /// Whether to take part in the DHT.
    pub dht: bool,
    /// Whether to relay for others: always, never, or while strangers can reach this node.
    pub relay: Relay,
    /// Nodes to begin with.
    pub peers: Vec<Multiaddr>,
    /// Addresses that the operator vouches for.
    pub external: Vec<Multiaddr>,
    /// Private addresses count as reachable: a laboratory, a VPN, one machine.
    pub closed: bool,
}

impl Default for NetConfig {
    fn default() -> Self {
        Self {
            listen: Config::everywhere(DEFAULT_PORT),
            any_port: true,
            mdns: true,
            dht: true,
            relay: Relay::Auto,
            peers: Vec::new(),
            external: Vec::new(),
            closed: false,
        }
    }
}

/// A node's part in the network, while it runs.
pub struct Net {
    network: Network,
    mesh: Mesh,
    news: Sender<News>,
    stop: Arc<AtomicBool>,
    feed: std::sync::Mutex<Option<JoinHandle<()>>>,
}

fn unavailable(error: impl std::fmt::Display) -> NodeError {
    NodeError::Unavailable(format!("the network cannot be used: {error}"))
}

/// Reads an address that people give.
pub fn address(text: &str) -> Result<Multiaddr, NodeError> {
    text.parse().map_err(|error| {
        NodeError::Misuse(format!("`{text}` is no address ({error}): expected one as /ip4/192.0.2.1/tcp/7421/p2p/PEER"))
    })
}

/// TCP and QUIC at a port of all interfaces.
pub fn everywhere(port: u16) -> Vec<Multiaddr> {
    Config::everywhere(port)
}

/// Reads whether to relay for others.
pub fn relay(text: &str) -> Option<Relay> {
    match text {
        "on" => Some(Relay::On),
        "off" => Some(Relay::Off),
        "auto" => Some(Relay::Auto),
        _ => None,
    }
}

/// Reads a peer's name.
pub fn peer(text: &str) -> Result<PeerId, NodeError> {
    text.parse().map_err(|error| {
        NodeError::Misuse(format!("`{text}` is no peer's name ({error}): `atlas peer list` shows them"))
    })
}

/// How documents begin that name a peer which the operator has blocked.
const BLOCKED: &[u8] = b"blocked/";

impl Net {
    /// Starts. Has to be called within a runtime.
    pub fn start(node: &Node, config: NetConfig) -> Result<Self, NodeError> {
        let key = node.node_key()?;
        let state = node.dir().join("net");
        atlas_keys::private_folder(&state)?;
        let (network, events) = open(&config, &key, state)?;
        let identities = Arc::new(IdentitySets::default());
        let replica = Arc::new(NodeReplica::new(node.clone(), node.participations().clone(), identities.clone()));
        let mesh =
            Mesh::start(network.clone(), events, replica.clone(), replica, crate::clock::now).map_err(unavailable)?;
        let (news, inbox) = crossbeam_channel::bounded(BACKLOG);
        let stop = Arc::new(AtomicBool::new(false));
        let feed = Feed {
            node: node.clone(),
            mesh: mesh.clone(),
            identities,
            changes: node.store().changes(BACKLOG),
            news: inbox,
            stop: stop.clone(),
        };
        let thread = std::thread::Builder::new().name("net-feed".to_owned()).spawn(move || feed.run());
        let net = Self { network, mesh, news, stop, feed: std::sync::Mutex::new(Some(thread.map_err(unavailable)?)) };
        for peer in node.blocked()? {
            net.mesh.set_blocked(peer, true);
        }
        for (space, participation) in node.participations().all() {
            if let Some(invite) = participation.invite() {
                net.reach(space, &invite);
            }
        }
        Ok(net)
    }

    /// Asks the peers that an invitation names.
    pub fn reach(&self, space: SpaceId, invite: &Invite) {
        let addresses = invite.peers.iter().filter_map(|peer| peer.parse().ok()).collect();
        self.mesh.reach(space, addresses);
    }

    /// Something has changed. Told to peers soon.
    pub fn tell(&self, news: News) {
        // A full queue means that peers are about to compare anyway.
        let _ = self.news.try_send(news);
    }

    /// This node keeps other spaces now, or other types of them.
    pub fn spaces_changed(&self) {
        self.mesh.spaces_changed();
    }

    /// This node's name on the network.
    pub fn peer_id(&self) -> PeerId {
        self.network.peer_id()
    }

    /// Addresses that others may find this node at, each with its name: those that strangers can use first.
    pub fn addresses(&self) -> Vec<Multiaddr> {
        let mut addresses = self.network.external();
        addresses.extend(self.network.listening());
        let me = atlas_net::address::with_peer;
        let mut named: Vec<Multiaddr> = addresses.into_iter().map(|address| me(address, self.peer_id())).collect();
        let mut seen = std::collections::HashSet::new();
        named.retain(|address| seen.insert(address.clone()));
        named
    }

    /// The network itself.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// How it goes.
    pub async fn status(&self) -> Result<MeshStatus, NodeError> {
        self.mesh.status().await.map_err(unavailable)
    }

    /// A blob that a record of a space names, from a peer that has it.
    pub async fn blob(&self, space: SpaceId, id: BlobId, most: u64) -> Result<Option<Vec<u8>>, NodeError> {
        self.mesh.blob(space, id, most).await.map_err(unavailable)
    }

    /// Connects to a peer that someone named, and remembers it.
    pub async fn connect(&self, address: Multiaddr) -> Result<PeerId, NodeError> {
        self.network.dial(address).await.map_err(|error| NodeError::Unavailable(error.to_string()))
    }

    /// Leaves the network. What was under way is given up.
    pub async fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.mesh.stop().await;
        self.network.shutdown().await;
        let feed = self.feed.lock().expect("no thread panics with this lock").take();
        if let Some(feed) = feed {
            let _ = tokio::task::spawn_blocking(move || feed.join()).await;
        }
    }
}

fn open(
    config: &NetConfig,
    key: &Zeroizing<[u8; 32]>,
    state: PathBuf,
) -> Result<(Network, atlas_net::swarm::Events), NodeError> {
    let with = |listen: Vec<Multiaddr>| Config {
        listen,
        external: config.external.clone(),
        known: config.peers.clone(),
        mdns: config.mdns,
        dht: if config.dht { Dht::Auto } else { Dht::Off },
        relay_server: config.relay,
        realm: if config.closed { Realm::Closed } else { Realm::Internet },
        state_dir: Some(state.clone()),
        ..Config::new(key.clone())
    };
    match Network::start(with(config.listen.clone()), &wire::ALL) {
        Ok(started) => Ok(started),
        Err(atlas_net::swarm::NetError::Listen { .. }) if config.any_port => {
            Network::start(with(Config::everywhere(0)), &wire::ALL).map_err(unavailable)
        }
        Err(error) => Err(unavailable(error)),
    }
}

impl Node {
    /// Goes on the network. Has to be called within a runtime, and once in a node's life.
    pub fn go_online(&self, config: NetConfig) -> Result<(), NodeError> {
        self.set_net(Net::start(self, config)?)
    }

    /// Peers that the operator has blocked.
    pub fn blocked(&self) -> Result<Vec<PeerId>, NodeError> {
        let mut blocked = Vec::new();
        for doc in self.store().docs(DocKind::Peer, BLOCKED) {
            blocked.extend(PeerId::from_bytes(doc?.key.get(BLOCKED.len()..).unwrap_or_default()).ok());
        }
        Ok(blocked)
    }

    /// Lets a peer in no more, or again. Durable when it returns.
    pub fn set_blocked(&self, peer: PeerId, blocked: bool) -> Result<(), NodeError> {
        let key = [BLOCKED, &peer.to_bytes()].concat();
        let mut batch = Batch::new();
        if blocked {
            batch.put_doc(DocKind::Peer, key, "");
        } else {
            batch.push(Item::RemoveDoc { kind: DocKind::Peer, key });
        }
        self.store().commit(batch)?;
        if let Some(net) = self.net() {
            net.mesh.set_blocked(peer, blocked);
        }
        Ok(())
    }

    /// Follows an invitation. The space comes once a peer that has it is reached.
    pub fn join(
        &self,
        invite: &Invite,
        name: Option<String>,
        types: Option<Vec<TypeName>>,
        member: Option<String>,
    ) -> Result<(), NodeError> {
        if let Some(name) = &name {
            crate::identities::check_local_name("a space", name)?;
            if self.spaces().all().iter().any(|space| space.name == *name && space.id != invite.space) {
                return Err(NodeError::Exists { what: "space", name: name.clone() });
            }
        }
        if let Some(member) = &member {
            self.identities().entry(Some(member))?;
        }
        for peer in &invite.peers {
            address(peer)?;
        }
        let participation = Participation { types, invite: Some(invite.to_string()), name, member, left: false };
        self.participations().set(invite.space, participation)?;
        if let Some(net) = self.net() {
            net.spaces_changed();
            net.reach(invite.space, invite);
        }
        Ok(())
    }

    /// Leaves a space: from now on nothing of it is exchanged with peers. What is here stays, and
    /// [joining](Self::join) it again goes on from there; one that has not come yet is awaited no more. Says which
    /// space it was, and what it is called here if it is here.
    pub fn leave(&self, name: &str) -> Result<(SpaceId, Option<String>), NodeError> {
        let here = match self.spaces().resolve(Some(name)) {
            Ok(space) => Some(space),
            Err(NodeError::NotFound { .. }) => None,
            Err(error) => return Err(error),
        };
        let left = match here {
            Some(space) => {
                let before = self.participations().of(&space.id);
                self.participations().set(space.id, Participation { invite: None, left: true, ..before })?;
                (space.id, Some(space.name.clone()))
            }
            None => {
                let is_named = |id: &SpaceId, it: &Participation| {
                    let named = it.name.clone().or_else(|| Some(it.invite()?.name)).filter(|it| !it.is_empty());
                    name.parse() == Ok(*id) || named.as_deref() == Some(name)
                };
                let awaited = self.participations().all().into_iter().find(|(id, it)| is_named(id, it));
                let (id, _) = awaited.ok_or_else(|| {
                    NodeError::missing(
                        "space",
                        name,
                        "`atlas space list` and `atlas status` show those that are here or awaited",
                    )
                })?;
                self.participations().forget(&id)?;
                (id, None)
            }
        };
        if let Some(net) = self.net() {
            net.spaces_changed();
        }
        Ok(left)
    }

    /// An invitation to a space, with the addresses that this node is reached at now.
    pub fn invite(&self, name: Option<&str>) -> Result<Invite, NodeError> {
        let space = self.spaces().resolve(name)?;
        if self.participations().of(&space.id).left {
            let (name, id) = (&space.name, space.id);
            let text = format!(
                "this node has left `{name}` and hands nothing of it out: `atlas space join {id}` joins it again"
            );
            return Err(NodeError::Misuse(text));
        }
        let addresses = self.net().map(Net::addresses).unwrap_or_default();
        let mut useful: Vec<_> =
            addresses.iter().filter(|address| !atlas_net::address::is_unspecified(address)).collect();
        // Addresses of this machine are for a network of one machine.
        let near = |address: &&Multiaddr| atlas_net::address::is_near(address);
        if !useful.iter().all(near) {
            useful.retain(|address| !near(address));
        }
        Ok(Invite {
            space: space.id,
            name: space.genesis.document().name.clone(),
            private: membership::is_private(space.current().1),
            peers: useful.into_iter().take(MOST_PEERS).map(ToString::to_string).collect(),
        })
    }
}
