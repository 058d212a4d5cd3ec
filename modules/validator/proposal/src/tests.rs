//! Claims about proposals, good and hostile.

use atlas_sdk::testing::hostile::no_record_panics;
use atlas_sdk::testing::{Given, check_rules, examples, given};
use atlas_sdk::{Map, Validator as _, Value, list, map};

use crate::Proposal;

const NOW: u64 = 1_760_000_000_000;
const BLOB: &str = "bafkr4igdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";

fn readme() -> [Map; 2] {
    examples(include_str!("../README.md")).try_into().unwrap()
}

fn at_now(body: Map) -> Given {
    given(body).created(NOW)
}

fn with(mut body: Map, field: &str, value: impl Into<Value>) -> Option<&'static str> {
    body.insert(field, value.into());
    at_now(body).code(&Proposal)
}

fn question() -> Map {
    map! { "title": "Shall we?", "kind": "question", "closesAt": (NOW + 1) }
}

fn changing(change: Map) -> (&'static str, String) {
    let body = map! { "title": "t", "kind": "amendment", "closesAt": (NOW + 1), "changes": [change] };
    match at_now(body.clone()).code(&Proposal) {
        Some(_) => at_now(body).refusal(&Proposal),
        None => ("", String::new()),
    }
}

fn code_link() -> Value {
    Value::Link(BLOB.parse().unwrap())
}

#[test]
fn the_rules_keep_the_contract_and_take_no_config() {
    check_rules(&Proposal.rules());
    assert!(Proposal::configure(b"").is_ok() && Proposal::configure(b"x").is_err());
}

#[test]
fn the_examples_of_the_readme_are_valid_and_found() {
    let [amendment, question] = readme().map(at_now);
    assert_eq!(amendment.found(&Proposal, "kind"), ["amendment"]);
    assert_eq!(amendment.found(&Proposal, "changes"), ["validator:atlas.package", "quorum"]);
    assert_eq!(amendment.found(&Proposal, "choice"), ["vote"]);
    assert_eq!(question.found(&Proposal, "choice"), ["ranked"]);
    assert_eq!(question.found(&Proposal, "closes"), ["1767225600000"]);
}

#[test]
fn title_kind_and_closing_are_enough_and_required() {
    assert_eq!(at_now(question()).code(&Proposal), None);
    for field in ["title", "kind", "closesAt"] {
        let mut body = question();
        body.remove(field);
        assert_eq!(at_now(body).code(&Proposal), Some("missing-field"), "{field}");
    }
    assert_eq!(with(question(), "kind", "Question"), Some("not-a-word"));
    assert_eq!(with(question(), "title", "a\nb"), Some("not-one-line"));
    assert_eq!(with(question(), "text", "x".repeat(20_001)), Some("too-long"));
}

#[test]
fn voting_ends_after_it_begins_and_within_two_years() {
    for (closes, expected) in [
        (NOW, Some("bad-closing")),
        (NOW - 1, Some("bad-closing")),
        (NOW + 1, None),
        (NOW + crate::LONGEST_MS, None),
        (NOW + crate::LONGEST_MS + 1, Some("bad-closing")),
        (1 << 60, Some("out-of-range")),
    ] {
        assert_eq!(with(question(), "closesAt", closes), expected, "{closes}");
    }
}

#[test]
fn options_belong_to_choices_that_need_them() {
    let offering = |choice: &str, options: Value| {
        let mut body = question();
        body.insert("choice", choice.into());
        body.insert("options", options);
        at_now(body).code(&Proposal)
    };
    for choice in ["approval", "ranked"] {
        assert_eq!(offering(choice, list!["a", "b"].into()), None);
        assert_eq!(with(question(), "choice", choice), Some("bad-options"));
    }
    assert_eq!(offering("vote", list!["a", "b"].into()), Some("bad-options"));
    assert_eq!(offering("scores", list!["a", "b"].into()), Some("missing-field"));
    assert_eq!(offering("lottery", list!["a", "b"].into()), Some("not-one-of"));
    assert_eq!(offering("ranked", list!["a"].into()), Some("too-few"));
    assert_eq!(offering("ranked", list!["a", "a"].into()), Some("twice"));
    assert_eq!(offering("ranked", list!["a", " b"].into()), Some("bad-option"));
    assert_eq!(offering("ranked", list!["a", "$link"].into()), Some("bad-option"));
    let many: Vec<Value> = (0..65).map(|n| Value::from(format!("o{n}"))).collect();
    assert_eq!(offering("ranked", many.into()), Some("too-many"));
}

#[test]
fn scores_have_a_highest() {
    let scored = |most: i64| {
        let body = map! {
            "title": "t", "kind": "question", "closesAt": (NOW + 1),
            "choice": "scores", "options": ["a", "b"], "maxScore": most,
        };
        at_now(body).code(&Proposal)
    };
    assert_eq!((scored(1), scored(100)), (None, None));
    assert_eq!((scored(0), scored(101)), (Some("out-of-range"), Some("out-of-range")));
    assert_eq!(with(question(), "maxScore", 5u64), Some("bad-options"));
}

#[test]
fn an_amendment_says_what_it_changes_and_nothing_else_does() {
    assert_eq!(with(question(), "changes", list![]), Some("no-amendment"));
    assert_eq!(with(question(), "kind", "amendment"), Some("missing-field"));
    let [mut amendment, _] = readme();
    amendment.insert("choice", "ranked".into());
    amendment.insert("options", list!["a", "b"].into());
    assert_eq!(at_now(amendment).code(&Proposal), Some("no-vote"));
}

#[test]
fn a_change_binds_or_unbinds_a_slot_or_sets_a_parameter() {
    let slot = "validator:atlas.post";
    assert_eq!(changing(map! { "slot": slot, "bind": { "code": (code_link()) } }).0, "");
    assert_eq!(changing(map! { "slot": slot, "unbind": true }).0, "");
    assert_eq!(changing(map! { "slot": "governance", "unbind": true }).0, "");
    assert_eq!(changing(map! { "parameter": "quorum", "value": null }).0, "");
    assert_eq!(changing(map! { "parameter": "quorum" }).0, "missing-field");
    assert_eq!(changing(map! { "parameter": "Quorum", "value": 1 }).0, "not-a-word");
    assert_eq!(changing(map! { "slot": slot }).0, "no-change");
    assert_eq!(changing(map! { "slot": slot, "unbind": false }).0, "no-change");
    assert_eq!(changing(map! { "slot": slot, "unbind": true, "bind": { "code": (code_link()) } }).0, "no-change");
    assert_eq!(changing(map! { "slot": slot, "bind": { "code": BLOB } }).0, "wrong-kind");
    assert_eq!(changing(map! { "slot": slot, "bind": { "code": (code_link()), "fuel": 0 } }).0, "out-of-range");
    assert_eq!(changing(map! { "slot": slot, "bind": {} }).0, "missing-field");
    let (code, text) = changing(map! { "slot": "validator", "unbind": true });
    assert_eq!(code, "not-a-slot");
    assert!(text.starts_with("`changes[0].slot` is no slot: expected validator:TYPE"), "{text}");
    let record = Value::Link(BLOB.replace("bafkr", "bafyr").parse().unwrap());
    assert_eq!(changing(map! { "slot": slot, "bind": { "code": record } }).0, "not-a-blob");
}

#[test]
fn nothing_is_changed_twice() {
    let unbind = || Value::from(map! { "slot": "governance", "unbind": true });
    let body =
        |changes: Vec<Value>| map! { "title": "t", "kind": "amendment", "closesAt": (NOW + 1), "changes": changes };
    assert_eq!(at_now(body(vec![unbind(), unbind()])).code(&Proposal), Some("twice"));
    assert_eq!(at_now(body(vec![])).code(&Proposal), Some("too-few"));
    assert_eq!(at_now(body(vec![unbind(); 33])).code(&Proposal), Some("too-many"));
}

#[test]
fn no_proposal_panics() {
    for body in readme() {
        no_record_panics(&Proposal, at_now(body).entry());
    }
}
