//! Claims about names, good and hostile.

use atlas_sdk::testing::hostile::no_record_panics;
use atlas_sdk::testing::{Given, check_delete, check_rules, examples, given};
use atlas_sdk::{Map, Validator as _, Value, map};

use crate::{LONGEST_MS, Name};

const NOW: u64 = 1_760_000_000_000;
const DAY: u64 = 24 * 60 * 60 * 1000;
const ID: &str = "bafyr4igdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";
const ADA: &str = "bafyr4ihdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";
const BOB: &str = "bafyr4igeyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";

fn id(of: &str) -> String {
    format!("id:{of}")
}

/// Ada's version in this state, a day after the first.
fn claim(state: &str) -> Given {
    let claim = given(map! { "name": "ada", "state": state })
        .author(ADA)
        .type_name("atlas.name")
        .created(NOW + DAY)
        .expires(NOW + 100 * DAY)
        .link("names", &id(ADA));
    let claim = if state == "offered" { claim.link("to", &id(BOB)) } else { claim };
    claim.prepared(&Name)
}

fn first() -> Given {
    claim("held").created(NOW)
}

fn example() -> Given {
    let [body] = examples(include_str!("../README.md")).try_into().unwrap();
    given(body).created(NOW).expires(NOW + DAY).author(ADA).link("names", &id(ADA)).prepared(&Name)
}

fn following(state: &str, before: &Given) -> Given {
    claim(state).link("follows", ID).supplied(ID, before)
}

fn code(field: &str, value: impl Into<Value>) -> Option<&'static str> {
    let mut body: Map = map! { "name": "ada", "state": "held" };
    body.insert(field, value.into());
    given(body).key("ada").created(NOW).expires(NOW + 1).link("names", &id(ADA)).link("state", "name:held").code(&Name)
}

#[test]
fn the_rules_keep_the_contract_and_take_no_config() {
    check_rules(&Name.rules());
    assert!(Name::configure(b"").is_ok() && Name::configure(b"x").is_err());
    assert!(check_delete(&Name, Some("k")).is_valid());
}

#[test]
fn the_example_of_the_readme_gets_key_and_state_and_is_found() {
    let example = example();
    assert_eq!(example.entry().key.as_deref(), Some("ada-lovelace"));
    assert_eq!(example.found(&Name, "name"), ["ada-lovelace"]);
    assert_eq!(example.found(&Name, "state"), ["held"]);
    assert_eq!(example.found(&Name, "domain"), ["example.org"]);
    assert_eq!(example.found(&Name, "until"), [(NOW + DAY).to_string()]);
}

#[test]
fn names_look_like_no_other() {
    for name in ["Ada", "adа", "ada lovelace", "-ada", "ada.", "a_b", "ada\u{200b}"] {
        assert_eq!(code("name", name), Some("not-a-name"), "{name}");
    }
    assert_eq!(code("name", "bob"), Some("wrong-key"));
    assert_eq!(code("name", "x".repeat(129)), Some("too-long"));
}

#[test]
fn a_name_is_for_one_identity_address_or_space() {
    let named = |target: &str| {
        let claim = given(map! { "name": "ada" }).created(NOW).expires(NOW + 1).link("names", target);
        claim.prepared(&Name).code(&Name)
    };
    assert_eq!(named(&id(ADA)), None);
    assert_eq!(named(ID), None);
    assert_eq!(named(&format!("atlas://{ID}/{ADA}/atlas.profile/self")), None);
    assert_eq!(named("name:ada"), Some("wrong-target"));
    let nothing = given(map! { "name": "ada" }).created(NOW).expires(NOW + 1).prepared(&Name);
    assert_eq!(nothing.code(&Name), Some("missing-link"));
}

#[test]
fn a_claim_ends_within_two_years() {
    let until = |at: u64| claim("held").created(NOW).expires(at).code(&Name);
    assert_eq!(until(NOW + 1), None);
    assert_eq!(until(NOW + LONGEST_MS), None);
    assert_eq!(until(NOW + LONGEST_MS + 1), Some("bad-term"));
    assert_eq!(until(NOW), Some("bad-term"));
    let endless = given(map! { "name": "ada" }).created(NOW).link("names", ID).prepared(&Name);
    assert_eq!(endless.code(&Name), Some("bad-term"));
}

#[test]
fn a_holder_renews_offers_takes_back_and_releases() {
    for (before, after) in [("held", "held"), ("held", "offered"), ("offered", "held"), ("offered", "released")] {
        assert_eq!(following(after, &claim(before)).code(&Name), None, "{before} -> {after}");
    }
    assert_eq!(following("released", &first()).code(&Name), None);
    let (code, text) = following("held", &claim("released")).refusal(&Name);
    assert_eq!(code, "illegal-move");
    assert!(text.starts_with("a name that is `released` stays `released`"), "{text}");
    assert_eq!(claim("offered").code(&Name), Some("illegal-start"));
}

#[test]
fn what_is_offered_is_accepted_by_whom_it_is_offered_to() {
    let by = |author: &str, before: &str, after: &str| following(after, &claim(before)).author(author).code(&Name);
    assert_eq!(by(BOB, "offered", "held"), None);
    assert_eq!(by(ID, "offered", "held"), Some("not-yours"));
    assert_eq!(by(BOB, "held", "held"), Some("not-yours"));
    assert_eq!(by(BOB, "offered", "released"), Some("not-yours"));
}

#[test]
fn an_offer_names_to_whom() {
    let offered = given(map! { "name": "ada", "state": "offered" }).created(NOW).expires(NOW + 1).link("names", ID);
    assert_eq!(offered.prepared(&Name).code(&Name), Some("wrong-offer"));
    assert_eq!(first().link("to", &id(BOB)).code(&Name), Some("wrong-offer"));
}

#[test]
fn a_claim_that_has_ended_is_not_renewed_but_made_anew() {
    let ended = first().expires(NOW + 5);
    let (code, text) = following("held", &ended).refusal(&Name);
    assert_eq!(code, "too-late");
    assert!(text.contains("claim the name anew"), "{text}");
    assert_eq!(claim("held").code(&Name), None);
}

#[test]
fn a_released_name_is_found_by_its_state_only() {
    let released = following("released", &first());
    assert_eq!(released.found(&Name, "state"), ["released"]);
    assert!(released.found(&Name, "name").is_empty() && released.found(&Name, "until").is_empty());
}

#[test]
fn a_proof_names_a_domain_and_what_stands_there() {
    assert_eq!(code("proof", map! { "domain": "example.org", "text": "atlas=1" }), None);
    assert_eq!(code("proof", map! { "domain": "localhost", "text": "x" }), Some("not-a-domain"));
    assert_eq!(code("proof", map! { "domain": "example.org" }), Some("missing-field"));
    assert_eq!(code("proof", map! { "domain": "example.org", "text": "a\nb" }), Some("not-one-line"));
    assert_eq!(code("proof", map! { "domain": "example.org", "text": "x", "url": "y" }), Some("unknown-field"));
}

#[test]
fn no_name_panics() {
    no_record_panics(&Name, example().entry());
    no_record_panics(&Name, following("held", &first()).entry());
}
