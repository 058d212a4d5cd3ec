//! Workflows: what is the current state, and which transitions lost against another.
//!
//! A record moves a matter on by a `follows` link to the record whose state it ends. What is
//! followed is no current state any more. Two records may follow the same one, because their
//! authors did not know of each other: the first by (created, id) counts, and the others, with
//! whatever follows them, are *contested*. They stay in answers and say so.

use std::collections::{HashMap, HashSet};

use atlas_record::order::Rank;
use atlas_record::{Link, RecordId, Target, TypeName};
use atlas_store::{By, Scan, StoredRecord};

use super::Query;
use crate::error::NodeError;
use crate::node::Node;
use crate::spaces::Space;

/// The relation by which a record names the one whose state it ends.
pub const FOLLOWS: &str = "follows";
/// The declared index that holds the state.
pub(super) const STATE: &str = "state";

/// Predecessors that are looked at to find a contested one.
const MOST_STEPS: usize = 64;
/// Records of one time that are compared by id.
const MOST_OF_ONE_TIME: usize = 256;

fn follows(stored: &StoredRecord) -> impl Iterator<Item = &Link> {
    stored.record.header().links.iter().filter(|link| link.relation.as_str() == FOLLOWS)
}

fn rank(stored: &StoredRecord) -> Rank {
    Rank { created: stored.created(), id: stored.record.id() }
}

impl Node {
    /// Whether a type has states and moves between them, as far as its module can be asked.
    pub(super) fn has_workflow(&self, space: &Space, type_name: &TypeName) -> bool {
        let binding = space.binding(type_name).ok();
        let validator = binding.and_then(|binding| self.modules().validator(binding).ok());
        validator.is_some_and(|validator| validator.rules().workflow.is_some())
    }

    /// Refuses a state that the workflow does not have.
    pub(super) fn check_state(&self, query: &Query, state: &str) -> Result<(), NodeError> {
        let Some(type_name) = &query.type_name else { return Ok(()) };
        let validator = self.modules().validator(query.space.binding(type_name)?)?;
        match &validator.rules().workflow {
            Some(workflow) if !workflow.states.iter().any(|known| known == state) => Err(NodeError::missing(
                "state",
                format!("{state} of {type_name}"),
                format!("it has: {}", workflow.states.join(", ")),
            )),
            _ => Ok(()),
        }
    }

    /// The records of the type that point at a target by `follows`, earliest first.
    fn followers(&self, stored: &StoredRecord, target: Target) -> Result<atlas_store::Hits, NodeError> {
        let header = stored.record.header();
        let relation = FOLLOWS.parse().expect("a constant relation is legal");
        let by = By::LinkTo { relation: Some(relation), target, type_name: Some(header.type_name.clone()) };
        Ok(self.store().scan(&Scan { newest_first: false, ..Scan::new(header.space, by) })?)
    }

    /// Whether a visible record ends the state of this one.
    pub(super) fn is_followed(&self, stored: &StoredRecord) -> Result<bool, NodeError> {
        Ok(self.followers(stored, stored.record.id().into())?.next().transpose()?.is_some())
    }

    /// The numbers of those records that lost a concurrent transition.
    pub fn contested(&self, records: &[StoredRecord]) -> Result<HashSet<u64>, NodeError> {
        let mut flows: HashMap<(atlas_record::SpaceId, TypeName), bool> = HashMap::new();
        let mut contested = HashSet::new();
        for stored in records.iter().filter(|stored| follows(stored).next().is_some()) {
            let header = stored.record.header();
            let flow = flows.entry((header.space, header.type_name.clone())).or_insert_with(|| {
                self.spaces().get(&header.space).is_some_and(|space| self.has_workflow(&space, &header.type_name))
            });
            if *flow && self.is_contested(stored)? {
                contested.insert(stored.n);
            }
        }
        Ok(contested)
    }

    /// Whether a record, or one that it builds on, came second.
    fn is_contested(&self, stored: &StoredRecord) -> Result<bool, NodeError> {
        let mut seen: HashSet<RecordId> = HashSet::from([stored.record.id()]);
        let mut next = vec![stored.clone()];
        while let Some(stored) = next.pop() {
            for link in follows(&stored) {
                if self.came_second(&stored, &link.target)? {
                    return Ok(true);
                }
                let Target::Cid(cid) = &link.target else { continue };
                let Some(before) = RecordId::from_cid(cid).filter(|id| seen.len() < MOST_STEPS && seen.insert(*id))
                else {
                    continue;
                };
                next.extend(self.store().get(&before)?.filter(|before| {
                    let (its, own) = (before.record.header(), stored.record.header());
                    its.space == own.space && its.type_name == own.type_name
                }));
            }
        }
        Ok(false)
    }

    /// Whether another visible record follows the same one, and is earlier.
    fn came_second(&self, stored: &StoredRecord, target: &Target) -> Result<bool, NodeError> {
        let own = rank(stored);
        let mut same_time = Vec::new();
        for hit in self.followers(stored, target.clone())? {
            let hit = hit?;
            if hit.created < own.created {
                return Ok(true);
            }
            if hit.created > own.created || same_time.len() == MOST_OF_ONE_TIME {
                break;
            }
            if hit.n != stored.n {
                same_time.push(hit.n);
            }
        }
        Ok(self.store().by_numbers(same_time)?.iter().any(|other| rank(other) < own))
    }
}
