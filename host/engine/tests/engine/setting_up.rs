//! What is checked of a module before its first record.

use atlas_engine::testing::{Behaviour, guest};
use atlas_engine::validator::Lifecycle;
use atlas_engine::{Binding, Cause, CodeHash, EngineError, IllegalAnswer, MAX_FUEL, MAX_MEMORY, Meter, TrapKind};

use crate::support::{binding, engine, open};

#[test]
fn a_module_says_what_it_is_and_what_holds_for_its_type() {
    let validator = open(&engine(), Behaviour::Valid).unwrap();
    assert_eq!(validator.description().name, "test:guest");
    assert_eq!(validator.description().version, "0.1.0");
    let rules = validator.rules();
    assert_eq!(rules.lifecycle, Lifecycle::Append);
    assert_eq!(rules.indexes.iter().map(|index| index.name.as_str()).collect::<Vec<_>>(), ["tag", "size"]);
    assert_eq!(rules.schema, "{}");
}

#[test]
fn a_config_that_the_module_refuses_is_refused_in_its_words() {
    let refused = open(&engine(), Behaviour::ConfigureRefuses).unwrap_err();
    assert!(matches!(&refused, EngineError::ConfigRefused { text, .. } if text == "no such thing: the config"));
}

#[test]
fn a_config_that_lacks_documents_is_refused_with_their_paths_until_they_are_there() {
    let bytes = guest(Behaviour::ConfigureLacks);
    let engine = engine();
    let lacking = engine.validator(&bytes, binding(&bytes)).unwrap_err();
    let EngineError::ConfigIncomplete { main, documents, .. } = lacking else { panic!("{lacking}") };
    assert_eq!((main.as_str(), documents), ("a.json", vec!["b/c.json".to_owned(), "d.json".to_owned()]));
    assert!(engine.validator(&bytes, binding(&bytes).with_config(&b"all of it"[..])).is_ok());
}

#[test]
fn a_module_that_asks_for_a_document_outside_its_folder_is_refused() {
    let refused = open(&engine(), Behaviour::ConfigureEscapes).unwrap_err();
    let cause = Cause::IllegalAnswer(IllegalAnswer::BadPath("../etc".into()));
    assert!(matches!(&refused, EngineError::Setup { during: "configure", cause: found, .. } if *found == cause));
}

#[test]
fn a_module_that_fails_in_its_setup_is_refused_with_the_step() {
    let refused = open(&engine(), Behaviour::ConfigureTraps).unwrap_err();
    let cause = Cause::Trap(TrapKind::Unreachable);
    assert!(matches!(&refused, EngineError::Setup { during: "configure", cause: found, .. } if *found == cause));
    let refused = open(&engine(), Behaviour::TooManyIndexes).unwrap_err();
    assert!(matches!(refused, EngineError::BadRules { .. }), "{refused}");
    let refused = open(&engine(), Behaviour::BadName).unwrap_err();
    assert!(matches!(refused, EngineError::BadDescription { .. }), "{refused}");
}

#[test]
fn a_module_that_wants_more_memory_from_the_start_than_its_slot_grants_is_refused() {
    let bytes = guest(Behaviour::Valid);
    let refused = engine().validator(&bytes, Binding { memory: 64 << 10, ..binding(&bytes) }).unwrap_err();
    assert!(matches!(refused, EngineError::Setup { during: "instantiate", cause: Cause::MemoryExceeded, .. }));
}

#[test]
fn allowances_have_bounds() {
    let engine = engine();
    let bytes = guest(Behaviour::Valid);
    for bad in [
        Binding { fuel: 0, ..binding(&bytes) },
        Binding { fuel: MAX_FUEL + 1, ..binding(&bytes) },
        Binding { memory: 0, ..binding(&bytes) },
        Binding { memory: MAX_MEMORY + 1, ..binding(&bytes) },
    ] {
        assert!(matches!(engine.validator(&bytes, bad), Err(EngineError::BadBinding { .. })));
    }
    assert!(matches!("meter/9".parse::<Meter>(), Err(EngineError::UnknownMeter { .. })));
    assert_eq!("meter/1".parse::<Meter>().unwrap(), Meter::V1);
}

#[test]
fn bytes_that_are_not_the_bound_module_are_refused() {
    let wanted = Binding::new(CodeHash([3; 32]));
    let refused = engine().validator(&guest(Behaviour::Valid), wanted).unwrap_err();
    assert!(matches!(refused, EngineError::HashMismatch { .. }));
}
