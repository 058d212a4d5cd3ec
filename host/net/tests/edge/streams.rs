use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use atlas_net::swarm::{Event, Limits, OpenError, Stream};
use futures_util::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::common::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_streams_meet_a_slow_acceptor_and_none_is_lost_silently() {
    const STREAMS: usize = 3000;
    for transport in [TCP, QUIC] {
        // Fewer places than the other side has openers, so that many are told to come back.
        let narrow = Limits { streams_in_per_peer: 8, ..Limits::default() };
        let mut acceptor = Node::start(atlas_net::swarm::Config { limits: narrow, ..config(&[transport]) }).await;
        let (id, addr) = (acceptor.id(), acceptor.addr());
        let opener = Node::on(&[]).await;
        opener.net.dial(addr).await.unwrap();

        let seen = tokio::spawn(async move {
            let mut seen = HashSet::new();
            while seen.len() < STREAMS {
                let mut stream = acceptor.inbound().await;
                let mut number = [0; 4];
                stream.read_exact(&mut number).await.unwrap();
                assert!(seen.insert(u32::from_le_bytes(number)), "each once");
                if seen.len() % 10 == 0 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                stream.write_all(&number).await.unwrap();
                stream.close().await.unwrap();
            }
            acceptor
        });
        let next = Arc::new(AtomicUsize::new(0));
        let busy = Arc::new(AtomicUsize::new(0));
        let openers: Vec<_> = (0..48)
            .map(|_| {
                let (net, next, busy) = (opener.net.clone(), next.clone(), busy.clone());
                tokio::spawn(async move {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= STREAMS {
                            return;
                        }
                        let mut stream = loop {
                            match net.open(id, BULK).await {
                                Ok(stream) => break stream,
                                Err(OpenError::Busy(_)) => {
                                    busy.fetch_add(1, Ordering::Relaxed);
                                    tokio::time::sleep(Duration::from_millis(5)).await;
                                }
                                Err(error) => panic!("{error}"),
                            }
                        };
                        // What was opened is answered.
                        let number = (number as u32).to_le_bytes();
                        stream.write_all(&number).await.unwrap();
                        let mut answer = Vec::new();
                        stream.read_to_end(&mut answer).await.unwrap();
                        assert_eq!(answer, number);
                    }
                })
            })
            .collect();
        for opener in openers {
            within("an opener", opener).await.unwrap();
        }
        within("the acceptor", seen).await.unwrap();
        assert!(busy.load(Ordering::Relaxed) > 0, "the acceptor was not slow enough to show anything");
    }
}

#[tokio::test]
async fn an_unknown_protocol_is_named() {
    let server = Node::on(&[TCP]).await;
    let (client, _events) = atlas_net::swarm::Network::start(config(&[]), &["/test/other/1"]).unwrap();
    let error = client.open(server.id(), "/test/other/1").await.unwrap_err();
    assert!(matches!(error, OpenError::NotConnected(_)), "{error}");
    client.dial(server.addr()).await.unwrap();
    let error = client.open(server.id(), "/test/other/1").await.unwrap_err();
    assert!(matches!(error, OpenError::NotSpoken { .. }), "{error}");
    let error = client.open(server.id(), ECHO).await.unwrap_err();
    assert!(matches!(error, OpenError::Unknown(_)), "{error}");
}

/// Writes until it is told to stop, or the other side takes no more.
async fn write_only(stream: &mut Stream, bytes: usize) -> usize {
    let mut written = 0;
    let chunk = vec![1; 64 * 1024];
    let _ = tokio::time::timeout(Duration::from_secs(2), async {
        while written < bytes {
            written += stream.write(&chunk).await.unwrap();
        }
    })
    .await;
    written
}

/// Over yamux, rust-libp2p#5410: both sides write and neither reads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writing_without_reading_stops_that_stream_and_nothing_else() {
    const BYTES: usize = 64 << 20;
    for transport in [TCP, QUIC] {
        let mut left = Node::on(&[transport]).await;
        let right = Node::on(&[]).await;
        let id = left.id();
        right.net.dial(left.addr()).await.unwrap();

        // Four at once, so that the socket itself is full and not only a stream's window.
        let mut blocked = Vec::new();
        for _ in 0..4 {
            let mut near = right.net.open(id, BULK).await.unwrap();
            let mut far = left.inbound().await;
            blocked.push(tokio::spawn(async move {
                let written = futures_util::join!(write_only(&mut near, BYTES), write_only(&mut far, BYTES));
                (near, far, written)
            }));
        }
        let mut held = Vec::new();
        for task in blocked {
            let (near, far, (there, back)) = within("the writers stop or are stopped", task).await.unwrap();
            assert!(there < BYTES && back < BYTES, "the window is bounded: {there}, {back}");
            held.push((near, far));
        }

        // Others go on: streams of the same connection, and connections of the same swarm.
        let left = left.echo();
        says_the_same(&right.net, id, &vec![3; 1 << 20]).await;
        let third = Node::on(&[]).await;
        third.net.dial(left.listening()[0].clone()).await.unwrap();
        says_the_same(&third.net, id, b"still there").await;

        // Reading is all it takes to go on.
        let (mut near, mut far) = held.pop().unwrap();
        let (mut buffer, mut read) = (vec![0; 64 * 1024], 0);
        let reader = async {
            while read < 2 << 20 {
                read += near.read(&mut buffer).await.unwrap();
            }
        };
        let writer = async {
            loop {
                far.write_all(&[2; 64 * 1024]).await.unwrap();
            }
        };
        within("a reader", async {
            tokio::select! { _ = reader => {}, () = writer => {} }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn split_halves_carry_bulk_in_both_directions_at_once() {
    const BYTES: u64 = 48 << 20;
    for transport in [TCP, QUIC] {
        let mut left = Node::on(&[transport]).await;
        let right = Node::on(&[]).await;
        right.net.dial(left.addr()).await.unwrap();
        let mut tasks = Vec::new();
        for _ in 0..2 {
            let near = right.net.open(left.id(), BULK).await.unwrap();
            let far = left.inbound().await;
            for stream in [near, far] {
                let (mut read, mut write) = stream.split();
                tasks.push(tokio::spawn(async move {
                    let mut left = BYTES;
                    let chunk = vec![5; 64 * 1024];
                    while left > 0 {
                        write.write_all(&chunk).await.unwrap();
                        left -= chunk.len() as u64;
                    }
                    write.close().await.unwrap();
                    BYTES
                }));
                tasks.push(tokio::spawn(async move {
                    futures_util::io::copy(&mut read, &mut futures_util::io::sink()).await.unwrap()
                }));
            }
        }
        for task in tasks {
            assert_eq!(within("bulk", task).await.unwrap(), BYTES);
        }
        assert!(right.net.traffic().received >= 2 * BYTES && right.net.traffic().sent >= 2 * BYTES);
    }
}

#[tokio::test]
async fn a_peer_is_reported_before_its_streams_are() {
    let mut server = Node::on(&[TCP]).await;
    for _ in 0..20 {
        let client = Node::on(&[]).await;
        client.net.dial(server.addr()).await.unwrap();
        let _stream = client.net.open(server.id(), ECHO).await.unwrap();
        let mut connected = false;
        server
            .until("a stream", |event| match event {
                Event::Connected { peer, .. } if peer == client.id() => {
                    connected = true;
                    None
                }
                Event::Inbound { peer, .. } if peer == client.id() => Some(()),
                _ => None,
            })
            .await;
        assert!(connected);
        client.net.shutdown().await;
    }
}
