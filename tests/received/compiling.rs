//! Modules that take their time to compile: their records wait at the side, and nobody else does.

use std::time::{Duration, Instant};

use atlas_engine::testing::{Behaviour, guest};
use atlas_node::ingest::Fate;
use atlas_record::cbor::Map;
use atlas_record::space::Slot;
use atlas_record::{BlobId, Record};
use atlas_store::{BlobBytes, Item};
use atlas_tests::peer::{Community, Draft, Peer, binding, standard};

use crate::support::{ACCEPTED, NOW, World, parked, world};

const THING: &str = "example.thing";

/// As large as a module with a language's runtime inside, as far as the node can tell.
fn large(behaviour: Behaviour) -> Vec<u8> {
    let mut component = guest(behaviour);
    let name = b"padding";
    let mut content = vec![name.len() as u8];
    content.extend_from_slice(name);
    content.resize(1 << 20, 0);
    component.push(0);
    // 2^20 in LEB128.
    component.extend_from_slice(&[0x80, 0x80, 0x40]);
    component.extend_from_slice(&content);
    component
}

/// The world, its node in a second community that binds a large module too. The module's code is
/// here and was never compiled.
fn with_large(behaviour: Behaviour) -> (World, Community, Peer) {
    let world = world();
    let (component, mallory) = (large(behaviour), Peer::new(8));
    let slots = vec![standard("atlas.post", "post"), (Slot::Validator(THING.parse().unwrap()), binding(&component))];
    let community = Community::found("large", mallory.clone(), slots);
    community.join(&world.node).unwrap();
    world.node.store().commit([Item::PutBlob(BlobBytes::new(component))].into_iter().collect()).unwrap();
    (world, community, mallory)
}

/// Waits until nothing is parked any more.
#[track_caller]
fn settled(world: &World) {
    let patience = Instant::now() + Duration::from_secs(120);
    while world.node.store().stats().parked > 0 {
        assert!(Instant::now() < patience, "what waited for the compiler is judged when it is done");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn things(community: &Community, author: &mut Peer, count: u64) -> Vec<Record> {
    (0..count).map(|i| author.write(community, Draft::new(THING, i, Map::new()))).collect()
}

#[test]
fn records_of_a_large_module_wait_at_the_side_and_are_judged_when_it_is_compiled() {
    let (world, community, mut mallory) = with_large(Behaviour::Valid);
    let things = things(&community, &mut mallory, 5);
    let post = mallory.write(&community, Draft::post("I do not wait", 9));
    let bytes: Vec<_> = things.iter().chain([&post]).map(Record::encode).collect();
    let mut fates = world.node.ingest(&bytes, NOW).unwrap();
    assert_eq!(fates.pop(), Some(ACCEPTED), "records of other types are not held up");
    for fate in fates {
        assert!(parked(fate).contains(&BlobId::of(&large(Behaviour::Valid)).to_string()), "it says for what");
    }
    settled(&world);
    assert!(things.iter().all(|thing| world.find(thing).unwrap().status.is_visible()));
    // From then on they are judged as they come.
    let more = mallory.write(&community, Draft::new(THING, 10, Map::new()));
    assert_eq!(world.ingest(&more), ACCEPTED);
    world.assert_sound();
}

#[test]
fn none_of_what_streams_in_meanwhile_is_lost() {
    let (world, community, mut mallory) = with_large(Behaviour::Valid);
    let things = things(&community, &mut mallory, 300);
    for thing in &things {
        let fate = world.ingest(thing);
        assert!(matches!(fate, Fate::Parked { .. } | Fate::Accepted { .. }), "{fate:?}");
    }
    settled(&world);
    assert!(things.iter().all(|thing| world.find(thing).unwrap().status.is_visible()));
    world.assert_sound();
}

#[test]
fn a_verdict_that_had_to_wait_is_the_same_verdict() {
    let (world, community, mut mallory) = with_large(Behaviour::Invalid);
    let things = things(&community, &mut mallory, 2);
    parked(world.ingest(&things[0]));
    settled(&world);
    let stored = world.find(&things[0]).unwrap();
    assert!(!stored.status.is_visible(), "{:?}", stored.status);
    assert!(matches!(world.ingest(&things[1]), Fate::Invalid { .. }));
}
