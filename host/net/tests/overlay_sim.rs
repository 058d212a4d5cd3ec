//! What holds for a whole network of nodes, honest or not. Every world is virtual: the machines are those that
//! ship, time and lines are not.
//!
//! `ATLAS_TEST_FULL=1` runs the worlds at their full size; otherwise those that take long in a debug build are smaller.

use std::collections::BTreeMap;

use atlas_net::overlay::{Config, Reason};
use atlas_net::sim::{Lie, Network, World, WorldConfig};
use rand::rngs::StdRng;
use rand::seq::IteratorRandom;
use rand::{RngExt, SeedableRng};

/// Full size where it was asked for or costs little.
fn sized(large: u32, small: u32) -> u32 {
    if !cfg!(debug_assertions) || std::env::var_os("ATLAS_TEST_FULL").is_some() { large } else { small }
}

/// Runs until every honest node that is up has everything, at most for so long. How long it took, in ms.
fn converge(world: &mut World, at_most: u64) -> u64 {
    let start = world.now();
    while world.behind() > 0 {
        assert!(world.now() - start < at_most, "{} nodes are behind after {at_most} ms", world.behind());
        world.run(1000);
    }
    world.now() - start
}

/// Every table of every honest node stayed within its bound.
fn assert_bounded(world: &World, config: &Config) {
    let peak = world.peak();
    println!("fullest tables: {peak:?}");
    assert!(peak.peers <= config.peers && peak.departed <= config.departed);
    assert!(peak.wants <= config.wants && peak.in_flight <= config.in_flight);
    assert!(peak.recent <= config.recent && peak.echoes <= peak.peers * config.replay);
    assert!(peak.outgoing <= peak.peers * config.outbox);
}

/// No honest node left another one for something it did.
fn assert_nobody_wronged(world: &World) {
    let honest = world.honest().count() as u32;
    let wronged: Vec<_> = world
        .left()
        .iter()
        .filter(|((_, with), reason)| *with < honest && matches!(reason, Reason::Offence(_)))
        .collect();
    assert_eq!(wronged, vec![], "honest nodes that were left");
}

#[test]
fn a_record_reaches_almost_everyone_of_a_thousand_in_less_than_two_seconds() {
    let mut world = World::new(WorldConfig { honest: 1000, ..WorldConfig::default() });
    world.run(10_000);
    let mut last = Vec::new();
    let mut all = Vec::new();
    for node in [0, 333, 999] {
        let written = world.now() * 1000;
        let id = world.write(node);
        world.watch(id);
        world.run(8000);
        let mut took: Vec<u64> = world.arrivals(&id).iter().map(|at| (at - written) / 1000).collect();
        took.sort_unstable();
        assert!(took.len() >= 990, "only {} have it", took.len());
        last.push(took[989 - 1]);
        all.extend(took);
    }
    all.sort_unstable();
    let at = |part: f64| all[((all.len() - 1) as f64 * part) as usize];
    println!(
        "1,000 nodes, 50 ms there and back: half have a record after {} ms, 90 % after {}, 99 % after {}, the last of {} after {}",
        at(0.5),
        at(0.9),
        at(0.99),
        all.len(),
        at(1.0)
    );
    assert!(last.iter().all(|ms| *ms < 2000), "99 % after {last:?} ms of virtual time");
    assert_eq!(world.left().len(), 0);
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let run = |seed| {
        let liars = vec![Lie::NeverServe, Lie::Flood, Lie::FalseFingerprints];
        let network = Network { jitter: 20_000, loss: 0.02, breaks: 0.000_5, ..Network::default() };
        let mut world = World::new(WorldConfig { seed, honest: 16, liars, network, ..WorldConfig::default() });
        for node in 0..16 {
            world.write(node);
            world.run(500);
        }
        world.stop(3);
        world.run(5000);
        world.start(3);
        world.run(5000);
        (world.digest(), world.traffic())
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7).0, run(8).0);
}

#[test]
fn a_network_with_churn_bad_lines_and_one_liar_in_ten_converges() {
    let honest = sized(1000, 108);
    let liars: Vec<Lie> = (0..honest as usize / 9).map(|i| Lie::CAUGHT[i % Lie::CAUGHT.len()]).collect();
    let network =
        Network { latency: (5_000, 100_000), jitter: 20_000, loss: 0.01, breaks: 0.000_1, ..Network::default() };
    let config = Config::default();
    let mut world = World::new(WorldConfig { honest, liars, network, seed: 11, ..WorldConfig::default() });
    let mut rng = StdRng::seed_from_u64(5);
    let mut down: Vec<u32> = Vec::new();
    let mut written = 0;
    world.run(5000);
    for _ in 0..60 {
        for _ in 0..2 {
            let node = rng.random_range(0..honest);
            if world.is_up(node) {
                world.write(node);
                written += 1;
            }
        }
        // Two in a hundred go, and come back some time later.
        if down.len() > honest as usize / 50 {
            let i = rng.random_range(0..down.len());
            world.start(down.swap_remove(i));
        }
        if let Some(node) = (0..honest).filter(|node| world.is_up(*node)).choose(&mut rng) {
            world.stop(node);
            down.push(node);
        }
        world.run(1000);
    }
    down.into_iter().for_each(|node| world.start(node));
    let took = converge(&mut world, 180_000);
    let (events, bytes) = world.traffic();
    println!(
        "{honest} honest nodes, {} liars: {written} records everywhere {took} ms after the last; {events} events, {} MB",
        world.liars().count(),
        bytes / 1_000_000
    );
    // What a node wrote in the moment before it stopped is on its disk, and comes with it.
    assert_eq!(world.set(0).len(), written, "nothing lost, nothing twice, nothing forged");
    assert_bounded(&world, &config);
    assert_nobody_wronged(&world);
}

#[test]
fn two_halves_that_wrote_apart_are_one_again_after_healing() {
    let honest = sized(400, 60);
    let mut world = World::new(WorldConfig { honest, ..WorldConfig::default() });
    world.run(5000);
    for node in 0..20 {
        world.write(node);
    }
    assert!(converge(&mut world, 20_000) < 20_000);
    world.partition(|node| node % 2);
    for round in 0..50u32 {
        world.write(round % honest);
        world.write((round * 7 + 1) % honest);
        world.run(200);
    }
    world.run(5000);
    let sizes: BTreeMap<usize, usize> =
        world.honest().map(|node| world.set(node).len()).fold(BTreeMap::new(), |mut sizes, len| {
            *sizes.entry(len).or_default() += 1;
            sizes
        });
    assert!(sizes.keys().all(|len| *len < 120), "both halves wrote alone: {sizes:?}");
    world.heal();
    let took = converge(&mut world, 120_000);
    println!("{honest} nodes in two halves are one again {took} ms after the network is");
    assert_eq!(world.set(0).len(), 120, "nothing lost, nothing twice");
    assert_nobody_wronged(&world);
}

/// One liar, connected with honest nodes that write. Whether each left it, and why.
fn against(lie: Lie) -> (World, Vec<Reason>) {
    let config = WorldConfig { honest: 12, liars: vec![lie], seed: 3, ..WorldConfig::default() };
    let mut world = World::new(config);
    let liar = world.liars().next().expect("there is one").0;
    let mut reasons = BTreeMap::new();
    for second in 0..110u32 {
        for node in 0..12 {
            world.connect(liar, node);
        }
        if second < 60 {
            world.write(second % 12);
        }
        world.run(1000);
        for ((by, with), reason) in world.left() {
            if *with == liar {
                reasons.entry(*by).or_insert(*reason);
            }
        }
    }
    converge(&mut world, 60_000);
    assert_eq!(world.set(0).len(), 60, "{lie:?} neither added nor hid anything");
    assert_bounded(&world, &Config::default());
    assert_nobody_wronged(&world);
    (world, reasons.into_values().collect())
}

#[test]
fn every_liar_is_left_and_the_reason_is_said() {
    for lie in Lie::CAUGHT {
        let (_, reasons) = against(lie);
        let mut said: Vec<String> = reasons.iter().map(Reason::to_string).collect();
        said.sort();
        said.dedup();
        println!("{lie:?}: left by {} of 12, because it {}", reasons.len(), said.join(", "));
        assert!(reasons.len() >= 11, "{lie:?} was left by {} of 12 only", reasons.len());
    }
}

#[test]
fn who_keeps_silent_hides_nothing() {
    let (_, reasons) = against(Lie::Silent);
    assert_eq!(reasons, vec![], "silence is no offence");
}

#[test]
fn an_attacker_with_one_subnet_does_not_isolate_a_node() {
    let liars = vec![Lie::Silent; 120];
    let overlay = Config { peers: 32, ..Config::default() };
    let config = WorldConfig { honest: 40, liars, liars_in_one_group: true, overlay, ..WorldConfig::default() };
    let mut world = World::new(config);
    let (victim, attackers) = (0, 40..160u32);
    // The victim's address book is poisoned: one address in twenty is honest. All attackers dial it at once.
    let book = attackers.clone().chain([7, 8, 9, 10, 11, 12]).collect();
    world.set_book(victim, book);
    attackers.clone().for_each(|attacker| world.connect(attacker, victim));
    world.run(20_000);
    let written: Vec<_> = (0..30u32)
        .map(|i| {
            let id = world.write(1 + i % 39);
            attackers.clone().for_each(|attacker| world.connect(attacker, victim));
            world.run(1000);
            id
        })
        .collect();
    let own = world.write(victim);
    world.watch(own);
    // At the latest, whoever is compared with next has it.
    world.run(60_000);
    let honest_peers = world.connections(victim).iter().filter(|peer| **peer < 40).count();
    println!("the victim has {honest_peers} honest peers of {}", world.connections(victim).len());
    let missing = written.iter().filter(|id| !world.set(victim).iter().any(|item| item.id == **id)).count();
    assert_eq!(missing, 0, "records of others that the victim lacks");
    assert!(world.arrivals(&own).len() >= 39, "{} got the victim's record", world.arrivals(&own).len());
}

#[test]
fn a_node_that_was_away_fetches_what_it_missed_from_several_at_once() {
    let mut world = World::new(WorldConfig { honest: 12, seed: 21, ..WorldConfig::default() });
    world.run(4000);
    world.stop(5);
    let count = sized(20_000, 1500);
    for i in 0..count {
        let node = i % 12;
        world.write(if node == 5 { 6 } else { node });
        if i % 50 == 49 {
            world.run(200);
        }
    }
    converge(&mut world, 200_000);
    world.start(5);
    let took = converge(&mut world, 120_000);
    println!("{count} records that were missed are there after {took} ms");
    assert_eq!(world.set(5).len(), count as usize);
    assert_bounded(&world, &Config::default());
    assert_nobody_wronged(&world);
}
