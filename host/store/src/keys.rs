//! How keys are built: fixed-width parts in big-endian order, so that bytes sort as meant.
//!
//! Spaces, types, authors, signing keys, relations, index names and grants appear as local numbers
//! ([`crate::names`]). The one part of free length, an index value, is escaped so that no
//! value is a prefix of another and bytes keep the order of values.

use atlas_record::order::Rank;
use atlas_record::{RecordId, Target, Timestamp};

use crate::entry::IndexValue;
use crate::waiting::WaitKey;

/// A local number of a space, type, author, key, relation, index name or grant.
pub(crate) type Name = u32;

/// Bytes of a text that are indexed.
pub(crate) const INDEXED_BYTES: usize = 256;

/// A key under construction, in a buffer that is used again.
#[derive(Debug, Default, Clone)]
pub(crate) struct KeyBuf(Vec<u8>);

impl KeyBuf {
    pub fn start(&mut self) -> &mut Self {
        self.0.clear();
        self
    }

    pub fn byte(&mut self, byte: u8) -> &mut Self {
        self.0.push(byte);
        self
    }

    pub fn name(&mut self, name: Name) -> &mut Self {
        self.0.extend_from_slice(&name.to_be_bytes());
        self
    }

    pub fn number(&mut self, number: u64) -> &mut Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub fn rank(&mut self, rank: &Rank) -> &mut Self {
        self.number(rank.created).bytes(&rank.id.0)
    }

    /// An index value: integers before texts, each in order.
    pub fn value(&mut self, value: &IndexValue) -> &mut Self {
        match value {
            // Flipping the sign makes the order of unsigned bytes that of signed numbers.
            IndexValue::Integer(integer) => self.byte(0).number(integer.cast_unsigned() ^ (1 << 63)),
            IndexValue::Text(text) => {
                self.byte(1);
                for &byte in &text.as_bytes()[..text.len().min(INDEXED_BYTES)] {
                    self.byte(byte);
                    if byte == 0 {
                        self.byte(0xff);
                    }
                }
                self.bytes(&[0, 0])
            }
        }
    }

    pub fn target(&mut self, target: &Target) -> &mut Self {
        self.bytes(&target_hash(target))
    }

    pub fn done(&self) -> &[u8] {
        &self.0
    }

    pub fn to_vec(&self) -> Vec<u8> {
        self.0.clone()
    }
}

/// A new key.
pub(crate) fn key() -> KeyBuf {
    KeyBuf::default()
}

/// Targets are of any length; their keys are not. The text form tells kinds apart.
fn target_hash(target: &Target) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    match target {
        // The bytes of a CID say all of it; its text would cost a base32 encoding.
        Target::Cid(cid) => hasher.update(b"c").update(cid.as_bytes()),
        Target::Identity(id) => hasher.update(b"i").update(&id.0),
        Target::Name(name) => hasher.update(b"n").update(name.as_bytes()),
        Target::Address(address) => hasher
            .update(b"a")
            .update(&address.space.0)
            .update(&address.author.0)
            .update(address.type_name.as_str().as_bytes())
            .update(b"/")
            .update(address.key.as_str().as_bytes()),
    };
    *hasher.finalize().as_bytes()
}

/// What a record waits for: kind, then what. Times sort.
pub(crate) fn wait_key(buf: &mut KeyBuf, who: u8, key: &WaitKey) {
    buf.byte(who);
    match key {
        WaitKey::Until(time) => buf.byte(0).number(*time),
        WaitKey::Constitution(id) => buf.byte(1).bytes(&id.0),
        WaitKey::Record(id) => buf.byte(2).bytes(&id.0),
        WaitKey::Module(id) => buf.byte(3).bytes(&id.0),
        WaitKey::Blob(id) => buf.byte(4).bytes(&id.0),
        WaitKey::Identity(id) => buf.byte(5).bytes(&id.0),
        WaitKey::Grant(id) => buf.byte(6).bytes(&id.0),
    };
}

/// Reads fixed-width parts off a key or value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts<'a>(pub &'a [u8]);

impl<'a> Parts<'a> {
    pub fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
    }

    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// A byte in which only these bits may be set.
    pub fn flags(&mut self, known: u8) -> Option<u8> {
        self.byte().filter(|flags| flags & !known == 0)
    }

    pub fn name(&mut self) -> Option<Name> {
        self.array().map(Name::from_be_bytes)
    }

    pub fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub fn time(&mut self) -> Option<Timestamp> {
        self.number()
    }

    pub fn rank(&mut self) -> Option<Rank> {
        Some(Rank { created: self.time()?, id: RecordId(self.array()?) })
    }

    /// An index value, as [`KeyBuf::value`] writes it.
    pub fn value(&mut self) -> Option<IndexValue> {
        match self.byte()? {
            0 => Some(IndexValue::Integer((self.number()? ^ (1 << 63)).cast_signed())),
            1 => {
                let mut text = Vec::new();
                loop {
                    match (self.byte()?, self.0.first()) {
                        (0, Some(0xff)) => text.push(self.byte().map(|_| 0)?),
                        (0, _) => break,
                        (byte, _) => text.push(byte),
                    }
                }
                self.byte()?;
                // A text that was cut may end inside a character.
                let whole = text.utf8_chunks().next().map_or(0, |chunk| chunk.valid().len());
                text.truncate(whole);
                String::from_utf8(text).ok().map(|text| IndexValue::Text(text.into()))
            }
            _ => None,
        }
    }

    /// A length and as many bytes.
    pub fn sized(&mut self) -> Option<&'a [u8]> {
        let length = self.array().map(u32::from_be_bytes)?;
        self.take(length as usize)
    }

    pub fn text(&mut self) -> Option<Box<str>> {
        std::str::from_utf8(self.sized()?).ok().map(Into::into)
    }

    pub fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(value: &IndexValue) -> Vec<u8> {
        key().value(value).to_vec()
    }

    fn value() -> impl Strategy<Value = IndexValue> {
        let text = prop::collection::vec(prop::sample::select(vec!['\0', '\u{1}', 'a', 'b', 'ÿ']), 0..6);
        prop_oneof![
            any::<i64>().prop_map(IndexValue::Integer),
            text.prop_map(|chars| IndexValue::Text(chars.into_iter().collect::<String>().into())),
        ]
    }

    proptest! {
        #[test]
        fn bytes_sort_as_values_do(a in value(), b in value()) {
            prop_assert_eq!(encoded(&a).cmp(&encoded(&b)), a.cmp(&b));
        }

        #[test]
        fn values_are_read_back_from_keys(value in value()) {
            let bytes = encoded(&value);
            let mut parts = Parts(&bytes);
            prop_assert_eq!(parts.value(), Some(value));
            prop_assert_eq!(parts.end(), Some(()));
        }

        #[test]
        fn no_value_is_a_prefix_of_another(a in value(), b in value()) {
            prop_assume!(a != b);
            prop_assert!(!encoded(&a).starts_with(&encoded(&b)));
        }
    }
}
