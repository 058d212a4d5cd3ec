//! Questions about addresses that are not the swarm's own affair.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;

use libp2p::multiaddr::Protocol;

use crate::swarm::{Multiaddr, PeerId, Scope, peer_of, scope};

fn ip(address: &Multiaddr) -> Option<IpAddr> {
    match address.iter().next()? {
        Protocol::Ip4(ip) => Some(ip.into()),
        Protocol::Ip6(ip) => Some(ip.into()),
        _ => None,
    }
}

/// The part of the network that an address is of: what one owner usually holds, an IPv4 /24 or an
/// IPv6 /48. On a local network every machine is a part of its own. Of a relayed address the
/// relay counts.
pub fn group(address: &Multiaddr) -> u64 {
    let mut hasher = DefaultHasher::new();
    match ip(address).map(|ip| ip.to_canonical()) {
        Some(ip) if scope(address) != Scope::Global => ip.hash(&mut hasher),
        Some(IpAddr::V4(ip)) => ip.octets()[..3].hash(&mut hasher),
        Some(IpAddr::V6(ip)) => ip.segments()[..3].hash(&mut hasher),
        None => address.iter().next().map(|part| part.to_string()).hash(&mut hasher),
    }
    hasher.finish()
}

/// The address with the name of who is there.
pub fn with_peer(address: Multiaddr, peer: PeerId) -> Multiaddr {
    if peer_of(&address).is_some() { address } else { address.with(Protocol::P2p(peer)) }
}

/// Whether the address stands for every address of a machine, so that nobody else can use it.
pub fn is_unspecified(address: &Multiaddr) -> bool {
    ip(address).is_none_or(|ip| ip.is_unspecified()) && !address.to_string().starts_with("/dns")
}

/// Whether the address works on its own machine only, or on its own link with a zone that others do not know.
pub fn is_near(address: &Multiaddr) -> bool {
    match ip(address) {
        Some(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_link_local(),
        Some(IpAddr::V6(ip)) => ip.is_loopback() || ip.is_unicast_link_local(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> u64 {
        group(&text.parse().unwrap())
    }

    #[test]
    fn strangers_are_grouped_by_what_one_owner_holds_and_neighbours_are_not() {
        assert_eq!(of("/ip4/9.9.9.1/tcp/1"), of("/ip4/9.9.9.2/udp/2/quic-v1"));
        assert_ne!(of("/ip4/9.9.9.1/tcp/1"), of("/ip4/9.9.8.1/tcp/1"));
        assert_ne!(of("/ip4/10.0.0.1/tcp/1"), of("/ip4/10.0.0.2/tcp/1"));
        assert_eq!(of("/ip6/2620:fe:0:1::1/tcp/1"), of("/ip6/2620:fe:0:2::2/tcp/1"));
    }

    #[test]
    fn what_works_on_one_machine_or_link_is_near() {
        for (text, near) in [
            ("/ip4/127.0.0.1/tcp/1", true),
            ("/ip6/::1/tcp/1", true),
            ("/ip6/fe80::1/tcp/1", true),
            ("/ip4/10.0.0.1/tcp/1", false),
            ("/dns/example.org/tcp/1", false),
        ] {
            assert_eq!(is_near(&text.parse().unwrap()), near, "{text}");
        }
    }
}
