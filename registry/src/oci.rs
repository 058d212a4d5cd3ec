//! Packages as OCI artifacts, in the form that tools of WebAssembly already use: an image manifest whose
//! config says what the component imports and exports, and whose one layer is the file.
//!
//! The form is the CNCF's [Wasm OCI Artifact layout](https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/).
//! A registry is asked for bytes and trusted with nothing: what comes is held against its digest, and who made it
//! stands in the package's own signature. Tags are versions; a reference without one means the highest.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use docker_credential::DockerCredential;
use futures_util::TryStreamExt;
use oci_client::client::{ClientConfig, ClientProtocol, Config, ImageLayer};
use oci_client::errors::{OciDistributionError, OciErrorCode};
use oci_client::manifest::{OciDescriptor, OciImageManifest, OciManifest};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use semver::Version;

use crate::error::RegistryError;
use crate::manifest::Manifest;
use crate::pure::Surface;

/// What a reference to an artifact begins with.
pub const SCHEME: &str = "oci://";
/// Media type of the one layer.
pub const LAYER: &str = "application/wasm";
/// Media type of the config.
pub const CONFIG: &str = "application/vnd.wasm.config.v0+json";

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const TAGS_AT_ONCE: usize = 1_000;
/// Most tags that are looked at for the highest version.
const MOST_TAGS: usize = 100_000;
const NOT_THERE: &str = "the registry has no such artifact";
const LOOK: &str = "look at its tags, or leave the tag out to get the highest version";
const CONNECT: Duration = Duration::from_secs(10);
const READ: Duration = Duration::from_secs(30);

/// A place in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    reference: Reference,
    /// Whether a tag or a digest was said.
    exact: bool,
}

/// What came from a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The file.
    pub package: Vec<u8>,
    /// What it came from, with tag or digest.
    pub from: String,
    /// SHA-256 of the manifest: with it, a reference means these bytes for good.
    pub digest: String,
}

/// What a registry was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// Where it is, with its tag.
    pub to: String,
    /// SHA-256 of the manifest.
    pub digest: String,
}

impl std::fmt::Display for Artifact {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{SCHEME}{}/{}", self.reference.registry(), self.reference.repository())?;
        match (self.exact, self.reference.digest(), self.reference.tag()) {
            (false, ..) => Ok(()),
            (true, Some(digest), _) => write!(out, "@{digest}"),
            (true, None, tag) => write!(out, ":{}", tag.unwrap_or_default()),
        }
    }
}

impl Artifact {
    /// Reads `oci://HOST/REPOSITORY[:TAG|@sha256:DIGEST]`.
    pub fn parse(text: &str) -> Result<Self, RegistryError> {
        let no = |why: String| RegistryError::Oci {
            at: text.to_owned(),
            why,
            hint: "write oci://HOST[:PORT]/REPOSITORY, and :VERSION or @sha256:DIGEST behind it".to_owned(),
        };
        let rest = text.strip_prefix(SCHEME).ok_or_else(|| no("it does not begin with oci://".to_owned()))?;
        let (host, path) = rest.split_once('/').ok_or_else(|| no("it names no repository".to_owned()))?;
        if !host.contains(['.', ':']) && host != "localhost" {
            return Err(no(format!("`{host}` is no host of a registry")));
        }
        if path.split([':', '@']).next().is_some_and(|name| name.contains(char::is_uppercase)) {
            return Err(no("the name of a repository has no capital letters".to_owned()));
        }
        let exact = path.rsplit('/').next().is_some_and(|last| last.contains([':', '@']));
        let reference = Reference::try_from(rest).map_err(|error| no(error.to_string()))?;
        Ok(Self { reference, exact })
    }

    fn tagged(&self, tag: String) -> Self {
        let (registry, repository) = (self.reference.registry().to_owned(), self.reference.repository().to_owned());
        Self { reference: Reference::with_tag(registry, repository, tag), exact: true }
    }

    /// Whether it is on this machine, where registries mostly speak plain HTTP.
    fn is_local(&self) -> bool {
        let host = self.reference.registry();
        let host = host.strip_prefix('[').and_then(|rest| rest.split(']').next()).unwrap_or_else(|| {
            // An address of IPv6 stands in brackets, so that one colon is a port's.
            host.split(':').next().unwrap_or(host)
        });
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    fn failed(&self, error: &OciDistributionError) -> RegistryError {
        let host = self.reference.registry();
        let (why, hint) = match error {
            OciDistributionError::UnauthorizedError { .. }
            | OciDistributionError::AuthenticationFailure(_)
            | OciDistributionError::ServerError { code: 401 | 403, .. } => (
                "the registry does not let this account do that".to_owned(),
                format!("log in with `docker login {host}` or `oras login {host}`: ~/.docker/config.json is read"),
            ),
            OciDistributionError::RegistryError { envelope, .. }
                if envelope
                    .errors
                    .iter()
                    .any(|one| matches!(one.code, OciErrorCode::ManifestUnknown | OciErrorCode::NameUnknown)) =>
            {
                (NOT_THERE.to_owned(), LOOK.to_owned())
            }
            OciDistributionError::ImageManifestNotFoundError(_) => (NOT_THERE.to_owned(), LOOK.to_owned()),
            OciDistributionError::RegistryError { envelope, .. } => {
                let said: Vec<String> =
                    envelope.errors.iter().map(|one| format!("{:?}: {}", one.code, one.message)).collect();
                (said.join("; "), format!("that is what {host} answered"))
            }
            OciDistributionError::RequestError(error) if error.is_connect() => {
                (format!("{host} does not answer"), with_causes(error))
            }
            other => (with_causes(other), format!("{host} may not be a registry of OCI artifacts")),
        };
        RegistryError::Oci { at: self.to_string(), why, hint }
    }

    fn refused(&self, why: impl Into<String>, hint: impl Into<String>) -> RegistryError {
        RegistryError::Oci { at: self.to_string(), why: why.into(), hint: hint.into() }
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

/// A registry and what this account may do there.
struct Session<'a> {
    client: Client,
    auth: RegistryAuth,
    artifact: &'a Artifact,
}

impl<'a> Session<'a> {
    fn open(artifact: &'a Artifact, plain_http: bool) -> Self {
        let host = artifact.reference.registry();
        let plain = plain_http || artifact.is_local();
        let client = Client::new(ClientConfig {
            protocol: if plain { ClientProtocol::Http } else { ClientProtocol::Https },
            connect_timeout: Some(CONNECT),
            read_timeout: Some(READ),
            user_agent: concat!("atlas/", env!("CARGO_PKG_VERSION")),
            // An artifact for several machines is none of a module.
            platform_resolver: None,
            ..ClientConfig::default()
        });
        let auth = match docker_credential::get_credential(host) {
            Ok(DockerCredential::UsernamePassword(name, password)) => RegistryAuth::Basic(name, password),
            Ok(DockerCredential::IdentityToken(token)) => RegistryAuth::Bearer(token),
            // Whatever is wrong with the file, many artifacts are anybody's to read.
            Err(_) => RegistryAuth::Anonymous,
        };
        Self { client, auth, artifact }
    }

    /// The tag of the highest version; one that is no version is not looked at.
    async fn highest(&self) -> Result<Artifact, RegistryError> {
        let (mut tags, mut last) = (Vec::new(), None::<String>);
        loop {
            let page =
                self.client.list_tags(&self.artifact.reference, &self.auth, Some(TAGS_AT_ONCE), last.as_deref()).await;
            let page = page.map_err(|error| self.artifact.failed(&error))?.tags;
            let is_last = page.len() < TAGS_AT_ONCE || tags.len() >= MOST_TAGS;
            last = page.last().cloned();
            tags.extend(page);
            if is_last {
                break;
            }
        }
        let found = highest_of(&tags).ok_or_else(|| {
            let shown: Vec<&str> = tags.iter().map(String::as_str).take(10).collect();
            let why = if tags.is_empty() {
                "the repository has no tags".to_owned()
            } else {
                format!("none of its tags is a version: {}", shown.join(", "))
            };
            self.artifact.refused(why, "name the tag: oci://HOST/REPOSITORY:TAG")
        })?;
        Ok(self.artifact.tagged(found.to_owned()))
    }
}

/// Tags cannot hold the `+` of a version.
fn tag_of(version: &str) -> String {
    version.replace('+', "_")
}

fn highest_of(tags: &[String]) -> Option<&str> {
    let version = |tag: &str| Version::parse(&tag.strip_prefix('v').unwrap_or(tag).replace('_', "+")).ok();
    let versions = tags.iter().filter_map(|tag| Some((version(tag)?, tag.as_str())));
    // One that is released goes before any that is to be.
    versions.max_by(|(a, _), (b, _)| (a.pre.is_empty(), a).cmp(&(b.pre.is_empty(), b))).map(|(_, tag)| tag)
}

/// The config: what the layout asks for, the same for every tool.
fn config(package: &[u8], manifest: &Manifest, layer: &str) -> Result<Vec<u8>, RegistryError> {
    let surface = Surface::of(package)?;
    let created = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let config = serde_json::json!({
        "created": created,
        "author": manifest.authors.join(", "),
        "architecture": "wasm",
        "os": "wasip2",
        "layerDigests": [layer],
        "component": { "exports": surface.exports(), "imports": surface.import_names(), "target": null },
    });
    Ok(config.to_string().into_bytes())
}

fn annotations(manifest: &Manifest) -> BTreeMap<String, String> {
    let standard = |key: &str, value: &str| (format!("org.opencontainers.image.{key}"), value.to_owned());
    let mut annotations = BTreeMap::from([
        standard("title", &manifest.name),
        standard("version", &manifest.version),
        standard("description", &manifest.summary),
        standard("licenses", &manifest.licence),
        standard("authors", &manifest.authors.join(", ")),
    ]);
    annotations.extend(manifest.source.iter().map(|source| standard("source", source)));
    annotations
}

/// Gives a registry a package. Without a tag, its version becomes one.
pub async fn push(artifact: &Artifact, package: &[u8], plain_http: bool) -> Result<Pushed, RegistryError> {
    let manifest = Manifest::of(package)?.ok_or_else(|| {
        RegistryError::Component(
            "the component carries no manifest: make a package of it with `atlas module pack`".into(),
        )
    })?;
    if artifact.reference.digest().is_some() {
        return Err(artifact.refused("a digest follows from what is pushed", "say a tag, or none"));
    }
    let to = if artifact.exact { artifact.clone() } else { artifact.tagged(tag_of(&manifest.version)) };
    let session = Session::open(&to, plain_http);
    let layer = ImageLayer::new(package.to_vec(), LAYER.to_owned(), None);
    let config = Config::new(config(package, &manifest, &layer.sha256_digest())?, CONFIG.to_owned(), None);
    let layers = [layer];
    let mut image = OciImageManifest::build(&layers, &config, Some(annotations(&manifest)));
    image.media_type = Some(MANIFEST.to_owned());
    let pushed = session.client.push(&to.reference, &layers, config, &session.auth, Some(image)).await;
    pushed.map_err(|error| to.failed(&error))?;
    let digest = session.client.fetch_manifest_digest(&to.reference, &session.auth).await;
    Ok(Pushed { to: to.to_string(), digest: digest.map_err(|error| to.failed(&error))? })
}

/// Gets a package of at most `most` bytes.
pub async fn pull(artifact: &Artifact, most: u64, plain_http: bool) -> Result<Pulled, RegistryError> {
    let opened = Session::open(artifact, plain_http);
    let from = if artifact.exact { artifact.clone() } else { opened.highest().await? };
    let session = Session { artifact: &from, ..opened };
    let manifest = session.client.pull_manifest(&from.reference, &session.auth).await;
    let (manifest, digest) = manifest.map_err(|error| from.failed(&error))?;
    let layer = only_layer(&from, &manifest, most)?;
    let blob = session.client.pull_blob_stream(&from.reference, layer).await;
    let mut blob = blob.map_err(|error| from.failed(&error))?.stream;
    let mut package = Vec::new();
    loop {
        let piece = blob.try_next().await.map_err(|error| from.failed(&error.into()))?;
        let Some(piece) = piece else { break };
        if package.len() + piece.len() > layer_size(layer) {
            return Err(from.refused("the registry sends more than it said", "do not use that registry"));
        }
        package.extend_from_slice(&piece);
    }
    Ok(Pulled { package, from: from.to_string(), digest })
}

fn layer_size(layer: &OciDescriptor) -> usize {
    usize::try_from(layer.size).unwrap_or(0)
}

fn only_layer<'m>(from: &Artifact, manifest: &'m OciManifest, most: u64) -> Result<&'m OciDescriptor, RegistryError> {
    let OciManifest::Image(image) = manifest else {
        return Err(from.refused("it is an index of several artifacts", "name one of them by its digest"));
    };
    let [layer] = &image.layers[..] else {
        let why = format!("it has {} layers: a component is one", image.layers.len());
        return Err(from.refused(why, "is it an image of a container?"));
    };
    if layer.media_type != LAYER {
        let why = format!("its layer is `{}`: expected `{LAYER}`", layer.media_type);
        return Err(from.refused(why, "is it an image of a container?"));
    }
    match u64::try_from(layer.size) {
        Ok(size) if size <= most => Ok(layer),
        _ => Err(from.refused(format!("it says that it has {} bytes: {most} at most", layer.size), "it is no module")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_and_shown() {
        for whole in ["oci://localhost:5000/recipes", "oci://ghcr.io/ada/recipes:0.1.0", "oci://[::1]:5000/a/b:v1"] {
            match Artifact::parse(whole) {
                Ok(artifact) => assert_eq!(artifact.to_string(), whole),
                // Not every reader of references knows addresses in brackets; it says so.
                Err(error) => assert!(whole.contains('['), "{error}"),
            }
        }
        let digest = format!("oci://ghcr.io/ada/recipes@sha256:{}", "a".repeat(64));
        assert_eq!(Artifact::parse(&digest).unwrap().to_string(), digest);
        for (wrong, why) in [
            ("ghcr.io/ada/recipes", "does not begin with oci://"),
            ("oci://ghcr.io", "names no repository"),
            ("oci://recipes/one", "no host"),
            ("oci://ghcr.io/Ada/recipes", "no capital letters"),
        ] {
            let error = Artifact::parse(wrong).unwrap_err().to_string();
            assert!(error.contains(why), "{wrong}: {error}");
        }
    }

    #[test]
    fn only_this_machine_is_asked_without_encryption() {
        for (text, local) in [
            ("oci://localhost:5000/a", true),
            ("oci://127.0.0.1:5000/a", true),
            ("oci://ghcr.io/a/b", false),
            ("oci://localhost.example.org/a/b", false),
        ] {
            assert_eq!(Artifact::parse(text).unwrap().is_local(), local, "{text}");
        }
    }

    #[test]
    fn the_highest_version_is_one_that_is_released() {
        let highest = |tags: &[&str]| {
            highest_of(&tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>()).map(str::to_owned)
        };
        assert_eq!(highest(&["0.9.0", "0.10.0", "latest", "sha256-abc.sig"]).as_deref(), Some("0.10.0"));
        assert_eq!(highest(&["1.0.0", "2.0.0-rc.1"]).as_deref(), Some("1.0.0"));
        assert_eq!(highest(&["2.0.0-rc.1", "2.0.0-rc.2"]).as_deref(), Some("2.0.0-rc.2"));
        assert_eq!(highest(&["v1.2.3", "1.0.0"]).as_deref(), Some("v1.2.3"));
        assert_eq!(highest(&[&tag_of("1.0.0+build.5")]).as_deref(), Some("1.0.0_build.5"));
        assert_eq!(highest(&["latest"]), None);
    }
}
