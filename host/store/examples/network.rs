//! Measures what a peer asks of a store: ranges of a set, and records by their ids.
//!
//! ```text
//! cargo run --release -p atlas-store --example network -- [RECORDS] [DIR]
//! ```
//!
//! Every figure is time on the processor, of the thread that asks: on a machine that does other
//! things besides, the clock says little. Beside the figures of ranges stands what reading every key of the set takes, which is what
//! they save.
#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;
use std::hint::black_box;
use std::time::Duration;

use atlas_record::cbor::Map;
use atlas_record::header::Header;
use atlas_record::id::PublicKey;
use atlas_record::order::{Lifecycle, Rank};
use atlas_record::{
    Body, ConstitutionId, IdentityId, Op, Payload, Record, RecordId, Salt, SignedHeader, SpaceId, TypeName,
};
use atlas_store::{Batch, Config, Ranges, Store, Verdict};

const BATCH: u64 = 1000;
const SPACE: SpaceId = SpaceId([1; 32]);
/// Ranges into which a peer splits one that differs.
const SPLIT: u64 = 16;

/// A post of ordinary length, some 700 bytes in transport form.
fn record(i: u64) -> Record {
    let body = format!("a note of the ordinary kind, number {i}. ").repeat(8);
    let body = Body::from_map(&Map::from_iter([("text", body.as_str().into())])).unwrap();
    let payload = Payload { salt: Salt([7; 16]), body };
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(blake3::hash(&i.to_be_bytes()).as_bytes());
    let header = Header {
        space: SPACE,
        type_name: type_name(),
        author: IdentityId([2; 32]),
        key: PublicKey([2; 32]),
        grant: None,
        seq: i + 1,
        prev: (i > 0).then_some(RecordId([3; 32])),
        skip: atlas_record::chain::has_skip(i + 1).then_some(RecordId([3; 32])),
        created: 1_700_000_000_000 + i * 10,
        constitution: ConstitutionId([4; 32]),
        record_key: None,
        op: Op::Put,
        links: Vec::new(),
        blobs: Vec::new(),
        expires: None,
        body: Some(payload.body.commit(&payload.salt)),
        ext: Vec::new(),
    };
    Record::new(SignedHeader::new(header, &signature), Some(payload)).unwrap()
}

fn type_name() -> TypeName {
    TypeName::new("test.note").unwrap()
}

fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_ascii_whitespace().nth(1)?.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

/// Time on the processor of this thread since it began.
fn now() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux says how long a thread ran");
    let nanos = stat.split_ascii_whitespace().next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.expect("nanoseconds come first"))
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// What each of many took on average.
fn each(count: u64, mut what: impl FnMut(u64)) -> String {
    let start = now();
    (0..count).for_each(&mut what);
    format!("{:.1} us", (now() - start).as_secs_f64() * 1e6 / count as f64)
}

fn load(store: &Store, numbers: impl Iterator<Item = u64>) {
    let (mut tickets, mut batch) = (VecDeque::new(), Batch::new());
    let mut numbers = numbers.peekable();
    while let Some(i) = numbers.next() {
        batch.put(record(i), Lifecycle::Append, Verdict::Valid(Vec::new()));
        if batch.len() as u64 == BATCH || numbers.peek().is_none() {
            tickets.push_back(store.submit(std::mem::take(&mut batch)).unwrap());
        }
        if tickets.len() > 4 {
            tickets.pop_front().unwrap().wait().unwrap();
        }
    }
    tickets.into_iter().for_each(|ticket| drop(ticket.wait().unwrap()));
}

fn ranges(store: &Store) -> Ranges {
    store.ranges(&SPACE, &type_name()).unwrap()
}

/// Every range that peers compare who differ everywhere: the set, its parts, and theirs, down
/// to `least` members.
fn descend(ranges: &Ranges, least: u64) -> usize {
    let (mut level, mut sums) = (std::iter::once(0..ranges.len()).collect::<Vec<_>>(), 0);
    loop {
        for range in &level {
            black_box(ranges.sum(range.clone()).unwrap());
        }
        sums += level.len();
        if level[0].end - level[0].start <= least {
            return sums;
        }
        let parts = |range: std::ops::Range<u64>| {
            let (start, length) = (range.start, range.end - range.start);
            (0..SPLIT).map(move |i| start + length * i / SPLIT..start + length * (i + 1) / SPLIT)
        };
        level = level.into_iter().flat_map(parts).collect();
    }
}

fn ask_ranges(store: &Store, records: u64) {
    let start = now();
    let keys = store.admissible(&SPACE, &type_name(), None).unwrap().count();
    println!("every key of the set read, one by one: {keys} in {:.0} ms", ms(now() - start));
    let resident = resident_mib();
    let start = now();
    let first = ranges(store);
    println!("ranges, first time: {:.0} ms, {:.1} MiB more resident", ms(now() - start), resident_mib() - resident);
    println!("  again: {}", each(200, |_| drop(ranges(store))));
    let random = |i: u64| {
        let hash = blake3::hash(&i.to_le_bytes());
        u64::from_le_bytes(hash.as_bytes()[..8].try_into().unwrap())
    };
    let index = |i: u64| random(i) % (records + 1);
    let sum = |i| {
        let (one, other) = (index(2 * i), index(2 * i + 1));
        black_box(first.sum(one.min(other)..one.max(other)).unwrap());
    };
    println!("  sum of a random range: {}", each(2000, sum));
    let bound = |i| Rank { created: 1_700_000_000_000 + random(i) % (records * 10), id: RecordId([0; 32]) };
    println!(
        "  lower bound of a random time: {}",
        each(2000, |i| _ = black_box(first.lower_bound(&bound(i)).unwrap()))
    );
    let start = now();
    let sums = descend(&first, SPLIT);
    println!("  sums of all {sums} ranges down to {SPLIT} members: {:.0} ms", ms(now() - start));
    let start = now();
    first.iter(0..first.len()).for_each(|member| _ = black_box(member.unwrap()));
    println!("  every member listed: {:.0} ms", ms(now() - start));
    load(store, records..records + 1000);
    println!("  after 1000 records more: {}", each(1, |_| drop(ranges(store))));
}

fn ask_records(store: &Store, most: usize) {
    let members = store.admissible(&SPACE, &type_name(), None).unwrap().take(most);
    let ids: Vec<RecordId> = members.map(|member| member.unwrap().0.id).collect();
    let mut shuffled = ids.clone();
    shuffled.sort();
    let per_second = |count: usize, start: Duration| count as f64 / (now() - start).as_secs_f64();
    for (order, ids) in [("in order of time", &ids), ("in order of their ids", &shuffled)] {
        let (start, mut bytes) = (now(), 0);
        for ids in ids.chunks(BATCH as usize) {
            let ids: Vec<[u8; 32]> = ids.iter().map(|id| id.0).collect();
            let found = store.encoded(&SPACE, &type_name(), &ids, false, usize::MAX).unwrap();
            bytes += found.iter().flatten().map(Vec::len).sum::<usize>();
        }
        let rate = per_second(ids.len(), start);
        println!(
            "{} records by id, {order}: {rate:.0}/s, {:.0} bytes each",
            ids.len(),
            bytes as f64 / ids.len() as f64
        );
    }
    let foreign: Vec<RecordId> = ids.iter().map(|id| RecordId::of(&id.0)).collect();
    for (what, ids, absent) in [("here", &shuffled, 0), ("not here", &foreign, foreign.len())] {
        let start = now();
        let found: usize = ids.chunks(BATCH as usize).map(|ids| store.absent(ids).unwrap().len()).sum();
        println!("which of {} ids are absent, all {what}: {:.0}/s", ids.len(), per_second(ids.len(), start));
        assert_eq!(found, absent);
        let start = now();
        let found = ids.chunks(BATCH as usize).flat_map(|ids| store.lacking(ids).unwrap()).flatten().count();
        println!("what is lacking of them: {:.0}/s", per_second(ids.len(), start));
        assert_eq!(found, absent);
    }
}

fn main() {
    let mut args = std::env::args().skip(1);
    let records = args.next().map_or(100_000, |count| count.parse().expect("a number of records"));
    let root = args.next().map_or_else(std::env::temp_dir, Into::into).join("atlas-store-network");
    let _ = std::fs::remove_dir_all(&root);
    let store = Store::open(&root, Config::default()).unwrap();
    load(&store, 0..records);
    drop(store);
    let store = Store::open(&root, Config::default()).unwrap();
    ask_ranges(&store, records);
    ask_records(&store, 63_000);
    drop(store);
    std::fs::remove_dir_all(&root).unwrap();
}
