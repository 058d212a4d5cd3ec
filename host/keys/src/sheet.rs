//! Recovery sheets: keys on paper.
//!
//! A sheet is a page of plain text. Each key is a phrase of 24 words (BIP-39, English), which
//! people copy with few mistakes. Everything else (the name, the identity, the date, the public
//! keys, the signed log) is in one *block* of base32, in numbered rows that each end with two
//! characters of checksum; the same things in plain sight above it are for the eye, and are
//! held against the block where they are typed in.
//!
//! The block is canonical DAG-CBOR, followed by the first 8 bytes of its BLAKE3:
//!
//! ```text
//! { "v": 1, "name": text, "identity": link or null, "date": text,
//!   "keys": [[role, public key], …], "log": [bytes, …] }
//! ```
//!
//! [`parse`] takes what [`print()`] made, and what a person typed from it: letters of either
//! case, any blanks between words, blank lines; lines that begin with `#` are skipped, and so
//! are missing row and word numbers. Where something is wrong, it says in which line or which
//! word, and never repeats the word.

mod parse;
mod phrase;
mod print;
mod rows;

use atlas_record::IdentityId;
use atlas_record::cbor::{self, Map, Value};
use atlas_record::sign::SecretKey;

pub use parse::parse;
pub use print::print;

use crate::document::{self, FieldError, Fields};
use crate::{MOST_KEYS, PublicEntry, Role, check_name};

/// How a sheet begins.
const TITLE: &str = "ATLAS RECOVERY SHEET";
/// The format of sheets that this program prints.
const VERSION: u64 = 1;
/// Bytes of the block. More is not for paper.
const MOST_BLOCK: usize = 24 * 1024;
/// Bytes of a text that is read as a sheet.
const MOST_TEXT: usize = 256 * 1024;
/// Events of the log.
const MOST_EVENTS: usize = 256;
/// Bytes of the date.
const MOST_DATE: usize = 60;
/// Bytes of the digest behind the document.
const DIGEST: usize = 8;

/// What is on a sheet.
#[derive(Debug, Clone)]
pub struct SheetContent {
    /// What the keys are called on the machine they come from.
    pub name: String,
    /// Whose keys these are.
    pub identity: Option<IdentityId>,
    /// When it was printed, as a person would write it: one line.
    pub date: String,
    /// The keys: usually root, next root and recovery keys. Device keys can be replaced and
    /// need no paper.
    pub secrets: Vec<(Role, SecretKey)>,
    /// The identity's signed events, in order; at least its genesis.
    pub log: Vec<Vec<u8>>,
}

/// Why a sheet was not printed or not read. Lines are counted from 1, as editors do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SheetError {
    /// Another kind of file.
    #[error("this is not a recovery sheet: expected a text whose first line is `{TITLE}, FORMAT {VERSION}`")]
    NotASheet,
    /// Longer than any sheet.
    #[error("the text has {0} bytes; a recovery sheet has {MOST_TEXT} at most")]
    TooLong(usize),
    /// Printed by a newer version of the program.
    #[error("the sheet has format {0}, and this program reads format {VERSION}: use the newer program that printed it")]
    NewerFormat(u64),
    /// One line is wrong.
    #[error("line {line}: {why}")]
    Line {
        /// Which.
        line: usize,
        /// What is wrong.
        why: &'static str,
    },
    /// One word is wrong.
    #[error("line {line}: word {word} of key {key} {why}")]
    Word {
        /// The line it is in.
        line: usize,
        /// The key, counted from 1.
        key: usize,
        /// The word, counted from 1.
        word: usize,
        /// What is wrong.
        why: &'static str,
    },
    /// The words are words, but not those of the key.
    #[error("line {line}: the 24 words of key {key} do not belong together: compare each of them with the paper")]
    Phrase {
        /// Where the key begins.
        line: usize,
        /// The key, counted from 1.
        key: usize,
    },
    /// Something is not there.
    #[error("the sheet is not whole: {0}")]
    Missing(&'static str),
    /// Every row passes its checksum, and the block as a whole does not.
    #[error(
        "every row of the block looks right, but together they do not: a row is missing at the end, or two mistakes in a row hide each other"
    )]
    Block,
    /// It cannot be printed, or what was printed is not a sheet's content.
    #[error("this cannot be on a recovery sheet: {0}")]
    Content(&'static str),
}

/// Whether a text looks like a sheet: enough to choose how to read a file.
pub fn is_sheet(text: &str) -> bool {
    parse::heading(text).is_some()
}

/// The document of the block, with its digest.
fn encode(sheet: &SheetContent, keys: &[PublicEntry]) -> Vec<u8> {
    let map: Map = [
        ("v", Value::from(VERSION)),
        ("name", sheet.name.as_str().into()),
        ("identity", document::identity(sheet.identity)),
        ("date", sheet.date.as_str().into()),
        ("keys", document::public_list(keys)),
        ("log", document::bytes_list(&sheet.log)),
    ]
    .into_iter()
    .collect();
    let mut bytes = cbor::encode_map(&map);
    bytes.extend_from_slice(&digest(&bytes));
    bytes
}

/// The content without its secrets, and the public keys they must give.
fn decode(block: &[u8]) -> Result<(SheetContent, Vec<PublicEntry>), SheetError> {
    if block.len() > MOST_BLOCK {
        return Err(SheetError::Content("its block is longer than any that is printed"));
    }
    let (document, end) = block.split_last_chunk::<DIGEST>().ok_or(SheetError::Block)?;
    if *end != digest(document) {
        return Err(SheetError::Block);
    }
    let read = || {
        let mut fields = Fields::read(document, VERSION)?;
        let sheet = SheetContent {
            name: fields.text("name")?,
            identity: fields.identity()?,
            date: fields.text("date")?,
            secrets: Vec::new(),
            log: fields.list("log", MOST_EVENTS, document::bytes)?,
        };
        let keys = fields.list("keys", MOST_KEYS, document::public_entry)?;
        fields.end()?;
        Ok((sheet, keys))
    };
    let (sheet, keys) = read().map_err(|error| match error {
        FieldError::Newer(version) => SheetError::NewerFormat(version),
        FieldError::Content(why) => SheetError::Content(why),
    })?;
    check(&sheet, &keys)?;
    Ok((sheet, keys))
}

fn digest(document: &[u8]) -> [u8; DIGEST] {
    let hash = blake3::hash(document);
    *hash.as_bytes().first_chunk().expect("BLAKE3 has 32 bytes")
}

/// What holds of every sheet, whoever printed it.
fn check(sheet: &SheetContent, keys: &[PublicEntry]) -> Result<(), SheetError> {
    let date = &sheet.date;
    if check_name(&sheet.name).is_err() {
        return Err(SheetError::Content("its name cannot name keys"));
    }
    if date.is_empty() || date.len() > MOST_DATE || date.chars().any(char::is_control) {
        return Err(SheetError::Content("its date is not one short line"));
    }
    if keys.is_empty() || keys.len() > MOST_KEYS || !document::distinct(keys) {
        return Err(SheetError::Content("it has no key, a key twice, or more than 64 keys"));
    }
    if sheet.log.len() > MOST_EVENTS {
        return Err(SheetError::Content("its log has more than 256 events"));
    }
    Ok(())
}
