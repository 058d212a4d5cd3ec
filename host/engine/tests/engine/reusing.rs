//! Reuse and batching must not show.

use std::thread;

use atlas_engine::testing::{Behaviour, candidate, command};
use atlas_engine::{Candidate, Judgement, Outcome};
use proptest::prelude::*;

use crate::support::{engine, open, outcomes, puppet};

/// What a puppet can be told that is a function of the record and costs no host fault.
fn pure_commands() -> impl Strategy<Value = Behaviour> {
    let impure = |b: &Behaviour| {
        matches!(b, Behaviour::KeepsState | Behaviour::ByPosition | Behaviour::DearWhenReused | Behaviour::Recurses)
    };
    let pure: Vec<Behaviour> = Behaviour::COMMANDS.iter().copied().filter(|b| !impure(b)).collect();
    // Mostly honest records, as in life.
    prop_oneof![
        8 => prop::sample::select(vec![Behaviour::Valid, Behaviour::Invalid, Behaviour::Indexed, Behaviour::Needs]),
        1 => prop::sample::select(pure),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn a_batch_means_what_its_records_mean_alone(commands in prop::collection::vec(pure_commands(), 1..60)) {
        let engine = engine();
        let validator = puppet(&engine);
        let records: Vec<Candidate> = commands.into_iter().map(command).collect();
        let alone: Vec<Outcome> = records.iter().map(|record| validator.validate_alone(record).outcome).collect();
        prop_assert_eq!(outcomes(&validator, &records), alone);
    }
}

#[test]
fn honest_records_share_few_instances() {
    let validator = open(&engine(), Behaviour::Indexed).unwrap();
    for _ in 0..20 {
        let judged = validator.validate(&vec![candidate(b"x"); 100]);
        assert!(
            judged.iter().all(|Judgement { outcome, fuel }| matches!(outcome, Outcome::Valid(_)) && fuel.is_none())
        );
    }
    let stats = validator.stats();
    assert_eq!((stats.records, stats.instances, stats.canonical_runs), (2000, 1, 0));
}

#[test]
fn threads_share_a_validator_without_sharing_an_instance() {
    let validator = puppet(&engine());
    let batch: Vec<Candidate> = [Behaviour::Valid, Behaviour::Invalid, Behaviour::Indexed].map(command).into();
    let wanted = outcomes(&validator, &batch);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    assert_eq!(outcomes(&validator, &batch), wanted);
                }
            });
        }
    });
}
