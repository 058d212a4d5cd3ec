//! What a Lexicon describes, ready for judging: every name resolved, every bound checked.

use atlas_sdk::name::TypeName;

use crate::formats::Format;
use crate::key::KeyKind;

/// A record type and everything that its record refers to.
#[derive(Debug)]
pub struct Lexicon {
    /// The NSID of the type.
    pub id: String,
    /// How its records are keyed.
    pub key: KeyKind,
    /// Every definition within reach. The first is the record.
    pub definitions: Vec<Definition>,
}

/// A definition, with a name that data can say in `$type`.
#[derive(Debug)]
pub struct Definition {
    /// `NSID` for a main definition, `NSID#NAME` for another.
    pub name: Box<str>,
    /// What it says of itself.
    pub about: Option<Box<str>>,
    /// What it describes.
    pub kind: Type,
}

/// The number of a definition in its lexicon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DefinitionId(pub usize);

/// What a value may be.
#[derive(Debug)]
pub enum Type {
    /// `true` or `false`; only this one, where one is given.
    Boolean(Option<bool>),
    /// A whole number.
    Integer(Integer),
    /// Text.
    Text(Box<Text>),
    /// Bytes of this many bytes.
    Bytes(Bounds),
    /// A link by CID.
    Link,
    /// A file by reference.
    Blob(Blob),
    /// A list.
    List(Box<List>),
    /// An object with declared properties, and any others.
    Object(Object),
    /// A word that stands for itself: the name of its definition.
    Token,
    /// Any object.
    Unknown,
    /// What another definition describes.
    Ref(DefinitionId),
    /// One of several objects, which says by `$type` which.
    Union(Union),
}

/// Inclusive bounds, each if there is one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bounds {
    /// The least.
    pub least: Option<u64>,
    /// The most.
    pub most: Option<u64>,
}

/// Bounds of a whole number.
#[derive(Debug, Default)]
pub struct Integer {
    /// The least.
    pub least: Option<i64>,
    /// The most.
    pub most: Option<i64>,
    /// The only values allowed, sorted.
    pub one_of: Option<Vec<i64>>,
}

/// Bounds of a text.
#[derive(Debug, Default)]
pub struct Text {
    /// The grammar it keeps.
    pub format: Option<Format>,
    /// Bytes in UTF-8.
    pub bytes: Bounds,
    /// Extended grapheme clusters: what a reader calls characters.
    pub graphemes: Bounds,
    /// The only values allowed, sorted.
    pub one_of: Option<Vec<Box<str>>>,
    /// Suggested values, which bind nobody.
    pub known: Vec<Box<str>>,
}

/// Bounds of a file.
#[derive(Debug, Default)]
pub struct Blob {
    /// MIME types, with `*` for any: `image/*`. None for any at all.
    pub accept: Option<Vec<Box<str>>>,
    /// Most bytes.
    pub most: Option<u64>,
}

/// A list of values of one kind.
#[derive(Debug)]
pub struct List {
    /// What each item is.
    pub items: Type,
    /// How many there are.
    pub count: Bounds,
}

/// An object.
#[derive(Debug, Default)]
pub struct Object {
    /// Declared properties, in canonical order.
    pub properties: Vec<Property>,
}

/// A declared property.
#[derive(Debug)]
pub struct Property {
    /// Its key.
    pub name: Box<str>,
    /// What it says of itself.
    pub about: Option<Box<str>>,
    /// What its value is.
    pub kind: Type,
    /// Whether it must be there.
    pub required: bool,
    /// Whether it may be `null`.
    pub nullable: bool,
}

/// A choice of objects.
#[derive(Debug, Default)]
pub struct Union {
    /// Names and definitions, sorted by name.
    pub variants: Vec<(Box<str>, DefinitionId)>,
    /// Whether these are all, or later documents may add some.
    pub closed: bool,
}

impl Bounds {
    /// Whether a number is within them.
    pub fn hold(&self, number: u64) -> bool {
        self.least.is_none_or(|least| number >= least) && self.most.is_none_or(|most| number <= most)
    }
}

impl std::fmt::Display for Bounds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.least, self.most) {
            (Some(least), Some(most)) => write!(f, "{least} to {most}"),
            (Some(least), None) => write!(f, "at least {least}"),
            (None, Some(most)) => write!(f, "at most {most}"),
            (None, None) => f.write_str("any number"),
        }
    }
}

impl Lexicon {
    /// The definition of this number.
    pub fn definition(&self, id: DefinitionId) -> &Definition {
        &self.definitions[id.0]
    }

    /// What a type comes to once references are followed. A definition is never a reference
    /// itself, so one step is enough.
    pub fn concrete<'a>(&'a self, kind: &'a Type) -> &'a Type {
        match kind {
            Type::Ref(id) => &self.definition(*id).kind,
            other => other,
        }
    }

    /// What a record has to be.
    pub fn record(&self) -> &Object {
        match self.definitions.first() {
            Some(Definition { kind: Type::Object(object), .. }) => object,
            _ => const { &Object { properties: Vec::new() } },
        }
    }
}

/// The name of the definition that `reference` means within the document `nsid`: `NSID` and the
/// part behind `#`, `main` where there is none. `None` for what is no reference.
pub fn split_reference<'a>(nsid: &'a str, reference: &'a str) -> Option<(&'a str, &'a str)> {
    let (document, name) = match reference.split_once('#') {
        Some(("", name)) => (nsid, name),
        Some((document, name)) => (document, name),
        None => (reference, "main"),
    };
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
    let named = !name.is_empty() && name.len() <= 128 && name.bytes().all(legal);
    (named && crate::formats::is_nsid(document)).then_some((document, name))
}

/// As data writes it in `$type`: without `#main`.
pub fn definition_name(nsid: &str, name: &str) -> String {
    match name {
        "main" => nsid.to_owned(),
        name => format!("{nsid}#{name}"),
    }
}

/// What `$type` says, without a `#main` that need not be there.
pub fn plain_type(text: &str) -> &str {
    text.strip_suffix("#main").unwrap_or(text)
}

/// Where a document has its place in a folder of documents.
pub fn document_path(nsid: &str) -> String {
    format!("{}.json", nsid.replace('.', "/"))
}

/// Whether a host can bind a type of this name.
pub fn is_type_name(nsid: &str) -> bool {
    nsid.parse::<TypeName>().is_ok()
}
