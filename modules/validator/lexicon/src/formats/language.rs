//! Language tags: well-formed under BCP 47 (RFC 5646, section 2.1).

/// Tags from before the grammar, which it lists one by one.
const GRANDFATHERED: [&str; 26] = [
    "en-GB-oed",
    "i-ami",
    "i-bnn",
    "i-default",
    "i-enochian",
    "i-hak",
    "i-klingon",
    "i-lux",
    "i-mingo",
    "i-navajo",
    "i-pwn",
    "i-tao",
    "i-tay",
    "i-tsu",
    "sgn-BE-FR",
    "sgn-BE-NL",
    "sgn-CH-DE",
    "art-lojban",
    "cel-gaulish",
    "no-bok",
    "no-nyn",
    "zh-guoyu",
    "zh-hakka",
    "zh-min",
    "zh-min-nan",
    "zh-xiang",
];

fn letters(subtag: &str, lengths: std::ops::RangeInclusive<usize>) -> bool {
    lengths.contains(&subtag.len()) && subtag.bytes().all(|b| b.is_ascii_alphabetic())
}

fn alphanumeric(subtag: &str, lengths: std::ops::RangeInclusive<usize>) -> bool {
    lengths.contains(&subtag.len()) && subtag.bytes().all(|b| b.is_ascii_alphanumeric())
}

fn region(subtag: &str) -> bool {
    letters(subtag, 2..=2) || (subtag.len() == 3 && subtag.bytes().all(|b| b.is_ascii_digit()))
}

fn variant(subtag: &str) -> bool {
    alphanumeric(subtag, 5..=8) || (alphanumeric(subtag, 4..=4) && subtag.as_bytes()[0].is_ascii_digit())
}

/// Whether a text is a well-formed tag. As servers of the AT Protocol do, this wants the
/// language itself in lower case and of two or three letters.
pub fn is_language(text: &str) -> bool {
    if GRANDFATHERED.contains(&text) {
        return true;
    }
    let mut subtags = text.split('-').peekable();
    let Some(first) = subtags.next() else { return false };
    if matches!(first, "x" | "X") {
        return private_use(subtags);
    }
    if !letters(first, 2..=3) || first.bytes().any(|b| b.is_ascii_uppercase()) {
        return false;
    }
    for _ in 0..3 {
        subtags.next_if(|subtag| letters(subtag, 3..=3));
    }
    subtags.next_if(|subtag| letters(subtag, 4..=4));
    subtags.next_if(|subtag| region(subtag));
    while subtags.next_if(|subtag| variant(subtag)).is_some() {}
    while let Some(singleton) = subtags.next() {
        match singleton {
            "x" | "X" => return private_use(subtags),
            _ if !alphanumeric(singleton, 1..=1) => return false,
            _ => {
                let mut extended = false;
                while subtags.next_if(|subtag| alphanumeric(subtag, 2..=8)).is_some() {
                    extended = true;
                }
                if !extended {
                    return false;
                }
            }
        }
    }
    true
}

/// What follows an `x`: one subtag of anybody's own, or more, to the end.
fn private_use<'a>(subtags: impl Iterator<Item = &'a str>) -> bool {
    let mut subtags = subtags.peekable();
    subtags.peek().is_some() && subtags.all(|subtag| alphanumeric(subtag, 1..=8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_formed_tags_hold() {
        for tag in [
            "en",
            "gsw",
            "pt-BR",
            "zh-Hant-TW",
            "sr-Latn-RS",
            "es-419",
            "de-1996",
            "sl-rozaj-biske-1994",
            "zh-cmn-Hans-CN",
            "en-US-u-islamcal",
            "de-a-value-b-other-x-mine",
            "x-whatever",
            "i-klingon",
            "en-GB-oed",
            "zh-min-nan",
        ] {
            assert!(is_language(tag), "{tag}");
        }
    }

    #[test]
    fn what_is_not_well_formed_does_not_hold() {
        for tag in [
            "",
            "e",
            "EN",
            "english",
            "en-",
            "-en",
            "en_GB",
            "en--GB",
            "en-G",
            "de-419-DE",
            "en-u",
            "x",
            "x-",
            "x-toolongtag",
            "a-DE",
            "123",
            "日本",
            "en GB",
            "en-abcdefghi",
            "en-x",
        ] {
            assert!(!is_language(tag), "{tag}");
        }
    }
}
