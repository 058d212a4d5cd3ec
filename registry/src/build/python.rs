//! Python: CPython with the module's source inside, started and frozen at build time.

use std::path::PathBuf;
use std::process::Command;

use super::tools::{Search, run};
use crate::error::RegistryError;
use crate::project::Project;
use crate::role::Role;

pub(super) fn build(project: &Project) -> Result<Vec<u8>, RegistryError> {
    let tool = find(project)?;
    let output: PathBuf = project.folder.join("build").join("component.wasm");
    super::write(&output, b"")?;
    let role = Role::named(&project.manifest.role)?;
    let mut command = Command::new(tool);
    command.current_dir(&project.folder).args(["--quiet", "--wit-path", "wit", "--world", role.world, "componentize"]);
    command.args(["--stub-wasi", "--python-path", ".", "--output"]).arg(&output).arg("module");
    // Packages of whoever builds must not reach the module.
    command.env_remove("VIRTUAL_ENV").env("PYTHONHASHSEED", "0");
    run(&mut command)?;
    std::fs::read(&output).map_err(RegistryError::file(output))
}

fn find(project: &Project) -> Result<PathBuf, RegistryError> {
    let mut search = Search::default();
    let folder = if cfg!(windows) { "Scripts" } else { "bin" };
    let name = format!("{folder}/componentize-py{}", std::env::consts::EXE_SUFFIX);
    let own = search.below([project.folder.join(".venv")].iter().map(PathBuf::as_path), &name);
    own.or_else(|| search.on_path(&["componentize-py"])).ok_or_else(|| {
        search.give_up(
            "componentize-py, which builds components of Python",
            &[
                "python3 -m venv .venv && .venv/bin/pip install componentize-py   (in the project's folder)",
                "pip install componentize-py   (anywhere; Python 3.10 or later)",
                "and before, where there is no Python: apt-get install python3-venv (Debian, Ubuntu), \
                 brew install python (macOS), winget install Python.Python.3.13 (Windows)",
            ],
        )
    })
}
