//! Records: bodies from the type's schema, completed as where they are written; then some of
//! their values replaced, taken out or doubled; then bytes that are no body at all.

use atlas_record::Value;
use atlas_record::cbor::{Map, decode, encode_map};

use super::{Kind, Order, fewer_rows, pick, some_entry};
use crate::error::EngineError;
use crate::laws::cases::Case;
use crate::laws::dice::Dice;
use crate::laws::report::CaseResult;
use crate::laws::schema;
use crate::outcome::Outcome;
use crate::validator::{Blob, Candidate, Draft, Entry, KeyRule, Link, Operation, Supplied, Validator};

/// Texts on the edges of grammars.
const TEXTS: [&str; 12] =
    ["", " ", "a", "\0", "\n", "\u{202e}", "\u{10ffff}", "../b", "name:x", "atlas://", "1.0.0", "https://example.org"];

impl Kind for Validator {
    fn made(&self, dice: &mut Dice) -> Candidate {
        let rules = self.rules();
        let body = serde_json::from_str(&rules.schema).ok().map(|schema| schema::body(&schema, dice));
        let body = body.unwrap_or_else(|| small_map(dice));
        let key = match &rules.key {
            KeyRule::None => None,
            KeyRule::Literal(key) => Some(key.clone()),
            KeyRule::Any | KeyRule::Nsid => dice.once_in(2).then(|| "org.example.thing".to_owned()),
            KeyRule::Tid => Some("3jzfcijpj2z2a".to_owned()),
        };
        let mut entry = Entry {
            space: dice.id(),
            type_name: "example.thing".to_owned(),
            author: dice.id(),
            created: 1_700_000_000_000 + dice.number() % 1_000_000_000,
            key,
            operation: Operation::Put,
            links: links(dice),
            blobs: blobs(&body),
            expires: dice.once_in(6).then_some(1_800_000_000_000),
            body: encode_map(&body),
        };
        let draft = Draft { key: entry.key.clone(), links: entry.links.clone(), body: entry.body.clone() };
        if let Some(Ok(Draft { key, links, body })) = self.prepare(&[draft]).pop() {
            (entry.key, entry.links, entry.body) = (key, links, body);
        }
        Candidate { entry, supplied: vec![] }
    }

    fn damaged(candidate: &Candidate, dice: &mut Dice) -> Candidate {
        let mut damaged = candidate.clone();
        let entry = &mut damaged.entry;
        for _ in 0..=dice.below(3) {
            match dice.below(12) {
                0 => entry.body = dice.bytes(64),
                1 => {
                    let cut = dice.below(entry.body.len() + 1);
                    entry.body.truncate(cut);
                }
                2 if !entry.body.is_empty() => {
                    let at = dice.below(entry.body.len());
                    entry.body[at] ^= 1 << dice.below(8);
                }
                3 => entry.key = Some((*dice.one_of(&TEXTS)).to_owned()),
                4 => entry.links.push(Link { relation: "follows".to_owned(), target: dice.one_of(&TEXTS).to_string() }),
                5 => entry.links.clear(),
                6 => entry.operation = Operation::Delete,
                7 => entry.created = dice.lifelike(),
                8 => entry.expires = Some(dice.lifelike()),
                _ => damage_body(entry, dice),
            }
        }
        damaged
    }

    fn smaller(candidate: &Candidate) -> Vec<Candidate> {
        let with = |entry: Entry| Candidate { entry, supplied: candidate.supplied.clone() };
        let entry = &candidate.entry;
        let mut smaller: Vec<Candidate> = fewer_rows(candidate.supplied.len())
            .iter()
            .map(|rows| Candidate { entry: entry.clone(), supplied: pick(&candidate.supplied, rows) })
            .collect();
        smaller.extend(
            fewer_rows(entry.links.len())
                .iter()
                .map(|rows| with(Entry { links: pick(&entry.links, rows), ..entry.clone() })),
        );
        smaller.push(with(Entry { blobs: vec![], ..entry.clone() }));
        smaller.push(with(Entry { expires: None, ..entry.clone() }));
        smaller.push(with(Entry { key: None, ..entry.clone() }));
        match decode(&entry.body) {
            Ok(Value::Map(map)) => smaller.extend(
                smaller_values(&Value::Map(map))
                    .into_iter()
                    .filter_map(|value| Some(with(Entry { body: encode_map(value.as_map()?), ..entry.clone() }))),
            ),
            _ => smaller.extend(
                fewer_rows(entry.body.len())
                    .iter()
                    .map(|rows| with(Entry { body: pick(&entry.body, rows), ..entry.clone() })),
            ),
        }
        smaller
    }

    fn size(candidate: &Candidate) -> usize {
        let Candidate { entry, supplied } = candidate;
        let optional = usize::from(entry.expires.is_some()) + usize::from(entry.key.is_some());
        entry.body.len() + entry.links.len() + entry.blobs.len() + supplied.len() + optional
    }

    fn arranged(_: &Candidate, _: &mut Dice) -> Option<(Candidate, Order)> {
        None
    }

    fn rearranged(outcome: &Outcome, _: &Order) -> Outcome {
        outcome.clone()
    }

    fn supplied_with(candidate: &Candidate, ids: &[String]) -> Option<Candidate> {
        let mut more = candidate.clone();
        let new = ids.iter().filter(|id| !Self::has(candidate, id));
        more.supplied
            .extend(new.map(|id| Supplied { id: id.clone(), entry: some_entry(candidate.entry.author.clone()) }));
        Some(more)
    }

    fn has(candidate: &Candidate, id: &str) -> bool {
        candidate.supplied.iter().any(|supplied| supplied.id == id)
    }

    /// As an author's node does it: completed first, then judged.
    fn try_case(&self, case: &Case) -> Result<(Option<Candidate>, CaseResult), EngineError> {
        let mut candidate = case.candidate()?;
        let draft = {
            let Entry { key, links, body, .. } = candidate.entry.clone();
            Draft { key, links, body }
        };
        let prepared = match candidate.entry.operation {
            Operation::Put => self.prepare(&[draft]).pop(),
            Operation::Delete => None,
        };
        match prepared {
            Some(Err(refusal)) => {
                let found = serde_json::json!({ "invalid": refusal.code(), "text": refusal.to_string() });
                return Ok((Some(candidate), case.compare(found)));
            }
            Some(Ok(Draft { key, links, body })) => {
                (candidate.entry.key, candidate.entry.links, candidate.entry.body) = (key, links, body);
            }
            None => {}
        }
        let found = match self.validate_alone(&candidate).outcome {
            Outcome::Valid(entries) => serde_json::json!({ "valid": entries.iter().map(shown).collect::<Vec<_>>() }),
            Outcome::Invalid(cause) => serde_json::json!({ "invalid": cause.code(), "text": cause.to_string() }),
            Outcome::Needs(ids) => serde_json::json!({ "needs": ids }),
            Outcome::Fault(fault) => serde_json::json!({ "fault": fault.to_string() }),
        };
        Ok((Some(candidate), case.compare(found)))
    }

    /// A validator is asked about anything.
    fn unfit(_: &Candidate) -> Option<String> {
        None
    }

    fn alike(one: &Outcome, other: &Outcome) -> bool {
        match (one, other) {
            (Outcome::Invalid(one), Outcome::Invalid(other)) => one.code() == other.code(),
            _ => one == other,
        }
    }

    fn in_short(outcome: &Outcome) -> String {
        match outcome {
            Outcome::Valid(_) => "valid".to_owned(),
            Outcome::Invalid(cause) => cause.code().to_owned(),
            Outcome::Needs(_) => "needs records".to_owned(),
            Outcome::Fault(_) => "host fault".to_owned(),
        }
    }
}

/// An index entry as cases write it.
fn shown(entry: &crate::validator::IndexEntry) -> serde_json::Value {
    match &entry.value {
        crate::validator::IndexValue::Text(text) => serde_json::json!([entry.name, text]),
        crate::validator::IndexValue::Integer(integer) => serde_json::json!([entry.name, integer]),
    }
}

fn links(dice: &mut Dice) -> Vec<Link> {
    let relations = ["trusts", "labels", "votes-on", "follows", "names", "reply", "about"];
    let mut links = Vec::new();
    for _ in 0..dice.below(3) {
        let id = dice.id();
        let target = if dice.once_in(2) { id } else { format!("id:{id}") };
        links.push(Link { relation: (*dice.one_of(&relations)).to_owned(), target });
    }
    links
}

/// The files that a body names, as its header would carry them.
fn blobs(body: &Map) -> Vec<Blob> {
    fn walk(value: &Value, found: &mut Vec<Blob>) {
        match value {
            Value::Map(map) => {
                let size = map.get("size").and_then(Value::as_int).and_then(|size| u64::try_from(size).ok());
                if let (Some(Value::Link(cid)), Some(size)) = (map.get("ref").or_else(|| map.get("blob")), size) {
                    found.push(Blob { id: cid.to_string(), size });
                }
                map.iter().for_each(|(_, value)| walk(value, found));
            }
            Value::List(list) => list.iter().for_each(|value| walk(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    body.iter().for_each(|(_, value)| walk(value, &mut found));
    found
}

fn small_map(dice: &mut Dice) -> Map {
    let mut map = Map::new();
    for _ in 0..dice.below(6) {
        map.insert(*dice.one_of(&["text", "title", "name", "n", "tags", "extra"]), value(dice, 2));
    }
    map
}

fn value(dice: &mut Dice, depth: usize) -> Value {
    match dice.below(if depth == 0 { 6 } else { 8 }) {
        0 => Value::Null,
        1 => Value::Bool(dice.once_in(2)),
        2 => Value::Int(dice.lifelike().into()),
        3 => Value::Int(-i128::from(dice.lifelike())),
        4 => Value::Text((*dice.one_of(&TEXTS)).to_owned()),
        5 => Value::Bytes(dice.bytes(8)),
        6 => Value::List((0..dice.below(4)).map(|_| value(dice, depth - 1)).collect()),
        _ => {
            let mut map = Map::new();
            map.insert(*dice.one_of(&TEXTS), value(dice, depth - 1));
            Value::Map(map)
        }
    }
}

fn damage_body(entry: &mut Entry, dice: &mut Dice) {
    let Ok(Value::Map(mut map)) = decode(&entry.body) else { return };
    let keys: Vec<String> = map.iter().map(|(key, _)| key.to_owned()).collect();
    if keys.is_empty() || dice.once_in(5) {
        map.insert(*dice.one_of(&TEXTS), value(dice, 2));
    } else {
        let key = dice.one_of(&keys).clone();
        let old = map.remove(&key);
        match (dice.below(4), old) {
            (0, _) => {}
            (1, Some(Value::List(list))) => {
                let doubled = list.iter().chain(&list).cloned().collect();
                map.insert(key, Value::List(doubled));
            }
            (1 | 2, Some(Value::Text(text))) => {
                map.insert(key, Value::Text(text.repeat(40)));
            }
            _ => {
                map.insert(key, value(dice, 3));
            }
        }
    }
    // What no writer could encode is no body either.
    if Value::Map(map.clone()).check().is_ok() {
        entry.body = encode_map(&map);
    }
}

/// Values that hold less: without a part, or with a part that holds less.
fn smaller_values(value: &Value) -> Vec<Value> {
    match value {
        Value::Map(map) => {
            let mut smaller = Vec::new();
            for (key, inner) in map.iter() {
                let mut without = map.clone();
                without.remove(key);
                smaller.push(Value::Map(without.clone()));
                smaller.extend(smaller_values(inner).into_iter().map(|inner| {
                    let mut with = without.clone();
                    with.insert(key, inner);
                    Value::Map(with)
                }));
            }
            smaller
        }
        Value::List(list) => {
            let mut smaller: Vec<Value> =
                fewer_rows(list.len()).iter().map(|rows| Value::List(pick(list, rows))).collect();
            for (at, inner) in list.iter().enumerate() {
                smaller.extend(smaller_values(inner).into_iter().map(|inner| {
                    let mut with = list.clone();
                    with[at] = inner;
                    Value::List(with)
                }));
            }
            smaller
        }
        Value::Text(text) if !text.is_empty() => {
            let half = text.floor_char_boundary(text.len() / 2);
            let most = text.char_indices().next_back().map_or(0, |(at, _)| at);
            vec![Value::Text(String::new()), Value::Text(text[..half].to_owned()), Value::Text(text[..most].to_owned())]
        }
        Value::Bytes(bytes) if !bytes.is_empty() => vec![Value::Bytes(vec![]), Value::Bytes(bytes[1..].to_vec())],
        Value::Int(int) if *int != 0 => vec![Value::Int(0), Value::Int(int / 2)],
        _ => vec![],
    }
}
