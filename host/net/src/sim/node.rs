//! An honest node: the thin host around the machines that the real one is too.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::message::Message;
use super::record::{Record, Replica, entry, kind, space};
use super::{Micros, Name, millis};
use crate::negentropy::{Id, Initiator, Limits, ReconcileError, Responder, Split};
use crate::overlay::{
    Action, Config, End, Entry, Follows, Load, Offence, Outcome, Overlay, Reason, Room, Set, Tally, Token,
};

/// Records that may wait for ingest before nothing more is fetched, and how few must be left before it
/// goes on.
const WAITING: (usize, usize) = (2000, 500);

/// What ingest takes for a batch, and for each record, in microseconds.
const INGEST: (Micros, Micros) = (1000, 100);

/// Most ids of one question.
const ASKED: usize = 256;

/// What a node wants the world to do.
#[derive(Debug)]
pub(super) enum Deed {
    Send(Name, Message),
    Close(Name, Reason),
    /// Hand records to ingest; they come out at that time.
    Ingest(Micros, Token, Vec<(Id, Option<Record>)>),
    /// New here, for the statistics.
    Took(Id),
}

#[derive(Debug)]
struct Session {
    peer: Name,
    machine: Initiator,
    tally: Tally,
}

#[derive(Debug)]
pub(super) struct Node {
    pub overlay: Overlay<Name>,
    pub replica: Replica,
    rng: StdRng,
    sessions: BTreeMap<Token, Session>,
    /// Fetches that were asked, so that answers to others are told apart. As many as the machine allows.
    asked: BTreeMap<Token, Name>,
    limits: Limits,
    waiting: usize,
    ingest_free: Micros,
    pub deeds: Vec<Deed>,
    /// The highest load seen.
    pub peak: Load,
}

impl Node {
    pub fn new(now: Micros, config: &Config, limits: Limits, seed: u64, replica: Replica) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut overlay = Overlay::new(config.clone(), rng.random(), millis(now));
        overlay.join(millis(now), space(), Follows::All);
        Self {
            overlay,
            replica,
            rng,
            sessions: BTreeMap::new(),
            asked: BTreeMap::new(),
            limits,
            waiting: 0,
            ingest_free: 0,
            deeds: Vec::new(),
            peak: Load::default(),
        }
    }

    fn split(&mut self) -> Split {
        Split::random(self.rng.random())
    }

    /// Writes a record here.
    pub fn write(&mut self, now: Micros, record: Record) {
        if self.replica.insert(record) {
            self.deeds.push(Deed::Took(record.id()));
            self.overlay.committed(millis(now), space(), &[entry(record.item())]);
        }
        self.act(now);
    }

    pub fn connected(&mut self, now: Micros, peer: Name, group: u64, dialled: bool) {
        self.overlay.connected(millis(now), peer, group, dialled);
        self.deeds.push(Deed::Send(peer, Message::Hello));
        self.act(now);
    }

    pub fn disconnected(&mut self, now: Micros, peer: Name) {
        self.sessions.retain(|_, session| session.peer != peer);
        self.asked.retain(|_, of| *of != peer);
        self.overlay.disconnected(millis(now), peer);
        self.act(now);
    }

    pub fn tick(&mut self, now: Micros) {
        self.overlay.tick(millis(now));
        self.act(now);
    }

    /// What came out of ingest.
    pub fn ingested(&mut self, now: Micros, token: Token, records: Vec<(Id, Option<Record>)>) {
        self.waiting -= records.len();
        let mut outcomes = Vec::with_capacity(records.len());
        for (id, record) in records {
            let outcome = match record.map(|record| (record, record.check(&id))) {
                None => Outcome::NotServed,
                Some((_, Err(refusal))) => Outcome::Refused(refusal),
                Some((record, Ok(entry))) => {
                    if self.replica.insert(record) {
                        self.deeds.push(Deed::Took(id));
                        Outcome::New(entry)
                    } else {
                        Outcome::Known
                    }
                }
            };
            outcomes.push((id, outcome));
        }
        self.overlay.fetched(millis(now), token, &outcomes);
        self.overlay.fetch_ended(millis(now), token, End::Complete);
        if self.waiting < WAITING.1 {
            self.overlay.busy(millis(now), false);
        }
        self.act(now);
    }

    pub fn receive(&mut self, now: Micros, from: Name, message: Message) {
        let ms = millis(now);
        match message {
            Message::Hello => self.overlay.shares(ms, from, [(space(), Follows::All)]),
            Message::Neighbour { on } => self.overlay.neighbour(ms, from, space(), on),
            Message::Announce { space, entries, more } => {
                let replica = &self.replica;
                let mut known = |_: &_, id: &Id| replica.has(id);
                self.overlay.announced(ms, from, space, &entries, more, &mut known);
            }
            Message::Ask { ids, .. } if ids.len() > ASKED => self.overlay.offence(ms, from, Offence::Garbage, 1),
            Message::Ask { token, ids } => {
                let records = ids.iter().map(|id| (*id, self.replica.get(id).copied())).collect();
                self.deeds.push(Deed::Send(from, Message::Served { token, records }));
            }
            Message::Served { token, records } => {
                if self.asked.remove(&token) != Some(from) {
                    self.overlay.offence(ms, from, Offence::Unrequested, 1);
                } else {
                    self.waiting += records.len();
                    if self.waiting > WAITING.0 {
                        self.overlay.busy(ms, true);
                    }
                    self.ingest_free = self.ingest_free.max(now) + INGEST.0 + INGEST.1 * records.len() as Micros;
                    self.deeds.push(Deed::Ingest(self.ingest_free, token, records));
                }
            }
            Message::Reconcile { token, bytes } => {
                let split = self.split();
                match Responder::new(self.limits, split).answer(self.replica.snapshot(), &bytes) {
                    Ok(bytes) => self.deeds.push(Deed::Send(from, Message::Reconciled { token, bytes })),
                    Err(_) => self.overlay.offence(ms, from, Offence::Garbage, 1),
                }
            }
            Message::Reconciled { token, bytes } => self.step(now, from, token, &bytes),
            Message::Agreed => self.overlay.answered(ms, from, space()),
            Message::Garbage => self.overlay.offence(ms, from, Offence::Garbage, 1),
        }
        self.act(now);
    }

    fn begin(&mut self, peer: Name, token: Token) {
        let split = self.split();
        let mut machine = Initiator::new(self.limits, split);
        let bytes = machine.start(self.replica.snapshot()).expect("a set in memory can be read");
        self.deeds.push(Deed::Send(peer, Message::Reconcile { token, bytes }));
        self.sessions.insert(token, Session { peer, machine, tally: Tally::default() });
    }

    /// An answer to a reconciliation of ours.
    fn step(&mut self, now: Micros, from: Name, token: Token, bytes: &[u8]) {
        let ms = millis(now);
        let Some(session) = self.sessions.get_mut(&token).filter(|session| session.peer == from) else { return };
        session.tally.bytes += bytes.len() as u64;
        let step = match session.machine.step(self.replica.snapshot(), bytes) {
            Ok(step) => step,
            Err(error) => {
                self.sessions.remove(&token);
                self.overlay.reconciled(ms, token, End::Broken, Tally::default());
                let offence = match error {
                    ReconcileError::Endless(_) => Offence::Endless,
                    ReconcileError::Malformed(_) => Offence::Garbage,
                    ReconcileError::Items(never) => match never {},
                };
                return self.overlay.offence(ms, from, offence, 1);
            }
        };
        session.tally.differences += (step.have.len() + step.need.len()) as u64;
        let replica = &self.replica;
        let mut known = |_: &_, id: &Id| replica.has(id);
        let set = Set::Records(kind());
        let room = self.overlay.needs(ms, token, space(), &set, &step.need, &mut known);
        let offers: Vec<Entry> = step.have.iter().map(|item| entry(*item)).collect();
        self.overlay.offers(ms, token, space(), &offers);
        match step.reply {
            Some(bytes) if room == Room::Open => {
                self.deeds.push(Deed::Send(from, Message::Reconcile { token, bytes }));
            }
            rest => {
                let session = self.sessions.remove(&token).expect("it was just there");
                let tally = Tally { stopped: room == Room::Full, ..session.tally };
                if rest.is_none() {
                    self.deeds.push(Deed::Send(from, Message::Agreed));
                }
                self.overlay.reconciled(ms, token, End::Complete, tally);
            }
        }
    }

    /// Does what the machine says.
    fn act(&mut self, now: Micros) {
        // A new peer is due at once, and the machine has its own idea of when.
        if self.overlay.next_wake() <= millis(now) {
            self.overlay.tick(millis(now));
        }
        while let Some(action) = self.overlay.next_action() {
            match action {
                Action::Announce { peer, space, entries, more } => {
                    self.deeds.push(Deed::Send(peer, Message::Announce { space, entries, more }));
                }
                Action::Neighbour { peer, on, .. } => self.deeds.push(Deed::Send(peer, Message::Neighbour { on })),
                Action::Fetch { peer, token, wants, .. } => {
                    self.asked.insert(token, peer);
                    let ids = wants.into_iter().map(|(_, id)| id).collect();
                    self.deeds.push(Deed::Send(peer, Message::Ask { token, ids }));
                }
                Action::Cancel { token } => drop(self.sessions.remove(&token)),
                Action::Reconcile { peer, token, .. } => self.begin(peer, token),
                Action::Standing { .. } => {}
                Action::Disconnect { peer, reason, .. } => self.deeds.push(Deed::Close(peer, reason)),
            }
        }
        let load = self.overlay.load();
        let peak = &mut self.peak;
        peak.peers = peak.peers.max(load.peers);
        peak.departed = peak.departed.max(load.departed);
        peak.wants = peak.wants.max(load.wants);
        peak.owed = peak.owed.max(load.owed);
        peak.in_flight = peak.in_flight.max(load.in_flight);
        peak.recent = peak.recent.max(load.recent);
        peak.outgoing = peak.outgoing.max(load.outgoing);
        peak.echoes = peak.echoes.max(load.echoes);
    }
}
