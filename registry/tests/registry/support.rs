//! Components for the tests, and the engine that runs them.

use std::sync::LazyLock;

use atlas_engine::{Engine, EngineConfig, Pooling};
use atlas_registry::Manifest;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

pub static ENGINE: LazyLock<Engine> =
    LazyLock::new(|| Engine::open(EngineConfig { pooling: Pooling::Off, ..EngineConfig::default() }).unwrap());

/// The worlds of this tree.
const WIT: [&str; 2] =
    [include_str!("../../../wit/types-0.1/types.wit"), include_str!("../../../wit/validator-0.1/validator.wit")];

/// A validator that also imports these interfaces, from packages written in WIT.
pub fn component(wat: &str, packages: &[&str], imports: &[&str]) -> Vec<u8> {
    let imports: String = imports.iter().map(|name| format!("import {name};")).collect();
    let world = format!("package test:guest; world guest {{ {imports} include atlas:validator/validator@0.1.0; }}");
    let mut resolve = Resolve::default();
    for text in WIT.iter().chain(packages) {
        resolve.push_str("dependency.wit", text).unwrap();
    }
    let package = resolve.push_str("guest.wit", &world).unwrap();
    let world = resolve.select_world(&[package], Some("guest")).unwrap();
    let mut module = wat::parse_str(wat).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
}

/// What the guests of the engine's tests say of themselves.
pub fn manifest() -> Manifest {
    Manifest {
        name: "test:guest".to_owned(),
        version: "0.1.0".to_owned(),
        role: "validator".to_owned(),
        wit: "atlas:validator@0.1.0".to_owned(),
        summary: "A guest for tests.".to_owned(),
        licence: "MIT".to_owned(),
        authors: vec!["Ada".to_owned()],
        source: None,
        capabilities: Vec::new(),
    }
}
