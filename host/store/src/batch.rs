//! What is asked of the committer, and what it answers.

use atlas_record::order::Lifecycle;
use atlas_record::{BlobId, Payload, Record, RecordId, Timestamp};

use crate::carried::LooseBlob;
use crate::changed::Shown;
use crate::docs::DocKind;
use crate::status::Verdict;
use crate::waiting::{WaitKey, Waiting};

/// A record with what its validator said of it.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgedRecord {
    /// An admissible record: its signature, grant and admission were checked by the caller.
    pub record: Record,
    /// How records of its type live.
    pub lifecycle: Lifecycle,
    /// The validator's verdict.
    pub verdict: Verdict,
    /// Whether the revocations known so far take it away. See [`Item::SetRevoked`].
    pub revoked: bool,
    /// Whether its grant lets it create and not replace. Such a put stands at its address only
    /// where no other record does, and the earliest of several keeps its place.
    pub creates_only: bool,
}

impl JudgedRecord {
    /// A record that is not revoked and may replace what is at its address.
    pub fn new(record: Record, lifecycle: Lifecycle, verdict: Verdict) -> Self {
        Self { record, lifecycle, verdict, revoked: false, creates_only: false }
    }
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// Stores a record. Known ids change nothing.
    Put(JudgedRecord),
    /// Gives a stored record a new verdict, and its payload where that was not here. A delete
    /// that is valid no longer gives back what it took; bodies that were dropped have to come
    /// again.
    Judge {
        /// The record.
        id: RecordId,
        /// The new verdict.
        verdict: Verdict,
        /// The payload, if it was missing. Must belong to the header; ignored where the
        /// record was taken back, expired or erased.
        payload: Option<Payload>,
    },
    /// Says whether revocations take a stored record away, as often as that changes. While it
    /// is revoked it is as if it were not valid: not shown, superseding and deleting nothing.
    /// Verdict and body are kept.
    ///
    /// The order in which records are revoked does not matter to the outcome. At one address,
    /// following the order of time, up or down, is the cheapest.
    SetRevoked {
        /// The record.
        id: RecordId,
        /// Whether it is revoked from now on.
        revoked: bool,
    },
    /// Drops the salt and body of a record on this node for good.
    Erase(RecordId),
    /// Drops bodies whose expiry has passed, at most `most` of them.
    EraseExpired {
        /// The time now.
        now: Timestamp,
        /// How many at most in this batch.
        most: usize,
    },
    /// Stores a document, or replaces it.
    PutDoc {
        /// Its kind.
        kind: DocKind,
        /// Its key.
        key: Vec<u8>,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// Stores a document if what is there is what the caller read.
    SwapDoc {
        /// Its kind.
        kind: DocKind,
        /// Its key.
        key: Vec<u8>,
        /// What must be there; `None` for nothing.
        expected: Option<Vec<u8>>,
        /// Its new bytes; `None` removes it.
        bytes: Option<Vec<u8>>,
    },
    /// Removes a document.
    RemoveDoc {
        /// Its kind.
        kind: DocKind,
        /// Its key.
        key: Vec<u8>,
    },
    /// Stores a blob, and keeps it until it is removed. Its id is the hash of the bytes.
    PutBlob(BlobBytes),
    /// Stores a blob that is loose until a record carries it: see [`crate::carried`].
    OfferBlob {
        /// The bytes.
        blob: BlobBytes,
        /// The time now.
        now: Timestamp,
    },
    /// Says that a blob is needed for another reason than a record, and loose no more.
    KeepBlob(BlobId),
    /// Removes a blob if it is as loose as it was and no record carries it.
    SweepBlob(LooseBlob),
    /// Removes a blob.
    RemoveBlob(BlobId),
    /// Keeps a record that cannot be admitted yet. Parked records are not in the replicated
    /// set. One that is parked already gets the new reason.
    Park {
        /// The record.
        record: Record,
        /// What it waits for.
        waiting: Waiting,
        /// The time now.
        now: Timestamp,
    },
    /// Forgets a parked record, because it was admitted or refused.
    Unpark(RecordId),
    /// Forgets that records came into sight or went out of it, as far as it is still so.
    SettleShown(Vec<Shown>),
}

/// Bytes of a blob with their id. Made by [`BlobBytes::new`], so the id is theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobBytes {
    id: BlobId,
    pub(crate) content: Content,
}

/// Where the bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// Here.
    Bytes(Vec<u8>),
    /// In a file of this length that is durable already.
    File(u64),
}

impl BlobBytes {
    /// Hashes the bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { id: BlobId::of(&bytes), content: Content::Bytes(bytes) }
    }

    /// A blob whose file has been written.
    pub(crate) fn in_file(id: BlobId, size: u64) -> Self {
        Self { id, content: Content::File(size) }
    }

    /// The id.
    pub fn id(&self) -> BlobId {
        self.id
    }

    /// The length in bytes.
    pub fn size(&self) -> u64 {
        match &self.content {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::File(size) => *size,
        }
    }
}

/// Items that are written together or not at all, in order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Batch {
    pub(crate) items: Vec<Item>,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an item.
    pub fn push(&mut self, item: Item) -> &mut Self {
        self.items.push(item);
        self
    }

    /// What the records in it wait for.
    pub fn waits(&self) -> impl Iterator<Item = &WaitKey> {
        self.items
            .iter()
            .filter_map(|item| match item {
                Item::Put(JudgedRecord { verdict: Verdict::Pending(waiting), .. })
                | Item::Judge { verdict: Verdict::Pending(waiting), .. }
                | Item::Park { waiting, .. } => Some(waiting),
                _ => None,
            })
            .flat_map(|waiting| &waiting.on)
    }

    /// Adds a record that is not revoked and may replace what is at its address. See
    /// [`Item::Put`].
    pub fn put(&mut self, record: Record, lifecycle: Lifecycle, verdict: Verdict) -> &mut Self {
        self.put_judged(JudgedRecord::new(record, lifecycle, verdict))
    }

    /// Adds a record with all that was said of it. See [`Item::Put`].
    pub fn put_judged(&mut self, judged: JudgedRecord) -> &mut Self {
        self.push(Item::Put(judged))
    }

    /// Revokes a record, or restores it. See [`Item::SetRevoked`].
    pub fn set_revoked(&mut self, id: RecordId, revoked: bool) -> &mut Self {
        self.push(Item::SetRevoked { id, revoked })
    }

    /// Adds a document. See [`Item::PutDoc`].
    pub fn put_doc(&mut self, kind: DocKind, key: impl Into<Vec<u8>>, bytes: impl Into<Vec<u8>>) -> &mut Self {
        self.push(Item::PutDoc { kind, key: key.into(), bytes: bytes.into() })
    }

    /// Adds a blob and returns its id. See [`Item::PutBlob`].
    pub fn put_blob(&mut self, bytes: Vec<u8>) -> BlobId {
        let blob = BlobBytes::new(bytes);
        let id = blob.id();
        self.push(Item::PutBlob(blob));
        id
    }

    /// How many items.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

impl FromIterator<Item> for Batch {
    fn from_iter<I: IntoIterator<Item = Item>>(items: I) -> Self {
        Self { items: items.into_iter().collect() }
    }
}

/// A bound that refused something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Records parked.
    ParkedCount,
    /// Bytes parked.
    ParkedBytes,
    /// Records without a verdict.
    PendingCount,
    /// Bytes of records without a verdict.
    PendingBytes,
}

/// What became of an item. One per item, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A record was stored.
    Stored {
        /// Its number.
        n: u64,
        /// Whether queries show it.
        visible: bool,
        /// Whether another record has its chain position: proof that the key signed twice.
        forked: bool,
    },
    /// The record is there already; nothing changed.
    Duplicate {
        /// Its number.
        n: u64,
    },
    /// Ephemeral records are never stored.
    Ephemeral,
    /// A verdict, a revocation, an erasure or a payload was applied to a stored record.
    Changed {
        /// Its number.
        n: u64,
        /// Whether queries show it now.
        visible: bool,
    },
    /// Nothing to change: what was asked for holds already, or comes too late.
    Unchanged {
        /// Its number.
        n: u64,
    },
    /// No such record.
    Unknown,
    /// The payload given with a verdict is not the one that the record's header commits to.
    WrongPayload,
    /// Bodies were dropped.
    Expired {
        /// How many.
        dropped: usize,
        /// Whether there may be more.
        more: bool,
    },
    /// A document or blob was written or removed, or a blob proved to be needed.
    Done,
    /// The document is not what the caller read.
    Conflict {
        /// What is there.
        found: Option<Vec<u8>>,
    },
    /// A record was parked, or taken out of the park.
    Parked {
        /// How many are parked now.
        count: u64,
    },
    /// Too much waits already. Counted in [`crate::Stats`].
    Refused {
        /// The bound.
        limit: Limit,
    },
}
