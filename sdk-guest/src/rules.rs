//! What holds for a whole type: lifecycle, keys, indexes, text, workflow, display, schema.

/// How records of the type live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifecycle {
    /// Every record stays: posts, ballots.
    Append,
    /// The latest at an address stands for it: profiles, packages.
    Replaceable,
    /// Delivered to whoever listens now, never stored: presence, typing.
    Ephemeral,
}

/// Whether and how records of the type are keyed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyRule {
    /// No key: the record's id is its address.
    None,
    /// Any legal key; required.
    Any,
    /// One fixed key, as `self`.
    Literal(String),
    /// A timestamp identifier, made by the host when left out.
    Tid,
    /// A name under the NSID grammar.
    Nsid,
}

/// The kind of a declared index, which fixes its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexKind {
    /// UTF-8, ordered by bytes; 256 bytes at most are indexed.
    Text,
    /// Signed 64-bit, ordered by value.
    Integer,
}

/// An index that queries of this type can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Lower-case letters, digits and `-`; 32 bytes at most.
    pub name: String,
    /// The kind of its values.
    pub kind: IndexKind,
    /// What it holds, for people.
    pub about: String,
}

/// A body field for full-text search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextField {
    /// Path in the body, segments joined by `.`.
    pub path: String,
    /// Relative weight in ranking; 100 is ordinary.
    pub weight: u32,
}

/// One legal move of a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// State before; empty for a first record.
    pub before: String,
    /// State after.
    pub after: String,
}

/// The workflow of a type that has one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Workflow {
    /// Every state, first the one that new records start in.
    pub states: Vec<String>,
    /// The legal moves.
    pub transitions: Vec<Transition>,
}

impl Workflow {
    /// A workflow over these states; the first is where records start.
    pub fn new<'a>(states: impl IntoIterator<Item = &'a str>) -> Self {
        Self { states: states.into_iter().map(str::to_owned).collect(), transitions: Vec::new() }
    }

    /// Allows the move from one state to another; `""` stands before a first record.
    #[must_use]
    pub fn allow(mut self, before: &str, after: &str) -> Self {
        self.transitions.push(Transition { before: before.to_owned(), after: after.to_owned() });
        self
    }
}

/// Hints for showing a record of a type nobody wrote a screen for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Display {
    /// Path of the field that names the record.
    pub title: Option<String>,
    /// Path of the field that sums it up.
    pub summary: Option<String>,
}

/// What holds for the whole type. May depend on the config, on nothing else.
///
/// ```
/// use atlas_sdk::Rules;
/// let rules = Rules::replaceable().key_any().index_text("name", "the name").text_field("name", 300).title("name");
/// assert_eq!(rules.indexes[0].name, "name");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// How records live.
    pub lifecycle: Lifecycle,
    /// How records are keyed.
    pub key: KeyRule,
    /// Declared indexes; 16 at most.
    pub indexes: Vec<Index>,
    /// Fields for full text; 16 at most.
    pub text: Vec<TextField>,
    /// States and legal moves, where the type has them.
    pub workflow: Option<Workflow>,
    /// How to show a record.
    pub display: Display,
    /// JSON Schema (draft 2020-12) of the body, for people and tools.
    pub schema: String,
}

impl Rules {
    fn new(lifecycle: Lifecycle) -> Self {
        Self {
            lifecycle,
            key: KeyRule::None,
            indexes: Vec::new(),
            text: Vec::new(),
            workflow: None,
            display: Display::default(),
            schema: "{}".to_owned(),
        }
    }

    /// Every record stays. No key unless one is asked for.
    pub fn append() -> Self {
        Self::new(Lifecycle::Append)
    }

    /// The latest at an address stands for it. Say how it is keyed.
    pub fn replaceable() -> Self {
        Self::new(Lifecycle::Replaceable)
    }

    /// Delivered now or never. No key unless one is asked for.
    pub fn ephemeral() -> Self {
        Self::new(Lifecycle::Ephemeral)
    }

    fn key(mut self, rule: KeyRule) -> Self {
        self.key = rule;
        self
    }

    /// Any legal key; required.
    #[must_use]
    pub fn key_any(self) -> Self {
        self.key(KeyRule::Any)
    }

    /// One fixed key, as `self`.
    #[must_use]
    pub fn key_literal(self, key: &str) -> Self {
        self.key(KeyRule::Literal(key.to_owned()))
    }

    /// A timestamp identifier, made by the host when left out.
    #[must_use]
    pub fn key_tid(self) -> Self {
        self.key(KeyRule::Tid)
    }

    /// A name under the NSID grammar.
    #[must_use]
    pub fn key_nsid(self) -> Self {
        self.key(KeyRule::Nsid)
    }

    fn index(mut self, name: &str, kind: IndexKind, about: &str) -> Self {
        self.indexes.push(Index { name: name.to_owned(), kind, about: about.to_owned() });
        self
    }

    /// Declares an index of texts.
    #[must_use]
    pub fn index_text(self, name: &str, about: &str) -> Self {
        self.index(name, IndexKind::Text, about)
    }

    /// Declares an index of numbers.
    #[must_use]
    pub fn index_integer(self, name: &str, about: &str) -> Self {
        self.index(name, IndexKind::Integer, about)
    }

    /// Makes a body field searchable; 100 is an ordinary weight.
    #[must_use]
    pub fn text_field(mut self, path: &str, weight: u32) -> Self {
        self.text.push(TextField { path: path.to_owned(), weight });
        self
    }

    /// Gives the type a workflow.
    #[must_use]
    pub fn workflow(mut self, workflow: Workflow) -> Self {
        self.workflow = Some(workflow);
        self
    }

    /// The field that names a record.
    #[must_use]
    pub fn title(mut self, path: &str) -> Self {
        self.display.title = Some(path.to_owned());
        self
    }

    /// The field that sums a record up.
    #[must_use]
    pub fn summary(mut self, path: &str) -> Self {
        self.display.summary = Some(path.to_owned());
        self
    }

    /// The JSON Schema of the body, best as `include_str!("../schema.json")`.
    #[must_use]
    pub fn schema(mut self, json: &str) -> Self {
        self.schema = json.to_owned();
        self
    }
}
