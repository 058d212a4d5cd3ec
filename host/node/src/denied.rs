//! What this operator does not keep and does not hand out: bodies and blobs, never headers.
//!
//! A header proves that a record was there, and everyone's sets stay equal; what it said is gone from this
//! node, comes in no more, and is served to nobody. Other nodes decide for themselves.

use std::collections::BTreeMap;
use std::sync::RwLock;

use atlas_record::{BlobId, Record, RecordId, Timestamp};
use atlas_store::{Batch, DocKind, Item, Store};
use serde::{Deserialize, Serialize};

use crate::error::NodeError;

const PREFIX: &[u8] = b"denied/";
/// Characters of a reason.
const MOST_CHARS: usize = 1000;

/// Why something is denied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denial {
    /// In the operator's words; may be empty.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

/// A record or a blob: both are named by 32 bytes that are the hash of nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A record's body.
    Record(RecordId),
    /// A blob.
    Blob(BlobId),
}

impl Subject {
    fn bytes(&self) -> [u8; 32] {
        match self {
            Subject::Record(id) => id.0,
            Subject::Blob(id) => id.0,
        }
    }
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Subject::Record(id) => id.fmt(f),
            Subject::Blob(id) => id.fmt(f),
        }
    }
}

impl std::str::FromStr for Subject {
    type Err = NodeError;

    fn from_str(text: &str) -> Result<Self, NodeError> {
        let record = text.parse().map(Subject::Record).ok();
        let no = || NodeError::Misuse(format!("`{text}` is the id of no record and no blob"));
        record.or_else(|| text.parse().map(Subject::Blob).ok()).ok_or_else(no)
    }
}

/// The operator's list.
pub struct Denied {
    store: Store,
    known: RwLock<BTreeMap<[u8; 32], (bool, Denial)>>,
}

impl Denied {
    /// Reads it from a store.
    pub fn open(store: Store) -> Result<Self, NodeError> {
        let mut known = BTreeMap::new();
        for doc in store.docs(DocKind::Setting, PREFIX) {
            let doc = doc?;
            let id = doc.key.get(PREFIX.len()..).and_then(|id| <[u8; 32]>::try_from(id).ok());
            match id.zip(serde_json::from_slice(&doc.bytes).ok()) {
                Some((id, denial)) => drop(known.insert(id, denial)),
                None => tracing::warn!("an entry of what is denied is damaged: {:?}", doc.key),
            }
        }
        Ok(Self { store, known: RwLock::new(known) })
    }

    /// Denies something: what is here of it is dropped. Durable when it returns.
    pub fn add(&self, subject: Subject, reason: &str, now: Timestamp) -> Result<(), NodeError> {
        let denial = Denial { reason: reason.chars().take(MOST_CHARS).collect(), since: now };
        let entry = (matches!(subject, Subject::Blob(_)), denial);
        let mut batch = Batch::new();
        let bytes = serde_json::to_vec(&entry).expect("words and times are JSON");
        batch.put_doc(DocKind::Setting, [PREFIX, &subject.bytes()].concat(), bytes);
        // On the list first: what comes in meanwhile is dropped too.
        self.known.write().expect("no thread panics with this lock").insert(subject.bytes(), entry);
        match subject {
            Subject::Record(id) if self.store.number(&id)?.is_some() => drop(batch.push(Item::Erase(id))),
            Subject::Blob(id) if self.store.has_blob(&id)?.is_some() => drop(batch.push(Item::RemoveBlob(id))),
            _ => {}
        }
        self.store.commit(batch)?;
        Ok(())
    }

    /// Denies something no more. What was dropped does not come back by itself. Whether it was on the list.
    pub fn remove(&self, subject: Subject) -> Result<bool, NodeError> {
        let mut batch = Batch::new();
        batch.push(Item::RemoveDoc { kind: DocKind::Setting, key: [PREFIX, &subject.bytes()].concat() });
        self.store.commit(batch)?;
        Ok(self.known.write().expect("no thread panics with this lock").remove(&subject.bytes()).is_some())
    }

    /// All of it.
    pub fn all(&self) -> Vec<(Subject, Denial)> {
        let known = self.known.read().expect("no thread panics with this lock");
        let subject = |id: &[u8; 32], blob: bool| match blob {
            true => Subject::Blob(BlobId(*id)),
            false => Subject::Record(RecordId(*id)),
        };
        known.iter().map(|(id, (blob, denial))| (subject(id, *blob), denial.clone())).collect()
    }

    /// Whether a record or a blob is on the list.
    pub fn has(&self, id: &[u8; 32]) -> bool {
        let known = self.known.read().expect("no thread panics with this lock");
        !known.is_empty() && known.contains_key(id)
    }

    /// A record as far as it may come in.
    pub fn strip(&self, record: Record) -> Record {
        if self.has(&record.id().0) { record.erased() } else { record }
    }
}
