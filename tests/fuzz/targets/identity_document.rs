//! Whatever an identity's log is read from, what is read was signed, is named by its content, and
//! reads back to the same bytes.
#![no_main]

use atlas_record::EventId;
use atlas_record::identity::{Grant, Identity, Receipt, Request, Revocation, Signed, SignedEvent};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(event) = SignedEvent::decode(bytes) {
        assert_eq!(event.as_bytes(), bytes);
        assert_eq!(event.id(), EventId::of(&event.event().encode()));
        if let Ok(mut identity) = Identity::new(event.clone()) {
            identity.insert(event);
        }
    }
    if let Ok(grant) = Signed::<Grant>::decode(bytes) {
        assert!(bytes[1..].starts_with(&grant.statement().encode()));
    }
    if let Ok(revocation) = Signed::<Revocation>::decode(bytes) {
        assert!(bytes[1..].starts_with(&revocation.statement().encode()));
    }
    let _ = Receipt::decode(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = text.parse::<Request>();
    }
});
