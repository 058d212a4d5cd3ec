//! Relays that carry this node's signalling while strangers cannot reach it: whom to ask, and when.
//!
//! A node behind a router is found at the address of a relay, and from there a direct connection is
//! made. [`Offers`] is a plain table of connected peers that say they relay; time is an argument.
//! The driver asks it from time to time, and gives the relays back once strangers can reach the
//! node itself.

use std::collections::HashMap;

use libp2p::core::transport::ListenerId;
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};
use tokio::sync::oneshot;

use super::driver::Driver;
use super::{Event, NetError, Reachability, dialing, peer_of, without_peer};

/// Relays that are held at a time: one may go away.
const ENOUGH: usize = 2;
/// Offers that are kept. A peer more is of no use, as only a few are taken.
const MOST_OFFERS: usize = 64;
/// Milliseconds that others have to test this node before it looks for a relay all the same:
/// who was never tested may still be unreachable.
const TESTED: u64 = 5_000;
/// Milliseconds until a relay that declined or went is asked again, at first and at most.
const AGAIN: (u64, u64) = (10_000, 600_000);

/// A relay that was asked to carry signalling.
pub(super) struct Reservation {
    pub(super) relay: PeerId,
    /// Until it is granted, if a caller waits for it.
    pub(super) reply: Option<oneshot::Sender<Result<Multiaddr, NetError>>>,
    /// Whether this node looked for it by itself, and so may give it back by itself.
    pub(super) own: bool,
    /// Whether the relay has said yes.
    pub(super) granted: bool,
}

/// Connected peers that say they relay.
#[derive(Debug, Default)]
pub(super) struct Offers(HashMap<PeerId, Offer>);

#[derive(Debug)]
struct Offer {
    /// Where this node dialed it, without its name.
    addr: Multiaddr,
    since: u64,
    /// When it may be asked again, and how long to wait after that.
    next: u64,
    wait: u64,
}

impl Offers {
    /// A peer says that it relays.
    pub(super) fn offered(&mut self, relay: PeerId, addr: Multiaddr, now: u64) {
        if self.0.len() < MOST_OFFERS {
            self.0.entry(relay).or_insert(Offer { addr, since: now, next: now, wait: AGAIN.0 });
        }
    }

    /// A peer relays no longer, or is gone.
    pub(super) fn withdrawn(&mut self, relay: &PeerId) {
        self.0.remove(relay);
    }

    /// A peer has declined, or does not carry this node any more.
    pub(super) fn failed(&mut self, relay: &PeerId, now: u64) {
        if let Some(offer) = self.0.get_mut(relay) {
            offer.next = now + offer.wait;
            offer.wait = (offer.wait * 2).min(AGAIN.1);
        }
    }

    /// Whom to ask now: the one that has offered for longest. `held` are those that were asked.
    fn next(&self, reachability: Reachability, held: &[PeerId], now: u64) -> Option<(PeerId, Multiaddr)> {
        let patience = match reachability {
            Reachability::Public => return None,
            Reachability::Private => 0,
            Reachability::Unknown => TESTED,
        };
        if held.len() >= ENOUGH {
            return None;
        }
        self.0
            .iter()
            .filter(|(relay, offer)| !held.contains(relay) && offer.next <= now && offer.since + patience <= now)
            .min_by_key(|(relay, offer)| (offer.since, **relay))
            .map(|(relay, offer)| (*relay, offer.addr.clone()))
    }
}

impl Driver {
    /// Asks a relay for a caller.
    pub(super) fn reserve(&mut self, relay: Multiaddr, reply: oneshot::Sender<Result<Multiaddr, NetError>>) {
        let Some(peer) = peer_of(&relay) else {
            let _ = reply.send(Err(NetError::Nameless { addr: relay }));
            return;
        };
        self.doors.open(std::slice::from_ref(&relay));
        match self.swarm.listen_on(relay.with(Protocol::P2pCircuit)) {
            Ok(listener) => {
                self.relays
                    .insert(listener, Reservation { relay: peer, reply: Some(reply), own: false, granted: false });
            }
            Err(error) => {
                let _ = reply.send(Err(NetError::Relay { relay: peer, why: dialing::chain(&error) }));
            }
        }
    }

    /// Notes whether a peer says that it relays. Only those that this node dialed: who could dial
    /// it is a witness that it needs no relay.
    pub(super) fn note_relay(&mut self, relay: PeerId, relays: bool) {
        let dialed = self.shared.peers().dialed(&relay);
        match dialed.filter(|_| relays) {
            Some(addr) => self.offers.offered(relay, without_peer(&addr), self.since_start()),
            None => self.offers.withdrawn(&relay),
        }
    }

    /// Looks for relays while strangers cannot reach this node. One that listens nowhere only dials.
    pub(super) fn seek_relay(&mut self) {
        let (reachability, listens) = {
            let place = self.shared.place();
            (place.reachability, !place.listening.is_empty())
        };
        let held: Vec<PeerId> = self.relays.values().map(|reservation| reservation.relay).collect();
        let now = self.since_start();
        let Some((relay, addr)) = self.offers.next(reachability, &held, now).filter(|_| listens) else { return };
        self.doors.open(std::slice::from_ref(&addr));
        match self.swarm.listen_on(addr.with(Protocol::P2p(relay)).with(Protocol::P2pCircuit)) {
            Ok(listener) => {
                self.relays.insert(listener, Reservation { relay, reply: None, own: true, granted: false });
            }
            Err(error) => {
                tracing::debug!(%relay, error = dialing::chain(&error), "a relay cannot be asked");
                self.offers.failed(&relay, now);
            }
        }
    }

    /// Gives back what this node took by itself: it is reached without. Not while a relay has yet to
    /// answer: libp2p-relay 0.22 panics at an answer to what was taken back.
    pub(super) fn release_relays(&mut self) {
        let own = |(_, reservation): &(&ListenerId, &Reservation)| reservation.own && reservation.granted;
        let own: Vec<ListenerId> = self.relays.iter().filter(own).map(|(listener, _)| *listener).collect();
        for listener in own {
            self.swarm.remove_listener(listener);
        }
    }

    /// A relay carries this node no longer, or never did.
    pub(super) fn relay_lost(&mut self, reservation: Reservation, why: String) {
        let relay = reservation.relay;
        self.offers.failed(&relay, self.since_start());
        match reservation.reply {
            Some(reply) => {
                let _ = reply.send(Err(NetError::Relay { relay, why }));
            }
            None if reservation.granted => {
                self.outbox.send(Event::RelayLost { relay, why });
            }
            None => tracing::debug!(%relay, why, "a relay declined"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(n: u8) -> Multiaddr {
        format!("/ip4/9.9.9.{n}/tcp/1").parse().unwrap()
    }

    #[test]
    fn a_relay_is_asked_once_strangers_cannot_reach_the_node_or_nobody_has_tested_it() {
        let (mut offers, relay) = (Offers::default(), PeerId::random());
        offers.offered(relay, addr(1), 100);
        assert_eq!(offers.next(Reachability::Public, &[], 1 << 40), None);
        assert_eq!(offers.next(Reachability::Private, &[], 100), Some((relay, addr(1))));
        assert_eq!(offers.next(Reachability::Unknown, &[], 99 + TESTED), None);
        assert_eq!(offers.next(Reachability::Unknown, &[], 100 + TESTED), Some((relay, addr(1))));
        assert_eq!(offers.next(Reachability::Private, &[relay], 1 << 40), None, "it carries this node already");
        offers.withdrawn(&relay);
        assert_eq!(offers.next(Reachability::Private, &[], 1 << 40), None);
    }

    #[test]
    fn a_few_relays_are_enough_and_the_longest_known_come_first() {
        let mut offers = Offers::default();
        let relays: Vec<PeerId> = (0..4).map(|_| PeerId::random()).collect();
        for (n, relay) in relays.iter().enumerate().rev() {
            offers.offered(*relay, addr(n as u8), n as u64);
        }
        let mut held = Vec::new();
        while let Some((relay, _)) = offers.next(Reachability::Private, &held, 100) {
            held.push(relay);
        }
        assert_eq!(held, relays[..ENOUGH]);
        (0..1_000).for_each(|_| offers.offered(PeerId::random(), addr(9), 5));
        assert_eq!(offers.0.len(), MOST_OFFERS);
    }

    #[test]
    fn a_relay_that_declines_is_left_alone_for_longer_each_time() {
        let (mut offers, relay) = (Offers::default(), PeerId::random());
        offers.offered(relay, addr(1), 0);
        let (mut now, mut waits) = (0, Vec::new());
        for _ in 0..9 {
            offers.failed(&relay, now);
            let wait = offers.0[&relay].next - now;
            assert_eq!(offers.next(Reachability::Private, &[], now + wait - 1), None);
            assert!(offers.next(Reachability::Private, &[], now + wait).is_some());
            waits.push(wait);
            now += wait;
        }
        assert_eq!(waits[..3], [10_000, 20_000, 40_000]);
        assert_eq!(waits.last(), Some(&AGAIN.1));
    }
}
