//! Finds data that this project did not write.

use std::io::Write;
use std::path::PathBuf;

/// A file or folder of the shared data, or `None` with a visible word where it is absent.
/// `ATLAS_TEST_DATA` names the folder where it is not beside the workspace.
pub fn shared(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("ATLAS_TEST_DATA")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")), PathBuf::from);
    let path = root.join(name);
    if path.exists() {
        Some(path)
    } else {
        // Not `eprintln!`, which the test harness swallows when a test passes.
        let path = path.display();
        let _ =
            writeln!(std::io::stderr(), "skipped: {path} is not there (ATLAS_TEST_DATA names the folder of the data)");
        None
    }
}

/// Reads a JSON file of the shared data.
pub fn json(name: &str) -> Option<serde_json::Value> {
    let path = shared(name)?;
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Some(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// Bytes from hexadecimal text of either case.
pub fn hex(text: &str) -> Vec<u8> {
    data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).expect("vectors are hexadecimal")
}
