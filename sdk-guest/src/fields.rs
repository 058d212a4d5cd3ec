//! Typed access to bodies. Every refusal names the field by its path, says what was found
//! and what is expected: `` `relations.depends[2][0].name` is an integer: expected text ``.

use std::fmt;
use std::ops::RangeInclusive;
use std::rc::Rc;

use atlas_record::cbor::{Map, Value};

use crate::reason::Reason;
use crate::typed::{Bytes, Integer, Items, Text, Typed};

/// One step of a path.
#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    Key(&'a str),
    At(usize),
}

/// Where a value stands in a body. Cheap to make: only containers that are entered allocate.
#[derive(Debug, Clone)]
pub(crate) struct Path<'a> {
    parent: Option<Rc<Path<'a>>>,
    step: Step<'a>,
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = &self.parent {
            parent.fmt(f)?;
        }
        match (self.step, &self.parent) {
            (Step::Key(key), None) => f.write_str(key),
            (Step::Key(key), Some(_)) => write!(f, ".{key}"),
            (Step::At(at), _) => write!(f, "[{at}]"),
        }
    }
}

/// A map of a body: the body itself, or a map within it.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    map: &'a Map,
    at: Option<Rc<Path<'a>>>,
}

/// A value of a body that knows where it stands.
#[derive(Debug, Clone)]
pub struct Field<'a> {
    value: &'a Value,
    at: Path<'a>,
}

impl<'a> Fields<'a> {
    /// The fields of a whole body.
    pub fn new(map: &'a Map) -> Self {
        Self { map, at: None }
    }

    /// The map as it is.
    pub fn as_map(&self) -> &'a Map {
        self.map
    }

    fn path(&self, key: &'a str) -> Path<'a> {
        Path { parent: self.at.clone(), step: Step::Key(key) }
    }

    /// The field, if it is there.
    pub fn get(&self, name: &'a str) -> Option<Field<'a>> {
        self.map.get(name).map(|value| Field { value, at: self.path(name) })
    }

    fn required(&self, name: &'a str, expected: &str) -> Result<Field<'a>, Reason> {
        self.get(name)
            .ok_or_else(|| crate::reason!("missing-field", "`{}` is missing: expected {expected}", self.path(name)))
    }

    /// The field, which must be there.
    pub fn field(&self, name: &'a str) -> Result<Field<'a>, Reason> {
        self.required(name, "a value")
    }

    /// Every field, in canonical order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, Field<'a>)> + '_ {
        self.map.iter().map(|(key, value)| (key, Field { value, at: self.path(key) }))
    }

    /// The texts of a list, each of which keeps a rule: `count` of them, or none where the
    /// list is not there.
    pub fn texts(
        &self,
        name: &'a str,
        count: RangeInclusive<usize>,
        rule: impl Fn(Text<'a>) -> Result<Text<'a>, Reason>,
    ) -> Result<Vec<Text<'a>>, Reason> {
        let Some(list) = self.optional_list(name)? else { return Ok(Vec::new()) };
        list.count_within(count)?.items().map(|item| rule(item.text()?)).collect()
    }

    /// [`texts`](Self::texts) that are all different; a refusal names the second one.
    pub fn distinct_texts(
        &self,
        name: &'a str,
        count: RangeInclusive<usize>,
        rule: impl Fn(Text<'a>) -> Result<Text<'a>, Reason>,
    ) -> Result<Vec<Text<'a>>, Reason> {
        let texts = self.texts(name, count, rule)?;
        for (at, text) in texts.iter().enumerate() {
            if texts[..at].iter().any(|earlier| earlier.as_str() == text.as_str()) {
                return Err(text.refuse("twice", format_args!("`{}`, which stands there already", text.as_str())));
            }
        }
        Ok(texts)
    }

    /// Refuses fields other than `known`.
    pub fn only(&self, known: &[&str]) -> Result<(), Reason> {
        match self.map.iter().find(|(key, _)| !known.contains(key)) {
            None => Ok(()),
            Some((key, value)) => {
                let field = Field { value, at: self.path(key) };
                Err(field.refuse("unknown-field", format_args!("not defined: expected only {}", known.join(", "))))
            }
        }
    }

    /// Allows fields beyond `known`, so that later versions can define more: `max` of them,
    /// each named by 1 to 64 letters, digits, `-` and `_`, the first a lower-case letter.
    pub fn extensible(&self, known: &[&str], max: usize) -> Result<(), Reason> {
        let mut unknown = 0;
        for (key, value) in self.map.iter().filter(|(key, _)| !known.contains(key)) {
            let field = Field { value, at: self.path(key) };
            let legal = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
            let first = key.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
            if key.len() > 64 || !first || !key.bytes().all(legal) {
                return Err(field.refuse(
                    "unknown-field",
                    format_args!(
                        "neither defined nor a name for a field of one's own: \
                         1 to 64 letters, digits, `-` and `_`, the first a lower-case letter"
                    ),
                ));
            }
            unknown += 1;
            if unknown > max {
                return Err(field.refuse("too-many", format_args!("the body has more than {max} undefined fields")));
            }
        }
        Ok(())
    }
}

macro_rules! accessors {
    ($($(#[$doc:meta])* $name:ident, $optional:ident -> $kind:ty, $expected:literal;)*) => {
        impl<'a> Fields<'a> {
            $(
                $(#[$doc])*
                /// It must be there.
                pub fn $name(&self, name: &'a str) -> Result<$kind, Reason> {
                    self.required(name, $expected)?.$name()
                }

                $(#[$doc])*
                /// `None` where it is not there.
                pub fn $optional(&self, name: &'a str) -> Result<Option<$kind>, Reason> {
                    self.get(name).map(|field| field.$name()).transpose()
                }
            )*
        }
    };
}

accessors! {
    /// A field that is text.
    text, optional_text -> Text<'a>, "text";
    /// A field that is an integer of 64 bits.
    integer, optional_integer -> Integer<'a>, "an integer";
    /// A field that is bytes.
    bytes, optional_bytes -> Bytes<'a>, "bytes";
    /// A field that is a list.
    list, optional_list -> Items<'a>, "a list";
    /// A field that is a map.
    map, optional_map -> Fields<'a>, "a map";
    /// A field that is a boolean.
    boolean, optional_boolean -> bool, "a boolean";
    /// A field that is a link to content, as CID text.
    link, optional_link -> String, "a link";
}

impl<'a> Field<'a> {
    /// The value as it is.
    pub fn value(&self) -> &'a Value {
        self.value
    }

    /// Where the value stands, as `relations.depends[2]`.
    pub fn path(&self) -> String {
        self.at.to_string()
    }

    /// A reason that starts with the field's path: `` `tags[3]` is empty ``.
    pub fn refuse(&self, code: &'static str, what: impl fmt::Display) -> Reason {
        self.refuse_format(code, format_args!("{what}"))
    }

    #[cold]
    #[inline(never)]
    fn refuse_format(&self, code: &'static str, what: fmt::Arguments<'_>) -> Reason {
        crate::reason!(code, "`{}` is {what}", self.at)
    }

    pub(crate) fn item(&self, at: usize, value: &'a Value) -> Field<'a> {
        Field { value, at: Path { parent: Some(Rc::new(self.at.clone())), step: Step::At(at) } }
    }

    fn wrong_kind(&self, expected: &str) -> Reason {
        self.refuse("wrong-kind", format_args!("{}: expected {expected}", self.value.kind()))
    }

    /// The text that this is.
    pub fn text(self) -> Result<Text<'a>, Reason> {
        match self.value {
            Value::Text(text) => Ok(Typed::new(text, self)),
            _ => Err(self.wrong_kind("text")),
        }
    }

    /// The integer of 64 bits that this is.
    pub fn integer(self) -> Result<Integer<'a>, Reason> {
        match self.value {
            Value::Int(int) => match i64::try_from(*int) {
                Ok(int) => Ok(Typed::new(int, self)),
                Err(_) => Err(self.refuse("out-of-range", "an integer beyond 64 bits with sign")),
            },
            _ => Err(self.wrong_kind("an integer")),
        }
    }

    /// The bytes that this is.
    pub fn bytes(self) -> Result<Bytes<'a>, Reason> {
        match self.value {
            Value::Bytes(bytes) => Ok(Typed::new(bytes, self)),
            _ => Err(self.wrong_kind("bytes")),
        }
    }

    /// The list that this is.
    pub fn list(self) -> Result<Items<'a>, Reason> {
        match self.value {
            Value::List(list) => Ok(Typed::new(list, self)),
            _ => Err(self.wrong_kind("a list")),
        }
    }

    /// The map that this is.
    pub fn map(self) -> Result<Fields<'a>, Reason> {
        match self.value {
            Value::Map(map) => Ok(Fields { map, at: Some(Rc::new(self.at)) }),
            _ => Err(self.wrong_kind("a map")),
        }
    }

    /// The boolean that this is.
    pub fn boolean(self) -> Result<bool, Reason> {
        match self.value {
            Value::Bool(value) => Ok(*value),
            _ => Err(self.wrong_kind("a boolean")),
        }
    }

    /// The CID text of the link that this is.
    pub fn link(self) -> Result<String, Reason> {
        match self.value {
            Value::Link(cid) => Ok(cid.to_string()),
            _ => Err(self.wrong_kind("a link")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map;

    #[test]
    fn a_missing_field_is_named_with_what_is_expected() {
        let body = map! {};
        let reason = Fields::new(&body).text("name").unwrap_err();
        assert_eq!(reason.to_string(), "missing-field: `name` is missing: expected text");
        assert!(Fields::new(&body).optional_text("name").unwrap().is_none());
    }

    #[test]
    fn a_wrong_kind_is_named_with_its_whole_path() {
        let body = map! { "relations": { "depends": [[{ "name": 3 }]] } };
        let fields = Fields::new(&body);
        let depends = fields.map("relations").unwrap().list("depends").unwrap();
        let group = depends.items().next().unwrap().list().unwrap();
        let first = group.items().next().unwrap().map().unwrap();
        let reason = first.text("name").unwrap_err();
        assert_eq!(reason.to_string(), "wrong-kind: `relations.depends[0][0].name` is an integer: expected text");
        assert_eq!(
            first.text("arch").unwrap_err().to_string(),
            "missing-field: `relations.depends[0][0].arch` is missing: expected text"
        );
    }

    #[test]
    fn undefined_fields_are_allowed_only_with_plain_names_and_in_bounds() {
        let check = |body: &Map| Fields::new(body).extensible(&["a"], 2).err().map(|reason| reason.code);
        assert_eq!(check(&map! { "a": 1, "b": 1, "cD-9_": 1 }), None);
        assert_eq!(check(&map! { "B": 1 }), Some("unknown-field"));
        assert_eq!(check(&map! { "": 1 }), Some("unknown-field"));
        assert_eq!(check(&map! { "b c": 1 }), Some("unknown-field"));
        assert_eq!(check(&map! { "b": 1, "c": 1, "d": 1 }), Some("too-many"));
        assert_eq!(Fields::new(&map! { "b": 1 }).only(&["a"]).unwrap_err().code, "unknown-field");
    }

    #[test]
    fn texts_of_a_list_keep_a_rule_and_may_have_to_differ() {
        let body = map! { "l": ["a", "b", "a"], "n": ["a", 1] };
        let fields = Fields::new(&body);
        assert_eq!(fields.texts("l", 0..=3, Text::word).unwrap().len(), 3);
        assert!(fields.texts("none", 1..=3, Text::word).unwrap().is_empty());
        assert_eq!(fields.texts("l", 0..=2, Text::word).unwrap_err().code, "too-many");
        assert_eq!(fields.texts("n", 0..=2, Text::word).unwrap_err().code, "wrong-kind");
        let twice = fields.distinct_texts("l", 0..=3, Text::word).unwrap_err();
        assert_eq!(twice.to_string(), "twice: `l[2]` is `a`, which stands there already");
    }

    #[test]
    fn integers_beyond_64_bits_are_out_of_range_and_not_of_a_wrong_kind() {
        let body = map! { "n": (u64::MAX) };
        assert_eq!(Fields::new(&body).integer("n").unwrap_err().code, "out-of-range");
    }
}
