//! A node: store, engine, keys and network, composed.
//!
//! A record comes in through one of two doors. What is written *here* goes through
//! [`author`]: completed and judged by the type's module, then signed into the author's
//! chain. What comes from *elsewhere* goes through [`ingest`]: decode, verify, grant,
//! admission, constitution. Both are judged by [`judge`] under the [binding](spaces) that the
//! record was authored under, and end in one commit. Reading goes through [`query`]. What other
//! nodes ask and are told goes through [`net`].
//!
//! Everything a user can ask for is one route of [`api`]; [`client`] is how the command line
//! asks, of a running node over loopback or of a node in its own process. The node itself
//! holds no opinion: what a valid record is, is for the [modules] that a space binds.

pub mod api;
pub mod archive;
pub mod attach;
pub mod author;
pub mod authority;
pub mod blobs;
pub mod client;
pub mod clock;
mod decisions;
pub mod denied;
pub mod describe;
pub mod doctor;
pub mod error;
pub mod identities;
pub mod import;
pub mod ingest;
pub mod judge;
mod lawful;
pub mod modules;
pub mod net;
pub mod node;
pub mod overlay;
pub mod packages;
mod paths;
pub mod people;
pub mod query;
pub mod rates;
pub mod serve;
pub mod spaces;
pub mod text;
pub mod view;

pub use atlas_engine as engine;
pub use atlas_engine::MAX_CONFIG_BYTES;
pub use atlas_keys::Passphrase;
pub use atlas_record::bundle;
pub use error::{NodeError, Refusal};
pub use node::{Node, NodeConfig};

/// Bytes as the API takes them in JSON.
pub fn base64(bytes: &[u8]) -> String {
    data_encoding::BASE64.encode(bytes)
}

/// The body of a request that has none.
pub fn no_body() -> axum::body::Body {
    axum::body::Body::empty()
}
