//! A module's folder: where it is, and what its `module.toml` says.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::RegistryError;
use crate::language::Language;
use crate::manifest::Manifest;

/// The file that makes a folder a project.
pub const MODULE_TOML: &str = "module.toml";

/// A project.
#[derive(Debug, Clone)]
pub struct Project {
    /// Its folder, absolute.
    pub folder: PathBuf,
    /// What it is written in.
    pub language: Language,
    /// What its package will say of itself.
    pub manifest: Manifest,
}

#[derive(Deserialize)]
struct File {
    build: Build,
    #[serde(flatten)]
    manifest: toml::Table,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Build {
    language: String,
}

impl Project {
    /// Reads the project in a folder.
    pub fn open(folder: &Path) -> Result<Self, RegistryError> {
        let file = folder.join(MODULE_TOML);
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(RegistryError::NoProject(folder.to_owned()));
            }
            Err(error) => return Err(RegistryError::file(file)(error)),
        };
        let wrong = |error: toml::de::Error| RegistryError::form(&file, error);
        let File { build, manifest } = toml::from_str(&text).map_err(wrong)?;
        let manifest: Manifest = manifest.try_into().map_err(wrong)?;
        manifest.check().map_err(|error| RegistryError::form(&file, error))?;
        let language = Language::named(&build.language).map_err(|error| RegistryError::form(&file, error))?;
        let folder = folder.canonicalize().map_err(RegistryError::file(folder))?;
        Ok(Self { folder, language, manifest })
    }

    /// The last part of the module's name.
    #[must_use]
    pub fn short_name(&self) -> &str {
        self.manifest.name.rsplit(':').next().unwrap_or(&self.manifest.name)
    }

    /// Where `build` leaves the component.
    #[must_use]
    pub fn component(&self) -> PathBuf {
        self.folder.join("dist").join(format!("{}.wasm", self.short_name()))
    }

    /// Where `pack` leaves the package.
    #[must_use]
    pub fn package(&self) -> PathBuf {
        let Manifest { name, version, .. } = &self.manifest;
        self.folder.join("dist").join(format!("{}-{version}.wasm", name.replace(':', "-")))
    }
}
