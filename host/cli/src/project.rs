//! Writing modules: projects, builds and packages. No node is asked.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use atlas_node::client::Failure;
use atlas_node::{NodeError, Refusal};
use atlas_registry::{Language, Project, RegistryError, Role, build, pack, scaffold};
use serde_json::json;

use crate::args::Module;
use crate::commands::{Outcome, unreadable};
use crate::output::{bytes, line};

/// Runs a command on a project, if it is one.
pub fn run(command: &Module, json: bool) -> Option<Outcome> {
    let outcome = match command {
        Module::New { role, name, lang, path } => new(role, name, lang, path.as_deref(), json),
        Module::Build { path } => built(path.as_deref(), json),
        Module::Pack { file, path, output } => packed(file.as_deref(), path.as_deref(), output.as_deref(), json),
        _ => return None,
    };
    Some(outcome)
}

/// As the command line says it.
pub fn failure(error: RegistryError) -> Failure {
    let code = match &error {
        RegistryError::Oci { hint, .. } => {
            return NodeError::from(Refusal::new("artifact", error.to_string()).hint(hint)).into();
        }
        RegistryError::Unknown { .. } | RegistryError::Name { .. } | RegistryError::NoProject(_) => {
            return NodeError::Misuse(error.to_string()).into();
        }
        RegistryError::Manifest(_) => "bad-manifest",
        RegistryError::Signature(_) => "bad-signature",
        RegistryError::Exists(_) => "exists",
        RegistryError::File { .. } => "file",
        RegistryError::Form { .. } => "bad-file",
        RegistryError::NoToolchain { .. } => "no-toolchain",
        RegistryError::Command { .. } => "build-failed",
        RegistryError::Component(_) => "module",
        RegistryError::Foreign(_) => "foreign-imports",
    };
    NodeError::from(Refusal::new(code, error.to_string())).into()
}

fn here(path: Option<&Path>) -> PathBuf {
    path.unwrap_or(Path::new(".")).to_owned()
}

fn new(role: &str, name: &str, language: &str, path: Option<&Path>, json: bool) -> Outcome {
    let role = Role::named(role).map_err(failure)?;
    let language = Language::named(language).map_err(failure)?;
    let short = scaffold::short_name(name).map_err(failure)?;
    let folder = path.map_or_else(|| PathBuf::from(short), Path::to_owned);
    let files = scaffold::write(&scaffold::New { role, name, language }, &folder).map_err(failure)?;
    let source = scaffold::source_path(language);
    if json {
        line(json!({ "path": folder, "source": source, "files": files }).to_string());
    } else {
        line(format!("wrote {} files into {}", files.len(), folder.display()));
        line(format!("  {}   the module: change it into yours", folder.join(source).display()));
        line(format!("  {}   how to go on", folder.join("README.md").display()));
        line(format!("next: atlas module build --path {}", folder.display()));
    }
    Ok(ExitCode::SUCCESS)
}

fn built(path: Option<&Path>, json: bool) -> Outcome {
    let project = Project::open(&here(path)).map_err(failure)?;
    let pure = build::build(&project).map_err(failure)?;
    let file = project.component();
    if json {
        line(
            json!({ "file": file, "role": pure.role.name, "size": pure.component.len(), "stubbed": pure.stubbed })
                .to_string(),
        );
    } else {
        line(format!("built {}  ({}, {})", file.display(), pure.role.name, bytes(pure.component.len() as u64)));
        say_stubbed(&pure.stubbed);
    }
    Ok(ExitCode::SUCCESS)
}

fn packed(file: Option<&Path>, path: Option<&Path>, output: Option<&Path>, json: bool) -> Outcome {
    let project = Project::open(&here(path)).map_err(failure)?;
    let file = file.map_or_else(|| project.component(), Path::to_owned);
    let component = match std::fs::read(&file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let refusal = Refusal::new("not-built", format!("{} is not there", file.display()));
            return Err(NodeError::from(refusal.hint("build it first: atlas module build")).into());
        }
        read => read.map_err(|error| unreadable(&file, error))?,
    };
    let packed = pack::pack(&component, &project.manifest).map_err(failure)?;
    // Refuses a manifest that says other than the module does.
    let about = atlas_node::modules::examine(&packed.package)?;
    let output = output.map_or_else(|| project.package(), Path::to_owned);
    build::write(&output, &packed.package).map_err(failure)?;
    if json {
        line(
            json!({
                "file": output, "id": packed.id.to_string(), "hash": hex(&packed.id.0), "size": packed.package.len(),
                "name": about.module, "version": about.version, "role": about.role, "stubbed": packed.stubbed,
            })
            .to_string(),
        );
    } else {
        line(format!("packed {} {} ({}) as {}", about.module, about.version, about.role, output.display()));
        line(format!("  id    {}", packed.id));
        line(format!("  hash  {}", hex(&packed.id.0)));
        line(format!("  size  {}", bytes(packed.package.len() as u64)));
        say_stubbed(&packed.stubbed);
    }
    Ok(ExitCode::SUCCESS)
}

fn say_stubbed(stubbed: &[String]) {
    if !stubbed.is_empty() {
        line(format!("  answered within the module, always the same: {}", stubbed.join(", ")));
    }
}

/// As `b3sum` prints it.
fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
