//! A space that moves from one node to another.

use atlas_tests::packages;
use serde_json::json;

use crate::{assert_healthy, counts, fresh, sample, settled};

#[test]
fn a_space_that_is_exported_is_the_same_where_it_is_imported() {
    let atlas = settled();
    atlas.json_with(&["import", "debian", "-"], sample::index().as_bytes());
    let post = atlas.json(&["put", "atlas.post", "--body", r#"{"text":"to be taken back"}"#]);
    atlas.json(&["rm", post["id"].as_str().unwrap()]);
    atlas.json(&["put", "atlas.package", "--body", r#"{"name":"jq","version":"2","architecture":"amd64"}"#]);
    let file = atlas.dir().join("space.atlas");
    atlas.json(&["export", "--output", file.to_str().unwrap()]);

    let other = fresh();
    let summary = other.json(&["import", "atlas", file.to_str().unwrap()]);
    let (visible, headers) = counts(&atlas);
    assert_eq!((&summary["read"], &summary["rejected"]), (&json!(headers), &json!(0)), "{summary}");
    assert_eq!(counts(&other).0, visible);
    assert_eq!(counts(&other).1, headers, "history and deletes travel too");
    let conditions = [
        &["--type", "atlas.package"][..],
        &["--link", "depends=name:libssl3"],
        &["--type", "atlas.package", "--index", "name=jq"],
    ];
    for condition in conditions {
        let ids = |atlas: &atlas_tests::process::Atlas| {
            let mut ids: Vec<_> = atlas.all(condition, 100).0.iter().map(|record| record["id"].to_string()).collect();
            ids.sort();
            ids
        };
        assert_eq!(ids(&atlas), ids(&other), "{condition:?}");
    }
    assert_healthy(&other);

    let again = other.json(&["import", "atlas", file.to_str().unwrap()]);
    assert_eq!((&again["written"], &again["unchanged"]), (&json!(0), &json!(headers)), "{again}");
    // Without keys of their own nobody writes in Ada's name there.
    assert_eq!(other.json(&["id", "list"]), json!([]));
    // Round and back: nothing changes at home.
    let back = other.run(&["export"]).exits(0).out;
    let home = atlas.json_with(&["import", "atlas", "-"], &back);
    assert_eq!(home["written"], 0, "{home}");
    assert_eq!(counts(&atlas), (visible, headers));
}

#[test]
fn someone_else_writes_into_a_space_that_was_imported() {
    let (atlas, other) = (settled(), fresh());
    atlas.json(&["put", "atlas.post", "--body", r#"{"text":"from Ada"}"#]);
    other.json_with(&["import", "atlas", "-"], &atlas.run(&["export"]).exits(0).out);
    other.json(&["id", "new", "bob"]);
    other.json(&["put", "atlas.post", "--body", r#"{"text":"from Bob"}"#]);
    let summary = atlas.json_with(&["import", "atlas", "-"], &other.run(&["export"]).exits(0).out);
    assert_eq!((&summary["written"], &summary["unchanged"]), (&json!(1), &json!(1)), "{summary}");
    assert_eq!(counts(&atlas), (2, 2));
    let problem = other.problem(1, &["module", "bind", "validator:example.x", "post"]);
    assert_eq!(problem["code"], "not-the-founder");
    assert_healthy(&atlas);
}

#[test]
fn an_archive_that_is_cut_off_is_refused_and_the_rest_can_follow() {
    let atlas = settled();
    atlas.json_with(&["import", "debian", "-"], packages::index(300).as_bytes());
    let archive = atlas.run(&["export"]).exits(0).out;
    let other = fresh();
    let ended = other.run_with(&["import", "atlas", "-"], &archive[..archive.len() - 10]);
    assert!(matches!(ended.code, Some(1 | 2)) && ended.err.contains("cut off"), "{:?} {}", ended.code, ended.err);
    assert_healthy(&other);
    let summary = other.json_with(&["import", "atlas", "-"], &archive);
    assert_eq!(summary["accepted"], 300, "{summary}");
    assert_eq!(counts(&other), (300, 300));
}

#[test]
fn one_flipped_byte_in_an_archive_costs_one_record() {
    let atlas = settled();
    atlas.json_with(&["import", "debian", "-"], packages::index(50).as_bytes());
    let mut archive = atlas.run(&["export"]).exits(0).out;
    let last = archive.len() - 5;
    archive[last] ^= 1;
    let other = fresh();
    let ended = other.run_with(&["import", "atlas", "-", "--json"], &archive).exits(0);
    let summary = ended.json();
    assert_eq!((&summary["read"], &summary["accepted"], &summary["rejected"]), (&json!(50), &json!(49), &json!(1)));
    assert_eq!(ended.lines()[0]["rejected"]["code"], "malformed");
    assert_healthy(&other);
}

#[test]
fn what_is_no_archive_is_refused() {
    let atlas = fresh();
    for input in [&b""[..], b"hello", &[0x82, 0x61, b'x', 0x40]] {
        let ended = atlas.run_with(&["import", "atlas", "-"], input);
        assert!(matches!(ended.code, Some(1 | 2)) && ended.err.contains("archive"), "{:?} {}", ended.code, ended.err);
    }
}
