//! `manifest.json`: what the prebuilt set is made of.

use std::path::Path;

use atlas_record::BlobId;
use serde::{Deserialize, Serialize};

use crate::error::BuildError;

/// The manifest's file name, beside the components.
pub const MANIFEST: &str = "manifest.json";

/// The prebuilt set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// What built the set. Only the same toolchain promises the same bytes.
    pub toolchain: String,
    /// The modules, by name.
    pub modules: Vec<Module>,
}

/// One module of the set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Module {
    /// The name, as `package`.
    pub name: String,
    /// The world it exports, as `validator`.
    pub role: String,
    /// What it calls itself, as `atlas:package`.
    pub module: String,
    /// Its own version.
    pub version: String,
    /// What it is, in one sentence, in its own words.
    pub summary: String,
    /// The component, beside the manifest.
    pub file: String,
    /// The component's length in bytes.
    pub size: u64,
    /// BLAKE3 of the component, in hex.
    pub code_hash: String,
    /// The same as a CID, the form in which constitutions bind it.
    pub code_id: String,
    /// Hash over the inputs; see [`source_hash`](crate::inputs::source_hash).
    pub source_hash: String,
    /// The inputs.
    pub inputs: Inputs,
}

/// What a module is compiled from, as the compiler and cargo reported it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inputs {
    /// Files of this tree, by path from its root with `/` between.
    pub files: Vec<String>,
    /// Crates from outside, as `blake3 1.8.7`.
    pub crates: Vec<String>,
}

/// BLAKE3 of a component, in hex and as a CID.
pub fn code_hashes(component: &[u8]) -> (String, String) {
    (blake3::hash(component).to_hex().to_string(), BlobId::of(component).to_string())
}

impl Manifest {
    /// Reads a manifest.
    pub fn read(path: &Path) -> Result<Self, BuildError> {
        let text = std::fs::read_to_string(path).map_err(BuildError::file(path))?;
        serde_json::from_str(&text).map_err(|error| BuildError::form(path, error))
    }

    /// The manifest as text.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a manifest holds text and numbers only");
        text.push('\n');
        text
    }

    /// The module of this name.
    pub fn get(&self, name: &str) -> Option<&Module> {
        self.modules.iter().find(|module| module.name == name)
    }
}
