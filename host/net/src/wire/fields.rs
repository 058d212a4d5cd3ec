//! Reading and writing the items of a message.

use atlas_record::Value;
use atlas_record::cbor;
use atlas_record::order::Rank;
use atlas_record::{RecordId, TypeName};

use super::{Set, Tag, WireError};

/// Bytes of a (created, id) pair.
pub const RANK_BYTES: usize = 40;

/// The bytes of a message.
pub fn message(kind: u64, mut items: Vec<Value>) -> Vec<u8> {
    items.insert(0, Value::Int(kind.into()));
    cbor::encode(&Value::List(items))
}

/// The items of a list, in order. What is left when reading ends is not looked at.
pub struct Fields(std::vec::IntoIter<Value>);

impl Fields {
    /// Of a frame; its kind first.
    pub fn of(bytes: &[u8]) -> Result<(u64, Self), WireError> {
        let mut fields = Self::list(Some(cbor::decode(bytes)?), "list")?;
        let kind = fields.uint("kind")?;
        Ok((kind, fields))
    }

    fn list(value: Option<Value>, what: &'static str) -> Result<Self, WireError> {
        match value {
            Some(Value::List(items)) => Ok(Self(items.into_iter())),
            _ => Err(WireError::Expected(what)),
        }
    }

    /// A list within.
    pub fn within(&mut self, what: &'static str, most: usize) -> Result<Self, WireError> {
        let list = Self::list(self.0.next(), what)?;
        let count = list.0.len();
        if count > most { Err(WireError::TooMany { what, count, most }) } else { Ok(list) }
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.len() == 0
    }

    /// An integer from 0.
    pub fn uint(&mut self, what: &'static str) -> Result<u64, WireError> {
        match self.0.next() {
            Some(Value::Int(int)) => u64::try_from(int).map_err(|_| WireError::Expected(what)),
            _ => Err(WireError::Expected(what)),
        }
    }

    /// Yes or no.
    pub fn bool(&mut self, what: &'static str) -> Result<bool, WireError> {
        match self.0.next() {
            Some(Value::Bool(yes)) => Ok(yes),
            _ => Err(WireError::Expected(what)),
        }
    }

    /// Bytes.
    pub fn bytes(&mut self, what: &'static str) -> Result<Vec<u8>, WireError> {
        match self.0.next() {
            Some(Value::Bytes(bytes)) => Ok(bytes),
            _ => Err(WireError::Expected(what)),
        }
    }

    /// Bytes of a known length.
    pub fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], WireError> {
        self.bytes(what)?.try_into().map_err(|_| WireError::Expected(what))
    }

    /// Text with a bound on its bytes.
    pub fn text(&mut self, what: &'static str, most: usize) -> Result<String, WireError> {
        match self.0.next() {
            Some(Value::Text(text)) if text.len() <= most => Ok(text),
            _ => Err(WireError::Expected(what)),
        }
    }

    /// A tag.
    pub fn tag(&mut self) -> Result<Tag, WireError> {
        self.array("tag of 16 bytes").map(Tag)
    }

    /// A set.
    pub fn set(&mut self) -> Result<Set, WireError> {
        let text = self.text("name of a set", atlas_record::limits::TYPE_NAME_BYTES)?;
        Set::parse(&text).ok_or(WireError::Expected("name of a set"))
    }

    /// Types, or null.
    pub fn types(&mut self, most: usize) -> Result<Option<Vec<TypeName>>, WireError> {
        let Some(value) = self.0.next() else { return Ok(None) };
        if value == Value::Null {
            return Ok(None);
        }
        let Value::List(list) = value else { return Err(WireError::Expected("list of types")) };
        if list.len() > most {
            return Err(WireError::TooMany { what: "types", count: list.len(), most });
        }
        let name = |value: Value| value.as_text().and_then(|text| TypeName::new(text).ok());
        list.into_iter().map(|value| name(value).ok_or(WireError::Expected("type"))).collect::<Result<_, _>>().map(Some)
    }

    /// The name of a type.
    pub fn type_name(&mut self) -> Result<TypeName, WireError> {
        let text = self.text("type", atlas_record::limits::TYPE_NAME_BYTES)?;
        TypeName::new(&text).map_err(|_| WireError::Expected("type"))
    }

    /// An integer from 0 that not everybody writes: 0 where it is left out, or null.
    pub fn later_uint(&mut self, what: &'static str) -> Result<u64, WireError> {
        match self.0.next() {
            None | Some(Value::Null) => Ok(0),
            Some(Value::Int(int)) => u64::try_from(int).map_err(|_| WireError::Expected(what)),
            Some(_) => Err(WireError::Expected(what)),
        }
    }

    /// Ids, or the first bytes of each, packed.
    pub fn ids<const N: usize>(&mut self, most: usize) -> Result<Vec<[u8; N]>, WireError> {
        let bytes = self.bytes("ids")?;
        let (ids, rest) = bytes.as_chunks::<N>();
        if !rest.is_empty() {
            return Err(WireError::Expected("whole ids"));
        }
        if ids.len() > most {
            Err(WireError::TooMany { what: "ids", count: ids.len(), most })
        } else {
            Ok(ids.to_vec())
        }
    }

    /// (created, id) pairs, packed.
    pub fn ranks(&mut self, most: usize) -> Result<Vec<Rank>, WireError> {
        let bytes = self.bytes("ranks")?;
        let (ranks, rest) = bytes.as_chunks::<RANK_BYTES>();
        if !rest.is_empty() {
            return Err(WireError::Expected("whole ranks"));
        }
        if ranks.len() > most {
            return Err(WireError::TooMany { what: "ranks", count: ranks.len(), most });
        }
        Ok(ranks.iter().map(read_rank).collect())
    }
}

fn read_rank(bytes: &[u8; RANK_BYTES]) -> Rank {
    let (created, id) = bytes.split_at(8);
    Rank {
        created: u64::from_be_bytes(created.try_into().expect("8 bytes were split off")),
        id: RecordId(id.try_into().expect("32 bytes are left of 40")),
    }
}

/// Packs (created, id) pairs.
pub fn pack_ranks(ranks: &[Rank]) -> Value {
    let mut bytes = Vec::with_capacity(ranks.len() * RANK_BYTES);
    for rank in ranks {
        bytes.extend_from_slice(&rank.created.to_be_bytes());
        bytes.extend_from_slice(&rank.id.0);
    }
    Value::Bytes(bytes)
}

/// Packs ids, or the first bytes of each.
pub fn pack_ids<const N: usize>(ids: &[[u8; N]]) -> Value {
    Value::Bytes(ids.as_flattened().to_vec())
}

/// A tag.
pub fn tag(tag: &Tag) -> Value {
    Value::Bytes(tag.0.to_vec())
}

/// A set.
pub fn set(set: &Set) -> Value {
    Value::Text(set.as_str().to_owned())
}
