//! Which part of a representation a request asks for (RFC 9110, section 14).

use std::ops::Range;

use axum::http::{HeaderMap, header};

/// What to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it.
    Whole,
    /// These bytes, which there are.
    Bytes(Range<u64>),
    /// Nothing: no byte that was asked for is there.
    Nowhere,
}

/// The part that is asked for of `size` bytes under this tag. Several ranges, other units and
/// what cannot be read are ignored, as the standard allows: the answer is whole.
pub(super) fn part(headers: &HeaderMap, etag: &str, size: u64) -> Part {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let Some(spec) = text(header::RANGE).and_then(|range| range.strip_prefix("bytes=")) else { return Part::Whole };
    // Strongly compared: a weak tag, or a date, names nothing that is known to be the same.
    if text(header::IF_RANGE).is_some_and(|known| known != etag) {
        return Part::Whole;
    }
    let number = |text: &str| -> Option<u64> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // More than any length that there is means the same as the most.
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let Some((first, last)) = spec.trim().split_once('-') else { return Part::Whole };
    let asked = match (number(first), number(last)) {
        (None, Some(suffix)) if first.is_empty() => size.saturating_sub(suffix)..size,
        (Some(first), None) if last.is_empty() => first..size,
        (Some(first), Some(last)) if first <= last => first..size.min(last.saturating_add(1)),
        _ => return Part::Whole,
    };
    if asked.is_empty() { Part::Nowhere } else { Part::Bytes(asked) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(range: &str, size: u64) -> Part {
        let headers = [(header::RANGE, range.parse().unwrap())].into_iter().collect();
        part(&headers, "\"a\"", size)
    }

    #[test]
    fn a_single_range_is_cut_to_what_there_is() {
        for (range, bytes) in [
            ("bytes=0-0", 0..1),
            ("bytes=2-4", 2..5),
            ("bytes=9-", 9..10),
            ("bytes=2-99999999999999999999", 2..10),
            ("bytes=-3", 7..10),
            ("bytes=-30", 0..10),
        ] {
            assert_eq!(asked(range, 10), Part::Bytes(bytes), "{range}");
        }
    }

    #[test]
    fn what_begins_behind_the_end_is_nowhere() {
        for (range, size) in
            [("bytes=10-", 10), ("bytes=10-12", 10), ("bytes=-0", 10), ("bytes=0-", 0), ("bytes=-5", 0)]
        {
            assert_eq!(asked(range, size), Part::Nowhere, "{range} of {size}");
        }
    }

    #[test]
    fn what_is_no_single_range_is_ignored() {
        for range in ["bytes=", "bytes=-", "bytes=4-2", "bytes=a-b", "bytes=+1-2", "bytes=0-1,4-5", "lines=1-2", "0-1"]
        {
            assert_eq!(asked(range, 10), Part::Whole, "{range}");
        }
        assert_eq!(part(&HeaderMap::new(), "\"a\"", 10), Part::Whole);
    }

    #[test]
    fn a_range_of_something_else_is_the_whole() {
        let headers = |known: &str| {
            let range = (header::RANGE, "bytes=1-2".parse().unwrap());
            [range, (header::IF_RANGE, known.parse().unwrap())].into_iter().collect::<HeaderMap>()
        };
        assert_eq!(part(&headers("\"a\""), "\"a\"", 10), Part::Bytes(1..3));
        for known in ["\"b\"", "W/\"a\"", "Wed, 21 Oct 2015 07:28:00 GMT"] {
            assert_eq!(part(&headers(known), "\"a\"", 10), Part::Whole, "{known}");
        }
    }
}
