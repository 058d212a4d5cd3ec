//! The overlay's promises, one node at a time: events in, actions out.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use atlas_net::negentropy::{Id, Item};
use atlas_net::overlay::{
    Action, Config, End, Entry, Follows, Offence, Outcome, Overlay, Reason, Refusal, Room, Set, Standing, Tally, Token,
};
use atlas_record::SpaceId;
use proptest::prelude::*;

const SPACE: SpaceId = SpaceId([1; 32]);

type Machine = Overlay<u32>;
type Wanted = (u32, Token, Vec<Id>);

fn id(n: u32) -> Id {
    let mut id = [0; 32];
    id[..4].copy_from_slice(&n.to_be_bytes());
    id
}

fn entry(n: u32) -> Entry {
    Entry { set: Set::Records("atlas.post".parse().unwrap()), item: Item { time: 1000 + u64::from(n), id: id(n) } }
}

fn entries(range: std::ops::Range<u32>) -> Vec<Entry> {
    range.map(entry).collect()
}

fn actions(machine: &mut Machine) -> Vec<Action<u32>> {
    std::iter::from_fn(|| machine.next_action()).collect()
}

fn fetches(actions: &[Action<u32>]) -> Vec<Wanted> {
    let fetch = |action: &Action<u32>| match action {
        Action::Fetch { peer, token, wants, .. } => Some((*peer, *token, wants.iter().map(|(_, id)| *id).collect())),
        _ => None,
    };
    actions.iter().filter_map(fetch).collect()
}

/// A node in one space with these peers, each of a group of its own.
fn with_peers(config: Config, peers: std::ops::Range<u32>) -> Machine {
    let mut machine = Machine::new(config, 1, 0);
    machine.join(0, SPACE, Follows::All);
    for peer in peers {
        machine.connected(0, peer, u64::from(peer), true);
        machine.shares(0, peer, [(SPACE, Follows::All)]);
    }
    actions(&mut machine);
    machine
}

fn nothing(_: &SpaceId, _: &Id) -> bool {
    false
}

fn announce(machine: &mut Machine, now: u64, peer: u32, entries: &[Entry]) -> Vec<Action<u32>> {
    machine.announced(now, peer, SPACE, entries, false, &mut nothing);
    actions(machine)
}

/// When a machine first compares with a peer, and the name of that.
fn compares(machine: &mut Machine, met: u64, peer: u32) -> (u64, Token) {
    (met..met + 20_000)
        .find_map(|now| {
            machine.tick(now);
            actions(machine).into_iter().find_map(|action| match action {
                Action::Reconcile { peer: with, token, .. } if with == peer => Some((now, token)),
                _ => None,
            })
        })
        .expect("it compares with everyone it meets")
}

#[test]
fn who_has_nothing_compares_at_once_and_nobody_waits_for_long_for_the_other_to_begin() {
    for (seed, dialled) in (0..100).map(|i| (i / 2, i % 2 == 0)) {
        let mut machine = Machine::new(Config::default(), seed, 0);
        machine.join(0, SPACE, Follows::All);
        let meet = |machine: &mut Machine, now: u64, peer: u32| {
            machine.connected(now, peer, u64::from(peer), dialled);
            machine.shares(now, peer, [(SPACE, Follows::All)]);
            let (began, token) = compares(machine, now, peer);
            let tally = Tally { bytes: 100, differences: 0, stopped: false };
            machine.reconciled(began + 10, token, End::Complete, tally);
            began - now
        };
        let first = meet(&mut machine, 100, 0);
        assert!(first <= if dialled { 1 } else { 500 }, "{first} ms");
        // Both may have dialled at once, and each take the other for the one who did.
        let second = meet(&mut machine, 3_000, 1);
        assert!(second <= if dialled { 300 } else { 2_000 }, "{second} ms");
    }
}

#[test]
fn a_session_over_a_way_that_is_left_begins_anew_at_once() {
    let mut machine = with_peers(Config::default(), 0..1);
    let (began, token) = compares(&mut machine, 0, 0);
    machine.moved(began + 50, 0);
    let after = actions(&mut machine);
    assert!(after.contains(&Action::Cancel { token }), "{after:?}");
    let again = after.iter().find_map(|action| match action {
        Action::Reconcile { peer: 0, token, .. } => Some(*token),
        _ => None,
    });
    let again = again.expect("on the new way");
    // What is still said of the old one is of no interest.
    machine.reconciled(began + 60, token, End::Broken, Tally::default());
    assert_eq!(machine.spaces()[0].reconciling, Some(0));
    machine.reconciled(began + 70, again, End::Complete, Tally { bytes: 100, differences: 0, stopped: false });
    assert_eq!(machine.spaces()[0].in_sync_with, 1);
    machine.moved(began + 80, 0);
    assert_eq!(actions(&mut machine), [], "nothing was under way");
}

#[test]
fn who_declines_is_asked_again_soon_and_then_more_and_more_slowly() {
    let mut machine = with_peers(Config::default(), 0..1);
    let mut waits = Vec::new();
    let mut declined = 0;
    for _ in 0..5 {
        let (began, token) = compares(&mut machine, declined, 0);
        waits.push(began - declined);
        declined = began + 1;
        machine.reconciled(declined, token, End::Declined, Tally::default());
    }
    assert_eq!(waits[1..], [1_000, 2_000, 4_000, 8_000]);
    assert_eq!(machine.peers(declined)[0].reason, Reason::Fine);
}

#[test]
fn what_came_too_early_is_asked_for_again_and_what_is_refused_is_not() {
    let mut machine = with_peers(Config::default(), 0..2);
    let asked = fetches(&announce(&mut machine, 10, 0, &entries(0..2)));
    let token = asked[0].1;
    // One of them is news of a space whose genesis is still on its way here; the other no node can take.
    let refused = Outcome::Refused(Refusal::NotAdmissible);
    machine.fetched(20, token, &[(id(0), Outcome::Parked), (id(1), refused)]);
    machine.fetch_ended(20, token, End::Complete);
    assert_eq!(fetches(&actions(&mut machine)), []);

    let mut session = None;
    for now in (30..10_000).step_by(10) {
        machine.tick(now);
        let started = actions(&mut machine).into_iter().find_map(|action| match action {
            Action::Reconcile { peer, token, .. } => Some((now, peer, token)),
            _ => None,
        });
        if started.is_some() {
            session = started;
            break;
        }
    }
    let (now, peer, token) = session.expect("a comparison follows");
    let set = entry(0).set;
    let _ = machine.needs(now, token, SPACE, &set, &[id(0), id(1)], &mut nothing);
    let asked = fetches(&actions(&mut machine));
    assert_eq!(asked.iter().map(|(peer, _, ids)| (*peer, ids.clone())).collect::<Vec<_>>(), [(peer, vec![id(0)])]);
}

#[test]
fn what_is_announced_is_fetched_once_and_announced_on_after_ingest() {
    let mut machine = with_peers(Config::default(), 0..4);
    let asked = fetches(&announce(&mut machine, 10, 0, &entries(0..1)));
    assert_eq!(asked, [(0, asked[0].1, vec![id(0)])]);
    assert_eq!(fetches(&announce(&mut machine, 11, 1, &entries(0..1))), [], "it is on its way");
    machine.tick(100);
    assert!(!actions(&mut machine).iter().any(|action| matches!(action, Action::Announce { .. })));

    machine.fetched(120, asked[0].1, &[(id(0), Outcome::New(entry(0)))]);
    machine.fetch_ended(120, asked[0].1, End::Complete);
    machine.tick(130);
    let told: BTreeSet<u32> = actions(&mut machine)
        .into_iter()
        .filter_map(|action| match action {
            Action::Announce { peer, entries, .. } => {
                assert_eq!(entries, [entry(0)]);
                Some(peer)
            }
            _ => None,
        })
        .collect();
    // Not those from whom it is known that they have it.
    assert_eq!(told, [2, 3].into());
}

#[test]
fn what_comes_another_way_while_it_is_fetched_is_no_fault_of_whoever_serves_it() {
    let mut machine = with_peers(Config::default(), 0..2);
    let asked = fetches(&announce(&mut machine, 10, 0, &entries(0..8)));
    // The store tells of it before the fetch does.
    machine.committed(20, SPACE, &entries(0..8));
    let outcomes: Vec<_> = (0..8).map(|n| (id(n), Outcome::New(entry(n)))).collect();
    machine.fetched(21, asked[0].1, &outcomes);
    machine.fetch_ended(22, asked[0].1, End::Complete);
    assert!(machine.peers(30).iter().all(|peer| peer.penalty == 0.0), "{:?}", machine.peers(30));
}

#[test]
fn what_is_refused_is_not_announced_on_and_not_asked_for_again() {
    let mut machine = with_peers(Config::default(), 0..4);
    let asked = fetches(&announce(&mut machine, 10, 0, &entries(0..1)));
    machine.fetched(20, asked[0].1, &[(id(0), Outcome::Refused(Refusal::BadSignature))]);
    machine.fetch_ended(20, asked[0].1, End::Complete);
    let done = actions(&mut machine);
    let reason = Reason::Offence(Offence::Served(Refusal::BadSignature));
    assert!(done.contains(&Action::Standing { peer: 0, standing: Standing::Limited, reason }));
    assert_eq!(fetches(&announce(&mut machine, 30, 1, &entries(0..1))), []);
    machine.tick(40);
    assert!(!actions(&mut machine).iter().any(|action| matches!(action, Action::Announce { .. })));
}

#[test]
fn bad_bytes_from_one_peer_do_not_keep_a_good_copy_away() {
    let mut machine = with_peers(Config::default(), 0..4);
    let asked = fetches(&announce(&mut machine, 10, 0, &entries(0..1)));
    announce(&mut machine, 11, 1, &entries(0..1));
    machine.fetched(20, asked[0].1, &[(id(0), Outcome::Refused(Refusal::Malformed))]);
    machine.fetch_ended(20, asked[0].1, End::Complete);
    let again = fetches(&actions(&mut machine));
    assert_eq!((again[0].0, &again[0].2), (1, &vec![id(0)]));
}

#[test]
fn who_lets_a_fetch_wait_is_given_up_and_another_asked() {
    let config = Config::default();
    let mut machine = with_peers(config.clone(), 0..2);
    let asked = fetches(&announce(&mut machine, 10, 0, &entries(0..1)));
    announce(&mut machine, 11, 1, &entries(0..1));
    assert!(machine.next_wake() <= 10 + config.fetch_idle);
    machine.tick(10 + config.fetch_idle);
    let done = actions(&mut machine);
    assert!(done.contains(&Action::Cancel { token: asked[0].1 }));
    let again = fetches(&done);
    assert_eq!((again[0].0, &again[0].2), (1, &vec![id(0)]));
    // What comes late is still welcome, and nobody is blamed for it.
    let penalty = machine.peers(20_000)[0].penalty;
    machine.fetched(20_000, asked[0].1, &[(id(0), Outcome::New(entry(0)))]);
    assert!(machine.peers(20_000)[0].penalty <= penalty);
    assert_eq!(machine.load().wants, 0);
}

#[test]
fn while_ingest_is_busy_nothing_is_fetched_and_nobody_blamed() {
    let mut machine = with_peers(Config::default(), 0..2);
    let asked = fetches(&announce(&mut machine, 10, 0, &entries(0..1)));
    machine.busy(20, true);
    assert_eq!(fetches(&announce(&mut machine, 30, 1, &entries(1..5))), []);
    machine.tick(500_000);
    assert!(!actions(&mut machine).contains(&Action::Cancel { token: asked[0].1 }));
    machine.busy(500_000, false);
    assert_eq!(fetches(&actions(&mut machine)).len(), 1);
    assert!(machine.peers(500_000).iter().all(|peer| peer.penalty == 0.0));
}

#[test]
fn one_peer_owes_a_bounded_share_until_it_has_delivered() {
    let config = Config::default();
    let mut machine = with_peers(config.clone(), 0..2);
    let mut wanted = 0;
    for frame in 0..20 {
        let actions = announce(&mut machine, 10, 0, &entries(frame * 512..(frame + 1) * 512));
        wanted += fetches(&actions).iter().map(|(.., ids)| ids.len()).sum::<usize>();
    }
    assert_eq!(machine.load().wants, config.owed);
    assert!(wanted <= config.fetches_per_peer * config.batch.0);
    assert!(machine.spaces()[0].overflowed > 0);
}

#[test]
fn a_million_ids_cost_the_peer_its_connection() {
    let config = Config::default();
    let mut machine = with_peers(config.clone(), 0..1);
    let mut frame = 0;
    let until = loop {
        let done = announce(&mut machine, 10, 0, &entries(frame * 512..(frame + 1) * 512));
        let left = done.iter().find_map(|action| match action {
            Action::Disconnect { peer: 0, reason: Reason::Offence(Offence::Flood), until } => Some(*until),
            _ => None,
        });
        if let Some(until) = left {
            break until;
        }
        frame += 1;
        assert!(frame < 2000, "it is read to the end");
    };
    assert!(frame < 60, "{frame} frames were read");
    assert_eq!(machine.load().wants, 0, "what only it had is forgotten");
    assert!(!machine.may_connect(until - 1, &0) && machine.may_connect(until, &0));
    machine.connected(until - 1, 0, 0, false);
    assert_eq!(actions(&mut machine), [Action::Disconnect { peer: 0, reason: Reason::TooEarly, until }]);
    let shown = machine.peers(until - 1);
    assert_eq!((shown[0].standing, shown[0].until), (Standing::Left, Some(until)));
    assert_eq!(shown[0].reason.to_string(), "announces faster than allowed");
}

#[test]
fn what_does_not_fit_an_outbox_becomes_a_hint_and_the_peer_reconciles() {
    let config = Config { outbox: 100, ..Config::default() };
    let mut machine = with_peers(config.clone(), 0..1);
    machine.committed(10, SPACE, &entries(0..1000));
    machine.tick(10 + config.gather);
    let told: Vec<(usize, bool)> = actions(&mut machine)
        .into_iter()
        .filter_map(|action| match action {
            Action::Announce { entries, more, .. } => Some((entries.len(), more)),
            _ => None,
        })
        .collect();
    assert_eq!(told, [(100, true)]);

    // The other side.
    let mut machine = with_peers(config, 0..1);
    machine.tick(1000);
    let Some(Action::Reconcile { token, .. }) =
        actions(&mut machine).into_iter().find(|action| matches!(action, Action::Reconcile { .. }))
    else {
        panic!("the first sight of a space is reconciled")
    };
    machine.reconciled(1100, token, End::Complete, Tally::default());
    machine.announced(4000, 0, SPACE, &[], true, &mut nothing);
    machine.tick(4001);
    let again = actions(&mut machine);
    assert!(again.iter().any(|action| matches!(action, Action::Reconcile { peer: 0, .. })), "{again:?}");
}

#[test]
fn a_list_that_is_full_ends_the_session_and_another_follows() {
    let config = Config { owed_most: 50, batch: (64, 64), ..Config::default() };
    let mut machine = with_peers(config.clone(), 0..1);
    machine.tick(1000);
    let Some(Action::Reconcile { token, .. }) =
        actions(&mut machine).into_iter().find(|action| matches!(action, Action::Reconcile { .. }))
    else {
        panic!("the first sight of a space is reconciled")
    };
    let set = entry(0).set;
    let ids: Vec<Id> = (0..80).map(id).collect();
    assert_eq!(machine.needs(1100, token, SPACE, &set, &ids, &mut nothing), Room::Full);
    let asked = fetches(&actions(&mut machine));
    assert_eq!(asked[0].2.len(), 50);
    machine.reconciled(1200, token, End::Complete, Tally { bytes: 4000, differences: 80, stopped: true });
    let outcomes: Vec<(Id, Outcome)> = (0..50).map(|n| (id(n), Outcome::New(entry(n)))).collect();
    machine.fetched(1300, asked[0].1, &outcomes);
    machine.fetch_ended(1300, asked[0].1, End::Complete);
    machine.tick(1200 + config.reconcile_soon);
    assert!(actions(&mut machine).iter().any(|action| matches!(action, Action::Reconcile { .. })));
    assert_eq!(machine.spaces()[0].in_sync_with, 0);
}

#[test]
fn fingerprints_that_cost_much_and_find_nothing_are_an_offence() {
    let mut machine = with_peers(Config::default(), 0..1);
    machine.tick(1000);
    let Some(Action::Reconcile { token, .. }) =
        actions(&mut machine).into_iter().find(|action| matches!(action, Action::Reconcile { .. }))
    else {
        panic!("the first sight of a space is reconciled")
    };
    machine.reconciled(1100, token, End::Complete, Tally { bytes: 10_000_000, differences: 3, stopped: false });
    let reason = Reason::Offence(Offence::FalseFingerprints);
    assert!(actions(&mut machine).contains(&Action::Standing { peer: 0, standing: Standing::Limited, reason }));
}

#[test]
fn a_light_node_neither_asks_for_nor_is_told_of_other_types() {
    let task = |n| Entry { set: Set::Records("atlas.task".parse().unwrap()), ..entry(n) };
    let tasks = || Follows::Types(["atlas.task".parse().unwrap()].into());
    let mut machine = Machine::new(Config::default(), 1, 0);
    machine.join(0, SPACE, tasks());
    for (peer, follows) in [(0, Follows::All), (1, tasks())] {
        machine.connected(0, peer, u64::from(peer), true);
        machine.shares(0, peer, [(SPACE, follows)]);
    }
    let laws = Entry { set: Set::Laws, ..entry(3) };
    let asked = fetches(&announce(&mut machine, 10, 0, &[entry(1), task(2), laws.clone()]));
    // The law first.
    assert_eq!(asked[0].2, [id(3), id(2)]);
    machine.fetched(20, asked[0].1, &[(id(3), Outcome::New(laws)), (id(2), Outcome::New(task(2)))]);
    machine.committed(20, SPACE, &[entry(9)]);
    machine.tick(40);
    for action in actions(&mut machine) {
        if let Action::Announce { peer: 1, entries, .. } = action {
            assert!(entries.iter().all(|entry| tasks().covers(&entry.set)));
            assert_eq!(entries.len(), 2);
        }
    }
}

#[test]
fn a_full_table_makes_place_for_another_subnet_at_the_cost_of_the_largest() {
    let config = Config { peers: 8, ..Config::default() };
    let mut machine = Machine::new(config, 1, 0);
    (0..8).for_each(|peer| machine.connected(0, peer, 7, false));
    machine.connected(0, 50, 7, false);
    let crowded = |peer| Action::Disconnect { peer, reason: Reason::Crowded, until: 0 };
    assert_eq!(actions(&mut machine), [crowded(50)]);
    machine.connected(0, 51, 8, false);
    assert_eq!(actions(&mut machine).len(), 1);
    assert!(machine.peers(0).iter().any(|peer| peer.peer == 51));
    assert_eq!(machine.load().peers, 8);
}

/// Anything a host and its peers may do.
#[derive(Debug, Clone)]
enum Step {
    Connect(u32, bool),
    Disconnect(u32),
    Announce(u32, u32, u32, bool),
    Commit(u32, u32),
    Answer(usize, u32, u8),
    End(usize, u8),
    Needs(u32, u32),
    Reconciled(u8, u64, u64),
    Busy(bool),
    Offence(u32),
    Rejoin(bool),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0u32..6, any::<bool>()).prop_map(|(peer, dialled)| Step::Connect(peer, dialled)),
        1 => (0u32..6).prop_map(Step::Disconnect),
        5 => (0u32..6, 0u32..60, 0u32..40, any::<bool>()).prop_map(|(p, from, n, more)| Step::Announce(p, from, n, more)),
        2 => (0u32..60, 0u32..10).prop_map(|(from, n)| Step::Commit(from, n)),
        5 => (any::<usize>(), 0u32..60, 0u8..7).prop_map(|(token, n, what)| Step::Answer(token, n, what)),
        3 => (any::<usize>(), 0u8..4).prop_map(|(token, how)| Step::End(token, how)),
        2 => (0u32..60, 0u32..40).prop_map(|(from, n)| Step::Needs(from, n)),
        2 => (0u8..4, 0u64..1_000_000, 0u64..10).prop_map(|(how, bytes, found)| Step::Reconciled(how, bytes, found)),
        1 => any::<bool>().prop_map(Step::Busy),
        1 => (0u32..6).prop_map(Step::Offence),
        1 => any::<bool>().prop_map(Step::Rejoin),
        4 => prop_oneof![0u64..100, 0u64..100_000].prop_map(Step::Wait),
    ]
}

fn end(how: u8) -> End {
    [End::Complete, End::Broken, End::TimedOut, End::Declined][usize::from(how)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever happens in whatever order: tables stay within bounds, a member is in flight once, only connected
    /// peers are asked, and the machine does not ask to be woken for nothing.
    #[test]
    fn no_sequence_of_events_breaks_the_bounds(steps in prop::collection::vec(step(), 0..150)) {
        let config = Config {
            peers: 4, wants: 40, owed: 20, owed_most: 30, in_flight: 12, batch: (2, 8), recent: 30, outbox: 10,
            replay: 16, departed: 3, receive: (50.0, 60.0), ..Config::default()
        };
        let mut machine = Machine::new(config.clone(), 3, 0);
        machine.join(0, SPACE, Follows::All);
        let mut now = 0;
        let mut open: Vec<Wanted> = Vec::new();
        let mut session = None;
        for step in steps {
            match step {
                Step::Connect(peer, dialled) => {
                    machine.connected(now, peer, u64::from(peer % 3), dialled);
                    machine.shares(now, peer, [(SPACE, Follows::All), (SpaceId([5; 32]), Follows::All)]);
                }
                Step::Disconnect(peer) => machine.disconnected(now, peer),
                Step::Announce(peer, from, n, more) => {
                    let mut known = |_: &_, id: &Id| id[3].is_multiple_of(5);
                    machine.announced(now, peer, SPACE, &entries(from..from + n), more, &mut known);
                }
                Step::Commit(from, n) => machine.committed(now, SPACE, &entries(from..from + n)),
                Step::Answer(which, n, what) if !open.is_empty() => {
                    let token = open[which % open.len()].1;
                    let outcome = match what {
                        0 | 1 => Outcome::New(entry(n)),
                        2 => Outcome::Known,
                        3 => Outcome::Parked,
                        4 => Outcome::NotServed,
                        5 => Outcome::Refused(Refusal::WrongId),
                        _ => Outcome::Refused(Refusal::NotAdmissible),
                    };
                    machine.fetched(now, token, &[(id(n), outcome)]);
                }
                Step::End(which, how) if !open.is_empty() => {
                    let (_, token, _) = open.swap_remove(which % open.len());
                    machine.fetch_ended(now, token, end(how));
                }
                Step::Needs(from, n) => {
                    if let Some(token) = session {
                        let ids: Vec<Id> = (from..from + n).map(id).collect();
                        let _ = machine.needs(now, token, SPACE, &entry(0).set, &ids, &mut nothing);
                        machine.offers(now, token, SPACE, &entries(from..from + n));
                    }
                }
                Step::Reconciled(how, bytes, differences) => {
                    if let Some(token) = session.take() {
                        machine.reconciled(now, token, end(how), Tally { bytes, differences, stopped: how == 1 });
                    }
                }
                Step::Busy(busy) => machine.busy(now, busy),
                Step::Offence(peer) => machine.offence(now, peer, Offence::Garbage, 1),
                Step::Rejoin(leave) => {
                    if leave {
                        machine.leave(SPACE);
                    }
                    machine.join(now, SPACE, Follows::All);
                }
                Step::Wait(ms) => now += ms,
                _ => {}
            }
            machine.tick(now);
            prop_assert!(machine.next_wake() > now, "woken at {} for nothing at {now}", machine.next_wake());
            for action in actions(&mut machine) {
                match action {
                    Action::Fetch { peer, token, wants, .. } => {
                        let connected = machine.peers(now).iter().any(|p| p.peer == peer && p.since.is_some());
                        // One that was left since, by a later action, may still be named.
                        prop_assert!(wants.len() <= config.batch.1);
                        if connected {
                            open.push((peer, token, wants.into_iter().map(|(_, id)| id).collect()));
                        }
                    }
                    Action::Cancel { token } => open.retain(|(_, other, _)| *other != token),
                    Action::Reconcile { token, .. } => session = Some(token),
                    Action::Announce { entries, .. } => prop_assert!(entries.len() <= config.frame_entries),
                    _ => {}
                }
            }
            let load = machine.load();
            prop_assert!(load.peers <= config.peers && load.departed <= config.departed, "{load:?}");
            prop_assert!(load.wants <= config.wants && load.in_flight <= config.in_flight, "{load:?}");
            prop_assert!(load.recent <= config.recent && load.echoes <= config.peers * config.replay, "{load:?}");
            prop_assert!(load.outgoing <= config.peers * config.outbox, "{load:?}");
        }
    }
}
