//! Records of the simulation: as little as can be checked, and the set that holds them.

use std::collections::HashMap;

use atlas_record::{SpaceId, TypeName};

use crate::negentropy::{Id, Item, Memory};
use crate::overlay::{Entry, Refusal, Set};

/// The space that everyone shares.
pub fn space() -> SpaceId {
    SpaceId([1; 32])
}

/// The one type of record.
pub fn kind() -> TypeName {
    "sim.note".parse().expect("a type name")
}

/// A record, and whether its signature is good: what ingest would find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// Where it belongs.
    pub space: SpaceId,
    /// Milliseconds of virtual time.
    pub created: u64,
    /// Makes it unlike others.
    pub nonce: u64,
    /// Whether it would verify.
    pub signed: bool,
}

impl Record {
    /// BLAKE3 of all of it.
    pub fn id(&self) -> Id {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.space.0).update(&self.created.to_be_bytes()).update(&self.nonce.to_be_bytes());
        *hasher.update(&[u8::from(self.signed)]).finalize().as_bytes()
    }

    /// Its place in the set.
    pub fn item(&self) -> Item {
        Item { time: self.created, id: self.id() }
    }

    /// What ingest says to this as an answer to a question for `id`.
    pub(super) fn check(&self, id: &Id) -> Result<Entry, Refusal> {
        if self.id() != *id {
            return Err(Refusal::WrongId);
        }
        if !self.signed {
            return Err(Refusal::BadSignature);
        }
        if self.space != space() {
            return Err(Refusal::WrongSpace);
        }
        Ok(entry(self.item()))
    }
}

/// An item as a member of the one set.
pub fn entry(item: Item) -> Entry {
    Entry { set: Set::Records(kind()), item }
}

/// What a node has on disk.
#[derive(Debug, Default)]
pub struct Replica {
    records: HashMap<Id, Record>,
    /// Sorted.
    items: Vec<Item>,
    /// Of `items`; made when it is asked for.
    snapshot: Option<Memory>,
}

impl Replica {
    /// Whether a record is here.
    pub fn has(&self, id: &Id) -> bool {
        self.records.contains_key(id)
    }

    /// A record.
    pub fn get(&self, id: &Id) -> Option<&Record> {
        self.records.get(id)
    }

    /// Takes a record in. Whether it is new.
    pub fn insert(&mut self, record: Record) -> bool {
        let item = record.item();
        if self.records.insert(item.id, record).is_some() {
            return false;
        }
        let at = self.items.partition_point(|other| *other < item);
        self.items.insert(at, item);
        self.snapshot = None;
        true
    }

    /// The members in order: equal sets are equal slices.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// The set as reconciliation sees it.
    pub(super) fn snapshot(&mut self) -> &Memory {
        self.snapshot.get_or_insert_with(|| Memory::new(self.items.clone()).expect("virtual time is finite"))
    }
}
