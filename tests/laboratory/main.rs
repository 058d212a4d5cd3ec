//! Nodes in a laboratory: real processes in network namespaces, with wires that are cut, routers
//! that hide what is behind them, lines that are narrow or lose what they carry, and crowds of
//! strangers. Needs root, `ip`, `tc` and `nft`; says so and skips without.
//!
//! Times are told, never asserted: `ATLAS_TEST_FULL` takes the machine's whole package index.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod converging;
mod crowds;
mod homes;
mod lab;
mod line;
mod troubles;

use std::io::Write as _;
use std::time::{Duration, Instant};

use atlas_tests::packages::{self, Debian};
use atlas_tests::process::{Atlas, Up};
use lab::{Lab, Place};
use serde_json::Value as Json;

/// How long something may take before it counts as not happening.
const PATIENCE: Duration = Duration::from_secs(240);
/// The same, for whole package indexes.
const LARGE_PATIENCE: Duration = Duration::from_secs(40 * 60);

/// A node in a place, with a directory that goes when the test ends.
struct Node {
    atlas: Atlas,
    _dir: tempfile::TempDir,
}

impl std::ops::Deref for Node {
    type Target = Atlas;

    fn deref(&self) -> &Atlas {
        &self.atlas
    }
}

/// With an identity of this name.
#[track_caller]
fn node(place: &Place, name: &str) -> Node {
    let dir = tempfile::tempdir().unwrap();
    let atlas = Atlas::new(env!("CARGO_BIN_EXE_atlas"), dir.path().join("node")).in_namespace(place.name());
    let node = Node { atlas, _dir: dir };
    node.json(&["id", "new", name]);
    node
}

/// With a space for packages and posts that holds this package index.
#[track_caller]
fn settled(place: &Place, name: &str, index: &str) -> Node {
    let node = node(place, name);
    let types = ["--type", "atlas.package=package", "--type", "atlas.post=post"];
    node.json(&[&["space", "create", "debian", "--as", name], &types[..]].concat());
    node.json_with(&["import", "debian", "-", "--space", "debian", "--as", name], index.as_bytes());
    node
}

/// A package index, and how long to wait for it: the machine's own in a large run, `count` made-up
/// packages in any other.
fn corpus(count: usize) -> (String, Duration) {
    if std::env::var_os("ATLAS_TEST_FULL").is_some()
        && let Some(whole) = Debian::whole()
    {
        return (whole, LARGE_PATIENCE);
    }
    (packages::index(count), PATIENCE)
}

/// What every node here is started with.
const UP: [&str; 7] = ["--mdns", "off", "--dht", "off", "--closed-network", "--listen", "7421"];

/// Puts a node on its place's network.
#[track_caller]
fn online(node: &Node, more: &[&str]) -> Up {
    node.up_with(&[&UP[..], more].concat())
}

/// Tells a figure past the test harness, which hides what passing tests print.
fn told(what: &str) {
    // Nobody can be told that standard error is closed.
    let _ = writeln!(std::io::stderr(), "laboratory: {what}");
}

/// Waits until something holds, for at most so long, and says what did not.
#[track_caller]
fn until_within(patience: Duration, what: &str, mut holds: impl FnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < patience, "it never came to this: {what}");
        std::thread::sleep(Duration::from_millis(200));
    }
    begun.elapsed()
}

/// Waits until something holds, and says what did not.
#[track_caller]
fn until(what: &str, holds: impl FnMut() -> bool) -> Duration {
    until_within(PATIENCE, what, holds)
}

/// The invitation to the space of a running node, once it has an address that `fit`.
#[track_caller]
fn invitation(node: &Node, fit: impl Fn(&str) -> bool) -> String {
    let mut line = String::new();
    until("there is an invitation that names such an address", || {
        let invite = node.json(&["space", "invite", "debian"]);
        line = invite["line"].as_str().unwrap().to_owned();
        invite["peers"].as_array().unwrap().iter().any(|peer| fit(peer.as_str().unwrap()))
    });
    line
}

/// Joins the space of one running node on another.
#[track_caller]
fn join(from: &Node, to: &Node) {
    let line = invitation(from, |_| true);
    to.run(&["space", "join", &line]).exits(0);
}

/// Digest and size of a space's sets, if the space is here.
fn set(node: &Node) -> Option<Json> {
    let ended = node.run(&["query", "--space", "debian", "--limit", "1", "--json"]);
    (ended.code == Some(0)).then(|| ended.json()["set"].clone())
}

/// Waits until two nodes hold the same.
#[track_caller]
fn agree(patience: Duration, one: &Node, other: &Node) -> Duration {
    until_within(patience, "two nodes hold the same", || {
        let sets = (set(one), set(other));
        sets.0.is_some() && sets.0 == sets.1
    })
}

/// How many records queries show.
#[track_caller]
fn records(node: &Node) -> u64 {
    set(node).unwrap()["records"].as_u64().unwrap()
}

/// Writes a post; its id.
#[track_caller]
fn post(node: &Node, author: &str, text: &str) -> String {
    let body = serde_json::json!({ "text": text }).to_string();
    let written = node.json(&["put", "atlas.post", "--space", "debian", "--as", author, "--body", &body]);
    written["id"].as_str().unwrap().to_owned()
}

/// Whether a record is shown.
fn shows(node: &Node, id: &str) -> bool {
    node.run(&["get", id, "--json"]).code == Some(0)
}

/// The peers of a node, as it shows them.
#[track_caller]
fn peers(node: &Node) -> Vec<Json> {
    node.json(&["peer", "list"])["peers"].as_array().unwrap().clone()
}
