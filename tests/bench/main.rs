//! Measures a node on a package corpus and prints each figure beside its limit.
//!
//! ```text
//! cargo run --release -p atlas-tests --bin bench -- [NAMES] [--records N] [--runs N] [--json]
//! ```
//!
//! The README beside this file says what each part measures and how to read it.

mod corpus;
mod grants;
mod ingest;
mod kinds;
mod lexicon;
mod limits;
mod machine;
mod report;
mod start;
mod sync;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use atlas_node::{Node, NodeConfig};
use clap::Parser;

use corpus::Corpus;
use report::Report;

/// What the `atlas` binary allocates with, too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Why there are no figures.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The parts.
const PARTS: [&str; 12] =
    ["grants", "import", "limits", "ingest", "wasm", "sync", "lexicon", "query", "api", "sqlite", "live", "start"];
/// Those that take the corpus in.
const OF_INGEST: [&str; 4] = ["import", "limits", "ingest", "wasm"];
/// Those that ask a world of records.
const OF_WORLD: [&str; 5] = ["query", "api", "sqlite", "live", "start"];

/// Measures a node on a package corpus.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Args {
    /// Parts to run: grants, import, limits, ingest, wasm, sync, lexicon, query, api, sqlite, live, start [default: all]
    names: Vec<String>,
    /// Records: more than there are packages come as variants [default: as many as there are]
    #[arg(long)]
    records: Option<usize>,
    /// Runs of what is repeated [default: 3; 1 of what takes records in, from 300,000 on]
    #[arg(long)]
    runs: Option<usize>,
    /// Of the questions only those kinds whose names hold this
    #[arg(long)]
    kind: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Where to work; some 8 KB per record are needed [default: the system's folder for temporary files]
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Work here, leave the world of records there, and ask the one that an earlier run left
    #[arg(long, conflicts_with = "dir")]
    keep: Option<PathBuf>,
    /// Serves this directory for --idle seconds and says how that went
    #[arg(long, hide = true)]
    child: Option<PathBuf>,
    /// See --child
    #[arg(long, hide = true, default_value_t = 0)]
    idle: u64,
}

fn main() -> Result<(), Failure> {
    let started = Instant::now();
    let args = Args::parse();
    if let Some(dir) = &args.child {
        return start::child(dir, Duration::from_secs(args.idle), started);
    }
    if let Some(unknown) = args.names.iter().find(|name| !PARTS.contains(&name.as_str())) {
        return Err(format!("unknown part `{unknown}`: use {}", PARTS.join(", ")).into());
    }
    let report = match (&args.keep, &args.dir) {
        (Some(keep), _) => {
            std::fs::create_dir_all(keep)?;
            run(&args, keep)?
        }
        (None, Some(dir)) => run(&args, tempfile::tempdir_in(dir)?.path())?,
        (None, None) => run(&args, tempfile::tempdir()?.path())?,
    };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        report.print();
    }
    Ok(())
}

fn note(text: &str) {
    eprintln!("bench: {text}");
}

fn run(args: &Args, work: &Path) -> Result<Report, Failure> {
    let wants = |name: &str| args.names.is_empty() || args.names.iter().any(|wanted| wanted == name);
    let any = |names: &[&str]| names.iter().any(|name| wants(name));
    let mut report = Report::new();
    let corpus = Corpus::load();
    let records = args.records.unwrap_or(corpus.len());
    let runs = args.runs.unwrap_or(3);
    report.corpus = corpus.name.to_owned();
    report.records = records as u64;

    if wants("grants") {
        note("posts with and without grants");
        grants::measure(&mut report, args.records.unwrap_or(100_000), runs, work)?;
    }
    if any(&OF_INGEST) {
        let runs = if records >= 300_000 { args.runs.unwrap_or(1) } else { runs };
        ingest::run(&corpus, (records, runs), work, &wants, &mut report)?;
    }
    if wants("sync") {
        sync::measure(&corpus, records, work, &mut report)?;
    }
    if wants("lexicon") {
        note("judging by documents, by hand, and natively");
        lexicon::measure(&mut report, runs)?;
    }
    if any(&OF_WORLD) {
        world(args, &corpus, (records, runs), work, &wants, &mut report)?;
    }
    Ok(report)
}

/// Makes a world of records, asks it, and starts on it.
fn world(
    args: &Args,
    corpus: &Corpus,
    (records, runs): (usize, usize),
    work: &Path,
    wants: &dyn Fn(&str) -> bool,
    report: &mut Report,
) -> Result<(), Failure> {
    note("making the world");
    let world = kinds::world::make(corpus, records, work)?;
    if let Some(rate) = world.rate {
        report.add("world", "records taken in", rate, "records/s", "while they are written and signed, too");
    }
    let wanted =
        kinds::Wanted { query: wants("query"), api: wants("api"), sqlite: wants("sqlite"), live: wants("live"), runs };
    if wanted.query || wanted.api || wanted.sqlite || wanted.live {
        note("asking");
        let node = Node::open(NodeConfig::new(&world.dir))?;
        kinds::run(&node, work, &wanted, args.kind.as_deref(), report)?;
    }
    if wants("start") {
        note("starting");
        start::measure(&world.dir, report)?;
    }
    Ok(())
}
