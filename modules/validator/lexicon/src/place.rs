//! Where in a document or a record something stands, as a JSON Pointer.
//!
//! A chain of places on the stack: nothing is allocated until a message is written.

use std::fmt;

/// Most characters of a segment in a message: keys may be as long as a record.
const SEGMENT_CHARS: usize = 64;

/// A place and the places around it.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    around: Option<&'a Place<'a>>,
    step: Step<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    Key(&'a str),
    At(usize),
}

/// The outermost place, with nothing around it.
pub const ROOT: Option<&Place<'static>> = None;

impl<'a> Place<'a> {
    /// What stands under a key of the map at `around`; [`ROOT`] for the outermost map.
    pub fn key(around: Option<&'a Place<'a>>, key: &'a str) -> Self {
        Self { around, step: Step::Key(key) }
    }

    /// An item of the list here.
    pub fn item(&'a self, at: usize) -> Place<'a> {
        Place { around: Some(self), step: Step::At(at) }
    }

    /// What stands under a key of the map here.
    pub fn field(&'a self, key: &'a str) -> Place<'a> {
        Place { around: Some(self), step: Step::Key(key) }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(around) = self.around {
            around.fmt(f)?;
        }
        let key = match self.step {
            Step::At(at) => return write!(f, "/{at}"),
            Step::Key(key) => key,
        };
        f.write_str("/")?;
        for c in key.chars().take(SEGMENT_CHARS) {
            match c {
                '~' => f.write_str("~0")?,
                '/' => f.write_str("~1")?,
                c if c.is_control() => write!(f, "{}", c.escape_default())?,
                c => write!(f, "{c}")?,
            }
        }
        if key.chars().nth(SEGMENT_CHARS).is_some() { f.write_str("…") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_json_pointer_of_bounded_segments() {
        let reply = Place::key(ROOT, "a/b~c");
        let list = reply.field("x");
        assert_eq!(list.item(3).to_string(), "/a~1b~0c/x/3");
        assert_eq!(Place::key(ROOT, &"é".repeat(1000)).to_string().chars().count(), 1 + SEGMENT_CHARS + 1);
        assert_eq!(Place::key(ROOT, "a\nb").to_string(), "/a\\nb");
    }
}
