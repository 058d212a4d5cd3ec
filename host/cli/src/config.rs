//! `--config FILE`: the file, and the documents beside it that the module asks for.
//!
//! The command line does not know what a module's documents are. It sends the file as it is;
//! where the module answers that others belong to it, it packs these and asks again. A module
//! is a stranger's code, so what it can ask for is narrow: files of the same kind as the one
//! that was given, inside one folder, none of them hidden or reached by a way out.

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};

use atlas_node::api::Incomplete;
use atlas_node::bundle::{Bundle, check_path};
use atlas_node::client::Failure;
use atlas_node::{MAX_CONFIG_BYTES, NodeError, Refusal};

/// What a module is configured with.
pub struct Config {
    file: PathBuf,
    bytes: Vec<u8>,
    packed: Option<Packed>,
}

struct Packed {
    /// The folder that every path starts from, without links in it.
    root: PathBuf,
    bundle: Bundle,
}

impl Config {
    /// Reads the file.
    pub fn read(file: &Path) -> Result<Self, Failure> {
        let bytes = read_bounded(file, MAX_CONFIG_BYTES)?;
        Ok(Self { file: file.to_owned(), bytes, packed: None })
    }

    /// The bytes to bind.
    pub fn bytes(&self) -> Vec<u8> {
        match &self.packed {
            Some(packed) => packed.bundle.encode(),
            None => self.bytes.clone(),
        }
    }

    /// How many documents there are.
    pub fn documents(&self) -> usize {
        self.packed.as_ref().map_or(1, |packed| packed.bundle.documents().len())
    }

    /// Packs the documents that the module lacks. Each call adds one at least, or fails.
    pub fn add(&mut self, lacks: &Incomplete) -> Result<(), Failure> {
        let Packed { root, bundle } = match &mut self.packed {
            Some(packed) => packed,
            unpacked => unpacked.insert(pack(&self.file, &self.bytes, &lacks.main)?),
        };
        let mut gone = Vec::new();
        for path in &lacks.documents {
            check_path(path).map_err(|error| refuse("config-refused", error.to_string(), None))?;
            let Some(place) = find(root, path, self.file.extension())? else {
                gone.push(path.as_str());
                continue;
            };
            let used: usize = bundle.documents().map(|(_, document)| document.len()).sum();
            let document = read_bounded(&place, MAX_CONFIG_BYTES - used)?;
            if !bundle.add(path, document).map_err(|error| refuse("config-refused", error.to_string(), None))? {
                let text = format!("the module asks again for {path}, which it was given");
                return Err(refuse("config-refused", text, None));
            }
        }
        if gone.is_empty() {
            return Ok(());
        }
        let text = format!(
            "{} refers to documents that are not in {}: {}",
            self.file.display(),
            root.display(),
            gone.join(", ")
        );
        let hint = format!("put them there; the file itself belongs at {}", lacks.main);
        Err(refuse("config-incomplete", text, Some(hint)))
    }
}

/// Starts a bundle with the main document, and finds the folder it is in: where the file's
/// path ends with the document's own, the folder before that; otherwise the file's folder.
fn pack(file: &Path, bytes: &[u8], main: &str) -> Result<Packed, Failure> {
    let unreadable = |error| NodeError::File { what: "cannot read", path: file.to_owned(), error };
    if Bundle::is_meant(bytes) {
        let text = format!("{} is a bundle already, and lacks documents", file.display());
        return Err(refuse("config-incomplete", text, None));
    }
    let whole = std::path::absolute(file).map_err(unreadable)?;
    let above = if whole.ends_with(main) { Path::new(main).components().count() } else { 1 };
    let root = whole.ancestors().nth(above).unwrap_or(&whole).canonicalize().map_err(unreadable)?;
    let bundle =
        Bundle::new(main, bytes.to_vec()).map_err(|error| refuse("config-refused", error.to_string(), None))?;
    Ok(Packed { root, bundle })
}

/// Where the document of this path is, if it is there.
fn find(root: &Path, path: &str, kind: Option<&OsStr>) -> Result<Option<PathBuf>, Failure> {
    let place = root.join(path);
    if place.extension() != kind {
        let text = format!("the module asks for {path}, which is not of the kind of the file that was given");
        return Err(refuse("config-refused", text, None));
    }
    match place.canonicalize() {
        Ok(real) if real.starts_with(root) && real.is_file() => Ok(Some(real)),
        Ok(_) => {
            let text = format!("{} is no file inside {}", place.display(), root.display());
            Err(refuse("config-refused", text, None))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(NodeError::File { what: "cannot read", path: place, error }.into()),
    }
}

/// Reads a file of `most` bytes at most.
fn read_bounded(file: &Path, most: usize) -> Result<Vec<u8>, Failure> {
    let unreadable = |error| NodeError::File { what: "cannot read", path: file.to_owned(), error };
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file).map_err(unreadable)?;
    opened.take(most as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > most {
        let text = format!("a config has {MAX_CONFIG_BYTES} bytes at most, and with {} it has more", file.display());
        return Err(refuse("too-large", text, None));
    }
    Ok(bytes)
}

fn refuse(code: &str, text: String, hint: Option<String>) -> Failure {
    let refusal = Refusal::new(code, text);
    NodeError::from(match hint {
        Some(hint) => refusal.hint(hint),
        None => refusal,
    })
    .into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in [("a/b/main.json", "main"), ("a/c.json", "c"), ("key.pem", "secret"), ("out.json", "out")] {
            let file = dir.path().join("root").join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        std::fs::write(dir.path().join("outside.json"), "outside").unwrap();
        dir
    }

    fn lacks(main: &str, documents: &[&str]) -> Incomplete {
        Incomplete { main: main.into(), documents: documents.iter().map(|path| (*path).to_owned()).collect() }
    }

    fn code(failure: Failure) -> String {
        match failure {
            Failure::Local(error) => error.code().to_owned(),
            Failure::Problem(problem) => problem.code,
        }
    }

    #[test]
    fn a_file_alone_is_bound_as_it_is() {
        let dir = folder();
        let config = Config::read(&dir.path().join("root/a/c.json")).unwrap();
        assert_eq!((config.bytes(), config.documents()), (b"c".to_vec(), 1));
    }

    #[test]
    fn documents_are_found_from_the_folder_that_the_main_one_belongs_to() {
        let dir = folder();
        let mut config = Config::read(&dir.path().join("root/a/b/main.json")).unwrap();
        config.add(&lacks("a/b/main.json", &["a/c.json"])).unwrap();
        config.add(&lacks("a/b/main.json", &["out.json"])).unwrap();
        let bundle = Bundle::decode(&config.bytes()).unwrap();
        assert_eq!(bundle.main(), "a/b/main.json");
        let paths: Vec<_> = bundle.documents().map(|(path, _)| path.to_owned()).collect();
        assert_eq!(paths, ["a/b/main.json", "a/c.json", "out.json"]);
        // Elsewhere than where it belongs, the main document's own folder is the start.
        let mut config = Config::read(&dir.path().join("root/out.json")).unwrap();
        config.add(&lacks("a/b/main.json", &["a/c.json"])).unwrap();
        assert_eq!(config.documents(), 2);
    }

    #[test]
    fn a_document_that_is_not_there_is_named() {
        let dir = folder();
        let mut config = Config::read(&dir.path().join("root/a/b/main.json")).unwrap();
        let Failure::Local(error) = config.add(&lacks("a/b/main.json", &["a/c.json", "x.json", "y.json"])).unwrap_err()
        else {
            panic!("a local failure")
        };
        assert_eq!(error.code(), "config-incomplete");
        assert!(error.to_string().ends_with("root: x.json, y.json"), "{error}");
    }

    #[test]
    fn a_module_cannot_fetch_what_it_should_not_see() {
        let dir = folder();
        let mut config = Config::read(&dir.path().join("root/a/b/main.json")).unwrap();
        for path in ["key.pem", "../outside.json", "a/.hidden.json", "/outside.json"] {
            assert_eq!(code(config.add(&lacks("a/b/main.json", &[path])).unwrap_err()), "config-refused", "{path}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(dir.path().join("outside.json"), dir.path().join("root/way.json")).unwrap();
            assert_eq!(code(config.add(&lacks("a/b/main.json", &["way.json"])).unwrap_err()), "config-refused");
        }
        assert_eq!(config.documents(), 1, "nothing was packed");
    }

    #[test]
    fn a_module_that_never_has_enough_is_stopped() {
        let dir = folder();
        let mut config = Config::read(&dir.path().join("root/a/b/main.json")).unwrap();
        config.add(&lacks("a/b/main.json", &["a/c.json"])).unwrap();
        assert_eq!(code(config.add(&lacks("a/b/main.json", &["a/c.json"])).unwrap_err()), "config-refused");
    }

    #[test]
    fn all_documents_together_are_bounded() {
        let dir = folder();
        let half = vec![b'x'; MAX_CONFIG_BYTES / 2 + 1];
        for name in ["one.json", "two.json"] {
            std::fs::write(dir.path().join("root").join(name), &half).unwrap();
        }
        let mut config = Config::read(&dir.path().join("root/one.json")).unwrap();
        assert_eq!(code(config.add(&lacks("one.json", &["two.json"])).unwrap_err()), "too-large");
    }
}
