//! The package corpus: the machine's own index, or a made-up one, in any length.

use std::io::{BufRead, BufReader, Read};

use atlas_tests::packages;

/// Where packages come from.
pub struct Corpus {
    /// What it is.
    pub name: &'static str,
    text: String,
    /// Where each paragraph begins and ends.
    paragraphs: Vec<(usize, usize)>,
}

/// Packages that are made up where there is no index.
const MADE_UP: usize = 63_000;

impl Corpus {
    /// The machine's index if it has one.
    pub fn load() -> Self {
        let (name, text) = match packages::Debian::whole() {
            Some(text) => ("this machine's `apt-cache dumpavail`", text),
            None => ("a made-up package index", packages::index(MADE_UP)),
        };
        let (mut paragraphs, mut start) = (Vec::new(), 0);
        while let Some(length) = text[start..].find("\n\n") {
            paragraphs.push((start, start + length + 1));
            start += length + 2;
        }
        if !text[start..].trim().is_empty() {
            paragraphs.push((start, text.len()));
        }
        Self { name, text, paragraphs }
    }

    /// Packages in it.
    pub fn len(&self) -> usize {
        self.paragraphs.len()
    }

    /// The entry of a package.
    pub fn paragraph(&self, place: usize) -> &str {
        let (start, end) = self.paragraphs[place];
        &self.text[start..end]
    }

    /// Packages of these numbers; from the second round on under names of their own.
    pub fn read(&self, records: std::ops::Range<usize>) -> impl BufRead + '_ {
        let (next, end) = (records.start, records.end);
        BufReader::with_capacity(1 << 18, Rounds { corpus: self, next, end, rest: Vec::new(), at: 0 })
    }
}

struct Rounds<'a> {
    corpus: &'a Corpus,
    next: usize,
    end: usize,
    rest: Vec<u8>,
    at: usize,
}

impl Read for Rounds<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        while self.at == self.rest.len() {
            if self.next == self.end {
                return Ok(0);
            }
            let (round, place) = (self.next / self.corpus.len(), self.next % self.corpus.len());
            let (start, end) = self.corpus.paragraphs[place];
            let paragraph = &self.corpus.text[start..end];
            self.rest.clear();
            self.at = 0;
            let name_end =
                if round == 0 { None } else { paragraph.find('\n').filter(|_| paragraph.starts_with("Package:")) };
            match name_end {
                Some(end) => {
                    self.rest.extend_from_slice(paragraph[..end].trim_end().as_bytes());
                    self.rest.extend_from_slice(format!(".{round}").as_bytes());
                    self.rest.extend_from_slice(&paragraph.as_bytes()[end..]);
                }
                None => self.rest.extend_from_slice(paragraph.as_bytes()),
            }
            self.rest.push(b'\n');
            self.next += 1;
        }
        let length = into.len().min(self.rest.len() - self.at);
        into[..length].copy_from_slice(&self.rest[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}
