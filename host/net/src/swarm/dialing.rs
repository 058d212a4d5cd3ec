//! Who waits for which connection, and how a failure reads.

use std::collections::HashMap;

use libp2p::multiaddr::Protocol;
use libp2p::swarm::{ConnectionId, DialError as Cause};
use libp2p::{Multiaddr, PeerId};
use tokio::sync::oneshot;

use super::addr::{Scope, is_relayed, scope};
use super::{DialError, gate::Refusal};

pub(super) type Reply = oneshot::Sender<Result<PeerId, DialError>>;

/// Those who wait.
#[derive(Default)]
pub(super) struct Waiting {
    by_dial: HashMap<ConnectionId, Reply>,
    by_peer: HashMap<PeerId, Vec<Reply>>,
}

impl Waiting {
    /// For the end of one dial.
    pub(super) fn dial(&mut self, id: ConnectionId, reply: Reply) {
        self.by_dial.insert(id, reply);
    }

    /// For whichever dial of this peer ends first.
    pub(super) fn peer(&mut self, peer: PeerId, reply: Reply) {
        self.by_peer.entry(peer).or_default().push(reply);
    }

    /// A connection was made.
    pub(super) fn connected(&mut self, id: ConnectionId, peer: PeerId) {
        let others = self.by_peer.remove(&peer).into_iter().flatten();
        for reply in self.by_dial.remove(&id).into_iter().chain(others) {
            let _ = reply.send(Ok(peer));
        }
    }

    /// A dial failed.
    pub(super) fn failed(&mut self, id: ConnectionId, peer: Option<PeerId>, error: &DialError) {
        let others = peer.and_then(|peer| self.by_peer.remove(&peer)).into_iter().flatten();
        for reply in self.by_dial.remove(&id).into_iter().chain(others) {
            let _ = reply.send(Err(error.clone()));
        }
    }
}

/// What to dial of what is known of a node: on a local network TCP, which carries more there
/// for less work, as long as it works; elsewhere everything, and the swarm gives QUIC a start.
pub(super) fn worth_dialing(mut known: Vec<Multiaddr>, failed: impl Fn(&Multiaddr) -> bool) -> Vec<Multiaddr> {
    let near = |addr: &Multiaddr| matches!(scope(addr), Scope::Loopback | Scope::Local) && !is_relayed(addr);
    let quic = |addr: &Multiaddr| addr.iter().any(|part| part == Protocol::QuicV1);
    if known.iter().any(|addr| near(addr) && !quic(addr) && !failed(addr)) {
        known.retain(|addr| !(near(addr) && quic(addr)));
    }
    known
}

/// A failure in words that a caller can act on. `None` if there is a connection, or will be
/// one, without this dial.
pub(super) fn explain(error: Cause, peer: Option<PeerId>) -> Option<DialError> {
    Some(match error {
        Cause::LocalPeerId { address } => DialError::Self_(address),
        Cause::NoAddresses => match peer {
            Some(peer) => DialError::NoAddress(peer),
            None => DialError::Aborted,
        },
        Cause::DialPeerConditionFalse(_) => return None,
        Cause::Aborted => DialError::Aborted,
        Cause::WrongPeerId { obtained, address } => DialError::SomebodyElse { addr: address, found: obtained },
        Cause::Denied { cause } => DialError::Refused(Refusal::of(cause, peer)),
        Cause::Transport(tries) => {
            DialError::Unreachable(tries.into_iter().map(|(addr, error)| (addr, chain(&error))).collect())
        }
    })
}

/// An error with what is behind it, each cause once.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_network_is_dialed_over_tcp_until_that_fails() {
        let addrs = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<Multiaddr>>();
        let known = addrs(&["/ip4/10.0.0.1/udp/7/quic-v1", "/ip4/10.0.0.1/tcp/7", "/ip4/9.9.9.9/udp/7/quic-v1"]);
        assert_eq!(
            worth_dialing(known.clone(), |_| false),
            addrs(&["/ip4/10.0.0.1/tcp/7", "/ip4/9.9.9.9/udp/7/quic-v1"])
        );
        assert_eq!(worth_dialing(known.clone(), |_| true), known);
        let only_quic = addrs(&["/ip4/10.0.0.1/udp/7/quic-v1", "/ip4/9.9.9.9/tcp/7"]);
        assert_eq!(worth_dialing(only_quic.clone(), |_| false), only_quic);
    }
}
