//! `atlas:balanced`: who serves is served, what is rare is kept, and strangers can begin.
//!
//! Whole numbers only, with every unit named. See the README for the formulas and why.

#![cfg_attr(test, allow(clippy::unwrap_used))]

use atlas_sdk::economy::{Economy, Items, Peers, Question, REPLICAS, SERVICE, Weights};
use atlas_sdk::{Description, Module, export_economy};

/// What a peer without a history gets: 1 % of the largest share.
const STRANGER: u128 = 10_000;
/// Bytes that make a difference: a peer that gave less is hardly told from a stranger.
const GRAIN: u128 = 16 << 20;
/// After how long without a receipt what a peer gave counts half: 30 days in milliseconds.
const HALF_LIFE_MS: u64 = 30 * 24 * 60 * 60 * 1000;
/// Replicas to aim for where the space did not vote.
const ORDINARY: u32 = 2;
const HOUR_MS: u64 = 60 * 60 * 1000;

/// Weighs by balance.
#[derive(Default)]
pub struct Balanced;

impl Module for Balanced {
    fn describe() -> Description {
        let summary = "Serves who serves, keeps what is rare or pledged, and lets strangers begin.";
        Description::new("atlas:balanced", env!("CARGO_PKG_VERSION"), summary)
    }
}

impl Economy for Balanced {
    fn weigh(&self, question: &Question) -> Weights {
        let Question { now, peers, items } = question;
        let replicas: Vec<u32> = (0..items.count()).map(|item| target(items, item)).collect();
        Weights {
            service: (0..peers.count()).map(|peer| service(*now, peers, peer)).collect(),
            retention: (0..items.count()).map(|item| retention(*now, items, item, replicas[item])).collect(),
            replicas,
        }
    }
}

/// What a peer gave, of all that passed between both, with the failed audits and the distrust
/// taken off.
fn service(now: u64, peers: &Peers, peer: usize) -> u32 {
    let idle = now.saturating_sub(peers.active[peer]) / HALF_LIFE_MS;
    // A kept byte is worth a sixteenth of a served one, as long as it is kept.
    let gave = u128::from(peers.served_us[peer]) + u128::from(peers.keeps[peer] / 16);
    let gave = gave >> idle.min(127);
    let took = u128::from(peers.served_them[peer]);
    let earned = (u128::from(SERVICE) - STRANGER) * gave / (gave + took + GRAIN);
    let (passed, failed) = (u128::from(peers.passed[peer]), u128::from(peers.failed[peer]));
    let audited = (STRANGER + earned) * (passed + 1) / (passed + 1 + 10 * failed);
    // Distrust takes off up to all; trust adds nothing that was not earned.
    let distrust = u128::from(peers.trust[peer].min(0).unsigned_abs());
    let share = audited * 1_000_000_u128.saturating_sub(distrust) / 1_000_000;
    u32::try_from(share.clamp(1, SERVICE.into())).expect("clamped to 32 bits")
}

fn target(items: &Items, item: usize) -> u32 {
    match items.voted[item] {
        0 => ORDINARY,
        voted => voted.min(REPLICAS),
    }
}

/// Pledged before everything; then by replicas that are missing; then by use.
fn retention(now: u64, items: &Items, item: usize, target: u32) -> i64 {
    let pledged = i64::from(items.pledged[item] != 0) * 1_000_000_000_000;
    let missing = i64::from(target.saturating_sub(items.replicas[item])) * 100_000_000;
    let used = i64::from(items.requests[item].min(1000)) * 10_000;
    let hours = now.saturating_sub(items.active[item]) / HOUR_MS;
    let fresh = 10_000_000 / (1 + i64::try_from(hours).unwrap_or(i64::MAX).min(10_000_000));
    pledged + missing + used + fresh
}

export_economy!(Balanced);

#[cfg(test)]
mod tests {
    use atlas_sdk::testing::roles::weights;

    use super::*;

    const GIB: u64 = 1 << 30;
    const NOW: u64 = 1_760_000_000_000;

    /// Peers by what they served us, what we served them, audits passed and failed, trust.
    fn peers(rows: &[(u64, u64, u32, u32, i32)]) -> Question {
        let mut peers = Peers::default();
        for (us, them, passed, failed, trust) in rows {
            peers.served_us.push(*us);
            peers.served_them.push(*them);
            peers.keeps.push(0);
            peers.passed.push(*passed);
            peers.failed.push(*failed);
            peers.met.push(0);
            peers.active.push(NOW);
            peers.trust.push(*trust);
        }
        Question { now: NOW, peers, items: Items::default() }
    }

    fn service(rows: &[(u64, u64, u32, u32, i32)]) -> Vec<u32> {
        weights(&Balanced, &peers(rows)).service
    }

    #[test]
    fn who_gives_more_is_served_more_and_a_stranger_can_begin() {
        let [giver, taker, stranger, distrusted] =
            service(&[(GIB, GIB, 0, 0, 0), (0, GIB, 0, 0, 0), (0, 0, 0, 0, 0), (GIB, GIB, 0, 0, -1_000_000)])
                .try_into()
                .unwrap();
        assert!(giver > 40 * stranger && stranger == 10_000, "{giver} {stranger}");
        assert_eq!((taker, distrusted), (10_000, 1));
    }

    #[test]
    fn a_failed_audit_costs_more_than_a_passed_one_gains() {
        let [clean, failed] = service(&[(GIB, 0, 9, 0, 0), (GIB, 0, 9, 1, 0)]).try_into().unwrap();
        assert_eq!(failed, clean / 2);
    }

    #[test]
    fn what_was_given_long_ago_counts_less() {
        let mut question = peers(&[(GIB, GIB, 0, 0, 0), (GIB, GIB, 0, 0, 0)]);
        question.peers.active[1] = NOW - 3 * HALF_LIFE_MS;
        let [now, then] = weights(&Balanced, &question).service.try_into().unwrap();
        assert!(then < now / 3, "{then} {now}");
    }

    #[test]
    fn pledged_then_rare_then_used_stays_longest() {
        let mut items = Items::default();
        for (replicas, voted, pledged, requests) in [(9, 0, 1, 0), (1, 5, 0, 0), (9, 5, 0, 500), (9, 5, 0, 0)] {
            items.size.push(1);
            items.replicas.push(replicas);
            items.voted.push(voted);
            items.pledged.push(pledged);
            items.requests.push(requests);
            items.active.push(0);
        }
        let weights = weights(&Balanced, &Question { now: NOW, peers: Peers::default(), items });
        assert!(weights.retention.is_sorted_by(|a, b| a > b), "{:?}", weights.retention);
        assert_eq!(weights.replicas, [2, 5, 5, 5]);
    }

    #[test]
    fn the_ends_of_the_scale_stay_within_bounds() {
        let all = u64::MAX;
        let shares = service(&[(all, 0, u32::MAX, 0, 1_000_000), (all, all, 0, u32::MAX, -1_000_000)]);
        assert!(shares.iter().all(|share| (1..=SERVICE).contains(share)), "{shares:?}");
    }
}
