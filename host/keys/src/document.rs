//! Small documents in canonical DAG-CBOR, read strictly: every field is of its kind and within
//! its limit, and no field is left over.

use atlas_record::IdentityId;
use atlas_record::cbor::{self, Map, Value};
use atlas_record::id::PublicKey;

use crate::PublicEntry;

/// Why bytes are not the document that was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldError {
    /// It has a higher version than the one known here.
    Newer(u64),
    /// What is wrong with it.
    Content(&'static str),
}

type Result<T> = std::result::Result<T, FieldError>;

fn fail<T>(why: &'static str) -> Result<T> {
    Err(FieldError::Content(why))
}

/// The fields of a document that were not read yet.
pub(crate) struct Fields(Map);

impl Fields {
    /// Reads the version first: a newer document is called newer, not damaged.
    pub(crate) fn read(document: &[u8], version: u64) -> Result<Self> {
        let Ok(Value::Map(map)) = cbor::decode(document) else {
            return fail("its document is not a map in canonical DAG-CBOR");
        };
        let mut fields = Self(map);
        match fields.take("v")? {
            Value::Int(found) if found == i128::from(version) => Ok(fields),
            Value::Int(found) if found > i128::from(version) => {
                Err(FieldError::Newer(u64::try_from(found).expect("integers stay below 2^64")))
            }
            _ => fail("it has no version"),
        }
    }

    /// Refuses a document with fields that nobody read.
    pub(crate) fn end(self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { fail("it has a field that this version does not know") }
    }

    fn take(&mut self, name: &str) -> Result<Value> {
        self.0.remove(name).map_or_else(|| fail("a field is missing"), Ok)
    }

    pub(crate) fn text(&mut self, name: &str) -> Result<String> {
        match self.take(name)? {
            Value::Text(text) => Ok(text),
            _ => fail("a field that should be text is not"),
        }
    }

    /// The field `identity`: a link or null.
    pub(crate) fn identity(&mut self) -> Result<Option<IdentityId>> {
        match self.take("identity")? {
            Value::Null => return Ok(None),
            Value::Link(cid) => IdentityId::from_cid(&cid).map(Some),
            _ => None,
        }
        .map_or_else(|| fail("its identity is no identity id"), Ok)
    }

    pub(crate) fn list<T>(&mut self, name: &str, most: usize, item: impl Fn(Value) -> Option<T>) -> Result<Vec<T>> {
        match self.take(name)? {
            Value::List(list) if list.len() > most => fail("a list is over its limit"),
            Value::List(list) => list
                .into_iter()
                .map(item)
                .collect::<Option<_>>()
                .map_or_else(|| fail("a list holds something that does not belong there"), Ok),
            _ => fail("a field that should be a list is not"),
        }
    }
}

/// `identity` as a field.
pub(crate) fn identity(id: Option<IdentityId>) -> Value {
    id.map_or(Value::Null, |id| Value::Link(id.to_cid()))
}

/// `[[role, key], …]`
pub(crate) fn public_list(keys: &[PublicEntry]) -> Value {
    let pair = |entry: &PublicEntry| vec![entry.role.as_str().into(), Value::Bytes(entry.key.0.to_vec())].into();
    Value::List(keys.iter().map(pair).collect())
}

/// `[bytes, …]`
pub(crate) fn bytes_list(items: &[Vec<u8>]) -> Value {
    Value::List(items.iter().cloned().map(Value::Bytes).collect())
}

pub(crate) fn bytes(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::Bytes(bytes) => Some(bytes),
        _ => None,
    }
}

pub(crate) fn public_key(value: Value) -> Option<PublicKey> {
    bytes(value)?.try_into().ok().map(PublicKey)
}

pub(crate) fn public_entry(value: Value) -> Option<PublicEntry> {
    let Value::List(pair) = value else { return None };
    let [role, key] = <[Value; 2]>::try_from(pair).ok()?;
    Some(PublicEntry { role: role.as_text()?.parse().ok()?, key: public_key(key)? })
}

/// Each key once.
pub(crate) fn distinct(keys: &[PublicEntry]) -> bool {
    keys.iter().enumerate().all(|(i, entry)| keys[..i].iter().all(|earlier| earlier.key != entry.key))
}
