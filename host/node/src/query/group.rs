//! Counting: all records of an answer, or those under each value of a field.

use std::collections::BTreeMap;
use std::time::Instant;

use atlas_record::{Value, cbor::Map};
use atlas_store::{IndexValue, StoreError, StoredRecord, Tally};
use data_encoding::BASE64URL_NOPAD;
use serde::{Serialize, Serializer};

use super::source::{Source, is_answered_by_index};
use super::{Asked, End, Query};
use crate::error::NodeError;
use crate::node::Node;

/// Numbers that are taken from an index at once.
const PAGE: usize = 1024;
/// Groups of one answer.
pub const MOST_GROUPS: usize = 1000;
/// Rows between two looks at the clock.
const ROWS_PER_LOOK: u64 = 1024;
/// Index rows that one walk counts.
const MOST_TALLIED: u64 = 2_000_000;

/// How many records answer a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// How many, up to where the answer ends.
    pub count: u64,
    /// Why and where it ends.
    pub end: End,
}

/// What the records of a group have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupValue {
    /// `false` or `true`.
    Bool(bool),
    /// An integer.
    Integer(i128),
    /// Text.
    Text(Box<str>),
}

impl Serialize for GroupValue {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            GroupValue::Bool(bool) => s.serialize_bool(*bool),
            GroupValue::Integer(integer) => s.serialize_i128(*integer),
            GroupValue::Text(text) => s.serialize_str(text),
        }
    }
}

impl From<&IndexValue> for GroupValue {
    fn from(value: &IndexValue) -> Self {
        match value {
            IndexValue::Text(text) => Self::Text(text.clone()),
            IndexValue::Integer(integer) => Self::Integer((*integer).into()),
        }
    }
}

/// How many records stand under each value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grouped {
    /// Values in their order, with their counts up to where the answer ends.
    pub groups: Vec<(GroupValue, u64)>,
    /// Why and where it ends.
    pub end: End,
}

/// Where the values of a field come from.
enum Field<'a> {
    /// The entries of a declared index.
    Index(&'a str),
    /// The body.
    Body(&'a str),
}

impl Node {
    /// Counts the records that answer a query, within its budget.
    pub fn count(&self, query: &Query) -> Result<Counted, NodeError> {
        let started = Instant::now();
        let asked = self.asked(query)?;
        let by_index = is_answered_by_index(&asked);
        let timeless = query.since.is_none() && query.until.is_none() && query.cursor.is_none();
        if by_index && timeless && asked.indexed.is_empty() && query.link.is_none() && query.author.is_none() {
            let summary = self.store().set_summary(&query.space.id, query.type_name.as_ref())?;
            let end = End { watermark: summary.watermark, ..End::default() };
            return Ok(Counted { count: summary.counts.visible, end });
        }
        let mut source = Source::open(self, &asked, PAGE, started)?;
        let mut count = 0;
        while !source.is_spent() {
            let numbers = source.next(self, PAGE)?;
            if numbers.is_empty() {
                break;
            }
            count += if by_index { numbers.len() } else { self.load(&asked, numbers)?.len() } as u64;
        }
        Ok(Counted { count, end: source.end() })
    }

    /// Counts the records that answer a query under each value of a field, within its budget: a
    /// declared index of its type, or otherwise a path in the body.
    pub fn group(&self, query: &Query, field: &str) -> Result<Grouped, NodeError> {
        if field.is_empty() || field.split('.').any(str::is_empty) {
            return Err(NodeError::Misuse(format!("`{field}` is no field to group by: write a path, as section")));
        }
        let started = Instant::now();
        let asked = self.asked(query)?;
        let is_index = match &query.type_name {
            None => false,
            Some(type_name) => {
                let validator = self.modules().validator(query.space.binding(type_name)?)?;
                validator.rules().indexes.iter().any(|index| index.name == field)
            }
        };
        let all = asked.indexed.is_empty() && query.link.is_none() && query.author.is_none() && query.text.is_none();
        match &query.type_name {
            Some(type_name) if is_index && all => {
                let tally = Tally {
                    space: query.space.id,
                    type_name: type_name.clone(),
                    index: field.into(),
                    since: query.since.unwrap_or(0),
                    until: query.until.unwrap_or(u64::MAX),
                    after: query.cursor.as_deref().map(|cursor| tally_place(query, field, cursor)).transpose()?,
                    most_values: MOST_GROUPS,
                };
                self.tally(query, field, &tally, started)
            }
            _ => {
                let field = if is_index { Field::Index(field) } else { Field::Body(field) };
                self.group_records(&asked, &field, started)
            }
        }
    }

    fn tally(&self, query: &Query, field: &str, tally: &Tally, started: Instant) -> Result<Grouped, NodeError> {
        let mut end = End { watermark: self.store().watermark(), ..End::default() };
        let tallied = self.store().tally(tally, |rows| {
            if rows >= MOST_TALLIED {
                end.cut = Some("rows");
            } else if rows.is_multiple_of(ROWS_PER_LOOK) && started.elapsed() > query.budget {
                end.cut = Some("time");
            }
            end.cut.is_none()
        })?;
        end.cursor = tallied.next.map(|next| tally_cursor(query, field, &next));
        let groups = tallied.values.iter().map(|(value, count)| (value.into(), *count)).collect();
        Ok(Grouped { groups, end })
    }

    fn group_records(&self, asked: &Asked<'_>, field: &Field<'_>, started: Instant) -> Result<Grouped, NodeError> {
        let mut source = Source::open(self, asked, PAGE, started)?;
        let mut groups: BTreeMap<GroupValue, u64> = BTreeMap::new();
        let mut is_full = false;
        while !source.is_spent() && !is_full {
            let numbers = source.next(self, 64)?;
            if numbers.is_empty() {
                break;
            }
            for stored in self.load(asked, numbers)? {
                field.values(&stored, &mut |value| *groups.entry(value).or_default() += 1);
            }
            // Each record has few values, so this goes over by a page at most.
            is_full = groups.len() >= MOST_GROUPS;
        }
        let mut end = source.end();
        if is_full && end.cursor.is_some() {
            end.cut = end.cut.or(Some("groups"));
        }
        Ok(Grouped { groups: groups.into_iter().collect(), end })
    }
}

impl Field<'_> {
    /// The values of a record, each once.
    fn values(&self, stored: &StoredRecord, each: &mut dyn FnMut(GroupValue)) {
        let mut found = Vec::new();
        match self {
            Field::Index(name) => {
                found.extend(stored.entries().iter().filter(|entry| *entry.name == **name).map(|e| (&e.value).into()));
            }
            Field::Body(path) => {
                if let Some(payload) = stored.record.payload() {
                    values_at(&payload.body.to_map(), path, &mut found);
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        found.into_iter().for_each(each);
    }
}

fn values_at(body: &Map, path: &str, found: &mut Vec<GroupValue>) {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    if let Some(value) = body.get(first) {
        collect(value, rest, found);
    }
}

fn collect(value: &Value, path: Option<&str>, found: &mut Vec<GroupValue>) {
    match (value, path) {
        (Value::Bool(bool), None) => found.push(GroupValue::Bool(*bool)),
        (Value::Int(integer), None) => found.push(GroupValue::Integer(*integer)),
        (Value::Text(text), None) => found.push(GroupValue::Text(text.as_str().into())),
        (Value::List(list), _) => list.iter().for_each(|item| collect(item, path, found)),
        (Value::Map(map), Some(path)) => values_at(map, path, found),
        _ => {}
    }
}

/// Identifies a walk over an index.
fn fingerprint(query: &Query, field: &str) -> [u8; 8] {
    let question = format!("{:?}", (query.space.id, &query.type_name, field));
    blake3::hash(question.as_bytes()).as_bytes()[..8].try_into().expect("8 of 32 bytes")
}

fn tally_cursor(query: &Query, field: &str, place: &[u8]) -> String {
    BASE64URL_NOPAD.encode(&[&fingerprint(query, field)[..], place].concat())
}

fn tally_place(query: &Query, field: &str, cursor: &str) -> Result<Vec<u8>, NodeError> {
    let bytes = BASE64URL_NOPAD.decode(cursor.as_bytes()).map_err(|_| StoreError::BadCursor)?;
    match bytes.split_first_chunk::<8>() {
        Some((of, place)) if *of == fingerprint(query, field) => Ok(place.to_vec()),
        Some(_) => Err(StoreError::ForeignCursor.into()),
        None => Err(StoreError::BadCursor.into()),
    }
}
