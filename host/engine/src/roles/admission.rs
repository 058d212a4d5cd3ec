//! Admission modules: headers in; whether they come in, and how much their authors may write.

use wasmtime::Store;

use super::Part;
use super::columns::{all_different, all_within};
use crate::machine::answer::{MAX_NEEDS, check_needs, check_reason};
use crate::machine::{Host, world};
use crate::outcome::{Answered, IllegalAnswer};
use crate::quarantine::{Contradiction, Seen};

mod bindings {
    #![allow(missing_docs, reason = "generated; the WIT comments are carried over")]

    wasmtime::component::bindgen!({
        path: ["../../wit/types-0.1", "../../wit/admission-0.1"],
        world: "atlas:admission/admission",
        with: { "atlas:types/types@0.1.0": crate::machine::module::atlas::types::types },
        additional_derives: [PartialEq, Eq, serde::Serialize, serde::Deserialize],
    });
}

pub use self::bindings::Admission;
pub use self::bindings::exports::atlas::admission::admitting::{Admittance, Applicant, Extension, Quota, Supplied};

/// Extensions of one header.
pub const MAX_EXTENSIONS: usize = 16;
const MAX_EXTENSION: usize = 4096;
/// Records supplied with one applicant: what several rounds of `needs` may name.
const MAX_SUPPLIED: usize = MAX_NEEDS * 16;

world!(Admission, bindings::AdmissionIndices, Admission);

impl Part for Admission {
    type Question = Applicant;
    type Answer = Admittance;
    type Rules = ();

    fn rules(&self, _: &mut Store<Host>) -> wasmtime::Result<()> {
        Ok(())
    }

    fn check_rules((): &()) -> Result<(), String> {
        Ok(())
    }

    fn check_question(applicant: &Applicant) -> Result<(), String> {
        all_within("the number of extensions", &[applicant.extensions.len()], &(0..=MAX_EXTENSIONS))?;
        let sizes: Vec<usize> = applicant.extensions.iter().map(|it| it.value.len()).collect();
        all_within("an extension's size", &sizes, &(0..=MAX_EXTENSION))?;
        all_within("the number of supplied records", &[applicant.supplied.len()], &(0..=MAX_SUPPLIED))?;
        all_different("`supplied`", applicant.supplied.iter().map(|it| &it.id))
    }

    fn ask(&self, store: &mut Store<Host>, asked: &[Applicant]) -> wasmtime::Result<Vec<Admittance>> {
        self.atlas_admission_admitting().call_admit(store, asked)
    }

    fn check_answer((): &(), applicant: &Applicant, answer: &Admittance) -> Result<(), IllegalAnswer> {
        match answer {
            Admittance::Admitted(_) => Ok(()),
            Admittance::Refused(reason) => check_reason(reason),
            Admittance::Needs(ids) => {
                check_needs(ids)?;
                let given = ids.iter().find(|id| applicant.supplied.iter().any(|it| it.id == **id));
                given.map_or(Ok(()), |id| Err(IllegalAnswer::Twice(format!("{id} is asked for, and was supplied"))))
            }
        }
    }

    fn accuse(seen: Seen<Applicant, Answered<Admittance>>) -> Contradiction {
        Contradiction::Admission(seen)
    }
}
