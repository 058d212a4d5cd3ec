//! Records and headers are written as they were read, erasing changes no id, and no
//! signature makes a verifier fail.
#![no_main]

use atlas_record::sign::{verify_header, verify_headers};
use atlas_record::{Record, SignedHeader};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(signed) = SignedHeader::decode(bytes) {
        check(&signed, bytes);
    }
    let Ok(record) = Record::decode(bytes) else { return };
    assert_eq!(record.encode(), bytes);
    check(record.signed(), record.signed().as_bytes());
    let id = record.id();
    let erased = record.erased();
    assert_eq!(erased.id(), id);
    assert_eq!(Record::decode(&erased.encode()), Ok(erased));
});

fn check(signed: &SignedHeader, bytes: &[u8]) {
    assert_eq!(signed.as_bytes(), bytes);
    assert_eq!(signed.header().broken_rule(), None);
    assert_eq!(SignedHeader::new(signed.header().clone(), &signed.signature()).as_bytes(), bytes);
    let alone = verify_header(signed);
    // Above the size below which a batch is checked one by one.
    assert_eq!(verify_headers(std::iter::repeat_n(signed, 12)), vec![alone; 12]);
}
