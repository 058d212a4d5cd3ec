//! Modules that an operator installs from files.

use atlas_engine::testing::{Behaviour, guest, guest_with_clock};
use atlas_tests::http::Connection;
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

/// What no node could agree on is named by the law that it breaks, and where somebody binds it all the same, a
/// node finds out by itself.
#[test]
fn a_module_that_is_no_function_of_the_record_is_caught_in_the_test_and_at_work() {
    for (behaviour, law) in [(Behaviour::KeepsState, "stateless"), (Behaviour::ByPosition, "stateless")] {
        let atlas = settled();
        let file = atlas.dir().join("odd.wasm");
        std::fs::write(&file, guest(behaviour)).unwrap();
        let file = file.to_str().unwrap();
        let evidence = atlas.dir().join("evidence");
        let arguments = ["module", "test", file, "--runs", "20", "--evidence", evidence.to_str().unwrap()];
        let told = atlas.run(&arguments).exits(1).text();
        assert!(told.contains(&format!("BROKEN  {law}")), "{behaviour:?}: {told}");
        let problem = atlas.problem(1, &["module", "install", file, "--yes"]);
        assert_eq!(problem["code"], "breaks-laws", "{problem}");

        atlas.json(&["module", "install", file, "--yes", "--no-test", "--name", "odd"]);
        atlas.json(&["module", "bind", "validator:example.thing", "odd"]);
        let up = atlas.up();
        for round in 0..2 {
            let line = |i| format!("{{\"type\":\"example.thing\",\"body\":{{\"n\":{i},\"round\":{round}}}}}\n");
            let lines: String = (0..40).map(line).collect();
            atlas.run_with(&["import", "jsonl", "-", "--json"], lines.as_bytes());
        }
        assert_eq!(atlas.json(&["status"])["quarantined"], 1, "{behaviour:?}");
        let problem = atlas.problem(1, &["put", "example.thing", "--body", "{}"]);
        assert!(problem["detail"].as_str().unwrap().contains("quarantine"), "{problem}");
        atlas.json(&["put", "atlas.post", "--body", r#"{"text":"the others go on"}"#]);
        assert!(up.terminate().is_some());
        let report = atlas.run(&["doctor", "--json"]).json();
        assert!(report.to_string().contains("in quarantine"), "{report}");
    }
    // One that never ends is a verdict at work, and a broken law in the test.
    let atlas = crate::fresh();
    std::fs::create_dir_all(atlas.dir()).unwrap();
    let file = atlas.dir().join("loops.wasm");
    std::fs::write(&file, guest(Behaviour::Loops)).unwrap();
    let evidence = atlas.dir().join("evidence");
    let arguments = ["module", "test", file.to_str().unwrap(), "--runs", "5", "--evidence", evidence.to_str().unwrap()];
    let told = atlas.run(&arguments).exits(1).text();
    assert!(told.contains("BROKEN  bounded-fuel"), "{told}");
}

/// A type is bound anew, again and again, while records of it stream in: none is lost, each is judged by what it was
/// written under, and the node never stops.
#[test]
fn a_module_is_swapped_while_records_stream_in() {
    const ROUNDS: usize = 6;
    const WRITERS: usize = 3;
    let atlas = settled();
    let write = |name: &str, bytes: Vec<u8>| {
        let file = atlas.dir().join(name);
        std::fs::write(&file, bytes).unwrap();
        atlas.json(&["module", "install", file.to_str().unwrap(), "--yes", "--no-test", "--name", name]);
    };
    // One takes everything and finds it under its type; the other says no to all.
    write("open", guest(Behaviour::Indexed));
    write("shut", guest(Behaviour::Invalid));
    atlas.json(&["module", "bind", "validator:example.thing", "open"]);
    let mut up = atlas.up();
    let (address, token) = (up.address, atlas.token());
    let space = atlas.json(&["space", "show"])["id"].as_str().unwrap().to_owned();
    let done = std::sync::atomic::AtomicBool::new(false);
    let writer = |writer: usize| {
        let mut connection = Connection::open(address).unwrap();
        let headers = format!("{}Content-Type: application/json\r\n", atlas_tests::http::authorised(address, &token));
        let (mut taken, mut refused) = (Vec::new(), 0);
        for n in 0.. {
            if done.load(std::sync::atomic::Ordering::Relaxed) {
                break;
            }
            let body =
                json!({ "space": space, "as": "ada", "type": "example.thing", "body": { "n": n, "by": writer } });
            let answer = connection.request("POST", "/v1/records", &headers, body.to_string().as_bytes()).unwrap();
            let said = answer.json().unwrap();
            match answer.status {
                200 => taken.push(said["id"].as_str().unwrap().to_owned()),
                422 => {
                    assert_eq!(said["code"], "no-good", "{said}");
                    refused += 1;
                }
                other => panic!("{other}: {said}"),
            }
        }
        (taken, refused)
    };
    let writer = &writer;
    let (taken, refused) = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS).map(|n| scope.spawn(move || writer(n))).collect();
        for round in 0..ROUNDS {
            std::thread::sleep(std::time::Duration::from_millis(300));
            let module = if round % 2 == 0 { "shut" } else { "open" };
            atlas.json(&["module", "bind", "validator:example.thing", module]);
        }
        std::thread::sleep(std::time::Duration::from_millis(300));
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        let ends = writers.into_iter().map(|writer| writer.join().unwrap());
        ends.fold((Vec::new(), 0), |(mut all, no), (taken, refused)| {
            all.extend(taken);
            (all, no + refused)
        })
    });
    assert!(up.runs());
    assert!(taken.len() > ROUNDS && refused > ROUNDS, "both were at work: {} taken, {refused} refused", taken.len());
    // Everything that was said to be taken is there, found under what `open` said of it, and nothing else.
    let (found, _) = atlas.all(&["--type", "example.thing", "--index", "tag=example.thing"], 1_000);
    let mut found: Vec<String> = found.iter().map(|record| record["id"].as_str().unwrap().to_owned()).collect();
    let mut taken = taken;
    found.sort();
    taken.sort();
    assert_eq!(found, taken);
    let amendments = atlas.json(&["space", "show"])["amendments"].clone();
    assert_eq!(amendments, json!(ROUNDS + 1));
    drop(up);
    assert_healthy(&atlas);
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
