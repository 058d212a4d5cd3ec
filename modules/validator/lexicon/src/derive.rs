//! What a host can index, derived from the schema alone.
//!
//! | a property of the record | becomes |
//! |---|---|
//! | `integer`, or a `datetime` (as milliseconds) | an integer index |
//! | a string with `enum`, `knownValues` or a format that names something short; a list of such strings or of tags | a text index |
//! | any other string without a format | a field for full text |
//! | a `cid-link` | a link to that CID |
//! | an `at-uri`, `did` or `at-identifier` | a link to `name:` and the text |
//! | a `com.atproto.repo.strongRef` | both of these, from its `cid` and its `uri` |
//!
//! Links are also found within objects inside the record and in lists. Everything is named
//! after its path in lower case: `createdAt` is `created-at`, `reply.parent` is `reply-parent`.

use std::collections::BTreeSet;

use atlas_sdk::name::Relation;
use atlas_sdk::target::Target;
use atlas_sdk::{Link, Map, Reason, Rules, Valid, Value, ensure};

use crate::formats::{Format, milliseconds};
use crate::types::{Definition, Lexicon, List, Object, Text, Type};

/// Most indexes, and most fields for full text, of a type.
const INDEXES: usize = 16;
/// Most index entries of a record.
const ENTRIES: usize = 64;
/// Items of a list that are indexed, from the first.
const ITEMS: usize = 16;
/// Bytes of a text that an index holds.
const INDEXED_BYTES: usize = 256;
/// Bytes of the name of an index.
const INDEX_NAME_BYTES: usize = 32;
/// Places in a record that links come from.
const LINK_PLACES: usize = 64;
/// How far inside a record links are looked for.
const LINK_DEPTH: usize = 4;
/// Most links that follow from one record. What an author adds has room beside them.
const LINKS: usize = 512;
/// Most characters of a list's items that make them tags.
const TAG_CHARACTERS: u64 = 128;
/// The AT Protocol's reference to one version of a record.
const STRONG_REF: &str = "com.atproto.repo.strongRef";
/// A relation that means something to hosts.
const RESERVED_RELATION: &str = "deletes";

/// What is derived from a lexicon.
#[derive(Debug, Default)]
pub struct Derived {
    indexes: Vec<Index>,
    text: Vec<Box<str>>,
    links: Vec<LinkPlace>,
}

#[derive(Debug)]
struct Index {
    /// Lives as long as the instance, which is configured once.
    name: &'static str,
    field: Box<str>,
    kind: IndexKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum IndexKind {
    Integer,
    Time,
    Text,
}

/// A place that links come from.
#[derive(Debug)]
struct LinkPlace {
    relation: String,
    /// Keys from the record inwards.
    path: Vec<Box<str>>,
    kind: LinkKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LinkKind {
    Cid,
    Name,
    StrongRef,
}

impl Derived {
    /// Derives from the schema.
    pub fn of(lexicon: &Lexicon) -> Self {
        let mut derived = Self::default();
        for property in &lexicon.record().properties {
            let kind = lexicon.concrete(&property.kind);
            if let Some(kind) = index_kind(lexicon, kind) {
                derived.index(&property.name, kind);
            } else if is_prose(kind) && derived.text.len() < INDEXES && is_path(&property.name) {
                derived.text.push(property.name.clone());
            }
        }
        derived.find_links(lexicon, lexicon.record(), &mut Vec::new());
        derived
    }

    fn index(&mut self, field: &str, kind: IndexKind) {
        let name = kebab(field);
        let free = self.indexes.iter().all(|index| index.name != name);
        if free && (1..=INDEX_NAME_BYTES).contains(&name.len()) && self.indexes.len() < INDEXES {
            self.indexes.push(Index { name: name.leak(), field: field.into(), kind });
        }
    }

    fn find_links(&mut self, lexicon: &Lexicon, object: &Object, path: &mut Vec<Box<str>>) {
        for property in &object.properties {
            path.push(property.name.clone());
            let kind = match lexicon.concrete(&property.kind) {
                Type::List(list) => &list.items,
                _ => &property.kind,
            };
            match (link_kind(lexicon, kind), lexicon.concrete(kind)) {
                (Some(kind), _) => self.link(path, kind),
                (None, Type::Object(inner)) if path.len() < LINK_DEPTH => self.find_links(lexicon, inner, path),
                _ => {}
            }
            path.pop();
        }
    }

    fn link(&mut self, path: &[Box<str>], kind: LinkKind) {
        let relation = path.iter().map(|key| kebab(key)).collect::<Vec<_>>().join("-");
        let legal = Relation::new(&relation).is_ok() && relation != RESERVED_RELATION;
        if legal && self.links.len() < LINK_PLACES {
            self.links.push(LinkPlace { relation, path: path.to_vec(), kind });
        }
    }

    /// Declares indexes, text and what names a record.
    pub fn tell(&self, mut rules: Rules) -> Rules {
        for Index { name, field, kind } in &self.indexes {
            rules = match kind {
                IndexKind::Integer => rules.index_integer(name, &format!("`{field}`")),
                IndexKind::Time => rules.index_integer(name, &format!("`{field}`, in milliseconds since 1970")),
                IndexKind::Text => rules.index_text(name, &format!("`{field}`")),
            };
        }
        let has = |field: &&&str| self.text.iter().any(|text| **text == ***field);
        let title = ["title", "displayName", "name"].iter().find(has);
        let summary = ["description", "text", "summary"].iter().find(has);
        for field in &self.text {
            rules = rules.text_field(field, if title.is_some_and(|title| **title == **field) { 200 } else { 100 });
        }
        rules = title.map_or(rules.clone(), |title| rules.title(title));
        summary.map_or(rules.clone(), |summary| rules.summary(summary))
    }

    /// The index entries of a valid record.
    pub fn entries(&self, body: &Map) -> Valid {
        let mut valid = Valid::new();
        for Index { name, field, kind } in &self.indexes {
            let items = match body.get(field) {
                None => continue,
                Some(Value::List(items)) => &items[..items.len().min(ITEMS)],
                Some(value) => std::slice::from_ref(value),
            };
            let mut seen = BTreeSet::new();
            for value in items {
                if valid.0.len() >= ENTRIES {
                    return valid;
                }
                valid = match (kind, value) {
                    (IndexKind::Integer, Value::Int(value)) => match i64::try_from(*value) {
                        Ok(value) => valid.integer(name, value),
                        Err(_) => valid,
                    },
                    (IndexKind::Time, Value::Text(text)) => match milliseconds(text) {
                        Some(time) => valid.integer(name, time),
                        None => valid,
                    },
                    (IndexKind::Text, Value::Text(text)) => {
                        let text = &text[..text.floor_char_boundary(INDEXED_BYTES)];
                        if seen.insert(text) { valid.text(name, text) } else { valid }
                    }
                    _ => valid,
                };
            }
        }
        valid
    }

    /// The links that follow from a body, each once. What is of a wrong kind has none.
    pub fn links(&self, body: &Map) -> Vec<Link> {
        let mut links = BTreeSet::new();
        for LinkPlace { relation, path, kind } in &self.links {
            let Some((first, inner)) = path.split_first() else { continue };
            let value = inner.iter().try_fold(body.get(first), |at, key| Some(at?.as_map()?.get(key)));
            let items = match value.flatten() {
                None => continue,
                Some(Value::List(items)) => items,
                Some(value) => std::slice::from_ref(value),
            };
            for target in items.iter().flat_map(|item| kind.targets(item)) {
                if links.len() >= LINKS {
                    return links.into_iter().collect();
                }
                links.insert(Link::new(relation.as_str(), target));
            }
        }
        links.into_iter().collect()
    }

    /// Whether every link under a derived relation follows from the body. Leaving links out
    /// only hides a record from who looks for them; false ones would lead others to it.
    pub fn check_links(&self, links: &[Link], body: &Map) -> Result<(), Reason> {
        let derived = |link: &&Link| self.links.iter().any(|place| place.relation == link.relation);
        let mut given = links.iter().filter(derived).peekable();
        if given.peek().is_none() {
            return Ok(());
        }
        let follow = self.links(body);
        for link in given {
            let Link { relation, target } = link;
            let known = follow.binary_search(link).is_ok();
            ensure!(known, "links-differ", "the link {relation}={target} does not follow from the body: leave it out");
        }
        Ok(())
    }
}

impl LinkKind {
    fn targets(self, value: &Value) -> Vec<String> {
        let name = |text: &str| Some(format!("name:{text}")).filter(|target| target.parse::<Target>().is_ok());
        match (self, value) {
            (Self::Cid, Value::Link(cid)) => vec![cid.to_string()],
            (Self::Name, Value::Text(text)) => name(text).into_iter().collect(),
            (Self::StrongRef, Value::Map(map)) => {
                let text = |key| map.get(key).and_then(Value::as_text);
                let cid = text("cid").and_then(|cid| cid.parse::<atlas_record::id::Cid>().ok());
                cid.map(|cid| cid.to_string()).into_iter().chain(text("uri").and_then(name)).collect()
            }
            _ => Vec::new(),
        }
    }
}

fn index_kind(lexicon: &Lexicon, kind: &Type) -> Option<IndexKind> {
    match kind {
        Type::Integer(_) => Some(IndexKind::Integer),
        Type::Text(text) if text.format == Some(Format::Datetime) => Some(IndexKind::Time),
        Type::Text(text) if is_word(text) => Some(IndexKind::Text),
        Type::List(list) => is_words(lexicon, list).then_some(IndexKind::Text),
        _ => None,
    }
}

/// A string that is one of a few, or names something.
fn is_word(text: &Text) -> bool {
    use Format::{Handle, Language, Nsid, RecordKey, Tid};
    let naming = matches!(text.format, Some(Handle | Language | Nsid | RecordKey | Tid));
    naming || (text.format.is_none() && (text.one_of.is_some() || !text.known.is_empty()))
}

fn is_words(lexicon: &Lexicon, list: &List) -> bool {
    match lexicon.concrete(&list.items) {
        Type::Text(text) => {
            let short = text.graphemes.most.or(text.bytes.most).is_some_and(|most| most <= TAG_CHARACTERS);
            is_word(text) || (text.format.is_none() && short)
        }
        _ => false,
    }
}

/// A string for people to read.
fn is_prose(kind: &Type) -> bool {
    matches!(kind, Type::Text(text) if text.format.is_none())
}

fn link_kind(lexicon: &Lexicon, kind: &Type) -> Option<LinkKind> {
    if let Type::Ref(id) = kind
        && let Definition { name, kind: Type::Object(_), .. } = lexicon.definition(*id)
        && **name == *STRONG_REF
    {
        return Some(LinkKind::StrongRef);
    }
    match lexicon.concrete(kind) {
        Type::Link => Some(LinkKind::Cid),
        Type::Text(text) if matches!(text.format, Some(Format::AtUri | Format::Did | Format::AtIdentifier)) => {
            Some(LinkKind::Name)
        }
        _ => None,
    }
}

/// Whether a key can be a path of its own.
fn is_path(key: &str) -> bool {
    (1..=INDEXED_BYTES).contains(&key.len()) && !key.contains('.')
}

/// `createdAt` as `created-at`; what is neither letter nor digit is a `-` too.
fn kebab(key: &str) -> String {
    let mut name = String::with_capacity(key.len() + 4);
    let mut lower = false;
    for c in key.chars() {
        if c.is_ascii_uppercase() && lower {
            name.push('-');
        }
        lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        name.push(if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' });
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_lower_case_with_words_apart() {
        for (key, name) in [
            ("createdAt", "created-at"),
            ("did", "did"),
            ("messageMeURL", "message-me-url"),
            ("sha256Sum", "sha256-sum"),
            ("a_b", "a-b"),
            ("URL", "url"),
        ] {
            assert_eq!(kebab(key), name);
        }
    }
}
