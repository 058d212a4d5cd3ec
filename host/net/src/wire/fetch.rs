//! Messages of a fetch stream: requests by id, one after the other, and their answers.
//!
//! The answer to one request is any number of [`Answer::Items`] or [`Answer::Piece`], then
//! [`Answer::End`]. The next request may be written before; it is read when the answer is out.

use atlas_record::{TypeName, Value};

use super::fields::{Fields, message, pack_ids, set, tag};
use super::{Message, Set, Tag, WireError};

/// Ids of one request.
pub const MOST_IDS: usize = 4096;
/// Bytes of a short id: nobody finds a record whose id begins with as many given ones.
pub const SHORT_BYTES: usize = 16;

/// The first bytes of an id.
pub type ShortId = [u8; SHORT_BYTES];
/// Bytes of items that are put into one frame; a single larger one still goes.
pub const FRAME_BYTES: usize = 256 << 10;
/// Bytes of a piece of a blob.
pub const PIECE_BYTES: usize = 256 << 10;
/// Items of one frame.
const MOST_ITEMS: usize = MOST_IDS;
const TEXT_BYTES: usize = 256;

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Members of a set.
    Items {
        /// The space.
        tag: Tag,
        /// The set.
        set: Set,
        /// Which.
        ids: Vec<[u8; 32]>,
    },
    /// Records, by the first bytes of their ids: half of what asking by id takes. Only for who
    /// [reads it](super::gossip::SHORT_IDS).
    Records {
        /// The space.
        tag: Tag,
        /// Their type.
        type_name: TypeName,
        /// Which.
        ids: Vec<ShortId>,
        /// Whether those are left out whose bodies are not there.
        whole: bool,
    },
    /// The headers over which the path leads from one record of a key's chain back to an earlier one: they show a
    /// node that does not keep all types whether a revocation keeps the earlier one. Only for who
    /// [answers it](super::gossip::PATHS).
    Path {
        /// The space of both.
        tag: Tag,
        /// The later one: the position that is kept.
        last: [u8; 32],
        /// The earlier one.
        record: [u8; 32],
    },
    /// A blob that the space's constitution or one of its records names.
    Blob {
        /// The space.
        tag: Tag,
        /// Its BLAKE3.
        id: [u8; 32],
    },
}

/// A part of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Items in their transport form, in any order.
    Items(Vec<Vec<u8>>),
    /// A piece of a blob, in order.
    Piece(Vec<u8>),
    /// That was all: what did not come is not here.
    End,
    /// Nothing is given out, and why.
    Declined(String),
}

impl Message for Request {
    fn encode(&self) -> Vec<u8> {
        match self {
            Request::Items { tag: space, set: name, ids } => message(0, vec![tag(space), set(name), pack_ids(ids)]),
            Request::Blob { tag: space, id } => message(1, vec![tag(space), Value::Bytes(id.to_vec())]),
            Request::Records { tag: space, type_name, ids, whole } => {
                message(2, vec![tag(space), type_name.as_str().into(), pack_ids(ids), Value::Bool(*whole)])
            }
            Request::Path { tag: space, last, record } => {
                message(3, vec![tag(space), Value::Bytes(last.to_vec()), Value::Bytes(record.to_vec())])
            }
        }
    }

    fn decode(bytes: &[u8]) -> Result<Option<Self>, WireError> {
        let (kind, mut fields) = Fields::of(bytes)?;
        Ok(Some(match kind {
            0 => Request::Items { tag: fields.tag()?, set: fields.set()?, ids: fields.ids(MOST_IDS)? },
            1 => Request::Blob { tag: fields.tag()?, id: fields.array("id of 32 bytes")? },
            2 => Request::Records {
                tag: fields.tag()?,
                type_name: fields.type_name()?,
                ids: fields.ids(MOST_IDS)?,
                whole: fields.bool("whether only whole ones")?,
            },
            3 => Request::Path {
                tag: fields.tag()?,
                last: fields.array("id of 32 bytes")?,
                record: fields.array("id of 32 bytes")?,
            },
            _ => return Ok(None),
        }))
    }
}

impl Message for Answer {
    fn encode(&self) -> Vec<u8> {
        match self {
            Answer::Items(items) => {
                message(0, vec![Value::List(items.iter().map(|item| Value::Bytes(item.clone())).collect())])
            }
            Answer::Piece(bytes) => message(1, vec![Value::Bytes(bytes.clone())]),
            Answer::End => message(2, vec![]),
            Answer::Declined(reason) => message(3, vec![reason.as_str().into()]),
        }
    }

    fn decode(bytes: &[u8]) -> Result<Option<Self>, WireError> {
        let (kind, mut fields) = Fields::of(bytes)?;
        Ok(Some(match kind {
            0 => {
                let mut list = fields.within("items", MOST_ITEMS)?;
                let mut items = Vec::new();
                while !list.is_empty() {
                    items.push(list.bytes("item")?);
                }
                Answer::Items(items)
            }
            1 => Answer::Piece(fields.bytes("piece")?),
            2 => Answer::End,
            3 => Answer::Declined(fields.text("reason", TEXT_BYTES)?),
            _ => return Ok(None),
        }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn requests_and_answers_are_read_back(
            tag in any::<[u8; 16]>(),
            ids in prop::collection::vec(any::<[u8; 32]>(), 0..9),
            short in prop::collection::vec(any::<ShortId>(), 0..9),
            whole in any::<bool>(),
            items in prop::collection::vec(any::<Vec<u8>>(), 0..9),
        ) {
            for request in [
                Request::Items { tag: Tag(tag), set: Set::Laws, ids: ids.clone() },
                Request::Blob { tag: Tag(tag), id: [7; 32] },
                Request::Path { tag: Tag(tag), last: [8; 32], record: [9; 32] },
                Request::Records { tag: Tag(tag), type_name: "atlas.post".parse().unwrap(), ids: short.clone(), whole },
            ] {
                prop_assert_eq!(Request::decode(&request.encode()), Ok(Some(request)));
            }
            for answer in [
                Answer::Items(items.clone()),
                Answer::Piece(items.concat()),
                Answer::End,
                Answer::Declined("busy".into()),
            ] {
                prop_assert_eq!(Answer::decode(&answer.encode()), Ok(Some(answer)));
            }
        }

        #[test]
        fn no_bytes_upset_the_reader(bytes in any::<Vec<u8>>()) {
            let _ = (Request::decode(&bytes), Answer::decode(&bytes));
        }
    }

    #[test]
    fn a_million_ids_are_not_taken() {
        let request = Request::Items { tag: Tag([1; 16]), set: Set::Laws, ids: vec![[0; 32]; MOST_IDS + 1] };
        assert!(matches!(Request::decode(&request.encode()), Err(WireError::TooMany { what: "ids", .. })));
    }
}
