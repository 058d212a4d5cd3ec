//! An identity that is read was signed as its id says.
#![no_main]

use atlas_record::IdentityId;
use atlas_record::identity::Identity;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(identity) = Identity::decode(bytes) else { return };
    assert_eq!(identity.as_bytes(), bytes);
    assert_eq!(identity.id(), IdentityId::of(bytes));
    assert!(bytes[1..].starts_with(&identity.genesis().encode()));
});
