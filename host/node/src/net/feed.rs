//! What is new here, told to the network: a thread that follows the store and what is learned.
//!
//! Records come from the store's own list of changes, whoever wrote them: what the network itself
//! brought in is news to others too. Identities and laws are compared with what the set held before.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use atlas_net::negentropy::Item;
use atlas_net::session::mesh::Mesh;
use atlas_net::wire::Set;
use atlas_record::order::Rank;
use atlas_record::{IdentityId, SpaceId};
use atlas_store::Changes;
use crossbeam_channel::Receiver;

use super::sets::{Held, IdentitySets, laws};
use crate::error::NodeError;
use crate::node::Node;

/// How long the thread sleeps when nothing happens, before it sees whether it is to stop.
const NAP: Duration = Duration::from_millis(100);
/// Commits that wait for the thread. Beyond them it tells peers to compare instead.
pub const BACKLOG: usize = 1024;
/// Records of one round.
const MOST_AT_ONCE: usize = 4096;

/// Something changed that the store's list does not show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// An identity has more pieces.
    Identity(IdentityId),
    /// A space is new, or its constitution.
    Space(SpaceId),
}

/// The thread.
pub struct Feed {
    /// The node.
    pub node: Node,
    /// Whom to tell.
    pub mesh: Mesh,
    /// The identities of each space.
    pub identities: Arc<IdentitySets>,
    /// Changes of records.
    pub changes: Changes,
    /// Changes of identities and spaces.
    pub news: Receiver<News>,
    /// To stop.
    pub stop: Arc<AtomicBool>,
}

impl Feed {
    /// Runs until it is told to stop.
    pub fn run(self) {
        let mut known_laws: BTreeMap<SpaceId, Held> = BTreeMap::new();
        for space in self.node.spaces().all() {
            known_laws.insert(space.id, laws(&space));
        }
        while !self.stop.load(Ordering::Relaxed) {
            let told = self.records().and_then(|()| {
                self.news.try_iter().take(BACKLOG).try_for_each(|news| match news {
                    News::Identity(id) => self.identity(&id),
                    News::Space(id) => {
                        self.space(&id, &mut known_laws);
                        Ok(())
                    }
                })
            });
            if let Err(error) = told {
                tracing::error!(
                    "what is new here could not be told to peers: {error}; they will find it when they compare"
                );
            }
        }
    }

    fn records(&self) -> Result<(), NodeError> {
        let mut numbers = Vec::new();
        let mut wait = NAP;
        while numbers.len() < MOST_AT_ONCE {
            match self.changes.next(wait) {
                Ok(changes) if changes.is_empty() => break,
                Ok(changes) => numbers.extend(changes.iter().filter(|it| it.before.is_none()).map(|it| it.n)),
                Err(_missed) => {
                    self.node.spaces().all().iter().for_each(|space| self.mesh.missed(space.id));
                    break;
                }
            }
            wait = Duration::ZERO;
        }
        if numbers.is_empty() {
            return Ok(());
        }
        let mut by_set: BTreeMap<(SpaceId, Set), Vec<Item>> = BTreeMap::new();
        for stored in self.node.store().by_numbers(numbers)? {
            let header = stored.record.header();
            let rank = Rank { created: header.created, id: stored.record.id() };
            let set = Set::Records(header.type_name.clone());
            by_set.entry((header.space, set)).or_default().push(rank.into());
            if self.identities.rosters().wrote(header.space, header.author) {
                self.identities(&header.space)?;
            }
        }
        for ((space, set), items) in by_set {
            self.mesh.committed(space, set, items);
        }
        Ok(())
    }

    fn identity(&self, id: &IdentityId) -> Result<(), NodeError> {
        let Some(identity) = self.node.identity(id)? else { return Ok(()) };
        let mut spaces = self.identities.rosters().learned(&self.node, &identity)?;
        // Those that name it, whether it has written there or not.
        spaces.extend(
            self.node.spaces().all().iter().filter(|space| super::roster::named(space).contains(id)).map(|it| it.id),
        );
        spaces.sort_unstable();
        spaces.dedup();
        spaces.iter().try_for_each(|space| self.identities(space))
    }

    /// Tells what the identities of a space have that they had not.
    fn identities(&self, space: &SpaceId) -> Result<(), NodeError> {
        let Some(known) = self.node.spaces().get(space) else { return Ok(()) };
        let before = self.identities.forget(space).unwrap_or_default();
        let now = self.identities.of(&self.node, &known)?;
        let new = now.since(&before);
        if !new.is_empty() {
            self.mesh.committed(*space, Set::Identities, new);
        }
        Ok(())
    }

    fn space(&self, id: &SpaceId, known: &mut BTreeMap<SpaceId, Held>) {
        let Some(space) = self.node.spaces().get(id) else { return };
        let now = laws(&space);
        let new = match known.get(id) {
            Some(before) => now.since(before),
            None => now.members.as_slice().to_vec(),
        };
        known.insert(*id, now);
        self.mesh.spaces_changed();
        if !new.is_empty() {
            self.mesh.committed(*id, Set::Laws, new);
        }
    }
}
