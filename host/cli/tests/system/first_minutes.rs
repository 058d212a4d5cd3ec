//! Every command of the first five minutes, in order, on an empty directory.

use serde_json::{Value as Json, json};

use crate::sample::{self, BAD, NEEDS_SSL, READ};
use crate::{assert_healthy, counts, fresh};

fn names(answer: &Json) -> Vec<String> {
    let mut names: Vec<String> = answer["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| record["body"]["name"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn the_first_five_minutes_work_in_order() {
    let atlas = fresh();
    let ada = atlas.json(&["id", "new", "ada"]);
    assert_eq!(ada["name"], "ada");
    assert!(ada["id"].as_str().unwrap().starts_with("baf"), "{ada}");
    assert_eq!(ada["devices"], json!([ada["this_device"]]));

    let space = atlas.json(&["space", "create", "debian", "--as", "ada", "--type", "atlas.package=package"]);
    assert_eq!((&space["name"], &space["founder"]), (&json!("debian"), &ada["id"]));
    assert_eq!(space["slots"]["validator:atlas.package"]["module"], "package");

    let imported = atlas
        .run_with(&["import", "debian", "-", "--space", "debian", "--as", "ada", "--json"], sample::index().as_bytes())
        .exits(0);
    let lines = imported.lines();
    let summary = lines.last().unwrap();
    let [read, accepted, rejected] = ["read", "accepted", "rejected"].map(|field| summary[field].as_u64().unwrap());
    assert_eq!((read, accepted, rejected), (READ, READ - BAD.len() as u64, BAD.len() as u64), "{summary}");
    let reasons: Vec<_> = lines[..lines.len() - 1].iter().map(|line| &line["rejected"]).collect();
    assert_eq!(reasons.iter().map(|reason| reason["name"].as_str().unwrap()).collect::<Vec<_>>(), BAD);
    for reason in reasons {
        let [code, text] = ["code", "text"].map(|field| reason[field].as_str().unwrap());
        assert!(!code.is_empty() && text.len() > 10 && reason["at"].as_u64() > Some(1), "{reason}");
    }

    let ssl = atlas.json(&["query", "--space", "debian", "--type", "atlas.package", "--index", "name=libssl3"]);
    assert_eq!(names(&ssl), ["libssl3", "libssl3"], "for two machines");
    assert_eq!((&ssl["cursor"], &ssl["watermark"]), (&json!(null), &json!(accepted)));
    let record = &ssl["records"][1];
    assert_eq!((&record["type"], &record["author"]), (&json!("atlas.package"), &ada["id"]));
    assert_eq!(record["status"], "visible");
    let relations = &ssl["records"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["body"]["architecture"] == "amd64")
        .unwrap()["body"]["relations"];
    assert_eq!(relations["depends"], json!([[{ "name": "libc6", "constraint": { "op": ">=", "version": "2.34" } }]]));

    let needing = atlas.json(&["query", "--space", "debian", "--link", "depends=name:libssl3", "--limit", "1000"]);
    assert_eq!(names(&needing), NEEDS_SSL);

    let put = ["put", "atlas.post", "--space", "debian", "--as", "ada", "--body", r#"{"text":"hi"}"#];
    let refused = atlas.run(&put).exits(1);
    assert!(
        refused.err.contains("has no type `atlas.post`") && refused.err.contains("atlas module bind"),
        "{}",
        refused.err
    );
    assert!(refused.out.is_empty());
    let problem = atlas.problem(1, &put);
    assert_eq!((&problem["code"], &problem["status"]), (&json!("unknown-type"), &json!(422)));
    assert!(problem["hint"].as_str().unwrap().contains("validator:atlas.post"), "{problem}");

    atlas.json(&["module", "bind", "--space", "debian", "--as", "ada", "validator:atlas.post", "post"]);
    let written = atlas.json(&put);
    let post = atlas.json(&["get", written["id"].as_str().unwrap()]);
    assert_eq!((&post["body"], &post["status"]), (&json!({ "text": "hi" }), &json!("visible")));

    let module = atlas.json(&["module", "inspect", "package"]);
    assert_eq!((&module["role"], &module["imports"]), (&json!("validator"), &json!([])));
    assert!(module["size"].as_u64() > Some(1000), "{module}");
    assert_eq!(module["fuel"]["meter"], "meter/1");
    assert!(
        module["fuel"]["empty_record"].as_u64() > Some(0) && module["fuel"]["default_limit"].as_u64() > Some(0),
        "{module}"
    );

    let status = atlas.json(&["status"]);
    assert_eq!(
        (&status["spaces"][0]["name"], &status["spaces"][0]["records"]),
        (&json!("debian"), &json!(accepted + 1))
    );
    assert_healthy(&atlas);
}

#[test]
fn importing_twice_leaves_every_package_exactly_once() {
    let atlas = crate::settled();
    let import = ["import", "debian", "-", "--space", "debian", "--as", "ada"];
    let index = sample::index();
    let first = atlas.json_with(&import, index.as_bytes());
    let good = READ - BAD.len() as u64;
    assert_eq!((&first["written"], &first["unchanged"]), (&json!(good), &json!(0)));
    for _ in 0..2 {
        let again = atlas.json_with(&import, index.as_bytes());
        assert_eq!(
            (&again["accepted"], &again["written"], &again["unchanged"]),
            (&json!(good), &json!(0), &json!(good))
        );
    }
    assert_eq!(counts(&atlas), (good, good), "no second header either");
    // A new version replaces, and the old index does not bring the old one back.
    let newer = index.replace("Package: jq\nVersion: 1.6-2.1", "Package: jq\nVersion: 1.7-1");
    assert_eq!(atlas.json_with(&import, newer.as_bytes())["written"], 1);
    assert_eq!(atlas.json_with(&import, newer.as_bytes())["written"], 0);
    let jq = atlas.json(&["query", "--type", "atlas.package", "--index", "name=jq"]);
    assert_eq!(jq["records"].as_array().unwrap().len(), 1);
    assert_eq!(jq["records"][0]["body"]["version"], "1.7-1");
    let history = atlas.json(&["history", jq["records"][0]["address"].as_str().unwrap()]);
    let statuses: Vec<_> =
        history["records"].as_array().unwrap().iter().map(|it| it["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["visible", "superseded"]);
    assert_eq!(counts(&atlas), (good, good + 1));
    assert_healthy(&atlas);
}

#[test]
fn an_entry_that_comes_twice_in_one_index_is_written_once() {
    let atlas = crate::settled();
    let index =
        "Package: a\nVersion: 1\n\nPackage: a\nVersion: 2\n\nPackage: a\nVersion: 2\n\nPackage: a\nVersion: 1\n";
    let summary = atlas.json_with(&["import", "debian", "-"], index.as_bytes());
    assert_eq!((&summary["read"], &summary["accepted"], &summary["written"]), (&json!(4), &json!(4), &json!(2)));
    let found = atlas.json(&["query", "--type", "atlas.package"]);
    assert_eq!(found["records"][0]["body"]["version"], "2");
    assert_eq!(counts(&atlas), (1, 2));
}

#[test]
fn commands_speak_to_people_too() {
    let atlas = fresh();
    let told = |args: &[&str]| atlas.run(args).exits(0).text();
    assert!(told(&["id", "list"]).contains("atlas id new"), "what to do next");
    assert!(told(&["id", "new", "ada"]).starts_with("ada  baf"));
    assert!(told(&["space", "list"]).contains("atlas space create"));
    assert!(told(&["space", "create", "debian", "--type", "atlas.package=package"]).starts_with("debian  baf"));
    let imported = atlas.run_with(&["import", "debian", "-"], sample::index().as_bytes()).exits(0);
    assert!(
        imported.text().contains("read 27, accepted 24 (24 new, 0 already here, 0 waiting), rejected 3"),
        "{}",
        imported.text()
    );
    assert!(imported.err.contains("(no-version)") && imported.err.contains("Version"), "{}", imported.err);
    assert!(told(&["query", "--index", "name=jq", "--type", "atlas.package"]).contains("jq 1.6-2.1"));
    assert!(told(&["space", "show"]).contains("validator:atlas.package = package"));
    assert!(told(&["module", "list"]).contains("post"));
    assert!(told(&["module", "inspect", "post"]).contains("imports  none"));
    assert!(told(&["status"]).contains("space debian  24 records"));
    assert!(told(&["doctor"]).contains("everything agrees"));
    assert!(told(&["completions", "bash"]).contains("atlas"));
    let man = tempfile::tempdir().unwrap();
    told(&["man", man.path().to_str().unwrap()]);
    assert!(std::fs::read_dir(man.path()).unwrap().count() > 5);
}
