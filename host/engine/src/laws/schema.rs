//! Bodies from the JSON Schema that a type declares: mostly ones that fit it.
//!
//! Reads what such schemas are made of (types, `properties`, `required`, `enum`, `const`,
//! lengths, bounds, `items`, `oneOf` and `anyOf`, local `$ref`s) and lets the rest be. What a
//! pattern or a format asks for is guessed from samples, so that a body may not fit: laws hold
//! for those as well.

use atlas_record::Value;
use atlas_record::cbor::Map;
use atlas_record::json::from_json;
use serde_json::{Map as Object, Value as Json, json};

use super::dice::Dice;

/// Levels below which only what has to be there is made.
const DEPTH: usize = 8;
/// Items of a list, at most, whatever the schema allows.
const ITEMS: u64 = 6;
const TEXT: u64 = 40;

/// A body under this schema.
pub(crate) fn body(schema: &Json, dice: &mut Dice) -> Map {
    let made = Maker { root: schema }.make(schema, dice, 0);
    match from_json(&made) {
        Ok(Value::Map(map)) => map,
        _ => Map::new(),
    }
}

struct Maker<'a> {
    root: &'a Json,
}

impl Maker<'_> {
    fn make(&self, schema: &Json, dice: &mut Dice, depth: usize) -> Json {
        if depth > 2 * DEPTH {
            return Json::Null;
        }
        let Some(rules) = schema.as_object() else { return json!({}) };
        if let Some(target) = rules.get("$ref").and_then(Json::as_str) {
            let found = target.strip_prefix('#').and_then(|path| self.root.pointer(path));
            return found.map_or(Json::Null, |found| self.make(found, dice, depth + 1));
        }
        if let Some(constant) = rules.get("const") {
            return constant.clone();
        }
        if let Some(values) = rules.get("enum").and_then(Json::as_array).filter(|values| !values.is_empty()) {
            return dice.one_of(values).clone();
        }
        for choice in ["oneOf", "anyOf"] {
            let ways = rules.get(choice).and_then(Json::as_array).filter(|ways| !ways.is_empty());
            if let Some(ways) = ways {
                return self.either(rules, dice.one_of(ways), dice, depth);
            }
        }
        let kind = match rules.get("type") {
            Some(Json::Array(kinds)) if !kinds.is_empty() => dice.one_of(kinds).as_str().unwrap_or_default(),
            Some(kind) => kind.as_str().unwrap_or_default(),
            None if rules.contains_key("properties") => "object",
            None => "string",
        };
        match kind {
            "object" => self.object(rules, dice, depth),
            "array" => self.array(rules, dice, depth),
            "integer" | "number" => integer(rules, dice),
            "boolean" => Json::Bool(dice.once_in(2)),
            "null" => Json::Null,
            _ => text(rules, dice),
        }
    }

    /// One of several ways, with what holds for all of them.
    fn either(&self, rules: &Object<String, Json>, way: &Json, dice: &mut Dice, depth: usize) -> Json {
        let made = self.make(way, dice, depth + 1);
        if !rules.contains_key("properties") {
            return made;
        }
        let mut all = self.object(rules, dice, depth);
        if let (Json::Object(all), Json::Object(made)) = (&mut all, made) {
            all.extend(made);
        }
        all
    }

    fn object(&self, rules: &Object<String, Json>, dice: &mut Dice, depth: usize) -> Json {
        let required: Vec<&str> = match rules.get("required").and_then(Json::as_array) {
            Some(names) => names.iter().filter_map(Json::as_str).collect(),
            None => vec![],
        };
        let mut made = Object::new();
        for (name, rule) in rules.get("properties").and_then(Json::as_object).into_iter().flatten() {
            let needed = required.contains(&name.as_str());
            if needed || (depth < DEPTH && dice.once_in(2)) {
                let value = if name == "$link" { Json::String(dice.id()) } else { self.make(rule, dice, depth + 1) };
                made.insert(name.clone(), value);
            }
        }
        if let Some(rule @ Json::Object(_)) = rules.get("additionalProperties")
            && depth < DEPTH
        {
            for _ in 0..dice.below(3) {
                let name = *dice.one_of(&["a", "depends", "sha256", "en"]);
                made.insert(name.to_owned(), self.make(rule, dice, depth + 1));
            }
        }
        Json::Object(made)
    }

    fn array(&self, rules: &Object<String, Json>, dice: &mut Dice, depth: usize) -> Json {
        let bound = |name: &str| rules.get(name).and_then(Json::as_u64);
        let least = bound("minItems").unwrap_or(0);
        let most = if depth < DEPTH { bound("maxItems").unwrap_or(ITEMS).min(ITEMS).max(least) } else { least };
        let count = least + dice.number() % (most.min(ITEMS.max(least)) - least + 1);
        let fixed = rules.get("prefixItems").and_then(Json::as_array);
        let anything = json!({ "type": "string" });
        let rule = |at: u64| {
            let fixed = fixed.and_then(|fixed| fixed.get(usize::try_from(at).ok()?));
            fixed.or_else(|| rules.get("items").filter(|items| items.is_object())).unwrap_or(&anything)
        };
        Json::Array((0..count.min(64)).map(|at| self.make(rule(at), dice, depth + 1)).collect())
    }
}

fn integer(rules: &Object<String, Json>, dice: &mut Dice) -> Json {
    let bound = |name: &str| rules.get(name).and_then(Json::as_i64);
    let from = bound("minimum").or_else(|| bound("exclusiveMinimum").map(|least| least.saturating_add(1)));
    let to = bound("maximum").or_else(|| bound("exclusiveMaximum").map(|most| most.saturating_sub(1)));
    let (from, to) = (from.unwrap_or(-10), to.unwrap_or(1_000_000));
    match dice.below(4) {
        0 => json!(from),
        1 => json!(to),
        _ => json!(dice.within(from.min(to), to)),
    }
}

fn text(rules: &Object<String, Json>, dice: &mut Dice) -> Json {
    let samples: &[&str] = match rules.get("format").and_then(Json::as_str) {
        Some("uri") => &["https://example.org/a", "http://a.example/?q=1"],
        Some("date-time") => &["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.678+02:00"],
        _ if rules.contains_key("pattern") => &[
            "a",
            "abc",
            "a-b",
            "1.0.0",
            "en",
            "en-GB",
            "image/png",
            "example:thing",
            "example.thing",
            "open",
            "validator:atlas.post",
            "id",
            "0",
            "a.b.c",
        ],
        _ => &[],
    };
    if !samples.is_empty() {
        return json!(dice.one_of(samples));
    }
    let bound = |name: &str| rules.get(name).and_then(Json::as_u64);
    let least = bound("minLength").unwrap_or(0);
    let most = bound("maxLength").unwrap_or(TEXT).min(TEXT).max(least);
    let count = least + dice.number() % (most - least + 1);
    let letters = ['a', 'b', 'z', ' ', '-', '.', '7', 'é', '漢', '😀'];
    let word = dice.once_in(2);
    let text: String =
        (0..count.min(4096)).map(|_| *dice.one_of(if word { &letters[..3] } else { &letters[..] })).collect();
    json!(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_what_is_required_and_keeps_its_bounds() {
        let schema = json!({
            "type": "object",
            "required": ["title", "n", "tags", "kind", "blob"],
            "properties": {
                "title": { "type": "string", "minLength": 3, "maxLength": 5 },
                "n": { "type": "integer", "minimum": -2, "maximum": 2 },
                "tags": { "type": "array", "minItems": 1, "maxItems": 3, "items": { "$ref": "#/$defs/tag" } },
                "kind": { "enum": ["a", "b"] },
                "blob": { "type": "object", "required": ["$link"], "properties": { "$link": { "type": "string" } } },
                "rest": { "oneOf": [{ "const": 7 }, { "type": "boolean" }] }
            },
            "$defs": { "tag": { "type": "string", "maxLength": 4 } }
        });
        for seed in 0..200 {
            let body = body(&schema, &mut Dice::new(seed));
            let title = body.get("title").and_then(Value::as_text).expect("it is required");
            assert!((3..=5).contains(&title.chars().count()), "{title}");
            assert!((-2..=2).contains(&body.get("n").and_then(Value::as_int).expect("it is required")));
            assert!((1..=3).contains(&body.get("tags").and_then(Value::as_list).expect("it is required").len()));
            assert!(matches!(body.get("blob"), Some(Value::Link(_))));
        }
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let schema = json!({ "type": "object", "required": ["a"], "properties": { "a": { "$ref": "#" } } });
        body(&schema, &mut Dice::new(1));
    }
}
