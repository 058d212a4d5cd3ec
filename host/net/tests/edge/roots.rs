use std::collections::HashSet;

use atlas_net::swarm::{Config, Dht, Event, How, Network, PeerId};

use crate::common::*;

fn root(n: u32) -> [u8; 32] {
    let mut root = [0xab; 32];
    root[..4].copy_from_slice(&n.to_be_bytes());
    root
}

async fn providers(net: &Network, n: u32) -> HashSet<PeerId> {
    within("a search", net.providers(root(n))).await.into_iter().map(|(peer, _)| peer).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roots_are_found_by_those_who_never_met_and_survive_restarts() {
    // More than libp2p's own store holds.
    const ROOTS: u32 = 1100;
    let folder = tempfile::tempdir().unwrap();
    let member = |known: Vec<_>| Config { dht: Dht::Auto, known, ..config(&[TCP]) };
    let hub = Node::start(member(vec![])).await;
    hub.net.vouch(hub.net.listening()[0].clone()).await;
    let hub_addr = hub.addr();
    let mut others = Vec::new();
    for _ in 0..4 {
        let node = Node::start(member(vec![hub_addr.clone()])).await;
        node.net.vouch(node.net.listening()[0].clone()).await;
        eventually("connected", async || node.net.is_connected(&hub.id())).await;
        others.push(node);
    }

    // The provider answers nobody itself: it is behind something, and only asks and tells. It
    // has its roots from a time when it knew nobody.
    let secret = key();
    let provider = |known| Config {
        key: secret.clone(),
        state_dir: Some(folder.path().to_owned()),
        dht: Dht::Client,
        ..member(known)
    };
    let node = Node::start(provider(vec![])).await;
    for n in 0..ROOTS {
        node.net.provide(root(n)).await.unwrap();
    }
    assert_eq!(node.net.provided().await.len(), ROOTS as usize);
    node.net.unprovide(root(5)).await;
    node.net.shutdown().await;
    let node = Node::start(provider(vec![hub_addr.clone()])).await;
    let provided: HashSet<_> = node.net.provided().await.into_iter().collect();
    assert_eq!(provided.len(), ROOTS as usize - 1);
    assert!(!provided.contains(&root(5)));
    eventually("connected", async || node.net.is_connected(&hub.id())).await;
    node.net.provide(root(ROOTS)).await.unwrap();

    let mut seeker = Node::start(Config { dht: Dht::Client, ..member(vec![hub_addr.clone()]) }).await;
    eventually("connected", async || seeker.net.is_connected(&hub.id())).await;
    for n in [ROOTS, 0, 17] {
        eventually("a provider is found", async || providers(&seeker.net, n).await.contains(&node.id())).await;
    }
    assert!(providers(&seeker.net, ROOTS + 1).await.is_empty());
    let found = seeker.net.providers(root(3)).await;
    assert_eq!(found.len(), 1);
    let (peer, addrs) = &found[0];
    assert_eq!(*peer, node.id());
    assert!(addrs.contains(&node.net.listening()[0]), "{addrs:?}");
    seeker.net.connect(*peer, addrs.clone()).await.unwrap();
    seeker
        .until("it is reported", |event| match event {
            Event::Discovered { peer, how: How::Dht, .. } if peer == node.id() => Some(()),
            _ => None,
        })
        .await;

    // Not only the hub knows, and some may go.
    hub.net.shutdown().await;
    others.remove(0).net.shutdown().await;
    eventually("others know", async || providers(&others[0].net, 3).await.contains(&node.id())).await;
}
