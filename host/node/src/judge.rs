//! Asking a module: the record as the module sees it, and its answer as the store keeps it.

use atlas_engine::validator::{Blob, Candidate, Entry, IndexValue, Link, Operation, Supplied};
use atlas_engine::{IndexEntry, Outcome, Validator};
use atlas_record::header::BlobRef;
use atlas_record::order::Lifecycle;
use atlas_record::{Body, Header, IdentityId, Key, Op, RecordId, SpaceId, Timestamp, TypeName};
use atlas_store::{Store, Verdict};

use crate::error::NodeError;

/// What a module sees of a record or a draft.
pub struct Subject<'a> {
    /// The space.
    pub space: SpaceId,
    /// The type.
    pub type_name: &'a TypeName,
    /// The author.
    pub author: IdentityId,
    /// The author's own time.
    pub created: Timestamp,
    /// The key.
    pub key: Option<&'a Key>,
    /// Put or delete.
    pub op: Op,
    /// Typed references.
    pub links: &'a [atlas_record::Link],
    /// Attached files.
    pub blobs: &'a [BlobRef],
    /// When the body may go.
    pub expires: Option<Timestamp>,
    /// The body.
    pub body: Option<&'a Body>,
}

impl<'a> Subject<'a> {
    /// Of a record.
    pub fn of(header: &'a Header, body: Option<&'a Body>) -> Self {
        Self {
            space: header.space,
            type_name: &header.type_name,
            author: header.author,
            created: header.created,
            key: header.record_key.as_ref(),
            op: header.op,
            links: &header.links,
            blobs: &header.blobs,
            expires: header.expires,
            body,
        }
    }

    /// In the words of the WIT.
    pub fn entry(&self) -> Entry {
        Entry {
            space: self.space.to_string(),
            type_name: self.type_name.to_string(),
            author: self.author.to_string(),
            created: self.created,
            key: self.key.map(ToString::to_string),
            operation: match self.op {
                Op::Put => Operation::Put,
                Op::Delete => Operation::Delete,
            },
            links: wit_links(self.links),
            blobs: self.blobs.iter().map(|blob| Blob { id: blob.id.to_string(), size: blob.size }).collect(),
            expires: self.expires,
            body: self.body.map_or_else(Vec::new, |body| body.as_bytes().to_vec()),
        }
    }

    /// As a candidate that nothing was supplied to.
    pub fn candidate(&self) -> Candidate {
        Candidate { entry: self.entry(), supplied: Vec::new() }
    }
}

/// Links in the words of the WIT.
pub fn wit_links(links: &[atlas_record::Link]) -> Vec<Link> {
    links.iter().map(|link| Link { relation: link.relation.to_string(), target: link.target.to_string() }).collect()
}

/// How records of a validator's type live.
pub fn lifecycle(validator: &Validator) -> Lifecycle {
    match validator.rules().lifecycle {
        atlas_engine::validator::Lifecycle::Append => Lifecycle::Append,
        atlas_engine::validator::Lifecycle::Replaceable => Lifecycle::Replaceable,
        atlas_engine::validator::Lifecycle::Ephemeral => Lifecycle::Ephemeral,
    }
}

/// Index entries as the store keeps them.
pub fn store_entries(entries: Vec<IndexEntry>) -> Verdict {
    let entries = entries.into_iter().map(|entry| match entry.value {
        IndexValue::Text(text) => atlas_store::IndexEntry::new(&entry.name, text.as_str()),
        IndexValue::Integer(integer) => atlas_store::IndexEntry::new(&entry.name, integer),
    });
    Verdict::Valid(entries.collect())
}

/// Rounds of `needs` that one record may ask for before it counts as undecided.
const MOST_ROUNDS: usize = 4;

/// Judges candidates, delivering what they need as far as it is here. An outcome that still
/// is `Needs` names what is not.
pub fn judge(
    store: &Store,
    validator: &Validator,
    candidates: &mut [Candidate],
) -> Result<Vec<atlas_engine::Judgement>, NodeError> {
    let mut judgements = validator.validate(candidates);
    for (candidate, judgement) in candidates.iter_mut().zip(&mut judgements) {
        for _ in 0..MOST_ROUNDS {
            let Outcome::Needs(ids) = &judgement.outcome else { break };
            if supply(store, candidate, ids)? == 0 {
                break;
            }
            *judgement = validator.validate_alone(candidate);
        }
    }
    Ok(judgements)
}

/// Adds the named records that are here and were not supplied yet; how many.
fn supply(store: &Store, candidate: &mut Candidate, ids: &[String]) -> Result<usize, NodeError> {
    let mut added = 0;
    for text in ids {
        if candidate.supplied.iter().any(|supplied| supplied.id == *text) {
            continue;
        }
        let Ok(id) = text.parse::<RecordId>() else { continue };
        let Some(stored) = store.get(&id)? else { continue };
        let entry = Subject::of(stored.record.header(), stored.record.payload().map(|payload| &payload.body)).entry();
        candidate.supplied.push(Supplied { id: text.clone(), entry });
        added += 1;
    }
    Ok(added)
}

/// How records of a type are keyed, in words.
pub fn key_rule_text(rule: &atlas_engine::validator::KeyRule) -> String {
    use atlas_engine::validator::KeyRule;
    match rule {
        KeyRule::None => "none".to_owned(),
        KeyRule::Any => "any".to_owned(),
        KeyRule::Literal(key) => format!("literal:{key}"),
        KeyRule::Tid => "tid".to_owned(),
        KeyRule::Nsid => "nsid".to_owned(),
    }
}

/// The kind of an index, in a word.
pub fn index_kind_text(kind: atlas_engine::validator::IndexKind) -> &'static str {
    match kind {
        atlas_engine::validator::IndexKind::Text => "text",
        atlas_engine::validator::IndexKind::Integer => "integer",
    }
}

/// The smallest record there is, to measure what a call costs at least.
pub fn empty_candidate() -> Candidate {
    let nobody = IdentityId([0; 32]);
    let type_name = TypeName::new("example.empty").expect("a constant type name is legal");
    let body = Body::from_map(&atlas_record::cbor::Map::new()).expect("an empty map is a body");
    let space = SpaceId([0; 32]);
    let op = Op::Put;
    let subject = Subject {
        space,
        type_name: &type_name,
        author: nobody,
        created: 0,
        key: None,
        op,
        links: &[],
        blobs: &[],
        expires: None,
        body: Some(&body),
    };
    subject.candidate()
}

/// The one type that a module judges, where it says so: by a JSON Schema whose bodies hold the
/// name of their type, as `$type`. Bound to another type, it could take no record at all.
pub fn named_type(validator: &Validator) -> Option<String> {
    let schema: serde_json::Value = serde_json::from_str(&validator.rules().schema).ok()?;
    let required = schema["required"].as_array()?.iter().any(|field| field == "$type");
    schema["properties"]["$type"]["const"].as_str().filter(|_| required).map(str::to_owned)
}
