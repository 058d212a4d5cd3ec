//! The fjall backend: one keyspace per table, one journal for all of them.
//!
//! A write is one journal batch, synced with `fdatasync` before it is applied, so an
//! acknowledged write survives `kill -9` and power loss. After a failed write or flush fjall
//! refuses every later one (*poisoned*): its memory and its journal may differ, and only a
//! restart, which replays the journal, tells what is on the disk.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use fjall::config::{BlockSizePolicy, BloomConstructionPolicy, CompressionPolicy, FilterPolicy, FilterPolicyEntry};
use fjall::{CompressionType, Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable, Snapshot};

use super::{Durability, Kv, Range, Rows, Table, View, Writes};
use crate::error::StoreError;

const MIB: u64 = 1 << 20;

/// Journals are replayed at start: the smallest bound that fjall takes keeps that short.
const JOURNAL_BYTES: u64 = 128 * MIB;

/// Buffers larger than this are moved to the tables when the store is closed: reading them
/// from the journal again would hold up the next start. Smaller ones would make tiny tables.
const WORTH_FLUSHING: u64 = 8 * MIB;

/// How long closing may take for that.
const CLOSE_WAIT: Duration = Duration::from_secs(10);

/// A row without meaning, in [`Table::Meta`].
const FLUSHED: &[u8] = b"flushed";

/// Sizes that follow from the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FjallConfig {
    /// Block cache, in bytes.
    pub cache_bytes: u64,
    /// Threads that flush and compact; two at least, so that a long compaction never holds up a flush.
    pub workers: usize,
}

impl FjallConfig {
    /// For this machine: a cache of 1/128 of its memory, within 8 to 32 MiB, so that an idle
    /// node stays small; a worker per core, within 2 to 4.
    pub fn for_machine() -> Self {
        let memory = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
            line.split_ascii_whitespace().nth(1)?.parse::<u64>().ok()
        });
        let cache_bytes = memory.map_or(16 * MIB, |kib| (kib * 1024 / 128).clamp(8 * MIB, 32 * MIB));
        let workers = std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 4);
        Self { cache_bytes, workers }
    }
}

/// Tables on fjall.
pub struct FjallKv {
    dir: PathBuf,
    db: Database,
    tables: Tables,
    /// The first failure that stops all writing.
    failed: OnceLock<StoreError>,
}

#[derive(Clone)]
struct Tables(Box<[Keyspace]>);

impl Tables {
    fn of(&self, table: Table) -> &Keyspace {
        &self.0[table as usize]
    }
}

/// What is found by its whole key, where most asked-for keys are absent: filters on every level.
fn is_looked_up(table: Table) -> bool {
    matches!(
        table,
        Table::Names | Table::Ids | Table::Address | Table::Chain | Table::Tombstone | Table::Blobs | Table::Parked
    )
}

fn options(table: Table) -> KeyspaceCreateOptions {
    let filter = |entry| FilterPolicy::new([entry]);
    let options = KeyspaceCreateOptions::default()
        // Committing is explicit in `write`.
        .manual_journal_persist(true)
        .max_memtable_size(match table {
            Table::Records => 16 * MIB,
            _ => 8 * MIB,
        });
    let options = if is_looked_up(table) {
        options.filter_policy(filter(FilterPolicyEntry::Bloom(BloomConstructionPolicy::BitsPerKey(10.0))))
    } else if table == Table::Records {
        // Asked for only by numbers that exist.
        options.expect_point_read_hits(true)
    } else {
        options.filter_policy(FilterPolicy::disabled())
    };
    match table {
        Table::Records | Table::Parked | Table::Docs | Table::Blobs => options
            .data_block_size_policy(BlockSizePolicy::all(4 * 1024))
            .data_block_compression_policy(CompressionPolicy::all(CompressionType::Lz4)),
        _ => options,
    }
}

impl FjallKv {
    /// Opens or creates the tables in a directory of their own.
    pub fn open(dir: &Path, config: FjallConfig) -> Result<Self, StoreError> {
        let failed = |error: fjall::Error| match error {
            fjall::Error::Locked => StoreError::InUse { dir: dir.to_owned() },
            error => fatal(dir, &error),
        };
        let db = Database::builder(dir)
            .cache_size(config.cache_bytes)
            .worker_threads(config.workers.max(2))
            .max_journaling_size(JOURNAL_BYTES)
            .manual_journal_persist(true)
            .open()
            .map_err(failed)?;
        let tables = Table::ALL
            .iter()
            .map(|&table| db.keyspace(table.name(), || options(table)))
            .collect::<Result<_, _>>()
            .map_err(failed)?;
        Ok(Self { dir: dir.to_owned(), db, tables: Tables(tables), failed: OnceLock::new() })
    }

    /// Remembers the first failure: what comes later only says "poisoned".
    fn fail(&self, error: &fjall::Error) -> StoreError {
        self.failed.get_or_init(|| fatal(&self.dir, error)).clone()
    }
}

/// What a failure of the engine means. Its background threads report a full disk only as
/// "poisoned", so the disk itself is asked.
fn fatal(dir: &Path, error: &fjall::Error) -> StoreError {
    if is_disk_full(error) || !has_space(dir) {
        return StoreError::DiskFull { dir: dir.to_owned() };
    }
    let cause = match error {
        fjall::Error::Poisoned => "a flush or compaction failed in the background".to_owned(),
        error => format!("{error:?}"),
    };
    StoreError::Fatal { dir: dir.to_owned(), cause }
}

fn is_disk_full(error: &fjall::Error) -> bool {
    let io = match error {
        fjall::Error::Io(io) | fjall::Error::Storage(fjall::LsmError::Io(io)) => io,
        _ => return false,
    };
    matches!(io.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
}

/// Whether a small file can still be written.
fn has_space(dir: &Path) -> bool {
    let path = dir.join("space-probe");
    let written = std::fs::write(&path, vec![0x5a; 256 * 1024]);
    let _ = std::fs::remove_file(&path);
    !written.is_err_and(|e| matches!(e.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded))
}

struct FjallView {
    snapshot: Snapshot,
    tables: Tables,
}

fn read_error(table: Table) -> impl Fn(fjall::Error) -> StoreError {
    move |error| StoreError::Read { table: table.name(), cause: format!("{error:?}") }
}

impl View for FjallView {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let value = self.snapshot.get(self.tables.of(table), key).map_err(read_error(table))?;
        Ok(value.map(|value| value.to_vec()))
    }

    fn range(&self, table: Table, range: Range) -> Rows {
        if range.is_empty() {
            return Box::new(std::iter::empty());
        }
        let mut rows = self.snapshot.range(self.tables.of(table), (range.from, range.to));
        Box::new(std::iter::from_fn(move || {
            let row = if range.backward { rows.next_back() } else { rows.next() }?;
            Some(row.into_inner().map(|(key, value)| (key.to_vec(), value.to_vec())).map_err(read_error(table)))
        }))
    }
}

impl Kv for FjallKv {
    fn view(&self) -> Box<dyn View> {
        Box::new(FjallView { snapshot: self.db.snapshot(), tables: self.tables.clone() })
    }

    fn write(&self, writes: &Writes, durability: Durability) -> Result<(), StoreError> {
        if let Some(error) = self.failed.get() {
            return Err(error.clone());
        }
        let mut batch =
            fjall::OwnedWriteBatch::with_capacity(self.db.clone(), writes.len()).durability(Some(match durability {
                Durability::Synced => PersistMode::SyncData,
                Durability::Buffered => PersistMode::Buffer,
            }));
        // In key order, one insertion finds most of the way of the next one in the CPU's cache.
        let mut rows: Vec<_> = writes.iter().collect();
        rows.sort_unstable_by_key(|(table, key, _)| (*table, *key));
        for (table, key, value) in rows {
            match value {
                Some(value) => batch.insert(self.tables.of(table), key, value),
                None => batch.remove(self.tables.of(table), key),
            }
        }
        batch.commit().map_err(|error| self.fail(&error))
    }

    fn flush(&self) -> Result<(), StoreError> {
        // The engine lets go of flushed buffers when it next rotates one, and it rotates only
        // what holds something: this row sees to it that the second of two flushes frees them.
        let marker = self.tables.of(Table::Meta).insert(FLUSHED, []);
        marker.map_err(|error| self.fail(&error))?;
        for table in Table::ALL {
            self.tables.of(*table).rotate_memtable().map_err(|error| self.fail(&error))?;
        }
        Ok(())
    }

    fn close(&self) {
        if self.failed.get().is_some() || self.db.write_buffer_size() < WORTH_FLUSHING {
            return;
        }
        for table in Table::ALL {
            // The journal has all of it: what fails here only makes the next start longer.
            if let Err(error) = self.tables.of(*table).rotate_memtable() {
                tracing::warn!(?error, "buffers were not moved to the tables");
                return;
            }
        }
        let until = Instant::now() + CLOSE_WAIT;
        while self.tables.0.iter().any(|table| table.sealed_memtable_count() > 0) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn disk_bytes(&self) -> u64 {
        let tables: u64 = self.tables.0.iter().map(Keyspace::disk_space).sum();
        tables + journal_bytes(&self.dir)
    }
}

/// What the journals occupy: they are created at full length, with holes.
fn journal_bytes(dir: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    entries
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|ext| ext == "jnl"))
        .filter_map(|entry| entry.metadata().ok())
        .map(|meta| occupied(&meta))
        .sum()
}

#[cfg(unix)]
fn occupied(meta: &std::fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    meta.blocks() * 512
}

#[cfg(not(unix))]
fn occupied(meta: &std::fs::Metadata) -> u64 {
    meta.len()
}
