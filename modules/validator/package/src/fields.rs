//! The fields of a package, but for its relations.

use atlas_sdk::{Fields, Reason, Text, Valid, reason};

use crate::{ARCHITECTURE_BYTES, EXTRA_FIELDS, INDEXED_TAGS, NAME_BYTES, TAGS, VERSION_BYTES};

/// The fields that this version defines.
const FIELDS: [&str; 17] = [
    "name",
    "version",
    "architecture",
    "maintainer",
    "summary",
    "description",
    "section",
    "priority",
    "homepage",
    "source",
    "license",
    "tags",
    "size",
    "installedSize",
    "filename",
    "hashes",
    "relations",
];

/// Optional fields that are one line of text, with the most bytes they may have.
const LINES: [(&str, usize); 8] = [
    ("maintainer", 1024),
    ("summary", 1024),
    ("section", 128),
    ("priority", 64),
    ("homepage", 2048),
    ("source", 512),
    ("license", 1024),
    ("filename", 4096),
];

/// Most bytes of a description, which may have many lines.
const DESCRIPTION_BYTES: usize = 32 * 1024;
/// Most bytes of a tag.
const TAG_BYTES: usize = 128;
/// Most hashes.
const HASHES: usize = 16;
/// Bytes of a hash whose algorithm is not known here.
const HASH_BYTES: std::ops::RangeInclusive<usize> = 16..=64;
/// Algorithms whose digest length is known, in bytes.
const DIGESTS: [(&str, usize); 5] = [("md5", 16), ("sha1", 20), ("sha256", 32), ("sha512", 64), ("blake3", 32)];

/// Whether this is a package's name: 1 to 214 of `A-Z a-z 0-9 + - . _ ~ @ /`, first a letter,
/// a digit, `@` or `_`, no empty segment around `/`.
pub(crate) fn is_name(text: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"+-._~@/".contains(&b);
    let first = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'@' || b == b'_');
    first && text.len() <= NAME_BYTES && text.bytes().all(legal) && text.split('/').all(|segment| !segment.is_empty())
}

/// Refuses text that is no package name.
pub(crate) fn checked_name(text: Text<'_>) -> Result<Text<'_>, Reason> {
    text.bytes_within(1..=NAME_BYTES)?.matches(
        "bad-name",
        "a package name: expected letters, digits and + - . _ ~ @ / only, \
         first a letter, a digit, @ or _, and no empty part around /",
        |text| is_name(text),
    )
}

/// Refuses text that is no version: any printable ASCII but spaces.
pub(crate) fn checked_version(text: Text<'_>) -> Result<Text<'_>, Reason> {
    text.bytes_within(1..=VERSION_BYTES)?.matches(
        "bad-version",
        "a version: expected printable ASCII without spaces",
        |text| text.bytes().all(|b| b.is_ascii_graphic()),
    )
}

pub(crate) fn name<'a>(body: &Fields<'a>) -> Result<Text<'a>, Reason> {
    checked_name(body.text("name")?)
}

pub(crate) fn architecture<'a>(body: &Fields<'a>) -> Result<Option<Text<'a>>, Reason> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let check = |text: Text<'a>| {
        text.bytes_within(1..=ARCHITECTURE_BYTES)?.matches(
            "bad-architecture",
            "an architecture: expected letters, digits, `-` and `_`, as `amd64` or `x86_64`",
            |text| text.bytes().all(legal),
        )
    };
    body.optional_text("architecture")?.map(check).transpose()
}

/// The key of a package. Names may hold `/`, which keys may not: it is written `!`, which
/// names may not hold.
pub(crate) fn key(name: &str, architecture: Option<&str>) -> String {
    let name = name.replace('/', "!");
    match architecture {
        Some(architecture) => name + ":" + architecture,
        None => name,
    }
}

pub(crate) fn check_key(body: &Fields<'_>, found: Option<&str>) -> Result<(), Reason> {
    let name = name(body)?;
    let architecture = architecture(body)?;
    let short = key(&name, None);
    let long = architecture.map(|architecture| key(&name, Some(&architecture)));
    match found {
        Some(found) if found == short || long.as_deref() == Some(found) => Ok(()),
        found => {
            let found = found.map_or("missing".to_owned(), |key| format!("`{key}`"));
            let or_long = long.map_or(String::new(), |long| format!(" or `{long}`"));
            Err(reason!("wrong-key", "the record's key is {found}: expected `{short}`{or_long}, as the body says"))
        }
    }
}

/// Checks every field but the relations; the index entries if they are valid.
pub(crate) fn check(body: &Fields<'_>) -> Result<Valid, Reason> {
    let mut valid = Valid::new().text("name", name(body)?.as_str());
    checked_version(body.text("version")?)?;
    if let Some(architecture) = architecture(body)? {
        valid = valid.text("architecture", architecture.as_str());
    }
    for (field, most) in LINES {
        let Some(text) = body.optional_text(field)? else { continue };
        let text = text.bytes_within(1..=most)?.one_line()?;
        let index = match field {
            "section" => "section",
            "maintainer" => "maintainer",
            "source" => "source",
            _ => continue,
        };
        valid = valid.text(index, text.as_str());
    }
    if let Some(description) = body.optional_text("description")? {
        description.bytes_within(1..=DESCRIPTION_BYTES)?;
    }
    if let Some(size) = body.optional_integer("size")? {
        valid = valid.integer("size", *size.within(0..=i64::MAX)?);
    }
    if let Some(size) = body.optional_integer("installedSize")? {
        size.within(0..=i64::MAX)?;
    }
    hashes(body)?;
    body.extensible(&FIELDS, EXTRA_FIELDS)?;
    Ok(valid.texts("tag", tags(body)?))
}

/// The tags that are indexed.
fn tags<'a>(body: &Fields<'a>) -> Result<Vec<&'a str>, Reason> {
    let mut indexed = Vec::new();
    let Some(tags) = body.optional_list("tags")? else { return Ok(indexed) };
    for tag in tags.count_within(0..=TAGS)?.items() {
        let tag = tag.text()?.bytes_within(1..=TAG_BYTES)?.one_line()?.as_str();
        if indexed.len() < INDEXED_TAGS && !indexed.contains(&tag) {
            indexed.push(tag);
        }
    }
    Ok(indexed)
}

fn hashes(body: &Fields<'_>) -> Result<(), Reason> {
    let Some(hashes) = body.optional_map("hashes")? else { return Ok(()) };
    let count = hashes.as_map().len();
    if count > HASHES {
        return Err(reason!("too-many", "`hashes` holds {count} entries: expected {HASHES} at most"));
    }
    for (algorithm, digest) in hashes.iter() {
        let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !(1..=32).contains(&algorithm.len()) || !algorithm.bytes().all(legal) {
            return Err(digest.refuse(
                "bad-algorithm",
                "under no name of an algorithm: expected 1 to 32 lower-case letters, digits and `-`, as `sha256`",
            ));
        }
        let digest = digest.bytes()?;
        match DIGESTS.iter().find(|(known, _)| *known == algorithm) {
            Some((_, length)) if digest.len() != *length => {
                let found = digest.len();
                let what = format_args!("{found} bytes long: expected {length}, the digest itself and not its text");
                return Err(digest.refuse("wrong-length", what));
            }
            Some(_) => {}
            None => drop(digest.bytes_within(HASH_BYTES)?),
        }
    }
    Ok(())
}
