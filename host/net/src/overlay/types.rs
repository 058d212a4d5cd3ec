//! The words of the machine: what goes in, what comes out.

use std::collections::BTreeSet;
use std::fmt;
use std::hash::Hash;

use atlas_record::{SpaceId, TypeName};

use super::score::{Reason, Standing};
use crate::negentropy::{Id, Item};

/// Milliseconds on any clock that never goes back.
pub type Millis = u64;

/// What names a peer.
pub trait PeerKey: Copy + Ord + Hash + fmt::Debug {}

impl<P: Copy + Ord + Hash + fmt::Debug> PeerKey for P {}

/// A replicated set of a space. The order is that in which they are fetched: who may speak comes before
/// what is said.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Set {
    /// Pieces of identities: events, grants, revocations.
    Identities,
    /// The genesis of the space and its amendments.
    Laws,
    /// Admissible headers of one type.
    Records(TypeName),
}

/// A member of a set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entry {
    /// Which set.
    pub set: Set,
    /// The member.
    pub item: Item,
}

/// Which types of a space a node wants to have. Identities and laws are part of every choice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Follows {
    /// Every type, also those that are bound later.
    #[default]
    All,
    /// These only.
    Types(BTreeSet<TypeName>),
}

impl Follows {
    /// Whether the choice covers a set.
    pub fn covers(&self, set: &Set) -> bool {
        match (self, set) {
            (Self::Types(types), Set::Records(of)) => types.contains(of),
            _ => true,
        }
    }
}

/// Answers at once which members this node has. A member that is parked or pending counts as had: it
/// needs no second copy.
pub trait Known {
    /// Whether it is here.
    fn has(&mut self, space: &SpaceId, id: &Id) -> bool;
}

impl<F: FnMut(&SpaceId, &Id) -> bool> Known for F {
    fn has(&mut self, space: &SpaceId, id: &Id) -> bool {
        self(space, id)
    }
}

/// Names a fetch. Never used twice by one machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// What became of one id of a fetch, once its bytes went through ingest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Taken in. Says what it really is, which the announcement may have got wrong.
    New(Entry),
    /// It was here already.
    Known,
    /// Kept until something else comes or until it is due. The host tells of it by
    /// [`super::Overlay::committed`] once it is taken in.
    Parked,
    /// The peer does not have it.
    NotServed,
    /// The peer answered with something that this node does not take.
    Refused(Refusal),
}

/// Why what a peer served is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The bytes are none of the thing that was asked for.
    Malformed,
    /// The signature is not that of the key.
    BadSignature,
    /// Bytes with another id than the one that was asked for.
    WrongId,
    /// It belongs to another space than the one it was announced in.
    WrongSpace,
    /// It will never be admissible: no later piece can change that.
    NotAdmissible,
}

impl Refusal {
    /// Whether the id itself stands for the fault, so that every copy has it. Otherwise another peer may
    /// have a good one.
    pub(super) fn is_of_the_id(self) -> bool {
        matches!(self, Self::BadSignature | Self::WrongSpace | Self::NotAdmissible)
    }
}

/// How a fetch or a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// As it should.
    Complete,
    /// The stream broke. Nobody is blamed for one of these.
    Broken,
    /// The peer did not take it up: it is busy, or has not heard yet what both share.
    Declined,
    /// Nothing came for too long.
    TimedOut,
}

/// What a reconciliation came to, for the judgement about the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Bytes that came from the peer.
    pub bytes: u64,
    /// Differences that were found, in both directions.
    pub differences: u64,
    /// Whether this side stopped early because [`super::Overlay::needs`] said that there is no room.
    pub stopped: bool,
}

/// Whether there is room for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Room {
    /// Go on.
    Open,
    /// Some were not taken: end the session with [`Tally::stopped`]. Another one is scheduled.
    Full,
}

/// What the host is to do. The order of actions is the order in which to do them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action<P> {
    /// Tell a peer what this node has.
    Announce {
        /// To whom.
        peer: P,
        /// In which space.
        space: SpaceId,
        /// What; [`super::Config::frame_entries`] at most.
        entries: Vec<Entry>,
        /// There is more than is announced one by one: the peer had better reconcile.
        more: bool,
    },
    /// Tell a peer that this node counts on its announcements in a space, or no longer does.
    Neighbour {
        /// Whom.
        peer: P,
        /// Which space.
        space: SpaceId,
        /// Whether it is a neighbour from now on.
        on: bool,
    },
    /// Ask a peer for members, and pass what comes through ingest.
    Fetch {
        /// From whom.
        peer: P,
        /// In which space.
        space: SpaceId,
        /// Names this fetch in what the host reports.
        token: Token,
        /// What, most urgent first.
        wants: Vec<(Set, Id)>,
    },
    /// The fetch takes too long: close its stream. What already came is still welcome.
    Cancel {
        /// Which.
        token: Token,
    },
    /// Reconcile every followed set with a peer, in the order of [`Set`], as initiator.
    Reconcile {
        /// With whom.
        peer: P,
        /// Which space.
        space: SpaceId,
        /// Names the session in what the host reports.
        token: Token,
    },
    /// A peer's standing changed: for logs.
    Standing {
        /// Whose.
        peer: P,
        /// What it is now.
        standing: Standing,
        /// What decided it.
        reason: Reason,
    },
    /// Close the connection, and refuse the peer until then.
    Disconnect {
        /// With whom.
        peer: P,
        /// Why.
        reason: Reason,
        /// When it may come back.
        until: Millis,
    },
}
