//! Bringing in what exists elsewhere: package indexes, lines of JSON, archives of spaces.
//!
//! What is written here is signed by a local identity; what comes in an archive was signed
//! by its authors and is checked like anything from a stranger. An entry that cannot be
//! taken is counted with its reason and never stops the import. Running an import again
//! writes nothing twice.

pub mod debian;
pub mod jsonl;
pub(crate) mod pieces;

use std::io::BufRead;
use std::str::FromStr;
use std::sync::Arc;

use atlas_record::space::Slot;
use atlas_record::{BlobId, Body, TypeName};
use atlas_store::{BlobBytes, Item, WaitKey};
use serde::Serialize;

use crate::archive::{Part, Parts};
use crate::author::{NewRecord, Writer, Written};
use crate::error::{NodeError, Refusal};
use crate::identities::Local;
use crate::ingest::{Fate, Tally};
use crate::node::Node;
use crate::spaces::Space;
use pieces::Pieces;

/// What can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A Debian package index.
    Debian,
    /// One JSON object per line.
    Jsonl,
    /// A space as `atlas export` writes it.
    Atlas,
}

impl FromStr for Format {
    type Err = NodeError;

    fn from_str(text: &str) -> Result<Self, NodeError> {
        match text {
            "debian" => Ok(Format::Debian),
            "jsonl" => Ok(Format::Jsonl),
            "atlas" => Ok(Format::Atlas),
            _ => Err(NodeError::Misuse(format!("unknown import format `{text}`: use debian, jsonl or atlas"))),
        }
    }
}

/// How an import went. `read` is `accepted` plus `rejected`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Summary {
    /// Entries in the input.
    pub read: u64,
    /// Entries that are here now, waiting ones included.
    pub accepted: u64,
    /// Entries that are not.
    pub rejected: u64,
    /// Accepted entries that were new.
    pub written: u64,
    /// Accepted entries that were here already.
    pub unchanged: u64,
    /// Accepted entries that wait for something: a time, an author, a module.
    pub waiting: u64,
}

/// An entry that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Rejection {
    /// The line where the entry begins, from 1; for archives the number of the record.
    pub at: u64,
    /// What the entry is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Stable, for programs.
    pub code: String,
    /// For people.
    pub text: String,
}

impl Rejection {
    /// A part of an identity that was not taken.
    fn of_identity(refusal: Refusal, at: u64) -> Self {
        Self { at, name: Some("identity".to_owned()), code: refusal.code, text: refusal.text }
    }
}

/// Entries that are written together.
const BATCH: usize = 512;

/// The type that package indexes are imported as.
const PACKAGE: &str = "atlas.package";

/// An entry on its way: where it stands, what it is called, and the draft or what is wrong.
struct Entry {
    at: u64,
    name: Option<String>,
    draft: Result<NewRecord, Refusal>,
}

/// Imports everything in `input`. `rejected` hears of every entry that is not taken.
pub fn run(
    node: &Node,
    format: Format,
    input: impl BufRead,
    into: Option<(Arc<Space>, Arc<Local>)>,
    rejected: &mut dyn FnMut(Rejection),
) -> Result<Summary, NodeError> {
    if format == Format::Atlas {
        return archive(node, input, rejected);
    }
    let (space, author) = into.ok_or_else(|| NodeError::Misuse("an import needs a space and an author".into()))?;
    let unreadable = |error: std::io::Error| NodeError::Unavailable(format!("the input could not be read: {error}"));
    match format {
        Format::Debian => {
            let type_name: TypeName = PACKAGE.parse().expect("a constant type name is legal");
            space.binding(&type_name)?;
            let entries = debian::Paragraphs::new(input).map(|paragraph| {
                let paragraph = paragraph.map_err(unreadable)?;
                let body = paragraph.body().map_err(|why| Refusal::new("malformed", why));
                Ok(Entry {
                    at: paragraph.line,
                    name: paragraph.get("Package").map(str::to_owned),
                    draft: body.and_then(|map| draft(&type_name, &map)),
                })
            });
            write_all(node.writer(space, author, true), entries, rejected)
        }
        _ => {
            let entries = jsonl::Lines::new(input).map(|line| {
                let (at, draft) = line.map_err(unreadable)?;
                let name = draft.as_ref().ok().and_then(|new| new.key.as_ref()).map(ToString::to_string);
                Ok(Entry { at, name, draft: draft.map_err(|why| Refusal::new("malformed", why)) })
            });
            write_all(node.writer(space, author, true), entries, rejected)
        }
    }
}

fn draft(type_name: &TypeName, map: &atlas_record::cbor::Map) -> Result<NewRecord, Refusal> {
    let body = Body::from_map(map).map_err(|error| Refusal::new("malformed", error.to_string()))?;
    Ok(NewRecord { type_name: type_name.clone(), key: None, links: Vec::new(), blobs: Vec::new(), expires: None, body })
}

fn write_all(
    mut writer: Writer<'_>,
    entries: impl Iterator<Item = Result<Entry, NodeError>>,
    rejected: &mut dyn FnMut(Rejection),
) -> Result<Summary, NodeError> {
    let mut summary = Summary::default();
    let mut entries = entries.peekable();
    while entries.peek().is_some() {
        let (mut places, mut drafts) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
        let mut refused = Vec::new();
        for entry in entries.by_ref().take(BATCH) {
            let Entry { at, name, draft } = entry?;
            summary.read += 1;
            match draft {
                Ok(draft) => {
                    places.push((at, name));
                    drafts.push(draft);
                }
                Err(refusal) => refused.push((at, name, refusal)),
            }
        }
        for ((at, name), outcome) in places.into_iter().zip(writer.write(drafts)?) {
            match outcome {
                Ok(Written::Stored { .. }) => summary.written += 1,
                Ok(Written::Unchanged { .. }) => summary.unchanged += 1,
                Err(refusal) => refused.push((at, name, refusal)),
            }
        }
        // In the order of the input, whichever stage refused them.
        refused.sort_by_key(|(at, ..)| *at);
        for (at, name, Refusal { code, text, .. }) in refused {
            summary.rejected += 1;
            rejected(Rejection { at, name, code, text });
        }
    }
    writer.finish()?;
    summary.accepted = summary.written + summary.unchanged;
    Ok(summary)
}

fn archive(node: &Node, input: impl BufRead, rejected: &mut dyn FnMut(Rejection)) -> Result<Summary, NodeError> {
    let now = crate::clock::now();
    let (mut tally, mut read, mut batch) = (Tally::default(), 0u64, Vec::with_capacity(BATCH));
    let (mut pieces, mut unwanted, mut blobs) = (Pieces::default(), Vec::new(), Vec::new());
    let mut take = |batch: &mut Vec<Vec<u8>>, tally: &mut Tally, last: u64| -> Result<(), NodeError> {
        let first = last - batch.len() as u64 + 1;
        for (i, fate) in node.ingest(batch, now)?.into_iter().enumerate() {
            tally.count(&fate);
            if let Fate::Refused { code, text } | Fate::Invalid { code, text } = fate {
                rejected(Rejection { at: first + i as u64, name: None, code, text });
            }
        }
        batch.clear();
        Ok(())
    };
    for part in Parts::new(input) {
        let part = part.map_err(|error| NodeError::Misuse(format!("{error}; {read} records were read before that")))?;
        if !matches!(part, Part::Record(_)) && !batch.is_empty() {
            take(&mut batch, &mut tally, read)?;
        }
        let is_statement = matches!(part, Part::Event(_) | Part::Grant(_) | Part::Revocation(_) | Part::Receipt(_));
        if pieces.is_due(&part) || !is_statement {
            let refused = pieces.learn(node)?;
            unwanted.extend(refused.into_iter().map(|refusal| Rejection::of_identity(refusal, read)));
        }
        let Some(part) = pieces.take(part) else { continue };
        match part {
            Part::Space(bytes) => {
                node.learn_space(None, &bytes)?;
            }
            Part::Amendment(bytes) => {
                node.learn_amendment(&bytes)?;
            }
            Part::Blob(bytes) => {
                let blob = BlobBytes::new(bytes);
                let id = blob.id();
                node.store().commit([Item::PutBlob(blob)].into_iter().collect())?;
                node.retry_waiting_for(&WaitKey::Module(id), now)?;
                node.retry_waiting_for(&WaitKey::Blob(id), now)?;
                blobs.push(id);
            }
            Part::Identity(_) | Part::Event(_) | Part::Grant(_) | Part::Revocation(_) | Part::Receipt(_) => {
                unreachable!("parts of identities were taken above")
            }
            Part::Record(bytes) => {
                read += 1;
                if !blobs.is_empty() {
                    come_up(node, &std::mem::take(&mut blobs));
                }
                batch.push(bytes);
                if batch.len() == 2 * BATCH {
                    take(&mut batch, &mut tally, read)?;
                }
            }
        }
    }
    if !batch.is_empty() {
        take(&mut batch, &mut tally, read)?;
    }
    unwanted.extend(pieces.learn(node)?.into_iter().map(|refusal| Rejection::of_identity(refusal, read)));
    unwanted.into_iter().for_each(rejected);
    Ok(Summary {
        read,
        accepted: tally.accepted + tally.duplicate + tally.parked,
        rejected: tally.invalid + tally.refused,
        written: tally.accepted,
        unchanged: tally.duplicate,
        waiting: tally.parked,
    })
}

/// Compiles the modules among these blobs that spaces bind. An import can wait for them, and is
/// better off than with thousands of records that would: what can wait is bounded.
fn come_up(node: &Node, blobs: &[BlobId]) {
    for space in node.spaces().all() {
        let (_, constitution) = space.current();
        for (slot, binding) in &constitution.slots {
            if matches!(slot, Slot::Validator(_)) && blobs.contains(&binding.code) {
                // What is wrong with it, its records will tell.
                let _ = node.modules().validator(binding);
            }
        }
    }
}
