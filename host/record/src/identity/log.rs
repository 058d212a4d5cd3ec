//! The log of root events as a state machine: any events in any order give the same state,
//! or the same report of duplicity.
//!
//! Events form a tree under the genesis. Where an event has one successor, the log goes on
//! with it. Where it has several, the owner or a thief has signed twice; that is *duplicity*,
//! and the log ends there, unless the witnesses in force decide it: the only successor that a
//! quorum attests is the log's, and of several attested ones the one of the highest tier, if
//! its own attestation is at most 72 hours after each of the others'. So a state never depends
//! on what came first here, and nothing is resolved in silence: [`Log::duplicity`] and
//! [`Log::set_aside`] name what was signed beside the log.
//!
//! Which events are valid depends on their ancestors alone. A device that is named by any
//! valid event, on the log or beside it, can be an *author's key* for good
//! ([`Log::ever_named`]); whether what it signed counts is for the state to say.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::Timestamp;
use crate::id::{EventId, IdentityId, PublicKey};

use super::event::{Action, SignedEvent};
use super::kept::Keep;
use super::keys::Establishment;
use super::receipt::{Receipt, Receipts, in_time};

/// Events, and receipts of witnesses nobody named, that may wait for what comes before them.
pub const MOST_WAITING: usize = 1024;

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inserted {
    /// It is valid, and part of the tree.
    Attached,
    /// It was there already.
    Known,
    /// Its predecessor has to come first.
    Waits(EventId),
    /// It will never be part of this log.
    Refused(LogFault),
}

/// Why an event cannot be part of a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogFault {
    /// A second genesis, or the genesis of another identity.
    #[error("event {0} is the genesis of another identity")]
    ForeignGenesis(EventId),
    /// Its number does not follow its predecessor's.
    #[error("event {id} has number {number}, and follows number {prev}")]
    Number {
        /// The event.
        id: EventId,
        /// Its number.
        number: u64,
        /// The number of the event that it follows.
        prev: u64,
    },
    /// Those who signed it may not.
    #[error("event {0} is not signed by enough of the keys that may write it")]
    Unauthorised(EventId),
    /// It follows the end of the identity.
    #[error("event {0} follows the closing of the identity")]
    AfterClose(EventId),
    /// Too many events wait for their predecessors.
    #[error("event {0} would have to wait for its predecessor, and too many wait already")]
    TooManyWait(EventId),
}

/// Several events that follow one, with nothing to decide between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicity {
    /// The last event that nobody disputes.
    pub after: EventId,
    /// The events that follow it, by id.
    pub successors: Vec<EventId>,
}

/// A key that signs, or signed, records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device {
    /// The event that added it.
    pub added: EventId,
    /// The event that removed it.
    pub removed: Option<EventId>,
}

/// What holds for an identity after the last event that nobody disputes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// That event.
    pub head: EventId,
    /// Its number.
    pub number: u64,
    /// The event that fixed who may write the next one.
    pub established: EventId,
    /// Every key that was a device.
    pub devices: HashMap<PublicKey, Device>,
    /// The event that ended the identity.
    pub closed: Option<EventId>,
}

#[derive(Debug, Clone)]
struct Node {
    signed: Arc<SignedEvent>,
    /// The last event up to this one that fixed an establishment.
    established: EventId,
}

/// An identity's root events.
#[derive(Debug, Clone)]
pub struct Log {
    identity: IdentityId,
    nodes: HashMap<EventId, Node>,
    /// Successors, by id.
    successors: HashMap<EventId, Vec<EventId>>,
    /// Events without their predecessor, by that.
    waiting: HashMap<EventId, Vec<SignedEvent>>,
    waiting_count: usize,
    named: HashSet<PublicKey>,
    witnesses: HashSet<PublicKey>,
    receipts: Receipts,
    /// Receipts of keys that no event names as a witness yet.
    strangers: Vec<Receipt>,
    /// How many events have several successors.
    forks: usize,
    state: State,
    /// The events from the genesis to the state's head.
    path: HashSet<EventId>,
    duplicity: Option<Duplicity>,
}

impl Log {
    /// Begins with a genesis; none if that is no genesis, or not signed by all its keys.
    pub fn new(genesis: SignedEvent) -> Result<Self, LogFault> {
        let id = genesis.id();
        let (Some(identity), Action::Genesis { establishment, .. }) = (genesis.identity(), &genesis.event().action)
        else {
            return Err(LogFault::ForeignGenesis(id));
        };
        if !genesis.is_authorised(establishment) {
            return Err(LogFault::Unauthorised(id));
        }
        let mut log = Self {
            identity,
            nodes: HashMap::new(),
            successors: HashMap::new(),
            waiting: HashMap::new(),
            waiting_count: 0,
            named: HashSet::new(),
            witnesses: HashSet::new(),
            receipts: Receipts::default(),
            strangers: Vec::new(),
            forks: 0,
            state: State { head: id, number: 0, established: id, devices: HashMap::new(), closed: None },
            path: HashSet::new(),
            duplicity: None,
        };
        log.enter(genesis, id);
        log.resolve();
        Ok(log)
    }

    /// Adds an event. Those that waited for it are added with it.
    pub fn insert(&mut self, signed: SignedEvent) -> Inserted {
        let id = signed.id();
        if self.nodes.contains_key(&id) {
            return Inserted::Known;
        }
        let Some(prev) = signed.event().prev else { return Inserted::Refused(LogFault::ForeignGenesis(id)) };
        if !self.nodes.contains_key(&prev) {
            return self.wait(prev, signed);
        }
        if let Err(fault) = self.attach(signed) {
            return Inserted::Refused(fault);
        }
        // Breadth first, and without recursion: a long log may come in any order.
        let mut come = vec![id];
        while let Some(id) = come.pop() {
            for next in self.waiting.remove(&id).unwrap_or_default() {
                self.waiting_count -= 1;
                let next_id = next.id();
                if self.attach(next).is_ok() {
                    come.push(next_id);
                }
            }
        }
        Inserted::Attached
    }

    fn wait(&mut self, prev: EventId, signed: SignedEvent) -> Inserted {
        let id = signed.id();
        if self.waiting_count >= MOST_WAITING {
            return Inserted::Refused(LogFault::TooManyWait(id));
        }
        let waiting = self.waiting.entry(prev).or_default();
        if !waiting.iter().any(|other| other.id() == id) {
            waiting.push(signed);
            self.waiting_count += 1;
        }
        Inserted::Waits(prev)
    }

    /// Adds an event whose predecessor is here.
    fn attach(&mut self, signed: SignedEvent) -> Result<(), LogFault> {
        let (id, number) = (signed.id(), signed.event().number);
        if self.nodes.contains_key(&id) {
            return Ok(()); // it waited twice, under two sets of signatures
        }
        let prev_id = signed.event().prev.expect("only a genesis has no predecessor, and it is never attached");
        let prev = &self.nodes[&prev_id];
        let before = prev.signed.event();
        if matches!(before.action, Action::Close { .. }) {
            return Err(LogFault::AfterClose(id));
        }
        if number != before.number + 1 {
            return Err(LogFault::Number { id, number, prev: before.number });
        }
        let established = prev.established;
        if !signed.is_authorised(self.establishment_at(established)) {
            return Err(LogFault::Unauthorised(id));
        }
        self.enter(signed, established);
        let successors = self.successors.entry(prev_id).or_default();
        successors.push(id);
        successors.sort_unstable();
        self.forks += usize::from(successors.len() == 2);
        let is_only = successors.len() == 1;
        if is_only && prev_id == self.state.head {
            self.path.insert(id);
            advance(&self.nodes, &mut self.state, id);
        } else if self.path.contains(&prev_id) {
            self.resolve();
        } // beside the log, nothing depends on it
        Ok(())
    }

    fn enter(&mut self, signed: SignedEvent, established: EventId) {
        let (id, action) = (signed.id(), &signed.event().action);
        match action {
            Action::Genesis { devices, .. } => self.named.extend(devices),
            Action::AddDevice(key) => drop(self.named.insert(*key)),
            _ => {}
        }
        let established = match action.establishment() {
            Some(establishment) => {
                self.witnesses.extend(establishment.witnesses.iter().flat_map(|set| &set.keys));
                id
            }
            None => established,
        };
        self.nodes.insert(id, Node { signed: Arc::new(signed), established });
        let (known, strangers) = std::mem::take(&mut self.strangers)
            .into_iter()
            .partition(|receipt: &Receipt| self.witnesses.contains(&receipt.witness));
        self.strangers = strangers;
        for receipt in known {
            self.receipts.add(&receipt);
        }
    }

    /// Adds a receipt; whether the state may have changed.
    pub fn attest(&mut self, receipt: &Receipt) -> bool {
        if !self.witnesses.contains(&receipt.witness) {
            if self.strangers.len() < MOST_WAITING && !self.strangers.contains(receipt) {
                self.strangers.push(*receipt);
            }
            return false;
        }
        let added = self.receipts.add(receipt);
        if added && self.forks > 0 {
            self.resolve();
        }
        added
    }

    fn establishment_at(&self, established: EventId) -> &Establishment {
        let action = &self.nodes[&established].signed.event().action;
        action.establishment().expect("`established` names events that fix one")
    }

    /// Walks from the genesis as far as nothing is disputed.
    fn resolve(&mut self) {
        let genesis = EventId(self.identity.0);
        let mut state = State { head: genesis, number: 0, established: genesis, devices: HashMap::new(), closed: None };
        advance(&self.nodes, &mut state, genesis);
        self.path = [genesis].into();
        self.duplicity = None;
        while let Some(successors) = self.successors.get(&state.head) {
            match self.choose(&state, successors) {
                Some(next) => {
                    self.path.insert(next);
                    advance(&self.nodes, &mut state, next);
                }
                None => {
                    self.duplicity = Some(Duplicity { after: state.head, successors: successors.clone() });
                    break;
                }
            }
        }
        self.state = state;
    }

    /// The successor that the log goes on with, if that can be said.
    fn choose(&self, state: &State, successors: &[EventId]) -> Option<EventId> {
        if let [only] = successors {
            return Some(*only);
        }
        let witnesses = self.establishment_at(state.established).witnesses.as_ref()?;
        let attested: Vec<(EventId, Timestamp)> =
            successors.iter().filter_map(|id| Some((*id, self.receipts.attested(&id.0, witnesses)?))).collect();
        let tier = |id: &EventId| self.nodes[id].signed.event().action.tier();
        let highest = attested.iter().map(|(id, _)| tier(id)).max()?;
        let mut first = attested.iter().filter(|(id, _)| tier(id) == highest);
        let (Some((id, seen)), None) = (first.next(), first.next()) else { return None };
        attested.iter().all(|(other, target)| other == id || in_time(Some(*seen), Some(*target))).then_some(*id)
    }

    /// Whose log it is.
    pub fn identity(&self) -> IdentityId {
        self.identity
    }

    /// What holds now.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Where the log is disputed, if it is.
    pub fn duplicity(&self) -> Option<&Duplicity> {
        self.duplicity.as_ref()
    }

    /// Who may write the next event.
    pub fn establishment(&self) -> &Establishment {
        self.establishment_at(self.state.established)
    }

    /// Who may write what follows an event of the tree.
    ///
    /// # Panics
    /// If the event is not part of the tree.
    pub fn establishment_after(&self, event: &EventId) -> &Establishment {
        self.establishment_at(self.nodes[event].established)
    }

    /// Whether any valid event, on the log or beside it, names the key as a device. Never
    /// becomes untrue.
    pub fn ever_named(&self, key: &PublicKey) -> bool {
        self.named.contains(key)
    }

    /// What the removal of a device, or the end of the identity, keeps of what it signed:
    /// nothing where the log does not know the device, and no answer where nothing ended.
    pub fn end_of(&self, key: &PublicKey) -> Vec<End<'_>> {
        let Some(device) = self.state.devices.get(key) else { return vec![End::Disputed] };
        device
            .removed
            .iter()
            .chain(&self.state.closed)
            .map(|id| match &self.nodes[id].signed.event().action {
                Action::RemoveDevice { keep, .. } | Action::Close { keep, .. } => End::By { event: *id, keep },
                _ => unreachable!("only removals and the closing end a device"),
            })
            .collect()
    }

    /// What a removal or the closing keeps.
    pub(super) fn keep_of(&self, id: &EventId) -> Option<&Keep> {
        match &self.nodes.get(id)?.signed.event().action {
            Action::RemoveDevice { keep, .. } | Action::Close { keep, .. } => Some(keep),
            _ => None,
        }
    }

    /// Every key that a valid event names as a device, on the log or beside it.
    pub fn named(&self) -> impl Iterator<Item = &PublicKey> {
        self.named.iter()
    }

    /// An event of the tree.
    pub fn event(&self, id: &EventId) -> Option<&SignedEvent> {
        self.nodes.get(id).map(|node| &*node.signed)
    }

    /// The events of the log, from the genesis to the last that nobody disputes.
    pub fn events(&self) -> Vec<&SignedEvent> {
        let mut events = Vec::new();
        let mut at = Some(self.state.head);
        while let Some(id) = at {
            let signed = &*self.nodes[&id].signed;
            events.push(signed);
            at = signed.event().prev;
        }
        events.reverse();
        events
    }

    /// Valid events beside the log, by number and id: nullified or disputed.
    pub fn set_aside(&self) -> Vec<&SignedEvent> {
        let nodes = self.nodes.values().map(|node| &*node.signed);
        let mut aside: Vec<_> = nodes.filter(|event| !self.path.contains(&event.id())).collect();
        aside.sort_unstable_by_key(|event| (event.event().number, event.id()));
        aside
    }

    /// All valid events, predecessors first.
    pub fn all(&self) -> Vec<&SignedEvent> {
        let mut all: Vec<_> = self.nodes.values().map(|node| &*node.signed).collect();
        all.sort_unstable_by_key(|event| (event.event().number, event.id()));
        all
    }

    /// What witnesses attest.
    pub fn receipts(&self) -> &Receipts {
        &self.receipts
    }

    /// The witnesses in force before an event.
    pub(super) fn attested_before(&self, event: &EventId, of: &[u8; 32]) -> Option<Timestamp> {
        let prev = self.nodes.get(event)?.signed.event().prev?;
        let witnesses = self.establishment_at(self.nodes[&prev].established).witnesses.as_ref()?;
        self.receipts.attested(of, witnesses)
    }
}

/// What an event changes. A device is added once and removed once; anything beyond that
/// changes nothing, so that an event is valid whatever devices there are.
fn advance(nodes: &HashMap<EventId, Node>, state: &mut State, id: EventId) {
    let node = &nodes[&id];
    let event = node.signed.event();
    (state.head, state.number, state.established) = (id, event.number, node.established);
    let added = Device { added: id, removed: None };
    match &event.action {
        Action::Genesis { devices, .. } => state.devices.extend(devices.iter().map(|key| (*key, added))),
        Action::AddDevice(key) => {
            state.devices.entry(*key).or_insert(added);
        }
        Action::RemoveDevice { key, .. } => {
            state.devices.entry(*key).or_insert(added).removed.get_or_insert(id);
        }
        Action::Close { .. } => state.closed = Some(id),
        Action::Rotate(_) | Action::Recover(_) => {}
    }
}

/// What ends a device's authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End<'a> {
    /// The log, as far as nobody disputes it, does not name the key.
    Disputed,
    /// An event of the log.
    By {
        /// The event.
        event: EventId,
        /// What it keeps.
        keep: &'a Keep,
    },
}
