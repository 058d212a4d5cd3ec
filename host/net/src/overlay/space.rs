//! What is known about one space of this node, and the choice of neighbours in it.

use std::collections::BTreeMap;

use rand::RngExt;
use rand::rngs::StdRng;

use super::types::{Follows, Millis, PeerKey, Token};

/// A space that this node has joined.
#[derive(Debug)]
pub(super) struct Space<P> {
    pub follows: Follows,
    /// On whose announcements this node counts.
    pub neighbours: Vec<P>,
    /// Who counts on those of this node.
    pub followers: Vec<P>,
    pub rotate_at: Millis,
    /// When to look for a partner next.
    pub reconcile_at: Millis,
    /// When to reconcile although nothing seems to be missing.
    pub routine_at: Millis,
    pub running: Option<Running<P>>,
    /// When one was last complete.
    pub compared: Option<Millis>,
    /// Members that were announced and had no place on the want-list, since then.
    pub overflowed: u64,
}

/// A reconciliation under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Running<P> {
    pub token: Token,
    pub peer: P,
    pub since: Millis,
    /// Something did not fit.
    pub full: bool,
}

/// A peer that may become a neighbour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate<P> {
    pub peer: P,
    pub group: u64,
    pub points: f64,
}

/// How finely penalties are told apart: below this difference, chance decides.
const GRAIN: f64 = 5.0;

/// Fills up a set of neighbours to `most`. Each place goes to the subnet group with the fewest
/// neighbours so far; within it to the smallest penalty, and then to chance. An attacker with a thousand
/// addresses of one subnet gets one place as long as there are other groups to choose from.
pub(super) fn fill<P: PeerKey>(neighbours: &mut Vec<P>, candidates: &[Candidate<P>], most: usize, rng: &mut StdRng) {
    let mut groups: BTreeMap<u64, usize> = BTreeMap::new();
    for candidate in candidates.iter().filter(|candidate| neighbours.contains(&candidate.peer)) {
        *groups.entry(candidate.group).or_default() += 1;
    }
    let mut left: Vec<(Candidate<P>, u32)> = candidates
        .iter()
        .filter(|candidate| !neighbours.contains(&candidate.peer))
        .map(|candidate| (*candidate, rng.random()))
        .collect();
    while neighbours.len() < most {
        let of_group = |candidate: &Candidate<P>| groups.get(&candidate.group).copied().unwrap_or(0);
        let best = left
            .iter()
            .enumerate()
            .min_by_key(|(_, (candidate, chance))| (of_group(candidate), (candidate.points / GRAIN) as u64, *chance));
        let Some(best) = best.map(|(i, _)| i) else { break };
        let (chosen, _) = left.swap_remove(best);
        neighbours.push(chosen.peer);
        *groups.entry(chosen.group).or_default() += 1;
    }
}

/// Which neighbour to let go: one of the most crowded group, the one with the highest penalty there.
/// Says how crowded its group is.
pub(super) fn weakest<P: PeerKey>(
    neighbours: &[P],
    candidates: &[Candidate<P>],
    rng: &mut StdRng,
) -> Option<(P, usize)> {
    let of: Vec<&Candidate<P>> = candidates.iter().filter(|c| neighbours.contains(&c.peer)).collect();
    let crowd = |group: u64| of.iter().filter(|c| c.group == group).count();
    of.iter()
        .map(|c| ((crowd(c.group), (c.points / GRAIN) as u64, rng.random::<u32>()), c.peer))
        .max_by_key(|(weight, _)| *weight)
        .map(|((crowd, ..), peer)| (peer, crowd))
}

/// Chooses some that are no neighbours: a group by chance first, so that the number of addresses that
/// a group has does not count.
pub(super) fn extra<P: PeerKey>(
    neighbours: &[P],
    candidates: &[Candidate<P>],
    most: usize,
    rng: &mut StdRng,
) -> Vec<P> {
    let mut groups: BTreeMap<u64, Vec<P>> = BTreeMap::new();
    for candidate in candidates.iter().filter(|candidate| !neighbours.contains(&candidate.peer)) {
        groups.entry(candidate.group).or_default().push(candidate.peer);
    }
    let mut chosen = Vec::with_capacity(most);
    while chosen.len() < most && !groups.is_empty() {
        let nth = rng.random_range(0..groups.len());
        let group = *groups.keys().nth(nth).expect("the number is below the length");
        let peers = groups.remove(&group).expect("the group is there");
        chosen.push(peers[rng.random_range(0..peers.len())]);
    }
    chosen
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn candidates(groups: &[(u64, usize)]) -> Vec<Candidate<u32>> {
        let mut peer = 0;
        let mut all = Vec::new();
        for (group, count) in groups {
            for _ in 0..*count {
                all.push(Candidate { peer, group: *group, points: 0.0 });
                peer += 1;
            }
        }
        all
    }

    #[test]
    fn a_thousand_addresses_of_one_subnet_get_one_place_among_six_groups() {
        let all = candidates(&[(0, 1000), (1, 1), (2, 1), (3, 1), (4, 1), (5, 1)]);
        for seed in 0..20 {
            let mut neighbours = Vec::new();
            fill(&mut neighbours, &all, 6, &mut StdRng::seed_from_u64(seed));
            assert_eq!(neighbours.iter().filter(|peer| **peer < 1000).count(), 1);
            assert_eq!(neighbours.len(), 6);
            let extra = extra(&neighbours[..1], &all, 3, &mut StdRng::seed_from_u64(seed));
            assert!(extra.iter().filter(|peer| **peer < 1000).count() <= 1);
        }
    }

    #[test]
    fn on_a_network_of_one_subnet_everyone_may_be_a_neighbour() {
        let mut neighbours = Vec::new();
        fill(&mut neighbours, &candidates(&[(7, 4)]), 6, &mut StdRng::seed_from_u64(1));
        assert_eq!(neighbours.len(), 4);
    }

    #[test]
    fn the_one_to_go_is_of_the_most_crowded_group_and_the_worst_there() {
        let mut all = candidates(&[(0, 3), (1, 1)]);
        all[2].points = 15.0;
        all[3].points = 19.0;
        let gone = weakest(&[0, 1, 2, 3], &all, &mut StdRng::seed_from_u64(1));
        assert_eq!(gone, Some((2, 3)));
    }
}
