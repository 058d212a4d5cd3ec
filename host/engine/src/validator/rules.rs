//! Whether what a module says of its type holds within the bounds of the WIT. Checked once
//! per binding; nodes agree on it, because the answers are the module's alone.

use std::collections::HashSet;

use super::{KeyRule, Rules};
use crate::machine::answer::{MAX_SENTENCE, cut};

/// Declared indexes.
pub const MAX_INDEXES: usize = 16;
/// Fields for full text.
pub const MAX_TEXT_FIELDS: usize = 16;
/// Bytes of an index name.
pub const MAX_INDEX_NAME: usize = 32;
/// Bytes of the JSON Schema.
pub const MAX_SCHEMA: usize = 256 << 10;
/// States of a workflow.
pub const MAX_STATES: usize = 64;
/// Legal moves of a workflow.
pub const MAX_TRANSITIONS: usize = 1024;
/// Bytes of a path, of a fixed key, of a state.
const MAX_PATH: usize = 256;
const MAX_KEY: usize = 256;
const MAX_STATE: usize = 64;
const MAX_WEIGHT: u32 = 10_000;

/// Says which rule breaks its bounds.
pub(crate) fn check_rules(rules: &Rules) -> Result<(), String> {
    if let KeyRule::Literal(key) = &rules.key
        && (key.is_empty() || key.len() > MAX_KEY)
    {
        return Err(format!("the fixed key has {} bytes, 1 to {MAX_KEY} are allowed", key.len()));
    }
    check_indexes(rules)?;
    check_text(rules)?;
    check_workflow(rules)?;
    for path in [&rules.display.title, &rules.display.summary].into_iter().flatten() {
        check_path(path, "display")?;
    }
    if rules.schema.len() > MAX_SCHEMA {
        return Err(format!("the schema has {} bytes, {MAX_SCHEMA} at most are allowed", rules.schema.len()));
    }
    if !rules.schema.is_empty() {
        let parsed = serde_json::from_str::<serde_json::Value>(&rules.schema);
        match parsed {
            Ok(value) if value.is_object() || value.is_boolean() => {}
            Ok(_) => return Err("the schema is JSON, but neither an object nor a boolean".into()),
            Err(error) => return Err(format!("the schema is no JSON: {error}")),
        }
    }
    Ok(())
}

fn check_indexes(rules: &Rules) -> Result<(), String> {
    if rules.indexes.len() > MAX_INDEXES {
        return Err(format!("{} indexes, {MAX_INDEXES} at most are allowed", rules.indexes.len()));
    }
    let mut seen = HashSet::new();
    for index in &rules.indexes {
        let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if index.name.is_empty() || index.name.len() > MAX_INDEX_NAME || !index.name.bytes().all(legal) {
            return Err(format!(
                "index name `{}` is not 1 to {MAX_INDEX_NAME} lower-case letters, digits and `-`",
                cut(&index.name)
            ));
        }
        if index.about.len() > MAX_SENTENCE {
            return Err(format!("what index `{}` says of itself is too long", index.name));
        }
        if !seen.insert(&index.name) {
            return Err(format!("index `{}` is declared twice", index.name));
        }
    }
    Ok(())
}

fn check_text(rules: &Rules) -> Result<(), String> {
    if rules.text.len() > MAX_TEXT_FIELDS {
        return Err(format!("{} text fields, {MAX_TEXT_FIELDS} at most are allowed", rules.text.len()));
    }
    for field in &rules.text {
        check_path(&field.path, "text field")?;
        if field.weight == 0 || field.weight > MAX_WEIGHT {
            return Err(format!("text field `{}` weighs {}, 1 to {MAX_WEIGHT} is allowed", field.path, field.weight));
        }
    }
    Ok(())
}

fn check_workflow(rules: &Rules) -> Result<(), String> {
    let Some(workflow) = &rules.workflow else { return Ok(()) };
    if workflow.states.is_empty() || workflow.states.len() > MAX_STATES {
        return Err(format!("the workflow has {} states, 1 to {MAX_STATES} are allowed", workflow.states.len()));
    }
    if workflow.transitions.len() > MAX_TRANSITIONS {
        return Err(format!(
            "the workflow has {} transitions, {MAX_TRANSITIONS} at most are allowed",
            workflow.transitions.len()
        ));
    }
    let mut states = HashSet::new();
    for state in &workflow.states {
        if state.is_empty() || state.len() > MAX_STATE {
            return Err(format!("workflow state `{}` is not 1 to {MAX_STATE} bytes", cut(state)));
        }
        if !states.insert(state) {
            return Err(format!("workflow state `{state}` is declared twice"));
        }
    }
    for step in &workflow.transitions {
        let known = |state: &String| states.contains(state);
        if !(step.before.is_empty() || known(&step.before)) || !known(&step.after) {
            return Err(format!(
                "the transition from `{}` to `{}` names a state that is not declared",
                cut(&step.before),
                cut(&step.after)
            ));
        }
    }
    Ok(())
}

fn check_path(path: &str, what: &str) -> Result<(), String> {
    if path.len() > MAX_PATH || path.split('.').any(str::is_empty) {
        return Err(format!("{what} path `{}` is not segments joined by `.`, {MAX_PATH} bytes at most", cut(path)));
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::{Display, Index, IndexKind, Lifecycle, TextField, Transition, Workflow};
    use super::*;

    /// Rules with a text index `tag` and an integer index `size`.
    pub(crate) fn plain() -> Rules {
        let index = |name: &str, kind| Index { name: name.into(), kind, about: String::new() };
        Rules {
            lifecycle: Lifecycle::Append,
            key: KeyRule::None,
            indexes: vec![index("tag", IndexKind::Text), index("size", IndexKind::Integer)],
            text: vec![],
            workflow: None,
            display: Display { title: None, summary: None },
            schema: "{}".into(),
        }
    }

    fn broken(change: impl FnOnce(&mut Rules)) -> bool {
        let mut rules = plain();
        change(&mut rules);
        check_rules(&rules).is_err()
    }

    #[test]
    fn rules_hold_within_the_bounds_of_the_wit_and_break_outside() {
        assert!(!broken(|_| ()));
        assert!(broken(|r| r.indexes = vec![r.indexes[0].clone(); 2]));
        assert!(broken(|r| r.indexes[0].name = "Tag".into()));
        assert!(broken(|r| r.indexes[0].name = "t".repeat(33)));
        assert!(broken(|r| {
            r.indexes = (0..17).map(|n| Index { name: format!("i{n}"), ..r.indexes[0].clone() }).collect();
        }));
        assert!(broken(|r| r.text = vec![TextField { path: "a".into(), weight: 1 }; 17]));
        assert!(broken(|r| r.text = vec![TextField { path: "a..b".into(), weight: 1 }]));
        assert!(broken(|r| r.schema = "{".into()));
        assert!(broken(|r| r.schema = "7".into()));
        assert!(broken(|r| r.schema = format!("\"{}\"", "x".repeat(MAX_SCHEMA))));
        assert!(broken(|r| r.key = KeyRule::Literal(String::new())));
        assert!(broken(|r| r.display.title = Some(String::new())));
    }

    #[test]
    fn a_workflow_moves_between_its_own_states_only() {
        let step = |before: &str, after: &str| Transition { before: before.into(), after: after.into() };
        let flow = |transitions| Workflow { states: vec!["open".into(), "done".into()], transitions };
        assert!(!broken(|r| r.workflow = Some(flow(vec![step("", "open"), step("open", "done")]))));
        assert!(broken(|r| r.workflow = Some(flow(vec![step("open", "lost")]))));
        assert!(broken(|r| r.workflow = Some(flow(vec![step("open", "")]))));
        assert!(broken(|r| r.workflow = Some(Workflow { states: vec![], transitions: vec![] })));
    }
}
