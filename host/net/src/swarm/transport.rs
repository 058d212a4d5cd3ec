//! How bytes get from one node to another: TCP with TLS, or noise for who does not speak TLS,
//! and yamux over it; QUIC; names; and relays, over which the same is spoken as over TCP.

use std::io;
use std::sync::Arc;

use futures_util::future::{BoxFuture, Either};
use futures_util::io::{AsyncRead, AsyncWrite};
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::{Boxed, OrTransport};
use libp2p::core::upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade, UpgradeInfo, Version};
use libp2p::core::{StreamMuxer, Transport, transport::timeout::TransportTimeout};
use libp2p::identity::Keypair;
use libp2p::{PeerId, dns, noise, quic, relay, tcp, tls};

use super::guard::{Doors, Guard};
use super::mux::Mux;
use super::shared::Shared;
use super::{Limits, NetError};

/// Bytes that wait unread on one QUIC stream. Bounds its speed to this much in a round trip.
const QUIC_STREAM: u32 = 1 << 20;
/// Bytes that wait unread on all streams of a QUIC connection together. As long as fewer than
/// sixteen streams are left unread, the others go on; yamux has no such bound.
const QUIC_CONNECTION: u32 = 16 << 20;

/// Everything that can be dialed, and the relay client that belongs to it.
pub(super) fn build(
    keypair: &Keypair,
    limits: &Limits,
    shared: &Arc<Shared>,
    doors: Doors,
) -> Result<(Boxed<(PeerId, StreamMuxerBox)>, relay::client::Behaviour), NetError> {
    let security = Security::new(keypair)?;
    let mux = Mux::new(limits.muxed());

    // Made anew if the system's name servers cannot be read, for the first one is gone then.
    let by_ip = || {
        let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true))
            .upgrade(Version::V1Lazy)
            .authenticate(security.clone())
            .multiplex(mux.clone())
            .map(counted(shared));
        let mut config = quic::Config::new(keypair);
        config.max_concurrent_stream_limit = limits.muxed() as u32;
        config.handshake_timeout = limits.handshake;
        config.max_stream_data = QUIC_STREAM;
        config.max_connection_data = QUIC_CONNECTION;
        let quic = quic::tokio::Transport::new(config).map(counted(shared));
        OrTransport::new(quic, tcp).map(|either, _| either.into_inner())
    };
    let by_name = match dns::tokio::Transport::system(by_ip()) {
        Ok(transport) => transport,
        Err(error) => {
            tracing::info!(%error, "the system names no name servers: addresses with names will not resolve");
            dns::tokio::Transport::custom(by_ip(), dns::ResolverConfig::default(), dns::ResolverOpts::default())
        }
    };

    let (through_relay, client) = relay::client::new(keypair.public().to_peer_id());
    let through_relay =
        through_relay.upgrade(Version::V1Lazy).authenticate(security).multiplex(mux).map(counted(shared));
    let all = OrTransport::new(through_relay, by_name).map(|either, _| either.into_inner());
    let all = TransportTimeout::new(all, limits.handshake).map_err(io::Error::other);
    Ok((Guard::new(all.boxed(), doors).boxed(), client))
}

/// Counts what a connection carries, in whatever way it is made.
fn counted<M, P>(shared: &Arc<Shared>) -> impl Fn((PeerId, M), P) -> (PeerId, StreamMuxerBox) + Clone + Send + 'static
where
    M: StreamMuxer + Unpin + Send + 'static,
    M::Substream: Unpin + Send + 'static,
    M::Error: Send + Sync + 'static,
{
    let shared = shared.clone();
    move |(peer, muxer), _| (peer, StreamMuxerBox::new(shared.meter.count(peer, muxer)))
}

const TLS: &str = "/tls/1.0.0";
const NOISE: &str = "/noise";

/// TLS, and noise for who does not speak it.
#[derive(Clone)]
struct Security {
    tls: tls::Config,
    noise: noise::Config,
}

/// Why nobody knows who is at the other end.
#[derive(Debug, thiserror::Error)]
pub enum SecurityError {
    #[error("TLS: {0}")]
    Tls(#[from] tls::UpgradeError),
    #[error("noise: {0}")]
    Noise(#[from] noise::Error),
}

impl Security {
    fn new(keypair: &Keypair) -> Result<Self, NetError> {
        let tls = tls::Config::new(keypair).map_err(|error| NetError::Setup { what: "TLS", why: error.to_string() })?;
        let noise =
            noise::Config::new(keypair).map_err(|error| NetError::Setup { what: "noise", why: error.to_string() })?;
        Ok(Self { tls, noise })
    }
}

impl UpgradeInfo for Security {
    type Info = &'static str;
    type InfoIter = [&'static str; 2];

    fn protocol_info(&self) -> Self::InfoIter {
        [TLS, NOISE]
    }
}

type Secured<T> = (PeerId, Either<tls::TlsStream<T>, noise::Output<T>>);

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> InboundConnectionUpgrade<T> for Security {
    type Output = Secured<T>;
    type Error = SecurityError;
    type Future = BoxFuture<'static, Result<Secured<T>, SecurityError>>;

    fn upgrade_inbound(self, socket: T, info: &'static str) -> Self::Future {
        Box::pin(async move {
            if info == TLS {
                let (peer, stream) = self.tls.upgrade_inbound(socket, info).await?;
                return Ok((peer, Either::Left(stream)));
            }
            let (peer, stream) = self.noise.upgrade_inbound(socket, info).await?;
            Ok((peer, Either::Right(stream)))
        })
    }
}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> OutboundConnectionUpgrade<T> for Security {
    type Output = Secured<T>;
    type Error = SecurityError;
    type Future = BoxFuture<'static, Result<Secured<T>, SecurityError>>;

    fn upgrade_outbound(self, socket: T, info: &'static str) -> Self::Future {
        Box::pin(async move {
            if info == TLS {
                let (peer, stream) = self.tls.upgrade_outbound(socket, info).await?;
                return Ok((peer, Either::Left(stream)));
            }
            let (peer, stream) = self.noise.upgrade_outbound(socket, info).await?;
            Ok((peer, Either::Right(stream)))
        })
    }
}
