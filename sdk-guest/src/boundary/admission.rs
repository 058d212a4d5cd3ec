//! From the boundary to [`Admission`] and back.

use super::Held;
use crate::admission::{Admission, Applicant, NotAdmitted, Quota};
use crate::bindings::atlas::types::types as wit_types;
use crate::bindings::exports::atlas::admission::admitting as wit;
use crate::cbor::{Value, decode};
use crate::types::{Blob, Entry, Link, Operation, Supplied};
use crate::validator::decode_body;

impl<E> wit::Guest for E
where
    E: Held,
    E::Module: Admission,
{
    fn admit(batch: Vec<wit::Applicant>) -> Vec<wit::Admittance> {
        crate::panic::install_hook();
        let module = E::holder().module();
        let quota = |Quota { records, bytes }| wit::Quota { records, bytes };
        let admit = |applicant| match module.admit(&self::applicant(applicant)) {
            Ok(limit) => wit::Admittance::Admitted(limit.map(quota)),
            Err(NotAdmitted::Refused(reason)) => wit::Admittance::Refused(reason.into()),
            Err(NotAdmitted::Needs(ids)) => wit::Admittance::Needs(ids),
        };
        batch.into_iter().map(admit).collect()
    }
}

fn applicant(applicant: wit::Applicant) -> Applicant {
    let extension = |it: wit::Extension| (it.name, decode(&it.value).unwrap_or(Value::Null));
    let supplied = |it: wit::Supplied| Supplied { id: it.id, entry: entry(it.entry) };
    Applicant {
        space: applicant.space,
        founder: applicant.founder,
        type_name: applicant.type_name,
        author: applicant.author,
        created: applicant.created,
        key: applicant.key,
        operation: operation(applicant.operation),
        links: applicant.links.into_iter().map(link).collect(),
        size: applicant.size,
        extensions: applicant.extensions.into_iter().map(extension).collect(),
        supplied: applicant.supplied.into_iter().map(supplied).collect(),
    }
}

fn operation(operation: wit_types::Operation) -> Operation {
    match operation {
        wit_types::Operation::Put => Operation::Put,
        wit_types::Operation::Delete => Operation::Delete,
    }
}

fn link(link: wit_types::Link) -> Link {
    Link { relation: link.relation, target: link.target }
}

/// The entry, its body empty where it cannot be read.
fn entry(entry: wit_types::Entry) -> Entry {
    Entry {
        space: entry.space,
        type_name: entry.type_name,
        author: entry.author,
        created: entry.created,
        key: entry.key,
        operation: operation(entry.operation),
        links: entry.links.into_iter().map(link).collect(),
        blobs: entry.blobs.into_iter().map(|blob| Blob { id: blob.id, size: blob.size }).collect(),
        expires: entry.expires,
        body: decode_body(&entry.body).unwrap_or_default(),
    }
}
