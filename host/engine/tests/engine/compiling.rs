//! Compilation: once, off the path, and never from a file without a seal.

use std::fs;
use std::path::PathBuf;
use std::thread;

use atlas_engine::testing::{Behaviour, candidate, guest};
use atlas_engine::{CodeHash, CodeState, Engine, EngineConfig, EngineError, Pooling};

use crate::support::{binding, engine, engine_in, open};

#[test]
fn eight_threads_that_want_one_module_compile_it_once() {
    let engine = engine();
    let bytes = guest(Behaviour::Valid);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| engine.validator(&bytes, binding(&bytes)).unwrap());
        }
    });
    assert_eq!(engine.stats().compiled, 1);
}

#[test]
fn a_prepared_module_is_ready_without_anyone_waiting() {
    let engine = engine();
    let bytes = guest(Behaviour::Valid);
    assert!(matches!(engine.state(CodeHash::of(&bytes)), CodeState::Unknown));
    assert!(engine.validator_if_ready(binding(&bytes)).unwrap().is_none());
    let compiling = engine.prepare(bytes.clone());
    assert_eq!(compiling.code(), CodeHash::of(&bytes));
    compiling.wait().unwrap();
    assert!(matches!(compiling.state(), CodeState::Ready));
    assert!(engine.validator_if_ready(binding(&bytes)).unwrap().is_some());
    assert_eq!(engine.stats().compiled, 1);
}

#[test]
fn a_refused_module_says_why_whenever_it_is_asked_for() {
    let engine = engine();
    let compiling = engine.prepare(*b"not wasm");
    assert!(matches!(compiling.wait(), Err(EngineError::NotWasm)));
    assert!(matches!(compiling.state(), CodeState::Refused(EngineError::NotWasm)));
    let refused = engine.validator_if_ready(binding(b"not wasm"));
    assert!(matches!(refused, Err(EngineError::NotWasm)));
}

#[test]
fn equal_bindings_share_a_validator() {
    let engine = engine();
    let (one, two) = (open(&engine, Behaviour::Valid).unwrap(), open(&engine, Behaviour::Valid).unwrap());
    assert!(std::sync::Arc::ptr_eq(&one, &two));
}

fn cached_file(dir: &tempfile::TempDir) -> PathBuf {
    let engines: Vec<_> = fs::read_dir(dir.path().join("cache")).unwrap().collect();
    let [engine] = engines.try_into().unwrap();
    let files: Vec<_> = fs::read_dir(engine.unwrap().path()).unwrap().collect();
    let [file] = files.try_into().unwrap();
    file.unwrap().path()
}

#[test]
fn a_restart_takes_compiled_code_from_disk() {
    let dir = tempfile::tempdir().unwrap();
    open(&engine_in(dir.path(), 0), Behaviour::Valid).unwrap();
    let engine = engine_in(dir.path(), 0);
    let validator = open(&engine, Behaviour::Valid).unwrap();
    assert!(validator.validate(&[candidate(b"x")])[0].outcome.is_verdict());
    let stats = engine.stats();
    assert_eq!((stats.compiled, stats.cache.hits, stats.cache.rejected), (0, 1, 0));
}

#[test]
fn a_tampered_file_is_compiled_anew_and_never_deserialised() {
    let dir = tempfile::tempdir().unwrap();
    open(&engine_in(dir.path(), 0), Behaviour::Valid).unwrap();
    let path = cached_file(&dir);
    let sound = fs::read(&path).unwrap();
    for damage in [0, 8, 40, sound.len() / 2, sound.len() - 1] {
        let mut bytes = sound.clone();
        bytes[damage] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let engine = engine_in(dir.path(), 0);
        open(&engine, Behaviour::Valid).unwrap();
        let stats = engine.stats();
        assert_eq!((stats.compiled, stats.cache.hits, stats.cache.rejected), (1, 0, 1), "byte {damage}");
        assert_eq!(fs::read(&path).unwrap().len(), sound.len(), "the file is replaced");
    }
    for cut in [0, 7, 39, sound.len() - 1] {
        fs::write(&path, &sound[..cut]).unwrap();
        let engine = engine_in(dir.path(), 0);
        open(&engine, Behaviour::Valid).unwrap();
        assert_eq!(engine.stats().cache.rejected, 1, "cut at {cut}");
    }
}

#[test]
fn code_sealed_for_one_module_does_not_pass_for_another() {
    let dir = tempfile::tempdir().unwrap();
    open(&engine_in(dir.path(), 0), Behaviour::Valid).unwrap();
    let path = cached_file(&dir);
    let other = CodeHash::of(&guest(Behaviour::Invalid));
    fs::rename(&path, path.with_file_name(format!("{other}.cwasm"))).unwrap();
    let engine = engine_in(dir.path(), 0);
    open(&engine, Behaviour::Invalid).unwrap();
    assert_eq!(engine.stats().cache.rejected, 1);
}

#[test]
fn code_sealed_under_another_key_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    open(&engine_in(dir.path(), 0), Behaviour::Valid).unwrap();
    let engine = Engine::open(EngineConfig {
        cache_dir: Some(dir.path().join("cache")),
        cache_key: [8; 32],
        pooling: Pooling::Off,
        ..EngineConfig::default()
    })
    .unwrap();
    open(&engine, Behaviour::Valid).unwrap();
    assert_eq!((engine.stats().compiled, engine.stats().cache.rejected), (1, 1));
}
