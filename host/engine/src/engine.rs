//! The handle that a node holds: open once, clone freely.

use std::any::Any;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::cache::{Cache, CacheStats};
use crate::compile::{Code, CodeState, Compiler, Compiling};
use crate::error::EngineError;
use crate::health::Health;
use crate::ids::{Binding, CodeHash, ConfigHash, Meter, ModuleKey};
use crate::machine::{Shared, describe_code};
use crate::profile::{self, Allocation, MAX_FUEL, MAX_MEMORY, Pooling};
use crate::quarantine::{Evidence, Quarantine};
use crate::roles::{Bound, Part};
use crate::validator::{Description, Validator};

/// Most bytes of a config.
pub const MAX_CONFIG_BYTES: usize = 4 << 20;
/// Least fuel that a binding may grant: less than any record takes.
const MIN_FUEL: u64 = 1_000;
/// Least memory that a binding may grant: one page.
const MIN_MEMORY: u64 = 64 << 10;

/// How to open an [`Engine`].
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Where compiled code is kept; `None` keeps it in memory only.
    pub cache_dir: Option<PathBuf>,
    /// Where evidence and with it the quarantine is kept. `None` means a folder
    /// `evidence` beside `cache_dir`, or memory only without one.
    pub evidence_dir: Option<PathBuf>,
    /// The node's secret that seals compiled code. With another key, the cache is cold.
    pub cache_key: [u8; 32],
    /// Whether to reserve a pool of instances.
    pub pooling: Pooling,
    /// One in so many warm verdicts is checked against fresh instances; 0 checks none.
    pub sample_rate: u32,
}

impl Default for EngineConfig {
    /// Everything in memory, under a key of zeros that seals nothing.
    fn default() -> Self {
        Self { cache_dir: None, evidence_dir: None, cache_key: [0; 32], pooling: Pooling::Auto, sample_rate: 1024 }
    }
}

/// What the engine did so far, and how it runs here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineStats {
    /// How instances get their memory.
    pub allocation: Allocation,
    /// Components compiled.
    pub compiled: u64,
    /// The cache on disk.
    pub cache: CacheStats,
    /// Modules in quarantine.
    pub quarantined: usize,
}

/// Runs sandboxed modules. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    allocation: Allocation,
    compiler: Arc<Compiler>,
    shared: Arc<Shared>,
    /// By the whole binding, so that equal bindings share instances and counters.
    validators: Mutex<HashMap<BindingKey, Weak<Validator>>>,
    /// The same for the other roles. A module has one role, so the binding says which.
    bound: Mutex<HashMap<BindingKey, Weak<dyn Any + Send + Sync>>>,
    /// By module, so that a rest outlasts the validators it concerns.
    health: Mutex<HashMap<ModuleKey, Arc<Mutex<Health>>>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct BindingKey {
    code: CodeHash,
    config: ConfigHash,
    meter: Meter,
    fuel: u64,
    memory: u64,
}

impl From<&Binding> for BindingKey {
    fn from(binding: &Binding) -> Self {
        let ModuleKey { code, config } = binding.module();
        Self { code, config, meter: binding.meter, fuel: binding.fuel, memory: binding.memory }
    }
}

impl Engine {
    /// Starts the runtime and reads the quarantine.
    ///
    /// # Errors
    /// `Runtime` if WebAssembly does not run on this machine at all, `Io` if the folder of
    /// evidence is there and cannot be read.
    pub fn open(config: EngineConfig) -> Result<Self, EngineError> {
        let (runtime, allocation) = profile::start(config.pooling)?;
        let evidence_dir = config
            .evidence_dir
            .or_else(|| config.cache_dir.as_ref().and_then(|dir| dir.parent()).map(|dir| dir.join("evidence")));
        let cache = Cache::new(config.cache_dir, &config.cache_key, &runtime);
        let seed = blake3::derive_key("atlas 2026 engine purity sample v1", &config.cache_key);
        let (seed, _) = seed.split_first_chunk::<8>().expect("a key has 32 bytes");
        let shared = Arc::new(Shared {
            quarantine: Quarantine::open(evidence_dir)?,
            sample_rate: config.sample_rate,
            sample_seed: u64::from_le_bytes(*seed),
            keep_warm: std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 16),
        });
        Ok(Self {
            inner: Arc::new(Inner {
                allocation,
                compiler: Compiler::new(runtime, cache),
                shared,
                validators: Mutex::default(),
                bound: Mutex::default(),
                health: Mutex::default(),
            }),
        })
    }

    /// How instances get their memory on this machine.
    #[must_use]
    pub fn allocation(&self) -> Allocation {
        self.inner.allocation
    }

    /// What was done so far.
    #[must_use]
    pub fn stats(&self) -> EngineStats {
        EngineStats {
            allocation: self.inner.allocation,
            compiled: self.inner.compiler.compiled(),
            cache: self.inner.compiler.cache().stats(),
            quarantined: self.inner.shared.quarantine.modules().len(),
        }
    }

    /// Hands a component to the compiler and returns at once.
    pub fn prepare(&self, bytes: impl Into<Arc<[u8]>>) -> Compiling {
        self.inner.compiler.prepare(bytes.into())
    }

    /// Where the code of this hash stands.
    #[must_use]
    pub fn state(&self, code: CodeHash) -> CodeState {
        self.inner.compiler.state(code)
    }

    /// What a module says of itself, before it is bound and configured. Compiles if nobody
    /// did yet.
    ///
    /// # Errors
    /// Whatever is wrong with the bytes or the description.
    pub fn describe(&self, bytes: &[u8]) -> Result<Description, EngineError> {
        let binding = Binding::new(CodeHash::of(bytes));
        let code = self.inner.compiler.obtain(binding.code, bytes)?;
        describe_code(&code, &binding)
    }

    /// The validator of a binding. Compiles if nobody did yet and waits if somebody does;
    /// see [`prepare`](Self::prepare) and [`validator_if_ready`](Self::validator_if_ready)
    /// for a caller that must not.
    ///
    /// # Errors
    /// Whatever is wrong with the bytes, the binding, the module's config or its rules;
    /// `Quarantined`, until it is released.
    pub fn validator(&self, bytes: &[u8], binding: Binding) -> Result<Arc<Validator>, EngineError> {
        if let Some(open) = self.open_validator(&binding)? {
            return Ok(open);
        }
        let code = self.code(bytes, &binding)?;
        self.open_with(&code, binding)
    }

    /// The validator of a binding, if its code is compiled already; `None` if not. Never
    /// waits for the compiler.
    ///
    /// # Errors
    /// As [`validator`](Self::validator), and what was wrong with the code if it was refused.
    pub fn validator_if_ready(&self, binding: Binding) -> Result<Option<Arc<Validator>>, EngineError> {
        if let Some(open) = self.open_validator(&binding)? {
            return Ok(Some(open));
        }
        if let Some(code) = self.inner.compiler.ready(binding.code) {
            return self.open_with(&code, binding).map(Some);
        }
        match self.inner.compiler.state(binding.code) {
            CodeState::Refused(error) => Err(error),
            _ => Ok(None),
        }
    }

    /// The module of another role under a binding, as [`Trust`](crate::Trust) or
    /// [`Ranker`](crate::Ranker). Compiles if nobody did yet and waits if somebody does.
    ///
    /// # Errors
    /// As [`validator`](Self::validator); `WrongRole` if the module has another one.
    pub fn bind<P: Part>(&self, bytes: &[u8], binding: Binding) -> Result<Arc<Bound<P>>, EngineError> {
        self.check(&binding)?;
        let key = BindingKey::from(&binding);
        let open = |bound: &HashMap<BindingKey, Weak<dyn Any + Send + Sync>>| {
            bound.get(&key).and_then(Weak::upgrade).and_then(|open| open.downcast::<Bound<P>>().ok())
        };
        let lock = || self.inner.bound.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = open(&lock()) {
            return Ok(open);
        }
        let code = self.code(bytes, &binding)?;
        let health = self.health(binding.module());
        let opened = Arc::new(Bound::<P>::open(&code, binding, health, self.inner.shared.clone())?);
        let mut bound = lock();
        // Whoever was first wins, so that everyone shares one.
        if let Some(open) = open(&bound) {
            return Ok(open);
        }
        bound.retain(|_, module| module.strong_count() > 0);
        let weak: Weak<dyn Any + Send + Sync> = Arc::<Bound<P>>::downgrade(&opened);
        bound.insert(key, weak);
        Ok(opened)
    }

    /// Evidence of every module in quarantine.
    #[must_use]
    pub fn evidence(&self) -> Vec<Evidence> {
        self.inner.shared.quarantine.evidence()
    }

    /// Every module in quarantine.
    #[must_use]
    pub fn quarantined(&self) -> Vec<ModuleKey> {
        self.inner.shared.quarantine.modules()
    }

    /// Lifts the quarantine of this code, whatever its config, and says of how many
    /// modules. Their evidence is set aside, not removed.
    ///
    /// # Errors
    /// `Io` if the evidence cannot be set aside; the module stays in quarantine then.
    pub fn release(&self, code: CodeHash) -> Result<usize, EngineError> {
        self.inner.shared.quarantine.release(code)
    }

    fn validators(&self) -> MutexGuard<'_, HashMap<BindingKey, Weak<Validator>>> {
        self.inner.validators.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a binding is sound and its module in service.
    fn check(&self, binding: &Binding) -> Result<(), EngineError> {
        check_allowances(binding)?;
        if self.inner.shared.quarantine.holds(&binding.module()) {
            return Err(EngineError::Quarantined { code: binding.code });
        }
        Ok(())
    }

    /// The code that a binding names, compiled, if these are its bytes.
    fn code(&self, bytes: &[u8], binding: &Binding) -> Result<Arc<Code>, EngineError> {
        let found = CodeHash::of(bytes);
        if found != binding.code {
            return Err(EngineError::HashMismatch { expected: binding.code, found });
        }
        self.inner.compiler.obtain(found, bytes)
    }

    /// The open validator of a binding, if the binding is sound and there is one.
    fn open_validator(&self, binding: &Binding) -> Result<Option<Arc<Validator>>, EngineError> {
        self.check(binding)?;
        Ok(self.validators().get(&BindingKey::from(binding)).and_then(Weak::upgrade))
    }

    fn open_with(&self, code: &Code, binding: Binding) -> Result<Arc<Validator>, EngineError> {
        let key = BindingKey::from(&binding);
        let health = self.health(binding.module());
        let opened = Arc::new(Validator::open(code, binding, health, self.inner.shared.clone())?);
        let mut validators = self.validators();
        // Whoever was first wins, so that everyone shares one.
        if let Some(open) = validators.get(&key).and_then(Weak::upgrade) {
            return Ok(open);
        }
        validators.retain(|_, validator| validator.strong_count() > 0);
        validators.insert(key, Arc::downgrade(&opened));
        Ok(opened)
    }

    fn health(&self, module: ModuleKey) -> Arc<Mutex<Health>> {
        let mut health = self.inner.health.lock().unwrap_or_else(PoisonError::into_inner);
        health.entry(module).or_default().clone()
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

fn check_allowances(binding: &Binding) -> Result<(), EngineError> {
    let refuse = |text| Err(EngineError::BadBinding { code: binding.code, text });
    if !(MIN_FUEL..=MAX_FUEL).contains(&binding.fuel) {
        return refuse(format!("fuel {} is not within {MIN_FUEL} to {MAX_FUEL}", binding.fuel));
    }
    if !(MIN_MEMORY..=MAX_MEMORY).contains(&binding.memory) {
        return refuse(format!("memory {} is not within {MIN_MEMORY} to {MAX_MEMORY} bytes", binding.memory));
    }
    if binding.config.len() > MAX_CONFIG_BYTES {
        return refuse(format!(
            "the config has {} bytes, {MAX_CONFIG_BYTES} at most are allowed",
            binding.config.len()
        ));
    }
    Ok(())
}
