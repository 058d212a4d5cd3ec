//! ZIP-215 against the edge cases that tell verifiers apart: the twelve of
//! ed25519-speccheck (Chalkias, Garillot, Nikolaenko: "Taming the many EdDSAs") and
//! Wycheproof's. Each answer is asked for alone and in batches of many compositions: a
//! network splits where they differ.
#![cfg(all(feature = "crypto", feature = "json"))]

use atlas_record::id::PublicKey;
use atlas_record::sign::{SecretKey, is_sound_key, verify, verify_all};

#[path = "common/data.rs"]
mod data;

#[derive(Clone)]
struct Case {
    name: String,
    key: PublicKey,
    message: Vec<u8>,
    signature: [u8; 64],
    /// By the ZIP-215 rule.
    valid: bool,
}

/// Which cases of speccheck ZIP-215 accepts, and what each is about.
const SPECCHECK: [(bool, &str); 12] = [
    (true, "0: S = 0, A and R of small order"),
    (true, "1: A of small order, R mixed"),
    (true, "2: A mixed, R of small order"),
    (true, "3: A and R mixed, and the equation holds without the cofactor"),
    (true, "4: holds with the cofactor only"),
    (true, "5: holds with the cofactor only, if the hash is reduced before it is multiplied"),
    (false, "6: S is not reduced"),
    (false, "7: S is far from reduced"),
    (false, "8: R is not canonical, of small order; S does not fit it"),
    (true, "9: R is not canonical, and hashed as it is written"),
    (true, "10: A is not canonical, of small order"),
    (true, "11: A is not canonical, of small order, and hashed as it is written"),
];

/// Where ZIP-215 departs from Wycheproof's verdict, and why.
const DIFFERENCES: &[(u64, bool, &str)] = &[(
    151,
    true,
    "R is the identity written as y = 1 with the sign bit set. RFC 8032 refuses to decode it; ZIP-215 must take \
     such encodings, since refusing them would set the single and the batch equation apart",
)];

fn speccheck() -> Option<Vec<Case>> {
    let json = data::json("ed25519/speccheck-cases.json")?;
    let cases = json.as_array().expect("a list of cases");
    assert_eq!(cases.len(), SPECCHECK.len());
    let bytes = |case: &serde_json::Value, name: &str| data::hex(case[name].as_str().expect("hexadecimal text"));
    let read = |(case, (valid, name)): (&serde_json::Value, (bool, &str))| Case {
        name: name.to_owned(),
        key: PublicKey(bytes(case, "pub_key").try_into().expect("a key has 32 bytes")),
        message: bytes(case, "message"),
        signature: bytes(case, "signature").try_into().expect("a signature has 64 bytes"),
        valid,
    };
    Some(cases.iter().zip(SPECCHECK).map(read).collect())
}

/// Wycheproof's cases. Those whose signature has not 64 bytes have no form in Atlas at all:
/// counted, and asserted invalid.
fn wycheproof() -> Option<(Vec<Case>, usize)> {
    let json = data::json("ed25519/wycheproof-ed25519.json")?;
    let (mut cases, mut unspeakable, mut differences) = (Vec::new(), 0, 0);
    for group in json["testGroups"].as_array().expect("groups") {
        let text = |value: &serde_json::Value| data::hex(value.as_str().expect("hexadecimal text"));
        let key = PublicKey(text(&group["publicKey"]["pk"]).try_into().expect("a key has 32 bytes"));
        for test in group["tests"].as_array().expect("tests") {
            let id = test["tcId"].as_u64().expect("a test has a number");
            let stated = match test["result"].as_str() {
                Some("valid") => true,
                Some("invalid") => false,
                other => panic!("{id}: a verdict that is neither: {other:?}"),
            };
            let difference = DIFFERENCES.iter().find(|(case, ..)| *case == id);
            if let Some((_, valid, why)) = difference {
                assert_ne!(*valid, stated, "{id} is no difference: {why}");
                differences += 1;
            }
            match <[u8; 64]>::try_from(text(&test["sig"])) {
                Ok(signature) => cases.push(Case {
                    name: format!("Wycheproof {id}: {}", test["comment"]),
                    key,
                    message: text(&test["msg"]),
                    signature,
                    valid: difference.map_or(stated, |(_, valid, _)| *valid),
                }),
                Err(_) => {
                    assert!(!stated, "{id}: a signature of another length is invalid");
                    unspeakable += 1;
                }
            }
        }
    }
    assert_eq!(differences, DIFFERENCES.len(), "every stated difference has a case");
    assert_eq!(cases.len() + unspeakable, 151);
    Some((cases, unspeakable))
}

/// Good signatures of a few keys, to be among.
fn honest(count: usize) -> Vec<Case> {
    let sign = |i: usize| {
        let key = SecretKey::from_seed(&[(i % 5) as u8; 32]);
        let message = format!("message {i}").into_bytes();
        let (signature, key) = (key.sign(&message), key.public());
        Case { name: format!("honest {i}"), key, message, signature, valid: true }
    };
    (0..count).map(sign).collect()
}

/// A batch says of every case what `verify` says and what the rule says.
fn agree(cases: &[Case]) {
    let batch = verify_all(cases.iter().map(|case| (case.key, &case.message, case.signature)));
    assert_eq!(batch.len(), cases.len());
    for (case, answer) in cases.iter().zip(batch) {
        assert_eq!(answer, case.valid, "in a batch of {}: {}", cases.len(), case.name);
        assert_eq!(verify(&case.key, &case.message, &case.signature), case.valid, "alone: {}", case.name);
    }
}

/// Fisher-Yates with a generator of fixed seed, so that a failure comes back.
fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for i in (1..items.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        items.swap(i, (state % (i as u64 + 1)) as usize);
    }
}

/// Every composition in which batching could change an answer.
fn agree_in_every_company(cases: &[Case]) {
    agree(cases);
    for case in cases {
        agree(std::slice::from_ref(case));
        // Repeated, so that batching by key and not only single checks takes part.
        agree(&vec![case.clone(); 9]);
    }
    // One among valid ones, first, in the middle and last.
    let good = honest(16);
    for case in cases {
        for at in [0, 8, 16] {
            let mut batch = good.clone();
            batch.insert(at, case.clone());
            agree(&batch);
        }
    }
    // Only those that a naive batch equation would set apart: all valid ones together.
    agree(&cases.iter().filter(|case| case.valid).cloned().collect::<Vec<_>>());
    agree(&cases.iter().filter(|case| !case.valid).cloned().collect::<Vec<_>>());
    for seed in 1..=8 {
        let mut batch = [cases, &good].concat();
        shuffle(&mut batch, seed);
        agree(&batch);
        agree(&batch[..batch.len() / 2]);
    }
}

#[test]
fn the_twelve_edge_cases_are_judged_by_zip_215_alone_and_in_batches() {
    let Some(cases) = speccheck() else { return };
    agree_in_every_company(&cases);
}

#[test]
fn wycheproof_is_judged_by_zip_215_alone_and_in_batches() {
    let Some((cases, unspeakable)) = wycheproof() else { return };
    assert_eq!(unspeakable, 12, "signatures of another length than 64 bytes");
    agree_in_every_company(&cases);
}

#[test]
fn both_sets_mixed_are_judged_the_same() {
    let (Some(speccheck), Some((wycheproof, _))) = (speccheck(), wycheproof()) else { return };
    for seed in 1..=4 {
        let mut batch = [&speccheck[..], &wycheproof, &honest(100)].concat();
        shuffle(&mut batch, seed);
        agree(&batch);
    }
}

#[test]
fn cofactorless_verification_would_answer_otherwise() {
    // Cases 4 and 5 hold only with the cofactor: the reason why plain verification, whose
    // batch form includes the cofactor and whose single form does not, is not used.
    let Some(cases) = speccheck() else { return };
    let plain = |case: &Case| {
        let key = ed25519_dalek::VerifyingKey::from_bytes(&case.key.0).ok()?;
        key.verify_strict(&case.message, &ed25519_dalek::Signature::from_bytes(&case.signature)).ok()
    };
    for at in [4, 5] {
        assert!(cases[at].valid && plain(&cases[at]).is_none());
    }
}

#[test]
fn keys_that_anyone_can_sign_for_may_not_enter_an_identity() {
    let Some(cases) = speccheck() else { return };
    for (at, sound) in [(0, false), (1, false), (2, true), (3, true), (4, true), (5, true), (10, false), (11, false)] {
        assert_eq!(is_sound_key(&cases[at].key), sound, "{}", cases[at].name);
    }
    for seed in 0..32u8 {
        assert!(is_sound_key(&SecretKey::from_seed(&[seed; 32]).public()));
    }
    // The identity point, canonical; y = 1 with a sign; y = p + 1; y beyond the field.
    let point = |first: u8, middle: u8, last: u8| {
        let mut bytes = [middle; 32];
        (bytes[0], bytes[31]) = (first, last);
        PublicKey(bytes)
    };
    for key in [point(1, 0, 0), point(1, 0, 0x80), point(0xee, 0xff, 0x7f), point(0xff, 0xff, 0xff)] {
        assert!(!is_sound_key(&key), "{key:?}");
    }
}

#[test]
fn no_batch_is_empty_handed() {
    assert!(verify_all(std::iter::empty::<(PublicKey, &[u8], [u8; 64])>()).is_empty());
}
