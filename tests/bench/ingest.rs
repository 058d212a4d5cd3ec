//! Taking records in: written here, and received.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use atlas_node::archive::{Part, Parts};
use atlas_node::import::{self, Format};
use atlas_node::judge::Subject;
use atlas_node::node::parse_type_binding;
use atlas_node::{Node, NodeConfig};
use atlas_record::Record;

use crate::corpus::Corpus;
use crate::report::{Report, median};
use crate::{Failure, limits, machine, note};

/// Writes the corpus here, takes it in as from a stranger, and adds the figures of the parts
/// that are wanted.
pub fn run(
    corpus: &Corpus,
    (records, runs): (usize, usize),
    work: &Path,
    wants: &dyn Fn(&str) -> bool,
    report: &mut Report,
) -> Result<(), Failure> {
    note("importing the corpus");
    let archive = work.join("corpus.atlas");
    let authored = author(corpus, records, work, &archive)?;
    report.records = authored.accepted;
    if wants("import") {
        report.add(
            "import",
            "written, signed and judged here",
            authored.rate,
            "records/s",
            "strfry imports 10,500 signed events/s",
        );
        report.add("import", "longest commit", authored.longest_commit_ms, "ms", "aim < 100 ms");
        report.add("import", "bytes in transport form", authored.bytes_per_record, "B/record", "");
    }

    note("taking the archive in");
    let last = work.join("taken");
    let mut taken = Vec::new();
    let repeats = if wants("ingest") { runs.max(1) } else { 1 };
    for i in 0..repeats {
        if i > 0 {
            std::fs::remove_dir_all(&last)?;
        }
        taken.push(take(&archive, &last)?);
    }
    let ingest_rate = median(&taken.iter().map(|run| run.rate).collect::<Vec<_>>());

    let node = Node::open(NodeConfig::new(&last))?;
    let mut limit = None;
    if wants("limits") || wants("ingest") {
        note("measuring the limits");
        let sample = sample(&archive, 65_536)?;
        let verified = limits::verify(&sample, runs);
        let rows = limits::rows(node.store(), node.store().watermark(), work, runs)?;
        let (verify, row_rate) = (median(&verified), median(&rows.rates));
        let by_rows = row_rate / rows.per_record;
        limit = Some(verify.min(by_rows));
        report.add_runs(
            "limits",
            "signatures verified, all cores, batches of 1024",
            verified,
            "/s",
            "measured before: 8.4-8.7 us each on one core",
        );
        report.add_runs(
            "limits",
            "rows through the backend alone, synced",
            rows.rates,
            "rows/s",
            "the rows of these records, in their commits",
        );
        report.add(
            "limits",
            "rows of one record",
            rows.per_record,
            "rows",
            format!("{:.0} bytes of keys and values", rows.bytes_per_record),
        );
        report.add(
            "limits",
            "records that the backend alone could take",
            by_rows,
            "records/s",
            "rows/s over rows per record",
        );
        report.add("limits", "longest write of the backend alone", rows.longest_ms, "ms", "");
    }
    if wants("ingest") {
        let of = |figure: fn(&Taken) -> f64| taken.iter().map(figure).collect::<Vec<_>>();
        report.add_runs(
            "ingest",
            "received, everything on",
            of(|run| run.rate),
            "records/s",
            "strfry imports 10,500 events/s; aim 3 times that",
        );
        if let Some(limit) = limit {
            report.add(
                "ingest",
                "share of the lower limit",
                100.0 * ingest_rate / limit,
                "%",
                format!("of {limit:.0} records/s; aim >= 60 %"),
            );
        }
        report.add_runs(
            "ingest",
            "processor time of one record",
            of(|run| run.cpu_us),
            "us",
            "all threads, compaction too",
        );
        report.add_runs("ingest", "longest commit", of(|run| run.longest_commit_ms), "ms", "aim < 100 ms");
        report.add_runs(
            "ingest",
            "bytes on disk",
            of(|run| run.disk_per_record),
            "B/record",
            "tables and journals, right after",
        );
        report.add_runs(
            "ingest",
            "resident memory at the end",
            of(|run| run.resident_mib),
            "MiB",
            "of this process, which holds the corpus too",
        );
    }
    if wants("wasm") {
        let share = taken.iter().map(|run| 100.0 * run.wasm.time.as_secs_f64() / run.cpu_seconds).collect();
        let each = taken.iter().map(|run| 1e6 * run.wasm.time.as_secs_f64() / run.records).collect();
        report.add_runs(
            "wasm",
            "validation, share of all processor time",
            share,
            "%",
            "aim <= 10 %; by the clock, so too high on a busy machine",
        );
        report.add_runs("wasm", "validation of one record, as ingested", each, "us", "by the clock, on average");
        let alone = taken.iter().map(|run| 100.0 * run.wasm.canonical_runs as f64 / run.records).collect();
        report.add_runs(
            "wasm",
            "records judged alone in a fresh instance",
            alone,
            "%",
            "probes, and batches that used too much fuel",
        );
        let (warm, fresh) = instances(&node)?;
        report.add(
            "wasm",
            "validation of one record, batches of 256",
            warm,
            "us",
            "measured before, in batches of 100: 0.65-0.76 us for a call",
        );
        report.add(
            "wasm",
            "validation of one record, fresh instance",
            fresh,
            "us",
            "measured before: 22-25 us for a call",
        );
    }
    drop(node);
    std::fs::remove_dir_all(&last)?;
    std::fs::remove_file(&archive)?;
    Ok(())
}

/// How writing the corpus went.
struct Authored {
    accepted: u64,
    rate: f64,
    longest_commit_ms: f64,
    bytes_per_record: f64,
}

/// Imports the corpus as its author, and exports it as an archive.
fn author(corpus: &Corpus, records: usize, work: &Path, archive: &Path) -> Result<Authored, Failure> {
    let dir = work.join("author");
    let node = Node::open(NodeConfig::new(&dir))?;
    let ada = node.create_identity("ada", atlas_node::clock::now())?;
    let space = node.create_space("corpus", &ada, vec![parse_type_binding("atlas.package=package")?], false)?;
    let start = Instant::now();
    let summary =
        import::run(&node, Format::Debian, corpus.read(0..records), Some((space.clone(), ada)), &mut |rejected| {
            note(&format!("rejected: {} {}", rejected.name.unwrap_or_default(), rejected.text));
        })?;
    let rate = summary.read as f64 / start.elapsed().as_secs_f64();
    let mut out = BufWriter::new(File::create(archive)?);
    let exported = node.export(&space, &mut out)?;
    out.flush()?;
    let longest_commit_ms = node.store().stats().longest_commit.as_secs_f64() * 1e3;
    drop(node);
    std::fs::remove_dir_all(dir)?;
    let bytes_per_record = std::fs::metadata(archive)?.len() as f64 / exported as f64;
    Ok(Authored { accepted: summary.accepted, rate, longest_commit_ms, bytes_per_record })
}

/// How taking the archive in went.
struct Taken {
    records: f64,
    rate: f64,
    cpu_seconds: f64,
    cpu_us: f64,
    /// Of the validator, summed up.
    wasm: atlas_engine::Stats,
    longest_commit_ms: f64,
    disk_per_record: f64,
    resident_mib: f64,
}

fn take(archive: &Path, dir: &Path) -> Result<Taken, Failure> {
    let node = Node::open(NodeConfig::new(dir))?;
    let input = BufReader::with_capacity(1 << 20, File::open(archive)?);
    let (start, cpu) = (Instant::now(), machine::cpu_seconds());
    let summary =
        import::run(&node, Format::Atlas, input, None, &mut |rejected| note(&format!("refused: {}", rejected.text)))?;
    let (elapsed, cpu_seconds) = (start.elapsed().as_secs_f64(), machine::cpu_seconds() - cpu);
    if summary.written != summary.read {
        return Err(format!("the archive was not taken in whole: {summary:?}").into());
    }
    let stats = node.store().stats();
    let records = summary.read as f64;
    Ok(Taken {
        records,
        rate: records / elapsed,
        cpu_seconds,
        cpu_us: 1e6 * cpu_seconds / records,
        wasm: node.modules().running().first().map(|validator| validator.stats()).unwrap_or_default(),
        longest_commit_ms: stats.longest_commit.as_secs_f64() * 1e3,
        disk_per_record: stats.disk_bytes as f64 / records,
        resident_mib: machine::resident_mib().0,
    })
}

/// Records of an archive, evenly from all of it, `most` of them at most.
fn sample(archive: &Path, most: usize) -> Result<Vec<Record>, Failure> {
    let mut found = Vec::new();
    for part in Parts::new(BufReader::with_capacity(1 << 20, File::open(archive)?)) {
        if let Part::Record(bytes) = part? {
            found.push(Record::decode(&bytes)?);
            if found.len() == most {
                break;
            }
        }
    }
    Ok(found)
}

/// Microseconds that judging one record takes: in a batch that reuses an instance, and in an
/// instance of its own. Medians.
fn instances(node: &Node) -> Result<(f64, f64), Failure> {
    let space = node.spaces().resolve(None)?;
    let binding = space.binding(&"atlas.package".parse()?)?.clone();
    let validator = node.modules().validator(&binding).map_err(atlas_node::NodeError::from)?;
    let mut candidates = Vec::new();
    for stored in node.store().by_numbers(1..=8192)? {
        let body = stored.record.payload().map(|payload| &payload.body);
        candidates.push(Subject::of(stored.record.header(), body).candidate());
    }
    let time = |size: usize, judge: &dyn Fn(&[atlas_engine::Candidate])| -> f64 {
        let times = candidates.chunks_exact(size).map(|chunk| {
            let start = Instant::now();
            judge(chunk);
            start.elapsed().as_secs_f64() * 1e6 / size as f64
        });
        median(&times.collect::<Vec<_>>())
    };
    let warm = time(256, &|chunk| drop(validator.validate(chunk)));
    let fresh = time(1, &|chunk| drop(validator.validate_alone(&chunk[0])));
    Ok((warm, fresh))
}
