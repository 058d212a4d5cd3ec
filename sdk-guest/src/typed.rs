//! Values of a known kind, and the bounds that bodies usually have to keep.

use std::fmt;
use std::ops::{Deref, RangeInclusive};

use atlas_record::cbor::Value;
use atlas_record::limits::MAX_TIMESTAMP;

use crate::fields::Field;
use crate::reason::Reason;
use crate::types::Timestamp;

/// A value of a known kind that still knows where it stands. Dereferences to the value.
#[derive(Debug, Clone)]
pub struct Typed<'a, T> {
    value: T,
    field: Field<'a>,
}

/// Text of a body.
pub type Text<'a> = Typed<'a, &'a str>;
/// An integer of a body.
pub type Integer<'a> = Typed<'a, i64>;
/// Bytes of a body.
pub type Bytes<'a> = Typed<'a, &'a [u8]>;
/// A list of a body.
pub type Items<'a> = Typed<'a, &'a [Value]>;

impl<T> Deref for Typed<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

fn within(
    field: &Field<'_>,
    found: usize,
    bounds: &RangeInclusive<usize>,
    codes: (&'static str, &'static str),
    unit: &str,
) -> Result<(), Reason> {
    let code = match found {
        _ if bounds.contains(&found) => return Ok(()),
        _ if found < *bounds.start() => codes.0,
        _ => codes.1,
    };
    let (least, most) = (bounds.start(), bounds.end());
    Err(field.refuse(code, format_args!("{found} {unit} long: expected {least} to {most}")))
}

const LENGTH: (&str, &str) = ("too-short", "too-long");

impl<'a, T> Typed<'a, T> {
    pub(crate) fn new(value: T, field: Field<'a>) -> Self {
        Self { value, field }
    }

    /// Where the value stands, as `relations.depends[2]`.
    pub fn path(&self) -> String {
        self.field.path()
    }

    /// A reason that starts with the field's path. See [`Field::refuse`].
    pub fn refuse(&self, code: &'static str, what: impl fmt::Display) -> Reason {
        self.field.refuse(code, what)
    }

    /// Refuses what does not hold: `` `version` is not EXPECTED ``.
    pub fn matches(self, code: &'static str, expected: &str, holds: impl FnOnce(&T) -> bool) -> Result<Self, Reason> {
        if holds(&self.value) { Ok(self) } else { Err(self.refuse(code, format_args!("not {expected}"))) }
    }
}

impl<'a> Text<'a> {
    /// The text itself.
    pub fn as_str(&self) -> &'a str {
        self.value
    }

    /// Bounds the number of characters (Unicode scalar values).
    pub fn chars_within(self, bounds: RangeInclusive<usize>) -> Result<Self, Reason> {
        within(&self.field, self.value.chars().count(), &bounds, LENGTH, "characters")?;
        Ok(self)
    }

    /// Bounds the number of bytes in UTF-8.
    pub fn bytes_within(self, bounds: RangeInclusive<usize>) -> Result<Self, Reason> {
        within(&self.field, self.value.len(), &bounds, LENGTH, "bytes")?;
        Ok(self)
    }

    /// Refuses line breaks and every other control character.
    pub fn one_line(self) -> Result<Self, Reason> {
        self.matches("not-one-line", "one line without control characters", |text| !text.chars().any(char::is_control))
    }

    /// Refuses everything but these words.
    pub fn one_of(self, words: &[&str]) -> Result<Self, Reason> {
        if words.contains(&self.value) {
            return Ok(self);
        }
        Err(self.refuse("not-one-of", format_args!("none of {}", words.join(", "))))
    }
}

impl Integer<'_> {
    /// Bounds the value.
    pub fn within(self, bounds: RangeInclusive<i64>) -> Result<Self, Reason> {
        if bounds.contains(&self.value) {
            return Ok(self);
        }
        let (least, most) = (bounds.start(), bounds.end());
        Err(self.refuse("out-of-range", format_args!("{}: expected {least} to {most}", self.value)))
    }

    /// A time in milliseconds since the Unix epoch, as records carry them.
    pub fn timestamp(self) -> Result<Timestamp, Reason> {
        const LATEST: i64 = MAX_TIMESTAMP as i64;
        Ok(self.within(0..=LATEST)?.value.unsigned_abs())
    }
}

impl<'a> Bytes<'a> {
    /// The bytes themselves.
    pub fn as_slice(&self) -> &'a [u8] {
        self.value
    }

    /// Bounds the length.
    pub fn bytes_within(self, bounds: RangeInclusive<usize>) -> Result<Self, Reason> {
        within(&self.field, self.value.len(), &bounds, LENGTH, "bytes")?;
        Ok(self)
    }
}

impl<'a> Items<'a> {
    /// The items, each with its place.
    pub fn items(&self) -> impl Iterator<Item = Field<'a>> + '_ {
        self.value.iter().enumerate().map(|(at, value)| self.field.item(at, value))
    }

    /// Bounds the number of items.
    pub fn count_within(self, bounds: RangeInclusive<usize>) -> Result<Self, Reason> {
        within(&self.field, self.value.len(), &bounds, ("too-few", "too-many"), "items")?;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Fields, map};

    #[test]
    fn bounds_name_what_was_found_and_what_is_expected() {
        let body = map! { "t": "é\n", "n": 9, "l": [1, 2], "b": (vec![1u8]) };
        let body = Fields::new(&body);
        let text = || body.text("t").unwrap();
        assert_eq!(&**text(), "é\n");
        assert!(text().chars_within(2..=2).is_ok());
        assert_eq!(
            text().bytes_within(1..=2).unwrap_err().to_string(),
            "too-long: `t` is 3 bytes long: expected 1 to 2"
        );
        assert_eq!(text().chars_within(3..=4).unwrap_err().code, "too-short");
        assert_eq!(text().one_line().unwrap_err().code, "not-one-line");
        assert_eq!(text().one_of(&["a", "b"]).unwrap_err().to_string(), "not-one-of: `t` is none of a, b");
        assert_eq!(
            body.integer("n").unwrap().within(0..=8).unwrap_err().to_string(),
            "out-of-range: `n` is 9: expected 0 to 8"
        );
        assert_eq!(body.list("l").unwrap().count_within(0..=1).unwrap_err().code, "too-many");
        assert_eq!(body.list("l").unwrap().count_within(3..=9).unwrap_err().code, "too-few");
        assert_eq!(body.bytes("b").unwrap().bytes_within(2..=2).unwrap_err().code, "too-short");
    }
}
