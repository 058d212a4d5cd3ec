//! The lock file: exactly which package each installed module is, so that another machine has the same.

use std::path::Path;

use atlas_node::client::Failure;
use atlas_node::{NodeError, Refusal};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::commands::{unreadable, unwritable};
use crate::output::text;

/// What stands at its head.
const HEAD: &str =
    "# Which package each module is. Written by `atlas module lock`; `atlas module install --locked` reads it.\n\n";

/// All of a lock file.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// By name.
    #[serde(rename = "module", default)]
    pub modules: Vec<Locked>,
}

/// One module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Locked {
    /// What it is called on the node.
    pub name: String,
    /// What it calls itself.
    pub module: String,
    /// Its version.
    pub version: String,
    /// BLAKE3 of the package, as a CID.
    pub code: String,
    /// The identity that signed it, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
}

impl Locked {
    /// Of a module as the API shows it.
    pub fn of(module: &Json) -> Self {
        let field = |path: &str| text(module, path).to_owned();
        Self {
            name: field("/name"),
            module: field("/module"),
            version: field("/version"),
            code: field("/code"),
            signer: module["signer"].as_str().map(str::to_owned),
        }
    }
}

impl Lock {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, error))?;
        toml::from_str(&text).map_err(|error| {
            let text = format!("{} is no lock file: {error}", path.display());
            NodeError::from(Refusal::new("bad-file", text).hint("`atlas module lock` writes one")).into()
        })
    }

    /// Writes a file.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let text = toml::to_string(self).expect("a lock file is TOML");
        std::fs::write(path, [HEAD, &text].concat()).map_err(|error| unwritable(path, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_file_reads_back_and_takes_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("modules.lock");
        let one = Locked {
            name: "recipe".into(),
            module: "example:recipe".into(),
            version: "0.1.0".into(),
            code: "bafkr4i".into(),
            signer: None,
        };
        let lock = Lock { modules: vec![one.clone(), Locked { signer: Some("bafyr4i".into()), ..one }] };
        lock.write(&path).unwrap();
        assert_eq!(Lock::read(&path).unwrap(), lock);
        std::fs::write(&path, "[[module]]\nname = 5\n").unwrap();
        assert!(Lock::read(&path).is_err());
    }
}
