//! Whether a validator's answers are ones that the world allows. Pure: a breach is part
//! of the verdict, so every node must find the same.

use super::bindings::exports::atlas::validator::validation::IndexKind;
use super::{Draft, IndexEntry, IndexValue, Reason, Rules, Verdict};
use crate::machine::answer::{check_needs, check_reason, cut};
use crate::outcome::{Cause, IllegalAnswer, Outcome};

/// Index entries of one record.
pub const MAX_ENTRIES: usize = 64;
/// Bytes of a text value of an index entry. The store indexes a prefix of it.
pub const MAX_INDEX_TEXT: usize = 4096;
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
            return Err(IllegalAnswer::UndeclaredIndex(cut(&entry.name).to_owned()));
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
