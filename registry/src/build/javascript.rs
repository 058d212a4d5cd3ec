//! JavaScript: an engine with the module's source inside, started and frozen at build time.
//!
//! The engine is SpiderMonkey, with every feature that would import something left out.

use std::path::PathBuf;
use std::process::Command;

use super::tools::{Search, run};
use crate::error::RegistryError;
use crate::project::Project;
use crate::role::Role;
use crate::scaffold::source_path;

/// The script of the package that builds.
const SCRIPT: &str = "node_modules/@bytecodealliance/componentize-js/src/cli.js";

/// What SpiderMonkey's build would import otherwise.
const FEATURES: [&str; 5] = ["stdio", "random", "clocks", "http", "fetch-event"];

pub(super) fn build(project: &Project) -> Result<Vec<u8>, RegistryError> {
    let (node, script) = find(project)?;
    let output: PathBuf = project.folder.join("build").join("component.wasm");
    super::write(&output, b"")?;
    let role = Role::named(&project.manifest.role)?;
    let source = source_path(project.language);
    let mut command = Command::new(node);
    command.current_dir(&project.folder).arg(script);
    command.args([source, "--wit", "wit", "--world-name", role.world, "--out"]).arg(&output);
    command.arg("--disable").args(FEATURES);
    run(&mut command)?;
    std::fs::read(&output).map_err(RegistryError::file(output))
}

/// Node.js, and the script.
fn find(project: &Project) -> Result<(PathBuf, PathBuf), RegistryError> {
    let mut search = Search::default();
    let node = search.on_path(&["node", "nodejs"]);
    let script = search.below(project.folder.ancestors(), SCRIPT);
    if let (Some(node), Some(script)) = (node, script) {
        return Ok((node, script));
    }
    let install =
        format!("npm install --save-dev @bytecodealliance/componentize-js   (in {})", project.folder.display());
    Err(search.give_up(
        "Node.js 20 or later with the package that builds components of JavaScript",
        &[
            "apt-get install nodejs npm   (Debian, Ubuntu)",
            "brew install node   (macOS)",
            "winget install OpenJS.NodeJS   (Windows)",
            &format!("and then: {install}"),
        ],
    ))
}
