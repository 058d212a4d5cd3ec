//! Identities as their owners meet them: apps with grants, devices, recovery, keys at rest.

use std::path::Path;

use atlas_tests::process::Atlas;
use serde_json::{Value as Json, json};

use crate::{Fresh, assert_healthy, fresh, on};

const PASSPHRASE: (&str, &str) = ("ATLAS_PASSPHRASE", "correct horse");

fn home() -> Fresh {
    let atlas = fresh();
    atlas.json(&["id", "new", "ada"]);
    atlas.json(&[
        "space",
        "create",
        "s",
        "--as",
        "ada",
        "--type",
        "atlas.post=post",
        "--type",
        "atlas.package=package",
    ]);
    atlas
}

/// Makes an app and grants it something.
fn app(atlas: &Atlas, name: &str, more: &[&str]) -> String {
    let request = atlas.run(&["id", "new", "--app", name]).exits(0).text();
    assert_eq!(request.trim().lines().count(), 1, "one line");
    let grant = ["id", "grant", request.trim(), "--as", "ada", "--types", "atlas.post", "--space", "s", "--yes"];
    let mut args = grant.to_vec();
    if !more.contains(&"--actions") {
        args.extend(["--actions", "create"]);
    }
    args.extend(more);
    atlas.json(&args)["id"].as_str().unwrap().to_owned()
}

fn post(atlas: &Atlas, who: &str, text: &str) -> String {
    let body = json!({ "text": text }).to_string();
    let written = atlas.json(&["put", "atlas.post", "--space", "s", "--as", who, "--body", &body]);
    written["id"].as_str().unwrap().to_owned()
}

fn refused(atlas: &Atlas, code: &str, args: &[&str]) -> Json {
    let problem = atlas.problem(1, args);
    assert_eq!(problem["code"], code, "{problem}");
    problem
}

const AGAIN: [&str; 8] = ["put", "atlas.post", "--space", "s", "--as", "notes", "--body", r#"{"text":"again"}"#];

#[test]
fn an_app_acts_within_its_grant_until_it_is_revoked() {
    let atlas = home();
    app(&atlas, "notes", &["--expires", "30d"]);
    let id = post(&atlas, "notes", "from the app");
    let record = atlas.json(&["get", &id]);
    let ada = atlas.json(&["id", "show", "ada"]);
    assert_eq!(record["author"], ada["id"], "in Ada's name");
    assert_ne!(record["signed"]["key"], ada["this_device"], "by the app's key");

    let problem = refused(&atlas, "action-not-granted", &["rm", &id, "--as", "notes"]);
    assert!(problem["detail"].as_str().unwrap().contains("does not cover `delete`"), "{problem}");
    let package = ["put", "atlas.package", "--space", "s", "--as", "notes", "--body", r#"{"name":"a","version":"1"}"#];
    refused(&atlas, "type-not-granted", &package);
    atlas.json(&["space", "create", "other", "--as", "ada", "--type", "atlas.post=post"]);
    let elsewhere = ["put", "atlas.post", "--space", "other", "--as", "notes", "--body", r#"{"text":"x"}"#];
    refused(&atlas, "space-not-granted", &elsewhere);

    atlas.json(&["id", "revoke", "notes", "--as", "ada", "--reason", "lost my phone"]);
    let problem = refused(&atlas, "revoked", &AGAIN);
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("revoked on 20") && detail.contains("`ada`") && detail.contains("lost my phone"),
        "{detail}"
    );
    let left = atlas.json(&["query", "--space", "s", "--type", "atlas.post"]);
    assert_eq!(left["records"][0]["body"]["text"], "from the app", "what it did honestly stays");
    let story = atlas.run(&["id", "show", "ada"]).exits(0).text();
    for words in ["created, with device", "may create records of type atlas.post", "lost my phone", "ENDED: revoked"] {
        assert!(story.contains(words), "{words}: {story}");
    }
    assert_healthy(&atlas);
}

#[test]
fn a_grant_that_is_not_confirmed_is_not_signed() {
    let atlas = home();
    let request = atlas.run(&["id", "new", "--app", "notes"]).exits(0).text();
    let grant = ["id", "grant", request.trim(), "--as", "ada", "--types", "atlas.post", "--actions", "create"];
    let asked = atlas.run(&[&grant[..], &["--space", "s"]].concat()).exits(2);
    assert!(asked.err.contains("may create records of type atlas.post"), "{}", asked.err);
    assert!(asked.err.contains("--yes"), "{}", asked.err);
    refused(&atlas, "no-grant", &AGAIN);
    let endless = [&grant[..], &["--space", "s", "--expires", "91d", "--yes"]].concat();
    assert!(atlas.run(&endless).exits(2).err.contains("90 days"));
}

#[test]
fn an_expired_grant_says_so() {
    let atlas = home();
    app(&atlas, "notes", &["--expires", "1s"]);
    std::thread::sleep(std::time::Duration::from_millis(1200));
    let problem = refused(&atlas, "grant-expired", &AGAIN);
    assert!(problem["detail"].as_str().unwrap().contains("expired on 20"), "{problem}");
}

#[test]
fn above_its_rate_an_app_is_told_when_to_come_again() {
    let atlas = home();
    app(&atlas, "notes", &["--rate", "2/1h"]);
    post(&atlas, "notes", "one");
    post(&atlas, "notes", "two");
    // Each command is a process of its own: the window survives them.
    let problem = refused(&atlas, "rate-exceeded", &AGAIN);
    let wait = problem["retry_ms"].as_u64().unwrap();
    assert!(wait > 3_500_000 && wait <= 3_600_000, "{problem}");
    assert_eq!(problem["status"], 429);
    assert!(problem["hint"].as_str().unwrap().contains("try again in"), "{problem}");
}

#[test]
fn an_app_passes_on_a_part_of_what_it_has_and_no_more() {
    let atlas = home();
    app(&atlas, "notes", &["--depth", "1"]);
    let helper = atlas.run(&["id", "new", "--app", "helper"]).exits(0).text();
    let by_notes = ["id", "grant", helper.trim(), "--as", "notes", "--types", "atlas.post", "--space", "s", "--yes"];
    let wider = [&by_notes[..], &["--actions", "create,delete", "--expires", "1d"]].concat();
    let problem = refused(&atlas, "grant-too-wide", &wider);
    assert!(problem["detail"].as_str().unwrap().contains("action delete"), "{problem}");
    atlas.json(&[&by_notes[..], &["--actions", "create", "--expires", "1d"]].concat());
    post(&atlas, "helper", "passed on");
    let deeper = atlas.run(&["id", "new", "--app", "deeper"]).exits(0).text();
    let by_helper = ["id", "grant", deeper.trim(), "--as", "helper", "--types", "atlas.post", "--actions", "create"];
    let problem =
        refused(&atlas, "grant-too-wide", &[&by_helper[..], &["--space", "s", "--expires", "1h", "--yes"]].concat());
    assert!(problem["detail"].as_str().unwrap().contains("depth"), "{problem}");
    // What was passed on ends with what it came from.
    atlas.json(&["id", "revoke", "notes", "--as", "ada"]);
    refused(&atlas, "revoked", &["put", "atlas.post", "--space", "s", "--as", "helper", "--body", r#"{"text":"x"}"#]);
}

#[test]
fn two_devices_write_to_one_space_and_a_removed_one_keeps_what_it_wrote() {
    let laptop = home();
    let dir = tempfile::tempdir().unwrap();
    let phone = on(&dir.path().join("phone"));
    let request = phone.run(&["id", "new", "--device", "ada-phone"]).exits(0).text();
    let line =
        laptop.json(&["id", "device", "add", request.trim(), "--as", "ada"])["line"].as_str().unwrap().to_owned();
    let imported = phone.json(&["id", "import", &line]);
    assert_eq!(imported["name"], "ada-phone");
    carry(&laptop, &phone, dir.path());
    post(&laptop, "ada", "from the laptop");
    post(&phone, "ada-phone", "from the phone");
    carry(&laptop, &phone, dir.path());
    carry(&phone, &laptop, dir.path());
    for node in [&*laptop, &phone] {
        let found = node.json(&["query", "--space", "s", "--type", "atlas.post"]);
        assert_eq!(found["count"], 2, "{found}");
        assert_eq!(found["records"][0]["author"], found["records"][1]["author"]);
    }
    let key = phone.json(&["id", "show", "ada-phone"])["this_device"].as_str().unwrap().to_owned();
    laptop.json(&["id", "device", "remove", &key, "--as", "ada"]);
    // The thief writes on, and does not know yet.
    post(&phone, "ada-phone", "from the thief");
    carry(&phone, &laptop, dir.path());
    assert_eq!(laptop.json(&["query", "--space", "s", "--type", "atlas.post"])["count"], 2);
    carry(&laptop, &phone, dir.path());
    assert_eq!(phone.json(&["query", "--space", "s", "--type", "atlas.post"])["count"], 2);
    let put = ["put", "atlas.post", "--space", "s", "--as", "ada-phone", "--body", r#"{"text":"x"}"#];
    let problem = refused(&phone, "revoked", &put);
    assert!(problem["detail"].as_str().unwrap().contains("was removed on"), "{problem}");
    assert_healthy(&laptop);
    assert_healthy(&phone);
}

/// What one node has of the space, brought to another by hand.
fn carry(from: &Atlas, to: &Atlas, dir: &Path) {
    let file = dir.join("carried");
    let file = file.to_str().unwrap();
    from.run(&["export", "--space", "s", "--output", file]).exits(0);
    to.run(&["import", "atlas", file]).exits(0);
}

#[test]
fn a_bundle_moves_an_identity_and_takes_its_passphrase() {
    let atlas = home();
    let unsealed = atlas.problem(1, &["id", "export", "ada"]);
    assert_eq!(unsealed["code"], "passphrase-needed", "{unsealed}");
    let dir = tempfile::tempdir().unwrap();
    let bundle = dir.path().join("ada.bundle");
    let written = atlas.run_env(&["id", "export", "ada"], &[PASSPHRASE]).exits(0).text();
    assert!(written.starts_with("-----BEGIN AGE ENCRYPTED FILE-----"), "{written}");
    std::fs::write(&bundle, &written).unwrap();
    let path = bundle.to_str().unwrap();

    let other = on(&dir.path().join("other"));
    let wrong = other.run_env(&["id", "import", path], &[("ATLAS_PASSPHRASE", "wrong")]).exits(1);
    assert!(wrong.err.contains("passphrase"), "{}", wrong.err);
    assert!(other.json(&["id", "list"]).as_array().unwrap().is_empty());
    other.run_env(&["id", "import", path], &[PASSPHRASE]).exits(0);
    let here = other.json(&["id", "show", "ada"]);
    assert_eq!(here["id"], atlas.json(&["id", "show", "ada"])["id"]);
    assert_ne!(here["this_device"], atlas.json(&["id", "show", "ada"])["this_device"], "a device of its own");
    assert!(here["devices"].as_array().unwrap().contains(&here["this_device"]));
    carry(&atlas, &other, dir.path());
    post(&other, "ada", "from the other machine");
    std::fs::write(&bundle, &written[..written.len() / 2]).unwrap();
    let third = on(&dir.path().join("third"));
    third.run_env(&["id", "import", path], &[PASSPHRASE]).exits(1);
}

#[test]
fn root_keys_go_on_paper_and_come_back() {
    let atlas = home();
    let sheet = atlas.run(&["id", "export", "ada", "--sheet", "--remove-root", "--yes"]).exits(0).text();
    assert!(sheet.contains("ATLAS RECOVERY SHEET"), "{sheet}");
    let problem = refused(&atlas, "not-enough-keys", &["id", "rotate", "--as", "ada"]);
    assert!(problem["hint"].as_str().unwrap().contains("atlas id import"), "{problem}");
    post(&atlas, "ada", "the device goes on");
    let dir = tempfile::tempdir().unwrap();
    let page = dir.path().join("sheet.txt");
    std::fs::write(&page, &sheet).unwrap();
    atlas.json(&["id", "import", page.to_str().unwrap()]);
    let before = atlas.json(&["id", "show", "ada"])["root"].clone();
    atlas.json(&["id", "rotate", "--as", "ada"]);
    assert_ne!(atlas.json(&["id", "show", "ada"])["root"], before);
    post(&atlas, "ada", "after the rotation");
}

#[test]
fn a_lost_root_is_recovered_by_those_who_were_named() {
    let atlas = home();
    let keys: Vec<String> = ["bo", "cy", "di"]
        .map(|name| atlas.run(&["id", "new", "--recovery", name]).exits(0).text().trim().to_owned())
        .into();
    let mut rotate = vec!["id", "rotate", "--as", "ada"];
    keys.iter().for_each(|key| rotate.extend(["--recovery", key]));
    atlas.json(&rotate);
    let sheet = ["id", "export", "ada", "--sheet", "--remove-root", "--yes"];
    atlas.run(&sheet).exits(0); // and the page is lost
    refused(&atlas, "not-enough-keys", &["id", "rotate", "--as", "ada"]);
    atlas.json(&["id", "recover", "ada"]);
    atlas.json(&["id", "rotate", "--as", "ada"]);
    let story = atlas.run(&["id", "show", "ada"]).exits(0).text();
    assert!(story.contains("replaced by the recovery set") && story.contains("recovery by 2 of 3 keys"), "{story}");
    assert_healthy(&atlas);
}

#[test]
fn keys_under_a_passphrase_sign_only_with_it() {
    let atlas = home();
    atlas.run_env(&["id", "passphrase"], &[("ATLAS_NEW_PASSPHRASE", PASSPHRASE.1)]).exits(0);
    let put = ["put", "atlas.post", "--space", "s", "--as", "ada", "--body", r#"{"text":"locked"}"#];
    let problem = refused(&atlas, "keys-locked", &put);
    assert!(problem["hint"].as_str().unwrap().contains("ATLAS_PASSPHRASE"), "{problem}");
    assert_eq!(atlas.json(&["id", "list"])[0]["name"], "ada", "what is public is shown");
    atlas.run_env(&put, &[("ATLAS_PASSPHRASE", "wrong")]).exits(1);
    atlas.run_env(&put, &[PASSPHRASE]).exits(0);
    atlas.run_env(&["id", "passphrase", "--remove"], &[PASSPHRASE]).exits(0);
    atlas.run(&put).exits(0);
    for entry in std::fs::read_dir(atlas.dir().join("keys")).unwrap() {
        let content = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!content.windows(4).any(|bytes| bytes == b"seed"), "no secret in clear");
    }
}

#[test]
fn a_token_of_an_app_does_what_its_grant_allows() {
    let atlas = home();
    app(&atlas, "notes", &[]);
    atlas.json(&["space", "create", "other", "--as", "ada", "--type", "atlas.post=post"]);
    let token = atlas.json(&["id", "token", "notes"])["token"].as_str().unwrap().to_owned();
    let node = atlas.up();
    let ask = |method: &str, path: &str, body: Option<&Json>| node.http_with(&token, method, path, body);
    let new = json!({ "space": "s", "type": "atlas.post", "body": { "text": "over HTTP" } });
    let (status, written) = ask("POST", "/v1/records", Some(&new));
    assert_eq!(status, 200, "{written}");
    let (status, page) = ask("GET", "/v1/query?space=s", None);
    assert_eq!((status, &page["count"]), (200, &json!(1)), "{page}");
    let mut as_ada = new.clone();
    as_ada["as"] = json!("ada");
    for (method, path, body, code) in [
        ("POST", "/v1/records", Some(&as_ada), "not-granted"),
        ("GET", "/v1/query?space=other", None, "not-granted"),
        ("GET", "/v1/identities", None, "operators-only"),
        ("POST", "/v1/identities/ada/rotate", Some(&new), "operators-only"),
        ("GET", "/v1/export?space=s", None, "operators-only"),
    ] {
        let (status, problem) = ask(method, path, body);
        assert_eq!((status, &problem["code"]), (403, &json!(code)), "{method} {path}: {problem}");
    }
    let id = written["id"].as_str().unwrap();
    let (status, problem) = ask("DELETE", &format!("/v1/records?ref={id}"), None);
    assert_eq!((status, &problem["code"]), (422, &json!("action-not-granted")), "{problem}");
    atlas.json(&["id", "revoke", "notes", "--as", "ada"]);
    let (status, problem) = ask("POST", "/v1/records", Some(&new));
    assert_eq!((status, &problem["code"]), (422, &json!("revoked")), "{problem}");
    assert_eq!(ask("GET", "/v1/query?space=s", None).0, 403, "nor may it read on");
}
