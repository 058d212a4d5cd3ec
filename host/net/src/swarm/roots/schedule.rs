//! When to publish which root. Time is an argument, in milliseconds since any fixed point.
//!
//! Kademlia's own job publishes everything at one moment, every so often. Here each root has
//! its own time, spread over the interval by its key, so that ten thousand roots are a trickle
//! and not a burst; a failure is tried again after minutes, and only so many are on the way at
//! once.

use std::collections::{BTreeSet, HashMap, HashSet};

/// A root is published again after this time. Peers forget it after 48 hours.
pub(crate) const INTERVAL: u64 = 12 * 60 * 60 * 1000;
/// After a failure it is tried again after this time.
pub(crate) const RETRY: u64 = 5 * 60 * 1000;
/// So many are on the way at once.
pub(crate) const ON_THE_WAY: usize = 8;

/// When a root is due that nobody knows of yet: before everything else.
pub(crate) const NEW: u64 = 0;
/// When a root is due that was provided before a restart, and may still be known.
pub(crate) const RENEWED: u64 = 1;

/// When each root is due.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    due: BTreeSet<(u64, [u8; 32])>,
    at: HashMap<[u8; 32], u64>,
    on_the_way: HashSet<[u8; 32]>,
}

impl Schedule {
    /// A root to publish at this time, unless it is there already.
    pub(crate) fn add(&mut self, key: [u8; 32], at: u64) {
        if !self.at.contains_key(&key) {
            self.set(key, at);
        }
    }

    /// A root that is provided no longer.
    pub(crate) fn remove(&mut self, key: &[u8; 32]) {
        if let Some(at) = self.at.remove(key) {
            self.due.remove(&(at, *key));
        }
    }

    /// A root to publish now: it is on the way until [`Self::done`].
    pub(crate) fn next(&mut self, now: u64) -> Option<[u8; 32]> {
        if self.on_the_way.len() >= ON_THE_WAY {
            return None;
        }
        let (at, key) = *self.due.first()?;
        if at > now {
            return None;
        }
        // Should its end never be reported, it is due again as after a failure.
        self.set(key, now + RETRY);
        self.on_the_way.insert(key);
        Some(key)
    }

    /// How the publication of a root ended.
    pub(crate) fn done(&mut self, key: &[u8; 32], published: bool, now: u64) {
        self.on_the_way.remove(key);
        if self.at.contains_key(key) {
            let after = if published { INTERVAL - spread(key) } else { RETRY };
            self.set(*key, now + after);
        }
    }

    /// Makes everything due, for what was said of this node is no longer true.
    pub(crate) fn renew(&mut self, now: u64) {
        let later: Vec<_> = self.at.iter().filter(|(_, at)| **at > now).map(|(key, _)| *key).collect();
        later.into_iter().for_each(|key| self.set(key, now));
    }

    /// The roots.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &[u8; 32]> {
        self.at.keys()
    }

    fn set(&mut self, key: [u8; 32], at: u64) {
        if let Some(before) = self.at.insert(key, at) {
            self.due.remove(&(before, key));
        }
        self.due.insert((at, key));
    }
}

/// Up to an eighth of the interval, fixed for each key.
fn spread(key: &[u8; 32]) -> u64 {
    u64::from(u16::from_le_bytes([key[0], key[1]])) * (INTERVAL / 8) / 65_536
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8) -> [u8; 32] {
        [n; 32]
    }

    #[test]
    fn a_new_root_is_published_at_once_and_again_within_the_interval() {
        let mut schedule = Schedule::default();
        schedule.add(key(7), 1000);
        assert_eq!(schedule.next(999), None);
        assert_eq!(schedule.next(1000), Some(key(7)));
        assert_eq!(schedule.next(1000), None, "it is on the way");
        schedule.done(&key(7), true, 2000);
        assert_eq!(schedule.next(2000 + INTERVAL * 7 / 8 - 1), None);
        assert_eq!(schedule.next(2000 + INTERVAL), Some(key(7)));
    }

    #[test]
    fn a_new_root_does_not_wait_for_those_that_are_renewed() {
        let mut schedule = Schedule::default();
        (0..100).for_each(|n| schedule.add(key(n), RENEWED));
        schedule.next(50).unwrap();
        schedule.add(key(200), NEW);
        assert_eq!(schedule.next(50), Some(key(200)));
    }

    #[test]
    fn a_failure_is_tried_again_soon() {
        let mut schedule = Schedule::default();
        schedule.add(key(1), 0);
        schedule.next(0).unwrap();
        schedule.done(&key(1), false, 10);
        assert_eq!(schedule.next(10 + RETRY - 1), None);
        assert_eq!(schedule.next(10 + RETRY), Some(key(1)));
    }

    #[test]
    fn a_new_address_makes_everything_due_once() {
        let mut schedule = Schedule::default();
        for n in 0..3 {
            schedule.add(key(n), NEW);
            schedule.next(5).unwrap();
            schedule.done(&key(n), true, 5);
        }
        assert_eq!(schedule.next(10), None);
        schedule.renew(10);
        (0..3).for_each(|_| assert!(schedule.next(10).is_some()));
        assert_eq!(schedule.next(10), None);
    }

    #[test]
    fn only_so_many_are_on_the_way() {
        let mut schedule = Schedule::default();
        (0..100).for_each(|n| schedule.add(key(n), 0));
        let first: Vec<_> = std::iter::from_fn(|| schedule.next(0)).collect();
        assert_eq!(first.len(), ON_THE_WAY);
        schedule.done(&first[0], true, 0);
        assert!(schedule.next(0).is_some());
        assert!(schedule.next(0).is_none());
    }

    #[test]
    fn every_root_has_its_turn_before_any_has_two() {
        let mut schedule = Schedule::default();
        (0..100).for_each(|n| schedule.add(key(n), 0));
        let mut seen = HashSet::new();
        for _ in 0..100 {
            let key = schedule.next(0).unwrap();
            assert!(seen.insert(key));
            schedule.done(&key, key[0] % 2 == 0, 0);
        }
        assert_eq!(schedule.next(0), None);
    }

    #[test]
    fn what_is_removed_does_not_come_back() {
        let mut schedule = Schedule::default();
        schedule.add(key(1), 0);
        schedule.next(0).unwrap();
        schedule.remove(&key(1));
        schedule.done(&key(1), true, 0);
        assert_eq!(schedule.next(u64::MAX), None);
        assert_eq!(schedule.keys().count(), 0);
    }

    #[test]
    fn an_end_that_is_never_reported_delays_only() {
        let mut schedule = Schedule::default();
        schedule.add(key(1), 0);
        schedule.next(0).unwrap();
        assert_eq!(schedule.next(RETRY), Some(key(1)));
    }
}
