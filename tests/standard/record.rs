//! Records for the engine, in words.

use std::path::Path;

use atlas_engine::validator::{Blob, Candidate, Draft, Entry, Link, Operation, Supplied};
use atlas_record::Value;
use atlas_record::cbor::{Map, encode_map};
use atlas_record::json::parse_json;

pub const NOW: u64 = 1_760_000_000_000;
pub const ID: &str = "bafyr4igdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";
pub const ADA: &str = "bafyr4ihdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";
pub const BOB: &str = "bafyr4igeyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";
pub const BLOB: &str = "bafkr4igdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";
pub const OTHER_BLOB: &str = "bafkr4ihdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";

/// The body of one of the examples in a validator's README, by its place.
pub fn example(module: &str, place: usize) -> Map {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let readme = std::fs::read_to_string(root.join("modules/validator").join(module).join("README.md")).unwrap();
    let block = readme.split("```json\n").nth(place + 1).unwrap().split("```").next().unwrap();
    body(block)
}

pub fn body(json: &str) -> Map {
    match parse_json(json).unwrap() {
        Value::Map(map) => map,
        other => panic!("no body: {other:?}"),
    }
}

/// A record before it is signed.
#[derive(Clone)]
pub struct Record(Candidate);

impl Record {
    pub fn new(type_name: &str, body: Map) -> Self {
        let entry = Entry {
            space: ID.into(),
            type_name: type_name.into(),
            author: BOB.into(),
            created: NOW,
            key: None,
            operation: Operation::Put,
            links: vec![],
            blobs: vec![],
            expires: None,
            body: encode_map(&body),
        };
        Self(Candidate { entry, supplied: vec![] })
    }

    pub fn json(type_name: &str, json: &str) -> Self {
        Self::new(type_name, body(json))
    }

    pub fn by(mut self, author: &str) -> Self {
        self.0.entry.author = author.into();
        self
    }

    pub fn created(mut self, at: u64) -> Self {
        self.0.entry.created = at;
        self
    }

    pub fn expires(mut self, at: u64) -> Self {
        self.0.entry.expires = Some(at);
        self
    }

    pub fn key(mut self, key: &str) -> Self {
        self.0.entry.key = Some(key.into());
        self
    }

    pub fn link(mut self, relation: &str, target: &str) -> Self {
        self.0.entry.links.push(Link { relation: relation.into(), target: target.into() });
        self
    }

    pub fn blob(mut self, id: &str, size: u64) -> Self {
        self.0.entry.blobs.push(Blob { id: id.into(), size });
        self
    }

    pub fn supplied(mut self, id: &str, record: &Record) -> Self {
        self.0.supplied.push(Supplied { id: id.into(), entry: record.0.entry.clone() });
        self
    }

    pub fn draft(&self) -> Draft {
        let Entry { key, links, body, .. } = self.0.entry.clone();
        Draft { key, links, body }
    }

    pub fn completed(self, Draft { key, links, body }: Draft) -> Candidate {
        let Candidate { entry, supplied } = self.0;
        Candidate { entry: Entry { key, links, body, ..entry }, supplied }
    }
}
