use std::time::Duration;

use atlas_net::swarm::{Config, DialError, Event, Network, OpenError};

use crate::common::*;

/// Threads of this process that belong to a network.
fn threads_of(net: &Network) -> usize {
    let id = net.peer_id().to_string();
    let mark = &id[id.len() - 8..];
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    tasks
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
        .filter(|name| name.trim_end().ends_with(mark))
        .count()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_shutdown_ends_every_thread_and_says_goodbye() {
    let mut other = Node::on(&[TCP]).await;
    for busy in [false, true] {
        let mut node = Node::on(&[TCP, QUIC]).await;
        node.net.dial(other.addr()).await.unwrap();
        let stream = node.net.open(other.id(), ECHO).await.unwrap();
        assert!(threads_of(&node.net) >= 2);
        if !busy {
            drop(stream);
        }
        within("a shutdown", node.net.shutdown()).await;
        eventually("no thread is left", async || threads_of(&node.net) == 0).await;
        let id = node.id();
        other.until("goodbye", |event| matches!(event, Event::Disconnected { peer } if peer == id).then_some(())).await;
        // What is asked afterwards is answered, and the events end.
        assert!(matches!(node.net.dial(other.addr()).await, Err(DialError::Down)));
        assert!(matches!(node.net.open(other.id(), ECHO).await, Err(OpenError::Down)));
        node.net.shutdown().await;
        within("the events end", async { while node.events.next().await.is_some() {} }).await;
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_network_that_nobody_holds_ends() {
    let node = Node::on(&[TCP]).await;
    let address = node.net.listening()[0].clone();
    let Node { net, mut events } = node;
    drop(net);
    within("the events end", async { while events.next().await.is_some() {} }).await;
    let other = Node::on(&[]).await;
    eventually("nobody listens there", async || other.net.dial(address.clone()).await.is_err()).await;
}

#[tokio::test]
async fn a_known_node_is_found_again_after_it_was_away() {
    let secret = key();
    let hub = Node::start(Config { key: secret.clone(), ..config(&[TCP]) }).await;
    let (addr, id, place) = (hub.addr(), hub.id(), hub.net.listening()[0].to_string());
    let node = Node::start(Config { known: vec![addr], ..config(&[]) }).await;
    eventually("connected", async || node.net.is_connected(&id)).await;
    hub.net.shutdown().await;
    eventually("gone", async || !node.net.is_connected(&id)).await;
    let _hub = Node::start(Config { key: secret, ..config(&[&place]) }).await;
    eventually("back", async || node.net.is_connected(&id)).await;
}

#[tokio::test]
async fn a_restarted_node_remembers_where_others_are() {
    let folder = tempfile::tempdir().unwrap();
    let state = || Some(folder.path().join("net"));
    let hub = Node::on(&[TCP]).await;
    let secret = key();
    let node = Node::start(Config { key: secret.clone(), state_dir: state(), ..config(&[]) }).await;
    node.net.dial(hub.addr()).await.unwrap();
    let id = node.id();
    node.net.shutdown().await;

    let node = Node::start(Config { key: secret, state_dir: state(), ..config(&[]) }).await;
    assert_eq!(node.id(), id);
    let book = node.net.book().await;
    assert!(book.get(&hub.id()).unwrap().succeeded.is_some());
    node.net.connect(hub.id(), vec![]).await.unwrap();
    node.net.forget(hub.id()).await;
    assert!(node.net.book().await.get(&hub.id()).is_none());

    // A damaged file is left for a person to look at.
    node.net.shutdown().await;
    std::fs::write(folder.path().join("net/peers.cbor"), b"damaged").unwrap();
    let error = Network::start(Config { state_dir: state(), ..config(&[]) }, &[ECHO]).err().unwrap();
    assert!(error.to_string().contains("peers.cbor is damaged"), "{error}");
}

#[tokio::test]
async fn an_idle_connection_ends_and_a_used_one_does_not() {
    let idle = Duration::from_millis(300);
    let server = Node::start(Config { idle, ..config(&[TCP]) }).await;
    let used = Node::start(Config { idle, ..config(&[]) }).await;
    let unused = Node::start(Config { idle, ..config(&[]) }).await;
    used.net.dial(server.addr()).await.unwrap();
    let _stream = used.net.open(server.id(), ECHO).await.unwrap();
    unused.net.dial(server.addr()).await.unwrap();
    eventually("the idle one is gone", async || !server.net.is_connected(&unused.id())).await;
    assert!(server.net.is_connected(&used.id()));
}
