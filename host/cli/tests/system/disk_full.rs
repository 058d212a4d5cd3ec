//! A disk that fills up: a clear error, nothing lost, and on it goes once there is room.

use std::path::{Path, PathBuf};
use std::process::Command;

use atlas_tests::{packages, skipped};
use serde_json::Value as Json;

use crate::{assert_healthy, counts, on, settle, unique};

/// A small file system in memory. Unmounted when dropped.
struct Small(PathBuf);

impl Small {
    /// Mounting needs root, and not every container lets root.
    fn mount(megabytes: u32) -> Option<Self> {
        let path = std::env::temp_dir().join(format!("atlas-full-{}-{}", std::process::id(), unique()));
        std::fs::create_dir_all(&path).unwrap();
        let small = Self(path);
        let options = format!("size={megabytes}m,mode=700");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&small.0).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(small)
    }

    fn grow(&self, megabytes: u32) {
        let options = format!("remount,size={megabytes}m");
        assert!(Command::new("mount").args(["-o", &options]).arg(&self.0).status().unwrap().success());
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).output();
        let _ = std::fs::remove_dir(&self.0);
    }
}

fn says_full(text: &str) -> bool {
    text.contains("full") || text.contains("No space left")
}

#[test]
fn a_full_disk_is_reported_and_nothing_acknowledged_is_lost() {
    let Some(small) = Small::mount(24) else {
        return skipped("a_full_disk_is_reported_and_nothing_acknowledged_is_lost", "needs root and a tmpfs");
    };
    let atlas = on(&small.0.join("node"));
    settle(&atlas);
    let index = packages::index(4000);
    let summary = atlas.json_with(&["import", "debian", "-"], index.as_bytes());
    assert_eq!(summary["accepted"], 4000);
    // The rest of the disk goes to somebody else.
    fill(&small.0.join("other"), 256 * 1024);
    let more: String = (4000..40_000).map(|i| packages::paragraph(i) + "\n").collect();
    let up = atlas.up();
    let ended = atlas.run_with(&["import", "debian", "-", "--json"], more.as_bytes()).exits(1);
    assert!(says_full(&ended.err), "it says that the disk is full: {}", ended.err);
    assert_eq!(ended.problem()["code"], "disk-full", "{}", ended.err);
    // The node still answers what it can.
    let found = atlas.json(&["query", "--type", "atlas.package", "--index", "name=lib0"]);
    assert_eq!(found["records"].as_array().unwrap().len(), 1);
    let shown = counts(&atlas).0;
    assert!(shown >= 4000);
    let refused = atlas.run(&["put", "atlas.post", "--body", r#"{"text":"no room"}"#]).exits(1);
    assert!(says_full(&refused.err) || refused.err.contains("stopped accepting writes"), "{}", refused.err);
    assert!(up.terminate().is_some(), "it ends by itself");
    // A restart on the full disk either works for reading or says what is wrong.
    let ended = atlas.run(&["status", "--json"]);
    match ended.code {
        Some(0) => assert!(records(&ended.json()) >= shown),
        _ => assert!(says_full(&ended.err), "{}", ended.err),
    }
    std::fs::remove_file(small.0.join("other")).unwrap();
    small.grow(512);
    assert!(counts(&atlas).0 >= shown, "everything acknowledged is there");
    assert_healthy(&atlas);
    let summary = atlas.json_with(&["import", "debian", "-"], (index + &more).as_bytes());
    assert_eq!(summary["accepted"], 40_000);
    assert_eq!(counts(&atlas), (40_000, 40_000));
    assert_healthy(&atlas);
}

fn records(status: &Json) -> u64 {
    status["spaces"][0]["records"].as_u64().unwrap()
}

/// Fills the file system, but for `leave` bytes.
fn fill(path: &Path, leave: u64) {
    use std::io::Write;
    let mut file = std::fs::File::create(path).unwrap();
    let block = vec![0u8; 64 * 1024];
    let mut written = 0u64;
    while let Ok(length) = file.write(&block) {
        if length == 0 {
            break;
        }
        written += length as u64;
    }
    file.set_len(written.saturating_sub(leave)).unwrap();
}

#[test]
fn a_disk_without_room_for_a_node_at_all_gets_a_clear_error() {
    let Some(small) = Small::mount(1) else {
        return skipped("a_disk_without_room_for_a_node_at_all_gets_a_clear_error", "needs root and a tmpfs");
    };
    fill(&small.0.join("other"), 0);
    let atlas = on(&small.0.join("node"));
    let ended = atlas.run(&["id", "new", "ada"]).exits(1);
    assert!(says_full(&ended.err), "{}", ended.err);
}
