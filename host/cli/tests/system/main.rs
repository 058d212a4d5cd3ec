//! The `atlas` command as its users meet it: real processes on real directories.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod api;
mod artifacts;
mod asking;
mod blobs;
mod debian;
mod disk_full;
mod first_minutes;
mod identities;
mod killing;
mod languages;
mod lexicon;
mod lines_of_json;
mod live_reads;
mod modules;
mod moving;
mod rich_reads;
mod running;
mod sample;
mod upgrades;
mod workflow;

use std::sync::atomic::{AtomicU32, Ordering};

use atlas_tests::process::Atlas;

/// The command under test, on an empty directory that goes when the test ends.
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

fn on(dir: &std::path::Path) -> Atlas {
    Atlas::new(env!("CARGO_BIN_EXE_atlas"), dir)
}

fn fresh() -> Fresh {
    let dir = tempfile::tempdir().unwrap();
    Fresh { atlas: on(&dir.path().join("node")), _dir: dir }
}

/// With Ada and a space for packages and posts.
fn settled() -> Fresh {
    let fresh = fresh();
    settle(&fresh);
    fresh
}

fn settle(atlas: &Atlas) {
    atlas.json(&["id", "new", "ada"]);
    let types = ["--type", "atlas.package=package", "--type", "atlas.post=post"];
    atlas.json(&[&["space", "create", "debian", "--as", "ada"], &types[..]].concat());
}

/// Visible records and headers of the space `debian`.
#[track_caller]
fn counts(atlas: &Atlas) -> (u64, u64) {
    let status = atlas.json(&["status"]);
    let space = status["spaces"].as_array().unwrap().iter().find(|space| space["name"] == "debian").unwrap().clone();
    (space["records"].as_u64().unwrap(), space["headers"].as_u64().unwrap())
}

#[track_caller]
fn assert_healthy(atlas: &Atlas) {
    let report = atlas.json(&["doctor"]);
    assert_eq!((&report["healthy"], &report["problem_count"]), (&true.into(), &0.into()), "{report}");
}

/// A number that no other test of this process got.
fn unique() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
