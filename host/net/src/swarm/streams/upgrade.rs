//! The first bytes of a stream: its protocol, and whether it is admitted.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::io::{AsyncReadExt as _, AsyncWriteExt as _};
use libp2p::core::UpgradeInfo;
use libp2p::core::upgrade::{InboundUpgrade, OutboundUpgrade};
use libp2p::swarm::StreamProtocol;
use libp2p::{PeerId, Stream};

use super::registry::{Place, Places};

/// The answer of the side that accepts.
const ADMITTED: u8 = 1;
const BUSY: u8 = 0;

/// Accepts any of the network's protocols.
pub struct Accept {
    pub(super) peer: PeerId,
    pub(super) protocols: Arc<[&'static str]>,
    pub(super) places: Places,
}

/// A stream that was admitted. `None`: refused, and told so.
pub type Accepted = Option<(Stream, &'static str, Place)>;

impl UpgradeInfo for Accept {
    type Info = StreamProtocol;
    type InfoIter = Vec<StreamProtocol>;

    fn protocol_info(&self) -> Self::InfoIter {
        self.protocols.iter().map(|name| StreamProtocol::new(name)).collect()
    }
}

impl InboundUpgrade<Stream> for Accept {
    type Output = Accepted;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Accepted, Infallible>>;

    fn upgrade_inbound(self, mut stream: Stream, info: StreamProtocol) -> Self::Future {
        Box::pin(async move {
            let name = self.protocols.iter().find(|name| **name == info.as_ref());
            let admitted = name.and_then(|name| Some((*name, self.places.take(self.peer)?)));
            let answer = if admitted.is_some() { ADMITTED } else { BUSY };
            // If the opener is gone already, nobody is left to be told, and no stream to hand on.
            let told: io::Result<()> = async {
                stream.write_all(&[answer]).await?;
                stream.flush().await?;
                if admitted.is_none() {
                    stream.close().await?;
                }
                Ok(())
            }
            .await;
            Ok(match (admitted, told) {
                (Some((name, place)), Ok(())) => Some((stream, name, place)),
                _ => None,
            })
        })
    }
}

/// Asks for one protocol.
pub struct Ask {
    pub(super) protocol: &'static str,
}

/// Why the accepting side did not admit a stream.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("busy")]
    Busy,
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl UpgradeInfo for Ask {
    type Info = StreamProtocol;
    type InfoIter = std::iter::Once<StreamProtocol>;

    fn protocol_info(&self) -> Self::InfoIter {
        std::iter::once(StreamProtocol::new(self.protocol))
    }
}

impl OutboundUpgrade<Stream> for Ask {
    type Output = Stream;
    type Error = Refused;
    type Future = BoxFuture<'static, Result<Stream, Refused>>;

    fn upgrade_outbound(self, mut stream: Stream, _: StreamProtocol) -> Self::Future {
        Box::pin(async move {
            let mut answer = [0];
            stream.read_exact(&mut answer).await?;
            match answer[0] {
                ADMITTED => Ok(stream),
                BUSY => Err(Refused::Busy),
                other => Err(Refused::Io(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("the first byte of the stream is {other}, neither admitted nor busy"),
                ))),
            }
        })
    }
}
