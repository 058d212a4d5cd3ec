//! From the component boundary to [`Validator`] and back. Exists in modules only.

use std::sync::OnceLock;

use crate::bindings::atlas::types::types as wit_types;
use crate::bindings::exports::atlas::types::module;
use crate::bindings::exports::atlas::validator::validation as wit;
use crate::config_error::ConfigError;
use crate::reason::Reason;
use crate::rules::{IndexKind, KeyRule, Lifecycle, Rules};
use crate::types::{Blob, Candidate, Draft, Entry, Link, Operation, Supplied};
use crate::validator::{Validator, decode_body, judge};
use crate::verdict::{IndexEntry, IndexValue, Verdict};

/// The configured validator of an instance.
pub struct Slot<V>(OnceLock<V>);

impl<V> Slot<V> {
    /// Nothing configured yet.
    pub const fn new() -> Self {
        Self(OnceLock::new())
    }

    fn get(&self) -> &V {
        self.0.get().expect("the host calls `configure` before anything else but `describe`")
    }
}

impl<V> Default for Slot<V> {
    fn default() -> Self {
        Self::new()
    }
}

/// What [`export_validator!`](crate::export_validator!) writes for a validator.
pub trait Exported {
    /// The validator.
    type Validator: Validator;
    /// Where the configured one is kept.
    fn slot() -> &'static Slot<Self::Validator>;
}

impl<E: Exported> module::Guest for E {
    fn describe() -> module::Description {
        crate::panic::install_hook();
        let description = E::Validator::describe();
        module::Description { name: description.name, version: description.version, summary: description.summary }
    }

    fn configure(config: Vec<u8>) -> Result<(), module::ConfigError> {
        crate::panic::install_hook();
        let validator = E::Validator::configure(&config)?;
        E::slot().0.set(validator).map_err(|_| ConfigError::from("this instance is configured already"))?;
        crate::arena::keep();
        Ok(())
    }
}

impl<E: Exported> wit::Guest for E {
    fn rules() -> wit::TypeRules {
        crate::panic::install_hook();
        E::slot().get().rules().into()
    }

    fn prepare(drafts: Vec<wit::Draft>) -> Vec<Result<wit::Draft, wit_types::Reason>> {
        crate::panic::install_hook();
        let validator = E::slot().get();
        let prepare = |draft| prepare(validator, draft).map_err(wit_types::Reason::from);
        drafts.into_iter().map(prepare).collect()
    }

    fn validate(batch: Vec<wit::Candidate>) -> Vec<wit::Verdict> {
        crate::panic::install_hook();
        let validator = E::slot().get();
        batch.into_iter().map(|candidate| validate(validator, candidate).into()).collect()
    }
}

fn prepare<V: Validator>(validator: &V, draft: wit::Draft) -> Result<wit::Draft, Reason> {
    let links = draft.links.into_iter().map(Link::from).collect();
    let mut draft = Draft { key: draft.key, links, body: decode_body(&draft.body)? };
    validator.prepare(&mut draft)?;
    let links = draft.links.into_iter().map(|Link { relation, target }| wit_types::Link { relation, target });
    Ok(wit::Draft { key: draft.key, links: links.collect(), body: atlas_record::cbor::encode_map(&draft.body) })
}

fn validate<V: Validator>(validator: &V, candidate: wit::Candidate) -> Verdict {
    let entry = match entry(candidate.entry) {
        (entry, Ok(())) => entry,
        (_, Err(reason)) => return Verdict::Invalid(reason),
    };
    let supplied = |it: wit::Supplied| Supplied { id: it.id, entry: self::entry(it.entry).0 };
    judge(validator, &Candidate { entry, supplied: candidate.supplied.into_iter().map(supplied).collect() })
}

/// The entry, its body empty where it cannot be read.
fn entry(entry: wit_types::Entry) -> (Entry, Result<(), Reason>) {
    let operation = match entry.operation {
        wit_types::Operation::Put => Operation::Put,
        wit_types::Operation::Delete => Operation::Delete,
    };
    let (body, readable) = match (operation, decode_body(&entry.body)) {
        (_, Ok(body)) => (body, Ok(())),
        (Operation::Delete, Err(_)) => (Default::default(), Ok(())),
        (Operation::Put, Err(reason)) => (Default::default(), Err(reason)),
    };
    let entry = Entry {
        space: entry.space,
        type_name: entry.type_name,
        author: entry.author,
        created: entry.created,
        key: entry.key,
        operation,
        links: entry.links.into_iter().map(Link::from).collect(),
        blobs: entry.blobs.into_iter().map(|blob| Blob { id: blob.id, size: blob.size }).collect(),
        expires: entry.expires,
        body,
    };
    (entry, readable)
}

impl From<ConfigError> for module::ConfigError {
    fn from(error: ConfigError) -> Self {
        match error {
            ConfigError::Invalid(text) => Self::Invalid(text),
            ConfigError::Incomplete { main, documents } => Self::Incomplete(module::Incomplete { main, documents }),
        }
    }
}

impl From<wit_types::Link> for Link {
    fn from(link: wit_types::Link) -> Self {
        Self { relation: link.relation, target: link.target }
    }
}

impl From<Reason> for wit_types::Reason {
    fn from(reason: Reason) -> Self {
        Self { code: reason.code.to_owned(), text: reason.text }
    }
}

impl From<Verdict> for wit::Verdict {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Valid(entries) => Self::Valid(entries.into_iter().map(wit::IndexEntry::from).collect()),
            Verdict::Invalid(reason) => Self::Invalid(reason.into()),
            Verdict::Needs(ids) => Self::Needs(ids),
        }
    }
}

impl From<IndexEntry> for wit::IndexEntry {
    fn from(entry: IndexEntry) -> Self {
        let value = match entry.value {
            IndexValue::Text(text) => wit::IndexValue::Text(text),
            IndexValue::Integer(integer) => wit::IndexValue::Integer(integer),
        };
        Self { name: entry.name.to_owned(), value }
    }
}

impl From<Rules> for wit::TypeRules {
    fn from(rules: Rules) -> Self {
        let index = |index: crate::rules::Index| wit::Index {
            name: index.name,
            kind: match index.kind {
                IndexKind::Text => wit::IndexKind::Text,
                IndexKind::Integer => wit::IndexKind::Integer,
            },
            about: index.about,
        };
        let workflow = |workflow: crate::rules::Workflow| wit::Workflow {
            states: workflow.states,
            transitions: workflow
                .transitions
                .into_iter()
                .map(|it| wit::Transition { before: it.before, after: it.after })
                .collect(),
        };
        Self {
            lifecycle: match rules.lifecycle {
                Lifecycle::Append => wit::Lifecycle::Append,
                Lifecycle::Replaceable => wit::Lifecycle::Replaceable,
                Lifecycle::Ephemeral => wit::Lifecycle::Ephemeral,
            },
            key: match rules.key {
                KeyRule::None => wit::KeyRule::None,
                KeyRule::Any => wit::KeyRule::Any,
                KeyRule::Literal(key) => wit::KeyRule::Literal(key),
                KeyRule::Tid => wit::KeyRule::Tid,
                KeyRule::Nsid => wit::KeyRule::Nsid,
            },
            indexes: rules.indexes.into_iter().map(index).collect(),
            text: rules.text.into_iter().map(|it| wit::TextField { path: it.path, weight: it.weight }).collect(),
            workflow: rules.workflow.map(workflow),
            display: wit::Display { title: rules.display.title, summary: rules.display.summary },
            schema: rules.schema,
        }
    }
}
