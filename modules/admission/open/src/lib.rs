//! `atlas:open`: everybody may write, each as much as the config says. See the README.

#![cfg_attr(test, allow(clippy::unwrap_used))]

use atlas_sdk::admission::{Admission, Admittance, Applicant, Quota};
use atlas_sdk::{ConfigError, Description, Fields, Module, config, export_admission};

/// Admits everybody.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Open {
    quota: Option<Quota>,
}

impl Module for Open {
    fn describe() -> Description {
        Description::new("atlas:open", env!("CARGO_PKG_VERSION"), "Everybody may write, each within a quota.")
    }

    fn configure(bytes: &[u8]) -> Result<Self, ConfigError> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let map = config::read(bytes)?;
        let fields = Fields::new(&map);
        let read = || {
            fields.only(&["records", "bytes"])?;
            let records = *fields.integer("records")?.within(0..=u32::MAX.into())?;
            let bytes = *fields.integer("bytes")?.within(0..=i64::MAX)?;
            Ok::<_, atlas_sdk::Reason>(Quota { records: records as u32, bytes: bytes as u64 })
        };
        let quota = read().map_err(|reason| ConfigError::Invalid(reason.text))?;
        Ok(Self { quota: Some(quota) })
    }
}

impl Admission for Open {
    fn admit(&self, _: &Applicant) -> Admittance {
        Ok(self.quota)
    }
}

export_admission!(Open);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_admitted_with_the_quota_of_the_config() {
        assert_eq!(Open::default().admit(&Applicant::default()), Ok(None));
        let open = Open::configure(br#"{"records": 100, "bytes": 1000000}"#).unwrap();
        assert_eq!(open.admit(&Applicant::default()), Ok(Some(Quota { records: 100, bytes: 1_000_000 })));
    }

    #[test]
    fn a_config_says_both_bounds_and_nothing_else() {
        for bad in [&br#"{"records": 1}"#[..], br#"{"records": -1, "bytes": 1}"#, br#"{"recrods": 1}"#, b"[]"] {
            assert!(Open::configure(bad).is_err());
        }
    }
}
