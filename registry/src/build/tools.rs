//! Finding programs and running them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::RegistryError;

/// Bytes of a program's last words that an error repeats.
const LAST_WORDS: usize = 8 << 10;

/// Looks for programs, and remembers where.
#[derive(Default)]
pub(super) struct Search {
    tried: String,
}

impl Search {
    /// The first of these names on the path of the shell.
    pub(super) fn on_path(&mut self, names: &[&str]) -> Option<PathBuf> {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        for name in names {
            for folder in std::env::split_paths(&folders) {
                let file = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
                if file.is_file() {
                    return Some(file);
                }
            }
        }
        self.failed(format!("{}: not on the PATH", names.join(", ")));
        None
    }

    /// A file below one of these folders.
    pub(super) fn below<'a>(&mut self, folders: impl Iterator<Item = &'a Path>, file: &str) -> Option<PathBuf> {
        let found = { folders }.map(|folder| folder.join(file)).find(|path| path.is_file());
        if found.is_none() {
            self.failed(format!("{file}: not in the project's folder, nor in one above it"));
        }
        found
    }

    /// Notes what did not work.
    pub(super) fn failed(&mut self, why: String) {
        self.tried += &format!("  {why}\n");
    }

    /// Nothing was found.
    pub(super) fn give_up(self, what: &'static str, install: &[&str]) -> RegistryError {
        let install = install.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n");
        RegistryError::NoToolchain { what, install, tried: self.tried.trim_end().to_owned() }
    }
}

/// Runs a program to its end; what it wrote to standard output.
pub(super) fn run(command: &mut Command) -> Result<String, RegistryError> {
    let fail = |command: &Command, why: String, output: String| {
        let mut shown = format!("{command:?}").replace('\u{1f}', " ");
        if shown.len() > 300 {
            shown.truncate(shown.floor_char_boundary(300));
            shown += "…";
        }
        RegistryError::Command { command: shown, why, output }
    };
    let output = command.stdin(std::process::Stdio::null()).output();
    match output {
        Err(error) => Err(fail(command, error.to_string(), String::new())),
        Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        Ok(output) => {
            let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
            said += &String::from_utf8_lossy(&output.stderr);
            let start = said.ceil_char_boundary(said.len().saturating_sub(LAST_WORDS));
            Err(fail(command, output.status.to_string(), said[start..].trim().to_owned()))
        }
    }
}
