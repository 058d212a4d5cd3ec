//! The envelope: a signed header and, unless erased, its salt and body.
//!
//! Signed header: `[header, signature]`, the signature 64 bytes over [`signing_bytes`].
//! Transport form of a record: `[signed header, salt or null, body or null]`, each as bytes.

use std::fmt;

use crate::cbor::{self, DecodeError, Fault, Map, Reader, Unfit, Value, Writer};
use crate::header::{BodyHash, Header};
use crate::id::RecordId;
use crate::limits;

/// What the signature covers: this, then the header's canonical bytes. Nothing else that an
/// Atlas key signs begins with it.
const DOMAIN: &[u8] = b"atlas/record/1\0";

/// Why bytes are not a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Bytes that are not canonical, or a header or body that breaks a rule of the format.
    #[error("{part} is {error}")]
    Format {
        /// Which part.
        part: &'static str,
        /// The rule and the place.
        error: DecodeError,
    },
    /// Over [`limits::RECORD_BYTES`].
    #[error(
        "header and body have {size} bytes together; the limit is {}: move large content to a blob",
        limits::RECORD_BYTES
    )]
    TooLarge {
        /// Header and body, in bytes.
        size: usize,
    },
    /// The salt and body are not those that the header commits to.
    #[error("the body is not the one that the header commits to")]
    BodyMismatch,
    /// A body that is not a map.
    #[error("the body is {0}; expected a map")]
    NotAMap(&'static str),
    /// A value that has no canonical bytes, or that JSON cannot tell from a link or bytes.
    #[error("the body holds {0}")]
    Unfit(#[from] Unfit),
}

fn format_error(part: &'static str) -> impl FnOnce(DecodeError) -> RecordError {
    move |error| RecordError::Format { part, error }
}

/// The bytes that an author's key signs for a header.
pub fn signing_bytes(header: &[u8]) -> Vec<u8> {
    [DOMAIN, header].concat()
}

/// Random bytes that keep an erased body from being guessed from its hash.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt(pub [u8; 16]);

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt")
    }
}

/// The content of a record: a map in canonical DAG-CBOR.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body(Box<[u8]>);

impl Body {
    /// Checks bytes: canonical, a map, and with a JSON form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let value = cbor::decode(bytes).map_err(format_error("the body"))?;
        let Value::Map(_) = &value else {
            return Err(RecordError::NotAMap(value.kind()));
        };
        value.check()?;
        Ok(Self(bytes.into()))
    }

    /// The bytes of a map.
    pub fn from_map(map: &Map) -> Result<Self, RecordError> {
        map.check()?;
        Ok(Self(cbor::encode_map(map).into()))
    }

    /// The canonical bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The content.
    pub fn to_map(&self) -> Map {
        match cbor::decode(&self.0) {
            Ok(Value::Map(map)) => map,
            _ => unreachable!("a body is made from a canonical map"),
        }
    }

    /// The commitment that a header makes to this body under a salt.
    pub fn commit(&self, salt: &Salt) -> BodyHash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&salt.0).update(&self.0);
        BodyHash { hash: *hasher.finalize().as_bytes(), size: self.0.len() as u64 }
    }
}

/// A header with its signature, as received. Decoding does not verify: see [`crate::sign`].
#[derive(Debug, Clone, PartialEq)]
pub struct SignedHeader {
    header: Header,
    bytes: Box<[u8]>,
    id: RecordId,
}

/// The limit on a signed header and its body together.
fn check_size(header: usize, body: Option<BodyHash>) -> Result<(), RecordError> {
    let body = body.map_or(0, |body| usize::try_from(body.size).unwrap_or(usize::MAX));
    match header.saturating_add(body) {
        size if size > limits::RECORD_BYTES => Err(RecordError::TooLarge { size }),
        _ => Ok(()),
    }
}

/// Bytes after the header: the head of a 64-byte string, and the signature.
const SIGNATURE_BYTES: usize = 2 + 64;

impl SignedHeader {
    /// Puts a signature to a header.
    pub fn new(header: Header, signature: &[u8; 64]) -> Self {
        let mut w = Writer::default();
        w.array(2);
        w.raw(&header.encode());
        w.bytes(signature);
        let bytes = w.into_bytes().into_boxed_slice();
        Self { header, id: RecordId::of(&bytes), bytes }
    }

    /// Reads canonical bytes. The size of the body counts here already, so that a header
    /// whose body could never be taken is refused with or without it.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        check_size(bytes.len(), None)?;
        let bad = |at, fault| RecordError::Format { part: "the header", error: DecodeError { at, fault } };
        let mut r = Reader::new(bytes);
        r.tuple(2, "a signed header: header and signature").map_err(format_error("the header"))?;
        let Some(end) = bytes.len().checked_sub(SIGNATURE_BYTES).filter(|end| *end > r.at()) else {
            return Err(bad(bytes.len(), Fault::Truncated));
        };
        if bytes[end..end + 2] != [0x58, 0x40] {
            return Err(bad(end, Fault::Expected("a signature of 64 bytes")));
        }
        let header = Header::decode(&bytes[r.at()..end]).map_err(format_error("the header"))?;
        check_size(bytes.len(), header.body)?;
        Ok(Self { header, id: RecordId::of(bytes), bytes: bytes.into() })
    }

    /// What was signed.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// BLAKE3 of the bytes.
    pub fn id(&self) -> RecordId {
        self.id
    }

    /// The bytes as received.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes that the signature covers.
    pub fn signed_bytes(&self) -> Vec<u8> {
        signing_bytes(&self.bytes[1..self.bytes.len() - SIGNATURE_BYTES])
    }

    /// The signature.
    pub fn signature(&self) -> [u8; 64] {
        self.bytes[self.bytes.len() - 64..].try_into().expect("a signed header ends with its signature")
    }
}

/// What travels, and is erased, together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// The salt.
    pub salt: Salt,
    /// The body.
    pub body: Body,
}

impl Payload {
    /// Salt and body that were checked when they came, read back from a store. They are those
    /// bytes if they are what the header commits to, so nothing else is checked again.
    pub fn read_back(salt: Salt, body: &[u8], header: &Header) -> Result<Self, RecordError> {
        let body = Body(body.into());
        if header.body == Some(body.commit(&salt)) { Ok(Self { salt, body }) } else { Err(RecordError::BodyMismatch) }
    }
}

/// A signed header and its payload, unless that was erased or there is none.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    signed: SignedHeader,
    payload: Option<Payload>,
}

impl Record {
    /// Joins a header and a payload, and checks that they belong together.
    pub fn new(signed: SignedHeader, payload: Option<Payload>) -> Result<Self, RecordError> {
        check_size(signed.as_bytes().len(), signed.header().body)?;
        match &payload {
            Some(Payload { salt, body }) if signed.header().body != Some(body.commit(salt)) => {
                Err(RecordError::BodyMismatch)
            }
            _ => Ok(Self { signed, payload }),
        }
    }

    /// Joins a header and what [`Payload::read_back`] gave for it.
    pub fn read_back(signed: SignedHeader, payload: Option<Payload>) -> Self {
        Self { signed, payload }
    }

    /// Reads the transport form. Bytes larger than any record are refused unread.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        if bytes.len() > limits::RECORD_BYTES + 64 {
            return Err(RecordError::TooLarge { size: bytes.len() });
        }
        let parts = |r: &mut Reader<'_>| {
            r.tuple(3, "a record: signed header, salt, body")?;
            let signed = r.bytes()?.to_vec();
            let salt = r.optional(|r| r.array_of("a salt of 16 bytes"))?;
            let at = r.at();
            let body = r.optional(|r| r.bytes().map(<[u8]>::to_vec))?;
            if salt.is_some() != body.is_some() {
                return r.fail(at, Fault::Expected("salt and body together, or neither"));
            }
            r.end()?;
            Ok((signed, salt.zip(body)))
        };
        let (signed, payload) = parts(&mut Reader::new(bytes)).map_err(format_error("the record"))?;
        let payload = match payload {
            Some((salt, body)) => Some(Payload { salt: Salt(salt), body: Body::from_bytes(&body)? }),
            None => None,
        };
        Self::new(SignedHeader::decode(&signed)?, payload)
    }

    /// The transport form.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.array(3);
        w.bytes(self.signed.as_bytes());
        w.optional_bytes(self.payload.as_ref().map(|payload| &payload.salt.0[..]));
        w.optional_bytes(self.payload.as_ref().map(|payload| payload.body.as_bytes()));
        w.into_bytes()
    }

    /// The signed header.
    pub fn signed(&self) -> &SignedHeader {
        &self.signed
    }

    /// The header.
    pub fn header(&self) -> &Header {
        self.signed.header()
    }

    /// The id.
    pub fn id(&self) -> RecordId {
        self.signed.id()
    }

    /// Salt and body, if they are here.
    pub fn payload(&self) -> Option<&Payload> {
        self.payload.as_ref()
    }

    /// The same record without its salt and body.
    pub fn erased(self) -> Self {
        Self { payload: None, ..self }
    }
}
