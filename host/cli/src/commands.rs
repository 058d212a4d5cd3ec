//! Each command: a request, and its answer in words.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use atlas_node::attach::Attached;
use atlas_node::client::{self, Client, Failure};
use atlas_node::net::NetConfig;
use atlas_node::{Node, NodeConfig, NodeError, serve};
use clap::CommandFactory;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};

use crate::args::{Args, Command, Module, Place, Space};
use crate::config::Config;
use crate::laws;
use crate::network;
use crate::output::{bytes, items, line, number, record, table, text};
use crate::passphrase;
use crate::time;
use crate::words::{module, space, status};

pub type Outcome = Result<ExitCode, Failure>;

/// A query string.
#[derive(Default)]
pub struct Parameters(pub String);

impl Parameters {
    /// A parameter more, if there is a value.
    pub fn add(mut self, name: &str, value: Option<impl ToString>) -> Self {
        if let Some(value) = value {
            self.0.push(if self.0.is_empty() { '?' } else { '&' });
            self.0.push_str(name);
            self.0.push('=');
            self.0.push_str(&escape(&value.to_string()));
        }
        self
    }
}

/// Percent-encodes everything that is not unreserved in a URI (RFC 3986).
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

pub fn misuse(text: impl Into<String>) -> Failure {
    NodeError::Misuse(text.into()).into()
}

pub fn unreadable(path: &Path, error: std::io::Error) -> Failure {
    NodeError::File { what: "cannot read", path: path.to_owned(), error }.into()
}

/// A file that was named and could not be written.
pub fn unwritable(path: &Path, error: std::io::Error) -> Failure {
    NodeError::File { what: "cannot write", path: path.to_owned(), error }.into()
}

/// Where data is kept when nothing is said, after the XDG base directory specification.
fn default_dir() -> Result<PathBuf, Failure> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("XDG_DATA_HOME")
        .or_else(|| set("HOME").map(|home| home.join(".local/share")))
        .map(|data| data.join("atlas"))
        .ok_or_else(|| misuse("there is no home directory: say where to keep data with --dir"))
}

/// Runs a command.
pub async fn run(args: Args) -> Outcome {
    match &args.command {
        Command::Completions { shell } => {
            clap_complete::generate(*shell, &mut Args::command(), "atlas", &mut std::io::stdout());
            return Ok(ExitCode::SUCCESS);
        }
        Command::Man { dir } => {
            return match std::fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(Args::command(), dir)) {
                Ok(()) => Ok(ExitCode::SUCCESS),
                Err(error) => {
                    Err(NodeError::File { what: "cannot write manual pages to", path: dir.clone(), error }.into())
                }
            };
        }
        Command::Module(module) => {
            if let Some(outcome) = crate::project::run(module, args.json) {
                return outcome;
            }
            if let Some(outcome) = crate::artifacts::run(module, args.json).await {
                return outcome;
            }
        }
        _ => {}
    }
    let dir = match args.dir {
        Some(dir) => dir,
        None => default_dir()?,
    };
    if let Command::Module(command @ (Module::Test { .. } | Module::Compare { .. })) = args.command {
        return laws::run(&dir, command, args.json).await;
    }
    if let Command::Up { api, network } = args.command {
        return up(&dir, api, network::config(*network)?, args.json).await;
    }
    let session = Session { client: Client::connect(&dir).await?, json: args.json };
    if args.command.signs() {
        session.unlock().await?;
    }
    session.run(args.command).await
}

async fn up(dir: &Path, api: Option<std::net::SocketAddr>, network: Option<NetConfig>, json: bool) -> Outcome {
    let listener = serve::listen(api).await?;
    let config = NodeConfig::new(dir);
    let node = match tokio::task::spawn_blocking(move || Node::open(config)).await {
        Ok(node) => node?,
        Err(_) => return Err(NodeError::Unavailable("the node could not be opened: this is a defect".into()).into()),
    };
    let address = listener.local_addr().map_err(|error| NodeError::Unavailable(error.to_string()))?;
    let locked = passphrase::unlock_here(&node)?;
    let stop = stop_signal()?;
    let online = network.is_some();
    if let Some(network) = network {
        node.go_online(network)?;
        wait_for_addresses(&node).await;
    }
    if json {
        let network = node.net().map(|net| {
            let addresses: Vec<String> = net.addresses().iter().map(ToString::to_string).collect();
            json!({ "peer": net.peer_id().to_string(), "addresses": addresses })
        });
        line(json!({ "api": format!("http://{address}"), "dir": dir, "network": network }).to_string());
    } else {
        line(format!("atlas {} is up", env!("CARGO_PKG_VERSION")));
        line(format!("  data     {}", dir.display()));
        line(format!("  API      http://{address}  (described at /openapi.json)"));
        line(format!("  token    {}", dir.join("api.token").display()));
        match node.net() {
            Some(net) => {
                line(format!("  network  peer {}", net.peer_id()));
                net.addresses().iter().take(4).for_each(|address| line(format!("           {address}")));
            }
            None => line("  network  off"),
        }
        if locked {
            line("  keys     locked: set ATLAS_PASSPHRASE, or give the passphrase to any command that signs");
        }
        match node.spaces().all().len() {
            0 if online => line(
                "  next     atlas space join INVITATION, or atlas id new NAME and atlas space create NAME --type atlas.post=post",
            ),
            0 => line("  next     atlas id new NAME, then atlas space create NAME --type atlas.post=post"),
            count => line(format!("  spaces   {count}")),
        }
        line("Stop it with Ctrl-C.");
    }
    serve::serve(node, listener, stop).await?;
    if !json {
        line("stopped; everything acknowledged is on the disk");
    }
    Ok(ExitCode::SUCCESS)
}

/// Waits a moment for the network to say where it listens.
async fn wait_for_addresses(node: &Node) {
    for _ in 0..40 {
        if node.net().is_none_or(|net| !net.addresses().is_empty()) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
}

/// Resolves at Ctrl-C or SIGTERM.
pub fn stop_signal() -> Result<impl Future<Output = ()> + Send + 'static, Failure> {
    let cannot = |error: std::io::Error| NodeError::Unavailable(format!("cannot listen for signals: {error}"));
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).map_err(cannot)?;
    #[cfg(unix)]
    let mut interrupt = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt()).map_err(cannot)?;
    Ok(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    })
}

/// A node to ask, and how to print what it answers.
pub struct Session {
    /// The node.
    pub client: Client,
    /// Whether answers are printed as JSON.
    pub json: bool,
}

impl Session {
    async fn run(&self, command: Command) -> Outcome {
        match command {
            Command::Status => self.show("GET", "/v1/status", None, status).await,
            Command::Doctor => self.doctor().await,
            Command::Id(id) => self.id(id).await,
            Command::Space(command) => self.space(command).await,
            Command::Peer(command) => self.peer(command).await,
            Command::Deny(command) => self.deny(command).await,
            Command::Put { type_name, body, key, links, blobs, expires, place } => {
                let mut body = read_body(&body)?;
                let attached = self.attach(blobs).await?;
                if !attached.is_empty() {
                    body = RawValue::from_string(atlas_node::attach::fill(body.get(), &attached)?)
                        .expect("what was filled in is JSON");
                }
                let links = links.iter().map(|link| split_link(link)).collect::<Result<Vec<_>, _>>()?;
                let request = NewRecord {
                    space: place.space,
                    author: place.author,
                    type_name,
                    key,
                    links,
                    blobs: attached.iter().map(|file| json!({ "id": file.id })).collect(),
                    expires: expires.map(time::Time::ahead),
                    body,
                };
                let written = |json: &Json| match text(json, "/address") {
                    "" => line(text(json, "/id")),
                    address => line(address),
                };
                let mut answer = self.client.ask_with("POST", "/v1/records", &request).await?;
                // Which file became which blob is known here only.
                if !attached.is_empty() {
                    let blob = |file: &Attached| json!({ "name": file.name, "id": file.id, "size": file.size });
                    answer["blobs"] = attached.iter().map(blob).collect();
                }
                if self.json {
                    line(answer.to_string())
                } else {
                    written(&answer);
                    for file in &attached {
                        eprintln!("blob {}  {}  {}", file.id, bytes(file.size), file.name);
                    }
                }
                Ok(ExitCode::SUCCESS)
            }
            Command::Get { blob: Some(id), output, .. } => self.get_blob(&id, output).await,
            Command::Get { record: wanted, .. } => {
                let path = Parameters::default().add("ref", wanted).0;
                self.show("GET", &format!("/v1/records{path}"), None, record).await
            }
            Command::Rm { record, author } => {
                let path = Parameters::default().add("ref", Some(&record)).add("as", author).0;
                self.show("DELETE", &format!("/v1/records{path}"), None, |_| line(format!("taken back: {record}")))
                    .await
            }
            Command::Query(query) => crate::asking::run(self, *query).await,
            Command::History { address } => {
                let mut all = Vec::new();
                let mut cursor = None::<String>;
                loop {
                    let page = Parameters::default().add("address", Some(&address)).add("limit", Some(1000));
                    let path = format!("/v1/history{}", page.add("cursor", cursor).0);
                    let mut page = self.client.ask("GET", &path, None).await?;
                    all.append(page["records"].as_array_mut().unwrap_or(&mut Vec::new()));
                    cursor = page["cursor"].as_str().map(str::to_owned);
                    if cursor.is_none() {
                        break;
                    }
                }
                let all = json!({ "records": all });
                if self.json {
                    line(all.to_string());
                } else {
                    for version in items(&all, "/records") {
                        line(format!(
                            "{}  {:10}  {}",
                            time::show(number(version, "/created")),
                            text(version, "/status"),
                            text(version, "/id")
                        ));
                    }
                }
                Ok(ExitCode::SUCCESS)
            }
            Command::Import { format, file, place } => self.import(&format, &file, place).await,
            Command::Export { space, output } => self.export(space, output).await,
            Command::Module(command) => self.module(command).await,
            Command::Up { .. } | Command::Completions { .. } | Command::Man { .. } => {
                unreachable!("these are run without a session")
            }
        }
    }

    /// Asks, and prints the answer as JSON or in words.
    pub async fn show(&self, method: &str, path: &str, body: Option<Json>, words: impl FnOnce(&Json)) -> Outcome {
        let answer = self.client.ask(method, path, body.as_ref()).await?;
        if self.json {
            line(answer.to_string())
        } else {
            words(&answer)
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn doctor(&self) -> Outcome {
        let report = self.client.ask("POST", "/v1/doctor", None).await?;
        let healthy = report["healthy"] == json!(true);
        if self.json {
            line(report.to_string());
        } else {
            line(format!(
                "checked {} records, {} rows and {} blobs: {}",
                number(&report, "/records"),
                number(&report, "/rows"),
                number(&report, "/blobs"),
                if healthy {
                    "everything agrees".to_owned()
                } else {
                    format!("{} problems", number(&report, "/problem_count"))
                }
            ));
            for problem in items(&report, "/problems") {
                line(format!("  problem: {}", problem.as_str().unwrap_or_default()));
            }
            for note in items(&report, "/notes") {
                line(format!("  note: {}", note.as_str().unwrap_or_default()));
            }
        }
        Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    async fn space(&self, command: Space) -> Outcome {
        match command {
            Space::Create { name, types, founder, private } => {
                let request = json!({ "name": name, "types": types, "as": founder, "private": private });
                let created = |json: &Json| line(format!("{}  {}", text(json, "/name"), text(json, "/id")));
                self.show("POST", "/v1/spaces", Some(request), created).await
            }
            Space::Invite { name } => self.invite(name).await,
            Space::Join { invite, name, types, member } => self.join(&invite, name, types, member).await,
            Space::Leave { name } => self.leave(&name).await,
            Space::Member(command) => self.member(command).await,
            Space::List => {
                let list = |json: &Json| {
                    let row = |one: &Json| {
                        let left = if one["left"] == json!(true) { "left: not exchanged with peers" } else { "" };
                        vec![text(one, "/name").to_owned(), text(one, "/id").to_owned(), left.to_owned()]
                    };
                    match items(json, "") {
                        [] => line("no spaces yet: make one with `atlas space create NAME --type atlas.post=post`"),
                        all => table(&all.iter().map(row).collect::<Vec<_>>()),
                    }
                };
                self.show("GET", "/v1/spaces", None, list).await
            }
            Space::Show { name } => {
                let name = match name {
                    Some(name) => name,
                    None => match items(&self.client.ask("GET", "/v1/spaces", None).await?, "") {
                        [one] => text(one, "/id").to_owned(),
                        [] => {
                            return Err(misuse("there is no space here yet: make one with `atlas space create NAME`"));
                        }
                        _ => return Err(misuse("several spaces are here: say which; `atlas space list` shows them")),
                    },
                };
                self.show("GET", &format!("/v1/spaces/{}", escape(&name)), None, space).await
            }
        }
    }

    async fn module(&self, command: Module) -> Outcome {
        match command {
            Module::List => {
                let list = |json: &Json| {
                    let mut rows = vec![["NAME", "ROLE", "VERSION", "SIZE", "CODE"].map(str::to_owned).to_vec()];
                    rows.extend(items(json, "").iter().map(|one| {
                        vec![
                            text(one, "/name").to_owned(),
                            text(one, "/role").to_owned(),
                            text(one, "/version").to_owned(),
                            bytes(number(one, "/size")),
                            text(one, "/code").to_owned(),
                        ]
                    }));
                    table(&rows);
                };
                self.show("GET", "/v1/modules", None, list).await
            }
            Module::Inspect { module: name } => {
                self.show("GET", &format!("/v1/modules/{}", escape(&name)), None, module).await
            }
            Module::Bind { slot, module, config, fuel, memory, place } => {
                let space_name = match place.space {
                    Some(name) => name,
                    None => match items(&self.client.ask("GET", "/v1/spaces", None).await?, "") {
                        [one] => text(one, "/id").to_owned(),
                        _ => return Err(misuse("say which space with --space; `atlas space list` shows them")),
                    },
                };
                let mut config = config.as_deref().map(Config::read).transpose()?;
                let path = format!("/v1/spaces/{}/bindings", escape(&space_name));
                // Ends, because every round but the last packs a document that was not there.
                let bound = loop {
                    let request = json!({
                        "slot": slot, "module": module, "as": place.author, "fuel": fuel, "memory": memory,
                        "config": config.as_ref().map(|config| atlas_node::base64(&config.bytes())),
                    });
                    let answer = self.client.ask("POST", &path, Some(&request)).await;
                    let lacks = match &answer {
                        Err(Failure::Problem(problem)) => problem.incomplete.clone(),
                        _ => None,
                    };
                    match (lacks, &mut config) {
                        (Some(lacks), Some(config)) => config.add(&lacks)?,
                        _ => break answer?,
                    }
                };
                if self.json {
                    line(bound.to_string());
                } else {
                    let packed = match config.map_or(1, |config| config.documents()) {
                        1 => String::new(),
                        count => format!(", with {count} documents"),
                    };
                    line(format!("{slot} is bound in {}{packed}", text(&bound, "/name")));
                }
                Ok(ExitCode::SUCCESS)
            }
            Module::Test { .. }
            | Module::Compare { .. }
            | Module::New { .. }
            | Module::Build { .. }
            | Module::Pack { .. }
            | Module::Push { .. }
            | Module::Pull { .. } => unreachable!("these run before a node is asked"),
            command => self.packages(command).await,
        }
    }

    async fn import(&self, format: &str, file: &Path, place: Place) -> Outcome {
        let (input, size): (Box<dyn Read + Send>, Option<u64>) = if file.as_os_str() == "-" {
            (Box::new(std::io::stdin()), None)
        } else {
            let opened = std::fs::File::open(file).map_err(|error| unreadable(file, error))?;
            let size = opened.metadata().ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len());
            (Box::new(opened), size)
        };
        let bar = progress(size);
        let counter = bar.clone();
        let path = format!(
            "/v1/import/{}{}",
            escape(format),
            Parameters::default().add("space", place.space).add("as", place.author).0
        );
        let response = self.client.upload(&path, input, move |read| counter.inc(read as u64)).await?;
        let answer = client::read_all(response).await;
        bar.finish_and_clear();
        let answer = answer?;
        let lines = String::from_utf8_lossy(&answer);
        if self.json {
            line(lines.trim_end());
            return Ok(ExitCode::SUCCESS);
        }
        for one in lines.lines() {
            let json: Json = serde_json::from_str(one).unwrap_or_default();
            if let Some(rejected) = json.get("rejected").filter(|rejected| rejected.is_object()) {
                let name = text(rejected, "/name");
                let name = if name.is_empty() { String::new() } else { format!(" ({name})") };
                eprintln!("rejected at {}{name}: {}", number(rejected, "/at"), text(rejected, "/text"));
            } else {
                line(format!(
                    "read {}, accepted {} ({} new, {} already here, {} waiting), rejected {}",
                    number(&json, "/read"),
                    number(&json, "/accepted"),
                    number(&json, "/written"),
                    number(&json, "/unchanged"),
                    number(&json, "/waiting"),
                    number(&json, "/rejected")
                ));
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn export(&self, space: Option<String>, output: Option<PathBuf>) -> Outcome {
        let path = format!("/v1/export{}", Parameters::default().add("space", space).0);
        if output.is_none() && std::io::stdout().is_terminal() {
            return Err(misuse("an archive is not text: send it to a file with --output FILE, or to a pipe"));
        }
        let response = self.client.send("GET", &path, "application/json", atlas_node::no_body()).await?;
        let written = match &output {
            None => client::copy_to(response, &mut std::io::stdout().lock()).await?,
            Some(path) => {
                let cannot = |error| NodeError::File { what: "cannot write", path: path.clone(), error };
                let mut file = std::fs::File::create(path).map_err(cannot)?;
                let written = client::copy_to(response, &mut file).await?;
                file.sync_all().map_err(cannot)?;
                written
            }
        };
        if let Some(path) = output {
            if self.json {
                line(json!({ "bytes": written, "file": path }).to_string());
            } else {
                line(format!("wrote {} to {}", bytes(written), path.display()));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

pub fn progress(size: Option<u64>) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, template) = match size {
        Some(size) => (ProgressBar::new(size), "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}"),
        None => (ProgressBar::new_spinner(), "{spinner} {bytes} read, {bytes_per_sec}"),
    };
    bar.with_style(ProgressStyle::with_template(template).expect("a constant template is well-formed"))
}

/// A record to write, its body as the user typed it: the node refuses what a JSON reader would
/// silently mend, such as a key that appears twice.
#[derive(serde::Serialize)]
struct NewRecord {
    #[serde(skip_serializing_if = "Option::is_none")]
    space: Option<String>,
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    author: Option<String>,
    #[serde(rename = "type")]
    type_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    links: Vec<Json>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    blobs: Vec<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<u64>,
    body: Box<RawValue>,
}

fn read_body(given: &str) -> Result<Box<RawValue>, Failure> {
    let body = if given == "-" {
        let mut body = String::new();
        let read = std::io::stdin().read_to_string(&mut body);
        read.map_err(|error| misuse(format!("standard input could not be read: {error}")))?;
        body
    } else {
        given.to_owned()
    };
    RawValue::from_string(body).map_err(|error| misuse(format!("--body is not JSON: {error}")))
}

fn split_link(text: &str) -> Result<Json, Failure> {
    match text.split_once('=') {
        Some((relation, target)) => Ok(json!({ "relation": relation, "target": target })),
        None => Err(misuse(format!("`{text}` is no link: write REL=TARGET, as reply=CID"))),
    }
}
