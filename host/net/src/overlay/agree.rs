//! When to reconcile, and with whom.
//!
//! One reconciliation per space at a time, and a few overall. First with peers that are new or that have more than was
//! announced; then, when all is well, now and then with one after the other, a subnet group at a time:
//! a peer can hide what it has, but not what others have.

use atlas_record::SpaceId;

use super::machine::Overlay;
use super::peer::Peer;
use super::score::{Offence, Standing};
use super::space::{Running, Space};
use super::types::{Action, End, Entry, Known, Millis, PeerKey, Room, Set, Tally, Token};
use super::wants::Claim;
use crate::negentropy::Id;

/// While more than this is wanted in a space, finding out about even more waits.
const ENOUGH: usize = 1024;

/// How long to wait before a peer whose session broke is tried again.
const AFTER_BREAK: Millis = 5000;

impl<P: PeerKey> Overlay<P> {
    /// Something changed that may make a reconciliation due: look no later than `at`.
    pub(super) fn look(&mut self, space: SpaceId, at: Millis) {
        if let Some(joined) = self.spaces.get_mut(&space) {
            joined.reconcile_at = joined.reconcile_at.min(at);
        }
    }

    /// Something is missing and nobody in particular is known to have it: everyone may.
    pub fn suspect(&mut self, now: Millis, space: SpaceId) {
        let soon = self.config.reconcile_soon;
        if let Some(joined) = self.spaces.get_mut(&space) {
            joined.routine_at = joined.routine_at.min(now + soon);
        }
    }

    /// Starts a reconciliation if one is due and nothing stands against it.
    pub(super) fn schedule(&mut self, now: Millis, space: SpaceId) {
        let Some(joined) = self.spaces.get(&space) else { return };
        if let Some(running) = joined.running {
            if running.since + self.config.reconcile_whole <= now {
                self.actions.push_back(Action::Cancel { token: running.token });
                self.reconciled(now, running.token, End::TimedOut, Tally::default());
            }
            return;
        }
        let routine = joined.routine_at <= now;
        if joined.reconcile_at > now && !routine {
            return;
        }
        let under_way = self.spaces.values().filter(|other| other.running.is_some()).count();
        let enough = if joined.overflowed > 0 { self.refill() } else { ENOUGH };
        if self.wants.of_space(&space) > enough || under_way >= self.config.reconciles || self.busy {
            let later = now + self.config.reconcile_soon;
            let joined = self.spaces.get_mut(&space).expect("it was just there");
            (joined.reconcile_at, joined.routine_at) = (later, joined.routine_at.max(later));
            return;
        }
        let (partner, next) = self.partner(now, &space, routine);
        let routine_at = self.around(now, self.config.reconcile_every);
        let token = partner.map(|_| self.token());
        let joined = self.spaces.get_mut(&space).expect("it was just there");
        joined.reconcile_at = next;
        if routine {
            joined.routine_at = routine_at;
        }
        let (Some(peer), Some(token)) = (partner, token) else { return };
        joined.running = Some(Running { token, peer, since: now, full: false });
        self.actions.push_back(Action::Reconcile { peer, space, token });
    }

    /// How little is left to fetch of what one comparison found, when it is time for the next one: so that fetching
    /// never waits for it.
    pub(super) fn refill(&self) -> usize {
        self.config.owed_most / 2
    }

    /// There is room on the want-list for more of a space whose last comparison ended for lack of it.
    pub(super) fn refilled(&mut self, now: Millis, space: SpaceId) {
        if self.spaces.get(&space).is_some_and(|joined| joined.overflowed > 0) {
            self.look(space, now);
            self.schedule(now, space);
        }
    }

    /// With whom to reconcile now, and when to look again.
    fn partner(&self, now: Millis, space: &SpaceId, routine: bool) -> (Option<P>, Millis) {
        let mut next = Millis::MAX;
        let mut best = None;
        // Whoever is limited is asked if there is nobody better: it may have been the line.
        let good = |peer: &Peer| peer.standing == Standing::Good && peer.spaces.contains_key(space);
        let alone = !self.peers.values().any(good);
        let shared = || {
            self.peers
                .iter()
                .filter(|(_, peer)| peer.standing == Standing::Good || alone)
                .filter_map(|(key, peer)| Some((*key, peer.group, &peer.spaces.get(space)?.agreement)))
        };
        // A group was asked when the last of its peers was.
        let of_group = |group: u64| shared().filter(|(_, g, _)| *g == group).filter_map(|(_, _, a)| a.compared).max();
        for (peer, group, agreement) in shared() {
            if agreement.due && agreement.not_before > now {
                next = next.min(agreement.not_before);
            }
            let due = agreement.due && agreement.not_before <= now;
            if due || routine {
                // The group comes first: new connections out of one subnet do not get in the way of the others.
                let weight = (of_group(group), !due, agreement.compared, peer);
                if best.is_none_or(|before| weight < before) {
                    best = Some(weight);
                }
            }
        }
        // Who is due beside the one that is chosen is looked at when it has ended.
        (best.map(|(.., peer)| peer), next)
    }

    /// Ids that only the partner of a reconciliation has, or claims to have.
    pub fn needs(
        &mut self,
        now: Millis,
        token: Token,
        space: SpaceId,
        set: &Set,
        ids: &[Id],
        known: &mut dyn Known,
    ) -> Room {
        let Some(joined) = self.spaces.get_mut(&space) else { return Room::Full };
        let Some(running) = joined.running.as_mut().filter(|running| running.token == token) else { return Room::Full };
        let may_owe = self.config.owed_most;
        let mut room = Room::Open;
        for id in ids {
            if self.recent.is_refused(id) || known.has(&space, id) {
                continue;
            }
            if self.wants.claim(running.peer, (space, *id), set, None, may_owe) == Claim::Full {
                joined.overflowed += 1;
                (running.full, room) = (true, Room::Full);
                break;
            }
        }
        self.pump(now);
        room
    }

    /// Members that only this side of a reconciliation has: the partner is told.
    pub fn offers(&mut self, now: Millis, token: Token, space: SpaceId, entries: &[Entry]) {
        let running = self.spaces.get(&space).and_then(|joined| joined.running);
        if let Some(running) = running.filter(|running| running.token == token) {
            // Said before or not, it does not have them.
            let peer = running.peer;
            let Some(shared) = self.peers.get_mut(&peer).and_then(|state| state.spaces.get_mut(&space)) else { return };
            for entry in entries {
                shared.announce(entry, &self.config);
                self.recent.holds(&entry.item.id, peer);
            }
            self.tell(now, peer, space, &[]);
        }
    }

    /// A reconciliation that this node started has ended.
    pub fn reconciled(&mut self, now: Millis, token: Token, end: End, tally: Tally) {
        let refill = self.refill();
        let found = self.spaces.iter_mut().find(|(_, joined)| joined.running.is_some_and(|r| r.token == token));
        let Some((&space, joined)) = found else { return };
        let Some(running) = joined.running.take() else { return };
        let peer = running.peer;
        let stopped = tally.stopped || running.full;
        // As soon as there is room again; at once there may be none for other reasons.
        let again = if self.wants.of_space(&space) > refill { now } else { now + self.config.reconcile_soon };
        let (fixed, each) = self.config.reconcile_cost;
        let lied = end == End::Complete && tally.bytes > fixed + each * tally.differences;
        if end == End::Complete && !stopped {
            joined.compared = Some(now);
            joined.overflowed = 0;
        }
        if let Some(shared) = self.peers.get_mut(&peer).and_then(|state| state.spaces.get_mut(&space)) {
            let agreement = &mut shared.agreement;
            if end == End::Declined {
                // It is busy, or about to say anew what it shares: soon, and then more and more slowly.
                agreement.not_before = now + agreement.patience;
                agreement.patience = (agreement.patience * 2).min(self.config.reconcile_every);
            } else if end != End::Complete {
                agreement.not_before = now + AFTER_BREAK;
            } else if stopped {
                agreement.not_before = again;
            } else {
                agreement.due = false;
                agreement.compared = Some(now);
                agreement.equal = tally.differences == 0;
                // Whoever says "more" and has nothing is believed more slowly each time.
                agreement.patience = if agreement.equal {
                    (agreement.patience * 2).min(self.config.reconcile_every)
                } else {
                    self.config.reconcile_soon
                };
                agreement.not_before = now + agreement.patience;
            }
        }
        self.blame(now, peer, Offence::Slow, usize::from(end == End::TimedOut));
        self.blame(now, peer, Offence::FalseFingerprints, usize::from(lied));
        // Others may be due.
        self.look(space, now);
        self.judge(now, peer);
        self.pump(now);
        self.schedule(now, space);
    }

    /// A peer is reached on another way: a session over the old one ends there, through nobody's fault, and begins
    /// anew.
    pub fn moved(&mut self, now: Millis, peer: P) {
        let with_peer = |joined: &Space<P>| joined.running.is_some_and(|running| running.peer == peer);
        let broken: Vec<SpaceId> =
            self.spaces.iter().filter(|(_, joined)| with_peer(joined)).map(|(id, _)| *id).collect();
        for space in broken {
            let joined = self.spaces.get_mut(&space).expect("it was just found");
            if let Some(running) = joined.running.take() {
                self.actions.push_back(Action::Cancel { token: running.token });
            }
            if let Some(shared) = self.peers.get_mut(&peer).and_then(|state| state.spaces.get_mut(&space)) {
                shared.agreement.not_before = now;
            }
            self.look(space, now);
            self.schedule(now, space);
        }
    }

    /// A peer has reconciled with this node to the end: what it found, it fetches and announces. That is as good as
    /// having started it.
    pub fn answered(&mut self, now: Millis, peer: P, space: SpaceId) {
        if let Some(shared) = self.peers.get_mut(&peer).and_then(|state| state.spaces.get_mut(&space)) {
            let agreement = &mut shared.agreement;
            if agreement.compared.is_none() {
                agreement.due = false;
            }
            agreement.compared = Some(now);
        }
    }

    /// How many more members the want-list takes. A session that reads faster than this node fetches may wait
    /// instead of ending.
    pub fn room(&self) -> usize {
        self.config.wants.saturating_sub(self.wants.len())
    }
}
