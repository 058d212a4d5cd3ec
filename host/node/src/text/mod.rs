//! Full text: an index beside the store that follows it.
//!
//! Which fields of a type are text, and how much they weigh, its module declares. The index is
//! derived: it can be removed at any time and builds itself again. It is never asked what is
//! true, only where to look: each hit counts only if the store still shows the record.
//!
//! [`rules`] says which fields are text, [`words`] what a word is, [`ask`] how words are asked for, [`schema`] what is kept of a
//! record, [`search`] how the index is asked, [`indexer`] how it keeps up. A command without a
//! running node brings the index up to date before it asks; in a running node the index follows
//! within about a second, and an answer says up to where it had come.

pub mod ask;
mod indexer;
pub mod rules;
pub mod schema;
pub mod search;
pub mod words;

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use atlas_store::{Store, StoreError};
use tantivy::Searcher;

use crate::error::NodeError;
use crate::modules::Modules;
use crate::spaces::Spaces;
use schema::Schema;
use search::{Found, Search};

/// What the thread ran into. It says so, and begins again.
#[derive(Debug, thiserror::Error)]
enum TextError {
    #[error(transparent)]
    Index(#[from] tantivy::TantivyError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("it is damaged: {0}")]
    Damaged(String),
}

impl TextError {
    /// Whether the index is not what it must be, and only building it anew helps.
    fn is_damage(&self) -> bool {
        use tantivy::TantivyError as Error;
        match self {
            Self::Damaged(_) => true,
            Self::Index(error) => matches!(
                error,
                Error::DataCorruption(_)
                    | Error::OpenReadError(_)
                    | Error::SchemaError(_)
                    | Error::IncompatibleIndex(_)
            ),
            Self::Store(_) | Self::Io(_) => false,
        }
    }
}

/// How far the index has come, for the thread and for those that ask.
#[derive(Default)]
struct Progress {
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Default)]
struct State {
    watermark: u64,
    wanted: u64,
    searcher: Option<(Searcher, Schema)>,
    failure: Option<String>,
    /// What a question ran into.
    damage: Option<String>,
    stopping: bool,
}

impl Progress {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock; if it did, the values are still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stopping(&self) -> bool {
        self.lock().stopping
    }

    fn take_damage(&self) -> Option<String> {
        self.lock().damage.take()
    }

    fn wanted(&self) -> u64 {
        self.lock().wanted
    }

    fn committed(&self, watermark: u64, searcher: Searcher, schema: &Schema) {
        let mut state = self.lock();
        state.watermark = watermark;
        state.searcher = Some((searcher, schema.clone()));
        state.failure = None;
        self.moved.notify_all();
    }

    fn failed(&self, error: &TextError) {
        self.lock().failure = Some(error.to_string());
        self.moved.notify_all();
    }
}

/// How the index is, for `status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextStatus {
    /// Every record up to this number was looked at.
    pub watermark: u64,
    /// Records in it.
    pub documents: u64,
    /// What keeps it from following, if anything does.
    pub failure: Option<String>,
}

/// The index of a node. Does nothing until it is asked or started.
pub struct TextIndex {
    dir: PathBuf,
    store: Store,
    spaces: Arc<Spaces>,
    modules: Arc<Modules>,
    progress: Arc<Progress>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// How long a question waits for an index that follows a running node.
const WAIT_RUNNING: Duration = Duration::from_millis(250);
/// How long it waits for one that was only just opened.
const WAIT_OPENED: Duration = Duration::from_secs(20);

impl TextIndex {
    /// In a directory of its own, beside a store.
    pub fn new(dir: PathBuf, store: Store, spaces: Arc<Spaces>, modules: Arc<Modules>) -> Self {
        Self { dir, store, spaces, modules, progress: Arc::default(), thread: Mutex::default() }
    }

    /// Starts to follow the store, unless it does already; whether it did.
    pub fn start(&self) -> Result<bool, NodeError> {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_some() {
            return Ok(true);
        }
        let work = indexer::Work {
            dir: self.dir.clone(),
            store: self.store.clone(),
            spaces: self.spaces.clone(),
            modules: self.modules.clone(),
            progress: self.progress.clone(),
        };
        let started = std::thread::Builder::new().name("text-index".into()).spawn(move || indexer::run(&work));
        *thread =
            Some(started.map_err(|error| NodeError::Unavailable(format!("the text index cannot start: {error}")))?);
        Ok(false)
    }

    /// How it is, if it was started.
    pub fn status(&self) -> Option<TextStatus> {
        let state = self.progress.lock();
        let documents = state.searcher.as_ref()?.0.num_docs();
        Some(TextStatus { watermark: state.watermark, documents, failure: state.failure.clone() })
    }

    /// Waits a bounded time until every record that is here now was looked at; up to where
    /// it came.
    pub fn catch_up(&self) -> Result<u64, NodeError> {
        let wait = if self.start()? { WAIT_RUNNING } else { WAIT_OPENED };
        self.catch_up_within(wait)
    }

    /// As [`catch_up`](Self::catch_up), within this time.
    pub fn catch_up_within(&self, wait: Duration) -> Result<u64, NodeError> {
        let target = self.store.watermark();
        let mut state = self.progress.lock();
        // Opening the index is worth a wait, whoever asks.
        let until = Instant::now() + if state.searcher.is_none() { wait.max(WAIT_OPENED) } else { wait };
        state.wanted = state.wanted.max(target);
        loop {
            if let Some(failure) = &state.failure {
                return Err(NodeError::Unavailable(format!(
                    "the text index does not work: {failure}; it is tried again within seconds, and it may be removed: {}",
                    self.dir.display()
                )));
            }
            if state.searcher.is_some() && state.watermark >= target {
                return Ok(state.watermark);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() && state.searcher.is_some() {
                return Ok(state.watermark);
            }
            if left.is_zero() {
                return Err(NodeError::Unavailable("the text index is just starting: ask again".into()));
            }
            state = self.progress.moved.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Asks the index as it is; what it found, and up to where it had come.
    pub fn search(&self, search: &Search<'_>) -> Result<(Found, u64), NodeError> {
        let (searcher, schema, watermark) = {
            let state = self.progress.lock();
            match &state.searcher {
                Some((searcher, schema)) => (searcher.clone(), schema.clone(), state.watermark),
                None => return Err(NodeError::Unavailable("the text index is just starting: ask again".into())),
            }
        };
        match search.run(&schema, &searcher) {
            Ok(found) => Ok((found, watermark)),
            Err(error) => {
                self.progress.lock().damage = Some(error.to_string());
                Err(NodeError::Unavailable(format!(
                    "the text index cannot be read ({error}): it is built anew, ask again in a while"
                )))
            }
        }
    }
}

impl Drop for TextIndex {
    fn drop(&mut self) {
        self.progress.lock().stopping = true;
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A panic there was reported by the hook.
            let _ = thread.join();
        }
    }
}
