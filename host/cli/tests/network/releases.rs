//! Modules from whoever made them to whoever binds them: signed, published on one node, found and
//! installed on another; and what is refused on the way.

use std::path::PathBuf;

use atlas_engine::testing::{Behaviour, guest_of_version};
use atlas_registry::Manifest;
use atlas_registry::pack::pack;
use serde_json::json;

use super::*;

fn manifest(version: &str) -> Manifest {
    Manifest {
        name: "test:guest".to_owned(),
        version: version.to_owned(),
        role: "validator".to_owned(),
        wit: "atlas:validator@0.1.0".to_owned(),
        summary: "A guest for tests.".to_owned(),
        licence: "MIT".to_owned(),
        authors: vec!["Ada".to_owned()],
        source: None,
        capabilities: Vec::new(),
    }
}

/// A package of the test guest, in a file of this node's folder.
fn package(atlas: &Fresh, behaviour: Behaviour, version: &str) -> String {
    let packed = pack(&guest_of_version(behaviour, version), &manifest(version)).unwrap();
    let path: PathBuf = atlas.dir().with_file_name(format!("guest-{version}-{}.wasm", behaviour as u8));
    std::fs::write(&path, packed.package).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Ada with a space that is a registry, and Bob, who joined it.
fn pair() -> (Fresh, Fresh, Up, Up) {
    let (ada, bob) = (settled(3), named("bob"));
    ada.json(&["module", "bind", "validator:atlas.moduleRelease", "module-release"]);
    ada.json(&["module", "bind", "validator:atlas.trust", "trust"]);
    let (a, b) = (online(&ada), online(&bob));
    join(&ada, &bob);
    agree(&ada, &bob, "debian");
    (ada, bob, a, b)
}

fn found(atlas: &Atlas, more: &[&str]) -> Vec<Json> {
    atlas.json(&[&["module", "search"], more].concat()).as_array().unwrap().clone()
}

#[test]
fn what_one_node_publishes_another_finds_installs_and_is_judged_by() {
    let (ada, bob, _a, _b) = pair();
    let file = package(&ada, Behaviour::Invalid, "0.1.0");
    let published = ada.json(&["module", "publish", &file, "--notes", "The first one."]);
    assert_eq!((&published["name"], &published["version"]), (&json!("test:guest"), &json!("0.1.0")));
    until("Bob finds the release", || !found(&bob, &["guest"]).is_empty());
    let release = &found(&bob, &["--role", "validator", "--name", "test:guest"])[0];
    assert_eq!((&release["here"], &release["notes"]), (&json!(false), &json!("The first one.")));

    // Bob says that he trusts Ada, and finds what those whom he trusts published.
    let author = format!("trusts=id:{}", release["author"].as_str().unwrap());
    let body = r#"{"context":"code","weight":800}"#;
    bob.json(&["put", "atlas.trust", "--as", "bob", "--link", &author, "--body", body]);
    let trusted = found(&bob, &["--trusted-by", "bob"]);
    assert_eq!(trusted[0]["trusted_by"][0]["name"], "bob", "{trusted:?}");
    assert!(found(&ada, &["--trusted-by", "ada"]).is_empty());

    let info = bob.json(&["module", "install", "test:guest", "--yes"]);
    assert_eq!((&info["code"], &info["signer"]), (&published["code"], &published["author"]));
    let inspected = bob.json(&["module", "inspect", "guest"]);
    assert_eq!(
        inspected["signed"]["standing"], "holds",
        "Bob has Ada's log, because she writes where he is: {inspected}"
    );
    bob.json(&["space", "create", "own", "--as", "bob"]);
    bob.json(&["module", "bind", "--space", "own", "validator:example.thing", "guest"]);
    let refused = bob.problem(1, &["put", "example.thing", "--space", "own", "--body", "{}"]);
    assert_eq!(refused["code"], "no-good", "the installed module judges");

    // Bound, it stays; a lock file says what it is.
    assert_eq!(bob.problem(1, &["module", "remove", "guest"])["code"], "bound");
    let lock = bob.dir().with_file_name("modules.lock");
    let lock = lock.to_str().unwrap();
    bob.json(&["module", "lock", "--output", lock]);
    assert!(std::fs::read_to_string(lock).unwrap().contains(published["code"].as_str().unwrap()));
    let eve = named("eve");
    let _e = online(&eve);
    join(&bob, &eve);
    until("Eve finds the release", || !found(&eve, &[]).is_empty());
    eve.run(&["module", "install", "--locked", lock, "--yes", "--json"]).exits(0);
    assert_eq!(eve.json(&["module", "inspect", "guest"])["code"], published["code"]);
    // The same version as another package is what the lock file is there to notice.
    let other = std::fs::read_to_string(lock).unwrap().replace(published["code"].as_str().unwrap(), &ada_code(&ada));
    std::fs::write(lock, other).unwrap();
    assert_eq!(eve.problem(1, &["module", "install", "--locked", lock, "--yes"])["code"], "lock-mismatch");
}

/// The code of some other module.
fn ada_code(ada: &Atlas) -> String {
    ada.json(&["module", "inspect", "post"])["code"].as_str().unwrap().to_owned()
}

#[test]
fn a_later_version_is_found_first_and_a_yanked_one_is_not_picked_anew() {
    let (ada, bob, _a, _b) = pair();
    for version in ["0.1.0", "0.2.0", "0.3.0"] {
        ada.json(&["module", "publish", &package(&ada, Behaviour::Valid, version)]);
    }
    until("Bob finds three releases", || found(&bob, &["--name", "test:guest"]).len() == 3);
    let latest = |atlas: &Atlas| found(atlas, &["--name", "test:guest"])[0]["version"].clone();
    assert_eq!(latest(&bob), "0.3.0");
    ada.json(&["module", "yank", "test:guest@0.3.0", "--reason", "It forgets half of them."]);
    until("Bob finds it yanked", || latest(&bob) == "0.2.0");
    let gone = bob.problem(1, &["module", "install", "test:guest@0.3.0", "--yes"]);
    assert_eq!(gone["code"], "not-found", "{gone}");
    assert_eq!(found(&bob, &["--yanked"]).len(), 3);
    assert_eq!(bob.json(&["module", "install", "test:guest", "--yes"])["version"], "0.2.0");
    assert_eq!(bob.problem(1, &["module", "install", "test:guest@0.1", "--yes"])["code"], "downgrade");
    let down = bob.json(&["module", "install", "test:guest@0.1.0", "--yes", "--allow-downgrade"]);
    assert_eq!(down["version"], "0.1.0");
    // A version is one package.
    let other = ada.problem(1, &["module", "publish", &package(&ada, Behaviour::Indexed, "0.2.0")]);
    assert_eq!(other["code"], "version-taken");
    bob.json(&["module", "remove", "guest"]);
    assert_eq!(bob.problem(1, &["module", "inspect", "guest"])["code"], "not-found");
}

#[test]
fn a_package_that_is_not_what_it_says_is_refused_with_the_reason() {
    let ada = settled(0);
    ada.json(&["id", "new", "eve"]);
    let file = package(&ada, Behaviour::Valid, "0.2.0");
    ada.json(&["module", "sign", &file, "--as", "ada"]);
    let signed = std::fs::read(&file).unwrap();
    let refusal = |bytes: &[u8], more: &[&str]| {
        let path = ada.dir().with_file_name("tried.wasm");
        std::fs::write(&path, bytes).unwrap();
        let args = [&["module", "install", path.to_str().unwrap()], more].concat();
        ada.problem(1, &args)["code"].as_str().unwrap().to_owned()
    };
    // Nobody is there to be asked.
    let path = ada.dir().with_file_name("asked.wasm");
    std::fs::write(&path, &signed).unwrap();
    let asked = ada.problem(2, &["module", "install", path.to_str().unwrap()]);
    assert!(asked["detail"].as_str().unwrap().contains("--yes"), "{asked}");
    // One byte, wherever it is: in the code, the manifest, the signature.
    for at in [signed.len() / 2, signed.len() - 300, signed.len() - 10] {
        let mut changed = signed.clone();
        changed[at] ^= 1;
        let code = refusal(&changed, &["--yes"]);
        assert!(["bad-signature", "bad-manifest", "module"].contains(&&*code), "byte {at}: {code}");
    }
    // Renamed in the manifest, and signed by the renamer.
    let bare = pack(&guest_of_version(Behaviour::Valid, "0.2.0"), &manifest("0.2.0")).unwrap().package;
    let renamed = Manifest { name: "test:other".to_owned(), ..manifest("0.2.0") };
    assert_eq!(refusal(&pack(&bare, &renamed).unwrap().package, &["--yes"]), "bad-manifest");
    ada.json(&["module", "install", &file, "--yes"]);
    // Signed by somebody else than the one that is installed, or by nobody, or an earlier version.
    let by_eve = package(&ada, Behaviour::Indexed, "0.3.0");
    ada.json(&["module", "sign", &by_eve, "--as", "eve"]);
    assert_eq!(refusal(&std::fs::read(&by_eve).unwrap(), &["--yes"]), "other-signer");
    let unsigned = pack(&guest_of_version(Behaviour::Indexed, "0.3.0"), &manifest("0.3.0")).unwrap().package;
    assert_eq!(refusal(&unsigned, &["--yes"]), "other-signer");
    let earlier = package(&ada, Behaviour::Valid, "0.1.0");
    ada.json(&["module", "sign", &earlier, "--as", "ada"]);
    assert_eq!(refusal(&std::fs::read(&earlier).unwrap(), &["--yes"]), "downgrade");
    // What breaks its laws is not installed by accident.
    let forgetful = package(&ada, Behaviour::KeepsState, "0.4.0");
    ada.json(&["module", "sign", &forgetful, "--as", "ada"]);
    assert_eq!(refusal(&std::fs::read(&forgetful).unwrap(), &["--yes"]), "breaks-laws");
    ada.json(&["module", "install", &forgetful, "--yes", "--no-test"]);
}

#[test]
fn an_upgrade_says_first_how_many_stored_records_it_would_refuse() {
    let ada = settled(0);
    ada.json(&["module", "install", &package(&ada, Behaviour::Valid, "0.1.0"), "--yes"]);
    ada.json(&["module", "bind", "validator:example.thing", "guest"]);
    for i in 0..30 {
        ada.json(&["put", "example.thing", "--body", &format!("{{\"i\":{i}}}")]);
    }
    let strict = package(&ada, Behaviour::Invalid, "0.2.0");
    let tried = ada.json(&["module", "upgrade", &strict, "--space", "debian", "--dry-run"]);
    let rehearsal = &tried["slots"][0]["rehearsal"];
    assert_eq!((&rehearsal["records"], &rehearsal["would_fail"]), (&json!(30), &json!(30)), "{tried}");
    assert_eq!((&rehearsal["reasons"][0]["code"], &tried["bound"]), (&json!("no-good"), &json!(false)));
    ada.json(&["put", "example.thing", "--body", "{\"i\":99}"]);
    // Modules of this node are as they were.
    assert_eq!(ada.json(&["module", "inspect", "guest"])["version"], "0.1.0");
    let done = ada.json(&["module", "upgrade", &strict, "--space", "debian", "--yes"]);
    assert_eq!((&done["bound"], &done["slots"][0]["rehearsal"]["would_fail"]), (&json!(true), &json!(31)));
    assert_eq!(ada.problem(1, &["put", "example.thing", "--body", "{}"])["code"], "no-good");
    let kept = ada.json(&["query", "--space", "debian", "--type", "example.thing", "--limit", "100"]);
    assert_eq!(kept["count"], 31, "what was valid stays valid");
}
