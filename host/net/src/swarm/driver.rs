//! The loop that owns the swarm: takes commands, and what has to be done from time to time.
//! What happens on the network comes in through [`react`](super::react).

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant, SystemTime};

use futures_util::StreamExt as _;
use libp2p::core::transport::ListenerId;
use libp2p::identity::Keypair;
use libp2p::kad::{self, QueryId, RecordKey};
use libp2p::swarm::Swarm;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::{Multiaddr, PeerId};
use tokio::sync::{mpsc, oneshot};

use super::behaviour::Behaviour;
use super::dialing::{self, Waiting, explain, worth_dialing};
use super::event::Outbox;
use super::guard::Doors;
use super::kept::Kept;
use super::relays::{Offers, Reservation};
use super::roots::{Bounds, NEW, RENEWED, Schedule, Store};
use super::shared::{Reachability, Shared};
use super::streams::{self, Places, Registry};
use super::{Config, Dht, DialError, How, NetError, Realm, Relay, gate, peer_of, transport, without_peer};
use crate::book::Book;

/// How often to look whether something is due.
const TICK: Duration = Duration::from_secs(1);
/// How long to wait at the end for connections to close.
const GOODBYE: Duration = Duration::from_millis(500);
/// How long to wait at the end for tasks.
const RUNTIME: Duration = Duration::from_secs(2);
/// Threads for connections. More would not help: each connection is one task.
const WORKERS: usize = 2;

/// What the handle asks for.
pub(super) enum Command {
    Dial { addr: Multiaddr, reply: dialing::Reply },
    Connect { peer: PeerId, addrs: Vec<Multiaddr>, reply: dialing::Reply },
    Disconnect(PeerId),
    Block { peer: PeerId, reply: oneshot::Sender<()> },
    Unblock { peer: PeerId, reply: oneshot::Sender<()> },
    Provide { key: [u8; 32], reply: oneshot::Sender<Result<(), NetError>> },
    Unprovide { key: [u8; 32], reply: oneshot::Sender<()> },
    Provided { reply: oneshot::Sender<Vec<[u8; 32]>> },
    Providers { key: [u8; 32], reply: oneshot::Sender<Found> },
    Reserve { relay: Multiaddr, reply: oneshot::Sender<Result<Multiaddr, NetError>> },
    Vouch { addr: Multiaddr, reply: oneshot::Sender<()> },
    Remember { peer: PeerId, addrs: Vec<Multiaddr>, reply: oneshot::Sender<()> },
    Forget { peer: PeerId, reply: oneshot::Sender<()> },
    Book { reply: oneshot::Sender<Book> },
    Shutdown,
}

/// Providers and where they are.
pub(super) type Found = Vec<(PeerId, Vec<Multiaddr>)>;

/// What a driver is made of, beside its configuration.
pub(super) struct Parts {
    pub(super) keypair: Keypair,
    pub(super) registry: Registry,
    pub(super) shared: Arc<Shared>,
    pub(super) outbox: Outbox,
    pub(super) inbox: mpsc::Receiver<Command>,
}

/// A search for providers.
pub(super) struct Seek {
    pub(super) found: HashMap<PeerId, Vec<Multiaddr>>,
    pub(super) reply: oneshot::Sender<Found>,
}

pub(super) struct Driver {
    pub(super) swarm: Swarm<Behaviour>,
    inbox: mpsc::Receiver<Command>,
    pub(super) outbox: Outbox,
    pub(super) shared: Arc<Shared>,
    pub(super) realm: Realm,
    pub(super) dht: Dht,
    pub(super) relay_server: Relay,
    known: HashMap<PeerId, Vec<Multiaddr>>,
    /// The operator's word, which no test takes back.
    pub(super) vouched: Vec<Multiaddr>,
    pub(super) book: Book,
    pub(super) waiting: Waiting,
    pub(super) schedule: Schedule,
    pub(super) publishing: HashMap<QueryId, [u8; 32]>,
    pub(super) seeking: HashMap<QueryId, Seek>,
    pub(super) relays: HashMap<ListenerId, Reservation>,
    pub(super) offers: Offers,
    /// Whether others tried to reach an address of this node and could not.
    pub(super) unreached: bool,
    kept: Option<Kept>,
    pub(super) doors: Doors,
    started: Instant,
}

/// Runs a network to its end, on this thread and those it makes.
pub(super) fn run(config: Config, parts: Parts, threads: String, started: SyncSender<Result<(), NetError>>) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).thread_name(threads).enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = started.send(Err(NetError::Setup { what: "a runtime", why: error.to_string() }));
            return;
        }
    };
    runtime.block_on(async {
        match Driver::new(config, parts) {
            Ok(driver) => {
                let _ = started.send(Ok(()));
                driver.run().await;
            }
            Err(error) => {
                let _ = started.send(Err(error));
            }
        }
    });
    runtime.shutdown_timeout(RUNTIME);
}

/// Milliseconds since 1970.
pub(super) fn clock() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}

impl Driver {
    fn new(config: Config, parts: Parts) -> Result<Self, NetError> {
        let Parts { keypair, registry, shared, outbox, inbox } = parts;
        let local = keypair.public().to_peer_id();
        let (mut book, mut roots, mut kept) = (Book::new(), Store::new(local, Bounds::default()), None);
        if let Some(folder) = &config.state_dir {
            let opened = Kept::open(folder)?;
            book = Book::load(&opened.book())?;
            roots = Store::load(&opened.roots(), local, Bounds::default(), Instant::now(), clock())?;
            kept = Some(opened);
        }
        let mut schedule = Schedule::default();
        for key in roots.own().filter_map(|key| <[u8; 32]>::try_from(key.as_ref()).ok()) {
            schedule.add(key, RENEWED);
        }

        let doors = Doors::new(config.realm);
        let (transport, relay_client) = transport::build(&keypair, &config.limits, &shared, doors.clone())?;
        let gate = gate::Behaviour::new(&config.limits, outbox.clone());
        let places = Places::new(&config.limits);
        let streams = streams::Behaviour::new(registry, places, outbox.clone(), shared.clone());
        let behaviour = Behaviour::new(&config, &keypair, relay_client, gate, streams, roots)?;
        let swarm_config = libp2p::swarm::Config::with_tokio_executor()
            .with_smart_dial()
            .with_idle_connection_timeout(config.idle)
            .with_max_negotiating_inbound_streams(config.limits.negotiating());
        let mut swarm = Swarm::new(transport, behaviour, local, swarm_config);
        for addr in &config.listen {
            let failed =
                |error: &dyn std::error::Error| NetError::Listen { addr: addr.clone(), why: dialing::chain(error) };
            swarm.listen_on(addr.clone()).map_err(|error| failed(&error))?;
        }

        let mut driver = Self {
            swarm,
            inbox,
            outbox,
            shared,
            realm: config.realm,
            dht: config.dht,
            relay_server: config.relay_server,
            known: HashMap::new(),
            vouched: Vec::new(),
            book,
            waiting: Waiting::default(),
            schedule,
            publishing: HashMap::new(),
            seeking: HashMap::new(),
            relays: HashMap::new(),
            offers: Offers::default(),
            unreached: false,
            kept,
            doors,
            started: Instant::now(),
        };
        config.external.into_iter().for_each(|addr| driver.vouch(addr));
        for addr in config.known {
            let Some(peer) = peer_of(&addr) else { return Err(NetError::Nameless { addr }) };
            driver.book.heard(peer, std::slice::from_ref(&addr), How::Given, clock());
            driver.known.entry(peer).or_default().push(addr);
        }
        // What made a known node unreachable before the restart may be gone.
        driver.dial_known(true);
        Ok(driver)
    }

    async fn run(mut self) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                command = self.inbox.recv() => match command {
                    None | Some(Command::Shutdown) => break,
                    Some(command) => self.obey(command),
                },
                event = self.swarm.select_next_some() => self.react(event),
                _ = tick.tick() => self.tick(),
            }
        }
        self.leave().await;
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Dial { addr, reply } => match peer_of(&addr) {
                Some(peer) => self.connect(peer, vec![addr], reply),
                None => {
                    self.doors.open(std::slice::from_ref(&addr));
                    self.dial(DialOpts::unknown_peer_id().address(addr).build(), None, reply);
                }
            },
            Command::Connect { peer, addrs, reply } => self.connect(peer, addrs, reply),
            Command::Disconnect(peer) => {
                let _ = self.swarm.disconnect_peer_id(peer);
            }
            Command::Block { peer, reply } => {
                self.swarm.behaviour_mut().blocked.block_peer(peer);
                if let Some(dht) = self.swarm.behaviour_mut().dht.as_mut() {
                    dht.remove_peer(&peer);
                }
                let _ = reply.send(());
            }
            Command::Unblock { peer, reply } => {
                self.swarm.behaviour_mut().blocked.unblock_peer(peer);
                let _ = reply.send(());
            }
            Command::Provide { key, reply } => {
                let _ = reply.send(self.provide(key));
            }
            Command::Unprovide { key, reply } => {
                self.schedule.remove(&key);
                if let Some(dht) = self.swarm.behaviour_mut().dht.as_mut() {
                    dht.stop_providing(&RecordKey::new(&key));
                }
                let _ = reply.send(());
            }
            Command::Provided { reply } => {
                let _ = reply.send(self.schedule.keys().copied().collect());
            }
            Command::Providers { key, reply } => self.seek(key, reply),
            Command::Reserve { relay, reply } => self.reserve(relay, reply),
            Command::Vouch { addr, reply } => {
                self.vouch(addr);
                let _ = reply.send(());
            }
            Command::Remember { peer, addrs, reply } => {
                self.book.heard(peer, &addrs, How::Given, clock());
                let _ = reply.send(());
            }
            Command::Forget { peer, reply } => {
                self.book.forget(&peer);
                let _ = reply.send(());
            }
            Command::Book { reply } => {
                let _ = reply.send(self.book.clone());
            }
            Command::Shutdown => {}
        }
    }

    fn connect(&mut self, peer: PeerId, given: Vec<Multiaddr>, reply: dialing::Reply) {
        if !given.is_empty() {
            self.book.heard(peer, &given, How::Given, clock());
        }
        if self.swarm.is_connected(&peer) {
            let _ = reply.send(Ok(peer));
            return;
        }
        // Who names an address does not want to wait for the failure of another one.
        let condition =
            if given.is_empty() { PeerCondition::DisconnectedAndNotDialing } else { PeerCondition::Disconnected };
        let opts = DialOpts::peer_id(peer).condition(condition).addresses(self.addresses(&peer, given));
        self.dial(opts.build(), Some(peer), reply);
    }

    /// Where to dial a node, and may: what was given, and what the book knows.
    fn addresses(&self, peer: &PeerId, given: Vec<Multiaddr>) -> Vec<Multiaddr> {
        // What was given first; both together, so that a way over TCP that is known on the same network is taken.
        let mut addrs: Vec<_> = given.iter().map(without_peer).collect();
        let known = self.book.addresses(peer);
        addrs.extend(known.into_iter().filter(|addr| !given.iter().any(|given| without_peer(given) == *addr)));
        let addrs = worth_dialing(addrs, |addr| self.book.has_failed(peer, addr));
        self.doors.open(&addrs);
        addrs
    }

    fn dial(&mut self, opts: DialOpts, peer: Option<PeerId>, reply: dialing::Reply) {
        let id = opts.connection_id();
        match self.swarm.dial(opts) {
            Ok(()) => self.waiting.dial(id, reply),
            Err(error) => match (explain(error, peer), peer) {
                (Some(error), _) => {
                    let _ = reply.send(Err(error));
                }
                (None, Some(peer)) => self.waiting.peer(peer, reply),
                (None, None) => {
                    let _ = reply.send(Err(DialError::Aborted));
                }
            },
        }
    }

    /// Dials known nodes that are not connected, once their wait is over, or all of them.
    fn dial_known(&mut self, all: bool) {
        let now = clock();
        let due: Vec<_> = self
            .known
            .keys()
            .filter(|peer| !self.swarm.is_connected(peer) && (all || self.book.next_try(peer) <= now))
            .copied()
            .collect();
        for peer in due {
            let addrs = self.addresses(&peer, self.known[&peer].clone());
            let opts = DialOpts::peer_id(peer).condition(PeerCondition::DisconnectedAndNotDialing).addresses(addrs);
            if let Err(error) = self.swarm.dial(opts.build())
                && let Some(error) = explain(error, Some(peer))
            {
                tracing::debug!(%peer, %error, "a known node cannot be dialed");
                self.book.failed(peer, &[], now);
            }
        }
    }

    pub(super) fn vouch(&mut self, addr: Multiaddr) {
        self.vouched.push(addr.clone());
        self.swarm.add_external_address(addr);
        self.settle();
    }

    fn provide(&mut self, key: [u8; 32]) -> Result<(), NetError> {
        let local = *self.swarm.local_peer_id();
        if let Some(dht) = self.swarm.behaviour_mut().dht.as_mut() {
            let record = kad::ProviderRecord::new(RecordKey::new(&key), local, Vec::new());
            kad::store::RecordStore::add_provider(dht.store_mut(), record).map_err(|_| NetError::TooManyRoots)?;
        }
        self.schedule.add(key, NEW);
        self.publish();
        Ok(())
    }

    /// Publishes the roots that are due, if there is anybody to tell, and anything: who has no
    /// address that others can use would be announced as a provider whom nobody finds.
    pub(super) fn publish(&mut self) {
        let now = self.since_start();
        if self.swarm.external_addresses().next().is_none() {
            return;
        }
        let Some(dht) = self.swarm.behaviour_mut().dht.as_mut() else { return };
        if dht.kbuckets().next().is_none() {
            return;
        }
        while let Some(key) = self.schedule.next(now) {
            match dht.start_providing(RecordKey::new(&key)) {
                Ok(query) => {
                    self.publishing.insert(query, key);
                }
                Err(error) => {
                    tracing::warn!(%error, "a root cannot be provided");
                    self.schedule.done(&key, false, now);
                }
            }
        }
    }

    fn seek(&mut self, key: [u8; 32], reply: oneshot::Sender<Found>) {
        let Some(dht) = self.swarm.behaviour_mut().dht.as_mut() else {
            let _ = reply.send(Vec::new());
            return;
        };
        let query = dht.get_providers(RecordKey::new(&key));
        self.seeking.insert(query, Seek { found: HashMap::new(), reply });
    }

    /// What this node knows of its own place: kept where the handle sees it, and acted on.
    pub(super) fn settle(&mut self) {
        let mut external: Vec<_> = self.swarm.external_addresses().cloned().collect();
        external.sort();
        let direct = external.iter().any(|addr| !super::is_relayed(addr));
        let reachability = match (direct, self.unreached) {
            (true, _) => Reachability::Public,
            (false, true) => Reachability::Private,
            (false, false) => Reachability::Unknown,
        };
        let (before, moved) = {
            let mut place = self.shared.place();
            let moved = place.external != external;
            place.external = external;
            (std::mem::replace(&mut place.reachability, reachability), moved)
        };
        if moved {
            let now = self.since_start();
            self.schedule.renew(now);
            self.publish();
        }
        if before == reachability {
            return;
        }
        let public = reachability == Reachability::Public;
        if public {
            self.release_relays();
        }
        if let (Dht::Auto, Some(dht)) = (self.dht, self.swarm.behaviour_mut().dht.as_mut()) {
            dht.set_mode(Some(if public { kad::Mode::Server } else { kad::Mode::Client }));
        }
        if let (Relay::Auto, Some(server)) = (self.relay_server, self.swarm.behaviour_mut().relay_server.as_mut()) {
            use libp2p::relay::Status;
            server.set_status(Some(if public { Status::Enable } else { Status::Disable }));
        }
        self.outbox.send(super::Event::Reachability(reachability));
    }

    /// Milliseconds; what the schedule of roots counts in.
    pub(super) fn since_start(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    fn tick(&mut self) {
        self.dial_known(false);
        self.seek_relay();
        self.publish();
        if self.kept.as_ref().is_some_and(Kept::is_due) {
            self.save();
        }
    }

    fn save(&mut self) {
        let Some(kept) = &mut self.kept else { return };
        let roots = self.swarm.behaviour_mut().dht.as_mut().map(|dht| {
            dht.store_mut().sweep(Instant::now());
            dht.store_mut().encode(Instant::now(), clock())
        });
        kept.save(&mut self.book, roots);
    }

    /// Says goodbye, and writes what is kept.
    async fn leave(mut self) {
        let peers: Vec<_> = self.swarm.connected_peers().copied().collect();
        for peer in peers {
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        let goodbye = async {
            while self.swarm.connected_peers().next().is_some() {
                let event = self.swarm.select_next_some().await;
                self.react(event);
            }
        };
        let _ = tokio::time::timeout(GOODBYE, goodbye).await;
        self.save();
        if let Some(kept) = self.kept {
            kept.close().await;
        }
    }
}
