//! A package is its component and its manifest, and nothing in it can be told apart from what
//! its hash names.

use atlas_engine::testing::{Behaviour, guest, guest_with_clock};
use atlas_record::BlobId;
use atlas_registry::{Manifest, RegistryError, pack::pack};

use crate::support::{ENGINE, manifest};

#[test]
fn a_package_runs_and_carries_its_manifest() {
    for component in [guest(Behaviour::Valid), guest_with_clock()] {
        let packed = pack(&component, &manifest()).unwrap();
        assert_eq!(Manifest::of(&packed.package).unwrap(), Some(manifest()));
        assert_eq!(packed.id, BlobId::of(&packed.package));
        assert_eq!(atlas_engine::inspect(&packed.package).unwrap().role.name(), "validator");
        assert_eq!(ENGINE.describe(&packed.package).unwrap().name, "test:guest");
    }
}

#[test]
fn a_component_that_was_not_packed_carries_none() {
    assert_eq!(Manifest::of(&guest(Behaviour::Valid)).unwrap(), None);
}

#[test]
fn the_same_makes_the_same_and_packing_again_changes_the_manifest_only() {
    let component = guest_with_clock();
    let first = pack(&component, &manifest()).unwrap();
    assert_eq!(pack(&component, &manifest()).unwrap(), first);
    assert_eq!(pack(&first.package, &manifest()).unwrap().package, first.package);
    let later = Manifest { version: "0.2.0".to_owned(), ..manifest() };
    let second = pack(&first.package, &later).unwrap();
    assert_eq!(Manifest::of(&second.package).unwrap(), Some(later));
    assert_eq!(pack(&second.package, &manifest()).unwrap().package, first.package);
}

#[test]
fn a_manifest_that_breaks_a_rule_is_not_packed() {
    let bad = Manifest { version: "1".to_owned(), ..manifest() };
    assert!(matches!(pack(&guest(Behaviour::Valid), &bad), Err(RegistryError::Manifest(_))));
}

#[test]
fn a_package_with_two_manifests_is_refused() {
    let packed = pack(&guest(Behaviour::Valid), &manifest()).unwrap().package;
    let section = &packed[guest(Behaviour::Valid).len()..];
    let twice = [&packed[..], section].concat();
    assert!(Manifest::of(&twice).unwrap_err().to_string().contains("2 manifests"));
}
