//! Live queries in numbers, and full text of what came from elsewhere.

use std::time::Duration;

use atlas_node::NodeError;
use atlas_node::query::live::{Happened, MOST_SUBSCRIBERS, Subscription, Told};
use atlas_node::query::{Order, Query};
use atlas_record::IdentityId;
use atlas_tests::peer::Draft;

use crate::support::{ACCEPTED, NOW, world};

/// The texts that a subscription is told of, until nothing comes for a while.
fn told(runtime: &tokio::runtime::Runtime, subscription: &mut Subscription, most: usize) -> usize {
    runtime.block_on(async {
        for count in 0..most {
            match subscription.next(Duration::from_secs(20)).await {
                Told::Event(event) => assert!(matches!(event.happened, Happened::Record(_))),
                other => panic!("after {count}: {other:?}"),
            }
        }
        most
    })
}

#[test]
fn ten_thousand_listen_and_ingest_does_not_wait_for_them() {
    let mut world = world();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let space = world.node.spaces().get(&world.community.space_id()).unwrap();
    let posts = Query { type_name: Some("atlas.post".parse().unwrap()), ..Query::new(space.clone()) };
    let mut all: Vec<Subscription> = Vec::with_capacity(MOST_SUBSCRIBERS);
    for i in 0..MOST_SUBSCRIBERS {
        // Half of them ask the same, the others each for another author.
        let author = (i % 2 == 1).then_some(IdentityId([(i % 251) as u8; 32]));
        all.push(world.node.subscribe(&Query { author, ..posts.clone() }, &(i % 2 * i).to_string()).unwrap());
    }
    let refused = world.node.subscribe(&posts, "").err().unwrap();
    assert!(matches!(refused, NodeError::Unavailable(_)), "{refused}");
    let batch: Vec<_> =
        (0..200).map(|i| world.ada.write(&world.community, Draft::post(&format!("post {i}"), i)).encode()).collect();
    assert!(world.node.ingest(&batch, NOW).unwrap().iter().all(|fate| *fate == ACCEPTED));
    for i in [0, 2, 5000, 9998] {
        assert_eq!(told(&runtime, &mut all[i], 200), 200, "subscriber {i}");
    }
    // Nobody reads any more: queues fill up, their owners are cut off, and the node goes on.
    let more: Vec<_> =
        (200..600).map(|i| world.ada.write(&world.community, Draft::post(&format!("post {i}"), i)).encode()).collect();
    let (first, rest) = more.split_at(100);
    assert!(world.node.ingest(first, NOW).unwrap().iter().all(|fate| *fate == ACCEPTED));
    // Longer than a subscriber may let an event wait when its queue is full.
    std::thread::sleep(Duration::from_millis(2_500));
    assert!(world.node.ingest(rest, NOW).unwrap().iter().all(|fate| *fate == ACCEPTED));
    let lagged = runtime.block_on(async {
        loop {
            match all[4].next(Duration::from_secs(20)).await {
                Told::Event(_) => {}
                other => break other,
            }
        }
    });
    assert!(matches!(lagged, Told::Lagged), "{lagged:?}");
    drop(all);
    assert_eq!(world.node.live().subscribers(), 0);
    world.node.subscribe(&posts, "").unwrap();
    world.assert_sound();
}

#[test]
fn text_of_what_was_received_is_found_by_everybody_alike() {
    let mut world = world();
    for i in 0..30 {
        let text = format!("a message about {} number {i}", ["apples", "pears", "apples and pears"][i % 3]);
        let post = world.ada.write(&world.community, Draft::post(&text, i as u64));
        assert_eq!(world.ingest(&post), ACCEPTED);
    }
    let space = world.node.spaces().get(&world.community.space_id()).unwrap();
    let count = |text: &str| {
        let query = Query { text: Some(text.parse().unwrap()), ..Query::new(space.clone()) };
        world.node.count(&query).unwrap().count
    };
    assert_eq!(
        [count("apples"), count("apples -pears"), count("\"apples and pears\""), count("pear*")],
        [20, 10, 10, 20]
    );
    let query =
        Query { text: Some("message".parse().unwrap()), order: Some(Order::Oldest), ..Query::new(space.clone()) };
    let page = world.node.query(&query).unwrap();
    assert!(page.records.is_sorted_by_key(|stored| stored.created()) && page.records.len() == 30);
    assert_eq!(page.end.text_watermark, Some(30));
}
