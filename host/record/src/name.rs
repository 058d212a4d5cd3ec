//! Names with a grammar: types, record keys, relations, addresses.

use std::fmt;
use std::str::FromStr;

use crate::id::{IdentityId, SpaceId};
use crate::limits;

/// Why a text is not the name it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}: {why}")]
pub struct NameError {
    /// What was given, cut to 100 characters.
    pub text: String,
    /// What it should have been.
    pub what: &'static str,
    /// The rule it breaks.
    pub why: &'static str,
}

fn refuse<T>(text: &str, what: &'static str, why: &'static str) -> Result<T, NameError> {
    Err(NameError { text: text.chars().take(100).collect(), what, why })
}

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Box<str>);

        impl $name {
            /// Checks the grammar.
            pub fn new(text: &str) -> Result<Self, NameError> {
                $check(text)?;
                Ok(Self(text.into()))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

text_type!(
    /// A record type, as `atlas.post` or `app.bsky.feed.post`: the NSID grammar of the
    /// AT Protocol, with two segments or more. `atlas.*` is reserved for the standard set.
    TypeName,
    check_type
);
text_type!(
    /// A record key: 1 to 512 of `A-Z a-z 0-9 - . _ ~ ! $ & ' ( ) * + , ; = : @`, which a URI
    /// path segment holds without escapes; not `.` or `..`.
    Key,
    check_key
);
text_type!(
    /// A relation, as `depends` or `reply-to`: lower case letters, digits and `-`, starting
    /// with a letter, 64 bytes at most.
    Relation,
    check_relation
);

fn check_type(text: &str) -> Result<(), NameError> {
    let no = |why| refuse(text, "a type name", why);
    if text.len() > limits::TYPE_NAME_BYTES {
        return no("longer than 317 bytes");
    }
    let segments = text.split('.').count();
    if segments < 2 {
        return no("expected two segments or more, as in `atlas.post`");
    }
    for (i, segment) in text.split('.').enumerate() {
        let bytes = segment.as_bytes();
        let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
            return no("a segment is empty");
        };
        if bytes.len() > 63 {
            return no("a segment is longer than 63 bytes");
        }
        if i + 1 == segments {
            if !first.is_ascii_alphabetic() || !bytes.iter().all(u8::is_ascii_alphanumeric) {
                return no("the last segment holds letters and digits only and starts with a letter");
            }
        } else if !bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-') {
            return no("segments before the last hold lower-case letters, digits and `-`");
        } else if *first == b'-' || *last == b'-' {
            return no("a segment starts or ends with `-`");
        } else if i == 0 && first.is_ascii_digit() {
            return no("the first segment starts with a digit");
        }
    }
    Ok(())
}

fn check_key(text: &str) -> Result<(), NameError> {
    let no = |why| refuse(text, "a record key", why);
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&b);
    match text {
        "" => no("it is empty"),
        "." | ".." => no("it is reserved"),
        _ if text.len() > limits::KEY_BYTES => no("longer than 512 bytes"),
        _ if !text.bytes().all(legal) => no("only letters, digits and - . _ ~ ! $ & ' ( ) * + , ; = : @ are allowed"),
        _ => Ok(()),
    }
}

fn check_relation(text: &str) -> Result<(), NameError> {
    let no = |why| refuse(text, "a relation", why);
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if text.len() > limits::RELATION_BYTES {
        return no("longer than 64 bytes");
    }
    if !text.starts_with(|c: char| c.is_ascii_lowercase()) || !text.bytes().all(legal) {
        return no("expected lower-case letters, digits and `-`, starting with a letter");
    }
    Ok(())
}

/// Where a keyed record lives: `atlas://<space>/<author>/<type>/<key>`. Its content may
/// change; the address does not.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// The space.
    pub space: SpaceId,
    /// The identity that writes here.
    pub author: IdentityId,
    /// The type.
    pub type_name: TypeName,
    /// The key.
    pub key: Key,
}

/// The scheme and separator that addresses begin with.
pub const ADDRESS_PREFIX: &str = "atlas://";

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { space, author, type_name, key } = self;
        write!(f, "{ADDRESS_PREFIX}{space}/{author}/{type_name}/{key}")
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Address {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        const WHAT: &str = "an address";
        let Some(path) = text.strip_prefix(ADDRESS_PREFIX) else {
            return refuse(text, WHAT, "expected atlas://SPACE/AUTHOR/TYPE/KEY");
        };
        let mut parts = path.split('/');
        let (Some(space), Some(author), Some(type_name), Some(key), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return refuse(text, WHAT, "expected atlas://SPACE/AUTHOR/TYPE/KEY");
        };
        Ok(Self {
            space: space.parse().or_else(|_| refuse(text, WHAT, "the space is not a CID"))?,
            author: author.parse().or_else(|_| refuse(text, WHAT, "the author is not a CID"))?,
            type_name: type_name.parse()?,
            key: key.parse()?,
        })
    }
}
