//! How the standard modules are built, and how a tree without a WebAssembly toolchain
//! knows that the prebuilt set is that of its sources.
//!
//! The binary `build-modules` compiles each module and writes the components with a
//! [`Manifest`]. The manifest lists the *inputs* of each module as the compiler and cargo
//! reported them: source files, crates. A [`source_hash`](inputs::source_hash) over their
//! content is what tests compare: nothing else in the tree can make the set stale.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod component;
mod error;
pub mod inputs;
mod manifest;
mod set;

pub use atlas_registry::build::rust::Toolchain;
pub use component::{describe, encode, function_imports};
pub use error::BuildError;
pub use manifest::{MANIFEST, Manifest, Module, code_hashes};
pub use set::{Built, ROLES, Source, build, discover, toolchain_line};

/// The command that brings the prebuilt set up to date.
pub const REBUILD: &str = "cargo run -p atlas-modules-build --bin build-modules";
