//! `atlas:type`: an entry of a registry of types.
//!
//! An entry tells what a type is for, how its records look, and which module judges them
//! with which config: enough to bind it in another space. See the README for fields.

#![cfg_attr(test, allow(clippy::unwrap_used))]

use atlas_sdk::{
    Candidate, Description, Draft, Fields, Judgement, LinkRule, Reason, Rules, Text, To, Valid, Validator,
    export_validator,
};

/// Most characters of a title.
pub const TITLE_CHARS: usize = 100;
/// Most characters of a documentation.
pub const TEXT_CHARS: usize = 20_000;
/// Most bytes of a documentation in UTF-8.
pub const TEXT_BYTES: usize = 40_000;
/// Most bytes of a config.
pub const CONFIG_BYTES: i64 = 16 << 20;
/// Most tags.
pub const TAGS: usize = 16;
/// Most records to learn from.
pub const EXAMPLES: usize = 8;
/// Most fields beyond the defined ones.
pub const EXTRA_FIELDS: usize = 16;

/// The fields that this version defines.
const FIELDS: [&str; 7] = ["name", "title", "text", "validator", "config", "schema", "tags"];

const LINKS: [LinkRule; 2] = [
    LinkRule::up_to("example", EXAMPLES, &[To::Record, To::Address]),
    LinkRule::optional("release", &[To::Record, To::Address]),
];

/// Judges entries of a registry of types.
#[derive(Default)]
pub struct Type;

impl Validator for Type {
    fn describe() -> Description {
        let summary = "A registry of types: what they are for, how records look, and which module judges them.";
        Description::new("atlas:type", env!("CARGO_PKG_VERSION"), summary)
    }

    fn rules(&self) -> Rules {
        Rules::replaceable()
            .key_nsid()
            .index_text("name", "the type's name")
            .index_text("code", "the blob of the module that judges it")
            .index_text("tag", "a tag, in lower case")
            .text_field("name", 300)
            .text_field("title", 300)
            .text_field("text", 100)
            .text_field("tags", 200)
            .title("title")
            .summary("text")
            .schema(include_str!("../schema.json"))
    }

    /// The key is the type's name.
    fn prepare(&self, draft: &mut Draft) -> Result<(), Reason> {
        if draft.key.is_none() {
            draft.key = Some(draft.body().text("name")?.as_str().to_owned());
        }
        Ok(())
    }

    fn validate(&self, entry: &Candidate) -> Judgement {
        let body = entry.body();
        let name = body.text("name")?.type_name()?;
        body.text("title")?.line(TITLE_CHARS)?;
        body.text("text")?.prose(TEXT_CHARS, TEXT_BYTES)?;
        let code = validator(&body.map("validator")?)?;
        if let Some(config) = body.optional_map("config")? {
            config.only(&["blob", "size"])?;
            config.integer("size")?.within(1..=CONFIG_BYTES)?;
            entry.attached(&config)?;
        }
        body.optional_map("schema")?;
        let tags = body.texts("tags", 0..=TAGS, Text::tag)?;
        body.extensible(&FIELDS, EXTRA_FIELDS)?;
        entry.check_links(&LINKS)?;
        entry.expect_key(&name)?;
        let valid = Valid::new().text("name", name.as_str()).text("code", code);
        Ok(tags.iter().fold(valid, |valid, tag| valid.text_once("tag", tag.to_lowercase())))
    }
}

/// The module that judges records of the type: the blob of its code. The blob itself comes
/// from a release, so it is named and not attached.
fn validator(validator: &Fields<'_>) -> Result<String, Reason> {
    validator.only(&["code", "name", "version"])?;
    let code = validator.link("code")?;
    if !code.starts_with("bafkr4i") {
        let what = format_args!("`{code}`: expected the blob of a component (bafkr4i…)");
        return Err(validator.field("code")?.refuse("not-a-blob", what));
    }
    if let Some(name) = validator.optional_text("name")? {
        name.module_name()?;
    }
    if let Some(version) = validator.optional_text("version")? {
        version.semantic_version()?;
    }
    Ok(code)
}

export_validator!(Type);

#[cfg(test)]
mod tests;
