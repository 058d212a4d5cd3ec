//! The `admission` role: may this author write here?

use crate::cbor::Value;
use crate::module::Module;
use crate::reason::Reason;
use crate::types::{Entry, Id, Link, Operation, Supplied, Timestamp};

/// A header that wants in. It has no body: bodies can be erased, and what was let in stays.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Applicant {
    /// The space.
    pub space: Id,
    /// Who founded it.
    pub founder: Id,
    /// The type's name.
    pub type_name: String,
    /// The identity that wrote it.
    pub author: Id,
    /// The author's own time.
    pub created: Timestamp,
    /// The record key, where the type has keys.
    pub key: Option<String>,
    /// Put or delete.
    pub operation: Operation,
    /// Typed references.
    pub links: Vec<Link>,
    /// Bytes of the body and of attached files together.
    pub size: u64,
    /// What else the header carries, by name. What cannot be read is `null`.
    pub extensions: Vec<(String, Value)>,
    /// The records that an earlier `needs` named, as far as they are here.
    pub supplied: Vec<Supplied>,
}

impl Applicant {
    /// The targets of a relation, in the author's order.
    pub fn links<'a>(&'a self, relation: &'a str) -> impl Iterator<Item = &'a str> {
        self.links.iter().filter(move |link| link.relation == relation).map(|link| link.target.as_str())
    }

    /// An extension of the header.
    pub fn extension(&self, name: &str) -> Option<&Value> {
        self.extensions.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The record that `id` names. Where it is not here yet, the error asks the host for it:
    /// pass it on with `?`.
    pub fn need(&self, id: &str) -> Result<&Entry, NotAdmitted> {
        let found = self.supplied.iter().find(|supplied| supplied.id == id);
        found.map(|supplied| &supplied.entry).ok_or_else(|| NotAdmitted::Needs(vec![id.to_owned()]))
    }
}

/// What an author may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Records in 24 hours.
    pub records: u32,
    /// Bytes in 24 hours, attached files included.
    pub bytes: u64,
}

/// Why an applicant does not come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotAdmitted {
    /// It breaks a rule.
    Refused(Reason),
    /// It cannot be decided without these records, 16 at most.
    Needs(Vec<Id>),
}

impl From<Reason> for NotAdmitted {
    fn from(reason: Reason) -> Self {
        Self::Refused(reason)
    }
}

/// In, with a quota or without; or not. `?` passes a [`Reason`] on.
pub type Admittance = Result<Option<Quota>, NotAdmitted>;

/// Says who may write.
pub trait Admission: Module {
    /// Decides on a header.
    fn admit(&self, applicant: &Applicant) -> Admittance;
}

/// Checks at compile time that a type is an [`Admission`] module, and makes the surrounding
/// crate a module that exports it. Does nothing else in a native build.
#[macro_export]
macro_rules! export_admission {
    ($module:ty) => {
        $crate::__export_role!($module, $crate::admission::Admission, ());
    };
}
