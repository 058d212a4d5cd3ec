//! Components that were built against earlier states of this tree run on it unchanged: what
//! a space has bound, it has bound for good.

use atlas_engine::validator::{Candidate, Entry, Link, Operation};
use atlas_engine::{Binding, CodeHash, Outcome, Role, inspect};

use crate::support::engine;

/// `atlas:label` 1.0.0 as it was built when `validator` was the only world.
const LABEL: &[u8] = include_bytes!("../fixtures/label-1.0.0.wasm");
const LABEL_CODE: &str = include_str!("../fixtures/label-1.0.0.hash");

fn label(body: &[u8], links: Vec<Link>) -> Candidate {
    let id = "bafyr4igdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";
    let entry = Entry {
        space: id.into(),
        type_name: "atlas.label".into(),
        author: id.into(),
        created: 1_760_000_000_000,
        key: Some(format!("{id}:spam")),
        operation: Operation::Put,
        links,
        blobs: vec![],
        expires: None,
        body: body.to_vec(),
    };
    Candidate { entry, supplied: vec![] }
}

#[test]
fn a_validator_of_the_first_release_judges_as_it_did() {
    assert_eq!(CodeHash::of(LABEL).to_string(), LABEL_CODE.trim());
    assert_eq!(inspect(LABEL).unwrap().role, Role::Validator);
    let validator = engine().validator(LABEL, Binding::new(CodeHash::of(LABEL))).unwrap();
    let description = validator.description();
    assert_eq!((&*description.name, &*description.version), ("atlas:label", "1.0.0"));
    let target = "bafyr4igdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";
    let link = Link { relation: "labels".into(), target: target.into() };
    let good = validator.validate_alone(&label(b"\xa1\x65value\x64spam", vec![link]));
    assert!(matches!(&good.outcome, Outcome::Valid(entries) if entries.len() == 1), "{good:?}");
    let Outcome::Invalid(cause) = validator.validate_alone(&label(b"\xa0", vec![])).outcome else {
        panic!("an empty label is refused");
    };
    assert_eq!(cause.code(), "missing-link");
}
