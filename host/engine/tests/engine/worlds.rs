//! The contracts themselves. What was released is kept beside these tests, a file for each version, and the worlds of
//! this tree may only grow from it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use wit_component::semver_check;
use wit_parser::{PackageId, Resolve};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Every WIT file below a folder, by name.
fn texts(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(texts(&path));
        } else if path.extension().is_some_and(|end| end == "wit") {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            assert!(found.insert(name, std::fs::read_to_string(&path).unwrap()).is_none(), "two of {}", path.display());
        }
    }
    assert!(!found.is_empty(), "no WIT in {}", folder.display());
    found
}

fn now() -> BTreeMap<String, String> {
    texts(&root().join("wit"))
}

/// By package and version, as `validator-0.1.0`.
fn released() -> BTreeMap<String, String> {
    texts(&PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/wit")))
}

/// The package and its version: `package atlas:NAME@VERSION;`.
fn package(text: &str) -> (&str, &str) {
    let line = text.lines().find_map(|line| line.strip_prefix("package atlas:")).expect("a package is named");
    line.trim_end_matches(';').split_once('@').expect("with its version")
}

/// What it says to programs: no comments, no layout.
fn meaning(text: &str) -> String {
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

/// With what every world shares from the same side.
fn push(resolve: &mut Resolve, types: &str, text: &str) -> PackageId {
    if package(text).0 != "types" {
        resolve.push_str("types.wit", types).unwrap();
    }
    resolve.push_str("world.wit", text).unwrap()
}

/// Whether what was built against one text fits a host of another.
fn compatible(types: (&str, &str), before: &str, after: &str) -> Result<(), String> {
    let mut resolve = Resolve::default();
    let before = push(&mut resolve, types.0, before);
    // Two packages of one name and version cannot be in one place; what is compared leaves versions out.
    let later = |text: &str| text.replace(&format!("@{}", package(text).1), "@9.9.9").replace("@0.1.0", "@9.9.9");
    let after = push(&mut resolve, &later(types.1), &later(after));
    let worlds = |package: PackageId| resolve.packages[package].worlds.clone();
    for (name, before) in worlds(before) {
        let Some(after) = worlds(after).get(&name).copied() else { return Err(format!("world `{name}` is gone")) };
        semver_check(resolve.clone(), before, after).map_err(|error| format!("{error:#}"))?;
    }
    Ok(())
}

#[test]
fn a_released_version_keeps_its_meaning_and_a_later_one_takes_what_was_built_against_it() {
    let (now, released) = (now(), released());
    for (name, text) in &now {
        let (package_name, version) = package(text);
        assert_eq!(name, package_name);
        let family = version.rsplit_once('.').unwrap().0;
        let earlier = released.iter().filter(|(_, old)| package(old).0 == package_name);
        let mut known = false;
        for (file, old) in earlier {
            let old_version = package(old).1;
            assert_eq!(*file, format!("{package_name}-{old_version}"));
            if old_version == version {
                known = true;
                assert_eq!(meaning(text), meaning(old), "{name} {version} is released: raise its version to change it");
            } else if old_version.starts_with(&format!("{family}.")) {
                let types = (&*released[&format!("types-{old_version}")], &*now["types"]);
                compatible(types, old, text)
                    .unwrap_or_else(|why| panic!("{name} {version} after {old_version}: {why}"));
            }
        }
        assert!(known, "keep {name} {version} in tests/fixtures/wit, so that later versions are held against it");
    }
}

#[test]
fn everything_in_a_world_says_since_when_it_is_there() {
    for (name, text) in now() {
        // An item of an interface or of a package begins a line that is indented by one step at most; fields
        // and cases of a type are as old as the type, and what a world exports without a word as old as the world.
        let mut since = false;
        for (number, line) in text.lines().enumerate() {
            let depth = line.len() - line.trim_start().len();
            let words = line.trim_start();
            if words.starts_with("@since") {
                since = true;
                continue;
            }
            let is_item = ["interface ", "world ", "record ", "variant ", "enum ", "flags ", "resource ", "type "]
                .iter()
                .any(|kind| words.starts_with(kind))
                || words.contains(": func(");
            if depth <= 4 && is_item {
                assert!(since, "{name}.wit:{}: `{words}` does not say since when", number + 1);
            }
            if !words.is_empty() && !words.starts_with("//") {
                since = false;
            }
        }
    }
}

#[test]
fn what_would_break_a_module_is_noticed() {
    let (types, validator) = (&released()["types-0.1.0"], &released()["validator-0.1.0"]);
    let checked = |after: &str| compatible((types, types), validator, after);
    checked(validator).unwrap();
    let without_lifecycle = validator.replacen("        ephemeral,\n", "", 1);
    assert_ne!(&without_lifecycle, validator);
    checked(&without_lifecycle).unwrap_err();
    let asks_for_more = validator.replacen("interface validation {", "interface validation {\n    more: func();", 1);
    checked(&asks_for_more).unwrap_err();
    let other_argument = validator.replacen("about: string,", "about: u32,", 1);
    assert_ne!(&other_argument, validator);
    checked(&other_argument).unwrap_err();
}
