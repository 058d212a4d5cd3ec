//! The spaces that this node holds, and their constitutions.
//!
//! A space without a governance module is governed by its founder: an amendment counts if a
//! device of the founder signed it and it follows the constitution in force.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, RwLock};

use atlas_record::space::{Amendment, Binding, Constitution, Genesis, Signed, Slot};
use atlas_record::{ConstitutionId, IdentityId, SpaceId, TypeName};
use atlas_store::{Batch, DocKind, Store};

use crate::error::{NodeError, Refusal};

/// A space as this node knows it.
#[derive(Debug, Clone)]
pub struct Space {
    /// The id.
    pub id: SpaceId,
    /// What it is called on this node.
    pub name: String,
    /// The document that founded it.
    pub genesis: Arc<Signed<Genesis>>,
    /// Amendments in order.
    pub amendments: Vec<Arc<Signed<Amendment>>>,
}

impl Space {
    /// The constitution in force and its id.
    pub fn current(&self) -> (ConstitutionId, &Constitution) {
        match self.amendments.last() {
            Some(last) => (last.constitution_id(), &last.document().constitution),
            None => (self.genesis.constitution_id(), &self.genesis.document().constitution),
        }
    }

    /// A constitution of this space, in force or past.
    pub fn constitution(&self, id: &ConstitutionId) -> Option<&Constitution> {
        if self.genesis.constitution_id() == *id {
            return Some(&self.genesis.document().constitution);
        }
        let amendment = self.amendments.iter().rev().find(|amendment| amendment.constitution_id() == *id)?;
        Some(&amendment.document().constitution)
    }

    /// Who founded it.
    pub fn founder(&self) -> IdentityId {
        self.genesis.document().founder
    }

    /// The binding in force for a type. The refusal says how to add one.
    pub fn binding(&self, type_name: &TypeName) -> Result<&Binding, Refusal> {
        let (_, constitution) = self.current();
        constitution.slots.get(&Slot::Validator(type_name.clone())).ok_or_else(|| {
            let short = type_name.as_str().strip_prefix("atlas.").unwrap_or("MODULE");
            Refusal::new("unknown-type", format!("space `{}` has no type `{type_name}`", self.name)).hint(format!(
                "its founder can add it: atlas module bind --space {} --as FOUNDER validator:{type_name} {short}",
                self.name
            ))
        })
    }
}

/// All spaces of a node.
pub struct Spaces {
    store: Store,
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    by_id: HashMap<SpaceId, Arc<Space>>,
    by_name: BTreeMap<String, SpaceId>,
}

fn amendment_key(space: &SpaceId, number: u64) -> Vec<u8> {
    [&space.0[..], &number.to_be_bytes()].concat()
}

fn damaged(what: &str, error: impl std::fmt::Display) -> NodeError {
    NodeError::Unavailable(format!("{what} in the store is damaged ({error}); run `atlas doctor`"))
}

impl Spaces {
    /// Reads every space of a store.
    pub fn open(store: Store) -> Result<Self, NodeError> {
        let mut known = Known::default();
        for doc in store.docs(DocKind::Genesis, b"") {
            let genesis = Signed::<Genesis>::decode(&doc?.bytes).map_err(|e| damaged("a space", e))?;
            let id = genesis.space_id();
            let mut amendments = Vec::new();
            for doc in store.docs(DocKind::Constitution, &id.0) {
                let amendment = Signed::<Amendment>::decode(&doc?.bytes).map_err(|e| damaged("a constitution", e))?;
                amendments.push(Arc::new(amendment));
            }
            let name = match store.doc(DocKind::Space, &id.0)? {
                Some(name) => String::from_utf8_lossy(&name).into_owned(),
                None => id.to_string(),
            };
            known.by_name.insert(name.clone(), id);
            known.by_id.insert(id, Arc::new(Space { id, name, genesis: Arc::new(genesis), amendments }));
        }
        Ok(Self { store, known: RwLock::new(known) })
    }

    /// By id.
    pub fn get(&self, id: &SpaceId) -> Option<Arc<Space>> {
        self.known.read().expect("no thread panics with this lock").by_id.get(id).cloned()
    }

    /// All, by name.
    pub fn all(&self) -> Vec<Arc<Space>> {
        let known = self.known.read().expect("no thread panics with this lock");
        known.by_name.values().map(|id| known.by_id[id].clone()).collect()
    }

    /// By local name or id; without either, the only one there is.
    pub fn resolve(&self, name: Option<&str>) -> Result<Arc<Space>, NodeError> {
        let all = self.all();
        let names = || all.iter().map(|space| space.name.as_str()).collect::<Vec<_>>().join(", ");
        let Some(name) = name else {
            return match &all[..] {
                [only] => Ok(only.clone()),
                [] => {
                    Err(NodeError::Misuse("there is no space here yet: make one with `atlas space create NAME`".into()))
                }
                _ => Err(NodeError::Misuse(format!(
                    "several spaces are here ({}): say which with --space NAME",
                    names()
                ))),
            };
        };
        let id: Option<SpaceId> = name.parse().ok();
        all.iter().find(|space| space.name == name || Some(space.id) == id).cloned().ok_or_else(|| {
            let hint = if all.is_empty() {
                "make one with `atlas space create NAME`".to_owned()
            } else {
                format!("known here: {}", names())
            };
            NodeError::missing("space", name, hint)
        })
    }

    /// Keeps a space under a local name. `also` is written with it, or not at all.
    pub fn add(&self, name: &str, genesis: Signed<Genesis>, mut also: Batch) -> Result<Arc<Space>, NodeError> {
        crate::identities::check_local_name("a space", name)?;
        let mut known = self.known.write().expect("no thread panics with this lock");
        let id = genesis.space_id();
        if let Some(space) = known.by_id.get(&id) {
            return Ok(space.clone());
        }
        if known.by_name.contains_key(name) {
            return Err(NodeError::Exists { what: "space", name: name.to_owned() });
        }
        also.put_doc(DocKind::Genesis, id.0, genesis.as_bytes());
        also.put_doc(DocKind::Space, id.0, name);
        self.store.commit(also)?;
        let space = Arc::new(Space { id, name: name.to_owned(), genesis: Arc::new(genesis), amendments: Vec::new() });
        known.by_name.insert(name.to_owned(), id);
        known.by_id.insert(id, space.clone());
        Ok(space)
    }

    /// Puts an amendment in force. Refused unless the founder signed it and it follows the
    /// constitution in force; one that is in force already changes nothing.
    pub fn amend(
        &self,
        amendment: Signed<Amendment>,
        signer_is_founder: bool,
        mut also: Batch,
    ) -> Result<Arc<Space>, NodeError> {
        let mut known = self.known.write().expect("no thread panics with this lock");
        let document = amendment.document();
        let space = known
            .by_id
            .get(&document.space)
            .ok_or_else(|| NodeError::missing("space", document.space, "its genesis has to come first"))?;
        if space.constitution(&amendment.constitution_id()).is_some() {
            return Ok(space.clone());
        }
        let (current, _) = space.current();
        if !signer_is_founder {
            return Err(Refusal::new(
                "not-the-founder",
                format!("only the founder of `{}` may change its constitution", space.name),
            )
            .into());
        }
        if document.follows != current || document.number != space.amendments.len() as u64 + 1 {
            return Err(Refusal::new("stale-amendment", "the amendment does not follow the constitution in force")
                .hint("look at the constitution with `atlas space show` and amend that one")
                .into());
        }
        also.put_doc(DocKind::Constitution, amendment_key(&space.id, document.number), amendment.as_bytes());
        let id = space.id;
        let mut next = Space::clone(space);
        next.amendments.push(Arc::new(amendment));
        self.store.commit(also)?;
        let next = Arc::new(next);
        known.by_id.insert(id, next.clone());
        Ok(next)
    }
}
