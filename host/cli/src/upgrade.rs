//! `module upgrade`: a new version wherever a space binds the module, once it is clear what that changes.

use std::process::ExitCode;

use atlas_node::client::Failure;
use atlas_node::{NodeError, Refusal};
use serde_json::{Value as Json, json};

use crate::args::{Installing, Upgrading};
use crate::commands::{Outcome, Session, escape, misuse};
use crate::output::{items, line, number, text};
use crate::packages::{Package, confirm, or_none, signer};

impl Session {
    /// Installs a package, and binds it wherever a space binds the same module.
    pub async fn upgrade(&self, package: Package, place: Upgrading, dry_run: bool, installing: &Installing) -> Outcome {
        let space = self.space_to_upgrade(place.space.as_deref()).await?;
        let answer = self.send("/v1/packages/examine", package.bytes.clone()).await?;
        let next: Json = serde_json::from_slice(&answer).unwrap_or_default();
        let slots = self.bound_slots(&space, &next).await?;
        if !self.json {
            for (slot, bound) in &slots {
                changes(slot, bound, &next);
            }
        }
        let code = text(&next, "/code");
        let path = |what: &str| format!("/v1/spaces/{}/{what}", escape(text(&space, "/id")));
        let rehearsed;
        if dry_run {
            // What is to be rehearsed has to be known to the node; a name that nobody binds by.
            let trial = format!("{}-next", text(&next, "/module").rsplit(':').next().unwrap_or("module"));
            let trying = Installing { allow_downgrade: true, allow_other_signer: true, ..installing.clone() };
            self.keep(&package, Some(&trial), &trying).await?;
            let found = self.rehearse(&path("rehearsals"), &slots, code).await;
            let removed = self.client.ask("DELETE", &format!("/v1/modules/{trial}"), None).await;
            // Why it cannot be rehearsed says more than why the trial stays.
            rehearsed = found?;
            removed?;
        } else {
            self.explain(&package, "install it, and see what it changes?", installing).await?;
            let info = self.keep(&package, None, installing).await?;
            if !self.json {
                self.installed(&info);
            }
            rehearsed = self.rehearse(&path("rehearsals"), &slots, code).await?;
            if !installing.yes {
                confirm("bind it?")?;
            }
            for (slot, _) in &slots {
                let request = json!({ "slot": slot, "module": code, "as": place.author, "keep": true });
                self.client.ask("POST", &path("bindings"), Some(&request)).await?;
                if !self.json {
                    line(format!("{slot} is bound to {} {}", text(&next, "/module"), text(&next, "/version")));
                }
            }
        }
        if self.json {
            let (module, version) = (&next["module"], &next["version"]);
            let all =
                json!({ "module": module, "version": version, "code": code, "bound": !dry_run, "slots": rehearsed });
            line(all.to_string());
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The space of this name or id, or the only one.
    async fn space_to_upgrade(&self, wanted: Option<&str>) -> Result<Json, Failure> {
        let spaces = self.client.ask("GET", "/v1/spaces", None).await?;
        let here = |space: &&Json| wanted.is_none_or(|name| text(space, "/name") == name || text(space, "/id") == name);
        let spaces: Vec<&Json> = items(&spaces, "").iter().filter(here).collect();
        match spaces[..] {
            [space] => Ok(space.clone()),
            _ => Err(misuse("say which space to upgrade with --space; `atlas space list` shows them")),
        }
    }

    /// Slots of a space that bind the same module, and what they bind.
    async fn bound_slots(&self, space: &Json, next: &Json) -> Result<Vec<(String, Json)>, Failure> {
        let mut slots = Vec::new();
        for (slot, binding) in space["slots"].as_object().into_iter().flatten() {
            let path = format!("/v1/modules/{}", escape(text(binding, "/code")));
            let Ok(bound) = self.client.ask("GET", &path, None).await else { continue };
            if text(&bound, "/module") == text(next, "/module") {
                slots.push((slot.clone(), bound));
            }
        }
        if slots.is_empty() {
            let text = format!("space `{}` binds no {}", text(space, "/name"), text(next, "/module"));
            let hint = "bind it to a slot: `atlas module install`, then `atlas module bind`";
            return Err(NodeError::from(Refusal::new("not-bound", text).hint(hint)).into());
        }
        Ok(slots)
    }

    /// Judges the stored records of each slot with the new module beside the old one.
    async fn rehearse(&self, path: &str, slots: &[(String, Json)], code: &str) -> Result<Vec<Json>, Failure> {
        let mut rehearsed = Vec::new();
        for (slot, _) in slots {
            let request = json!({ "slot": slot, "module": code, "keep": true });
            let found = match slot.starts_with("validator:") {
                true => self.client.ask("POST", path, Some(&request)).await?,
                false => Json::Null,
            };
            if !self.json {
                rehearsal(slot, &found);
            }
            rehearsed.push(json!({ "slot": slot, "rehearsal": found }));
        }
        Ok(rehearsed)
    }
}

/// What differs between what is bound and what would be.
fn changes(slot: &str, bound: &Json, next: &Json) {
    line(format!("{slot}: {} {} -> {}", text(bound, "/module"), text(bound, "/version"), text(next, "/version")));
    let mut differs = false;
    let mut told = |what: &str, before: String, after: String| {
        if before != after {
            differs = true;
            line(format!("  {what:13} {before} -> {after}"));
        }
    };
    told("role", text(bound, "/role").to_owned(), text(next, "/role").to_owned());
    told(
        "capabilities",
        or_none(items(bound, "/manifest/capabilities")),
        or_none(items(next, "/manifest/capabilities")),
    );
    told("imports", or_none(items(bound, "/imports")), or_none(items(next, "/imports")));
    told("signer", signer(bound), signer(next));
    told("lifecycle", text(bound, "/rules/lifecycle").to_owned(), text(next, "/rules/lifecycle").to_owned());
    told("key", text(bound, "/rules/key").to_owned(), text(next, "/rules/key").to_owned());
    told("indexes", or_none(items(bound, "/rules/indexes")), or_none(items(next, "/rules/indexes")));
    told("text", or_none(items(bound, "/rules/text")), or_none(items(next, "/rules/text")));
    for change in schema_changes(&bound["rules"]["schema"], &next["rules"]["schema"]) {
        differs = true;
        line(format!("  schema        {change}"));
    }
    if !differs {
        line("  role, capabilities, indexes and schema are the same");
    }
}

/// Fields that come, go, or are described otherwise.
fn schema_changes(before: &Json, after: &Json) -> Vec<String> {
    let none = serde_json::Map::new();
    let fields = |schema: &Json| schema["properties"].as_object().cloned().unwrap_or_else(|| none.clone());
    let required =
        |schema: &Json, field: &str| items(schema, "/required").iter().any(|name| name.as_str() == Some(field));
    let (old, new) = (fields(before), fields(after));
    let mut changes = Vec::new();
    for (field, rule) in &new {
        match old.get(field) {
            None => changes.push(format!("+ {field}")),
            Some(was) if was != rule => changes.push(format!("~ {field}: {was} -> {rule}")),
            Some(_) => {}
        }
        if old.contains_key(field) && required(before, field) != required(after, field) {
            let now = if required(after, field) { "required" } else { "optional" };
            changes.push(format!("~ {field} is {now} now"));
        }
    }
    changes.extend(old.keys().filter(|field| !new.contains_key(*field)).map(|field| format!("- {field}")));
    changes
}

/// How stored records would be judged.
fn rehearsal(slot: &str, found: &Json) {
    if found.is_null() {
        return line(format!("{slot}: it judges no records, so there is nothing to rehearse"));
    }
    let count = |path: &str| number(found, path);
    line(format!("{slot}: {} stored records, asked in {:.1} s", count("/records"), count("/took_ms") as f64 / 1e3));
    line(format!("  {:8} valid as before", count("/same")));
    line(format!("  {:8} would be refused if they were written now", count("/would_fail")));
    line(format!("  {:8} would be found under other index entries", count("/indexed_otherwise")));
    if count("/undecided") > 0 {
        line(format!("  {:8} undecided: what they need is not here", count("/undecided")));
    }
    for reason in items(found, "/reasons").iter().take(5) {
        line(format!("  {:8} {}", number(reason, "/records"), text(reason, "/code")));
    }
    for example in items(found, "/failing").iter().take(3) {
        let place = if text(example, "/key").is_empty() { text(example, "/record") } else { text(example, "/key") };
        line(format!("  e.g. {place}: {}", text(example, "/text")));
    }
    line("  stored records keep their verdict: each is judged by the module of its own constitution");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_shows_what_comes_goes_and_changes() {
        let before = json!({ "required": ["a"], "properties": { "a": { "type": "string" }, "b": {}, "c": {} } });
        let after = json!({ "required": ["a", "c"], "properties": { "a": { "type": "integer" }, "c": {}, "d": {} } });
        let changes = schema_changes(&before, &after);
        assert_eq!(changes, [r#"~ a: {"type":"string"} -> {"type":"integer"}"#, "~ c is required now", "+ d", "- b"]);
        assert!(schema_changes(&before, &before).is_empty());
    }
}
