//! One rule for signatures, in batches and alone: ZIP-215.
//!
//! Plain verification is cofactorless, and its batch form can disagree with its single form;
//! a network would split over such a signature. ZIP-215 defines one set of valid signatures
//! for both. Source: <https://zips.z.cash/zip-0215>.

use ed25519_dalek::Signer;
use ed25519_zebra::{Signature, VerificationKey, VerificationKeyBytes, batch};

use crate::header::Header;
use crate::id::PublicKey;
use crate::record::{SignedHeader, signing_bytes};

/// A secret key. Zeroised when dropped, never printed.
#[derive(Clone)]
pub struct SecretKey(ed25519_dalek::SigningKey);

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecretKey(of {})", self.public())
    }
}

impl SecretKey {
    /// From 32 bytes of a cryptographic random source.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// The seed, to be stored safely.
    pub fn seed(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Signs bytes that begin with a domain of their own.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }

    /// Signs a header.
    pub fn sign_header(&self, header: Header) -> SignedHeader {
        let signature = self.sign(&signing_bytes(&header.encode()));
        SignedHeader::new(header, &signature)
    }
}

/// Whether a signature is valid under ZIP-215.
pub fn verify(key: &PublicKey, message: &[u8], signature: &[u8; 64]) -> bool {
    VerificationKey::try_from(VerificationKeyBytes::from(key.0))
        .and_then(|key| key.verify(&Signature::from_bytes(signature), message))
        .is_ok()
}

/// Whether the signature of a header is its key's.
pub fn verify_header(signed: &SignedHeader) -> bool {
    verify(&signed.header().key, &signed.signed_bytes(), &signed.signature())
}

/// A batch of at most this many is checked one by one: a bad signature in it is found sooner.
const ONE_BY_ONE: usize = 8;

/// Verifies many headers at once, some five times faster than one by one for good ones.
/// Answers in order, and the same as [`verify_header`] for each.
pub fn verify_headers<'a>(headers: impl IntoIterator<Item = &'a SignedHeader>) -> Vec<bool> {
    verify_all(headers.into_iter().map(|signed| (signed.header().key, signed.signed_bytes(), signed.signature())))
}

/// As [`verify_headers`], for any (key, message, signature).
pub fn verify_all<M: AsRef<[u8]>>(signed: impl IntoIterator<Item = (PublicKey, M, [u8; 64])>) -> Vec<bool> {
    let mut seed = blake3::Hasher::new_derive_key("atlas 2026 batch verification coefficients");
    let items: Vec<batch::Item> = signed
        .into_iter()
        .map(|(key, message, signature)| {
            let message = message.as_ref();
            seed.update(&key.0).update(&signature).update(&(message.len() as u64).to_le_bytes()).update(message);
            batch::Item::from((VerificationKeyBytes::from(key.0), Signature::from_bytes(&signature), message))
        })
        .collect();
    let mut valid = vec![false; items.len()];
    bisect(&items, &mut valid, &mut Coefficients(seed.finalize_xof()));
    valid
}

fn bisect(items: &[batch::Item], valid: &mut [bool], coefficients: &mut Coefficients) {
    if items.len() <= ONE_BY_ONE {
        for (item, valid) in items.iter().zip(valid) {
            *valid = item.clone().verify_single().is_ok();
        }
        return;
    }
    let mut batch = batch::Verifier::new();
    items.iter().for_each(|item| batch.queue(item.clone()));
    if batch.verify(&mut *coefficients).is_ok() {
        valid.fill(true);
        return;
    }
    let half = items.len() / 2;
    let (left, right) = valid.split_at_mut(half);
    bisect(&items[..half], left, coefficients);
    bisect(&items[half..], right, coefficients);
}

/// The coefficients of a batch, drawn from a hash of everything in it: nobody who chooses
/// signatures can know them before, and the crate needs no source of randomness.
struct Coefficients(blake3::OutputReader);

impl rand_core::TryRng for Coefficients {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Coefficients {}

/// Whether a key may enter an identity log: a canonical encoding of a point that is not of
/// small order. ZIP-215 would verify for others too, and for some of those anyone can sign.
pub fn is_sound_key(key: &PublicKey) -> bool {
    // dalek accepts non-canonical encodings, so the round trip is checked as well.
    ed25519_dalek::VerifyingKey::from_bytes(&key.0)
        .is_ok_and(|point| !point.is_weak() && point.to_edwards().compress().to_bytes() == key.0)
}
