//! Whether a validator's answers are ones that the world allows. Pure: a breach is part
//! of the verdict, so every node must find the same.

use super::bindings::exports::atlas::validator::validation::IndexKind;
use super::{Draft, Incomplete, IndexEntry, IndexValue, Reason, Rules, Verdict};
use crate::outcome::{Cause, IllegalAnswer, Outcome};

/// Index entries of one record.
pub const MAX_ENTRIES: usize = 64;
/// Ids in one `needs`.
pub const MAX_NEEDS: usize = 16;
/// Bytes of a text value of an index entry. The store indexes a prefix of it.
pub const MAX_INDEX_TEXT: usize = 4096;
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
/// Bytes of the draft that `prepare` returns, all told: what a record may hold.
const MAX_DRAFT: usize = 64 << 10;

/// What a verdict comes to.
pub(crate) fn outcome(rules: &Rules, verdict: Verdict) -> Outcome {
    let checked = match verdict {
        Verdict::Valid(entries) => check_entries(rules, &entries).map(|()| Outcome::Valid(entries)),
        Verdict::Invalid(reason) => check_reason(&reason).map(|()| Outcome::Invalid(Cause::Refused(reason))),
        Verdict::Needs(ids) => check_needs(&ids).map(|()| Outcome::Needs(ids)),
    };
    checked.unwrap_or_else(|illegal| Outcome::Invalid(Cause::IllegalAnswer(illegal)))
}

/// What a prepared draft comes to.
pub(crate) fn draft(answer: Result<Draft, Reason>) -> Result<Result<Draft, Reason>, IllegalAnswer> {
    match &answer {
        Ok(draft) => {
            let links = draft.links.iter().map(|link| link.relation.len() + link.target.len());
            let size = draft.body.len() + draft.key.as_ref().map_or(0, String::len) + links.sum::<usize>();
            if size > MAX_DRAFT {
                return Err(IllegalAnswer::TooLong("the prepared draft".into()));
            }
        }
        Err(reason) => check_reason(reason)?,
    }
    Ok(answer)
}

fn check_entries(rules: &Rules, entries: &[IndexEntry]) -> Result<(), IllegalAnswer> {
    if entries.len() > MAX_ENTRIES {
        return Err(IllegalAnswer::TooManyEntries { found: entries.len() as u64 });
    }
    for entry in entries {
        let Some(index) = rules.indexes.iter().find(|index| index.name == entry.name) else {
            return Err(IllegalAnswer::UndeclaredIndex(cut(&entry.name)));
        };
        match (&entry.value, index.kind) {
            (IndexValue::Text(text), IndexKind::Text) if text.len() > MAX_INDEX_TEXT => {
                return Err(IllegalAnswer::TooLong(format!("the value for index `{}`", index.name)));
            }
            (IndexValue::Text(_), IndexKind::Text) | (IndexValue::Integer(_), IndexKind::Integer) => {}
            _ => return Err(IllegalAnswer::WrongKind(index.name.clone())),
        }
    }
    Ok(())
}

fn check_reason(reason: &Reason) -> Result<(), IllegalAnswer> {
    if reason.code.len() > MAX_REASON_CODE {
        return Err(IllegalAnswer::TooLong("the reason's code".into()));
    }
    if reason.text.len() > MAX_REASON_TEXT {
        return Err(IllegalAnswer::TooLong("the reason's text".into()));
    }
    let word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if reason.code.split('-').all(word) { Ok(()) } else { Err(IllegalAnswer::BadCode) }
}

fn check_needs(ids: &[String]) -> Result<(), IllegalAnswer> {
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
        Some(id) => Err(IllegalAnswer::BadId(cut(id))),
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
        Some(path) => Err(IllegalAnswer::BadPath(cut(path))),
        None => Ok(()),
    }
}

/// At most 64 bytes of a text, for a message.
fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(64)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(code: &str, text: &str) -> Verdict {
        Verdict::Invalid(Reason { code: code.into(), text: text.into() })
    }

    fn illegal(rules: &Rules, verdict: Verdict) -> Option<IllegalAnswer> {
        match outcome(rules, verdict) {
            Outcome::Invalid(Cause::IllegalAnswer(illegal)) => Some(illegal),
            _ => None,
        }
    }

    #[test]
    fn a_reason_outside_its_bounds_is_an_illegal_answer() {
        let rules = super::super::rules::tests::plain();
        assert_eq!(illegal(&rules, reason("too-big", "the body is too big")), None);
        assert_eq!(illegal(&rules, reason("Too-Big", "x")), Some(IllegalAnswer::BadCode));
        assert_eq!(illegal(&rules, reason("", "x")), Some(IllegalAnswer::BadCode));
        assert_eq!(illegal(&rules, reason("a--b", "x")), Some(IllegalAnswer::BadCode));
        assert!(illegal(&rules, reason(&"a".repeat(65), "x")).is_some());
        assert_eq!(illegal(&rules, reason("a", &"x".repeat(1000))), None);
        assert!(illegal(&rules, reason("a", &"x".repeat(1001))).is_some());
    }

    #[test]
    fn needs_names_one_to_sixteen_ids() {
        let rules = super::super::rules::tests::plain();
        let id = || "bafyreigq".to_owned();
        assert_eq!(illegal(&rules, Verdict::Needs(vec![])), Some(IllegalAnswer::NeedsCount { found: 0 }));
        assert_eq!(illegal(&rules, Verdict::Needs(vec![id(); 16])), None);
        assert!(illegal(&rules, Verdict::Needs(vec![id(); 17])).is_some());
        assert!(illegal(&rules, Verdict::Needs(vec!["not an id".into()])).is_some());
    }

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
    fn entries_name_declared_indexes_with_values_of_their_kind() {
        let rules = super::super::rules::tests::plain();
        let entry = |name: &str, value| IndexEntry { name: name.into(), value };
        let text = |text: &str| IndexValue::Text(text.into());
        assert_eq!(illegal(&rules, Verdict::Valid(vec![entry("tag", text("x"))])), None);
        assert_eq!(
            illegal(&rules, Verdict::Valid(vec![entry("size", text("x"))])),
            Some(IllegalAnswer::WrongKind("size".into()))
        );
        assert_eq!(
            illegal(&rules, Verdict::Valid(vec![entry("other", text("x"))])),
            Some(IllegalAnswer::UndeclaredIndex("other".into()))
        );
        assert_eq!(
            illegal(&rules, Verdict::Valid(vec![entry("tag", text("x")); 65])),
            Some(IllegalAnswer::TooManyEntries { found: 65 })
        );
        assert!(illegal(&rules, Verdict::Valid(vec![entry("tag", text(&"x".repeat(4097)))])).is_some());
    }
}
