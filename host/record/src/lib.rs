//! The Atlas data model, as pure data: no I/O, no clock, no randomness.
//!
//! A **record** is a signed [`Header`] (who, what, where in the author's chain) and a
//! [`Body`] (a DAG-CBOR map). The header commits to the body through a salted hash, so a
//! body can be erased while authorship and chain stay verifiable. Everything has one byte
//! form: [`cbor`] accepts only canonical bytes, and an id is the BLAKE3 of what was received.
//!
//! Read in this order: [`id`] (what names things), [`cbor`] and [`json`] (bodies),
//! [`name`] (types, keys, relations, addresses), [`header`] and [`record`] (the envelope),
//! [`sign`] (one verification rule for single and batch), [`chain`] and [`ancestry`] (per-key
//! chains, and proofs about them),
//! [`order`] (which of two records stands), [`identity`] and [`space`] (who and where),
//! [`bundle`] (what a module is told, where that takes several documents).
//!
//! The crate compiles to `wasm32` without its `crypto` feature, so that guests share its types.

pub mod ancestry;
pub mod bundle;
pub mod cbor;
pub mod chain;
mod fields;
pub mod header;
pub mod id;
#[cfg(feature = "crypto")]
pub mod identity;
#[cfg(feature = "json")]
pub mod json;
pub mod limits;
pub mod name;
pub mod order;
pub mod record;
#[cfg(feature = "crypto")]
pub mod sign;
pub mod space;
pub mod target;

pub use cbor::Value;
pub use header::{Header, Op};
pub use id::{BlobId, ConstitutionId, EventId, GrantId, IdentityId, RecordId, RevocationId, SpaceId};
pub use name::{Address, Key, Relation, TypeName};
pub use record::{Body, Payload, Record, Salt, SignedHeader};
pub use target::{Link, Target};

/// Milliseconds since the Unix epoch, UTC. The data model takes times as arguments and
/// never asks a clock.
pub type Timestamp = u64;
