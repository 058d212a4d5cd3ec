//! Lexicons and records for tests.

use std::io::Write;
use std::path::{Path, PathBuf};

use atlas_lexicon::Lexicon;
use atlas_record::json::parse_json;
use atlas_sdk::bundle::Bundle;
use atlas_sdk::{Candidate, ConfigError, Entry, Map, Validator, Value, Verdict, testing};

/// A key that a record of this lexicon can have.
pub const TID: &str = "3jzfcijpj2z2a";

/// A value from JSON.
#[track_caller]
pub fn value(json: &str) -> Value {
    parse_json(json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

/// A map from JSON.
#[track_caller]
pub fn map(json: &str) -> Map {
    match value(json) {
        Value::Map(map) => map,
        other => panic!("{other:?} is no object"),
    }
}

/// A document of `com.example.thing` whose record has these properties, and these definitions
/// beside it, each as `"name": {…}`.
pub fn document(properties: &str, others: &str) -> String {
    let comma = if others.is_empty() { "" } else { "," };
    format!(
        r#"{{"lexicon":1,"id":"com.example.thing","defs":{{"main":{{"type":"record","key":"tid","record":
        {{"type":"object","properties":{{{properties}}}}}}}{comma}{others}}}}}"#
    )
}

/// The lexicon of a document that stands alone.
#[track_caller]
pub fn lexicon(document: &str) -> Lexicon {
    Lexicon::configure(document.as_bytes()).unwrap_or_else(|error| panic!("{error}"))
}

/// Why a document is not taken.
#[track_caller]
pub fn refusal(document: impl AsRef<[u8]>) -> String {
    match Lexicon::configure(document.as_ref()) {
        Err(ConfigError::Invalid(text)) => text,
        Err(ConfigError::Incomplete { documents, .. }) => panic!("it asks for {documents:?}"),
        Ok(_) => panic!("it is taken"),
    }
}

/// The verdict on a record of `com.example.thing`, with checks of the contract.
#[track_caller]
pub fn judge(lexicon: &Lexicon, body: Map) -> Verdict {
    judge_as(lexicon, "com.example.thing", Some(TID), body)
}

/// The verdict on a record of any type.
#[track_caller]
pub fn judge_as(lexicon: &Lexicon, type_name: &str, key: Option<&str>, body: Map) -> Verdict {
    testing::verdict(lexicon, &candidate(type_name, key, body))
}

pub fn candidate(type_name: &str, key: Option<&str>, body: Map) -> Candidate {
    let key = key.map(str::to_owned);
    testing::candidate(Entry { type_name: type_name.to_owned(), key, body, ..Entry::default() })
}

/// What is wrong with a value of the property `it`, in the words of the reason.
#[track_caller]
pub fn wrong(lexicon: &Lexicon, json: &str) -> String {
    match judge(lexicon, it(json)) {
        Verdict::Invalid(reason) => reason.to_string(),
        other => panic!("{json} is {other:?}"),
    }
}

/// Checks that a value of the property `it` is valid.
#[track_caller]
pub fn right(lexicon: &Lexicon, json: &str) {
    let verdict = judge(lexicon, it(json));
    assert!(verdict.is_valid(), "{json} is {verdict:?}");
}

/// A record with this value under `it`.
#[track_caller]
pub fn it(json: &str) -> Map {
    let mut body = map(r#"{"$type":"com.example.thing"}"#);
    body.insert("it", value(json));
    body
}

/// The folder of the AT Protocol's documents, or `None` with a visible word where it is absent.
/// `ATLAS_TEST_DATA` names the folder of the data where it is not beside the workspace.
pub fn documents() -> Option<PathBuf> {
    let root = std::env::var_os("ATLAS_TEST_DATA")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../../shared/data")), PathBuf::from);
    let path = root.join("lexicons");
    if path.is_dir() {
        return Some(path);
    }
    // Past the test harness, which hides what passing tests print.
    let _ = writeln!(
        std::io::stderr(),
        "skipped: {} is not there (ATLAS_TEST_DATA names the folder of the data)",
        path.display()
    );
    None
}

/// The lexicon of a document in a folder, packed as the command line packs it, and the bundle.
pub fn packed(root: &Path, main: &str) -> Result<(Lexicon, Vec<u8>), String> {
    let read = |path: &str| std::fs::read(root.join(path)).map_err(|error| format!("{path}: {error}"));
    let mut bundle: Option<Bundle> = None;
    let first = read(main)?;
    loop {
        let config = bundle.as_ref().map_or_else(|| first.clone(), Bundle::encode);
        match Lexicon::configure(&config) {
            Ok(lexicon) => return Ok((lexicon, config)),
            Err(ConfigError::Invalid(text)) => return Err(text),
            Err(ConfigError::Incomplete { main, documents }) => {
                let bundle = bundle.get_or_insert_with(|| Bundle::new(&main, first.clone()).unwrap());
                for path in documents {
                    assert!(bundle.add(&path, read(&path)?).unwrap(), "{path} is asked for twice");
                }
            }
        }
    }
}
