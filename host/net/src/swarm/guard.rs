//! Which doors may be knocked at.
//!
//! Strangers name addresses all the time: in the DHT, when they ask to be tested, when a hole
//! is punched. On the internet none of that leads into a private network: an address there is
//! dialed only after somebody on this side, a person, the address book or mDNS, has named it.
//! Without that, anybody could have this node feel out the network it stands in.
//!
//! Names are taken at their word: what a name resolves to is not looked at.

use std::collections::HashSet;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use libp2p::core::Transport;
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::{Boxed, DialOpts, ListenerId, TransportError, TransportEvent};
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};

use super::addr::{Scope, is_relayed, scope, without_peer};
use super::{Realm, peer_of};

/// Doors that are remembered. They are named anew with every dial.
const MOST: usize = 4096;

/// The doors that are open.
#[derive(Clone)]
pub(super) struct Doors {
    realm: Realm,
    named: Arc<Mutex<HashSet<Multiaddr>>>,
}

impl Doors {
    pub(super) fn new(realm: Realm) -> Self {
        Self { realm, named: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Multiaddr>> {
        self.named.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody on this side has named these.
    pub(super) fn open(&self, addrs: &[Multiaddr]) {
        let mut named = self.lock();
        for addr in addrs {
            if named.len() + 2 > MOST {
                named.clear();
            }
            named.insert(without_peer(addr));
            if is_relayed(addr) {
                // The relay is knocked at first.
                let relay = addr.iter().take_while(|part| *part != Protocol::P2pCircuit).collect();
                named.insert(without_peer(&relay));
            }
        }
    }

    fn is_open(&self, addr: &Multiaddr) -> bool {
        self.realm == Realm::Closed || scope(addr) == Scope::Global || self.lock().contains(&without_peer(addr))
    }
}

/// A transport that knocks at open doors only.
pub(super) struct Guard {
    inner: Boxed<(PeerId, StreamMuxerBox)>,
    doors: Doors,
}

impl Guard {
    pub(super) fn new(inner: Boxed<(PeerId, StreamMuxerBox)>, doors: Doors) -> Self {
        Self { inner, doors }
    }
}

impl Transport for Guard {
    type Output = (PeerId, StreamMuxerBox);
    type Error = io::Error;
    type ListenerUpgrade = <Boxed<(PeerId, StreamMuxerBox)> as Transport>::ListenerUpgrade;
    type Dial = <Boxed<(PeerId, StreamMuxerBox)> as Transport>::Dial;

    fn listen_on(&mut self, id: ListenerId, addr: Multiaddr) -> Result<(), TransportError<io::Error>> {
        self.inner.listen_on(id, addr)
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.inner.remove_listener(id)
    }

    fn dial(&mut self, addr: Multiaddr, opts: DialOpts) -> Result<Self::Dial, TransportError<io::Error>> {
        if !self.doors.is_open(&addr) {
            tracing::debug!(%addr, peer = ?peer_of(&addr), "a private address that nobody here has named");
            let error = io::Error::new(io::ErrorKind::PermissionDenied, "a private address that nobody here has named");
            return Err(TransportError::Other(error));
        }
        self.inner.dial(addr, opts)
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<TransportEvent<Self::ListenerUpgrade, io::Error>> {
        Pin::new(&mut self.inner).poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> Multiaddr {
        text.parse().unwrap()
    }

    #[test]
    fn strangers_do_not_send_us_into_our_own_network() {
        let doors = Doors::new(Realm::Internet);
        let inside = addr("/ip4/192.168.1.1/tcp/80");
        assert!(!doors.is_open(&inside));
        assert!(!doors.is_open(&addr("/ip4/127.0.0.1/tcp/7420")));
        assert!(!doors.is_open(&addr("/ip6/fd00::1/udp/1/quic-v1")));
        assert!(doors.is_open(&addr("/ip4/9.9.9.9/tcp/80")));
        assert!(Doors::new(Realm::Closed).is_open(&inside));

        doors.open(&[inside.clone().with_p2p(PeerId::random()).unwrap()]);
        assert!(doors.is_open(&inside));
        assert!(doors.is_open(&inside.with_p2p(PeerId::random()).unwrap()));
        assert!(!doors.is_open(&addr("/ip4/192.168.1.1/tcp/81")));
    }

    #[test]
    fn who_names_an_address_behind_a_relay_names_the_relay() {
        let doors = Doors::new(Realm::Internet);
        let relay = addr(&format!("/ip4/10.0.0.1/tcp/7/p2p/{}", PeerId::random()));
        let through = relay.clone().with(Protocol::P2pCircuit).with_p2p(PeerId::random()).unwrap();
        assert!(!doors.is_open(&relay) && !doors.is_open(&through));
        doors.open(std::slice::from_ref(&through));
        assert!(doors.is_open(&relay) && doors.is_open(&through));
    }

    #[test]
    fn the_doors_that_are_remembered_are_bounded() {
        let doors = Doors::new(Realm::Internet);
        for n in 0..(3 * MOST) {
            let named = addr(&format!("/ip4/10.0.{}.{}/tcp/7", n >> 8 & 255, n & 255));
            doors.open(std::slice::from_ref(&named));
            assert!(doors.is_open(&named));
            assert!(doors.lock().len() <= MOST);
        }
    }
}
