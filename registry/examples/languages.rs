//! What each language costs: one validator built in all of them, measured in the node's engine.
//!
//! ```text
//! cargo run --release -p atlas-registry --features author --example languages [FOLDER]
//! ```
//!
//! The tools are looked for on the path, and `node_modules/` in FOLDER. A language without its tools is left out, visibly. All figures are
//! of one run on one machine: compare them with each other.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use atlas_engine::validator::{Candidate, Entry, Operation};
use atlas_engine::{Binding, CodeHash, Engine, EngineConfig, Pooling, Validator};
use atlas_record::cbor::{Map, Value, encode_map};
use atlas_registry::{Language, Project, Role, build, pack, scaffold};

type Failure = Box<dyn std::error::Error>;

/// Records in one call.
const BATCH: usize = 100;
/// How long each way of calling is measured.
const SPAN: Duration = Duration::from_secs(2);
/// Fuel enough for any of them.
const FUEL: u64 = 1_000_000_000;

/// A language.
struct Way {
    name: &'static str,
    language: Language,
}

const WAYS: [Way; 4] = [
    Way { name: "Rust", language: Language::Rust },
    Way { name: "C", language: Language::C },
    Way { name: "JavaScript", language: Language::JavaScript },
    Way { name: "Python", language: Language::Python },
];

fn main() -> Result<(), Failure> {
    let tools = std::env::args().nth(1).map(PathBuf::from);
    let work = match &tools {
        Some(tools) => tempfile::tempdir_in(tools)?,
        None => tempfile::tempdir()?,
    };
    println!(
        "| language | size | build | compile | from the cache | set up | a record alone, fresh | in batches of {BATCH} | records/s in batches | fuel of a record |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for (i, way) in WAYS.iter().enumerate() {
        match measure(way, &work.path().join(i.to_string())) {
            Ok(row) => println!("| {} | {row} |", way.name),
            Err(error) => println!("| {} | left out: {} |", way.name, error.to_string().lines().next().unwrap_or("?")),
        }
    }
    Ok(())
}

fn measure(way: &Way, folder: &Path) -> Result<String, Failure> {
    let project = folder.join("recipe");
    scaffold::write(&scaffold::New { role: &Role::ALL[0], name: "recipe", language: way.language }, &project)?;
    let project = Project::open(&project)?;
    let (built, building) = timed(|| build::build(&project));
    let package = pack::pack(&built?.component, &project.manifest)?.package;

    let config = || EngineConfig {
        cache_dir: Some(folder.join("cache")),
        pooling: Pooling::Auto,
        sample_rate: 0,
        ..EngineConfig::default()
    };
    let (engine, code) = (Engine::open(config())?, CodeHash::of(&package));
    let (compiled, cold) = timed(|| engine.prepare(package.clone()).wait());
    compiled?;
    let engine = Engine::open(config())?;
    let (loaded, cached) = timed(|| engine.prepare(package.clone()).wait());
    loaded?;
    let binding = Binding { fuel: FUEL, ..Binding::new(code) };
    let (validator, setup) = timed(|| engine.validator(&package, binding));
    let validator = validator?;

    let batch: Vec<Candidate> = (0..BATCH).map(soup).collect();
    let alone = validator.validate_alone(&batch[0]);
    if !matches!(alone.outcome, atlas_engine::Outcome::Valid(_)) {
        return Err(format!("the record is not valid: {:?}", alone.outcome).into());
    }
    let fresh = per_record(&validator, &batch[..1], true);
    let warm = per_record(&validator, &batch, false);
    Ok(format!(
        "{} | {:.1} s | {} | {} | {} | {} | {} | {:.0} | {} k",
        size(package.len()),
        building.as_secs_f64(),
        time(cold),
        time(cached),
        time(setup),
        time(fresh),
        time(warm),
        1.0 / warm.as_secs_f64(),
        alone.fuel.unwrap_or_default() / 1_000
    ))
}

fn timed<T>(run: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    (run(), start.elapsed())
}

/// The time of one record, on average.
fn per_record(validator: &Validator, batch: &[Candidate], fresh: bool) -> Duration {
    let (start, mut records) = (Instant::now(), 0_u32);
    while start.elapsed() < SPAN {
        match fresh {
            true => drop(validator.validate_alone(&batch[0])),
            false => drop(validator.validate(batch)),
        }
        records += batch.len() as u32;
    }
    start.elapsed() / records
}

fn time(span: Duration) -> String {
    let micros = span.as_secs_f64() * 1e6;
    match micros {
        ..1e3 => format!("{micros:.1} us"),
        ..1e6 => format!("{:.1} ms", micros / 1e3),
        _ => format!("{:.1} s", micros / 1e6),
    }
}

fn size(bytes: usize) -> String {
    match bytes {
        ..1_000_000 => format!("{} KB", bytes / 1_000),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

fn soup(number: usize) -> Candidate {
    let text = |text: &str| Value::Text(text.to_owned());
    let mut body = Map::new();
    body.insert("title", Value::Text(format!("Soup {number}")));
    body.insert("minutes", Value::Int(i128::from(number as u32 % 100 + 1)));
    body.insert("ingredients", Value::List(["water", "leek", "salt", "cream"].map(text).to_vec()));
    let id = "bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy";
    Candidate {
        entry: Entry {
            space: id.into(),
            type_name: "example.recipe".into(),
            author: id.into(),
            created: 1_700_000_000_000,
            key: None,
            operation: Operation::Put,
            links: Vec::new(),
            blobs: Vec::new(),
            expires: None,
            body: encode_map(&body),
        },
        supplied: Vec::new(),
    }
}
