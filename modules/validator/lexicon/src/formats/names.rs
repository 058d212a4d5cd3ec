//! What names accounts, records, types and content.

use atlas_record::id::Cid;

/// Longest DID.
const DID_BYTES: usize = 2048;
/// Longest handle: a domain name.
const HANDLE_BYTES: usize = 253;
/// Longest name of a type.
const NSID_BYTES: usize = 317;
/// Longest label of a domain name.
const LABEL_BYTES: usize = 63;
/// Longest record key.
const RECORD_KEY_BYTES: usize = 512;
/// Longest URI of any kind.
const URI_BYTES: usize = 8192;

/// The digits of timestamp identifiers, which sort as their values do.
pub const TID_DIGITS: &[u8; 32] = b"234567abcdefghijklmnopqrstuvwxyz";

/// A label of a domain name.
fn is_label(label: &str) -> bool {
    (1..=LABEL_BYTES).contains(&label.len())
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// `did:METHOD:IDENTIFIER`.
pub fn is_did(text: &str) -> bool {
    let Some((method, id)) = text.strip_prefix("did:").and_then(|rest| rest.split_once(':')) else { return false };
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"._:%-".contains(&b);
    text.len() <= DID_BYTES
        && !method.is_empty()
        && method.bytes().all(|b| b.is_ascii_lowercase())
        && !id.is_empty()
        && id.bytes().all(legal)
        && !id.ends_with([':', '%'])
}

/// A domain name of two labels or more, the last of which does not begin with a digit.
pub fn is_handle(text: &str) -> bool {
    let Some((_, top)) = text.rsplit_once('.') else { return false };
    text.len() <= HANDLE_BYTES && text.split('.').all(is_label) && top.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// A handle or a DID.
pub fn is_at_identifier(text: &str) -> bool {
    if text.starts_with("did:") { is_did(text) } else { is_handle(text) }
}

/// A reversed domain name of two labels or more, and a name of letters and digits.
pub fn is_nsid(text: &str) -> bool {
    let Some((authority, name)) = text.rsplit_once('.') else { return false };
    text.len() <= NSID_BYTES
        && authority.len() <= HANDLE_BYTES
        && authority.contains('.')
        && authority.split('.').all(is_label)
        && !authority.starts_with(|c: char| c.is_ascii_digit())
        && name.len() <= LABEL_BYTES
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// A key within a collection.
pub fn is_record_key(text: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"._:~-".contains(&b);
    (1..=RECORD_KEY_BYTES).contains(&text.len()) && text.bytes().all(legal) && !matches!(text, "." | "..")
}

/// 64 bits, the highest of them 0, in 13 digits of five bits.
pub fn is_tid(text: &str) -> bool {
    text.len() == 13 && text.bytes().all(|b| TID_DIGITS.contains(&b)) && text.as_bytes()[0] <= b'j'
}

/// `at://AUTHORITY`, then `/COLLECTION`, then `/KEY`, then perhaps `#` and a JSON Pointer.
pub fn is_at_uri(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("at://").filter(|_| text.len() <= URI_BYTES) else { return false };
    let (path, fragment) = match rest.split_once('#') {
        Some((path, fragment)) => (path, Some(fragment)),
        None => (rest, None),
    };
    let mut parts = path.split('/');
    parts.next().is_some_and(is_at_identifier)
        && parts.next().is_none_or(is_nsid)
        && parts.next().is_none_or(is_record_key)
        && parts.next().is_none()
        && fragment.is_none_or(is_pointer)
}

/// A JSON Pointer in the characters that an AT URI has for it, `%` with two digits behind it.
fn is_pointer(text: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"._~:@!$&'()*+,;=%[]/-".contains(&b);
    let escaped = |rest: &str| rest.len() >= 2 && rest.bytes().take(2).all(|b| b.is_ascii_hexdigit());
    text.starts_with('/') && text.bytes().all(legal) && text.split('%').skip(1).all(escaped)
}

/// A CID as text. In base32, which the protocol prescribes, it is taken apart; in other bases
/// only its characters are looked at. The older `Qm…` is refused.
pub fn is_cid(text: &str) -> bool {
    if text.starts_with('b') {
        return text.parse::<Cid>().is_ok();
    }
    let legal = |b: u8| b.is_ascii_alphanumeric() || b == b'+' || b == b'=';
    (8..=256).contains(&text.len()) && text.bytes().all(legal) && !text.starts_with("Qm")
}

/// A scheme and something behind it, without white space.
pub fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    text.len() <= URI_BYTES
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
        && !rest.strip_prefix("//").unwrap_or(rest).is_empty()
        && !rest.chars().any(|c| c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn table(holds: fn(&str) -> bool, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(holds(text), "`{text}` should hold");
        }
        for text in bad {
            assert!(!holds(text), "`{text}` should not hold");
        }
    }

    #[test]
    fn dids() {
        let long = format!("did:web:{}", "a".repeat(2048));
        table(
            is_did,
            &[
                "did:plc:z72i7hdynmk6r22z27h6tvur",
                "did:web:example.com",
                "did:key:zQ3sh",
                "did:m:a:b.c_d-e%20",
                "did:m:v%3A",
            ],
            &[
                "",
                "did",
                "did:plc:",
                "did:plc",
                "did::x",
                "DID:plc:x",
                "did:Plc:x",
                "did:p1c:x",
                "did:m:x:",
                "did:m:x%",
                "did:m:x/y",
                "did:m:ä",
                " did:m:x",
                &long,
            ],
        );
    }

    #[test]
    fn handles() {
        let label = "a".repeat(63);
        let long = [label.as_str(); 4].join(".") + ".com";
        table(
            is_handle,
            &[
                "alice.example.com",
                "A.B.CO",
                "xn--ls8h.test",
                "1.2.3.com",
                "a-b.c",
                &format!("{label}.org"),
                "laptop.local",
            ],
            &[
                "",
                "example",
                ".com",
                "a..com",
                "a.com.",
                "-a.com",
                "a-.com",
                "a_b.com",
                "a.1com",
                "127.0.0.1",
                "a b.com",
                "ä.com",
                "@a.com",
                &format!("{label}a.org"),
                &long,
            ],
        );
        table(is_at_identifier, &["alice.example.com", "did:plc:x"], &["did:x", "alice", "did:", "at://x.com"]);
    }

    #[test]
    fn names_of_types() {
        let label = "a".repeat(63);
        let long = format!("{}.name", [label.as_str(); 4].join("."));
        table(
            is_nsid,
            &[
                "app.bsky.feed.post",
                "a.b.c",
                "com.example.fooBar9",
                "Com.Example.x",
                "a-0.b-1.c",
                "one.2.three",
                &format!("com.{label}.{label}"),
            ],
            &[
                "",
                "com.example",
                "com",
                "com.example.3",
                "com.example.foo-bar",
                "com.example.",
                ".com.x.y",
                "3com.example.x",
                "com.-a.x",
                "com.a-.x",
                "com..x",
                "com.exa💩ple.thing",
                "com.example.foo*",
                "a b.c.d",
                &format!("com.{label}a.x"),
                &long,
            ],
        );
    }

    #[test]
    fn keys_and_timestamp_identifiers() {
        table(
            is_record_key,
            &["self", "3jzfcijpj2z2a", "a.b_c~d:e-f", "...", "_", "lang:", &"x".repeat(512)],
            &["", ".", "..", "a/b", "a b", "#x", "a$b", "a@b", "ä", &"x".repeat(513)],
        );
        table(
            is_tid,
            &["3jzfcijpj2z2a", "7777777777777", "2222222222222", "jzzzzzzzzzzzz"],
            &[
                "",
                "3jzfcijpj2z2",
                "3jzfcijpj2z2aa",
                "3jzfcijpj2z21",
                "3JZFCIJPJ2Z2A",
                "kjzfcijpj2z2a",
                "zzzzzzzzzzzzz",
                "3jzf-cij-pj2z",
            ],
        );
    }

    #[test]
    fn at_uris() {
        let long = format!("at://did:plc:x/a.b.c/x#/{}", "a".repeat(8192));
        table(
            is_at_uri,
            &[
                "at://did:plc:abc",
                "at://alice.example.com/app.bsky.feed.post",
                "at://did:web:x.org/app.bsky.feed.post/3jzfcijpj2z2a",
                "at://did:m:v/a.b.c/...",
                "at://did:m:v/a.b.c/x#/text/0",
                "at://did:m:v/a.b.c/x#/a%20b",
            ],
            &[
                "",
                "at://",
                "at:/did:plc:abc",
                "AT://did:plc:abc",
                "at://did:plc:abc/",
                "at://did:plc:abc/post",
                "at://did:plc:abc/a.b.c/",
                "at://did:plc:abc//x",
                "at://did:plc:abc/a.b.c/x/y",
                "at://did:plc:abc/a.b.c/..",
                "at://did:plc:abc/a.b.c/x?y=z",
                "at://nobody",
                "at://did:plc:abc/a.b.c/x#",
                "at://did:plc:abc/a.b.c/x#y",
                "at://did:plc:abc/a.b.c/x#/%zz",
                "at://did:plc:abc/a.b.c/a b",
                "https://x.org",
                " at://did:plc:abc",
                &long,
            ],
        );
    }

    #[test]
    fn cids() {
        table(
            is_cid,
            &[
                "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi",
                "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a",
                "zdj7WWeQ43G6JJvLWQWZpyHuAMq6uYWRjkBXFad11vE2LHhQ7",
                "f01701220aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            ],
            &[
                "",
                "bafybeigdyrzt5",
                "short",
                "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG",
                "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzd1",
                "zdj7 WWeQ43G6",
                &"z".repeat(257),
            ],
        );
    }

    #[test]
    fn uris() {
        table(
            is_uri,
            &[
                "https://example.com/a?b#c",
                "at://did:plc:x",
                "dns:example.com",
                "did:plc:x",
                "a:b",
                "file:///etc/motd",
                "web+x.y-z:1",
                "https://müller.example/ü",
            ],
            &[
                "",
                "example.com",
                "http:",
                "http://",
                "://x",
                "//example.com",
                "-x:y",
                "1x:y",
                "https://a b",
                " https://x",
                "https://x\n",
                &format!("https://x/{}", "y".repeat(8192)),
            ],
        );
    }
}
