//! Counts bytes, in total and for each peer.
//!
//! Counted is what streams carry, those of libp2p's own protocols included, inside encryption:
//! the same for TCP and QUIC. Framing, encryption and acknowledgements add a few percent, and
//! handshakes about 3 kB for each connection.

use std::collections::HashMap;
use std::io::{self, IoSlice, IoSliceMut};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, ready};

use futures_util::io::{AsyncRead, AsyncWrite};
use libp2p::PeerId;
use libp2p::core::StreamMuxer;
use libp2p::core::muxing::StreamMuxerEvent;

/// Bytes since the network was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Received.
    pub received: u64,
    /// Sent.
    pub sent: u64,
}

/// Counts everything.
#[derive(Default)]
pub(super) struct Meter {
    total: Arc<Count>,
    /// As long as a peer has a connection, which holds its count.
    peers: Mutex<HashMap<PeerId, Weak<Count>>>,
}

#[derive(Default)]
struct Count {
    received: AtomicU64,
    sent: AtomicU64,
}

impl Count {
    fn read(&self) -> Traffic {
        Traffic { received: self.received.load(Ordering::Relaxed), sent: self.sent.load(Ordering::Relaxed) }
    }
}

/// Where one connection's bytes are counted.
#[derive(Clone)]
struct Tally {
    total: Arc<Count>,
    peer: Arc<Count>,
}

impl Tally {
    fn received(&self, bytes: usize) {
        self.total.received.fetch_add(bytes as u64, Ordering::Relaxed);
        self.peer.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn sent(&self, bytes: usize) {
        self.total.sent.fetch_add(bytes as u64, Ordering::Relaxed);
        self.peer.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl Meter {
    pub(super) fn total(&self) -> Traffic {
        self.total.read()
    }

    pub(super) fn peer(&self, peer: &PeerId) -> Traffic {
        self.lock().get(peer).and_then(Weak::upgrade).map_or_else(Traffic::default, |count| count.read())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PeerId, Weak<Count>>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tally(&self, peer: PeerId) -> Tally {
        let mut peers = self.lock();
        if peers.len() >= 64 && peers.len().is_power_of_two() {
            peers.retain(|_, count| count.strong_count() > 0);
        }
        let entry = peers.entry(peer).or_default();
        let count = entry.upgrade().unwrap_or_default();
        *entry = Arc::downgrade(&count);
        Tally { total: self.total.clone(), peer: count }
    }

    /// Counts what a connection's streams carry.
    pub(super) fn count<M>(&self, peer: PeerId, muxer: M) -> Counted<M> {
        Counted { inner: muxer, tally: self.tally(peer) }
    }
}

/// A connection, or one of its streams, that is counted.
pub(super) struct Counted<T> {
    inner: T,
    tally: Tally,
}

impl<M: StreamMuxer + Unpin> Counted<M> {
    fn inner(self: Pin<&mut Self>) -> Pin<&mut M> {
        Pin::new(&mut self.get_mut().inner)
    }
}

impl<M: StreamMuxer<Substream: Unpin> + Unpin> StreamMuxer for Counted<M> {
    type Substream = Counted<M::Substream>;
    type Error = M::Error;

    fn poll_inbound(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Self::Substream, M::Error>> {
        let tally = self.tally.clone();
        Poll::Ready(Ok(Counted { inner: ready!(self.inner().poll_inbound(cx))?, tally }))
    }

    fn poll_outbound(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Self::Substream, M::Error>> {
        let tally = self.tally.clone();
        Poll::Ready(Ok(Counted { inner: ready!(self.inner().poll_outbound(cx))?, tally }))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), M::Error>> {
        self.inner().poll_close(cx)
    }

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<StreamMuxerEvent, M::Error>> {
        self.inner().poll(cx)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let read = ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        self.tally.received(read);
        Poll::Ready(Ok(read))
    }

    fn poll_read_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let read = ready!(Pin::new(&mut self.inner).poll_read_vectored(cx, bufs))?;
        self.tally.received(read);
        Poll::Ready(Ok(read))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, buf))?;
        self.tally.sent(written);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write_vectored(cx, bufs))?;
        self.tally.sent(written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}
