//! What a call costs: `cargo run --release -p atlas-engine --features testing --example cost`.

use std::hint::black_box;
use std::time::Instant;

use atlas_engine::testing::{Behaviour, candidate, guest};
use atlas_engine::{Binding, CodeHash, Engine, EngineConfig, EngineError, Pooling};

fn main() -> Result<(), EngineError> {
    for pooling in [Pooling::Auto, Pooling::Off] {
        let engine = Engine::open(EngineConfig { pooling, sample_rate: 0, ..EngineConfig::default() })?;
        let bytes = guest(Behaviour::Indexed);
        let started = Instant::now();
        let validator = engine.validator(&bytes, Binding::new(CodeHash::of(&bytes)))?;
        println!("{}: {} byte guest ready in {:?}", engine.allocation().name(), bytes.len(), started.elapsed());
        let records = vec![candidate(&[7; 250]); 128];
        let per_record = |name: &str, rounds: u32, records: u32, run: &dyn Fn()| {
            (0..rounds / 10).for_each(|_| run());
            let started = Instant::now();
            (0..rounds).for_each(|_| run());
            println!("  {name}: {:.2} us", started.elapsed().as_secs_f64() * 1e6 / f64::from(rounds * records));
        };
        per_record("fresh", 5_000, 1, &|| drop(black_box(validator.validate_alone(&records[0]))));
        per_record("warm, single", 50_000, 1, &|| drop(black_box(validator.validate(&records[..1]))));
        per_record("warm, 128 at once", 1_000, 128, &|| drop(black_box(validator.validate(&records))));
    }
    Ok(())
}
