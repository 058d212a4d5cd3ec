//! The language of text queries: small enough that nothing in it can go wrong.
//!
//! All words have to occur. `"several words"` have to occur side by side, `-word` and
//! `-"several words"` must not occur, `begin*` stands for every word that begins so. Everything
//! else is taken literally: there are no operators, fields, or parentheses.

use std::str::FromStr;

use super::words::words;
use crate::error::NodeError;

/// Words of one query, at most.
pub const MOST_WORDS: usize = 32;
/// Bytes of one query, at most.
pub const MOST_BYTES: usize = 2000;
/// Letters that stand before a `*`, at least: one letter stands for half a dictionary.
const LEAST_PREFIX: usize = 2;

/// Words that occur side by side; one word is the usual case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The words, as the index keeps them.
    pub words: Vec<String>,
    /// Whether the last of them is only a beginning.
    pub prefix: bool,
}

/// What is looked for in texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// All of these.
    pub wanted: Vec<Part>,
    /// None of these.
    pub unwanted: Vec<Part>,
}

/// Splits a query into its pieces: whether it is negated, quoted, and its text.
fn pieces(text: &str) -> Vec<(bool, bool, &str)> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (negated, after) = match rest.strip_prefix('-') {
            Some(after) if !after.is_empty() && !after.starts_with(char::is_whitespace) => (true, after),
            _ => (false, rest),
        };
        let quoted = after.strip_prefix('"').and_then(|inner| inner.split_once('"'));
        let (is_quoted, piece, next) = match quoted {
            Some((piece, next)) => (true, piece, next),
            None => {
                let end = after.find(char::is_whitespace).unwrap_or(after.len());
                (false, &after[..end], &after[end..])
            }
        };
        found.push((negated, is_quoted, piece));
        rest = next.trim_start();
    }
    found
}

impl FromStr for Ask {
    type Err = NodeError;

    fn from_str(text: &str) -> Result<Self, NodeError> {
        let wrong = |why: String| Err(NodeError::Misuse(why));
        if text.len() > MOST_BYTES {
            return wrong(format!("the text query has {} bytes, expected {MOST_BYTES} at most", text.len()));
        }
        let (mut ask, mut count) = (Self { wanted: Vec::new(), unwanted: Vec::new() }, 0);
        for (negated, quoted, piece) in pieces(text) {
            let words = words(piece);
            if words.is_empty() {
                continue;
            }
            count += words.len();
            let last = words.last().map_or(0, |word| word.chars().count());
            let prefix = !quoted && piece.ends_with('*') && last >= LEAST_PREFIX;
            let side = if negated { &mut ask.unwanted } else { &mut ask.wanted };
            side.push(Part { words, prefix });
        }
        if count > MOST_WORDS {
            return wrong(format!("the text query has {count} words, expected {MOST_WORDS} at most"));
        }
        if ask.wanted.is_empty() {
            return wrong(format!("the text query `{text}` has no word to look for: write at least one without `-`"));
        }
        Ok(ask)
    }
}

impl Part {
    fn occurs_in(&self, text: &[String]) -> bool {
        let is_last = |at: usize| at + 1 == self.words.len();
        text.windows(self.words.len()).any(|window| {
            window.iter().zip(&self.words).enumerate().all(|(at, (found, wanted))| {
                if self.prefix && is_last(at) { found.starts_with(wanted.as_str()) } else { found == wanted }
            })
        })
    }
}

impl Ask {
    /// Whether texts hold what is looked for: as the index would find it, without the index.
    pub fn matches(&self, texts: &[Vec<String>]) -> bool {
        let occurs = |part: &Part| texts.iter().any(|text| part.occurs_in(text));
        self.wanted.iter().all(occurs) && !self.unwanted.iter().any(occurs)
    }

    /// One text for one question, however it was written.
    pub fn normal(&self) -> String {
        let mut text = String::new();
        for (sign, part) in self.wanted.iter().map(|part| ('+', part)).chain(self.unwanted.iter().map(|p| ('-', p))) {
            text.push(sign);
            text.push_str(&part.words.join(" "));
            if part.prefix {
                text.push('*');
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(text: &str) -> Ask {
        text.parse().unwrap()
    }

    fn found(query: &str, text: &str) -> bool {
        ask(query).matches(&[words(text)])
    }

    #[test]
    fn the_language_has_words_phrases_beginnings_and_what_must_not_be() {
        let text = "A non-linear video editor, small and fast";
        for query in [
            "video editor",
            "EDITOR video",
            "\"video editor\"",
            "vid* fast",
            "video -audio",
            "non-linear",
            "-\"editor video\" small",
            "video -",
            "\"video",
            "video\"",
            "(video) AND: fast",
            "small -\"\"",
        ] {
            assert!(found(query, text), "{query}");
        }
        for query in ["audio", "\"editor video\"", "video -small", "video -\"video editor\"", "edi", "linear-non"] {
            assert!(!found(query, text), "{query}");
        }
        assert!(!ask("v*").wanted[0].prefix, "one letter is no beginning");
    }

    #[test]
    fn what_asks_for_nothing_or_too_much_is_misuse() {
        let many = ["word"; MOST_WORDS + 1].join(" ");
        let long = "x".repeat(MOST_BYTES + 1);
        for query in ["", "  ", "-", "-only -negative", "!!! ***", "\"\"", &many, &long] {
            assert!(matches!(query.parse::<Ask>(), Err(NodeError::Misuse(_))), "{query}");
        }
    }

    #[test]
    fn any_text_is_a_query_or_misuse() {
        proptest::proptest!(|(text in "[a-z\"*\\- \\\\():^~\\[\\]{}ü漢\u{0}]{0,60}")| {
            match text.parse::<Ask>() {
                Ok(ask) => proptest::prop_assert!(!ask.wanted.is_empty()),
                Err(NodeError::Misuse(_)) => {}
                Err(other) => panic!("{other}"),
            }
        });
    }
}
