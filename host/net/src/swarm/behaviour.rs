//! Everything that takes part in a connection, in the order in which each is asked.

use std::time::{Duration, Instant};

use libp2p::allow_block_list::{self, BlockedPeers};
use libp2p::identity::Keypair;
use libp2p::swarm::NetworkBehaviour;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::{
    PeerId, StreamProtocol, autonat, connection_limits, dcutr, identify, kad, mdns, memory_connection_limits, ping,
    relay,
};

use super::roots::Store;
use super::streams::Behaviour as Streams;
use super::{Config, DHT_PROTOCOL, Dht, Limits, NetError, PROTOCOL, Realm, Relay, gate};

/// What others are asked, and answered. Those that refuse connections come first; the streams
/// come last, and see only what was let in.
#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    pub(super) blocked: allow_block_list::Behaviour<BlockedPeers>,
    pub(super) gate: gate::Behaviour,
    pub(super) limits: connection_limits::Behaviour,
    pub(super) memory: Toggle<memory_connection_limits::Behaviour>,
    pub(super) ping: ping::Behaviour,
    pub(super) identify: identify::Behaviour,
    pub(super) relay_client: relay::client::Behaviour,
    pub(super) relay_server: Toggle<relay::Behaviour>,
    pub(super) punch: dcutr::Behaviour,
    pub(super) probe: autonat::v2::client::Behaviour,
    pub(super) probed: autonat::v2::server::Behaviour,
    pub(super) mdns: Toggle<mdns::tokio::Behaviour>,
    pub(super) dht: Toggle<kad::Behaviour<Store>>,
    pub(super) streams: Streams,
}

impl Behaviour {
    pub(super) fn new(
        config: &Config,
        keypair: &Keypair,
        relay_client: relay::client::Behaviour,
        gate: gate::Behaviour,
        streams: Streams,
        roots: Store,
    ) -> Result<Self, NetError> {
        let local = keypair.public().to_peer_id();
        let mdns = if config.mdns {
            let mdns = mdns::tokio::Behaviour::new(mdns::Config::default(), local);
            Some(mdns.map_err(|error| NetError::Setup { what: "mDNS", why: error.to_string() })?)
        } else {
            None
        };
        Ok(Self {
            blocked: allow_block_list::Behaviour::default(),
            gate,
            limits: connection_limits::Behaviour::new(limits(&config.limits)),
            memory: config.limits.memory.map(memory_connection_limits::Behaviour::with_max_bytes).into(),
            ping: ping::Behaviour::new(ping::Config::new()),
            identify: identify::Behaviour::new(identify(config, keypair)),
            relay_client,
            relay_server: (config.relay_server != Relay::Off).then(|| relay_server(local, config.relay_server)).into(),
            punch: dcutr::Behaviour::new(local),
            probe: autonat::v2::client::Behaviour::default(),
            probed: autonat::v2::server::Behaviour::default(),
            mdns: mdns.into(),
            dht: (config.dht != Dht::Off).then(|| dht(local, config.realm, roots)).into(),
            streams,
        })
    }
}

fn limits(limits: &Limits) -> connection_limits::ConnectionLimits {
    connection_limits::ConnectionLimits::default()
        .with_max_pending_incoming(Some(limits.pending_in))
        .with_max_pending_outgoing(Some(limits.pending_out))
        .with_max_established_incoming(Some(limits.established_in))
        .with_max_established(Some(limits.total))
        .with_max_established_per_peer(Some(limits.per_peer))
}

/// On the internet only tested addresses are told; a listening address of a private network
/// is useless to strangers, and shows them the inside of it.
fn identify(config: &Config, keypair: &Keypair) -> identify::Config {
    identify::Config::new(PROTOCOL.to_owned(), keypair.public())
        .with_agent_version(config.agent.clone())
        .with_push_listen_addr_updates(true)
        .with_hide_listen_addrs(config.realm == Realm::Internet)
}

/// For signalling only: 128 KiB and two minutes for each circuit, which libp2p has by default,
/// and a reservation for an hour.
fn relay_server(local: PeerId, relay: Relay) -> relay::Behaviour {
    let mut server = relay::Behaviour::new(local, relay::Config::default());
    // Set by what this node knows of its reachability, and not by any external address: one
    // that is itself relayed would do for libp2p.
    server.set_status(Some(if relay == Relay::On { relay::Status::Enable } else { relay::Status::Disable }));
    server
}

fn dht(local: PeerId, realm: Realm, roots: Store) -> kad::Behaviour<Store> {
    let mut config = kad::Config::new(StreamProtocol::new(DHT_PROTOCOL));
    config
        // Everything that strangers want to have stored is looked at first.
        .set_record_filtering(kad::StoreInserts::FilterBoth)
        .set_kbucket_inserts(kad::BucketInserts::Manual)
        .set_caching(kad::Caching::Disabled)
        // Published by a schedule of our own; values are not kept at all.
        .set_provider_publication_interval(None)
        .set_publication_interval(None)
        .set_replication_interval(None)
        .set_record_ttl(None)
        .set_provider_record_ttl(Some(Duration::from_secs(48 * 60 * 60)))
        // Lookups along paths that share no node: one liar does not spoil them all.
        .disjoint_query_paths(realm == Realm::Internet);
    let mut dht = kad::Behaviour::with_config(local, roots, config);
    dht.set_mode(Some(kad::Mode::Client));
    dht.store_mut().sweep(Instant::now());
    dht
}
