//! The loop, and what each event leads to.

mod talk;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use atlas_record::SpaceId;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::super::acquaintance::{Acquaintance, Members};
use super::super::joint::{Finding, Joint};
use super::super::pair::{Heard, Pair};
use super::super::serve::{Server, fresh};
use super::super::table::Table;
use super::blobs::{Ask, MOST_ASKED};
use super::contacts::Contacts;
use super::questions::Questions;
use super::rates::Rates;
use super::status::{LeftPeer, MeshStatus, PeerState, SpaceState};
use super::work::{self, Fetch, Intakes, Streams, Told};
use super::{Command, INBOX};
use crate::address::group;
use crate::overlay::{Action, Config, Entry, Millis, Offence, Outcome, Overlay, Reason, Standing, Token};
use crate::replica::{Replica, Shared, Taken};
use crate::swarm::{Event, Events, How, Network, PeerId, Stream};
use crate::wire::gossip::{Gossip, PATHS, SHORT_IDS};
use crate::wire::{self, Follows, Set};

/// A portion that is on its way into the store for longer makes everyone wait.
const BUSY_AFTER: Duration = Duration::from_secs(2);
/// Findings of a comparison that wait for the mesh.
const FINDINGS: usize = 4;
/// How long a peer that is left has to read why.
const GOODBYE: Duration = Duration::from_millis(200);

/// A connected peer.
struct Link {
    address: String,
    /// What is said over the gossip stream, while there is one.
    talk: Option<(Pair, Acquaintance)>,
}

/// The task.
pub struct Actor {
    network: Network,
    replica: Arc<dyn Replica>,
    members: Arc<dyn Members + Send + Sync>,
    told: Arc<AtomicUsize>,
    clock: fn() -> u64,
    started: Instant,
    overlay: Overlay<PeerId>,
    links: HashMap<PeerId, Link>,
    spaces: BTreeMap<SpaceId, Shared>,
    table: Table,
    server: Server,
    contacts: Contacts,
    streams: Arc<Streams>,
    intakes: Arc<Intakes>,
    busy: bool,
    running: HashMap<Token, AbortHandle>,
    troubles: BTreeMap<SpaceId, String>,
    rates: Rates,
    bodies: Questions,
    paths: Questions,
    reports: mpsc::Sender<Told>,
    inbox: mpsc::Receiver<Told>,
    talk: mpsc::Sender<Heard>,
    heard: mpsc::Receiver<Heard>,
    next_stream: u64,
}

/// Whether a node has a member, for the machine.
struct Has<'a>(&'a dyn Replica);

impl crate::overlay::Known for Has<'_> {
    fn has(&mut self, space: &SpaceId, id: &[u8; 32]) -> bool {
        self.0.has(space, id)
    }
}

impl Actor {
    pub fn new(
        network: Network,
        replica: Arc<dyn Replica>,
        members: Arc<dyn Members + Send + Sync>,
        told: Arc<AtomicUsize>,
        clock: fn() -> u64,
    ) -> Self {
        let table = Table::default();
        let (reports, inbox) = mpsc::channel(INBOX);
        let (talk, heard) = mpsc::channel(INBOX);
        Self {
            server: Server::new(replica.clone(), table.clone()),
            contacts: Contacts::new(network.clone()),
            overlay: Overlay::new(Config::default(), u64::from_le_bytes(fresh()), 0),
            network,
            replica,
            members,
            told,
            clock,
            started: Instant::now(),
            links: HashMap::new(),
            spaces: BTreeMap::new(),
            table,
            streams: Arc::default(),
            intakes: Arc::default(),
            busy: false,
            running: HashMap::new(),
            troubles: BTreeMap::new(),
            rates: Rates::default(),
            bodies: Questions::default(),
            paths: Questions::default(),
            reports,
            inbox,
            talk,
            heard,
            next_stream: 0,
        }
    }

    /// Milliseconds of the machine's own clock.
    fn now(&self) -> Millis {
        Millis::try_from(self.started.elapsed().as_millis()).unwrap_or(Millis::MAX)
    }

    /// The same moment, as people count.
    fn wall(&self, at: Millis) -> u64 {
        (self.clock)().saturating_sub(self.now()).saturating_add(at)
    }

    pub async fn run(mut self, mut events: Events, mut commands: mpsc::UnboundedReceiver<Command>) {
        self.spaces_changed();
        loop {
            self.act();
            let wake = self.started + Duration::from_millis(self.overlay.next_wake());
            let wake = wake.min(self.contacts.look_at).min(Instant::now() + BUSY_AFTER);
            tokio::select! {
                event = events.next() => match event {
                    Some(event) => self.event(event),
                    None => return,
                },
                command = commands.recv() => match command {
                    Some(Command::Stop(done)) => return self.stop(done).await,
                    Some(command) => self.command(command),
                    None => return,
                },
                Some(told) = self.inbox.recv() => self.told(told),
                Some(heard) = self.heard.recv() => self.heard(heard),
                () = tokio::time::sleep_until(wake) => {}
            }
            self.tend();
        }
    }

    async fn stop(mut self, done: oneshot::Sender<()>) {
        for (_, abort) in self.running.drain() {
            abort.abort();
        }
        for link in self.links.values() {
            if let Some((pair, _)) = &link.talk {
                pair.send(Gossip::Goodbye("the node is shutting down".into()));
            }
        }
        if !self.links.is_empty() {
            tokio::time::sleep(GOODBYE).await;
        }
        let _ = done.send(());
    }

    fn tend(&mut self) {
        let now = self.now();
        self.rates.look(now, || self.network.traffic());
        let busy = self.intakes.oldest().is_some_and(|since| since.elapsed() > BUSY_AFTER);
        if busy != self.busy {
            self.busy = busy;
            self.overlay.busy(now, busy);
        }
        if self.overlay.next_wake() <= now {
            self.overlay.tick(now);
        }
        if self.contacts.look_at <= Instant::now() {
            let links = &self.links;
            let shares = |link: &Link, space: &SpaceId| {
                link.talk.as_ref().is_some_and(|(_, talk)| talk.shared().any(|(id, _)| id == space))
            };
            self.contacts.look(|space| links.values().filter(|link| shares(link, space)).count());
        }
    }

    fn event(&mut self, event: Event) {
        let now = self.now();
        match event {
            Event::Connected { peer, addr, dialer, .. } => {
                tracing::debug!(%peer, %addr, "connected");
                self.links.insert(peer, Link { address: addr.to_string(), talk: None });
                self.overlay.connected(now, peer, group(&addr), dialer);
                self.open_talk(peer, Duration::ZERO);
            }
            Event::Disconnected { peer } => {
                tracing::debug!(%peer, "disconnected");
                self.links.remove(&peer);
                self.table.remove(&peer);
                self.overlay.disconnected(now, peer);
                self.bodies.forget(peer);
                self.paths.forget(peer);
                self.forget_streams(peer);
            }
            // What is open goes on through the relay, and would end with the relay's patience.
            Event::Upgraded { peer } => {
                self.overlay.moved(now, peer);
                self.forget_streams(peer);
                self.open_talk(peer, Duration::ZERO);
            }
            Event::Discovered { peer, addrs, how: How::Mdns } => self.contacts.near(peer, addrs, self.links.len()),
            Event::Inbound { peer, protocol, stream } => self.inbound(peer, protocol, stream),
            Event::Reachability(it) => tracing::info!("reachability: {it:?}"),
            Event::Listening(addr) => tracing::debug!(%addr, "listening"),
            Event::RelayReserved { relay, addr } => tracing::info!(%relay, %addr, "reachable through a relay"),
            Event::RelayLost { relay, why } => tracing::info!(%relay, "no longer reachable through a relay: {why}"),
            Event::Discovered { .. } => {}
        }
    }

    fn forget_streams(&self, peer: PeerId) {
        let streams = self.streams.clone();
        tokio::spawn(async move { streams.forget(&peer).await });
    }

    fn inbound(&mut self, peer: PeerId, protocol: &'static str, stream: Stream) {
        match protocol {
            wire::GOSSIP if self.network.peer_id() > peer => self.start_talk(peer, stream),
            wire::RECONCILE => {
                let (server, reports) = (self.server.clone(), self.reports.clone());
                tokio::spawn(async move {
                    let told = match server.reconcile(peer, stream).await {
                        Ok(Some(space)) => Told::Answered(peer, space),
                        Ok(None) => return,
                        Err(error) if error.is_fault() => Told::BadRequest(peer, error.to_string()),
                        Err(error) => return tracing::debug!(%peer, "a comparison ended: {error}"),
                    };
                    let _ = reports.send(told).await;
                });
            }
            wire::FETCH => {
                let (server, reports) = (self.server.clone(), self.reports.clone());
                tokio::spawn(async move {
                    match server.fetch(peer, stream).await {
                        Err(error) if error.is_fault() => {
                            let _ = reports.send(Told::BadRequest(peer, error.to_string())).await;
                        }
                        Err(error) => tracing::debug!(%peer, "a request was not answered: {error}"),
                        Ok(()) => {}
                    }
                });
            }
            _ => self.blame(peer, Offence::Garbage, "it opened a stream that is not its to open"),
        }
    }

    fn blame(&mut self, peer: PeerId, offence: Offence, why: &str) {
        let address = self.links.get(&peer).map_or("", |link| &link.address);
        tracing::debug!(%peer, address, "a peer misbehaves: {why}");
        let now = self.now();
        self.overlay.offence(now, peer, offence, 1);
    }

    fn disconnect(&self, peer: PeerId) {
        let network = self.network.clone();
        tokio::spawn(async move {
            tokio::time::sleep(GOODBYE).await;
            network.disconnect(peer).await;
        });
    }

    fn command(&mut self, command: Command) {
        let now = self.now();
        match command {
            Command::Committed(space, set, items) => {
                self.told.fetch_sub(items.len(), Ordering::Relaxed);
                let entries: Vec<Entry> = items.into_iter().map(|item| Entry { set: set.clone(), item }).collect();
                self.overlay.committed(now, space, &entries);
            }
            Command::Missed(space) => self.say_more(space),
            Command::SpacesChanged => self.spaces_changed(),
            Command::Reach(space, addresses) => self.contacts.reach(space, addresses),
            Command::Blocked(peer, blocked) => {
                let network = self.network.clone();
                tokio::spawn(
                    async move { if blocked { network.block(peer).await } else { network.unblock(peer).await } },
                );
            }
            Command::Blob(space, id, most, answer) => {
                let tagged = |peer: &PeerId| Some((*peer, self.our_tag(peer, &space)?));
                let peers = self.links.keys().filter_map(tagged).take(MOST_ASKED).collect();
                let ask = Ask { network: self.network.clone(), peers, id, most, answer };
                tokio::spawn(ask.run());
            }
            Command::Status(answer) => drop(answer.send(self.status())),
            Command::Stop(_) => unreachable!("it ends the loop"),
        }
    }

    fn spaces_changed(&mut self) {
        let now = self.now();
        let spaces: BTreeMap<SpaceId, Shared> =
            self.replica.spaces().into_iter().map(|shared| (shared.id, shared)).collect();
        if spaces == self.spaces {
            return;
        }
        for gone in self.spaces.keys().filter(|space| !spaces.contains_key(space)) {
            self.overlay.leave(*gone);
            self.troubles.remove(gone);
        }
        for shared in spaces.values() {
            if self.spaces.get(&shared.id).is_none_or(|before| before.follow != shared.follow) {
                self.overlay.join(now, shared.id, shared.follow.clone());
            }
        }
        self.contacts.set_spaces(&spaces);
        self.spaces = spaces;
        let peers: Vec<PeerId> = self.links.keys().copied().collect();
        for peer in peers {
            let ours = self.spaces.values().cloned().collect();
            if let Some((_, talk)) = self.links.get_mut(&peer).and_then(|link| link.talk.as_mut()) {
                let steps = talk.set_spaces(ours, &*self.members);
                self.steps(peer, steps);
            }
        }
    }

    fn told(&mut self, told: Told) {
        let now = self.now();
        match told {
            Told::Opened(peer, Ok(stream)) => self.start_talk(peer, stream),
            Told::Opened(peer, Err(error)) => {
                tracing::debug!(%peer, "no gossip stream: {error}");
                if self.links.contains_key(&peer) {
                    self.open_talk(peer, talk::OPEN_AGAIN);
                }
            }
            Told::Fetched(token, outcomes) => self.overlay.fetched(now, token, &outcomes),
            Told::Nameless(peer, refusal, times) => {
                self.overlay.offence(now, peer, Offence::Served(refusal), times);
            }
            Told::FetchEnded(peer, token, end, fault) => {
                self.running.remove(&token);
                if fault {
                    self.blame(peer, Offence::Unrequested, "it answered a request with something else");
                }
                self.overlay.fetch_ended(now, token, end);
            }
            Told::Found(peer, space, token, finding) => self.found(peer, space, token, finding),
            Told::Compared(peer, space, token, end, tally, fault, trouble) => {
                self.running.remove(&token);
                match trouble {
                    Some(trouble) => {
                        tracing::info!(%peer, %space, "comparing: {trouble}");
                        self.troubles.insert(space, trouble);
                    }
                    None => drop(self.troubles.remove(&space)),
                }
                if fault {
                    self.blame(peer, Offence::Garbage, "it does not keep to the protocol of comparing");
                }
                // What was learned may have made this node a keeper of a space that it only joined before.
                self.spaces_changed();
                self.overlay.reconciled(now, token, end, tally);
            }
            Told::Unclear(space) => {
                let at = Instant::now();
                let asks = |peer: &PeerId| {
                    (self.can(peer, SHORT_IDS) && self.bodies.is_due(*peer, space, at))
                        || (self.can(peer, PATHS) && self.paths.is_due(*peer, space, at))
                };
                if self.links.keys().any(asks) {
                    self.overlay.suspect(now, space);
                }
            }
            Told::Bodies(peer, space, came) => self.bodies.asked(peer, space, came, Instant::now()),
            Told::Paths(peer, space, came) => self.paths.asked(peer, space, came, Instant::now()),
            Told::BadRequest(peer, why) => self.blame(peer, Offence::Garbage, &why),
            Told::Answered(peer, space) => self.overlay.answered(now, peer, space),
        }
    }

    fn found(&mut self, peer: PeerId, space: SpaceId, token: Token, finding: Finding) {
        let now = self.now();
        match finding {
            Finding::Lacks(set, items) => {
                let entries: Vec<Entry> = items.into_iter().map(|item| Entry { set: set.clone(), item }).collect();
                self.overlay.offers(now, token, space, &entries);
            }
            Finding::Has(set, ids, answer) => {
                let room = self.overlay.needs(now, token, space, &set, &ids, &mut Has(&*self.replica));
                let _ = answer.send(room);
            }
            Finding::Took(set, outcomes) => {
                let mut new = Vec::new();
                for it in outcomes {
                    match (work::outcome(&set, it.taken.clone()), it.taken) {
                        (Outcome::New(entry), _) => new.push(entry),
                        (Outcome::Refused(refusal), Taken::Forged { .. }) => {
                            self.overlay.offence(now, peer, Offence::Served(refusal), 1);
                        }
                        _ => {}
                    }
                }
                self.overlay.committed(now, space, &new);
                if set == Set::Laws {
                    self.spaces_changed();
                }
            }
        }
    }

    /// Does what the machine decided.
    fn act(&mut self) {
        while let Some(action) = self.overlay.next_action() {
            match action {
                Action::Announce { peer, space, entries, more } => self.announce(peer, space, entries, more),
                Action::Neighbour { peer, space, on } => {
                    if let Some(tag) = self.our_tag(&peer, &space) {
                        self.say(peer, Gossip::Neighbour { tag, on });
                    }
                }
                Action::Fetch { peer, space, token, wants } => self.fetch(peer, space, token, wants),
                Action::Cancel { token } => {
                    if let Some(abort) = self.running.remove(&token) {
                        abort.abort();
                    }
                }
                Action::Reconcile { peer, space, token } => self.compare(peer, space, token),
                Action::Standing { peer, standing, reason } => {
                    tracing::info!(%peer, "a peer is {}: it {reason}", standing_name(standing));
                }
                Action::Disconnect { peer, reason, .. } => {
                    let text = match reason {
                        Reason::Offence(_) => {
                            format!("you are left for a while: this node finds that your node {reason}")
                        }
                        _ => reason.to_string(),
                    };
                    if let Some((pair, _)) = self.links.get(&peer).and_then(|link| link.talk.as_ref()) {
                        pair.send(Gossip::Goodbye(text));
                    }
                    self.disconnect(peer);
                }
            }
        }
    }

    fn fetch(&mut self, peer: PeerId, space: SpaceId, token: Token, wants: Vec<(Set, [u8; 32])>) {
        let Some(tag) = self.our_tag(&peer, &space) else {
            let now = self.now();
            return self.overlay.fetch_ended(now, token, crate::overlay::End::Broken);
        };
        let fetch = Fetch {
            network: self.network.clone(),
            replica: self.replica.clone(),
            peer,
            space,
            tag,
            reads_short: self.can(&peer, SHORT_IDS),
            light: self.spaces.get(&space).is_some_and(|shared| shared.follow != Follows::All),
            token,
            wants,
            reports: self.reports.clone(),
            intakes: self.intakes.clone(),
            streams: self.streams.clone(),
        };
        self.running.insert(token, tokio::spawn(fetch.run()).abort_handle());
    }

    fn compare(&mut self, peer: PeerId, space: SpaceId, token: Token) {
        let theirs = self
            .links
            .get(&peer)
            .and_then(|link| link.talk.as_ref())
            .and_then(|(_, talk)| talk.shared().find(|(id, _)| **id == space).map(|(_, follow)| follow.clone()));
        let (Some(tag), Some(theirs)) = (self.our_tag(&peer, &space), theirs) else {
            let now = self.now();
            let (end, tally) = (crate::overlay::End::Broken, crate::overlay::Tally::default());
            return self.overlay.reconciled(now, token, end, tally);
        };
        let (found, findings) = mpsc::channel(FINDINGS);
        let ours = self.spaces.get(&space).map(|shared| shared.follow.clone()).unwrap_or_default();
        let joint = Joint {
            network: self.network.clone(),
            replica: self.replica.clone(),
            peer,
            space,
            tag,
            theirs,
            ours,
            ask_bodies: self.can(&peer, SHORT_IDS) && self.bodies.is_due(peer, space, Instant::now()),
            ask_paths: self.can(&peer, PATHS) && self.paths.is_due(peer, space, Instant::now()),
            found,
        };
        let comparing = work::compare(joint, findings, token, self.reports.clone());
        self.running.insert(token, tokio::spawn(comparing).abort_handle());
    }

    fn status(&self) -> MeshStatus {
        let now = self.now();
        let mut status = MeshStatus { rates: self.rates.per_second(now), ..MeshStatus::default() };
        for peer in self.overlay.peers(now) {
            if let Some(until) = peer.until.filter(|_| peer.since.is_none()) {
                let left = LeftPeer { peer: peer.peer, reason: peer.reason.to_string(), until: self.wall(until) };
                status.left.push(left);
                continue;
            }
            let talk = self.links.get(&peer.peer).and_then(|link| link.talk.as_ref());
            let spaces = talk.map(|(_, talk)| talk.shared().map(|(space, _)| *space).collect());
            let state = PeerState {
                spaces: spaces.unwrap_or_default(),
                standing: standing_name(peer.standing).to_owned(),
                reason: (peer.reason != Reason::Fine).then(|| peer.reason.to_string()),
                delivered: peer.delivered as u64,
                arrivals: peer.arrivals,
            };
            status.peers.insert(peer.peer, state);
        }
        for space in self.overlay.spaces() {
            let state = SpaceState {
                peers: space.peers,
                in_sync_with: space.in_sync_with,
                wanted: space.wanted,
                comparing: space.reconciling.is_some(),
                compared: space.compared.map(|at| self.wall(at)),
                trouble: self.troubles.get(&space.space).cloned(),
            };
            status.spaces.insert(space.space, state);
        }
        status
    }
}

fn standing_name(standing: Standing) -> &'static str {
    match standing {
        Standing::Good => "good",
        Standing::Limited => "limited",
        Standing::Left => "left",
    }
}
