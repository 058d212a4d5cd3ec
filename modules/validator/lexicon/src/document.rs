//! One Lexicon document: its outline is read and checked, its definitions only when something
//! refers to them. Documents of a protocol describe much that no record reaches.

use std::collections::BTreeMap;

use atlas_record::json::{JsonError, parse_entries, parse_json};
use atlas_sdk::{Map, Value};

use crate::formats;
use crate::types::document_path;

/// The types that a definition with a name can have. The first four describe no data: they are
/// for servers.
const DEFINITION_TYPES: [&str; 15] = [
    "query",
    "procedure",
    "subscription",
    "permission-set",
    "record",
    "object",
    "array",
    "token",
    "string",
    "integer",
    "boolean",
    "bytes",
    "cid-link",
    "blob",
    "unknown",
];

/// A document.
#[derive(Debug)]
pub struct Document<'a> {
    /// Its NSID.
    pub id: String,
    /// JSON text by name.
    definitions: BTreeMap<String, &'a str>,
}

/// The text of a JSON string.
fn text(json: &str) -> Option<String> {
    match parse_json(json) {
        Ok(Value::Text(text)) => Some(text),
        _ => None,
    }
}

impl<'a> Document<'a> {
    /// Reads a document. An error names it by `called` as long as it has not said its own name.
    pub fn read(called: &str, bytes: &'a [u8]) -> Result<Self, String> {
        let json = std::str::from_utf8(bytes).map_err(|_| format!("{called} is not UTF-8: expected JSON"))?;
        let entries = parse_entries(json).map_err(|error| format!("{called} is no Lexicon document: {error}"))?;
        let entry = |name| entries.iter().find(|(key, _)| key == name).map(|(_, value)| *value);
        let id = match entry("id").and_then(text) {
            Some(id) if formats::is_nsid(&id) => id,
            _ => return Err(format!("{called} is no Lexicon document: expected an `id` such as com.example.thing")),
        };
        if entry("lexicon") != Some("1") {
            return Err(format!("{id} at /lexicon: expected 1, the version of the language"));
        }
        let Some(Ok(definitions)) = entry("defs").map(parse_entries) else {
            return Err(format!("{id} at /defs: expected an object of definitions, each with a name of its own"));
        };
        let document = Self { id, definitions: definitions.into_iter().collect() };
        for (name, json) in &document.definitions {
            document.check_type(name, json)?;
        }
        Ok(document)
    }

    /// Whether the language knows the type of a definition. More is asked when it is read.
    fn check_type(&self, name: &str, json: &str) -> Result<(), String> {
        let id = &self.id;
        let entries = parse_entries(json).unwrap_or_default();
        match entries.iter().find(|(key, _)| key == "type").and_then(|(_, kind)| text(kind)) {
            Some(kind) if DEFINITION_TYPES.contains(&kind.as_str()) => Ok(()),
            Some(kind) => {
                let known = DEFINITION_TYPES.join(", ");
                Err(format!("{id} at /defs/{name}: unknown type of definition `{kind}`: expected one of {known}"))
            }
            None => Err(format!("{id} at /defs/{name}: expected an object with a `type`")),
        }
    }

    /// The definition of this name, if there is one.
    pub fn definition(&self, name: &str) -> Option<Result<Map, String>> {
        let json = self.definitions.get(name)?;
        let wrong = |JsonError { path, why }: JsonError| match path.as_str() {
            "/" => format!("{} at /defs/{name}: {why}", self.id),
            path => format!("{} at /defs/{name}{path}: {why}", self.id),
        };
        Some(match parse_json(json) {
            Ok(Value::Map(map)) => Ok(map),
            Ok(_) => Err(format!("{} at /defs/{name}: expected an object", self.id)),
            Err(error) => Err(wrong(error)),
        })
    }

    /// The names of its definitions, for messages.
    pub fn names(&self) -> String {
        let names: Vec<&str> = self.definitions.keys().map(String::as_str).take(20).collect();
        if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
    }

    /// Where it has its place in a folder of documents.
    pub fn path(&self) -> String {
        document_path(&self.id)
    }
}
