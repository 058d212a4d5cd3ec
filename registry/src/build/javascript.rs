//! JavaScript: an engine with the module's source inside, started and frozen at build time.
//!
//! Two engines do: QuickJS, small and quick to compile, and SpiderMonkey, ten times as large
//! and faster at long computations. `module.toml` chooses, as `engine = "spidermonkey"` under
//! `[build]`.

use std::path::PathBuf;
use std::process::Command;

use super::tools::{Search, run};
use crate::error::RegistryError;
use crate::project::{MODULE_TOML, Project};
use crate::role::Role;
use crate::scaffold::source_path;

/// The engines and the script of the package that builds with each.
const ENGINES: [(&str, &str); 2] = [
    ("quickjs", "node_modules/componentize-qjs/cli.mjs"),
    ("spidermonkey", "node_modules/@bytecodealliance/componentize-js/src/cli.js"),
];

/// What SpiderMonkey's build would import otherwise.
const FEATURES: [&str; 5] = ["stdio", "random", "clocks", "http", "fetch-event"];

pub(super) fn build(project: &Project) -> Result<Vec<u8>, RegistryError> {
    let engine = project.options.engine.as_deref().unwrap_or(ENGINES[0].0);
    let Some((engine, script)) = ENGINES.iter().find(|(name, _)| *name == engine) else {
        let error = RegistryError::Unknown {
            what: "JavaScript engine",
            name: engine.to_owned(),
            known: ENGINES.iter().map(|(name, _)| (*name).to_owned()).collect(),
        };
        return Err(RegistryError::form(project.folder.join(MODULE_TOML), error));
    };
    let (node, script) = find(project, engine, script)?;
    let output: PathBuf = project.folder.join("build").join("component.wasm");
    super::write(&output, b"")?;
    let role = Role::named(&project.manifest.role)?;
    let source = source_path(project.language);
    let mut command = Command::new(node);
    command.current_dir(&project.folder).arg(script);
    if *engine == "quickjs" {
        // What the engine asks of WASI is answered for afterwards, the same in every call.
        command.args(["--sync", "--wit", "wit", "--world", role.world, "--js", source, "--output"]).arg(&output);
    } else {
        command.args([source, "--wit", "wit", "--world-name", role.world, "--out"]).arg(&output);
        command.arg("--disable").args(FEATURES);
    }
    run(&mut command)?;
    std::fs::read(&output).map_err(RegistryError::file(output))
}

/// Node.js, and the script.
fn find(project: &Project, engine: &str, script: &str) -> Result<(PathBuf, PathBuf), RegistryError> {
    let mut search = Search::default();
    let node = search.on_path(&["node", "nodejs"]);
    let script = search.below(project.folder.ancestors(), script);
    if let (Some(node), Some(script)) = (node, script) {
        return Ok((node, script));
    }
    let package = if engine == "quickjs" { "componentize-qjs" } else { "@bytecodealliance/componentize-js" };
    let install = format!("npm install --save-dev {package}   (in {})", project.folder.display());
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
