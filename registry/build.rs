//! Embeds what a new project is made of: the WIT packages, the Rust SDK's sources, the
//! templates, the examples and the standard modules of some roles. They are read from this tree, so that what authors get is
//! what the standard modules are built with.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Table, folder or file in the tree, and where it stands in the table.
const EMBEDDED: [(&str, &str, &str); 12] = [
    ("WIT", "wit", ""),
    ("TEMPLATES", "sdk-guest/templates", ""),
    ("EXAMPLES", "examples", ""),
    ("STANDARD", "modules/trust/direct/src/lib.rs", "direct"),
    ("STANDARD", "modules/governance/majority/src/lib.rs", "majority"),
    ("STANDARD", "modules/admission/members/src/lib.rs", "members"),
    ("STANDARD", "modules/economy/balanced/src/lib.rs", "balanced"),
    ("RUST_SDK", "sdk-guest/Cargo.toml", "sdk/Cargo.toml"),
    ("RUST_SDK", "sdk-guest/README.md", "sdk/README.md"),
    ("RUST_SDK", "sdk-guest/src", "sdk/src/"),
    ("RUST_SDK", "host/record/Cargo.toml", "record/Cargo.toml"),
    ("RUST_SDK", "host/record/src", "record/src/"),
];

fn main() {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo tells where the crate is");
    let root = Path::new(&manifest).parent().expect("the crate lies in the tree").to_owned();
    let mut tables = std::collections::BTreeMap::<&str, Vec<(String, PathBuf)>>::new();
    for (table, from, to) in EMBEDDED {
        let from = root.join(from);
        println!("cargo:rerun-if-changed={}", from.display());
        let files = tables.entry(table).or_default();
        if from.is_file() {
            files.push((to.to_owned(), from));
        } else {
            walk(&from, to, files);
        }
    }
    let mut code = String::new();
    for (table, mut files) in tables {
        files.sort();
        let _ = writeln!(code, "pub static {table}: &[(&str, &str)] = &[");
        for (name, path) in files {
            let _ = writeln!(code, "    ({name:?}, include_str!({:?})),", path.display().to_string());
        }
        code.push_str("];\n");
    }
    let out = std::env::var_os("OUT_DIR").expect("cargo gives build scripts a folder");
    std::fs::write(Path::new(&out).join("embedded.rs"), code).expect("the folder can be written");
}

fn walk(folder: &Path, name: &str, files: &mut Vec<(String, PathBuf)>) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("the folder can be read").path();
        let last = path.file_name().expect("an entry has a name").to_string_lossy().into_owned();
        if path.is_dir() {
            walk(&path, &format!("{name}{last}/"), files);
        } else {
            files.push((format!("{name}{last}"), path));
        }
    }
}
