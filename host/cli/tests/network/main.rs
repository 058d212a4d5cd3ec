//! Nodes that find each other and agree: real processes, on the network of this machine alone.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod agreeing;
mod membership;
mod misbehaving;
mod releases;

use std::time::{Duration, Instant};

use atlas_tests::packages;
use atlas_tests::process::{Atlas, Up};
use serde_json::Value as Json;

/// How long something may take before it counts as not happening.
const PATIENCE: Duration = Duration::from_secs(90);

/// A node in a directory that goes when the test ends.
struct Fresh {
    atlas: Atlas,
    _dir: tempfile::TempDir,
}

impl std::ops::Deref for Fresh {
    type Target = Atlas;

    fn deref(&self) -> &Atlas {
        &self.atlas
    }
}

fn fresh() -> Fresh {
    let dir = tempfile::tempdir().unwrap();
    Fresh { atlas: Atlas::new(env!("CARGO_BIN_EXE_atlas"), dir.path().join("node")), _dir: dir }
}

/// With an identity of this name.
fn named(name: &str) -> Fresh {
    let fresh = fresh();
    fresh.json(&["id", "new", name]);
    fresh
}

/// With Ada, and a space of hers for packages and posts that holds some packages.
fn settled(records: usize) -> Fresh {
    let fresh = named("ada");
    let types = ["--type", "atlas.package=package", "--type", "atlas.post=post"];
    fresh.json(&[&["space", "create", "debian", "--as", "ada"], &types[..]].concat());
    fresh
        .json_with(&["import", "debian", "-", "--space", "debian", "--as", "ada"], packages::index(records).as_bytes());
    fresh
}

/// Waits until something holds, and says what did not.
#[track_caller]
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "it never came to this: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The invitation to a space of a running node.
#[track_caller]
fn invitation(atlas: &Atlas, space: &str) -> String {
    let invite = atlas.json(&["space", "invite", space]);
    assert!(!invite["peers"].as_array().unwrap().is_empty(), "{invite}");
    invite["line"].as_str().unwrap().to_owned()
}

/// Digest and size of a space's sets, if the space is here.
fn set(atlas: &Atlas, space: &str) -> Option<Json> {
    let ended = atlas.run(&["query", "--space", space, "--limit", "1", "--json"]);
    (ended.code == Some(0)).then(|| ended.json()["set"].clone())
}

/// Waits until two nodes hold the same.
#[track_caller]
fn agree(one: &Atlas, other: &Atlas, space: &str) {
    until("two nodes hold the same", || {
        let sets = (set(one, space), set(other, space));
        sets.0.is_some() && sets.0 == sets.1
    });
}

/// Writes a post; its id.
#[track_caller]
fn post(atlas: &Atlas, author: &str, text: &str) -> String {
    let body = serde_json::json!({ "text": text }).to_string();
    let written = atlas.json(&["put", "atlas.post", "--space", "debian", "--as", author, "--body", &body]);
    written["id"].as_str().unwrap().to_owned()
}

/// Whether a record is here and is shown.
fn shows(atlas: &Atlas, id: &str) -> bool {
    let ended = atlas.run(&["get", id, "--json"]);
    ended.code == Some(0) && ended.json()["status"] == "visible"
}

/// Joins a space of one running node on another.
#[track_caller]
fn join(from: &Atlas, to: &Atlas) {
    let line = invitation(from, "debian");
    to.run(&["space", "join", &line]).exits(0);
}

/// Puts a node on the network of this machine.
#[track_caller]
fn online(atlas: &Atlas) -> Up {
    atlas.up_online(&["--dht", "off"])
}
