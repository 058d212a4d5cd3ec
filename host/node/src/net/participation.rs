//! What this node keeps of each space, and which spaces it is still on its way into.

use std::collections::BTreeMap;
use std::sync::RwLock;

use atlas_net::wire::Follows;
use atlas_record::{SpaceId, TypeName};
use atlas_store::{Batch, DocKind, Item, Store};
use serde::{Deserialize, Serialize};

use super::invite::Invite;
use crate::error::NodeError;

const PREFIX: &[u8] = b"net/space/";

/// This node's part in a space.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Participation {
    /// The types that are kept; all of them without.
    pub types: Option<Vec<TypeName>>,
    /// The invitation that is followed until the genesis has come, and the peers it names after.
    pub invite: Option<String>,
    /// What the space will be called here; without, as its founder calls it.
    pub name: Option<String>,
    /// Who speaks for this node in a private space, by local name.
    pub member: Option<String>,
    /// It was left: what is here stays, and nothing of it is exchanged with peers.
    #[serde(default)]
    pub left: bool,
}

impl Participation {
    /// What is kept.
    pub fn follow(&self) -> Follows {
        self.types.clone().map_or(Follows::All, |types| Follows::Types(types.into_iter().collect()))
    }

    /// The invitation, if one was followed.
    pub fn invite(&self) -> Option<Invite> {
        self.invite.as_deref().and_then(|line| line.parse().ok())
    }
}

/// Every part that was chosen. A space that is not here is kept whole.
pub struct Participations {
    store: Store,
    known: RwLock<BTreeMap<SpaceId, Participation>>,
}

impl Participations {
    /// Reads them from a store.
    pub fn open(store: Store) -> Result<Self, NodeError> {
        let mut known = BTreeMap::new();
        for doc in store.docs(DocKind::Setting, PREFIX) {
            let doc = doc?;
            let space = doc.key.get(PREFIX.len()..).and_then(|id| id.try_into().ok()).map(SpaceId);
            match space.zip(serde_json::from_slice(&doc.bytes).ok()) {
                Some((space, participation)) => drop(known.insert(space, participation)),
                None => tracing::warn!("this node's part in a space is damaged, and it is kept whole: {:?}", doc.key),
            }
        }
        Ok(Self { store, known: RwLock::new(known) })
    }

    /// The part in a space.
    pub fn of(&self, space: &SpaceId) -> Participation {
        self.known.read().expect("no thread panics with this lock").get(space).cloned().unwrap_or_default()
    }

    /// All that were chosen.
    pub fn all(&self) -> BTreeMap<SpaceId, Participation> {
        self.known.read().expect("no thread panics with this lock").clone()
    }

    /// Chooses the part in a space. Durable when it returns.
    pub fn set(&self, space: SpaceId, participation: Participation) -> Result<(), NodeError> {
        let mut known = self.known.write().expect("no thread panics with this lock");
        let mut batch = Batch::new();
        let bytes = serde_json::to_vec(&participation).expect("names and types are JSON");
        batch.put_doc(DocKind::Setting, [PREFIX, &space.0].concat(), bytes);
        self.store.commit(batch)?;
        known.insert(space, participation);
        Ok(())
    }

    /// Chooses nothing about a space any more. Durable when it returns.
    pub fn forget(&self, space: &SpaceId) -> Result<(), NodeError> {
        let mut known = self.known.write().expect("no thread panics with this lock");
        let key = [PREFIX, &space.0].concat();
        self.store.commit([Item::RemoveDoc { kind: DocKind::Setting, key }].into_iter().collect())?;
        known.remove(space);
        Ok(())
    }
}
