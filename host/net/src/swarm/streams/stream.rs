//! A stream as the rest of the program holds it: bytes in both directions, and what it takes
//! up, given back when it is dropped.

use std::io::{self, IoSlice, IoSliceMut};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::io::{AsyncRead, AsyncWrite};
use libp2p::PeerId;
use tokio::sync::OwnedSemaphorePermit;

use super::registry::Place;

/// A stream to a peer.
///
/// Both directions have a window of their own, which the reader opens. **Who writes much has to
/// read at the same time**: if both sides only write, both wait for ever, as over a pipe. Split
/// it (`futures_util::AsyncReadExt::split`), and give either half to a task or to one side of a
/// `join`. The other streams of the connection go on in any case.
///
/// Dropping it without [`close`](AsyncWrite::poll_close) tells the other side that something
/// went wrong.
pub struct Stream {
    /// Boxed, for it is large, and a stream travels through channels.
    inner: Box<libp2p::Stream>,
    peer: PeerId,
    protocol: &'static str,
    relayed: bool,
    _held: Held,
}

/// What a stream takes up.
pub(super) enum Held {
    /// A place among those that a peer has here.
    In(#[expect(dead_code, reason = "held for its drop")] Place),
    /// A place among those that this node has at a peer.
    Out(#[expect(dead_code, reason = "held for its drop")] OwnedSemaphorePermit),
}

impl Stream {
    pub(super) fn new(inner: libp2p::Stream, peer: PeerId, protocol: &'static str, relayed: bool, held: Held) -> Self {
        Self { inner: Box::new(inner), peer, protocol, relayed, _held: held }
    }

    /// Who is at the other end.
    pub fn peer(&self) -> PeerId {
        self.peer
    }

    /// What is spoken.
    pub fn protocol(&self) -> &'static str {
        self.protocol
    }

    /// Whether it runs through a relay, which carries little and ends soon.
    pub fn is_relayed(&self) -> bool {
        self.relayed
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("peer", &self.peer).field("protocol", &self.protocol).finish_non_exhaustive()
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.inner).poll_read(cx, buf)
    }

    fn poll_read_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.inner).poll_read_vectored(cx, bufs)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.inner).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.inner).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.inner).poll_close(cx)
    }
}
