//! Tasks through the command line: legal moves, illegal ones, and finding them by state.

use serde_json::{Value as Json, json};

use crate::{Fresh, assert_healthy, fresh};

/// Ada's space for tasks.
fn planned() -> Fresh {
    let atlas = fresh();
    atlas.json(&["id", "new", "ada"]);
    atlas.json(&["space", "create", "work", "--as", "ada", "--type", "atlas.task=task"]);
    atlas
}

/// The command by which Ada writes a version of a task.
fn version<'a>(key: &'a str, body: &'a str, link: Option<&'a str>) -> Vec<&'a str> {
    let mut args = vec!["put", "atlas.task", "--as", "ada", "--key", key, "--body", body];
    args.extend(link.into_iter().flat_map(|link| ["--link", link]));
    args
}

fn follows(record: &Json) -> String {
    format!("follows={}", record["id"].as_str().unwrap())
}

#[track_caller]
fn titles_in(atlas: &Fresh, state: &str) -> Vec<String> {
    let index = format!("state={state}");
    let found = atlas.json(&["query", "--type", "atlas.task", "--index", &index]);
    let title = |record: &Json| record["body"]["title"].as_str().unwrap().to_owned();
    found["records"].as_array().unwrap().iter().map(title).collect()
}

#[test]
fn a_task_moves_through_its_states_and_is_found_by_them() {
    let atlas = planned();
    let open = atlas.json(&version("login", r#"{"title":"Fix the login"}"#, None));
    atlas.json(&version("docs", r#"{"title":"Write the docs"}"#, None));
    assert_eq!(titles_in(&atlas, "open"), ["Write the docs", "Fix the login"], "a new task is open without saying so");

    let link = follows(&open);
    let doing = atlas.json(&version("login", r#"{"title":"Fix the login","state":"doing"}"#, Some(&link)));
    assert_eq!(titles_in(&atlas, "doing"), ["Fix the login"]);
    assert_eq!(titles_in(&atlas, "open"), ["Write the docs"], "what was moved on from stands there no more");

    let link = follows(&doing);
    atlas.json(&version("login", r#"{"title":"Fix the login","state":"done"}"#, Some(&link)));
    assert_eq!((titles_in(&atlas, "doing").len(), titles_in(&atlas, "done").len()), (0, 1));
    let history = atlas.json(&["history", open["address"].as_str().unwrap()]);
    let states: Vec<&Json> = history["records"].as_array().unwrap().iter().map(|it| &it["body"]["state"]).collect();
    assert_eq!(states, [&json!("done"), &json!("doing"), &json!("open")]);
    assert_healthy(&atlas);
}

#[test]
fn an_illegal_move_is_refused_with_the_legal_ones() {
    let atlas = planned();
    let open = atlas.json(&version("login", r#"{"title":"Fix the login"}"#, None));
    let link = follows(&open);
    let done = version("login", r#"{"title":"Fix the login","state":"done"}"#, Some(&link));
    let problem = atlas.problem(1, &done);
    assert_eq!(problem["code"], "illegal-move");
    assert_eq!(problem["detail"], "a task that is `open` can become `doing` or `dropped`, not `done`");
    let ended = atlas.run(&done).exits(1);
    assert!(ended.err.contains("can become `doing` or `dropped`, not `done`"), "{}", ended.err);

    let nowhere = atlas.problem(1, &version("other", r#"{"title":"From nowhere","state":"done"}"#, None));
    assert_eq!(nowhere["code"], "illegal-start");
    assert!(nowhere["detail"].as_str().unwrap().contains("`follows` link"), "{nowhere}");
    let elsewhere = version("other", r#"{"title":"Another task","state":"doing"}"#, Some(&link));
    assert_eq!(atlas.problem(1, &elsewhere)["code"], "wrong-predecessor");
    let unknown = "follows=bafyr4igdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";
    let unknown = version("login", r#"{"title":"Fix the login","state":"doing"}"#, Some(unknown));
    assert_eq!(atlas.problem(1, &unknown)["code"], "needs-records");
    assert_eq!(titles_in(&atlas, "open"), ["Fix the login"], "nothing has moved");
    assert_healthy(&atlas);
}

#[test]
fn two_moves_of_one_version_both_stand() {
    let atlas = planned();
    atlas.json(&["id", "new", "bob"]);
    let bob = atlas.json(&["id", "show", "bob"])["id"].as_str().unwrap().to_owned();
    let assigned = format!("assignee=id:{bob}");
    let open = atlas.json(&version("login", r#"{"title":"Fix the login"}"#, Some(&assigned)));
    let link = follows(&open);
    let doing = r#"{"title":"Fix the login","state":"doing"}"#;
    let by_bob = ["put", "atlas.task", "--as", "bob", "--key", "login", "--body", doing, "--link", &link];
    atlas.json(&by_bob);
    atlas.json(&version("login", r#"{"title":"Fix the login","state":"dropped"}"#, Some(&link)));
    let found = atlas.json(&["query", "--link", &link]);
    assert_eq!(found["records"].as_array().unwrap().len(), 2);
    assert_eq!((titles_in(&atlas, "doing").len(), titles_in(&atlas, "dropped").len()), (1, 1));

    atlas.json(&["id", "new", "eve"]);
    let by_eve = ["put", "atlas.task", "--as", "eve", "--key", "login", "--body", doing, "--link", &link];
    assert_eq!(atlas.problem(1, &by_eve)["code"], "not-yours");
    assert_healthy(&atlas);
}

#[test]
fn a_space_brings_states_of_its_own() {
    let atlas = planned();
    let plan = atlas.dir().join("plan.json");
    std::fs::write(&plan, r#"{"states":["draft","final"],"moves":{"draft":["final"]}}"#).unwrap();
    let bind = |file: &std::path::Path| {
        let file = file.to_str().unwrap().to_owned();
        ["module", "bind", "validator:atlas.task", "task", "--config"].map(str::to_owned).into_iter().chain([file])
    };
    let args: Vec<String> = bind(&plan).collect();
    atlas.json(&args.iter().map(String::as_str).collect::<Vec<_>>());
    atlas.json(&version("text", r#"{"title":"A text"}"#, None));
    assert_eq!(titles_in(&atlas, "draft"), ["A text"]);

    std::fs::write(&plan, r#"{"states":["draft","final"],"moves":{}}"#).unwrap();
    let args: Vec<String> = bind(&plan).collect();
    let problem = atlas.problem(1, &args.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(problem["code"], "config-refused");
    assert!(problem["detail"].as_str().unwrap().contains("no moves lead from `draft`"), "{problem}");
}
