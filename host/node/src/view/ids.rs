//! Ids as text, written many times in every answer: encoded on the stack, where the ids' own way
//! to text allocates three times.

use std::sync::LazyLock;

use atlas_record::id::PublicKey;
use atlas_record::{BlobId, ConstitutionId, IdentityId, RecordId, SpaceId};
use data_encoding::{Encoding, Specification};
use serde::Serializer;

/// Base32 in lower case, without padding.
static BASE32: LazyLock<Encoding> = LazyLock::new(|| {
    let mut specification = Specification::new();
    specification.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
    specification.encoding().expect("32 distinct symbols are an encoding")
});

/// Bytes in front of the digest of a CID: version, codec, hash, length.
const PREFIX: usize = 4;
/// Digits of a CID: `b`, and 36 bytes at 5 bits each.
const DIGITS: usize = 1 + ((PREFIX + 32) * 8).div_ceil(5);
/// Multihash code of BLAKE3.
const BLAKE3: u8 = 0x1e;

/// What has 32 bytes and a text.
pub trait Id {
    /// The bytes in front, as many as there are.
    const FRONT: &'static [u8];

    /// The 32 bytes.
    fn bytes(&self) -> &[u8; 32];
}

macro_rules! ids {
    ($($name:ident: $front:expr,)*) => {
        $(impl Id for $name {
            const FRONT: &'static [u8] = &$front;

            fn bytes(&self) -> &[u8; 32] {
                &self.0
            }
        })*
    };
}

const DAG_CBOR: [u8; PREFIX] = [1, 0x71, BLAKE3, 32];

ids! {
    RecordId: DAG_CBOR,
    SpaceId: DAG_CBOR,
    IdentityId: DAG_CBOR,
    ConstitutionId: DAG_CBOR,
    BlobId: [1, 0x55, BLAKE3, 32],
    PublicKey: [0xed, 1],
}

/// The text of an id.
#[derive(Debug, Clone, Copy)]
pub struct IdText {
    digits: [u8; DIGITS],
    length: usize,
}

impl IdText {
    /// The same text as the id's own.
    pub fn of<T: Id>(id: &T) -> Self {
        let mut bytes = [0; PREFIX + 32];
        let length = T::FRONT.len() + 32;
        bytes[..T::FRONT.len()].copy_from_slice(T::FRONT);
        bytes[T::FRONT.len()..length].copy_from_slice(id.bytes());
        let mut digits = [b'b'; DIGITS];
        let end = 1 + BASE32.encode_len(length);
        BASE32.encode_mut(&bytes[..length], &mut digits[1..end]);
        Self { digits, length: end }
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.digits[..self.length]).expect("base32 digits are ASCII")
    }
}

/// For `#[serde(serialize_with)]`.
pub fn id<T: Id, S: Serializer>(id: &T, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(IdText::of(id).as_str())
}

/// The same for one that may be absent.
pub fn optional_id<T: Id, S: Serializer>(id: &Option<T>, s: S) -> Result<S::Ok, S::Error> {
    match id {
        Some(id) => s.serialize_some(IdText::of(id).as_str()),
        None => s.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text<T: Id>(id: &T) -> String {
        IdText::of(id).as_str().to_owned()
    }

    #[test]
    fn the_text_of_an_id_is_the_ids_own() {
        proptest::proptest!(|(bytes: [u8; 32])| {
            proptest::prop_assert_eq!(text(&RecordId(bytes)), RecordId(bytes).to_string());
            proptest::prop_assert_eq!(text(&SpaceId(bytes)), SpaceId(bytes).to_string());
            proptest::prop_assert_eq!(text(&IdentityId(bytes)), IdentityId(bytes).to_string());
            proptest::prop_assert_eq!(text(&ConstitutionId(bytes)), ConstitutionId(bytes).to_string());
            proptest::prop_assert_eq!(text(&BlobId(bytes)), BlobId(bytes).to_string());
            proptest::prop_assert_eq!(text(&PublicKey(bytes)), PublicKey(bytes).to_string());
        });
    }
}
