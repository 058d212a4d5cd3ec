//! Ids: BLAKE3 digests that read as CIDs.
//!
//! Every id is 32 bytes. Its text is a CIDv1 in lower-case base32, which other tools
//! recognise: codec `dag-cbor` for what is structured (`bafyr4i…`), `raw` for blobs and
//! module code (`bafkr4i…`, the digest `b3sum` prints). Links *inside* bodies may name any
//! CID; those are [`Cid`].

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE32_NOPAD;

/// Multicodec `dag-cbor`.
const DAG_CBOR: u8 = 0x71;
/// Multicodec `raw`.
const RAW: u8 = 0x55;
/// Multihash code of BLAKE3.
const BLAKE3: u8 = 0x1e;

/// Why a text or bytes are no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text is not lower-case base32 with the multibase prefix `b`.
    #[error("`{0}` is not a CID: expected lower-case base32 that starts with `b`")]
    Text(String),
    /// The bytes are not a CID that this model accepts.
    #[error("not a CID: {0}")]
    Cid(&'static str),
    /// A CID of another kind.
    #[error("`{0}` is a CID of another kind: expected codec {1} with a BLAKE3 hash of 32 bytes")]
    Kind(String, &'static str),
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

/// Any CID that a DAG-CBOR body may link to: a CIDv1 of any codec and hash, or a CIDv0.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cid(Vec<u8>);

impl Cid {
    /// Reads the binary form and checks its structure.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IdError> {
        if bytes.len() == 34 && bytes.starts_with(&[0x12, 0x20]) {
            return Ok(Self(bytes.to_vec())); // CIDv0: a bare sha2-256 multihash
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
        if self.0.len() == 34 && self.0[0] == 0x12 {
            // CIDv0 has a base58 text of its own; shown as the CIDv1 with the same meaning.
            let mut v1 = vec![1, 0x70];
            v1.extend_from_slice(&self.0);
            return f.write_str(&base32_lower(&v1));
        }
        f.write_str(&base32_lower(&self.0))
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
        let bytes = base32_parse(text).ok_or_else(|| IdError::Text(text.to_owned()))?;
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
    /// An identity: BLAKE3 of its signed genesis event.
    IdentityId, DAG_CBOR, "dag-cbor"
);
id_type!(
    /// A grant: BLAKE3 of the signed grant.
    GrantId, DAG_CBOR, "dag-cbor"
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
        let bytes = base32_parse(text).ok_or_else(|| IdError::Text(text.to_owned()))?;
        bytes
            .strip_prefix(&[0xed, 0x01])
            .and_then(|key| key.try_into().ok())
            .map(Self)
            .ok_or(IdError::Cid("not an ed25519 public key"))
    }
}
