//! From the boundary to [`Admission`] and back.

use super::Held;
use crate::admission::{Admission, Applicant, NotAdmitted, Quota};
use crate::admission_world::exports::atlas::admission::admitting as wit;
use crate::bindings::atlas::types::types as wit_types;
use crate::cbor::{Value, decode};
use crate::types::{Link, Operation, Supplied};

super::held::export_module!(admission_world);

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
    let supplied = |it: wit::Supplied| Supplied { id: it.id, entry: super::entry(it.entry).0 };
    Applicant {
        space: applicant.space,
        founder: applicant.founder,
        type_name: applicant.type_name,
        author: applicant.author,
        created: applicant.created,
        key: applicant.key,
        operation: match applicant.operation {
            wit_types::Operation::Put => Operation::Put,
            wit_types::Operation::Delete => Operation::Delete,
        },
        links: applicant.links.into_iter().map(Link::from).collect(),
        size: applicant.size,
        extensions: applicant.extensions.into_iter().map(extension).collect(),
        supplied: applicant.supplied.into_iter().map(supplied).collect(),
    }
}
