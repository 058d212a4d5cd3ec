//! Modules that an operator installs from files.

use atlas_engine::testing::{Behaviour, guest, guest_with_clock};
use serde_json::json;

use crate::{assert_healthy, settled};

#[test]
fn a_module_from_a_file_is_installed_bound_and_judges() {
    let atlas = settled();
    let file = atlas.dir().join("strict.wasm");
    std::fs::write(&file, guest(Behaviour::Invalid)).unwrap();
    let info = atlas.json(&["module", "install", file.to_str().unwrap(), "--name", "strict"]);
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
        let problem = atlas.problem(1, &["module", "install", file.to_str().unwrap()]);
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
    atlas.json(&["module", "install", module.to_str().unwrap(), "--name", "picky"]);
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
    atlas.json(&["module", "install", file.to_str().unwrap(), "--name", "loops"]);
    atlas.json(&["module", "bind", "validator:example.thing", "loops", "--fuel", "2000000"]);
    let mut up = atlas.up();
    for _ in 0..3 {
        assert_eq!(atlas.problem(1, &["put", "example.thing", "--body", "{}"])["code"], "module-fuel-exhausted");
        atlas.json(&["put", "atlas.post", "--body", r#"{"text":"still here"}"#]);
    }
    assert!(up.runs());
}
