//! The machine: its state, who is connected, and what follows from what peers did.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use atlas_record::SpaceId;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::config::Config;
use super::peer::{Peer, Shared};
use super::recent::Recent;
use super::score::{Departed, Offence, Reason, Standing};
use super::space::{self, Candidate, Space};
use super::types::{Action, Follows, Millis, PeerKey, Token};
use super::wants::Wants;

/// How many fetches are remembered after they were given up, so that what still comes is not taken as
/// unrequested.
const LATE: usize = 256;

/// How often peers whose penalty fades are looked at.
const RECHECK: Millis = 5000;

/// Announce, pull and scores, for every space of a node and every peer of it. See the
/// [module](super) for the story.
#[derive(Debug)]
pub struct Overlay<P> {
    pub(super) config: Config,
    pub(super) rng: StdRng,
    pub(super) peers: BTreeMap<P, Peer>,
    pub(super) departed: Departed<P>,
    pub(super) spaces: BTreeMap<SpaceId, Space<P>>,
    pub(super) wants: Wants<P>,
    pub(super) recent: Recent<P>,
    /// Fetches that were given up.
    pub(super) late: BTreeMap<Token, (P, SpaceId)>,
    /// Peers with something in an outbox.
    pub(super) outgoing: BTreeSet<P>,
    pub(super) flush_at: Option<Millis>,
    /// The peer that was asked last.
    pub(super) turn: Option<P>,
    pub(super) busy: bool,
    pub(super) next_token: u64,
    recheck_at: Millis,
    pub(super) actions: VecDeque<Action<P>>,
}

impl<P: PeerKey> Overlay<P> {
    /// A machine without spaces and peers. `seed` decides everything that is left to chance; it must
    /// not be known to others.
    pub fn new(config: Config, seed: u64, now: Millis) -> Self {
        Self {
            rng: StdRng::seed_from_u64(seed),
            peers: BTreeMap::new(),
            departed: Departed::new(),
            spaces: BTreeMap::new(),
            wants: Wants::new(config.wants),
            recent: Recent::new(config.recent),
            late: BTreeMap::new(),
            outgoing: BTreeSet::new(),
            flush_at: None,
            turn: None,
            busy: false,
            next_token: 0,
            recheck_at: now + RECHECK,
            actions: VecDeque::new(),
            config,
        }
    }

    /// The next thing to do. Ask until there is none after every other call.
    pub fn next_action(&mut self) -> Option<Action<P>> {
        self.actions.pop_front()
    }

    /// When [`Overlay::tick`] has something to do.
    pub fn next_wake(&self) -> Millis {
        let fetches = self.wants.batches().map(|(_, batch)| self.deadline(batch));
        let spaces = self.spaces.values().flat_map(|space| {
            let running = space.running.as_ref().map(|running| running.since + self.config.reconcile_whole);
            [space.rotate_at, running.unwrap_or_else(|| space.reconcile_at.min(space.routine_at))]
        });
        fetches.chain(spaces).chain(self.flush_at).fold(self.recheck_at, Millis::min)
    }

    /// Lets time pass.
    pub fn tick(&mut self, now: Millis) {
        self.expire(now);
        if self.flush_at.is_some_and(|at| at <= now) {
            self.flush(now);
        }
        if self.recheck_at <= now {
            self.recheck_at = now + RECHECK;
            self.peers.keys().copied().collect::<Vec<_>>().into_iter().for_each(|peer| self.judge(now, peer));
        }
        for space in self.spaces.keys().copied().collect::<Vec<_>>() {
            self.rotate(now, space);
            self.schedule(now, space);
        }
        self.pump(now);
    }

    /// The node joined a space, or follows other types of it from now on.
    pub fn join(&mut self, now: Millis, space: SpaceId, follows: Follows) {
        if let Some(joined) = self.spaces.get_mut(&space) {
            joined.follows = follows;
        } else {
            let (rotate_at, routine_at) =
                (self.around(now, self.config.rotate_every), self.around(now, self.config.reconcile_every));
            let joined = Space {
                follows,
                neighbours: Vec::new(),
                followers: Vec::new(),
                rotate_at,
                reconcile_at: now,
                routine_at,
                running: None,
                compared: None,
                overflowed: 0,
            };
            self.spaces.insert(space, joined);
        }
        // Whoever shares it is to be compared with, again if more types are followed.
        for shared in self.peers.values_mut().filter_map(|peer| peer.spaces.get_mut(&space)) {
            shared.agreement.due = true;
        }
        self.settle_neighbours(now, space);
        self.look(space, now);
    }

    /// The node left a space.
    pub fn leave(&mut self, space: SpaceId) {
        let Some(left) = self.spaces.remove(&space) else { return };
        let running = left.running.map(|running| running.token);
        for token in self.wants.leave(&space).into_iter().chain(running) {
            self.actions.push_back(Action::Cancel { token });
        }
        for shared in self.peers.values_mut().filter_map(|peer| peer.spaces.get_mut(&space)) {
            shared.out.clear();
            shared.more = false;
        }
    }

    /// Whether a peer may connect now. One that was left may not until its time has come.
    pub fn may_connect(&self, now: Millis, peer: &P) -> bool {
        self.departed.until(now, peer).is_none()
    }

    /// A connection stands. `group` names the part of the network that the peer's address is of, so that
    /// one part cannot take all places; `dialled` says that this side made the connection.
    pub fn connected(&mut self, now: Millis, peer: P, group: u64, dialled: bool) {
        if let Some(until) = self.departed.until(now, &peer) {
            self.actions.push_back(Action::Disconnect { peer, reason: Reason::TooEarly, until });
            return;
        }
        if self.peers.contains_key(&peer) {
            return;
        }
        if self.peers.len() >= self.config.peers && !self.make_place(now, group) {
            self.actions.push_back(Action::Disconnect { peer, reason: Reason::Crowded, until: now });
            return;
        }
        // Who was sent away before has less to lose this time.
        let points = if self.departed.remembers(&peer) { self.config.limited_at / 2.0 } else { 0.0 };
        self.peers.insert(peer, Peer::new(now, group, dialled, points, &self.config));
    }

    /// All places are taken: the largest group gives one up, unless it is that of the newcomer.
    fn make_place(&mut self, now: Millis, newcomer: u64) -> bool {
        let mut groups: BTreeMap<u64, usize> = BTreeMap::new();
        for peer in self.peers.values() {
            *groups.entry(peer.group).or_default() += 1;
        }
        let Some((&largest, &crowd)) = groups.iter().max_by_key(|(_, count)| **count) else { return false };
        let own = groups.get(&newcomer).copied().unwrap_or(0);
        if largest == newcomer || own + 1 >= crowd {
            return false;
        }
        let worst = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.group == largest)
            .max_by(|(_, a), (_, b)| {
                let points = |peer: &Peer| peer.score.points(now, &self.config);
                // Of two that behave alike, the one that came later goes.
                points(a).total_cmp(&points(b)).then(a.since.cmp(&b.since))
            })
            .map(|(peer, _)| *peer);
        let Some(worst) = worst else { return false };
        self.actions.push_back(Action::Disconnect { peer: worst, reason: Reason::Crowded, until: now });
        self.disconnected(now, worst);
        true
    }

    /// A peer says which spaces it shares with this node, and what it follows there. Replaces what it said
    /// before. Those that this node has not joined may be among them.
    pub fn shares(&mut self, now: Millis, peer: P, spaces: impl IntoIterator<Item = (SpaceId, Follows)>) {
        let Some(state) = self.peers.get_mut(&peer) else { return };
        let mut before = std::mem::take(&mut state.spaces);
        for (space, follows) in spaces.into_iter().take(self.config.spaces_per_peer) {
            let shared = match before.remove(&space) {
                Some(mut shared) => {
                    shared.follows = follows;
                    shared
                }
                // Who dialled comes first, the other side only if nothing happened by then: where both dialled at
                // once, neither may know. Not everyone at the same time, but a node that has compared with nobody
                // yet has nothing before it has.
                None => {
                    let first = self.spaces.get(&space).is_some_and(|joined| joined.compared.is_none());
                    let wait = match (state.dialled, first) {
                        (true, true) => 0..1,
                        (true, false) => 0..300,
                        (false, true) => 200..500,
                        (false, false) => 1000..2000,
                    };
                    Shared::new(follows, now + self.rng.random_range(wait), &self.config)
                }
            };
            state.spaces.insert(space, shared);
        }
        let concerned: Vec<SpaceId> = state.spaces.keys().copied().chain(before.into_keys()).collect();
        for space in concerned {
            self.settle_neighbours(now, space);
            self.look(space, now);
        }
    }

    /// A peer counts on this node's announcements in a space, or no longer does. If more do than there is
    /// place for, the most crowded group makes place.
    pub fn neighbour(&mut self, now: Millis, peer: P, space: SpaceId, on: bool) {
        let candidates = self.candidates(now, &space);
        let Some(joined) = self.spaces.get_mut(&space) else { return };
        joined.followers.retain(|follower| *follower != peer);
        if !on || !candidates.iter().any(|candidate| candidate.peer == peer) {
            return;
        }
        joined.followers.push(peer);
        if joined.followers.len() > self.config.followers
            && let Some((weakest, _)) = space::weakest(&joined.followers, &candidates, &mut self.rng)
        {
            joined.followers.retain(|follower| *follower != weakest);
        }
    }

    /// A connection ended, for whatever reason.
    pub fn disconnected(&mut self, now: Millis, peer: P) {
        let Some(state) = self.peers.remove(&peer) else { return };
        self.outgoing.remove(&peer);
        let (lost, tokens) = self.wants.forget(&peer, self.config.attempts);
        tokens.into_iter().for_each(|token| self.actions.push_back(Action::Cancel { token }));
        for space in state.spaces.into_keys() {
            if let Some(joined) = self.spaces.get_mut(&space)
                && joined.running.as_ref().is_some_and(|running| running.peer == peer)
            {
                joined.running = None;
            }
            self.settle_neighbours(now, space);
            self.look(space, now);
        }
        // What only it had is to be found with others.
        lost.into_iter().for_each(|space| self.suspect(now, space));
        self.pump(now);
    }

    /// The host's ingest has all it can take, or has room again. Nothing is fetched meanwhile, and
    /// nobody is blamed for what is not read.
    pub fn busy(&mut self, now: Millis, busy: bool) {
        if self.busy && !busy {
            self.wants.excuse(now);
        }
        self.busy = busy;
        self.pump(now);
    }

    /// The host saw a peer do something that it should not have done, `times` times.
    pub fn offence(&mut self, now: Millis, peer: P, offence: Offence, times: usize) {
        self.blame(now, peer, offence, times);
        self.judge(now, peer);
    }

    /// Adds to a penalty; [`Self::judge`] draws the consequences, once nothing else holds on to the peer.
    pub(super) fn blame(&mut self, now: Millis, peer: P, offence: Offence, times: usize) {
        if times > 0
            && let Some(state) = self.peers.get_mut(&peer)
        {
            state.score.add(now, &self.config, offence, times);
        }
    }

    /// Draws the consequences of a penalty, and of its fading.
    pub(super) fn judge(&mut self, now: Millis, peer: P) {
        let Some(state) = self.peers.get_mut(&peer) else { return };
        let standing = match state.score.standing(now, &self.config) {
            // A limited peer stays so until a good part of the penalty is forgotten.
            Standing::Good
                if state.standing == Standing::Limited
                    && state.score.points(now, &self.config) > self.config.limited_at / 2.0 =>
            {
                Standing::Limited
            }
            standing => standing,
        };
        if standing == state.standing {
            return;
        }
        state.standing = standing;
        let reason = state.score.reason();
        self.actions.push_back(Action::Standing { peer, standing, reason });
        if standing == Standing::Left {
            let until = self.departed.leave(now, &self.config, peer, reason);
            self.actions.push_back(Action::Disconnect { peer, reason, until });
            self.disconnected(now, peer);
            return;
        }
        let spaces: Vec<SpaceId> = state.spaces.keys().copied().collect();
        spaces.into_iter().for_each(|space| self.settle_neighbours(now, space));
    }

    /// Peers that share a space and behave.
    pub(super) fn candidates(&self, now: Millis, space: &SpaceId) -> Vec<Candidate<P>> {
        self.peers
            .iter()
            .filter(|(_, peer)| peer.standing == Standing::Good && peer.spaces.contains_key(space))
            .map(|(key, peer)| Candidate {
                peer: *key,
                group: peer.group,
                points: peer.score.points(now, &self.config),
            })
            .collect()
    }

    /// Lets go of neighbours that are no candidates any more, fills the places, and gives one of a crowded
    /// group's places to a group that has none.
    fn settle_neighbours(&mut self, now: Millis, space: SpaceId) {
        let candidates = self.candidates(now, &space);
        let Some(joined) = self.spaces.get_mut(&space) else { return };
        let before = joined.neighbours.clone();
        let is_candidate = |peer: &P| candidates.iter().any(|candidate| candidate.peer == *peer);
        joined.followers.retain(is_candidate);
        let neighbours = &mut joined.neighbours;
        neighbours.retain(is_candidate);
        space::fill(neighbours, &candidates, self.config.neighbours, &mut self.rng);
        let groups: BTreeSet<u64> =
            candidates.iter().filter(|c| neighbours.contains(&c.peer)).map(|c| c.group).collect();
        if candidates.iter().any(|candidate| !groups.contains(&candidate.group))
            && let Some((weakest, crowd)) = space::weakest(neighbours, &candidates, &mut self.rng)
            && crowd > 1
        {
            neighbours.retain(|neighbour| *neighbour != weakest);
            space::fill(neighbours, &candidates, self.config.neighbours, &mut self.rng);
        }
        self.tell_choice(space, &before);
    }

    /// Tells those who became neighbours, and those who are none any more.
    fn tell_choice(&mut self, space: SpaceId, before: &[P]) {
        let Some(joined) = self.spaces.get(&space) else { return };
        let gone = before.iter().filter(|peer| !joined.neighbours.contains(peer)).map(|peer| (*peer, false));
        let come = joined.neighbours.iter().filter(|peer| !before.contains(peer)).map(|peer| (*peer, true));
        for (peer, on) in gone.chain(come).filter(|(peer, _)| self.peers.contains_key(peer)) {
            self.actions.push_back(Action::Neighbour { peer, space, on });
        }
    }

    /// From time to time one neighbour makes place for another.
    fn rotate(&mut self, now: Millis, space: SpaceId) {
        if self.spaces.get(&space).is_none_or(|joined| joined.rotate_at > now) {
            return;
        }
        let (candidates, rotate_at) = (self.candidates(now, &space), self.around(now, self.config.rotate_every));
        let Some(joined) = self.spaces.get_mut(&space) else { return };
        joined.rotate_at = rotate_at;
        if candidates.len() <= joined.neighbours.len() {
            return;
        }
        let before = joined.neighbours.clone();
        if let Some((weakest, _)) = space::weakest(&joined.neighbours, &candidates, &mut self.rng) {
            joined.neighbours.retain(|neighbour| *neighbour != weakest);
            let others: Vec<_> = candidates.iter().filter(|candidate| candidate.peer != weakest).copied().collect();
            space::fill(&mut joined.neighbours, &others, self.config.neighbours, &mut self.rng);
        }
        self.tell_choice(space, &before);
    }

    /// `every` from now, give or take half of it, so that nodes that started together do not act together.
    pub(super) fn around(&mut self, now: Millis, every: Millis) -> Millis {
        now + self.rng.random_range(every / 2..=every + every / 2)
    }

    pub(super) fn token(&mut self) -> Token {
        self.next_token += 1;
        Token(self.next_token)
    }

    /// Remembers a fetch that was given up.
    pub(super) fn remember_late(&mut self, token: Token, peer: P, space: SpaceId) {
        self.late.insert(token, (peer, space));
        if self.late.len() > LATE {
            self.late.pop_first();
        }
    }
}
