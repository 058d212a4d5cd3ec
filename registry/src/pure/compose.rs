//! Puts a component and its stub into one that imports nothing.
//!
//! The stub gives the component everything that it imports, interfaces that only name types
//! included, so what is around the two needs no types of its own: two components, two instances,
//! and the module's exports handed out. The interfaces of types are handed out too, because an
//! export may only speak of types that have a name outside.

use wasm_encoder::{ComponentBuilder, ComponentExportKind};

/// The component with the stub's exports for imports.
pub(super) fn compose(component: &[u8], stub: &[u8], imports: &[String], types: &[String], kept: &[String]) -> Vec<u8> {
    const INSTANCE: ComponentExportKind = ComponentExportKind::Instance;
    let mut outer = ComponentBuilder::default();
    let (stub, module) = (outer.component_raw(None, stub), outer.component_raw(None, component));
    let nothing: [(&str, ComponentExportKind, u32); 0] = [];
    let stub = outer.instantiate(None, stub, nothing);
    let mut given = Vec::new();
    for name in imports {
        given.push((name.as_str(), INSTANCE, outer.alias_export(stub, name, INSTANCE)));
    }
    let module = outer.instantiate(None, module, given.iter().copied());
    for (name, _, instance) in given.iter().filter(|(name, ..)| types.iter().any(|types| types == name)) {
        outer.export(*name, INSTANCE, *instance, None);
    }
    for name in kept {
        let export = outer.alias_export(module, name, INSTANCE);
        outer.export(name.as_str(), INSTANCE, export, None);
    }
    outer.finish()
}
