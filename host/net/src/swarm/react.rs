//! What the driver does about what happens on the network.

use std::collections::HashMap;
use std::time::Instant;

use libp2p::core::Endpoint;
use libp2p::kad::store::RecordStore as _;
use libp2p::kad::{self, GetProvidersOk, QueryId, QueryResult, RecordKey};
use libp2p::swarm::{ConnectionId, DialError as Cause, ListenError, NetworkBehaviour as _, SwarmEvent};
use libp2p::{Multiaddr, PeerId, autonat, identify, mdns, ping};

use super::behaviour::BehaviourEvent;
use super::dialing::explain;
use super::driver::{Driver, clock};
use super::gate::Refusal;
use super::{DHT_PROTOCOL, Event, How, PROTOCOL, Reachability, Relay, is_relayed, may_tell, without_peer};

/// Addresses of one peer that are taken from one message.
const MOST_ADDRESSES: usize = 16;
/// Providers of one root that are collected.
const MOST_PROVIDERS: usize = 64;

impl Driver {
    pub(super) fn react(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(event) => self.on_behaviour(event),
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                self.waiting.connected(connection_id, peer_id);
                if endpoint.is_dialer() {
                    self.book.succeeded(peer_id, endpoint.get_remote_address(), clock());
                }
            }
            SwarmEvent::ConnectionClosed { peer_id, cause, num_established, .. } => {
                if num_established == 0 {
                    self.offers.withdrawn(&peer_id);
                }
                tracing::debug!(peer = %peer_id, left = num_established, cause = ?cause, "a connection is closed");
            }
            SwarmEvent::OutgoingConnectionError { connection_id, peer_id, error } => {
                self.on_dial_failure(connection_id, peer_id, error);
            }
            SwarmEvent::IncomingConnectionError { send_back_addr, error, peer_id, .. } => match error {
                ListenError::Denied { cause } => {
                    let refusal = Refusal::of(cause, peer_id);
                    self.shared.refused.count(&refusal);
                    tracing::debug!(from = %send_back_addr, %refusal, "a connection was refused");
                }
                error => {
                    self.shared.refused.handshake();
                    tracing::debug!(from = %send_back_addr, %error, "an inbound connection came to nothing");
                }
            },
            SwarmEvent::NewListenAddr { listener_id, address } => {
                self.shared.place().listening.push(address.clone());
                if let Some(reservation) = self.relays.get_mut(&listener_id) {
                    reservation.granted = true;
                    if let Some(reply) = reservation.reply.take() {
                        let _ = reply.send(Ok(address.clone()));
                    }
                    let relay = reservation.relay;
                    self.outbox.send(Event::RelayReserved { relay, addr: address });
                    // It was asked before it was known that nobody has to be.
                    let public = self.shared.place().reachability == Reachability::Public;
                    if public {
                        self.release_relays();
                    }
                } else {
                    // The operator says that strangers can reach where this node listens, or else where.
                    let reached = self.relay_server == Relay::On && self.vouched.is_empty();
                    if reached && may_tell(&address, self.realm) {
                        self.swarm.add_external_address(address.clone());
                    }
                    self.outbox.send(Event::Listening(address));
                }
                self.settle();
            }
            SwarmEvent::ExpiredListenAddr { address, .. } => self.forget_listening(&[address]),
            SwarmEvent::ListenerClosed { listener_id, addresses, reason } => {
                self.forget_listening(&addresses);
                let why = reason.map_or_else(|error| error.to_string(), |()| "it was closed".to_owned());
                if let Some(reservation) = self.relays.remove(&listener_id) {
                    self.relay_lost(reservation, why);
                } else {
                    tracing::warn!(?addresses, why, "this node listens there no longer");
                }
            }
            SwarmEvent::ListenerError { error, .. } => tracing::warn!(%error, "listening is troubled"),
            SwarmEvent::ExternalAddrConfirmed { address } => {
                // A neighbour on the same private network can reach much that strangers cannot.
                let fit = may_tell(&address, self.realm) || self.vouched.contains(&address);
                if !fit && !is_relayed(&address) {
                    self.swarm.remove_external_address(&address);
                }
                self.settle();
            }
            SwarmEvent::ExternalAddrExpired { .. } => self.settle(),
            _ => {}
        }
    }

    fn on_behaviour(&mut self, event: BehaviourEvent) {
        match event {
            BehaviourEvent::Ping(ping::Event { peer, connection, result }) => match result {
                Ok(rtt) => self.shared.peers().measured(peer, rtt),
                Err(ping::Failure::Unsupported) => {}
                Err(error) => {
                    tracing::debug!(%peer, %error, "a connection does not answer and is closed");
                    self.swarm.close_connection(connection);
                }
            },
            BehaviourEvent::Identify(identify::Event::Received { peer_id, info, .. }) => {
                self.on_identified(peer_id, info);
            }
            BehaviourEvent::Mdns(mdns::Event::Discovered(found)) => {
                let mut by_peer: HashMap<_, Vec<_>> = HashMap::new();
                for (peer, addr) in found {
                    let addrs = by_peer.entry(peer).or_default();
                    if addrs.len() < MOST_ADDRESSES {
                        addrs.push(without_peer(&addr));
                    }
                }
                for (peer, addrs) in by_peer {
                    self.discovered(peer, addrs, How::Mdns);
                }
            }
            BehaviourEvent::Dht(event) => self.on_dht(event),
            BehaviourEvent::Probe(autonat::v2::client::Event { tested_addr, result: Err(error), .. }) => {
                tracing::debug!(addr = %tested_addr, %error, "an address of this node was tested and not reached");
                // That strangers do not come to a private address says nothing.
                self.unreached |= may_tell(&tested_addr, self.realm);
                self.settle();
            }
            BehaviourEvent::Punch(event) => {
                tracing::debug!(peer = %event.remote_peer_id, result = ?event.result, "a direct connection was tried");
            }
            _ => {}
        }
    }

    fn on_dial_failure(&mut self, id: ConnectionId, peer: Option<PeerId>, cause: Cause) {
        let tried: Vec<Multiaddr> = match &cause {
            Cause::Transport(tries) => tries.iter().map(|(addr, _)| addr.clone()).collect(),
            Cause::WrongPeerId { address, .. } => vec![address.clone()],
            _ => Vec::new(),
        };
        if let Some(peer) = peer
            && !tried.is_empty()
        {
            self.book.failed(peer, &tried, clock());
        }
        if let Some(error) = explain(cause, peer) {
            tracing::debug!(?peer, %error, "a dial failed");
            self.waiting.failed(id, peer, &error);
        }
    }

    fn on_identified(&mut self, peer: PeerId, info: identify::Info) {
        let protocols = info.protocols.iter().map(ToString::to_string);
        self.shared.peers().identified(peer, &info.agent_version, protocols);
        if info.protocol_version != PROTOCOL {
            tracing::debug!(%peer, speaks = ?info.protocol_version, "a peer is no Atlas node");
            return;
        }
        self.note_relay(peer, info.protocols.contains(&libp2p::relay::HOP_PROTOCOL_NAME));
        let addrs: Vec<_> = info
            .listen_addrs
            .into_iter()
            .filter(|addr| may_tell(addr, self.realm))
            .take(MOST_ADDRESSES)
            .map(|addr| without_peer(&addr))
            .collect();
        if info.protocols.iter().any(|protocol| *protocol == DHT_PROTOCOL)
            && let Some(dht) = self.swarm.behaviour_mut().dht.as_mut()
        {
            for addr in &addrs {
                dht.add_address(&peer, addr.clone());
            }
        }
        if !addrs.is_empty() {
            self.discovered(peer, addrs, How::Identify);
        }
        self.publish();
    }

    fn discovered(&mut self, peer: PeerId, addrs: Vec<Multiaddr>, how: How) {
        if peer != *self.swarm.local_peer_id() {
            self.book.heard(peer, &addrs, how, clock());
            self.outbox.send(Event::Discovered { peer, addrs, how });
        }
    }

    fn on_dht(&mut self, event: kad::Event) {
        match event {
            kad::Event::InboundRequest { request: kad::InboundRequest::AddProvider { record: Some(mut record) } } => {
                // Roots are all that is kept, and only addresses that others can use.
                if record.key.as_ref().len() != 32 {
                    return;
                }
                record.addresses.retain(|addr| may_tell(addr, self.realm));
                let Some(dht) = self.swarm.behaviour_mut().dht.as_mut() else { return };
                if dht.store_mut().add_provider(record).is_err() {
                    // Room may be taken by what has expired.
                    dht.store_mut().sweep(Instant::now());
                }
            }
            kad::Event::OutboundQueryProgressed { id, result, step, .. } => match result {
                QueryResult::StartProviding(result) => {
                    if let Some(key) = self.publishing.remove(&id) {
                        let now = self.since_start();
                        self.schedule.done(&key, result.is_ok(), now);
                        self.publish();
                    }
                }
                QueryResult::GetProviders(result) => {
                    if let Ok(GetProvidersOk::FoundProviders { key, providers }) = result {
                        for peer in providers {
                            self.found(id, &key, peer);
                        }
                    }
                    if step.last {
                        self.finish_search(id);
                    }
                }
                _ => {}
            },
            _ => {}
        }
    }

    /// A provider, while the search still knows where it is.
    fn found(&mut self, id: QueryId, key: &RecordKey, peer: PeerId) {
        if peer == *self.swarm.local_peer_id() {
            return;
        }
        let Some(dht) = self.swarm.behaviour_mut().dht.as_mut() else { return };
        // Kademlia tells addresses to whoever is about to dial, and to nobody else.
        let none = ConnectionId::new_unchecked(0);
        let mut addrs =
            dht.handle_pending_outbound_connection(none, Some(peer), &[], Endpoint::Dialer).unwrap_or_default();
        let stored = dht.store_mut().providers(key).into_iter().filter(|record| record.provider == peer);
        addrs.extend(stored.flat_map(|record| record.addresses));
        let Some(seek) = self.seeking.get_mut(&id) else { return };
        if seek.found.len() >= MOST_PROVIDERS && !seek.found.contains_key(&peer) {
            return;
        }
        let known = seek.found.entry(peer).or_default();
        for addr in addrs.iter().filter(|addr| may_tell(addr, self.realm)).map(without_peer) {
            if known.len() < MOST_ADDRESSES && !known.contains(&addr) {
                known.push(addr);
            }
        }
    }

    fn finish_search(&mut self, id: QueryId) {
        let Some(seek) = self.seeking.remove(&id) else { return };
        for (peer, addrs) in &seek.found {
            self.discovered(*peer, addrs.clone(), How::Dht);
        }
        let _ = seek.reply.send(seek.found.into_iter().collect());
    }

    fn forget_listening(&mut self, addrs: &[Multiaddr]) {
        self.shared.place().listening.retain(|addr| !addrs.contains(addr));
        // What was reachable there is not any more.
        for addr in addrs.iter().filter(|addr| !self.vouched.contains(addr)) {
            self.swarm.remove_external_address(addr);
        }
        self.settle();
    }
}
