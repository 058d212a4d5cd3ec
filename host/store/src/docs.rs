//! Documents: what the node keeps beside records, written through the same batches.

/// The kind of a document. Each kind has a key space of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum DocKind {
    /// A setting of the node.
    Setting = 0,
    /// A root event of an identity's log.
    IdentityEvent = 1,
    /// What is known of an identity: head, state.
    Identity = 2,
    /// A grant.
    Grant = 3,
    /// A revocation.
    Revocation = 4,
    /// The genesis of a space.
    Genesis = 5,
    /// A constitution.
    Constitution = 6,
    /// What is known of a space: membership, current constitution.
    Space = 7,
    /// A cut.
    Cut = 8,
    /// A module: manifest, provenance, quarantine.
    Module = 9,
    /// A peer.
    Peer = 10,
    /// Evidence of misbehaviour.
    Warrant = 11,
    /// A position of a chain that is taken before its record is signed.
    Reserved = 12,
    /// Anything that can be computed again.
    Derived = 13,
    /// A witness's receipt for an event or a statement of an identity.
    Receipt = 14,
}

/// A document's key and bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doc {
    /// Its key, without the kind.
    pub key: Vec<u8>,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The row of a document.
pub(crate) fn doc_key(kind: DocKind, key: &[u8]) -> Vec<u8> {
    [&[kind as u8], key].concat()
}
