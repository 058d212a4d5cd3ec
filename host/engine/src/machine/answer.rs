//! Whether answers that modules of every role give are ones that the worlds allow. Pure: a
//! breach is part of the verdict, so every node must find the same.

use super::module::atlas::types::types::Reason;
use super::module::exports::atlas::types::module::{Description, Incomplete};
use crate::outcome::IllegalAnswer;

/// Ids in one `needs`.
pub const MAX_NEEDS: usize = 16;
/// Bytes of a reason's code.
pub const MAX_REASON_CODE: usize = 64;
/// Bytes of a reason's text.
pub const MAX_REASON_TEXT: usize = 1000;
/// Documents that a config can be told to lack: what a bundle holds.
pub const MAX_DOCUMENTS: usize = 512;
/// Bytes of a document's path.
const MAX_DOCUMENT_PATH: usize = 512;
/// Bytes of an id. A CIDv1 with a 32-byte digest has 59.
const MAX_ID: usize = 128;
/// Bytes of a sentence for people.
pub(crate) const MAX_SENTENCE: usize = 1000;

pub(crate) fn check_reason(reason: &Reason) -> Result<(), IllegalAnswer> {
    if reason.code.len() > MAX_REASON_CODE {
        return Err(IllegalAnswer::TooLong("the reason's code".into()));
    }
    if reason.text.len() > MAX_REASON_TEXT {
        return Err(IllegalAnswer::TooLong("the reason's text".into()));
    }
    if is_code(&reason.code) { Ok(()) } else { Err(IllegalAnswer::BadCode) }
}

/// Lower-case words joined by `-`.
pub(crate) fn is_code(code: &str) -> bool {
    let word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    code.split('-').all(word)
}

pub(crate) fn check_needs(ids: &[String]) -> Result<(), IllegalAnswer> {
    if ids.is_empty() || ids.len() > MAX_NEEDS {
        return Err(IllegalAnswer::NeedsCount { found: ids.len() as u64 });
    }
    // The multibase prefix `b`, then RFC 4648 base32 in lower case.
    let legal = |id: &str| {
        id.len() > 1
            && id.len() <= MAX_ID
            && id.starts_with('b')
            && id.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'))
    };
    match ids.iter().find(|id| !legal(id)) {
        Some(id) => Err(IllegalAnswer::BadId(cut(id).to_owned())),
        None => Ok(()),
    }
}

/// Whether a module asks for documents by paths that are safe to look for in a folder.
pub(crate) fn check_incomplete(lacks: &Incomplete) -> Result<(), IllegalAnswer> {
    if lacks.documents.is_empty() || lacks.documents.len() > MAX_DOCUMENTS {
        return Err(IllegalAnswer::DocumentCount { found: lacks.documents.len() as u64 });
    }
    let segment = |segment: &str| {
        !segment.is_empty()
            && !segment.starts_with('.')
            && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_~+@.".contains(&b))
    };
    let legal = |path: &str| path.len() <= MAX_DOCUMENT_PATH && path.split('/').all(segment);
    match lacks.documents.iter().chain([&lacks.main]).find(|path| !legal(path)) {
        Some(path) => Err(IllegalAnswer::BadPath(cut(path).to_owned())),
        None => Ok(()),
    }
}

/// Says which field of a description breaks its bounds.
pub(crate) fn check_description(description: &Description) -> Result<(), String> {
    let Description { name, version, summary } = description;
    let segment = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.')
    };
    match name.split_once(':') {
        Some((namespace, rest)) if name.len() <= 128 && segment(namespace) && segment(rest) => {}
        _ => return Err(format!("`{}` is no `namespace:name` of at most 128 bytes", cut(name))),
    }
    if version.len() > 64 || !is_semantic_version(version) {
        return Err(format!("`{}` is no semantic version, as 1.2.3", cut(version)));
    }
    if summary.len() > MAX_SENTENCE {
        return Err(format!("the summary has {} bytes, {MAX_SENTENCE} at most are allowed", summary.len()));
    }
    Ok(())
}

fn is_semantic_version(version: &str) -> bool {
    let core = version.split(['-', '+']).next().unwrap_or_default();
    let number = |part: &str| !part.is_empty() && part.len() <= 10 && part.bytes().all(|b| b.is_ascii_digit());
    core.split('.').count() == 3 && core.split('.').all(number) && version.bytes().all(|b| b.is_ascii_graphic())
}

/// At most 64 bytes of a text, for a message.
pub(crate) fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(64)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_asked_for_by_paths_that_stay_in_their_folder() {
        let check = |main: &str, documents: &[&str]| {
            let documents = documents.iter().map(|path| (*path).to_owned()).collect();
            check_incomplete(&Incomplete { main: main.into(), documents })
        };
        assert_eq!(check("a/b.json", &["c/d-1.json", "e"]), Ok(()));
        assert_eq!(check("a", &[]), Err(IllegalAnswer::DocumentCount { found: 0 }));
        assert_eq!(check("a", &["b"; 513]), Err(IllegalAnswer::DocumentCount { found: 513 }));
        for path in ["", "/etc/passwd", "../up", "a/../b", ".ssh/key", "a\\b", "c:x", &"a".repeat(513)] {
            assert!(matches!(check("a", &[path]), Err(IllegalAnswer::BadPath(_))), "{path}");
            assert!(matches!(check(path, &["a"]), Err(IllegalAnswer::BadPath(_))), "{path}");
        }
    }

    #[test]
    fn a_description_names_a_module_and_a_version() {
        let check = |name: &str, version: &str| {
            check_description(&Description { name: name.into(), version: version.into(), summary: "x".into() })
        };
        assert_eq!(check("atlas:post", "0.1.0"), Ok(()));
        assert_eq!(check("atlas:post", "1.0.0-rc.1+build"), Ok(()));
        assert!(check("post", "0.1.0").is_err());
        assert!(check("atlas:", "0.1.0").is_err());
        assert!(check("atlas:post", "0.1").is_err());
        assert!(check("atlas:post", "v1.0.0").is_err());
    }
}
