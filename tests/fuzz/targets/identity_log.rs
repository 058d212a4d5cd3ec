//! A log that is made of any pieces in any order never panics, and comes to the same whichever way
//! round they came.
#![no_main]

use atlas_record::identity::{Identity, Receipt, Signed, SignedEvent};
use libfuzzer_sys::fuzz_target;

/// Pieces: a kind byte, two bytes of length, and the signed bytes, which are taken as verified, so
/// that the fuzzer can make any log.
fn pieces(mut bytes: &[u8]) -> Vec<(u8, &[u8])> {
    let mut pieces = Vec::new();
    while let Some((&[kind, high, low], rest)) = bytes.split_first_chunk::<3>() {
        let length = usize::from(u16::from_be_bytes([high, low])).min(rest.len());
        let (piece, tail) = rest.split_at(length);
        pieces.push((kind, piece));
        bytes = tail;
    }
    pieces
}

fn add(identity: &mut Identity, (kind, bytes): (u8, &[u8])) {
    match kind % 4 {
        0 => drop(SignedEvent::read_back(bytes).map(|event| identity.insert(event))),
        1 => drop(Signed::read_back(bytes).map(|grant| identity.add_grant(grant))),
        2 => drop(Signed::read_back(bytes).map(|revocation| identity.add_revocation(revocation))),
        _ => drop(Receipt::decode(bytes).map(|receipt| identity.attest(&receipt))),
    }
}

fuzz_target!(|bytes: &[u8]| {
    let pieces = pieces(bytes);
    let Some((genesis, others)) = pieces.split_first() else { return };
    let Ok(genesis) = SignedEvent::read_back(genesis.1) else { return };
    let Ok(mut forward) = Identity::new(genesis.clone()) else { return };
    let Ok(mut backward) = Identity::new(genesis) else { return };
    others.iter().for_each(|piece| add(&mut forward, *piece));
    others.iter().rev().for_each(|piece| add(&mut backward, *piece));
    assert_eq!(forward.log().state(), backward.log().state());
    assert_eq!(forward.log().duplicity(), backward.log().duplicity());
    for (key, grant) in forward.subjects() {
        assert_eq!(forward.causes(&key, grant.as_ref()), backward.causes(&key, grant.as_ref()));
    }
});
