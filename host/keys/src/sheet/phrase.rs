//! Phrases: a seed as 24 words.
//!
//! The seed of 32 bytes is the entropy of a BIP-39 phrase, checksum included. The phrase *is*
//! the seed: nothing is derived from it the way wallets do.

use atlas_record::id::PublicKey;
use atlas_record::sign::SecretKey;
use bip39::{Language, Mnemonic};
use zeroize::Zeroizing;

use super::SheetError;

/// Words of a phrase.
pub(super) const WORDS: usize = 24;
/// Letters of the longest word.
const LETTERS: usize = 8;

const LANGUAGE: Language = Language::English;

/// The words of a seed.
pub(super) fn words(seed: &[u8; 32]) -> Mnemonic {
    Mnemonic::from_entropy_in(LANGUAGE, seed).expect("32 bytes are a BIP-39 entropy")
}

/// A phrase as it is read.
pub(super) struct Phrase {
    /// The key, counted from 1.
    key: usize,
    /// Where it begins.
    line: usize,
    /// Places in the list of words, wiped when dropped.
    words: Zeroizing<Vec<u16>>,
    /// The line of each word.
    lines: Vec<usize>,
}

impl Phrase {
    pub(super) fn new(key: usize, line: usize) -> Self {
        // At its full size: a vector that grows leaves copies behind.
        Self { key, line, words: Zeroizing::new(Vec::with_capacity(WORDS)), lines: Vec::with_capacity(WORDS) }
    }

    pub(super) fn line(&self) -> usize {
        self.line
    }

    fn fail(&self, line: usize, word: usize, why: &'static str) -> SheetError {
        SheetError::Word { line, key: self.key, word, why }
    }

    /// Takes one line of words in, with or without their numbers.
    pub(super) fn push(&mut self, line: usize, text: &str) -> Result<(), SheetError> {
        for token in text.split_whitespace() {
            let word = token.trim_start_matches(|c: char| c.is_ascii_digit());
            let next = self.words.len() + 1;
            let number = &token[..token.len() - word.len()];
            if !number.is_empty() && number.parse() != Ok(next) {
                return Err(self.fail(line, next, "is missing, or the number before it is wrong"));
            }
            let word = word.trim_matches(|c: char| c.is_ascii_punctuation());
            if word.is_empty() {
                continue;
            }
            if next > WORDS {
                return Err(self.fail(line, next, "is one too many: a key has 24"));
            }
            let lower = Zeroizing::new(word.to_ascii_lowercase());
            let Some(word) = LANGUAGE.find_word(&lower) else {
                return Err(self.fail(line, next, "is not in the list of words"));
            };
            self.words.push(word);
            self.lines.push(line);
        }
        Ok(())
    }

    /// The secret of this public key.
    pub(super) fn secret(&self, key: &PublicKey) -> Result<SecretKey, SheetError> {
        if self.words.len() < WORDS {
            return Err(self.fail(self.line, self.words.len() + 1, "is missing: a key has 24"));
        }
        if let Some(secret) = secret(&self.words, key) {
            return Ok(secret);
        }
        Err(match self.likely_mistake(key) {
            Some(at) => self.fail(self.lines[at], at + 1, "is wrong, or has changed places with the next one"),
            None => SheetError::Phrase { line: self.line, key: self.key },
        })
    }

    /// One word that, with one slip of a hand put right, makes the phrase that of the key.
    fn likely_mistake(&self, key: &PublicKey) -> Option<usize> {
        let list = LANGUAGE.word_list();
        let mut words = self.words.clone();
        for at in 0..WORDS {
            let typed = words[at];
            for (i, other) in (0u16..).zip(list) {
                if one_slip(list[usize::from(typed)].as_bytes(), other.as_bytes()) {
                    words[at] = i;
                    if secret(&words, key).is_some() {
                        return Some(at);
                    }
                }
            }
            words[at] = typed;
            if at + 1 < WORDS {
                words.swap(at, at + 1);
                if secret(&words, key).is_some() {
                    return Some(at);
                }
                words.swap(at, at + 1);
            }
        }
        None
    }
}

/// The secret that 24 words are, if it is that of the key.
fn secret(words: &[u16], key: &PublicKey) -> Option<SecretKey> {
    let mut phrase = Zeroizing::new(String::with_capacity(WORDS * (LETTERS + 1)));
    for word in words {
        phrase.push_str(LANGUAGE.word_list()[usize::from(*word)]);
        phrase.push(' ');
    }
    let mnemonic = Mnemonic::parse_in_normalized(LANGUAGE, &phrase).ok()?;
    let (entropy, _) = mnemonic.to_entropy_array();
    let entropy = Zeroizing::new(entropy);
    let secret = SecretKey::from_seed(entropy.first_chunk().expect("24 words are 32 bytes"));
    (secret.public() == *key).then_some(secret)
}

/// Whether two words differ by one letter that is wrong, missing or too many, or by two
/// neighbours that changed places.
fn one_slip(a: &[u8], b: &[u8]) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let same = short.iter().zip(long).take_while(|(a, b)| a == b).count();
    let (short, long) = (&short[same..], &long[same..]);
    match (short, long) {
        (short, [_, rest @ ..]) if short == rest => true,
        ([_, a @ ..], [_, b @ ..]) if a == b => true,
        ([a, b, x @ ..], [c, d, y @ ..]) => a == d && b == c && x == y,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slip_is_one_letter_or_two_neighbours() {
        for (a, b) in [("ocean", "oceam"), ("ocean", "ocen"), ("ocean", "oceans"), ("ocean", "coean"), ("cat", "at")] {
            assert!(one_slip(a.as_bytes(), b.as_bytes()) && one_slip(b.as_bytes(), a.as_bytes()), "{a} {b}");
        }
        for (a, b) in [("ocean", "ocean"), ("ocean", "ozeam"), ("ocean", "oce"), ("abc", "cba")] {
            assert!(!one_slip(a.as_bytes(), b.as_bytes()), "{a} {b}");
        }
    }
}
