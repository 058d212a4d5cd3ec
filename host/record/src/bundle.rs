//! A config of several documents in one blob.
//!
//! Some modules are told what to do by documents that refer to one another. A *bundle* holds
//! them all: the canonical DAG-CBOR map `{"main": PATH, "documents": {PATH: bytes}}`. What a
//! document is, and how a reference becomes a path, is the module's own business; what is
//! fixed here is that the same documents are the same bytes, so that they make the same
//! binding, and that a path can do no harm to whoever looks for it in a folder.

use std::collections::BTreeMap;

use crate::cbor::{DecodeError, Map, Value, decode, encode_map};
use crate::limits;

/// Documents by their paths, and which of them the others belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// The path of the document that the config is about. Always among the documents.
    main: String,
    documents: BTreeMap<String, Vec<u8>>,
}

/// Why something is no bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// No canonical DAG-CBOR.
    #[error("the bundle is {0}")]
    Bytes(#[from] DecodeError),
    /// Canonical, and something else.
    #[error("the bundle is not a map of `main`, a path, and `documents`, bytes by path")]
    Shape,
    /// A path that cannot be one.
    #[error("`{path}` is no path of a document: {why}")]
    Path {
        /// What was given, cut to 100 characters.
        path: String,
        /// The rule it breaks.
        why: &'static str,
    },
    /// The main document is not there.
    #[error("the bundle's main document `{0}` is not in it")]
    NoMain(String),
    /// More than [`limits::BUNDLE_DOCUMENTS`].
    #[error("the bundle has {0} documents: {most} at most", most = limits::BUNDLE_DOCUMENTS)]
    TooMany(usize),
}

/// Whether a text can be the path of a document: relative, without any way out of its folder
/// or into a hidden one, and the same on every file system.
pub fn check_path(path: &str) -> Result<(), BundleError> {
    let no = |why| Err(BundleError::Path { path: path.chars().take(100).collect(), why });
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"-_~+@.".contains(&b);
    if path.len() > limits::BUNDLE_PATH_BYTES {
        return no("longer than 512 bytes");
    }
    for segment in path.split('/') {
        match segment.as_bytes() {
            [] => return no("a segment is empty"),
            [b'.', ..] => return no("a segment starts with `.`"),
            bytes if !bytes.iter().copied().all(legal) => {
                return no("a segment holds letters, digits and - _ ~ + @ . only");
            }
            _ => {}
        }
    }
    Ok(())
}

impl Bundle {
    /// A bundle of the main document alone.
    pub fn new(main: &str, document: Vec<u8>) -> Result<Self, BundleError> {
        check_path(main)?;
        Ok(Self { main: main.to_owned(), documents: BTreeMap::from([(main.to_owned(), document)]) })
    }

    /// Adds a document; says whether its path was free.
    pub fn add(&mut self, path: &str, document: Vec<u8>) -> Result<bool, BundleError> {
        check_path(path)?;
        if self.documents.contains_key(path) {
            return Ok(false);
        }
        if self.documents.len() >= limits::BUNDLE_DOCUMENTS {
            return Err(BundleError::TooMany(self.documents.len() + 1));
        }
        self.documents.insert(path.to_owned(), document);
        Ok(true)
    }

    /// The path of the main document.
    pub fn main(&self) -> &str {
        &self.main
    }

    /// The document at a path.
    pub fn get(&self, path: &str) -> Option<&[u8]> {
        self.documents.get(path).map(Vec::as_slice)
    }

    /// Every document, by path.
    pub fn documents(&self) -> impl ExactSizeIterator<Item = (&str, &[u8])> {
        self.documents.iter().map(|(path, document)| (path.as_str(), document.as_slice()))
    }

    /// Whether bytes are meant as a bundle: a CBOR map of two entries begins in a way that no
    /// UTF-8 text does.
    pub fn is_meant(bytes: &[u8]) -> bool {
        bytes.first() == Some(&0xa2)
    }

    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let documents = self.documents().map(|(path, document)| (path, Value::Bytes(document.to_vec())));
        let documents = documents.collect::<Map>();
        encode_map(&Map::from_iter([("main", Value::from(self.main())), ("documents", Value::Map(documents))]))
    }

    /// Reads the canonical bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, BundleError> {
        let Value::Map(mut map) = decode(bytes)? else { return Err(BundleError::Shape) };
        let (Some(Value::Text(main)), Some(Value::Map(documents)), true) =
            (map.remove("main"), map.remove("documents"), map.is_empty())
        else {
            return Err(BundleError::Shape);
        };
        if documents.len() > limits::BUNDLE_DOCUMENTS {
            return Err(BundleError::TooMany(documents.len()));
        }
        let mut read = BTreeMap::new();
        for (path, document) in documents {
            check_path(&path)?;
            let Value::Bytes(bytes) = document else { return Err(BundleError::Shape) };
            read.insert(path, bytes);
        }
        let documents = read;
        if !documents.contains_key(&main) {
            return Err(BundleError::NoMain(main.chars().take(100).collect()));
        }
        Ok(Self { main, documents })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> Bundle {
        let mut bundle = Bundle::new("a/main.json", b"{}".to_vec()).expect("a path");
        assert_eq!(bundle.add("b.json", b"[]".to_vec()), Ok(true));
        bundle
    }

    #[test]
    fn the_same_documents_are_the_same_bytes_in_whatever_order_they_came() {
        let mut other = Bundle::new("a/main.json", b"{}".to_vec()).expect("a path");
        for path in ["z.json", "b.json", "long/er.json"] {
            other.add(path, b"[]".to_vec()).expect("a path");
        }
        let mut bundle = pair();
        for path in ["long/er.json", "z.json"] {
            bundle.add(path, b"[]".to_vec()).expect("a path");
        }
        assert_eq!(bundle.encode(), other.encode());
        assert_eq!(Bundle::decode(&bundle.encode()), Ok(bundle));
    }

    #[test]
    fn a_document_is_taken_once() {
        let mut bundle = pair();
        assert_eq!(bundle.add("b.json", b"other".to_vec()), Ok(false));
        assert_eq!(bundle.get("b.json"), Some(&b"[]"[..]));
    }

    #[test]
    fn a_path_never_leaves_its_folder() {
        for path in
            ["", "/etc/passwd", "../x", "a/../x", "a//b", "a/", ".ssh/key", "a/.git", "C:/x", "a\\b", "a b", "ä"]
        {
            assert!(check_path(path).is_err(), "{path}");
        }
        assert!(check_path(&"a".repeat(513)).is_err());
        for path in ["a", "com/atproto/label/defs.json", "A-1/b_2~c+d@e.f"] {
            assert_eq!(check_path(path), Ok(()), "{path}");
        }
    }

    #[test]
    fn what_is_no_bundle_is_refused() {
        let encode =
            |main: Value, documents: Value| encode_map(&Map::from_iter([("main", main), ("documents", documents)]));
        let documents = |path: &str, document: Value| Value::Map(Map::from_iter([(path, document)]));
        let bytes = || Value::Bytes(vec![1]);
        assert!(Bundle::decode(&encode("a".into(), documents("a", bytes()))).is_ok());
        assert_eq!(Bundle::decode(&encode("b".into(), documents("a", bytes()))), Err(BundleError::NoMain("b".into())));
        assert_eq!(Bundle::decode(&encode("a".into(), documents("a", "x".into()))), Err(BundleError::Shape));
        assert_eq!(Bundle::decode(&encode(bytes(), documents("a", bytes()))), Err(BundleError::Shape));
        assert!(matches!(
            Bundle::decode(&encode("..".into(), documents("..", bytes()))),
            Err(BundleError::Path { .. })
        ));
        assert!(matches!(Bundle::decode(b"{}"), Err(BundleError::Bytes(_))));
        assert!(!Bundle::is_meant(b"{}") && Bundle::is_meant(&pair().encode()));
        let crowd: Map = (0..513).map(|n| (format!("f{n}"), bytes())).collect();
        assert_eq!(Bundle::decode(&encode("f0".into(), crowd.into())), Err(BundleError::TooMany(513)));
    }
}
