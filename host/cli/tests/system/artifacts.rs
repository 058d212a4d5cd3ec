//! Packages through a real registry of OCI artifacts: Debian's `docker-registry`.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use atlas_engine::testing::{Behaviour, guest_of_version};
use atlas_registry::Manifest;
use atlas_registry::pack::pack;
use atlas_tests::http::Connection;
use serde_json::Value as Json;

use super::*;

/// Who may use a registry that asks: `ada`, with the password `open sesame` (bcrypt).
const ACCOUNT: &str = "ada:$2y$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW\n";
/// The same as `docker login` writes it.
const LOGGED_IN: &str = "YWRhOm9wZW4gc2VzYW1l";

/// A registry that ends with the test.
struct Registry {
    process: Child,
    port: u16,
    dir: tempfile::TempDir,
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Registry {
    /// `None` where the program is not installed.
    fn start(test: &str, asks: bool) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let auth = if asks {
            let file = dir.path().join("accounts");
            std::fs::write(&file, ACCOUNT).unwrap();
            format!("auth:\n  htpasswd:\n    realm: test\n    path: {}\n", file.display())
        } else {
            String::new()
        };
        let config = format!(
            "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:{port}\n{auth}",
            dir.path().join("data").display()
        );
        let file = dir.path().join("config.yml");
        std::fs::write(&file, config).unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
        let process = match command.spawn() {
            Ok(process) => process,
            Err(error) => {
                atlas_tests::skipped(test, &format!("docker-registry cannot be run: {error}"));
                return None;
            }
        };
        let registry = Self { process, port, dir };
        for _ in 0..200 {
            if TcpStream::connect(registry.address()).is_ok() {
                return Some(registry);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("the registry does not listen");
    }

    fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    fn at(&self, path: &str) -> String {
        format!("oci://127.0.0.1:{}/{path}", self.port)
    }

    /// Where its files lie.
    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }
}

/// A package of the test guest.
fn package(dir: &Path, behaviour: Behaviour, version: &str) -> String {
    let manifest = Manifest {
        name: "test:guest".to_owned(),
        version: version.to_owned(),
        role: "validator".to_owned(),
        wit: "atlas:validator@0.1.0".to_owned(),
        summary: "A guest for tests.".to_owned(),
        licence: "MIT".to_owned(),
        authors: vec!["Ada".to_owned()],
        source: None,
        capabilities: Vec::new(),
    };
    let path = dir.join(format!("guest-{version}.wasm"));
    std::fs::write(&path, pack(&guest_of_version(behaviour, version), &manifest).unwrap().package).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn a_package_goes_to_a_registry_of_artifacts_and_comes_back() {
    let Some(registry) = Registry::start("a_package_goes_to_a_registry_of_artifacts_and_comes_back", false) else {
        return;
    };
    let (ada, bob) = (settled(), fresh());
    let dir = ada.dir().parent().unwrap();
    let (first, second) = (package(dir, Behaviour::Valid, "0.1.0"), package(dir, Behaviour::Invalid, "0.2.0"));
    ada.json(&["module", "sign", &second, "--as", "ada"]);
    let place = registry.at("ada/guest");
    let pushed = ada.json(&["module", "push", &first, &place]);
    assert_eq!(pushed["reference"], format!("{place}:0.1.0"), "the tag is the version");
    let latest = ada.json(&["module", "push", &second, &place]);
    assert_eq!(latest["signed"], true);

    // In the form that other tools read.
    let mut connection = Connection::open(registry.address()).unwrap();
    let host = format!("host: {}\r\n", registry.address());
    let accept = format!("{host}accept: application/vnd.oci.image.manifest.v1+json\r\n");
    let manifest = connection.request("GET", "/v2/ada/guest/manifests/0.2.0", &accept, b"").unwrap();
    assert_eq!(manifest.status, 200);
    let manifest = manifest.json().unwrap();
    assert_eq!(manifest["mediaType"], "application/vnd.oci.image.manifest.v1+json");
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.wasm.config.v0+json");
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
    assert_eq!(manifest["layers"][0]["mediaType"], "application/wasm");
    assert_eq!(manifest["annotations"]["org.opencontainers.image.version"], "0.2.0");
    let config = format!("/v2/ada/guest/blobs/{}", manifest["config"]["digest"].as_str().unwrap());
    let config = connection.request("GET", &config, &host, b"").unwrap().json().unwrap();
    assert_eq!((&config["architecture"], &config["os"]), (&"wasm".into(), &"wasip2".into()));
    assert_eq!(config["layerDigests"][0], manifest["layers"][0]["digest"]);
    let exports = config["component"]["exports"].as_array().unwrap();
    assert!(
        exports.iter().any(|export| export.as_str().unwrap().starts_with("atlas:validator/validation@")),
        "{config}"
    );

    // The very same file comes back: by its digest, by its tag, and the highest version where nothing is said.
    let back = dir.join("back.wasm");
    let back = back.to_str().unwrap();
    let digest = pushed["digest"].as_str().unwrap();
    ada.json(&["module", "pull", &format!("{place}@{digest}"), "-o", back]);
    assert_eq!(std::fs::read(back).unwrap(), std::fs::read(&first).unwrap());
    let installed = bob.json(&["module", "install", &format!("{place}:0.1.0"), "--yes"]);
    assert_eq!((&installed["code"], &installed["signer"]), (&pushed["code"], &Json::Null));
    let installed = bob.json(&["module", "install", &place, "--yes", "--no-test"]);
    assert_eq!((&installed["version"], &installed["code"]), (&"0.2.0".into(), &latest["code"]));
    assert!(installed["signer"].is_string(), "{installed}");
    let down = bob.problem(1, &["module", "install", &format!("{place}:0.1.0"), "--yes"]);
    assert_eq!(down["code"], "other-signer", "what holds for files holds for artifacts");

    // What is not there, and what is something else.
    for (reference, says) in [
        (format!("{place}:0.3.0"), "no such artifact"),
        (registry.at("ada/nothing"), "no such artifact"),
        ("oci://127.0.0.1:1/ada/guest:1".to_owned(), "does not answer"),
        ("oci://nowhere".to_owned(), "names no repository"),
    ] {
        let problem = bob.problem(1, &["module", "install", &reference, "--yes"]);
        assert_eq!(problem["code"], "artifact", "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(says), "{problem}");
        assert!(problem["hint"].is_string(), "{problem}");
    }

    // A registry that changes a byte is found out.
    let package = std::fs::read(&first).unwrap();
    for file in files(&registry.data()) {
        let mut bytes = std::fs::read(&file).unwrap();
        if bytes == package {
            *bytes.last_mut().unwrap() ^= 1;
            std::fs::write(&file, bytes).unwrap();
        }
    }
    let problem = bob.problem(1, &["module", "pull", &format!("{place}:0.1.0"), "-o", back]);
    assert_eq!(problem["code"], "artifact", "{problem}");
}

#[test]
fn a_registry_that_asks_who_one_is_is_told_what_docker_login_wrote() {
    let Some(registry) = Registry::start("a_registry_that_asks_who_one_is_is_told_what_docker_login_wrote", true)
    else {
        return;
    };
    let ada = fresh();
    let dir = ada.dir().parent().unwrap();
    let file = package(dir, Behaviour::Valid, "0.1.0");
    let place = registry.at("ada/guest");
    let nobody = dir.join("nobody");
    let args = ["module", "push", &file, &place, "--json"];
    let refused = ada.run_env(&args, &[("DOCKER_CONFIG", nobody.to_str().unwrap())]).exits(1).problem();
    assert!(refused["hint"].as_str().unwrap().contains("docker login"), "{refused}");
    let account = dir.join("account");
    std::fs::create_dir(&account).unwrap();
    let config = format!(r#"{{"auths":{{"127.0.0.1:{}":{{"auth":"{LOGGED_IN}"}}}}}}"#, registry.port);
    std::fs::write(account.join("config.json"), config).unwrap();
    let as_ada = [("DOCKER_CONFIG", account.to_str().unwrap())];
    ada.run_env(&args, &as_ada).exits(0);
    let installed = ada.run_env(&["module", "install", &place, "--yes", "--json"], &as_ada).exits(0).json();
    assert_eq!(installed["module"], "test:guest");
}
