//! Every kind of question on one world: in this process, as JSON, through the API, and in
//! SQLite with the same records, in turns, so that all see the same machine.

pub mod live;
mod material;
// Statements are for SQLite alone.
#[cfg_attr(not(feature = "sqlite"), allow(dead_code))]
mod question;
#[cfg(feature = "sqlite")]
mod sqlite;
mod variants;
pub mod world;

use std::path::Path;
use std::time::{Duration, Instant};

use atlas_node::Node;
use atlas_node::view::RecordView;
use atlas_store::StoredRecord;
use atlas_tests::Dice;
use atlas_tests::http::{Connection, authorised};

use crate::Failure;
use crate::report::{Report, quantile};
use material::Material;
use question::{KINDS, Kind, Local, Question};

/// Questions of a kind in one run.
const ASKED: usize = 500;
/// Questions before the clock runs.
const WARM_UP: usize = 50;
/// What takes longer is asked less often.
const LONGEST: Duration = Duration::from_secs(2);

/// What is wanted.
pub struct Wanted {
    /// In this process, and as JSON.
    pub query: bool,
    /// Through the API.
    pub api: bool,
    /// In SQLite.
    pub sqlite: bool,
    /// Of live queries.
    pub live: bool,
    /// Runs of each kind.
    pub runs: usize,
}

/// One side's figures of a kind, a pair for each run.
#[derive(Default)]
struct Times {
    p50: Vec<f64>,
    p99: Vec<f64>,
    /// Records, or groups, of an answer on average.
    found: f64,
}

impl Times {
    /// Asks all questions once, and notes how that went.
    fn run(
        &mut self,
        questions: &[Question],
        mut ask: impl FnMut(&Question) -> Result<usize, Failure>,
    ) -> Result<(), Failure> {
        let (mut times, mut found, started) = (Vec::with_capacity(ASKED), 0, Instant::now());
        for (i, question) in questions.iter().enumerate() {
            let start = Instant::now();
            let count = ask(question)?;
            if i >= WARM_UP || started.elapsed() > LONGEST / 4 {
                times.push(start.elapsed().as_secs_f64() * 1e3);
                found += count;
            }
            if started.elapsed() > LONGEST {
                break;
            }
        }
        self.p50.push(quantile(&times, 0.5));
        self.p99.push(quantile(&times, 0.99));
        self.found = found as f64 / times.len() as f64;
        Ok(())
    }

    fn medians(&self) -> (f64, f64) {
        (quantile(&self.p50, 0.5), quantile(&self.p99, 0.5))
    }
}

/// The answer to a question in this process; records, or groups, in it. `json` also writes it
/// as the API does.
fn ask(node: &Node, question: &Question, json: bool) -> Result<usize, Failure> {
    let written = |records: &[StoredRecord]| -> Result<usize, Failure> {
        if json {
            let views: Vec<_> = records.iter().map(RecordView::of).collect();
            std::hint::black_box(serde_json::to_vec(&views)?);
        }
        Ok(records.len())
    };
    match &question.local {
        Local::Records { query, fields, expand } => {
            let page = node.query(query)?;
            if let (true, Some(fields)) = (json, fields) {
                let views: Vec<_> = page.records.iter().map(|stored| RecordView::of(stored).only(fields)).collect();
                std::hint::black_box(serde_json::to_vec(&views)?);
                return Ok(views.len());
            }
            let mut found = written(&page.records)?;
            if !expand.is_empty() {
                found += written(&node.expand(query, &page.records, expand)?.records)?;
            }
            Ok(found)
        }
        Local::Count(query) => Ok(usize::from(node.count(query)?.count > 0)),
        Local::Group(query, field) => Ok(node.group(query, field)?.groups.len()),
        Local::Address(address) => written(node.store().current(address)?.as_slice()),
        Local::History(address) => written(&node.history(address, atlas_node::query::DEFAULT_LIMIT, None)?.0),
    }
}

/// Everything that answers.
struct Sides<'a> {
    node: &'a Node,
    api: Option<(Connection, String)>,
    #[cfg(feature = "sqlite")]
    sqlite: Option<sqlite::Sqlite>,
}

#[derive(Default)]
struct Measured {
    process: Times,
    json: Times,
    api: Times,
    sqlite: Times,
    sqlite_json: Times,
}

impl Sides<'_> {
    fn measure(&mut self, questions: &[Question], wanted: &Wanted) -> Result<Measured, Failure> {
        let mut measured = Measured::default();
        let node = self.node;
        for _ in 0..wanted.runs {
            if wanted.query {
                measured.process.run(questions, |question| ask(node, question, false))?;
                measured.json.run(questions, |question| ask(node, question, true))?;
            }
            if let Some((connection, headers)) = &mut self.api {
                measured.api.run(questions, |question| {
                    let answer = connection.request("GET", &question.path, headers, b"")?;
                    match answer.status {
                        200 => Ok(1),
                        _ => Err(format!("{}: {}", question.path, String::from_utf8_lossy(&answer.body)).into()),
                    }
                })?;
            }
            #[cfg(feature = "sqlite")]
            if let Some(sqlite) = &self.sqlite {
                measured.sqlite.run(questions, |question| {
                    let answer = sqlite.ask(question)?;
                    Ok(answer.rows.len() + answer.fields.len() + answer.groups.len())
                })?;
                measured.sqlite_json.run(questions, |question| {
                    let answer = sqlite.ask(question)?;
                    Ok(std::hint::black_box(sqlite.json(&answer)).len().min(1))
                })?;
            }
        }
        Ok(measured)
    }
}

fn add(report: &mut Report, kind: &Kind, measured: &Measured) {
    let name = kind.name;
    let (process, json, sqlite, sqlite_json) = (
        measured.process.medians(),
        measured.json.medians(),
        measured.sqlite.medians(),
        measured.sqlite_json.medians(),
    );
    let api = measured.api.medians();
    let beside = |ours: f64, theirs: f64| match theirs.is_nan() {
        true => String::new(),
        false => format!("SQLite {theirs:.3} ms: {:.1} times it", ours / theirs),
    };
    let aimed = |aim: &str, beside: String| match (kind.by_index, beside.is_empty()) {
        (true, true) => aim.to_owned(),
        (true, false) => format!("{aim}; {beside}"),
        (false, _) => beside,
    };
    if !process.0.is_nan() {
        let found = if measured.sqlite.found.is_nan() || measured.sqlite.p50.is_empty() {
            format!("{:.1} found", measured.process.found)
        } else {
            format!("{:.1} found, {:.1} there", measured.process.found, measured.sqlite.found)
        };
        report.add_runs("query", format!("{name} p50"), measured.process.p50.clone(), "ms", {
            let beside = beside(process.0, sqlite.0);
            if beside.is_empty() { found } else { format!("{found}; {beside}") }
        });
        let aim = aimed("aim < 0.5 ms at 1 M records", beside(process.1, sqlite.1));
        report.add_runs("query", format!("{name} p99"), measured.process.p99.clone(), "ms", aim);
        report.add_runs("json", format!("{name} p50"), measured.json.p50.clone(), "ms", beside(json.0, sqlite_json.0));
        report.add_runs("json", format!("{name} p99"), measured.json.p99.clone(), "ms", beside(json.1, sqlite_json.1));
    }
    if !api.0.is_nan() {
        report.add_runs("api", format!("{name} p50"), measured.api.p50.clone(), "ms", "");
        let aim = aimed("aim < 2 ms at 1 M records", String::new());
        report.add_runs("api", format!("{name} p99"), measured.api.p99.clone(), "ms", aim);
    }
}

/// Asks every kind of question and adds the figures.
pub fn run(node: &Node, work: &Path, wanted: &Wanted, only: Option<&str>, report: &mut Report) -> Result<(), Failure> {
    let material = Material::gather(node)?;
    follow(node, report)?;
    let server = (wanted.api || wanted.live).then(|| Server::start(node.clone())).transpose()?;
    let token = std::fs::read_to_string(node.dir().join("api.token"))?;
    let headers = server.as_ref().map(|server| authorised(server.address, token.trim()));
    let mut sides = Sides {
        node,
        api: match (&server, &headers) {
            (Some(server), Some(headers)) if wanted.api => Some((Connection::open(server.address)?, headers.clone())),
            _ => None,
        },
        #[cfg(feature = "sqlite")]
        sqlite: wanted.sqlite.then(|| sqlite::Sqlite::open(node, &work.join("world.sqlite"))).transpose()?,
    };
    #[cfg(feature = "sqlite")]
    if wanted.sqlite {
        let bytes = sqlite::Sqlite::bytes(&work.join("world.sqlite")) as f64 / node.store().watermark() as f64;
        report.add("sqlite", "bytes of its file", bytes, "B/record", "tables, indexes and words");
    }
    #[cfg(not(feature = "sqlite"))]
    if wanted.sqlite {
        crate::note("built without SQLite: add --features sqlite to have its figures");
        let _ = work;
    }
    for (i, kind) in KINDS.iter().enumerate() {
        if only.is_some_and(|only| !kind.name.contains(only)) {
            continue;
        }
        let mut dice = Dice::new(11 + i as u64);
        let questions = (0..ASKED + WARM_UP).map(|_| material.question(kind.name, &mut dice));
        let questions: Vec<Question> = questions.collect::<Result<_, _>>()?;
        let measured = sides.measure(&questions, wanted)?;
        add(report, kind, &measured);
        // Too long to wait for the end without a sign of life.
        crate::note(&format!(
            "{}: {:.3} / {:.3} ms",
            kind.name,
            measured.process.medians().0,
            measured.process.medians().1
        ));
    }
    drop(sides);
    if let (true, Some(server), Some(headers)) = (wanted.live, &server, &headers) {
        live::measure(node, server.address, headers, report)?;
    }
    Ok(())
}

/// Brings the index for words up to date.
fn follow(node: &Node, report: &mut Report) -> Result<(), Failure> {
    let started = Instant::now();
    node.text().start()?;
    let followed = node.text().catch_up_within(Duration::from_secs(3600))?;
    let spent = started.elapsed().as_secs_f64();
    if spent > 1.0 {
        report.add("text", "records into the index", followed as f64 / spent, "records/s", "off the path of requests");
    }
    let bytes = bytes_in(&node.dir().join("text")) as f64 / followed as f64;
    report.add("text", "bytes of the index", bytes, "B/record", "");
    Ok(())
}

fn bytes_in(dir: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    entries.flatten().filter_map(|entry| entry.metadata().ok()).map(|meta| meta.len()).sum()
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
        // By now the connections are closed, and the node has to be, before its directory is
        // opened again.
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
