//! Who is connected, over which connections, and what is known of them. A plain table; the
//! changes it reports are what the events are made of.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};

/// Bytes of another program's name that are kept. The rest is noise, or meant as such.
const MOST_AGENT: usize = 64;
/// Protocols of a peer that are kept.
const MOST_PROTOCOLS: usize = 64;

/// Who dialed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The peer.
    In,
    /// This node.
    Out,
}

/// A connected peer, as a person may want to see it.
#[derive(Debug, Clone)]
pub struct PeerView {
    /// The peer.
    pub peer: PeerId,
    /// Its address on the connection that new streams take.
    pub addr: Multiaddr,
    /// Whether that connection runs through a relay.
    pub relayed: bool,
    /// Who dialed it.
    pub direction: Direction,
    /// Since when the peer is connected.
    pub since: SystemTime,
    /// Name and version of its program, as it says.
    pub agent: Option<String>,
    /// Round-trip time, as last measured.
    pub rtt: Option<Duration>,
    /// The protocols it speaks, as it says.
    pub protocols: Vec<String>,
    /// Bytes received from it and sent to it on streams, while it has been connected.
    pub traffic: (u64, u64),
}

/// One connection.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) id: ConnectionId,
    pub(super) addr: Multiaddr,
    pub(super) relayed: bool,
    pub(super) direction: Direction,
}

/// What a new connection means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opened {
    /// The peer was not connected.
    First,
    /// The peer was connected through relays only, and this connection is direct.
    Upgraded,
    /// One more.
    More,
}

#[derive(Debug, Default)]
pub(super) struct Peers {
    peers: HashMap<PeerId, Peer>,
}

#[derive(Debug)]
struct Peer {
    /// Oldest first, never empty.
    lines: Vec<Line>,
    since: SystemTime,
    agent: Option<String>,
    rtt: Option<Duration>,
    protocols: Vec<String>,
}

impl Peers {
    pub(super) fn opened(&mut self, peer: PeerId, line: Line, now: SystemTime) -> Opened {
        match self.peers.get_mut(&peer) {
            None => {
                let lines = vec![line];
                self.peers.insert(peer, Peer { lines, since: now, agent: None, rtt: None, protocols: Vec::new() });
                Opened::First
            }
            Some(known) => {
                let upgraded = !line.relayed && known.lines.iter().all(|line| line.relayed);
                known.lines.push(line);
                if upgraded { Opened::Upgraded } else { Opened::More }
            }
        }
    }

    /// Whether it was the last connection of the peer.
    pub(super) fn closed(&mut self, peer: PeerId, id: ConnectionId) -> bool {
        let Some(known) = self.peers.get_mut(&peer) else { return false };
        known.lines.retain(|line| line.id != id);
        let last = known.lines.is_empty();
        if last {
            self.peers.remove(&peer);
        }
        last
    }

    pub(super) fn identified(&mut self, peer: PeerId, agent: &str, protocols: impl Iterator<Item = String>) {
        if let Some(known) = self.peers.get_mut(&peer) {
            // Text of a stranger goes to terminals and logs: nothing in it may steer them.
            let agent = agent.chars().filter(|c| !c.is_control()).take(MOST_AGENT).collect();
            known.agent = Some(agent);
            known.protocols = protocols.take(MOST_PROTOCOLS).collect();
        }
    }

    pub(super) fn measured(&mut self, peer: PeerId, rtt: Duration) {
        if let Some(known) = self.peers.get_mut(&peer) {
            known.rtt = Some(rtt);
        }
    }

    pub(super) fn is_connected(&self, peer: &PeerId) -> bool {
        self.peers.contains_key(peer)
    }

    /// Where this node dialed a peer directly, if it did.
    pub(super) fn dialed(&self, peer: &PeerId) -> Option<Multiaddr> {
        let mut lines = self.peers.get(peer)?.lines.iter();
        lines.find(|line| !line.relayed && line.direction == Direction::Out).map(|line| line.addr.clone())
    }

    /// Everyone, longest connected first. `traffic` says what went in and out.
    pub(super) fn views(&self, traffic: impl Fn(&PeerId) -> (u64, u64)) -> Vec<PeerView> {
        let mut views: Vec<_> = self
            .peers
            .iter()
            .map(|(peer, known)| {
                let direct = known.lines.iter().rev().find(|line| !line.relayed);
                let line = direct.or(known.lines.last()).expect("a peer without connections is removed");
                PeerView {
                    peer: *peer,
                    addr: line.addr.clone(),
                    relayed: line.relayed,
                    direction: line.direction,
                    since: known.since,
                    agent: known.agent.clone(),
                    rtt: known.rtt,
                    protocols: known.protocols.clone(),
                    traffic: traffic(peer),
                }
            })
            .collect();
        views.sort_by_key(|view| (view.since, view.peer));
        views
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: usize, relayed: bool) -> Line {
        let addr = format!("/ip4/9.9.9.9/tcp/{id}").parse().unwrap();
        Line { id: ConnectionId::new_unchecked(id), addr, relayed, direction: Direction::Out }
    }

    #[test]
    fn a_direct_connection_beside_relayed_ones_is_an_upgrade() {
        let (mut peers, peer, now) = (Peers::default(), PeerId::random(), SystemTime::UNIX_EPOCH);
        assert_eq!(peers.opened(peer, line(1, true), now), Opened::First);
        assert_eq!(peers.opened(peer, line(2, true), now), Opened::More);
        assert_eq!(peers.opened(peer, line(3, false), now), Opened::Upgraded);
        assert_eq!(peers.opened(peer, line(4, false), now), Opened::More);
        let view = &peers.views(|_| (0, 0))[0];
        assert!(!view.relayed);
        assert_eq!(view.addr, line(4, false).addr);
        assert!(!peers.closed(peer, ConnectionId::new_unchecked(4)));
        assert!(!peers.closed(peer, ConnectionId::new_unchecked(3)));
        assert!(peers.views(|_| (0, 0))[0].relayed);
        assert!(!peers.closed(peer, ConnectionId::new_unchecked(1)));
        assert!(peers.closed(peer, ConnectionId::new_unchecked(2)));
        assert!(!peers.closed(peer, ConnectionId::new_unchecked(2)), "it is gone already");
        assert!(!peers.is_connected(&peer));
    }

    #[test]
    fn what_a_stranger_says_of_itself_is_cut_and_cleaned() {
        let (mut peers, peer) = (Peers::default(), PeerId::random());
        peers.opened(peer, line(1, false), SystemTime::UNIX_EPOCH);
        peers.identified(peer, &format!("\x1b[2J{}", "x".repeat(10_000)), (0..10_000).map(|n| n.to_string()));
        let view = &peers.views(|_| (1, 2))[0];
        assert_eq!(view.agent.as_deref().unwrap().len(), MOST_AGENT);
        assert!(!view.agent.as_deref().unwrap().contains('\x1b'));
        assert_eq!(view.protocols.len(), MOST_PROTOCOLS);
        assert_eq!(view.traffic, (1, 2));
    }
}
