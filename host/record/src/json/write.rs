//! Bodies written as JSON straight from their bytes, whole or in part: an answer with many
//! records builds no tree for any of them.

use std::cell::RefCell;
use std::collections::BTreeMap;

use data_encoding::BASE64_NOPAD;
use serde::ser::{Error, Serialize, SerializeMap, SerializeSeq, Serializer};

use crate::cbor::{Item, Reader};
use crate::record::Body;

/// Fields of a body, as `hashes.sha256`: what an answer is cut down to. Within lists the
/// path goes on in each element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(BTreeMap<Box<str>, Fields>);

/// Why a text names no fields.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no fields: write paths as name,hashes.sha256, 64 at most")]
pub struct FieldsError(String);

/// Paths that one projection may name.
const MOST_PATHS: usize = 64;

impl std::str::FromStr for Fields {
    type Err = FieldsError;

    fn from_str(text: &str) -> Result<Self, FieldsError> {
        let wrong = || FieldsError(text.chars().take(100).collect());
        let mut all = Self::default();
        for (i, path) in text.split(',').enumerate() {
            if i == MOST_PATHS || path.split('.').any(str::is_empty) {
                return Err(wrong());
            }
            all.insert(path);
        }
        Ok(all)
    }
}

impl Fields {
    /// A path more. What holds a field as a whole holds its parts.
    fn insert(&mut self, path: &str) {
        let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
        match (self.0.get_mut(first), rest) {
            (Some(below), Some(rest)) if !below.is_whole() => below.insert(rest),
            (Some(below), None) => *below = Self::default(),
            (Some(_), Some(_)) => {}
            (None, None) => drop(self.0.insert(first.into(), Self::default())),
            (None, Some(rest)) => {
                let mut below = Self::default();
                below.insert(rest);
                self.0.insert(first.into(), below);
            }
        }
    }

    /// Whether it stands for all that is below it.
    fn is_whole(&self) -> bool {
        self.0.is_empty()
    }
}

/// A body as JSON.
#[derive(Debug, Clone, Copy)]
pub struct BodyJson<'a> {
    /// The body.
    pub body: &'a Body,
    /// What of it; all where left out.
    pub fields: Option<&'a Fields>,
}

impl Serialize for BodyJson<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let reader = RefCell::new(Reader::new(self.body.as_bytes()));
        Next { reader: &reader, fields: self.fields.filter(|fields| !fields.is_whole()) }.serialize(s)
    }
}

/// The item that the reader stands before.
struct Next<'r, 'a> {
    reader: &'r RefCell<Reader<'a>>,
    fields: Option<&'r Fields>,
}

fn damaged<E: Error>(error: crate::cbor::DecodeError) -> E {
    E::custom(format_args!("the body is {error}"))
}

impl<'r> Next<'r, '_> {
    fn map<S: Serializer>(&self, s: S, length: usize) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(self.fields.is_none().then_some(length))?;
        for _ in 0..length {
            let key = self.reader.borrow_mut().text().map_err(damaged)?;
            match self.below(key) {
                None => self.reader.borrow_mut().skip().map_err(damaged)?,
                Some(fields) => map.serialize_entry(key, &Next { reader: self.reader, fields })?,
            }
        }
        map.end()
    }

    /// What is wanted below a key: nothing, all (`Some(None)`), or some of it.
    fn below(&self, key: &str) -> Option<Option<&'r Fields>> {
        match self.fields {
            None => Some(None),
            Some(fields) => fields.0.get(key).map(|below| Some(below).filter(|below| !below.is_whole())),
        }
    }
}

impl Serialize for Next<'_, '_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let item = self.reader.borrow_mut().item().map_err(damaged)?;
        let single = |s: S, key, text: &str| {
            let mut map = s.serialize_map(Some(1))?;
            map.serialize_entry(key, text)?;
            map.end()
        };
        match item {
            Item::Null => s.serialize_unit(),
            Item::Bool(bool) => s.serialize_bool(bool),
            // Most integers are small, and the wide path of the serializer is slower.
            Item::Int(int) => match i64::try_from(int) {
                Ok(int) => s.serialize_i64(int),
                Err(_) => s.serialize_i128(int),
            },
            Item::Float(float) => s.serialize_f64(float),
            Item::Text(text) => s.serialize_str(text),
            Item::Bytes(bytes) => single(s, "$bytes", &BASE64_NOPAD.encode(bytes)),
            Item::Link(cid) => single(s, "$link", &cid.to_string()),
            Item::List(length) => {
                let mut list = s.serialize_seq(Some(length))?;
                for _ in 0..length {
                    list.serialize_element(self)?;
                }
                list.end()
            }
            Item::Map(length) => self.map(s, length),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{parse_json, to_json};
    use crate::{Body, Value};

    fn body(json: &str) -> Body {
        match parse_json(json).unwrap() {
            Value::Map(map) => Body::from_map(&map).unwrap(),
            _ => panic!("a body is a map"),
        }
    }

    fn part(json: &str, fields: &str) -> String {
        let fields = fields.parse().unwrap();
        let body = body(json);
        serde_json::to_string(&BodyJson { body: &body, fields: Some(&fields) }).unwrap()
    }

    #[test]
    fn bytes_become_the_same_json_as_values_do() {
        let link = "bafyreigmk4lln3clwvf32c2murhifjx2uio2xgythakav3pna3dvdqwdwy";
        for json in [
            "{}",
            r#"{"a":[1,-1,1.0,-2.5,18446744073709551615,-18446744073709551616,null,true,false,"ü\n\""]}"#,
            r#"{"b":{"c":{"$bytes":"AAEC"}},"l":[[],{},[{"x":[]}]]}"#,
            &format!(r#"{{"link":{{"$link":"{link}"}}}}"#),
        ] {
            let body = body(json);
            let whole = serde_json::to_string(&BodyJson { body: &body, fields: None }).unwrap();
            let read: serde_json::Value = serde_json::from_str(&whole).unwrap();
            assert_eq!(read, to_json(&body.to_map().into()), "{json}");
            assert_eq!(self::body(&whole), body, "{json}");
        }
        // The exponent may be spelled otherwise; the number is the same.
        let large = body(r#"{"a":[1e300,1e-300,-1.7976931348623157e308]}"#);
        let text = serde_json::to_string(&BodyJson { body: &large, fields: None }).unwrap();
        assert_eq!(body(&text), large);
    }

    #[test]
    fn a_projection_keeps_what_its_paths_name() {
        let json = r#"{"a":1,"b":{"c":2,"d":{"e":3,"f":4}},"l":[{"x":1,"y":2},{"y":3},7]}"#;
        assert_eq!(part(json, "a"), r#"{"a":1}"#);
        assert_eq!(part(json, "b.d.e,a"), r#"{"a":1,"b":{"d":{"e":3}}}"#);
        assert_eq!(part(json, "b,b.c"), r#"{"b":{"c":2,"d":{"e":3,"f":4}}}"#, "the whole holds its parts");
        assert_eq!(part(json, "b.c,b"), r#"{"b":{"c":2,"d":{"e":3,"f":4}}}"#);
        assert_eq!(part(json, "l.y"), r#"{"l":[{"y":2},{"y":3},7]}"#);
        assert_eq!(part(json, "nothing"), "{}");
    }

    #[test]
    fn fields_are_paths() {
        let many = ["a"; 65].join(",");
        for wrong in ["", "a,", ".", "a..b", "a.", &many] {
            assert!(wrong.parse::<Fields>().is_err(), "{wrong}");
        }
    }
}
