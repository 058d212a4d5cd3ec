//! From source to component, in each language.
//!
//! A build runs the language's own tools, each found where it usually is or said to be
//! missing with what to install. What comes out is made [`pure`] at once, so that a built
//! component can be tried before it is packed.

mod c;
mod javascript;
mod python;
pub mod rust;
mod tools;

use crate::error::RegistryError;
use crate::language::Language;
use crate::project::Project;
use crate::pure::{self, Pure};

/// Builds a project into `dist/`.
pub fn build(project: &Project) -> Result<Pure, RegistryError> {
    let component = match project.language {
        Language::Rust => rust::build(project),
        Language::JavaScript => javascript::build(project),
        Language::Python => python::build(project),
        Language::C => c::build(project),
    }?;
    let pure = pure::purify(&component)?;
    if pure.role.name != project.manifest.role {
        let why = format!("`role` is `{}`, and what was built is a {}", project.manifest.role, pure.role.name);
        return Err(RegistryError::Manifest(why));
    }
    write(&project.component(), &pure.component)?;
    Ok(pure)
}

/// Writes a file and the folder it lies in.
pub fn write(path: &std::path::Path, bytes: &[u8]) -> Result<(), RegistryError> {
    let folder = path.parent().expect("a file lies in a folder");
    std::fs::create_dir_all(folder).map_err(RegistryError::file(folder))?;
    std::fs::write(path, bytes).map_err(RegistryError::file(path))
}

/// The component of a core module that carries its world.
pub fn encode(core: &[u8]) -> Result<Vec<u8>, RegistryError> {
    let fail = |error| RegistryError::Component(format!("no component can be made of the module: {error:#}"));
    let mut encoder = wit_component::ComponentEncoder::default();
    encoder.module(core).map_err(fail)?.validate(true).encode().map_err(fail)
}
