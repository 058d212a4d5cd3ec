//! Packages of modules: what a package says of itself, and how one is made.
//!
//! A *package* is one file: the component with its [`Manifest`] in a custom section and, once
//! somebody vouches for it, a [`Signature`] in another, so that one hash covers all of it. A node
//! reads them with [`Manifest::of`] and [`Signature::of`], and needs nothing else of this crate.
//!
//! With the feature `author`, the way from an idea to a package is here too, one room for
//! each step:
//!
//! 1. [`scaffold`] writes a small project in the author's language, from what is embedded in
//!    the program: WIT, the Rust SDK, templates, examples.
//! 2. [`build`](mod@build) finds the language's toolchain, or says exactly what to install,
//!    and makes a component.
//! 3. [`pure`] takes what is left of WASI out of a component by composing it with a stub
//!    whose answers never differ, and refuses any other import by name.
//! 4. [`pack`](mod@pack) puts the manifest in.
//!
//! With the feature `oci`, [`oci`] takes packages to registries of OCI artifacts and gets them from there.
//!
//! What roles and languages there are stands in two tables, [`Role`] and [`Language`].

#![cfg_attr(test, allow(clippy::unwrap_used))]

#[cfg(feature = "author")]
pub mod build;
mod error;
mod language;
mod manifest;
#[cfg(feature = "oci")]
pub mod oci;
#[cfg(feature = "author")]
pub mod pack;
#[cfg(feature = "author")]
mod project;
#[cfg(feature = "author")]
pub mod pure;
mod role;
#[cfg(feature = "author")]
pub mod scaffold;
mod section;
pub mod signature;

pub use error::RegistryError;
pub use language::Language;
pub use manifest::{MAX_MANIFEST_BYTES, Manifest, SECTION};
#[cfg(feature = "author")]
pub use project::{MODULE_TOML, Project};
pub use role::{Role, Start};
pub use signature::Signature;

#[cfg(feature = "author")]
#[allow(missing_docs, reason = "tables written by the build script")]
mod embedded {
    include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
}
