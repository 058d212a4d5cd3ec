//! What the node cannot be faster than: verifying signatures and writing rows.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use atlas_record::{Record, sign};
use atlas_store::kv::fjall::FjallKv;
use atlas_store::kv::{Durability, Kv, Table, View, Writes};
use atlas_store::{Batch, Config, Store, StoreError};
use rayon::prelude::*;

use crate::Failure;

/// Signatures that one core verifies together.
const VERIFY_BATCH: usize = 1024;
/// Records of one commit, as an archive is taken in.
pub const COMMIT: u64 = 1024;

/// Signatures verified per second on all cores, once for each run.
pub fn verify(records: &[Record], runs: usize) -> Vec<f64> {
    let headers: Vec<_> = records.iter().map(Record::signed).collect();
    (0..runs.max(3))
        .map(|_| {
            let start = Instant::now();
            let good = headers
                .par_chunks(VERIFY_BATCH)
                .map(|chunk| sign::verify_headers(chunk.iter().copied()).into_iter().filter(|good| *good).count());
            let good: usize = good.sum();
            let rate = headers.len() as f64 / start.elapsed().as_secs_f64();
            assert_eq!(good, headers.len(), "the corpus is signed well");
            rate
        })
        .collect()
}

/// How fast the backend alone takes the rows that the store writes.
pub struct Rows {
    /// Rows written for one record, on average.
    pub per_record: f64,
    /// Bytes of keys and values for one record, on average.
    pub bytes_per_record: f64,
    /// Rows per second, once for each run.
    pub rates: Vec<f64>,
    /// The longest write, in milliseconds, of any run.
    pub longest_ms: f64,
}

/// Writes a store's records again through the committer, to learn exactly which rows go into
/// each commit and in which order; then writes those rows, and nothing else, through the
/// backend: the same sizes, the same portions, each synced.
pub fn rows(store: &Store, records: u64, dir: &Path, runs: usize) -> Result<Rows, Failure> {
    let log = dir.join("rows.log");
    record_rows(store, records, &dir.join("recorded"), &log)?;
    std::fs::remove_dir_all(dir.join("recorded"))?;
    let mut rows = Rows { per_record: 0.0, bytes_per_record: 0.0, rates: Vec::new(), longest_ms: 0.0 };
    for _ in 0..runs.max(1) {
        let target = dir.join("raw");
        let (count, bytes, spent, longest) = replay(&log, &target)?;
        std::fs::remove_dir_all(target)?;
        rows.per_record = count as f64 / records as f64;
        rows.bytes_per_record = bytes as f64 / records as f64;
        rows.rates.push(count as f64 / spent.as_secs_f64());
        rows.longest_ms = rows.longest_ms.max(longest.as_secs_f64() * 1e3);
    }
    std::fs::remove_file(log)?;
    Ok(rows)
}

fn record_rows(store: &Store, records: u64, dir: &Path, log: &Path) -> Result<(), Failure> {
    let kv = Recording {
        inner: FjallKv::open(dir, Config::default().fjall)?,
        log: Mutex::new(BufWriter::new(File::create(log)?)),
    };
    let copy = Store::on(Arc::new(kv), None, Config::default())?;
    for first in (1..=records).step_by(COMMIT as usize) {
        let mut batch = Batch::new();
        for stored in store.by_numbers(first..(first + COMMIT).min(records + 1))? {
            batch.put(stored.record, stored.lifecycle, stored.verdict);
        }
        copy.commit(batch)?;
    }
    Ok(())
}

/// A backend that notes every row. Row: table, presence, lengths, key, value; a write of no
/// table (255) ends each commit, with whether it was synced.
struct Recording {
    inner: FjallKv,
    log: Mutex<BufWriter<File>>,
}

const END: u8 = 255;

impl Kv for Recording {
    fn view(&self) -> Box<dyn View> {
        self.inner.view()
    }

    fn write(&self, writes: &Writes, durability: Durability) -> Result<(), StoreError> {
        let mut log = self.log.lock().expect("no thread panics with this lock");
        let mut put =
            |bytes: &[u8]| log.write_all(bytes).map_err(|error| StoreError::io("write", Path::new("rows.log"), &error));
        for (table, key, value) in writes.iter() {
            put(&[table as u8, u8::from(value.is_some())])?;
            put(&(key.len() as u32).to_le_bytes())?;
            put(&(value.map_or(0, <[u8]>::len) as u32).to_le_bytes())?;
            put(key)?;
            put(value.unwrap_or_default())?;
        }
        put(&[END, u8::from(durability == Durability::Synced)])?;
        drop(log);
        self.inner.write(writes, durability)
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.inner.flush()
    }

    fn disk_bytes(&self) -> u64 {
        self.inner.disk_bytes()
    }
}

/// Rows, their bytes, the time in which they were written, and the longest write.
fn replay(log: &Path, dir: &Path) -> Result<(u64, u64, Duration, Duration), Failure> {
    let kv = FjallKv::open(dir, Config::default().fjall)?;
    let mut input = BufReader::with_capacity(1 << 20, File::open(log)?);
    let (mut writes, mut rows, mut bytes) = (Writes::default(), 0u64, 0u64);
    let (mut spent, mut longest) = (Duration::ZERO, Duration::ZERO);
    let (mut key, mut value) = (Vec::new(), Vec::new());
    let mut head = [0; 2];
    while input.read_exact(&mut head).is_ok() {
        if head[0] == END {
            rows += writes.len() as u64;
            let durability = if head[1] == 1 { Durability::Synced } else { Durability::Buffered };
            let start = Instant::now();
            kv.write(&writes, durability)?;
            spent += start.elapsed();
            longest = longest.max(start.elapsed());
            writes.clear();
            continue;
        }
        let mut lengths = [0; 8];
        input.read_exact(&mut lengths)?;
        let [key_length, value_length] =
            [0, 4].map(|at| u32::from_le_bytes([lengths[at], lengths[at + 1], lengths[at + 2], lengths[at + 3]]));
        key.resize(key_length as usize, 0);
        value.resize(value_length as usize, 0);
        input.read_exact(&mut key)?;
        input.read_exact(&mut value)?;
        bytes += u64::from(key_length) + u64::from(value_length);
        let table = Table::ALL[usize::from(head[0])];
        if head[1] == 1 { writes.put(table, &key, &value) } else { writes.remove(table, &key) }
    }
    Ok((rows, bytes, spent, longest))
}
