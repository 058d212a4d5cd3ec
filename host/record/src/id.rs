//! Ids: BLAKE3 digests that read as CIDs.
//!
//! Every id is 32 bytes. Its text is a CIDv1 in lower-case base32, which other tools
//! recognise: codec `dag-cbor` for what is structured (`bafyr4i…`), `raw` for blobs and
//! module code (`bafkr4i…`, the digest `b3sum` prints). Links *inside* bodies may name any
//! CID; those are [`Cid`].

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE32_NOPAD;

use crate::limits;

/// Multicodec `dag-cbor`.
const DAG_CBOR: u8 = 0x71;
/// Multicodec `raw`.
const RAW: u8 = 0x55;
/// How a CIDv0 begins: it is a bare sha2-256 multihash.
const V0_PREFIX: [u8; 2] = [0x12, 0x20];
/// Multihash code of BLAKE3.
const BLAKE3: u8 = 0x1e;

/// Why a text or bytes are no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text, cut to 100 characters, is not lower-case base32 with the multibase prefix `b`.
    #[error("`{0}` is not a CID: expected lower-case base32 that starts with `b`")]
    Text(String),
    /// The bytes are not a CID that this model accepts.
    #[error("not a CID: {0}")]
    Cid(&'static str),
    /// A CID of another kind.
    #[error("`{0}` is a CID of another kind: expected codec {1} with a BLAKE3 hash of 32 bytes")]
    Kind(String, &'static str),
}

/// Shows enough of a text to recognise it, however long it is.
fn not_a_cid(text: &str) -> IdError {
    IdError::Text(text.chars().take(100).collect())
}

fn base32_lower(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(1 + bytes.len() * 8 / 5 + 1);
    text.push('b');
    BASE32_NOPAD.encode_append(bytes, &mut text);
    text.make_ascii_lowercase();
    text
}

fn base32_parse(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix('b')?;
    if digits.bytes().any(|b| b.is_ascii_uppercase()) {
        return None;
    }
    BASE32_NOPAD.decode(digits.to_ascii_uppercase().as_bytes()).ok()
}

/// The alphabet of base58btc, which only the text of a CIDv0 uses.
const BASE58: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// The text of a CIDv0. Its bytes begin with 0x12 0x20, so it is always 46 digits, `Qm…`.
fn base58_text(bytes: &[u8]) -> String {
    let mut digits = [0u8; 46];
    for &byte in bytes {
        let mut carry = u32::from(byte);
        for digit in digits.iter_mut().rev() {
            carry += u32::from(*digit) << 8;
            *digit = (carry % 58) as u8;
            carry /= 58;
        }
    }
    digits.iter().map(|&digit| char::from(BASE58[usize::from(digit)])).collect()
}

fn base58_parse(text: &str) -> Option<[u8; 34]> {
    let mut bytes = [0u8; 34];
    for digit in text.bytes() {
        let mut carry = BASE58.iter().position(|&b| b == digit)? as u32;
        for byte in bytes.iter_mut().rev() {
            carry += u32::from(*byte) * 58;
            *byte = carry as u8;
            carry >>= 8;
        }
        if carry != 0 {
            return None;
        }
    }
    Some(bytes)
}

/// Any CID that a DAG-CBOR body may link to: a CIDv1 of any codec and hash, with a digest of
/// 64 bytes at most, or a CIDv0. Its text is lower-case base32 for a CIDv1 and `Qm…` for a
/// CIDv0, so that text and bytes stand for each other one to one.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cid(Vec<u8>);

impl Cid {
    /// Reads the binary form and checks its structure.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IdError> {
        if bytes.len() == 34 && bytes.starts_with(&V0_PREFIX) {
            return Ok(Self(bytes.to_vec()));
        }
        let (version, rest) = varint(bytes)?;
        if version != 1 {
            return Err(IdError::Cid("the version is neither 0 nor 1"));
        }
        let (_codec, rest) = varint(rest)?;
        let (_hash, rest) = varint(rest)?;
        let (length, digest) = varint(rest)?;
        if length != digest.len() as u64 {
            return Err(IdError::Cid("the digest's length differs from what its prefix says"));
        }
        if digest.len() > limits::DIGEST_BYTES {
            return Err(IdError::Cid("the digest is longer than 64 bytes"));
        }
        Ok(Self(bytes.to_vec()))
    }

    /// The binary form.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Unsigned LEB128 as multiformats define it: shortest form, 9 bytes at most.
fn varint(bytes: &[u8]) -> Result<(u64, &[u8]), IdError> {
    let mut value = 0u64;
    for (i, &byte) in bytes.iter().enumerate().take(9) {
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            if byte == 0 && i > 0 {
                return Err(IdError::Cid("a varint is not in its shortest form"));
            }
            return Ok((value, &bytes[i + 1..]));
        }
    }
    Err(IdError::Cid("a varint is cut off or too long"))
}

impl fmt::Display for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_v0 = self.0.starts_with(&V0_PREFIX);
        f.write_str(&if is_v0 { base58_text(&self.0) } else { base32_lower(&self.0) })
    }
}

impl fmt::Debug for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Cid {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if text.len() == 46 && text.starts_with("Qm") {
            let bytes = base58_parse(text).filter(|bytes| bytes.starts_with(&V0_PREFIX));
            return bytes.map(|bytes| Self(bytes.into())).ok_or_else(|| not_a_cid(text));
        }
        let bytes = base32_parse(text).ok_or_else(|| not_a_cid(text))?;
        if bytes.starts_with(&V0_PREFIX) {
            return Err(IdError::Cid("a CIDv0 is written `Qm…`, not in base32"));
        }
        Self::from_bytes(&bytes)
    }
}

/// Whether `cid` is BLAKE3-256 under `codec`; its digest if so.
fn digest_of(cid: &[u8], codec: u8) -> Option<[u8; 32]> {
    cid.strip_prefix(&[1, codec, BLAKE3, 32])?.try_into().ok()
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident, $codec:ident, $codec_name:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// The id of these bytes: their BLAKE3 digest.
            pub fn of(bytes: &[u8]) -> Self {
                Self(*blake3::hash(bytes).as_bytes())
            }

            /// The digest.
            pub fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// As a CID that a body or a link can hold.
            pub fn to_cid(self) -> Cid {
                let mut bytes = vec![1, $codec, BLAKE3, 32];
                bytes.extend_from_slice(&self.0);
                Cid(bytes)
            }

            /// The id that this CID is, if it is of this kind.
            pub fn from_cid(cid: &Cid) -> Option<Self> {
                digest_of(cid.as_bytes(), $codec).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.to_cid(), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.to_cid())
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let cid: Cid = text.parse()?;
                Self::from_cid(&cid).ok_or_else(|| IdError::Kind(text.to_owned(), $codec_name))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id_type!(
    /// A record: BLAKE3 of its whole signed header.
    RecordId, DAG_CBOR, "dag-cbor"
);
id_type!(
    /// A space: BLAKE3 of its signed genesis.
    SpaceId, DAG_CBOR, "dag-cbor"
);
id_type!(
    /// An identity: BLAKE3 of its genesis event, without the signatures.
    IdentityId, DAG_CBOR, "dag-cbor"
);
id_type!(
    /// A root event of an identity's log: BLAKE3 of the event without its signatures, so that
    /// the same event under other signatures is the same event.
    EventId, DAG_CBOR, "dag-cbor"
);
id_type!(
    /// A grant: BLAKE3 of the grant without its signature.
    GrantId, DAG_CBOR, "dag-cbor"
);
id_type!(
    /// A revocation: BLAKE3 of the revocation without its signature.
    RevocationId, DAG_CBOR, "dag-cbor"
);
id_type!(
    /// A constitution of a space: BLAKE3 of its signed bytes.
    ConstitutionId, DAG_CBOR, "dag-cbor"
);
id_type!(
    /// Any bytes: files, module code, configs.
    BlobId, RAW, "raw"
);

/// An ed25519 public key that signs records.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey(pub [u8; 32]);

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Multikey: multicodec `ed25519-pub` (0xed 0x01) and the key.
        let mut bytes = vec![0xed, 0x01];
        bytes.extend_from_slice(&self.0);
        f.write_str(&base32_lower(&bytes))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let bytes = base32_parse(text).ok_or_else(|| not_a_cid(text))?;
        bytes
            .strip_prefix(&[0xed, 0x01])
            .and_then(|key| key.try_into().ok())
            .map(Self)
            .ok_or(IdError::Cid("not an ed25519 public key"))
    }
}
