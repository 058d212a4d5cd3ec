//! What each peer's tags mean, for whoever answers requests.
//!
//! Written by the mesh as peers open spaces and leave; read by every inbound stream. A tag that is not in here
//! is answered as an unknown space is, whoever asks.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use atlas_record::SpaceId;

use crate::swarm::PeerId;
use crate::wire::{Follows, Tag};

/// A space that is shared with a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The space.
    pub space: SpaceId,
    /// What the peer keeps of it.
    pub follow: Follows,
}

/// Every peer's tags.
#[derive(Debug, Clone, Default)]
pub struct Table(Arc<RwLock<HashMap<PeerId, HashMap<Tag, Entry>>>>);

impl Table {
    /// What a peer means.
    pub fn meant(&self, peer: &PeerId, tag: &Tag) -> Option<Entry> {
        self.0.read().expect("no thread panics with this lock").get(peer)?.get(tag).cloned()
    }

    /// All that a peer shares from now on.
    pub fn set(&self, peer: PeerId, shared: HashMap<Tag, Entry>) {
        self.0.write().expect("no thread panics with this lock").insert(peer, shared);
    }

    /// A peer is gone.
    pub fn remove(&self, peer: &PeerId) {
        self.0.write().expect("no thread panics with this lock").remove(peer);
    }
}
