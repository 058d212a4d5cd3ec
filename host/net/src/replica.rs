//! What the network asks of the node that it serves.
//!
//! The network moves items that it does not understand: it knows their ids, and the node says
//! what they are worth. All of these calls may read the disk and block; the network makes them
//! from threads that may. Nothing here trusts a peer: [`Replica::take`] gets bytes as a stranger
//! sent them.

use std::io::Read;
use std::ops::{ControlFlow, Range};

use atlas_record::order::Rank;
use atlas_record::{BlobId, SpaceId, TypeName};

use crate::negentropy::{Item, Items, Sum};
use crate::wire::fetch::ShortId;
use crate::wire::reconcile::Summary;
use crate::wire::{Follows, Set};

/// Both ends of a path in a key's chain: the later record, and the earlier one.
pub type Ends = ([u8; 32], [u8; 32]);

/// A space that this node shares with peers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    /// Its id.
    pub id: SpaceId,
    /// What is kept of it.
    pub follow: Follows,
    /// Known to its members only: never named to others, never in the DHT.
    pub private: bool,
}

/// A set as of one moment.
pub struct Snapshot {
    /// Its size and digest.
    pub summary: Summary,
    /// Its members.
    pub items: Box<dyn Items<Error = ReplicaError> + Send>,
}

impl Items for Snapshot {
    type Error = ReplicaError;

    fn len(&self) -> Result<u64, ReplicaError> {
        self.items.len()
    }

    fn at(&self, index: u64) -> Result<Item, ReplicaError> {
        self.items.at(index)
    }

    fn lower_bound(&self, bound: &Item) -> Result<u64, ReplicaError> {
        self.items.lower_bound(bound)
    }

    fn sum(&self, range: Range<u64>) -> Result<Sum, ReplicaError> {
        self.items.sum(range)
    }

    fn for_each(&self, range: Range<u64>, visit: &mut dyn FnMut(Item) -> ControlFlow<()>) -> Result<(), ReplicaError> {
        self.items.for_each(range, visit)
    }
}

/// What became of an item that a peer sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// New here, and in the set now: others may hear of it.
    New(Rank),
    /// It was here.
    Known,
    /// It is kept and cannot be decided yet: something else has to come first, or its time.
    Waits,
    /// Not taken. The sender may not have known better.
    Refused {
        /// For programs.
        code: String,
    },
    /// No honest peer hands this on: not canonical, or a signature that does not verify.
    Forged {
        /// For programs.
        code: String,
    },
}

/// One item that was handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Which item it is; none if it cannot be told.
    pub id: Option<[u8; 32]>,
    /// What became of it.
    pub taken: Taken,
}

/// A blob to hand out: its size, and its bytes.
pub type Blob = (u64, Box<dyn Read + Send>);

/// The node could not do its part, for reasons of its own.
#[derive(Debug, Clone, thiserror::Error)]
#[error("this node cannot serve the network: {0}")]
pub struct ReplicaError(pub String);

/// The node, as the network sees it.
pub trait Replica: Send + Sync + 'static {
    /// The spaces to share, those that are being joined among them.
    fn spaces(&self) -> Vec<Shared>;

    /// The types that a space has or had. None before its genesis has come.
    fn types(&self, space: &SpaceId) -> Vec<TypeName>;

    /// A set as of now.
    fn snapshot(&self, space: &SpaceId, set: &Set) -> Result<Snapshot, ReplicaError>;

    /// Whether a member of any set of a space is here, be it parked. Quick: it is asked about every
    /// announcement.
    fn has(&self, space: &SpaceId, id: &[u8; 32]) -> bool;

    /// Items in their transport form; those that are here.
    fn read(&self, space: &SpaceId, set: &Set, ids: &[[u8; 32]]) -> Result<Vec<Vec<u8>>, ReplicaError>;

    /// Records of a type by the first bytes of their ids, as [`read`](Self::read); only `whole` ones, if it is said:
    /// those that lack their bodies here are left out.
    fn read_records(
        &self,
        space: &SpaceId,
        type_name: &TypeName,
        ids: &[ShortId],
        whole: bool,
    ) -> Result<Vec<Vec<u8>>, ReplicaError>;

    /// Some of the records that are here without a body that this node would keep: at most so many, others each
    /// time if there are more.
    fn without_bodies(&self, space: &SpaceId, most: usize) -> Result<Vec<(TypeName, [u8; 32])>, ReplicaError>;

    /// Some of the records of which it cannot be said here whether a revocation keeps them, each behind the position
    /// that is kept: at most so many.
    fn without_paths(&self, space: &SpaceId, most: usize) -> Result<Vec<Ends>, ReplicaError>;

    /// The headers of a path in a space, latest first. None if they are not all here.
    fn path(&self, space: &SpaceId, ends: Ends) -> Result<Option<Vec<Vec<u8>>>, ReplicaError>;

    /// Takes the headers of a path that was asked for. Whether they are that.
    fn take_path(&self, space: &SpaceId, ends: Ends, path: Vec<Vec<u8>>) -> Result<bool, ReplicaError>;

    /// Takes items in: verified, judged and durable when it returns. An outcome for each.
    fn take(&self, space: &SpaceId, set: &Set, items: Vec<Vec<u8>>) -> Result<Vec<Outcome>, ReplicaError>;

    /// Blobs that a space needs before its records can be judged.
    fn wanted_blobs(&self, space: &SpaceId) -> Result<Vec<BlobId>, ReplicaError>;

    /// A blob to hand out to peers of a space, and its size.
    fn blob(&self, space: &SpaceId, id: &BlobId) -> Result<Option<Blob>, ReplicaError>;

    /// The most bytes that a wanted blob may have.
    fn most_blob_bytes(&self) -> u64;

    /// Keeps a blob whose hash was verified. Says so if the space cannot use it.
    fn take_blob(&self, space: &SpaceId, bytes: Vec<u8>) -> Result<(), ReplicaError>;

    /// A proof for these bytes that someone on this node is a member of a space.
    fn prove_membership(&self, space: &SpaceId, transcript: &[u8]) -> Option<Vec<u8>>;

    /// Whether a peer's proof for these bytes holds.
    fn is_member(&self, space: &SpaceId, transcript: &[u8], proof: &[u8]) -> bool;
}
