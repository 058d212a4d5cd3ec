//! `atlas:package`: software packages of any ecosystem, with versions, hashes and relations.
//!
//! A record says of one package, in one version, for one architecture, what it is, where
//! its bytes are checked against, and what it needs. Relations become links, so that
//! "what depends on libssl3?" is a query by link. See the README for fields and errors.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod fields;
mod relations;

use atlas_sdk::{Candidate, Description, Draft, Fields, Judgement, Reason, Rules, Validator, export_validator};

pub use relations::RELATIONS;

/// Most bytes of a name.
pub const NAME_BYTES: usize = 214;
/// Most bytes of a version.
pub const VERSION_BYTES: usize = 256;
/// Most bytes of an architecture.
pub const ARCHITECTURE_BYTES: usize = 64;
/// Most tags.
pub const TAGS: usize = 256;
/// Tags that are indexed, from the first.
pub const INDEXED_TAGS: usize = 16;
/// Most fields beyond the defined ones.
pub const EXTRA_FIELDS: usize = 64;

/// Judges packages.
#[derive(Default)]
pub struct Package;

impl Validator for Package {
    fn describe() -> Description {
        let summary = "Software packages: what they are, how to check their bytes, and what they relate to.";
        Description::new("atlas:package", env!("CARGO_PKG_VERSION"), summary)
    }

    fn rules(&self) -> Rules {
        Rules::replaceable()
            .key_any()
            .index_text("name", "the package's name")
            .index_text("section", "where its distribution files it")
            .index_text("maintainer", "who maintains it")
            .index_text("source", "the source package that it is built from")
            .index_text("architecture", "the machines that it is built for")
            .index_text("tag", "one of its first 16 tags")
            .index_integer("size", "bytes of the package file")
            .text_field("name", 300)
            .text_field("summary", 200)
            .text_field("description", 100)
            .title("name")
            .summary("summary")
            .schema(include_str!("../schema.json"))
    }

    /// Fills in the key (`NAME:ARCHITECTURE`, or `NAME` where no architecture is given)
    /// and the links that follow from the relations.
    fn prepare(&self, draft: &mut Draft) -> Result<(), Reason> {
        let body = Fields::new(&draft.body);
        if draft.key.is_none() {
            let architecture = fields::architecture(&body)?.map(|text| text.as_str());
            draft.key = Some(fields::key(&fields::name(&body)?, architecture));
        }
        let wanted = relations::links(&body)?;
        relations::complete(&mut draft.links, wanted);
        Ok(())
    }

    fn validate(&self, package: &Candidate) -> Judgement {
        let body = package.body();
        let found = fields::check(&body)?;
        fields::check_key(&body, package.key.as_deref())?;
        relations::check(&package.links, relations::links(&body)?)?;
        Ok(found)
    }
}

export_validator!(Package);

#[cfg(test)]
mod tests;
