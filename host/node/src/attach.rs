//! Files that a body speaks of before they have ids.
//!
//! Who writes a record with files knows their names; the body needs hashes, sizes and media
//! types. So a body may hold placeholders, by the name that a file was given:
//!
//! | placeholder | becomes |
//! |---|---|
//! | `{"$blob": NAME}` | the AT Protocol's blob object: `$type`, `ref`, `mimeType` and `size` |
//! | `"blob": {"$blob": NAME}` | a link to the blob, with a `size` beside it unless there is one: as the standard modules want it |
//! | `{"$size": NAME}`, `{"$size": [NAME, …]}` | bytes, of one file or of several together |
//! | `{"$mediaType": NAME}` | the media type as text |

use atlas_record::BlobId;
use atlas_record::cbor::{Map, Value};
use atlas_record::json::{parse_json, to_json};

use crate::error::NodeError;

/// A file that was uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// What the body calls it.
    pub name: String,
    /// The blob.
    pub id: BlobId,
    /// Bytes.
    pub size: u64,
    /// The media type.
    pub media: String,
}

impl Attached {
    fn link(&self) -> Value {
        Value::Link(self.id.to_cid())
    }
}

/// Fills the placeholders of a body in; both are JSON text.
pub fn fill(body: &str, attached: &[Attached]) -> Result<String, NodeError> {
    let body = parse_json(body).map_err(|error| NodeError::Misuse(format!("the body, {error}")))?;
    Ok(to_json(&filled(body, attached)?).to_string())
}

fn filled(value: Value, attached: &[Attached]) -> Result<Value, NodeError> {
    match value {
        Value::List(items) => {
            items.into_iter().map(|item| filled(item, attached)).collect::<Result<_, _>>().map(Value::List)
        }
        Value::Map(map) => match placeholder(&map) {
            Some(("$blob", name)) => {
                let file = find(name, attached)?;
                Ok(Value::Map(Map::from_iter([
                    ("$type", Value::from("blob")),
                    ("ref", file.link()),
                    ("mimeType", Value::from(file.media.as_str())),
                    ("size", Value::from(file.size)),
                ])))
            }
            Some(("$size", Value::List(names))) => {
                let sizes = names.iter().map(|name| find(name, attached).map(|file| i128::from(file.size)));
                sizes.sum::<Result<i128, _>>().map(Value::Int)
            }
            Some(("$size", name)) => Ok(Value::from(find(name, attached)?.size)),
            Some((_, name)) => Ok(Value::from(find(name, attached)?.media.as_str())),
            None => filled_map(map, attached).map(Value::Map),
        },
        other => Ok(other),
    }
}

fn filled_map(map: Map, attached: &[Attached]) -> Result<Map, NodeError> {
    let named = match map.get("blob") {
        Some(Value::Map(inner)) => match placeholder(inner) {
            Some(("$blob", name)) => Some(find(name, attached)?),
            _ => None,
        },
        _ => None,
    };
    let mut done = Map::new();
    for (key, value) in map {
        match named {
            Some(file) if key == "blob" => done.insert(key, file.link()),
            _ => done.insert(key, filled(value, attached)?),
        };
    }
    if let Some(file) = named
        && done.get("size").is_none()
    {
        done.insert("size", Value::from(file.size));
    }
    Ok(done)
}

/// The key and the value of an object that is a placeholder.
fn placeholder(map: &Map) -> Option<(&str, &Value)> {
    let mut entries = map.iter();
    match (entries.next(), entries.next()) {
        (Some((key, value)), None) if matches!(key, "$blob" | "$size" | "$mediaType") => Some((key, value)),
        _ => None,
    }
}

fn find<'a>(name: &Value, attached: &'a [Attached]) -> Result<&'a Attached, NodeError> {
    let Value::Text(name) = name else {
        return Err(NodeError::Misuse(format!("a placeholder holds the name of a file, and not {}", name.kind())));
    };
    attached.iter().find(|file| file.name == *name).ok_or_else(|| {
        let known: Vec<&str> = attached.iter().map(|file| file.name.as_str()).collect();
        NodeError::Misuse(format!("the body speaks of a file `{name}`; these are attached: {}", known.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Vec<Attached> {
        let file = |name: &str, size, media: &str| Attached {
            name: name.to_owned(),
            id: BlobId::of(name.as_bytes()),
            size,
            media: media.to_owned(),
        };
        vec![file("cat.png", 5, "image/png"), file("notes", 7, "text/plain")]
    }

    #[track_caller]
    fn becomes(body: &str, expected: &str) {
        let expected = expected.replace("CAT", &BlobId::of(b"cat.png").to_string());
        let expected: serde_json::Value = serde_json::from_str(&expected).unwrap();
        let filled: serde_json::Value = serde_json::from_str(&fill(body, &files()).unwrap()).unwrap();
        assert_eq!(filled, expected);
    }

    #[test]
    fn a_placeholder_alone_becomes_a_blob_of_the_at_protocol() {
        becomes(
            r#"{"images":[{"alt":"a cat","image":{"$blob":"cat.png"}}]}"#,
            r#"{"images":[{"alt":"a cat","image":{"$type":"blob","ref":{"$link":"CAT"},"mimeType":"image/png","size":5}}]}"#,
        );
    }

    #[test]
    fn under_the_key_blob_it_becomes_a_link_with_the_size_beside_it() {
        becomes(
            r#"{"avatar":{"blob":{"$blob":"cat.png"},"mediaType":{"$mediaType":"cat.png"}}}"#,
            r#"{"avatar":{"blob":{"$link":"CAT"},"mediaType":"image/png","size":5}}"#,
        );
        becomes(r#"{"blob":{"$blob":"cat.png"},"size":4}"#, r#"{"blob":{"$link":"CAT"},"size":4}"#);
    }

    #[test]
    fn sizes_add_up() {
        becomes(
            r#"{"totalSize":{"$size":["cat.png","notes"]},"one":{"$size":"notes"}}"#,
            r#"{"totalSize":12,"one":7}"#,
        );
    }

    #[test]
    fn everything_else_stays_as_it_was_typed() {
        let body = r#"{"a":1.0,"b":{"$link":"CAT"},"c":{"$blob":"x","more":1},"d":[null,-3,"é"]}"#;
        becomes(&body.replace("CAT", &BlobId::of(b"cat.png").to_string()), body);
    }

    #[test]
    fn a_file_that_is_not_attached_is_named() {
        let wrong = |body| fill(body, &files()).unwrap_err().to_string();
        assert!(wrong(r#"{"a":{"$blob":"dog"}}"#).contains("`dog`; these are attached: cat.png, notes"));
        assert!(wrong(r#"{"a":{"$size":5}}"#).contains("the name of a file"));
        assert!(wrong(r#"{"a":1,"a":2}"#).contains("twice"));
    }
}
