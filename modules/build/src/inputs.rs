//! The source hash of a module: BLAKE3 over everything that its bytes depend on, as far as
//! this tree decides it. The toolchain is the rest.
//!
//! One line for each input, sorted:
//!
//! - `file PATH HASH` for each source file that the compiler read;
//! - `manifest PATH HASH` for the `Cargo.toml` of each crate, without what builds ignore;
//! - `crate NAME VERSION CHECKSUM` for each crate from outside, from `Cargo.lock`;
//! - `dependency NAME HASH` for the workspace's entry of each dependency;
//! - `profile NAME HASH` and `package HASH` for the workspace's settings.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use toml::{Table, Value};

use crate::error::BuildError;
use crate::manifest::Inputs;

/// The profile that modules are built in, and the one it inherits from.
const PROFILES: [&str; 2] = ["guest", "release"];
/// Tables of a crate's manifest that have no influence on its library.
const IGNORED: [&str; 7] = ["dev-dependencies", "lints", "bench", "bin", "example", "test", "badges"];
/// Keys of `[package]` that are for people.
const FOR_PEOPLE: [&str; 7] =
    ["description", "readme", "keywords", "categories", "documentation", "homepage", "publish"];

/// The source hash of a module with these inputs, in hex, from the tree as it is now. An
/// input that is gone is an error that names it.
pub fn source_hash(root: &Path, inputs: &Inputs) -> Result<String, BuildError> {
    let mut lines = BTreeSet::new();
    let mut dependencies = BTreeSet::new();
    for path in &inputs.files {
        if path.ends_with("Cargo.toml") {
            let manifest = library_manifest(read_toml(&root.join(path))?);
            dependencies.extend(dependency_names(&manifest));
            lines.insert(format!("manifest {path} {}", hash_table(&manifest)));
        } else {
            let bytes = std::fs::read(root.join(path)).map_err(BuildError::file(root.join(path)))?;
            lines.insert(format!("file {path} {}", blake3::hash(&bytes)));
        }
    }
    crates(root, &inputs.crates, &mut lines)?;
    workspace(root, &dependencies, &mut lines)?;
    let mut hasher = blake3::Hasher::new();
    for line in lines {
        hasher.update(line.as_bytes()).update(b"\n");
    }
    Ok(hasher.finalize().to_hex().to_string())
}

fn read_toml(path: &Path) -> Result<Table, BuildError> {
    let text = std::fs::read_to_string(path).map_err(BuildError::file(path))?;
    text.parse().map_err(|error| BuildError::form(path, error))
}

/// The locked packages.
fn locked(root: &Path) -> Result<Vec<Value>, BuildError> {
    match read_toml(&root.join("Cargo.lock"))?.remove("package") {
        Some(Value::Array(packages)) => Ok(packages),
        _ => Err(BuildError::form(root.join("Cargo.lock"), "locks no packages")),
    }
}

fn text<'a>(package: &'a Value, key: &str) -> &'a str {
    package.get(key).and_then(Value::as_str).unwrap_or("-")
}

/// The lock file's word on each crate.
fn crates(root: &Path, crates: &[String], lines: &mut BTreeSet<String>) -> Result<(), BuildError> {
    let locked = locked(root)?;
    let key = |package: &Value| format!("{} {}", text(package, "name"), text(package, "version"));
    let locked: BTreeMap<_, _> = locked.iter().map(|package| (key(package), text(package, "checksum"))).collect();
    for name in crates {
        match locked.get(name) {
            Some(checksum) => lines.insert(format!("crate {name} {checksum}")),
            None => {
                let why = format!("`{name}` is not locked any more");
                return Err(BuildError::form(root.join("Cargo.lock"), why));
            }
        };
    }
    Ok(())
}

/// A dependency of a crate of this tree as it is locked: name and version.
pub(crate) fn locked_dependency(root: &Path, package: &str, dependency: &str) -> Result<String, BuildError> {
    let locked = locked(root)?;
    let find = |name: &str| locked.iter().find(|package| text(package, "name") == name);
    let entry = find(package).and_then(|package| {
        let entries = package.get("dependencies")?.as_array()?.iter().filter_map(Value::as_str);
        { entries }.find(|entry| entry.split(' ').next() == Some(dependency))
    });
    match entry.map(|entry| (entry.contains(' '), entry)) {
        Some((true, entry)) => Ok(entry.to_owned()),
        // One version only: the entry leaves it out.
        Some((false, entry)) => Ok(format!("{entry} {}", find(entry).map_or("-", |package| text(package, "version")))),
        None => Err(BuildError::form(root.join("Cargo.lock"), format!("{package} does not depend on {dependency}"))),
    }
}

/// The workspace's settings that reach the crates of a module.
fn workspace(root: &Path, dependencies: &BTreeSet<String>, lines: &mut BTreeSet<String>) -> Result<(), BuildError> {
    let manifest = read_toml(&root.join("Cargo.toml"))?;
    let manifest = Value::Table(manifest);
    let at = |path: &[&str]| path.iter().try_fold(&manifest, |at, key| at.get(key));
    for profile in PROFILES {
        if let Some(settings) = at(&["profile", profile]) {
            lines.insert(format!("profile {profile} {}", hash_value(settings)));
        }
    }
    if let Some(package) = at(&["workspace", "package"]) {
        lines.insert(format!("package {}", hash_value(package)));
    }
    for name in dependencies {
        if let Some(entry) = at(&["workspace", "dependencies", name]) {
            lines.insert(format!("dependency {name} {}", hash_value(entry)));
        }
    }
    Ok(())
}

/// A crate's manifest without what its library does not depend on.
fn library_manifest(mut manifest: Table) -> Table {
    for table in IGNORED {
        manifest.remove(table);
    }
    if let Some(Value::Table(package)) = manifest.get_mut("package") {
        for key in FOR_PEOPLE {
            package.remove(key);
        }
    }
    manifest
}

/// The names of a manifest's dependencies, for any target.
fn dependency_names(manifest: &Table) -> Vec<String> {
    let tables = |table: &Table| {
        let kinds = ["dependencies", "build-dependencies"];
        let tables = kinds.iter().filter_map(|kind| table.get(*kind)?.as_table());
        tables.flat_map(|table| table.keys().cloned()).collect::<Vec<_>>()
    };
    let targets = manifest.get("target").and_then(Value::as_table);
    let of_targets = targets.into_iter().flat_map(|targets| targets.values().filter_map(Value::as_table));
    let mut names: Vec<_> = of_targets.flat_map(tables).collect();
    names.extend(tables(manifest));
    names
}

fn hash_table(table: &Table) -> blake3::Hash {
    hash_value(&Value::Table(table.clone()))
}

/// A hash that spaces, comments and the order of keys leave alone.
fn hash_value(value: &Value) -> blake3::Hash {
    let mut text = String::new();
    canonical(value, &mut text);
    blake3::hash(text.as_bytes())
}

fn canonical(value: &Value, text: &mut String) {
    match value {
        Value::Table(table) => {
            let sorted: BTreeMap<_, _> = table.iter().collect();
            text.push('{');
            for (key, value) in sorted {
                let _ = write!(text, "{key:?}:");
                canonical(value, text);
                text.push(',');
            }
            text.push('}');
        }
        Value::Array(array) => {
            text.push('[');
            for value in array {
                canonical(value, text);
                text.push(',');
            }
            text.push(']');
        }
        Value::String(string) => {
            let _ = write!(text, "{string:?}");
        }
        Value::Integer(integer) => {
            let _ = write!(text, "{integer}");
        }
        Value::Float(float) => {
            let _ = write!(text, "{float:?}");
        }
        Value::Boolean(boolean) => {
            let _ = write!(text, "{boolean}");
        }
        Value::Datetime(datetime) => {
            let _ = write!(text, "{datetime}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = r#"
        [workspace]
        members = ["m"]
        [workspace.package]
        edition = "2024"
        [workspace.dependencies]
        used = "1"
        unused = "1"
        [profile.guest]
        opt-level = "s"
        [profile.dev]
        debug = 1
    "#;
    const MEMBER: &str = r#"
        [package]
        name = "m"
        description = "x"
        [dependencies]
        used.workspace = true
        [dev-dependencies]
        unused.workspace = true
    "#;
    const LOCK: &str = r#"
        [[package]]
        name = "used"
        version = "1.0.0"
        checksum = "aa"
        [[package]]
        name = "unused"
        version = "1.0.0"
        checksum = "bb"
    "#;
    const LIB: &str = "//! A library.";

    /// The hash after one edit, which must apply.
    fn hash(file: &str, from: &str, to: &str) -> Result<String, String> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("m")).unwrap();
        for (name, text) in [
            ("Cargo.toml", ROOT),
            ("m/Cargo.toml", MEMBER),
            ("Cargo.lock", LOCK),
            ("m/lib.rs", LIB),
            ("m/other.rs", LIB),
        ] {
            assert!(name != file || text.contains(from), "{from} is in {file}");
            let text = if name == file { text.replace(from, to) } else { text.to_owned() };
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        let inputs =
            Inputs { files: vec!["m/Cargo.toml".into(), "m/lib.rs".into()], crates: vec!["used 1.0.0".into()] };
        source_hash(dir.path(), &inputs).map_err(|error| error.to_string())
    }

    fn unchanged() -> Result<String, String> {
        hash("m/lib.rs", "A", "A")
    }

    #[test]
    fn what_a_module_depends_on_changes_its_hash() {
        for (file, from, to) in [
            ("m/lib.rs", "library", "change"),
            ("m/Cargo.toml", "used.workspace = true\n        [dev", "used = \"2\"\n        [dev"),
            ("Cargo.toml", "used = \"1\"\n        unused", "used = \"2\"\n        unused"),
            ("Cargo.toml", "\"s\"", "\"z\""),
            ("Cargo.toml", "2024", "2027"),
            ("Cargo.lock", "\"aa\"", "\"ab\""),
        ] {
            assert_ne!(hash(file, from, to), unchanged(), "{file}: {from} -> {to}");
        }
    }

    #[test]
    fn what_it_does_not_depend_on_leaves_its_hash_alone() {
        for (file, from, to) in [
            ("m/other.rs", "library", "change"),
            ("m/Cargo.toml", "\"x\"", "\"y\""),
            ("m/Cargo.toml", "unused.workspace = true", "unused = \"2\""),
            ("m/Cargo.toml", "[dependencies]", "# a comment\n[dependencies]"),
            ("Cargo.toml", "unused = \"1\"", "unused = \"2\""),
            ("Cargo.toml", "debug = 1", "debug = 2"),
            ("Cargo.lock", "\"bb\"", "\"bc\""),
        ] {
            assert_eq!(hash(file, from, to), unchanged(), "{file}: {from} -> {to}");
        }
    }

    #[test]
    fn a_crate_that_is_not_locked_any_more_is_named() {
        let error = hash(
            "Cargo.lock",
            "name = \"used\"\n        version = \"1.0.0\"",
            "name = \"used\"\n        version = \"1.0.1\"",
        );
        assert!(error.unwrap_err().contains("`used 1.0.0` is not locked any more"));
    }
}
