//! `atlas:profile`: how someone presents themselves in a space.
//!
//! One per author and space, replaced as a whole. What stands here is what its author says
//! of themselves; whether it is true is for trust and labels. See the README for fields.

#![cfg_attr(test, allow(clippy::unwrap_used))]

use atlas_sdk::{
    Candidate, Description, Fields, Judgement, NotValid, Reason, Rules, Text, Valid, Validator, export_validator,
};

/// Most characters of a display name.
pub const NAME_CHARS: usize = 64;
/// Most characters of a description.
pub const DESCRIPTION_CHARS: usize = 2_500;
/// Most bytes of a description in UTF-8.
pub const DESCRIPTION_BYTES: usize = 10_000;
/// Most bytes of an avatar.
pub const AVATAR_BYTES: i64 = 1_000_000;
/// What an avatar may be: still and moving pictures that every browser shows.
pub const AVATAR_TYPES: [&str; 5] = ["image/avif", "image/gif", "image/jpeg", "image/png", "image/webp"];
/// Most characters of what an avatar shows, in words.
pub const ALT_CHARS: usize = 1_000;
/// Most links to the web.
pub const LINKS: usize = 16;
/// Most characters of a link's title.
pub const LINK_TITLE_CHARS: usize = 100;
/// Most languages.
pub const LANGS: usize = 16;
/// Most fields beyond the defined ones.
pub const EXTRA_FIELDS: usize = 16;

/// The fields that this version defines.
const FIELDS: [&str; 5] = ["displayName", "description", "avatar", "links", "langs"];

/// Judges profiles.
#[derive(Default)]
pub struct Profile;

impl Validator for Profile {
    fn describe() -> Description {
        let summary = "Profiles: display name, description, avatar and links, one for each author.";
        Description::new("atlas:profile", env!("CARGO_PKG_VERSION"), summary)
    }

    fn rules(&self) -> Rules {
        Rules::replaceable()
            .key_literal("self")
            .index_text("name", "the display name")
            .index_text("lang", "a language that its author reads, in lower case")
            .text_field("displayName", 300)
            .text_field("description", 100)
            .title("displayName")
            .summary("description")
            .schema(include_str!("../schema.json"))
    }

    fn validate(&self, profile: &Candidate) -> Judgement {
        let body = profile.body();
        let mut valid = Valid::new();
        if let Some(name) = body.optional_text("displayName")? {
            valid = valid.text("name", name.line(NAME_CHARS)?.as_str());
        }
        if let Some(description) = body.optional_text("description")? {
            description.prose(DESCRIPTION_CHARS, DESCRIPTION_BYTES)?;
        }
        if let Some(avatar) = body.optional_map("avatar")? {
            check_avatar(profile, &avatar)?;
        }
        check_links(&body)?;
        let langs = body.texts("langs", 0..=LANGS, Text::language)?;
        body.extensible(&FIELDS, EXTRA_FIELDS)?;
        Ok(langs.iter().fold(valid, |valid, lang| valid.text_once("lang", lang.to_ascii_lowercase())))
    }
}

fn check_avatar(profile: &Candidate, avatar: &Fields<'_>) -> Result<(), NotValid> {
    avatar.only(&["blob", "size", "mediaType", "alt"])?;
    avatar.text("mediaType")?.one_of(&AVATAR_TYPES)?;
    avatar.integer("size")?.within(1..=AVATAR_BYTES)?;
    profile.attached(avatar)?;
    if let Some(alt) = avatar.optional_text("alt")? {
        alt.prose(ALT_CHARS, 4 * ALT_CHARS)?;
    }
    Ok(())
}

/// Pages elsewhere, each with a title if it wants one.
fn check_links(body: &Fields<'_>) -> Result<(), Reason> {
    let Some(links) = body.optional_list("links")? else { return Ok(()) };
    for link in links.count_within(0..=LINKS)?.items() {
        let link = link.map()?;
        link.only(&["url", "title"])?;
        link.text("url")?.url()?;
        if let Some(title) = link.optional_text("title")? {
            title.line(LINK_TITLE_CHARS)?;
        }
    }
    Ok(())
}

export_validator!(Profile);

#[cfg(test)]
mod tests;
