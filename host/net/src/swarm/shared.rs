//! What the handle may read without asking the driver: kept by the driver, behind short locks.

use std::sync::{Mutex, MutexGuard, PoisonError};

use libp2p::Multiaddr;

use super::gate::Counts;
use super::peers::Peers;
use super::traffic::Meter;

/// Whether strangers can reach this node, as far as it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reachability {
    /// Nobody has tested it.
    Unknown,
    /// Others have tried, and could not.
    Private,
    /// An address was tested by others, or the operator vouches for one.
    Public,
}

/// Where this node is.
#[derive(Debug, Clone)]
pub(super) struct Where {
    pub(super) listening: Vec<Multiaddr>,
    pub(super) external: Vec<Multiaddr>,
    pub(super) reachability: Reachability,
}

/// Shared by the driver, its behaviours and every handle.
pub(super) struct Shared {
    place: Mutex<Where>,
    peers: Mutex<Peers>,
    pub(super) meter: Meter,
    pub(super) refused: Counts,
}

impl Shared {
    pub(super) fn new() -> Self {
        let place = Where { listening: Vec::new(), external: Vec::new(), reachability: Reachability::Unknown };
        Self { place: Mutex::new(place), peers: Mutex::default(), meter: Meter::default(), refused: Counts::default() }
    }

    /// Where this node is.
    pub(super) fn place(&self) -> MutexGuard<'_, Where> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who is connected.
    pub(super) fn peers(&self) -> MutexGuard<'_, Peers> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
