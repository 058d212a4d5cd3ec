//! A lexicon as JSON Schema (draft 2020-12), for people and tools.
//!
//! JSON Schema counts code points where Lexicon counts bytes and graphemes, so bounds are
//! translated to what both imply: whatever is valid here is valid there, and not always the
//! other way round. Formats keep their names; validators leave those alone that they do not know.

use atlas_sdk::{Map, Value};

use crate::formats::Format;
use crate::types::{Blob, Bounds, Definition, Integer, Lexicon, Object, Text, Type, Union};

/// Most bytes of a schema that a host takes.
const BYTES: usize = 256 << 10;

/// The schema of a type's bodies.
pub fn json_schema(lexicon: &Lexicon) -> String {
    let whole = Writer { lexicon, speaking: true }.schema();
    if whole.len() <= BYTES {
        return whole;
    }
    // Descriptions are most of it.
    let silent = Writer { lexicon, speaking: false }.schema();
    if silent.len() <= BYTES { silent } else { r#"{"type":"object"}"#.to_owned() }
}

struct Writer<'a> {
    lexicon: &'a Lexicon,
    /// Whether descriptions are kept.
    speaking: bool,
}

fn map<const N: usize>(entries: [(&str, Value); N]) -> Map {
    entries.into_iter().collect()
}

fn texts<'a>(texts: impl Iterator<Item = &'a str>) -> Value {
    Value::List(texts.map(Value::from).collect())
}

fn one_of(alternatives: impl IntoIterator<Item = Map>) -> Map {
    map([("anyOf", Value::List(alternatives.into_iter().map(Value::Map).collect()))])
}

fn insert_bounds(schema: &mut Map, least: (&str, Option<u64>), most: (&str, Option<u64>)) {
    for (key, bound) in [least, most] {
        if let Some(bound) = bound {
            schema.insert(key, Value::from(bound));
        }
    }
}

/// Appends the JSON of a value that JSON has a form for.
fn write_json(json: &mut String, value: &Value) {
    let write_text = |json: &mut String, text: &str| {
        json.push('"');
        for c in text.chars() {
            match c {
                '"' | '\\' => json.extend(['\\', c]),
                c if c < ' ' => json.push_str(&format!("\\u{:04x}", u32::from(c))),
                c => json.push(c),
            }
        }
        json.push('"');
    };
    match value {
        Value::Bool(value) => json.push_str(if *value { "true" } else { "false" }),
        Value::Int(value) => json.push_str(&value.to_string()),
        Value::Text(text) => write_text(json, text),
        Value::List(items) => {
            json.push('[');
            for (i, item) in items.iter().enumerate() {
                json.push_str(if i > 0 { "," } else { "" });
                write_json(json, item);
            }
            json.push(']');
        }
        Value::Map(map) => {
            json.push('{');
            for (i, (key, value)) in map.iter().enumerate() {
                json.push_str(if i > 0 { "," } else { "" });
                write_text(json, key);
                json.push(':');
                write_json(json, value);
            }
            json.push('}');
        }
        Value::Null | Value::Float(_) | Value::Bytes(_) | Value::Link(_) => json.push_str("null"),
    }
}

impl Writer<'_> {
    fn schema(&self) -> String {
        let mut definitions = Map::new();
        for definition in self.lexicon.definitions.iter().skip(1) {
            definitions.insert(anchor(&definition.name), Value::Map(self.definition(definition)));
        }
        let mut schema = match self.lexicon.definitions.first() {
            Some(record) => self.definition(record),
            None => Map::new(),
        };
        schema.insert("$schema", Value::from("https://json-schema.org/draft/2020-12/schema"));
        schema.insert("title", Value::from(self.lexicon.id.as_str()));
        if let Some(Value::List(required)) = schema.get("required") {
            let mut required = required.clone();
            required.insert(0, Value::from("$type"));
            schema.insert("required", Value::List(required));
        } else {
            schema.insert("required", texts(["$type"].into_iter()));
        }
        if !definitions.is_empty() {
            schema.insert("$defs", Value::Map(definitions));
        }
        let mut json = String::new();
        write_json(&mut json, &Value::Map(schema));
        json
    }

    fn definition(&self, Definition { name, about, kind }: &Definition) -> Map {
        let mut schema = match kind {
            Type::Token => map([("const", Value::from(&**name))]),
            other => self.kind(other),
        };
        if let (Type::Object(_), Some(Value::Map(properties))) = (kind, schema.remove("properties")) {
            let mut properties = properties;
            properties.insert("$type", Value::Map(map([("const", Value::from(&**name))])));
            schema.insert("properties", Value::Map(properties));
        }
        self.describe(&mut schema, about.as_deref());
        schema
    }

    fn describe(&self, schema: &mut Map, about: Option<&str>) {
        if let Some(about) = about.filter(|_| self.speaking) {
            schema.insert("description", Value::from(about));
        }
    }

    fn kind(&self, kind: &Type) -> Map {
        match kind {
            Type::Boolean(None) => map([("type", "boolean".into())]),
            Type::Boolean(Some(constant)) => map([("const", Value::Bool(*constant))]),
            Type::Integer(rule) => integer(rule),
            Type::Text(rule) => text(rule),
            Type::Bytes(_) => wrapped("$bytes"),
            Type::Link => wrapped("$link"),
            Type::Blob(rule) => blob(rule),
            Type::List(list) => {
                let mut schema = map([("type", "array".into()), ("items", Value::Map(self.kind(&list.items)))]);
                insert_bounds(&mut schema, ("minItems", list.count.least), ("maxItems", list.count.most));
                schema
            }
            Type::Object(object) => self.object(object),
            Type::Token => map([("type", "string".into())]),
            Type::Unknown => map([("type", "object".into())]),
            Type::Ref(id) => reference(&self.lexicon.definition(*id).name),
            Type::Union(union) => self.union(union),
        }
    }

    fn object(&self, object: &Object) -> Map {
        let mut properties = Map::new();
        for property in &object.properties {
            let mut schema = self.kind(&property.kind);
            if property.nullable {
                schema = one_of([schema, map([("type", "null".into())])]);
            }
            self.describe(&mut schema, property.about.as_deref());
            properties.insert(&*property.name, Value::Map(schema));
        }
        let mut schema = map([("type", "object".into()), ("properties", Value::Map(properties))]);
        let required = object.properties.iter().filter(|property| property.required);
        let required: Vec<&str> = required.map(|property| &*property.name).collect();
        if !required.is_empty() {
            schema.insert("required", texts(required.into_iter()));
        }
        schema
    }

    fn union(&self, union: &Union) -> Map {
        let names = || union.variants.iter().map(|(name, _)| &**name);
        let typed = |schema: Map| map([("properties", Value::Map(map([("$type", Value::Map(schema))])))]);
        let mut alternatives: Vec<Map> = union
            .variants
            .iter()
            .map(|(name, _)| {
                let mut schema = reference(name);
                schema
                    .insert("properties", Value::Map(map([("$type", Value::Map(map([("const", (&**name).into())])))])));
                schema
            })
            .collect();
        if !union.closed && !union.variants.is_empty() {
            alternatives.push(map([("not", Value::Map(typed(map([("enum", texts(names()))]))))]));
        }
        let mut schema = if alternatives.is_empty() { Map::new() } else { one_of(alternatives) };
        schema.insert("type", Value::from("object"));
        schema.insert("required", texts(["$type"].into_iter()));
        schema
    }
}

/// A name as a key of `$defs` that a pointer holds without escapes.
fn anchor(name: &str) -> String {
    name.replace('#', ":")
}

fn reference(name: &str) -> Map {
    map([("$ref", Value::from(format!("#/$defs/{}", anchor(name))))])
}

/// An object that stands for a value without a JSON form of its own.
fn wrapped(key: &str) -> Map {
    let properties = map([(key, Value::Map(map([("type", "string".into())])))]);
    map([("type", "object".into()), ("properties", Value::Map(properties)), ("required", texts([key].into_iter()))])
}

fn integer(rule: &Integer) -> Map {
    let mut schema = map([("type", "integer".into())]);
    for (key, bound) in [("minimum", rule.least), ("maximum", rule.most)] {
        if let Some(bound) = bound {
            schema.insert(key, Value::from(bound));
        }
    }
    if let Some(one_of) = &rule.one_of {
        schema.insert("enum", Value::List(one_of.iter().copied().map(Value::from).collect()));
    }
    schema
}

fn text(rule: &Text) -> Map {
    let mut schema = map([("type", "string".into())]);
    // A grapheme is one code point or more, and a code point one to four bytes.
    let tighter = |a: Option<u64>, b: Option<u64>, pick: fn(u64, u64) -> u64| match (a, b) {
        (Some(a), Some(b)) => Some(pick(a, b)),
        (a, b) => a.or(b),
    };
    let Bounds { least, most } = rule.bytes;
    let least = tighter(least.map(|bytes| bytes.div_ceil(4)), rule.graphemes.least, u64::max);
    insert_bounds(&mut schema, ("minLength", least), ("maxLength", most));
    match rule.format {
        Some(Format::Datetime) => drop(schema.insert("format", Value::from("date-time"))),
        Some(format) => drop(schema.insert("format", Value::from(format.name()))),
        None => {}
    }
    if let Some(one_of) = &rule.one_of {
        schema.insert("enum", texts(one_of.iter().map(|one| &**one)));
    }
    if !rule.known.is_empty() {
        schema.insert("examples", texts(rule.known.iter().map(|known| &**known)));
    }
    schema
}

fn blob(rule: &Blob) -> Map {
    let mut size = map([("type", "integer".into()), ("minimum", Value::from(0u64))]);
    insert_bounds(&mut size, ("minimum", Some(0)), ("maximum", rule.most));
    let properties = map([
        ("$type", Value::Map(map([("const", "blob".into())]))),
        ("ref", Value::Map(wrapped("$link"))),
        ("mimeType", Value::Map(map([("type", "string".into())]))),
        ("size", Value::Map(size)),
    ]);
    let required = texts(["$type", "ref", "mimeType", "size"].into_iter());
    map([("type", "object".into()), ("properties", Value::Map(properties)), ("required", required)])
}
