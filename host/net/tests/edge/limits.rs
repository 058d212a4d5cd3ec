use std::time::Duration;

use atlas_net::swarm::{Config, DialError, Event, Limits, Refusal};
use futures_util::StreamExt as _;
use libp2p::{StreamProtocol, SwarmBuilder, tcp, tls, yamux};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::common::*;

#[tokio::test]
async fn a_blocked_peer_is_left_and_let_in_no_more() {
    let node = Node::on(&[TCP]).await;
    let other = Node::on(&[TCP]).await;
    other.net.dial(node.addr()).await.unwrap();
    eventually("connected", async || node.net.is_connected(&other.id())).await;

    node.net.block(other.id()).await;
    eventually("left", async || !node.net.is_connected(&other.id()) && !other.net.is_connected(&node.id())).await;
    let _ = other.net.dial(node.addr()).await;
    eventually("refused", async || node.net.refusals().blocked >= 1).await;
    eventually("not connected", async || !other.net.is_connected(&node.id())).await;
    let error = node.net.dial(other.addr()).await.unwrap_err();
    assert!(matches!(&error, DialError::Refused(Refusal::Blocked(peer)) if *peer == other.id()), "{error}");

    node.net.unblock(other.id()).await;
    node.net.dial(other.addr()).await.unwrap();
    assert!(node.net.is_connected(&other.id()));
}

#[tokio::test]
async fn the_connection_too_many_is_refused_and_counted() {
    let cases = [
        Limits { established_in: 2, ..Limits::default() },
        Limits { per_subnet: 2, local_exempt: false, ..Limits::default() },
        Limits { memory: Some(1), ..Limits::default() },
    ];
    for (case, limits) in cases.into_iter().enumerate() {
        let room = if case == 2 { 0 } else { 2 };
        let node = Node::start(Config { limits, ..config(&[TCP]) }).await;
        let mut others = Vec::new();
        for n in 0..4 {
            let other = Node::on(&[]).await;
            let _ = within("a dial", other.net.dial(node.addr())).await;
            others.push(other);
            if n < room {
                eventually("let in", async || node.net.peers().len() == n + 1).await;
            }
        }
        eventually("the rest is refused", async || {
            let refusals = node.net.refusals();
            [refusals.full, refusals.subnet, refusals.memory][case] >= (4 - room) as u64
        })
        .await;
        eventually("and knows it", async || {
            others.iter().filter(|other| other.net.is_connected(&node.id())).count() == room
        })
        .await;
        assert_eq!(node.net.peers().len(), room);

        // A place that becomes free is given away.
        if room > 0 {
            others[0].net.shutdown().await;
            let last = others.pop().unwrap();
            eventually("a place is free", async || {
                let _ = last.net.dial(node.addr()).await;
                node.net.is_connected(&last.id())
            })
            .await;
        }
    }
}

#[tokio::test]
async fn a_program_that_does_not_keep_up_is_not_buried() {
    let limits = Limits { backlog: 6, ..Limits::default() };
    let mut node = Node::start(Config { limits, ..config(&[TCP]) }).await;
    let mut others = Vec::new();
    for _ in 0..12 {
        let other = Node::on(&[]).await;
        let _ = within("a dial", other.net.dial(node.addr())).await;
        others.push(other);
    }
    eventually("refused", async || node.net.refusals().behind >= 1).await;
    assert!(node.net.peers().len() < 12);
    // Once it has caught up, everybody is welcome.
    let last = others.last().unwrap();
    eventually("let in", async || {
        while tokio::time::timeout(Duration::from_millis(1), node.events.next()).await.is_ok() {}
        let _ = last.net.dial(node.addr()).await;
        node.net.is_connected(&last.id())
    })
    .await;
}

#[tokio::test]
async fn garbage_and_silence_are_cut_off_and_harm_nobody() {
    let limits = Limits { handshake: Duration::from_secs(2), pending_in: 16, ..Limits::default() };
    let node = Node::start(Config { limits, ..config(&[TCP]) }).await;
    let (addr, id) = (node.addr(), node.id());
    let port: u16 = addr.to_string().split('/').nth(4).unwrap().parse().unwrap();
    let net = node.echo();

    let mut sockets = Vec::new();
    for n in 0..12_u8 {
        let mut socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let words: Vec<u8> = match n % 4 {
            // Says nothing at all.
            0 => Vec::new(),
            // The beginning of the negotiation, and then nothing.
            1 => b"\x13/multistream/1.0.0\n".to_vec(),
            2 => (0..50_000).map(|_| rand::random()).collect(),
            _ => b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        };
        // It may be cut off while it speaks.
        let _ = socket.write_all(&words).await;
        sockets.push(socket);
    }
    // Honest peers come in meanwhile, and afterwards.
    let honest = Node::on(&[]).await;
    honest.net.dial(addr.clone()).await.unwrap();
    says_the_same(&honest.net, id, b"hello").await;
    for mut socket in sockets {
        let mut rest = Vec::new();
        // The end, or a reset: in any case not for ever.
        let _ = within("cut off", socket.read_to_end(&mut rest)).await;
    }
    eventually("counted", async || net.refusals().handshake >= 12).await;
    says_the_same(&honest.net, id, b"still here").await;
    assert_eq!(net.peers().len(), 1);
}

#[tokio::test]
async fn silent_sockets_hold_no_more_places_than_there_are() {
    let limits = Limits { handshake: Duration::from_secs(3), pending_in: 8, ..Limits::default() };
    let node = Node::start(Config { limits, ..config(&[TCP]) }).await;
    let port: u16 = node.addr().to_string().split('/').nth(4).unwrap().parse().unwrap();
    let mut sockets = Vec::new();
    for _ in 0..40 {
        sockets.push(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
    }
    eventually("the excess is refused at once", async || node.net.refusals().full >= 32).await;
    eventually("the rest in time", async || node.net.refusals().handshake >= 8).await;
    let honest = Node::on(&[]).await;
    honest.net.dial(node.addr()).await.unwrap();
    assert!(honest.net.is_connected(&node.id()));
}

#[tokio::test]
async fn endless_streams_of_one_peer_leave_room_for_others() {
    const PLACES: usize = 8;
    let limits = Limits { streams_in_per_peer: PLACES, ..Limits::default() };
    let mut node = Node::start(Config { limits, ..config(&[TCP]) }).await;
    let (addr, id) = (node.addr(), node.id());

    // Another program, which knows nothing of being admitted, and lets go of no stream.
    let mut greedy = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default(), tls::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(|_| libp2p_stream::Behaviour::new())
        .unwrap()
        .build();
    let (greedy_id, mut control) = (*greedy.local_peer_id(), greedy.behaviour().new_control());
    greedy.dial(addr.clone()).unwrap();
    tokio::spawn(async move {
        loop {
            greedy.select_next_some().await;
        }
    });
    let mut held = Vec::new();
    for _ in 0..300 {
        let stream = within("a stream", control.open_stream(id, StreamProtocol::new(BULK))).await;
        held.push(stream.unwrap());
    }

    let honest = Node::on(&[]).await;
    honest.net.dial(addr).await.unwrap();
    let opened = within("opening", honest.net.open(id, ECHO)).await.unwrap();
    let mut streams = Vec::new();
    node.until("the honest peer's stream", |event| match event {
        Event::Inbound { peer, stream, .. } => {
            streams.push(stream);
            (peer == honest.id()).then_some(())
        }
        _ => None,
    })
    .await;
    assert_eq!(streams.iter().filter(|stream| stream.peer() == greedy_id).count(), PLACES);
    drop(opened);
    // What is let go of is a place again.
    drop(streams);
    control.open_stream(id, StreamProtocol::new(BULK)).await.unwrap();
    let stream = node.inbound().await;
    assert_eq!(stream.peer(), greedy_id);
}
