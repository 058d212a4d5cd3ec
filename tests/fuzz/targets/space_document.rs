//! Space documents are written as they were read.
#![no_main]

use atlas_record::space::{Amendment, Document, Genesis, Signed};
use libfuzzer_sys::fuzz_target;

fn check<D: Document>(bytes: &[u8]) {
    let Ok(signed) = Signed::<D>::decode(bytes) else { return };
    assert_eq!(signed.as_bytes(), bytes);
    assert!(bytes[1..].starts_with(&signed.document().encode()));
}

fuzz_target!(|bytes: &[u8]| {
    check::<Genesis>(bytes);
    check::<Amendment>(bytes);
});
