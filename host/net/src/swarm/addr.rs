//! What an address says about where a node is: how far it reaches, in which subnet it is, and
//! who may be told of it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};

use super::Realm;

/// From where an address can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// From nowhere that can be told: no address, or one of a reserved range.
    None,
    /// From the same machine.
    Loopback,
    /// From the same network.
    Local,
    /// From everywhere, as far as one can see. Names count as such.
    Global,
}

/// From where an address can be used. Of a relayed address the relay's part counts.
pub fn scope(addr: &Multiaddr) -> Scope {
    match addr.iter().next() {
        Some(Protocol::Ip4(ip)) => scope4(ip),
        Some(Protocol::Ip6(ip)) => scope6(ip),
        Some(Protocol::Dns(name) | Protocol::Dns4(name) | Protocol::Dns6(name) | Protocol::Dnsaddr(name)) => {
            let name = name.trim_end_matches('.');
            if name == "localhost" || name.ends_with(".localhost") {
                Scope::Loopback
            } else if name.ends_with(".local") || !name.contains('.') {
                Scope::Local
            } else {
                Scope::Global
            }
        }
        _ => Scope::None,
    }
}

/// Source: the IANA registry of special-purpose IPv4 addresses.
fn scope4(ip: Ipv4Addr) -> Scope {
    let [a, b, c, _] = ip.octets();
    match (a, b, c) {
        (127, ..) => Scope::Loopback,
        (10, ..) | (192, 168, _) | (169, 254, _) => Scope::Local,
        (172, 16..=31, _) | (100, 64..=127, _) => Scope::Local,
        (0 | 224..=255, ..) | (192, 0, 0 | 2) | (198, 18..=19, _) | (198, 51, 100) | (203, 0, 113) => Scope::None,
        _ => Scope::Global,
    }
}

/// Source: the IANA registry of special-purpose IPv6 addresses.
fn scope6(ip: Ipv6Addr) -> Scope {
    if let Some(ip) = ip.to_ipv4_mapped() {
        return scope4(ip);
    }
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Scope::Loopback,
        [0xfc00..=0xfdff, ..] | [0xfe80..=0xfebf, ..] => Scope::Local,
        [0x2001, 0xdb8, ..] => Scope::None,
        [0x2000..=0x3fff, ..] => Scope::Global,
        _ => Scope::None,
    }
}

/// Whether a connection there goes through a relay.
pub fn is_relayed(addr: &Multiaddr) -> bool {
    addr.iter().any(|part| part == Protocol::P2pCircuit)
}

/// Who is at the address, if it says.
pub fn peer_of(addr: &Multiaddr) -> Option<PeerId> {
    match addr.iter().last() {
        Some(Protocol::P2p(peer)) => Some(peer),
        _ => None,
    }
}

/// The address without the name of who is there.
pub fn without_peer(addr: &Multiaddr) -> Multiaddr {
    let mut addr = addr.clone();
    // The peer before `/p2p-circuit` is the relay, which is part of the way.
    if peer_of(&addr).is_some() {
        addr.pop();
    }
    addr
}

/// Whether strangers may be told of an address: they can use it, and it shows nothing about
/// the inside of somebody's network.
pub fn may_tell(addr: &Multiaddr, realm: Realm) -> bool {
    match realm {
        Realm::Internet => scope(addr) == Scope::Global,
        Realm::Closed => addr.iter().next().is_some_and(|part| !unspecified(&part)),
    }
}

fn unspecified(part: &Protocol<'_>) -> bool {
    matches!(part, Protocol::Ip4(ip) if ip.is_unspecified()) || matches!(part, Protocol::Ip6(ip) if ip.is_unspecified())
}

/// The part of an address that one owner usually holds as a whole: IPv4 /24, IPv6 /48.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Subnet {
    V4([u8; 3]),
    V6([u16; 3]),
}

impl std::fmt::Display for Subnet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Subnet::V4([a, b, c]) => write!(f, "{a}.{b}.{c}.0/24"),
            Subnet::V6([a, b, c]) => write!(f, "{a:x}:{b:x}:{c:x}::/48"),
        }
    }
}

/// The subnet an address is in. Names have none.
pub(super) fn subnet(addr: &Multiaddr) -> Option<Subnet> {
    let ip = match addr.iter().next()? {
        Protocol::Ip4(ip) => IpAddr::V4(ip),
        Protocol::Ip6(ip) => IpAddr::V6(ip),
        _ => return None,
    };
    Some(match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            Subnet::V4([a, b, c])
        }
        IpAddr::V6(ip) => {
            let [a, b, c, ..] = ip.segments();
            Subnet::V6([a, b, c])
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> Multiaddr {
        text.parse().unwrap()
    }

    #[test]
    fn scopes_follow_the_registries() {
        for (text, expected) in [
            ("/ip4/127.3.2.1/tcp/1", Scope::Loopback),
            ("/ip4/192.168.7.7/udp/1/quic-v1", Scope::Local),
            ("/ip4/172.15.0.1/tcp/1", Scope::Global),
            ("/ip4/172.31.0.1/tcp/1", Scope::Local),
            ("/ip4/100.64.0.1/tcp/1", Scope::Local),
            ("/ip4/0.0.0.0/tcp/1", Scope::None),
            ("/ip4/203.0.113.9/tcp/1", Scope::None),
            ("/ip4/255.255.255.255/tcp/1", Scope::None),
            ("/ip4/9.9.9.9/tcp/1", Scope::Global),
            ("/ip6/::1/tcp/1", Scope::Loopback),
            ("/ip6/fe80::1/tcp/1", Scope::Local),
            ("/ip6/fd00::1/tcp/1", Scope::Local),
            ("/ip6/::ffff:10.0.0.1/tcp/1", Scope::Local),
            ("/ip6/2001:db8::1/tcp/1", Scope::None),
            ("/ip6/2620:fe::9/tcp/1", Scope::Global),
            ("/dns4/example.org/tcp/1", Scope::Global),
            ("/dns/localhost/tcp/1", Scope::Loopback),
            ("/dns/nas.local/tcp/1", Scope::Local),
            ("/memory/7", Scope::None),
        ] {
            assert_eq!(scope(&addr(text)), expected, "{text}");
        }
    }

    #[test]
    fn private_addresses_are_told_in_a_closed_realm_only() {
        let private = addr("/ip4/10.1.2.3/tcp/1");
        assert!(!may_tell(&private, Realm::Internet));
        assert!(may_tell(&private, Realm::Closed));
        assert!(may_tell(&addr("/ip4/9.9.9.9/tcp/1"), Realm::Internet));
        assert!(!may_tell(&addr("/ip4/0.0.0.0/tcp/1"), Realm::Closed));
    }

    #[test]
    fn a_subnet_is_what_one_owner_holds() {
        assert_eq!(subnet(&addr("/ip4/9.9.9.9/tcp/1")), subnet(&addr("/ip4/9.9.9.200/udp/7/quic-v1")));
        assert_ne!(subnet(&addr("/ip4/9.9.9.9/tcp/1")), subnet(&addr("/ip4/9.9.8.9/tcp/1")));
        assert_eq!(subnet(&addr("/ip6/2620:fe:0:1::9/tcp/1")), subnet(&addr("/ip6/2620:fe:0:2::9/tcp/1")));
        assert_eq!(subnet(&addr("/ip6/::ffff:9.9.9.9/tcp/1")), subnet(&addr("/ip4/9.9.9.1/tcp/1")));
        assert_eq!(subnet(&addr("/dns/example.org/tcp/1")), None);
        assert_eq!(subnet(&addr("/ip4/9.9.9.9/tcp/1")).unwrap().to_string(), "9.9.9.0/24");
    }

    #[test]
    fn the_relay_is_part_of_the_way() {
        let peer = PeerId::random();
        let relay = PeerId::random();
        let through = addr(&format!("/ip4/9.9.9.9/tcp/1/p2p/{relay}/p2p-circuit/p2p/{peer}"));
        assert!(is_relayed(&through));
        assert_eq!(peer_of(&through), Some(peer));
        assert_eq!(without_peer(&through), addr(&format!("/ip4/9.9.9.9/tcp/1/p2p/{relay}/p2p-circuit")));
    }
}
