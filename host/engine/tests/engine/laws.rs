//! Modules that break a law are told which, on the smallest question that shows it, in a
//! document that anyone can run again.

use atlas_engine::laws::cases::Case;
use atlas_engine::laws::{Breach, Law, Options, Report, Reproducer, compare, replay, test};
use atlas_engine::testing::{Behaviour, Misdeed, culprit, guest, guest_with_clock};
use atlas_engine::{EngineError, Role, inspect};
use serde_json::json;

use crate::support::{binding, engine};

fn report(bytes: &[u8], runs: u32) -> Report {
    test(&engine(), bytes, &binding(bytes), &[], &Options { seed: 1, runs }).unwrap()
}

#[track_caller]
fn broken(report: &Report, law: Law) -> Breach {
    let finding = report.laws.iter().find(|finding| finding.law == law).unwrap();
    finding.breach.clone().unwrap_or_else(|| panic!("{law} holds, and should not"))
}

#[test]
fn every_misdeed_is_caught_with_its_law_named_and_can_be_seen_again() {
    for &misdeed in Misdeed::ALL {
        let law = match misdeed {
            Misdeed::RanksByPlace | Misdeed::LastBallotDecides | Misdeed::ServesByPlace => Law::AnyArrangement,
            Misdeed::Drops | Misdeed::ForgetsBallot => Law::NothingVanishes,
            Misdeed::DoesNotAddUp | Misdeed::ExplainsNothing => Law::AddsUp,
            Misdeed::LeavesTies => Law::InOrder,
            Misdeed::RemembersQuestions | Misdeed::GoesOn | Misdeed::AdmitsTheFirst => Law::Stateless,
            Misdeed::TrustsTooMuch | Misdeed::Starves => Law::InRange,
            Misdeed::AsksForEver => Law::MonotoneNeeds,
        };
        let bytes = culprit(misdeed);
        let report = report(&bytes, 12);
        assert!(!report.passed(), "{misdeed:?}");
        let breach = broken(&report, law);
        let document = breach.reproducer.document();
        let again = Reproducer::parse(document.as_bytes()).unwrap();
        assert_eq!(again, breach.reproducer);
        assert_eq!(replay(&engine(), &again).unwrap(), Some(breach.text), "{misdeed:?} on another engine");
    }
}

#[test]
fn what_is_shown_is_as_small_as_it_goes() {
    let ranker = broken(&report(&culprit(Misdeed::Drops), 12), Law::NothingVanishes).reproducer;
    assert_eq!(ranker.questions.len(), 1);
    assert_eq!(ranker.questions[0]["ids"].as_array().unwrap().len(), 1, "one candidate is enough");
    let ties = broken(&report(&culprit(Misdeed::LeavesTies), 12), Law::InOrder).reproducer;
    assert_eq!(ties.questions[0]["ids"].as_array().unwrap().len(), 2, "a tie takes two");
    let tally = broken(&report(&culprit(Misdeed::ForgetsBallot), 12), Law::NothingVanishes).reproducer;
    let chunks = tally.questions[0]["chunks"].as_array().unwrap();
    let ballots: usize = chunks.iter().map(|chunk| chunk["ballots"]["voter"].as_array().unwrap().len()).sum();
    assert_eq!(ballots, 1);
}

#[test]
fn validators_that_keep_state_count_places_loop_trap_or_never_have_enough_are_caught() {
    for (behaviour, law) in [
        (Behaviour::KeepsState, Law::Stateless),
        (Behaviour::ByPosition, Law::Stateless),
        (Behaviour::Loops, Law::BoundedFuel),
        (Behaviour::Unreachable, Law::Total),
        (Behaviour::GrowsForever, Law::Total),
        (Behaviour::Recurses, Law::Total),
        (Behaviour::TooManyEntries, Law::LegalAnswers),
        (Behaviour::NeedsForEver, Law::MonotoneNeeds),
    ] {
        let report = report(&guest(behaviour), 8);
        let breach = broken(&report, law);
        let others = report.laws.iter().filter(|finding| finding.breach.is_some() && finding.law != law).count();
        assert_eq!(others, 0, "{behaviour:?} breaks {law} and nothing else");
        assert_eq!(replay(&engine(), &breach.reproducer).unwrap(), Some(breach.text));
    }
}

#[test]
fn a_validator_that_panics_on_some_bytes_is_caught_by_fuzzing() {
    // A puppet does what the first byte of the body says; one of them is a trap.
    let case = Case::parse("good", br#"{"body":{}}"#).unwrap();
    let bytes = guest(Behaviour::Puppet);
    let report = test(&engine(), &bytes, &binding(&bytes), &[case], &Options { seed: 5, runs: 400 }).unwrap();
    let breach = broken(&report, Law::Total);
    let body = breach.reproducer.questions[0]["entry"]["body"].as_array().unwrap();
    assert_eq!(body.len(), 1, "one byte is enough: {body:?}");
}

#[test]
fn an_honest_module_holds_every_law() {
    for behaviour in [Behaviour::Valid, Behaviour::Invalid, Behaviour::Indexed, Behaviour::Needs] {
        let report = report(&guest(behaviour), 24);
        assert!(report.passed(), "{behaviour:?}: {:?}", report.laws);
        assert!(report.laws.iter().all(|finding| finding.asked == 24));
    }
}

#[test]
fn the_same_seed_finds_the_same() {
    let bytes = culprit(Misdeed::RanksByPlace);
    let saw = |report: Report| broken(&report, Law::AnyArrangement).reproducer.document();
    assert_eq!(saw(report(&bytes, 10)), saw(report(&bytes, 10)));
}

#[test]
fn a_clock_cannot_be_imported_so_there_is_nothing_to_test() {
    let bytes = guest_with_clock();
    let refused = test(&engine(), &bytes, &binding(&bytes), &[], &Options::default()).unwrap_err();
    assert!(matches!(refused, EngineError::ForeignImports { .. }), "{refused}");
}

#[test]
fn evidence_that_was_tampered_with_shows_nothing() {
    let breach = broken(&report(&culprit(Misdeed::Drops), 20), Law::NothingVanishes);
    let sound = breach.reproducer;
    let other = Reproducer { component: data_encoding::BASE64.encode(&culprit(Misdeed::LeavesTies)), ..sound.clone() };
    assert!(matches!(replay(&engine(), &other), Err(EngineError::BadEvidence { .. })));
    let twice = json!({ "now": 0, "ids": ["a", "a"], "authors": [0, 0], "created": [0, 0], "columns": [] });
    let unfair = Reproducer { questions: vec![twice], ..sound.clone() };
    assert!(matches!(replay(&engine(), &unfair), Err(EngineError::BadEvidence { .. })), "no host asks that");
    let nothing = json!({ "now": 0, "ids": [], "authors": [], "created": [], "columns": [] });
    let innocent = Reproducer { questions: vec![nothing], ..sound };
    assert_eq!(replay(&engine(), &innocent).unwrap(), None);
}

#[test]
fn a_case_that_comes_out_otherwise_is_told() {
    let bytes = guest(Behaviour::Invalid);
    let case =
        |expect: &str| Case::parse(expect, format!(r#"{{"body":{{}},"expect":"{expect}"}}"#).as_bytes()).unwrap();
    let cases = [case("no-good"), case("valid")];
    let report = test(&engine(), &bytes, &binding(&bytes), &cases, &Options { seed: 0, runs: 4 }).unwrap();
    assert_eq!(report.cases.iter().map(|case| case.met).collect::<Vec<_>>(), [true, false]);
    assert_eq!(report.cases[1].found["invalid"], "no-good");
    assert!(!report.passed());
}

#[test]
fn two_modules_are_compared_on_the_same_questions() {
    let (valid, needs) = (guest(Behaviour::Valid), guest(Behaviour::Needs));
    let options = Options { seed: 2, runs: 30 };
    let engine = engine();
    let found = compare(&engine, (&valid, &binding(&valid)), (&needs, &binding(&needs)), &[], &options).unwrap();
    assert_eq!((found.asked, found.differ), (30, 30));
    assert_eq!(found.kinds.keys().collect::<Vec<_>>(), ["valid / needs records"]);
    assert_eq!(found.differences.len(), 1, "one of each kind is shown");
    let same = compare(&engine, (&valid, &binding(&valid)), (&valid, &binding(&valid)), &[], &options).unwrap();
    assert_eq!(same.differ, 0);
    let ranker = culprit(Misdeed::Drops);
    let unlike = compare(&engine, (&valid, &binding(&valid)), (&ranker, &binding(&ranker)), &[], &options);
    assert!(matches!(unlike, Err(EngineError::WrongRole { wanted: Role::Validator, found: Role::Ranker, .. })));
}

#[test]
fn culprits_have_the_roles_of_their_worlds() {
    for &misdeed in Misdeed::ALL {
        let role = inspect(&culprit(misdeed)).unwrap().role;
        assert_ne!(role, Role::Validator, "{misdeed:?}");
    }
}
