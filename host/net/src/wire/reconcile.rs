//! Messages of a reconcile stream: one comparison of one set.
//!
//! Whoever opens the stream begins, and alone learns the differences: it fetches what it lacks, and
//! announces what the other lacks. The inner messages are those of negentropy, version 1.

use atlas_record::Value;

use super::fields::{Fields, message, set, tag};
use super::{Message, Set, Tag, WireError};

/// Bytes of one inner message. Leaves room in a frame.
pub const MOST_BYTES: usize = super::frame::MOST_BYTES - 1024;
const TEXT_BYTES: usize = 256;

/// What a set is, for a quick look and for a second opinion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Members.
    pub count: u64,
    /// Equal for equal sets, in whatever order their members came.
    pub digest: [u8; 32],
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reconcile {
    /// Begins.
    Begin {
        /// The space.
        tag: Tag,
        /// The set.
        set: Set,
        /// The beginner's set.
        summary: Summary,
        /// Its first message.
        inner: Vec<u8>,
    },
    /// The answerer's set is the same.
    Equal,
    /// The answerer's set, and its first answer.
    Differs {
        /// The answerer's set.
        summary: Summary,
        /// Its answer.
        inner: Vec<u8>,
    },
    /// Goes on.
    More(Vec<u8>),
    /// The answerer does not compare this: it is no peer of that space, or is busy.
    Declined(String),
}

fn summary(it: &Summary) -> Value {
    Value::List(vec![Value::Int(it.count.into()), Value::Bytes(it.digest.to_vec())])
}

fn read_summary(fields: &mut Fields) -> Result<Summary, WireError> {
    let mut it = fields.within("summary", usize::MAX)?;
    Ok(Summary { count: it.uint("count")?, digest: it.array("digest of 32 bytes")? })
}

impl Message for Reconcile {
    fn encode(&self) -> Vec<u8> {
        match self {
            Reconcile::Begin { tag: space, set: name, summary: own, inner } => {
                message(0, vec![tag(space), set(name), summary(own), Value::Bytes(inner.clone())])
            }
            Reconcile::Equal => message(1, vec![]),
            Reconcile::Differs { summary: own, inner } => message(2, vec![summary(own), Value::Bytes(inner.clone())]),
            Reconcile::More(inner) => message(3, vec![Value::Bytes(inner.clone())]),
            Reconcile::Declined(reason) => message(4, vec![reason.as_str().into()]),
        }
    }

    fn decode(bytes: &[u8]) -> Result<Option<Self>, WireError> {
        let (kind, mut fields) = Fields::of(bytes)?;
        Ok(Some(match kind {
            0 => Reconcile::Begin {
                tag: fields.tag()?,
                set: fields.set()?,
                summary: read_summary(&mut fields)?,
                inner: fields.bytes("inner message")?,
            },
            1 => Reconcile::Equal,
            2 => Reconcile::Differs { summary: read_summary(&mut fields)?, inner: fields.bytes("inner message")? },
            3 => Reconcile::More(fields.bytes("inner message")?),
            4 => Reconcile::Declined(fields.text("reason", TEXT_BYTES)?),
            _ => return Ok(None),
        }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn messages() -> impl Strategy<Value = Reconcile> {
        let summaries = || (any::<u64>(), any::<[u8; 32]>()).prop_map(|(count, digest)| Summary { count, digest });
        prop_oneof![
            (any::<[u8; 16]>(), summaries(), any::<Vec<u8>>()).prop_map(|(tag, summary, inner)| Reconcile::Begin {
                tag: Tag(tag),
                set: Set::Identities,
                summary,
                inner
            }),
            Just(Reconcile::Equal),
            (summaries(), any::<Vec<u8>>()).prop_map(|(summary, inner)| Reconcile::Differs { summary, inner }),
            any::<Vec<u8>>().prop_map(Reconcile::More),
            "[ -~]{0,40}".prop_map(Reconcile::Declined),
        ]
    }

    proptest! {
        #[test]
        fn every_message_is_read_back(message in messages()) {
            prop_assert_eq!(Reconcile::decode(&message.encode()), Ok(Some(message)));
        }

        #[test]
        fn no_bytes_upset_the_reader(bytes in any::<Vec<u8>>()) {
            let _ = Reconcile::decode(&bytes);
        }
    }
}
