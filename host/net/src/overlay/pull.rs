//! Fetches: what is asked of whom, and what came of it.

use std::ops::Bound;

use atlas_record::SpaceId;

use super::machine::Overlay;
use super::score::{Offence, Standing};
use super::types::{Action, End, Entry, Millis, Outcome, PeerKey, Token};
use super::wants::{Batch, Missed};
use crate::negentropy::Id;

/// Members per fetch from a peer that is limited.
const LIMITED_BATCH: usize = 8;

/// How many members that were not served count, per fetch: a fetch is one mistake, however large it was.
const COUNTED: usize = 16;

impl<P: PeerKey> Overlay<P> {
    /// Asks peers for what is wanted, in turn, as far as bounds and the host's ingest allow.
    pub(super) fn pump(&mut self, now: Millis) {
        if self.busy {
            return;
        }
        let mut asked = true;
        while asked {
            asked = false;
            let after = self.turn.map_or(Bound::Unbounded, Bound::Excluded);
            let order: Vec<P> = self
                .peers
                .range((after, Bound::Unbounded))
                .chain(self.peers.iter().take_while(|(peer, _)| self.turn.is_some_and(|turn| **peer <= turn)))
                .map(|(peer, _)| *peer)
                .filter(|peer| self.wants.has_work(peer))
                .collect();
            for peer in order {
                asked |= self.ask(now, peer);
            }
        }
    }

    /// One fetch from one peer, if it may have one.
    fn ask(&mut self, now: Millis, peer: P) -> bool {
        let Some(state) = self.peers.get(&peer) else { return false };
        let (fetches, batch, sole) = match state.standing {
            Standing::Good => (self.config.fetches_per_peer, state.batch, false),
            // Whoever else has it is asked instead.
            _ => (1, state.batch.min(LIMITED_BATCH), true),
        };
        let room = self.config.in_flight.saturating_sub(self.wants.in_flight());
        if self.wants.batches_of(&peer) >= fetches || room == 0 {
            return false;
        }
        let token = self.token();
        let Some(wants) = self.wants.take(now, token, peer, batch.min(room), sole) else { return false };
        let space = self.wants.batch(&token).expect("it was just made").space;
        self.turn = Some(peer);
        self.actions.push_back(Action::Fetch { peer, space, token, wants });
        true
    }

    /// What became of members that a fetch brought. May be called any number of times for a fetch, and
    /// still after it was given up.
    pub fn fetched(&mut self, now: Millis, token: Token, outcomes: &[(Id, Outcome)]) {
        let (peer, space, late) = match (self.wants.batch(&token), self.late.get(&token)) {
            (Some(batch), _) => (batch.peer, batch.space, false),
            (None, Some((peer, space))) => (*peer, *space, true),
            (None, None) => return,
        };
        let wanted = self.wants.of_space(&space);
        let mut taken_in: Vec<Entry> = Vec::new();
        let mut undelivered = Vec::new();
        for (id, outcome) in outcomes {
            let key = (space, *id);
            if self.wants.answered(now, token, id).is_none() && !late {
                self.blame(now, peer, Offence::Unrequested, 1);
            }
            match outcome {
                Outcome::New(entry) => {
                    let claim = self.wants.remove(&key);
                    if let Some(claim) = claim
                        && let Some(time) = claim.claimed
                        && (time != entry.item.time || claim.set != entry.set)
                    {
                        self.blame(now, claim.debtor, Offence::FalseClaim, 1);
                        self.judge(now, claim.debtor);
                    }
                    self.recent.holds(id, peer);
                    if let Some(state) = self.peers.get_mut(&peer) {
                        state.delivered += 1;
                        state.arrivals.add(now, 1);
                    }
                    taken_in.push(entry.clone());
                }
                Outcome::Known | Outcome::Parked => drop(self.wants.remove(&key)),
                Outcome::NotServed if late => {}
                Outcome::NotServed => undelivered.push(key),
                Outcome::Refused(refusal) => {
                    self.blame(now, peer, Offence::Served(*refusal), 1);
                    if refusal.is_of_the_id() {
                        self.recent.refuse(id);
                        self.wants.remove(&key);
                    } else if !late {
                        self.miss(now, &[key]);
                    }
                }
            }
        }
        self.undelivered(now, peer, &undelivered);
        self.spread(now, space, &taken_in);
        self.judge(now, peer);
        self.pump(now);
        let refill = self.refill();
        if wanted > refill && self.wants.of_space(&space) <= refill {
            self.refilled(now, space);
        }
    }

    /// A fetch ended. What it did not bring is asked of others.
    pub fn fetch_ended(&mut self, now: Millis, token: Token, end: End) {
        self.late.remove(&token);
        let Some((batch, open)) = self.wants.close(token) else { return };
        self.settle(now, &batch, open, end);
    }

    fn settle(&mut self, now: Millis, batch: &Batch<P>, open: Vec<(SpaceId, Id)>, end: End) {
        let (least, most) = self.config.batch;
        if let Some(state) = self.peers.get_mut(&batch.peer) {
            state.batch = if end == End::Complete && open.is_empty() {
                // Only a fetch that was full says that more would fit.
                let full = batch.asked >= state.batch;
                if full { (state.batch * 2).min(most) } else { state.batch }
            } else {
                (state.batch / 2).max(least.min(most))
            };
        }
        match end {
            End::Complete => self.undelivered(now, batch.peer, &open),
            // A line may break. One that breaks before anything came is as good as no answer.
            End::Broken | End::Declined => {
                self.blame(now, batch.peer, Offence::NotServed, usize::from(open.len() == batch.asked));
                self.miss(now, &open);
            }
            End::TimedOut => {
                self.blame(now, batch.peer, Offence::Slow, 1);
                let nothing = if open.len() == batch.asked { open.len().min(COUNTED) } else { 0 };
                self.blame(now, batch.peer, Offence::NotServed, nothing);
                self.miss(now, &open);
            }
        }
        self.judge(now, batch.peer);
        self.pump(now);
    }

    /// A peer does not serve what it said it has.
    fn undelivered(&mut self, now: Millis, peer: P, keys: &[(SpaceId, Id)]) {
        self.blame(now, peer, Offence::NotServed, keys.len().min(COUNTED));
        self.miss(now, keys);
    }

    /// Asks others, or leaves it to the next reconciliation.
    fn miss(&mut self, now: Millis, keys: &[(SpaceId, Id)]) {
        for key in keys {
            if self.wants.missed(key, self.config.attempts) == Missed::Gone
                && let Some(joined) = self.spaces.get_mut(&key.0)
            {
                joined.overflowed += 1;
                joined.routine_at = joined.routine_at.min(now + self.config.reconcile_every / 4);
            }
        }
    }

    pub(super) fn deadline(&self, batch: &Batch<P>) -> Millis {
        if self.busy {
            return Millis::MAX;
        }
        (batch.progress + self.config.fetch_idle).min(batch.since + self.config.fetch_whole)
    }

    /// Gives up what takes too long.
    pub(super) fn expire(&mut self, now: Millis) {
        let expired: Vec<Token> =
            self.wants.batches().filter(|(_, batch)| self.deadline(batch) <= now).map(|(token, _)| *token).collect();
        for token in expired {
            let Some((batch, open)) = self.wants.close(token) else { continue };
            self.actions.push_back(Action::Cancel { token });
            self.remember_late(token, batch.peer, batch.space);
            self.settle(now, &batch, open, End::TimedOut);
        }
    }
}
