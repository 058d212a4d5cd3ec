//! Deletes, before and after what they delete.

use atlas_record::cbor::Map;
use atlas_store::Status;
use atlas_tests::peer::{Draft, Peer};

use crate::support::{ACCEPTED, NOW, world};

#[test]
fn a_delete_takes_effect_in_either_order() {
    for delete_first in [false, true] {
        let mut world = world();
        let post = world.ada.write(&world.community, Draft::post("regretted", 0));
        let delete = world.ada.write(&world.community, Draft::delete_id("atlas.post", post.id(), 1));
        let kept = world.ada.write(&world.community, Draft::post("kept", 2));
        let mut order = [&post, &delete, &kept];
        if delete_first {
            order.swap(0, 1);
        }
        order.iter().for_each(|record| assert_eq!(world.ingest(record), ACCEPTED));
        let stored = world.find(&post).unwrap();
        assert_eq!((stored.status, stored.record.payload()), (Status::Deleted, None), "delete first: {delete_first}");
        assert_eq!(stored.record.signed(), post.signed(), "the header stays");
        assert_eq!(world.visible(), 1);
        world.assert_sound();
    }
}

#[test]
fn the_delete_of_an_address_takes_effect_in_any_order_and_a_later_record_stands_again() {
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for order in orders {
        let mut world = world();
        let records = [
            world.ada.write(&world.community, Draft::package("zlib", "1.0", 0)),
            world.ada.write(&world.community, Draft::delete_key("atlas.package", "zlib", 5)),
            world.ada.write(&world.community, Draft::package("zlib", "2.0", 9)),
        ];
        order.iter().for_each(|i| assert_eq!(world.ingest(&records[*i]), ACCEPTED));
        let statuses = records.each_ref().map(|record| world.find(record).unwrap().status);
        assert_eq!(statuses, [Status::Deleted, Status::Delete, Status::Visible], "{order:?}");
        world.assert_sound();
    }
}

#[test]
fn nobody_takes_back_what_another_wrote() {
    let mut world = world();
    let mut eve = Peer::new(4);
    world.node.learn_identity(eve.identity.as_bytes()).unwrap();
    let post = world.ada.write(&world.community, Draft::post("stays", 0));
    let package = world.ada.write(&world.community, Draft::package("zlib", "1.0", 0));
    let by_id = eve.write(&world.community, Draft::delete_id("atlas.post", post.id(), 1));
    let by_key = eve.write(&world.community, Draft::delete_key("atlas.package", "zlib", 1));
    for order in [[&by_id, &post], [&package, &by_key]] {
        order.iter().for_each(|record| drop(world.ingest(record)));
    }
    for record in [&post, &package] {
        let stored = world.find(record).unwrap();
        assert_eq!((stored.status, stored.record.payload().is_some()), (Status::Visible, true));
    }
    world.assert_sound();
}

#[test]
fn what_was_taken_back_does_not_come_back_by_being_sent_again() {
    let mut world = world();
    let post = world.ada.write(&world.community, Draft::post("gone", 0));
    let delete = world.ada.write(&world.community, Draft::delete_id("atlas.post", post.id(), 1));
    [&post, &delete, &post].iter().for_each(|record| drop(world.ingest(record)));
    let stored = world.find(&post).unwrap();
    assert_eq!((stored.status, stored.record.payload()), (Status::Deleted, None));
    let bare = post.clone().erased();
    world.ingest(&bare);
    world.ingest(&post);
    assert_eq!(world.find(&post).unwrap().record.payload(), None);
}

#[test]
fn a_body_whose_time_is_over_is_dropped_and_its_header_stays() {
    let mut world = world();
    let draft = Draft { expires: Some(NOW + 5), ..Draft::post("for a while", 0) };
    let post = world.ada.write(&world.community, draft);
    assert_eq!(world.ingest(&post), ACCEPTED);
    world.node.store().erase_expired(NOW + 4).unwrap();
    assert_eq!(world.visible(), 1);
    world.node.store().erase_expired(NOW + 5).unwrap();
    let stored = world.find(&post).unwrap();
    assert_eq!((stored.status, stored.record.payload(), world.visible()), (Status::Expired, None, 0));
    world.assert_sound();
}

#[test]
fn a_delete_without_a_target_is_malformed() {
    let mut world = world();
    let draft = Draft { body: None, ..Draft::new("atlas.post", 0, Map::new()) };
    let record = world.ada.write(&world.community, draft);
    assert_eq!(crate::support::refusal(world.ingest(&record)), "malformed");
}
