//! Which spaces two peers share, found out without telling either what it does not know.
//!
//! A pure state machine for one gossip stream. After the greetings each side names its public
//! spaces by [tags](Tag); a space that both have named is *opened* by both, and is shared from
//! then on. A private space is not named at all: a member sends a proof, which another member
//! answers with its own. Whoever is no member answers nothing, as one does who does not know
//! the space.
//!
//! A member that proves itself shows a peer that knows the space's id that it is a member;
//! the id of a private space is a secret of its members.

use std::collections::{BTreeMap, HashSet};

use atlas_record::SpaceId;
use atlas_record::order::Rank;

use crate::replica::Shared;
use crate::wire::gossip::{ABILITIES, Announcement, Gossip, MOST_SPACES};
use crate::wire::{Follows, Set, Tag};

/// Who can say who is a member; [`crate::replica::Replica`] can.
pub trait Members {
    /// A proof for these bytes that this node may be in the space.
    fn prove(&self, space: &SpaceId, transcript: &[u8]) -> Option<Vec<u8>>;
    /// Whether a peer's proof holds.
    fn check(&self, space: &SpaceId, transcript: &[u8], proof: &[u8]) -> bool;
}

/// What follows from a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A message to send.
    Send(Gossip),
    /// A space is shared from now on, of which the peer keeps this.
    Shares(SpaceId, Follows),
    /// It is no longer.
    Parts(SpaceId),
    /// The peer has these, and perhaps more.
    Announced(SpaceId, Vec<(Set, Vec<Rank>)>, bool),
    /// The peer counts on announcements in a space, or no longer does.
    Neighbour(SpaceId, bool),
    /// The peer goes.
    Left(String),
    /// The peer does not keep to the protocol.
    Fault(&'static str),
}

/// What one side did about a space.
#[derive(Debug, Default)]
struct Sides {
    we: bool,
    they: Option<Follows>,
}

/// One peer, as far as its gossip stream says.
pub struct Acquaintance {
    us: Vec<u8>,
    them: Vec<u8>,
    our_nonce: [u8; 32],
    their_nonce: Option<[u8; 32]>,
    agent: String,
    abilities: u64,
    ours: BTreeMap<SpaceId, Shared>,
    /// What the peer named last.
    named: HashSet<Tag>,
    spaces: BTreeMap<SpaceId, Sides>,
}

impl Acquaintance {
    /// Begins, with both names and a fresh nonce; the greeting goes first.
    pub fn new(us: Vec<u8>, them: Vec<u8>, our_nonce: [u8; 32], agent: &str, ours: Vec<Shared>) -> (Self, Gossip) {
        let hello = Gossip::Hello { agent: agent.to_owned(), nonce: our_nonce, abilities: ABILITIES };
        let it = Self {
            us,
            them,
            our_nonce,
            their_nonce: None,
            agent: String::new(),
            abilities: 0,
            ours: bounded(ours),
            named: HashSet::new(),
            spaces: BTreeMap::new(),
        };
        (it, hello)
    }

    /// What the peer calls its program.
    pub fn agent(&self) -> &str {
        &self.agent
    }

    /// Whether the peer has an ability beyond the first release.
    pub fn can(&self, ability: u64) -> bool {
        self.abilities & ability == ability
    }

    /// What we call a space when we ask this peer.
    pub fn our_tag(&self, space: &SpaceId) -> Option<Tag> {
        Some(Tag::of(space, &self.our_nonce, &self.their_nonce?))
    }

    /// What the peer calls a space when it asks us.
    pub fn their_tag(&self, space: &SpaceId) -> Option<Tag> {
        Some(Tag::of(space, &self.their_nonce?, &self.our_nonce))
    }

    /// Spaces that both have opened, and what the peer keeps of each.
    pub fn shared(&self) -> impl Iterator<Item = (&SpaceId, &Follows)> {
        self.spaces.iter().filter_map(|(space, sides)| sides.they.as_ref().filter(|_| sides.we).map(|it| (space, it)))
    }

    fn is_shared(&self, space: &SpaceId) -> bool {
        self.spaces.get(space).is_some_and(|sides| sides.we && sides.they.is_some())
    }

    /// The space that the peer means.
    fn meant(&self, tag: &Tag) -> Option<SpaceId> {
        self.ours.keys().find(|space| self.their_tag(space).as_ref() == Some(tag)).copied()
    }

    /// What the peer signs to show us that it is a member, and what we sign for it.
    fn transcript(&self, space: &SpaceId, ours: bool) -> Option<Vec<u8>> {
        let theirs = self.their_nonce.as_ref()?;
        let (who, whom, first, second) = match ours {
            true => (&self.us, &self.them, &self.our_nonce, theirs),
            false => (&self.them, &self.us, theirs, &self.our_nonce),
        };
        let mut bytes = b"atlas/member/1\0".to_vec();
        for name in [who, whom] {
            bytes.push(u8::try_from(name.len()).ok()?);
            bytes.extend_from_slice(name);
        }
        bytes.extend_from_slice(first);
        bytes.extend_from_slice(second);
        bytes.extend_from_slice(&space.0);
        Some(bytes)
    }

    /// Takes a message in.
    pub fn handle(&mut self, message: Gossip, members: &dyn Members) -> Vec<Step> {
        let greeting = matches!(message, Gossip::Hello { .. });
        if greeting == self.their_nonce.is_some() && !matches!(message, Gossip::Goodbye(_)) {
            return vec![Step::Fault("it did not greet once, and first")];
        }
        match message {
            Gossip::Hello { agent, nonce, abilities } => {
                if nonce == self.our_nonce {
                    return vec![Step::Fault("it repeated our nonce")];
                }
                self.agent = agent.chars().filter(|c| !c.is_control()).collect();
                self.their_nonce = Some(nonce);
                self.abilities = abilities;
                self.introduce(members)
            }
            Gossip::Spaces(tags) => {
                self.named = tags.into_iter().collect();
                self.open_common()
            }
            Gossip::Open { tag, follow } => match self.meant(&tag) {
                // Nobody comes into a private space without a proof.
                Some(space) if !self.ours[&space].private => self.they_open(space, follow),
                // We have just left it, or it guesses.
                _ => Vec::new(),
            },
            Gossip::Member { tag, follow, proof } => {
                let Some(space) = self.meant(&tag).filter(|space| self.ours[space].private) else { return Vec::new() };
                let holds = self.transcript(&space, false).is_some_and(|bytes| members.check(&space, &bytes, &proof));
                if !holds {
                    return Vec::new();
                }
                let mut steps = self.they_open(space, follow);
                steps.extend(self.show_membership(&self.ours[&space].clone(), members));
                steps
            }
            Gossip::Close(tag) => match self.meant(&tag) {
                // Both open it anew if it comes back.
                Some(space) => {
                    let was = self.is_shared(&space);
                    self.spaces.remove(&space);
                    if was { vec![Step::Parts(space)] } else { Vec::new() }
                }
                None => Vec::new(),
            },
            Gossip::Announce(Announcement { tag, sets, more }) => {
                // One of a space that was just left is no fault.
                let space = self.meant(&tag).filter(|space| self.is_shared(space));
                space.map(|space| Step::Announced(space, sets, more)).into_iter().collect()
            }
            Gossip::Neighbour { tag, on } => {
                let space = self.meant(&tag).filter(|space| self.is_shared(space));
                space.map(|space| Step::Neighbour(space, on)).into_iter().collect()
            }
            Gossip::Goodbye(reason) => vec![Step::Left(reason.chars().filter(|c| !c.is_control()).collect())],
        }
    }

    fn they_open(&mut self, space: SpaceId, follow: Follows) -> Vec<Step> {
        let sides = self.spaces.entry(space).or_default();
        let changed = sides.they.as_ref() != Some(&follow);
        sides.they = Some(follow.clone());
        if sides.we && changed { vec![Step::Shares(space, follow)] } else { Vec::new() }
    }

    /// Our spaces are others now.
    pub fn set_spaces(&mut self, ours: Vec<Shared>, members: &dyn Members) -> Vec<Step> {
        let ours = bounded(ours);
        if self.their_nonce.is_none() {
            self.ours = ours;
            return Vec::new();
        }
        let mut steps = Vec::new();
        let changed = |space: &SpaceId, old: &Shared| ours.get(space) != Some(old);
        let gone: Vec<SpaceId> = self.ours.iter().filter(|(id, old)| changed(id, old)).map(|(id, _)| *id).collect();
        for space in gone {
            // One that is kept in another way is opened again below.
            let was_shared = self.is_shared(&space);
            let Some(sides) = self.spaces.get_mut(&space) else { continue };
            let we = std::mem::take(&mut sides.we);
            if !ours.contains_key(&space) {
                self.spaces.remove(&space);
                if was_shared {
                    steps.push(Step::Parts(space));
                }
                if let Some(tag) = self.our_tag(&space).filter(|_| we) {
                    steps.push(Step::Send(Gossip::Close(tag)));
                }
            }
        }
        self.ours = ours;
        steps.extend(self.introduce(members));
        steps
    }

    /// Names the public spaces, and proves membership of the private ones.
    fn introduce(&mut self, members: &dyn Members) -> Vec<Step> {
        let public: Vec<Tag> =
            self.ours.values().filter(|it| !it.private).filter_map(|it| self.our_tag(&it.id)).collect();
        let mut steps = vec![Step::Send(Gossip::Spaces(public))];
        let private: Vec<Shared> = self.ours.values().filter(|it| it.private).cloned().collect();
        for shared in private {
            steps.extend(self.show_membership(&shared, members));
        }
        steps.extend(self.open_common());
        steps
    }

    /// Proves that we are a member of a private space, unless we have.
    fn show_membership(&mut self, shared: &Shared, members: &dyn Members) -> Vec<Step> {
        if self.spaces.get(&shared.id).is_some_and(|sides| sides.we) {
            return Vec::new();
        }
        let proof = self.transcript(&shared.id, true).and_then(|bytes| members.prove(&shared.id, &bytes));
        let (Some(proof), Some(tag)) = (proof, self.our_tag(&shared.id)) else { return Vec::new() };
        let mut steps = vec![Step::Send(Gossip::Member { tag, follow: shared.follow.clone(), proof })];
        steps.extend(self.we_open(shared.id));
        steps
    }

    fn we_open(&mut self, space: SpaceId) -> Option<Step> {
        let sides = self.spaces.entry(space).or_default();
        sides.we = true;
        sides.they.clone().map(|follow| Step::Shares(space, follow))
    }

    /// Opens what both have named and we have not opened yet.
    fn open_common(&mut self) -> Vec<Step> {
        let wanted = |shared: &&Shared| {
            let named = self.their_tag(&shared.id).is_some_and(|tag| self.named.contains(&tag));
            !shared.private && named && !self.spaces.get(&shared.id).is_some_and(|sides| sides.we)
        };
        let common: Vec<Shared> = self.ours.values().filter(wanted).cloned().collect();
        let mut steps = Vec::new();
        for shared in common {
            if let Some(tag) = self.our_tag(&shared.id) {
                steps.push(Step::Send(Gossip::Open { tag, follow: shared.follow }));
                steps.extend(self.we_open(shared.id));
            }
        }
        steps
    }
}

fn bounded(ours: Vec<Shared>) -> BTreeMap<SpaceId, Shared> {
    ours.into_iter().take(MOST_SPACES).map(|shared| (shared.id, shared)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Members have the word; what they prove with it holds for one transcript only.
    struct Word(Option<&'static str>);

    impl Members for Word {
        fn prove(&self, _: &SpaceId, transcript: &[u8]) -> Option<Vec<u8>> {
            self.0.map(|word| blake3::hash(&[word.as_bytes(), transcript].concat()).as_bytes().to_vec())
        }

        fn check(&self, space: &SpaceId, transcript: &[u8], proof: &[u8]) -> bool {
            self.prove(space, transcript).as_deref() == Some(proof)
        }
    }

    fn shared(byte: u8, private: bool) -> Shared {
        Shared { id: SpaceId([byte; 32]), follow: Follows::All, private }
    }

    struct Pair {
        ends: [Acquaintance; 2],
        words: [Word; 2],
        sent: Vec<Gossip>,
        seen: [Vec<Step>; 2],
    }

    impl Pair {
        fn deliver(&mut self, to: usize, message: Gossip) {
            self.sent.push(message.clone());
            let steps = self.ends[to].handle(message, &self.words[to]);
            self.follow(to, steps);
        }

        fn follow(&mut self, at: usize, steps: Vec<Step>) {
            for step in steps {
                match step {
                    Step::Send(message) => self.deliver(1 - at, message),
                    other => self.seen[at].push(other),
                }
            }
        }

        fn shared(&self, end: usize) -> Vec<u8> {
            self.ends[end].shared().map(|(space, _)| space.0[0]).collect()
        }
    }

    const NOBODY: Word = Word(None);

    fn greeted(spaces: [Vec<Shared>; 2], words: [Word; 2]) -> Pair {
        let [left, right] = spaces;
        let (a, hello_a) = Acquaintance::new(vec![1], vec![2], [1; 32], "a", left);
        let (b, hello_b) = Acquaintance::new(vec![2], vec![1], [2; 32], "b", right);
        let mut pair = Pair { ends: [a, b], words, sent: Vec::new(), seen: [Vec::new(), Vec::new()] };
        // Streams keep order: both greetings come before anything that follows from them.
        let at_b = pair.ends[1].handle(hello_a, &pair.words[1]);
        let at_a = pair.ends[0].handle(hello_b, &pair.words[0]);
        pair.follow(1, at_b);
        pair.follow(0, at_a);
        pair
    }

    #[test]
    fn common_public_spaces_are_shared() {
        let pair = greeted(
            [vec![shared(1, false), shared(2, false)], vec![shared(2, false), shared(3, false)]],
            [NOBODY, NOBODY],
        );
        assert_eq!((pair.shared(0), pair.shared(1)), (vec![2], vec![2]));
        assert_eq!(
            pair.seen,
            [vec![Step::Shares(SpaceId([2; 32]), Follows::All)], vec![Step::Shares(SpaceId([2; 32]), Follows::All)]]
        );
    }

    #[test]
    fn members_find_each_other_and_strangers_find_nothing() {
        let private = || vec![shared(7, true)];
        let pair = greeted([private(), private()], [Word(Some("open")), Word(Some("open"))]);
        assert_eq!((pair.shared(0), pair.shared(1)), (vec![7], vec![7]));
        for (word, spaces) in [(Word(Some("guess")), private()), (NOBODY, private()), (NOBODY, vec![shared(7, false)])]
        {
            let pair = greeted([private(), spaces], [Word(Some("open")), word]);
            assert_eq!((pair.shared(0), pair.shared(1)), (vec![], vec![]));
        }
    }

    #[test]
    fn a_proof_is_good_for_one_connection_and_one_direction() {
        let pair = greeted([vec![shared(7, true)], vec![shared(7, true)]], [Word(Some("open")), Word(Some("open"))]);
        let proofs: Vec<Gossip> =
            pair.sent.iter().filter(|message| matches!(message, Gossip::Member { .. })).cloned().collect();
        assert_eq!(proofs.len(), 2);
        // Sent back to whoever made it.
        let (mut a, _) = Acquaintance::new(vec![1], vec![3], [1; 32], "a", vec![shared(7, true)]);
        let word = Word(Some("open"));
        a.handle(Gossip::Hello { agent: String::new(), nonce: [2; 32], abilities: 0 }, &Word(None));
        for proof in proofs {
            assert_eq!(a.handle(proof, &word), []);
        }
        assert_eq!(a.shared().count(), 0);
    }

    #[test]
    fn spaces_that_come_and_go_are_shared_and_parted() {
        let mut pair = greeted([vec![shared(1, false)], vec![shared(1, false), shared(2, false)]], [NOBODY, NOBODY]);
        let steps = pair.ends[0].set_spaces(vec![shared(2, false)], &NOBODY);
        pair.follow(0, steps);
        assert_eq!((pair.shared(0), pair.shared(1)), (vec![2], vec![2]));
        assert!(pair.seen[1].contains(&Step::Parts(SpaceId([1; 32]))));
        let steps = pair.ends[0].set_spaces(Vec::new(), &NOBODY);
        pair.follow(0, steps);
        assert_eq!((pair.shared(0), pair.shared(1)), (vec![], vec![]));
        let steps = pair.ends[0].set_spaces(vec![shared(1, false)], &NOBODY);
        pair.follow(0, steps);
        assert_eq!((pair.shared(0), pair.shared(1)), (vec![1], vec![1]), "one that comes back is shared again");
    }

    #[test]
    fn announcements_count_only_for_what_is_shared() {
        let mut pair = greeted([vec![shared(1, false)], vec![shared(1, false)]], [NOBODY, NOBODY]);
        let rank = Rank { created: 1, id: atlas_record::RecordId([9; 32]) };
        let known = pair.ends[0].our_tag(&SpaceId([1; 32])).unwrap();
        for (tag, heard) in [(known, 1), (Tag([0; 16]), 0)] {
            let announcement = Announcement { tag, sets: vec![(Set::Laws, vec![rank])], more: false };
            assert_eq!(pair.ends[1].handle(Gossip::Announce(announcement), &NOBODY).len(), heard);
        }
    }

    #[test]
    fn whoever_does_not_greet_once_and_first_is_at_fault() {
        let fresh = || Acquaintance::new(vec![1], vec![2], [1; 32], "a", Vec::new()).0;
        let hello = Gossip::Hello { agent: String::new(), nonce: [5; 32], abilities: 0 };
        assert!(matches!(fresh().handle(Gossip::Spaces(Vec::new()), &NOBODY)[..], [Step::Fault(_)]));
        let mut twice = fresh();
        twice.handle(hello.clone(), &NOBODY);
        assert!(matches!(twice.handle(hello, &NOBODY)[..], [Step::Fault(_)]));
        let echo = Gossip::Hello { agent: String::new(), nonce: [1; 32], abilities: 0 };
        assert!(matches!(fresh().handle(echo, &NOBODY)[..], [Step::Fault(_)]));
    }
}
