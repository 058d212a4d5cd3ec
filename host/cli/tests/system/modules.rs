//! Modules that an operator installs from files.

use atlas_engine::testing::{Behaviour, guest, guest_with_clock};
use serde_json::json;

use crate::{assert_healthy, settled};

#[test]
fn a_module_from_a_file_is_installed_bound_and_judges() {
    let atlas = settled();
    let file = atlas.dir().join("strict.wasm");
    std::fs::write(&file, guest(Behaviour::Invalid)).unwrap();
    let info = atlas.json(&["module", "install", "--yes", file.to_str().unwrap(), "--name", "strict"]);
    assert_eq!((&info["name"], &info["standard"]), (&json!("strict"), &json!(false)));
    let listed = atlas.json(&["module", "list"]);
    assert!(listed.as_array().unwrap().iter().any(|module| module["name"] == "strict"));
    atlas.json(&["module", "bind", "validator:example.thing", "strict"]);
    let problem = atlas.problem(1, &["put", "example.thing", "--body", "{}"]);
    assert_eq!(
        (&problem["code"], &problem["detail"]),
        (&json!("no-good"), &json!("no good")),
        "in the module's own words"
    );
    atlas.json(&["put", "atlas.post", "--body", r#"{"text":"the others go on"}"#]);
    assert_healthy(&atlas);
}

#[test]
fn a_file_that_is_no_pure_module_is_refused_and_the_error_says_why() {
    let atlas = settled();
    let file = atlas.dir().join("file");
    let cases: [(Vec<u8>, &str, &str); 3] = [
        (guest_with_clock(), "foreign-imports", "wasi:clocks/monotonic-clock"),
        (b"just text".to_vec(), "module", "not a WebAssembly file"),
        (atlas_engine::testing::core_guest(), "module", "core WebAssembly module"),
    ];
    for (bytes, code, says) in cases {
        std::fs::write(&file, bytes).unwrap();
        let problem = atlas.problem(1, &["module", "install", "--yes", file.to_str().unwrap()]);
        assert_eq!(problem["code"], code);
        assert!(problem["detail"].as_str().unwrap().contains(says), "{problem}");
    }
}

#[test]
fn a_config_that_the_module_refuses_is_not_bound() {
    let atlas = settled();
    let (module, config) = (atlas.dir().join("picky.wasm"), atlas.dir().join("config"));
    std::fs::write(&module, guest(Behaviour::ConfigureRefuses)).unwrap();
    std::fs::write(&config, b"whatever").unwrap();
    atlas.json(&["module", "install", "--yes", "--no-test", module.to_str().unwrap(), "--name", "picky"]);
    let problem =
        atlas.problem(1, &["module", "bind", "validator:example.thing", "picky", "--config", config.to_str().unwrap()]);
    assert_eq!(problem["code"], "config-refused");
    assert!(problem["detail"].as_str().unwrap().contains("no such thing: the config"), "{problem}");
    let space = atlas.json(&["space", "show"]);
    assert_eq!((&space["amendments"], space["slots"].get("validator:example.thing")), (&json!(0), None));
}

#[test]
fn a_module_that_loops_costs_its_own_users_only() {
    let atlas = settled();
    let file = atlas.dir().join("loops.wasm");
    std::fs::write(&file, guest(Behaviour::Loops)).unwrap();
    atlas.json(&["module", "install", "--yes", "--no-test", file.to_str().unwrap(), "--name", "loops"]);
    atlas.json(&["module", "bind", "validator:example.thing", "loops", "--fuel", "2000000"]);
    let mut up = atlas.up();
    for _ in 0..3 {
        assert_eq!(atlas.problem(1, &["put", "example.thing", "--body", "{}"])["code"], "module-fuel-exhausted");
        atlas.json(&["put", "atlas.post", "--body", r#"{"text":"still here"}"#]);
    }
    assert!(up.runs());
}

/// A module tested where nobody runs a node, its evidence run again, and a comparison.
#[test]
fn a_module_is_held_to_its_laws_and_the_evidence_can_be_run_again() {
    let atlas = crate::fresh();
    std::fs::create_dir_all(atlas.dir()).unwrap();
    let write = |name: &str, bytes: Vec<u8>| {
        let file = atlas.dir().join(name);
        std::fs::write(&file, bytes).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let honest = write("honest.wasm", guest(Behaviour::Valid));
    let report = atlas.json(&["module", "test", &honest, "--runs", "20"]);
    assert_eq!((&report["passed"], &report["role"]), (&json!(true), &json!("validator")));

    let evidence = atlas.dir().join("evidence");
    let drops = write("drops.wasm", atlas_engine::testing::culprit(atlas_engine::testing::Misdeed::Drops));
    let arguments = ["module", "test", &drops, "--runs", "20", "--evidence", evidence.to_str().unwrap()];
    let told = atlas.run(&arguments).exits(1).text();
    assert!(told.contains("BROKEN  nothing-vanishes"), "{told}");
    let files: Vec<_> = std::fs::read_dir(&evidence).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [file] = files.try_into().unwrap();
    let again = atlas.run(&["module", "test", file.to_str().unwrap()]).exits(1).text();
    assert!(again.contains("BROKEN  nothing-vanishes"), "{again}");

    let refuses = write("refuses.wasm", guest(Behaviour::Invalid));
    let found = atlas.json(&["module", "compare", &honest, &refuses, "--runs", "10"]);
    assert_eq!((&found["asked"], &found["differ"]), (&json!(10), &json!(10)));
    let clock = write("clock.wasm", guest_with_clock());
    let problem = atlas.problem(1, &["module", "test", &clock]);
    assert_eq!(problem["code"], "foreign-imports");
}

#[test]
fn a_standard_module_is_tested_by_its_name_and_on_cases() {
    let atlas = settled();
    let cases = atlas.dir().join("cases");
    std::fs::create_dir_all(&cases).unwrap();
    let write = |name: &str, case: &str| std::fs::write(cases.join(name), case).unwrap();
    write("good.json", r#"{"body":{"text":"hello"},"expect":"valid"}"#);
    write("empty.json", r#"{"body":{},"expect":"missing-field"}"#);
    let arguments = ["module", "test", "post", "--runs", "10", "--cases", cases.to_str().unwrap()];
    let report = atlas.json(&arguments);
    assert_eq!(report["passed"], json!(true), "{report}");
    assert_eq!(report["cases"].as_array().unwrap().len(), 2);
    write("wrong.json", r#"{"body":{},"expect":"valid"}"#);
    let told = atlas.run(&arguments).exits(1).text();
    assert!(told.contains("FAILED  case wrong: expected \"valid\""), "{told}");
}
