//! More packages than there are: variants of the real ones that keep a large world like a
//! small one.
//!
//! What many packages share (a popular dependency, a large team) they share in every round, so
//! that it grows with the world. Everything else, and it is most, is renamed in each round, so
//! that rare words, small maintainers and leaves of the graph stay as rare as they are. The
//! order is shuffled: packages of one source or team do not arrive together, as they stand in
//! an index.

use std::collections::{HashMap, HashSet};

use atlas_node::import::debian::Paragraphs;
use atlas_record::cbor::Map;
use atlas_record::{BlobId, Value};
use atlas_tests::Dice;

use crate::corpus::Corpus;

/// What more packages than this share, they share in every round.
const SHARED_BY: usize = 100;

/// A world of packages.
pub struct Variants<'a> {
    corpus: &'a Corpus,
    /// Round and place of each, as one number, in order of arrival.
    order: Vec<u32>,
    names: HashSet<String>,
    /// Names and maintainers that are the same in every round.
    shared: HashSet<String>,
    /// What names are made different with: first parts of real names.
    words: Vec<String>,
}

/// A number that follows from a text, spread evenly.
fn number(text: &str) -> usize {
    let hash = BlobId::of(text.as_bytes());
    hash.as_bytes()[..4].iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// Calls `each` on every name in a package's relations.
fn names_in(value: &mut Value, each: &mut impl FnMut(&mut String)) {
    match value {
        Value::List(list) => list.iter_mut().for_each(|item| names_in(item, each)),
        Value::Map(map) => {
            let entries = std::mem::take(map).into_iter().map(|(key, mut value)| {
                match &mut value {
                    Value::Text(text) if key == "name" => each(text),
                    other => names_in(other, each),
                }
                (key, value)
            });
            *map = entries.collect();
        }
        _ => {}
    }
}

impl<'a> Variants<'a> {
    /// Of the corpus, `count` packages in all.
    pub fn new(corpus: &'a Corpus, count: usize) -> Self {
        let mut order: Vec<u32> = (0..count as u32).collect();
        Dice::new(17).shuffle(&mut order);
        let (mut names, mut words, mut uses) = (HashSet::new(), HashSet::new(), HashMap::<String, usize>::new());
        for place in 0..corpus.len() {
            let Some(mut body) = read(corpus, place) else { continue };
            if let Some(name) = body.get("name").and_then(Value::as_text) {
                let word = name.split(['-', '.', '+']).next().unwrap_or(name);
                if word.len() > 2 && word.bytes().all(|byte| byte.is_ascii_lowercase()) {
                    words.insert(word.to_owned());
                }
                names.insert(name.to_owned());
            }
            if let Some(maintainer) = body.get("maintainer").and_then(Value::as_text) {
                *uses.entry(maintainer.to_owned()).or_default() += 1;
            }
            if let Some(mut relations) = body.remove("relations") {
                names_in(&mut relations, &mut |name| *uses.entry(name.clone()).or_default() += 1);
            }
        }
        let shared = uses.into_iter().filter(|(_, uses)| *uses > SHARED_BY).map(|(name, _)| name).collect();
        let mut words: Vec<String> = words.into_iter().collect();
        words.sort_unstable();
        Self { corpus, order, names, shared, words }
    }

    fn renamed(&self, name: &str, round: usize) -> String {
        if round == 0 {
            return name.to_owned();
        }
        // 7919 is prime: the words of one name's rounds differ.
        let word = &self.words[(number(name) + round * 7919) % self.words.len()];
        format!("{name}-{word}")
    }

    /// The body of package `i`; none where its entry cannot be read.
    pub fn package(&self, i: usize) -> Option<Map> {
        let at = self.order[i] as usize;
        let (round, place) = (at / self.corpus.len(), at % self.corpus.len());
        let mut body = read(self.corpus, place)?;
        if round == 0 {
            return Some(body);
        }
        let text = |body: &Map, key: &str| body.get(key).and_then(Value::as_text).unwrap_or_default().to_owned();
        let (old, maintainer) = (text(&body, "name"), text(&body, "maintainer"));
        let name = self.renamed(&old, round);
        if !self.shared.contains(&maintainer) {
            body.insert("maintainer", maintainer.replacen('@', &format!(".{round}@"), 1).into());
        }
        if let Some(mut relations) = body.remove("relations") {
            names_in(&mut relations, &mut |target| {
                if self.names.contains(target) && !self.shared.contains(target) {
                    *target = self.renamed(target, round);
                }
            });
            body.insert("relations", relations);
        }
        if let Some(size) = body.get("size").and_then(Value::as_int) {
            body.insert("size", (size * (50 + number(&name) as i64 % 151) / 100).into());
        }
        body.insert("filename", text(&body, "filename").replace(&old, &name).into());
        body.insert("name", name.into());
        revise(&mut body, &format!("+r{round}"));
        Some(body)
    }
}

/// Makes it another version: other bytes, so other hashes.
pub fn revise(body: &mut Map, suffix: &str) {
    let version = body.get("version").and_then(Value::as_text).unwrap_or("1").to_owned() + suffix;
    if let Some(Value::Map(hashes)) = body.remove("hashes") {
        let name = body.get("name").and_then(Value::as_text).unwrap_or_default();
        let fresh = BlobId::of(format!("{name} {version}").as_bytes());
        let hashes = hashes.into_iter().map(|(algorithm, value)| match value {
            Value::Bytes(bytes) => {
                (algorithm, Value::Bytes(fresh.as_bytes().iter().cycle().take(bytes.len()).copied().collect()))
            }
            other => (algorithm, other),
        });
        let hashes: Map = hashes.collect();
        body.insert("hashes", hashes.into());
    }
    body.insert("version", version.into());
}

fn read(corpus: &Corpus, place: usize) -> Option<Map> {
    let paragraph = Paragraphs::new(corpus.paragraph(place).as_bytes()).next()?.ok()?;
    paragraph.body().ok()
}
