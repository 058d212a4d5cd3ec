//! What counts as a word.
//!
//! Words are those of Unicode's text segmentation (UAX 29), cut once more at punctuation inside
//! of them, in lower case, without accents, so that `Größe` is found by `grosse` and `v1.2` is
//! the words `v1` and `2`. Scripts that put no spaces between words come apart into signs, and
//! a run of them is then searched as a phrase. No stemming and no stop words: both belong to a
//! language, and records come in all of them.

use tantivy::tokenizer::{AsciiFoldingFilter, LowerCaser, TextAnalyzer, Token, TokenStream, Tokenizer};
use unicode_segmentation::UnicodeSegmentation;

/// Characters of a word; what is longer is no word that anyone would look for.
pub const WORD_CHARS: usize = 40;

/// The words of a text as the index keeps them.
pub fn analyzer() -> TextAnalyzer {
    TextAnalyzer::builder(Words).filter(LowerCaser).filter(AsciiFoldingFilter).build()
}

/// The words of a text, in order.
pub fn words(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    analyzer().token_stream(text).process(&mut |token| found.push(token.text.clone()));
    found
}

/// Marks that are written on top of a letter (U+0300 to U+036F): dropped, as accents are.
fn is_accent(c: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&c)
}

/// Punctuation that segmentation leaves inside of words.
fn cuts(c: char) -> bool {
    c.is_ascii_punctuation() || matches!(c, '’' | '‘' | '·' | '․' | '：' | '．')
}

/// Splits a text into words.
#[derive(Debug, Clone, Default)]
pub struct Words;

/// The words of one text.
#[derive(Debug)]
pub struct WordStream {
    tokens: std::vec::IntoIter<Token>,
    token: Token,
}

impl Tokenizer for Words {
    type TokenStream<'a> = WordStream;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> WordStream {
        let tokens = if text.is_ascii() { ascii_words(text) } else { unicode_words(text) };
        WordStream { tokens: tokens.into_iter(), token: Token::default() }
    }
}

/// The words of plain English and most code: runs of letters and digits, since segmentation
/// parts ASCII nowhere else but at what is cut at in any case.
fn ascii_words(text: &str) -> Vec<Token> {
    let (mut tokens, mut position, mut from) = (Vec::with_capacity(text.len() / 6), 0, None);
    let mut end = |from: usize, to: usize| {
        if to - from <= WORD_CHARS {
            tokens.push(Token {
                offset_from: from,
                offset_to: to,
                position,
                text: text[from..to].to_owned(),
                ..Token::default()
            });
        }
        position += 1;
    };
    for (at, byte) in text.bytes().enumerate() {
        match (byte.is_ascii_alphanumeric(), from) {
            (true, None) => from = Some(at),
            (false, Some(start)) => {
                end(start, at);
                from = None;
            }
            _ => {}
        }
    }
    if let Some(start) = from {
        end(start, text.len());
    }
    tokens
}

/// The words of any text.
fn unicode_words(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut position = 0;
    for (at, segment) in text.unicode_word_indices() {
        let mut offset = at;
        for word in segment.split(cuts) {
            let (from, to) = (offset, offset + word.len());
            // The separator has as many bytes as the text says.
            offset = to + text[to..].chars().next().map_or(0, char::len_utf8);
            if word.is_empty() {
                continue;
            }
            let plain: String = word.chars().filter(|c| !is_accent(*c)).collect();
            if !plain.is_empty() && plain.chars().count() <= WORD_CHARS {
                tokens.push(Token { offset_from: from, offset_to: to, position, text: plain, ..Token::default() });
            }
            position += 1;
        }
    }
    tokens
}

impl TokenStream for WordStream {
    fn advance(&mut self) -> bool {
        match self.tokens.next() {
            Some(token) => {
                self.token = token;
                true
            }
            None => false,
        }
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_many_scripts_come_apart() {
        for (text, expected) in [
            ("Video-Editor, 2nd ed.", &["video", "editor", "2nd", "ed"][..]),
            ("Größe ÀÉÎ naïve e\u{301}te\u{301}", &["grosse", "aei", "naive", "ete"]),
            ("libssl3 v1.2_beta node.js", &["libssl3", "v1", "2", "beta", "node", "js"]),
            ("don't don’t", &["don", "t", "don", "t"]),
            ("漢字テスト", &["漢", "字", "テスト"]),
            ("Привет, мир", &["привет", "мир"]),
            ("हिन्दी", &["हिन्दी"]),
            ("--- \u{0} \n", &[]),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_too_long_is_no_word() {
        let long = "x".repeat(WORD_CHARS);
        assert_eq!(words(&format!("{long} {long}x y")), [&*long, "y"]);
    }

    #[test]
    fn the_short_way_through_ascii_leads_to_the_same_words() {
        proptest::proptest!(|(text in "[ -~\\t\\n\\r\u{0}\u{b}\u{7f}]{0,200}|[a-z0-9_.:,;'\"]{0,60}")| {
            proptest::prop_assert_eq!(ascii_words(&text), unicode_words(&text), "{}", text);
        });
    }

    #[test]
    fn any_text_comes_apart() {
        proptest::proptest!(|(text in ".{0,200}")| {
            for word in words(&text) {
                proptest::prop_assert!(!word.is_empty());
            }
        });
    }
}
