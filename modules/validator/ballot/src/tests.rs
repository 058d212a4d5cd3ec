//! Claims about ballots, good and hostile.

use atlas_sdk::testing::hostile::no_record_panics;
use atlas_sdk::testing::{Given, check_delete, check_rules, examples, given};
use atlas_sdk::{Entry, Map, Supplied, Validator as _, Value, Verdict, list, map};

use crate::Ballot;

const ID: &str = "bafyr4igdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";

fn proposal(choice: &str) -> Given {
    let mut body = map! { "title": "t", "kind": "question", "closesAt": 1, "choice": choice };
    if choice != "vote" {
        body.insert("options", list!["Lisbon", "Ghent", "Online"].into());
    }
    if choice == "scores" {
        body.insert("maxScore", 5u64.into());
    }
    given(body).type_name("atlas.proposal")
}

fn on(proposal: &Given, body: Map) -> Given {
    given(body).type_name("atlas.ballot").link("votes-on", ID).prepared(&Ballot).supplied(ID, proposal)
}

fn code(choice: &str, field: &str, value: impl Into<Value>) -> Option<&'static str> {
    let mut body = map! {};
    body.insert(field, value.into());
    on(&proposal(choice), body).code(&Ballot)
}

#[test]
fn the_rules_keep_the_contract_and_take_no_config() {
    check_rules(&Ballot.rules());
    assert!(Ballot::configure(b"").is_ok() && Ballot::configure(b"x").is_err());
    assert!(check_delete(&Ballot, Some("k")).is_valid());
}

#[test]
fn the_examples_of_the_readme_are_valid_and_found() {
    let bodies = examples(include_str!("../README.md"));
    let found = [&["yes"][..], &["Lisbon", "Online"], &["Ghent"], &[]];
    let choices = ["vote", "approval", "ranked", "scores"];
    assert_eq!(bodies.len(), choices.len());
    for ((body, choice), found) in bodies.into_iter().zip(choices).zip(found) {
        assert_eq!(on(&proposal(choice), body).found(&Ballot, "choice"), found, "{choice}");
    }
}

#[test]
fn a_later_ballot_replaces_the_earlier() {
    assert_eq!(on(&proposal("vote"), map! { "vote": "no" }).entry().key.as_deref(), Some(ID));
    assert_eq!(given(map! { "vote": "no" }).link("votes-on", ID).key("other").code(&Ballot), Some("wrong-key"));
}

#[test]
fn a_ballot_waits_for_its_proposal_and_for_the_proposals_body() {
    let alone = given(map! { "vote": "yes" }).link("votes-on", ID).key(ID);
    assert_eq!(alone.verdict(&Ballot), Verdict::Needs(vec![ID.to_owned()]));
    let erased = given(map! {}).type_name("atlas.proposal");
    assert_eq!(alone.supplied(ID, &erased).verdict(&Ballot), Verdict::Needs(vec![ID.to_owned()]));
}

#[test]
fn votes_are_yes_no_or_abstain() {
    for vote in ["yes", "no", "abstain"] {
        assert_eq!(code("vote", "vote", vote), None);
    }
    assert_eq!(code("vote", "vote", "maybe"), Some("not-one-of"));
    assert_eq!(code("vote", "vote", true), Some("wrong-kind"));
}

#[test]
fn a_ballot_answers_as_it_was_asked() {
    assert_eq!(code("vote", "rank", list!["Lisbon"]), Some("wrong-choice"));
    assert_eq!(code("ranked", "approve", list!["Lisbon"]), Some("wrong-choice"));
    assert_eq!(code("ranked", "vote", "yes"), Some("wrong-choice"));
    assert_eq!(code("ranked", "vote", "abstain"), None, "everyone may abstain");
}

#[test]
fn choices_are_options_of_the_proposal() {
    assert_eq!(code("approval", "approve", list![]), None, "none of them");
    assert_eq!(code("approval", "approve", list!["Paris"]), Some("no-option"));
    assert_eq!(code("approval", "approve", list!["Ghent", "Ghent"]), Some("twice"));
    assert_eq!(code("ranked", "rank", list!["Ghent", "Lisbon"]), None);
    assert_eq!(code("ranked", "rank", list!["ghent"]), Some("no-option"));
    assert_eq!(code("ranked", "rank", list![]), Some("too-few"));
    assert_eq!(code("scores", "scores", map! { "Ghent": 5, "Lisbon": 0 }), None);
    assert_eq!(code("scores", "scores", map! { "Ghent": 6 }), Some("out-of-range"));
    assert_eq!(code("scores", "scores", map! { "Paris": 1 }), Some("no-option"));
    assert_eq!(code("scores", "scores", map! {}), Some("too-few"));
}

#[test]
fn nobody_declares_the_weight_of_their_own_vote() {
    let (code, text) = on(&proposal("vote"), map! { "vote": "yes", "weight": 9 }).refusal(&Ballot);
    assert_eq!((code, text.as_str()), ("weight-declared", "`weight` is not for a voter to say: leave it out"));
    assert_eq!(self::code("vote", "power", 9u64), Some("unknown-field"));
}

#[test]
fn a_ballot_answers_once() {
    assert_eq!(on(&proposal("vote"), map! {}).code(&Ballot), Some("no-answer"));
    assert_eq!(on(&proposal("vote"), map! { "vote": "yes", "rank": ["a"] }).code(&Ballot), Some("two-answers"));
}

#[test]
fn only_proposals_of_the_space_are_voted_on() {
    let vote = || map! { "vote": "yes" };
    assert_eq!(on(&proposal("vote").type_name("atlas.post"), vote()).code(&Ballot), Some("wrong-proposal"));
    let malformed = given(map! { "choice": 3 }).type_name("atlas.proposal");
    assert_eq!(on(&malformed, vote()).code(&Ballot), Some("wrong-proposal"));
    let odd = given(map! { "choice": "lottery" }).type_name("atlas.proposal");
    assert_eq!(on(&odd, vote()).code(&Ballot), Some("wrong-proposal"));
    let elsewhere = Entry { space: "elsewhere".into(), ..proposal("vote").entry().clone() };
    let ballot = on(&proposal("vote"), vote()).entry().clone();
    let supplied = vec![Supplied { id: ID.to_owned(), entry: elsewhere }];
    let verdict = atlas_sdk::testing::verdict(&Ballot, &atlas_sdk::Candidate { entry: ballot, supplied });
    assert_eq!(verdict.code(), Some("wrong-proposal"));
}

#[test]
fn a_ballot_votes_on_one_record() {
    let vote = || given(map! { "vote": "yes" });
    assert_eq!(vote().code(&Ballot), Some("missing-link"));
    assert_eq!(vote().link("votes-on", "name:x").code(&Ballot), Some("wrong-target"));
    assert_eq!(vote().link("votes-on", ID).link("votes-on", ID).code(&Ballot), Some("too-many"));
}

#[test]
fn no_ballot_panics() {
    for choice in ["vote", "approval", "ranked", "scores"] {
        no_record_panics(&Ballot, on(&proposal(choice), map! { "rank": ["Ghent"] }).entry());
    }
}
