//! Signatures beside what they sign.
//!
//! Signed form of a root event: `[event, [[key, signature], …]]`, sorted by key. Signed form of
//! what one key signs (grant, revocation, receipt): `[content, signature]`.

use crate::cbor::{DecodeError, Fault, Reader, Writer};
use crate::fields::distinct;
use crate::id::PublicKey;
use crate::limits;
use crate::sign::{self, SecretKey};

/// Signatures of one event: a key set each for what it replaces and what it brings, and devices.
const MOST_SIGNATURES: usize = 64;

/// Why bytes are no part of an identity's log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Bytes that break a rule of the format.
    #[error("the {0} is {1}")]
    Format(&'static str, DecodeError),
    /// Over the limit for documents.
    #[error("the {0} has {1} bytes; the limit is {limit}", limit = limits::DOCUMENT_BYTES)]
    TooLarge(&'static str, usize),
    /// A signature that is not its key's.
    #[error("the signature of key {0} does not verify")]
    Signature(PublicKey),
}

/// One key's signature.
pub(super) type Signature = (PublicKey, [u8; 64]);

/// Signs content with several keys, in canonical order.
pub(super) fn sign_all(content: &[u8], message: &[u8], keys: &[&SecretKey]) -> Vec<u8> {
    let mut signatures: Vec<Signature> = keys.iter().map(|key| (key.public(), key.sign(message))).collect();
    signatures.sort_unstable();
    signatures.dedup_by_key(|(key, _)| *key);
    let mut w = Writer::default();
    w.array(2);
    w.raw(content);
    w.array(signatures.len());
    for (key, signature) in &signatures {
        w.array(2);
        w.bytes(&key.0);
        w.bytes(signature);
    }
    w.into_bytes()
}

/// Reads `[content, [[key, signature], …]]`; also the bytes of the content.
pub(super) fn read_signed<'a, T>(
    bytes: &'a [u8],
    what: &'static str,
    read: impl FnOnce(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<(T, &'a [u8], Vec<Signature>), IdentityError> {
    within_limit(bytes, what)?;
    let parse = || {
        let mut r = Reader::new(bytes);
        r.tuple(2, "content and signatures")?;
        let start = r.at();
        let content = read(&mut r)?;
        let end = r.at();
        let signatures = r.list(MOST_SIGNATURES, "64 signatures at most", |r| {
            r.tuple(2, "a key and its signature")?;
            let key = PublicKey(r.array_of("a key of 32 bytes")?);
            Ok((key, r.array_of::<64>("a signature of 64 bytes")?))
        })?;
        let keys: Vec<PublicKey> = signatures.iter().map(|(key, _)| *key).collect();
        if !keys.is_sorted() || !distinct(&keys) {
            return r.fail(end, Fault::Expected("signatures sorted by key, each key once"));
        }
        r.end()?;
        Ok((content, &bytes[start..end], signatures))
    };
    parse().map_err(|error| IdentityError::Format(what, error))
}

/// Reads `[content, signature]`; also the bytes of the content.
pub(super) fn read_sealed<'a, T>(
    bytes: &'a [u8],
    what: &'static str,
    read: impl FnOnce(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<(T, &'a [u8], [u8; 64]), IdentityError> {
    within_limit(bytes, what)?;
    let parse = || {
        let mut r = Reader::new(bytes);
        r.tuple(2, "content and signature")?;
        let start = r.at();
        let content = read(&mut r)?;
        let end = r.at();
        let signature = r.array_of("a signature of 64 bytes")?;
        r.end()?;
        Ok((content, &bytes[start..end], signature))
    };
    parse().map_err(|error| IdentityError::Format(what, error))
}

/// Signs content with one key.
pub(super) fn seal(content: &[u8], domain: &[u8], key: &SecretKey) -> Vec<u8> {
    let mut w = Writer::default();
    w.array(2);
    w.raw(content);
    w.bytes(&key.sign(&[domain, content].concat()));
    w.into_bytes()
}

/// Verifies one signature.
pub(super) fn check(key: &PublicKey, message: &[u8], signature: &[u8; 64]) -> Result<(), IdentityError> {
    if sign::verify(key, message, signature) { Ok(()) } else { Err(IdentityError::Signature(*key)) }
}

fn within_limit(bytes: &[u8], what: &'static str) -> Result<(), IdentityError> {
    if bytes.len() > limits::DOCUMENT_BYTES { Err(IdentityError::TooLarge(what, bytes.len())) } else { Ok(()) }
}
