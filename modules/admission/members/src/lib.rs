//! `atlas:members`: the founder and those whom the config names may write. A change of the
//! members is a change of the config, and so an amendment. See the README.

#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::collections::BTreeSet;

use atlas_sdk::admission::{Admission, Admittance, Applicant};
use atlas_sdk::{ConfigError, Description, Fields, Id, Module, Reason, config, ensure, export_admission};

/// Most members that a config names.
pub const MEMBERS: usize = 16_384;

/// Admits members.
#[derive(Debug, Default)]
pub struct Members {
    members: BTreeSet<Id>,
}

impl Module for Members {
    fn describe() -> Description {
        let summary = "The founder and the members that the config names may write.";
        Description::new("atlas:members", env!("CARGO_PKG_VERSION"), summary)
    }

    fn configure(bytes: &[u8]) -> Result<Self, ConfigError> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let map = config::read(bytes)?;
        members(&Fields::new(&map)).map(|members| Self { members }).map_err(|reason| ConfigError::Invalid(reason.text))
    }
}

fn members(fields: &Fields<'_>) -> Result<BTreeSet<Id>, Reason> {
    fields.only(&["members"])?;
    let mut members = BTreeSet::new();
    for member in fields.list("members")?.count_within(0..=MEMBERS)?.items() {
        let member = member.text()?;
        let id = member.as_str();
        let legal = id.starts_with("bafy") && id.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'));
        if !legal || id.len() != 59 {
            return Err(member.refuse("not-an-id", "no identity: expected its id, as bafyr4ig…"));
        }
        if !members.insert(id.to_owned()) {
            return Err(member.refuse("twice", "named twice"));
        }
    }
    Ok(members)
}

impl Admission for Members {
    fn admit(&self, applicant: &Applicant) -> Admittance {
        ensure_member(self, applicant)?;
        Ok(None)
    }
}

fn ensure_member(module: &Members, applicant: &Applicant) -> Result<(), Reason> {
    ensure!(
        applicant.author == applicant.founder || module.members.contains(&applicant.author),
        "no-member",
        "the author is no member of this space: ask its founder, or propose an amendment that names the author"
    );
    Ok(())
}

export_admission!(Members);

#[cfg(test)]
mod tests {
    use atlas_sdk::admission::NotAdmitted;

    use super::*;

    const ADA: &str = "bafyr4ihdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";
    const BOB: &str = "bafyr4igeyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";

    fn by(author: &str) -> Applicant {
        Applicant { author: author.to_owned(), founder: "bafyfounder".to_owned(), ..Applicant::default() }
    }

    #[test]
    fn members_and_the_founder_write_and_others_do_not() {
        let module = Members::configure(format!(r#"{{"members": ["{ADA}"]}}"#).as_bytes()).unwrap();
        assert_eq!(module.admit(&by(ADA)), Ok(None));
        assert_eq!(module.admit(&by("bafyfounder")), Ok(None));
        let refused = module.admit(&by(BOB));
        assert!(matches!(refused, Err(NotAdmitted::Refused(reason)) if reason.code == "no-member"));
        assert!(Members::default().admit(&by(ADA)).is_err());
    }

    #[test]
    fn a_config_that_names_no_identity_or_one_twice_is_refused() {
        let twice = format!(r#"{{"members": ["{ADA}", "{ADA}"]}}"#);
        for bad in [r#"{"members": ["ada"]}"#, &twice, r#"{"members": [1]}"#, r#"{"member": []}"#] {
            assert!(Members::configure(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
