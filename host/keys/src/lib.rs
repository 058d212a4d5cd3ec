//! Secret keys at rest.
//!
//! A node signs with keys that must outlive it and that nobody else may read. This crate keeps
//! them in three forms, for three moments:
//!
//! - [`Keyring`]: the keys of this machine, in use. A folder with one file for each entry, all
//!   sealed to one *machine key*, which is itself protected by file permissions or by a
//!   passphrase. A locked keyring still says what it holds; it only does not sign.
//! - [`Bundle`]: keys on their way to another machine, with the signed statements that give
//!   them meaning. One text, sealed under a passphrase.
//! - [`sheet`]: keys on paper. Words and short checked lines that survive being typed again.
//!
//! Encryption is the age format throughout, so a keyring can be opened with other tools that
//! speak it, should this program be gone. What the keys are *for* is not this crate's matter:
//! it knows roles and public keys, and treats identity logs and grants as bytes.
//!
//! Secrets are wiped from memory when they are dropped, as far as this crate holds them; no
//! `Debug` or `Display` shows them.

pub mod bundle;
mod document;
mod edit;
mod entry;
mod error;
mod files;
mod keyring;
mod machine;
mod passphrase;
mod role;
mod seal;
mod seeds;
pub mod sheet;

pub use bundle::Bundle;
pub use edit::Edit;
pub use entry::{EntryInfo, MOST_KEYS, PublicEntry, check_name};
pub use error::KeyError;
pub use files::{private_folder, write_private};
pub use keyring::{Keyring, Protection};
pub use passphrase::{Passphrase, WorkFactor};
pub use role::{Kind, Role};
