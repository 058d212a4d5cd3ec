//! The same records, in any order and in any portions, end in the same state.

use atlas_record::Record;
use atlas_record::cbor::Map;
use atlas_record::space::{Amendment, Signed};
use atlas_tests::Dice;
use atlas_tests::peer::{Community, Draft, Peer, standard};

use crate::support::{NOW, Shown, node, shown};

/// What can reach a node.
#[derive(Clone)]
enum Event {
    Record(Box<Record>),
    /// The identity of a peer.
    Identity(Box<Peer>),
    /// The amendment of this number; amendments come in order.
    Amendment(usize),
}

struct Story {
    community: Community,
    amendments: Vec<Signed<Amendment>>,
    events: Vec<Event>,
}

const TYPES: [&str; 3] = ["atlas.package", "atlas.post", "example.note"];

/// A bit of everything that can meet: replaced, deleted, forked, tied, refused, early.
fn story() -> Story {
    let first = Community::usual("somewhere", Peer::new(0));
    let mut later = first.clone();
    let (slot, binding) = standard("example.note", "post");
    later.amend(slot, binding);
    let (_, packages) = standard("atlas.post", "package");
    let (post, _) = standard("atlas.post", "post");
    let mut latest = later.clone();
    latest.amend(post, packages);
    let mut peers = [Peer::new(1), Peer::new(2), Peer::new(3)];
    let mut records = Vec::new();
    for peer in &mut peers {
        let mut posts = Vec::new();
        for i in 0..12 {
            let name = format!("package-{}", i % 4);
            records.push(peer.write(&first, Draft::package(&name, &format!("1.{i}"), i * 10)));
            posts.push(peer.write(&first, Draft::post(&format!("post {i}"), i * 10)));
        }
        // Two at one address with one time: the id decides.
        records.push(peer.write(&first, Draft::package("tied", "1", 50)));
        records.push(peer.write(&first, Draft::package("tied", "2", 50)));
        // An address given up in between, and one for good.
        records.push(peer.write(&first, Draft::delete_key("atlas.package", "package-1", 55)));
        records.push(peer.write(&first, Draft::delete_key("atlas.package", "package-2", 5_000)));
        records.push(peer.write(&first, Draft::delete_id("atlas.post", posts[3].id(), 60)));
        // Twice the same, and a delete of what is someone else's or of nothing.
        records.push(peer.write(&first, Draft::delete_id("atlas.post", posts[3].id(), 61)));
        records.push(peer.write(&first, Draft::delete_key("atlas.package", "never-was", 70)));
        records.push(peer.write(&first, Draft::new("atlas.post", 80, Map::new())));
        // A fork: the twin signs on from the same place.
        let mut twin = peer.clone();
        records.push(peer.write(&first, Draft::post("one", 90)));
        records.push(twin.write(&first, Draft::post("other", 90)));
        // Under later constitutions.
        let note = |text: &str, after| Draft { type_name: "example.note".parse().unwrap(), ..Draft::post(text, after) };
        records.push(peer.write(&later, note("a note", 100)));
        records.push(peer.write(&latest, note("another", 101)));
        records.push(peer.write(&latest, Draft::post("no longer a post", 102)));
        // Headers that some sent without their bodies.
        let bare: Vec<_> = records.iter().chain(&posts).step_by(5).map(|record| record.clone().erased()).collect();
        records.extend(bare);
        records.extend(posts);
    }
    let foreign = records[1].id();
    records.push(peers[1].write(&first, Draft::delete_id("atlas.post", foreign, 200)));
    let mut events: Vec<Event> = records.into_iter().map(|record| Event::Record(Box::new(record))).collect();
    events.extend(peers.iter().cloned().map(|peer| Event::Identity(Box::new(peer))));
    events.extend([Event::Amendment(0), Event::Amendment(1)]);
    Story { community: first, amendments: latest.amendments, events }
}

/// Plays events on a node of its own: records in portions of up to `most`, cut by whatever
/// else comes in between.
fn play(story: &Story, events: &[Event], most: usize) -> Shown {
    let (_dir, node) = node();
    story.community.join(&node).unwrap();
    let mut batch: Vec<Vec<u8>> = Vec::new();
    let flush = |batch: &mut Vec<Vec<u8>>| {
        node.ingest(batch, NOW).unwrap();
        batch.clear();
    };
    for event in events {
        match event {
            Event::Record(record) => batch.push(record.encode()),
            Event::Identity(peer) => {
                flush(&mut batch);
                node.learn_identity(peer.identity.as_bytes()).unwrap();
            }
            Event::Amendment(number) => {
                flush(&mut batch);
                node.learn_amendment(story.amendments[*number].as_bytes()).unwrap();
            }
        }
        if batch.len() >= most {
            flush(&mut batch);
        }
    }
    flush(&mut batch);
    node.retry_waiting(NOW).unwrap();
    let report = node.diagnose(&mut |_| ()).unwrap();
    assert!(report.healthy, "{:?}", report.problems);
    assert_eq!(node.store().stats().parked, 0, "nothing is left to wait for");
    shown(&node, &story.community, &TYPES)
}

/// Another order, in which amendments stay behind one another.
fn shuffled(events: &[Event], seed: u64) -> Vec<Event> {
    let mut events = events.to_vec();
    Dice::new(seed).shuffle(&mut events);
    let mut number = 0;
    for event in &mut events {
        if let Event::Amendment(which) = event {
            *which = number;
            number += 1;
        }
    }
    events
}

#[test]
fn any_order_and_any_portions_end_in_the_same_state() {
    let story = story();
    let straight = play(&story, &story.events, usize::MAX);
    assert!(straight.answers["atlas.package"].len() >= 9 && straight.forks == 3, "the story is rich enough");
    for seed in 0..12 {
        let most = [1, 2, 7, 33, 1000][seed as usize % 5];
        let other = play(&story, &shuffled(&story.events, seed), most);
        assert_eq!(straight, other, "seed {seed}, portions of {most}");
    }
}

#[test]
fn sending_everything_again_changes_nothing() {
    let story = story();
    let once = play(&story, &story.events, 64);
    let mut twice = shuffled(&story.events, 77);
    twice.extend(story.events.iter().filter(|event| matches!(event, Event::Record(_))).cloned());
    assert_eq!(once, play(&story, &twice, 16));
}
