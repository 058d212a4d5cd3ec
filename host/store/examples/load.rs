//! Loads a store with records like those of a package index and prints what it takes.
//!
//! ```text
//! cargo run --release -p atlas-store --example load -- [RECORDS] [DIR] [reopen]
//! ```
//!
//! Beside the store's figure stands what the backend alone took for the same rows: the limit
//! that the store cannot pass.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use atlas_record::cbor::Map;
use atlas_record::header::Header;
use atlas_record::id::PublicKey;
use atlas_record::order::Lifecycle;
use atlas_record::{
    Body, ConstitutionId, IdentityId, Key, Link, Op, Payload, Record, RecordId, Relation, Salt, SignedHeader, SpaceId,
    Target, TypeName,
};
use atlas_store::kv::fjall::FjallKv;
use atlas_store::kv::{Durability, Kv, View, Writes};
use atlas_store::{Batch, By, Config, IndexEntry, Scan, Store, StoreError, Values, Verdict};

const BATCH: u64 = 1000;
const SPACE: SpaceId = SpaceId([1; 32]);

/// A record with six links and four index entries: 16 rows.
fn record(i: u64) -> (Record, Verdict) {
    let body = format!("a package of the index, number {i}, with a description of ordinary length. ").repeat(6);
    let body = Body::from_map(&Map::from_iter([("description", body.as_str().into())])).unwrap();
    let payload = Payload { salt: Salt([7; 16]), body };
    let hash = blake3::hash(&i.to_be_bytes());
    let depends = |j: u64| Link {
        relation: Relation::new("depends").unwrap(),
        target: Target::Name(format!("library-{}", (i * 7 + j * j * 13) % 20_000).into()),
    };
    let header = Header {
        space: SPACE,
        type_name: TypeName::new("atlas.package").unwrap(),
        author: IdentityId([2; 32]),
        key: PublicKey([2; 32]),
        grant: None,
        seq: i + 1,
        prev: (i > 0).then_some(RecordId([3; 32])),
        skip: atlas_record::chain::has_skip(i + 1).then_some(RecordId([3; 32])),
        created: 1_700_000_000_000 + i * 10,
        constitution: ConstitutionId([4; 32]),
        record_key: Some(Key::new(&format!("package-{i}")).unwrap()),
        op: Op::Put,
        links: (0..6).map(depends).collect(),
        blobs: Vec::new(),
        expires: None,
        body: Some(payload.body.commit(&payload.salt)),
        ext: Vec::new(),
    };
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(hash.as_bytes());
    let entries = vec![
        IndexEntry::new("name", format!("package-{i}").as_str()),
        IndexEntry::new("section", ["libs", "devel", "doc", "net", "utils"][(i % 5) as usize]),
        IndexEntry::new("maintainer", format!("team-{}", i % 997).as_str()),
        IndexEntry::new("size", (i * 31 % 1_000_000).cast_signed()),
    ];
    (Record::new(SignedHeader::new(header, &signature), Some(payload)).unwrap(), Verdict::Valid(entries))
}

fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_ascii_whitespace().nth(1)?.parse::<u64>().ok()).unwrap_or(0) / 1024
}

fn per_second(count: u64, start: Instant) -> f64 {
    count as f64 / start.elapsed().as_secs_f64()
}

fn load(dir: &Path, records: u64) {
    let inner = FjallKv::open(&dir.join("db"), Config::default().fjall).unwrap();
    let kv = Arc::new(Timed { inner, rows: AtomicU64::new(0), nanos: AtomicU64::new(0) });
    let store = Store::on(kv.clone(), None, Config::default()).unwrap();
    let start = Instant::now();
    let mut making = std::time::Duration::ZERO;
    let mut tickets = std::collections::VecDeque::new();
    for from in (0..records).step_by(BATCH as usize) {
        let begun = Instant::now();
        let mut batch = Batch::new();
        for i in from..(from + BATCH).min(records) {
            let (record, verdict) = record(i);
            batch.put(record, Lifecycle::Replaceable, verdict);
        }
        making += begun.elapsed();
        tickets.push_back(store.submit(batch).unwrap());
        if tickets.len() > 4 {
            tickets.pop_front().unwrap().wait().unwrap();
        }
    }
    tickets.into_iter().for_each(|ticket| drop(ticket.wait().unwrap()));
    let stats = store.stats();
    println!(
        "store: {records} records of 16 rows in {:.1} s: {:.0} records/s (making them took {:.1} s of another core)",
        start.elapsed().as_secs_f64(),
        per_second(records, start),
        making.as_secs_f64(),
    );
    let (rows, spent) = (kv.rows.load(Ordering::Relaxed), kv.nanos.load(Ordering::Relaxed) as f64 / 1e9);
    println!("  of it in the backend's writes: {spent:.1} s, {rows} rows, {:.0} rows/s", rows as f64 / spent);
    println!(
        "  {} commits, longest {:.0} ms, {} MiB on disk, {} MiB resident",
        stats.commits,
        stats.longest_commit.as_secs_f64() * 1e3,
        stats.disk_bytes >> 20,
        resident_mib()
    );
    std::thread::sleep(std::time::Duration::from_secs(12));
    println!("  idle for 12 s: {} MiB resident", resident_mib());
    queries(&store, records);
    let start = Instant::now();
    let report = store.check(&mut |_| {}).unwrap();
    let spent = start.elapsed().as_secs_f64();
    println!(
        "check: {} rows in {spent:.1} s, {} problems, {} MiB resident",
        report.rows,
        report.problem_count,
        resident_mib()
    );
    let start = Instant::now();
    drop(store);
    drop(kv);
    println!("closed in {:.3} s", start.elapsed().as_secs_f64());
}

/// A start, in a process that has done nothing else.
fn reopen(dir: &Path, records: u64) {
    let start = Instant::now();
    let inner = FjallKv::open(&dir.join("db"), Config::default().fjall).unwrap();
    let store = Store::on(Arc::new(inner), None, Config::default()).unwrap();
    println!("opened in {:.3} s, {} MiB resident", start.elapsed().as_secs_f64(), resident_mib());
    queries(&store, records);
    println!("  {} MiB resident", resident_mib());
}

fn queries(store: &Store, records: u64) {
    let index = |name: &str, value: &str| By::Index {
        type_name: TypeName::new("atlas.package").unwrap(),
        name: name.into(),
        values: Values::Eq(value.into()),
    };
    type Ask = Box<dyn Fn(u64) -> By>;
    let asks: [(&str, Ask); 5] = [
        ("newest of a type", Box::new(|_| By::Type(TypeName::new("atlas.package").unwrap()))),
        ("newest of an author", Box::new(|_| By::Author { author: IdentityId([2; 32]), type_name: None })),
        ("section = libs", Box::new(move |_| index("section", "libs"))),
        ("maintainer = N", Box::new(move |i| index("maintainer", &format!("team-{}", i % 997)))),
        (
            "depends on N",
            Box::new(|i| By::LinkTo {
                relation: Some(Relation::new("depends").unwrap()),
                target: Target::Name(format!("library-{}", i * 7 % 20_000).into()),
                type_name: None,
            }),
        ),
    ];
    for (what, by) in asks {
        for with_records in [false, true] {
            let mut times = Vec::new();
            let mut hits = 0;
            for i in 0..1000u64 {
                let scan = Scan::new(SPACE, by(i * 131 % records));
                let start = Instant::now();
                let found: Vec<u64> = store.scan(&scan).unwrap().take(50).map(|hit| hit.unwrap().n).collect();
                hits += found.len();
                if with_records {
                    std::hint::black_box(store.by_numbers(found).unwrap());
                }
                times.push(start.elapsed());
            }
            times.sort();
            println!(
                "  {what}{}: {} hits on average, median {:.3} ms, p99 {:.3} ms",
                if with_records { ", records read" } else { "" },
                hits / 1000,
                times[500].as_secs_f64() * 1e3,
                times[990].as_secs_f64() * 1e3
            );
        }
    }
}

/// A backend that notes how long its writes take: the rest is the store's own.
struct Timed {
    inner: FjallKv,
    rows: AtomicU64,
    nanos: AtomicU64,
}

impl Kv for Timed {
    fn view(&self) -> Box<dyn View> {
        self.inner.view()
    }

    fn write(&self, writes: &Writes, durability: Durability) -> Result<(), StoreError> {
        let start = Instant::now();
        let written = self.inner.write(writes, durability);
        self.nanos.fetch_add(u64::try_from(start.elapsed().as_nanos()).unwrap(), Ordering::Relaxed);
        self.rows.fetch_add(writes.len() as u64, Ordering::Relaxed);
        written
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.inner.flush()
    }

    fn disk_bytes(&self) -> u64 {
        self.inner.disk_bytes()
    }
}

fn main() {
    let mut args = std::env::args().skip(1);
    let records = args.next().map_or(100_000, |count| count.parse().expect("a number of records"));
    let root = args.next().map_or_else(std::env::temp_dir, Into::into).join("atlas-store-load");
    if args.next().is_some() {
        return reopen(&root, records);
    }
    let _ = std::fs::remove_dir_all(&root);
    std::fs::create_dir_all(&root).unwrap();
    load(&root, records);
    let program = std::env::current_exe().unwrap();
    let parent = root.parent().expect("joined above");
    let again = std::process::Command::new(program).arg(records.to_string()).arg(parent).arg("reopen").status();
    assert!(again.unwrap().success());
    println!("left in {}: a third argument opens it again", root.display());
}
