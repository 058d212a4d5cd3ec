//! Modules that are no function of the record are caught, with evidence.

use atlas_engine::testing::{Behaviour, candidate, guest};
use atlas_engine::{CodeHash, Contradiction, EngineError, HostFault, Outcome};

use crate::support::{binding, engine_in, open, outcomes};

#[test]
fn a_module_that_keeps_state_is_caught_and_the_evidence_kept() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine_in(dir.path(), 1);
    let validator = open(&engine, Behaviour::KeepsState).unwrap();
    // The first call of an instance is as good as canonical, the second is not.
    assert_eq!(outcomes(&validator, &[candidate(b"x")]), [Outcome::Valid(vec![])]);
    assert_eq!(outcomes(&validator, &[candidate(b"x")]), [Outcome::Fault(HostFault::Quarantined)]);
    assert_eq!(outcomes(&validator, &[candidate(b"x")]), [Outcome::Fault(HostFault::Quarantined)]);

    let [evidence] = engine.evidence().try_into().unwrap();
    assert_eq!(evidence.module.code, validator.binding().code);
    let Contradiction::Validator(seen) = &evidence.contradiction else { panic!("it was a validator") };
    assert_eq!(seen.question, candidate(b"x"));
    assert!(matches!(seen.warm, Outcome::Invalid(_)));
    assert_eq!(seen.canonical.len(), 2);
    assert_eq!(seen.canonical[0], seen.canonical[1]);
    assert_eq!(seen.canonical[0].outcome, Outcome::Valid(vec![]));
}

#[test]
fn a_module_that_answers_by_position_is_caught() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine_in(dir.path(), 1);
    let validator = open(&engine, Behaviour::ByPosition).unwrap();
    let judged = outcomes(&validator, &[candidate(b"x"), candidate(b"x")]);
    assert_eq!(judged, [Outcome::Fault(HostFault::Quarantined), Outcome::Fault(HostFault::Quarantined)]);
    assert_eq!(engine.evidence()[0].position, (1, 2));
}

#[test]
fn a_module_that_is_only_dearer_when_reused_is_not_accused() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine_in(dir.path(), 1);
    let validator = open(&engine, Behaviour::DearWhenReused).unwrap();
    for _ in 0..5 {
        assert_eq!(outcomes(&validator, &[candidate(b"x")]), [Outcome::Valid(vec![])]);
    }
    assert_eq!(validator.stats().probes, 5);
    assert!(engine.evidence().is_empty());
}

#[test]
fn a_quarantine_outlasts_a_restart_and_ends_with_a_release() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = guest(Behaviour::ByPosition);
    let code = CodeHash::of(&bytes);
    {
        let engine = engine_in(dir.path(), 1);
        let validator = engine.validator(&bytes, binding(&bytes)).unwrap();
        validator.validate(&[candidate(b"x"), candidate(b"x")]);
    }
    let engine = engine_in(dir.path(), 0);
    let refused = engine.validator(&bytes, binding(&bytes)).unwrap_err();
    assert!(matches!(refused, EngineError::Quarantined { code: found } if found == code));
    assert_eq!(engine.evidence().len(), 1);

    assert_eq!(engine.release(code).unwrap(), 1);
    assert!(engine.evidence().is_empty());
    assert!(engine.validator(&bytes, binding(&bytes)).is_ok());
    assert!(engine_in(dir.path(), 0).quarantined().is_empty(), "a release is kept");
    let kept = std::fs::read_dir(dir.path().join("evidence")).unwrap().count();
    assert_eq!(kept, 1, "the evidence is set aside, not removed");
}

#[test]
fn damaged_evidence_still_bars_the_module() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = guest(Behaviour::Valid);
    let module = binding(&bytes).module();
    let evidence = dir.path().join("evidence");
    std::fs::create_dir_all(&evidence).unwrap();
    std::fs::write(evidence.join(format!("{}-{}.json", module.code, module.config)), "{").unwrap();
    let engine = engine_in(dir.path(), 0);
    assert!(matches!(engine.validator(&bytes, binding(&bytes)), Err(EngineError::Quarantined { .. })));
    assert_eq!(engine.quarantined(), [module]);
}

#[test]
fn another_config_of_a_quarantined_module_is_another_module() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine_in(dir.path(), 1);
    let bytes = guest(Behaviour::ByPosition);
    let validator = engine.validator(&bytes, binding(&bytes)).unwrap();
    validator.validate(&[candidate(b"x"), candidate(b"x")]);
    assert!(engine.validator(&bytes, binding(&bytes).with_config(*b"other")).is_ok());
}
