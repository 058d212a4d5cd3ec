//! Calling a validator natively, held to the contract that the host holds modules to.
//!
//! ```
//! # use atlas_sdk::{Candidate, Description, Judgement, Rules, Valid, Validator};
//! # #[derive(Default)] struct Note;
//! # impl Validator for Note {
//! #     fn describe() -> Description { Description::new("example:note", "1.0.0", "A note.") }
//! #     fn rules(&self) -> Rules { Rules::append() }
//! #     fn validate(&self, note: &Candidate) -> Judgement {
//! #         note.body().text("text")?.chars_within(1..=300)?;
//! #         Ok(Valid::new())
//! #     }
//! # }
//! use atlas_sdk::{map, testing};
//! assert!(testing::check(&Note, map! { "text": "hello" }, &[]).is_valid());
//! assert_eq!(testing::check(&Note, map! {}, &[]).code(), Some("missing-field"));
//! ```

mod given;
#[cfg(any(test, feature = "proptest"))]
pub mod hostile;
pub mod roles;

use atlas_record::json::parse_json;

pub use self::given::{Given, given};
use crate::cbor::{Map, Value, encode_map};
use crate::reason::{CODE_BYTES, Reason};
use crate::rules::{IndexKind, Rules};
use crate::types::{Candidate, Draft, Entry, Link, Operation, Supplied};
use crate::validator::{Validator, decode_body, judge};
use crate::verdict::{IndexEntry, IndexValue, Verdict};

/// The verdict on a record with this body and these `(relation, target)` links.
///
/// # Panics
/// When the validator breaks its contract; see [`verdict`].
pub fn check<V: Validator>(validator: &V, body: Map, links: &[(&str, &str)]) -> Verdict {
    check_keyed(validator, None, body, links)
}

/// [`check`] for a record with a key.
///
/// # Panics
/// When the validator breaks its contract; see [`verdict`].
pub fn check_keyed<V: Validator>(validator: &V, key: Option<&str>, body: Map, links: &[(&str, &str)]) -> Verdict {
    let links = links.iter().map(|(relation, target)| Link::new(*relation, *target)).collect();
    verdict(validator, &candidate(Entry { key: key.map(str::to_owned), links, body, ..Entry::default() }))
}

/// The verdict on taking back what stands under a key.
///
/// # Panics
/// When the validator breaks its contract; see [`verdict`].
pub fn check_delete<V: Validator>(validator: &V, key: Option<&str>) -> Verdict {
    let key = key.map(str::to_owned);
    verdict(validator, &candidate(Entry { key, operation: Operation::Delete, ..Entry::default() }))
}

/// The verdict on a draft as an author would get it: prepared first, then judged.
///
/// # Panics
/// When the validator breaks its contract; see [`verdict`].
pub fn author<V: Validator>(validator: &V, draft: Draft) -> Verdict {
    match prepare(validator, draft) {
        Ok(Draft { key, links, body }) => {
            verdict(validator, &candidate(Entry { key, links, body, ..Entry::default() }))
        }
        Err(reason) => Verdict::Invalid(reason),
    }
}

/// The draft as the validator completes it.
pub fn prepare<V: Validator>(validator: &V, mut draft: Draft) -> Result<Draft, Reason> {
    validator.prepare(&mut draft)?;
    Ok(draft)
}

/// The body that JSON text holds, by the JSON form of bodies.
///
/// # Panics
/// When it holds none.
pub fn json(text: &str) -> Map {
    match parse_json(text) {
        Ok(Value::Map(map)) => map,
        other => panic!("no body: {other:?}\n{text}"),
    }
}

/// The bodies of a README: its blocks of ` ```json `, in order.
///
/// # Panics
/// When one of them is no body.
pub fn examples(readme: &str) -> Vec<Map> {
    readme.split("```json\n").skip(1).map(|block| json(block.split("```").next().unwrap_or_default())).collect()
}

/// A candidate without supplied records.
pub fn candidate(entry: Entry) -> Candidate {
    Candidate { entry, supplied: Vec::new() }
}

/// A candidate with the records that an earlier `needs` named.
pub fn candidate_with(entry: Entry, supplied: impl IntoIterator<Item = (&'static str, Entry)>) -> Candidate {
    let supplied = supplied.into_iter().map(|(id, entry)| Supplied { id: id.to_owned(), entry });
    Candidate { entry, supplied: supplied.collect() }
}

/// The verdict on any candidate, with the checks that the host makes of an answer.
///
/// # Panics
/// When the validator breaks its contract: rules or an answer out of bounds, an index that
/// was not declared or of another kind, two answers to one question.
pub fn verdict<V: Validator>(validator: &V, candidate: &Candidate) -> Verdict {
    let rules = validator.rules();
    check_rules(&rules);
    if candidate.operation == Operation::Put {
        let body = decode_body(&encode_map(&candidate.body));
        assert_eq!(body.as_ref(), Ok(&candidate.body), "a body reads back from its bytes");
    }
    let verdict = judge(validator, candidate);
    assert_eq!(verdict, judge(validator, candidate), "a verdict depends on the candidate only");
    match &verdict {
        Verdict::Valid(entries) => {
            assert!(entries.len() <= 64, "{} index entries: 64 at most", entries.len());
            entries.iter().for_each(|entry| check_entry(&rules, entry));
        }
        Verdict::Invalid(reason) => check_reason(reason),
        Verdict::Needs(ids) => assert!((1..=16).contains(&ids.len()), "needs {} records: 1 to 16", ids.len()),
    }
    verdict
}

/// Checks that rules keep the bounds of the contract.
///
/// # Panics
/// When they do not.
pub fn check_rules(rules: &Rules) {
    assert!(rules.indexes.len() <= 16, "{} indexes: 16 at most", rules.indexes.len());
    assert!(rules.text.len() <= 16, "{} text fields: 16 at most", rules.text.len());
    for (at, index) in rules.indexes.iter().enumerate() {
        let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let name = &index.name;
        assert!((1..=32).contains(&name.len()) && name.bytes().all(legal), "`{name}` is no name of an index");
        assert!(rules.indexes[..at].iter().all(|other| other.name != *name), "index `{name}` is declared twice");
    }
}

fn check_entry(rules: &Rules, entry: &IndexEntry) {
    let Some(index) = rules.indexes.iter().find(|index| index.name == entry.name) else {
        panic!("index `{}` is not declared by the rules", entry.name);
    };
    let fits = match entry.value {
        IndexValue::Text(_) => index.kind == IndexKind::Text,
        IndexValue::Integer(_) => index.kind == IndexKind::Integer,
    };
    assert!(fits, "index `{}` is declared as {:?}, but holds {:?}", entry.name, index.kind, entry.value);
}

fn check_reason(reason: &Reason) {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let code = reason.code;
    let shaped = (1..=CODE_BYTES).contains(&code.len()) && code.bytes().all(legal);
    assert!(shaped, "`{code}` is no code: lower-case words joined by `-`, {CODE_BYTES} bytes at most");
    assert!(!reason.text.is_empty(), "`{code}` comes without a sentence for people");
}
