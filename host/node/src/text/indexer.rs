//! The thread that keeps the index in step with the store.
//!
//! It knows one number for certain: the *watermark* that its last commit carries. Everything
//! above it is read again after a crash, so a commit that was cut off costs time and nothing
//! else. Records that were indexed before and came into sight or went out of it since are named
//! by the store ([`Store::shown`]) until the commit that takes them in is durable. What is read
//! is always the record as it is now, so reading one twice does no harm.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use atlas_store::{Changes, Status, Store, StoredRecord};
use serde::{Deserialize, Serialize};
use tantivy::directory::MmapDirectory;
use tantivy::indexer::IndexWriterOptions;
use tantivy::{Index, IndexReader, IndexWriter, ReloadPolicy};

use super::rules::TextRules;
use super::schema::{ANALYZER, Schema};
use super::words::analyzer;
use super::{Progress, TextError};
use crate::modules::Modules;
use crate::spaces::Spaces;

/// Bytes of memory for what is not committed yet.
const ARENA_BYTES: usize = 30 << 20;
/// Records that are read at once.
const PAGE: u64 = 256;
/// Documents after which a commit is due: what is found meanwhile is little, and what a crash
/// costs is seconds.
const COMMIT_DOCS: u64 = 100_000;
/// Time after which a commit is due, if there is anything to commit.
const COMMIT_EVERY: Duration = Duration::from_secs(1);
/// The same while the index is far behind: each commit makes a piece of its own, which has to be
/// merged with others later.
const COMMIT_BEHIND: Duration = Duration::from_secs(5);
/// Records that are far.
const FAR: u64 = 10_000;
/// While records stream in and nobody asks for words, the processors are theirs. The index follows once nothing
/// has come for so long,
const QUIET: Duration = Duration::from_millis(300);
/// or it has waited for so long; then it goes on until it has caught up.
const MOST_WAITED: Duration = Duration::from_secs(20);
/// Records that are no stream.
const FEW: u64 = 1024;
/// Time between two commits that somebody waits for.
const COMMIT_ASKED: Duration = Duration::from_millis(50);
/// How long it waits for work before it looks whether it should stop.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long it waits after a failure before it begins again.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// Records that came into sight or went out of it, taken in at once.
const SHOWN_PAGE: usize = 4096;

/// The form of the index. Another one is built anew.
const FORMAT: u32 = 1;

/// What a commit carries.
#[derive(Debug, Serialize, Deserialize)]
struct Payload {
    format: u32,
    /// Every record up to this number was looked at.
    watermark: u64,
    /// The id of the record of this number: another store has another.
    last: Option<String>,
}

/// What the thread works on.
pub(super) struct Work {
    pub dir: PathBuf,
    pub store: Store,
    pub spaces: Arc<Spaces>,
    pub modules: Arc<Modules>,
    pub progress: Arc<Progress>,
}

/// Runs until it is told to stop. What fails is tried again after a while.
pub(super) fn run(work: &Work) {
    let changes = work.store.changes(64);
    while !work.progress.stopping() {
        match Indexer::open(work).and_then(|mut indexer| indexer.follow(&changes)) {
            Ok(()) => return,
            Err(error) => {
                tracing::error!("the text index: {error}");
                work.progress.failed(&error);
                if error.is_damage() {
                    // All of it can be read from the records again.
                    let _ = std::fs::remove_dir_all(&work.dir);
                }
                let until = Instant::now() + AFTER_FAILURE;
                while Instant::now() < until && !work.progress.stopping() {
                    std::thread::sleep(LOOK_EVERY.min(AFTER_FAILURE));
                }
            }
        }
    }
}

struct Indexer<'a> {
    work: &'a Work,
    schema: Schema,
    reader: IndexReader,
    writer: IndexWriter,
    /// Every record up to this number was read.
    seen: u64,
    /// Documents since the last commit.
    fresh: u64,
    /// Whether something may have come into sight or gone out of it since the last commit.
    shown: bool,
    committed: u64,
    last_commit: Instant,
    rules: TextRules,
    stream: Stream,
}

/// What is known of the records that come in.
struct Stream {
    /// The last of them, and when it came.
    last: (u64, Instant),
    /// Since when the index waits.
    waits: Option<Instant>,
    /// It has waited long enough.
    late: bool,
}

/// The number that the index's last commit carries, if it belongs to this store.
fn watermark_of(index: &Index, store: &Store) -> Option<u64> {
    let payload: Payload = serde_json::from_str(index.load_metas().ok()?.payload.as_deref()?).ok()?;
    let at = store.by_number(payload.watermark).ok()?.map(|stored| stored.record.id().to_string());
    (payload.format == FORMAT && payload.watermark <= store.watermark() && at == payload.last)
        .then_some(payload.watermark)
}

fn open_index(dir: &Path, schema: &Schema) -> Result<Index, TextError> {
    std::fs::create_dir_all(dir)?;
    let directory = MmapDirectory::open(dir).map_err(tantivy::TantivyError::from)?;
    Ok(Index::open_or_create(directory, schema.schema.clone())?)
}

impl<'a> Indexer<'a> {
    /// Opens the index. One that is damaged, of another form or of another store is built anew:
    /// all that is in it can be read from the records.
    fn open(work: &'a Work) -> Result<Self, TextError> {
        let schema = Schema::default();
        let opened = open_index(&work.dir, &schema).ok();
        let (index, seen) = match opened.and_then(|index| {
            let seen = watermark_of(&index, &work.store)?;
            Some((index, seen))
        }) {
            Some(found) => found,
            None => {
                match std::fs::remove_dir_all(&work.dir) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
                    _ => {}
                }
                (open_index(&work.dir, &schema)?, 0)
            }
        };
        index.tokenizers().register(ANALYZER, analyzer());
        let options = IndexWriterOptions::builder()
            .num_worker_threads(1)
            .num_merge_threads(1)
            .memory_budget_per_thread(ARENA_BYTES)
            .build();
        let writer = index.writer_with_options(options)?;
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        let indexer = Self {
            work,
            schema,
            reader,
            writer,
            seen,
            fresh: 0,
            shown: true,
            committed: seen,
            last_commit: Instant::now(),
            rules: TextRules::new(work.spaces.clone(), work.modules.clone()),
            stream: Stream { last: (work.store.watermark(), Instant::now() - QUIET), waits: None, late: false },
        };
        indexer.publish();
        Ok(indexer)
    }

    fn publish(&self) {
        self.work.progress.committed(self.committed, self.reader.searcher(), &self.schema);
    }

    fn follow(&mut self, changes: &Changes) -> Result<(), TextError> {
        while !self.work.progress.stopping() {
            if let Some(damage) = self.work.progress.take_damage() {
                return Err(TextError::Damaged(damage));
            }
            if self.steps_aside() {
                self.wait(changes, QUIET / 4);
                continue;
            }
            let busy = self.read_page()?;
            if self.is_due(busy) {
                self.commit()?;
            }
            if busy {
                continue;
            }
            let wait = if self.is_dirty() { COMMIT_ASKED / 4 } else { LOOK_EVERY };
            self.wait(changes, wait);
        }
        // What was read need not be read again by whoever opens the index next.
        if self.fresh > 0 { self.commit() } else { Ok(()) }
    }

    /// Waits for something to change.
    fn wait(&mut self, changes: &Changes, wait: Duration) {
        // What changed is in the store; a subscriber that was too slow misses nothing.
        let Ok(changes) = changes.next(wait) else {
            self.shown = true;
            return;
        };
        self.shown |= changes.iter().any(|change| change.before.is_some());
        if let Some(last) = changes.iter().filter(|change| change.before.is_none()).map(|change| change.n).max() {
            // Changes are published just before the watermark moves.
            self.work.store.wait_beyond(last - 1, LOOK_EVERY);
        }
    }

    /// Whether the records that stream in have the processors for now.
    fn steps_aside(&mut self) -> bool {
        let (now, watermark) = (Instant::now(), self.work.store.watermark());
        let stream = &mut self.stream;
        if watermark > stream.last.0 {
            stream.last = (watermark, now);
        }
        let asked = self.work.progress.wanted() > self.seen;
        let flows = watermark - self.seen > FEW && stream.last.1.elapsed() < QUIET;
        if asked || !flows {
            stream.waits = None;
            // What comes next is a stream of its own once this one has been followed to its end.
            stream.late &= watermark > self.seen;
            return false;
        }
        stream.late |= stream.waits.get_or_insert(now).elapsed() > MOST_WAITED;
        !stream.late
    }

    fn is_dirty(&self) -> bool {
        self.fresh > 0 || self.shown || self.seen > self.committed
    }

    fn is_due(&self, busy: bool) -> bool {
        let since = self.last_commit.elapsed();
        let asked = self.work.progress.wanted() > self.committed;
        let is_far = busy && self.work.store.watermark().saturating_sub(self.seen) > FAR;
        let every = if is_far { COMMIT_BEHIND } else { COMMIT_EVERY };
        self.is_dirty() && (self.fresh >= COMMIT_DOCS || since >= every || (!busy && asked && since >= COMMIT_ASKED))
    }

    /// Reads some of what is new; whether there is more.
    fn read_page(&mut self) -> Result<bool, TextError> {
        let last = self.work.store.watermark();
        let upto = last.min(self.seen + PAGE);
        if upto == self.seen {
            return Ok(false);
        }
        for stored in self.work.store.by_numbers(self.seen + 1..=upto)? {
            self.add(&stored)?;
        }
        self.seen = upto;
        Ok(upto < last)
    }

    fn add(&mut self, stored: &StoredRecord) -> Result<(), TextError> {
        if stored.status != Status::Visible {
            return Ok(());
        }
        let fields = self.rules.of(stored.record.header());
        if let Some(document) = self.schema.document(stored, &fields) {
            self.writer.add_document(document)?;
            self.fresh += 1;
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), TextError> {
        let mut followed = Vec::new();
        // Those above what was read are read with their own number, and stay for the next time.
        let shown = self.work.store.shown(SHOWN_PAGE)?;
        self.shown = shown.len() == SHOWN_PAGE;
        let seen = self.seen;
        for shown in shown.into_iter().filter(|shown| shown.n <= seen) {
            self.writer.delete_term(self.schema.number(shown.n));
            if let Some(stored) = self.work.store.by_number(shown.n)? {
                self.add(&stored)?;
            }
            followed.push(shown);
        }
        if self.fresh > 0 || !followed.is_empty() || self.seen > self.committed {
            let last = self.work.store.by_number(self.seen)?.map(|stored| stored.record.id().to_string());
            let payload = Payload { format: FORMAT, watermark: self.seen, last };
            let mut prepared = self.writer.prepare_commit()?;
            prepared.set_payload(&serde_json::to_string(&payload).expect("a payload is JSON"));
            prepared.commit()?;
            self.reader.reload()?;
            if !followed.is_empty() {
                self.work.store.settle_shown(followed)?;
            }
        }
        (self.fresh, self.committed, self.last_commit) = (0, self.seen, Instant::now());
        self.publish();
        Ok(())
    }
}
