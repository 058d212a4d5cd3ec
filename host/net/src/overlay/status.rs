//! What a person may want to know.

use atlas_record::SpaceId;

use super::machine::Overlay;
use super::score::{Reason, Standing};
use super::types::{Millis, PeerKey};

/// A peer, as `atlas status` shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct PeerStatus<P> {
    /// Who.
    pub peer: P,
    /// How it is treated.
    pub standing: Standing,
    /// Points that are not forgotten yet; [`super::Config::left_at`] is the end.
    pub penalty: f64,
    /// What weighed most.
    pub reason: Reason,
    /// Connected since; `None` if it was left.
    pub since: Option<Millis>,
    /// When it may come back, if it was left.
    pub until: Option<Millis>,
    /// Spaces that both sides share.
    pub spaces: usize,
    /// Members that it delivered and that were taken in.
    pub delivered: usize,
    /// Of these, a second, over the last ten seconds or so.
    pub arrivals: f64,
    /// Announcements that were read from it, a second.
    pub announcements: f64,
    /// Members that were asked of it and have not come yet.
    pub in_flight: usize,
}

/// A space, as `atlas status` shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct SpaceStatus<P> {
    /// Which.
    pub space: SpaceId,
    /// Connected peers that share it.
    pub peers: usize,
    /// To whom everything new is announced.
    pub neighbours: Vec<P>,
    /// Members that are known to be missing.
    pub wanted: usize,
    /// Members that were announced and could not be put on the list, or could not be had, since the last comparison.
    pub overflowed: u64,
    /// Whether a reconciliation is under way, and with whom.
    pub reconciling: Option<P>,
    /// When everything was last compared with someone.
    pub compared: Option<Millis>,
    /// Connected peers with whom everything was compared, and from whom nothing is missing since.
    pub in_sync_with: usize,
}

/// How full the tables are, against their bounds in [`super::Config`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Load {
    /// Connected peers.
    pub peers: usize,
    /// Peers that were left and are remembered.
    pub departed: usize,
    /// The want-list.
    pub wants: usize,
    /// The most that one peer owes.
    pub owed: usize,
    /// Members in flight.
    pub in_flight: usize,
    /// Members remembered.
    pub recent: usize,
    /// Announcements in all outboxes.
    pub outgoing: usize,
    /// Ids remembered to tell replays, over all peers.
    pub echoes: usize,
}

impl<P: PeerKey> Overlay<P> {
    /// Connected peers, and those that were left.
    pub fn peers(&self, now: Millis) -> Vec<PeerStatus<P>> {
        let connected = self.peers.iter().map(|(key, peer)| PeerStatus {
            peer: *key,
            standing: peer.standing,
            penalty: peer.score.points(now, &self.config),
            reason: peer.score.reason(),
            since: Some(peer.since),
            until: None,
            spaces: peer.spaces.keys().filter(|space| self.spaces.contains_key(space)).count(),
            delivered: peer.delivered,
            arrivals: peer.arrivals.per_second(now),
            announcements: peer.announcements.per_second(now),
            in_flight: self.wants.batches().filter(|(_, b)| b.peer == *key).map(|(_, b)| b.open.len()).sum(),
        });
        let left =
            self.departed.iter(now).filter(|(peer, ..)| !self.peers.contains_key(peer)).map(|(peer, until, reason)| {
                PeerStatus {
                    peer,
                    standing: Standing::Left,
                    penalty: self.config.left_at,
                    reason,
                    since: None,
                    until: Some(until),
                    spaces: 0,
                    delivered: 0,
                    arrivals: 0.0,
                    announcements: 0.0,
                    in_flight: 0,
                }
            });
        connected.chain(left).collect()
    }

    /// The spaces of this node.
    pub fn spaces(&self) -> Vec<SpaceStatus<P>> {
        self.spaces
            .iter()
            .map(|(space, joined)| {
                let agreements = || self.peers.values().filter_map(|peer| Some(&peer.spaces.get(space)?.agreement));
                let wanted = self.wants.of_space(space);
                SpaceStatus {
                    space: *space,
                    peers: agreements().count(),
                    neighbours: joined.neighbours.clone(),
                    wanted,
                    overflowed: joined.overflowed,
                    reconciling: joined.running.map(|running| running.peer),
                    compared: joined.compared,
                    in_sync_with: agreements()
                        .filter(|agreement| !agreement.due && agreement.compared.is_some())
                        .filter(|agreement| agreement.equal || wanted == 0)
                        .count(),
                }
            })
            .collect()
    }

    /// How full the tables are.
    pub fn load(&self) -> Load {
        Load {
            peers: self.peers.len(),
            departed: self.departed.len(),
            wants: self.wants.len(),
            owed: self.peers.keys().map(|peer| self.wants.owed(peer)).max().unwrap_or(0),
            in_flight: self.wants.in_flight(),
            recent: self.recent.len(),
            outgoing: self.peers.values().flat_map(|peer| peer.spaces.values()).map(|shared| shared.out.len()).sum(),
            echoes: self.peers.values().map(|peer| peer.echo.len()).sum(),
        }
    }
}
