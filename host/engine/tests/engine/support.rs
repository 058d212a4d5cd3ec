//! Engines and validators for tests.

use std::path::Path;
use std::sync::Arc;

use atlas_engine::testing::{Behaviour, guest};
use atlas_engine::{Binding, Candidate, CodeHash, Engine, EngineConfig, EngineError, Outcome, Pooling, Validator};

pub const FUEL: u64 = 4_000_000;
pub const MEMORY: u64 = 1 << 20;

/// An engine that keeps nothing and probes nothing.
pub fn engine() -> Engine {
    Engine::open(EngineConfig { pooling: Pooling::Off, sample_rate: 0, ..EngineConfig::default() }).unwrap()
}

/// An engine that keeps everything in `dir` and probes one in `sample_rate`.
pub fn engine_in(dir: &Path, sample_rate: u32) -> Engine {
    Engine::open(EngineConfig {
        cache_dir: Some(dir.join("cache")),
        cache_key: [7; 32],
        pooling: Pooling::Off,
        sample_rate,
        ..EngineConfig::default()
    })
    .unwrap()
}

pub fn binding(bytes: &[u8]) -> Binding {
    Binding { fuel: FUEL, memory: MEMORY, ..Binding::new(CodeHash::of(bytes)) }
}

pub fn open(engine: &Engine, behaviour: Behaviour) -> Result<Arc<Validator>, EngineError> {
    let bytes = guest(behaviour);
    engine.validator(&bytes, binding(&bytes))
}

pub fn puppet(engine: &Engine) -> Arc<Validator> {
    open(engine, Behaviour::Puppet).unwrap()
}

pub fn outcomes(validator: &Validator, candidates: &[Candidate]) -> Vec<Outcome> {
    validator.validate(candidates).into_iter().map(|judgement| judgement.outcome).collect()
}
