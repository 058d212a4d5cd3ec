//! The string formats of the AT Protocol.
//!
//! Each function answers whether a text keeps the published grammar. What the grammar does not
//! say is not asked: whether a handle resolves, a language is registered or a link leads
//! anywhere. Source: <https://atproto.com/specs/lexicon#string-formats> and the pages that it
//! links.

mod datetime;
mod language;
mod names;

pub use datetime::milliseconds;
pub use language::is_language;
pub use names::{
    TID_DIGITS, is_at_identifier, is_at_uri, is_cid, is_did, is_handle, is_nsid, is_record_key, is_tid, is_uri,
};

/// A named grammar for texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A handle or a DID.
    AtIdentifier,
    /// A repository, a collection or a record: `at://did:plc:x/app.bsky.feed.post/3k`.
    AtUri,
    /// A CID as text.
    Cid,
    /// A time with a zone: `2026-01-01T00:00:00Z`.
    Datetime,
    /// A decentralised identifier: `did:plc:x`.
    Did,
    /// A domain name that stands for an account.
    Handle,
    /// A language tag, BCP 47.
    Language,
    /// The name of a type: `com.example.thing`.
    Nsid,
    /// The key of a record.
    RecordKey,
    /// A timestamp identifier.
    Tid,
    /// A URI of any scheme.
    Uri,
}

/// Every format by the name that documents use, and what it asks for.
const FORMATS: [(Format, &str, &str); 11] = [
    (Format::AtIdentifier, "at-identifier", "a handle or a DID"),
    (Format::AtUri, "at-uri", "an AT URI, as at://did:plc:…/app.bsky.feed.post/3k…"),
    (Format::Cid, "cid", "a CID"),
    (Format::Datetime, "datetime", "a time with a zone, as 2026-01-01T00:00:00Z"),
    (Format::Did, "did", "a DID, as did:plc:…"),
    (Format::Handle, "handle", "a handle, as alice.example.com"),
    (Format::Language, "language", "a language tag, as `en` or `pt-BR`"),
    (Format::Nsid, "nsid", "a name such as com.example.thing"),
    (Format::RecordKey, "record-key", "a record key: 1 to 512 of A-Z a-z 0-9 . - _ : ~"),
    (Format::Tid, "tid", "a timestamp identifier of 13 digits"),
    (Format::Uri, "uri", "a URI, as https://example.com/"),
];

impl Format {
    /// The format that documents call so.
    pub fn parse(name: &str) -> Option<Self> {
        FORMATS.iter().find(|(_, known, _)| *known == name).map(|(format, ..)| *format)
    }

    /// The names of all formats, for messages.
    pub fn names() -> String {
        FORMATS.map(|(_, name, _)| name).join(", ")
    }

    /// What documents call it.
    pub fn name(self) -> &'static str {
        FORMATS[self as usize].1
    }

    /// What it asks for, in words.
    pub fn expected(self) -> &'static str {
        FORMATS[self as usize].2
    }

    /// Whether a text keeps it.
    pub fn holds(self, text: &str) -> bool {
        match self {
            Self::AtIdentifier => is_at_identifier(text),
            Self::AtUri => is_at_uri(text),
            Self::Cid => is_cid(text),
            Self::Datetime => milliseconds(text).is_some(),
            Self::Did => is_did(text),
            Self::Handle => is_handle(text),
            Self::Language => is_language(text),
            Self::Nsid => is_nsid(text),
            Self::RecordKey => is_record_key(text),
            Self::Tid => is_tid(text),
            Self::Uri => is_uri(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_found_by_its_name() {
        for (at, (format, name, _)) in FORMATS.into_iter().enumerate() {
            assert_eq!((format as usize, Format::parse(name), format.name()), (at, Some(format), name));
        }
        assert_eq!(Format::parse("email"), None);
    }
}
