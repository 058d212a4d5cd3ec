//! Who vouches for a package: an Atlas identity, by a key of one of its devices.
//!
//! The signature is the last section of the file, custom and named [`SECTION`]; it covers every
//! byte before it. So one hash names component, manifest and signature together, and a package
//! that is signed anew is another package. The section is a DAG-CBOR list of identity, public key
//! and signature.
//!
//! That the signature verifies shows that the key signed. That the key speaks for the identity
//! shows its log, which a node looks up.

use atlas_record::cbor::{self, Value};
use atlas_record::id::PublicKey;
use atlas_record::{IdentityId, sign};

use crate::error::RegistryError;
use crate::section;

/// The custom section's name.
pub const SECTION: &str = "atlas-signature";

/// What the signature covers: this, the identity, and the BLAKE3 of everything before the section.
/// Nothing else that an Atlas key signs begins with it.
const DOMAIN: &[u8] = b"atlas/package/1\0";

/// A signature that verifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    /// Who vouches.
    pub identity: IdentityId,
    /// The key that signed.
    pub key: PublicKey,
}

fn message(content: &[u8], identity: &IdentityId) -> Vec<u8> {
    [DOMAIN, &identity.0, blake3::hash(content).as_bytes()].concat()
}

fn not(why: impl Into<String>) -> RegistryError {
    RegistryError::Signature(why.into())
}

impl Signature {
    /// The signature of a package; `None` where nobody signed it. One that is not of these bytes is
    /// an error, and so is a second one.
    pub fn of(package: &[u8]) -> Result<Option<Self>, RegistryError> {
        if section::find(package, SECTION).is_empty() {
            return Ok(None);
        }
        let last = section::last(package, SECTION);
        let (content, data) = last.ok_or_else(|| not("it is not the one last section of the file"))?;
        let value = cbor::decode(data).map_err(|error| not(format!("it is {error}")))?;
        let parts = match value.as_list() {
            Some([Value::Bytes(identity), Value::Bytes(key), Value::Bytes(signature)]) => {
                let read = || {
                    let identity = <[u8; 32]>::try_from(&identity[..]).ok()?;
                    let key = <[u8; 32]>::try_from(&key[..]).ok()?;
                    Some((IdentityId(identity), PublicKey(key), <[u8; 64]>::try_from(&signature[..]).ok()?))
                };
                read()
            }
            _ => None,
        };
        let (identity, key, signature) = parts.ok_or_else(|| not("expected identity, key and signature"))?;
        if !sign::is_sound_key(&key) || !sign::verify(&key, &message(content, &identity), &signature) {
            let why = "the file is not what the key signed: it was changed, or signed by another key than it names";
            return Err(not(why));
        }
        Ok(Some(Self { identity, key }))
    }

    /// Puts a signature at the end of a package, in the place of one that it has.
    pub fn attach(
        package: &[u8],
        identity: IdentityId,
        key: PublicKey,
        sign: impl FnOnce(&[u8]) -> [u8; 64],
    ) -> Result<Vec<u8>, RegistryError> {
        let content = section::without(package, SECTION).ok_or_else(|| not("the file is no component"))?;
        let signature = sign(&message(&content, &identity));
        let parts = [&identity.0[..], &key.0, &signature].map(|bytes| Value::Bytes(bytes.to_vec()));
        let data = cbor::encode(&Value::List(parts.into()));
        section::replace(&content, SECTION, &data).ok_or_else(|| not("the file is no component"))
    }
}

#[cfg(test)]
mod tests {
    use atlas_record::sign::SecretKey;
    use proptest::prelude::*;

    use super::*;

    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";
    const ADA: IdentityId = IdentityId([7; 32]);

    fn signed(package: &[u8], seed: u8) -> Vec<u8> {
        let key = SecretKey::from_seed(&[seed; 32]);
        Signature::attach(package, ADA, key.public(), |message| key.sign(message)).unwrap()
    }

    fn why(package: &[u8]) -> String {
        Signature::of(package).unwrap_err().to_string()
    }

    #[test]
    fn what_was_signed_verifies_and_names_who_signed() {
        let package = section::replace(EMPTY, "atlas-module", b"manifest").unwrap();
        assert_eq!(Signature::of(&package).unwrap(), None);
        let key = SecretKey::from_seed(&[1; 32]).public();
        let one = signed(&package, 1);
        assert_eq!(Signature::of(&one).unwrap(), Some(Signature { identity: ADA, key }));
        assert_eq!(one, signed(&package, 1), "the same bytes every time");
        assert_eq!(signed(&one, 2), signed(&package, 2), "a new signature takes the old one's place");
    }

    #[test]
    fn a_signature_stands_alone_and_last() {
        let one = signed(EMPTY, 1);
        let behind = section::replace(&one, "other", b"x").unwrap();
        assert!(why(&behind).contains("last section"), "{}", why(&behind));
        let twice = [&one[..], &one[EMPTY.len()..]].concat();
        assert!(why(&twice).contains("last section"), "{}", why(&twice));
    }

    #[test]
    fn another_key_or_identity_than_signed_is_refused() {
        let (key, other) = (SecretKey::from_seed(&[1; 32]), SecretKey::from_seed(&[2; 32]));
        let forged = Signature::attach(EMPTY, ADA, key.public(), |message| other.sign(message)).unwrap();
        assert!(why(&forged).contains("another key"), "{}", why(&forged));
        let mut renamed = signed(EMPTY, 1);
        let at = renamed.windows(32).position(|window| window == ADA.0).unwrap();
        renamed[at] ^= 1;
        assert!(why(&renamed).contains("changed"), "{}", why(&renamed));
    }

    proptest! {
        #[test]
        fn one_changed_byte_never_verifies(at in 8_usize..400, change in 1_u8..=255) {
            let package = section::replace(EMPTY, "atlas-module", &[5; 100]).unwrap();
            let mut bytes = signed(&package, 1);
            let at = 8 + at % (bytes.len() - 8);
            bytes[at] ^= change;
            prop_assert!(!matches!(Signature::of(&bytes), Ok(Some(_))));
        }

        #[test]
        fn no_bytes_panic(tail in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Signature::of(&[EMPTY, b"\0\x7f\x0fatlas-signature", &tail].concat());
            let _ = Signature::of(&tail);
        }
    }
}
