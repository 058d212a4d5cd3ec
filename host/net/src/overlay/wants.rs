//! The want-list: members that this node lacks, who may have them, and who was asked.
//!
//! Invariants: a member is in flight with one peer at most. A member that waits stands in the queue of
//! every source that was not tried yet; one without sources is off the list. A peer *owes* the members of which it was
//! the first to claim that it has them, and how many it may owe is bounded, so that nobody alone can
//! fill the list. Queues are ordered by set and by arrival: who may speak comes before what is said.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use atlas_record::SpaceId;

use super::types::{Millis, PeerKey, Set, Token};
use crate::negentropy::Id;

/// Sources per member. A fifth would rarely be asked.
const SOURCES: usize = 4;

/// Names a member on the list.
pub(super) type Key = (SpaceId, Id);

/// Where a member stands in a queue: identities, laws, records; then by arrival.
type Place = (u8, u64);

#[derive(Debug, Clone)]
struct Want<P> {
    set: Set,
    /// The time that was announced, if any was.
    claimed: Option<u64>,
    place: Place,
    /// Who may have it and was not tried.
    sources: Vec<P>,
    /// Who was first to say so, and owes it.
    debtor: P,
    in_flight: Option<Token>,
    /// Who was asked.
    tried: Vec<P>,
}

/// What was asked of a peer.
#[derive(Debug, Clone)]
pub(super) struct Batch<P> {
    pub peer: P,
    pub space: SpaceId,
    /// What was not answered yet.
    pub open: BTreeSet<Id>,
    /// What was not answered yet, and is here by another way: its answer is still what was asked for.
    pub moot: BTreeSet<Id>,
    pub asked: usize,
    pub since: Millis,
    pub progress: Millis,
}

/// What one peer has to do with the list.
#[derive(Debug, Default)]
struct Side {
    queue: BTreeMap<Place, Key>,
    owed: usize,
    batches: usize,
}

/// Whether a claim was put on the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// New on the list.
    Added,
    /// It was there; this is another source.
    Source,
    /// No room, overall or for this peer.
    Full,
}

/// What happened to a member that one source did not deliver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missed {
    /// It waits for another source.
    Waits,
    /// Nobody else is known, or it was tried often enough: off the list.
    Gone,
}

/// A member that left the list.
#[derive(Debug, Clone)]
pub(super) struct Taken<P> {
    pub set: Set,
    /// The time that the debtor announced.
    pub claimed: Option<u64>,
    pub debtor: P,
}

/// The list.
#[derive(Debug)]
pub(super) struct Wants<P> {
    wants: HashMap<Key, Want<P>>,
    sides: BTreeMap<P, Side>,
    batches: BTreeMap<Token, Batch<P>>,
    per_space: BTreeMap<SpaceId, usize>,
    in_flight: usize,
    next: u64,
    most: usize,
}

impl<P: PeerKey> Wants<P> {
    pub fn new(most: usize) -> Self {
        Self {
            wants: HashMap::new(),
            sides: BTreeMap::new(),
            batches: BTreeMap::new(),
            per_space: BTreeMap::new(),
            in_flight: 0,
            next: 0,
            most,
        }
    }

    pub fn len(&self) -> usize {
        self.wants.len()
    }

    pub fn of_space(&self, space: &SpaceId) -> usize {
        self.per_space.get(space).copied().unwrap_or(0)
    }

    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub fn owed(&self, peer: &P) -> usize {
        self.sides.get(peer).map_or(0, |side| side.owed)
    }

    pub fn batches_of(&self, peer: &P) -> usize {
        self.sides.get(peer).map_or(0, |side| side.batches)
    }

    pub fn batch(&self, token: &Token) -> Option<&Batch<P>> {
        self.batches.get(token)
    }

    pub fn batches(&self) -> impl Iterator<Item = (&Token, &Batch<P>)> {
        self.batches.iter()
    }

    /// Nothing was read for a while through no fault of the peers.
    pub fn excuse(&mut self, now: Millis) {
        for batch in self.batches.values_mut() {
            (batch.since, batch.progress) = (now, now);
        }
    }

    fn side(&mut self, peer: P) -> &mut Side {
        self.sides.entry(peer).or_default()
    }

    /// A peer says that it has a member that this node lacks. `may_owe` is how many it may owe.
    pub fn claim(&mut self, peer: P, key: Key, set: &Set, claimed: Option<u64>, may_owe: usize) -> Claim {
        if let Some(want) = self.wants.get_mut(&key) {
            // Whoever was asked already is not asked again because it repeats itself.
            if want.sources.len() < SOURCES && !want.sources.contains(&peer) && !want.tried.contains(&peer) {
                want.sources.push(peer);
                let (place, waits) = (want.place, want.in_flight.is_none());
                if waits {
                    self.side(peer).queue.insert(place, key);
                }
            }
            return Claim::Source;
        }
        if self.wants.len() >= self.most || self.owed(&peer) >= may_owe {
            return Claim::Full;
        }
        let class = match set {
            Set::Identities => 0,
            Set::Laws => 1,
            Set::Records(_) => 2,
        };
        let place = (class, self.next);
        self.next += 1;
        let want = Want {
            set: set.clone(),
            claimed,
            place,
            sources: vec![peer],
            debtor: peer,
            in_flight: None,
            tried: Vec::new(),
        };
        self.wants.insert(key, want);
        *self.per_space.entry(key.0).or_default() += 1;
        let side = self.side(peer);
        side.owed += 1;
        side.queue.insert(place, key);
        Claim::Added
    }

    /// Whether a peer has something to be asked for.
    pub fn has_work(&self, peer: &P) -> bool {
        self.sides.get(peer).is_some_and(|side| !side.queue.is_empty())
    }

    /// Takes the most urgent members that a peer may have, all of one space, and puts them in flight.
    /// `sole` leaves aside what another source waits with.
    pub fn take(&mut self, now: Millis, token: Token, peer: P, most: usize, sole: bool) -> Option<Vec<(Set, Id)>> {
        let side = self.sides.get(&peer)?;
        let mut space = None;
        let chosen: Vec<(Place, Key)> = side
            .queue
            .iter()
            .filter(|(_, key)| !sole || self.wants[*key].sources.len() == 1)
            .filter(|(_, key)| *space.get_or_insert(key.0) == key.0)
            .take(most)
            .map(|(place, key)| (*place, *key))
            .collect();
        let space = space?;
        let mut asked = Vec::with_capacity(chosen.len());
        for (place, key) in &chosen {
            let want = self.wants.get_mut(key).expect("what is queued is wanted");
            want.in_flight = Some(token);
            want.tried.push(peer);
            asked.push((want.set.clone(), key.1));
            let sources = want.sources.clone();
            want.sources.retain(|source| *source != peer);
            for source in sources {
                self.side(source).queue.remove(place);
            }
        }
        self.in_flight += asked.len();
        self.side(peer).batches += 1;
        let open = asked.iter().map(|(_, id)| *id).collect();
        let asked_for = asked.len();
        let moot = BTreeSet::new();
        self.batches.insert(token, Batch { peer, space, open, moot, asked: asked_for, since: now, progress: now });
        Some(asked)
    }

    /// A fetch brings something about a member. `None` if it was not asked for with this token, or
    /// was answered already.
    pub fn answered(&mut self, now: Millis, token: Token, id: &Id) -> Option<Key> {
        let batch = self.batches.get_mut(&token)?;
        let key = (batch.space, *id);
        if batch.moot.remove(id) {
            batch.progress = now;
            return Some(key);
        }
        if !batch.open.remove(id) {
            return None;
        }
        batch.progress = now;
        self.in_flight -= 1;
        if let Some(want) = self.wants.get_mut(&key)
            && want.in_flight == Some(token)
        {
            want.in_flight = None;
        }
        Some(key)
    }

    /// The member is here, or will never be: off the list.
    pub fn remove(&mut self, key: &Key) -> Option<Taken<P>> {
        let want = self.wants.remove(key)?;
        if let Some(token) = want.in_flight
            && let Some(batch) = self.batches.get_mut(&token)
            && batch.open.remove(&key.1)
        {
            batch.moot.insert(key.1);
            self.in_flight -= 1;
        }
        for source in &want.sources {
            self.side(*source).queue.remove(&want.place);
        }
        self.settle(&want.debtor, key);
        Some(Taken { set: want.set, claimed: want.claimed, debtor: want.debtor })
    }

    fn settle(&mut self, debtor: &P, key: &Key) {
        if let Some(side) = self.sides.get_mut(debtor) {
            side.owed = side.owed.saturating_sub(1);
        }
        if let Some(count) = self.per_space.get_mut(&key.0) {
            *count -= 1;
            if *count == 0 {
                self.per_space.remove(&key.0);
            }
        }
    }

    /// A source did not deliver a member that was [answered](Self::answered) or whose batch is closed.
    pub fn missed(&mut self, key: &Key, attempts: usize) -> Missed {
        let Some(want) = self.wants.get_mut(key) else { return Missed::Gone };
        if want.sources.is_empty() || want.tried.len() >= attempts {
            self.remove(key);
            return Missed::Gone;
        }
        want.in_flight = None;
        let place = want.place;
        for source in want.sources.clone() {
            self.side(source).queue.insert(place, *key);
        }
        Missed::Waits
    }

    /// Ends a fetch. Gives what it did not answer, which is no longer in flight.
    pub fn close(&mut self, token: Token) -> Option<(Batch<P>, Vec<Key>)> {
        let batch = self.batches.remove(&token)?;
        self.in_flight -= batch.open.len();
        if let Some(side) = self.sides.get_mut(&batch.peer) {
            side.batches -= 1;
        }
        let open: Vec<Key> = batch.open.iter().map(|id| (batch.space, *id)).collect();
        for key in &open {
            if let Some(want) = self.wants.get_mut(key) {
                want.in_flight = None;
            }
        }
        Some((batch, open))
    }

    /// A peer is gone. What only it had is off the list; says of which spaces, and which tokens are void.
    pub fn forget(&mut self, peer: &P, attempts: usize) -> (BTreeSet<SpaceId>, Vec<Token>) {
        let tokens: Vec<Token> = self.batches.iter().filter(|(_, b)| b.peer == *peer).map(|(t, _)| *t).collect();
        let mut lost = BTreeSet::new();
        for token in &tokens {
            for key in self.close(*token).map(|(_, open)| open).unwrap_or_default() {
                if self.missed(&key, attempts) == Missed::Gone {
                    lost.insert(key.0);
                }
            }
        }
        let concerned: Vec<Key> = self
            .wants
            .iter()
            .filter(|(_, want)| want.debtor == *peer || want.sources.contains(peer))
            .map(|(key, _)| *key)
            .collect();
        for key in concerned {
            let want = self.wants.get_mut(&key).expect("it was just found");
            want.sources.retain(|source| source != peer);
            match (want.sources.first(), want.in_flight) {
                (None, None) => {
                    self.remove(&key);
                    lost.insert(key.0);
                }
                // Somebody else owes it now. Who serves it is as good as who announced it.
                (next, in_flight) if want.debtor == *peer => {
                    let next = next.copied().or_else(|| {
                        let token = in_flight?;
                        self.batches.get(&token).map(|batch| batch.peer)
                    });
                    if let Some(next) = next {
                        self.wants.get_mut(&key).expect("it is still there").debtor = next;
                        self.side(next).owed += 1;
                    }
                }
                _ => {}
            }
        }
        self.sides.remove(peer);
        (lost, tokens)
    }

    /// A space is left: everything of it is off the list.
    pub fn leave(&mut self, space: &SpaceId) -> Vec<Token> {
        let keys: Vec<Key> = self.wants.keys().filter(|key| key.0 == *space).copied().collect();
        let tokens: Vec<Token> = self.batches.iter().filter(|(_, b)| b.space == *space).map(|(t, _)| *t).collect();
        for token in &tokens {
            self.close(*token);
        }
        keys.iter().for_each(|key| drop(self.remove(key)));
        tokens
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(n: u8) -> Key {
        (SpaceId([n % 2; 32]), [n; 32])
    }

    /// What must hold after every step.
    fn check(wants: &Wants<u8>, most: usize) {
        assert!(wants.wants.len() <= most);
        let mut in_flight = 0;
        for (key, want) in &wants.wants {
            assert!(want.in_flight.is_some() || !want.sources.is_empty(), "{key:?} has no source");
            for source in &want.sources {
                let queued = wants.sides.get(source).is_some_and(|side| side.queue.contains_key(&want.place));
                assert_eq!(queued, want.in_flight.is_none(), "{key:?} in the queue of {source}");
            }
            if let Some(token) = want.in_flight {
                assert!(wants.batches[&token].open.contains(&key.1));
            }
        }
        for (peer, side) in &wants.sides {
            assert_eq!(side.owed, wants.wants.values().filter(|want| want.debtor == *peer).count(), "owed by {peer}");
            assert_eq!(side.batches, wants.batches.values().filter(|batch| batch.peer == *peer).count());
            side.queue.values().for_each(|key| assert!(wants.wants[key].sources.contains(peer)));
        }
        for batch in wants.batches.values() {
            in_flight += batch.open.len();
            assert!(batch.open.is_disjoint(&batch.moot) && batch.open.len() + batch.moot.len() <= batch.asked);
        }
        assert_eq!(wants.in_flight, in_flight);
        assert_eq!(wants.per_space.values().sum::<usize>(), wants.wants.len());
    }

    #[test]
    fn who_may_speak_is_fetched_before_what_is_said() {
        let mut wants = Wants::new(10);
        let post = Set::Records("atlas.post".parse().expect("a type"));
        for (n, set) in [(0, &post), (2, &Set::Laws), (4, &Set::Identities)] {
            assert_eq!(wants.claim(1u8, key(n), set, None, 9), Claim::Added);
        }
        let taken = wants.take(0, Token(0), 1, 9, false).expect("work");
        let order: Vec<u8> = taken.iter().map(|(_, id)| id[0]).collect();
        assert_eq!(order, [4, 2, 0]);
    }

    #[test]
    fn the_answer_about_what_came_another_way_was_asked_for() {
        let mut wants = Wants::new(10);
        wants.claim(1u8, key(0), &Set::Laws, None, 9);
        wants.claim(1u8, key(2), &Set::Laws, None, 9);
        assert_eq!(wants.take(0, Token(0), 1, 9, false).expect("work").len(), 2);
        // This node has committed it before it heard how the fetch went.
        wants.remove(&key(0));
        check(&wants, 10);
        assert_eq!(wants.answered(1, Token(0), &key(0).1), Some(key(0)));
        assert_eq!(wants.answered(1, Token(0), &key(0).1), None, "once");
        assert_eq!(wants.answered(1, Token(0), &key(4).1), None, "nobody asked");
        assert_eq!(wants.answered(1, Token(0), &key(2).1), Some(key(2)));
        wants.remove(&key(2));
        assert_eq!(wants.answered(1, Token(0), &key(2).1), None, "it was answered already");
        check(&wants, 10);
    }

    #[test]
    fn one_peer_alone_cannot_fill_the_list() {
        let mut wants = Wants::new(100);
        let claims: Vec<Claim> = (0..50).map(|n| wants.claim(1u8, key(n), &Set::Laws, None, 20)).collect();
        assert_eq!(claims.iter().filter(|claim| **claim == Claim::Added).count(), 20);
        assert_eq!(wants.claim(2, key(60), &Set::Laws, None, 20), Claim::Added);
    }

    #[test]
    fn a_member_that_one_source_missed_is_asked_of_the_next() {
        let mut wants = Wants::new(10);
        wants.claim(1u8, key(0), &Set::Laws, None, 9);
        assert_eq!(wants.claim(2, key(0), &Set::Laws, None, 9), Claim::Source);
        assert!(wants.take(0, Token(0), 1, 9, false).is_some());
        assert!(wants.take(0, Token(1), 2, 9, false).is_none(), "it is in flight");
        let (_, open) = wants.close(Token(0)).expect("open");
        assert_eq!(wants.missed(&open[0], 6), Missed::Waits);
        assert!(wants.take(0, Token(2), 1, 9, false).is_none(), "it was tried");
        assert!(wants.take(0, Token(3), 2, 9, false).is_some());
        let (_, open) = wants.close(Token(3)).expect("open");
        assert_eq!(wants.missed(&open[0], 6), Missed::Gone);
        assert_eq!(wants.len(), 0);
    }

    #[derive(Debug, Clone)]
    enum Op {
        Claim(u8, u8),
        Take(u8, usize, bool),
        Answer(u8, u8, bool),
        Close(u8),
        Remove(u8),
        Forget(u8),
        Leave(bool),
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            6 => (0u8..5, 0u8..24).prop_map(|(peer, n)| Op::Claim(peer, n)),
            3 => (0u8..5, 1usize..5, any::<bool>()).prop_map(|(peer, most, sole)| Op::Take(peer, most, sole)),
            3 => (any::<u8>(), 0u8..24, any::<bool>()).prop_map(|(token, n, good)| Op::Answer(token, n, good)),
            1 => any::<u8>().prop_map(Op::Close),
            1 => (0u8..24).prop_map(Op::Remove),
            1 => (0u8..5).prop_map(Op::Forget),
            1 => any::<bool>().prop_map(Op::Leave),
        ]
    }

    proptest! {
        #[test]
        fn the_invariants_hold_whatever_happens(ops in prop::collection::vec(op(), 0..80)) {
            let mut wants = Wants::new(12);
            let mut next = 0;
            for op in ops {
                let pick = |n: u8, wants: &Wants<u8>| wants.batches.keys().nth(usize::from(n) % wants.batches.len().max(1)).copied();
                match op {
                    Op::Claim(peer, n) => _ = wants.claim(peer, key(n), &Set::Laws, None, 6),
                    Op::Take(peer, most, sole) => {
                        wants.take(0, Token(next), peer, most, sole);
                        next += 1;
                    }
                    Op::Answer(n, id, good) => {
                        if let Some(token) = pick(n, &wants)
                            && let Some(key) = wants.answered(0, token, &[id; 32])
                        {
                            if good {
                                wants.remove(&key);
                            } else {
                                wants.missed(&key, 3);
                            }
                        }
                    }
                    Op::Close(n) => {
                        if let Some((_, open)) = pick(n, &wants).and_then(|token| wants.close(token)) {
                            open.iter().for_each(|key| _ = wants.missed(key, 3));
                        }
                    }
                    Op::Remove(n) => drop(wants.remove(&key(n))),
                    Op::Forget(peer) => drop(wants.forget(&peer, 3)),
                    Op::Leave(which) => drop(wants.leave(&SpaceId([u8::from(which); 32]))),
                }
                check(&wants, 12);
            }
        }
    }
}
