//! Grammars that the texts of many types share: words, tags, languages, URLs, versions.
//! Each refusal has a code of its own and shows what would be right.

use atlas_record::id::RecordId;
use atlas_record::name::TypeName;

use crate::reason::Reason;
use crate::typed::Text;

/// Most bytes of a word.
pub const WORD_BYTES: usize = 64;
/// Most characters of a tag.
pub const TAG_CHARS: usize = 64;
/// Most bytes of a URL.
pub const URL_BYTES: usize = 2048;

impl Text<'_> {
    /// Bounds a text for people: `chars` Unicode scalar values, at least one, and `bytes`.
    pub fn prose(self, chars: usize, bytes: usize) -> Result<Self, Reason> {
        self.bytes_within(1..=bytes)?.chars_within(1..=chars)
    }

    /// One line of 1 to `chars` characters.
    pub fn line(self, chars: usize) -> Result<Self, Reason> {
        self.prose(chars, chars.saturating_mul(4))?.one_line()
    }

    /// A word for programs: 1 to 64 lower-case letters and digits, with `-` and `.` between
    /// them, the first a letter.
    pub fn word(self) -> Result<Self, Reason> {
        self.bytes_within(1..=WORD_BYTES)?.matches(
            "not-a-word",
            "a word: expected lower-case letters and digits with `-` or `.` between them, the first a letter",
            |text| is_word(text),
        )
    }

    /// A tag: 1 to 64 characters, no white space, no control characters, no leading `#`.
    pub fn tag(self) -> Result<Self, Reason> {
        self.chars_within(1..=TAG_CHARS)?.matches(
            "not-a-tag",
            "a tag: expected no white space, no control characters and no leading `#`",
            |tag| !tag.starts_with('#') && !tag.chars().any(|c| c.is_whitespace() || c.is_control()),
        )
    }

    /// A language in the shape of BCP 47: a primary subtag of 2 to 8 letters, then subtags
    /// of 1 to 8 letters and digits. Whether it is registered is not asked.
    pub fn language(self) -> Result<Self, Reason> {
        self.bytes_within(2..=35)?.matches(
            "not-a-language",
            "a language tag in the shape of BCP 47, as `en` or `pt-BR`",
            |text| is_language(text),
        )
    }

    /// A web address, absolute: `https://` or `http://`, a host, printable ASCII without
    /// spaces, 2,048 bytes at most.
    pub fn url(self) -> Result<Self, Reason> {
        self.bytes_within(1..=URL_BYTES)?.matches(
            "not-a-url",
            "a web address: expected https://HOST/… in printable ASCII without spaces",
            |text| is_url(text),
        )
    }

    /// A version under Semantic Versioning 2.0.0, 64 bytes at most.
    pub fn semantic_version(self) -> Result<Self, Reason> {
        self.bytes_within(1..=64)?.matches(
            "not-a-version",
            "a semantic version, as `1.4.0` or `2.0.0-beta.1`",
            |text| is_semantic_version(text),
        )
    }

    /// The name of a module, `namespace:name`, each of lower-case letters, digits, `-` and
    /// `.`; 128 bytes at most.
    pub fn module_name(self) -> Result<Self, Reason> {
        self.bytes_within(3..=128)?.matches(
            "not-a-module-name",
            "the name of a module: expected NAMESPACE:NAME in lower-case letters, digits, `-` and `.`",
            |text| is_module_name(text),
        )
    }

    /// A media type, as `image/png`; without parameters, 127 bytes at most.
    pub fn media_type(self) -> Result<Self, Reason> {
        self.bytes_within(3..=127)?.matches(
            "not-a-media-type",
            "a media type without parameters in lower case, as `image/png`",
            |text| is_media_type(text),
        )
    }

    /// The name of a type, as `atlas.post`.
    pub fn type_name(self) -> Result<Self, Reason> {
        match TypeName::new(&self) {
            Ok(_) => Ok(self),
            Err(error) => Err(self.refuse("not-a-type", format_args!("not the name of a type: {}", error.why))),
        }
    }

    /// The id of a record, a space or an identity: a CID of structured data.
    pub fn id(self) -> Result<Self, Reason> {
        self.matches("not-an-id", "an id, as `bafyr4i…`", |text| text.parse::<RecordId>().is_ok())
    }

    /// A name in the manner of host names: 1 to 128 bytes of lower-case letters, digits and
    /// `-`, in segments of 1 to 63 bytes joined by `.`, each beginning and ending with a
    /// letter or a digit. Letters of one alphabet, so that no name looks like another.
    pub fn host_name(self) -> Result<Self, Reason> {
        self.bytes_within(1..=128)?.matches(
            "not-a-name",
            "a name: expected lower-case letters, digits and `-` between them, in segments joined by `.`",
            |text| is_host_name(text),
        )
    }
}

fn is_host_name(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let segment = |segment: &str| {
        (1..=63).contains(&segment.len())
            && segment.bytes().all(inner)
            && !segment.starts_with('-')
            && !segment.ends_with('-')
    };
    text.split('.').all(segment)
}

fn is_word(text: &str) -> bool {
    let part = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.split(['-', '.']).all(part)
}

fn is_language(text: &str) -> bool {
    let mut subtags = text.split('-');
    let primary = subtags.next().unwrap_or_default();
    (2..=8).contains(&primary.len())
        && primary.bytes().all(|b| b.is_ascii_alphabetic())
        && subtags.all(|subtag| (1..=8).contains(&subtag.len()) && subtag.bytes().all(|b| b.is_ascii_alphanumeric()))
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        !host.is_empty() && rest.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b))
    })
}

fn is_semantic_version(text: &str) -> bool {
    let (rest, build) = text.split_once('+').map_or((text, None), |(rest, build)| (rest, Some(build)));
    let (core, pre) = rest.split_once('-').map_or((rest, None), |(core, pre)| (core, Some(pre)));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let number = |part: &str| digits(part) && (part.len() == 1 || !part.starts_with('0'));
    let identifier = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    core.split('.').count() == 3
        && core.split('.').all(number)
        && pre.is_none_or(|pre| pre.split('.').all(|part| identifier(part) && (!digits(part) || number(part))))
        && build.is_none_or(|build| build.split('.').all(identifier))
}

fn is_module_name(text: &str) -> bool {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    let part = |part: &str| !part.is_empty() && part.bytes().all(legal);
    text.split_once(':').is_some_and(|(namespace, name)| part(namespace) && part(name))
}

fn is_media_type(text: &str) -> bool {
    // RFC 6838, section 4.2: restricted names.
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"!#$&-^_.+".contains(&b);
    let part = |part: &str| part.starts_with(|c: char| c.is_ascii_alphanumeric()) && part.bytes().all(legal);
    text.split_once('/').is_some_and(|(kind, subtype)| part(kind) && part(subtype))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(holds: fn(&str) -> bool, yes: &[&str], no: &[&str]) {
        yes.iter().for_each(|text| assert!(holds(text), "{text}"));
        no.iter().for_each(|text| assert!(!holds(text), "{text}"));
    }

    #[test]
    fn words_are_for_programs() {
        all(
            is_word,
            &["a", "code", "graphic-media", "x9", "org.example.rule-3"],
            &["", "A", "9a", "-a", "a-", "a--b", "a..b", "a_b", "é", "a b", ".", "a:b"],
        );
    }

    #[test]
    fn languages_have_the_shape_of_bcp_47() {
        all(
            is_language,
            &["en", "pt-BR", "zh-Hant-TW", "de-1996"],
            &["", "e", "e1", "en-", "-en", "en--gb", "en_GB", "toolonglang", "en-abcdefghi", "日本"],
        );
    }

    #[test]
    fn urls_are_absolute_and_of_the_web() {
        all(
            is_url,
            &["https://example.org", "http://a/b?c#d", "https://[::1]:8/", "https://a/%20"],
            &[
                "",
                "https://",
                "https:///x",
                "ftp://a",
                "javascript:alert(1)",
                "https://a b",
                "https://a\n",
                "https://ä",
                "HTTPS://a",
                "https://?x",
                "https://a/<b>",
                "//a",
                "data:text/html,x",
            ],
        );
    }

    #[test]
    fn versions_are_semantic() {
        all(
            is_semantic_version,
            &["0.0.0", "1.2.3", "10.20.30-rc.1+build.5", "1.0.0--", "1.0.0-0a", "1.0.0+001"],
            &[
                "",
                "1",
                "1.2",
                "1.2.3.4",
                "01.2.3",
                "1.2.3-",
                "1.2.3+",
                "1.2.3-01",
                "v1.2.3",
                "1.2.x",
                "1.2.3-a..b",
                "1.2.3-ä",
            ],
        );
    }

    #[test]
    fn modules_have_a_namespace_and_a_name() {
        all(is_module_name, &["atlas:post", "a.b:c-d"], &["", ":", "a:", ":b", "a", "A:b", "a:b:c", "a b:c"]);
    }

    #[test]
    fn names_are_like_those_of_hosts() {
        let longest = "x".repeat(63);
        all(
            is_host_name,
            &["a", "0ad", "ada-lovelace", "example.org", "a--b", &longest],
            &["", ".", "a.", ".a", "a..b", "-a", "a-", "A", "a_b", "é", "a b", &"x".repeat(64)],
        );
    }

    #[test]
    fn media_types_have_no_parameters() {
        all(
            is_media_type,
            &["image/png", "application/vnd.a+json", "text/x-c"],
            &["", "/", "image", "image/", "/png", "image/png;q=1", "Image/png", "a b/c", "a/b/c", "-a/b"],
        );
    }
}
