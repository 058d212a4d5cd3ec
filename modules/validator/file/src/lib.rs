//! `atlas:file`: a collection that names many blobs with paths, sizes and media types.
//!
//! One file is a collection of one. The header carries the blobs, 64 at most; a larger
//! collection carries one blob more, its *manifest*, which lists the rest. See the README
//! for fields, path rules and the form of manifests.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod paths;

use atlas_sdk::{
    Candidate, Description, Fields, Judgement, NotValid, Rules, Text, Valid, Validator, ensure, export_validator,
    invalid,
};

use self::paths::Paths;

/// Most characters of a title.
pub const TITLE_CHARS: usize = 300;
/// Most characters of a text.
pub const TEXT_CHARS: usize = 10_000;
/// Most bytes of a text in UTF-8.
pub const TEXT_BYTES: usize = 30_000;
/// Most files that a record lists; more go into a manifest.
pub const FILES: usize = 512;
/// Most files that a manifest may say it lists.
pub const MANIFEST_FILES: i64 = 10_000_000;
/// Most tags.
pub const TAGS: usize = 16;
/// Media types that are indexed, from the first.
pub const INDEXED_MEDIA_TYPES: usize = 16;
/// Most bytes of a collection: below 2^53, which every JSON reader holds exactly.
pub const TOTAL_BYTES: i64 = atlas_sdk::limits::MAX_COUNT as i64;
/// Most fields beyond the defined ones.
pub const EXTRA_FIELDS: usize = 16;

/// The fields that this version defines.
const FIELDS: [&str; 7] = ["title", "text", "files", "manifest", "totalSize", "licence", "tags"];

/// Judges collections of files.
#[derive(Default)]
pub struct File;

impl Validator for File {
    fn describe() -> Description {
        let summary = "Collections of files: paths, sizes and media types of the blobs that hold them.";
        Description::new("atlas:file", env!("CARGO_PKG_VERSION"), summary)
    }

    fn rules(&self) -> Rules {
        Rules::replaceable()
            .key_any()
            .index_text("name", "the title")
            .index_text("media", "a media type among its files; the first 16 different ones")
            .index_text("tag", "a tag, in lower case")
            .index_integer("size", "bytes of all its files together")
            .index_integer("count", "how many files it has")
            .text_field("title", 300)
            .text_field("text", 100)
            .text_field("tags", 100)
            .title("title")
            .summary("text")
            .schema(include_str!("../schema.json"))
    }

    fn validate(&self, file: &Candidate) -> Judgement {
        let body = file.body();
        let mut valid = Valid::new();
        if let Some(title) = body.optional_text("title")? {
            valid = valid.text("name", title.line(TITLE_CHARS)?.as_str());
        }
        if let Some(text) = body.optional_text("text")? {
            text.prose(TEXT_CHARS, TEXT_BYTES)?;
        }
        if let Some(licence) = body.optional_text("licence")? {
            licence.line(128)?;
        }
        let tags = body.texts("tags", 0..=TAGS, Text::tag)?;
        body.extensible(&FIELDS, EXTRA_FIELDS)?;
        let total = *body.integer("totalSize")?.within(0..=TOTAL_BYTES)?;
        let count = match (body.get("files"), body.optional_map("manifest")?) {
            (Some(files), None) => {
                let listed = listed(file, files.list()?.count_within(1..=FILES)?.items())?;
                ensure!(
                    listed.bytes == total,
                    "wrong-total",
                    "`totalSize` is {total}: the files have {} bytes together",
                    listed.bytes
                );
                valid = listed.media.iter().fold(valid, |valid, media| valid.text("media", *media));
                listed.count
            }
            (None, Some(manifest)) => manifest_count(file, &manifest)?,
            (None, None) => {
                invalid!(
                    "no-files",
                    "neither `files` nor `manifest` is there: expected one of them, to say what it holds"
                )
            }
            (Some(_), Some(_)) => invalid!(
                "two-lists",
                "both `files` and `manifest` are there: expected `files` for up to 64 blobs, `manifest` for more"
            ),
        };
        valid = valid.integer("size", total).integer("count", count);
        Ok(tags.iter().fold(valid, |valid, tag| valid.text_once("tag", tag.to_lowercase())))
    }
}

/// What the list of a record comes to.
#[derive(Default)]
struct Listed<'a> {
    bytes: i64,
    count: i64,
    media: Vec<&'a str>,
}

fn listed<'a>(file: &Candidate, files: impl Iterator<Item = atlas_sdk::Field<'a>>) -> Result<Listed<'a>, NotValid> {
    let mut listed = Listed::default();
    let mut paths = Paths::default();
    for entry in files {
        let entry = entry.map()?;
        entry.only(&["path", "blob", "size", "mediaType"])?;
        paths.add(entry.text("path")?)?;
        let size = *entry.integer("size")?.within(0..=TOTAL_BYTES)?;
        file.attached(&entry)?;
        if let Some(media) = entry.optional_text("mediaType")? {
            let media = media.media_type()?.as_str();
            if listed.media.len() < INDEXED_MEDIA_TYPES && !listed.media.contains(&media) {
                listed.media.push(media);
            }
        }
        // 512 sizes below 2^53 stay below 2^63.
        listed.bytes += size;
        listed.count += 1;
    }
    paths.check()?;
    Ok(listed)
}

/// How many files a manifest lists, by its record's word: only those who fetch it can tell.
fn manifest_count(file: &Candidate, manifest: &Fields<'_>) -> Result<i64, NotValid> {
    manifest.only(&["blob", "size", "count"])?;
    file.attached(manifest)?;
    Ok(*manifest.integer("count")?.within(1..=MANIFEST_FILES)?)
}

export_validator!(File);

#[cfg(test)]
mod tests;
