//! Packages of modules from the command line: sign, publish, search, install, upgrade, remove.
//!
//! Whatever a package comes from, a file, a release or a registry of artifacts, it is bytes first. Then it is
//! shown what would be installed, whoever asks says yes, and only then does the node keep it.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use atlas_node::client::{self, Failure};
use atlas_node::{NodeError, Refusal};
use serde_json::{Value as Json, json};

use crate::args::{Installing, Module, Place};
use crate::artifacts;
use crate::commands::{Outcome, Parameters, Session, escape, misuse, unreadable, unwritable};
use crate::laws;
use crate::lock::{Lock, Locked};
use crate::output::{bytes, items, line, number, table, text};

/// Types that `module search --kind` looks in.
const KINDS: [(&str, &str); 4] =
    [("module", "atlas.moduleRelease"), ("type", "atlas.type"), ("space", "atlas.space"), ("name", "atlas.name")];

/// A package that is not installed yet, and where it came from.
pub struct Package {
    /// The file.
    pub bytes: Vec<u8>,
    /// What to call where it came from.
    pub source: String,
}

impl Session {
    /// Runs a command on packages, if it is one.
    pub async fn packages(&self, command: Module) -> Outcome {
        match command {
            Module::Sign { file, author, output } => self.sign(&file, author, output).await,
            Module::Publish { file, place, notes } => self.publish(&file, place, notes).await,
            Module::Yank { release, reason, place } => self.yank(&release, reason, place).await,
            Module::Search { words, kind, name, role, signer, trusted_by, space, yanked } => {
                let words = if words.is_empty() { None } else { Some(words.join(" ")) };
                if kind != "module" {
                    return self.search_others(&kind, words, space).await;
                }
                let parameters = Parameters::default()
                    .add("text", words)
                    .add("name", name)
                    .add("role", role)
                    .add("signer", signer)
                    .add("trusted_by", trusted_by)
                    .add("space", space)
                    .add("yanked", yanked.then_some(true));
                self.show("GET", &format!("/v1/releases{}", parameters.0), None, releases).await
            }
            Module::Install { from, name, installing } => match installing.locked.clone() {
                Some(lock) => self.install_locked(&lock, &installing).await,
                None => {
                    let from = from.ok_or_else(|| {
                        misuse("say what to install: FILE, NAME[@VERSION], oci://…, or --locked FILE")
                    })?;
                    let package = self.obtain(&from, &installing).await?;
                    self.install(package, name, &installing).await
                }
            },
            Module::Upgrade { from, place, dry_run, installing } => {
                let package = self.obtain(&from, &installing).await?;
                self.upgrade(package, place, dry_run, &installing).await
            }
            Module::Remove { module } => {
                let removed =
                    |json: &Json| line(format!("removed `{}` {}", text(json, "/name"), text(json, "/version")));
                self.show("DELETE", &format!("/v1/modules/{}", escape(&module)), None, removed).await
            }
            Module::Lock { output } => self.write_lock(&output).await,
            _ => unreachable!("the other module commands are not about packages"),
        }
    }

    /// Posts the bytes of a package; what is answered.
    pub async fn send(&self, path: &str, bytes: Vec<u8>) -> Result<Vec<u8>, Failure> {
        let response = self.client.send("POST", path, "application/wasm", bytes.into()).await?;
        Ok(client::read_all(response).await?.to_vec())
    }

    async fn sign(&self, file: &Path, author: Option<String>, output: Option<PathBuf>) -> Outcome {
        let package = std::fs::read(file).map_err(|error| unreadable(file, error))?;
        let signed =
            self.send(&format!("/v1/packages/sign{}", Parameters::default().add("as", author).0), package).await?;
        let to = output.as_deref().unwrap_or(file);
        std::fs::write(to, &signed).map_err(|error| unwritable(to, error))?;
        let code = atlas_node::modules::code_id(&signed);
        if self.json {
            line(json!({ "file": to, "code": code }).to_string());
        } else {
            line(format!("signed {}", to.display()));
            line(format!("  {code}"));
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn publish(&self, file: &Path, place: Place, notes: Option<String>) -> Outcome {
        let package = std::fs::read(file).map_err(|error| unreadable(file, error))?;
        let parameters = Parameters::default().add("space", place.space).add("as", place.author).add("notes", notes);
        let answer = self.send(&format!("/v1/releases{}", parameters.0), package).await?;
        if self.json {
            line(String::from_utf8_lossy(&answer));
        } else {
            let release: Json = serde_json::from_slice(&answer).unwrap_or_default();
            line(format!(
                "published {} {} in {}",
                text(&release, "/name"),
                text(&release, "/version"),
                text(&release, "/space")
            ));
            line(format!("  package {} ({})", text(&release, "/code"), bytes(number(&release, "/size"))));
            line(format!("  release {}", text(&release, "/record")));
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn yank(&self, release: &str, reason: String, place: Place) -> Outcome {
        let Some((name, version)) = release.split_once('@') else {
            return Err(misuse(format!("`{release}` names no release: write NAME@VERSION, as example:recipe@0.1.0")));
        };
        let request =
            json!({ "name": name, "version": version, "reason": reason, "space": place.space, "as": place.author });
        let yanked = |json: &Json| {
            line(format!(
                "yanked {} {}: nobody picks it anew; what binds it goes on",
                text(json, "/name"),
                text(json, "/version")
            ));
        };
        self.show("POST", "/v1/releases/yank", Some(request), yanked).await
    }

    /// Entries of the other registries: types, spaces, names.
    async fn search_others(&self, kind: &str, words: Option<String>, space: Option<String>) -> Outcome {
        let Some((_, type_name)) = KINDS.iter().find(|(known, _)| *known == kind) else {
            let known: Vec<&str> = KINDS.iter().map(|(known, _)| *known).collect();
            return Err(misuse(format!("there is no kind `{kind}`: expected one of {}", known.join(", "))));
        };
        let spaces = match space {
            Some(space) => vec![space],
            None => {
                let all = self.client.ask("GET", "/v1/spaces", None).await?;
                let has = |space: &&Json| items(space, "/types").iter().any(|of| text(of, "/type") == *type_name);
                items(&all, "").iter().filter(has).map(|space| text(space, "/id").to_owned()).collect()
            }
        };
        let mut found = Vec::new();
        for space in spaces {
            let parameters = Parameters::default()
                .add("space", Some(space))
                .add("type", Some(type_name))
                .add("text", words.as_ref());
            let answer = self.client.ask("GET", &format!("/v1/query{}", parameters.0), None).await?;
            found.extend_from_slice(items(&answer, "/records"));
        }
        if self.json {
            line(Json::Array(found).to_string());
        } else if found.is_empty() {
            line(format!("nothing found: spaces that have the type {type_name} are such registries"));
        } else {
            found.iter().for_each(crate::output::record_line);
        }
        Ok(ExitCode::SUCCESS)
    }

    /// A package, from wherever it is.
    async fn obtain(&self, from: &str, installing: &Installing) -> Result<Package, Failure> {
        if artifacts::is_one(from) {
            return artifacts::obtain(from, installing.plain_http).await;
        }
        let file = Path::new(from);
        if file.is_file() {
            let bytes = std::fs::read(file).map_err(|error| unreadable(file, error))?;
            return Ok(Package { bytes, source: from.to_owned() });
        }
        let (name, version) = from.split_once('@').map_or((from, "*"), |(name, version)| (name, version));
        if !name.contains(':') || from.contains("://") || from.contains(['/', '\\']) {
            let error = std::io::Error::from(std::io::ErrorKind::NotFound);
            let hint = "a release is named NAMESPACE:NAME or NAMESPACE:NAME@VERSION: `atlas module search`";
            let text = format!("cannot read {from}: {error}, and it is no release's name");
            return Err(NodeError::from(Refusal::new("no-package", text).hint(hint)).into());
        }
        let parameters = Parameters::default()
            .add("name", Some(name))
            .add("version", Some(version))
            .add("signer", installing.signer.as_ref())
            .add("space", installing.registry.as_ref());
        let found = self.client.ask("GET", &format!("/v1/releases{}", parameters.0), None).await?;
        let release = &found[0];
        let bytes = self.package_of(text(release, "/record")).await?;
        let source = format!("{}@{} in {}", text(release, "/name"), text(release, "/version"), text(release, "/space"));
        Ok(Package { bytes, source })
    }

    async fn package_of(&self, record: &str) -> Result<Vec<u8>, Failure> {
        let path = format!("/v1/releases/{}/package", escape(record));
        let response = self.client.send("GET", &path, "application/json", atlas_node::no_body()).await?;
        Ok(client::read_all(response).await?.to_vec())
    }

    /// Shows what would be installed, and asks.
    pub async fn explain(&self, package: &Package, act: &str, installing: &Installing) -> Result<Json, Failure> {
        let answer = self.send("/v1/packages/examine", package.bytes.clone()).await?;
        let seen: Json = serde_json::from_slice(&answer).unwrap_or_default();
        let asked: Vec<&str> = items(&seen, "/manifest/capabilities").iter().filter_map(Json::as_str).collect();
        if let Some(more) = asked.iter().find(|asked| !installing.grant.iter().any(|granted| granted == *asked)) {
            let text = format!("{} asks for `{more}`, and nobody grants it", text(&seen, "/module"));
            let hint = format!("if it may have that, say --grant {more}");
            return Err(NodeError::from(Refusal::new("not-granted", text).hint(hint)).into());
        }
        let laws = if installing.no_test { None } else { laws::brief(&package.bytes)? };
        if !self.json {
            shown(&seen, &package.source, laws.as_ref());
        }
        if let Some(laws) = laws.as_ref().filter(|laws| laws.broken > 0) {
            let text = format!("{} breaks {} of {} laws of its role", text(&seen, "/module"), laws.broken, laws.all);
            let hint = "`atlas module test` shows which, and keeps the evidence; --no-test installs it all the same";
            return Err(NodeError::from(Refusal::new("breaks-laws", text).hint(hint)).into());
        }
        if installing.yes {
            return Ok(seen);
        }
        confirm(act)?;
        Ok(seen)
    }

    /// Has the node keep a package; what it is known as.
    pub async fn keep(&self, package: &Package, name: Option<&str>, installing: &Installing) -> Result<Json, Failure> {
        let parameters = Parameters::default()
            .add("name", name)
            .add("allow_downgrade", installing.allow_downgrade.then_some(true))
            .add("allow_other_signer", installing.allow_other_signer.then_some(true));
        let answer = self.send(&format!("/v1/modules{}", parameters.0), package.bytes.clone()).await?;
        Ok(serde_json::from_slice(&answer).unwrap_or_default())
    }

    async fn install(&self, package: Package, name: Option<String>, installing: &Installing) -> Outcome {
        self.explain(&package, "install it?", installing).await?;
        let info = self.keep(&package, name.as_deref(), installing).await?;
        self.installed(&info);
        Ok(ExitCode::SUCCESS)
    }

    /// Says what is installed now.
    pub fn installed(&self, info: &Json) {
        if self.json {
            line(info.to_string());
        } else {
            line(format!(
                "installed {} {} ({}) as `{}`",
                text(info, "/module"),
                text(info, "/version"),
                text(info, "/role"),
                text(info, "/name")
            ));
        }
    }

    async fn write_lock(&self, output: &Path) -> Outcome {
        let modules = self.client.ask("GET", "/v1/modules", None).await?;
        let installed = items(&modules, "").iter().filter(|module| module["standard"] == json!(false));
        let lock = Lock { modules: installed.map(Locked::of).collect() };
        lock.write(output)?;
        if self.json {
            line(json!({ "file": output, "modules": lock.modules.len() }).to_string());
        } else {
            line(format!("wrote {} with {} modules", output.display(), lock.modules.len()));
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Installs exactly what a lock file names.
    async fn install_locked(&self, path: &Path, installing: &Installing) -> Outcome {
        for locked in Lock::read(path)?.modules {
            let modules = self.client.ask("GET", "/v1/modules", None).await?;
            let same = |module: &&Json| text(module, "/name") == locked.name && text(module, "/code") == locked.code;
            if items(&modules, "").iter().any(|module| same(&module)) {
                if !self.json {
                    line(format!("`{}` {} is here", locked.name, locked.version));
                }
                continue;
            }
            let package = self.locked_package(&locked, installing).await?;
            self.explain(&package, "install it?", installing).await?;
            let info = self.keep(&package, Some(&locked.name), installing).await?;
            self.installed(&info);
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn locked_package(&self, locked: &Locked, installing: &Installing) -> Result<Package, Failure> {
        let parameters = Parameters::default()
            .add("name", Some(&locked.module))
            .add("yanked", Some(true))
            .add("space", installing.registry.as_ref());
        let found = self.client.ask("GET", &format!("/v1/releases{}", parameters.0), None).await?;
        let releases = items(&found, "");
        if let Some(release) = releases.iter().find(|release| text(release, "/code") == locked.code) {
            let bytes = self.package_of(text(release, "/record")).await?;
            return Ok(Package { bytes, source: format!("{}@{}", locked.module, locked.version) });
        }
        let refusal = match releases.iter().find(|release| text(release, "/version") == locked.version) {
            Some(other) => Refusal::new(
                "lock-mismatch",
                format!(
                    "the lock file wants {} {} as {}, and its release is {}",
                    locked.module,
                    locked.version,
                    locked.code,
                    text(other, "/code")
                ),
            )
            .hint("somebody changed what the version means: find out who before you write a new lock file"),
            None => Refusal::new("not-found", format!("no release of {} {} is here", locked.module, locked.version))
                .hint("join a space that has it, or install its file"),
        };
        Err(NodeError::from(refusal).into())
    }
}

/// Asks a person.
pub fn confirm(act: &str) -> Result<(), Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(misuse(format!("nobody is here to be asked ({act}): say --yes to do it without")));
    }
    let mut out = std::io::stderr();
    let _ = write!(out, "{act} [y/N] ").and_then(|()| out.flush());
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    match read.map(|_| answer.trim().to_ascii_lowercase()) {
        Ok(answer) if answer == "y" || answer == "yes" => Ok(()),
        _ => Err(NodeError::from(Refusal::new("declined", "nothing was changed")).into()),
    }
}

/// Who signed a package, in words.
pub fn signer(seen: &Json) -> String {
    let who = match (text(seen, "/signed/name"), text(seen, "/signed/identity")) {
        (_, "") => return "nobody: the package is not signed".to_owned(),
        ("", identity) => identity.to_owned(),
        (name, identity) => format!("`{name}` {identity}"),
    };
    match text(seen, "/signed/standing") {
        "holds" => who,
        "ended" => format!("{who}, with a key that it no longer has"),
        _ => format!("{who}, whose log is not here: whether the key is theirs is not known"),
    }
}

/// Words in a line, or that there are none.
pub fn or_none(list: &[Json]) -> String {
    let texts: Vec<&str> = list.iter().filter_map(Json::as_str).collect();
    if texts.is_empty() { "none".to_owned() } else { texts.join(", ") }
}

/// What would be installed.
fn shown(seen: &Json, source: &str, laws: Option<&laws::Brief>) {
    line(format!("{} {} ({}) from {source}", text(seen, "/module"), text(seen, "/version"), text(seen, "/role")));
    line(format!("  {}", text(seen, "/summary")));
    line(format!("  signer   {}", signer(seen)));
    line(format!("  code     {} ({})", text(seen, "/code"), bytes(number(seen, "/size"))));
    line(format!("  imports  {}", or_none(items(seen, "/imports"))));
    line(format!("  asks     {}", or_none(items(seen, "/manifest/capabilities"))));
    match laws {
        Some(laws) => {
            line(format!(
                "  fuel     {} at most, {} on average, of {}",
                laws.fuel_most, laws.fuel_average, laws.fuel_limit
            ));
            line(format!("  laws     {} of {} hold on {} questions", laws.all - laws.broken, laws.all, laws.questions));
        }
        None => line("  laws     not tried"),
    }
    if let Some(before) = seen.get("installed").filter(|before| before.is_object()) {
        let version = text(before, "/version");
        line(format!("  now      {version} is installed as `{}`", text(before, "/name")));
    }
}

/// Releases in lines.
fn releases(json: &Json) {
    let all = items(json, "");
    if all.is_empty() {
        return line("nothing found: spaces that have the type atlas.moduleRelease are registries of modules");
    }
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|release| {
            let trusted: Vec<&str> =
                items(release, "/trusted_by")
                    .iter()
                    .filter(|voice| voice["weight"].as_i64() > Some(0))
                    .map(|voice| {
                        if text(voice, "/name").is_empty() {
                            short(text(voice, "/author"))
                        } else {
                            text(voice, "/name")
                        }
                    })
                    .collect();
            let author = match text(release, "/author_name") {
                "" => short(text(release, "/author")),
                name => name,
            };
            let trust = if trusted.is_empty() { String::new() } else { format!(", trusted by {}", trusted.join(", ")) };
            let yanked = match text(release, "/yanked") {
                "" => String::new(),
                why => format!("  (yanked: {why})"),
            };
            vec![
                format!("{}@{}", text(release, "/name"), text(release, "/version")),
                text(release, "/role").to_owned(),
                bytes(number(release, "/size")),
                format!("by {author}{trust}"),
                format!("{}{yanked}", text(release, "/summary")),
            ]
        })
        .collect();
    table(&rows);
}

/// The end of an id, which is what differs.
fn short(id: &str) -> &str {
    let from = id.len().saturating_sub(12);
    id.get(from..).unwrap_or(id)
}
