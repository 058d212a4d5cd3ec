//! Releases: records that say which package is which version of a module.
//!
//! Any space that binds [`RELEASE`] is a registry. Nothing here decides whom to believe: a release says
//! who wrote it, a package who signed it, and trust statements who vouches for them.

use std::sync::Arc;

use atlas_record::json::JsonBody;
use atlas_record::{BlobId, Body, Header, IdentityId, Link, Payload, RecordId, Target, TypeName, Value};
use atlas_store::StoredRecord;
use semver::{Version, VersionReq};
use serde::Serialize;

use super::{Signer, Standing, packed, refused};
use crate::author::{NewRecord, Written};
use crate::blobs::{NamedBlob, UploadBounds};
use crate::error::{NodeError, Refusal};
use crate::identities::Local;
use crate::node::Node;
use crate::query::{IndexCondition, IndexRange, LinkCondition, MOST_RECORDS, Query};
use crate::spaces::Space;

/// The type of releases.
pub const RELEASE: &str = "atlas.moduleRelease";
/// The type of trust statements.
const TRUST: &str = "atlas.trust";

/// A release that is here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Release {
    /// The record.
    #[schema(value_type = String)]
    pub record: RecordId,
    /// The space that it is in, as this node calls it.
    pub space: String,
    /// Who wrote it.
    #[schema(value_type = String)]
    pub author: IdentityId,
    /// What this node calls the author, if it is one of its own.
    pub author_name: Option<String>,
    /// The module: `namespace:name`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it decides.
    pub role: String,
    /// BLAKE3 of the package.
    #[schema(value_type = String)]
    pub code: BlobId,
    /// Bytes of the package.
    pub size: u64,
    /// One sentence.
    pub summary: String,
    /// SPDX expression.
    pub licence: String,
    /// What it asks of the host.
    pub capabilities: Vec<String>,
    /// What is new.
    pub notes: Option<String>,
    /// Why it was withdrawn, if it was.
    pub yanked: Option<String>,
    /// The author's own time. Milliseconds since the Unix epoch.
    pub created: u64,
    /// Whether the package is on this node.
    pub here: bool,
    /// Who states trust in the author in this space, and how much, in thousandths; own names first.
    pub trusted_by: Vec<Voice>,
}

/// A statement of trust.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Voice {
    /// Who states it.
    #[schema(value_type = String)]
    pub author: IdentityId,
    /// What this node calls them, if it is one of its own.
    pub name: Option<String>,
    /// In what.
    pub context: String,
    /// -1000 to 1000.
    pub weight: i64,
}

/// Which releases.
#[derive(Debug, Clone, Default)]
pub struct Find {
    /// In this space; in all where left out.
    pub space: Option<String>,
    /// With these words.
    pub words: Option<String>,
    /// Of this module.
    pub name: Option<String>,
    /// Of this role.
    pub role: Option<String>,
    /// Written by this identity.
    pub author: Option<IdentityId>,
    /// Whose author this identity states trust in.
    pub trusted_by: Option<IdentityId>,
    /// Yanked ones, too.
    pub yanked: bool,
}

fn release_type() -> TypeName {
    RELEASE.parse().expect("a constant type name is legal")
}

fn text(body: &atlas_record::cbor::Map, field: &str) -> Option<String> {
    body.get(field).and_then(Value::as_text).map(str::to_owned)
}

/// Versions that a text stands for: `1.2.3` for that one alone, otherwise as Cargo reads it.
fn requirement(wanted: Option<&str>) -> Result<VersionReq, NodeError> {
    let Some(wanted) = wanted else { return Ok(VersionReq::STAR) };
    let exact = Version::parse(wanted).is_ok();
    VersionReq::parse(&if exact { format!("={wanted}") } else { wanted.to_owned() })
        .map_err(|error| NodeError::Misuse(format!("`{wanted}` names no version ({error}): write 1.2.3, 1.2 or ^1")))
}

impl Node {
    /// Spaces that are registries.
    fn registries(&self, only: Option<&str>) -> Result<Vec<Arc<Space>>, NodeError> {
        let of = release_type();
        if let Some(name) = only {
            let space = self.spaces().resolve(Some(name))?;
            space.binding(&of)?;
            return Ok(vec![space]);
        }
        Ok(self.spaces().all().into_iter().filter(|space| space.binding(&of).is_ok()).collect())
    }

    /// Looks for releases: the best matches first where words are given, otherwise by name, the latest
    /// version first. A thousand of a space at most.
    pub fn releases(&self, find: &Find) -> Result<Vec<Release>, NodeError> {
        let mut found = Vec::new();
        for space in self.registries(find.space.as_deref())? {
            let index =
                |name: &str, value: &str| IndexCondition { name: name.into(), values: IndexRange::Is(value.into()) };
            let query = Query {
                type_name: Some(release_type()),
                author: find.author,
                index: match (&find.name, &find.role) {
                    (Some(name), _) if !find.yanked => Some(index("name", name)),
                    (None, Some(role)) => Some(index("role", role)),
                    _ => None,
                },
                text: find.words.as_deref().map(str::parse).transpose()?,
                limit: MOST_RECORDS,
                ..Query::new(space.clone())
            };
            for stored in self.query(&query)?.records {
                let Some(release) = self.release_of(&space, &stored)? else { continue };
                let named = find.name.as_ref().is_none_or(|name| release.name == *name);
                let plays = find.role.as_ref().is_none_or(|role| release.role == *role);
                let trusted =
                    |who: &IdentityId| release.trusted_by.iter().any(|voice| voice.author == *who && voice.weight > 0);
                if named
                    && plays
                    && (find.yanked || release.yanked.is_none())
                    && find.trusted_by.as_ref().is_none_or(trusted)
                {
                    found.push(release);
                }
            }
        }
        if find.words.is_none() {
            found.sort_by(|a, b| {
                let version = |release: &Release| Version::parse(&release.version).ok();
                a.name.cmp(&b.name).then_with(|| version(b).cmp(&version(a))).then_with(|| b.created.cmp(&a.created))
            });
        }
        Ok(found)
    }

    /// A release by its record.
    pub fn release(&self, record: &RecordId) -> Result<Release, NodeError> {
        let missing = || NodeError::missing("release", record, "look for it with `atlas module search`");
        let stored = self.store().get(record)?.ok_or_else(missing)?;
        let space = self.spaces().get(&stored.record.header().space).ok_or_else(missing)?;
        if stored.record.header().type_name != release_type() || !stored.status.is_visible() {
            return Err(missing());
        }
        self.release_of(&space, &stored)?.ok_or_else(missing)
    }

    fn release_of(&self, space: &Arc<Space>, stored: &StoredRecord) -> Result<Option<Release>, NodeError> {
        let (header, Some(Payload { body, .. })) = (stored.record.header(), stored.record.payload()) else {
            return Ok(None);
        };
        let body = body.to_map();
        let code = body.get("code").and_then(Value::as_map);
        let blob = code.and_then(|code| match code.get("blob") {
            Some(Value::Link(cid)) => BlobId::from_cid(cid),
            _ => None,
        });
        let (Some(code), Some(name), Some(version)) = (blob, text(&body, "name"), text(&body, "version")) else {
            return Ok(None);
        };
        let capabilities = body.get("capabilities").and_then(Value::as_list).unwrap_or_default();
        Ok(Some(Release {
            record: stored.record.id(),
            space: space.name.clone(),
            author: header.author,
            author_name: self.identities().name_of(&header.author),
            name,
            version,
            role: text(&body, "role").unwrap_or_default(),
            code,
            size: size_of(header, &code),
            summary: text(&body, "summary").unwrap_or_default(),
            licence: text(&body, "licence").unwrap_or_default(),
            capabilities: capabilities.iter().filter_map(Value::as_text).map(str::to_owned).collect(),
            notes: text(&body, "notes"),
            yanked: text(&body, "yankReason"),
            created: header.created,
            here: self.modules().code(&code)?.is_some(),
            trusted_by: self.voices(space, &header.author)?,
        }))
    }

    /// Who states trust in an identity in a space.
    fn voices(&self, space: &Arc<Space>, subject: &IdentityId) -> Result<Vec<Voice>, NodeError> {
        let of: TypeName = TRUST.parse().expect("a constant type name is legal");
        if space.binding(&of).is_err() {
            return Ok(Vec::new());
        }
        let relation = "trusts".parse().expect("a constant relation is legal");
        let link = LinkCondition { relation: Some(relation), target: Target::Identity(*subject) };
        let query = Query { type_name: Some(of), link: Some(link), ..Query::new(space.clone()) };
        let mut voices = Vec::new();
        for stored in self.query(&query)?.records {
            let Some(payload) = stored.record.payload() else { continue };
            let (body, author) = (payload.body.to_map(), stored.record.header().author);
            voices.push(Voice {
                author,
                name: self.identities().name_of(&author),
                context: text(&body, "context").unwrap_or_default(),
                weight: body.get("weight").and_then(Value::as_int).unwrap_or_default(),
            });
        }
        voices.sort_by_key(|voice| (voice.name.is_none(), -voice.weight));
        Ok(voices)
    }

    /// The one release that is meant by a name and a version: of those that were not withdrawn the
    /// highest version. Two packages of that version are nobody's to choose between.
    pub fn resolve_release(&self, find: &Find, version: Option<&str>) -> Result<Release, NodeError> {
        let requirement = requirement(version)?;
        let name = find.name.clone().unwrap_or_default();
        let all = self.releases(find)?;
        let fits =
            |release: &&Release| Version::parse(&release.version).is_ok_and(|version| requirement.matches(&version));
        let Some(best) = all.iter().find(fits) else {
            let hint = match all.first() {
                Some(latest) => format!("the latest release of it is {}", latest.version),
                None if self.registries(None)?.is_empty() => {
                    format!("no space of this node has the type {RELEASE}: join one that has")
                }
                None => "look for it with `atlas module search`".to_owned(),
            };
            let wanted = version.map_or_else(|| name.clone(), |version| format!("{name}@{version}"));
            return Err(NodeError::missing("release", wanted, hint));
        };
        if let Some(other) = all.iter().find(|other| other.version == best.version && other.code != best.code) {
            let who = |release: &Release| format!("{} in `{}`", self.name_identity(&release.author), release.space);
            let text = format!(
                "{name} {} is two packages: {} by {}, and {} by {}",
                best.version,
                best.code,
                who(best),
                other.code,
                who(other)
            );
            return Err(refused("ambiguous", text, "say whose with --signer, or where with --registry"));
        }
        Ok(best.clone())
    }

    /// The package of a release, from here or from a peer. What it says has to be what the release says,
    /// and whoever wrote the release has to have signed it.
    pub async fn release_package(&self, release: Release) -> Result<Vec<u8>, NodeError> {
        let node = self.clone();
        let here = self.fetch_blob(release.code).await?;
        let checked = move || {
            let bytes = node.modules().code(&release.code)?;
            let hint = "no peer that is connected has it; try again when one of its space is (`atlas peer list`)";
            let bytes = bytes.filter(|_| here).ok_or_else(|| NodeError::missing("package", release.code, hint))?;
            node.check_release(&release, &bytes)?;
            Ok(bytes.to_vec())
        };
        let work = tokio::task::spawn_blocking(checked).await;
        work.map_err(|error| NodeError::Unavailable(format!("the package was not checked: {error}")))?
    }

    fn check_release(&self, release: &Release, package: &[u8]) -> Result<(), NodeError> {
        let manifest = packed(package)?;
        let texts = |texts: &[String]| texts.join(", ");
        for (field, said, found) in [
            ("name", release.name.clone(), manifest.name),
            ("version", release.version.clone(), manifest.version),
            ("role", release.role.clone(), manifest.role),
            ("capabilities", texts(&release.capabilities), texts(&manifest.capabilities)),
        ] {
            if said != found {
                let text = format!("the release says {field} `{said}`, and the package `{found}`");
                return Err(refused(
                    "wrong-release",
                    text,
                    "do not use it: whoever wrote the release is mistaken or lies",
                ));
            }
        }
        match self.signer(package)? {
            Some(signer) if signer.identity == release.author => Ok(()),
            Some(Signer { identity, .. }) => {
                let (author, signer) = (self.name_identity(&release.author), self.name_identity(&identity));
                let text = format!("{author} wrote the release, and {signer} signed the package");
                Err(refused("wrong-signer", text, "look for a release by whoever signed it"))
            }
            None => {
                let text = "the package of the release is not signed".to_owned();
                Err(refused("not-signed", text, "ask its author to publish it again"))
            }
        }
    }

    /// Publishes a package: the file as a blob, and a release that names it. One that is not signed yet
    /// is signed on the way.
    pub fn publish_package(
        &self,
        space: Arc<Space>,
        author: Arc<Local>,
        package: Vec<u8>,
        notes: Option<&str>,
    ) -> Result<Release, NodeError> {
        space.binding(&release_type()).map_err(|refusal| {
            let bind = "atlas module bind --space SPACE --as FOUNDER validator:atlas.moduleRelease module-release";
            Refusal::hint(refusal, format!("a space with that type is a registry of modules: {bind}"))
        })?;
        let manifest = packed(&package)?;
        self.modules().describe(&package)?;
        let identity = self.device_authority(&author)?.author;
        let package = match self.signer(&package)? {
            None => self.sign_package(&package, &author)?,
            Some(signer) if signer.identity == identity && signer.standing == Standing::Holds => package,
            Some(signer) => {
                let text = format!(
                    "{} signed the package, and {} publishes it",
                    self.name_identity(&signer.identity),
                    self.name_identity(&identity)
                );
                return Err(refused(
                    "wrong-signer",
                    text,
                    "publish as whoever signed it, or sign it: `atlas module sign`",
                ));
            }
        };
        let code = BlobId::of(&package);
        let own = Find {
            space: Some(space.id.to_string()),
            name: Some(manifest.name.clone()),
            author: Some(identity),
            ..Find::default()
        };
        let earlier = self.releases(&own)?;
        if let Some(same) = earlier.iter().find(|release| release.version == manifest.version) {
            if same.code == code {
                return Ok(same.clone());
            }
            let text = format!("{} {} is published in `{}` with other code", same.name, same.version, space.name);
            return Err(refused("version-taken", text, "a version is one package: raise `version` in module.toml"));
        }
        self.offer_blob(&mut &package[..], UploadBounds::NONE, crate::clock::now())?;
        let mut body = serde_json::json!({
            "name": manifest.name, "version": manifest.version, "role": manifest.role, "wit": manifest.wit,
            "code": { "blob": { "$link": code.to_string() }, "size": package.len() },
            "summary": manifest.summary, "licence": manifest.licence, "capabilities": manifest.capabilities,
        });
        for (field, value) in [("source", manifest.source.as_deref()), ("notes", notes)] {
            if let Some(value) = value {
                body[field] = value.into();
            }
        }
        let previous = earlier.first().map(|latest| Link {
            relation: "previous".parse().expect("a constant relation is legal"),
            target: Target::from(latest.record),
        });
        self.write_release(space, author, &body, code, previous)
    }

    /// Withdraws a release: what binds its code goes on, and nobody picks it anew.
    pub fn yank(
        &self,
        space: Arc<Space>,
        author: Arc<Local>,
        (name, version): (&str, &str),
        reason: &str,
    ) -> Result<Release, NodeError> {
        let identity = self.device_authority(&author)?.author;
        let own = Find {
            space: Some(space.id.to_string()),
            name: Some(name.to_owned()),
            author: Some(identity),
            yanked: true,
            ..Find::default()
        };
        let release = self.releases(&own)?.into_iter().find(|release| release.version == version).ok_or_else(|| {
            NodeError::missing(
                "release",
                format!("{name}@{version}"),
                "only its author can withdraw it, where it stands",
            )
        })?;
        let stored = self.store().get(&release.record)?;
        let Some(payload) = stored.as_ref().and_then(|stored| stored.record.payload()) else {
            return Err(NodeError::missing("release", release.record, "its body is not here"));
        };
        let text = serde_json::to_value(atlas_record::json::BodyJson { body: &payload.body, fields: None });
        let mut body = text.expect("a body has a JSON form");
        body["yanked"] = true.into();
        body["yankReason"] = reason.into();
        let links = stored.as_ref().map(|stored| stored.record.header().links.clone()).unwrap_or_default();
        self.write_release(space, author, &body, release.code, links.into_iter().next())
    }

    fn write_release(
        &self,
        space: Arc<Space>,
        author: Arc<Local>,
        body: &serde_json::Value,
        code: BlobId,
        link: Option<Link>,
    ) -> Result<Release, NodeError> {
        let malformed = |error: &dyn std::fmt::Display| NodeError::from(Refusal::new("malformed", error.to_string()));
        let JsonBody(value) = serde_json::from_value(body.clone()).map_err(|error| malformed(&error))?;
        let Value::Map(map) = value else { unreachable!("a release is made as an object") };
        let size = body["code"]["size"].as_u64();
        let new = NewRecord {
            type_name: release_type(),
            key: None,
            links: link.into_iter().collect(),
            blobs: self.name_blobs(&[NamedBlob { id: code, size }])?,
            expires: None,
            body: Body::from_map(&map).map_err(|error| malformed(&error))?,
        };
        let (Written::Stored { id, .. } | Written::Unchanged { id, .. }) = self.put(space, author, new)?;
        self.release(&id)
    }
}

fn size_of(header: &Header, code: &BlobId) -> u64 {
    header.blobs.iter().find(|blob| blob.id == *code).map_or(0, |blob| blob.size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_version_means_itself_and_less_means_what_is_compatible() {
        let fits =
            |wanted: &str, version: &str| requirement(Some(wanted)).unwrap().matches(&Version::parse(version).unwrap());
        assert!(fits("1.2.3", "1.2.3") && !fits("1.2.3", "1.2.4"));
        assert!(fits("1.2", "1.3.0") && !fits("1.2", "2.0.0"));
        assert!(fits("=1.2", "1.2.9") && !fits("=1.2", "1.3.0"));
        assert!(fits("1.0.0-beta.1", "1.0.0-beta.1") && !fits("1", "1.0.0-beta.1"));
        assert!(requirement(None).unwrap().matches(&Version::new(0, 0, 1)));
        assert!(requirement(Some("one")).is_err());
    }
}
