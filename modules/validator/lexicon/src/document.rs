//! One Lexicon document: read from JSON, its outline checked.

use atlas_record::json::parse_json;
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
pub struct Document {
    /// Its NSID.
    pub id: String,
    definitions: Map,
}

impl Document {
    /// Reads a document. An error names it by `called` as long as it has not said its own name.
    pub fn read(called: &str, bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| format!("{called} is not UTF-8: expected JSON"))?;
        let value = parse_json(text).map_err(|error| format!("{called} is no JSON document: {error}"))?;
        let Value::Map(mut map) = value else {
            return Err(format!("{called} is no Lexicon document: expected an object"));
        };
        let id = match map.remove("id") {
            Some(Value::Text(id)) if formats::is_nsid(&id) => id,
            _ => return Err(format!("{called} is no Lexicon document: expected an `id` such as com.example.thing")),
        };
        if map.get("lexicon") != Some(&Value::Int(1)) {
            return Err(format!("{id} at /lexicon: expected 1, the version of the language"));
        }
        let Some(Value::Map(definitions)) = map.remove("defs") else {
            return Err(format!("{id} at /defs: expected an object of definitions"));
        };
        for (name, definition) in definitions.iter() {
            let kind = definition.as_map().and_then(|definition| definition.get("type")).and_then(Value::as_text);
            match kind {
                Some(kind) if DEFINITION_TYPES.contains(&kind) => {}
                Some(kind) => {
                    return Err(format!(
                        "{id} at /defs/{name}: unknown type of definition `{kind}`: expected one of {}",
                        DEFINITION_TYPES.join(", ")
                    ));
                }
                None => return Err(format!("{id} at /defs/{name}: expected an object with a `type`")),
            }
        }
        Ok(Self { id, definitions })
    }

    /// The definition of this name.
    pub fn definition(&self, name: &str) -> Option<&Map> {
        self.definitions.get(name).and_then(Value::as_map)
    }

    /// The names of its definitions, for messages.
    pub fn names(&self) -> String {
        let names: Vec<&str> = self.definitions.iter().map(|(name, _)| name).take(20).collect();
        if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
    }

    /// Where it has its place in a folder of documents.
    pub fn path(&self) -> String {
        document_path(&self.id)
    }
}
