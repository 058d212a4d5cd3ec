//! Which nodes there are, where they were, and when to try them again.
//!
//! The book is what makes a restart quick and an eclipse hard: it remembers nodes that worked,
//! keeps them when strangers flood it with new ones, and never grows beyond its bounds. It
//! opens no connection. Time is an argument, in milliseconds since 1970.
//!
//! Addresses are of two kinds. Those that anybody can use may be handed on; those of private
//! networks are kept, for the node may still be there tomorrow, and stay here.

mod file;

use std::collections::HashMap;
use std::time::Duration;

use crate::swarm::{How, Multiaddr, PeerId, Realm, may_tell, without_peer};

/// Nodes that are remembered.
pub const MOST_PEERS: usize = 4096;
/// Addresses of one node that are remembered.
pub const MOST_ADDRESSES: usize = 8;
/// Longer addresses are not remembered, in bytes.
const MOST_ADDRESS_BYTES: usize = 256;
/// Failures beyond this change nothing any more.
const MOST_FAILURES: u32 = 64;

/// What is known of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When it was first heard of.
    pub heard: u64,
    /// The best word for it: that of a person is worth more than that of the DHT.
    pub how: How,
    /// When a connection to it last succeeded.
    pub succeeded: Option<u64>,
    /// Attempts that failed since.
    pub failures: u32,
    /// When the last attempt was made.
    pub tried: Option<u64>,
    /// Where it may be.
    pub addresses: Vec<Address>,
}

/// Where a node may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Without the node's own id.
    pub addr: Multiaddr,
    /// When it was last heard of.
    pub heard: u64,
    /// When a connection there last succeeded.
    pub succeeded: Option<u64>,
    /// Attempts that failed since.
    pub failures: u32,
}

/// The nodes that are known.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Book {
    entries: HashMap<PeerId, Entry>,
    changed: bool,
}

/// How long to wait after so many failures in a row: 2 s, doubled with each, up to an hour.
/// `salt` moves it by up to a quarter in either direction, so that nodes that failed together
/// do not come back together.
pub fn back_off(failures: u32, salt: u64) -> Duration {
    if failures == 0 {
        return Duration::ZERO;
    }
    let base = (2000_u64 << (failures - 1).min(20)).min(3_600_000);
    // 75 % to 125 %.
    let share = 768 + salt.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 513;
    Duration::from_millis(base * share / 1024)
}

impl Book {
    /// An empty book.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes where a node may be. Returns whether anything about it is new.
    pub fn heard(&mut self, peer: PeerId, addrs: &[Multiaddr], how: How, now: u64) -> bool {
        if !self.entries.contains_key(&peer) {
            if addrs.is_empty() || !self.make_room(how) {
                return false;
            }
            let entry = Entry { heard: now, how, succeeded: None, failures: 0, tried: None, addresses: Vec::new() };
            self.entries.insert(peer, entry);
        }
        let entry = self.entries.get_mut(&peer).expect("it is there or was just put there");
        entry.how = entry.how.max(how);
        let mut new = false;
        for addr in addrs.iter().map(without_peer) {
            new |= entry.heard_at(addr, now);
        }
        self.changed = true;
        new
    }

    /// A connection to a node was made, at this address.
    pub fn succeeded(&mut self, peer: PeerId, addr: &Multiaddr, now: u64) {
        self.heard(peer, std::slice::from_ref(addr), How::Identify, now);
        let Some(entry) = self.entries.get_mut(&peer) else { return };
        (entry.succeeded, entry.tried, entry.failures) = (Some(now), Some(now), 0);
        let addr = without_peer(addr);
        if let Some(known) = entry.addresses.iter_mut().find(|known| known.addr == addr) {
            (known.succeeded, known.failures) = (Some(now), 0);
        }
        self.changed = true;
    }

    /// An attempt to reach a node failed, at these addresses.
    pub fn failed(&mut self, peer: PeerId, addrs: &[Multiaddr], now: u64) {
        let Some(entry) = self.entries.get_mut(&peer) else { return };
        entry.tried = Some(now);
        entry.failures = (entry.failures + 1).min(MOST_FAILURES);
        for addr in addrs.iter().map(without_peer) {
            if let Some(known) = entry.addresses.iter_mut().find(|known| known.addr == addr) {
                known.failures = (known.failures + 1).min(MOST_FAILURES);
            }
        }
        self.changed = true;
    }

    /// Forgets a node.
    pub fn forget(&mut self, peer: &PeerId) {
        self.changed |= self.entries.remove(peer).is_some();
    }

    /// What is known of a node.
    pub fn get(&self, peer: &PeerId) -> Option<&Entry> {
        self.entries.get(peer)
    }

    /// All nodes, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&PeerId, &Entry)> {
        self.entries.iter()
    }

    /// How many nodes are known.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Where a node may be, the most promising address first.
    pub fn addresses(&self, peer: &PeerId) -> Vec<Multiaddr> {
        let Some(entry) = self.entries.get(peer) else { return Vec::new() };
        let mut addresses: Vec<_> = entry.addresses.iter().collect();
        addresses.sort_by_key(|address| std::cmp::Reverse(address.worth()));
        addresses.into_iter().map(|address| address.addr.clone()).collect()
    }

    /// Whether the last attempt at this address failed.
    pub fn has_failed(&self, peer: &PeerId, addr: &Multiaddr) -> bool {
        let addresses = self.entries.get(peer).map_or(&[][..], |entry| &entry.addresses);
        addresses.iter().any(|known| known.addr == *addr && known.failures > 0)
    }

    /// Addresses of a node that may be handed on to others.
    pub fn tellable(&self, peer: &PeerId, realm: Realm) -> Vec<Multiaddr> {
        self.addresses(peer).into_iter().filter(|addr| may_tell(addr, realm)).collect()
    }

    /// When a node may be tried again.
    pub fn next_try(&self, peer: &PeerId) -> u64 {
        let Some(entry) = self.entries.get(peer) else { return 0 };
        let wait = back_off(entry.failures, salt(peer)).as_millis() as u64;
        entry.tried.map_or(0, |tried| tried.saturating_add(wait))
    }

    /// Nodes that may be tried now, the most promising first: those that worked before, the
    /// latest first, then those that a person gave, then the rest.
    pub fn candidates(&self, now: u64, most: usize) -> Vec<PeerId> {
        let mut due: Vec<_> = self.entries.iter().filter(|(peer, _)| self.next_try(peer) <= now).collect();
        due.sort_by_key(|(peer, entry)| std::cmp::Reverse((entry.worth(), salt(peer))));
        due.into_iter().take(most).map(|(peer, _)| *peer).collect()
    }

    /// Makes room for new nodes if some are worth less than one that is heard of in this way.
    /// What worked does not give way to hearsay, nor what a person gave to the words of
    /// strangers. Among equals the older go, so that the book does not fill with the dead.
    fn make_room(&mut self, how: How) -> bool {
        if self.entries.len() < MOST_PEERS {
            return true;
        }
        let yields = |entry: &Entry| entry.succeeded.is_none() && (entry.how != How::Given || how == How::Given);
        let mut worst: Vec<_> = self.entries.iter().filter(|(_, entry)| yields(entry)).collect();
        worst.sort_unstable_by_key(|(_, entry)| (entry.worth(), entry.heard));
        // Many at once, so that a flood is not sorted again for every drop of it.
        let worst: Vec<_> = worst.into_iter().take(MOST_PEERS / 16).map(|(peer, _)| *peer).collect();
        worst.iter().for_each(|peer| {
            self.entries.remove(peer);
        });
        self.entries.len() < MOST_PEERS
    }
}

impl Entry {
    /// Whether it worked and when, how it was heard of, how rarely it failed.
    fn worth(&self) -> (Option<u64>, i64, i64) {
        (self.succeeded, i64::from(self.how == How::Given), -i64::from(self.failures))
    }

    /// Notes an address, in place of the worst if there are too many. Whether it is new.
    fn heard_at(&mut self, addr: Multiaddr, now: u64) -> bool {
        if let Some(known) = self.addresses.iter_mut().find(|known| known.addr == addr) {
            known.heard = now;
            return false;
        }
        if addr.is_empty() || addr.len() > MOST_ADDRESS_BYTES {
            return false;
        }
        if self.addresses.len() >= MOST_ADDRESSES {
            let worst = self.addresses.iter().enumerate().min_by_key(|(_, address)| address.worth());
            let worst = worst.expect("there are as many as there may be").0;
            // An address that worked, and has not failed since, does not give way to hearsay.
            if self.addresses[worst].succeeded.is_some() && self.addresses[worst].failures == 0 {
                return false;
            }
            self.addresses.swap_remove(worst);
        }
        self.addresses.push(Address { addr, heard: now, succeeded: None, failures: 0 });
        true
    }
}

impl Address {
    /// How rarely it failed, whether it worked and when, when it was heard of.
    fn worth(&self) -> (i64, Option<u64>, u64) {
        (-i64::from(self.failures), self.succeeded, self.heard)
    }
}

/// Differs between nodes, and is the same for one.
fn salt(peer: &PeerId) -> u64 {
    let bytes = peer.to_bytes();
    let tail = bytes.last_chunk::<8>().copied().unwrap_or_default();
    u64::from_le_bytes(tail)
}

#[cfg(test)]
mod tests;
