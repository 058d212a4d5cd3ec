//! Which connections there are to open streams on, and how many streams each side may hold.
//! Shared between the handle, which opens, and the connections, which accept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use libp2p::PeerId;
use libp2p::swarm::ConnectionId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::super::{Limits, OpenError};
use super::Stream;

/// A stream that somebody waits for.
pub(super) struct Wanted {
    pub(super) protocol: &'static str,
    pub(super) permit: OwnedSemaphorePermit,
    pub(super) reply: Reply,
}

pub(super) type Reply = oneshot::Sender<Result<Stream, OpenError>>;

/// The connections of every peer.
#[derive(Clone)]
pub(in super::super) struct Registry {
    peers: Arc<Mutex<HashMap<PeerId, Peer>>>,
    protocols: Arc<[&'static str]>,
    most_out: usize,
    patience: Duration,
}

struct Peer {
    /// Oldest first.
    lines: Vec<Line>,
    /// Streams that this node may still open to the peer.
    out: Arc<Semaphore>,
}

struct Line {
    connection: ConnectionId,
    relayed: bool,
    wanted: mpsc::UnboundedSender<Wanted>,
}

impl Registry {
    pub(in super::super) fn new(protocols: &[&'static str], limits: &Limits) -> Self {
        Self {
            peers: Arc::default(),
            protocols: protocols.into(),
            most_out: limits.streams_out_per_peer.max(1),
            patience: limits.open,
        }
    }

    pub(super) fn protocols(&self) -> Arc<[&'static str]> {
        self.protocols.clone()
    }

    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PeerId, Peer>> {
        // Every change is one insertion or removal: a panic elsewhere leaves nothing half done.
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, peer: PeerId, connection: ConnectionId, relayed: bool) -> mpsc::UnboundedReceiver<Wanted> {
        // As many wait as there are permits, no more.
        let (wanted, receiver) = mpsc::unbounded_channel();
        let mut peers = self.lock();
        let entry = peers
            .entry(peer)
            .or_insert_with(|| Peer { lines: Vec::new(), out: Arc::new(Semaphore::new(self.most_out)) });
        entry.lines.push(Line { connection, relayed, wanted });
        receiver
    }

    pub(super) fn remove(&self, peer: PeerId, connection: ConnectionId) {
        let mut peers = self.lock();
        if let Some(entry) = peers.get_mut(&peer) {
            entry.lines.retain(|line| line.connection != connection);
            if entry.lines.is_empty() {
                peers.remove(&peer);
            }
        }
    }

    /// Opens a stream, on the youngest direct connection if there is one.
    pub(in super::super) async fn open(&self, peer: PeerId, protocol: &'static str) -> Result<Stream, OpenError> {
        if !self.protocols.contains(&protocol) {
            return Err(OpenError::Unknown(protocol));
        }
        match tokio::time::timeout(self.patience, self.ask(peer, protocol)).await {
            Ok(opened) => opened,
            Err(_) => Err(OpenError::TimedOut(peer)),
        }
    }

    async fn ask(&self, peer: PeerId, protocol: &'static str) -> Result<Stream, OpenError> {
        let out = self.lock().get(&peer).map(|entry| entry.out.clone()).ok_or(OpenError::NotConnected(peer))?;
        let permit = out.acquire_owned().await.map_err(|_| OpenError::NotConnected(peer))?;
        let (reply, answer) = oneshot::channel();
        let line = self.line(peer).ok_or(OpenError::NotConnected(peer))?;
        line.send(Wanted { protocol, permit, reply }).map_err(|_| OpenError::NotConnected(peer))?;
        // The connection drops what is wanted when it ends.
        answer.await.map_err(|_| OpenError::Broken { peer, why: "it was closed".to_owned() })?
    }

    fn line(&self, peer: PeerId) -> Option<mpsc::UnboundedSender<Wanted>> {
        let peers = self.lock();
        let lines = &peers.get(&peer)?.lines;
        let direct = lines.iter().rev().find(|line| !line.relayed);
        direct.or(lines.last()).map(|line| line.wanted.clone())
    }
}

/// The places that peers have here for the streams they open.
#[derive(Clone)]
pub struct Places {
    taken: Arc<Mutex<Taken>>,
    most_per_peer: usize,
    most: usize,
}

#[derive(Default)]
struct Taken {
    by_peer: HashMap<PeerId, usize>,
    total: usize,
}

/// A place that is taken, until this is dropped.
pub struct Place {
    places: Places,
    peer: PeerId,
}

impl Places {
    pub(in super::super) fn new(limits: &Limits) -> Self {
        Self { taken: Arc::default(), most_per_peer: limits.streams_in_per_peer, most: limits.streams_in_total }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn take(&self, peer: PeerId) -> Option<Place> {
        let mut taken = self.lock();
        if taken.total >= self.most {
            return None;
        }
        let of_peer = taken.by_peer.entry(peer).or_default();
        if *of_peer >= self.most_per_peer {
            return None;
        }
        *of_peer += 1;
        taken.total += 1;
        Some(Place { places: self.clone(), peer })
    }

    /// Inbound streams that are alive.
    #[cfg(test)]
    fn total(&self) -> usize {
        self.lock().total
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.total -= 1;
        if let Some(of_peer) = taken.by_peer.get_mut(&self.peer) {
            *of_peer -= 1;
            if *of_peer == 0 {
                taken.by_peer.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_peer_cannot_take_the_places_of_others() {
        let places = Places::new(&Limits { streams_in_per_peer: 2, streams_in_total: 3, ..Limits::default() });
        let (greedy, modest) = (PeerId::random(), PeerId::random());
        let held = [places.take(greedy).unwrap(), places.take(greedy).unwrap()];
        assert!(places.take(greedy).is_none());
        let last = places.take(modest).unwrap();
        assert!(places.take(modest).is_none(), "three in total");
        drop(last);
        drop(held);
        assert_eq!(places.total(), 0);
        assert!(places.lock().by_peer.is_empty(), "nothing is kept of peers that are gone");
        assert!(places.take(greedy).is_some());
    }

    #[tokio::test]
    async fn a_direct_connection_goes_before_a_relayed_one() {
        let registry = Registry::new(&["/a/1"], &Limits::default());
        let peer = PeerId::random();
        let mut lines: Vec<_> = [(1, false), (2, false), (3, true)]
            .map(|(id, relayed)| registry.add(peer, ConnectionId::new_unchecked(id), relayed))
            .into();
        let asked = tokio::spawn({
            let registry = registry.clone();
            async move { registry.open(peer, "/a/1").await }
        });
        let wanted = lines[1].recv().await.unwrap();
        assert!(lines[0].try_recv().is_err() && lines[2].try_recv().is_err());
        drop(wanted);
        assert!(matches!(asked.await.unwrap(), Err(OpenError::Broken { .. })));

        registry.remove(peer, ConnectionId::new_unchecked(1));
        registry.remove(peer, ConnectionId::new_unchecked(2));
        let asked = tokio::spawn({
            let registry = registry.clone();
            async move { registry.open(peer, "/a/1").await }
        });
        drop(lines[2].recv().await.unwrap());
        asked.await.unwrap().unwrap_err();
        registry.remove(peer, ConnectionId::new_unchecked(3));
        assert!(matches!(registry.open(peer, "/a/1").await, Err(OpenError::NotConnected(_))));
        assert!(matches!(registry.open(peer, "/b/1").await, Err(OpenError::Unknown(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_no_place_left_waits_and_then_hears_of_it() {
        let registry = Registry::new(&["/a/1"], &Limits { streams_out_per_peer: 1, ..Limits::default() });
        let peer = PeerId::random();
        let mut line = registry.add(peer, ConnectionId::new_unchecked(1), false);
        let first = tokio::spawn({
            let registry = registry.clone();
            async move { registry.open(peer, "/a/1").await }
        });
        let _held = line.recv().await.unwrap();
        assert!(matches!(registry.open(peer, "/a/1").await, Err(OpenError::TimedOut(_))));
        first.abort();
    }
}
