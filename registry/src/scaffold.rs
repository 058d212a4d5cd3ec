//! Writes a new project, from what is embedded in the program: nothing is fetched.
//!
//! A project stands on its own. The WIT package of its world lies in it, and so does what its
//! language needs to read records: a few hundred lines for JavaScript, Python and C, and the
//! SDK for Rust, in source, because a path into Atlas's own tree would exist on nobody else's
//! machine. The module itself starts as the example of its role, or as the standard module of
//! it in the language asked for, with its cases, so that the first build works and the first change is small.

use std::path::{Path, PathBuf};

use crate::embedded::{EXAMPLES, RUST_SDK, STANDARD, TEMPLATES, WIT};
use crate::error::RegistryError;
use crate::language::Language;
use crate::role::{Role, SHARED_WIT, Start};

/// What to write.
#[derive(Debug, Clone)]
pub struct New<'a> {
    /// What the module decides.
    pub role: &'static Role,
    /// `NAME` or `NAMESPACE:NAME`.
    pub name: &'a str,
    /// What it is written in.
    pub language: Language,
}

/// The namespace of a module that was not given one.
const NAMESPACE: &str = "example";

/// Writes the project into a folder that is empty or not there; the files, by path in it.
pub fn write(new: &New<'_>, folder: &Path) -> Result<Vec<String>, RegistryError> {
    let files = files(new)?;
    let occupied = std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    if occupied {
        return Err(RegistryError::Exists(folder.to_owned()));
    }
    for (path, text) in &files {
        let path: PathBuf = folder.join(path);
        let parent = path.parent().expect("a file lies in a folder");
        std::fs::create_dir_all(parent).map_err(RegistryError::file(parent))?;
        std::fs::write(&path, text).map_err(RegistryError::file(path))?;
    }
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

/// The name's last part: what the folder is called.
pub fn short_name(name: &str) -> Result<&str, RegistryError> {
    let (namespace, short) = name.split_once(':').unwrap_or((NAMESPACE, name));
    for part in [namespace, short] {
        let word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if !part.split('-').all(word) || !part.starts_with(|c: char| c.is_ascii_lowercase()) || part.len() > 60 {
            let why = "expected NAME or NAMESPACE:NAME, each of lower-case letters and digits with `-` between them, \
                       a letter first, 60 bytes at most";
            return Err(RegistryError::Name { name: name.to_owned(), why });
        }
    }
    Ok(short)
}

/// Templates that modules of several roles need, beside those of their language and those of
/// their language and role.
const SHARED: [(&str, &[&str]); 4] = [
    ("c-fold", &["trust", "governance"]),
    ("c-reader", &["governance", "admission"]),
    ("js-reader", &["governance", "admission"]),
    ("python-reader", &["validator", "governance", "admission"]),
];

/// Every file of a project, by path.
pub fn files(new: &New<'_>) -> Result<Vec<(String, String)>, RegistryError> {
    let short = short_name(new.name)?;
    let full = if new.name.contains(':') { new.name.to_owned() } else { format!("{NAMESPACE}:{short}") };
    let New { role, language, .. } = new;
    let starts = match role.start {
        Start::Example(_, what) => format!("an example, {what}"),
        Start::Standard(name) => format!("the standard module `atlas:{name}`"),
    };
    let slot = if role.name == "validator" { "validator:TYPE" } else { role.name };
    let fill = |text: &str| {
        text.replace("{{name}}", short)
            .replace("{{module}}", &full)
            .replace("{{role}}", role.name)
            .replace("{{wit}}", role.wit)
            .replace("{{world}}", role.world)
            .replace("{{language}}", language.name())
            .replace("{{starts}}", &starts)
            .replace("{{slot}}", slot)
    };
    let mut files = Vec::new();
    let of_role = format!("{}-{}", language.name(), role.name);
    let several = |(part, roles): &(&'static str, &[&str])| {
        let (of, _) = part.split_once('-')?;
        (of == language.name() && roles.contains(&role.name)).then_some(*part)
    };
    for part in ["common", language.name(), &of_role].into_iter().chain(SHARED.iter().filter_map(several)) {
        for (path, text) in under(TEMPLATES, &format!("{part}/")) {
            if path == ABOUT {
                continue;
            }
            let text = text.replace("{{about}}\n", about(*language));
            // Under its real name, git would heed it in this tree.
            let path = if path == "gitignore" { ".gitignore" } else { path };
            files.push((path.to_owned(), fill(&text)));
        }
    }
    let (Start::Example(example, _) | Start::Standard(example)) = role.start;
    let renamed = |text: &str| {
        ["example", "atlas"]
            .iter()
            .fold(text.to_owned(), |text, namespace| text.replace(&format!("{namespace}:{example}"), &full))
    };
    let source = match (role.start, language) {
        (Start::Standard(_), Language::Rust) => embedded(STANDARD, example),
        _ => embedded(EXAMPLES, &format!("{example}/{example}.{}", language.extension())),
    };
    files.push((source_path(*language).to_owned(), renamed(source)));
    for (path, text) in under(EXAMPLES, &format!("{example}/")) {
        if path.starts_with("cases/") {
            files.push((path.to_owned(), renamed(text)));
        }
    }
    if *language == Language::Rust {
        files.extend(RUST_SDK.iter().map(|(path, text)| (format!("atlas/{path}"), (*text).to_owned())));
        files.extend(WIT.iter().map(|(path, text)| (format!("atlas/wit/{path}"), (*text).to_owned())));
    } else {
        for (path, text) in under(WIT, &format!("{}/", role.folder)) {
            files.push((format!("wit/{path}"), text.to_owned()));
        }
        for (path, text) in under(WIT, &format!("{SHARED_WIT}/")) {
            files.push((format!("wit/deps/{SHARED_WIT}/{path}"), text.to_owned()));
        }
    }
    files.sort();
    Ok(files)
}

/// What a language's templates have to say in the README.
const ABOUT: &str = "about.md";

fn about(language: Language) -> &'static str {
    embedded(TEMPLATES, &format!("{}/{ABOUT}", language.name()))
}

/// A file that the build script embedded.
fn embedded(table: &'static [(&'static str, &'static str)], path: &str) -> &'static str {
    table.iter().find(|(known, _)| *known == path).expect("the build script embeds it").1
}

/// Where the author's own code is.
#[must_use]
pub const fn source_path(language: Language) -> &'static str {
    match language {
        Language::Rust => "src/lib.rs",
        Language::JavaScript => "src/module.js",
        Language::Python => "module.py",
        Language::C => "src/module.c",
    }
}

/// Files of a table below a folder, by the rest of their paths.
fn under(table: &'static [(&'static str, &'static str)], folder: &str) -> Vec<(&'static str, &'static str)> {
    table.iter().filter_map(|(path, text)| Some((path.strip_prefix(folder)?, *text))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every() -> impl Iterator<Item = New<'static>> {
        let of =
            |role| Language::ALL.iter().map(move |language| New { role, name: "org.example:x", language: *language });
        Role::ALL.iter().flat_map(of)
    }

    #[test]
    fn every_role_is_a_world_of_this_tree() {
        for role in Role::ALL {
            let text = under(WIT, &format!("{}/", role.folder)).first().unwrap().1;
            let (package, _) = role.wit.split_once('@').unwrap();
            let interface = role.interface.strip_prefix(package).unwrap().strip_prefix('/').unwrap();
            for line in [
                format!("package {};", role.wit),
                format!("interface {interface} {{"),
                format!("world {} {{", role.world),
            ] {
                assert!(text.contains(&line), "{line}");
            }
        }
    }

    #[test]
    fn every_role_has_a_project_with_cases_in_every_language() {
        for new in every() {
            let new = New { name: "acme:soup-pot", ..new };
            let files = files(&new).unwrap();
            let text = |path: &str| files.iter().find(|(found, _)| found == path).unwrap_or_else(|| panic!("{path}"));
            assert!(text(source_path(new.language)).1.contains("acme:soup-pot"), "{new:?}");
            for (path, text) in files.iter().filter(|(path, _)| !path.starts_with("atlas/")) {
                let left = |rest: &str| rest.starts_with(|letter: char| letter.is_ascii_lowercase());
                assert!(!text.split("{{").skip(1).any(left), "{path} of {new:?}");
            }
            let cases = files.iter().filter(|(path, _)| path.starts_with("cases/")).count();
            assert!(cases > 4, "{cases} cases of {new:?}");
            assert!(files.iter().any(|(path, _)| path.ends_with("types.wit")), "{new:?}");
        }
    }

    #[test]
    fn the_manifest_of_a_new_project_is_a_good_one() {
        for new in every() {
            let dir = tempfile::tempdir().unwrap();
            let new = New { name: "soup", ..new };
            write(&new, dir.path()).unwrap();
            let project = crate::Project::open(dir.path()).unwrap();
            assert_eq!((project.language, project.manifest.name.as_str()), (new.language, "example:soup"));
        }
    }

    #[test]
    fn names_are_words() {
        for name in ["soup", "soup-pot", "acme:soup", "a1"] {
            assert!(short_name(name).is_ok(), "{name}");
        }
        for name in ["", ":", "Soup", "soup pot", "../soup", "-soup", "soup-", "1soup", "a:b:c", "a:", "söup", "a/b"] {
            assert!(short_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_folder_with_something_in_it_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("mine"), "x").unwrap();
        let new = New { role: &Role::ALL[0], name: "soup", language: Language::C };
        assert!(matches!(write(&new, dir.path()), Err(RegistryError::Exists(_))));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    /// The crates of the SDK inherit from the workspace that they lie in: in a project, from
    /// the one in the templates, which must say what this tree's says.
    #[test]
    fn what_the_sdk_inherits_is_the_same_in_a_project() {
        let read = |text: &str| text.parse::<toml::Table>().unwrap()["workspace"].as_table().unwrap().clone();
        let ours = read(include_str!("../../Cargo.toml"));
        let (_, text) = TEMPLATES.iter().find(|(path, _)| *path == "rust/atlas/Cargo.toml").unwrap();
        let theirs = read(text);
        assert_eq!(theirs["package"], ours["package"]);
        for (name, entry) in theirs["dependencies"].as_table().unwrap() {
            if !name.starts_with("atlas-") {
                assert_eq!(Some(entry), ours["dependencies"].get(name), "{name}");
            }
        }
        for (path, text) in RUST_SDK.iter().filter(|(path, _)| path.ends_with("Cargo.toml")) {
            for line in
                text.lines().filter(|line| line.contains("workspace = true") || line.ends_with("workspace = true }"))
            {
                let Some((name, _)) = line.split_once([' ', '.']) else { continue };
                let known = ["package", "dependencies"].iter().any(|table| theirs[*table].get(name).is_some());
                assert!(known || name == "workspace", "{path} inherits `{name}`");
            }
        }
    }
}
