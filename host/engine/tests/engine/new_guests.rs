//! Components that were built against later worlds than this host knows. A patch of a world only adds, so they run; a
//! later minor version may change anything, so they are refused and told why.

use atlas_engine::testing::{candidate, guest_of_worlds};
use atlas_engine::{EngineError, Outcome, Role, inspect};

use crate::support::{binding, engine};

#[test]
fn a_guest_of_a_later_patch_judges_here() {
    let code = guest_of_worlds("0.1.7");
    let inspection = inspect(&code).unwrap();
    assert_eq!(inspection.role, Role::Validator);
    assert!(inspection.exports.iter().any(|name| name == "atlas:validator/validation@0.1.7"), "{inspection:?}");
    let validator = engine().validator(&code, binding(&code)).unwrap();
    assert_eq!(&*validator.description().name, "test:guest");
    let judged = validator.validate_alone(&candidate(b"anything"));
    assert!(matches!(&judged.outcome, Outcome::Valid(entries) if entries.len() == 2), "{judged:?}");
}

#[test]
fn a_guest_of_a_later_minor_version_is_refused_with_the_version_that_this_host_knows() {
    for version in ["0.2.0", "0.10.0", "1.0.0"] {
        let Err(EngineError::WrongWorld { missing, found }) = inspect(&guest_of_worlds(version)) else {
            panic!("a guest of {version} is taken");
        };
        assert!(missing[0].contains("atlas:validator/validation@0.1.0"), "{missing:?}");
        assert!(found.iter().any(|name| name.ends_with(&format!("@{version}"))), "{found:?}");
    }
}
