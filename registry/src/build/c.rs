//! C, without a standard library: what a module needs of one lies in the project.
//!
//! The bindings to the world are generated here, from the project's own WIT, into `build/`.

use std::path::{Path, PathBuf};
use std::process::Command;

use wit_parser::Resolve;

use super::tools::{Search, run};
use crate::error::RegistryError;
use crate::project::Project;
use crate::role::Role;

pub(super) fn build(project: &Project) -> Result<Vec<u8>, RegistryError> {
    let compiler = find()?;
    let role = Role::named(&project.manifest.role)?;
    let generated = project.folder.join("build");
    let world = World::read(&project.folder.join("wit"), role)?;
    world.write_bindings(&generated)?;

    let output = generated.join("module.wasm");
    let mut command = compiler.command();
    command.current_dir(&project.folder).args(FLAGS).args(["-Iatlas", "-isystem", "atlas/include"]);
    command.arg(format!("-I{}", generated.display())).arg("-o").arg(&output);
    command.args(sources(&project.folder.join("src"))?).args(sources(&project.folder.join("atlas"))?);
    command.args(sources(&generated)?);
    run(&mut command)?;
    super::encode(&std::fs::read(&output).map_err(RegistryError::file(output))?)
}

/// What every compiler is told. With a small stack an instance fits into few pages.
const FLAGS: [&str; 12] = [
    "-std=c11",
    "-Os",
    "-Wall",
    "-Wextra",
    "-Wno-unused-parameter",
    "-nostdlib",
    "-ffreestanding",
    "-fno-builtin",
    "-Wl,--no-entry",
    "-Wl,--gc-sections",
    "-Wl,--strip-all",
    "-Wl,-z,stack-size=65536",
];

/// A C compiler for WebAssembly.
enum Compiler {
    /// LLVM's, with its linker.
    Clang(PathBuf),
    /// Zig's.
    Zig(PathBuf),
    /// Zig's from a Python package.
    PythonZig(PathBuf),
}

impl Compiler {
    fn command(&self) -> Command {
        match self {
            Self::Clang(clang) => {
                let mut command = Command::new(clang);
                // The stack first in memory, so that running out of it traps; Zig has it there.
                command.args(["--target=wasm32-unknown-unknown", "-Wl,--stack-first"]);
                command
            }
            Self::Zig(zig) => {
                let mut command = Command::new(zig);
                command.args(["cc", "-target", "wasm32-freestanding"]);
                command
            }
            Self::PythonZig(python) => {
                let mut command = Command::new(python);
                command.args(["-m", "ziglang", "cc", "-target", "wasm32-freestanding"]);
                command
            }
        }
    }
}

fn find() -> Result<Compiler, RegistryError> {
    let mut search = Search::default();
    let clangs = [
        "clang", "clang-22", "clang-21", "clang-20", "clang-19", "clang-18", "clang-17", "clang-16", "clang-15",
        "clang-14",
    ];
    // The linker is found by the compiler, under the name of its own version too.
    let linkers = [
        "wasm-ld",
        "wasm-ld-22",
        "wasm-ld-21",
        "wasm-ld-20",
        "wasm-ld-19",
        "wasm-ld-18",
        "wasm-ld-17",
        "wasm-ld-16",
        "wasm-ld-15",
        "wasm-ld-14",
    ];
    if let (Some(clang), Some(_)) = (search.on_path(&clangs), search.on_path(&linkers)) {
        match targets_wasm(&clang) {
            true => return Ok(Compiler::Clang(clang)),
            false => search.failed(format!("{}: does not compile to WebAssembly", clang.display())),
        }
    }
    if let Some(zig) = search.on_path(&["zig"]) {
        return Ok(Compiler::Zig(zig));
    }
    if let Some(python) = search.on_path(&["python3", "python"]) {
        match run(Command::new(&python).args(["-m", "ziglang", "version"])) {
            Ok(_) => return Ok(Compiler::PythonZig(python)),
            Err(_) => search.failed(format!("{}: has no package ziglang", python.display())),
        }
    }
    Err(search.give_up(
        "a C compiler and linker for WebAssembly",
        &[
            "apt-get install clang lld   (Debian, Ubuntu)",
            "dnf install clang lld   (Fedora)",
            "brew install llvm lld   (macOS; Apple's own clang does not do)",
            "winget install LLVM.LLVM   (Windows)",
            "pip install ziglang   (anywhere with Python)",
        ],
    ))
}

fn targets_wasm(clang: &Path) -> bool {
    run(Command::new(clang).arg("--print-targets")).is_ok_and(|targets| targets.contains("wasm32"))
}

/// The C files in a folder, and the object file with the world's type, by name.
fn sources(folder: &Path) -> Result<Vec<PathBuf>, RegistryError> {
    let entries = std::fs::read_dir(folder).map_err(RegistryError::file(folder))?;
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "c" || extension == "o"));
    found.sort();
    Ok(found)
}

/// A world out of the project's WIT.
struct World {
    resolve: Resolve,
    id: wit_parser::WorldId,
}

impl World {
    fn read(folder: &Path, role: &Role) -> Result<Self, RegistryError> {
        let wrong = |error| RegistryError::form(folder, format!("{error:#}"));
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_dir(folder).map_err(wrong)?;
        let id = resolve.select_world(&[package], Some(role.world)).map_err(wrong)?;
        Ok(Self { resolve, id })
    }

    fn write_bindings(&self, folder: &Path) -> Result<(), RegistryError> {
        let options = wit_bindgen_c::Opts::default();
        let mut files = wit_bindgen_core::Files::default();
        let mut resolve = self.resolve.clone();
        let generated = options.build().generate(&mut resolve, self.id, &mut files);
        generated.map_err(|error| RegistryError::Component(format!("no bindings can be made: {error:#}")))?;
        for (name, bytes) in files.iter() {
            super::write(&folder.join(name), bytes)?;
        }
        Ok(())
    }
}
