//! Identities: who speaks, with which keys, and what of it counts.
//!
//! An identity is named by its genesis event, for good. Its keys come in three kinds:
//! - **root** keys, kept cold, some number of which sign *root events*. Each set commits to
//!   digests of the next one (*pre-rotation*), so that whoever steals the current keys
//!   cannot take the identity over. A *recovery set* stands behind them.
//! - **device** keys, which root events add and remove, and which sign records and grants.
//! - **app** keys, which act under a [`Grant`] within a [`Scope`], until it is revoked.
//!
//! [`Log`] is the linear log of root events, [`Identity`] that log with the unordered set of
//! grants and revocations beside it. Both are pure state machines: the same events in any
//! order give the same state.
//!
//! Two questions are kept apart. *May this header be in the replicated set?*
//! ([`Identity::covers`]) depends on things that never change: that some valid event names the
//! device, or that the grant which the header names covers it. *Does it count?*
//! ([`Identity::causes`]) is an overlay that removals, revocations and disputes change; how far
//! back a cause reaches is for the key's [chain](crate::chain) to say.

mod authority;
mod event;
mod kept;
mod keys;
mod log;
mod receipt;
mod request;
pub mod scope;
mod signed;
mod statement;

pub use authority::{Added, Cause, Covered, Identity, NotCovered, StatementFault, Uncovered};
pub use event::{Action, Event, SignedEvent, Tier};
pub use kept::{Keep, Kept, MOST_KEPT, kept_tag};
pub use keys::{Establishment, KeySet, MOST_KEYS, NextKeys, commitment};
pub use log::{Device, Duplicity, End, Inserted, Log, LogFault, MOST_WAITING, State};
pub use receipt::{NULLIFY_WITHIN_MS, Receipt, Receipts};
pub use request::{Asks, Request, RequestError, RequestKind};
pub use scope::{Rate, Scope, Wider};
pub use signed::IdentityError;
pub use statement::{Grant, Revocation, Signed, Statement, Target};
