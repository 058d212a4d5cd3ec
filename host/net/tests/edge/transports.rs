use std::time::Duration;

use atlas_net::swarm::{DialError, Direction, Event, Multiaddr, NetError, Network, PeerId, peer_of};
use futures_util::StreamExt as _;
use libp2p::swarm::SwarmEvent;
use libp2p::{SwarmBuilder, noise, ping, tcp, tls, yamux};

use crate::common::*;

#[tokio::test]
async fn two_nodes_talk_over_tcp_and_over_quic() {
    for transport in [TCP, QUIC] {
        let server = Node::on(&[transport]).await;
        let (addr, id) = (server.addr(), server.id());
        let server = server.echo();
        let mut client = Node::on(&[]).await;
        assert_eq!(within("a dial", client.net.dial(addr.clone())).await.unwrap(), id);
        let connected = client
            .until("connected", |event| match event {
                Event::Connected { peer, relayed, dialer, .. } => Some((peer, relayed, dialer)),
                _ => None,
            })
            .await;
        assert_eq!(connected, (id, false, true));
        says_the_same(&client.net, id, &vec![7; 300_000]).await;
        assert!(client.net.traffic().sent >= 300_000 && client.net.traffic().received >= 300_000);
        eventually("identify and ping are done", async || {
            client.net.peers().iter().any(|view| view.agent.is_some() && view.rtt.is_some())
        })
        .await;
        let view = client.net.peers().remove(0);
        assert_eq!(view.agent.as_deref(), Some("test/1"));
        assert_eq!(view.direction, Direction::Out);
        assert!(view.protocols.iter().any(|protocol| protocol == ECHO), "{:?}", view.protocols);
        assert_eq!(view.addr.clone().with_p2p(id).unwrap(), addr);
        assert!(view.traffic.0 >= 300_000 && view.traffic.1 >= 300_000);
        assert_eq!(server.peers()[0].direction, Direction::In);

        client.net.disconnect(id).await;
        client.until("disconnected", |event| matches!(event, Event::Disconnected { .. }).then_some(())).await;
        assert!(client.net.peers().is_empty());
        assert!(client.net.connect(id, vec![]).await.is_ok(), "the book knows where it is");
    }
}

/// A libp2p program that is not this one, and encrypts in one way only.
macro_rules! stranger {
    ($security:path) => {
        SwarmBuilder::with_new_identity()
            .with_tokio()
            .with_tcp(tcp::Config::default(), $security, yamux::Config::default)
            .unwrap()
            .with_behaviour(|_| ping::Behaviour::new(ping::Config::new().with_interval(Duration::from_millis(50))))
            .unwrap()
            .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(30)))
            .build()
    };
}

#[tokio::test]
async fn who_speaks_noise_only_is_understood_and_so_is_who_speaks_tls_only() {
    let node = Node::on(&[TCP]).await;
    for mut stranger in [stranger!(noise::Config::new), stranger!(tls::Config::new)] {
        stranger.dial(node.addr()).unwrap();
        within("a ping", async {
            loop {
                if let SwarmEvent::Behaviour(ping::Event { result: Ok(_), .. }) = stranger.select_next_some().await {
                    break;
                }
            }
        })
        .await;
        assert!(node.net.is_connected(stranger.local_peer_id()));
    }
}

#[tokio::test]
async fn a_failed_dial_says_what_is_wrong() {
    let server = Node::on(&[TCP]).await;
    let client = Node::on(&[TCP]).await;
    let place = server.net.listening()[0].clone();

    let nobody = PeerId::random();
    let error = client.net.connect(nobody, vec![]).await.unwrap_err();
    assert!(matches!(error, DialError::NoAddress(peer) if peer == nobody), "{error}");

    let error = client.net.dial(place.clone().with_p2p(nobody).unwrap()).await.unwrap_err();
    assert!(matches!(error, DialError::SomebodyElse { found, .. } if found == server.id()), "{error}");

    let error = client.net.dial(client.net.listening()[0].clone()).await.unwrap_err();
    assert!(matches!(error, DialError::Self_(_) | DialError::Aborted), "{error}");

    server.net.shutdown().await;
    let error = within("a refusal", client.net.dial(place.clone())).await.unwrap_err();
    assert!(error.to_string().contains(&place.to_string()), "{error}");
    assert!(matches!(error, DialError::Unreachable(_)));

    // The address without a name is taken as it is.
    let other = Node::on(&[TCP]).await;
    assert_eq!(client.net.dial(other.net.listening()[0].clone()).await.unwrap(), other.id());
}

#[tokio::test]
async fn a_name_is_as_good_as_an_address() {
    let server = Node::on(&[TCP]).await;
    let client = Node::on(&[]).await;
    let by_name: Multiaddr = server.addr().to_string().replace("/ip4/127.0.0.1", "/dns4/localhost").parse().unwrap();
    within("a dial", client.net.dial(by_name)).await.unwrap();
    assert!(client.net.is_connected(&server.id()));
}

#[tokio::test]
async fn a_start_that_cannot_succeed_says_why() {
    let taken = Node::on(&[TCP]).await.net.listening()[0].to_string();
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    let start = |config| Network::start(config, &[ECHO]).err().unwrap();
    let error = start(config(&[&format!("/ip4/127.0.0.1/tcp/{port}")]));
    assert!(matches!(error, NetError::Listen { .. }), "{error}");
    let error = start(config(&["/unix/nowhere"]));
    assert!(matches!(error, NetError::Listen { .. }), "{error}");
    let mut nameless = config(&[]);
    nameless.known = vec![taken.parse().unwrap()];
    assert!(matches!(start(nameless), NetError::Nameless { addr } if peer_of(&addr).is_none()));
}
