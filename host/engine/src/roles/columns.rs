//! Checks that several roles make of columns: lengths, ranges, and what stands where. Pure.

use std::fmt::Display;
use std::ops::RangeInclusive;

use crate::outcome::IllegalAnswer;

/// Rows in one question or chunk, for most roles.
pub(crate) const MAX_ROWS: usize = 65_536;
/// Identities or voters of one question.
pub(crate) const MAX_NUMBERED: u32 = 4 << 20;

/// All columns have as many values as the first, and no more than a bound.
pub(crate) fn equal_lengths(what: &str, most: usize, columns: &[(&str, usize)]) -> Result<(), String> {
    let Some((first, rows)) = columns.first() else { return Ok(()) };
    if *rows > most {
        return Err(format!("{what} has {rows} rows, {most} at most are allowed"));
    }
    match columns.iter().find(|(_, length)| length != rows) {
        Some((name, length)) => Err(format!("{what}: `{first}` has {rows} values and `{name}` has {length}")),
        None => Ok(()),
    }
}

/// Every value of a question's column lies in a range.
pub(crate) fn all_within<T: PartialOrd + Display>(
    what: &str,
    values: &[T],
    range: &RangeInclusive<T>,
) -> Result<(), String> {
    match values.iter().find(|value| !range.contains(value)) {
        Some(value) => Err(format!("{what} holds {value}: expected {} to {}", range.start(), range.end())),
        None => Ok(()),
    }
}

/// Every number of a question names one of so many.
pub(crate) fn all_below(what: &str, numbers: &[u32], end: u32) -> Result<(), String> {
    match numbers.iter().find(|number| **number >= end) {
        Some(number) => Err(format!("{what} names number {number}, and there are {end}")),
        None => Ok(()),
    }
}

/// No value stands twice.
pub(crate) fn all_different<T: Ord + Display>(what: &str, values: impl IntoIterator<Item = T>) -> Result<(), String> {
    let mut sorted: Vec<T> = values.into_iter().collect();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!("{what} holds {} twice", pair[0])),
        None => Ok(()),
    }
}

/// An answer's column has one value for each of something.
pub(crate) fn one_each(what: &str, found: usize, each: &str, expected: usize) -> Result<(), IllegalAnswer> {
    if found == expected {
        return Ok(());
    }
    Err(IllegalAnswer::Shape(format!("`{what}` has {found} values for {expected} {each}")))
}

/// Every value of an answer's column lies in a range.
pub(crate) fn answers_within<T: PartialOrd + Display>(
    what: &str,
    values: &[T],
    range: &RangeInclusive<T>,
) -> Result<(), IllegalAnswer> {
    all_within(&format!("`{what}`"), values, range).map_err(IllegalAnswer::OutOfRange)
}

/// Lower-case letters, digits and `-`, 1 to 32 bytes.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=32).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}
