//! What a bundle promises.

use atlas_keys::bundle::{self, Bundle, BundleError, MOST_BYTES, Purpose};
use atlas_keys::{Passphrase, Role, WorkFactor};
use atlas_record::IdentityId;
use atlas_record::cbor::{self, Map, Value};
use atlas_record::sign::SecretKey;
use proptest::prelude::*;

const WORK: WorkFactor = WorkFactor::new(2).unwrap();

fn key(n: u8) -> SecretKey {
    SecretKey::from_seed(&[n; 32])
}

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.to_owned()).unwrap()
}

fn example() -> Bundle {
    Bundle {
        purpose: Purpose::Recovery { roots: vec![key(1).public(), key(9).public()] },
        name: "ada".to_owned(),
        identity: Some(IdentityId([7; 32])),
        log: vec![b"genesis".to_vec(), b"rotation".to_vec()],
        statements: vec![vec![0; 300]],
        secrets: vec![(Role::Root, key(1)), (Role::NextRoot, key(2)), (Role::Recovery, key(3))],
    }
}

/// Everything in it; secrets as their seeds.
fn content(b: &Bundle) -> impl PartialEq + std::fmt::Debug + use<> {
    let secrets: Vec<_> = b.secrets.iter().map(|(role, secret)| (*role, *secret.seed())).collect();
    (b.purpose.clone(), b.name.clone(), b.identity, b.log.clone(), b.statements.clone(), secrets)
}

#[test]
fn a_bundle_comes_back_as_it_went() {
    for purpose in [Purpose::Identity, Purpose::App, example().purpose] {
        let went = Bundle { purpose, ..example() };
        let text = bundle::seal_with(&went, &passphrase("x"), WORK).unwrap();
        assert!(bundle::is_bundle(&text) && text.is_ascii());
        assert_eq!(content(&bundle::open(&text, &passphrase("x")).unwrap()), content(&went));
        // As mail and editors change it.
        let moved = format!("\r\n {} \n\n", text.trim().replace('\n', "\r\n"));
        assert_eq!(content(&bundle::open(&moved, &passphrase("x")).unwrap()), content(&went));
    }
    let empty = Bundle { identity: None, log: vec![], statements: vec![], secrets: vec![], ..example() };
    let text = bundle::seal_with(&empty, &passphrase("x"), WORK).unwrap();
    assert_eq!(content(&bundle::open(&text, &passphrase("x")).unwrap()), content(&empty));
}

#[test]
fn the_normal_work_factor_opens_too() {
    let text = bundle::seal(&example(), &passphrase("x")).unwrap();
    assert_eq!(content(&bundle::open(&text, &passphrase("x")).unwrap()), content(&example()));
}

#[test]
fn a_wrong_passphrase_and_hidden_damage_look_the_same() {
    let text = bundle::seal_with(&example(), &passphrase("right"), WORK).unwrap();
    assert_eq!(bundle::open(&text, &passphrase("wrong")).unwrap_err(), BundleError::Refused);
    // A letter in the middle of the sealed content: still good base64.
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let middle = lines.len() / 2;
    let other = if lines[middle].starts_with('A') { "B" } else { "A" };
    lines[middle].replace_range(..1, other);
    let damaged = lines.join("\n");
    assert_eq!(bundle::open(&damaged, &passphrase("right")).unwrap_err(), BundleError::Refused);
    assert_eq!(bundle::open(&damaged, &passphrase("wrong")).unwrap_err(), BundleError::Refused);
    // Broken armour is seen by everybody, with the right passphrase and without.
    lines[middle].replace_range(..1, "!");
    let broken = lines.join("\n");
    for guess in ["right", "wrong"] {
        assert_eq!(bundle::open(&broken, &passphrase(guess)).unwrap_err(), BundleError::Damaged);
    }
}

#[test]
fn a_bundle_that_was_cut_or_changed_anywhere_is_refused() {
    let text = bundle::seal_with(&example(), &passphrase("x"), WORK).unwrap();
    let text = text.trim_end();
    for cut in (0..text.len()).step_by(11) {
        bundle::open(&text[..cut], &passphrase("x")).unwrap_err();
    }
    for at in (0..text.len()).step_by(7) {
        for bit in [1, 32] {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] ^= bit;
            let changed = String::from_utf8(bytes).unwrap();
            assert!(bundle::open(&changed, &passphrase("x")).is_err(), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn what_is_no_bundle_is_called_that() {
    let open = |text: &str| bundle::open(text, &passphrase("x")).unwrap_err();
    for text in ["", "hello", "ATLAS RECOVERY SHEET, FORMAT 1", "{\"version\":1}"] {
        assert_eq!(open(text), BundleError::NotABundle);
    }
    let begin = "-----BEGIN AGE ENCRYPTED FILE-----\n";
    assert_eq!(open(begin), BundleError::Damaged);
    assert_eq!(open(&format!("{begin}aGVsbG8=\n-----END AGE ENCRYPTED FILE-----\n")), BundleError::Damaged);
    assert_eq!(open(&" ".repeat(MOST_BYTES + 1)), BundleError::TooLarge(MOST_BYTES + 1));

    let somebody = age::x25519::Identity::generate().to_public();
    let to_a_key = age::encrypt_and_armor(&somebody, b"hello").unwrap();
    assert_eq!(open(&to_a_key), BundleError::NotByPassphrase);
    let mut recipient = age::scrypt::Recipient::new("x".to_owned().into());
    recipient.set_work_factor(2);
    let a_letter = age::encrypt_and_armor(&recipient, b"dear diary").unwrap();
    assert!(matches!(open(&a_letter), BundleError::Content(_)));
}

#[test]
fn a_bundle_that_asks_for_too_much_work_is_refused_at_once() {
    let text = bundle::seal_with(&example(), &passphrase("x"), WORK).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let binary = data_encoding::BASE64.decode(lines[1..lines.len() - 1].concat().as_bytes()).unwrap();
    let end = binary.iter().position(|&b| b == b'\n').unwrap() + 1;
    let stanza_end = end + binary[end..].iter().position(|&b| b == b'\n').unwrap();
    assert_eq!(&binary[stanza_end - 2..stanza_end], b" 2");
    for (work, error) in [("21", BundleError::TooMuchWork(21)), ("63", BundleError::TooMuchWork(63))] {
        let hostile = [&binary[..stanza_end - 1], work.as_bytes(), &binary[stanza_end..]].concat();
        let body = data_encoding::BASE64.encode(&hostile);
        let body: Vec<&str> = body.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
        let text = format!("{}\n{}\n{}\n", lines[0], body.join("\n"), lines[lines.len() - 1]);
        assert_eq!(bundle::open(&text, &passphrase("x")).unwrap_err(), error);
    }
}

#[test]
fn what_is_over_a_limit_is_not_sealed() {
    let refused = |bundle: Bundle| bundle::seal_with(&bundle, &passphrase("x"), WORK).unwrap_err();
    assert!(matches!(refused(Bundle { name: "../x".to_owned(), ..example() }), BundleError::Content(_)));
    assert!(matches!(refused(Bundle { log: vec![vec![]; 5000], ..example() }), BundleError::Content(_)));
    assert!(matches!(refused(Bundle { log: vec![vec![0; 300_000]], ..example() }), BundleError::Content(_)));
    assert!(matches!(
        refused(Bundle { statements: vec![vec![0; 250_000]; 20], ..example() }),
        BundleError::TooLarge(_)
    ));
    let twice = vec![(Role::Root, key(1)), (Role::Device, key(1))];
    assert!(matches!(refused(Bundle { secrets: twice, ..example() }), BundleError::Content(_)));
    let roots = vec![key(1).public(); 17];
    assert!(matches!(refused(Bundle { purpose: Purpose::Recovery { roots }, ..example() }), BundleError::Content(_)));
}

/// A document with one field changed, as if it had been sealed.
fn unsealed(change: impl FnOnce(&mut Map)) -> Vec<u8> {
    let whole = bundle::encode_unsealed(&example()).unwrap();
    let length = u32::from_be_bytes(*whole.first_chunk().unwrap()) as usize;
    let (document, rows) = whole[4..].split_at(length);
    let Value::Map(mut map) = cbor::decode(document).unwrap() else { panic!("a document is a map") };
    change(&mut map);
    let document = cbor::encode_map(&map);
    [&(document.len() as u32).to_be_bytes(), &document[..], rows].concat()
}

#[test]
fn the_document_is_read_strictly() {
    bundle::decode_unsealed(&unsealed(|_| {})).unwrap();
    let refused = |change: &dyn Fn(&mut Map)| bundle::decode_unsealed(&unsealed(|map| change(map))).unwrap_err();
    let content = |change: &dyn Fn(&mut Map)| assert!(matches!(refused(change), BundleError::Content(_)));
    content(&|map| drop(map.insert("note", Value::Null)));
    content(&|map| drop(map.insert("v", Value::Null)));
    content(&|map| drop(map.insert("name", "a/b".into())));
    content(&|map| drop(map.insert("kind", "identity".into()))); // whose `roots` nobody reads then
    content(&|map| drop(map.insert("kind", "other".into())));
    content(&|map| drop(map.insert("identity", "ada".into())));
    content(&|map| drop(map.insert("keys", Value::List(vec![]))));
    content(&|map| drop(map.insert("log", Value::List(vec![Value::Null]))));
    for name in ["v", "kind", "name", "identity", "keys", "log", "statements", "roots"] {
        content(&|map| drop(map.remove(name)));
    }
    assert_eq!(refused(&|map| drop(map.insert("v", Value::from(2u64)))), BundleError::NewerFormat(2));
    let mut longer = unsealed(|_| {});
    longer.push(0);
    assert!(matches!(bundle::decode_unsealed(&longer), Err(BundleError::Content(_))));
}

#[test]
fn debug_shows_no_secret() {
    let shown = format!("{:?}", example());
    assert!(!shown.contains("1, 1, 1, 1") && !shown.contains("01010101"), "{shown}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = bundle::decode_unsealed(&bytes);
        let _ = bundle::open(&String::from_utf8_lossy(&bytes), &passphrase("x"));
    }

    #[test]
    fn no_change_to_a_good_bundle_makes_the_reader_panic(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let mut bytes = bundle::encode_unsealed(&example()).unwrap().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = bundle::decode_unsealed(&bytes);
        let _ = bundle::decode_unsealed(&bytes[..cut.index(bytes.len())]);
    }

    #[test]
    fn what_is_read_is_written_again_as_it_was(
        log in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..4),
        seeds in proptest::collection::btree_set(any::<[u8; 32]>(), 0..4),
        name in "[a-z0-9_][a-z0-9._-]{0,20}",
        identity in proptest::option::of(any::<[u8; 32]>()),
    ) {
        let secrets = seeds.iter().zip(Role::ALL).map(|(seed, role)| (role, SecretKey::from_seed(seed))).collect();
        let went = Bundle { log, name, identity: identity.map(IdentityId), secrets, ..example() };
        let bytes = bundle::encode_unsealed(&went).unwrap();
        let came = bundle::decode_unsealed(&bytes).unwrap();
        prop_assert_eq!(content(&came), content(&went));
        prop_assert_eq!(bundle::encode_unsealed(&came).unwrap(), bytes);
    }
}
