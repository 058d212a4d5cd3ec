//! Bytes that strangers send.

use atlas_record::identity::{
    Action, Grant, IdentityError, Keep, Receipt, Request, RequestKind, Revocation, Signed, SignedEvent, Target,
};
use proptest::prelude::*;

use crate::*;

#[test]
fn what_is_signed_reads_back_and_has_one_id_whoever_signs() {
    let first = genesis(true);
    assert_eq!(SignedEvent::decode(first.as_bytes()).unwrap(), first);
    assert_eq!(SignedEvent::read_back(first.as_bytes()).unwrap(), first);
    let event = first.event().clone();
    let more = event.sign(&[&root(1), &device(0), &key(600)]).unwrap();
    assert_eq!(more.id(), first.id(), "other signatures, the same event");
    assert_ne!(more.as_bytes(), first.as_bytes());
}

#[test]
fn a_changed_byte_anywhere_is_noticed() {
    let first = genesis(true);
    let id = first.identity().unwrap();
    let given = grant(id, &device(0), &app(0), 0);
    let revoked = revoke(id, &device(0), Target::Key(app(0).public()), Keep::default());
    let seen = Receipt::sign(id, first.id().0, T0, &witness(0));
    let damaged = |bytes: &[u8], reads: &dyn Fn(&[u8]) -> bool| {
        assert!(reads(bytes));
        for i in 0..bytes.len() {
            let mut bytes = bytes.to_vec();
            bytes[i] ^= 1;
            assert!(!reads(&bytes), "byte {i}");
            assert!(!reads(&bytes[..i]), "cut at {i}");
        }
    };
    damaged(first.as_bytes(), &|bytes| SignedEvent::decode(bytes).is_ok());
    damaged(given.as_bytes(), &|bytes| Signed::<Grant>::decode(bytes).is_ok());
    damaged(revoked.as_bytes(), &|bytes| Signed::<Revocation>::decode(bytes).is_ok());
    damaged(&seen, &|bytes| Receipt::decode(bytes).is_ok());
}

#[test]
fn one_kind_of_document_is_not_taken_for_another() {
    let id = genesis(false).identity().unwrap();
    let given = grant(id, &device(0), &app(0), 0);
    assert!(Signed::<Revocation>::decode(given.as_bytes()).is_err());
    assert!(Receipt::decode(given.as_bytes()).is_err());
    assert!(SignedEvent::decode(given.as_bytes()).is_err());
}

#[test]
fn an_event_over_the_limit_is_refused_before_it_is_read() {
    let large = vec![0; 256 * 1024 + 1];
    assert!(matches!(SignedEvent::decode(&large), Err(IdentityError::TooLarge(..))));
}

#[test]
fn unsound_keys_never_enter_a_log() {
    // The identity element: everything verifies under it for some message.
    let mut weak = [0; 32];
    weak[0] = 1;
    let first = genesis(false);
    let action = Action::AddDevice(atlas_record::id::PublicKey(weak));
    let event = Event { number: 1, prev: Some(first.id()), created: T0, action };
    let error = event.sign(&[&root(1)]).unwrap_err().to_string();
    assert!(error.contains("sound key"), "{error}");
}

#[test]
fn a_signature_by_another_key_is_named() {
    let first = genesis(false);
    let mut bytes = first.as_bytes().to_vec();
    let at = bytes.len() - 1;
    bytes[at] ^= 1;
    let error = SignedEvent::decode(&bytes).unwrap_err();
    assert!(matches!(error, IdentityError::Signature(_)), "{error}");
    let all = SignedEvent::decode_all([first.as_bytes(), &bytes, b"", first.as_bytes()]);
    let good: Vec<bool> = all.iter().map(Result::is_ok).collect();
    assert_eq!(good, [true, false, false, true]);
}

#[test]
fn requests_are_one_line_and_name_their_key() {
    let request = Request {
        kind: RequestKind::App,
        key: app(0).public(),
        label: "notes".into(),
        asks: atlas_record::identity::Asks {
            types: ["atlas.post".parse().unwrap()].into(),
            actions: ["create".parse().unwrap()].into(),
        },
        created: T0,
    };
    let line = request.to_line(&app(0));
    assert!(line.starts_with("atlas-app:") && !line.contains('\n') && line.len() < 400, "{line}");
    assert_eq!(line.parse::<Request>().unwrap(), request);
    assert!(request.to_line(&app(1)).parse::<Request>().is_err(), "signed by another key");
    assert!(line.replace("atlas-app", "atlas-device").parse::<Request>().is_err());
    for bad in ["", "hello", "atlas-app:", "atlas-app:!!", &line[..line.len() - 2]] {
        assert!(bad.parse::<Request>().is_err(), "{bad}");
    }
}

#[test]
fn names_that_fake_other_text_are_refused() {
    for label in ["a\u{202e}b", "a\nb", "\u{1b}[31m", "zero\u{200b}width"] {
        let request = Request {
            kind: RequestKind::App,
            key: app(0).public(),
            label: label.into(),
            asks: Default::default(),
            created: T0,
        };
        assert!(request.to_line(&app(0)).parse::<Request>().is_err(), "{label:?}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), text in "\\PC{0,80}") {
        let _ = SignedEvent::decode(&bytes);
        let _ = Signed::<Grant>::decode(&bytes);
        let _ = Signed::<Revocation>::decode(&bytes);
        let _ = Receipt::decode(&bytes);
        let _ = text.parse::<Request>();
        let _ = format!("atlas-app:{text}").parse::<Request>();
    }
}
