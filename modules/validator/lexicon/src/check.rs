//! Judging values against types.
//!
//! A reason starts with the place of what is wrong, as a JSON Pointer, and says what was
//! expected and what was found: `/text: expected a string, found an integer`. Data is never
//! nested deeper than 32 levels and every level of a type takes one of the data, so recursive
//! types end with the data.

use atlas_sdk::{Map, Reason, Value, ensure, invalid, reason};
use unicode_segmentation::UnicodeSegmentation;

use crate::place::{Place, ROOT};
use crate::types::{
    Blob, Bounds, Definition, DefinitionId, Integer, Lexicon, List, Object, Text, Type, Union, plain_type,
};

/// Values named in a message.
const NAMED: usize = 10;
/// The codec of bytes that are nothing but bytes.
const RAW_V1: &[u8] = &[1, 0x55];

/// Judges the body of a record.
pub fn record(lexicon: &Lexicon, body: &Map) -> Result<(), Reason> {
    let at = Place::key(ROOT, "$type");
    match body.get("$type") {
        Some(Value::Text(found)) if *found == lexicon.id => {}
        Some(Value::Text(found)) => invalid!("wrong-type", "{at}: expected `{}`, found `{}`", lexicon.id, cut(found)),
        Some(other) => invalid!("wrong-kind", "{at}: expected a string, found {}", found(other)),
        None => invalid!("missing-field", "{at}: is missing: expected `{}`", lexicon.id),
    }
    let checker = Checker { lexicon };
    checker.object(lexicon.record(), body, ROOT)?;
    body.iter().try_for_each(|(key, value)| plain(value, &Place::key(ROOT, key)))
}

struct Checker<'a> {
    lexicon: &'a Lexicon,
}

impl Checker<'_> {
    fn value(&self, kind: &Type, value: &Value, at: &Place<'_>) -> Result<(), Reason> {
        match (kind, value) {
            (Type::Text(rule), Value::Text(value)) => text(rule, value, at),
            (Type::Integer(rule), Value::Int(value)) => integer(rule, *value, at),
            (Type::Boolean(constant), Value::Bool(value)) => match constant {
                Some(constant) if constant != value => {
                    Err(reason!("not-one-of", "{at}: expected {constant}, found {value}"))
                }
                _ => Ok(()),
            },
            (Type::Ref(id), value) => self.named(*id, value, at),
            (Type::Object(rule), Value::Map(map)) if !is_blob(map) => self.object(rule, map, Some(at)),
            (Type::List(rule), Value::List(items)) => self.list(rule, items, at),
            (Type::Union(rule), Value::Map(map)) => self.union(rule, map, at),
            (Type::Blob(rule), Value::Map(map)) => blob(rule, map, at),
            (Type::Bytes(bounds), Value::Bytes(bytes)) => length(bounds, bytes.len(), "bytes", at),
            (Type::Link, Value::Link(_)) => Ok(()),
            (Type::Unknown, Value::Map(map)) if !is_blob(map) => Ok(()),
            (kind, value) => {
                Err(reason!("wrong-kind", "{at}: expected {}, found {}", self.expected(kind), found(value)))
            }
        }
    }

    /// What another definition describes. An object may say its name, and then says the right one.
    fn named(&self, id: DefinitionId, value: &Value, at: &Place<'_>) -> Result<(), Reason> {
        let Definition { name, kind, .. } = self.lexicon.definition(id);
        match (kind, value) {
            (Type::Token, Value::Text(text)) => {
                ensure!(**text == **name, "not-one-of", "{at}: expected the token `{name}`, found `{}`", cut(text));
                Ok(())
            }
            (Type::Token, other) => {
                Err(reason!("wrong-kind", "{at}: expected the token `{name}`, found {}", found(other)))
            }
            (Type::Object(object), Value::Map(map)) if !is_blob(map) => {
                match map.get("$type") {
                    None => {}
                    Some(Value::Text(text)) if plain_type(text) == &**name => {}
                    Some(Value::Text(text)) => {
                        invalid!("wrong-type", "{at}/$type: expected `{name}` or nothing, found `{}`", cut(text))
                    }
                    Some(other) => invalid!("wrong-kind", "{at}/$type: expected a string, found {}", found(other)),
                }
                self.object(object, map, Some(at))
            }
            _ => self.value(kind, value, at),
        }
    }

    fn object(&self, rule: &Object, map: &Map, at: Option<&Place<'_>>) -> Result<(), Reason> {
        for property in &rule.properties {
            let here = Place::key(at, &property.name);
            match map.get(&property.name) {
                Some(Value::Null) if property.nullable => {}
                Some(value) => self.value(&property.kind, value, &here)?,
                None if property.required => {
                    invalid!("missing-field", "{here}: is missing: expected {}", self.expected(&property.kind))
                }
                None => {}
            }
        }
        Ok(())
    }

    fn list(&self, rule: &List, items: &[Value], at: &Place<'_>) -> Result<(), Reason> {
        let (count, bounds) = (items.len() as u64, &rule.count);
        if !bounds.hold(count) {
            let code = if bounds.most.is_some_and(|most| count > most) { "too-many" } else { "too-few" };
            invalid!(code, "{at}: expected {bounds} items, found {count}");
        }
        items.iter().enumerate().try_for_each(|(i, item)| self.value(&rule.items, item, &at.item(i)))
    }

    fn union(&self, rule: &Union, map: &Map, at: &Place<'_>) -> Result<(), Reason> {
        let name = match map.get("$type") {
            Some(Value::Text(name)) => plain_type(name),
            Some(other) => invalid!("wrong-kind", "{at}/$type: expected a string, found {}", found(other)),
            None => invalid!(
                "missing-field",
                "{at}/$type: is missing: a union says by it what it holds; {}",
                self.variants(rule)
            ),
        };
        match rule.variants.binary_search_by(|(variant, _)| (**variant).cmp(name)) {
            Ok(found) => match &self.lexicon.definition(rule.variants[found].1).kind {
                Type::Object(object) => self.object(object, map, Some(at)),
                _ => Ok(()),
            },
            Err(_) if rule.closed => {
                Err(reason!("not-one-of", "{at}/$type: {}, found `{}`", self.variants(rule), cut(name)))
            }
            Err(_) => Ok(()),
        }
    }

    fn variants(&self, rule: &Union) -> String {
        let names = some(rule.variants.iter().map(|(name, _)| &**name));
        match (rule.closed, names.is_empty()) {
            (_, true) => "expected the name of a type".to_owned(),
            (true, _) => format!("expected one of {names}"),
            (false, _) => format!("expected one of {names}, or another type"),
        }
    }

    /// What a type asks for, in words.
    fn expected(&self, kind: &Type) -> String {
        match kind {
            Type::Boolean(_) => "a boolean".to_owned(),
            Type::Integer(_) => "an integer".to_owned(),
            Type::Text(_) => "a string".to_owned(),
            Type::Bytes(_) => "bytes".to_owned(),
            Type::Link => "a link".to_owned(),
            Type::Blob(_) => "a blob".to_owned(),
            Type::List(_) => "an array".to_owned(),
            Type::Object(_) | Type::Unknown => "an object".to_owned(),
            Type::Union(_) => "an object with a `$type`".to_owned(),
            Type::Token => "a token".to_owned(),
            Type::Ref(id) => match self.lexicon.definition(*id) {
                Definition { kind: Type::Token, name, .. } => format!("the token `{name}`"),
                definition => self.expected(&definition.kind),
            },
        }
    }
}

/// Judges a whole number.
pub fn integer(rule: &Integer, value: i128, at: &Place<'_>) -> Result<(), Reason> {
    let (Ok(value), Integer { least, most, one_of }) = (i64::try_from(value), rule) else {
        return Err(reason!("out-of-range", "{at}: expected an integer of 64 bits with sign, found {value}"));
    };
    if let Some(one_of) = one_of {
        let named = || some(one_of.iter());
        ensure!(one_of.binary_search(&value).is_ok(), "not-one-of", "{at}: expected {}, found {value}", named());
    }
    if let Some(least) = least {
        ensure!(value >= *least, "out-of-range", "{at}: expected at least {least}, found {value}");
    }
    if let Some(most) = most {
        ensure!(value <= *most, "out-of-range", "{at}: expected at most {most}, found {value}");
    }
    Ok(())
}

/// Judges a text.
pub fn text(rule: &Text, value: &str, at: &Place<'_>) -> Result<(), Reason> {
    if let Some(one_of) = &rule.one_of {
        let fits = one_of.binary_search_by(|one| (**one).cmp(value)).is_ok();
        ensure!(fits, "not-one-of", "{at}: expected {}, found `{}`", some(one_of.iter()), cut(value));
    }
    length(&rule.bytes, value.len(), "bytes", at)?;
    let Bounds { least, most } = rule.graphemes;
    // A grapheme is a byte at least, so that most texts need not be taken apart.
    let within = most.is_none_or(|most| value.len() as u64 <= most);
    if least.is_some() || !within {
        length(&rule.graphemes, graphemes(value), "characters", at)?;
    }
    match rule.format {
        Some(format) if !format.holds(value) => {
            Err(reason!("wrong-format", "{at}: expected {}, found `{}`", format.expected(), cut(value)))
        }
        _ => Ok(()),
    }
}

/// Extended grapheme clusters of a text, UAX #29.
fn graphemes(text: &str) -> usize {
    if text.is_ascii() {
        // The only cluster of several characters in ASCII.
        return text.len() - text.matches("\r\n").count();
    }
    text.graphemes(true).count()
}

fn length(bounds: &Bounds, found: usize, unit: &str, at: &Place<'_>) -> Result<(), Reason> {
    let found = found as u64;
    if bounds.hold(found) {
        return Ok(());
    }
    let code = if bounds.most.is_some_and(|most| found > most) { "too-long" } else { "too-short" };
    Err(reason!(code, "{at}: expected {bounds} {unit}, found {found}"))
}

fn is_blob(map: &Map) -> bool {
    matches!(map.get("$type"), Some(Value::Text(name)) if name == "blob")
}

fn blob(rule: &Blob, map: &Map, at: &Place<'_>) -> Result<(), Reason> {
    ensure!(is_blob(map), "wrong-kind", "{at}: expected a blob, found an object without `\"$type\": \"blob\"`");
    let (mime, size) = blob_parts(map, at)?;
    if let Some(accept) = &rule.accept {
        let fits = accept.iter().any(|pattern| accepts(pattern, mime));
        ensure!(fits, "not-accepted", "{at}/mimeType: expected {}, found `{}`", some(accept.iter()), cut(mime));
    }
    if let Some(most) = rule.most {
        ensure!(size <= most, "too-large", "{at}/size: expected at most {most} bytes, found {size}");
    }
    Ok(())
}

/// MIME type and size of what says that it is a blob: a link to raw bytes, and these two.
fn blob_parts<'a>(map: &'a Map, at: &Place<'_>) -> Result<(&'a str, u64), Reason> {
    match map.get("ref") {
        Some(Value::Link(cid)) if cid.as_bytes().starts_with(RAW_V1) => {}
        Some(Value::Link(cid)) => invalid!("wrong-kind", "{at}/ref: expected a CIDv1 of raw bytes, found {cid}"),
        other => invalid!("wrong-kind", "{at}/ref: expected a link, found {}", other.map_or("nothing", found)),
    }
    let mime = match map.get("mimeType") {
        Some(Value::Text(mime)) if mime.contains('/') => mime,
        Some(Value::Text(mime)) => {
            invalid!("wrong-format", "{at}/mimeType: expected a MIME type, found `{}`", cut(mime))
        }
        other => invalid!("wrong-kind", "{at}/mimeType: expected a string, found {}", other.map_or("nothing", found)),
    };
    let size = match map.get("size") {
        Some(Value::Int(size)) => match u64::try_from(*size) {
            Ok(size) => size,
            Err(_) => invalid!("out-of-range", "{at}/size: expected at least 0, found {size}"),
        },
        other => invalid!("wrong-kind", "{at}/size: expected an integer, found {}", other.map_or("nothing", found)),
    };
    match map.iter().find(|(key, _)| !matches!(*key, "$type" | "ref" | "mimeType" | "size")) {
        Some((key, _)) => Err(reason!("unknown-field", "{}: a blob has no such field", at.field(key))),
        None => Ok((mime, size)),
    }
}

/// Whether a text is a MIME type in which `*` stands for anything behind the `/`, or for all.
pub fn is_mime_pattern(pattern: &str) -> bool {
    let legal = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_graphic() && b != b'*' && b != b'/');
    match pattern.split_once('/') {
        Some((class, kind)) => (legal(class) && (legal(kind) || kind == "*")) || pattern == "*/*",
        None => false,
    }
}

fn accepts(pattern: &str, mime: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some("*/") => true,
        // The class and its `/`.
        Some(class) => mime.get(..class.len()).is_some_and(|start| start.eq_ignore_ascii_case(class)),
        None => pattern.eq_ignore_ascii_case(mime),
    }
}

/// Judges what holds of all data of the AT Protocol, declared or not: no floats, integers of 64
/// bits, a `$type` that is one, and blobs that are whole.
fn plain(value: &Value, at: &Place<'_>) -> Result<(), Reason> {
    match value {
        Value::Float(_) => Err(reason!("wrong-kind", "{at}: is a float, which AT Protocol data never holds")),
        Value::Int(value) => integer(&Integer::default(), *value, at),
        Value::List(items) => items.iter().enumerate().try_for_each(|(i, item)| plain(item, &at.item(i))),
        Value::Map(map) => {
            match map.get("$type") {
                None => {}
                Some(Value::Text(name)) if name == "blob" => drop(blob_parts(map, at)?),
                Some(Value::Text(name)) if !name.is_empty() => {}
                Some(_) => invalid!("wrong-type", "{at}/$type: expected the name of a type"),
            }
            for reserved in ["$link", "$bytes"] {
                ensure!(map.get(reserved).is_none(), "unknown-field", "{at}/{reserved}: stands alone in its object");
            }
            map.iter().try_for_each(|(key, value)| plain(value, &at.field(key)))
        }
        Value::Null | Value::Bool(_) | Value::Text(_) | Value::Bytes(_) | Value::Link(_) => Ok(()),
    }
}

/// What a value is, in the words of the AT Protocol.
fn found(value: &Value) -> &'static str {
    match value {
        Value::Text(_) => "a string",
        Value::List(_) => "an array",
        Value::Map(map) if is_blob(map) => "a blob",
        Value::Map(_) => "an object",
        other => other.kind(),
    }
}

/// The first few of several values, for a message.
fn some<T: std::fmt::Display>(mut values: impl ExactSizeIterator<Item = T>) -> String {
    let named: Vec<String> = values.by_ref().take(NAMED).map(|value| format!("`{value}`")).collect();
    let rest = values.len();
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    match &named[..] {
        [one] => one.clone(),
        several => format!("{}{more}", several.join(", ")),
    }
}

/// At most 100 bytes of a text, for a message.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(100)]
}
