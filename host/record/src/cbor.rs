//! Canonical DAG-CBOR: the only byte form of a value.
//!
//! A value has exactly one encoding, and [`decode`] accepts nothing else: shortest integers
//! and lengths, definite lengths, map keys that are text, sorted (shorter first, then by
//! bytes) and unique, floats always 64-bit and finite, no simple values but `false`, `true`
//! and `null`, no tag but 42 (a CID), nothing after the value, 32 levels at most.
//!
//! The decoder never allocates more than the input's own size suggests, and never recurses
//! deeper than [`limits::DEPTH`].
//! Source: the DAG-CBOR specification of IPLD, and RFC 8949 section 4.2 for shortest forms.

mod decode;
mod encode;
#[cfg(feature = "json")]
mod items;

pub(crate) use decode::Reader;
pub use decode::{DecodeError, Fault, decode};
pub(crate) use encode::Writer;
pub use encode::{encode, encode_map};
#[cfg(feature = "json")]
pub(crate) use items::Item;

use crate::id::Cid;
use crate::limits;

/// A DAG-CBOR value. Two values are equal exactly when their bytes are.
#[derive(Debug, Clone)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer from -2^64 to 2^64 - 1.
    Int(i128),
    /// A finite float, and not `-0.0`: zero has one form.
    Float(f64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// A map, in canonical order.
    Map(Map),
    /// A link to content by its CID.
    Link(Cid),
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
            (Value::Bytes(a), Value::Bytes(b)) => a == b,
            (Value::Text(a), Value::Text(b)) => a == b,
            (Value::List(a), Value::List(b)) => a == b,
            (Value::Map(a), Value::Map(b)) => a == b,
            (Value::Link(a), Value::Link(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Value {}

impl Value {
    /// The text, if this is text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The integer, if this is one that fits.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Value::Int(int) => i64::try_from(*int).ok(),
            _ => None,
        }
    }

    /// The list, if this is a list.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    /// The map, if this is a map.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// What kind of value this is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Int(_) => "an integer",
            Value::Float(_) => "a float",
            Value::Bytes(_) => "bytes",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
            Value::Link(_) => "a link",
        }
    }
}

/// Why a value made in memory has no place in a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// NaN or an infinity.
    #[error("a float that is not finite")]
    NotFinite,
    /// Beyond [`MIN_INT`] or [`MAX_INT`].
    #[error("an integer outside -2^64..2^64")]
    IntRange,
    /// Too many levels.
    #[error("more than {} levels", limits::DEPTH)]
    Depth,
    /// A map that JSON cannot tell from a link or bytes.
    #[error("a map with `{0}` as its only key, which JSON reserves for links and bytes")]
    ReservedKey(&'static str),
}

impl Value {
    /// Whether the value has canonical bytes and a JSON form of its own.
    pub fn check(&self) -> Result<(), Unfit> {
        self.check_at(0)
    }

    fn check_at(&self, depth: usize) -> Result<(), Unfit> {
        match self {
            Value::Float(float) if !float.is_finite() || is_negative_zero(*float) => Err(Unfit::NotFinite),
            Value::Int(int) if !(MIN_INT..=MAX_INT).contains(int) => Err(Unfit::IntRange),
            Value::List(_) if depth >= limits::DEPTH => Err(Unfit::Depth),
            Value::List(list) => list.iter().try_for_each(|item| item.check_at(depth + 1)),
            Value::Map(map) => map.check_at(depth),
            _ => Ok(()),
        }
    }
}

/// The largest and smallest integers of the model.
pub const MAX_INT: i128 = u64::MAX as i128;
/// See [`MAX_INT`].
pub const MIN_INT: i128 = -(1 << 64);

/// A map with text keys, kept in canonical order: shorter keys first, then by bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Map(Vec<(String, Value)>);

/// Zero with a sign: a second form of one number, which DAG-CBOR refuses.
pub(crate) fn is_negative_zero(float: f64) -> bool {
    float == 0.0 && float.is_sign_negative()
}

/// Canonical order of keys. Equal to the order of their encodings.
pub(crate) fn key_order(a: &str, b: &str) -> std::cmp::Ordering {
    a.len().cmp(&b.len()).then_with(|| a.as_bytes().cmp(b.as_bytes()))
}

impl Map {
    /// An empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty map with room for this many entries.
    pub(crate) fn with_capacity(entries: usize) -> Self {
        Self(Vec::with_capacity(entries))
    }

    /// The value under `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let at = self.0.binary_search_by(|(k, _)| key_order(k, key)).ok()?;
        Some(&self.0[at].1)
    }

    /// Makes a map of entries in any order. A key that appears twice is an error: that key.
    pub fn from_entries(mut entries: Vec<(String, Value)>) -> Result<Self, String> {
        entries.sort_by(|(a, _), (b, _)| key_order(a, b));
        match entries.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(pair[0].0.clone()),
            None => Ok(Self(entries)),
        }
    }

    /// Sorts entries. Of those with one key the last stays, as with [`insert`](Self::insert).
    fn sorted(mut entries: Vec<(String, Value)>) -> Self {
        entries.sort_by(|(a, _), (b, _)| key_order(a, b));
        entries.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                std::mem::swap(later, kept);
            }
            same
        });
        Self(entries)
    }

    /// Puts a value under `key`; returns the one that was there. Moves the entries behind it:
    /// to make a large map, collect it or use [`Map::from_entries`].
    pub fn insert(&mut self, key: impl Into<String>, value: Value) -> Option<Value> {
        let key = key.into();
        match self.0.binary_search_by(|(k, _)| key_order(k, &key)) {
            Ok(at) => Some(std::mem::replace(&mut self.0[at].1, value)),
            Err(at) => {
                self.0.insert(at, (key, value));
                None
            }
        }
    }

    /// Takes the value under `key` out.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let at = self.0.binary_search_by(|(k, _)| key_order(k, key)).ok()?;
        Some(self.0.remove(at).1)
    }

    /// Entries in canonical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(k, v)| (k.as_str(), v))
    }

    /// How many entries.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As [`Value::check`].
    pub fn check(&self) -> Result<(), Unfit> {
        self.check_at(0)
    }

    fn check_at(&self, depth: usize) -> Result<(), Unfit> {
        if depth >= limits::DEPTH {
            return Err(Unfit::Depth);
        }
        for reserved in ["$link", "$bytes"] {
            if self.len() == 1 && self.get(reserved).is_some() {
                return Err(Unfit::ReservedKey(reserved));
            }
        }
        self.iter().try_for_each(|(_, value)| value.check_at(depth + 1))
    }

    /// Appends an entry that the caller knows to come last in canonical order.
    fn push_last(&mut self, key: String, value: Value) {
        debug_assert!(self.0.last().is_none_or(|(k, _)| key_order(k, &key).is_lt()));
        self.0.push((key, value));
    }
}

impl IntoIterator for Map {
    type Item = (String, Value);
    type IntoIter = std::vec::IntoIter<(String, Value)>;

    /// Entries in canonical order.
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<K: Into<String>> FromIterator<(K, Value)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, Value)>>(entries: I) -> Self {
        Self::sorted(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text)
    }
}

impl From<u64> for Value {
    fn from(int: u64) -> Self {
        Value::Int(int.into())
    }
}

impl From<i64> for Value {
    fn from(int: i64) -> Self {
        Value::Int(int.into())
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Value::Bool(b)
    }
}

impl From<Map> for Value {
    fn from(map: Map) -> Self {
        Value::Map(map)
    }
}

impl From<Vec<Value>> for Value {
    fn from(list: Vec<Value>) -> Self {
        Value::List(list)
    }
}
