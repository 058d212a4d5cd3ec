//! Who has a part in a space: those whose identities travel with it.
//!
//! Its founder, its recorders and members, and everyone with a key that has a chain there. Only
//! identities that are known here count, since only they can travel; a record whose author is
//! not known waits for that identity.

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;

use atlas_record::identity::Identity;
use atlas_record::{IdentityId, SpaceId};

use crate::error::NodeError;
use crate::node::Node;
use crate::spaces::Space;

/// The rosters, as far as they have been asked for.
#[derive(Default)]
pub struct Rosters(Mutex<Option<HashMap<SpaceId, BTreeSet<IdentityId>>>>);

impl Rosters {
    /// The roster of a space.
    pub fn of(&self, node: &Node, space: &Space) -> Result<BTreeSet<IdentityId>, NodeError> {
        let mut known = self.0.lock().expect("no thread panics with this lock");
        if known.is_none() {
            *known = Some(everyone(node)?);
        }
        let authors = known.as_ref().and_then(|known| known.get(&space.id)).cloned().unwrap_or_default();
        drop(known);
        Ok(authors.into_iter().chain(named(space)).collect())
    }

    /// Someone writes in a space. Whether that is news.
    pub fn wrote(&self, space: SpaceId, author: IdentityId) -> bool {
        let mut known = self.0.lock().expect("no thread panics with this lock");
        known.as_mut().is_some_and(|known| known.entry(space).or_default().insert(author))
    }

    /// An identity has come, or has keys that it had not: what they wrote counts now.
    pub fn learned(&self, node: &Node, identity: &Identity) -> Result<Vec<SpaceId>, NodeError> {
        let spaces = spaces_of(node, identity)?;
        for space in &spaces {
            self.wrote(*space, identity.id());
        }
        Ok(spaces)
    }
}

/// Whom a constitution names.
pub fn named(space: &Space) -> BTreeSet<IdentityId> {
    let (_, constitution) = space.current();
    let mut named: BTreeSet<IdentityId> = constitution.recorders.iter().copied().collect();
    named.insert(space.founder());
    named.extend(super::membership::members(constitution));
    named
}

fn spaces_of(node: &Node, identity: &Identity) -> Result<Vec<SpaceId>, NodeError> {
    let mut spaces = BTreeSet::new();
    for (key, _) in identity.subjects() {
        spaces.extend(node.store().chain_spaces(&key)?);
    }
    Ok(spaces.into_iter().collect())
}

fn everyone(node: &Node) -> Result<HashMap<SpaceId, BTreeSet<IdentityId>>, NodeError> {
    let mut rosters: HashMap<SpaceId, BTreeSet<IdentityId>> = HashMap::new();
    for id in node.people().all()? {
        let Some(identity) = node.identity(&id)? else { continue };
        for space in spaces_of(node, &identity)? {
            rosters.entry(space).or_default().insert(id);
        }
    }
    Ok(rosters)
}
