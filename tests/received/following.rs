//! Records of standard types that are judged by other records: moves of tasks, and ballots.
//! In whatever order they come, the verdicts are the same.

use atlas_node::ingest::Fate;
use atlas_record::cbor::Map;
use atlas_record::{Link, Record, Target, Value};
use atlas_store::Status;
use atlas_tests::peer::{Community, Draft, Peer, standard};

use crate::support::{ACCEPTED, NOW, World, parked, world};

/// A node in a community that plans and votes.
fn planning() -> World {
    let types = ["task", "proposal", "ballot"];
    let slots = types.map(|name| standard(&format!("atlas.{name}"), name)).into();
    let mut world = world();
    world.community = Community::found("planning", Peer::new(0), slots);
    world.community.join(&world.node).unwrap();
    world
}

fn link(relation: &str, target: impl Into<Target>) -> Link {
    Link { relation: relation.parse().unwrap(), target: target.into() }
}

fn text(fields: &[(&str, &str)]) -> Map {
    fields.iter().map(|(field, text)| (*field, Value::from(*text))).collect()
}

fn task(world: &mut World, state: &str, after: u64, follows: Option<&Record>) -> Record {
    let mut draft = Draft::new("atlas.task", after, text(&[("title", "t"), ("state", state)])).key("t");
    draft.links.push(link("state", Target::Name(state.into())));
    draft.links.extend(follows.map(|record| link("follows", record.id())));
    world.ada.write(&world.community, draft)
}

#[test]
fn moves_of_a_task_that_come_in_the_wrong_order_are_judged_when_their_predecessors_come() {
    let mut world = planning();
    let open = task(&mut world, "open", 0, None);
    let doing = task(&mut world, "doing", 1, Some(&open));
    let done = task(&mut world, "done", 2, Some(&doing));
    let jump = task(&mut world, "done", 3, Some(&open));
    for early in [&done, &jump, &doing] {
        parked(world.ingest(early));
    }
    assert_eq!(world.ingest(&open), ACCEPTED);
    let status = |record| world.find(record).unwrap().status;
    assert_eq!([&open, &doing, &done].map(status), [Status::Superseded, Status::Superseded, Status::Visible]);
    assert_eq!(status(&jump), Status::Invalid);
    world.assert_sound();
}

#[test]
fn a_move_is_judged_by_the_header_of_what_it_follows() {
    let mut world = planning();
    let open = task(&mut world, "open", 0, None);
    let doing = task(&mut world, "doing", 1, Some(&open));
    let jump = task(&mut world, "done", 2, Some(&open));
    parked(world.ingest(&open.clone().erased()));
    assert_eq!(world.ingest(&doing), ACCEPTED);
    assert!(matches!(world.ingest(&jump), Fate::Invalid { code, .. } if code == "illegal-move"));
    world.assert_sound();
}

#[test]
fn a_ballot_waits_for_the_body_of_its_proposal() {
    let mut world = planning();
    let mut body = text(&[("title", "Shall we?"), ("kind", "question")]);
    body.insert("closesAt", Value::from(NOW));
    let proposal = world.ada.write(&world.community, Draft::new("atlas.proposal", 0, body));
    let mut vote = |answer: Map, after| {
        let mut draft = Draft::new("atlas.ballot", after, answer).key(&proposal.id().to_string());
        draft.links.push(link("votes-on", proposal.id()));
        world.ada.write(&world.community, draft)
    };
    let good = vote(text(&[("vote", "yes")]), 1);
    let bad = vote([("approve", Value::List(vec![]))].into_iter().collect(), 2);
    let header = proposal.clone().erased();
    parked(world.ingest(&good));
    parked(world.ingest(&header));
    parked(world.ingest(&bad));
    assert_eq!(world.find(&good).unwrap().status, Status::Pending, "the header alone does not say what was asked");
    assert_eq!(world.ingest(&proposal), ACCEPTED);
    assert_eq!(world.find(&good).unwrap().status, Status::Visible);
    assert_eq!(world.find(&bad).unwrap().status, Status::Invalid);
    world.assert_sound();
}
