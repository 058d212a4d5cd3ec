//! How records of a type are keyed.

use atlas_sdk::{Reason, Rules, ensure, reason};

use crate::formats;

/// The `key` of a record definition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum KeyKind {
    /// Any record key.
    #[default]
    Any,
    /// A timestamp identifier.
    Tid,
    /// The name of something.
    Nsid,
    /// Always this one.
    Literal(Box<str>),
}

impl KeyKind {
    /// Reads `tid`, `nsid`, `any` or `literal:VALUE`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "any" => Some(Self::Any),
            "tid" => Some(Self::Tid),
            "nsid" => Some(Self::Nsid),
            _ => {
                let literal = text.strip_prefix("literal:").filter(|literal| formats::is_record_key(literal));
                literal.map(|literal| Self::Literal(literal.into()))
            }
        }
    }

    /// What the host is told of it. A key that is left out is made by the host for `tid` and
    /// `literal`, by [`made_of`] for `any`, and has to be given for `nsid`.
    pub fn tell(&self, rules: Rules) -> Rules {
        match self {
            Self::Any => rules.key_any(),
            Self::Tid => rules.key_tid(),
            Self::Nsid => rules.key_nsid(),
            Self::Literal(literal) => rules.key_literal(literal),
        }
    }

    /// Whether a record has the right key.
    pub fn check(&self, key: Option<&str>) -> Result<(), Reason> {
        let Some(key) = key else {
            return Err(reason!("missing-key", "the record has no key: expected {}", self.expected()));
        };
        let fits = match self {
            Self::Any => formats::is_record_key(key),
            Self::Tid => formats::is_tid(key),
            Self::Nsid => formats::is_nsid(key),
            Self::Literal(literal) => key == &**literal,
        };
        ensure!(fits, "wrong-key", "the key is `{key}`: expected {}", self.expected());
        Ok(())
    }

    fn expected(&self) -> String {
        match self {
            Self::Any => "1 to 512 of A-Z a-z 0-9 . - _ : ~, and neither `.` nor `..`".to_owned(),
            Self::Tid => "a timestamp identifier: 13 of 2-7 and a-z, the first of 2-7 and a-j".to_owned(),
            Self::Nsid => "a name such as `com.example.thing`".to_owned(),
            Self::Literal(literal) => format!("`{literal}`"),
        }
    }
}

/// A key for a record whose type allows any and whose author gave none: the first 65 bits of
/// the body's BLAKE3, in the form of a timestamp identifier. The same body gets the same key.
pub fn made_of(body: &[u8]) -> String {
    let digest = atlas_record::BlobId::of(body);
    let digit = |i: usize| {
        let bit = i * 5;
        let pair = u16::from_be_bytes([digest.0[bit / 8], digest.0[bit / 8 + 1]]);
        let value = usize::from(pair >> (11 - bit % 8)) & 31;
        // The first digit of a timestamp identifier has four bits.
        char::from(formats::TID_DIGITS[if i == 0 { value & 15 } else { value }])
    };
    (0..13).map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(kind: &str, key: Option<&str>) -> Option<&'static str> {
        KeyKind::parse(kind).unwrap().check(key).err().map(|reason| reason.code)
    }

    #[test]
    fn each_kind_takes_its_own_keys() {
        assert_eq!(code("tid", Some("3jzfcijpj2z2a")), None);
        assert_eq!(code("tid", Some("zzzzzzzzzzzzz")), Some("wrong-key"));
        assert_eq!(code("literal:self", Some("self")), None);
        assert_eq!(code("literal:self", Some("other")), Some("wrong-key"));
        assert_eq!(code("nsid", Some("com.example.thing")), None);
        assert_eq!(code("nsid", Some("example")), Some("wrong-key"));
        assert_eq!(code("any", Some("whats-hot")), None);
        assert_eq!(code("any", Some("what's hot")), Some("wrong-key"));
        assert_eq!(code("any", Some("a$b")), Some("wrong-key"), "more narrow than keys of the host");
        for kind in ["tid", "nsid", "any", "literal:self"] {
            assert_eq!(code(kind, None), Some("missing-key"));
        }
    }

    #[test]
    fn other_kinds_are_none() {
        for kind in ["", "TID", "literal", "literal:", "literal:a/b", "literal:.", "uuid"] {
            assert_eq!(KeyKind::parse(kind), None, "{kind}");
        }
    }

    #[test]
    fn a_made_key_depends_on_the_body_and_is_legal_everywhere() {
        let keys: Vec<String> = (0u32..200).map(|n| made_of(&n.to_be_bytes())).collect();
        for (i, key) in keys.iter().enumerate() {
            assert!(formats::is_tid(key), "{key}");
            assert!(!keys[..i].contains(key), "{key} twice");
        }
        assert_eq!(made_of(b"x"), made_of(b"x"));
    }
}
