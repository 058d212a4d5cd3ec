//! The records that a module is asked about, as plain data. They mirror the WIT package
//! `atlas:types`; only bodies arrive decoded.

use atlas_record::cbor::Map;

use crate::fields::Fields;
use crate::verdict::NotValid;

/// CIDv1 text of a record, a blob, a space or an identity.
pub type Id = String;
/// Milliseconds since the Unix epoch, UTC.
pub type Timestamp = u64;

/// What a module says of itself. Shown before it is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// `namespace:name`.
    pub name: String,
    /// Semantic version.
    pub version: String,
    /// One sentence.
    pub summary: String,
}

impl Description {
    /// A description; the version is best given as `env!("CARGO_PKG_VERSION")`.
    pub fn new(name: &str, version: &str, summary: &str) -> Self {
        Self { name: name.to_owned(), version: version.to_owned(), summary: summary.to_owned() }
    }
}

/// A typed reference from a record to something else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link {
    /// The name of the relation: `depends`, `reply`, …
    pub relation: String,
    /// A CID, an `atlas://space/author/type/key` address, `id:CID` or `name:TEXT`.
    pub target: String,
}

impl Link {
    /// A link.
    pub fn new(relation: impl Into<String>, target: impl Into<String>) -> Self {
        Self { relation: relation.into(), target: target.into() }
    }
}

/// A file that a record carries by reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// CIDv1 (`raw`, BLAKE3).
    pub id: Id,
    /// Length in bytes.
    pub size: u64,
}

/// What a record does to its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Operation {
    /// Writes a body.
    #[default]
    Put,
    /// Takes the body at this address back.
    Delete,
}

/// A record as a module sees it: without id, chain position and signature, so that a
/// draft can be judged before it is signed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Entry {
    /// The space it is written in.
    pub space: Id,
    /// The type's name, as `atlas.post`.
    pub type_name: String,
    /// The identity that wrote it.
    pub author: Id,
    /// The author's own time.
    pub created: Timestamp,
    /// The record key, where the type has keys.
    pub key: Option<String>,
    /// Put or delete.
    pub operation: Operation,
    /// Typed references, in the author's order.
    pub links: Vec<Link>,
    /// Attached files.
    pub blobs: Vec<Blob>,
    /// The author asks that the body is dropped from then on.
    pub expires: Option<Timestamp>,
    /// The body. Empty for a delete.
    pub body: Map,
}

impl Entry {
    /// The body, for typed access.
    pub fn body(&self) -> Fields<'_> {
        Fields::new(&self.body)
    }

    /// The targets of a relation, in the author's order.
    pub fn links<'a>(&'a self, relation: &'a str) -> impl Iterator<Item = &'a str> {
        self.links.iter().filter(move |link| link.relation == relation).map(|link| link.target.as_str())
    }
}

/// A record to judge.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Candidate {
    /// The record.
    pub entry: Entry,
    /// The records that an earlier `needs` named, as far as they are here.
    pub supplied: Vec<Supplied>,
}

impl Candidate {
    /// The record that `id` names. Where it is not here yet, the error asks the host for
    /// it: pass it on with `?`.
    pub fn need(&self, id: &str) -> Result<&Entry, NotValid> {
        let found = self.supplied.iter().find(|supplied| supplied.id == id);
        found.map(|supplied| &supplied.entry).ok_or_else(|| NotValid::Needs(vec![id.to_owned()]))
    }

    /// The record that `id` names, with its body. Where only its header is here, the error
    /// asks the host to wait for the rest.
    pub fn need_body(&self, id: &str) -> Result<&Entry, NotValid> {
        let entry = self.need(id)?;
        if entry.body.is_empty() && entry.operation == Operation::Put {
            return Err(NotValid::Needs(vec![id.to_owned()]));
        }
        Ok(entry)
    }

    /// [`need`](Self::need) for several records at once, 16 at most: one round instead of many.
    pub fn need_all<'i>(&self, ids: impl IntoIterator<Item = &'i str>) -> Result<Vec<&Entry>, NotValid> {
        let mut found = Vec::new();
        let mut missing = Vec::new();
        for id in ids {
            match self.need(id) {
                Ok(entry) => found.push(entry),
                Err(_) => missing.push(id.to_owned()),
            }
        }
        if missing.is_empty() { Ok(found) } else { Err(NotValid::Needs(missing)) }
    }
}

impl std::ops::Deref for Candidate {
    type Target = Entry;

    fn deref(&self) -> &Entry {
        &self.entry
    }
}

/// A record delivered because a candidate needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct Supplied {
    /// Its id, as `needs` named it.
    pub id: Id,
    /// The record. Its body is empty where it was deleted, erased or cannot be read.
    pub entry: Entry,
}

/// What an author wrote, before it is signed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Draft {
    /// The record key, where given.
    pub key: Option<String>,
    /// Typed references given by the author.
    pub links: Vec<Link>,
    /// The body.
    pub body: Map,
}

impl Draft {
    /// The body, for typed access.
    pub fn body(&self) -> Fields<'_> {
        Fields::new(&self.body)
    }

    /// Adds a link unless the draft has it.
    pub fn link(&mut self, relation: &str, target: impl Into<String>) {
        let link = Link::new(relation, target);
        if !self.links.contains(&link) {
            self.links.push(link);
        }
    }
}
