//! `module test` and `module compare`: a module against the laws of its role, and against
//! another module.
//!
//! Both run in this process, with the engine that nodes run, in memory only: a module that is
//! tested may be anyone's, and costs no running node anything. A node is asked for the code of
//! modules that are named and not given as files.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use atlas_node::NodeError;
use atlas_node::api::Incomplete;
use atlas_node::client::{self, Client, Failure};
use atlas_node::engine::laws::{self, Breach, Comparison, Options, Report, Reproducer, cases};
use atlas_node::engine::{Binding, CodeHash, Engine, EngineConfig, EngineError};
use serde_json::json;

use crate::args::{Module, Questions};
use crate::commands::{Outcome, escape, unreadable};
use crate::config::Config;
use crate::output::line;

/// How often files are looked at under `--watch`.
const BETWEEN: Duration = Duration::from_millis(300);
/// How a component begins.
const WASM: &[u8] = b"\0asm";

pub async fn run(dir: &Path, command: Module, json: bool) -> Outcome {
    match command {
        Module::Test { module, against, watch, evidence, questions } => {
            let bytes = load(dir, &module).await?;
            if !bytes.starts_with(WASM) && module.ends_with(".json") {
                return replay(&bytes, json);
            }
            let against = match &against {
                Some(other) => Some(load(dir, other).await?),
                None => None,
            };
            if !watch {
                return test(&bytes, against.as_deref(), &questions, &evidence, json);
            }
            let files =
                || changed(&[Some(Path::new(&module)), questions.cases.as_deref(), questions.config.as_deref()]);
            loop {
                let seen = files();
                // A file that is being written, or that does not compile, is no reason to stop.
                let outcome = match std::fs::read(&module) {
                    Ok(bytes) => test(&bytes, against.as_deref(), &questions, &evidence, json),
                    Err(error) => Err(unreadable(Path::new(&module), error)),
                };
                if let Err(failure) = outcome {
                    eprintln!("error: {}", said(&failure));
                }
                while files() == seen {
                    tokio::time::sleep(BETWEEN).await;
                }
            }
        }
        Module::Compare { one, other, questions } => {
            let (one, other) = (load(dir, &one).await?, load(dir, &other).await?);
            let found = Bench::new(&questions)?.compare(&one, &other)?;
            if json {
                line(serde_json::to_string(&found).expect("a comparison is JSON"));
            } else {
                compared(&found);
            }
            Ok(ExitCode::SUCCESS)
        }
        _ => unreachable!("the other module commands ask a node"),
    }
}

fn said(failure: &Failure) -> String {
    match failure {
        Failure::Problem(problem) => problem.detail.clone(),
        Failure::Local(error) => error.to_string(),
    }
}

/// When the files last changed, those of a folder included.
fn changed(paths: &[Option<&Path>]) -> Vec<Option<SystemTime>> {
    let time = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
    let mut times = Vec::new();
    for path in paths.iter().flatten() {
        times.push(time(path));
        let inside = std::fs::read_dir(path).into_iter().flatten().flatten();
        let mut inside: Vec<PathBuf> = inside.map(|entry| entry.path()).collect();
        inside.sort();
        times.extend(inside.iter().map(|path| time(path)));
    }
    times
}

/// A file if there is one, otherwise a module of the node.
async fn load(dir: &Path, module: &str) -> Result<Vec<u8>, Failure> {
    let file = Path::new(module);
    if file.is_file() {
        return std::fs::read(file).map_err(|error| unreadable(file, error));
    }
    if module.contains(['/', '\\']) || module.ends_with(".wasm") || module.ends_with(".json") {
        return Err(unreadable(file, std::io::Error::from(std::io::ErrorKind::NotFound)));
    }
    let client = Client::connect(dir).await?;
    let path = format!("/v1/modules/{}/code", escape(module));
    let response = client.send("GET", &path, "application/json", atlas_node::no_body()).await?;
    let bytes = client::read_all(response).await?.to_vec();
    Ok(bytes)
}

/// What modules are tested with.
struct Bench<'a> {
    engine: Engine,
    cases: Vec<cases::Case>,
    questions: &'a Questions,
    options: Options,
}

impl<'a> Bench<'a> {
    fn new(questions: &'a Questions) -> Result<Self, Failure> {
        let engine = Engine::open(EngineConfig { sample_rate: 0, ..EngineConfig::default() }).map_err(failed)?;
        let cases = match &questions.cases {
            Some(folder) => cases::read(folder).map_err(failed)?,
            None => vec![],
        };
        let options = Options { seed: questions.seed, runs: questions.runs };
        Ok(Self { engine, cases, questions, options })
    }

    fn binding(&self, bytes: &[u8], config: &[u8]) -> Binding {
        let binding = Binding::new(CodeHash::of(bytes)).with_config(config);
        Binding { fuel: self.questions.fuel.unwrap_or(binding.fuel), ..binding }
    }

    /// Does something with the config, and with the documents that it lacks beside it.
    fn configured<T>(&self, mut work: impl FnMut(&[u8]) -> Result<T, EngineError>) -> Result<T, Failure> {
        let mut config = self.questions.config.as_deref().map(Config::read).transpose()?;
        // Ends, because every round but the last packs a document that was not there.
        loop {
            let bytes = config.as_ref().map_or_else(Vec::new, Config::bytes);
            match (work(&bytes), &mut config) {
                (Err(EngineError::ConfigIncomplete { main, documents, .. }), Some(config)) => {
                    config.add(&Incomplete { main, documents })?;
                }
                (done, _) => return done.map_err(failed),
            }
        }
    }

    fn test(&self, bytes: &[u8]) -> Result<Report, Failure> {
        self.configured(|config| {
            laws::test(&self.engine, bytes, &self.binding(bytes, config), &self.cases, &self.options)
        })
    }

    fn compare(&self, one: &[u8], other: &[u8]) -> Result<Comparison, Failure> {
        self.configured(|config| {
            let (first, second) = (self.binding(one, config), self.binding(other, config));
            laws::compare(&self.engine, (one, &first), (other, &second), &self.cases, &self.options)
        })
    }
}

/// What a module's laws come to.
pub struct Brief {
    /// Laws of the role.
    pub all: usize,
    /// Those that it breaks.
    pub broken: usize,
    /// Questions that it was asked.
    pub questions: u32,
    /// The most fuel that one took.
    pub fuel_most: u64,
    /// What one took on average.
    pub fuel_average: u64,
    /// What one may take.
    pub fuel_limit: u64,
}

/// Questions before an installation: enough for what is broken at all, and no longer than somebody waits.
const BRIEF_RUNS: u32 = 64;

/// Holds a module to the laws of its role, shortly. Nothing for one that does not come up without a config.
pub fn brief(bytes: &[u8]) -> Result<Option<Brief>, Failure> {
    let engine = Engine::open(EngineConfig { sample_rate: 0, ..EngineConfig::default() }).map_err(failed)?;
    let binding = Binding::new(CodeHash::of(bytes));
    let options = Options { seed: 0, runs: BRIEF_RUNS };
    let report = match laws::test(&engine, bytes, &binding, &[], &options) {
        Ok(report) => report,
        Err(EngineError::ConfigRefused { .. } | EngineError::ConfigIncomplete { .. }) => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    Ok(Some(Brief {
        all: report.laws.len(),
        broken: report.laws.iter().filter(|finding| finding.breach.is_some()).count(),
        questions: report.runs,
        fuel_most: report.fuel.most,
        fuel_average: report.fuel.average,
        fuel_limit: report.fuel.limit,
    }))
}

fn failed(error: EngineError) -> Failure {
    NodeError::from(error).into()
}

fn test(bytes: &[u8], against: Option<&[u8]>, questions: &Questions, evidence: &Path, json: bool) -> Outcome {
    let bench = Bench::new(questions)?;
    let report = bench.test(bytes)?;
    let compared = against.map(|other| bench.compare(bytes, other)).transpose()?;
    let kept = keep(&report, evidence)?;
    if json {
        let mut all = serde_json::to_value(&report).expect("a report is JSON");
        all["passed"] = json!(report.passed());
        all["evidence"] = json!(kept);
        all["compared"] = json!(compared);
        line(all.to_string());
    } else {
        told(&report, &kept);
        if let Some(found) = &compared {
            self::compared(found);
        }
    }
    Ok(ExitCode::from(u8::from(!report.passed())))
}

/// Writes the evidence of broken laws.
fn keep(report: &Report, folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut kept = Vec::new();
    for Breach { reproducer, .. } in report.laws.iter().filter_map(|finding| finding.breach.as_ref()) {
        let code = reproducer.code.to_string();
        let path = folder.join(format!("{}-{}.json", reproducer.law, &code[..16]));
        let cannot = |error| NodeError::File { what: "cannot write", path: path.clone(), error };
        std::fs::create_dir_all(folder).map_err(cannot)?;
        std::fs::write(&path, reproducer.document()).map_err(cannot)?;
        kept.push(path);
    }
    Ok(kept)
}

fn told(report: &Report, kept: &[PathBuf]) {
    line(format!("{} {} ({}) {}", report.module, report.version, report.role, report.code));
    let mut kept = kept.iter();
    for finding in &report.laws {
        let Some(breach) = &finding.breach else {
            line(format!("  holds   {:17} {}", finding.law.name(), finding.claim));
            continue;
        };
        line(format!("  BROKEN  {:17} {}", finding.law.name(), finding.claim));
        line(format!("          {}", breach.text));
        if let Some(panic) = &breach.panic {
            line(format!("          it panicked: {panic}"));
        }
        for question in &breach.reproducer.questions {
            let text = question.to_string();
            let cut = text.floor_char_boundary(400);
            line(format!("          asked: {}{}", &text[..cut], if cut < text.len() { "…" } else { "" }));
        }
        if let Some(path) = kept.next() {
            line(format!("          evidence: {}", path.display()));
        }
    }
    for case in report.cases.iter().filter(|case| !case.met) {
        line(format!("  FAILED  case {}: expected {}, found {}", case.name, case.expected, case.found));
    }
    let met = report.cases.iter().filter(|case| case.met).count();
    line(format!(
        "  {} questions (seed {}), {met} of {} cases as expected",
        report.runs,
        report.seed,
        report.cases.len()
    ));
    let fuel = report.fuel;
    line(format!("  fuel: {} at most, {} on average, of {}", fuel.most, fuel.average, fuel.limit));
}

fn compared(found: &Comparison) {
    line(format!(
        "{} and {}: {} of {} questions answered differently",
        found.one, found.other, found.differ, found.asked
    ));
    for (kind, count) in &found.kinds {
        line(format!("  {count:6}  {kind}"));
    }
    for difference in &found.differences {
        line(format!("  asked: {}", difference.question));
        line(format!("    {}: {}", found.one, difference.one));
        line(format!("    {}: {}", found.other, difference.other));
    }
}

/// Runs evidence again.
fn replay(document: &[u8], json: bool) -> Outcome {
    let reproducer = Reproducer::parse(document).map_err(failed)?;
    let engine = Engine::open(EngineConfig { sample_rate: 0, ..EngineConfig::default() }).map_err(failed)?;
    let saw = laws::replay(&engine, &reproducer).map_err(failed)?;
    if json {
        line(
            json!({ "law": reproducer.law, "code": reproducer.code, "broken": saw.is_some(), "saw": saw }).to_string(),
        );
    } else {
        line(format!("{} ({}) {}", reproducer.module, reproducer.role, reproducer.code));
        match &saw {
            Some(text) => line(format!("  BROKEN  {:17} {text}", reproducer.law.name())),
            None => line(format!("  holds   {:17} on these questions, here", reproducer.law.name())),
        }
    }
    Ok(ExitCode::from(u8::from(saw.is_some())))
}
