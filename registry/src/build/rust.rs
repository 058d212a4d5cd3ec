//! Rust: finding what compiles it to WebAssembly, and compiling with it.
//!
//! Two toolchains are looked at: the active one, and Debian's in `/usr/bin`. One with the
//! target's standard library wins; failing that, one with the library's sources, which are
//! then built first.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::tools::run;
use crate::error::RegistryError;
use crate::project::Project;

/// The target of every module.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// The earliest Rust that compiles the SDK.
const NEEDED: &str = env!("CARGO_PKG_RUST_VERSION");

const INSTALL: &str = "  rustup target add wasm32-unknown-unknown   (rustup from https://rustup.rs)
  apt-get install rustc-web cargo-web rust-web-src lld   (Debian, if its Rust is recent enough; used through /usr/bin/cargo)
  dnf install rust-std-static-wasm32-unknown-unknown   (Fedora, for its own Rust)";

/// Where the standard library comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Std {
    /// With the toolchain, compiled.
    Shipped,
    /// With the toolchain, as sources: compiled with the modules, linked with this linker.
    Sources {
        /// `rust-lld` or `wasm-ld`.
        linker: PathBuf,
    },
}

/// A toolchain that compiles to WebAssembly.
#[derive(Debug, Clone)]
pub struct Toolchain {
    /// Its `cargo`.
    pub cargo: PathBuf,
    /// Its `rustc`.
    pub rustc: PathBuf,
    /// The standard library it links.
    pub std: Std,
    /// First line of `rustc -V`.
    version: String,
    sysroot: PathBuf,
}

impl Toolchain {
    /// The first toolchain that works.
    pub fn find() -> Result<Self, RegistryError> {
        let mut tried = String::new();
        let from_env = |name: &str, default: &str| PathBuf::from(std::env::var_os(name).unwrap_or(default.into()));
        let active = (from_env("CARGO", "cargo"), from_env("RUSTC", "rustc"));
        let debian = (PathBuf::from("/usr/bin/cargo"), PathBuf::from("/usr/bin/rustc"));
        let mut with_sources = None;
        for (cargo, rustc) in [active, debian] {
            let Some((version, sysroot)) = probe(&rustc) else {
                tried += &format!("  {}: does not run\n", rustc.display());
                continue;
            };
            if is_older(&version, NEEDED) {
                tried += &format!("  {version}: too old, the SDK needs {NEEDED}\n");
                continue;
            }
            if sysroot.join("lib/rustlib").join(TARGET).join("lib").is_dir() {
                return Ok(Self { cargo, rustc, std: Std::Shipped, version, sysroot });
            }
            let sources = sysroot.join("lib/rustlib/src/rust/library/std/Cargo.toml");
            match (sources.is_file(), linker(&sysroot)) {
                (true, Some(linker)) => {
                    let std = Std::Sources { linker };
                    with_sources.get_or_insert(Self { cargo, rustc, std, version, sysroot });
                }
                (true, None) => {
                    tried +=
                        &format!("  {version}: has std's sources, but no rust-lld or wasm-ld (apt-get install lld)\n")
                }
                (false, _) => tried += &format!("  {version}: has neither the target nor std's sources\n"),
            }
        }
        with_sources.ok_or_else(|| RegistryError::NoToolchain {
            what: "a Rust toolchain that compiles to wasm32-unknown-unknown",
            install: INSTALL.to_owned(),
            tried: tried.trim_end().to_owned(),
        })
    }

    /// The compiler and its library, in one line. With the same line, the same sources make the
    /// same core module.
    #[must_use]
    pub fn line(&self) -> String {
        let std = match self.std {
            Std::Shipped => "std as shipped",
            Std::Sources { .. } => "std from sources",
        };
        format!("{}, {std}", self.version)
    }

    /// `cargo COMMAND` for the target, with the same output from any place.
    pub fn cargo(&self, root: &Path, command: &str) -> Command {
        let mut cargo = Command::new(&self.cargo);
        cargo.current_dir(root).arg(command).env("RUSTC", &self.rustc);
        // Settings of whoever builds must not reach the modules.
        for name in ["RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"] {
            cargo.env_remove(name);
        }
        cargo.env("CARGO_ENCODED_RUSTFLAGS", self.flags(root).join("\u{1f}"));
        if let Std::Sources { linker } = &self.std {
            cargo.env("RUSTC_BOOTSTRAP", "1").arg("-Zbuild-std=std,panic_abort");
            cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
        }
        cargo
    }

    fn flags(&self, root: &Path) -> Vec<String> {
        // Validators are not deep; with a small stack an instance fits into few pages. The
        // stack lies first in memory, so running out of it is a trap.
        let mut flags = vec!["-Clink-arg=-zstack-size=65536".to_owned()];
        let mut remap = |from: PathBuf, to: &str| flags.push(format!("--remap-path-prefix={}={to}", from.display()));
        remap(root.to_owned(), "/atlas");
        for registry in registries() {
            remap(registry, "/crates");
        }
        // The library's sources may be reached through a link, and are named as the real path.
        let sources = self.sysroot.join("lib/rustlib/src/rust");
        if let Ok(real) = sources.canonicalize() {
            remap(real, "/rust");
        }
        remap(sources, "/rust");
        flags
    }
}

/// Builds a project: a crate of its own, with the SDK beside it.
pub(super) fn build(project: &Project) -> Result<Vec<u8>, RegistryError> {
    let manifest = project.folder.join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest).map_err(RegistryError::file(&manifest))?;
    let table: toml::Table = text.parse().map_err(|error| RegistryError::form(&manifest, error))?;
    let name = table.get("package").and_then(|package| package.get("name")?.as_str());
    let name = name.ok_or_else(|| RegistryError::form(&manifest, "has no package name"))?;
    let target = project.folder.join("target");
    let mut cargo = Toolchain::find()?.cargo(&project.folder, "rustc");
    cargo.args(["--quiet", "--release", "--target", TARGET, "--lib", "--crate-type", "cdylib", "--target-dir"]);
    run(cargo.arg(&target))?;
    let wasm = target.join(TARGET).join("release").join(format!("{}.wasm", name.replace('-', "_")));
    super::encode(&std::fs::read(&wasm).map_err(RegistryError::file(wasm))?)
}

/// Whether `rustc MAJOR.MINOR…` is older than `MAJOR.MINOR`. A version that cannot be read is not.
fn is_older(line: &str, needed: &str) -> bool {
    let numbers = |text: &str| {
        let mut parts = text.split(['.', '-', ' ']);
        Some((parts.next()?.parse::<u32>().ok()?, parts.next()?.parse::<u32>().ok()?))
    };
    let found = line.split_whitespace().nth(1).and_then(numbers);
    found.zip(numbers(needed)).is_some_and(|(found, needed)| found < needed)
}

/// Version and sysroot of a compiler, if it runs.
fn probe(rustc: &Path) -> Option<(String, PathBuf)> {
    let ask = |argument: &[&str]| {
        let output = Command::new(rustc).args(argument).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
    };
    Some((ask(&["--version"])?, PathBuf::from(ask(&["--print", "sysroot"])?)))
}

/// A linker for WebAssembly: of this toolchain, of the active one, or of the system.
fn linker(sysroot: &Path) -> Option<PathBuf> {
    let active = probe(Path::new("rustc")).map(|(_, sysroot)| sysroot);
    let lld = |sysroot: PathBuf| {
        let hosts = std::fs::read_dir(sysroot.join("lib/rustlib")).ok()?;
        hosts.flatten().map(|host| host.path().join("bin/rust-lld")).find(|lld| lld.is_file())
    };
    let system = || {
        let folders = std::env::var_os("PATH")?;
        std::env::split_paths(&folders).map(|folder| folder.join("wasm-ld")).find(|linker| linker.is_file())
    };
    lld(sysroot.to_owned()).or_else(|| lld(active?)).or_else(system)
}

/// Where cargo keeps the sources of crates from outside.
fn registries() -> Vec<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let Some(Ok(folders)) = home.map(|home| std::fs::read_dir(home.join("registry/src"))) else { return Vec::new() };
    folders.flatten().map(|folder| folder.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_compiler_is_told_from_one_that_will_do() {
        assert!(is_older("rustc 1.85.0 (4d91de4e4 2025-02-17) (built from a source tarball)", "1.95"));
        assert!(is_older("rustc 1.9.0", "1.95"));
        for good in
            ["rustc 1.95.0 (59807616e 2026-04-14)", "rustc 1.96.0-nightly (abc 2026-05-01)", "rustc 2.0.0", "rustc"]
        {
            assert!(!is_older(good, "1.95"), "{good}");
        }
    }
}
