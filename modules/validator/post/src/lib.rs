//! `atlas:post`: short public texts that answer, quote and mention.
//!
//! A post says what it says in its body; whom it answers, quotes and mentions are links,
//! which the host indexes in both directions. See the README for fields and errors.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod links;

use atlas_sdk::{Candidate, Description, Fields, Judgement, Reason, Rules, Valid, Validator, export_validator};

/// Most characters (Unicode scalar values) of a text.
pub const TEXT_CHARS: usize = 3000;
/// Most bytes of a text in UTF-8.
pub const TEXT_BYTES: usize = 10_000;
/// Most characters of a title.
pub const TITLE_CHARS: usize = 300;
/// Most tags.
pub const TAGS: usize = 8;
/// Most characters of a tag.
pub const TAG_CHARS: usize = 64;
/// Most languages.
pub const LANGS: usize = 3;
/// Most fields beyond the defined ones.
pub const EXTRA_FIELDS: usize = 16;

/// The fields that this version defines.
const FIELDS: [&str; 5] = ["text", "title", "langs", "tags", "format"];

/// Judges posts.
#[derive(Default)]
pub struct Post;

impl Validator for Post {
    fn describe() -> Description {
        let summary = "Posts: a text of up to 3,000 characters that may answer, quote and mention.";
        Description::new("atlas:post", env!("CARGO_PKG_VERSION"), summary)
    }

    fn rules(&self) -> Rules {
        Rules::append()
            .index_text("tag", "a tag, in lower case")
            .index_text("lang", "a language, as `en` or `en-gb`, in lower case; `en-GB` is found under both")
            .text_field("title", 200)
            .text_field("text", 100)
            .title("title")
            .summary("text")
            .schema(include_str!("../schema.json"))
    }

    fn validate(&self, post: &Candidate) -> Judgement {
        let body = post.body();
        body.text("text")?.bytes_within(1..=TEXT_BYTES)?.chars_within(1..=TEXT_CHARS)?;
        if let Some(title) = body.optional_text("title")? {
            title.chars_within(1..=TITLE_CHARS)?.one_line()?;
        }
        if let Some(format) = body.optional_text("format")? {
            format.one_of(&["plain", "markdown"])?;
        }
        let tags = tags(&body)?;
        let langs = langs(&body)?;
        body.extensible(&FIELDS, EXTRA_FIELDS)?;
        links::check(post)?;
        Ok(Valid::new().texts("tag", tags).texts("lang", langs))
    }
}

/// The tags as they are indexed: in lower case, each once.
fn tags(body: &Fields<'_>) -> Result<Vec<String>, Reason> {
    let mut found = Vec::new();
    let Some(tags) = body.optional_list("tags")? else { return Ok(found) };
    for tag in tags.count_within(0..=TAGS)?.items() {
        let tag = tag.text()?.chars_within(1..=TAG_CHARS)?.matches(
            "not-a-tag",
            "a tag: expected no white space, no control characters and no leading `#`",
            |tag| !tag.starts_with('#') && !tag.chars().any(|c| c.is_whitespace() || c.is_control()),
        )?;
        push_once(&mut found, tag.to_lowercase());
    }
    Ok(found)
}

/// The languages as they are indexed: whole tag and primary subtag, in lower case, each once.
fn langs(body: &Fields<'_>) -> Result<Vec<String>, Reason> {
    let mut found = Vec::new();
    let Some(langs) = body.optional_list("langs")? else { return Ok(found) };
    for lang in langs.count_within(0..=LANGS)?.items() {
        let lang = lang.text()?.bytes_within(2..=35)?.matches(
            "not-a-language",
            "a language tag in the shape of BCP 47, as `en` or `pt-BR`",
            |lang| is_language(lang),
        )?;
        let lang = lang.to_ascii_lowercase();
        let primary = lang.split('-').next().unwrap_or(&lang).to_owned();
        push_once(&mut found, primary);
        push_once(&mut found, lang);
    }
    Ok(found)
}

/// The shape of BCP 47: a primary subtag of 2 to 8 letters, then subtags of 1 to 8 letters
/// and digits. Whether the language is registered is not asked.
fn is_language(text: &str) -> bool {
    let mut subtags = text.split('-');
    let primary = subtags.next().unwrap_or_default();
    (2..=8).contains(&primary.len())
        && primary.bytes().all(|b| b.is_ascii_alphabetic())
        && subtags.all(|subtag| (1..=8).contains(&subtag.len()) && subtag.bytes().all(|b| b.is_ascii_alphanumeric()))
}

fn push_once(list: &mut Vec<String>, text: String) {
    if !list.contains(&text) {
        list.push(text);
    }
}

export_validator!(Post);

#[cfg(test)]
mod tests;
