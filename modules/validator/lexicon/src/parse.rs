//! From the JSON of a definition to its [`Type`]: shapes, bounds that contradict each other,
//! and values that break them. References go to whoever [`Refer`]s.
//!
//! What a definition says beyond the language is left alone, so that later versions of the
//! language can add to it.

use atlas_sdk::{Map, Value};

use crate::check;
use crate::formats::Format;
use crate::place::{Place, ROOT};
use crate::types::{Blob, Bounds, DefinitionId, Integer, List, Object, Property, Text, Type, Union};

/// What is wrong in a definition: `at PLACE: WHY`.
pub type Wrong = String;

/// Follows references.
pub trait Refer {
    /// The definition that `reference` names. `object` asks for one that describes an object,
    /// which is a promise to be kept later: it may not be read yet.
    fn refer(&mut self, reference: &str, object: bool, at: &Place<'_>) -> Result<(Box<str>, DefinitionId), Wrong>;
}

/// Reads one definition.
pub struct Parser<'a, R> {
    /// Where its references go.
    pub refer: &'a mut R,
}

fn wrong<T>(at: &Place<'_>, why: impl std::fmt::Display) -> Result<T, Wrong> {
    Err(format!("at {at}: {why}"))
}

/// The fields of a definition that hold a value of one kind.
struct Fields<'a> {
    map: &'a Map,
    at: &'a Place<'a>,
}

impl<'a> Fields<'a> {
    fn wrong<T>(&self, field: &str, expected: &str) -> Result<T, Wrong> {
        wrong(&self.at.field(field), format_args!("expected {expected}"))
    }

    fn text(&self, field: &str) -> Result<Option<&'a str>, Wrong> {
        match self.map.get(field) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => self.wrong(field, "a string"),
        }
    }

    fn boolean(&self, field: &str) -> Result<Option<bool>, Wrong> {
        match self.map.get(field) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(_) => self.wrong(field, "true or false"),
        }
    }

    fn integer(&self, field: &str) -> Result<Option<i64>, Wrong> {
        match self.map.get(field).map(Value::as_int) {
            None => Ok(None),
            Some(Some(value)) => Ok(Some(value)),
            Some(None) => self.wrong(field, "an integer of 64 bits"),
        }
    }

    fn size(&self, field: &str) -> Result<Option<u64>, Wrong> {
        match self.integer(field)?.map(u64::try_from) {
            None => Ok(None),
            Some(Ok(value)) => Ok(Some(value)),
            Some(Err(_)) => self.wrong(field, "0 or more"),
        }
    }

    fn bounds(&self, least: &str, most: &str) -> Result<Bounds, Wrong> {
        let bounds = Bounds { least: self.size(least)?, most: self.size(most)? };
        match (bounds.least, bounds.most) {
            (Some(from), Some(to)) if from > to => self.wrong(least, &format!("{to} at most, which is `{most}`")),
            _ => Ok(bounds),
        }
    }

    fn texts(&self, field: &str) -> Result<Option<Vec<Box<str>>>, Wrong> {
        let items = match self.map.get(field) {
            None => return Ok(None),
            Some(Value::List(items)) => items,
            Some(_) => return self.wrong(field, "a list of strings"),
        };
        let texts = items.iter().map(|item| item.as_text().map(Box::from)).collect::<Option<Vec<_>>>();
        texts.map_or_else(|| self.wrong(field, "a list of strings"), |texts| Ok(Some(texts)))
    }

    fn about(&self) -> Result<Option<Box<str>>, Wrong> {
        Ok(self.text("description")?.map(Box::from))
    }
}

/// What a definition says of itself.
pub fn about(definition: &Map) -> Result<Option<Box<str>>, Wrong> {
    Fields { map: definition, at: &Place::key(ROOT, "defs") }.about()
}

impl<R: Refer> Parser<'_, R> {
    /// Reads a named definition that describes data.
    pub fn definition(&mut self, definition: &Map, at: &Place<'_>) -> Result<Type, Wrong> {
        match definition.get("type").and_then(Value::as_text) {
            Some("token") => Ok(Type::Token),
            Some("record") => {
                let record = at.field("record");
                match definition.get("record") {
                    Some(Value::Map(object)) if object.get("type").and_then(Value::as_text) == Some("object") => {
                        self.object(object, &record).map(Type::Object)
                    }
                    _ => wrong(&record, "expected an object definition"),
                }
            }
            Some(kind @ ("query" | "procedure" | "subscription" | "permission-set")) => {
                wrong(at, format_args!("a {kind} describes no data, so that nothing can refer to it"))
            }
            _ => self.kind(definition, at),
        }
    }

    /// Reads a definition that may stand inside another.
    fn kind(&mut self, map: &Map, at: &Place<'_>) -> Result<Type, Wrong> {
        let fields = Fields { map, at };
        let Some(kind) = fields.text("type")? else { return wrong(&at.field("type"), "is missing: what is it?") };
        match kind {
            "boolean" => boolean(&fields),
            "integer" => integer(&fields).map(Type::Integer),
            "string" => text(&fields).map(|text| Type::Text(Box::new(text))),
            "bytes" => fields.bounds("minLength", "maxLength").map(Type::Bytes),
            "cid-link" => Ok(Type::Link),
            "blob" => blob(&fields).map(Type::Blob),
            "unknown" => Ok(Type::Unknown),
            "array" => self.list(&fields),
            "object" => self.object(map, at).map(Type::Object),
            "ref" => match fields.text("ref")? {
                Some(reference) => Ok(Type::Ref(self.refer.refer(reference, false, &at.field("ref"))?.1)),
                None => fields.wrong("ref", "a reference"),
            },
            "union" => self.union(&fields),
            other => wrong(at, format_args!("unknown type `{other}`")),
        }
    }

    fn list(&mut self, fields: &Fields<'_>) -> Result<Type, Wrong> {
        let Some(Value::Map(items)) = fields.map.get("items") else { return fields.wrong("items", "a definition") };
        let items = self.kind(items, &fields.at.field("items"))?;
        Ok(Type::List(Box::new(List { items, count: fields.bounds("minLength", "maxLength")? })))
    }

    fn union(&mut self, fields: &Fields<'_>) -> Result<Type, Wrong> {
        let at = fields.at.field("refs");
        let Some(references) = fields.texts("refs")? else { return fields.wrong("refs", "a list of references") };
        let mut variants = Vec::with_capacity(references.len());
        for (i, reference) in references.iter().enumerate() {
            variants.push(self.refer.refer(reference, true, &at.item(i))?);
        }
        variants.sort_unstable();
        variants.dedup();
        let closed = fields.boolean("closed")?.unwrap_or(false);
        if closed && variants.is_empty() {
            return fields.wrong("refs", "one reference or more, because the union is closed");
        }
        Ok(Type::Union(Union { variants, closed }))
    }

    /// Reads an object.
    fn object(&mut self, map: &Map, at: &Place<'_>) -> Result<Object, Wrong> {
        let fields = Fields { map, at };
        let required = fields.texts("required")?.unwrap_or_default();
        let nullable = fields.texts("nullable")?.unwrap_or_default();
        let mut properties = Vec::new();
        let within = at.field("properties");
        match map.get("properties") {
            None => {}
            Some(Value::Map(declared)) => {
                properties.reserve(declared.len());
                for (name, property) in declared.iter() {
                    let at = within.field(name);
                    let Value::Map(property) = property else { return wrong(&at, "expected a definition") };
                    properties.push(Property {
                        name: name.into(),
                        about: Fields { map: property, at: &at }.about()?,
                        kind: self.kind(property, &at)?,
                        required: required.iter().any(|required| &**required == name),
                        nullable: nullable.iter().any(|nullable| &**nullable == name),
                    });
                }
            }
            Some(_) => return wrong(&within, "expected an object of definitions"),
        }
        match required.iter().find(|required| properties.iter().all(|property| property.name != **required)) {
            Some(unknown) => fields.wrong("required", &format!("names of properties, and `{unknown}` is none")),
            None => Ok(Object { properties }),
        }
    }
}

fn boolean(fields: &Fields<'_>) -> Result<Type, Wrong> {
    let constant = fields.boolean("const")?;
    match (constant, fields.boolean("default")?) {
        (Some(constant), Some(default)) if constant != default => {
            fields.wrong("default", &format!("{constant}, which is `const`"))
        }
        _ => Ok(Type::Boolean(constant)),
    }
}

fn integer(fields: &Fields<'_>) -> Result<Integer, Wrong> {
    let mut integer = Integer { least: fields.integer("minimum")?, most: fields.integer("maximum")?, one_of: None };
    if let (Some(least), Some(most)) = (integer.least, integer.most)
        && least > most
    {
        return fields.wrong("minimum", &format!("{most} at most, which is `maximum`"));
    }
    let holds = |integer: &Integer, value: i64, field: &str| {
        let at = fields.at.field(field);
        check::integer(integer, value.into(), &at).map_err(|reason| format!("at {}", reason.text))
    };
    let mut one_of = match fields.map.get("enum") {
        None => None,
        Some(Value::List(items)) => match items.iter().map(Value::as_int).collect::<Option<Vec<_>>>() {
            Some(values) => Some(values),
            None => return fields.wrong("enum", "a list of integers"),
        },
        Some(_) => return fields.wrong("enum", "a list of integers"),
    };
    for value in one_of.iter().flatten() {
        holds(&integer, *value, "enum")?;
    }
    if let Some(one_of) = &mut one_of {
        one_of.sort_unstable();
    }
    integer.one_of = one_of;
    if let Some(constant) = fields.integer("const")? {
        holds(&integer, constant, "const")?;
        integer.one_of = Some(vec![constant]);
    }
    if let Some(default) = fields.integer("default")? {
        holds(&integer, default, "default")?;
    }
    Ok(integer)
}

fn text(fields: &Fields<'_>) -> Result<Text, Wrong> {
    let format = match fields.text("format")? {
        None => None,
        Some(name) => match Format::parse(name) {
            Some(format) => Some(format),
            None => return fields.wrong("format", &format!("one of {}, and `{name}` is none", Format::names())),
        },
    };
    let mut text = Text {
        format,
        bytes: fields.bounds("minLength", "maxLength")?,
        graphemes: fields.bounds("minGraphemes", "maxGraphemes")?,
        one_of: None,
        known: fields.texts("knownValues")?.unwrap_or_default(),
    };
    let holds = |text: &Text, value: &str, field: &str| {
        let at = fields.at.field(field);
        check::text(text, value, &at).map_err(|reason| format!("at {}", reason.text))
    };
    let mut one_of = fields.texts("enum")?;
    for value in one_of.iter().flatten() {
        holds(&text, value, "enum")?;
    }
    if let Some(one_of) = &mut one_of {
        one_of.sort_unstable();
    }
    text.one_of = one_of;
    if let Some(constant) = fields.text("const")? {
        holds(&text, constant, "const")?;
        text.one_of = Some(vec![constant.into()]);
    }
    if let Some(default) = fields.text("default")? {
        holds(&text, default, "default")?;
    }
    Ok(text)
}

fn blob(fields: &Fields<'_>) -> Result<Blob, Wrong> {
    let accept = fields.texts("accept")?;
    if let Some(bad) = accept.iter().flatten().find(|pattern| !check::is_mime_pattern(pattern)) {
        return fields.wrong("accept", &format!("MIME types, as image/png or image/*, and `{bad}` is none"));
    }
    Ok(Blob { accept, most: fields.size("maxSize")? })
}
