//! The world: who is there, who is connected, and what happens next.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::liar::{self, Liar, Lie};
use super::link::{Link, Network};
use super::message::Message;
use super::node::{Deed, Node};
use super::record::{Record, Replica, space};
use super::{Micros, Name, millis};
use crate::negentropy::{Id, Item, Limits};
use crate::overlay::{Config, Load, Overlay, Reason, Token};

/// What a world is like.
#[derive(Debug, Clone)]
pub struct WorldConfig {
    /// Decides everything that is left to chance.
    pub seed: u64,
    /// Honest nodes. They come first in the numbering.
    pub honest: u32,
    /// Malicious ones.
    pub liars: Vec<Lie>,
    /// How many connections each node makes; about as many are made to it.
    pub dials: usize,
    /// How many groups (subnets) nodes come from; node `n` is of group `n % groups`. Liars are, too.
    pub groups: u64,
    /// All liars come from one group of their own instead.
    pub liars_in_one_group: bool,
    /// The lines.
    pub network: Network,
    /// What overlays run with.
    pub overlay: Config,
    /// What reconciliations run with.
    pub limits: Limits,
}

impl Default for WorldConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            honest: 100,
            liars: Vec::new(),
            dials: 8,
            groups: 50,
            liars_in_one_group: false,
            network: Network::default(),
            overlay: Config::default(),
            limits: Limits { frame: 64 * 1024, incoming: 64 * 1024, have: 4096, rounds: 64 },
        }
    }
}

/// How often a node looks whether it has enough connections.
const REDIAL: Micros = 2_000_000;

/// How many addresses a node looks at before it dials one of a group that it has already.
const DRAWS: usize = 16;

#[derive(Debug)]
enum Event {
    Deliver { from: Name, to: Name, epoch: u64, message: Message },
    Broke { a: Name, b: Name, epoch: u64 },
    Wake { node: Name },
    Redial { node: Name },
    Ingested { node: Name, life: u32, token: Token, records: Vec<(Id, Option<Record>)> },
    Outburst { node: Name },
}

#[derive(Debug)]
enum Mind {
    Honest(Box<Node>),
    Liar(Box<Liar>),
}

#[derive(Debug)]
struct Actor {
    mind: Mind,
    up: bool,
    /// Counts starts: what an earlier life began, a later one does not see.
    life: u32,
    /// Connections that it made.
    dialled: BTreeSet<Name>,
    /// The only addresses it knows, if not all.
    book: Option<Vec<Name>>,
    wake_at: Option<Micros>,
}

/// Everything that is simulated.
pub struct World {
    config: WorldConfig,
    now: Micros,
    rng: StdRng,
    actors: Vec<Actor>,
    links: BTreeMap<(Name, Name), Link>,
    neighbours: Vec<BTreeSet<Name>>,
    queue: BinaryHeap<Reverse<(Micros, u64)>>,
    events: BTreeMap<u64, Event>,
    next: u64,
    epochs: u64,
    /// Which side of a partition each node is on.
    side: Box<dyn Fn(Name) -> u32>,
    trace: blake3::Hasher,
    happened: u64,
    bytes: u64,
    records: u64,
    watched: BTreeMap<Id, Vec<Micros>>,
    left: BTreeMap<(Name, Name), Reason>,
}

fn pair(a: Name, b: Name) -> (Name, Name) {
    (a.min(b), a.max(b))
}

impl World {
    /// Everyone starts within the first second and looks for connections.
    pub fn new(config: WorldConfig) -> Self {
        let mut rng = StdRng::seed_from_u64(config.seed);
        let mut actors = Vec::new();
        for _ in 0..config.honest {
            let node = Node::new(0, &config.overlay, config.limits, rng.random(), Replica::default());
            actors.push(Mind::Honest(Box::new(node)));
        }
        for lie in &config.liars {
            actors.push(Mind::Liar(Box::new(Liar::new(*lie, rng.random()))));
        }
        let actors: Vec<Actor> = actors
            .into_iter()
            .map(|mind| Actor { mind, up: true, life: 0, dialled: BTreeSet::new(), book: None, wake_at: None })
            .collect();
        let mut world = Self {
            now: 0,
            rng,
            links: BTreeMap::new(),
            neighbours: vec![BTreeSet::new(); actors.len()],
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            next: 0,
            epochs: 0,
            side: Box::new(|_| 0),
            trace: blake3::Hasher::new(),
            happened: 0,
            bytes: 0,
            records: 0,
            watched: BTreeMap::new(),
            left: BTreeMap::new(),
            actors,
            config,
        };
        for node in 0..world.actors.len() as Name {
            let at = world.rng.random_range(0..1_000_000);
            world.push(at, Event::Redial { node });
            if matches!(world.actors[node as usize].mind, Mind::Liar(_)) {
                world.push(at + liar::EVERY, Event::Outburst { node });
            }
        }
        world
    }

    // ---- what tests do

    /// Virtual time, in milliseconds.
    pub fn now(&self) -> u64 {
        millis(self.now)
    }

    /// Lets time pass.
    pub fn run(&mut self, millis: u64) {
        let until = self.now + millis * 1000;
        while let Some(&Reverse((at, number))) = self.queue.peek() {
            if at > until {
                break;
            }
            self.queue.pop();
            self.now = at;
            if let Some(event) = self.events.remove(&number) {
                self.happen(event);
            }
        }
        self.now = until;
    }

    /// An honest node that is up writes a record. Its id.
    pub fn write(&mut self, node: Name) -> Id {
        self.records += 1;
        let record = Record { space: space(), created: millis(self.now), nonce: self.records, signed: true };
        let now = self.now;
        self.honest_mut(node).expect("an honest node that is up writes").write(now, record);
        self.settle(node);
        record.id()
    }

    /// From now on, when each node takes this record in is remembered.
    pub fn watch(&mut self, id: Id) {
        self.watched.entry(id).or_default();
    }

    /// When a watched record came to each node that has it, in microseconds of virtual time.
    pub fn arrivals(&self, id: &Id) -> &[Micros] {
        self.watched.get(id).map_or(&[], Vec::as_slice)
    }

    /// The network falls into parts: only nodes of the same side can talk.
    pub fn partition(&mut self, side: impl Fn(Name) -> u32 + 'static) {
        self.side = Box::new(side);
        let cut: Vec<(Name, Name)> = self.links.keys().filter(|(a, b)| !self.reaches(*a, *b)).copied().collect();
        cut.into_iter().for_each(|(a, b)| self.disconnect(a, b));
    }

    /// The network is whole again.
    pub fn heal(&mut self) {
        self.side = Box::new(|_| 0);
    }

    /// A node stops at once.
    pub fn stop(&mut self, node: Name) {
        for peer in self.neighbours[node as usize].clone() {
            self.disconnect(node, peer);
        }
        self.actors[node as usize].up = false;
    }

    /// A node starts again with what it has on disk.
    pub fn start(&mut self, node: Name) {
        let (now, seed) = (self.now, self.rng.random());
        let actor = &mut self.actors[node as usize];
        if actor.up {
            return;
        }
        (actor.up, actor.wake_at) = (true, None);
        actor.life += 1;
        if let Mind::Honest(before) = &mut actor.mind {
            let replica = std::mem::take(&mut before.replica);
            let peak = before.peak;
            **before = Node::new(now, &self.config.overlay, self.config.limits, seed, replica);
            before.peak = peak;
        }
        self.push(now, Event::Redial { node });
    }

    /// Whether a node runs.
    pub fn is_up(&self, node: Name) -> bool {
        self.actors[node as usize].up
    }

    /// The only addresses that a node knows.
    pub fn set_book(&mut self, node: Name, book: Vec<Name>) {
        self.actors[node as usize].book = Some(book);
    }

    /// Honest nodes.
    pub fn honest(&self) -> impl Iterator<Item = Name> {
        0..self.config.honest
    }

    /// Malicious nodes.
    pub fn liars(&self) -> impl Iterator<Item = (Name, Lie)> {
        self.config.liars.iter().enumerate().map(|(i, lie)| (self.config.honest + i as Name, *lie))
    }

    /// The set of an honest node.
    pub fn set(&self, node: Name) -> &[Item] {
        match &self.actors[node as usize].mind {
            Mind::Honest(node) => node.replica.items(),
            Mind::Liar(_) => &[],
        }
    }

    /// The overlay of an honest node.
    pub fn overlay(&self, node: Name) -> Option<&Overlay<Name>> {
        match &self.actors[node as usize].mind {
            Mind::Honest(node) => Some(&node.overlay),
            Mind::Liar(_) => None,
        }
    }

    /// The fullest that any table of any honest node ever was.
    pub fn peak(&self) -> Load {
        let mut peak = Load::default();
        for actor in &self.actors {
            if let Mind::Honest(node) = &actor.mind {
                let of = node.peak;
                peak = Load {
                    peers: peak.peers.max(of.peers),
                    departed: peak.departed.max(of.departed),
                    wants: peak.wants.max(of.wants),
                    owed: peak.owed.max(of.owed),
                    in_flight: peak.in_flight.max(of.in_flight),
                    recent: peak.recent.max(of.recent),
                    outgoing: peak.outgoing.max(of.outgoing),
                    echoes: peak.echoes.max(of.echoes),
                };
            }
        }
        peak
    }

    /// Who ended a connection with whom, and why: `(by, with)`.
    pub fn left(&self) -> &BTreeMap<(Name, Name), Reason> {
        &self.left
    }

    /// Nodes that a node is connected with.
    pub fn connections(&self, node: Name) -> &BTreeSet<Name> {
        &self.neighbours[node as usize]
    }

    /// How many honest nodes that are up lack something that another such node has.
    pub fn behind(&self) -> usize {
        let up: Vec<Name> = self.honest().filter(|node| self.is_up(*node)).collect();
        let all: BTreeSet<Item> = up.iter().flat_map(|node| self.set(*node)).copied().collect();
        up.iter().filter(|node| self.set(**node).len() != all.len()).count()
    }

    /// Stands for everything that happened, in its order.
    pub fn digest(&self) -> [u8; 32] {
        *self.trace.finalize().as_bytes()
    }

    /// How many events there were, and how many bytes went over the links.
    pub fn traffic(&self) -> (u64, u64) {
        (self.happened, self.bytes)
    }

    // ---- what happens

    fn push(&mut self, at: Micros, event: Event) {
        self.queue.push(Reverse((at, self.next)));
        self.events.insert(self.next, event);
        self.next += 1;
    }

    fn honest_mut(&mut self, node: Name) -> Option<&mut Node> {
        match &mut self.actors[node as usize] {
            Actor { mind: Mind::Honest(node), up: true, .. } => Some(node),
            _ => None,
        }
    }

    fn trace(&mut self, kind: u8, numbers: [u64; 3]) {
        self.happened += 1;
        self.trace.update(&[kind]).update(&self.now.to_be_bytes());
        numbers.iter().for_each(|number| _ = self.trace.update(&number.to_be_bytes()));
    }

    fn happen(&mut self, event: Event) {
        let now = self.now;
        match event {
            Event::Deliver { from, to, epoch, message } => {
                if self.links.get(&pair(from, to)).is_none_or(|link| link.epoch != epoch) {
                    return;
                }
                self.trace(message.kind(), [from.into(), to.into(), message.bytes() as u64]);
                let replies = match &mut self.actors[to as usize].mind {
                    Mind::Honest(node) => {
                        node.receive(now, from, message);
                        Vec::new()
                    }
                    Mind::Liar(liar) => liar.receive(from, message),
                };
                replies.into_iter().for_each(|(peer, message)| self.send(to, peer, message));
                self.settle(to);
            }
            Event::Broke { a, b, epoch } => {
                if self.links.get(&pair(a, b)).is_some_and(|link| link.epoch == epoch) {
                    self.disconnect(a, b);
                }
            }
            Event::Wake { node } => {
                if self.actors[node as usize].wake_at == Some(now) {
                    self.actors[node as usize].wake_at = None;
                    if let Some(awake) = self.honest_mut(node) {
                        awake.tick(now);
                        self.settle(node);
                    }
                }
            }
            Event::Redial { node } => self.redial(node),
            Event::Ingested { node, life, token, records } => {
                if self.actors[node as usize].life == life
                    && let Some(host) = self.honest_mut(node)
                {
                    host.ingested(now, token, records);
                    self.settle(node);
                }
            }
            Event::Outburst { node } => {
                if let Mind::Liar(liar) = &mut self.actors[node as usize].mind {
                    let messages = liar.act(now);
                    messages.into_iter().for_each(|(peer, message)| self.send(node, peer, message));
                }
                self.push(now + liar::EVERY, Event::Outburst { node });
            }
        }
    }

    /// Does what a node wants done, and arranges its next wake.
    fn settle(&mut self, name: Name) {
        let now = self.now;
        while let Some(node) = self.honest_mut(name) {
            let deeds = std::mem::take(&mut node.deeds);
            if deeds.is_empty() {
                break;
            }
            for deed in deeds {
                match deed {
                    Deed::Send(peer, message) => self.send(name, peer, message),
                    Deed::Close(peer, reason) => {
                        self.trace(20, [name.into(), peer.into(), 0]);
                        self.left.insert((name, peer), reason);
                        self.disconnect(name, peer);
                    }
                    Deed::Ingest(at, token, records) => {
                        let life = self.actors[name as usize].life;
                        self.push(at, Event::Ingested { node: name, life, token, records });
                    }
                    Deed::Took(id) => {
                        self.trace(21, [name.into(), u64::from(id[0]), u64::from(id[1])]);
                        if let Some(arrivals) = self.watched.get_mut(&id) {
                            arrivals.push(now);
                        }
                    }
                }
            }
        }
        let Some(node) = self.honest_mut(name) else { return };
        let at = (node.overlay.next_wake() * 1000).max(now + 1);
        let actor = &mut self.actors[name as usize];
        if actor.wake_at.is_none_or(|before| at < before || before <= now) {
            actor.wake_at = Some(at);
            self.push(at, Event::Wake { node: name });
        }
    }

    fn send(&mut self, from: Name, to: Name, message: Message) {
        let Some(link) = self.links.get_mut(&pair(from, to)) else { return };
        let (bytes, epoch) = (message.bytes(), link.epoch);
        let way = usize::from(from > to);
        let Some(at) = link.send(self.now, way, bytes, &self.config.network, &mut self.rng) else {
            return self.push(self.now + 1, Event::Broke { a: from, b: to, epoch });
        };
        self.bytes += bytes as u64;
        self.push(at, Event::Deliver { from, to, epoch, message });
    }

    fn reaches(&self, a: Name, b: Name) -> bool {
        (self.side)(a) == (self.side)(b)
    }

    /// A node that has too few connections makes one more.
    fn redial(&mut self, node: Name) {
        if !self.is_up(node) {
            return;
        }
        let missing = self.config.dials.saturating_sub(self.actors[node as usize].dialled.len());
        for _ in 0..missing {
            let groups: BTreeSet<u64> = self.neighbours[node as usize].iter().map(|peer| self.group(*peer)).collect();
            let mut peer = self.address(node);
            // As the real one does: a group that it has nobody of, if it knows one.
            for _ in 0..DRAWS {
                if !groups.contains(&self.group(peer)) {
                    break;
                }
                peer = self.address(node);
            }
            self.connect(node, peer);
        }
        let wait = self.rng.random_range(REDIAL / 2..REDIAL * 3 / 2);
        self.push(self.now + wait, Event::Redial { node });
    }

    /// Some address that a node knows.
    fn address(&mut self, node: Name) -> Name {
        match &self.actors[node as usize].book {
            Some(book) => book[self.rng.random_range(0..book.len())],
            None => self.rng.random_range(0..self.actors.len() as Name),
        }
    }

    fn group(&self, node: Name) -> u64 {
        if self.config.liars_in_one_group && node >= self.config.honest {
            return u64::MAX;
        }
        u64::from(node) % self.config.groups
    }

    fn welcomes(&self, node: Name, peer: Name) -> bool {
        self.overlay(node).is_none_or(|overlay| overlay.may_connect(millis(self.now), &peer))
    }

    /// Makes a connection if both sides can and will.
    pub fn connect(&mut self, from: Name, to: Name) {
        let possible = from != to && self.is_up(from) && self.is_up(to) && self.reaches(from, to);
        if !possible || self.links.contains_key(&pair(from, to)) || !self.welcomes(from, to) || !self.welcomes(to, from)
        {
            return;
        }
        self.epochs += 1;
        let link = Link::new(self.epochs, &self.config.network, &mut self.rng);
        self.links.insert(pair(from, to), link);
        self.neighbours[from as usize].insert(to);
        self.neighbours[to as usize].insert(from);
        self.actors[from as usize].dialled.insert(to);
        self.trace(22, [from.into(), to.into(), self.epochs]);
        for (node, peer, dialled) in [(from, to, true), (to, from, false)] {
            let (now, group) = (self.now, self.group(peer));
            let messages = match &mut self.actors[node as usize].mind {
                Mind::Honest(host) => {
                    host.connected(now, peer, group, dialled);
                    Vec::new()
                }
                Mind::Liar(liar) => liar.connected(peer),
            };
            messages.into_iter().for_each(|(peer, message)| self.send(node, peer, message));
        }
        self.settle(from);
        self.settle(to);
    }

    fn disconnect(&mut self, a: Name, b: Name) {
        let Some(link) = self.links.remove(&pair(a, b)) else { return };
        self.trace(23, [a.into(), b.into(), link.epoch]);
        for (node, peer) in [(a, b), (b, a)] {
            self.neighbours[node as usize].remove(&peer);
            self.actors[node as usize].dialled.remove(&peer);
            let now = self.now;
            match &mut self.actors[node as usize].mind {
                Mind::Honest(host) => host.disconnected(now, peer),
                Mind::Liar(liar) => liar.disconnected(peer),
            }
        }
        self.settle(a);
        self.settle(b);
    }
}
