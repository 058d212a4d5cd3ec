//! Announcements, out and in.

use atlas_record::SpaceId;

use super::machine::Overlay;
use super::score::{Offence, Standing};
use super::space;
use super::types::{Action, Entry, Known, Millis, PeerKey};
use super::wants::Claim;

/// When an outbox is looked at again that ran out of tokens.
const AGAIN: Millis = 100;

impl<P: PeerKey> Overlay<P> {
    /// Members that this node has taken in, other than through a fetch: written here, imported, or
    /// parked before. They are announced, and no longer wanted.
    pub fn committed(&mut self, now: Millis, space: SpaceId, entries: &[Entry]) {
        for entry in entries {
            self.wants.remove(&(space, entry.item.id));
        }
        self.spread(now, space, entries);
    }

    /// Tells the neighbours, those who count on it, and a few others, unless they are known to have it.
    pub(super) fn spread(&mut self, now: Millis, space: SpaceId, entries: &[Entry]) {
        if entries.is_empty() {
            return;
        }
        let candidates = self.candidates(now, &space);
        let Some(joined) = self.spaces.get(&space) else { return };
        let mut targets = joined.neighbours.clone();
        targets.extend(joined.followers.iter().filter(|follower| !joined.neighbours.contains(follower)));
        targets.extend(space::extra(&targets, &candidates, self.config.extra, &mut self.rng));
        for peer in targets {
            self.tell(now, peer, space, entries);
        }
    }

    /// Puts entries in a peer's outbox.
    pub(super) fn tell(&mut self, now: Millis, peer: P, space: SpaceId, entries: &[Entry]) {
        let Some(shared) = self.peers.get_mut(&peer).and_then(|state| state.spaces.get_mut(&space)) else { return };
        for entry in entries {
            if shared.follows.covers(&entry.set) && !self.recent.is_held_by(&entry.item.id, peer) {
                shared.announce(entry, &self.config);
                self.recent.holds(&entry.item.id, peer);
            }
        }
        if shared.has_word() {
            self.outgoing.insert(peer);
            let at = now + self.config.gather;
            self.flush_at = Some(self.flush_at.map_or(at, |before| before.min(at)));
        }
    }

    /// Writes what the outboxes hold, as fast as peers may be told.
    pub(super) fn flush(&mut self, now: Millis) {
        self.flush_at = None;
        let (config, actions) = (&self.config, &mut self.actions);
        let peers = &mut self.peers;
        self.outgoing.retain(|peer| {
            let Some(state) = peers.get_mut(peer) else { return false };
            let mut left = false;
            for (space, shared) in &mut state.spaces {
                while shared.has_word() {
                    let wanted = shared.out.len().min(config.frame_entries);
                    let granted = state.send.take(now, config.send, wanted);
                    if granted == 0 && wanted > 0 {
                        left = true;
                        break;
                    }
                    let entries: Vec<Entry> = shared.out.drain(..granted).collect();
                    let more = shared.out.is_empty() && std::mem::take(&mut shared.more);
                    actions.push_back(Action::Announce { peer: *peer, space: *space, entries, more });
                }
            }
            left
        });
        if !self.outgoing.is_empty() {
            self.flush_at = Some(now + AGAIN);
        }
    }

    /// A peer announces members of a space. `more` says that it has more than it announces.
    pub fn announced(
        &mut self,
        now: Millis,
        peer: P,
        space: SpaceId,
        entries: &[Entry],
        more: bool,
        known: &mut dyn Known,
    ) {
        let Some(state) = self.peers.get_mut(&peer) else { return };
        let Some(joined) = self.spaces.get_mut(&space).filter(|_| state.spaces.contains_key(&space)) else {
            return self.offence(now, peer, Offence::WrongSpace, 1);
        };
        let (rate, most) = self.config.receive;
        let slower = if state.standing == Standing::Good { 1.0 } else { 0.1 };
        let granted = state.receive.take(now, (rate * slower, most * slower), entries.len());
        state.announcements.add(now, granted);
        let may_owe = state.may_owe(&self.config);
        let flood = entries.len() - granted;
        let (mut replayed, mut refused, mut overflowed) = (0, 0, 0u64);
        for entry in &entries[..granted] {
            let id = &entry.item.id;
            let again = state.echo.hears(*id, self.config.replay);
            if !joined.follows.covers(&entry.set) {
                continue;
            }
            if self.recent.is_refused(id) {
                refused += 1;
                continue;
            }
            self.recent.holds(id, peer);
            if known.has(&space, id) {
                // Saying it again is of use as long as it is not here.
                replayed += usize::from(again);
                continue;
            }
            if self.wants.claim(peer, (space, *id), &entry.set, Some(entry.item.time), may_owe) == Claim::Full {
                overflowed += 1;
            }
        }
        joined.overflowed += overflowed;
        let missed = more || overflowed > 0 || flood > 0;
        if missed
            && state.standing == Standing::Good
            && let Some(shared) = state.spaces.get_mut(&space)
        {
            shared.agreement.due = true;
            self.look(space, now);
        }
        for (offence, times) in [(Offence::Flood, flood), (Offence::Replay, replayed), (Offence::Refused, refused)] {
            self.blame(now, peer, offence, times);
        }
        self.judge(now, peer);
        self.pump(now);
    }
}
