//! Grants and revocations of others, in whatever order they and the records come.

use std::collections::BTreeSet;

use atlas_node::ingest::Fate;
use atlas_node::people::Piece;
use atlas_record::identity::{Action, Event, Grant, Keep, Kept, Rate, Revocation, Scope, Signed, SignedEvent, Target};
use atlas_record::sign::SecretKey;
use atlas_record::{IdentityId, Record, RecordId, SpaceId};
use atlas_tests::peer::{Community, Draft, Peer, T0};

use crate::support::{ACCEPTED, NOW, World, parked, refusal, world};

const DAY: u64 = 24 * 60 * 60 * 1000;

fn key(number: u16) -> SecretKey {
    let mut seed = [0x77; 32];
    seed[..2].copy_from_slice(&number.to_be_bytes());
    SecretKey::from_seed(&seed)
}

/// An Ada of her own for each number, so that many stories fit one node.
fn ada(number: u16) -> Peer {
    let mut nonce = [7; 16];
    nonce[..2].copy_from_slice(&number.to_be_bytes());
    Peer::made_of(key(3 * number), &key(3 * number + 1), key(3 * number + 2), nonce)
}

fn event(ada: &Peer, prev: &SignedEvent, action: Action) -> SignedEvent {
    let number = prev.event().number + 1;
    Event { number, prev: Some(prev.id()), created: T0 + number, action }.sign(&[&ada.root]).unwrap()
}

fn scope(space: SpaceId) -> Scope {
    Scope {
        types: ["atlas.package".parse().unwrap(), "atlas.post".parse().unwrap()].into(),
        actions: ["create".parse().unwrap()].into(),
        spaces: [space].into(),
        not_before: T0,
        expires: T0 + 90 * DAY,
        depth: 0,
        rate: None,
    }
}

fn grant(ada: &Peer, audience: &SecretKey, scope: Scope) -> Signed<Grant> {
    let grant = Grant {
        identity: ada.identity.id(),
        issuer: ada.device.public(),
        parent: None,
        audience: audience.public(),
        label: "notes".into(),
        scope,
        created: T0,
        nonce: [1; 16],
    };
    grant.sign(&ada.device).unwrap()
}

fn revocation(ada: &Peer, target: Target, positions: Vec<Kept>) -> Signed<Revocation> {
    let revocation = Revocation {
        identity: ada.identity.id(),
        issuer: ada.device.public(),
        target,
        keep: Keep { positions, statements: vec![] },
        created: T0 + DAY,
        reason: String::new(),
    };
    revocation.sign(&ada.device).unwrap()
}

fn kept(peer: &Peer, space: &SpaceId) -> Kept {
    let (seq, record) = peer.last(space).unwrap();
    Kept::new(&peer.device.public(), space, seq, record)
}

/// Anything that reaches a node.
#[derive(Clone)]
enum Arrival {
    Piece(IdentityId, Box<Piece>),
    Record(Box<Record>),
}

fn arrive(world: &World, arrivals: &[Arrival]) {
    let mut records = Vec::new();
    for arrival in arrivals {
        match arrival {
            Arrival::Record(record) => records.push(record.encode()),
            Arrival::Piece(id, piece) => {
                world.node.ingest(&std::mem::take(&mut records), NOW).unwrap();
                world.node.learn(*id, vec![Piece::clone(piece)]).unwrap();
            }
        }
    }
    world.node.ingest(&records, NOW).unwrap();
}

fn shown(world: &World, records: &[&Record]) -> BTreeSet<RecordId> {
    let visible = |id: &RecordId| world.node.store().get(id).unwrap().is_some_and(|stored| stored.status.is_visible());
    records.iter().map(|record| record.id()).filter(visible).collect()
}

fn ids(records: &[&Record]) -> BTreeSet<RecordId> {
    records.iter().map(|record| record.id()).collect()
}

/// Every order of so many things (Heap's algorithm).
fn permutations(count: usize) -> Vec<Vec<usize>> {
    let (mut order, mut all, mut counters) = ((0..count).collect::<Vec<_>>(), Vec::new(), vec![0; count]);
    all.push(order.clone());
    let mut i = 0;
    while i < count {
        if counters[i] < i {
            order.swap(if i % 2 == 0 { 0 } else { counters[i] }, i);
            all.push(order.clone());
            counters[i] += 1;
            i = 0;
        } else {
            counters[i] = 0;
            i += 1;
        }
    }
    all
}

/// A phone that was added, wrote two records, was removed after them, wrote on, and wrote
/// another second record that it dated back.
fn stolen_phone(ada: &Peer, community: &Community) -> (Vec<Arrival>, Vec<Record>) {
    let space = community.space_id();
    let genesis = &ada.identity.0;
    let mut phone = ada.with_key(key(60_000), None);
    let added = event(ada, genesis, Action::AddDevice(phone.device.public()));
    let first = phone.write(community, Draft::post("first", 1));
    let last = phone.write(community, Draft::post("last good", 2));
    let keep = Keep { positions: vec![kept(&phone, &space)], statements: vec![] };
    let removed = event(ada, &added, Action::RemoveDevice { key: phone.device.public(), keep });
    let later = phone.write(community, Draft::post("later", 3));
    phone.rewind(&space, 1);
    let backdated = phone.write(community, Draft::post("dated back", 0));
    let id = ada.identity.id();
    let records = vec![first, last, later, backdated];
    let mut arrivals: Vec<Arrival> =
        [added, removed].into_iter().map(|event| Arrival::Piece(id, Box::new(Piece::Event(event)))).collect();
    arrivals.extend(records.iter().cloned().map(|record| Arrival::Record(Box::new(record))));
    (arrivals, records)
}

#[test]
fn a_removed_device_keeps_its_earlier_records_and_no_others_in_every_order_of_arrival() {
    let world = world();
    for (number, order) in permutations(6).into_iter().enumerate() {
        let ada = ada(number as u16);
        world.node.learn_identity(ada.identity.as_bytes()).unwrap();
        let (arrivals, records) = stolen_phone(&ada, &world.community);
        let arrivals: Vec<Arrival> = order.iter().map(|i| arrivals[*i].clone()).collect();
        // One by one: nothing may depend on what comes together.
        arrivals.iter().for_each(|arrival| arrive(&world, std::slice::from_ref(arrival)));
        let all: Vec<&Record> = records.iter().collect();
        assert_eq!(shown(&world, &all), ids(&all[..2]), "order {order:?}");
    }
    world.assert_sound();
}

#[test]
fn two_devices_that_never_met_write_to_one_space_and_their_records_merge() {
    let mut world = world();
    let phone = key(61_000);
    let added = event(&world.ada, &world.ada.identity.0, Action::AddDevice(phone.public()));
    let mut phone = world.ada.with_key(phone, None);
    let mut records: Vec<Record> =
        (0..20).map(|i| world.ada.write(&world.community, Draft::post("laptop", i))).collect();
    records.extend((0..20).map(|i| phone.write(&world.community, Draft::post("phone", i))));
    let bytes: Vec<_> = records.iter().map(Record::encode).collect();
    world.node.ingest(&bytes, NOW).unwrap();
    assert_eq!(world.visible(), 20, "the phone's wait for the event that names it");
    world.node.learn(world.ada.identity.id(), vec![Piece::Event(added)]).unwrap();
    assert_eq!(world.visible(), 40);
    world.assert_sound();
}

#[test]
fn a_long_history_comes_to_the_same_in_random_orders() {
    const EACH: u64 = 60;
    let mut results = Vec::new();
    for seed in 0..4u64 {
        let world = world();
        let mut ada = ada(5);
        let space = world.community.space_id();
        let id = ada.identity.id();
        let (mut phone, app) = (ada.with_key(key(62_000), None), key(62_001));
        let given = grant(&ada, &app, scope(space));
        let mut app = ada.with_key(app, Some(given.id()));
        let added = event(&ada, &ada.identity.0.clone(), Action::AddDevice(phone.device.public()));
        let mut records = Vec::new();
        for i in 0..EACH {
            records.push(ada.write(&world.community, Draft::post("laptop", i)));
            records.push(phone.write(&world.community, Draft::package(&format!("p{}", i % 7), "1", i)));
            records.push(app.write(&world.community, Draft::package(&format!("p{}", i % 11), "2", i)));
        }
        let keep = Keep { positions: vec![kept(&phone, &space)], statements: vec![] };
        let removed = event(&ada, &added, Action::RemoveDevice { key: phone.device.public(), keep });
        let revoked = revocation(&ada, Target::Key(app.device.public()), vec![kept(&app, &space)]);
        for i in EACH..EACH + 20 {
            records.push(phone.write(&world.community, Draft::package(&format!("p{}", i % 7), "3", i)));
            records.push(app.write(&world.community, Draft::post("app, too late", i)));
        }
        // Thieves rewrite history as well.
        phone.rewind(&space, 30);
        app.rewind(&space, 25);
        for i in 30..50 {
            records.push(phone.write(&world.community, Draft::delete_key("atlas.package", &format!("p{}", i % 7), i)));
            records.push(app.write(&world.community, Draft::post("app, dated back", i)));
        }
        let mut arrivals: Vec<Arrival> =
            records.iter().cloned().map(|record| Arrival::Record(Box::new(record))).collect();
        for piece in [
            Piece::Event(ada.identity.0.clone()),
            Piece::Event(added),
            Piece::Event(removed),
            Piece::Grant(given),
            Piece::Revocation(revoked),
        ] {
            arrivals.push(Arrival::Piece(id, Box::new(piece)));
        }
        let mut order: Vec<usize> = (0..arrivals.len()).chain((0..arrivals.len()).step_by(3)).collect();
        order.sort_by_key(|i| (*i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15 ^ (seed << 17)).rotate_left(23));
        let shuffled: Vec<Arrival> = order.into_iter().map(|i| arrivals[i].clone()).collect();
        arrive(&world, &shuffled);
        let statuses: Vec<_> = records
            .iter()
            .map(|record| {
                let stored = world.find(record).unwrap();
                // What was taken back and given back lost its body here, and waits for it.
                let standing = stored.status.is_visible() || stored.status == atlas_store::Status::Bodiless;
                (record.id(), standing, stored.revoked)
            })
            .collect();
        world.assert_sound();
        results.push(statuses);
    }
    assert!(results.windows(2).all(|pair| pair[0] == pair[1]), "orders differ");
    let revoked = results[0].iter().filter(|(.., revoked)| *revoked).count();
    assert_eq!(revoked, 80, "everything after the kept positions, and everything on the forks");
}

#[test]
fn a_withheld_revocation_takes_effect_when_it_comes() {
    let world = world();
    let (space, ada) = (world.community.space_id(), &world.ada);
    let app = key(63_000);
    let given = grant(ada, &app, scope(space));
    let mut app = ada.with_key(app, Some(given.id()));
    world.node.learn(ada.identity.id(), vec![Piece::Grant(given)]).unwrap();
    let before = app.write(&world.community, Draft::post("before", 1));
    let position = kept(&app, &space);
    let after = app.write(&world.community, Draft::post("after", 2));
    for record in [&before, &after] {
        assert_eq!(world.ingest(record), ACCEPTED);
    }
    let revoked = revocation(ada, Target::Key(app.device.public()), vec![position]);
    world.node.learn(ada.identity.id(), vec![Piece::Revocation(revoked)]).unwrap();
    assert_eq!(shown(&world, &[&before, &after]), ids(&[&before]));
    let stored = world.find(&after).unwrap();
    assert!(stored.revoked, "its header stays in the replicated set");
    let later = app.write(&world.community, Draft::post("even later", 3));
    assert_eq!(world.ingest(&later), ACCEPTED, "admissible for good");
    assert_eq!(shown(&world, &[&later]), ids(&[]), "and counts for nothing");
    world.assert_sound();
}

#[test]
fn a_kept_position_on_a_fork_keeps_that_branch_only() {
    let world = world();
    let (space, ada) = (world.community.space_id(), &world.ada);
    let app = key(63_001);
    let given = grant(ada, &app, scope(space));
    let mut app = ada.with_key(app, Some(given.id()));
    world.node.learn(ada.identity.id(), vec![Piece::Grant(given)]).unwrap();
    let stem: Vec<Record> = (0..10).map(|i| app.write(&world.community, Draft::post("stem", i))).collect();
    let mut other = app.clone();
    let branch: Vec<Record> = (10..20).map(|i| app.write(&world.community, Draft::post("branch", i))).collect();
    let rival: Vec<Record> = (10..20).map(|i| other.write(&world.community, Draft::post("rival", i))).collect();
    let revoked = revocation(ada, Target::Key(app.device.public()), vec![kept(&app, &space)]);
    // The rival branch comes first, and the kept one after the revocation.
    let first: Vec<_> = stem.iter().chain(&rival).map(Record::encode).collect();
    world.node.ingest(&first, NOW).unwrap();
    world.node.learn(ada.identity.id(), vec![Piece::Revocation(revoked)]).unwrap();
    assert_eq!(world.visible(), 0, "nothing can be shown to be kept yet");
    world.node.ingest(&branch.iter().map(Record::encode).collect::<Vec<_>>(), NOW).unwrap();
    let all: Vec<&Record> = stem.iter().chain(&rival).chain(&branch).collect();
    assert_eq!(shown(&world, &all), ids(&stem.iter().chain(&branch).collect::<Vec<_>>()));
    assert!(!world.node.store().forks(10).unwrap().is_empty(), "the evidence is kept");
    world.assert_sound();
}

#[test]
fn a_grant_that_does_not_cover_a_record_is_named_with_the_reason() {
    let world = world();
    let (space, ada) = (world.community.space_id(), &world.ada);
    let app = key(63_002);
    let mut narrow = scope(space);
    narrow.types = ["atlas.post".parse().unwrap()].into();
    let given = grant(ada, &app, narrow);
    world.node.learn(ada.identity.id(), vec![Piece::Grant(given.clone())]).unwrap();
    let mut app = ada.with_key(app, Some(given.id()));
    let wrong_type = app.write(&world.community, Draft::package("a", "1", 1));
    assert_eq!(refusal(world.ingest(&wrong_type)), "type-not-granted");
    let good = app.write(&world.community, Draft::post("good", 1));
    let delete = app.write(&world.community, Draft::delete_id("atlas.post", good.id(), 2));
    assert_eq!(refusal(world.ingest(&delete)), "action-not-granted");
    let early = app.write(&world.community, Draft { created: T0 - 1, ..Draft::post("early", 0) });
    assert_eq!(refusal(world.ingest(&early)), "grant-not-yet-valid");
    let late = app.write(&world.community, Draft::post("late", 90 * DAY));
    assert_eq!(refusal(world.node.ingest(&[late.encode()], NOW + 90 * DAY).unwrap().remove(0)), "grant-expired");
    let mut thief = ada.with_key(key(63_003), Some(given.id()));
    let stolen = thief.write(&world.community, Draft::post("with another's grant", 1));
    assert_eq!(refusal(world.ingest(&stolen)), "grant-for-another-key");
    let elsewhere = Community::usual("elsewhere", Peer::new(5));
    elsewhere.join(&world.node).unwrap();
    let abroad = app.write(&elsewhere, Draft::post("abroad", 1));
    assert_eq!(refusal(world.ingest(&abroad)), "space-not-granted");
}

#[test]
fn a_grant_to_create_does_not_overwrite_in_any_order() {
    for app_first in [false, true] {
        let mut world = world();
        let space = world.community.space_id();
        let app = key(63_004);
        let given = grant(&world.ada, &app, scope(space));
        world.node.learn(world.ada.identity.id(), vec![Piece::Grant(given.clone())]).unwrap();
        let mut app = world.ada.with_key(app, Some(given.id()));
        let own = world.ada.write(&world.community, Draft::package("jq", "1", 1));
        let usurping = app.write(&world.community, Draft::package("jq", "6", 2));
        let fresh = app.write(&world.community, Draft::package("vlc", "3", 3));
        let mut order = [&own, &usurping, &fresh];
        if app_first {
            order.reverse();
        }
        order.iter().for_each(|record| assert_eq!(world.ingest(record), ACCEPTED));
        assert_eq!(shown(&world, &order), ids(&[&own, &fresh]), "app first: {app_first}");
        world.assert_sound();
    }
}

#[test]
fn what_an_app_writes_faster_than_its_rate_comes_in_later() {
    let world = world();
    let space = world.community.space_id();
    let app = key(63_005);
    let rated = Scope { rate: Some(Rate { records: 3, per_ms: 60_000 }), ..scope(space) };
    let given = grant(&world.ada, &app, rated);
    world.node.learn(world.ada.identity.id(), vec![Piece::Grant(given.clone())]).unwrap();
    let mut app = world.ada.with_key(app, Some(given.id()));
    let records: Vec<Vec<u8>> =
        (0..5).map(|i| app.write(&world.community, Draft::post("fast", NOW - T0 + i)).encode()).collect();
    let fates = world.node.ingest(&records, NOW).unwrap();
    assert_eq!(fates[..3], [ACCEPTED, ACCEPTED, ACCEPTED]);
    for fate in &fates[3..] {
        assert!(parked(fate.clone()).contains("its time"));
    }
    // It is a delay, and no verdict.
    world.node.retry_waiting(NOW + 60_001).unwrap();
    assert_eq!(world.visible(), 5);
    // What is only old comes as fast as it can.
    let old: Vec<Vec<u8>> = (0..20).map(|i| app.write(&world.community, Draft::post("old", i)).encode()).collect();
    assert!(world.node.ingest(&old, NOW + 60_001).unwrap().iter().all(|fate| matches!(fate, Fate::Accepted { .. })));
}

#[test]
fn a_crash_between_a_revocation_and_its_effect_is_made_up_for_at_the_next_start() {
    let (dir, node) = crate::support::node();
    let community = Community::usual("somewhere", Peer::new(0));
    community.join(&node).unwrap();
    let ada = ada(9);
    node.learn_identity(ada.identity.as_bytes()).unwrap();
    let (id, app) = (ada.identity.id(), key(63_100));
    let given = grant(&ada, &app, scope(community.space_id()));
    let mut app = ada.with_key(app, Some(given.id()));
    node.learn(id, vec![Piece::Grant(given)]).unwrap();
    let record = app.write(&community, Draft::post("revoked", 1));
    node.ingest(&[record.encode()], NOW).unwrap();
    let revoked = revocation(&ada, Target::Key(app.device.public()), vec![]);
    // As a crash leaves it: the revocation and the note of it are durable, its effect is not.
    assert!(node.people().learn(id, vec![Piece::Revocation(revoked)]).unwrap().unwrap().due.is_some());
    assert!(node.store().get(&record.id()).unwrap().unwrap().status.is_visible());
    drop(node);
    let node = atlas_node::Node::open(atlas_node::NodeConfig::new(dir.path())).unwrap();
    assert!(node.store().get(&record.id()).unwrap().unwrap().revoked);
    assert!(node.store().docs(atlas_store::DocKind::Derived, b"reconsider").next().is_none(), "done once");
}
