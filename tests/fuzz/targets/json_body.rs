//! JSON text that is read has canonical bytes, and comes back from them and from JSON.
#![no_main]

use atlas_record::cbor;
use atlas_record::json::{parse_json, to_json};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(value) = parse_json(text) else { return };
    assert_eq!(value.check(), Ok(()));
    assert_eq!(cbor::decode(&cbor::encode(&value)).as_ref(), Ok(&value));
    assert_eq!(parse_json(&to_json(&value).to_string()).as_ref(), Ok(&value));
});
