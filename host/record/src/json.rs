//! The one JSON form of bodies, everywhere: the AT Protocol's.
//!
//! A link is `{"$link": "<cid>"}`, bytes are `{"$bytes": "<base64>"}` (standard alphabet,
//! written without padding, read with or without). `1` is an integer and `1.0` a float; both
//! survive a round trip, as do all integers of the model. Source:
//! <https://atproto.com/specs/data-model>.

mod write;

use std::borrow::Cow;

use data_encoding::{BASE64, BASE64_NOPAD};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value as Json;
use serde_json::value::RawValue;

use crate::cbor::{MAX_INT, MIN_INT, Map, Value, is_negative_zero};
use crate::limits;

pub use write::{BodyJson, Fields, FieldsError};

/// Why JSON text is no body value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at {path}: {why}")]
pub struct JsonError {
    /// JSON Pointer to the value; `/` for the root.
    pub path: String,
    /// The rule it breaks.
    pub why: Cow<'static, str>,
}

impl JsonError {
    /// The same error, seen from one level further out.
    fn under(mut self, segment: &str) -> Self {
        let segment = segment.replace('~', "~0").replace('/', "~1");
        self.path = if self.path == "/" { format!("/{segment}") } else { format!("/{segment}{}", self.path) };
        self
    }
}

fn refuse<T>(why: impl Into<Cow<'static, str>>) -> Result<T, JsonError> {
    Err(JsonError { path: "/".into(), why: why.into() })
}

fn syntax(error: serde_json::Error) -> JsonError {
    JsonError { path: "/".into(), why: error.to_string().into() }
}

/// A body value from JSON text. Refuses a key that appears twice in one object, of which
/// JSON readers commonly keep one silently, and more levels than a body may have.
pub fn parse_json(text: &str) -> Result<Value, JsonError> {
    read(serde_json::from_str(text).map_err(syntax)?, 0)
}

/// The entries of a JSON object, their values as unparsed text, in the order they stand in.
/// For who needs a few parts of a large document: the rest is scanned once and not read.
pub fn parse_entries(text: &str) -> Result<Vec<(String, &str)>, JsonError> {
    let Entries(entries) = serde_json::from_str(text).map_err(syntax)?;
    let mut keys: Vec<&str> = entries.iter().map(|(key, _)| key.as_str()).collect();
    keys.sort_unstable();
    if let Some(twice) = keys.windows(2).find(|pair| pair[0] == pair[1]) {
        return refuse("the key appears twice in its object").map_err(|error| error.under(twice[0]));
    }
    Ok(entries.into_iter().map(|(key, value)| (key, value.get())).collect())
}

/// A body value from JSON that another part has parsed; duplicate keys are gone by then, so
/// read outside text with [`parse_json`] or [`JsonBody`].
pub fn from_json(json: &Json) -> Result<Value, JsonError> {
    parse_json(&json.to_string())
}

/// A body value inside a larger JSON document, read as by [`parse_json`].
///
/// Asks its deserializer for unparsed text, so it belongs in plain structs that `serde_json`
/// reads, not behind `#[serde(flatten)]` or in untagged enums.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonBody(pub Value);

impl<'de> Deserialize<'de> for JsonBody {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let raw = <Box<RawValue>>::deserialize(d)?;
        read(&raw, 0).map(Self).map_err(serde::de::Error::custom)
    }
}

impl serde::Serialize for JsonBody {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        to_json(&self.0).serialize(s)
    }
}

/// The entries of an object, unparsed, duplicates included.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        d.deserialize_map(Collect)
    }
}

/// Reads one level at a time out of unparsed text. Each level scans its part again, at most
/// 32 times in all; in return numbers keep their text, every key is seen, and no depth of
/// nesting is descended into before it is refused.
fn read(raw: &RawValue, depth: usize) -> Result<Value, JsonError> {
    let text = raw.get();
    match text.as_bytes().first() {
        Some(b'[' | b'{') if depth >= limits::DEPTH => refuse("more than 32 levels"),
        Some(b'n') => Ok(Value::Null),
        Some(b't') => Ok(Value::Bool(true)),
        Some(b'f') => Ok(Value::Bool(false)),
        Some(b'"') => serde_json::from_str(text).map(Value::Text).map_err(syntax),
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text).map_err(syntax)?;
            let item = |(i, item)| read(item, depth + 1).map_err(|error| error.under(&usize::to_string(&i)));
            items.into_iter().enumerate().map(item).collect::<Result<_, _>>().map(Value::List)
        }
        Some(b'{') => read_object(serde_json::from_str(text).map_err(syntax)?, depth),
        _ => number_value(text).or_else(refuse),
    }
}

fn read_object(Entries(entries): Entries<'_>, depth: usize) -> Result<Value, JsonError> {
    if let [(key, value)] = &entries[..] {
        match key.as_str() {
            "$link" => return read_link(value),
            "$bytes" => return read_bytes(value),
            _ => {}
        }
    }
    let entries = entries
        .into_iter()
        .map(|(key, value)| match read(value, depth + 1) {
            Ok(value) => Ok((key, value)),
            Err(error) => Err(error.under(&key)),
        })
        .collect::<Result<_, _>>()?;
    match Map::from_entries(entries) {
        Ok(map) => Ok(Value::Map(map)),
        Err(key) => refuse::<Value>("the key appears twice in its object").map_err(|error| error.under(&key)),
    }
}

fn read_link(value: &RawValue) -> Result<Value, JsonError> {
    let text: Option<String> = serde_json::from_str(value.get()).ok();
    match text.map(|text| text.parse()) {
        Some(Ok(cid)) => Ok(Value::Link(cid)),
        _ => refuse("`$link` alone in an object holds the text of a CID"),
    }
}

fn read_bytes(value: &RawValue) -> Result<Value, JsonError> {
    let text: Option<String> = serde_json::from_str(value.get()).ok();
    let decode = |text: String| BASE64_NOPAD.decode(text.as_bytes()).or_else(|_| BASE64.decode(text.as_bytes()));
    match text.map(decode) {
        Some(Ok(bytes)) => Ok(Value::Bytes(bytes)),
        _ => refuse("`$bytes` alone in an object holds base64 text"),
    }
}

/// `text` is a number by the grammar of JSON.
fn number_value(text: &str) -> Result<Value, &'static str> {
    if text.contains(['.', 'e', 'E']) {
        return match text.parse::<f64>() {
            Ok(float) if is_negative_zero(float) => Err("the float -0.0: write 0.0"),
            Ok(float) if float.is_finite() => Ok(Value::Float(float)),
            _ => Err("a float outside the range of 64-bit floats"),
        };
    }
    match text.parse::<i128>() {
        Ok(_) if text == "-0" => Err("`-0` is no integer: write 0"),
        Ok(int) if (MIN_INT..=MAX_INT).contains(&int) => Ok(Value::Int(int)),
        _ => Err("an integer outside -2^64..2^64"),
    }
}

/// The JSON form of a value.
pub fn to_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(b) => Json::Bool(*b),
        Value::Int(int) => Json::Number(serde_json::Number::from_string_unchecked(int.to_string())),
        // Debug is the shortest text that reads back as the same float, always with `.` or `e`.
        Value::Float(float) => Json::Number(serde_json::Number::from_string_unchecked(format!("{float:?}"))),
        Value::Text(text) => Json::String(text.clone()),
        Value::Bytes(bytes) => single("$bytes", BASE64_NOPAD.encode(bytes)),
        Value::Link(cid) => single("$link", cid.to_string()),
        Value::List(list) => list.iter().map(to_json).collect(),
        Value::Map(map) => Json::Object(map.iter().map(|(k, v)| (k.to_owned(), to_json(v))).collect()),
    }
}

fn single(key: &str, text: String) -> Json {
    Json::Object([(key.to_owned(), Json::String(text))].into_iter().collect())
}
