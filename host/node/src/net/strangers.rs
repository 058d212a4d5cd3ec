//! Identities that peers have sent and that have no part in their space yet: so many are kept, and no more.
//!
//! Who may speak travels before what is said, so an identity comes before the record that gives it a part, and
//! nothing tells it from one that was made up. Each costs its sender a signature, and this node a place on the disk.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use atlas_record::{IdentityId, SpaceId};

/// For each space. A community with more authors comes in several comparisons: the records of those that are here
/// make place for the next.
const MOST: usize = 65_536;

/// The strangers of each space, as far as they came since the start.
#[derive(Debug)]
pub struct Strangers {
    most: usize,
    known: Mutex<HashMap<SpaceId, HashSet<IdentityId>>>,
}

impl Default for Strangers {
    fn default() -> Self {
        Self { most: MOST, known: Mutex::default() }
    }
}

impl Strangers {
    /// Whether there is a place for an identity that is new here. `has_part` tells who is no stranger any more.
    pub fn admit(&self, space: SpaceId, id: IdentityId, has_part: impl Fn(&IdentityId) -> bool) -> bool {
        if has_part(&id) {
            return true;
        }
        let mut known = self.known.lock().expect("no thread panics with this lock");
        let strangers = known.entry(space).or_default();
        if strangers.len() >= self.most && !strangers.contains(&id) {
            strangers.retain(|stranger| !has_part(stranger));
        }
        strangers.contains(&id) || (strangers.len() < self.most && strangers.insert(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_are_kept_and_whoever_gets_a_part_makes_place() {
        let strangers = Strangers { most: 3, ..Strangers::default() };
        let (space, other) = (SpaceId([1; 32]), SpaceId([2; 32]));
        let id = |n: u8| IdentityId([n; 32]);
        let nobody = |_: &IdentityId| false;
        assert!((0..3).all(|n| strangers.admit(space, id(n), nobody)));
        assert!(!strangers.admit(space, id(3), nobody));
        assert!(strangers.admit(space, id(2), nobody), "more of one that is here");
        assert!(strangers.admit(other, id(3), nobody), "each space by itself");
        assert!(strangers.admit(space, id(9), |who| *who == id(9)), "who has a part is no stranger");
        assert!(!strangers.admit(space, id(3), |who| *who == id(9)));
        assert!(strangers.admit(space, id(3), |who| *who == id(0)), "one has written meanwhile");
        assert!(!strangers.admit(space, id(4), nobody));
    }
}
