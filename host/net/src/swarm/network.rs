//! The handle: what the rest of the program can ask of the network.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use libp2p::identity::Keypair;
use libp2p::{Multiaddr, PeerId};
use tokio::sync::{mpsc, oneshot, watch};

use super::driver::{self, Command};
use super::event::{self, Events};
use super::shared::{Reachability, Shared};
use super::streams::{Registry, Stream};
use super::{Config, DialError, NetError, OpenError, PeerView, Refusals, Traffic, peer_of};
use crate::book::Book;

/// Commands that wait for the driver. It takes them faster than anybody sends them.
const QUEUE: usize = 256;
/// After this, a shutdown is reported as done whatever has not ended.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running network. Clones are handles to the same one; when the last is dropped, it ends.
#[derive(Clone)]
pub struct Network {
    peer_id: PeerId,
    commands: mpsc::Sender<Command>,
    registry: Registry,
    shared: Arc<Shared>,
    ended: watch::Receiver<bool>,
}

impl Network {
    /// Starts a network that accepts streams of these protocols. It listens when this returns.
    ///
    /// Blocks for milliseconds: sockets are opened, and files are read. It may be called from
    /// inside any runtime or from none; the network has its own threads.
    pub fn start(config: Config, protocols: &[&'static str]) -> Result<(Self, Events), NetError> {
        let mut secret = config.key.clone();
        let keypair = Keypair::ed25519_from_bytes(&mut *secret).map_err(|_| NetError::Key)?;
        if let Some(addr) = config.known.iter().find(|addr| peer_of(addr).is_none()) {
            return Err(NetError::Nameless { addr: addr.clone() });
        }
        let peer_id = keypair.public().to_peer_id();
        let registry = Registry::new(protocols, &config.limits);
        let shared = Arc::new(Shared::new());
        let (outbox, events) = event::channel(config.limits.backlog);
        let (commands, inbox) = mpsc::channel(QUEUE);
        let (ended_sender, ended) = watch::channel(false);
        let (started_sender, started) = std::sync::mpsc::sync_channel(1);

        let parts = driver::Parts { keypair, registry: registry.clone(), shared: shared.clone(), outbox, inbox };
        // Threads carry the end of the id, so that one can tell networks apart.
        let id = peer_id.to_string();
        let mark = id[id.len() - 8..].to_owned();
        thread::Builder::new()
            .name(format!("net-{mark}"))
            .spawn(move || {
                driver::run(config, parts, format!("net-io-{mark}"), started_sender);
                let _ = ended_sender.send(true);
            })
            .map_err(|error| NetError::Setup { what: "a thread", why: error.to_string() })?;
        started.recv().map_err(|_| NetError::Down)??;
        Ok((Self { peer_id, commands, registry, shared, ended }, events))
    }

    /// This node's id: its public key.
    pub fn peer_id(&self) -> PeerId {
        self.peer_id
    }

    /// Where this node listens, circuits through relays included.
    pub fn listening(&self) -> Vec<Multiaddr> {
        self.shared.place().listening.clone()
    }

    /// Where strangers can reach this node: addresses that were tested, or vouched for.
    pub fn external(&self) -> Vec<Multiaddr> {
        self.shared.place().external.clone()
    }

    /// Whether strangers can reach this node.
    pub fn reachability(&self) -> Reachability {
        self.shared.place().reachability
    }

    /// Who is connected, longest connected first.
    pub fn peers(&self) -> Vec<PeerView> {
        self.shared.peers().views(|peer| {
            let traffic = self.shared.meter.peer(peer);
            (traffic.received, traffic.sent)
        })
    }

    /// Whether a peer is connected.
    pub fn is_connected(&self, peer: &PeerId) -> bool {
        self.shared.peers().is_connected(peer)
    }

    /// Bytes since the start.
    pub fn traffic(&self) -> Traffic {
        self.shared.meter.total()
    }

    /// Inbound connections that were refused or failed, by reason.
    pub fn refusals(&self) -> Refusals {
        self.shared.refused.read()
    }

    /// Connects to whoever is at an address, or, if it ends with `/p2p/`, to that node. Returns
    /// who it is.
    pub async fn dial(&self, addr: Multiaddr) -> Result<PeerId, DialError> {
        self.ask(|reply| Command::Dial { addr, reply }).await.unwrap_or(Err(DialError::Down))
    }

    /// Connects to a node, at these addresses and at those that are known of it. Done at once
    /// if it is connected.
    ///
    /// Private addresses are dialed too, for a person may mean them: of those that a stranger
    /// named, pass on only what [`may_tell`](super::may_tell) lets through.
    pub async fn connect(&self, peer: PeerId, addrs: Vec<Multiaddr>) -> Result<(), DialError> {
        let done = self.ask(|reply| Command::Connect { peer, addrs, reply }).await;
        done.unwrap_or(Err(DialError::Down)).map(|_| ())
    }

    /// Ends all connections to a peer. It may come back.
    pub async fn disconnect(&self, peer: PeerId) {
        let _ = self.commands.send(Command::Disconnect(peer)).await;
    }

    /// Ends all connections to a peer and lets it in no more, until [`Self::unblock`] or the end
    /// of this network: whoever keeps a list of blocked peers tells it anew after a start.
    pub async fn block(&self, peer: PeerId) {
        let _ = self.ask(|reply| Command::Block { peer, reply }).await;
    }

    /// Lets a peer in again.
    pub async fn unblock(&self, peer: PeerId) {
        let _ = self.ask(|reply| Command::Unblock { peer, reply }).await;
    }

    /// Opens a stream to a connected peer, on a direct connection if there is one. When this
    /// returns a stream, the peer has taken it. May be dropped at any time.
    pub async fn open(&self, peer: PeerId, protocol: &'static str) -> Result<Stream, OpenError> {
        if *self.ended.borrow() {
            return Err(OpenError::Down);
        }
        self.registry.open(peer, protocol).await
    }

    /// Tells the DHT, now and from now on, that this node provides a root. Kept over restarts
    /// when there is a state directory. An error if there are too many already.
    pub async fn provide(&self, key: [u8; 32]) -> Result<(), NetError> {
        self.ask(|reply| Command::Provide { key, reply }).await.unwrap_or(Err(NetError::Down))
    }

    /// Stops doing so. Others may still say it for 48 hours.
    pub async fn unprovide(&self, key: [u8; 32]) {
        let _ = self.ask(|reply| Command::Unprovide { key, reply }).await;
    }

    /// The roots that this node provides.
    pub async fn provided(&self) -> Vec<[u8; 32]> {
        self.ask(|reply| Command::Provided { reply }).await.unwrap_or_default()
    }

    /// Who provides a root, as far as the DHT knows, and where they are. Takes a few round
    /// trips, at most a minute. Nobody is asked whether it is true.
    pub async fn providers(&self, key: [u8; 32]) -> Vec<(PeerId, Vec<Multiaddr>)> {
        self.ask(|reply| Command::Providers { key, reply }).await.unwrap_or_default()
    }

    /// Asks a relay to carry signalling to this node. The address ends with the relay's `/p2p/`.
    /// Returns this node's address there. The network renews it; see
    /// [`Event::RelayLost`](super::Event::RelayLost).
    pub async fn reserve_relay(&self, relay: Multiaddr) -> Result<Multiaddr, NetError> {
        self.ask(|reply| Command::Reserve { relay, reply }).await.unwrap_or(Err(NetError::Down))
    }

    /// The operator vouches for an address: strangers can reach this node there.
    pub async fn vouch(&self, addr: Multiaddr) {
        let _ = self.ask(|reply| Command::Vouch { addr, reply }).await;
    }

    /// Notes where a node may be, without connecting to it.
    pub async fn remember(&self, peer: PeerId, addrs: Vec<Multiaddr>) {
        let _ = self.ask(|reply| Command::Remember { peer, addrs, reply }).await;
    }

    /// Forgets where a node may be.
    pub async fn forget(&self, peer: PeerId) {
        let _ = self.ask(|reply| Command::Forget { peer, reply }).await;
    }

    /// The address book as it is now. A copy: up to a few megabytes.
    pub async fn book(&self) -> Book {
        self.ask(|reply| Command::Book { reply }).await.unwrap_or_default()
    }

    /// Ends the network: says goodbye to everybody, writes what it keeps, ends its threads.
    /// Returns when that is done, after seconds at most. Every stream breaks.
    pub async fn shutdown(&self) {
        let _ = self.commands.send(Command::Shutdown).await;
        let mut ended = self.ended.clone();
        let _ = tokio::time::timeout(PATIENCE, ended.wait_for(|ended| *ended)).await;
    }

    /// Asks the driver, and waits. `None` if it is gone.
    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.ok()?;
        answer.await.ok()
    }
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network").field("peer_id", &self.peer_id).finish_non_exhaustive()
    }
}
