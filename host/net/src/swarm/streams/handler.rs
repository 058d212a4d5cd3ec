//! One connection's part: opens what is wanted, hands on what is accepted.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use libp2p::PeerId;
use libp2p::swarm::handler::{ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound};
use libp2p::swarm::{ConnectionHandler, ConnectionHandlerEvent, StreamUpgradeError, SubstreamProtocol};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::super::event::Outbox;
use super::super::{Event, OpenError};
use super::Stream;
use super::registry::{Places, Reply, Wanted};
use super::stream::Held;
use super::upgrade::{Accept, Ask, Refused};

pub struct Handler {
    pub(super) peer: PeerId,
    pub(super) relayed: bool,
    pub(super) protocols: Arc<[&'static str]>,
    pub(super) places: Places,
    pub(super) patience: Duration,
    pub(super) wanted: mpsc::UnboundedReceiver<Wanted>,
    pub(super) outbox: Outbox,
}

/// What comes back with a stream that was asked for.
pub struct Asked {
    protocol: &'static str,
    permit: OwnedSemaphorePermit,
    reply: Reply,
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Infallible;
    type ToBehaviour = Infallible;
    type InboundProtocol = Accept;
    type OutboundProtocol = Ask;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Asked;

    fn listen_protocol(&self) -> SubstreamProtocol<Accept> {
        let accept = Accept { peer: self.peer, protocols: self.protocols.clone(), places: self.places.clone() };
        SubstreamProtocol::new(accept, ()).with_timeout(self.patience)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ConnectionHandlerEvent<Ask, Asked, Infallible>> {
        while let Poll::Ready(Some(Wanted { protocol, permit, reply })) = self.wanted.poll_recv(cx) {
            // Who asked may have given up meanwhile.
            if reply.is_closed() {
                continue;
            }
            let asked = Asked { protocol, permit, reply };
            let protocol = SubstreamProtocol::new(Ask { protocol }, asked).with_timeout(self.patience);
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        Poll::Pending
    }

    fn on_behaviour_event(&mut self, event: Infallible) {
        match event {}
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<Accept, Ask, (), Asked>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol, info: () }) => {
                let Some((stream, protocol, place)) = protocol else {
                    tracing::debug!(peer = %self.peer, "told a peer that we are busy");
                    return;
                };
                let stream = Stream::new(stream, self.peer, protocol, self.relayed, Held::In(place));
                // Without a consumer the stream is dropped, which the opener sees as a reset.
                self.outbox.send(Event::Inbound { peer: self.peer, protocol, stream });
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol, info }) => {
                let Asked { protocol: name, permit, reply } = info;
                let _ = reply.send(Ok(Stream::new(protocol, self.peer, name, self.relayed, Held::Out(permit))));
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info, error }) => {
                let Asked { protocol, permit: _, reply } = info;
                let peer = self.peer;
                let error = match error {
                    StreamUpgradeError::Timeout => OpenError::TimedOut(peer),
                    StreamUpgradeError::NegotiationFailed => OpenError::NotSpoken { peer, protocol },
                    StreamUpgradeError::Apply(Refused::Busy) => OpenError::Busy(peer),
                    StreamUpgradeError::Apply(Refused::Io(error)) | StreamUpgradeError::Io(error) => {
                        OpenError::Broken { peer, why: error.to_string() }
                    }
                };
                let _ = reply.send(Err(error));
            }
            _ => {}
        }
    }
}
