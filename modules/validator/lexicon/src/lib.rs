//! `atlas:lexicon`: any type that the AT Protocol's Lexicon language describes.
//!
//! The config is a Lexicon document whose main definition is a record, or a bundle of that and
//! of the documents that it refers to. [`compile`] turns it into types in which every name is
//! resolved; [`check`] judges records by them, as a server of the AT Protocol judges what is
//! written to a repository; [`derive`] says what a host can index. See the README for the
//! mapping, and `docs/lexicon.md` for how to use it.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod check;
pub mod compile;
pub mod derive;
mod document;
pub mod formats;
pub mod json_schema;
pub mod key;
mod parse;
mod place;
pub mod types;

use atlas_sdk::{
    Candidate, ConfigError, Description, Draft, Judgement, Reason, Rules, Validator, Value, ensure, export_validator,
};

use crate::derive::Derived;
use crate::key::KeyKind;
use crate::types::Lexicon as Types;

/// Judges the records of one lexicon.
#[derive(Debug)]
pub struct Lexicon {
    types: Types,
    derived: Derived,
}

impl Default for Lexicon {
    /// Without a document there is no type, and no record of it: `configure` never makes this.
    fn default() -> Self {
        let types = Types { id: String::new(), key: KeyKind::Any, definitions: Vec::new() };
        Self { types, derived: Derived::default() }
    }
}

impl Validator for Lexicon {
    fn describe() -> Description {
        let summary = "Any record type of the AT Protocol: give its Lexicon document as the config.";
        Description::new("atlas:lexicon", env!("CARGO_PKG_VERSION"), summary)
    }

    fn configure(config: &[u8]) -> Result<Self, ConfigError> {
        let types = compile::compile(config)?;
        Ok(Self { derived: Derived::of(&types), types })
    }

    fn rules(&self) -> Rules {
        let rules = self.types.key.tell(Rules::replaceable());
        self.derived.tell(rules).schema(&json_schema::json_schema(&self.types))
    }

    /// Fills in `$type`, a key where the type takes any, and the links that follow from the body.
    fn prepare(&self, draft: &mut Draft) -> Result<(), Reason> {
        if draft.body.get("$type").is_none() {
            draft.body.insert("$type", Value::from(self.types.id.as_str()));
        }
        if draft.key.is_none() && self.types.key == KeyKind::Any {
            draft.key = Some(key::made_of(&atlas_sdk::cbor::encode_map(&draft.body)));
        }
        for link in self.derived.links(&draft.body) {
            draft.link(&link.relation, link.target);
        }
        Ok(())
    }

    fn validate(&self, record: &Candidate) -> Judgement {
        let (id, bound) = (&self.types.id, &record.type_name);
        ensure!(bound == id, "wrong-type", "the type is bound as `{bound}`, and its document describes `{id}`");
        self.types.key.check(record.key.as_deref())?;
        check::record(&self.types, &record.body)?;
        self.derived.check_links(&record.links, &record.body)?;
        Ok(self.derived.entries(&record.body))
    }
}

export_validator!(Lexicon);
