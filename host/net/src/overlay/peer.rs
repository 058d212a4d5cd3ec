//! What is known about one connected peer.

use std::collections::{BTreeMap, VecDeque};

use atlas_record::SpaceId;

use super::config::Config;
use super::pace::{Bucket, Rate};
use super::recent::Echo;
use super::score::{Score, Standing};
use super::types::{Entry, Follows, Millis};
use crate::negentropy::Id;

/// A space that the peer shares, whether or not this node does.
#[derive(Debug)]
pub(super) struct Shared {
    pub follows: Follows,
    /// What is to be announced to it.
    pub out: VecDeque<Entry>,
    /// There is more than `out` had room for.
    pub more: bool,
    pub agreement: Agreement,
}

/// How far this node and a peer agree about a space.
#[derive(Debug, Clone)]
pub(super) struct Agreement {
    /// Something is to be reconciled: the peer is new, or it or we have more than was announced.
    pub due: bool,
    /// But not before.
    pub not_before: Millis,
    /// How long to wait after a reconciliation that found nothing.
    pub patience: Millis,
    /// When both sides last compared everything.
    pub compared: Option<Millis>,
    /// Whether they were equal then. If not, they are once what was found has come.
    pub equal: bool,
}

impl Shared {
    pub fn new(follows: Follows, not_before: Millis, config: &Config) -> Self {
        let agreement =
            Agreement { due: true, not_before, patience: config.reconcile_soon, compared: None, equal: false };
        Self { follows, out: VecDeque::new(), more: false, agreement }
    }

    /// Puts an entry in the outbox, if the peer wants it.
    pub fn announce(&mut self, entry: &Entry, config: &Config) {
        if !self.follows.covers(&entry.set) {
            return;
        }
        if self.out.len() >= config.outbox {
            self.more = true;
        } else {
            self.out.push_back(entry.clone());
        }
    }

    pub fn has_word(&self) -> bool {
        self.more || !self.out.is_empty()
    }
}

/// A connected peer.
#[derive(Debug)]
pub(super) struct Peer {
    pub group: u64,
    /// Whether this node dialled it. Who dialled reconciles first.
    pub dialled: bool,
    pub since: Millis,
    pub spaces: BTreeMap<SpaceId, Shared>,
    pub score: Score,
    /// What the host was told last.
    pub standing: Standing,
    pub receive: Bucket,
    pub send: Bucket,
    pub echo: Echo<Id>,
    /// Members that it delivered and that were taken in.
    pub delivered: usize,
    /// Members of its next fetch.
    pub batch: usize,
    pub arrivals: Rate,
    pub announcements: Rate,
}

impl Peer {
    pub fn new(now: Millis, group: u64, dialled: bool, points: f64, config: &Config) -> Self {
        Self {
            group,
            dialled,
            since: now,
            spaces: BTreeMap::new(),
            score: Score::new(now, points),
            standing: Standing::Good,
            receive: Bucket::new(now, config.receive.1),
            send: Bucket::new(now, config.send.1),
            echo: Echo::new(),
            delivered: 0,
            batch: config.batch.0,
            arrivals: Rate::default(),
            announcements: Rate::default(),
        }
    }

    /// How many members it may owe by its announcements.
    pub fn may_owe(&self, config: &Config) -> usize {
        let earned = self.delivered.saturating_mul(config.owed_per_delivered);
        let may = config.owed.saturating_add(earned).min(config.owed_most);
        if self.standing == Standing::Good { may } else { may.min(config.owed / 4) }
    }
}
