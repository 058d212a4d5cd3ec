//! The standard modules as components, embedded, so that a machine without a WebAssembly
//! toolchain runs Atlas and its tests.
//!
//! The components and their manifest lie beside this crate's `Cargo.toml`;
//! `cargo run -p atlas-modules-build --bin build-modules` makes them. A node does not bind
//! a module because it is in this set: spaces bind modules by hash, and a space keeps the
//! modules that it binds.

#![cfg_attr(test, allow(clippy::unwrap_used))]

/// A standard module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prebuilt {
    /// The name within the standard set, as `package`.
    pub name: &'static str,
    /// The world it exports, as `validator`.
    pub role: &'static str,
    /// The component.
    pub bytes: &'static [u8],
}

macro_rules! set {
    ($($name:literal: $role:literal,)*) => {
        &[$(Prebuilt {
            name: $name,
            role: $role,
            bytes: include_bytes!(concat!("../", $name, ".wasm")),
        },)*]
    };
}

/// By name.
const SET: &[Prebuilt] = set! {
    "balanced": "economy",
    "ballot": "validator",
    "direct": "trust",
    "file": "validator",
    "label": "validator",
    "lexicon": "validator",
    "majority": "governance",
    "members": "admission",
    "module-release": "validator",
    "name": "validator",
    "open": "admission",
    "package": "validator",
    "post": "validator",
    "profile": "validator",
    "proposal": "validator",
    "recent": "ranker",
    "scope": "validator",
    "space": "validator",
    "task": "validator",
    "trust": "validator",
    "type": "validator",
};

/// `manifest.json`: toolchain, hashes and inputs of each module.
pub const MANIFEST: &str = include_str!("../manifest.json");

/// Every standard module, by name.
pub fn all() -> &'static [Prebuilt] {
    SET
}

/// The standard module of this name.
pub fn get(name: &str) -> Option<&'static Prebuilt> {
    SET.iter().find(|module| module.name == name)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use atlas_modules_build::inputs::source_hash;
    use atlas_modules_build::{Manifest, REBUILD, code_hashes, describe, discover, function_imports};

    use super::{all, get};

    fn root() -> &'static Path {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
        root.expect("this crate lies two folders deep")
    }

    fn manifest() -> Manifest {
        Manifest::read(&root().join("modules/prebuilt/manifest.json")).unwrap()
    }

    #[test]
    fn every_module_of_the_tree_is_in_the_manifest_and_embedded() {
        let embedded: Vec<_> = all().iter().map(|module| (module.name, module.role)).collect();
        let manifest = manifest();
        let listed: Vec<_> = manifest.modules.iter().map(|it| (it.name.as_str(), it.role.as_str())).collect();
        let sources = discover(root()).unwrap();
        let sources: Vec<_> = sources.iter().map(|source| (source.name.as_str(), source.role)).collect();
        assert_eq!(listed, sources, "run {REBUILD}");
        assert_eq!(embedded, sources, "the list in this crate's lib.rs");
        assert!(get("package").is_some() && get("no-such-module").is_none());
    }

    #[test]
    fn every_component_is_the_one_that_the_manifest_names() {
        for module in manifest().modules {
            let bytes = get(&module.name).unwrap().bytes;
            assert_eq!(code_hashes(bytes), (module.code_hash, module.code_id), "{}: run {REBUILD}", module.name);
            assert_eq!(bytes.len() as u64, module.size);
        }
    }

    #[test]
    fn every_component_says_of_itself_what_the_manifest_says() {
        for module in manifest().modules {
            let about = describe(&module.name, get(&module.name).unwrap().bytes).unwrap();
            let said = (about.name, about.version, about.summary);
            assert_eq!(said, (module.module, module.version, module.summary), "{}: run {REBUILD}", module.name);
        }
    }

    #[test]
    fn no_component_imports_a_function() {
        for module in all() {
            assert_eq!(function_imports(module.bytes), Ok(vec![]), "{}", module.name);
        }
    }

    #[test]
    fn sources_are_those_of_the_prebuilt_set() {
        for module in manifest().modules {
            let current = source_hash(root(), &module.inputs);
            let stale = match current {
                Ok(hash) if hash == module.source_hash => continue,
                Ok(_) => "its sources have changed".to_owned(),
                Err(error) => error.to_string(),
            };
            panic!("the prebuilt `{}` is stale: {stale}\nrebuild the set with: {REBUILD}", module.name);
        }
    }

    #[test]
    fn components_name_no_place_on_the_machine_that_built_them() {
        for module in all() {
            let text = String::from_utf8_lossy(module.bytes);
            for place in ["/home/", "/root/", "/Users/", "/tmp/", ".cargo", "rustup"] {
                assert!(!text.contains(place), "{} holds {place}", module.name);
            }
        }
    }
}
