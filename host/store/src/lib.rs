//! Durable records and their indexes, on an ordered key-value engine, written by one thread.
//!
//! A **[`Batch`]** of judged records, documents and blobs goes to the *committer*, which
//! decides what stands, writes everything as one atomic group, waits for the disk, and only
//! then answers. What was acknowledged survives `kill -9` and power loss. Readers never wait
//! for it: each read sees the store as of one moment.
//!
//! What the store holds is two things. The **replicated set** is every admissible header, for
//! good: it only grows, and it is what peers compare. Everything else is an **overlay** that
//! follows from it and from what is said of its records: which one stands at an address, what
//! a delete took back, what is valid, revoked, expired. The overlay is a function of the set,
//! so nodes that received the same records in other orders show the same; and whatever is said
//! of a record can be unsaid, and its effects with it. Only bodies that were dropped have to
//! come again.
//!
//! Read in this order: [`kv`] (what is asked of a backend), `keys` and `rows` (what a row looks
//! like), `decide` (what stands, as pure functions), `place`, `apply` and `items` (decisions
//! become rows), `committer` (when they are written), [`scan`] and `hits` (queries), [`tally`] (counts per
//! value), [`carried`] (which blobs are needed), [`digest`] (which set this is), [`ranges`] (what peers compare), [`changed`] (for whoever follows what is visible), [`check`] (how all
//! of it is verified).
//!
//! ```
//! use atlas_store::{Batch, Config, DocKind, Store};
//!
//! let store = Store::in_memory(Config::default())?;
//! let mut batch = Batch::new();
//! batch.put_doc(DocKind::Setting, "greeting", "hello");
//! store.commit(batch)?; // durable when it returns
//! assert_eq!(store.doc(DocKind::Setting, b"greeting")?.as_deref(), Some(&b"hello"[..]));
//! # Ok::<(), atlas_store::StoreError>(())
//! ```

mod apply;
pub mod batch;
pub mod blobs;
pub mod carried;
pub mod chains;
pub mod changed;
pub mod check;
mod committer;
pub mod config;
mod decide;
pub mod digest;
pub mod directory;
pub mod docs;
pub mod entry;
pub mod error;
mod group;
mod hits;
mod items;
mod keys;
pub mod kv;
mod membership;
mod names;
mod parked;
mod place;
pub mod ranges;
mod read;
mod rows;
pub mod scan;
mod shared;
pub mod stats;
pub mod status;
mod store;
pub mod tally;
pub mod transport;
pub mod waiting;

pub use batch::{Batch, BlobBytes, Item, JudgedRecord, Limit, Outcome};
pub use blobs::BlobReader;
pub use carried::LooseBlob;
pub use chains::{Chain, ChainPosition, Fork};
pub use changed::Shown;
pub use check::{CheckProgress, CheckReport};
pub use config::{Config, WaitBounds};
pub use digest::{SetState, SetSummary};
pub use docs::{Doc, DocKind};
pub use entry::{IndexEntry, IndexValue};
pub use error::StoreError;
pub use hits::Hits;
pub use membership::Membership;
pub use parked::ParkedRecord;
pub use ranges::{Ranges, Sum};
pub use read::{Admissible, Docs, History};
pub use scan::{By, Hit, Position, Scan, Values};
pub use shared::{Change, Changes};
pub use stats::{Counts, Stats, TypeCounts};
pub use status::{Status, StoredRecord, Verdict};
pub use store::{Store, Ticket};
pub use tally::{Tallied, Tally};
pub use transport::Lacking;
pub use waiting::{WaitKey, Waiting};
