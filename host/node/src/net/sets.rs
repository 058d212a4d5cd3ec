//! Identities and laws of a space as sets that peers compare, kept until something of them changes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use atlas_net::negentropy::{Item, Memory};
use atlas_net::replica::ReplicaError;
use atlas_net::wire::reconcile::Summary;
use atlas_record::{IdentityId, SpaceId};

use super::pieces;
use super::roster::Rosters;
use crate::error::NodeError;
use crate::node::Node;
use crate::spaces::Space;

const GENESIS: u8 = 0;
const AMENDMENT: u8 = 1;

/// A set that is small enough to be held.
#[derive(Debug, Default)]
pub struct Held {
    /// Members in their order.
    pub members: Memory,
    /// Their transport forms.
    pub items: HashMap<[u8; 32], Vec<u8>>,
    /// Size and digest.
    pub summary: Option<Summary>,
}

impl Held {
    fn of(items: impl IntoIterator<Item = (u64, Vec<u8>)>) -> Self {
        let (mut members, mut by_id) = (Vec::new(), HashMap::new());
        for (time, item) in items {
            let id = pieces::id_of(&item);
            members.push(Item { time, id });
            by_id.insert(id, item);
        }
        let members = Memory::new(members).expect("amendments are numbered below 2^53, and pieces have no time");
        let mut hasher = blake3::Hasher::new();
        for item in members.as_slice() {
            hasher.update(&item.id);
        }
        let summary = Summary { count: members.as_slice().len() as u64, digest: *hasher.finalize().as_bytes() };
        Self { members, items: by_id, summary: Some(summary) }
    }

    /// Size and digest.
    pub fn summary(&self) -> Summary {
        self.summary.unwrap_or(Summary { count: 0, digest: *blake3::Hasher::new().finalize().as_bytes() })
    }

    /// The members that another state of the set had not.
    pub fn since(&self, before: &Self) -> Vec<Item> {
        self.members.as_slice().iter().filter(|item| !before.items.contains_key(&item.id)).copied().collect()
    }
}

/// The laws of a space.
pub fn laws(space: &Space) -> Held {
    let genesis = (0, [&[GENESIS][..], space.genesis.as_bytes()].concat());
    let amendments = space
        .amendments
        .iter()
        .map(|amendment| (amendment.document().number, [&[AMENDMENT][..], amendment.as_bytes()].concat()));
    Held::of(std::iter::once(genesis).chain(amendments))
}

/// A law, by its transport form.
pub enum Law<'a> {
    /// The document that founds the space.
    Genesis(&'a [u8]),
    /// One that changes its constitution.
    Amendment(&'a [u8]),
}

/// Reads a transport form.
pub fn law(item: &[u8]) -> Option<Law<'_>> {
    match item.split_first()? {
        (&GENESIS, bytes) => Some(Law::Genesis(bytes)),
        (&AMENDMENT, bytes) => Some(Law::Amendment(bytes)),
        _ => None,
    }
}

/// The identities of each space, until something of them changes.
#[derive(Default)]
pub struct IdentitySets {
    rosters: Rosters,
    held: Mutex<HashMap<SpaceId, Arc<Held>>>,
}

impl IdentitySets {
    /// Who has a part in each space.
    pub fn rosters(&self) -> &Rosters {
        &self.rosters
    }

    /// The identities of a space.
    pub fn of(&self, node: &Node, space: &Space) -> Result<Arc<Held>, NodeError> {
        if let Some(held) = self.held.lock().expect("no thread panics with this lock").get(&space.id) {
            return Ok(held.clone());
        }
        let mut items = Vec::new();
        for id in self.rosters.of(node, space)? {
            items.extend(items_of(node, &id, Some(&space.id))?.into_iter().map(|item| (0, item)));
        }
        let held = Arc::new(Held::of(items));
        self.held.lock().expect("no thread panics with this lock").insert(space.id, held.clone());
        Ok(held)
    }

    /// Something of the space's identities has changed; what was held before.
    pub fn forget(&self, space: &SpaceId) -> Option<Arc<Held>> {
        self.held.lock().expect("no thread panics with this lock").remove(space)
    }
}

/// What there is of an identity, as items; of its grants those that concern a space.
pub fn items_of(node: &Node, id: &IdentityId, space: Option<&SpaceId>) -> Result<Vec<Vec<u8>>, NodeError> {
    let Some(identity) = node.identity(id)? else { return Ok(Vec::new()) };
    let parts = node.identity_parts(&identity, space)?;
    Ok(parts.iter().filter_map(|part| pieces::item(id, part)).collect())
}

/// A failure of this node, as the network is told of it.
pub fn own(error: NodeError) -> ReplicaError {
    ReplicaError(error.to_string())
}
