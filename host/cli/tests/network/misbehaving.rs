//! Peers that do not keep to the protocol: they are limited and left, with the reason shown, and
//! honest peers go on.

use atlas_net::swarm::{Config, Events, Multiaddr, Network, PeerId};
use atlas_net::wire::{self, Message};
use futures_util::AsyncWriteExt;
use zeroize::Zeroizing;

use super::*;

fn stranger() -> (Network, Events) {
    let mut key = [0; 32];
    getrandom::fill(&mut key).unwrap();
    Network::start(Config::new(Zeroizing::new(key)), &wire::ALL).unwrap()
}

fn address(atlas: &Atlas) -> (PeerId, Multiaddr) {
    let network = atlas.json(&["peer", "list"]);
    let peer = network["peer"].as_str().unwrap().parse().unwrap();
    (peer, network["addresses"][0].as_str().unwrap().parse().unwrap())
}

/// The node still serves others.
fn serves(ada: &Atlas) {
    let bob = named("bob");
    let _b = online(&bob);
    join(ada, &bob);
    agree(ada, &bob, "debian");
}

#[test]
fn a_peer_that_sends_garbage_is_left_and_the_reason_is_shown() {
    let ada = settled(20);
    let _a = online(&ada);
    let (peer, address) = address(&ada);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (network, _events) = stranger();
        network.dial(address.clone()).await.unwrap();
        for bytes in [&[0_u8, 0, 0, 4, 1, 2, 3, 4][..], &u32::MAX.to_be_bytes(), b"GET / HTTP/1.1\r\n\r\n"] {
            for protocol in [wire::FETCH, wire::RECONCILE] {
                let Ok(mut stream) = network.open(peer, protocol).await else { continue };
                let _ = stream.write_all(bytes).await;
                let _ = stream.close().await;
            }
        }
    });
    until("the peer is left", || {
        let left = ada.json(&["peer", "list"])["left"].clone();
        left.as_array().unwrap().iter().any(|it| it["reason"].as_str().unwrap().contains("protocol"))
    });
    serves(&ada);
}

#[test]
fn whoever_asks_for_a_space_that_it_does_not_share_hears_that_it_is_unknown() {
    let ada = settled(20);
    let _a = online(&ada);
    let (peer, address) = address(&ada);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (network, _events) = stranger();
        network.dial(address).await.unwrap();
        let mut stream = network.open(peer, wire::FETCH).await.unwrap();
        let request = wire::fetch::Request::Items { tag: wire::Tag([7; 16]), set: wire::Set::Laws, ids: vec![[1; 32]] };
        wire::frame::send(&mut stream, &request).await.unwrap();
        let answer: wire::fetch::Answer = wire::frame::expect(&mut stream).await.unwrap();
        assert_eq!(answer, wire::fetch::Answer::Declined("unknown space".into()));
    });
    serves(&ada);
}

#[test]
fn a_peer_that_asks_and_never_reads_holds_nobody_up() {
    let ada = settled(200);
    let _a = online(&ada);
    let (peer, address) = address(&ada);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _kept = runtime.block_on(async {
        let (network, events) = stranger();
        network.dial(address).await.unwrap();
        let mut streams = Vec::new();
        for _ in 0..8 {
            let mut stream = network.open(peer, wire::FETCH).await.unwrap();
            let request = wire::fetch::Request::Blob { tag: wire::Tag([7; 16]), id: [1; 32] }.encode();
            let length = u32::try_from(request.len()).unwrap().to_be_bytes();
            // As much as the stream takes, and not a byte is read.
            let flood = async {
                loop {
                    stream.write_all(&length).await?;
                    stream.write_all(&request).await?;
                }
                #[allow(unreachable_code, reason = "gives the block its type")]
                Ok::<(), std::io::Error>(())
            };
            let _ = tokio::time::timeout(Duration::from_millis(300), flood).await;
            streams.push(stream);
        }
        (network, events, streams)
    });
    serves(&ada);
}

#[test]
fn a_blocked_peer_stays_out_until_it_is_let_in_again() {
    let (ada, bob) = (settled(5), named("bob"));
    let (_a, _b) = (online(&ada), online(&bob));
    let (peer, _) = address(&bob);
    ada.run(&["peer", "block", &peer.to_string()]).exits(0);
    let line = invitation(&ada, "debian");
    bob.run(&["space", "join", &line]).exits(0);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(ada.json(&["peer", "list"])["peers"].as_array().unwrap().len(), 0);
    ada.run(&["peer", "unblock", &peer.to_string()]).exits(0);
    agree(&ada, &bob, "debian");
}
