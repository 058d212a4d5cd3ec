//! Lexicons from the AT Protocol as types, by the real command and the real engine.

use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use crate::{Fresh, assert_healthy, fresh};

/// A node with Ada and a space without types.
fn settled() -> Fresh {
    let atlas = fresh();
    atlas.json(&["id", "new", "ada"]);
    atlas.json(&["space", "create", "s", "--as", "ada"]);
    atlas
}

/// The folder of the AT Protocol's documents, or `None` with a visible word where it is absent.
fn documents(test: &str) -> Option<PathBuf> {
    let root = std::env::var_os("ATLAS_TEST_DATA")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")), PathBuf::from);
    let path = root.join("lexicons");
    if path.is_dir() {
        return Some(path);
    }
    atlas_tests::skipped(test, &format!("{} is not there (ATLAS_TEST_DATA names the folder)", path.display()));
    None
}

/// Arguments that bind a lexicon from a file.
fn bind<'a>(slot: &'a str, file: &'a Path) -> Vec<&'a str> {
    let file = file.to_str().unwrap();
    vec!["module", "bind", "--space", "s", "--as", "ada", slot, "lexicon", "--config", file]
}

/// Writes documents into a folder of their own, and says where.
fn write(atlas: &Fresh, documents: &[(&str, &str)]) -> PathBuf {
    let root = atlas.dir().join("documents");
    for (path, document) in documents {
        let file = root.join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, document).unwrap();
    }
    root
}

/// A document `com.example.NAME` whose record has this key and these properties.
fn document(name: &str, key: &str, properties: &str) -> String {
    format!(
        r#"{{"lexicon":1,"id":"com.example.{name}","defs":{{"main":{{"type":"record","key":"{key}",
        "record":{{"type":"object","properties":{{{properties}}}}}}}}}}}"#
    )
}

fn put(atlas: &Fresh, type_name: &str, body: &str) -> Json {
    atlas.json(&["put", type_name, "--space", "s", "--as", "ada", "--body", body])
}

#[test]
fn a_post_of_the_at_protocol_is_a_type_in_one_command() {
    let Some(root) = documents("a_post_of_the_at_protocol_is_a_type_in_one_command") else { return };
    let atlas = settled();
    let file = root.join("app/bsky/feed/post.json");
    let told = atlas.run(&bind("validator:app.bsky.feed.post", &file)).exits(0);
    assert!(told.text().contains("is bound in s, with 11 documents"), "{}", told.text());

    let body = r#"{"$type":"app.bsky.feed.post","text":"hello","createdAt":"2026-01-01T00:00:00Z"}"#;
    let written = put(&atlas, "app.bsky.feed.post", body);
    let address = written["address"].as_str().unwrap();
    let post = atlas.json(&["get", address]);
    assert_eq!((&post["body"]["text"], &post["status"]), (&json!("hello"), &json!("visible")));

    let wrong = body.replace(r#""hello""#, "5");
    let refused = atlas.run(&["put", "app.bsky.feed.post", "--space", "s", "--as", "ada", "--body", &wrong]).exits(1);
    assert!(refused.err.contains("/text: expected a string, found an integer"), "{}", refused.err);
    let problem = atlas.problem(1, &["put", "app.bsky.feed.post", "--space", "s", "--as", "ada", "--body", &wrong]);
    assert_eq!(problem["code"], "wrong-kind");

    let found = atlas.json(&[
        "query",
        "--space",
        "s",
        "--type",
        "app.bsky.feed.post",
        "--index",
        "created-at=1767225600000..1767225600001",
    ]);
    assert_eq!(found["count"], 1);
    // The same files again make the same binding, so that nothing changes.
    let again = atlas.json(&bind("validator:app.bsky.feed.post", &file));
    assert_eq!(again["amendments"], 1);
    assert_healthy(&atlas);
}

#[test]
fn every_record_document_of_the_at_protocol_can_be_bound() {
    let Some(root) = documents("every_record_document_of_the_at_protocol_can_be_bound") else { return };
    let atlas = settled();
    let up = atlas.up();
    let (mut bound, mut folders) = (0, vec![root]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let document: Json = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            if document["defs"]["main"]["type"] == "record" {
                let slot = format!("validator:{}", document["id"].as_str().unwrap());
                let space = atlas.json(&bind(&slot, &path));
                bound += 1;
                assert_eq!(
                    (&space["amendments"], space["slots"].get(&slot).is_some()),
                    (&json!(bound), true),
                    "{slot}"
                );
            }
        }
    }
    assert_eq!(bound, 26);
    drop(up);
    assert_healthy(&atlas);
}

#[test]
fn a_key_that_is_left_out_is_made_as_the_type_says() {
    let atlas = settled();
    for (name, key) in [("timed", "tid"), ("own", "literal:self"), ("free", "any"), ("named", "nsid")] {
        let root = write(&atlas, &[(&format!("com/example/{name}.json"), &document(name, key, ""))]);
        atlas.json(&bind(&format!("validator:com.example.{name}"), &root.join(format!("com/example/{name}.json"))));
    }
    let key_of = |written: &Json| written["address"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let timed = [put(&atlas, "com.example.timed", "{}"), put(&atlas, "com.example.timed", "{}")].map(|it| key_of(&it));
    assert!(timed.iter().all(|key| key.len() == 13) && timed[0] < timed[1], "{timed:?}");
    assert_eq!(key_of(&put(&atlas, "com.example.own", "{}")), "self");
    let free = [put(&atlas, "com.example.free", r#"{"n":1}"#), put(&atlas, "com.example.free", r#"{"n":2}"#)];
    assert_ne!(key_of(&free[0]), key_of(&free[1]));
    let named = ["put", "com.example.named", "--space", "s", "--as", "ada", "--body", "{}"];
    assert_eq!(atlas.problem(1, &named)["code"], "bad-key");
    atlas.json(&[&named[..], &["--key", "com.example.thing"]].concat());
    let other = ["put", "com.example.own", "--space", "s", "--as", "ada", "--body", "{}", "--key", "other"];
    assert_eq!(atlas.problem(1, &other)["code"], "bad-key");
    let said = atlas.json(&["get", free[0]["address"].as_str().unwrap()]);
    assert_eq!(said["body"], json!({ "$type": "com.example.free", "n": 1 }), "the type is filled in");
}

#[test]
fn documents_that_are_missing_are_named() {
    let atlas = settled();
    let refers = r#""a":{"type":"ref","ref":"com.example.part"},"b":{"type":"ref","ref":"org.example.gone#x"}"#;
    let part = r#"{"lexicon":1,"id":"com.example.part","defs":{"main":{"type":"object","properties":
        {"deeper":{"type":"ref","ref":"org.example.deeper"}}}}}"#;
    let root = write(
        &atlas,
        &[("com/example/whole.json", &document("whole", "tid", refers)), ("com/example/part.json", part)],
    );
    let problem = atlas.problem(1, &bind("validator:com.example.whole", &root.join("com/example/whole.json")));
    assert_eq!(problem["code"], "config-incomplete");
    assert!(problem["detail"].as_str().unwrap().ends_with(": org/example/gone.json"), "{problem}");
    // One that is there may refer to more.
    let gone = r#"{"lexicon":1,"id":"org.example.gone","defs":{"x":{"type":"string"}}}"#;
    write(&atlas, &[("org/example/gone.json", gone)]);
    let problem = atlas.problem(1, &bind("validator:com.example.whole", &root.join("com/example/whole.json")));
    assert!(problem["detail"].as_str().unwrap().ends_with(": org/example/deeper.json"), "{problem}");
    assert_eq!(atlas.json(&["space", "show", "s"])["amendments"], 0);
}

#[test]
fn hostile_documents_are_refused_with_their_place_and_stop_nobody() {
    let atlas = settled();
    let refused = |name: &str, properties: &str| {
        let root = write(&atlas, &[(&format!("com/example/{name}.json"), &document(name, "tid", properties))]);
        let file = root.join(format!("com/example/{name}.json"));
        let problem = atlas.problem(1, &bind(&format!("validator:com.example.{name}"), &file));
        assert_eq!(problem["code"], "config-refused", "{problem}");
        problem["detail"].as_str().unwrap().to_owned()
    };
    let said = refused("odd", r#""it":{"type":"float"}"#);
    assert!(said.contains("com.example.odd at /defs/main/record/properties/it: unknown type `float`"), "{said}");
    let said = refused("lost", r##""it":{"type":"ref","ref":"#nowhere"}"##);
    assert!(said.contains("refers to `com.example.lost#nowhere`"), "{said}");
    // Deeper than any document is read, and much deeper.
    for depth in [30, 10_000] {
        let deep = format!("{}1{}", r#"{"type":"array","items":"#.repeat(depth), "}".repeat(depth));
        let said = refused("deep", &format!(r#""it":{deep}"#));
        assert!(said.contains("more than 32 levels"), "{said}");
    }
    let wide: Vec<String> =
        (0..5000).map(|n| format!(r#""{n}":{{"type":"ref","ref":"com.example.wide#d{n}"}}"#)).collect();
    let said = refused("wide", &wide.join(","));
    assert!(said.contains("more than 4096 definitions"), "{said}");
    // As deep as documents go, and itself inside itself.
    let deep = format!("{}{{\"type\":\"unknown\"}}{}", r#"{"type":"array","items":"#.repeat(25), "}".repeat(25));
    let own = r#","own":{"type":"ref","ref":"com.example.good"}"#;
    let root = write(&atlas, &[("com/example/good.json", &document("good", "tid", &format!(r#""it":{deep}{own}"#)))]);
    atlas.json(&bind("validator:com.example.good", &root.join("com/example/good.json")));
    put(&atlas, "com.example.good", &format!(r#"{{"it":{}{}}}"#, "[".repeat(25), "]".repeat(25)));
    put(&atlas, "com.example.good", &format!("{}{{}}{}", r#"{"own":"#.repeat(31), "}".repeat(31)));
    put(&atlas, "com.example.good", &format!(r#"{{"free":{}{}}}"#, "[".repeat(31), "]".repeat(31)));
    assert_healthy(&atlas);
}

#[test]
fn a_document_is_bound_to_the_type_that_it_describes_and_to_no_other() {
    let atlas = settled();
    let root = write(&atlas, &[("com/example/note.json", &document("note", "tid", r#""text":{"type":"string"}"#))]);
    let file = root.join("com/example/note.json");
    let refused = atlas.problem(1, &bind("validator:com.example.other", &file));
    assert_eq!(refused["code"], "wrong-type", "{refused}");
    let text = refused["detail"].as_str().unwrap();
    assert!(text.contains("com.example.other") && text.contains("com.example.note"), "{text}");
    assert_eq!(refused["hint"], "bind it as validator:com.example.note");
    assert_eq!(atlas.json(&["space", "show", "s"])["slots"], json!({}));
    atlas.json(&bind("validator:com.example.note", &file));
    // A module that does not say what it judges judges any type.
    atlas.json(&["module", "bind", "--space", "s", "--as", "ada", "validator:com.example.other", "post"]);
    put(&atlas, "com.example.other", r#"{"text":"hi"}"#);
}
