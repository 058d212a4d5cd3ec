//! `atlas:module-release`: an entry of a registry of modules.
//!
//! A release says what a component is, whose name and version it carries, and what it asks
//! for. The hash of the code names behaviour; this record gives that hash a name that
//! people can search for. See the README for fields and errors.

#![cfg_attr(test, allow(clippy::unwrap_used))]

use atlas_sdk::{
    Candidate, Description, Draft, Fields, Judgement, LinkRule, Reason, Rules, Text, To, Valid, Validator, ensure,
    export_validator,
};

/// What modules can be for.
pub const ROLES: [&str; 7] = ["validator", "trust", "ranker", "governance", "admission", "economy", "app"];
/// Most bytes of a component.
pub const CODE_BYTES: i64 = 256 << 20;
/// Most capabilities that a module asks for.
pub const CAPABILITIES: usize = 32;
/// Most bytes of a capability.
pub const CAPABILITY_BYTES: usize = 256;
/// Most characters of a summary.
pub const SUMMARY_CHARS: usize = 300;
/// Most characters of notes.
pub const NOTES_CHARS: usize = 10_000;
/// Most bytes of notes in UTF-8.
pub const NOTES_BYTES: usize = 30_000;
/// Most tags.
pub const TAGS: usize = 16;
/// Most fields beyond the defined ones.
pub const EXTRA_FIELDS: usize = 16;

/// The fields that this version defines.
const FIELDS: [&str; 13] = [
    "name",
    "version",
    "role",
    "code",
    "wit",
    "capabilities",
    "licence",
    "source",
    "summary",
    "notes",
    "tags",
    "yanked",
    "yankReason",
];

const LINKS: [LinkRule; 1] = [LinkRule::optional("previous", &[To::Record, To::Address])];

/// Judges releases of modules.
#[derive(Default)]
pub struct ModuleRelease;

impl Validator for ModuleRelease {
    fn describe() -> Description {
        let summary =
            "Releases of modules: name, version, role, code, what they ask for, and whether they were yanked.";
        Description::new("atlas:module-release", env!("CARGO_PKG_VERSION"), summary)
    }

    fn rules(&self) -> Rules {
        Rules::replaceable()
            .key_any()
            .index_text("name", "the module's name, as `atlas:post`")
            .index_text("role", "what it is for, as `validator`")
            .index_text("code", "the blob of its component")
            .index_text("capability", "something that it asks for")
            .index_text("licence", "its licence")
            .index_text("tag", "a tag, in lower case")
            .index_text("yanked", "the name, where the release was yanked")
            .text_field("name", 300)
            .text_field("summary", 200)
            .text_field("notes", 100)
            .text_field("tags", 100)
            .title("name")
            .summary("summary")
            .schema(include_str!("../schema.json"))
    }

    /// Makes the key of name and version.
    fn prepare(&self, draft: &mut Draft) -> Result<(), Reason> {
        if draft.key.is_none() {
            let (name, version) = identity(&draft.body())?;
            draft.key = Some(key(&name, &version));
        }
        Ok(())
    }

    fn validate(&self, release: &Candidate) -> Judgement {
        let body = release.body();
        let (name, version) = identity(&body)?;
        let role = body.text("role")?.one_of(&ROLES)?;
        let code = body.map("code")?;
        code.only(&["blob", "size"])?;
        code.integer("size")?.within(1..=CODE_BYTES)?;
        let code = release.attached(&code)?;
        body.text("wit")?.bytes_within(1..=128)?.matches(
            "not-a-world",
            "a world with its version, as `atlas:validator@0.1.0`",
            |text| is_world(text),
        )?;
        let licence = body.text("licence")?.line(128)?;
        let capabilities = body.distinct_texts("capabilities", 0..=CAPABILITIES, |capability| {
            capability.bytes_within(1..=CAPABILITY_BYTES)?.one_line()
        })?;
        if let Some(source) = body.optional_text("source")? {
            source.url()?;
        }
        body.text("summary")?.line(SUMMARY_CHARS)?;
        if let Some(notes) = body.optional_text("notes")? {
            notes.prose(NOTES_CHARS, NOTES_BYTES)?;
        }
        let tags = body.texts("tags", 0..=TAGS, Text::tag)?;
        let yanked = yanked(&body)?;
        body.extensible(&FIELDS, EXTRA_FIELDS)?;
        release.check_links(&LINKS)?;
        release.expect_key(&key(&name, &version))?;
        let valid = Valid::new()
            .text(if yanked { "yanked" } else { "name" }, name.as_str())
            .text("role", role.as_str())
            .text("code", code.id.as_str())
            .text("licence", licence.as_str())
            .texts("capability", capabilities.iter().map(|capability| capability.as_str()));
        Ok(tags.iter().fold(valid, |valid, tag| valid.text_once("tag", tag.to_lowercase())))
    }
}

fn identity<'a>(body: &Fields<'a>) -> Result<(Text<'a>, Text<'a>), Reason> {
    Ok((body.text("name")?.module_name()?, body.text("version")?.semantic_version()?))
}

/// One record for each version of a module, so that it can be yanked where it stands.
fn key(name: &str, version: &str) -> String {
    [name, "@", version].concat()
}

/// Whether the release was withdrawn; then it says why.
fn yanked(body: &Fields<'_>) -> Result<bool, Reason> {
    let yanked = body.optional_boolean("yanked")?.unwrap_or(false);
    let reason = body.optional_text("yankReason")?;
    ensure!(
        yanked == reason.is_some(),
        "yank-reason",
        "a release that is yanked says why in `yankReason`, and no other has one"
    );
    if let Some(reason) = reason {
        reason.prose(1_000, 4_000)?;
    }
    Ok(yanked)
}

/// `namespace:package@version`, or with a world in it: `namespace:package/world@version`.
fn is_world(text: &str) -> bool {
    let word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let version = |version: &str| {
        let parts = version.split(['.', '-', '+']);
        version.starts_with(|c: char| c.is_ascii_digit()) && { parts }
            .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric()))
    };
    let Some((path, at)) = text.split_once('@') else { return false };
    let Some((namespace, rest)) = path.split_once(':') else { return false };
    let (package, world) = rest.split_once('/').map_or((rest, None), |(package, world)| (package, Some(world)));
    word(namespace) && word(package) && world.is_none_or(word) && version(at)
}

export_validator!(ModuleRelease);

#[cfg(test)]
mod tests;
