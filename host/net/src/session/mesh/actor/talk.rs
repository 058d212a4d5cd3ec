//! What is said to peers and heard from them over gossip streams.

use std::collections::HashMap;
use std::time::Duration;

use atlas_record::SpaceId;

use super::super::super::acquaintance::{Acquaintance, Step};
use super::super::super::pair::{Heard, Pair};
use super::super::super::serve::fresh;
use super::super::super::table::Entry as Meant;
use super::super::work::Told;
use super::{Actor, Has};
use crate::overlay::{Entry, Offence};
use crate::swarm::{PeerId, Stream};
use crate::wire::gossip::{Announcement, Gossip};
use crate::wire::{self, Follows, Set};

/// Between two tries to open a gossip stream.
pub(super) const OPEN_AGAIN: Duration = Duration::from_secs(2);

impl Actor {
    /// Of two peers the one with the smaller name opens the gossip stream.
    pub(super) fn open_talk(&self, peer: PeerId, after: Duration) {
        if self.network.peer_id() < peer {
            let (network, reports) = (self.network.clone(), self.reports.clone());
            tokio::spawn(async move {
                tokio::time::sleep(after).await;
                let opened = network.open(peer, wire::GOSSIP).await;
                let _ = reports.send(Told::Opened(peer, opened)).await;
            });
        }
    }

    pub(super) fn start_talk(&mut self, peer: PeerId, stream: Stream) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        self.next_stream += 1;
        let pair = Pair::start(stream, peer, self.next_stream, self.talk.clone());
        let (us, them) = (self.network.peer_id().to_bytes(), peer.to_bytes());
        let agent = concat!("atlas/", env!("CARGO_PKG_VERSION"));
        let ours = self.spaces.values().cloned().collect();
        let (acquaintance, hello) = Acquaintance::new(us, them, fresh(), agent, ours);
        pair.send(hello);
        link.talk = Some((pair, acquaintance));
        self.shares(peer);
    }

    pub(super) fn heard(&mut self, Heard { peer, stream, what }: Heard) {
        let Some((pair, talk)) = self.links.get_mut(&peer).and_then(|link| link.talk.as_mut()) else { return };
        if pair.stream != stream {
            return; // of one that was replaced
        }
        match what {
            Ok(message) => {
                let steps = talk.handle(message, &*self.members);
                self.steps(peer, steps);
            }
            Err(error) => {
                if error.is_fault() {
                    self.blame(peer, Offence::Garbage, &error.to_string());
                }
                tracing::debug!(%peer, "the gossip stream ended: {error}");
                if let Some(link) = self.links.get_mut(&peer) {
                    link.talk = None;
                    self.shares(peer);
                    self.open_talk(peer, OPEN_AGAIN);
                }
            }
        }
    }

    pub(super) fn steps(&mut self, peer: PeerId, steps: Vec<Step>) {
        let now = self.now();
        let mut changed = false;
        for step in steps {
            match step {
                Step::Send(message) => self.say(peer, message),
                Step::Shares(..) | Step::Parts(_) => changed = true,
                Step::Announced(space, sets, more) => {
                    if std::mem::take(&mut changed) {
                        self.shares(peer);
                    }
                    let entries: Vec<Entry> = sets
                        .into_iter()
                        .flat_map(|(set, ranks)| {
                            ranks.into_iter().map(move |rank| Entry { set: set.clone(), item: rank.into() })
                        })
                        .collect();
                    self.overlay.announced(now, peer, space, &entries, more, &mut Has(&*self.replica));
                }
                Step::Neighbour(space, on) => {
                    if std::mem::take(&mut changed) {
                        self.shares(peer);
                    }
                    self.overlay.neighbour(now, peer, space, on);
                }
                Step::Left(reason) => {
                    tracing::info!(%peer, "a peer has left: {reason}");
                    self.disconnect(peer);
                }
                Step::Fault(reason) => self.blame(peer, Offence::Garbage, reason),
            }
        }
        if changed {
            self.shares(peer);
        }
    }

    /// Tells the machine and the server what is shared with a peer now.
    pub(super) fn shares(&mut self, peer: PeerId) {
        let now = self.now();
        let talk = self.links.get(&peer).and_then(|link| link.talk.as_ref());
        let mut shared: Vec<(SpaceId, Follows)> = Vec::new();
        let mut tags = HashMap::new();
        if let Some((_, talk)) = talk {
            for (space, follow) in talk.shared() {
                shared.push((*space, follow.clone()));
                if let Some(tag) = talk.their_tag(space) {
                    tags.insert(tag, Meant { space: *space, follow: follow.clone() });
                }
            }
        }
        self.table.set(peer, tags);
        self.overlay.shares(now, peer, shared);
    }

    pub(super) fn say(&mut self, peer: PeerId, message: Gossip) {
        let talk = self.links.get(&peer).and_then(|link| link.talk.as_ref());
        if talk.is_some_and(|(pair, _)| !pair.send(message)) {
            self.blame(peer, Offence::Slow, "it does not read what it is told");
            if let Some(link) = self.links.get_mut(&peer) {
                link.talk = None;
                self.shares(peer);
                self.open_talk(peer, OPEN_AGAIN);
            }
        }
    }

    /// Tells every peer of a space that there is more than it was told.
    pub(super) fn say_more(&mut self, space: SpaceId) {
        let peers: Vec<PeerId> = self.links.keys().copied().collect();
        for peer in peers {
            let talk = self.links.get(&peer).and_then(|link| link.talk.as_ref());
            let shared = talk.filter(|(_, talk)| talk.shared().any(|(id, _)| *id == space));
            if let Some(tag) = shared.and_then(|(_, talk)| talk.our_tag(&space)) {
                self.say(peer, Gossip::Announce(Announcement { tag, sets: Vec::new(), more: true }));
            }
        }
    }

    /// Whether a peer has an ability beyond the first release.
    pub(super) fn can(&self, peer: &PeerId, ability: u64) -> bool {
        let talk = self.links.get(peer).and_then(|link| link.talk.as_ref());
        talk.is_some_and(|(_, talk)| talk.can(ability))
    }

    pub(super) fn our_tag(&self, peer: &PeerId, space: &SpaceId) -> Option<wire::Tag> {
        self.links.get(peer)?.talk.as_ref()?.1.our_tag(space)
    }

    pub(super) fn announce(&mut self, peer: PeerId, space: SpaceId, entries: Vec<Entry>, more: bool) {
        let Some(tag) = self.our_tag(&peer, &space) else { return };
        let mut sets: Vec<(Set, Vec<_>)> = Vec::new();
        for entry in entries {
            match sets.iter_mut().find(|(set, _)| *set == entry.set) {
                Some((_, ranks)) => ranks.push(entry.item.into()),
                None => sets.push((entry.set, vec![entry.item.into()])),
            }
        }
        self.say(peer, Gossip::Announce(Announcement { tag, sets, more }));
    }
}
