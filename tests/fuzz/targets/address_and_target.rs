//! A text that names something is the only text that names it.
#![no_main]

use atlas_record::id::{Cid, PublicKey};
use atlas_record::space::Slot;
use atlas_record::{Address, BlobId, Key, RecordId, Relation, Target, TypeName};
use libfuzzer_sys::fuzz_target;

fn one_text<T: std::str::FromStr + std::fmt::Display>(text: &str) {
    if let Ok(parsed) = text.parse::<T>() {
        assert_eq!(parsed.to_string(), text);
    }
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(cid) = Cid::from_bytes(bytes) {
        assert_eq!(cid.as_bytes(), bytes);
        assert_eq!(cid.to_string().parse(), Ok(cid));
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    one_text::<Cid>(text);
    one_text::<RecordId>(text);
    one_text::<BlobId>(text);
    one_text::<PublicKey>(text);
    one_text::<Target>(text);
    one_text::<Address>(text);
    one_text::<Key>(text);
    one_text::<TypeName>(text);
    one_text::<Relation>(text);
    one_text::<Slot>(text);
});
