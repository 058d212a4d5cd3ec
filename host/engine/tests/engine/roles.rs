//! Modules of the other roles run under the same meter, bounds and suspicion as validators.

use atlas_engine::roles::ranker::Question;
use atlas_engine::testing::{Behaviour, Misdeed, culprit, guest};
use atlas_engine::{Answered, Cause, Contradiction, EngineError, Governance, HostFault, IllegalAnswer, Ranker, Role};

use crate::support::{binding, engine, engine_in};

fn question(count: usize) -> Question {
    Question {
        now: 9,
        ids: (0..count).map(|n| format!("bafy{n}")).collect(),
        authors: vec![0; count],
        created: vec![1; count],
        columns: vec![],
    }
}

#[test]
fn a_ranker_answers_and_its_fuel_is_the_same_in_every_run() {
    let bytes = culprit(Misdeed::RanksByPlace);
    let ranker = engine().bind::<Ranker>(&bytes, binding(&bytes)).unwrap();
    assert_eq!(ranker.description().name, "test:guest");
    assert_eq!(ranker.rules().features[0].name, "place");
    let one = ranker.ask_alone(&question(3));
    let Answered::Answer(ordered) = &one.outcome else { panic!("{one:?}") };
    assert_eq!((&ordered.order[..], &ordered.scores[..]), (&[0, 1, 2][..], &[3, 2, 1][..]));
    assert!(one.fuel.is_some());
    assert_eq!(ranker.ask_alone(&question(3)), one);
    let warm = ranker.ask(&[question(3), question(2)]);
    assert_eq!((&warm[0].outcome, warm[0].fuel), (&one.outcome, None));
    assert_eq!(ranker.stats().records, 4);
}

#[test]
fn an_answer_that_the_world_does_not_allow_is_no_answer() {
    let bytes = culprit(Misdeed::Drops);
    let ranker = engine().bind::<Ranker>(&bytes, binding(&bytes)).unwrap();
    let [judged] = ranker.ask(&[question(2)]).try_into().unwrap();
    assert!(matches!(judged.outcome, Answered::Failed(Cause::IllegalAnswer(IllegalAnswer::Vanished(_)))));
}

#[test]
fn a_ranker_that_keeps_state_is_quarantined_with_the_evidence() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine_in(dir.path(), 1);
    let bytes = culprit(Misdeed::RemembersQuestions);
    let ranker = engine.bind::<Ranker>(&bytes, binding(&bytes)).unwrap();
    // The first question of an instance is as good as canonical, the second is not.
    assert!(matches!(ranker.ask(&[question(2)])[0].outcome, Answered::Answer(_)));
    assert_eq!(ranker.ask(&[question(2)])[0].outcome, Answered::Fault(HostFault::Quarantined));
    let [evidence] = engine.evidence().try_into().unwrap();
    let Contradiction::Ranker(seen) = &evidence.contradiction else { panic!("it was a ranker") };
    assert_eq!(seen.question, question(2));
    assert_ne!(seen.warm, seen.canonical[0].outcome);
    let refused = engine_in(dir.path(), 0).bind::<Ranker>(&bytes, binding(&bytes));
    assert!(matches!(refused, Err(EngineError::Quarantined { .. })), "across a restart");
}

#[test]
fn a_module_is_bound_to_slots_of_its_own_role_only() {
    let engine = engine();
    let bytes = culprit(Misdeed::Drops);
    let refused = engine.bind::<Governance>(&bytes, binding(&bytes)).unwrap_err();
    let roles = (Role::Governance, Role::Ranker);
    assert!(matches!(refused, EngineError::WrongRole { wanted, found, .. } if (wanted, found) == roles), "{refused}");
    let refused = engine.validator(&bytes, binding(&bytes)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        format!("module {} is a ranker module, and a validator module is wanted here", binding(&bytes).code)
    );
    let validator = guest(Behaviour::Valid);
    assert!(matches!(engine.bind::<Ranker>(&validator, binding(&validator)), Err(EngineError::WrongRole { .. })));
}

#[test]
fn equal_bindings_share_a_module() {
    let engine = engine();
    let bytes = culprit(Misdeed::RanksByPlace);
    let open = || engine.bind::<Ranker>(&bytes, binding(&bytes)).unwrap();
    assert!(std::sync::Arc::ptr_eq(&open(), &open()));
}
