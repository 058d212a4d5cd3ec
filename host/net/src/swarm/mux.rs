//! yamux over a socket that cannot stop it from reading.
//!
//! The multiplexer keeps one slot for an answer that it owes, a pong, and does not read on
//! while the slot is full. Two nodes that send to each other as fast as they can fill both
//! sockets; if both then owe a pong, neither reads, neither can write, and the connection
//! stands still until something times out. The socket here takes a little more than it can
//! send, once it sees that nothing is being read while it is blocked: the pong leaves the slot,
//! reading goes on, and with it everything else.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::io::{AsyncRead, AsyncWrite};
use libp2p::core::upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade, UpgradeInfo};
use libp2p::yamux;
use tokio::time::{Sleep, sleep};

/// How long a blocked writer may go without reading before the socket takes what it offers.
const STUCK: Duration = Duration::from_millis(250);
/// Bytes that are taken beyond what the socket sends: thousands of pongs, or a few frames of
/// data, of which none is offered while a pong is owed.
const MOST_EXTRA: usize = 256 * 1024;

/// The multiplexer of connections that have none of their own.
#[derive(Clone)]
pub(super) struct Mux(yamux::Config);

impl Mux {
    /// With at most so many streams, in both directions together.
    pub(super) fn new(streams: usize) -> Self {
        let mut config = yamux::Config::default();
        config.set_max_num_streams(streams);
        Self(config)
    }
}

impl UpgradeInfo for Mux {
    type Info = &'static str;
    type InfoIter = <yamux::Config as UpgradeInfo>::InfoIter;

    fn protocol_info(&self) -> Self::InfoIter {
        self.0.protocol_info()
    }
}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> InboundConnectionUpgrade<T> for Mux {
    type Output = <yamux::Config as InboundConnectionUpgrade<Yielding<T>>>::Output;
    type Error = <yamux::Config as InboundConnectionUpgrade<Yielding<T>>>::Error;
    type Future = <yamux::Config as InboundConnectionUpgrade<Yielding<T>>>::Future;

    fn upgrade_inbound(self, socket: T, info: Self::Info) -> Self::Future {
        self.0.upgrade_inbound(Yielding::new(socket), info)
    }
}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> OutboundConnectionUpgrade<T> for Mux {
    type Output = <yamux::Config as OutboundConnectionUpgrade<Yielding<T>>>::Output;
    type Error = <yamux::Config as OutboundConnectionUpgrade<Yielding<T>>>::Error;
    type Future = <yamux::Config as OutboundConnectionUpgrade<Yielding<T>>>::Future;

    fn upgrade_outbound(self, socket: T, info: Self::Info) -> Self::Future {
        self.0.upgrade_outbound(Yielding::new(socket), info)
    }
}

/// A socket that yields when its writer is stuck.
pub(super) struct Yielding<T> {
    inner: T,
    /// Taken and not sent yet, before anything that is written later.
    extra: Vec<u8>,
    /// How much of `extra` has been sent.
    sent: usize,
    /// Runs while a write is blocked and nothing was read since.
    stuck: Option<Pin<Box<Sleep>>>,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Yielding<T> {
    fn new(inner: T) -> Self {
        Self { inner, extra: Vec::new(), sent: 0, stuck: None }
    }

    /// Sends what was taken beyond the socket's measure.
    fn poll_extra(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.extra.len() {
            match ready!(Pin::new(&mut self.inner).poll_write(cx, &self.extra[self.sent..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => self.sent += sent,
            }
        }
        self.extra = Vec::new();
        self.sent = 0;
        Poll::Ready(Ok(()))
    }

    /// A write is blocked. Takes the bytes if that has been so for too long.
    fn blocked(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let room = MOST_EXTRA.saturating_sub(self.extra.len() - self.sent);
        if room == 0 {
            return Poll::Pending;
        }
        let stuck = self.stuck.get_or_insert_with(|| Box::pin(sleep(STUCK)));
        ready!(stuck.as_mut().poll(cx));
        self.stuck = None;
        self.extra.drain(..self.sent);
        self.sent = 0;
        let taken = buf.len().min(room);
        self.extra.extend_from_slice(&buf[..taken]);
        Poll::Ready(Ok(taken))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Yielding<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        // Who reads is not stuck.
        self.stuck = None;
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Yielding<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let sent = match this.poll_extra(cx)? {
            Poll::Ready(()) => Pin::new(&mut this.inner).poll_write(cx, buf)?,
            Poll::Pending => Poll::Pending,
        };
        match sent {
            Poll::Ready(sent) => {
                this.stuck = None;
                Poll::Ready(Ok(sent))
            }
            Poll::Pending => this.blocked(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_extra(cx))?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_extra(cx))?;
        Pin::new(&mut self.inner).poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use libp2p::core::muxing::{StreamMuxer, StreamMuxerExt as _};
    use tokio::io::duplex;

    use super::*;

    /// tokio's in-memory pipe, as futures' traits.
    struct Pipe(tokio::io::DuplexStream);

    impl AsyncRead for Pipe {
        fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
            let mut buf = tokio::io::ReadBuf::new(buf);
            ready!(tokio::io::AsyncRead::poll_read(Pin::new(&mut self.0), cx, &mut buf))?;
            Poll::Ready(Ok(buf.filled().len()))
        }
    }

    impl AsyncWrite for Pipe {
        fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
            tokio::io::AsyncWrite::poll_write(Pin::new(&mut self.0), cx, buf)
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            tokio::io::AsyncWrite::poll_flush(Pin::new(&mut self.0), cx)
        }

        fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            tokio::io::AsyncWrite::poll_shutdown(Pin::new(&mut self.0), cx)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_writer_that_is_stuck_gets_rid_of_a_little_more_and_not_of_everything() {
        let (near, far) = duplex(1000);
        let (mut near, mut far) = (Yielding::new(Pipe(near)), Pipe(far));
        let sent: Vec<u8> = (0..=255).cycle().take(300 * 1024).collect();
        let mut written = 0;
        let stopped = tokio::time::timeout(Duration::from_secs(60), async {
            while written < sent.len() {
                written += near.write(&sent[written..]).await.unwrap();
            }
        });
        stopped.await.unwrap_err();
        assert_eq!(written, 1000 + MOST_EXTRA);

        // What was taken arrives first, and in order.
        let reader = tokio::spawn(async move {
            let mut read = Vec::new();
            far.read_to_end(&mut read).await.unwrap();
            read
        });
        near.write_all(&sent[written..]).await.unwrap();
        near.close().await.unwrap();
        drop(near);
        assert!(reader.await.unwrap() == sent);
    }

    #[tokio::test(start_paused = true)]
    async fn a_writer_that_reads_meanwhile_is_only_slow() {
        let (near, far) = duplex(1000);
        let (mut near, mut far) = (Yielding::new(Pipe(near)), Pipe(far));
        near.write_all(&[7; 1000]).await.unwrap();
        for _ in 0..100 {
            far.write_all(&[1]).await.unwrap();
            // One poll of each, as the multiplexer does: blocked, but reading.
            let blocked = std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut near).poll_write(cx, &[8]).is_pending()));
            assert!(blocked.await);
            near.read_exact(&mut [0]).await.unwrap();
            tokio::time::sleep(STUCK / 2).await;
        }
        assert!(near.extra.is_empty());
    }

    const LENGTH: usize = 100_000;

    /// One end of a connection, which sends and receives as fast as it can.
    struct End<M: StreamMuxer> {
        muxer: M,
        out: Option<M::Substream>,
        inbound: Option<M::Substream>,
        written: usize,
        read: usize,
    }

    impl<M: StreamMuxer<Substream: Unpin> + Unpin> End<M> {
        fn new(muxer: M) -> Self {
            Self { muxer, out: None, inbound: None, written: 0, read: 0 }
        }

        fn poll(&mut self, cx: &mut Context<'_>) {
            if self.out.is_none()
                && let Poll::Ready(Ok(stream)) = self.muxer.poll_outbound_unpin(cx)
            {
                self.out = Some(stream);
            }
            let mut buffer = [0; 16 * 1024];
            loop {
                let before = (self.written, self.read, self.inbound.is_some());
                if let Some(out) = &mut self.out
                    && self.written < LENGTH
                    && let Poll::Ready(sent) = Pin::new(out).poll_write(cx, &vec![1; LENGTH - self.written])
                {
                    self.written += sent.unwrap();
                }
                let _ = self.muxer.poll_unpin(cx);
                if let Poll::Ready(Ok(stream)) = self.muxer.poll_inbound_unpin(cx) {
                    self.inbound = Some(stream);
                }
                if let Some(inbound) = &mut self.inbound
                    && let Poll::Ready(read) = Pin::new(inbound).poll_read(cx, &mut buffer)
                {
                    self.read += read.unwrap();
                }
                if before == (self.written, self.read, self.inbound.is_some()) {
                    return;
                }
            }
        }

        fn is_done(&self) -> bool {
            self.written == LENGTH && self.read == LENGTH
        }
    }

    /// Whether two ends that both only want to send get done, over a pipe that holds little.
    async fn gets_done<U, M>(upgrade: U) -> bool
    where
        M: StreamMuxer<Substream: Unpin> + Unpin,
        U: InboundConnectionUpgrade<Pipe, Output = M, Error = io::Error>
            + OutboundConnectionUpgrade<Pipe, Output = M, Error = io::Error>
            + UpgradeInfo<Info = &'static str>
            + Clone,
    {
        let (near, far) = duplex(1000);
        let mut near = End::new(upgrade.clone().upgrade_outbound(Pipe(near), "").await.unwrap());
        let mut far = End::new(upgrade.upgrade_inbound(Pipe(far), "").await.unwrap());
        let exchange = std::future::poll_fn(|cx| {
            near.poll(cx);
            far.poll(cx);
            if near.is_done() && far.is_done() { Poll::Ready(()) } else { Poll::Pending }
        });
        // The clock stands still unless nothing else can happen.
        tokio::time::timeout(Duration::from_secs(600), exchange).await.is_ok()
    }

    /// If the first half fails, the multiplexer has learnt it, and this module can go.
    #[tokio::test(start_paused = true)]
    async fn two_that_both_owe_a_pong_stand_still_over_a_plain_socket_and_go_on_over_this_one() {
        assert!(!gets_done(yamux::Config::default()).await);
        assert!(gets_done(Mux::new(16)).await);
    }
}
