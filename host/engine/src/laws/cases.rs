//! What the author of a module wrote down: questions, and what should come of them.
//!
//! A case is a JSON object, one to a file. For a validator it is a record:
//!
//! ```json
//! { "key": "self", "links": [{ "relation": "reply", "target": "bafy…" }],
//!   "body": { "text": "hello" }, "expect": "valid" }
//! ```
//!
//! with `author`, `created`, `type`, `blobs`, `expires`, `delete` and `supplied` where they
//! matter. `expect` is `valid`, `needs`, or the code of a refusal; or an object that says more,
//! as `{"valid": [["tag", "net"]]}`. For the other roles a case has the `question`, in the
//! fields of the WIT with `_` for `-`, and `expect`, of which everything has to be found in the
//! answer. Wherever the WIT has bytes, an object stands for its canonical DAG-CBOR.

use std::path::Path;

use atlas_record::Value;
use atlas_record::cbor::encode_map;
use atlas_record::json::from_json;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use super::report::CaseResult;
use crate::error::EngineError;
use crate::validator::{Blob, Candidate, Entry, Link, Operation, Supplied};

/// A case, read and not yet understood: that depends on the role.
#[derive(Clone, Debug)]
pub struct Case {
    /// What it is called: the file's name.
    pub name: String,
    content: Json,
}

const SPACE: &str = "bafyr4igdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";
const AUTHOR: &str = "bafyr4ihdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";
const NOW: u64 = 1_760_000_000_000;

/// A record as a case writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    space: Option<String>,
    #[serde(default, rename = "type")]
    type_name: Option<String>,
    #[serde(default)]
    author: Option<String>,
    #[serde(default)]
    created: Option<u64>,
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    links: Vec<Link>,
    #[serde(default)]
    blobs: Vec<Blob>,
    #[serde(default)]
    expires: Option<u64>,
    #[serde(default)]
    delete: bool,
    #[serde(default)]
    body: Json,
    #[serde(default)]
    supplied: Vec<WrittenSupplied>,
    #[serde(default)]
    #[allow(dead_code, reason = "read by `compare`")]
    expect: Json,
    #[serde(default)]
    #[allow(dead_code, reason = "for people")]
    about: Json,
}

#[derive(Deserialize)]
struct WrittenSupplied {
    id: String,
    #[serde(flatten)]
    record: Json,
}

impl Case {
    /// A case from its JSON.
    ///
    /// # Errors
    /// `BadCase` if it is none.
    pub fn parse(name: &str, text: &[u8]) -> Result<Self, EngineError> {
        let refuse = |why: String| EngineError::BadCase { name: name.to_owned(), text: why };
        let content: Json = serde_json::from_slice(text).map_err(|error| refuse(format!("it is no JSON: {error}")))?;
        if !content.is_object() {
            return Err(refuse("it is no JSON object".to_owned()));
        }
        Ok(Self { name: name.to_owned(), content })
    }

    pub(crate) fn refuse(&self, why: &str) -> EngineError {
        EngineError::BadCase { name: self.name.clone(), text: why.to_owned() }
    }

    /// The record of a validator's case.
    pub(crate) fn candidate(&self) -> Result<Candidate, EngineError> {
        let written: Written = self.read(&self.content)?;
        let supplied = written.supplied.iter().map(|it| {
            let record: Written = self.read(&it.record)?;
            Ok(Supplied { id: it.id.clone(), entry: self.entry(record)? })
        });
        let supplied = supplied.collect::<Result<_, EngineError>>()?;
        Ok(Candidate { supplied, entry: self.entry(written)? })
    }

    fn entry(&self, written: Written) -> Result<Entry, EngineError> {
        let body = match &written.body {
            Json::Null => vec![],
            body => self.bytes(body)?,
        };
        Ok(Entry {
            space: written.space.unwrap_or_else(|| SPACE.to_owned()),
            type_name: written.type_name.unwrap_or_else(|| "example.thing".to_owned()),
            author: written.author.unwrap_or_else(|| AUTHOR.to_owned()),
            created: written.created.unwrap_or(NOW),
            key: written.key,
            operation: if written.delete { Operation::Delete } else { Operation::Put },
            links: written.links,
            blobs: written.blobs,
            expires: written.expires,
            body,
        })
    }

    /// The question of another role's case.
    pub(crate) fn question<Q: DeserializeOwned>(&self) -> Result<Q, EngineError> {
        let Some(question) = self.content.get("question") else {
            return Err(self.refuse("it has no `question`"));
        };
        let mut question = question.clone();
        self.encode_bytes(&mut question)?;
        self.read(&question)
    }

    fn read<T: DeserializeOwned>(&self, json: &Json) -> Result<T, EngineError> {
        serde_json::from_value(json.clone()).map_err(|error| self.refuse(&error.to_string()))
    }

    /// Objects where the WIT has bytes become what they stand for.
    fn encode_bytes(&self, json: &mut Json) -> Result<(), EngineError> {
        match json {
            Json::Array(items) => items.iter_mut().try_for_each(|item| self.encode_bytes(item)),
            Json::Object(map) => map.iter_mut().try_for_each(|(name, value)| match (name.as_str(), &mut *value) {
                ("body" | "parameters" | "value", Json::Object(_)) => {
                    *value = json!(self.bytes(value)?);
                    Ok(())
                }
                ("body", Json::Array(bodies)) => {
                    bodies.iter_mut().filter(|body| body.is_object()).try_for_each(|body| {
                        *body = json!(self.bytes(body)?);
                        Ok(())
                    })
                }
                _ => self.encode_bytes(value),
            }),
            _ => Ok(()),
        }
    }

    fn bytes(&self, body: &Json) -> Result<Vec<u8>, EngineError> {
        match from_json(body) {
            Ok(Value::Map(map)) => Ok(encode_map(&map)),
            Ok(other) => Err(self.refuse(&format!("a body is {}: expected an object", other.kind()))),
            Err(error) => Err(self.refuse(&format!("a body is none: {error}"))),
        }
    }

    /// What was found, against what is expected; without `expect` any answer will do.
    pub(crate) fn compare(&self, found: Json) -> CaseResult {
        let expected = self.content.get("expect").cloned().unwrap_or(Json::Null);
        let met = match &expected {
            Json::Null => found.get("failed").is_none() && found.get("fault").is_none(),
            Json::String(word) => {
                found.get(word).is_some() || found.get("invalid").and_then(Json::as_str) == Some(word)
            }
            expected => holds(&found, expected),
        };
        CaseResult { name: self.name.clone(), met, expected, found }
    }
}

/// Whether everything that is expected is found.
fn holds(found: &Json, expected: &Json) -> bool {
    match (found, expected) {
        (Json::Object(found), Json::Object(expected)) => {
            expected.iter().all(|(name, value)| found.get(name).is_some_and(|found| holds(found, value)))
        }
        (Json::Array(found), Json::Array(expected)) => {
            found.len() == expected.len() && found.iter().zip(expected).all(|(found, value)| holds(found, value))
        }
        _ => found == expected,
    }
}

/// The cases of a folder: every `.json` file in it, by name.
///
/// # Errors
/// `Io` if the folder or a file cannot be read, `BadCase` for a file that is no case.
pub fn read(folder: &Path) -> Result<Vec<Case>, EngineError> {
    let entries = std::fs::read_dir(folder).map_err(|error| EngineError::io("read", folder, &error))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| EngineError::io("read", folder, &error))?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            paths.push(path);
        }
    }
    paths.sort();
    let case = |path: &std::path::PathBuf| {
        let bytes = std::fs::read(path).map_err(|error| EngineError::io("read", path, &error))?;
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Case::parse(&name, &bytes)
    };
    paths.iter().map(case).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(text: &str) -> Case {
        Case::parse("one", text.as_bytes()).expect("it is a case")
    }

    #[test]
    fn a_validators_case_is_a_record_in_words() {
        let case = case(r#"{"key":"k","links":[{"relation":"reply","target":"x"}],"body":{"a":1},"expect":"valid"}"#);
        let entry = case.candidate().expect("it is a record").entry;
        assert_eq!((entry.key.as_deref(), entry.links.len(), &entry.body[..]), (Some("k"), 1, &b"\xa1\x61a\x01"[..]));
        assert!(case.compare(json!({ "valid": [] })).met);
        assert!(!case.compare(json!({ "invalid": "too-long" })).met);
    }

    #[test]
    fn what_is_expected_is_a_part_of_what_is_found() {
        let case = case(r#"{"question":{},"expect":{"decision":"Rejected","figures":[{"name":"yes"}]}}"#);
        let found = json!({ "decision": "Rejected", "figures": [{ "name": "yes", "value": 1 }], "text": "…" });
        assert!(case.compare(found).met);
        assert!(!case.compare(json!({ "decision": "Open" })).met);
    }

    #[test]
    fn a_misspelt_field_is_refused_by_its_name() {
        let refused = case(r#"{"boody":{}}"#).candidate().expect_err("there is no such field");
        assert!(refused.to_string().contains("boody"), "{refused}");
    }
}
