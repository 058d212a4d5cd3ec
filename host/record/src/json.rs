//! The one JSON form of bodies, everywhere: the AT Protocol's.
//!
//! A link is `{"$link": "<cid>"}`, bytes are `{"$bytes": "<base64>"}` (standard alphabet,
//! written without padding, read with or without). `1` is an integer and `1.0` a float; both
//! survive a round trip, as do all integers of the model. Source:
//! <https://atproto.com/specs/data-model>.

use data_encoding::{BASE64, BASE64_NOPAD};
use serde_json::Value as Json;

use crate::cbor::{MAX_INT, MIN_INT, Map, Value};
use crate::limits;

/// Why a JSON value has no place in a body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at {path}: {why}")]
pub struct JsonError {
    /// JSON Pointer to the value; `/` for the root.
    pub path: String,
    /// The rule it breaks.
    pub why: &'static str,
}

/// A body value from JSON.
pub fn from_json(json: &Json) -> Result<Value, JsonError> {
    read(json, &mut Vec::new())
}

fn read<'a>(json: &'a Json, path: &mut Vec<std::borrow::Cow<'a, str>>) -> Result<Value, JsonError> {
    let no = |path: &[std::borrow::Cow<'_, str>], why| Err(JsonError { path: format!("/{}", path.join("/")), why });
    if path.len() > limits::DEPTH {
        return no(path, "more than 32 levels");
    }
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(b) => Value::Bool(*b),
        Json::String(text) => Value::Text(text.clone()),
        Json::Number(number) => match number_value(number.as_str()) {
            Ok(value) => value,
            Err(why) => return no(path, why),
        },
        Json::Array(items) => {
            let mut list = Vec::with_capacity(items.len());
            for (i, item) in items.iter().enumerate() {
                path.push(i.to_string().into());
                list.push(read(item, path)?);
                path.pop();
            }
            Value::List(list)
        }
        Json::Object(object) => match (object.len(), object.get("$link"), object.get("$bytes")) {
            (1, Some(Json::String(cid)), _) => match cid.parse() {
                Ok(cid) => Value::Link(cid),
                Err(_) => return no(path, "`$link` does not hold a CID"),
            },
            (1, _, Some(Json::String(text))) => {
                match BASE64_NOPAD.decode(text.as_bytes()).or_else(|_| BASE64.decode(text.as_bytes())) {
                    Ok(bytes) => Value::Bytes(bytes),
                    Err(_) => return no(path, "`$bytes` does not hold base64"),
                }
            }
            (1, Some(_), _) => return no(path, "`$link` holds the text of a CID"),
            (1, _, Some(_)) => return no(path, "`$bytes` holds base64 text"),
            _ => {
                let mut map = Map::new();
                for (key, item) in object {
                    path.push(key.as_str().into());
                    map.insert(key.as_str(), read(item, path)?);
                    path.pop();
                }
                Value::Map(map)
            }
        },
    })
}

fn number_value(text: &str) -> Result<Value, &'static str> {
    if text.contains(['.', 'e', 'E']) {
        return match text.parse::<f64>() {
            Ok(float) if float.is_finite() => Ok(Value::Float(float)),
            _ => Err("a float outside the range of 64-bit floats"),
        };
    }
    match text.parse::<i128>() {
        Ok(_) if text == "-0" => Err("`-0` is no integer: write 0 or -0.0"),
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
