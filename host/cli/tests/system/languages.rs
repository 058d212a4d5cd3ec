//! A module in each language: from nothing to a record that it judged, by the real command,
//! the language's own tools and the real engine.
//!
//! `ATLAS_TEST_TOOLS` names a folder with what is not on the path: `node_modules/` and `bin/`.
//! Where it is set, nothing here skips.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use atlas_tests::process::{Atlas, Ended};
use serde_json::{Value as Json, json};

use crate::{Fresh, assert_healthy, settled};

/// The folder of tools, if there is one.
fn tools() -> Option<PathBuf> {
    std::env::var_os("ATLAS_TEST_TOOLS").map(PathBuf::from)
}

/// A folder that projects can be in, where their tools are found.
pub fn workshop() -> tempfile::TempDir {
    match tools() {
        Some(tools) => tempfile::tempdir_in(tools).unwrap(),
        None => tempfile::tempdir().unwrap(),
    }
}

/// Runs a command with the tools on the path.
fn run(atlas: &Atlas, args: &[&str]) -> Ended {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let bin = tools().map(|tools| tools.join("bin"));
    let all: OsString = std::env::join_paths(bin.into_iter().chain(std::env::split_paths(&path))).unwrap();
    atlas.run_env(&[args, &["--json"]].concat(), &[("PATH", all.to_str().unwrap())])
}

/// Builds a project; `None`, with a visible word, where its tools are missing.
pub fn build(test: &str, atlas: &Atlas, project: &str) -> Option<Json> {
    let built = run(atlas, &["module", "build", "--path", project]);
    if built.code == Some(1) && built.problem()["code"] == "no-toolchain" {
        assert!(tools().is_none(), "{}", built.err);
        let problem = built.problem();
        let said = problem["detail"].as_str().unwrap();
        assert!(said.contains("Install one of:"), "{said}");
        atlas_tests::skipped(test, said.lines().next().unwrap());
        return None;
    }
    Some(built.exits(0).json())
}

/// The project's cases, by name.
fn cases(project: &Path) -> Vec<(String, Json)> {
    let files = std::fs::read_dir(project.join("cases")).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: PathBuf| {
        let case = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        (path.file_stem().unwrap().to_str().unwrap().to_owned(), case)
    };
    files.map(read).collect()
}

/// Puts a case's record; the code of its refusal, or `valid`.
fn verdict(atlas: &Atlas, case: &Json) -> String {
    let body = case["body"].to_string();
    let links = case["links"].as_array().into_iter().flatten();
    let links: Vec<String> = links
        .map(|link| format!("{}={}", link["relation"].as_str().unwrap(), link["target"].as_str().unwrap()))
        .collect();
    let mut args = vec!["put", "example.recipe", "--json", "--body", &body];
    links.iter().for_each(|link| args.extend(["--link", link]));
    let ended = atlas.run(&args);
    match ended.code {
        Some(0) => "valid".to_owned(),
        _ => ended.problem()["code"].as_str().unwrap().to_owned(),
    }
}

/// The whole way in one language.
fn journey(test: &str, lang: &str) {
    let (atlas, shop) = (settled(), workshop());
    let project = shop.path().join("recipe");
    let folder = project.to_str().unwrap();
    atlas.json(&["module", "new", "validator", "recipe", "--lang", lang, "--path", folder]);
    let Some(built) = build(test, &atlas, folder) else { return };
    assert_eq!(built["role"], "validator");

    let packed = atlas.json(&["module", "pack", "--path", folder]);
    assert_eq!((&packed["name"], &packed["version"]), (&json!("example:recipe"), &json!("0.1.0")));

    let installed = atlas.json(&["module", "install", "--yes", "--no-test", packed["file"].as_str().unwrap()]);
    assert_eq!((&installed["name"], &installed["code"]), (&json!("recipe"), &packed["id"]));
    let inspected = atlas.json(&["module", "inspect", "recipe"]);
    assert_eq!(inspected["manifest"]["licence"], "MIT OR Apache-2.0");
    assert_eq!(inspected["imports"], json!([]));

    atlas.json(&["module", "bind", "validator:example.recipe", "recipe", "--fuel", "1000000000"]);
    let up = atlas.up();
    let cases = cases(&project);
    assert!(cases.len() > 10, "{}", cases.len());
    for (name, case) in cases {
        // A word, or the index entries that a valid record is found under.
        let expected = case["expect"].as_str().unwrap_or("valid");
        assert_eq!(verdict(&atlas, &case), expected, "{lang}: {name}");
        for entry in case["expect"]["valid"].as_array().into_iter().flatten() {
            let value = entry[1].as_str().map_or_else(|| entry[1].to_string(), str::to_owned);
            let index = format!("{}={value}", entry[0].as_str().unwrap());
            let found = atlas.json(&["query", "--type", "example.recipe", "--index", &index]);
            assert!(found["count"].as_u64() >= Some(1), "{lang}: {index}");
        }
    }
    drop(up);
    assert_healthy(&atlas);
    handed_on(&atlas, packed["file"].as_str().unwrap());
}

/// Ada publishes a package; Bob, on another node, finds it, installs it and has it judge in a space of his own.
fn handed_on(ada: &Atlas, package: &str) {
    ada.json(&["module", "bind", "validator:atlas.moduleRelease", "module-release"]);
    let bob = crate::fresh();
    bob.json(&["id", "new", "bob"]);
    let (_ada_runs, _bob_runs) = (ada.up_online(&["--dht", "off"]), bob.up_online(&["--dht", "off"]));
    let invitation = ada.json(&["space", "invite"])["line"].as_str().unwrap().to_owned();
    bob.run(&["space", "join", &invitation]).exits(0);
    ada.json(&["module", "publish", package]);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(120);
    while bob.json(&["module", "search", "recipe"]).as_array().unwrap().is_empty() {
        assert!(std::time::Instant::now() < deadline, "the release never came to Bob");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let installed = bob.json(&["module", "install", "example:recipe", "--yes", "--no-test"]);
    assert_eq!(installed["module"], "example:recipe");
    bob.json(&["space", "create", "kitchen", "--as", "bob"]);
    let fuel = ["--fuel", "1000000000"];
    let bind = ["module", "bind", "--space", "kitchen", "validator:example.recipe", "recipe"];
    bob.json(&[&bind[..], &fuel].concat());
    let put = |body: &str| {
        let ended = bob.run(&["put", "example.recipe", "--space", "kitchen", "--json", "--body", body]);
        if ended.code == Some(0) { "valid".to_owned() } else { ended.problem()["code"].as_str().unwrap().to_owned() }
    };
    assert_eq!(put(r#"{"title":"Soup","minutes":40,"ingredients":["water"]}"#), "valid");
    assert_eq!(put(r#"{"title":"Soup","minutes":0,"ingredients":["water"]}"#), "out-of-range");
}

/// The same ranker in every language: each keeps its laws and its cases, and no two differ.
#[test]
fn a_ranker_is_the_same_in_every_language() {
    const NAME: &str = "a_ranker_is_the_same_in_every_language";
    let (atlas, shop) = (settled(), workshop());
    let mut built: Vec<String> = Vec::new();
    for lang in ["c", "rust", "js", "python"] {
        let project = shop.path().join(lang);
        let folder = project.to_str().unwrap();
        atlas.json(&["module", "new", "ranker", "fresh", "--lang", lang, "--path", folder]);
        if build(NAME, &atlas, folder).is_none() {
            continue;
        }
        let packed = atlas.json(&["module", "pack", "--path", folder]);
        let file = packed["file"].as_str().unwrap().to_owned();
        let cases = project.join("cases");
        let test = ["module", "test", &file, "--runs", "24", "--cases", cases.to_str().unwrap()];
        let report = atlas.json(&test);
        let met = report["cases"].as_array().unwrap().iter().filter(|case| case["met"] == true).count();
        assert_eq!((&report["passed"], met), (&json!(true), 8), "{lang}: {report}");
        built.push(file);
    }
    if let [first, others @ ..] = &built[..] {
        for other in others {
            let compared = atlas.json(&["module", "compare", first, other, "--runs", "24"]);
            assert_eq!(compared["differ"], 0, "{compared}");
        }
    }
}

/// What `new` writes for the roles that start as a standard module: it meets the cases, keeps the
/// laws, and answers as the standard module does.
fn standard(test: &str, lang: &str) {
    let (atlas, shop) = (settled(), workshop());
    for (role, name) in
        [("trust", "direct"), ("governance", "majority"), ("admission", "members"), ("economy", "balanced")]
    {
        let project = shop.path().join(role);
        let folder = project.to_str().unwrap();
        atlas.json(&["module", "new", role, "mine", "--lang", lang, "--path", folder]);
        if build(test, &atlas, folder).is_none() {
            return;
        }
        let packed = atlas.json(&["module", "pack", "--path", folder]);
        assert_eq!((&packed["role"], &packed["name"]), (&json!(role), &json!("example:mine")));
        let (file, cases) = (packed["file"].as_str().unwrap(), project.join("cases"));
        let report = atlas.json(&[
            "module",
            "test",
            file,
            "--runs",
            "24",
            "--cases",
            cases.to_str().unwrap(),
            "--against",
            name,
        ]);
        let cases = report["cases"].as_array().unwrap();
        let met = cases.iter().filter(|case| case["met"] == true).count();
        assert!(report["passed"] == true && met == cases.len() && met > 4, "{lang}, {role}: {report}");
        assert_eq!(report["compared"]["differ"], 0, "{lang}, {role}: {report}");
    }
}

#[test]
fn the_other_roles_in_rust_are_the_standard_modules() {
    standard("the_other_roles_in_rust_are_the_standard_modules", "rust");
}

#[test]
fn the_other_roles_in_c_are_the_standard_modules() {
    standard("the_other_roles_in_c_are_the_standard_modules", "c");
}

#[test]
fn the_other_roles_in_javascript_are_the_standard_modules() {
    standard("the_other_roles_in_javascript_are_the_standard_modules", "js");
}

#[test]
fn the_other_roles_in_python_are_the_standard_modules() {
    standard("the_other_roles_in_python_are_the_standard_modules", "python");
}

#[test]
fn a_module_in_rust_from_nothing_to_a_verdict() {
    journey("a_module_in_rust_from_nothing_to_a_verdict", "rust");
}

#[test]
fn the_same_source_makes_the_same_package_in_another_folder() {
    let (atlas, shop) = (settled(), workshop());
    let mut ids = Vec::new();
    for folder in ["here", "in/another/place"] {
        let project = shop.path().join(folder);
        let project = project.to_str().unwrap();
        atlas.json(&["module", "new", "validator", "recipe", "--lang", "c", "--path", project]);
        if build("the_same_source_makes_the_same_package_in_another_folder", &atlas, project).is_none() {
            return;
        }
        ids.push(atlas.json(&["module", "pack", "--path", project])["id"].clone());
    }
    assert_eq!(ids[0], ids[1]);
}

#[test]
fn a_module_in_c_from_nothing_to_a_verdict() {
    journey("a_module_in_c_from_nothing_to_a_verdict", "c");
}

#[test]
fn a_module_in_javascript_from_nothing_to_a_verdict() {
    journey("a_module_in_javascript_from_nothing_to_a_verdict", "js");
}

#[test]
fn a_module_in_python_from_nothing_to_a_verdict() {
    journey("a_module_in_python_from_nothing_to_a_verdict", "python");
}

/// A project whose tools are not to be found.
fn without_tools(lang: &str) -> (Fresh, tempfile::TempDir, Json) {
    let (atlas, dir) = (settled(), tempfile::tempdir().unwrap());
    let project = dir.path().join("m");
    atlas.json(&["module", "new", "validator", "m", "--lang", lang, "--path", project.to_str().unwrap()]);
    let args = ["module", "build", "--path", project.to_str().unwrap(), "--json"];
    let nowhere = dir.path().to_str().unwrap();
    let built = atlas.run_env(&args, &[("PATH", nowhere), ("CARGO", "no-cargo"), ("RUSTC", "no-rustc")]);
    let problem = built.exits(1).problem();
    (atlas, dir, problem)
}

#[test]
fn a_missing_tool_is_named_with_how_to_install_it() {
    for (lang, package) in
        [("js", "npm install"), ("python", "pip install componentize-py"), ("c", "apt-get install clang lld")]
    {
        let (_atlas, _dir, problem) = without_tools(lang);
        assert_eq!(problem["code"], "no-toolchain", "{lang}");
        assert!(problem["detail"].as_str().unwrap().contains(package), "{problem}");
    }
}

#[test]
fn a_new_module_is_refused_where_it_cannot_be_and_says_why() {
    let (atlas, dir) = (settled(), tempfile::tempdir().unwrap());
    let full = dir.path().to_str().unwrap();
    std::fs::write(dir.path().join("mine"), "x").unwrap();
    assert_eq!(atlas.problem(1, &["module", "new", "validator", "m", "--lang", "c", "--path", full])["code"], "exists");
    for args in [["judge", "m", "c"], ["validator", "M", "c"], ["validator", "m", "cobol"]] {
        let [role, name, lang] = args;
        let problem = atlas.problem(2, &["module", "new", role, name, "--lang", lang, "--path", "nowhere"]);
        assert_eq!(problem["code"], "misuse");
    }
    let problem = atlas.problem(2, &["module", "build", "--path", full]);
    assert!(problem["detail"].as_str().unwrap().contains("holds no module.toml"), "{problem}");
}

#[test]
fn a_manifest_that_says_other_than_the_module_is_not_packed() {
    let (atlas, dir) = (settled(), tempfile::tempdir().unwrap());
    let project = dir.path().join("other");
    let folder = project.to_str().unwrap();
    atlas.json(&["module", "new", "validator", "acme:other", "--lang", "c", "--path", folder]);
    let component = dir.path().join("component.wasm");
    std::fs::write(&component, atlas_engine::testing::guest_with_clock()).unwrap();
    let problem = atlas.problem(1, &["module", "pack", component.to_str().unwrap(), "--path", folder]);
    assert_eq!(problem["code"], "bad-manifest");
    let said = problem["detail"].as_str().unwrap();
    assert!(said.contains("acme:other") && said.contains("test:guest"), "{said}");
}
