//! `atlas:post`: short public texts that answer, quote and mention.
//!
//! A post says what it says in its body; whom it answers, quotes and mentions are links,
//! which the host indexes in both directions. See the README for fields and errors.

#![cfg_attr(test, allow(clippy::unwrap_used))]

use atlas_sdk::{
    Candidate, Description, Judgement, LinkRule, Rules, Text, To, Valid, Validator, ensure, export_validator,
};

/// Most characters (Unicode scalar values) of a text.
pub const TEXT_CHARS: usize = 3000;
/// Most bytes of a text in UTF-8.
pub const TEXT_BYTES: usize = 10_000;
/// Most characters of a title.
pub const TITLE_CHARS: usize = 300;
/// Most tags.
pub const TAGS: usize = 8;
/// Most languages.
pub const LANGS: usize = 3;
/// Most quoted records.
pub const QUOTES: usize = 4;
/// Most mentioned identities.
pub const MENTIONS: usize = 64;
/// Most fields beyond the defined ones.
pub const EXTRA_FIELDS: usize = 16;

/// The fields that this version defines.
const FIELDS: [&str; 5] = ["text", "title", "langs", "tags", "format"];

/// A record, by its id or by where it stands.
const RECORD: &[To] = &[To::Cid, To::Address];

/// Whom a post answers, quotes and mentions.
const LINKS: [LinkRule; 4] = [
    LinkRule::optional("reply", RECORD),
    LinkRule::optional("root", RECORD),
    LinkRule::up_to("quote", QUOTES, RECORD),
    LinkRule::up_to("mention", MENTIONS, &[To::Identity]),
];

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
        body.text("text")?.prose(TEXT_CHARS, TEXT_BYTES)?;
        if let Some(title) = body.optional_text("title")? {
            title.line(TITLE_CHARS)?;
        }
        if let Some(format) = body.optional_text("format")? {
            format.one_of(&["plain", "markdown"])?;
        }
        let tags = body.texts("tags", 0..=TAGS, Text::tag)?;
        let langs = body.texts("langs", 0..=LANGS, Text::language)?;
        body.extensible(&FIELDS, EXTRA_FIELDS)?;
        post.check_links(&LINKS)?;
        ensure!(
            post.link("root").is_none() || post.link("reply").is_some(),
            "root-without-reply",
            "a `root` link names the first post of a thread, but nothing is answered: expected a `reply` link too"
        );
        let valid = tags.iter().fold(Valid::new(), |valid, tag| valid.text_once("tag", tag.to_lowercase()));
        Ok(langs.iter().fold(valid, |valid, lang| found_under(valid, lang)))
    }
}

/// A language is found whole and by its primary subtag, in lower case.
fn found_under(valid: Valid, lang: &str) -> Valid {
    let lang = lang.to_ascii_lowercase();
    let primary = lang.split('-').next().unwrap_or(&lang).to_owned();
    valid.text_once("lang", primary).text_once("lang", lang)
}

export_validator!(Post);

#[cfg(test)]
mod tests;
