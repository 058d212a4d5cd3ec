//! Puts a component and its stub into one.

use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions};

use crate::error::RegistryError;

/// The component with the stub's `answered` exports for imports, exporting what is `kept`.
pub(super) fn compose(
    component: &[u8],
    stub: &[u8],
    answered: &[String],
    kept: &[String],
) -> Result<Vec<u8>, RegistryError> {
    let fail = |error: &dyn std::fmt::Display| {
        RegistryError::Component(format!("the component cannot be composed with the WASI stub: {error}"))
    };
    let mut graph = CompositionGraph::new();
    let mut instantiate = |name: &str, bytes: &[u8]| {
        let package = Package::from_bytes(name, None, bytes, graph.types_mut()).map_err(|error| fail(&format!("{error:#}")))?;
        let package = graph.register_package(package).map_err(|error| fail(&error))?;
        Ok(graph.instantiate(package))
    };
    let stub = instantiate("atlas:wasi-stub", stub)?;
    let module = instantiate("atlas:module", component)?;
    for name in answered {
        let export = graph.alias_instance_export(stub, name).map_err(|error| fail(&error))?;
        graph.set_instantiation_argument(module, name, export).map_err(|error| fail(&error))?;
    }
    for name in kept {
        let export = graph.alias_instance_export(module, name).map_err(|error| fail(&error))?;
        graph.export(export, name).map_err(|error| fail(&error))?;
    }
    // Validated as every component is where it is used; doing it here would only cost the author time.
    let options = EncodeOptions { validate: false, ..EncodeOptions::default() };
    graph.encode(options).map_err(|error| fail(&error))
}
