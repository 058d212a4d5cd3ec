//! Nodes that do one thing wrong, as hard as they can.

use std::collections::BTreeSet;

use atlas_record::SpaceId;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::message::Message;
use super::record::{Record, entry, space};
use super::{Micros, Name, millis};
use crate::negentropy::wire::{Bound, Payload, Writer};
use crate::negentropy::{Id, Item};
use crate::overlay::Token;

/// What a malicious node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lie {
    /// Sends bytes that are no frames.
    Garbage,
    /// Announces what nobody has.
    NeverServe,
    /// Announces what nobody has, and lets those who ask wait for ever.
    Stall,
    /// Announces as fast as the line takes it.
    Flood,
    /// A million ids, once to each.
    MillionIds,
    /// Announces and serves records with bad signatures.
    BadSignature,
    /// Announces and serves records of another space.
    WrongSpace,
    /// Serves something else than it was asked for.
    WrongId,
    /// Sends records that nobody asked for.
    Unrequested,
    /// Answers every reconciliation with a fingerprint that nothing has.
    FalseFingerprints,
    /// Answers every reconciliation with ids that do not exist.
    FalseIds,
    /// Announces again and again what was announced to it.
    Replay,
    /// Pretends to have what everyone has, and says nothing new: what an eclipse is made of.
    Silent,
}

impl Lie {
    /// Every one that can be told from honest behaviour.
    pub const CAUGHT: [Self; 12] = [
        Self::Garbage,
        Self::NeverServe,
        Self::Stall,
        Self::Flood,
        Self::MillionIds,
        Self::BadSignature,
        Self::WrongSpace,
        Self::WrongId,
        Self::Unrequested,
        Self::FalseFingerprints,
        Self::FalseIds,
        Self::Replay,
    ];
}

/// Between two outbursts.
pub(super) const EVERY: Micros = 500_000;

/// Entries per frame, as honest nodes send them.
const FRAME: usize = 512;

/// Frames per outburst of those who flood.
const BURST: usize = 20;

#[derive(Debug)]
pub(super) struct Liar {
    pub lie: Lie,
    rng: StdRng,
    peers: BTreeSet<Name>,
    /// What honest nodes announced to it, as far as it remembers.
    heard: Vec<Item>,
    /// What it has to serve.
    made: std::collections::HashMap<Id, Record>,
    /// Of a million.
    sent: u64,
}

impl Liar {
    pub fn new(lie: Lie, seed: u64) -> Self {
        Self {
            lie,
            rng: StdRng::seed_from_u64(seed),
            peers: BTreeSet::new(),
            heard: Vec::new(),
            made: std::collections::HashMap::new(),
            sent: 0,
        }
    }

    pub fn connected(&mut self, peer: Name) -> Vec<(Name, Message)> {
        self.peers.insert(peer);
        vec![(peer, Message::Hello)]
    }

    pub fn disconnected(&mut self, peer: Name) {
        self.peers.remove(&peer);
    }

    fn invented(&mut self, now: Micros, count: usize) -> Message {
        let base: Id = self.rng.random();
        let invent = |i: usize| {
            let mut id = base;
            id[..4].copy_from_slice(&(i as u32).to_be_bytes());
            entry(Item { time: millis(now), id })
        };
        let entries = (0..count).map(invent).collect();
        Message::Announce { space: space(), entries, more: false }
    }

    fn made(&mut self, now: Micros, of: SpaceId, signed: bool) -> Message {
        let records: Vec<Record> =
            (0..4).map(|_| Record { space: of, created: millis(now), nonce: self.rng.random(), signed }).collect();
        self.made.extend(records.iter().map(|record| (record.id(), *record)));
        let entries = records.iter().map(|record| entry(record.item())).collect();
        Message::Announce { space: space(), entries, more: false }
    }

    fn heard_again(&self, most: usize) -> Message {
        let entries = self.heard.iter().rev().take(most).map(|item| entry(*item)).collect();
        Message::Announce { space: space(), entries, more: false }
    }

    /// Its outburst.
    pub fn act(&mut self, now: Micros) -> Vec<(Name, Message)> {
        let mut messages = Vec::new();
        for peer in self.peers.clone() {
            let many = match self.lie {
                Lie::Flood | Lie::MillionIds if self.sent < 1_000_000 => BURST,
                Lie::FalseFingerprints | Lie::FalseIds | Lie::Silent | Lie::MillionIds => 0,
                _ => 1,
            };
            for _ in 0..many {
                let message = match self.lie {
                    Lie::Garbage => Message::Garbage,
                    Lie::NeverServe => self.invented(now, 20),
                    Lie::Flood => self.invented(now, FRAME),
                    Lie::MillionIds => {
                        self.sent += FRAME as u64;
                        self.invented(now, FRAME)
                    }
                    Lie::BadSignature => self.made(now, space(), false),
                    Lie::WrongSpace => self.made(now, SpaceId([9; 32]), true),
                    Lie::WrongId | Lie::Stall => self.invented(now, 4),
                    Lie::Unrequested => {
                        let record = Record { space: space(), created: 0, nonce: self.rng.random(), signed: true };
                        let records = vec![(record.id(), Some(record))];
                        Message::Served { token: Token(self.rng.random()), records }
                    }
                    Lie::Replay => self.heard_again(100),
                    Lie::FalseFingerprints | Lie::FalseIds | Lie::Silent => continue,
                };
                messages.push((peer, message));
            }
        }
        messages
    }

    pub fn receive(&mut self, from: Name, message: Message) -> Vec<(Name, Message)> {
        match message {
            Message::Announce { entries, .. } => {
                self.heard.extend(entries.iter().map(|entry| entry.item));
                let beyond = self.heard.len().saturating_sub(2000);
                self.heard.drain(..beyond);
                Vec::new()
            }
            Message::Ask { token, ids } => {
                let other = Record { space: space(), created: 1, nonce: 1, signed: true };
                let answer = |id: &Id| match self.lie {
                    Lie::WrongId => Some(other),
                    _ => self.made.get(id).copied(),
                };
                if self.lie == Lie::Stall {
                    return Vec::new();
                }
                let records = ids.iter().map(|id| (*id, answer(id))).collect();
                vec![(from, Message::Served { token, records })]
            }
            Message::Reconcile { token, .. } => {
                let mut out = Writer::new();
                match self.lie {
                    Lie::FalseFingerprints => out.put(&Bound::END, Payload::Fingerprint(self.rng.random())),
                    Lie::FalseIds => {
                        let ids: Vec<Id> = (0..500).map(|_| self.rng.random()).collect();
                        out.put(&Bound::END, Payload::Ids(&ids));
                    }
                    // Nothing differs, it says.
                    _ => {}
                }
                vec![(from, Message::Reconciled { token, bytes: out.finish() })]
            }
            _ => Vec::new(),
        }
    }
}
