//! `build-modules [--check] [NAME…]`: builds the standard modules, or checks that the
//! prebuilt ones are theirs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use atlas_modules_build::{
    BuildError, Built, MANIFEST, Manifest, Module, REBUILD, Source, Toolchain, build, code_hashes, discover,
    toolchain_line,
};

const USAGE: &str = "\
build-modules [--check] [NAME...]

Builds the standard modules (all, or those named) into modules/prebuilt/.
With --check, builds them aside and compares: the source hashes always, the bytes when the
toolchain is the one that built the set.";

fn main() -> ExitCode {
    let mut check = false;
    let mut names = Vec::new();
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--check" => check = true,
            "-h" | "--help" => {
                println!("{USAGE}");
                return ExitCode::SUCCESS;
            }
            option if option.starts_with('-') => {
                eprintln!("unknown option {option}\n\n{USAGE}");
                return ExitCode::from(2);
            }
            name => names.push(name.to_owned()),
        }
    }
    match run(check, &names) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the set is as it should be.
fn run(check: bool, names: &[String]) -> Result<bool, BuildError> {
    let root = root()?;
    let sources = discover(&root)?;
    let chosen = choose(&sources, names)?;
    let toolchain = Toolchain::find()?;
    let line = toolchain_line(&root, &toolchain)?;
    println!("{line}");

    let folder = root.join("modules/prebuilt");
    let path = folder.join(MANIFEST);
    let mut built = Vec::new();
    for source in chosen {
        built.push(build(&root, &toolchain, source)?);
    }
    if check {
        return compare(&folder, &Manifest::read(&path)?, &line, &built);
    }
    for Built { module, component } in &built {
        let file = folder.join(&module.file);
        std::fs::write(&file, component).map_err(|error| BuildError::File { path: file, error })?;
        println!("{:12} {:>7} bytes  {}", module.name, module.size, module.code_id);
    }
    let manifest = Manifest { toolchain: line, modules: merge(&sources, &path, built) };
    std::fs::write(&path, manifest.to_json()).map_err(|error| BuildError::File { path, error })?;
    Ok(true)
}

fn choose<'a>(sources: &'a [Source], names: &[String]) -> Result<Vec<&'a Source>, BuildError> {
    let known = || sources.iter().map(|source| source.name.clone()).collect();
    let find = |name: &String| {
        let found = sources.iter().find(|source| source.name == *name);
        found.ok_or_else(|| BuildError::Unknown { name: name.clone(), known: known() })
    };
    if names.is_empty() { Ok(sources.iter().collect()) } else { names.iter().map(find).collect() }
}

/// What was built now, and the earlier entries of modules that still exist.
fn merge(sources: &[Source], path: &Path, built: Vec<Built>) -> Vec<Module> {
    let earlier = Manifest::read(path).map(|manifest| manifest.modules).unwrap_or_default();
    let mut modules: Vec<Module> = built.into_iter().map(|built| built.module).collect();
    for module in earlier {
        let exists = sources.iter().any(|source| source.name == module.name);
        if exists && modules.iter().all(|other| other.name != module.name) {
            modules.push(module);
        }
    }
    modules.sort_by(|a, b| a.name.cmp(&b.name));
    modules
}

fn compare(folder: &Path, manifest: &Manifest, line: &str, built: &[Built]) -> Result<bool, BuildError> {
    let same_toolchain = manifest.toolchain == line;
    if !same_toolchain {
        println!("the set was built by {}: bytes may differ and are not compared", manifest.toolchain);
    }
    let mut good = true;
    for Built { module, .. } in built {
        let Some(recorded) = manifest.get(&module.name) else {
            println!("{:12} is not in the manifest: {REBUILD}", module.name);
            good = false;
            continue;
        };
        let file = folder.join(&recorded.file);
        let bytes = std::fs::read(&file).map_err(|error| BuildError::File { path: file, error })?;
        let verdict = if code_hashes(&bytes).0 != recorded.code_hash {
            Err("the file is not the one that the manifest names")
        } else if recorded.source_hash != module.source_hash {
            Err("its sources have changed since")
        } else if same_toolchain && recorded.code_hash != module.code_hash {
            Err("the same toolchain makes other bytes of the same sources")
        } else if same_toolchain {
            Ok("same bytes")
        } else {
            Ok("sources are current")
        };
        let sizes = format!("{} bytes, built now {}", recorded.size, module.size);
        match verdict {
            Ok(what) => println!("{:12} {what} ({sizes})", module.name),
            Err(why) => println!("{:12} {why} ({sizes}): {REBUILD}", module.name),
        }
        good &= verdict.is_ok();
    }
    Ok(good)
}

/// The tree that the current directory lies in.
fn root() -> Result<PathBuf, BuildError> {
    let here = std::env::current_dir().map_err(|error| BuildError::File { path: ".".into(), error })?;
    let here = here.canonicalize().map_err(|error| BuildError::File { path: here.clone(), error })?;
    let root = here.ancestors().find(|folder| folder.join("modules/build/Cargo.toml").is_file());
    root.map(Path::to_owned).ok_or_else(|| BuildError::Form {
        path: here.clone(),
        why: "lies in no source tree of Atlas: run this from inside one".to_owned(),
    })
}
