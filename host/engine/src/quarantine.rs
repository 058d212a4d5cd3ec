//! Modules caught giving two answers to one question, and the proof.
//!
//! A module that is not a function of the question splits the network: nodes would hold
//! different verdicts on the same record. So the first contradiction takes it out of
//! service on this host until an operator releases it, across restarts, and what was
//! seen is kept in a form that anyone can run again.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::error::EngineError;
use crate::ids::{CodeHash, Meter, ModuleKey};
use crate::outcome::{Answered, Judgement, Outcome};
use crate::roles::{admission, economy, governance, ranker, trust};
use crate::validator::Candidate;

/// A contradiction, with all it takes to see it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Code and config hash.
    pub module: ModuleKey,
    /// The config itself.
    pub config: Vec<u8>,
    /// The slot's meter.
    pub meter: Meter,
    /// The slot's fuel.
    pub fuel: u64,
    /// The slot's memory.
    pub memory: u64,
    /// Where in its batch the question stood, and how many the batch had.
    pub position: (u64, u64),
    /// What was asked and answered.
    pub contradiction: Contradiction,
    /// When it was seen on this host, in milliseconds since the Unix epoch.
    pub seen: u64,
}

/// One question and the answers that contradict each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen<Q, O> {
    /// What was asked.
    pub question: Q,
    /// What a reused instance said.
    pub warm: O,
    /// What fresh instances said, each asked this alone.
    pub canonical: Vec<Judgement<O>>,
}

/// A contradiction, by role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Contradiction {
    /// A record got two verdicts.
    Validator(Seen<Candidate, Outcome>),
    /// A graph got two sets of scores.
    Trust(Seen<trust::Question, Answered<trust::Standing>>),
    /// Candidates got two orders.
    Ranker(Seen<ranker::Question, Answered<ranker::Ordered>>),
    /// A tally had two outcomes.
    Governance(Seen<governance::Question, Answered<governance::Tallied>>),
    /// A header was let in and was not.
    Admission(Seen<admission::Applicant, Answered<admission::Admittance>>),
    /// Peers or items got two weights.
    Economy(Seen<economy::Question, Answered<economy::Weights>>),
}

/// Modules out of service. `None` stands for evidence on disk that cannot be read: the
/// module stays out all the same.
type Held = BTreeMap<ModuleKey, Option<Evidence>>;

pub(crate) struct Quarantine {
    dir: Option<PathBuf>,
    held: Mutex<Held>,
    /// How many are held, so that the common answer takes no lock.
    count: AtomicUsize,
}

impl Quarantine {
    /// Reads what earlier runs held. A directory that cannot be read is an error: it may
    /// hold a quarantine.
    pub(crate) fn open(dir: Option<PathBuf>) -> Result<Self, EngineError> {
        let mut held = Held::new();
        if let Some(dir) = &dir {
            for path in evidence_files(dir)? {
                let Some(module) = module_of(&path) else { continue };
                let evidence = fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
                if evidence.is_none() {
                    tracing::warn!(path = %path.display(), "unreadable evidence: the module stays quarantined");
                }
                held.insert(module, evidence);
            }
        }
        let count = AtomicUsize::new(held.len());
        Ok(Self { dir, held: Mutex::new(held), count })
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn holds(&self, module: &ModuleKey) -> bool {
        self.count.load(Ordering::Acquire) > 0 && self.lock().contains_key(module)
    }

    pub(crate) fn evidence(&self) -> Vec<Evidence> {
        self.lock().values().flatten().cloned().collect()
    }

    pub(crate) fn modules(&self) -> Vec<ModuleKey> {
        self.lock().keys().copied().collect()
    }

    /// Takes a module out of service. The first evidence is kept; one contradiction is
    /// enough.
    pub(crate) fn take(&self, evidence: Evidence) {
        let module = evidence.module;
        let mut held = self.lock();
        if held.contains_key(&module) {
            return;
        }
        tracing::error!(%module, "module quarantined: it gave different answers to one question");
        if let Some(dir) = &self.dir
            && let Err(error) = write(dir, &evidence)
        {
            tracing::error!("the quarantine lasts until restart only: {error}");
        }
        held.insert(module, Some(evidence));
        self.count.store(held.len(), Ordering::Release);
    }

    /// Puts every binding of this code back in service. The evidence files are renamed,
    /// not removed. Says how many were held.
    pub(crate) fn release(&self, code: CodeHash) -> Result<usize, EngineError> {
        let mut held = self.lock();
        let modules: Vec<ModuleKey> = held.keys().filter(|module| module.code == code).copied().collect();
        for module in &modules {
            if let Some(dir) = &self.dir {
                let path = dir.join(file_name(module));
                let aside = dir.join(format!("{}.released-{}", file_name(module), now()));
                match fs::rename(&path, &aside) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(EngineError::io("rename", path, &error));
                    }
                    _ => {}
                }
            }
            held.remove(module);
            self.count.store(held.len(), Ordering::Release);
        }
        Ok(modules.len())
    }
}

/// Milliseconds since the Unix epoch.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn file_name(module: &ModuleKey) -> String {
    format!("{}-{}.json", module.code, module.config)
}

/// The name says which module it is, so that a damaged file still bars it.
fn module_of(path: &Path) -> Option<ModuleKey> {
    let (code, config) = path.file_name()?.to_str()?.strip_suffix(".json")?.split_once('-')?;
    Some(ModuleKey { code: code.parse().ok()?, config: config.parse().ok()? })
}

fn evidence_files(dir: &Path) -> Result<Vec<PathBuf>, EngineError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(EngineError::io("read", dir, &error)),
    };
    entries.map(|entry| entry.map(|entry| entry.path()).map_err(|error| EngineError::io("read", dir, &error))).collect()
}

fn write(dir: &Path, evidence: &Evidence) -> Result<(), EngineError> {
    let path = dir.join(file_name(&evidence.module));
    let beside = path.with_extension("tmp");
    let bytes = serde_json::to_vec_pretty(evidence).expect("evidence is plain data with text keys");
    fs::create_dir_all(dir)
        .and_then(|()| fs::write(&beside, bytes))
        .and_then(|()| fs::rename(&beside, &path))
        .map_err(|error| EngineError::io("write", path, &error))
}
