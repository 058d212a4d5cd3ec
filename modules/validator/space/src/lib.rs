//! `atlas:space`: an entry of a registry of spaces.
//!
//! An entry tells what a space is for and how to join it, so that people find it by words.
//! It opens no door: who may join is for the space to say. See the README for fields.

#![cfg_attr(test, allow(clippy::unwrap_used))]

use atlas_sdk::{
    Candidate, Description, Draft, Fields, Judgement, Reason, Rules, Text, Valid, Validator, export_validator,
};

/// Most characters of a title.
pub const TITLE_CHARS: usize = 100;
/// Most characters of a text.
pub const TEXT_CHARS: usize = 10_000;
/// Most bytes of a text in UTF-8.
pub const TEXT_BYTES: usize = 30_000;
/// How spaces are joined.
pub const JOINING: [&str; 4] = ["open", "ask", "invitation", "closed"];
/// Most characters of what joining takes, in words.
pub const JOIN_CHARS: usize = 1_000;
/// Most places where the space can be reached.
pub const PEERS: usize = 16;
/// Most bytes of such a place.
pub const PEER_BYTES: usize = 256;
/// Most languages.
pub const LANGS: usize = 16;
/// Most tags.
pub const TAGS: usize = 16;
/// Most fields beyond the defined ones.
pub const EXTRA_FIELDS: usize = 16;

/// The fields that this version defines.
const FIELDS: [&str; 7] = ["space", "title", "text", "join", "url", "langs", "tags"];

/// Judges entries of a registry of spaces.
#[derive(Default)]
pub struct Space;

impl Validator for Space {
    fn describe() -> Description {
        let summary = "A registry of spaces: what they are for and how to join them.";
        Description::new("atlas:space", env!("CARGO_PKG_VERSION"), summary)
    }

    fn rules(&self) -> Rules {
        Rules::replaceable()
            .key_any()
            .index_text("name", "the title")
            .index_text("join", "how it is joined: open, ask, invitation or closed")
            .index_text("lang", "a language that is used there, in lower case")
            .index_text("tag", "a tag, in lower case")
            .text_field("title", 300)
            .text_field("text", 100)
            .text_field("tags", 200)
            .title("title")
            .summary("text")
            .schema(include_str!("../schema.json"))
    }

    /// The key is the space's id.
    fn prepare(&self, draft: &mut Draft) -> Result<(), Reason> {
        if draft.key.is_none() {
            draft.key = Some(draft.body().text("space")?.id()?.as_str().to_owned());
        }
        Ok(())
    }

    fn validate(&self, entry: &Candidate) -> Judgement {
        let body = entry.body();
        let space = body.text("space")?.id()?;
        let title = body.text("title")?.line(TITLE_CHARS)?;
        body.text("text")?.prose(TEXT_CHARS, TEXT_BYTES)?;
        let join = joining(&body.map("join")?)?;
        if let Some(url) = body.optional_text("url")? {
            url.url()?;
        }
        let langs = body.texts("langs", 0..=LANGS, Text::language)?;
        let tags = body.texts("tags", 0..=TAGS, Text::tag)?;
        body.extensible(&FIELDS, EXTRA_FIELDS)?;
        entry.expect_key(&space)?;
        let valid = Valid::new().text("name", title.as_str()).text("join", join.as_str());
        let valid = langs.iter().fold(valid, |valid, lang| valid.text_once("lang", lang.to_ascii_lowercase()));
        Ok(tags.iter().fold(valid, |valid, tag| valid.text_once("tag", tag.to_lowercase())))
    }
}

/// How the space is joined: the way, what it takes, and where it can be reached.
fn joining<'a>(join: &Fields<'a>) -> Result<Text<'a>, Reason> {
    join.only(&["how", "text", "peers"])?;
    if let Some(text) = join.optional_text("text")? {
        text.prose(JOIN_CHARS, 4 * JOIN_CHARS)?;
    }
    join.distinct_texts("peers", 0..=PEERS, |peer| {
        peer.bytes_within(1..=PEER_BYTES)?.matches(
            "not-a-place",
            "a network address: expected printable ASCII without spaces, as `/dns4/example.org/tcp/7421`",
            |text| text.bytes().all(|b| b.is_ascii_graphic()),
        )
    })?;
    join.text("how")?.one_of(&JOINING)
}

export_validator!(Space);

#[cfg(test)]
mod tests;
