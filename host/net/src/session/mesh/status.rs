//! How it goes, for people.

use std::collections::BTreeMap;

use atlas_record::SpaceId;

use crate::swarm::{PeerId, Traffic};

/// The mesh as it is now.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MeshStatus {
    /// Connected peers.
    pub peers: BTreeMap<PeerId, PeerState>,
    /// Bytes a second now.
    pub rates: Traffic,
    /// Spaces that this node keeps or joins.
    pub spaces: BTreeMap<SpaceId, SpaceState>,
    /// Peers that were left and may not come back yet.
    pub left: Vec<LeftPeer>,
}

/// A peer.
#[derive(Debug, Clone, PartialEq)]
pub struct PeerState {
    /// Spaces that both have.
    pub spaces: Vec<SpaceId>,
    /// `good` or `limited`.
    pub standing: String,
    /// Why it is limited.
    pub reason: Option<String>,
    /// Members that it delivered and that were taken in.
    pub delivered: u64,
    /// Of these, a second.
    pub arrivals: f64,
}

/// A space.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SpaceState {
    /// Connected peers that share it.
    pub peers: usize,
    /// Those of them with whom everything was the same when it was last compared.
    pub in_sync_with: usize,
    /// Members that are known to be lacking here.
    pub wanted: usize,
    /// Whether it is being compared now.
    pub comparing: bool,
    /// When it was last compared with someone, in milliseconds since the Unix epoch.
    pub compared: Option<u64>,
    /// What went wrong when it was last compared, if anything did.
    pub trouble: Option<String>,
}

impl SpaceState {
    /// In a word.
    pub fn state(&self) -> &'static str {
        match self {
            Self { peers: 0, .. } => "alone",
            Self { wanted: 1.., .. } => "fetching",
            Self { in_sync_with: 1.., .. } => "in-sync",
            _ => "comparing",
        }
    }
}

/// A peer that was left.
#[derive(Debug, Clone, PartialEq)]
pub struct LeftPeer {
    /// Who.
    pub peer: PeerId,
    /// Why.
    pub reason: String,
    /// When it may come back, in milliseconds since the Unix epoch.
    pub until: u64,
}
