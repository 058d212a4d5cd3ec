//! What guests do, and what it comes to.

use atlas_engine::testing::{Behaviour, candidate, candidate_at, command, guest};
use atlas_engine::validator::{IndexValue, Supplied};
use atlas_engine::{
    Binding, Cause, Draft, Engine, EngineConfig, HostFault, IllegalAnswer, Outcome, Pooling, Reason, Refusal, TrapKind,
};

use crate::support::{FUEL, binding, engine, open, outcomes, puppet};

fn does(behaviour: Behaviour) -> Outcome {
    let validator = puppet(&engine());
    let alone = validator.validate_alone(&command(behaviour));
    let [judged] = validator.validate(&[command(behaviour)]).try_into().unwrap();
    assert_eq!(alone.outcome, judged.outcome, "alone and in a batch of one");
    alone.outcome
}

fn invalid(behaviour: Behaviour) -> Cause {
    match does(behaviour) {
        Outcome::Invalid(cause) => cause,
        other => panic!("{behaviour:?} comes to {other:?}"),
    }
}

#[test]
fn a_module_says_what_it_thinks() {
    assert_eq!(does(Behaviour::Valid), Outcome::Valid(vec![]));
    let reason = Reason { code: "no-good".into(), text: "no good".into() };
    assert_eq!(does(Behaviour::Invalid), Outcome::Invalid(Cause::Refused(reason)));
    assert_eq!(does(Behaviour::Needs), Outcome::Needs(vec!["bafyneeded".into()]));
    let Outcome::Valid(entries) = does(Behaviour::Indexed) else { panic!("indexed records are valid") };
    assert_eq!(entries[0].name, "tag");
    assert_eq!(entries[0].value, IndexValue::Text("atlas.post".into()));
    assert_eq!(entries[1].value, IndexValue::Integer(10));
}

#[test]
fn a_candidate_is_judged_when_what_it_needs_is_supplied() {
    let mut waiting = command(Behaviour::Needs);
    waiting.supplied.push(Supplied { id: "bafyneeded".into(), entry: waiting.entry.clone() });
    assert_eq!(outcomes(&puppet(&engine()), &[waiting]), [Outcome::Valid(vec![])]);
}

#[test]
fn deterministic_traps_are_verdicts() {
    for (behaviour, kind) in [
        (Behaviour::Unreachable, TrapKind::Unreachable),
        (Behaviour::DividesByZero, TrapKind::DivisionByZero),
        (Behaviour::OutOfBounds, TrapKind::MemoryOutOfBounds),
        (Behaviour::BadCall, TrapKind::IndirectCall),
        (Behaviour::BadConversion, TrapKind::BadConversion),
    ] {
        assert_eq!(invalid(behaviour), Cause::Trap(kind));
    }
}

#[test]
fn a_loop_without_end_runs_out_of_fuel() {
    let judgement = puppet(&engine()).validate_alone(&command(Behaviour::Loops));
    assert_eq!(judgement.outcome, Outcome::Invalid(Cause::FuelExhausted));
    assert_eq!(judgement.fuel, Some(FUEL));
}

#[test]
fn memory_beyond_the_allowance_is_a_verdict() {
    assert_eq!(invalid(Behaviour::GrowsForever), Cause::MemoryExceeded);
}

#[test]
fn a_refused_growth_is_never_observed() {
    assert_eq!(invalid(Behaviour::AsksForTooMuch), Cause::MemoryExceeded);
    // Asking is charged by the page: this takes more than the ordinary allowance.
    let bytes = guest(Behaviour::AsksForTheImpossible);
    let rich = Binding { fuel: 100_000_000, ..binding(&bytes) };
    let judged = engine().validator(&bytes, rich).unwrap().validate_alone(&candidate(b"x"));
    assert_eq!(judged.outcome, Outcome::Invalid(Cause::MemoryExceeded));
}

#[test]
fn a_stack_overflow_is_a_host_fault_and_never_a_verdict() {
    assert_eq!(does(Behaviour::Recurses), Outcome::Fault(HostFault::StackOverflow));
}

#[test]
fn garbage_is_an_illegal_answer() {
    for behaviour in [
        Behaviour::GarbageList,
        Behaviour::GarbagePointer,
        Behaviour::GarbageLength,
        Behaviour::BadUtf8,
        Behaviour::BadCase,
    ] {
        assert_eq!(invalid(behaviour), Cause::IllegalAnswer(IllegalAnswer::Garbage), "{behaviour:?}");
    }
}

#[test]
fn answers_outside_the_bounds_of_the_world_are_illegal() {
    let illegal = |behaviour| match invalid(behaviour) {
        Cause::IllegalAnswer(illegal) => illegal,
        other => panic!("{behaviour:?} comes to {other:?}"),
    };
    assert_eq!(illegal(Behaviour::WrongCount), IllegalAnswer::Count { expected: 1, found: 0 });
    assert_eq!(illegal(Behaviour::UndeclaredIndex), IllegalAnswer::UndeclaredIndex("other".into()));
    assert_eq!(illegal(Behaviour::WrongKind), IllegalAnswer::WrongKind("tag".into()));
    assert_eq!(illegal(Behaviour::TooManyEntries), IllegalAnswer::TooManyEntries { found: 65 });
    assert_eq!(illegal(Behaviour::LongReason), IllegalAnswer::TooLong("the reason's text".into()));
    assert_eq!(illegal(Behaviour::NeedsTooMuch), IllegalAnswer::NeedsCount { found: 17 });
}

#[test]
fn one_bad_record_does_not_spoil_its_batch() {
    let batch = [
        command(Behaviour::Valid),
        command(Behaviour::Unreachable),
        command(Behaviour::Invalid),
        command(Behaviour::Recurses),
        command(Behaviour::GarbagePointer),
        command(Behaviour::Valid),
    ];
    let validator = puppet(&engine());
    let codes: Vec<String> = outcomes(&validator, &batch)
        .iter()
        .map(|outcome| match outcome {
            Outcome::Valid(_) => "valid".into(),
            Outcome::Invalid(cause) => cause.code().into(),
            Outcome::Needs(_) => "needs".into(),
            Outcome::Fault(_) => "fault".into(),
        })
        .collect();
    assert_eq!(codes, ["valid", "module-trapped", "no-good", "fault", "module-illegal-answer", "valid"]);
    let stats = validator.stats();
    assert_eq!((stats.reruns, stats.records, stats.faults), (1, 6, 1));
}

#[test]
fn fuel_of_a_record_is_the_same_in_every_run_and_under_every_allocation() {
    let bytes = guest(Behaviour::Burns);
    let mut seen = Vec::new();
    for pooling in [Pooling::Auto, Pooling::Off] {
        let config = EngineConfig { pooling, sample_rate: 0, ..Default::default() };
        let engine = Engine::open(config).unwrap();
        let validator = engine.validator(&bytes, binding(&bytes)).unwrap();
        for _ in 0..3 {
            seen.push(validator.validate_alone(&candidate_at(b"x", 1000)));
        }
    }
    assert!(seen[0].fuel.is_some());
    assert!(seen.iter().all(|judgement| *judgement == seen[0]), "{seen:?}");
}

#[test]
fn a_dear_batch_is_run_again_and_means_the_same() {
    // A round of the burner costs 6 units, so this takes between a quarter and the whole.
    let dear = candidate_at(b"x", FUEL / 12);
    let cheap = candidate_at(b"x", 10);
    let validator = open(&engine(), Behaviour::Burns).unwrap();
    let judged = validator.validate(&[cheap.clone(), dear.clone(), cheap]);
    assert!(judged.iter().all(|judgement| judgement.outcome == Outcome::Valid(vec![])));
    assert_eq!(validator.stats().reruns, 1);
    let fuel = judged[1].fuel.expect("a record of a failed batch ran alone");
    assert!(fuel > FUEL / 4 && fuel < FUEL, "{fuel}");
}

#[test]
fn authors_are_refused_what_takes_more_than_a_quarter() {
    let validator = open(&engine(), Behaviour::Burns).unwrap();
    let judgement = validator.validate_authoring(&candidate_at(b"x", 10)).unwrap();
    assert!(judgement.fuel.is_some_and(|fuel| fuel < FUEL / 4));
    let dear = candidate_at(b"x", FUEL / 12);
    assert!(matches!(validator.validate_authoring(&dear), Err(Refusal::TooCostly { limit, .. }) if limit == FUEL / 4));
    assert_eq!(outcomes(&validator, &[dear]), [Outcome::Valid(vec![])]);
    let endless = candidate_at(b"x", u64::MAX);
    assert_eq!(validator.validate_authoring(&endless), Err(Refusal::Refused(Cause::FuelExhausted)));
}

#[test]
fn drafts_come_back_completed_in_order() {
    let draft = |n: u8| Draft { key: Some(n.to_string()), links: vec![], body: vec![n] };
    let drafts: Vec<Draft> = (0..50).map(draft).collect();
    let prepared: Vec<Draft> = puppet(&engine()).prepare(&drafts).into_iter().map(Result::unwrap).collect();
    assert_eq!(prepared, drafts);
}

#[test]
fn a_module_that_makes_the_host_fault_rests_and_others_do_not() {
    let engine = engine();
    let (bad, good) = (open(&engine, Behaviour::Recurses).unwrap(), open(&engine, Behaviour::Valid).unwrap());
    let judged = outcomes(&bad, &vec![candidate(b"x"); 8]);
    assert_eq!(judged[0], Outcome::Fault(HostFault::StackOverflow));
    assert!(matches!(judged[7], Outcome::Fault(HostFault::BackedOff { .. })));
    assert!(bad.stats().calls < 8);
    assert_eq!(outcomes(&good, &[candidate(b"x")]), [Outcome::Valid(vec![])]);
    // The rest concerns the module, not the handle.
    drop(bad);
    let again = open(&engine, Behaviour::Recurses).unwrap();
    assert!(matches!(outcomes(&again, &[candidate(b"x")])[0], Outcome::Fault(HostFault::BackedOff { .. })));
}
