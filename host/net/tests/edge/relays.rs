use atlas_net::swarm::{Config, Event, NetError, Reachability, Relay, is_relayed};

use crate::common::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relayed_connection_becomes_direct() {
    let relay = Node::start(Config { relay_server: Relay::On, ..config(&[TCP]) }).await;
    let mut hidden = Node::on(&[TCP]).await;
    let visitor = Node::on(&[TCP]).await;

    let through = within("a reservation", hidden.net.reserve_relay(relay.addr())).await.unwrap();
    assert!(is_relayed(&through));
    assert!(hidden.net.listening().contains(&through));
    let reserved = hidden
        .until("reserved", |event| match event {
            Event::RelayReserved { relay, addr } => Some((relay, addr)),
            _ => None,
        })
        .await;
    assert_eq!(reserved, (relay.id(), through.clone()));
    assert_ne!(hidden.net.reachability(), Reachability::Public, "only through a relay");

    // The visitor has to have been seen by somebody, to know how it looks from outside.
    visitor.net.dial(relay.addr()).await.unwrap();
    let peer = within("a circuit", visitor.net.dial(through)).await.unwrap();
    assert_eq!(peer, hidden.id());
    let connected = hidden
        .until("connected", |event| match event {
            Event::Connected { peer, relayed, .. } if peer == visitor.id() => Some(relayed),
            _ => None,
        })
        .await;
    assert!(connected);
    hidden
        .until("a direct connection", |event| {
            matches!(event, Event::Upgraded { peer } if peer == visitor.id()).then_some(())
        })
        .await;

    // New streams take it.
    let id = hidden.id();
    let _hidden = hidden.echo();
    eventually("direct on this side too", async || {
        visitor.net.peers().iter().any(|view| view.peer == id && !view.relayed)
    })
    .await;
    let stream = visitor.net.open(id, ECHO).await.unwrap();
    assert!(!stream.is_relayed());
    says_the_same(&visitor.net, id, &vec![9; 1 << 20]).await;
}

#[tokio::test]
async fn who_does_not_relay_says_so_and_a_lost_relay_is_reported() {
    let plain = Node::on(&[TCP]).await;
    let mut node = Node::on(&[TCP]).await;
    let error = within("an answer", node.net.reserve_relay(plain.addr())).await.unwrap_err();
    assert!(matches!(&error, NetError::Relay { relay, .. } if *relay == plain.id()), "{error}");
    let error = node.net.reserve_relay(plain.net.listening()[0].clone()).await.unwrap_err();
    assert!(matches!(error, NetError::Nameless { .. }));

    let relay = Node::start(Config { relay_server: Relay::On, ..config(&[TCP]) }).await;
    node.net.reserve_relay(relay.addr()).await.unwrap();
    relay.net.shutdown().await;
    let lost = node
        .until("a lost relay", |event| match event {
            Event::RelayLost { relay, .. } => Some(relay),
            _ => None,
        })
        .await;
    assert_eq!(lost, relay.id());
    assert!(!node.net.listening().iter().any(is_relayed));
}

#[tokio::test]
async fn reachability_is_what_others_could_test() {
    let server = Node::on(&[TCP]).await;
    let mut node = Node::on(&[TCP]).await;
    assert_eq!(node.net.reachability(), Reachability::Unknown);
    node.net.dial(server.addr()).await.unwrap();
    let now = node
        .until("a test", |event| match event {
            Event::Reachability(now) => Some(now),
            _ => None,
        })
        .await;
    assert_eq!(now, Reachability::Public);
    assert_eq!(node.net.external(), node.net.listening());
    // Nobody has tested the server, and nobody vouches for it.
    assert_eq!(server.net.reachability(), Reachability::Unknown);
    let vouched: atlas_net::swarm::Multiaddr = "/ip4/127.0.0.1/tcp/9".parse().unwrap();
    server.net.vouch(vouched.clone()).await;
    assert_eq!(server.net.reachability(), Reachability::Public);
    assert_eq!(server.net.external(), [vouched]);
}

#[tokio::test]
async fn on_the_internet_a_private_address_makes_nobody_reachable() {
    let internet = |config: Config| Config { realm: atlas_net::swarm::Realm::Internet, ..config };
    let server = Node::start(internet(config(&[TCP]))).await;
    let mut node = Node::start(internet(config(&[TCP]))).await;
    node.net.dial(server.addr()).await.unwrap();
    // The test itself succeeds, and is not taken for more than it is.
    let mut discovered = Vec::new();
    let quiet = tokio::time::timeout(std::time::Duration::from_secs(8), async {
        loop {
            match node.events.next().await {
                Some(Event::Reachability(now)) => return now,
                Some(Event::Discovered { addrs, .. }) => discovered.extend(addrs),
                _ => {}
            }
        }
    });
    assert!(quiet.await.is_err(), "reachability stays unknown");
    assert!(node.net.external().is_empty());
    assert!(discovered.is_empty(), "nobody was told: {discovered:?}");
}
