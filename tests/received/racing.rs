//! What several threads bring at once: nobody's news is overlooked by somebody else's decision.

use atlas_record::cbor::Map;
use atlas_record::{Link, Target, Value};
use atlas_tests::peer::{Community, Draft, Peer, standard};

use crate::support::{NOW, node, world};

/// Rounds: enough for threads to meet in every order.
const ROUNDS: u8 = 80;

#[test]
fn a_record_and_its_authors_identity_may_come_at_the_same_moment() {
    let world = world();
    let mut peers: Vec<Peer> = (2..2 + ROUNDS).map(Peer::new).collect();
    let records: Vec<Vec<u8>> =
        peers.iter_mut().map(|peer| peer.write(&world.community, Draft::post("hello", 0)).encode()).collect();
    for (peer, record) in peers.iter().zip(&records) {
        let meet = std::sync::Barrier::new(2);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                meet.wait();
                world.node.learn_identity(peer.identity.as_bytes()).unwrap();
            });
            meet.wait();
            world.node.ingest(std::slice::from_ref(record), NOW).unwrap();
        });
    }
    assert_eq!((world.node.store().stats().parked, world.visible()), (0, ROUNDS.into()));
    world.assert_sound();
}

#[test]
fn a_record_and_one_that_it_needs_may_come_at_the_same_moment() {
    let (_dir, node) = node();
    let community = Community::found("busy", Peer::new(0), vec![standard("atlas.task", "task")]);
    community.join(&node).unwrap();
    let mut ada = Peer::new(1);
    node.learn_identity(ada.identity.as_bytes()).unwrap();
    let mut write = |key: &str, time: u64, state: &str, follows: Option<Target>| {
        let body = Map::from_iter([("title", Value::from("a task")), ("state", Value::from(state))]);
        let mut links =
            vec![Link { relation: "state".parse().unwrap(), target: format!("name:{state}").parse().unwrap() }];
        links.extend(follows.map(|target| Link { relation: "follows".parse().unwrap(), target }));
        ada.write(&community, Draft { links, ..Draft::new("atlas.task", time, body).key(key) })
    };
    let pairs: Vec<(Vec<u8>, Vec<u8>)> = (0..u64::from(ROUNDS))
        .map(|i| {
            let first = write(&format!("task-{i}"), 2 * i, "open", None);
            let next = write(&format!("task-{i}"), 2 * i + 1, "doing", Some(Target::from(first.id())));
            (first.encode(), next.encode())
        })
        .collect();
    for (first, next) in &pairs {
        let meet = std::sync::Barrier::new(2);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                meet.wait();
                node.ingest(std::slice::from_ref(first), NOW).unwrap();
            });
            meet.wait();
            node.ingest(std::slice::from_ref(next), NOW).unwrap();
        });
    }
    assert_eq!(node.store().pending_count(), 0, "every one of them was judged");
    let visible: u64 = node.store().counts(&community.space_id()).unwrap().iter().map(|of| of.counts.visible).sum();
    assert_eq!(visible, u64::from(ROUNDS), "the latest state of each task");
    let report = node.diagnose(&mut |_| ()).unwrap();
    assert!(report.healthy, "{:?}", report.problems);
}
