//! Claims about tasks, good and hostile.

use atlas_sdk::testing::hostile::no_record_panics;
use atlas_sdk::testing::{Given, check_delete, check_rules, examples, given};
use atlas_sdk::{Map, Validator as _, Value, Verdict, map};

use crate::{Movers, Plan, Task};

const ID: &str = "bafyr4igdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";
const BOB: &str = "bafyr4ihdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";

fn readme() -> [Map; 2] {
    examples(include_str!("../README.md")).try_into().unwrap()
}

fn task() -> Task {
    Task::default()
}

/// A version of one task by Ada.
fn version(state: &str) -> Given {
    let body = map! { "title": "Fix the login", "state": state };
    given(body).key("fix-login").author("ada").type_name("atlas.task").prepared(&task())
}

fn moved(before: &str, after: &str) -> Given {
    version(after).link("follows", ID).supplied(ID, &version(before))
}

fn code(field: &str, value: impl Into<Value>) -> Option<&'static str> {
    let mut body = map! { "title": "Fix the login" };
    body.insert(field, value.into());
    given(body).key("fix-login").prepared(&task()).code(&task())
}

fn configured(json: &str) -> Result<Task, String> {
    Task::configure(json.as_bytes()).map_err(|error| error.to_string())
}

#[test]
fn the_rules_keep_the_contract_with_and_without_a_config() {
    let [_, config] = readme();
    let own = Task(Plan::read(&config).unwrap());
    for task in [&task(), &own] {
        check_rules(&task.rules());
        assert!(task.rules().workflow.is_some_and(|workflow| workflow.states.len() >= 4));
    }
    assert!(check_delete(&task(), Some("k")).is_valid());
}

#[test]
fn the_example_of_the_readme_starts_open_and_is_found_by_its_state() {
    let [body, _] = readme();
    let example = given(body).key("fix-login").link("assignee", &format!("id:{BOB}")).prepared(&task());
    assert_eq!(example.found(&task(), "state"), ["open"]);
    assert_eq!(example.found(&task(), "priority"), ["2"]);
    assert_eq!(example.found(&task(), "due"), ["1767225600000"]);
    assert_eq!(example.found(&task(), "tag"), ["web"]);
    assert_eq!(example.entry().link("state"), Some("name:open"));
}

#[test]
fn fields_keep_their_bounds() {
    assert_eq!(code("title", ""), Some("too-short"));
    assert_eq!(code("title", "a\nb"), Some("not-one-line"));
    assert_eq!(given(map! {}).code(&task()), Some("missing-field"));
    assert_eq!(code("text", "a\nb"), None);
    assert_eq!(code("priority", 0u64), Some("out-of-range"));
    assert_eq!(code("priority", 6u64), Some("out-of-range"));
    assert_eq!(code("due", -1i64), Some("out-of-range"));
    assert_eq!(code("due", 1u64 << 53), Some("out-of-range"));
    assert_eq!(code("tags", "x"), Some("wrong-kind"));
    assert_eq!(code("estimate", "2d"), None);
    assert_eq!(code("Estimate", "2d"), Some("unknown-field"));
}

#[test]
fn the_first_version_is_in_the_first_state() {
    assert_eq!(version("open").code(&task()), None);
    for state in ["doing", "done", "dropped"] {
        assert_eq!(version(state).code(&task()), Some("illegal-start"), "{state}");
    }
    let (code, text) = version("started").refusal(&task());
    assert_eq!(code, "unknown-state");
    assert_eq!(text, "`state` is `started`: expected `open`, `doing`, `done` or `dropped`");
}

#[test]
fn every_pair_of_states_is_legal_or_refused_with_the_legal_ones() {
    let states = ["open", "doing", "done", "dropped"];
    let legal = [
        ("open", "doing"),
        ("open", "dropped"),
        ("doing", "open"),
        ("doing", "done"),
        ("doing", "dropped"),
        ("done", "open"),
        ("dropped", "open"),
    ];
    for before in states {
        for after in states {
            let expected = before == after || legal.contains(&(before, after));
            assert_eq!(moved(before, after).verdict(&task()).is_valid(), expected, "{before} -> {after}");
        }
    }
    let (code, text) = moved("open", "done").refusal(&task());
    assert_eq!(code, "illegal-move");
    assert_eq!(text, "a task that is `open` can become `doing` or `dropped`, not `done`");
}

#[test]
fn a_move_waits_for_what_it_follows() {
    let alone = version("doing").link("follows", ID);
    assert_eq!(alone.verdict(&task()), Verdict::Needs(vec![ID.to_owned()]));
}

#[test]
fn two_moves_of_one_version_are_both_legal() {
    assert_eq!(moved("doing", "done").code(&task()), None);
    assert_eq!(moved("doing", "dropped").code(&task()), None);
}

#[test]
fn only_the_author_and_the_assigned_move_a_task_on() {
    let by_bob = |before: &Given| version("doing").author(BOB).link("follows", ID).supplied(ID, before);
    assert_eq!(by_bob(&version("open")).code(&task()), Some("not-yours"));
    let assigned = version("open").link("assignee", &format!("id:{BOB}"));
    assert_eq!(by_bob(&assigned).code(&task()), None);
    let with = |movers| Task(Plan { movers, ..Plan::default() });
    assert_eq!(by_bob(&assigned).code(&with(Movers::Author)), Some("not-yours"));
    assert_eq!(by_bob(&version("open")).code(&with(Movers::Anyone)), None);
}

#[test]
fn links_lead_where_they_should() {
    for (relation, wrong) in [("assignee", ID), ("part-of", "name:x"), ("waits-for", "id:x"), ("follows", "name:x")] {
        assert_eq!(version("open").link(relation, wrong).code(&task()), Some("wrong-target"), "{relation}");
    }
    assert_eq!(version("open").link("part-of", ID).link("waits-for", ID).code(&task()), None);
}

#[test]
fn a_config_brings_states_of_its_own() {
    let [_, config] = readme();
    let own = Task(Plan::read(&config).unwrap());
    let version = |state: &str| {
        given(map! { "title": "t", "state": state }).key("k").author("ada").type_name("atlas.task").prepared(&own)
    };
    assert_eq!(version("draft").code(&own), None);
    let jump = version("released").link("follows", ID).supplied(ID, &version("draft"));
    assert_eq!(jump.refusal(&own).1, "a task that is `draft` can become `review`, not `released`");
    let last = version("draft").link("follows", ID).supplied(ID, &version("withdrawn"));
    assert!(last.refusal(&own).1.starts_with("a task that is `withdrawn` stays `withdrawn`"));
}

#[test]
fn a_config_is_read_from_json_and_refused_with_its_place() {
    assert!(configured(r#"{"states":["a","b"],"moves":{"a":["b"]},"movers":"anyone"}"#).is_ok());
    assert!(configured(r#"{"states":["only"],"moves":{}}"#).is_ok());
    for (config, says) in [
        ("{", "no JSON"),
        ("[]", "neither a JSON object nor"),
        ("{}", "`states` is missing"),
        (r#"{"states":[],"moves":{}}"#, "`states` is 0 items long"),
        (r#"{"states":["a","a"],"moves":{}}"#, "`states[1]` is `a`, which stands there already"),
        (r#"{"states":["A"],"moves":{}}"#, "`states[0]` is not a word"),
        (r#"{"states":["a","b"]}"#, "`moves` is missing"),
        (r#"{"states":["a","b"],"moves":{"c":[]}}"#, "`moves.c` moves on from no state: expected one of a, b"),
        (r#"{"states":["a","b"],"moves":{"a":["c"]}}"#, "`moves.a[0]` is none of a, b"),
        (r#"{"states":["a","b"],"moves":{"a":["a"]}}"#, "which is no move"),
        (r#"{"states":["a","b"],"moves":{"b":["a"]}}"#, "no moves lead from `a`, where tasks start, to `b`"),
        (r#"{"states":["a"],"moves":{},"movers":"me"}"#, "`movers` is none of author, assigned, anyone"),
        (r#"{"states":["a"],"moves":{},"colour":1}"#, "`colour` is not defined"),
    ] {
        let refused = configured(config).err().unwrap_or_else(|| panic!("accepted: {config}"));
        assert!(refused.contains(says), "{config}: {refused}");
    }
}

#[test]
fn no_task_panics() {
    no_record_panics(&task(), moved("open", "doing").entry());
}
