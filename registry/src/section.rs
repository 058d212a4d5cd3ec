//! Custom sections of a component, at its top level: found, taken out, put at the end.
//!
//! The top level of a component is a header of eight bytes and a row of sections, each an id,
//! a length in LEB128 and that many bytes; what is nested lies inside a section. That much is
//! read here without a parser, so that every other byte stays as it is.

use std::ops::Range;

/// The id of custom sections.
const CUSTOM: u8 = 0;
/// Magic number and version.
const HEADER: usize = 8;

/// A section of the top level.
struct Section {
    id: u8,
    /// With its id and length.
    whole: Range<usize>,
    content: Range<usize>,
}

/// The top level of a component, or nothing where it is none.
fn sections(bytes: &[u8]) -> Option<Vec<Section>> {
    // Version 13, layer 1: a component.
    if bytes.get(..HEADER)? != b"\0asm\x0d\0\x01\0" {
        return None;
    }
    let (mut at, mut found) = (HEADER, Vec::new());
    while at < bytes.len() {
        let (length, content) = leb(bytes, at + 1)?;
        let end = content.checked_add(length).filter(|end| *end <= bytes.len())?;
        found.push(Section { id: bytes[at], whole: at..end, content: content..end });
        at = end;
    }
    Some(found)
}

/// An unsigned LEB128 of at most 32 bits, and what comes after it.
fn leb(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let mut value = 0_u64;
    for (i, byte) in bytes.get(at..)?.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return (value <= u64::from(u32::MAX)).then_some((value as usize, at + i + 1));
        }
    }
    None
}

/// The name of a custom section, and where its data starts.
fn name<'a>(bytes: &'a [u8], section: &Section) -> Option<(&'a str, usize)> {
    let (length, start) = leb(&bytes[..section.content.end], section.content.start)?;
    let end = start.checked_add(length).filter(|end| *end <= section.content.end)?;
    Some((std::str::from_utf8(&bytes[start..end]).ok()?, end))
}

/// The data of every custom section of this name at the top level. Nothing where the bytes are
/// no component.
pub(crate) fn find<'a>(bytes: &'a [u8], wanted: &str) -> Vec<&'a [u8]> {
    let all = sections(bytes).unwrap_or_default();
    let custom = all.iter().filter(|section| section.id == CUSTOM);
    custom
        .filter_map(|section| match name(bytes, section) {
            Some((found, data)) if found == wanted => Some(&bytes[data..section.content.end]),
            _ => None,
        })
        .collect()
}

/// The last section, if it is a custom one of this name: everything before it, and its data. The bytes
/// have one of that name at most, or there is nothing.
pub(crate) fn last<'a>(bytes: &'a [u8], wanted: &str) -> Option<(&'a [u8], &'a [u8])> {
    let all = sections(bytes)?;
    let section = all.last().filter(|section| section.id == CUSTOM)?;
    let (found, data) = name(bytes, section)?;
    let alone = find(bytes, wanted).len() == 1;
    (found == wanted && alone).then(|| (&bytes[..section.whole.start], &bytes[data..section.content.end]))
}

/// The component without the custom sections of this name.
pub(crate) fn without(bytes: &[u8], unwanted: &str) -> Option<Vec<u8>> {
    let mut kept = bytes.get(..HEADER)?.to_vec();
    kept.reserve(bytes.len());
    for section in sections(bytes)? {
        let is_it = section.id == CUSTOM && name(bytes, &section).is_some_and(|(found, _)| found == unwanted);
        if !is_it {
            kept.extend_from_slice(&bytes[section.whole]);
        }
    }
    Some(kept)
}

/// The component without the custom sections of this name, and with one at its end.
pub(crate) fn replace(bytes: &[u8], wanted: &str, data: &[u8]) -> Option<Vec<u8>> {
    let mut kept = without(bytes, wanted)?;
    let mut content = Vec::with_capacity(data.len() + wanted.len() + 5);
    put_leb(&mut content, wanted.len());
    content.extend_from_slice(wanted.as_bytes());
    content.extend_from_slice(data);
    kept.push(CUSTOM);
    put_leb(&mut kept, content.len());
    kept.extend_from_slice(&content);
    Some(kept)
}

fn put_leb(to: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    #[test]
    fn a_section_is_found_replaced_and_the_rest_left_alone() {
        let other = replace(EMPTY, "other", b"x").unwrap();
        let one = replace(&other, "ours", &[7; 300]).unwrap();
        assert_eq!(find(&one, "ours"), [&[7; 300][..]]);
        let two = replace(&one, "ours", b"two").unwrap();
        assert_eq!((find(&two, "ours"), find(&two, "other")), (vec![&b"two"[..]], vec![&b"x"[..]]));
        assert_eq!(replace(&two, "ours", &[7; 300]).unwrap(), one);
    }

    #[test]
    fn core_modules_and_other_files_have_none() {
        assert!(find(b"\0asm\x01\0\0\0\0\x03\x01aX", "a").is_empty());
        assert!(replace(b"\0asm\x01\0\0\0", "a", b"").is_none());
        assert!(replace(b"", "a", b"").is_none());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(tail in proptest::collection::vec(any::<u8>(), 0..64)) {
            let bytes = [EMPTY, &tail].concat();
            find(&bytes, "a");
            replace(&bytes, "a", b"x");
        }
    }
}
