//! What is refused before a line of it is compiled.

use atlas_engine::testing::{Behaviour, core_guest, guest, guest_with_clock, guest_without_validation};
use atlas_engine::{CodeHash, EngineError, Role, inspect, surface};

use proptest::prelude::*;

use crate::support::{binding, engine};

proptest! {
    #[test]
    fn damaged_components_are_refused_or_read_and_never_panic(
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = guest(Behaviour::Valid);
        for (place, byte) in places {
            let at = place.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = inspect(&bytes);
        let _ = inspect(&bytes[..cut.index(bytes.len())]);
    }
}

#[test]
fn an_inspection_says_what_a_component_is() {
    let bytes = guest(Behaviour::Valid);
    let inspection = inspect(&bytes).unwrap();
    assert_eq!(inspection.role, Role::Validator);
    assert_eq!(inspection.code, CodeHash::of(&bytes));
    assert_eq!(inspection.size, bytes.len() as u64);
    assert_eq!(inspection.type_imports, ["atlas:types/types@0.1.0"]);
    assert!(inspection.exports.contains(&"atlas:validator/validation@0.1.0".to_owned()));
}

#[test]
fn a_module_that_imports_a_clock_is_refused_by_its_name_and_never_compiled() {
    let bytes = guest_with_clock();
    let engine = engine();
    let refused = engine.validator(&bytes, binding(&bytes)).unwrap_err();
    let EngineError::ForeignImports { names } = &refused else { panic!("{refused}") };
    assert_eq!(names, &["wasi:clocks/monotonic-clock@0.2.0"]);
    assert!(refused.to_string().contains("wasi:clocks/monotonic-clock@0.2.0"));
    assert_eq!(engine.stats().compiled, 0);
    assert_eq!(surface(&bytes).unwrap().foreign_imports, *names);
}

#[test]
fn what_is_no_component_is_refused_for_what_it_is() {
    assert!(matches!(inspect(b""), Err(EngineError::NotWasm)));
    assert!(matches!(inspect(b"#!/bin/sh"), Err(EngineError::NotWasm)));
    assert!(matches!(inspect(&core_guest()), Err(EngineError::CoreModule)));
    let whole = guest(Behaviour::Valid);
    for cut in [4, 9, 100, whole.len() / 2, whole.len() - 1] {
        assert!(matches!(inspect(&whole[..cut]), Err(EngineError::Malformed { .. })), "cut at {cut}");
    }
}

#[test]
fn a_component_without_the_exports_of_a_world_is_told_what_is_missing() {
    let refused = inspect(&guest_without_validation()).unwrap_err();
    let EngineError::WrongWorld { missing, found } = refused else { panic!("{refused}") };
    let [any] = missing.try_into().unwrap();
    assert!(any.starts_with("atlas:validator/validation@0.1.0 or ") && any.contains("atlas:ranker/ranking@0.1.0"));
    assert_eq!(found, ["atlas:types/module@0.1.0"]);
    let empty = wat::parse_str("(component)").unwrap();
    assert!(matches!(inspect(&empty), Err(EngineError::WrongWorld { .. })));
}

#[test]
fn an_import_that_is_a_capability_in_the_guise_of_types_is_refused() {
    let resource = wat::parse_str(
        r#"(component (import "atlas:types/types@0.1.0" (instance (export "file" (type (sub resource))))))"#,
    )
    .unwrap();
    assert!(matches!(inspect(&resource), Err(EngineError::ForeignImports { names }) if names.len() == 1));
    let bare = wat::parse_str(r#"(component (type $t (record (field "a" u8))) (import "t" (type (eq $t))))"#);
    assert!(matches!(inspect(&bare.unwrap()), Err(EngineError::ForeignImports { .. })));
    let function = wat::parse_str(r#"(component (import "atlas:types/types@0.1.0" (instance (export "f" (func)))))"#);
    assert!(matches!(inspect(&function.unwrap()), Err(EngineError::ForeignImports { .. })));
}

#[test]
fn exports_of_the_right_names_and_wrong_types_do_not_fit() {
    let bytes = wat::parse_str(
        r#"(component
            (core module $m (func (export "f")))
            (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i "f")))
            (instance $module (export "describe" (func $f)) (export "configure" (func $f)))
            (instance $validation (export "rules" (func $f)) (export "prepare" (func $f)) (export "validate" (func $f)))
            (export "atlas:types/module@0.1.0" (instance $module))
            (export "atlas:validator/validation@0.1.0" (instance $validation)))"#,
    )
    .unwrap();
    let refused = engine().validator(&bytes, binding(&bytes)).unwrap_err();
    assert!(matches!(refused, EngineError::Unfit { .. }), "{refused}");
}

#[test]
fn proposals_outside_the_profile_are_refused() {
    for (name, core) in [
        ("threads", "(module (memory 1 1 shared))"),
        (
            "relaxed simd",
            "(module (func (param v128 v128) (result v128) (i8x16.relaxed_swizzle (local.get 0) (local.get 1))))",
        ),
        ("64-bit memory", "(module (memory i64 1))"),
        ("several memories", "(module (memory 1) (memory 1))"),
        ("garbage collection", "(module (type (struct)))"),
        ("exceptions", "(module (tag))"),
    ] {
        let module = format!("(component (core {}", core.strip_prefix('(').unwrap()) + ")";
        let bytes = wat::parse_str(module).unwrap();
        let refused = engine().prepare(bytes).wait().unwrap_err();
        let named = matches!(refused, EngineError::Malformed { .. } | EngineError::WrongWorld { .. });
        assert!(named, "{name}: {refused}");
    }
}
