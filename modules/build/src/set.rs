//! The set: which modules there are, and building one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use atlas_registry::build::rust::{TARGET, Toolchain};

use crate::component;
use crate::error::BuildError;
use crate::inputs::{locked_dependency, source_hash};
use crate::manifest::{Inputs, Module, code_hashes};

/// The folders of `modules/` that hold modules: one for each world.
pub const ROLES: [&str; 7] = ["validator", "trust", "ranker", "governance", "admission", "economy", "app"];

/// A module's sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The world it exports.
    pub role: &'static str,
    /// The folder's name, as `package`.
    pub name: String,
    /// The crate, as `atlas-package`.
    pub package: String,
}

/// A module that was built.
#[derive(Debug, Clone)]
pub struct Built {
    /// Its entry in the manifest.
    pub module: Module,
    /// The component.
    pub component: Vec<u8>,
}

/// Every module in `modules/ROLE/NAME`, by name. Names are unique over all roles.
pub fn discover(root: &Path) -> Result<Vec<Source>, BuildError> {
    let mut sources = Vec::new();
    for role in ROLES {
        let folder = root.join("modules").join(role);
        if !folder.is_dir() {
            continue;
        }
        for entry in std::fs::read_dir(&folder).map_err(BuildError::file(&folder))? {
            let path = entry.map_err(BuildError::file(&folder))?.path();
            let manifest = path.join("Cargo.toml");
            let (Some(name), true) = (path.file_name().and_then(|name| name.to_str()), manifest.is_file()) else {
                continue;
            };
            let package = package_name(&manifest)?;
            sources.push(Source { role, name: name.to_owned(), package });
        }
    }
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    match sources.windows(2).find(|pair| pair[0].name == pair[1].name) {
        None => Ok(sources),
        Some(pair) => Err(BuildError::form(root.join("modules"), format!("two modules are named `{}`", pair[0].name))),
    }
}

fn package_name(manifest: &Path) -> Result<String, BuildError> {
    let text = std::fs::read_to_string(manifest).map_err(BuildError::file(manifest))?;
    let table: toml::Table = text.parse().map_err(|error| BuildError::form(manifest, error))?;
    let name = table.get("package").and_then(|package| package.get("name")?.as_str());
    name.map(str::to_owned).ok_or_else(|| BuildError::form(manifest, "has no package name"))
}

/// What builds the set, in one line. The same line promises the same bytes.
pub fn toolchain_line(root: &Path, toolchain: &Toolchain) -> Result<String, BuildError> {
    // Whose code makes components of core modules.
    let encoder = locked_dependency(root, "atlas-registry", "wit-component")?;
    Ok(format!("{}, {encoder}", toolchain.line()))
}

/// Compiles a module and makes a component of it.
pub fn build(root: &Path, toolchain: &Toolchain, source: &Source) -> Result<Built, BuildError> {
    let target = target_folder(root);
    let mut cargo = toolchain.cargo(root, "rustc");
    // A `cdylib` alone is optimised across crates; with the `rlib` of native tests it is not.
    cargo.args(["--quiet", "--locked", "--profile", "guest", "--target", TARGET, "--lib", "--crate-type", "cdylib"]);
    cargo.args(["--package", &source.package]).arg("--target-dir").arg(&target);
    run(&mut cargo)?;

    let output = target.join(TARGET).join("guest");
    let stem = source.package.replace('-', "_");
    let wasm = output.join(format!("{stem}.wasm"));
    let core = std::fs::read(&wasm).map_err(BuildError::file(&wasm))?;
    let component = component::encode(&source.name, &core)?;
    let about = component::describe(&source.name, &component)?;

    let inputs =
        Inputs { files: files(root, &output.join(format!("{stem}.d")))?, crates: crates(root, toolchain, source)? };
    let (code_hash, code_id) = code_hashes(&component);
    let module = Module {
        name: source.name.clone(),
        role: source.role.to_owned(),
        module: about.name,
        version: about.version,
        summary: about.summary,
        file: format!("{}.wasm", source.name),
        size: component.len() as u64,
        code_hash,
        code_id,
        source_hash: source_hash(root, &inputs)?,
        inputs,
    };
    Ok(Built { module, component })
}

fn target_folder(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from).join("modules")
}

fn run(command: &mut Command) -> Result<String, BuildError> {
    let fail = |command: &Command, why: String| BuildError::Command {
        command: format!("{command:?}").replace('\u{1f}', " "),
        why,
    };
    let output = command.stderr(std::process::Stdio::inherit()).output();
    match output {
        Err(error) => Err(fail(command, error.to_string())),
        Ok(output) if !output.status.success() => Err(fail(command, output.status.to_string())),
        Ok(output) => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
    }
}

/// The files of this tree that the compiler read, from its dependency file (the form of
/// `make`, with `\ ` for spaces), and the manifests of their crates.
fn files(root: &Path, dependencies: &Path) -> Result<Vec<String>, BuildError> {
    let text = std::fs::read_to_string(dependencies).map_err(BuildError::file(dependencies))?;
    let Some((_, list)) = text.lines().next().and_then(|line| line.split_once(": ")) else {
        return Err(BuildError::form(dependencies, "lists no files"));
    };
    let mut files = BTreeSet::new();
    for path in list.replace("\\ ", "\0").split(' ').map(|path| path.replace('\0', " ")) {
        let path = root.join(path);
        let real = path.canonicalize().map_err(BuildError::file(&path))?;
        let Ok(inside) = real.strip_prefix(root) else {
            return Err(BuildError::form(dependencies, format!("{} lies outside the tree", real.display())));
        };
        files.insert(slashes(inside));
        let manifest = inside.ancestors().skip(1).map(|folder| folder.join("Cargo.toml"));
        // The root's manifest belongs to the workspace and is hashed in parts.
        let manifest = manifest.filter(|manifest| manifest.components().count() > 1).find(|it| root.join(it).is_file());
        files.extend(manifest.map(|manifest| slashes(&manifest)));
    }
    Ok(files.into_iter().collect())
}

fn slashes(path: &Path) -> String {
    path.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// The crates from outside that the module is built with, macros and build scripts included.
fn crates(root: &Path, toolchain: &Toolchain, source: &Source) -> Result<Vec<String>, BuildError> {
    let mut cargo = Command::new(&toolchain.cargo);
    cargo.current_dir(root).env("RUSTC", &toolchain.rustc).args(["tree", "--locked", "--package", &source.package]);
    cargo.args(["--target", TARGET, "--edges", "normal,build", "--prefix", "none", "--format", "{p}"]);
    let mut crates = BTreeSet::new();
    for line in run(&mut cargo)?.lines() {
        let mut words = line.split(' ');
        let (Some(name), Some(version)) = (words.next(), words.next().and_then(|word| word.strip_prefix('v'))) else {
            continue;
        };
        // Crates of this tree end in their path; their files are listed one by one.
        if !words.any(|word| word.starts_with("(/")) {
            crates.insert(format!("{name} {version}"));
        }
    }
    Ok(crates.into_iter().collect())
}
