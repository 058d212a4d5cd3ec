//! Packages in registries of OCI artifacts, from the command line. The node has no part in it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use atlas_node::client::Failure;
use atlas_registry::oci::{self, Artifact, SCHEME};
use atlas_registry::{Manifest, Signature};
use serde_json::json;

use crate::args::Module;
use crate::commands::{Outcome, unreadable, unwritable};
use crate::output::{bytes, line};
use crate::packages::Package;
use crate::project::failure;

/// Most bytes of a package: what a node takes.
const MOST: u64 = atlas_node::engine::MAX_CODE_BYTES;

/// Runs a command on a registry of artifacts, if it is one.
pub async fn run(command: &Module, json: bool) -> Option<Outcome> {
    match command {
        Module::Push { file, to, plain_http } => Some(push(file, to, *plain_http, json).await),
        Module::Pull { from, output, plain_http } => Some(pull(from, output.as_deref(), *plain_http, json).await),
        _ => None,
    }
}

/// Whether this names an artifact.
pub fn is_one(from: &str) -> bool {
    from.starts_with(SCHEME)
}

/// Gets a package.
pub async fn obtain(from: &str, plain_http: bool) -> Result<Package, Failure> {
    let artifact = Artifact::parse(from).map_err(failure)?;
    let pulled = oci::pull(&artifact, MOST, plain_http).await.map_err(failure)?;
    Ok(Package { bytes: pulled.package, source: format!("{} ({})", pulled.from, pulled.digest) })
}

/// Gives a file to a registry.
async fn push(file: &Path, to: &str, plain_http: bool, json: bool) -> Outcome {
    let package = std::fs::read(file).map_err(|error| unreadable(file, error))?;
    let artifact = Artifact::parse(to).map_err(failure)?;
    // A signature that does not hold helps nobody.
    let signed = Signature::of(&package).map_err(failure)?;
    let pushed = oci::push(&artifact, &package, plain_http).await.map_err(failure)?;
    if json {
        let code = atlas_node::modules::code_id(&package);
        line(
            json!({ "reference": pushed.to, "digest": pushed.digest, "code": code, "signed": signed.is_some() })
                .to_string(),
        );
    } else {
        line(format!("pushed {} ({})", pushed.to, bytes(package.len() as u64)));
        line(format!("  {}", pushed.digest));
        if signed.is_none() {
            line("  nobody signed it: `atlas module sign` vouches for a package wherever it goes");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Gets a package and writes it to a file.
async fn pull(from: &str, output: Option<&Path>, plain_http: bool, json: bool) -> Outcome {
    let artifact = Artifact::parse(from).map_err(failure)?;
    let pulled = oci::pull(&artifact, MOST, plain_http).await.map_err(failure)?;
    let to = match (output, Manifest::of(&pulled.package).map_err(failure)?) {
        (Some(output), _) => output.to_owned(),
        (None, Some(manifest)) => {
            PathBuf::from(format!("{}-{}.wasm", manifest.name.replace(':', "-"), manifest.version))
        }
        (None, None) => PathBuf::from("module.wasm"),
    };
    std::fs::write(&to, &pulled.package).map_err(|error| unwritable(&to, error))?;
    let code = atlas_node::modules::code_id(&pulled.package);
    if json {
        line(json!({ "file": to, "reference": pulled.from, "digest": pulled.digest, "code": code }).to_string());
    } else {
        line(format!("wrote {} ({}) from {}", to.display(), bytes(pulled.package.len() as u64), pulled.from));
        line(format!("  {code}"));
    }
    Ok(ExitCode::SUCCESS)
}
