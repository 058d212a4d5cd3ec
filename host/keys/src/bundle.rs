//! Bundles: keys on their way to another machine, with the statements that give them meaning.
//!
//! A bundle is one text: an armoured age file under a passphrase. What is sealed is
//!
//! ```text
//! length of the document   4 bytes, big-endian
//! document                 canonical DAG-CBOR, see below
//! seeds                    32 bytes for each key of the document, in its order
//!
//! { "v": 1, "kind": "identity" | "app" | "recovery", "name": text, "identity": link or null,
//!   "keys": [[role, public key], …], "log": [bytes, …], "statements": [bytes, …],
//!   "roots": [public key, …] }        "roots" in a recovery bundle only
//! ```
//!
//! Log and statements are bytes to this crate: who takes a bundle in verifies them. A bundle is
//! read as what it is, a file from elsewhere: sizes and work are bounded, fields that this
//! version does not know are refused, and a seed that does not give its public key too.

mod document;

use atlas_record::IdentityId;
use atlas_record::id::PublicKey;
use atlas_record::sign::SecretKey;

use crate::seal::{self, Unopened};
use crate::{Passphrase, Role, WorkFactor};

/// Bytes of a sealed bundle's text.
pub const MOST_BYTES: usize = 4 << 20;
/// Events of the log, and statements: each at most this many.
pub const MOST_ITEMS: usize = 4096;

/// The format of bundles that this program writes.
const VERSION: u64 = 1;

/// What moves between machines.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// What it is for.
    pub purpose: Purpose,
    /// What the keys were called where they come from. A proposal: it may be taken here.
    pub name: String,
    /// Whose keys these are, or for whom they act.
    pub identity: Option<IdentityId>,
    /// The identity's signed events, in order.
    pub log: Vec<Vec<u8>>,
    /// Signed statements beside the log: grants and revocations.
    pub statements: Vec<Vec<u8>>,
    /// The keys.
    pub secrets: Vec<(Role, SecretKey)>,
}

/// What a bundle is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// To use an identity on another machine.
    Identity,
    /// To let an application act for an identity.
    App,
    /// To take an identity back one day.
    Recovery {
        /// The identity's root keys when the bundle was made: who holds some of them sees here
        /// which others are needed.
        roots: Vec<PublicKey>,
    },
}

/// Why a bundle was not made or not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// Over the limit.
    #[error("the bundle has {0} bytes; the limit is {MOST_BYTES}")]
    TooLarge(usize),
    /// Another kind of file.
    #[error("this is not a bundle of keys: expected a text that begins with `{begin}`", begin = seal::ARMOR_BEGIN)]
    NotABundle,
    /// Seen without the passphrase.
    #[error("the bundle is cut off or damaged: get it again from where it came")]
    Damaged,
    /// An age file for somebody's key.
    #[error("this file is sealed to a key, not under a passphrase: it is not a bundle of keys")]
    NotByPassphrase,
    /// Would keep this machine busy for long.
    #[error(
        "opening the bundle would take 2^{0} steps of work; the limit is 2^{most}: it was not made by this program",
        most = WorkFactor::MOST.log2()
    )]
    TooMuchWork(u8),
    /// Which of the two cannot be told.
    #[error("wrong passphrase, or the bundle is damaged")]
    Refused,
    /// Written by a newer version of the program.
    #[error("the bundle has format {0}, and this program reads format {VERSION}: use the newer program that wrote it")]
    NewerFormat(u64),
    /// The passphrase opens it, and it holds something else, or more than it may.
    #[error("this is not a bundle that this program can use: {0}")]
    Content(&'static str),
}

/// Seals a bundle under a passphrase. Takes about a second.
pub fn seal(bundle: &Bundle, passphrase: &Passphrase) -> Result<String, BundleError> {
    seal_with(bundle, passphrase, WorkFactor::NORMAL)
}

/// As [`seal`], with another cost of guessing the passphrase.
pub fn seal_with(bundle: &Bundle, passphrase: &Passphrase, work: WorkFactor) -> Result<String, BundleError> {
    let text = seal::lock(&document::encode(bundle)?, passphrase, work);
    if text.len() > MOST_BYTES { Err(BundleError::TooLarge(text.len())) } else { Ok(text) }
}

/// Opens what [`seal`] made.
pub fn open(text: &str, passphrase: &Passphrase) -> Result<Bundle, BundleError> {
    if text.len() > MOST_BYTES {
        return Err(BundleError::TooLarge(text.len()));
    }
    let content = seal::unlock(text, passphrase).map_err(|error| match error {
        Unopened::Foreign => BundleError::NotABundle,
        Unopened::Broken => BundleError::Damaged,
        Unopened::OtherLock => BundleError::NotByPassphrase,
        Unopened::TooMuchWork(work) => BundleError::TooMuchWork(work),
        Unopened::Refused => BundleError::Refused,
    })?;
    document::decode(&content)
}

/// Whether a text looks like a bundle: enough to choose how to read a file.
pub fn is_bundle(text: &str) -> bool {
    text.trim_start().starts_with(seal::ARMOR_BEGIN)
}

/// What [`open`] does behind the seal, for the fuzzer: nothing else can reach it without
/// knowing how to seal.
#[doc(hidden)]
pub fn decode_unsealed(content: &[u8]) -> Result<Bundle, BundleError> {
    document::decode(content)
}

/// What [`seal`] does before sealing, for the fuzzer.
#[doc(hidden)]
pub fn encode_unsealed(bundle: &Bundle) -> Result<zeroize::Zeroizing<Vec<u8>>, BundleError> {
    document::encode(bundle)
}
