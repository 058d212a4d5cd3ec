//! Compilation: once per code hash, however many ask, and off the path of whoever can wait.
//!
//! Each hash has one slot that goes from *queued* to *compiling* to *ready* or *refused*.
//! A background thread works through the queue; whoever needs the code at once and finds
//! it merely queued compiles it on the spot, and whoever finds it compiling waits for it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;

use wasmtime::component::{Component, InstancePre, Linker};

use crate::cache::Cache;
use crate::error::EngineError;
use crate::ids::CodeHash;
use crate::inspect::{Inspection, inspect};
use crate::machine::Host;

/// Code kept compiled in memory. More than this many modules at once is unusual, and
/// one that is dropped loads from disk in well under a millisecond.
const KEPT: usize = 256;

/// Where the code of a hash stands.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CodeState {
    /// Never asked for, or dropped since.
    Unknown,
    /// Waiting for the compiler.
    Queued,
    /// In the compiler.
    Compiling,
    /// Ready to run.
    Ready,
    /// Not acceptable, and why.
    Refused(EngineError),
}

/// A module ready to be instantiated.
pub(crate) struct Code {
    pub(crate) inspection: Inspection,
    pub(crate) pre: InstancePre<Host>,
}

enum State {
    Queued(Arc<[u8]>),
    Compiling,
    Ready(Arc<Code>),
    Refused(EngineError),
}

struct Slot {
    code: CodeHash,
    state: Mutex<State>,
    settled: Condvar,
    /// When it was last asked for, on the compiler's own clock of requests.
    used: AtomicU64,
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn view(&self) -> CodeState {
        match &*self.lock() {
            State::Queued(_) => CodeState::Queued,
            State::Compiling => CodeState::Compiling,
            State::Ready(_) => CodeState::Ready,
            State::Refused(error) => CodeState::Refused(error.clone()),
        }
    }
}

/// A compilation under way. Dropping it does not stop it.
pub struct Compiling {
    slot: Arc<Slot>,
    compiler: Arc<Compiler>,
}

impl Compiling {
    /// The hash of the bytes handed in.
    #[must_use]
    pub fn code(&self) -> CodeHash {
        self.slot.code
    }

    /// Where it stands, without waiting.
    #[must_use]
    pub fn state(&self) -> CodeState {
        self.slot.view()
    }

    /// Waits for the end, and says what the module is.
    pub fn wait(&self) -> Result<Inspection, EngineError> {
        self.compiler.settle(&self.slot).map(|code| code.inspection.clone())
    }
}

pub(crate) struct Compiler {
    engine: wasmtime::Engine,
    cache: Cache,
    slots: Mutex<HashMap<CodeHash, Arc<Slot>>>,
    queue: Mutex<Option<mpsc::Sender<Arc<Slot>>>>,
    requests: AtomicU64,
    compiled: AtomicU64,
}

impl Compiler {
    pub(crate) fn new(engine: wasmtime::Engine, cache: Cache) -> Arc<Self> {
        Arc::new(Self {
            engine,
            cache,
            slots: Mutex::default(),
            queue: Mutex::default(),
            requests: AtomicU64::new(0),
            compiled: AtomicU64::new(0),
        })
    }

    pub(crate) fn cache(&self) -> &Cache {
        &self.cache
    }

    /// How often the compiler itself ran.
    pub(crate) fn compiled(&self) -> u64 {
        self.compiled.load(Ordering::Relaxed)
    }

    pub(crate) fn state(&self, code: CodeHash) -> CodeState {
        let slot = self.lock_slots().get(&code).cloned();
        slot.map_or(CodeState::Unknown, |slot| slot.view())
    }

    /// The code, if it is ready now.
    pub(crate) fn ready(&self, code: CodeHash) -> Option<Arc<Code>> {
        let slot = self.lock_slots().get(&code).cloned()?;
        let state = slot.lock();
        match &*state {
            State::Ready(ready) => Some(ready.clone()),
            _ => None,
        }
    }

    /// Hands bytes to the background thread and returns at once.
    pub(crate) fn prepare(self: &Arc<Self>, bytes: Arc<[u8]>) -> Compiling {
        let (slot, new) = self.slot(CodeHash::of(&bytes), || bytes);
        if new {
            self.enqueue(slot.clone());
        }
        Compiling { slot, compiler: self.clone() }
    }

    /// The code for these bytes, which `code` is the hash of, compiled now if nobody did yet.
    pub(crate) fn obtain(&self, code: CodeHash, bytes: &[u8]) -> Result<Arc<Code>, EngineError> {
        let (slot, _) = self.slot(code, || Arc::from(bytes));
        self.settle(&slot)
    }

    fn lock_slots(&self) -> MutexGuard<'_, HashMap<CodeHash, Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one slot of a hash, and whether it is new.
    fn slot(&self, code: CodeHash, bytes: impl FnOnce() -> Arc<[u8]>) -> (Arc<Slot>, bool) {
        let now = self.requests.fetch_add(1, Ordering::Relaxed);
        let mut slots = self.lock_slots();
        if let Some(slot) = slots.get(&code) {
            slot.used.store(now, Ordering::Relaxed);
            return (slot.clone(), false);
        }
        evict(&mut slots);
        let slot = Arc::new(Slot {
            code,
            state: Mutex::new(State::Queued(bytes())),
            settled: Condvar::new(),
            used: AtomicU64::new(now),
        });
        slots.insert(code, slot.clone());
        (slot, true)
    }

    fn enqueue(self: &Arc<Self>, slot: Arc<Slot>) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = queue.get_or_insert_with(|| {
            let (sender, receiver) = mpsc::channel::<Arc<Slot>>();
            // Weak, so that the thread ends with the last engine: the sender is in it.
            let compiler = Arc::downgrade(self);
            let spawned = thread::Builder::new().name("atlas-compile".into()).spawn(move || {
                for slot in receiver {
                    let Some(compiler) = compiler.upgrade() else { return };
                    let _ = compiler.settle(&slot); // The slot keeps the result.
                }
            });
            if let Err(error) = spawned {
                // Queued code is compiled by whoever needs it first.
                tracing::warn!("no thread for compiling in the background: {error}");
            }
            sender
        });
        let _ = sender.send(slot); // As above, if the thread did not start.
    }

    /// Brings a slot to its end: by compiling, or by waiting for who does.
    fn settle(&self, slot: &Slot) -> Result<Arc<Code>, EngineError> {
        let mut state = slot.lock();
        loop {
            match &*state {
                State::Ready(code) => return Ok(code.clone()),
                State::Refused(error) => return Err(error.clone()),
                State::Compiling => {
                    state = slot.settled.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                State::Queued(bytes) => {
                    let bytes = bytes.clone();
                    *state = State::Compiling;
                    drop(state);
                    let result = self.compile_guarded(slot.code, &bytes);
                    *slot.lock() = match &result {
                        Ok(code) => State::Ready(code.clone()),
                        Err(error) => State::Refused(error.clone()),
                    };
                    slot.settled.notify_all();
                    return result;
                }
            }
        }
    }

    /// A compiler that panics on hostile input refuses that input and nothing else.
    fn compile_guarded(&self, code: CodeHash, bytes: &[u8]) -> Result<Arc<Code>, EngineError> {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.compile(code, bytes)))
            .unwrap_or_else(|_| Err(EngineError::Compile { code, text: "the compiler panicked".into() }))
            .map(Arc::new)
    }

    fn compile(&self, code: CodeHash, bytes: &[u8]) -> Result<Code, EngineError> {
        let inspection = inspect(bytes)?;
        let component = match self.cache.load(&self.engine, code) {
            Some(component) => component,
            None => {
                let component = Component::from_binary(&self.engine, bytes)
                    .map_err(|error| EngineError::Compile { code, text: format!("{error:#}") })?;
                self.compiled.fetch_add(1, Ordering::Relaxed);
                self.cache.store(code, &component);
                component
            }
        };
        // An empty linker: whatever the inspection let pass, nothing is there to call.
        let pre = Linker::new(&self.engine)
            .instantiate_pre(&component)
            .map_err(|error| EngineError::Compile { code, text: format!("{error:#}") })?;
        Ok(Code { inspection, pre })
    }
}

/// Makes room: drops the settled slot that nobody asked for the longest.
fn evict(slots: &mut HashMap<CodeHash, Arc<Slot>>) {
    if slots.len() < KEPT {
        return;
    }
    let oldest = slots
        .values()
        .filter(|slot| matches!(&*slot.lock(), State::Ready(_) | State::Refused(_)))
        .min_by_key(|slot| slot.used.load(Ordering::Relaxed))
        .map(|slot| slot.code);
    if let Some(code) = oldest {
        slots.remove(&code);
    }
}
