//! Where memory comes from changes how fast verdicts are, never what they are.

use atlas_engine::testing::{Behaviour, command};
use atlas_engine::{Allocation, Engine, EngineConfig, Judgement, Pooling};

use crate::support::puppet;

fn judge_all(pooling: Pooling) -> (Allocation, Vec<Judgement>) {
    let engine = Engine::open(EngineConfig { pooling, sample_rate: 0, ..EngineConfig::default() }).unwrap();
    let validator = puppet(&engine);
    let alone = |&behaviour| validator.validate_alone(&command(behaviour));
    let stateless = |behaviour: &&Behaviour| **behaviour != Behaviour::Recurses;
    (engine.allocation(), Behaviour::COMMANDS.iter().filter(stateless).map(alone).collect())
}

#[test]
fn verdicts_and_fuel_do_not_depend_on_the_allocation() {
    let (_, pooled) = judge_all(Pooling::Auto);
    let (allocation, on_demand) = judge_all(Pooling::Off);
    assert_ne!(allocation, Allocation::Pooled);
    assert_eq!(pooled, on_demand);
}
