//! What a record can wait for.

use atlas_record::{BlobId, ConstitutionId, GrantId, IdentityId, RecordId, Timestamp};

/// One thing that has to come before a record can be looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WaitKey {
    /// A time.
    Until(Timestamp),
    /// A constitution.
    Constitution(ConstitutionId),
    /// A record.
    Record(RecordId),
    /// The code of a module.
    Module(BlobId),
    /// A blob, as the config of a module.
    Blob(BlobId),
    /// An identity's log.
    Identity(IdentityId),
    /// A grant.
    Grant(GrantId),
}

/// Why a record waits: for any of the keys, and for how long at most.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Waiting {
    /// The arrival of any of these is a reason to look again.
    pub on: Vec<WaitKey>,
    /// From then on the record is listed as due whatever has come.
    pub give_up: Option<Timestamp>,
}

impl Waiting {
    /// Waits for one thing, without an end.
    pub fn on(key: WaitKey) -> Self {
        Self { on: vec![key], give_up: None }
    }
}
