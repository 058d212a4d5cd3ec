//! `atlas:scope`: what an app may do, in words that people understand.
//!
//! A scope is a named set of exact types and actions. An app asks for it by its address;
//! who grants it sees the title and the text, and signs the types and actions. Nothing is
//! granted here. See the README for fields and errors.

#![cfg_attr(test, allow(clippy::unwrap_used))]

use atlas_sdk::{Candidate, Description, Judgement, Rules, Text, Valid, Validator, export_validator};

/// Most characters of a title.
pub const TITLE_CHARS: usize = 100;
/// Most characters of a text.
pub const TEXT_CHARS: usize = 1_000;
/// Most bytes of a text in UTF-8.
pub const TEXT_BYTES: usize = 4_000;
/// Most types.
pub const TYPES: usize = 32;
/// Most actions.
pub const MOST_ACTIONS: usize = 16;
/// The actions that grants know by name; communities may have more.
pub const ACTIONS: [&str; 6] = ["create", "replace", "delete", "label", "vote", "pledge"];

/// Judges scopes.
#[derive(Default)]
pub struct Scope;

impl Validator for Scope {
    fn describe() -> Description {
        let summary = "Scopes: named sets of types and actions that an app can ask for in words.";
        Description::new("atlas:scope", env!("CARGO_PKG_VERSION"), summary)
    }

    fn rules(&self) -> Rules {
        Rules::replaceable()
            .key_any()
            .index_text("type", "a type that it covers")
            .index_text("action", "an action that it covers")
            .text_field("title", 300)
            .text_field("text", 100)
            .title("title")
            .summary("text")
            .schema(include_str!("../schema.json"))
    }

    fn validate(&self, scope: &Candidate) -> Judgement {
        let body = scope.body();
        // A field that is not shown to whoever grants must not be there at all.
        body.only(&["title", "text", "types", "actions"])?;
        body.text("title")?.line(TITLE_CHARS)?;
        body.text("text")?.prose(TEXT_CHARS, TEXT_BYTES)?;
        body.field("types")?;
        body.field("actions")?;
        let types = body.distinct_texts("types", 1..=TYPES, Text::type_name)?;
        let actions = body.distinct_texts("actions", 1..=MOST_ACTIONS, |action| action.one_of(&ACTIONS))?;
        Ok(Valid::new()
            .texts("type", types.iter().map(|name| name.as_str()))
            .texts("action", actions.iter().map(|action| action.as_str())))
    }
}

export_validator!(Scope);

#[cfg(test)]
mod tests;
