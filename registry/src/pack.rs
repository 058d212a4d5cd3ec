//! Makes a package: a pure component that carries its manifest.
//!
//! The same component and the same manifest make the same bytes, on any machine. The hash of
//! the file names all of it; that is what a space binds.

use atlas_record::BlobId;

use crate::error::RegistryError;
use crate::manifest::{Manifest, SECTION};
use crate::pure;
use crate::{section, signature};

/// A package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// The file.
    pub package: Vec<u8>,
    /// Its hash, as the id that constitutions bind.
    pub id: BlobId,
    /// The interfaces that a stub answers for.
    pub stubbed: Vec<String>,
}

/// Packs a component. One that is a package already gets the new manifest instead of its own.
pub fn pack(component: &[u8], manifest: &Manifest) -> Result<Packed, RegistryError> {
    manifest.check()?;
    let pure = pure::purify(component)?;
    if pure.role.name != manifest.role {
        let why = format!("`role` is `{}`, and the component is a {}", manifest.role, pure.role.name);
        return Err(RegistryError::Manifest(why));
    }
    // Whoever signed it did not sign what comes out of this.
    let bare = section::without(&pure.component, signature::SECTION);
    let package = bare
        .and_then(|bare| section::replace(&bare, SECTION, &manifest.encode()))
        .ok_or_else(|| RegistryError::Component("the component's sections cannot be read".to_owned()))?;
    Ok(Packed { id: BlobId::of(&package), package, stubbed: pure.stubbed })
}
