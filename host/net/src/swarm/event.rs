//! What the network reports. One consumer; it may be slow.
//!
//! The queue has no fixed length, and is bounded all the same: inbound streams are counted
//! before they are queued and refused beyond a limit, new inbound connections are refused while
//! too much waits, and discoveries are dropped then, as the address book keeps them.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use libp2p::{Multiaddr, PeerId};
use tokio::sync::mpsc;

use super::{Reachability, Stream};

/// How a node was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// It said so itself, while connected.
    Identify,
    /// Others said so.
    Dht,
    /// On the local network.
    Mdns,
    /// Somebody gave the address to this node: a person, an invitation.
    Given,
}

/// Something happened.
#[derive(Debug)]
pub enum Event {
    /// The first connection to a peer.
    Connected {
        /// The peer.
        peer: PeerId,
        /// Its address, as seen from here.
        addr: Multiaddr,
        /// Through a relay: good for signalling, not for data.
        relayed: bool,
        /// Whether this node dialed.
        dialer: bool,
    },
    /// The last connection to a peer is gone, and with it every stream.
    Disconnected {
        /// The peer.
        peer: PeerId,
    },
    /// A peer that was connected through a relay only has a direct connection now. Streams that
    /// are open stay where they are, and end with the relay's limits: open new ones.
    Upgraded {
        /// The peer.
        peer: PeerId,
    },
    /// A node was found. It may be connected already.
    Discovered {
        /// The node.
        peer: PeerId,
        /// Where it may be.
        addrs: Vec<Multiaddr>,
        /// How it was found.
        how: How,
    },
    /// A peer has opened a stream.
    Inbound {
        /// The peer.
        peer: PeerId,
        /// Which of the network's protocols.
        protocol: &'static str,
        /// The stream.
        stream: Stream,
    },
    /// Whether strangers can reach this node has changed.
    Reachability(Reachability),
    /// This node listens here now.
    Listening(Multiaddr),
    /// A relay carries this node's signalling: it can be reached at `addr`.
    RelayReserved {
        /// The relay.
        relay: PeerId,
        /// This node's address there.
        addr: Multiaddr,
    },
    /// A relay does so no longer.
    RelayLost {
        /// The relay.
        relay: PeerId,
        /// Why.
        why: String,
    },
}

/// The events of one network.
#[derive(Debug)]
pub struct Events {
    queue: mpsc::UnboundedReceiver<Event>,
    waiting: Arc<AtomicUsize>,
}

/// Where events come from. Cloned into every connection.
#[derive(Debug, Clone)]
pub(super) struct Outbox {
    queue: mpsc::UnboundedSender<Event>,
    waiting: Arc<AtomicUsize>,
    most: usize,
}

/// An outbox and the events that come out of it. `most` may wait before the network holds back.
pub(super) fn channel(most: usize) -> (Outbox, Events) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    (Outbox { queue: sender, waiting: waiting.clone(), most }, Events { queue: receiver, waiting })
}

impl Events {
    /// The next event. `None` after the network was shut down and everything was taken.
    pub async fn next(&mut self) -> Option<Event> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let event = self.queue.poll_recv(cx);
        if matches!(event, Poll::Ready(Some(_))) {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        event
    }
}

impl futures_util::Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.poll(cx)
    }
}

impl Outbox {
    /// Reports. Whether anybody listens.
    pub(super) fn send(&self, event: Event) -> bool {
        if matches!(event, Event::Discovered { .. }) && self.full() {
            return true;
        }
        // Counted first, so that the consumer never counts below zero.
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let sent = self.queue.send(event).is_ok();
        if !sent {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        sent
    }

    /// Whether the consumer is too far behind for anything that can be refused.
    pub(super) fn full(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) >= self.most
    }
}
