//! Queries, cursors, history, taking back; and what is misuse.

use std::collections::HashSet;

use atlas_tests::packages;
use serde_json::json;

use crate::{assert_healthy, counts, fresh, settled};

#[test]
fn cursors_page_through_everything_exactly_once() {
    let atlas = settled();
    let count = 120;
    atlas.json_with(&["import", "debian", "-"], packages::index(count).as_bytes());
    let _up = atlas.up(); // faster: one node answers all
    let mut whole = None;
    for (conditions, limit) in [
        (&["--type", "atlas.package"][..], 7),
        (&["--type", "atlas.package", "--oldest"], 50),
        (&[], 11),
        (&["--author", "ada"], 1000),
        (&["--author", "ada", "--type", "atlas.package"], 13),
        (&["--type", "atlas.package", "--index", "size=0.."], 9),
        (&["--type", "atlas.package", "--index", "name=..", "--oldest"], 17),
        (&["--since", "2020-01-01"], 31),
    ] {
        let (records, pages) = atlas.all(conditions, limit);
        let ids: HashSet<String> = records.iter().map(|record| record["id"].as_str().unwrap().to_owned()).collect();
        assert_eq!((records.len(), ids.len()), (count, count), "{conditions:?}");
        assert!(pages >= count / limit, "{conditions:?}: {pages} pages");
        let expected = whole.get_or_insert_with(|| ids.clone());
        assert_eq!(&ids, expected, "{conditions:?}");
    }
    let (sections, _) = atlas.all(&["--type", "atlas.package", "--index", "section=libs"], 4);
    assert!(!sections.is_empty() && sections.iter().all(|record| record["body"]["section"] == "libs"));
    let (sizes, _) = atlas.all(&["--type", "atlas.package", "--index", "size=100000..2000000", "--oldest"], 5);
    let sizes: Vec<u64> = sizes.iter().map(|record| record["body"]["size"].as_u64().unwrap()).collect();
    assert!(
        sizes.is_sorted() && sizes.iter().all(|size| (100_000..2_000_000).contains(size)) && sizes.len() > 10,
        "{sizes:?}"
    );
}

#[test]
fn a_cursor_goes_on_where_it_was_even_if_records_come_in_between() {
    let atlas = settled();
    atlas.json_with(&["import", "debian", "-"], packages::index(30).as_bytes());
    let first = atlas.json(&["query", "--type", "atlas.package", "--limit", "10"]);
    let more: String = (30..40).map(|i| packages::paragraph(i) + "\n").collect();
    atlas.json_with(&["import", "debian", "-"], more.as_bytes());
    let cursor = first["cursor"].as_str().unwrap();
    let rest = atlas.json(&["query", "--type", "atlas.package", "--limit", "100", "--cursor", cursor]);
    assert_eq!(rest["records"].as_array().unwrap().len(), 20, "older ones only, each once");
    assert!(rest["watermark"].as_u64() > first["watermark"].as_u64());
}

#[test]
fn a_foreign_or_damaged_cursor_is_misuse() {
    let atlas = settled();
    atlas.json_with(&["import", "debian", "-"], packages::index(5).as_bytes());
    let page = atlas.json(&["query", "--type", "atlas.package", "--limit", "2"]);
    let cursor = page["cursor"].as_str().unwrap();
    let other = ["query", "--author", "ada", "--limit", "2", "--cursor", cursor];
    assert_eq!(atlas.problem(2, &other)["code"], "bad-cursor");
    for damaged in ["AAAA", "!", &cursor[..cursor.len() - 3]] {
        let problem = atlas.problem(2, &["query", "--type", "atlas.package", "--cursor", damaged]);
        assert_eq!(problem["code"], "bad-cursor", "{damaged}");
    }
}

#[test]
fn an_address_shows_what_stands_its_history_and_that_it_was_taken_back() {
    let atlas = settled();
    let put = |version: &str| {
        let body = json!({ "name": "tool", "version": version }).to_string();
        atlas.json(&["put", "atlas.package", "--body", &body])["address"].as_str().unwrap().to_owned()
    };
    let addresses = [put("1"), put("2"), put("3")];
    let address = addresses[0].as_str();
    assert!(address.starts_with("atlas://") && addresses.iter().all(|other| other == address));
    assert_eq!(atlas.json(&["get", address])["body"]["version"], "3");
    let at = atlas.json(&["query", "--address", address]);
    assert_eq!((at["records"].as_array().unwrap().len(), &at["cursor"]), (1, &json!(null)));
    let versions = |of: &serde_json::Value| -> Vec<String> {
        of["records"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["body"]["version"].as_str().unwrap_or("-").to_owned())
            .collect()
    };
    assert_eq!(versions(&atlas.json(&["history", address])), ["3", "2", "1"]);

    atlas.json(&["rm", address]);
    assert_eq!(atlas.json(&["query", "--address", address])["records"], json!([]));
    assert_eq!(atlas.json(&["query", "--type", "atlas.package"])["records"], json!([]));
    let history = atlas.json(&["history", address]);
    let statuses: Vec<_> =
        history["records"].as_array().unwrap().iter().map(|it| it["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["delete", "deleted", "deleted", "deleted"]);
    assert_eq!(versions(&history), ["-", "-", "-", "-"], "the bodies are gone");
    assert_eq!(atlas.problem(1, &["rm", address])["code"], "nothing-there");
    assert_eq!(counts(&atlas), (0, 4));
    // The address can be used again.
    put("4");
    assert_eq!(atlas.json(&["get", address])["body"]["version"], "4");
    assert_healthy(&atlas);
}

#[test]
fn a_post_is_taken_back_by_its_id_and_only_by_its_author() {
    let atlas = settled();
    atlas.json(&["id", "new", "eve"]);
    let post = atlas.json(&["put", "atlas.post", "--as", "ada", "--body", r#"{"text":"mine"}"#]);
    let id = post["id"].as_str().unwrap();
    assert_eq!(atlas.problem(1, &["rm", id, "--as", "eve"])["code"], "not-the-author");
    atlas.json(&["rm", id, "--as", "ada"]);
    let gone = atlas.json(&["get", id]);
    assert_eq!((&gone["status"], gone.get("body")), (&json!("deleted"), None));
    assert_healthy(&atlas);
}

#[test]
fn links_are_found_from_both_ends() {
    let atlas = settled();
    let post = atlas.json(&["put", "atlas.post", "--body", r#"{"text":"first"}"#]);
    let id = post["id"].as_str().unwrap();
    let reply =
        atlas.run(&["put", "atlas.post", "--body", r#"{"text":"second"}"#, "--link", &format!("reply={id}"), "--json"]);
    let reply = if reply.code == Some(0) { reply } else { panic!("{}", reply.err) }.json();
    for condition in [format!("reply={id}"), format!("={id}")] {
        let found = atlas.json(&["query", "--link", &condition]);
        assert_eq!(found["records"].as_array().unwrap().len(), 1, "{condition}");
        assert_eq!(found["records"][0]["id"], reply["id"]);
    }
    assert_eq!(atlas.json(&["query", "--link", &format!("quote={id}")])["records"], json!([]));
}

#[test]
fn misuse_exits_with_2_and_a_refusal_with_1() {
    let atlas = settled();
    let cid = "bafyr4igmk4lln3clwvf32c2murhifjx2uio2xgythakav3pna3dvdqwdwy";
    let misuse: &[&[&str]] = &[
        &[],
        &["no-such-command"],
        &["put", "atlas.post"],
        &["put", "atlas.post", "--body", "{not json"],
        &["put", "Not A Type", "--body", "{}"],
        &["put", "atlas.post", "--body", "[]"],
        &["put", "atlas.post", "--body", "{\"text\":\"x\"}", "--link", "nonsense"],
        &["get", "neither-address-nor-id"],
        &["query", "--limit", "0"],
        &["query", "--limit", "1001"],
        &["query", "--index", "name=x"],
        &["query", "--type", "atlas.package", "--index", "size=large"],
        &["query", "--since", "one of these days"],
        &["query", "--link", "no-equals-sign"],
        &["import", "no-such-format", "-"],
        &["id", "new", "../escape"],
        &["space", "create", "typo", "--type", "atlas.post"],
        &["module", "bind", "no:such:slot", "post"],
        &["up", "--api", "0.0.0.0:0"],
    ];
    for args in misuse {
        let ended = atlas.run(args).exits(2);
        assert!(!ended.err.is_empty() && ended.out.is_empty(), "{args:?}");
    }
    let refused: &[&[&str]] = &[
        &["get", cid],
        &["rm", cid],
        &["query", "--space", "no-such-space"],
        &["query", "--type", "example.unknown", "--index", "name=x"],
        &["query", "--type", "atlas.package", "--index", "no-such-index=x"],
        &["query", "--author", "nobody"],
        &["id", "show", "nobody"],
        &["id", "new", "ada"],
        &["space", "create", "debian"],
        &["space", "create", "other", "--type", "atlas.post=no-such-module"],
        &["module", "inspect", "no-such-module"],
        &["module", "install", "/no/such/file.wasm"],
        &["import", "debian", "/no/such/index"],
        &["put", "atlas.post", "--body", "{}"],
        &["put", "atlas.post", "--as", "nobody", "--body", "{\"text\":\"x\"}"],
        &["put", "atlas.post", "--key", "unwanted", "--body", "{\"text\":\"x\"}"],
    ];
    for args in refused {
        let ended = atlas.run(args).exits(1);
        assert!(
            ended.err.starts_with("error: ") && ended.err.len() > 20 && ended.out.is_empty(),
            "{args:?}: {}",
            ended.err
        );
        let problem = atlas.problem(1, args);
        assert!(problem["code"].as_str().is_some_and(|code| !code.is_empty()), "{args:?}: {problem}");
        assert!(problem["detail"].as_str().is_some_and(|text| text.len() > 10), "{args:?}: {problem}");
    }
    assert_eq!(counts(&atlas), (0, 0));
}

#[test]
fn what_is_left_out_is_filled_in_or_asked_for() {
    let atlas = fresh();
    let put = ["put", "atlas.post", "--body", r#"{"text":"x"}"#];
    let told = atlas.run(&put).exits(2).err;
    assert!(told.contains("atlas space create") || told.contains("atlas id new"), "{told}");
    crate::settle(&atlas);
    atlas.json(&put);
    atlas.json(&["id", "new", "eve"]);
    let told = atlas.run(&put).exits(2).err;
    assert!(told.contains("--as") && told.contains("ada") && told.contains("eve"), "{told}");
    atlas.json(&["space", "create", "second", "--as", "eve"]);
    let told = atlas.run(&["query"]).exits(2).err;
    assert!(told.contains("--space") && told.contains("debian") && told.contains("second"), "{told}");
}

#[test]
fn a_body_of_a_byte_more_than_64_kib_is_refused_with_a_way_out() {
    let atlas = settled();
    let body = json!({ "name": "large", "version": "1", "x-data": { "$bytes": "A".repeat(87_384) } }).to_string();
    let ended = atlas.run_with(&["put", "atlas.package", "--body", "-"], body.as_bytes()).exits(1);
    assert!(ended.err.contains("65536") && ended.err.contains("hint: move large content to a blob"), "{}", ended.err);
    // A body that fits, under a header that does not leave it the room.
    let body = json!({ "name": "large", "version": "1", "x-data": { "$bytes": "A".repeat(87_200) } }).to_string();
    let ended = atlas.run_with(&["put", "atlas.package", "--body", "-"], body.as_bytes()).exits(1);
    assert!(ended.err.contains("65536"), "{}", ended.err);
    assert_eq!(counts(&atlas), (0, 0), "and it took no position in the chain");
    atlas.json(&["put", "atlas.post", "--body", r#"{"text":"small"}"#]);
    assert_healthy(&atlas);
}
