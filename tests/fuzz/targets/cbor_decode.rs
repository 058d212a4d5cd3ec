//! Accepted bytes are canonical: written again, they are the same. And what a body may
//! hold survives JSON.
#![no_main]

use atlas_record::json::{parse_json, to_json};
use atlas_record::{Body, cbor};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(value) = cbor::decode(bytes) else { return };
    assert_eq!(cbor::encode(&value), bytes);
    if value.check().is_ok() {
        assert_eq!(parse_json(&to_json(&value).to_string()).as_ref(), Ok(&value));
    }
    assert_eq!(Body::from_bytes(bytes).is_ok(), value.as_map().is_some() && value.check().is_ok());
});
