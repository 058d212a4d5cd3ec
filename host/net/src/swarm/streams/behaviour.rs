//! Gives each connection its handler, and tells the rest of the program who is connected.
//!
//! It has to be the last of the swarm's behaviours: then a connection that it sees has been
//! let in by all others. Connections are reported here and not by the driver, so that a peer
//! is reported as connected before its first stream is, which its connection's own task hands
//! on without a detour.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::behaviour::ConnectionClosed;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};

use super::super::addr::{is_relayed, without_peer};
use super::super::event::{Event, Outbox};
use super::super::peers::{Direction, Line, Opened};
use super::super::shared::Shared;
use super::handler::Handler;
use super::{Places, Registry};

pub struct Behaviour {
    registry: Registry,
    places: Places,
    outbox: Outbox,
    shared: Arc<Shared>,
}

impl Behaviour {
    pub(in super::super) fn new(registry: Registry, places: Places, outbox: Outbox, shared: Arc<Shared>) -> Self {
        Self { registry, places, outbox, shared }
    }

    fn opened(&self, peer: PeerId, line: Line) -> Handler {
        let Line { id: connection, relayed, .. } = line;
        let (addr, dialer) = (line.addr.clone(), line.direction == Direction::Out);
        let opened = self.shared.peers().opened(peer, line, SystemTime::now());
        match opened {
            Opened::First => self.outbox.send(Event::Connected { peer, addr, relayed, dialer }),
            Opened::Upgraded => self.outbox.send(Event::Upgraded { peer }),
            Opened::More => true,
        };
        Handler {
            peer,
            relayed,
            protocols: self.registry.protocols(),
            places: self.places.clone(),
            patience: self.registry.patience(),
            wanted: self.registry.add(peer, connection, relayed),
            outbox: self.outbox.clone(),
        }
    }

    fn closed(&self, peer: PeerId, connection: ConnectionId) {
        self.registry.remove(peer, connection);
        let last = self.shared.peers().closed(peer, connection);
        if last {
            self.outbox.send(Event::Disconnected { peer });
        }
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        // Of a relayed connection only the local side shows the relay.
        let relayed = is_relayed(local) || is_relayed(remote);
        let addr = if relayed { local.clone() } else { remote.clone() };
        Ok(self.opened(peer, Line { id, addr, relayed, direction: Direction::In }))
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        remote: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        let line = Line { id, addr: without_peer(remote), relayed: is_relayed(remote), direction: Direction::Out };
        Ok(self.opened(peer, line))
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        if let FromSwarm::ConnectionClosed(ConnectionClosed { peer_id, connection_id, .. }) = event {
            self.closed(peer_id, connection_id);
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}
