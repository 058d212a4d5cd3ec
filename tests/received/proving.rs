//! A node that keeps some types asks for the headers between its records, to know what a revocation keeps.

use atlas_node::people::Piece;
use atlas_record::identity::{Action, Event, Keep, Kept};
use atlas_record::sign::SecretKey;
use atlas_record::{Record, RecordId};
use atlas_tests::peer::{Draft, Peer, T0};

use crate::support::{NOW, World, world};

/// Posts of a phone that was removed after them, with packages between them that the light node does not keep; and
/// one that it wrote too late.
struct Story {
    whole: World,
    light: World,
    kept: Vec<RecordId>,
    late: RecordId,
}

fn story() -> Story {
    let (whole, light) = (world(), world());
    let ada = Peer::new(1);
    let mut phone = ada.with_key(SecretKey::from_seed(&[0x51; 32]), None);
    let event = |number: u64, prev, action| {
        Event { number, prev: Some(prev), created: T0 + number, action }.sign(&[&ada.root]).unwrap()
    };
    let added = event(1, ada.identity.0.id(), Action::AddDevice(phone.device.public()));
    let (mut posts, mut records) = (Vec::new(), Vec::new());
    for i in 0..20 {
        posts.push(phone.write(&whole.community, Draft::post("a post", 2 * i)));
        records.push(phone.write(&whole.community, Draft::package("tool", "1", 2 * i + 1)));
    }
    let space = whole.community.space_id();
    let (seq, last) = phone.last(&space).unwrap();
    let position = Kept::new(&phone.device.public(), &space, seq, last);
    let keep = Keep { positions: vec![position], statements: vec![] };
    let removed = event(2, added.id(), Action::RemoveDevice { key: phone.device.public(), keep });
    let kept: Vec<RecordId> = posts.iter().map(Record::id).collect();
    posts.push(phone.write(&whole.community, Draft::post("too late", 41)));
    let late = posts.last().unwrap().id();
    for world in [&whole, &light] {
        world.node.learn(ada.identity.id(), vec![Piece::Event(added.clone()), Piece::Event(removed.clone())]).unwrap();
        let bytes: Vec<_> = posts.iter().map(Record::encode).collect();
        world.node.ingest(&bytes, NOW).unwrap();
    }
    let bytes: Vec<_> = records.iter().map(Record::encode).collect();
    whole.node.ingest(&bytes, NOW).unwrap();
    Story { whole, light, kept, late }
}

fn shown(world: &World, id: &RecordId) -> bool {
    world.node.store().get(id).unwrap().is_some_and(|stored| stored.status.is_visible())
}

#[test]
fn paths_show_what_is_kept_and_nothing_else() {
    let Story { whole, light, kept, late } = story();
    let space = whole.community.space_id();
    assert!(kept.iter().all(|id| shown(&whole, id)) && !shown(&whole, &late));
    assert!(!kept.iter().any(|id| shown(&light, id)), "nobody can tell yet");
    let open = light.node.open_questions(&space, 100).unwrap();
    assert_eq!(open.len(), kept.len(), "and what is later than what is kept is no question");
    assert_eq!(light.node.open_questions(&space, 3).unwrap().len(), 3);
    for (last, record) in open {
        let proof = whole.node.prove_ancestry(&last, &record).unwrap();
        let headers: Vec<Vec<u8>> = proof.headers().iter().map(|header| header.as_bytes().to_vec()).collect();
        assert!(light.node.take_path(&space, &last, &record, &headers).unwrap());
        assert!(shown(&light, &record));
    }
    assert!(kept.iter().all(|id| shown(&light, id)) && !shown(&light, &late));
    assert!(light.node.open_questions(&space, 100).unwrap().is_empty());
    assert_eq!(light.visible(), kept.len() as u64, "headers of a path are no records");
    light.assert_sound();
}

#[test]
fn headers_that_are_not_those_of_the_path_show_nothing() {
    let Story { whole, light, kept, late } = story();
    let space = whole.community.space_id();
    let open = light.node.open_questions(&space, 100).unwrap();
    let (last, record) = *open.iter().find(|(_, record)| *record == kept[3]).unwrap();
    let path = |record: &RecordId| -> Vec<Vec<u8>> {
        let proof = whole.node.prove_ancestry(&last, record).unwrap();
        proof.headers().iter().map(|header| header.as_bytes().to_vec()).collect()
    };
    let right = path(&record);
    let (mut changed, mut longer) = (right.clone(), right.clone());
    *changed[1].last_mut().unwrap() ^= 1;
    longer.extend(path(&kept[1]).pop());
    let wrong = [Vec::new(), right[..right.len() - 1].to_vec(), path(&kept[9]), changed, longer, vec![vec![0xff; 9]]];
    for (i, headers) in wrong.iter().enumerate() {
        assert!(!light.node.take_path(&space, &last, &record, headers).unwrap(), "{i}");
    }
    assert!(!shown(&light, &record));
    assert_eq!(light.node.open_questions(&space, 100).unwrap().len(), kept.len());
    // What was not asked for changes nothing.
    assert!(light.node.take_path(&space, &late, &record, &right).unwrap());
    assert!(!shown(&light, &record));
    assert!(light.node.take_path(&space, &last, &record, &right).unwrap() && shown(&light, &record));
}
