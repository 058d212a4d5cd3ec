use std::time::Duration;

use atlas_net::swarm::{Config, Event, How, Realm};

use crate::common::*;

#[tokio::test]
async fn nodes_on_one_network_find_each_other() {
    let everywhere = || Config { mdns: true, realm: Realm::Internet, ..config(&["/ip4/0.0.0.0/tcp/0"]) };
    let first = Node::start(everywhere()).await;
    let mut second = Node::start(everywhere()).await;
    let id = first.id();
    let found = tokio::time::timeout(Duration::from_secs(15), async {
        loop {
            match second.events.next().await {
                Some(Event::Discovered { peer, addrs, how: How::Mdns }) if peer == id => return addrs,
                Some(_) => {}
                None => panic!("the network runs"),
            }
        }
    });
    match found.await {
        Ok(addrs) => {
            assert!(!addrs.is_empty());
            second.net.connect(id, vec![]).await.unwrap();
            assert!(second.net.is_connected(&id));
        }
        Err(_) => eprintln!("SKIPPED nodes_on_one_network_find_each_other: no multicast on this machine"),
    }
}
