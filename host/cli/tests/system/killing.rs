//! `kill -9` while a node works: everything acknowledged is there afterwards.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use atlas_tests::packages;
use serde_json::{Value as Json, json};

use crate::{assert_healthy, counts, settled};

const PACKAGES: usize = 5000;

#[test]
fn kill_9_in_the_middle_of_an_import_loses_nothing_acknowledged() {
    let atlas = settled();
    let index = packages::index(PACKAGES);
    let mut acknowledged: Vec<String> = Vec::new();
    let mut at_least = 0;
    // Each time the import goes further than the last before the node is killed.
    for stop_at in [1, 600, 1500, 2700, 4200] {
        let mut up = Some(atlas.up());
        let stopping = AtomicBool::new(false);
        let seen = std::thread::scope(|scope| {
            let import = scope.spawn(|| atlas.run_with(&["import", "debian", "-"], index.as_bytes()));
            let posts = scope.spawn(|| {
                // Somebody writes meanwhile; only what was answered counts.
                let mut ids = Vec::new();
                for i in 0.. {
                    let body = json!({ "text": format!("{stop_at} {i}") }).to_string();
                    let ended = atlas.run(&["put", "atlas.post", "--body", &body, "--json"]);
                    if ended.code != Some(0) || stopping.load(Ordering::SeqCst) {
                        break;
                    }
                    ids.push(ended.json()["id"].as_str().unwrap().to_owned());
                }
                ids
            });
            let deadline = Instant::now() + Duration::from_secs(120);
            let packages = loop {
                let status = atlas.json(&["status"]);
                let of_type = |types: &Json, name: &str| {
                    types
                        .as_array()
                        .unwrap()
                        .iter()
                        .find(|of| of["type"] == name)
                        .map_or(0, |of| of["records"].as_u64().unwrap())
                };
                let packages = of_type(&status["spaces"][0]["types"], "atlas.package");
                if packages >= stop_at {
                    break packages;
                }
                assert!(Instant::now() < deadline, "the import does not get on: {packages} of {stop_at}");
            };
            stopping.store(true, Ordering::SeqCst);
            up.take().unwrap().kill();
            let ended = import.join().unwrap();
            // A slow machine may have killed it after the end.
            assert!(matches!(ended.code, Some(0 | 1)), "{:?} {}", ended.code, ended.err);
            acknowledged.extend(posts.join().unwrap());
            packages
        });
        at_least = at_least.max(seen);
        // What was shown was durable, and so was what was answered.
        let status = atlas.json(&["status"]);
        let types = status["spaces"][0]["types"].as_array().unwrap().clone();
        let packages = types.iter().find(|of| of["type"] == "atlas.package").unwrap();
        assert!(packages["records"].as_u64().unwrap() >= at_least, "{status}");
        assert_eq!(packages["records"], packages["headers"], "each once so far");
        assert_healthy(&atlas);
    }
    let summary = atlas.json_with(&["import", "debian", "-"], index.as_bytes());
    let [read, accepted, unchanged] = ["read", "accepted", "unchanged"].map(|field| summary[field].as_u64().unwrap());
    assert_eq!((read, accepted), (PACKAGES as u64, PACKAGES as u64));
    assert!(unchanged >= at_least, "{summary}");
    let up = atlas.up();
    let (found, _) = atlas.all(&["--type", "atlas.package"], 1000);
    let mut times: BTreeMap<&str, u32> = BTreeMap::new();
    found.iter().for_each(|record| *times.entry(record["body"]["name"].as_str().unwrap()).or_default() += 1);
    assert_eq!((times.len(), found.len()), (PACKAGES, PACKAGES), "every package exactly once");
    assert!(!acknowledged.is_empty());
    for id in &acknowledged {
        assert_eq!(atlas.json(&["get", id])["status"], "visible", "{id} was acknowledged");
    }
    let (visible, headers) = counts(&atlas);
    assert_eq!(visible, headers);
    assert_eq!(up.terminate(), Some(0));
    assert_healthy(&atlas);
    let node = atlas_node::Node::open(atlas_node::NodeConfig::new(atlas.dir())).unwrap();
    assert_eq!(node.store().forks(10).unwrap(), [], "no position was signed twice");
}

#[test]
fn kill_9_of_a_command_that_is_its_own_node_loses_nothing_either() {
    let atlas = settled();
    let index = packages::index(2000);
    let file = atlas.dir().join("index");
    std::fs::write(&file, &index).unwrap();
    for wait in [150, 400, 700, 1200] {
        let mut child = atlas
            .command(&["import", "debian", file.to_str().unwrap()])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(wait));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_healthy(&atlas);
    }
    atlas.json(&["import", "debian", file.to_str().unwrap()]);
    assert_eq!(counts(&atlas), (2000, 2000));
    assert_healthy(&atlas);
}
