//! A node that runs beside the commands.

use serde_json::json;

use crate::{assert_healthy, counts, fresh, sample, settle, settled};

#[test]
fn a_running_node_does_what_the_commands_say() {
    let atlas = fresh();
    let up = atlas.up();
    assert!(up.address.ip().is_loopback());
    // Everything below reaches the running node: it holds the directory.
    settle(&atlas);
    let good = sample::READ - sample::BAD.len() as u64;
    let summary = atlas.json_with(&["import", "debian", "-"], sample::index().as_bytes());
    assert_eq!((&summary["read"], &summary["accepted"]), (&json!(sample::READ), &json!(good)));
    let needing = atlas.json(&["query", "--link", "depends=name:libssl3", "--limit", "1000"]);
    assert_eq!(needing["records"].as_array().unwrap().len(), sample::NEEDS_SSL.len());
    let post = atlas.json(&["put", "atlas.post", "--body", r#"{"text":"hi"}"#]);
    assert_eq!(atlas.json(&["get", post["id"].as_str().unwrap()])["body"]["text"], "hi");
    assert_eq!(atlas.problem(1, &["put", "example.other", "--body", "{}"])["code"], "unknown-type");
    atlas.json(&["rm", post["id"].as_str().unwrap()]);
    let address = needing["records"][0]["address"].as_str().unwrap();
    assert_eq!(atlas.json(&["history", address])["records"].as_array().unwrap().len(), 1);
    assert!(atlas.json(&["status"])["uptime_seconds"].is_u64());
    let archive = atlas.run(&["export"]).exits(0).out;
    assert_healthy(&atlas);
    let before = counts(&atlas);
    assert_eq!(up.terminate(), Some(0), "SIGTERM ends it cleanly");
    assert!(!atlas.dir().join("api.json").exists(), "nobody is sent to a node that is gone");
    // The same without a running node.
    assert_eq!(counts(&atlas), before);
    assert_eq!(atlas.run(&["export"]).exits(0).out, archive);
    assert_healthy(&atlas);
}

#[test]
fn a_second_node_on_the_same_directory_is_told_so() {
    let atlas = settled();
    let mut up = atlas.up();
    let ended = atlas.run(&["up", "--api", "127.0.0.1:0"]).exits(1);
    assert!(ended.err.contains("in use by another process"), "{}", ended.err);
    assert!(ended.err.contains(atlas.dir().to_str().unwrap()), "it says where: {}", ended.err);
    let problem = atlas.problem(1, &["up", "--api", "127.0.0.1:0"]);
    assert_eq!(problem["code"], "in-use");
    assert!(up.runs());
    atlas.json(&["status"]);
}

#[test]
fn a_taken_port_is_named() {
    let atlas = settled();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = atlas.run(&["up", "--api", &address]).exits(1);
    assert!(ended.err.contains(&address) && ended.err.contains("--api"), "{}", ended.err);
}

#[test]
fn commands_side_by_side_each_get_their_turn() {
    let atlas = settled();
    // Without a running node, each opens the directory for itself.
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|i| {
                let atlas = &atlas;
                scope.spawn(move || {
                    for j in 0..3 {
                        atlas.json(&[
                            "put",
                            "atlas.post",
                            "--body",
                            &json!({ "text": format!("{i} {j}") }).to_string(),
                        ]);
                    }
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
    });
    assert_eq!(counts(&atlas), (12, 12));
    assert_healthy(&atlas);
}

#[test]
fn writers_of_a_running_node_do_not_fork_their_chain() {
    let atlas = settled();
    let up = atlas.up();
    std::thread::scope(|scope| {
        for i in 0..4 {
            let atlas = &atlas;
            scope.spawn(move || {
                for j in 0..5 {
                    atlas.json(&["put", "atlas.post", "--body", &json!({ "text": format!("{i} {j}") }).to_string()]);
                }
            });
        }
    });
    assert_eq!(up.terminate(), Some(0));
    let node = atlas_node::Node::open(atlas_node::NodeConfig::new(atlas.dir())).unwrap();
    assert_eq!((node.store().watermark(), node.store().forks(10).unwrap()), (20, vec![]));
}

#[test]
fn sigterm_in_the_middle_of_an_import_ends_it_cleanly_and_keeps_what_was_written() {
    let atlas = settled();
    let up = atlas.up();
    let index = atlas_tests::packages::index(3000);
    std::thread::scope(|scope| {
        let import = scope.spawn(|| atlas.run_with(&["import", "debian", "-"], index.as_bytes()));
        while counts(&atlas).0 < 500 {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        assert_eq!(up.terminate(), Some(0));
        // It may have been finished, or told that the node went away: no other end is good.
        let ended = import.join().unwrap();
        assert!(
            ended.code == Some(0) || (ended.code == Some(1) && !ended.err.is_empty()),
            "{:?} {}",
            ended.code,
            ended.err
        );
    });
    assert!(counts(&atlas).0 >= 500);
    assert_healthy(&atlas);
}
