//! Paths that mean the same on every machine.
//!
//! A path is a sequence of bytes in UTF-8; it is never normalised, so that what is written
//! is what is served. What some file system cannot hold, or would hold as something else,
//! is refused where the collection is made instead of where it is unpacked.

use atlas_sdk::{Reason, Text, invalid};

/// Most bytes of a path.
pub const PATH_BYTES: usize = 1024;
/// Most bytes of one segment: what common file systems hold.
pub const SEGMENT_BYTES: usize = 255;

/// Names that some systems give to devices, with any extension.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];
/// The same, followed by one digit from 1 to 9.
const NUMBERED_DEVICES: [&str; 2] = ["com", "lpt"];

/// The paths of a collection.
#[derive(Default)]
pub(crate) struct Paths<'a>(Vec<(String, Text<'a>)>);

impl<'a> Paths<'a> {
    /// Checks a path by itself and keeps it.
    pub(crate) fn add(&mut self, path: Text<'a>) -> Result<(), Reason> {
        let path = path.bytes_within(1..=PATH_BYTES)?;
        if let Some(why) = fault(&path) {
            return Err(path.refuse("bad-path", format_args!("`{}`, {why}", path.as_str())));
        }
        // Some file systems see no difference between `a` and `A`.
        self.0.push((path.to_ascii_lowercase(), path));
        Ok(())
    }

    /// Refuses paths that cannot stand beside each other: the same one twice, two that
    /// differ in ASCII case only, a file where another path has a folder.
    pub(crate) fn check(mut self) -> Result<(), Reason> {
        self.0.sort_by(|(a, _), (b, _)| a.cmp(b));
        for pair in self.0.windows(2) {
            if pair[0].0 == pair[1].0 {
                return clash(&pair[1].1, &pair[0].1, "the same path on some machines");
            }
        }
        for (folded, path) in &self.0 {
            for (at, _) in folded.match_indices('/') {
                if let Ok(found) = self.0.binary_search_by(|(other, _)| other.as_str().cmp(&folded[..at])) {
                    return clash(path, &self.0[found].1, "a file where this has a folder");
                }
            }
        }
        Ok(())
    }
}

fn clash(path: &Text<'_>, other: &Text<'_>, how: &str) -> Result<(), Reason> {
    let (at, what) = (other.path(), other.as_str());
    invalid!("paths-clash", "`{}` is `{}`, and `{at}` is `{what}`: {how}", path.path(), path.as_str())
}

/// Why a path is not portable.
fn fault(path: &str) -> Option<&'static str> {
    if path.starts_with('/') {
        return Some("which is absolute: expected one relative to the collection");
    }
    path.split('/').find_map(segment_fault)
}

fn segment_fault(segment: &str) -> Option<&'static str> {
    match segment {
        "" => return Some("which has an empty segment: expected one `/` between names, and none at the end"),
        "." | ".." => return Some("which has a segment `.` or `..`: expected names only"),
        _ if segment.len() > SEGMENT_BYTES => return Some("which has a segment of more than 255 bytes"),
        _ => {}
    }
    if segment.chars().any(|c| c.is_control() || matches!(c, '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|')) {
        return Some("which holds a control character or one of \\ : * ? \" < > |, which some machines refuse");
    }
    if segment.ends_with(['.', ' ']) {
        return Some("which has a segment that ends in a dot or a space, which some machines drop");
    }
    is_device(segment).then_some("which has a segment that some machines keep for a device, as CON or LPT1")
}

fn is_device(segment: &str) -> bool {
    let stem = segment.split('.').next().unwrap_or_default().trim_end();
    let numbered = |device: &&str| {
        let (name, digit) = stem.as_bytes().split_at(3);
        name.eq_ignore_ascii_case(device.as_bytes()) && matches!(digit, [b'1'..=b'9'])
    };
    DEVICES.iter().any(|device| stem.eq_ignore_ascii_case(device))
        || (stem.len() == 4 && NUMBERED_DEVICES.iter().any(numbered))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn portable_paths_are_accepted() {
        for path in
            ["a", "a/b.txt", "A b/c", "ä/ö", ".hidden", "..a", "a..b", "con-tent", "comX", "com10", "lpt0", "漢字"]
        {
            assert_eq!(fault(path), None, "{path}");
        }
        assert_eq!(fault(&"x".repeat(255)), None);
    }

    #[test]
    fn paths_that_escape_or_mean_something_else_elsewhere_are_refused() {
        for path in [
            "/",
            "/a",
            "a/",
            "a//b",
            ".",
            "..",
            "a/../b",
            "./a",
            "a/.",
            "C:\\a",
            "a\\b",
            "c:a",
            "a*",
            "a?",
            "a\"",
            "<a>",
            "a|b",
            "a\n",
            "a\0",
            "a\u{7f}",
            "a\u{85}",
            "a.",
            "a ",
            "a./b",
            "con",
            "CON.txt",
            "nul.tar.gz",
            "Com1",
            "lpt9.x",
            "aux .txt",
        ] {
            assert!(fault(path).is_some(), "{path:?}");
        }
        assert!(fault(&"x".repeat(256)).is_some());
    }
}
