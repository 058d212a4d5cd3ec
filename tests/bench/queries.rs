//! Each kind of query on the corpus: in this process, and through the HTTP API.

use std::sync::Arc;
use std::time::{Duration, Instant};

use atlas_node::Node;
use atlas_node::query::{Order, Query};
use atlas_node::spaces::Space;
use atlas_record::{Address, TypeName};
use atlas_store::{IndexValue, StoredRecord};
use atlas_tests::Dice;
use atlas_tests::http::{Connection, authorised};

use crate::Failure;
use crate::report::{Report, median, quantile};

/// Questions of each kind.
const ASKED: usize = 1000;
/// Questions before the clock runs.
const WARM_UP: usize = 100;
/// Records of an answer.
const LIMIT: usize = 50;

/// A question in both forms.
struct Question {
    local: Local,
    path: String,
}

enum Local {
    Query(Box<Query>),
    Address(Address),
    History(Address),
}

/// What questions are made of, taken from the corpus itself.
struct Material {
    space: Arc<Space>,
    type_name: TypeName,
    addresses: Vec<Address>,
    targets: Vec<String>,
    sections: Vec<String>,
    maintainers: Vec<String>,
    sizes: Vec<i64>,
    times: Vec<u64>,
    /// Pairs of words that stand side by side in summaries.
    words: Vec<String>,
}

const KINDS: [&str; 10] = [
    "type",
    "author",
    "link",
    "index name=",
    "index maintainer=",
    "index range",
    "time range",
    "text",
    "address",
    "history",
];

impl Material {
    fn gather(node: &Node, records: u64) -> Result<Self, Failure> {
        let space = node.spaces().resolve(None)?;
        let mut dice = Dice::new(5);
        let numbers: Vec<u64> = (0..5000).map(|_| 1 + dice.below(records as usize) as u64).collect();
        let sample: Vec<StoredRecord> =
            node.store().by_numbers(numbers)?.into_iter().filter(|stored| stored.status.is_visible()).collect();
        let first = sample.first().ok_or_else(|| Failure::from("the corpus is empty"))?;
        let texts = |name: &str| -> Vec<String> {
            let entries = sample.iter().flat_map(StoredRecord::entries).filter(|entry| &*entry.name == name);
            entries
                .filter_map(|entry| match &entry.value {
                    IndexValue::Text(text) => Some(text.to_string()),
                    IndexValue::Integer(_) => None,
                })
                .collect()
        };
        let sizes = sample.iter().flat_map(StoredRecord::entries).filter_map(|entry| match entry.value {
            IndexValue::Integer(size) if &*entry.name == "size" => Some(size),
            _ => None,
        });
        let links = sample.iter().flat_map(|stored| &stored.record.header().links);
        Ok(Self {
            type_name: first.record.header().type_name.clone(),
            addresses: sample
                .iter()
                .filter_map(|stored| {
                    let header = stored.record.header();
                    let key = header.record_key.clone()?;
                    Some(Address {
                        space: header.space,
                        author: header.author,
                        type_name: header.type_name.clone(),
                        key,
                    })
                })
                .collect(),
            // As they occur: what many depend on is asked for most often.
            targets: links
                .filter(|link| link.relation.as_str() == "depends")
                .map(|link| link.target.to_string())
                .collect(),
            sections: texts("name"),
            maintainers: texts("maintainer"),
            sizes: sizes.collect(),
            words: sample.iter().filter_map(two_words).collect(),
            times: sample.iter().map(StoredRecord::created).collect(),
            space,
        })
    }

    fn question(&self, kind: &str, dice: &mut Dice) -> Result<Question, Failure> {
        let author = self.addresses[0].author;
        let mut query = Query {
            type_name: Some(self.type_name.clone()),
            limit: LIMIT,
            budget: Duration::from_secs(10),
            ..Query::new(self.space.clone())
        };
        let mut path = format!("/v1/query?limit={LIMIT}&space={}&type={}", self.space.id, self.type_name);
        let mut pick = |from: &[String]| from[dice.below(from.len())].clone();
        match kind {
            "author" => {
                query.author = Some(author);
                path.push_str(&format!("&author={author}"));
            }
            "link" => {
                let text = format!("depends={}", pick(&self.targets));
                query.link = Some(text.parse()?);
                query.type_name = None;
                path = format!("/v1/query?limit={LIMIT}&space={}&link={}", self.space.id, escape(&text));
            }
            "index name=" | "index maintainer=" | "index range" => {
                let text = match kind {
                    "index name=" => format!("name=={}", pick(&self.sections)),
                    "index maintainer=" => format!("maintainer=={}", pick(&self.maintainers)),
                    _ => format!("size={}..", self.sizes[dice.below(self.sizes.len())]),
                };
                query.index = Some(text.parse()?);
                path.push_str(&format!("&index={}", escape(&text)));
                if kind == "index range" {
                    query.order = Some(Order::Oldest);
                    path.push_str("&order=oldest");
                }
            }
            "text" => {
                let text = pick(&self.words);
                query.text = Some(text.parse()?);
                path.push_str(&format!("&text={}", escape(&text)));
            }
            "time range" => {
                let [a, b] = [0; 2].map(|_| self.times[dice.below(self.times.len())]);
                (query.since, query.until) = (Some(a.min(b)), Some(a.max(b) + 1));
                path.push_str(&format!("&since={}&until={}", a.min(b), a.max(b) + 1));
            }
            "address" | "history" => {
                let address = self.addresses[dice.below(self.addresses.len())].clone();
                let text = escape(&address.to_string());
                return Ok(match kind {
                    "address" => Question { local: Local::Address(address), path: format!("/v1/records?ref={text}") },
                    _ => Question { local: Local::History(address), path: format!("/v1/history?address={text}") },
                });
            }
            _ => {}
        }
        Ok(Question { local: Local::Query(Box::new(query)), path })
    }
}

/// Two words of a package's summary.
fn two_words(stored: &StoredRecord) -> Option<String> {
    let body = stored.record.payload()?.body.to_map();
    let summary = body.get("summary")?.as_text()?;
    let words = atlas_node::text::words::words(summary);
    Some(words.get(1..3)?.join(" "))
}

fn escape(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn ask(node: &Node, question: &Local) -> Result<usize, Failure> {
    Ok(match question {
        Local::Query(query) => node.query(query)?.records.len(),
        Local::Address(address) => usize::from(node.store().current(address)?.is_some()),
        Local::History(address) => node.history(address, atlas_node::query::DEFAULT_LIMIT, None)?.0.len(),
    })
}

/// Runs every kind; `in_process` and `api` say which way.
pub fn run(node: &Node, records: u64, in_process: bool, api: bool, report: &mut Report) -> Result<(), Failure> {
    let material = Material::gather(node, records)?;
    let started = Instant::now();
    node.text().start()?;
    let followed = node.text().catch_up_within(Duration::from_secs(3600))?;
    let rate = followed as f64 / started.elapsed().as_secs_f64();
    report.add("query", "records into the text index", rate, "records/s", "off the path of requests");
    let questions = |kind: &str| -> Result<Vec<Question>, Failure> {
        let mut dice = Dice::new(11);
        (0..ASKED + WARM_UP).map(|_| material.question(kind, &mut dice)).collect()
    };
    if in_process {
        for kind in KINDS {
            let (mut times, mut found) = (Vec::with_capacity(ASKED), 0);
            for (i, question) in questions(kind)?.iter().enumerate() {
                let start = Instant::now();
                let count = ask(node, &question.local)?;
                if i >= WARM_UP {
                    times.push(start.elapsed().as_secs_f64() * 1e3);
                    found += count;
                }
            }
            add(report, "query", kind, &times, found, "aim p99 < 0.5 ms at 1 M records");
        }
    }
    if api {
        let server = Server::start(node.clone())?;
        let headers = authorised(server.address, std::fs::read_to_string(node.dir().join("api.token"))?.trim());
        let mut connection = Connection::open(server.address)?;
        for kind in KINDS {
            let (mut times, mut found) = (Vec::with_capacity(ASKED), 0);
            for (i, question) in questions(kind)?.iter().enumerate() {
                let start = Instant::now();
                let answer = connection.request("GET", &question.path, &headers, b"")?;
                let spent = start.elapsed().as_secs_f64() * 1e3;
                if answer.status != 200 {
                    return Err(format!("{}: {}", question.path, String::from_utf8_lossy(&answer.body)).into());
                }
                if i >= WARM_UP {
                    times.push(spent);
                    found += answer.json()?["records"].as_array().map_or(1, Vec::len);
                }
            }
            add(report, "api", kind, &times, found, "aim p99 < 2 ms at 1 M records");
        }
    }
    Ok(())
}

fn add(report: &mut Report, part: &'static str, kind: &str, times: &[f64], found: usize, aim: &str) {
    let mean = times.iter().sum::<f64>() / times.len() as f64;
    let beside = format!("{:.0} records, {:.1} k/s on one connection", found as f64 / times.len() as f64, 1.0 / mean);
    report.add(part, format!("{kind} p50"), median(times), "ms", beside);
    report.add(part, format!("{kind} p99"), quantile(times, 0.99), "ms", aim);
}

/// The node's API on a port of its own, until dropped.
struct Server {
    address: std::net::SocketAddr,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    fn start(node: Node) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = runtime.block_on(atlas_node::serve::listen(Some(any)))?;
        let address = listener.local_addr()?;
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let thread = std::thread::spawn(move || {
            let stopped = async move { drop(stopped.await) };
            if let Err(error) = runtime.block_on(atlas_node::serve::serve(node, listener, stopped)) {
                eprintln!("the API stopped: {error}");
            }
            runtime.shutdown_background();
        });
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop = None;
        // The connection may still be open; the server is not waited for longer than it takes.
        drop(self.thread.take());
    }
}
