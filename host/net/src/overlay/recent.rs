//! What was seen lately: who has which member, and which members are refused whoever brings them.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use crate::negentropy::Id;

/// How many holders of a member are remembered. More would save few announcements.
const HOLDERS: usize = 6;

#[derive(Debug, Clone)]
struct Seen<P> {
    holders: Vec<P>,
    refused: bool,
}

/// Members in order of first sight; the oldest is forgotten first.
#[derive(Debug)]
pub(super) struct Recent<P> {
    seen: HashMap<Id, Seen<P>>,
    order: VecDeque<Id>,
    most: usize,
}

impl<P: Copy + Eq> Recent<P> {
    pub fn new(most: usize) -> Self {
        Self { seen: HashMap::new(), order: VecDeque::new(), most: most.max(1) }
    }

    fn entry(&mut self, id: &Id) -> &mut Seen<P> {
        if !self.seen.contains_key(id) {
            if self.order.len() >= self.most
                && let Some(oldest) = self.order.pop_front()
            {
                self.seen.remove(&oldest);
            }
            self.order.push_back(*id);
        }
        self.seen.entry(*id).or_insert_with(|| Seen { holders: Vec::new(), refused: false })
    }

    /// A peer has the member: it said so, or was told.
    pub fn holds(&mut self, id: &Id, peer: P) {
        let holders = &mut self.entry(id).holders;
        if !holders.contains(&peer) {
            if holders.len() >= HOLDERS {
                holders.remove(0);
            }
            holders.push(peer);
        }
    }

    /// Whether a peer is remembered to have it.
    pub fn is_held_by(&self, id: &Id, peer: P) -> bool {
        self.seen.get(id).is_some_and(|seen| seen.holders.contains(&peer))
    }

    /// No copy of this member will do.
    pub fn refuse(&mut self, id: &Id) {
        self.entry(id).refused = true;
    }

    pub fn is_refused(&self, id: &Id) -> bool {
        self.seen.get(id).is_some_and(|seen| seen.refused)
    }

    pub fn len(&self) -> usize {
        self.order.len()
    }
}

/// The last things that one peer said.
#[derive(Debug)]
pub(super) struct Echo<T> {
    said: HashMap<T, ()>,
    order: VecDeque<T>,
}

impl<T: Copy + Eq + Hash> Echo<T> {
    pub fn new() -> Self {
        Self { said: HashMap::new(), order: VecDeque::new() }
    }

    /// Whether it was said before; now it was.
    pub fn hears(&mut self, what: T, most: usize) -> bool {
        if self.said.insert(what, ()).is_some() {
            return true;
        }
        self.order.push_back(what);
        if self.order.len() > most
            && let Some(oldest) = self.order.pop_front()
        {
            self.said.remove(&oldest);
        }
        false
    }

    pub fn len(&self) -> usize {
        self.order.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_first() {
        let mut recent = Recent::new(2);
        recent.holds(&[1; 32], 'a');
        recent.refuse(&[2; 32]);
        recent.holds(&[1; 32], 'b');
        recent.holds(&[3; 32], 'a');
        assert!(!recent.is_held_by(&[1; 32], 'a') && recent.is_held_by(&[3; 32], 'a') && recent.is_refused(&[2; 32]));
        assert_eq!((recent.len(), recent.seen.len()), (2, 2));
        (0..20u8).for_each(|peer| recent.holds(&[3; 32], char::from(peer)));
        assert_eq!(recent.seen[&[3; 32]].holders.len(), HOLDERS);
    }

    #[test]
    fn an_echo_is_told_from_a_first_word() {
        let mut echo = Echo::new();
        assert!(!echo.hears(1, 2) && echo.hears(1, 2));
        assert!(!echo.hears(2, 2) && !echo.hears(3, 2) && !echo.hears(1, 2));
        assert_eq!((echo.len(), echo.said.len()), (2, 2));
    }
}
