//! Who is let in. Counts inbound connections by subnet, so that no single owner of addresses
//! takes every place, and holds new ones back while the consumer of events is behind.
//!
//! Beside it stand libp2p's own limits on numbers and memory, and the block list. Whatever
//! refuses, the reason is named and counted in one place, [`Refusals`], for people to see.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
    dummy,
};
use libp2p::{Multiaddr, PeerId, allow_block_list, connection_limits, memory_connection_limits};

use super::Limits;
use super::addr::{Scope, Subnet, is_relayed, scope, subnet};
use super::event::Outbox;

/// Why a connection was refused here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The subnet holds as many inbound connections as one may.
    #[error("{subnet} holds {most} inbound connections already")]
    Subnet {
        /// The subnet.
        subnet: String,
        /// The limit.
        most: usize,
    },
    /// The program does not keep up with events.
    #[error("too many events wait to be handled")]
    Behind,
    /// A limit on the number of connections.
    #[error("{0}")]
    Full(String),
    /// The process uses too much memory.
    #[error("{0}")]
    Memory(String),
    /// The operator does not want this peer.
    #[error("{0} is blocked")]
    Blocked(PeerId),
    /// For a reason of libp2p's own.
    #[error("{0}")]
    Other(String),
}

/// Inbound connections that were refused or failed, by reason, since the network was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Refusals {
    /// Too many from one subnet.
    pub subnet: u64,
    /// The program was behind.
    pub behind: u64,
    /// Too many connections.
    pub full: u64,
    /// Too little memory.
    pub memory: u64,
    /// Blocked peers.
    pub blocked: u64,
    /// No handshake: garbage, another protocol, too slow.
    pub handshake: u64,
    /// Anything else.
    pub other: u64,
}

#[derive(Default)]
pub(super) struct Counts {
    subnet: AtomicU64,
    behind: AtomicU64,
    full: AtomicU64,
    memory: AtomicU64,
    blocked: AtomicU64,
    handshake: AtomicU64,
    other: AtomicU64,
}

impl Counts {
    pub(super) fn count(&self, refusal: &Refusal) {
        let count = match refusal {
            Refusal::Subnet { .. } => &self.subnet,
            Refusal::Behind => &self.behind,
            Refusal::Full(_) => &self.full,
            Refusal::Memory(_) => &self.memory,
            Refusal::Blocked(_) => &self.blocked,
            Refusal::Other(_) => &self.other,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn handshake(&self) {
        self.handshake.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> Refusals {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Refusals {
            subnet: read(&self.subnet),
            behind: read(&self.behind),
            full: read(&self.full),
            memory: read(&self.memory),
            blocked: read(&self.blocked),
            handshake: read(&self.handshake),
            other: read(&self.other),
        }
    }
}

impl Refusal {
    /// What a behaviour meant when it denied a connection. `peer`, if it is known.
    pub(super) fn of(cause: ConnectionDenied, peer: Option<PeerId>) -> Self {
        let cause = match cause.downcast::<Refusal>() {
            Ok(refusal) => return refusal,
            Err(cause) => cause,
        };
        let cause = match cause.downcast::<connection_limits::Exceeded>() {
            Ok(exceeded) => return Refusal::Full(exceeded.to_string()),
            Err(cause) => cause,
        };
        let cause = match cause.downcast::<memory_connection_limits::MemoryUsageLimitExceeded>() {
            Ok(exceeded) => return Refusal::Memory(exceeded.to_string()),
            Err(cause) => cause,
        };
        match (cause.downcast::<allow_block_list::Blocked>(), peer) {
            (Ok(_), Some(peer)) => Refusal::Blocked(peer),
            (Ok(blocked), None) => Refusal::Other(blocked.to_string()),
            (Err(cause), _) => Refusal::Other(cause.to_string()),
        }
    }
}

/// The part of the swarm that counts subnets.
pub struct Behaviour {
    places: Subnets,
    outbox: Outbox,
}

/// How many connections each subnet holds.
struct Subnets {
    most: usize,
    local_exempt: bool,
    of: HashMap<ConnectionId, Subnet>,
    held: HashMap<Subnet, usize>,
}

impl Subnets {
    fn new(limits: &Limits) -> Self {
        Self { most: limits.per_subnet, local_exempt: limits.local_exempt, of: HashMap::new(), held: HashMap::new() }
    }

    fn enter(&mut self, connection: ConnectionId, from: &Multiaddr) -> Result<(), Refusal> {
        if self.local_exempt && matches!(scope(from), Scope::Loopback | Scope::Local) {
            return Ok(());
        }
        let Some(subnet) = subnet(from) else { return Ok(()) };
        let held = self.held.entry(subnet).or_default();
        if *held >= self.most {
            return Err(Refusal::Subnet { subnet: subnet.to_string(), most: self.most });
        }
        *held += 1;
        self.of.insert(connection, subnet);
        Ok(())
    }

    fn leave(&mut self, connection: ConnectionId) {
        let Some(subnet) = self.of.remove(&connection) else { return };
        if let Some(held) = self.held.get_mut(&subnet) {
            *held -= 1;
            if *held == 0 {
                self.held.remove(&subnet);
            }
        }
    }
}

impl Behaviour {
    pub(super) fn new(limits: &Limits, outbox: Outbox) -> Self {
        Self { places: Subnets::new(limits), outbox }
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        if self.outbox.full() {
            return Err(ConnectionDenied::new(Refusal::Behind));
        }
        // Through a relay everybody comes from the relay's address.
        if is_relayed(local) {
            return Ok(());
        }
        self.places.enter(connection, remote).map_err(ConnectionDenied::new)
    }

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        match event {
            FromSwarm::ListenFailure(failure) => self.places.leave(failure.connection_id),
            FromSwarm::ConnectionClosed(closed) => self.places.leave(closed.connection_id),
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_subnet_does_not_take_every_place() {
        let mut places = Subnets::new(&Limits { per_subnet: 2, ..Limits::default() });
        let mut next = 0;
        let mut enter = |places: &mut Subnets, addr: &str| {
            next += 1;
            let id = ConnectionId::new_unchecked(next);
            places.enter(id, &addr.parse().unwrap()).map(|()| id)
        };
        let first = enter(&mut places, "/ip4/9.9.9.1/tcp/1").unwrap();
        enter(&mut places, "/ip4/9.9.9.2/udp/1/quic-v1").unwrap();
        let refusal = enter(&mut places, "/ip4/9.9.9.3/tcp/1").unwrap_err();
        assert_eq!(refusal.to_string(), "9.9.9.0/24 holds 2 inbound connections already");
        enter(&mut places, "/ip4/9.9.8.3/tcp/1").unwrap();
        for _ in 0..10 {
            enter(&mut places, "/ip4/192.168.1.1/tcp/1").unwrap();
            enter(&mut places, "/ip4/127.0.0.1/tcp/1").unwrap();
        }
        places.leave(first);
        places.leave(first);
        enter(&mut places, "/ip4/9.9.9.3/tcp/1").unwrap();
        enter(&mut places, "/ip4/9.9.9.4/tcp/1").unwrap_err();
    }

    #[test]
    fn a_local_network_can_be_held_to_the_limit_too() {
        let mut places = Subnets::new(&Limits { per_subnet: 1, local_exempt: false, ..Limits::default() });
        let addr = "/ip4/127.0.0.1/tcp/1".parse().unwrap();
        places.enter(ConnectionId::new_unchecked(1), &addr).unwrap();
        places.enter(ConnectionId::new_unchecked(2), &addr).unwrap_err();
        places.leave(ConnectionId::new_unchecked(1));
        assert!(places.held.is_empty() && places.of.is_empty());
    }
}
