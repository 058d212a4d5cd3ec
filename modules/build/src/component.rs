//! From a core module to a component, and what a component may ask for.

use atlas_engine::validator::Description;
use atlas_engine::{Engine, EngineConfig, Pooling};
use wit_parser::WorldItem;
use wit_parser::decoding::DecodedWasm;

use crate::error::BuildError;

/// The component of a core module that carries its world, as the guest SDK embeds it.
pub fn encode(module: &str, core: &[u8]) -> Result<Vec<u8>, BuildError> {
    let fail = |why: String| BuildError::Component { module: module.to_owned(), why };
    let component = atlas_registry::build::encode(core).map_err(|error| fail(error.to_string()))?;
    match function_imports(&component).map_err(fail)?.as_slice() {
        [] => Ok(component),
        imports => Err(BuildError::Component {
            module: module.to_owned(),
            why: format!("imports {}: a pure module imports no function", imports.join(", ")),
        }),
    }
}

/// What a component says of itself. The manifest has it too, so that a node lists the set
/// without compiling it.
pub fn describe(module: &str, component: &[u8]) -> Result<Description, BuildError> {
    let config = EngineConfig { pooling: Pooling::Off, ..EngineConfig::default() };
    let about = Engine::open(config).and_then(|engine| engine.describe(component));
    about.map_err(|error| BuildError::Component { module: module.to_owned(), why: error.to_string() })
}

/// The functions that a component imports. Interfaces that hold types only are none.
pub fn function_imports(component: &[u8]) -> Result<Vec<String>, String> {
    let decoded = wit_parser::decoding::decode(component).map_err(|error| format!("{error:#}"))?;
    let DecodedWasm::Component(resolve, world) = decoded else {
        return Err("this is a WIT package and no component".to_owned());
    };
    let mut found = Vec::new();
    for (name, item) in &resolve.worlds[world].imports {
        let name = resolve.name_world_key(name);
        match item {
            WorldItem::Function(_) => found.push(name),
            WorldItem::Interface { id, .. } => {
                found.extend(resolve.interfaces[*id].functions.keys().map(|function| format!("{name}#{function}")));
            }
            WorldItem::Type { .. } => {}
        }
    }
    Ok(found)
}
