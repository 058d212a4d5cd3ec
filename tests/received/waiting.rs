//! Records that cannot be decided yet: kept, bounded, and looked at again when what they wait
//! for has come.

use atlas_node::ingest::Fate;
use atlas_record::limits::FUTURE_MS;
use atlas_record::space::Slot;
use atlas_store::Status;
use atlas_tests::peer::{Community, Draft, Peer, binding, standard};

use crate::support::{ACCEPTED, NOW, parked, world};

#[test]
fn a_record_from_the_future_is_parked_until_it_is_due() {
    let mut world = world();
    let mut draft = Draft::post("from tomorrow", 0);
    draft.created = NOW + FUTURE_MS + 1;
    let due = draft.created;
    let record = world.ada.write(&world.community, draft);
    assert!(parked(world.ingest(&record)).contains("time"));
    assert_eq!((world.visible(), world.node.store().stats().parked), (0, 1));
    world.node.retry_waiting(due - 1).unwrap();
    assert_eq!(world.visible(), 0, "a millisecond too early");
    assert_eq!(world.node.retry_waiting(due).unwrap(), 1);
    assert_eq!((world.visible(), world.node.store().stats().parked), (1, 0));
    assert_eq!(world.ingest(&record), Fate::Duplicate);
    world.assert_sound();
}

#[test]
fn a_clock_that_is_ten_minutes_ahead_is_borne() {
    let mut world = world();
    let mut draft = Draft::post("a little early", 0);
    draft.created = NOW + FUTURE_MS;
    let record = world.ada.write(&world.community, draft);
    assert_eq!(world.ingest(&record), ACCEPTED);
}

#[test]
fn a_future_record_that_comes_again_when_it_is_due_is_accepted_and_waits_no_more() {
    let mut world = world();
    let mut draft = Draft::post("twice", 0);
    draft.created = NOW + 2 * FUTURE_MS;
    let due = draft.created;
    let record = world.ada.write(&world.community, draft);
    parked(world.ingest(&record));
    parked(world.ingest(&record));
    assert_eq!(world.node.store().stats().parked, 1, "parked once");
    assert_eq!(world.node.ingest(&[record.encode()], due).unwrap(), [ACCEPTED]);
    world.node.retry_waiting(due).unwrap();
    assert_eq!((world.visible(), world.node.store().stats().parked), (1, 0));
    world.assert_sound();
}

#[test]
fn a_record_by_someone_unknown_waits_for_their_identity() {
    let world = world();
    let mut eve = Peer::new(4);
    let records: Vec<_> =
        (0..10).map(|i| eve.write(&world.community, Draft::post(&format!("{i}"), i)).encode()).collect();
    for fate in world.node.ingest(&records, NOW).unwrap() {
        assert!(parked(fate).contains("identity"));
    }
    world.node.learn_identity(eve.identity.as_bytes()).unwrap();
    assert_eq!((world.visible(), world.node.store().stats().parked), (10, 0));
    world.assert_sound();
}

#[test]
fn more_records_than_one_round_takes_are_all_looked_at_when_the_identity_comes() {
    let world = world();
    let mut eve = Peer::new(4);
    let records: Vec<_> = (0..2_500).map(|i| eve.write(&world.community, Draft::post("many", i)).encode()).collect();
    world.node.ingest(&records, NOW).unwrap();
    assert_eq!(world.node.store().stats().parked, 2_500);
    world.node.learn_identity(eve.identity.as_bytes()).unwrap();
    assert_eq!((world.visible(), world.node.store().stats().parked), (2_500, 0));
}

#[test]
fn a_record_under_an_unknown_constitution_waits_for_the_amendment() {
    let mut world = world();
    let mut ahead = world.community.clone();
    let (slot, bound) = standard("example.note", "post");
    let amendment = ahead.amend(slot, bound).as_bytes().to_vec();
    let old_type = world.ada.write(&ahead, Draft::post("an old type, a new rule", 0));
    let new_type =
        world.ada.write(&ahead, Draft { type_name: "example.note".parse().unwrap(), ..Draft::post("a new type", 1) });
    for record in [&old_type, &new_type] {
        assert!(parked(world.ingest(record)).contains("constitution"));
    }
    world.node.learn_amendment(&amendment).unwrap();
    assert_eq!((world.visible(), world.node.store().stats().parked), (2, 0));
    world.assert_sound();
}

#[test]
fn a_record_is_judged_by_the_constitution_that_it_was_written_under() {
    let mut world = world();
    let before = world.ada.write(&world.community, Draft::post("before", 0));
    let mut ahead = world.community.clone();
    // From now on, posts have to be packages.
    let (_, packages) = standard("atlas.post", "package");
    let amendment = ahead.amend(Slot::Validator("atlas.post".parse().unwrap()), packages).as_bytes().to_vec();
    world.node.learn_amendment(&amendment).unwrap();
    let after = world.ada.write(&ahead, Draft::post("after", 1));
    assert_eq!(world.ingest(&before), ACCEPTED);
    assert!(matches!(world.ingest(&after), Fate::Invalid { .. }));
}

#[test]
fn a_record_whose_module_has_not_come_waits_for_it() {
    let mut world = world();
    let component = atlas_engine::testing::guest(atlas_engine::testing::Behaviour::Valid);
    let slot = Slot::Validator("example.thing".parse().unwrap());
    let community = Community::found("its-own-module", Peer::new(6), vec![(slot, binding(&component))]);
    community.join(&world.node).unwrap();
    let record = world.ada.write(&community, Draft::new("example.thing", 0, Default::default()));
    assert!(parked(world.ingest(&record)).contains("module"));
    let mut archive = Vec::new();
    archive.extend_from_slice(&pair("atlas-archive", b"1"));
    archive.extend_from_slice(&pair("blob", &component));
    let summary =
        atlas_node::import::run(&world.node, atlas_node::import::Format::Atlas, &archive[..], None, &mut |rejection| {
            panic!("{rejection:?}");
        });
    summary.unwrap();
    assert_eq!(world.find(&record).unwrap().status, Status::Visible);
    assert_eq!(world.node.store().stats().parked, 0);
}

fn pair(kind: &str, bytes: &[u8]) -> Vec<u8> {
    use atlas_record::Value;
    atlas_record::cbor::encode(&Value::List(vec![kind.into(), Value::Bytes(bytes.to_vec())]))
}

#[test]
fn what_waits_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let community = Community::usual("somewhere", Peer::new(0));
    let mut eve = Peer::new(4);
    let record = eve.write(&community, Draft::post("patient", 0));
    let open = || atlas_node::Node::open(atlas_node::NodeConfig::new(dir.path())).unwrap();
    {
        let node = open();
        community.join(&node).unwrap();
        parked(node.ingest(&[record.encode()], NOW).unwrap().remove(0));
    }
    let node = open();
    node.learn_identity(eve.identity.as_bytes()).unwrap();
    assert_eq!(node.store().get(&record.id()).unwrap().unwrap().status, Status::Visible);
}

#[test]
fn a_bare_header_takes_no_body_from_a_record_that_waits() {
    let world = world();
    let mut eve = Peer::new(4);
    let whole = eve.write(&world.community, Draft::post("whole", 0));
    let bare = whole.clone().erased();
    for record in [&bare, &whole, &bare] {
        parked(world.ingest(record));
    }
    world.node.learn_identity(eve.identity.as_bytes()).unwrap();
    assert_eq!(world.find(&whole).unwrap().record, whole);
    assert_eq!((world.visible(), world.node.store().stats().parked), (1, 0));
    world.assert_sound();
}

#[test]
fn strangers_cannot_fill_the_disk_with_records_that_wait() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = atlas_node::NodeConfig::new(dir.path());
    config.store.parked = atlas_store::WaitBounds { count: 20, bytes: 1 << 20 };
    let node = atlas_node::Node::open(config).unwrap();
    let community = Community::usual("somewhere", Peer::new(0));
    community.join(&node).unwrap();
    let mut eve = Peer::new(4);
    let records: Vec<_> = (0..30).map(|i| eve.write(&community, Draft::post("spam", i)).encode()).collect();
    let fates = node.ingest(&records, NOW).unwrap();
    let refused =
        fates.into_iter().filter(|fate| matches!(fate, Fate::Refused { code, .. } if code == "too-much-waits")).count();
    assert_eq!((refused, node.store().stats().parked, node.store().stats().refused), (10, 20, 10));
}

#[test]
fn a_record_that_needs_what_nobody_can_name_is_kept_without_a_verdict() {
    let mut world = world();
    let component = atlas_engine::testing::guest(atlas_engine::testing::Behaviour::Needs);
    world.node.install(Some("needs"), component.clone(), Default::default()).unwrap();
    let slot = Slot::Validator("example.thing".parse().unwrap());
    let community = Community::found("needy", Peer::new(6), vec![(slot, binding(&component))]);
    community.join(&world.node).unwrap();
    let record = world.ada.write(&community, Draft::new("example.thing", 0, Default::default()));
    assert!(parked(world.ingest(&record)).contains("bafyneeded"));
    assert_eq!(world.find(&record).unwrap().status, Status::Pending);
    world.node.retry_waiting(NOW + atlas_node::ingest::PATIENCE_MS).unwrap();
    assert_eq!(world.find(&record).unwrap().status, Status::Pending, "kept, whatever the time");
    let report = world.node.diagnose(&mut |_| ()).unwrap();
    assert!(report.healthy, "{:?}", report.problems);
}
