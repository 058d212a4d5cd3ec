//! Rows of seeds: the only form in which secrets are written.
//!
//! A document in clear lists public keys; their seeds follow as rows of 32 bytes, in the same
//! order. So no parser and no growing buffer ever holds a secret, and every seed is checked
//! against the public key that it must give.

use atlas_record::sign::SecretKey;
use zeroize::Zeroizing;

use crate::{MOST_KEYS, PublicEntry, Role};

/// Bytes of one seed.
pub(crate) const SEED: usize = 32;

/// `head`, followed by the seeds of `secrets`.
pub(crate) fn join(head: &[u8], secrets: &[(Role, SecretKey)]) -> Zeroizing<Vec<u8>> {
    // Made at its full size: a vector that grows leaves copies behind.
    let mut all = Zeroizing::new(Vec::with_capacity(head.len() + secrets.len() * SEED));
    all.extend_from_slice(head);
    secrets.iter().for_each(|(_, secret)| all.extend_from_slice(secret.seed()));
    all
}

/// The secrets of these public keys, if the rows are exactly theirs.
pub(crate) fn read(rows: &[u8], keys: &[PublicEntry]) -> Option<Vec<(Role, SecretKey)>> {
    let (rows, rest) = rows.as_chunks::<SEED>();
    if rows.len() != keys.len() || !rest.is_empty() {
        return None;
    }
    // With room for one more to be added without growing.
    let mut secrets = Vec::with_capacity(keys.len().max(MOST_KEYS + 1));
    for (seed, PublicEntry { role, key }) in rows.iter().zip(keys) {
        let secret = SecretKey::from_seed(seed);
        if secret.public() != *key {
            return None;
        }
        secrets.push((*role, secret));
    }
    Some(secrets)
}

/// The public halves, in order.
pub(crate) fn public(secrets: &[(Role, SecretKey)]) -> Vec<PublicEntry> {
    secrets.iter().map(|(role, secret)| PublicEntry { role: *role, key: secret.public() }).collect()
}
