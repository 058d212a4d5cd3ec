//! What the index holds of a record: its words by weight, and what queries filter by.

use atlas_engine::validator::TextField;
use atlas_record::cbor::Map;
use atlas_record::{IdentityId, SpaceId, TypeName, Value};
use atlas_store::StoredRecord;
use tantivy::TantivyDocument;
use tantivy::Term;
use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, NumericOptions, Schema as TantivySchema, TextFieldIndexing, TextOptions,
};

/// The name of the analyzer that [`super::words`] is registered under.
pub const ANALYZER: &str = "words";

/// Weights that are told apart, each as the highest weight of its class and how much a word
/// in it counts. A type's ordinary weight is 100.
const CLASSES: [(u32, f32); 5] = [(50, 0.5), (100, 1.0), (200, 2.0), (400, 4.0), (u32::MAX, 8.0)];

/// The fields of the index.
#[derive(Debug, Clone)]
pub struct Schema {
    /// All of it, for the index.
    pub schema: TantivySchema,
    /// The record's number.
    pub n: Field,
    /// The author's own time.
    pub created: Field,
    space: Field,
    type_name: Field,
    author: Field,
    /// Words, by weight, with how much each counts.
    pub words: Vec<(Field, f32)>,
}

/// The name of the field with the record's number.
pub const N: &str = "n";
/// The name of the field with the author's own time.
pub const CREATED: &str = "created";

impl Default for Schema {
    /// The fields of this version.
    fn default() -> Self {
        let mut builder = TantivySchema::builder();
        let number: NumericOptions = (FAST | INDEXED).into();
        let n = builder.add_u64_field(N, number);
        let created = builder.add_u64_field(CREATED, FAST);
        let filter = TextFieldIndexing::default()
            .set_tokenizer("raw")
            .set_index_option(IndexRecordOption::Basic)
            .set_fieldnorms(false);
        let filter = TextOptions::default().set_indexing_options(filter);
        let words = TextFieldIndexing::default()
            .set_tokenizer(ANALYZER)
            .set_index_option(IndexRecordOption::WithFreqsAndPositions);
        let words = TextOptions::default().set_indexing_options(words);
        let [space, type_name, author] =
            ["space", "type", "author"].map(|name| builder.add_text_field(name, filter.clone()));
        let words = CLASSES
            .iter()
            .enumerate()
            .map(|(i, (_, counts))| (builder.add_text_field(&format!("words{i}"), words.clone()), *counts))
            .collect();
        Self { schema: builder.build(), n, created, space, type_name, author, words }
    }
}

impl Schema {
    /// The term that a record is found and removed by.
    pub fn number(&self, n: u64) -> Term {
        Term::from_field_u64(self.n, n)
    }

    /// The term of a space.
    pub fn space(&self, space: &SpaceId) -> Term {
        Term::from_field_text(self.space, &hex(&space.0))
    }

    /// The term of a type.
    pub fn type_name(&self, type_name: &TypeName) -> Term {
        Term::from_field_text(self.type_name, type_name.as_str())
    }

    /// The term of an author.
    pub fn author(&self, author: &IdentityId) -> Term {
        Term::from_field_text(self.author, &hex(&author.0))
    }

    fn field_of(&self, weight: u32) -> Field {
        let class = CLASSES.iter().position(|(most, _)| weight <= *most).unwrap_or(CLASSES.len() - 1);
        self.words[class].0
    }

    /// What the index holds of a record; nothing if it has no text.
    pub fn document(&self, stored: &StoredRecord, fields: &[TextField]) -> Option<TantivyDocument> {
        let payload = stored.record.payload()?;
        let body = if fields.is_empty() { return None } else { payload.body.to_map() };
        let header = stored.record.header();
        let mut document = TantivyDocument::new();
        let mut is_empty = true;
        for field in fields {
            for text in texts_at(&body, &field.path) {
                document.add_text(self.field_of(field.weight), text);
                is_empty = false;
            }
        }
        if is_empty {
            return None;
        }
        document.add_u64(self.n, stored.n);
        document.add_u64(self.created, header.created);
        document.add_text(self.space, hex(&header.space.0));
        document.add_text(self.type_name, header.type_name.as_str());
        document.add_text(self.author, hex(&header.author.0));
        Some(document)
    }
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

/// The texts at a path of a body, `.` between its segments; in lists, of each element.
pub fn texts_at<'a>(body: &'a Map, path: &str) -> Vec<&'a str> {
    let mut found = Vec::new();
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    if let Some(value) = body.get(first) {
        collect(value, rest, &mut found);
    }
    found
}

fn collect<'a>(value: &'a Value, path: Option<&str>, found: &mut Vec<&'a str>) {
    match (value, path) {
        (Value::Text(text), None) => found.push(text),
        (Value::List(list), _) => list.iter().for_each(|item| collect(item, path, found)),
        (Value::Map(map), Some(path)) => found.extend(texts_at(map, path)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_at_paths_and_in_lists() {
        let json = r#"{"a":"one","b":{"c":"two","d":[{"e":"three"},{"e":["four",5]},"six"]},"n":7}"#;
        let Value::Map(body) = atlas_record::json::parse_json(json).unwrap() else { panic!("a map") };
        for (path, expected) in [
            ("a", &["one"][..]),
            ("b.c", &["two"]),
            ("b.d.e", &["three", "four"]),
            ("b.d", &["six"]),
            ("n", &[]),
            ("a.b", &[]),
            ("x", &[]),
        ] {
            assert_eq!(texts_at(&body, path), expected, "{path}");
        }
    }

    #[test]
    fn heavier_fields_count_more() {
        let schema = Schema::default();
        let counts = |weight| {
            let field = schema.field_of(weight);
            schema.words.iter().find(|(its, _)| *its == field).unwrap().1
        };
        assert_eq!([1, 50, 100, 101, 300, 10_000].map(counts), [0.5, 0.5, 1.0, 2.0, 4.0, 8.0]);
    }
}
