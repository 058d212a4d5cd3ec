//! Ancestry in a key's chain, and proofs of it.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use std::collections::HashMap;

use atlas_record::ancestry::{Ancestry, MOST_STEPS, Proof, ProofError, Step, ancestry};
use atlas_record::chain::{has_skip, lipmaa};
use atlas_record::header::{BodyHash, Op};
use atlas_record::id::ConstitutionId;
use atlas_record::sign::SecretKey;
use atlas_record::{Header, IdentityId, RecordId, SignedHeader, SpaceId};
use proptest::prelude::*;

const SPACE: SpaceId = SpaceId([1; 32]);

fn key() -> SecretKey {
    SecretKey::from_seed(&[5; 32])
}

/// Signatures cost time and change nothing here: ids name signed bytes, whatever they say.
fn put(seq: u64, prev: Option<RecordId>, skip: Option<RecordId>, mark: u64) -> SignedHeader {
    let header = Header {
        space: SPACE,
        type_name: "example.note".parse().unwrap(),
        author: IdentityId([2; 32]),
        key: key().public(),
        grant: None,
        seq,
        prev,
        skip,
        created: mark,
        constitution: ConstitutionId([0; 32]),
        record_key: None,
        op: Op::Put,
        links: vec![],
        blobs: vec![],
        expires: None,
        body: Some(BodyHash { hash: [0; 32], size: 1 }),
        ext: vec![],
    };
    SignedHeader::new(header, &[0; 64])
}

/// A chain in order, which may branch off another one after some position.
fn chain(length: u64, mark: u64, stem: &[SignedHeader]) -> Vec<SignedHeader> {
    let mut chain = stem.to_vec();
    for seq in stem.len() as u64 + 1..=length {
        let at = |seq: u64| chain[seq as usize - 1].id();
        let prev = (seq > 1).then(|| at(seq - 1));
        let skip = has_skip(seq).then(|| at(lipmaa(seq)));
        chain.push(put(seq, prev, skip, mark));
    }
    chain
}

fn all(chains: &[&[SignedHeader]]) -> HashMap<RecordId, SignedHeader> {
    chains.iter().flat_map(|chain| chain.iter()).map(|signed| (signed.id(), signed.clone())).collect()
}

fn place(signed: &SignedHeader) -> (u64, RecordId) {
    (signed.header().seq, signed.id())
}

fn ask(known: &HashMap<RecordId, SignedHeader>, last: &SignedHeader, of: &SignedHeader) -> Ancestry {
    let get = |id: &RecordId| known.get(id).map(|signed| Step::of(signed.header()));
    ancestry(place(last), place(of), &key().public(), &SPACE, get)
}

#[test]
fn what_is_before_a_position_is_within_it_and_what_is_after_is_not() {
    let chain = chain(60, 1, &[]);
    let known = all(&[&chain]);
    for last in &chain {
        for of in &chain {
            let expected = if of.header().seq <= last.header().seq { Ancestry::Within } else { Ancestry::Outside };
            assert_eq!(ask(&known, last, of), expected);
        }
    }
}

#[test]
fn of_a_fork_only_the_kept_branch_is_within() {
    let trunk = chain(40, 1, &[]);
    let branch = chain(40, 2, &trunk[..20]);
    let known = all(&[&trunk, &branch]);
    let kept = &trunk[29];
    for (i, signed) in branch.iter().enumerate() {
        assert_eq!(ask(&known, kept, signed) == Ancestry::Within, i < 20, "position {}", i + 1);
    }
    assert_eq!(ask(&known, &branch[20], &trunk[20]), Ancestry::Outside, "the same position");
}

#[test]
fn nothing_is_inferred_from_what_is_not_here() {
    let chain = chain(40, 1, &[]);
    let mut known = all(&[&chain]);
    known.remove(&chain[12].id()); // 40 skips to 13
    assert_eq!(ask(&known, &chain[39], &chain[4]), Ancestry::Unknown(chain[12].id()));
    assert_eq!(ask(&known, &chain[39], &chain[12]), Ancestry::Within, "the record itself is named, not needed");
    assert_eq!(ask(&known, &chain[39], &chain[38]), Ancestry::Within, "a path beside it");
}

#[test]
fn a_chain_that_lies_about_positions_loses_its_own_records() {
    let chain = chain(7, 1, &[]);
    let looping = put(8, Some(chain[6].id()), Some(chain[6].id()), 1); // skips to 7 where 4 should be
    let known = all(&[&chain, std::slice::from_ref(&looping)]);
    assert_eq!(ask(&known, &looping, &chain[6]), Ancestry::Within);
    assert_eq!(ask(&known, &looping, &chain[3]), Ancestry::Outside);
    assert_eq!(ask(&known, &looping, &chain[1]), Ancestry::Outside);
}

proptest! {
    #[test]
    fn a_proof_is_short_and_shows_what_the_chain_shows(length in 2u64..1000, of in any::<proptest::sample::Index>()) {
        let chain = chain(length, 1, &[]);
        let (last, of) = (&chain[chain.len() - 1], &chain[of.index(chain.len())]);
        let known = all(&[&chain]);
        let proof = Proof::collect(place(last), of.header().seq, |id| known.get(id).cloned()).unwrap();
        prop_assert!(proof.headers().len() <= 40, "{} headers for {length}", proof.headers().len());
        prop_assert!(MOST_STEPS > 40);
        prop_assert_eq!(proof.check(place(last), place(of), &key().public(), &SPACE), Ok(()));
        let bytes: Vec<Vec<u8>> = proof.headers().iter().map(|signed| signed.as_bytes().to_vec()).collect();
        prop_assert_eq!(&Proof::decode(&bytes).unwrap(), &proof);
        for i in 0..bytes.len() {
            let mut without = bytes.clone();
            without.remove(i);
            let outcome = Proof::decode(&without).unwrap().check(place(last), place(of), &key().public(), &SPACE);
            prop_assert!(matches!(outcome, Err(ProofError::Missing(_))), "{:?}", outcome);
            let mut wrong = bytes.clone();
            wrong[i] = put(7, Some(of.id()), None, 9).as_bytes().to_vec();
            prop_assert!(Proof::decode(&wrong).unwrap().check(place(last), place(of), &key().public(), &SPACE).is_err());
        }
        let mut stray = bytes;
        stray.push(put(1, None, None, 77).as_bytes().to_vec());
        let outcome = Proof::decode(&stray).unwrap().check(place(last), place(of), &key().public(), &SPACE);
        prop_assert_eq!(outcome, Err(ProofError::Stray));
    }
}
