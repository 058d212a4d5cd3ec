//! Hostile modules, bound in a space: each gets a clear error or its records a counted
//! refusal, and the modules of other spaces go on working.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use std::sync::Arc;

use atlas_engine::testing::{self, Behaviour, guest};
use atlas_node::author::{NewRecord, Written};
use atlas_node::identities::Local;
use atlas_node::ingest::Fate;
use atlas_node::node::NewBinding;
use atlas_node::spaces::Space;
use atlas_node::{Node, NodeConfig, NodeError};
use atlas_record::cbor::Map;
use atlas_record::space::Slot;
use atlas_record::{Body, Value};
use atlas_tests::peer::{self, Community, Draft, Peer};

const THING: &str = "example.thing";
const NOW: u64 = peer::T0 + 1_000_000;

struct World {
    node: Node,
    ada: Arc<Local>,
    good: Arc<Space>,
    _dir: tempfile::TempDir,
}

fn world() -> World {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::open(NodeConfig::new(dir.path())).unwrap();
    let ada = node.create_identity("ada", peer::T0).unwrap();
    let good = node.create_space("good", &ada, vec![slot("atlas.post", "post")], false).unwrap();
    World { node, ada, good, _dir: dir }
}

fn slot(type_name: &str, module: &str) -> NewBinding {
    NewBinding {
        slot: Slot::Validator(type_name.parse().unwrap()),
        module: module.to_owned(),
        config: None,
        fuel: None,
        memory: None,
    }
}

fn draft(type_name: &str, text: &str) -> NewRecord {
    NewRecord {
        type_name: type_name.parse().unwrap(),
        key: None,
        links: Vec::new(),
        blobs: Vec::new(),
        expires: None,
        body: Body::from_map(&Map::from_iter([("text", Value::from(text))])).unwrap(),
    }
}

impl World {
    /// Installs a component and binds it in a space of its own.
    fn bind(&self, component: Vec<u8>, name: &str) -> Result<Arc<Space>, NodeError> {
        self.node.install(Some(name), component, Default::default())?;
        // Little fuel: what loops is to end soon in a test.
        let binding = NewBinding { fuel: Some(4_000_000), memory: Some(1 << 20), ..slot(THING, name) };
        self.node.create_space(name, &self.ada, vec![binding], false)
    }

    fn put(&self, space: &Arc<Space>) -> Result<Written, NodeError> {
        self.node.put(space.clone(), self.ada.clone(), draft(THING, "x"))
    }

    /// The other space, and this one's node as a whole, go on.
    #[track_caller]
    fn assert_the_rest_works(&self) {
        let written = self.node.put(self.good.clone(), self.ada.clone(), draft("atlas.post", "still here")).unwrap();
        let Written::Stored { id, .. } = written else { panic!("{written:?}") };
        assert!(self.node.store().get(&id).unwrap().unwrap().status.is_visible());
        let report = self.node.diagnose(&mut |_| ()).unwrap();
        assert!(report.healthy, "{:?}", report.problems);
    }
}

/// What a record meets that a guest of this behaviour judges, written here and received.
#[track_caller]
fn refused_with(behaviour: Behaviour, code: &str) {
    let world = world();
    let space = world.bind(guest(behaviour), "bad").unwrap();
    for _ in 0..3 {
        let error = world.put(&space).unwrap_err();
        assert_eq!(error.code(), code, "written here: {error}");
        assert!(error.to_string().len() > 10, "it says what is wrong: {error}");
    }
    assert_eq!(world.node.store().counts(&space.id).unwrap(), [], "a refused draft takes no position");
    world.assert_the_rest_works();
    // Another node's records, for the same module.
    let mut mallory = Peer::new(8);
    let binding = atlas_record::space::Binding { fuel: 4_000_000, memory: 1 << 20, ..peer::binding(&guest(behaviour)) };
    let elsewhere =
        Community::found("elsewhere", mallory.clone(), vec![(Slot::Validator(THING.parse().unwrap()), binding)]);
    elsewhere.join(&world.node).unwrap();
    let records: Vec<_> =
        (0..5).map(|i| mallory.write(&elsewhere, Draft::new(THING, i, Map::new())).encode()).collect();
    for fate in world.node.ingest(&records, NOW).unwrap() {
        match fate {
            Fate::Invalid { code: found, .. } => assert_eq!(found, code, "received"),
            other => panic!("received: {other:?}"),
        }
    }
    world.assert_the_rest_works();
}

#[test]
fn a_module_that_loops_runs_out_of_fuel() {
    refused_with(Behaviour::Loops, "module-fuel-exhausted");
}

#[test]
fn a_module_that_allocates_without_end_runs_out_of_memory() {
    refused_with(Behaviour::GrowsForever, "module-memory-exceeded");
}

#[test]
fn a_module_that_asks_for_too_much_at_once_never_sees_the_refusal() {
    refused_with(Behaviour::AsksForTooMuch, "module-memory-exceeded");
}

#[test]
fn a_module_that_panics_is_heard_and_survived() {
    refused_with(Behaviour::Unreachable, "module-trapped");
}

#[test]
fn a_module_that_divides_by_zero_is_survived() {
    refused_with(Behaviour::DividesByZero, "module-trapped");
}

#[test]
fn a_module_that_reads_beyond_its_memory_is_survived() {
    refused_with(Behaviour::OutOfBounds, "module-trapped");
}

#[test]
fn a_module_that_returns_garbage_lengths_is_survived() {
    for behaviour in
        [Behaviour::GarbageLength, Behaviour::GarbageList, Behaviour::GarbagePointer, Behaviour::WrongCount]
    {
        refused_with(behaviour, "module-illegal-answer");
    }
}

#[test]
fn a_module_that_names_indexes_it_did_not_declare_is_refused() {
    refused_with(Behaviour::UndeclaredIndex, "module-illegal-answer");
}

#[test]
fn a_module_that_recurses_without_end_makes_a_fault_and_no_verdict() {
    let world = world();
    let space = world.bind(guest(Behaviour::Recurses), "deep").unwrap();
    // How deep the stack is differs between machines, so this must never be a verdict.
    let error = world.put(&space).unwrap_err();
    assert_eq!(error.code(), "unavailable", "{error}");
    world.assert_the_rest_works();
    let mut mallory = Peer::new(8);
    let bound = peer::binding(&guest(Behaviour::Recurses));
    let elsewhere =
        Community::found("elsewhere", mallory.clone(), vec![(Slot::Validator(THING.parse().unwrap()), bound)]);
    elsewhere.join(&world.node).unwrap();
    let record = mallory.write(&elsewhere, Draft::new(THING, 0, Map::new()));
    let fates = world.node.ingest(&[record.encode()], NOW).unwrap();
    assert!(matches!(&fates[..], [Fate::Parked { .. }]), "kept, to be judged later: {fates:?}");
    world.node.retry_waiting(NOW + 61_000).unwrap();
    let stored = world.node.store().get(&record.id()).unwrap().unwrap();
    assert_eq!(stored.status, atlas_store::Status::Pending, "still no verdict");
    world.assert_the_rest_works();
}

#[test]
fn a_module_that_keeps_state_is_caught_and_judges_no_more() {
    for behaviour in [Behaviour::KeepsState, Behaviour::ByPosition] {
        let world = world();
        let mut mallory = Peer::new(8);
        let component = guest(behaviour);
        world.node.install(Some("forgetful"), component.clone(), Default::default()).unwrap();
        let bound = peer::binding(&component);
        let elsewhere =
            Community::found("elsewhere", mallory.clone(), vec![(Slot::Validator(THING.parse().unwrap()), bound)]);
        elsewhere.join(&world.node).unwrap();
        let mut caught = false;
        for round in 0..200 {
            let records: Vec<_> = (0..200)
                .map(|i| mallory.write(&elsewhere, Draft::new(THING, round * 200 + i, Map::new())).encode())
                .collect();
            world.node.ingest(&records, NOW).unwrap();
            if !world.node.modules().engine().quarantined().is_empty() {
                caught = true;
                break;
            }
        }
        assert!(caught, "{behaviour:?} was never caught");
        let evidence = world.node.modules().engine().evidence();
        assert!(!evidence.is_empty(), "the evidence is kept");
        let record = mallory.write(&elsewhere, Draft::new(THING, 1_000_000, Map::new()));
        let fates = world.node.ingest(&[record.encode()], NOW + 1_000_000).unwrap();
        assert!(matches!(&fates[..], [Fate::Parked { .. }]), "{behaviour:?} judges no more: {fates:?}");
        world.assert_the_rest_works();
    }
}

#[test]
fn a_config_that_its_module_refuses_is_not_bound() {
    let world = world();
    let error = world.bind(guest(Behaviour::ConfigureRefuses), "picky").unwrap_err();
    assert_eq!(error.code(), "config-refused");
    assert!(error.to_string().contains("no such thing: the config"), "in the module's own words: {error}");
    for (behaviour, name) in [(Behaviour::ConfigureTraps, "traps"), (Behaviour::ConfigureLoops, "loops")] {
        let error = world.bind(guest(behaviour), name).unwrap_err();
        assert!(matches!(error, NodeError::Engine(_)), "{error:?}");
    }
    assert_eq!(world.node.spaces().all().len(), 1, "no space was founded on any of them");
    world.assert_the_rest_works();
}

#[test]
fn a_standard_module_refuses_a_config_that_it_has_no_use_for() {
    let world = world();
    let binding = NewBinding { config: Some(b"{\"no\":\"such thing\"}".to_vec()), ..slot("atlas.post", "post") };
    let before = world.good.current().0;
    match world.node.bind(&world.good, &world.ada, binding) {
        Err(error) => assert_eq!(error.code(), "config-refused", "{error}"),
        Ok(space) => panic!("bound, from constitution {before} to {}", space.current().0),
    }
}

#[test]
fn a_module_that_imports_a_clock_is_refused_by_name() {
    let world = world();
    let error = world.node.install(None, testing::guest_with_clock(), Default::default()).unwrap_err();
    assert_eq!(error.code(), "foreign-imports");
    assert!(error.to_string().contains("wasi:clocks/monotonic-clock"), "{error}");
    world.assert_the_rest_works();
}

#[test]
fn what_is_no_component_is_refused_and_the_error_says_what_it_is() {
    let world = world();
    let cases: [(Vec<u8>, &str); 5] = [
        (b"#!/bin/sh\necho hello\n".to_vec(), "not a WebAssembly file"),
        (Vec::new(), "not a WebAssembly file"),
        (testing::core_guest(), "core WebAssembly module"),
        (testing::guest_without_validation(), "fits no Atlas world"),
        (guest(Behaviour::Valid)[..200].to_vec(), "not a valid component"),
    ];
    for (bytes, says) in cases {
        let error = world.node.install(None, bytes, Default::default()).unwrap_err();
        assert!(error.to_string().contains(says), "expected `{says}`: {error}");
    }
    assert!(world.node.modules().list().unwrap().iter().all(|module| module.standard));
    world.assert_the_rest_works();
}

#[test]
fn a_module_whose_rules_or_name_are_illegal_is_not_bound() {
    for behaviour in [Behaviour::TooManyIndexes, Behaviour::BadName] {
        let world = world();
        let error = world.bind(guest(behaviour), "illegal").unwrap_err();
        assert!(matches!(error, NodeError::Engine(_)), "{behaviour:?}: {error:?}");
        world.assert_the_rest_works();
    }
}

#[test]
fn a_hostile_module_in_its_own_space_does_not_slow_the_others_to_a_halt() {
    let world = world();
    let space = world.bind(guest(Behaviour::Loops), "slow").unwrap();
    std::thread::scope(|scope| {
        let busy = scope.spawn(|| (0..20).for_each(|_| drop(world.put(&space))));
        for _ in 0..20 {
            world.node.put(world.good.clone(), world.ada.clone(), draft("atlas.post", "meanwhile")).unwrap();
        }
        busy.join().unwrap();
    });
    world.assert_the_rest_works();
}

#[test]
fn a_space_that_binds_what_cannot_run_does_not_hold_up_the_records_of_others() {
    let world = world();
    let mut mallory = Peer::new(8);
    let mut good = Community::usual("fair", Peer::new(9));
    good.join(&world.node).unwrap();
    let garbage = b"no module at all".to_vec();
    let unknown_meter =
        atlas_record::space::Binding { meter: "meter/99".into(), ..peer::binding(&guest(Behaviour::Valid)) };
    let picky = peer::binding(&guest(Behaviour::ConfigureRefuses));
    let mut batch = Vec::new();
    for (name, binding, code) in [
        ("garbage", peer::binding(&garbage), garbage.clone()),
        ("meter", unknown_meter, guest(Behaviour::Valid)),
        ("picky", picky, guest(Behaviour::ConfigureRefuses)),
    ] {
        let code = atlas_store::BlobBytes::new(code);
        world.node.store().commit([atlas_store::Item::PutBlob(code)].into_iter().collect()).unwrap();
        let space = Community::found(name, mallory.clone(), vec![(Slot::Validator(THING.parse().unwrap()), binding)]);
        space.join(&world.node).unwrap();
        batch.push(mallory.write(&space, Draft::new(THING, 0, Map::new())).encode());
        batch.push(good.founder.clone().write(&good, Draft::post(name, 0)).encode());
    }
    let fates = world.node.ingest(&batch, NOW).unwrap();
    for (i, fate) in fates.iter().enumerate() {
        match i % 2 {
            0 => assert!(matches!(fate, Fate::Parked { reason } if reason.contains("module")), "{fate:?}"),
            _ => assert!(matches!(fate, Fate::Accepted { .. }), "{fate:?}"),
        }
    }
    world.node.retry_waiting(NOW + 10_000_000).unwrap();
    good.founder = Peer::new(9);
    world.assert_the_rest_works();
}
