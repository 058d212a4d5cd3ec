//! Compiled code on disk, believed only with a seal.
//!
//! Deserialising compiled code is running it: the runtime checks that a file was made by
//! the same version, not that it was made honestly. So each file starts with a keyed
//! BLAKE3 over everything that follows and over what it claims to be, and a file whose
//! seal does not hold is never deserialised. The key belongs to the node and never
//! leaves it.
//!
//! Layout: `<dir>/<engine hash>/<code hash>.cwasm`, being an 8-byte magic, the 32-byte
//! seal, and the code. Written beside and renamed, so that a reader sees all or nothing.

use std::fs;
use std::hash::{Hash, Hasher};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::ids::CodeHash;

const MAGIC: &[u8; 8] = b"atlascw1";
const SEAL_CONTEXT: &str = "atlas 2026 engine compiled-code seal v1";

/// How the cache has served since the engine was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// Taken from disk.
    pub hits: u64,
    /// Not on disk.
    pub misses: u64,
    /// On disk with a seal that does not hold: damaged, tampered with, or under another
    /// key. Compiled anew and replaced.
    pub rejected: u64,
    /// Could not be written or read. The engine works on without.
    pub failures: u64,
}

#[derive(Default)]
struct Counters {
    hits: AtomicU64,
    misses: AtomicU64,
    rejected: AtomicU64,
    failures: AtomicU64,
}

pub(crate) struct Cache {
    /// `None` keeps nothing on disk.
    dir: Option<PathBuf>,
    engine: [u8; 32],
    key: [u8; 32],
    counters: Counters,
    /// Tells apart the temporary files of threads.
    writes: AtomicU64,
}

impl Cache {
    pub(crate) fn new(root: Option<PathBuf>, node_key: &[u8; 32], engine: &Engine) -> Self {
        let engine = engine_hash(engine);
        let name = blake3::Hash::from_bytes(engine).to_hex();
        Self {
            dir: root.map(|root| root.join(&name[..16])),
            engine,
            key: blake3::derive_key(SEAL_CONTEXT, node_key),
            counters: Counters::default(),
            writes: AtomicU64::new(0),
        }
    }

    pub(crate) fn stats(&self) -> CacheStats {
        CacheStats {
            hits: self.counters.hits.load(Ordering::Relaxed),
            misses: self.counters.misses.load(Ordering::Relaxed),
            rejected: self.counters.rejected.load(Ordering::Relaxed),
            failures: self.counters.failures.load(Ordering::Relaxed),
        }
    }

    fn path(&self, code: CodeHash) -> Option<PathBuf> {
        self.dir.as_ref().map(|dir| dir.join(format!("{code}.cwasm")))
    }

    fn seal(&self, code: CodeHash, compiled: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(MAGIC).update(&self.engine).update(&code.0).update(compiled);
        hasher.finalize()
    }

    /// The compiled form of `code`, if it is here and its seal holds.
    pub(crate) fn load(&self, engine: &Engine, code: CodeHash) -> Option<Component> {
        let path = self.path(code)?;
        let file = match fs::read(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.counters.misses.fetch_add(1, Ordering::Relaxed);
                return None;
            }
            Err(error) => {
                self.counters.failures.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(path = %path.display(), "cannot read compiled code, compiling anew: {error}");
                return None;
            }
        };
        let Some(compiled) = self.unseal(code, &file) else {
            self.counters.rejected.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(path = %path.display(), "compiled code without a valid seal is ignored and replaced");
            return None;
        };
        // SAFETY: `deserialize` requires bytes that came unmodified from this runtime's own
        // compiler. The seal is a MAC under this node's key over the engine hash, the code
        // hash and exactly these bytes, which are in our memory and no longer in the file,
        // and only `store` makes seals, over what `Component::serialize` returned.
        #[allow(unsafe_code)]
        match unsafe { Component::deserialize(engine, compiled) } {
            Ok(component) => {
                self.counters.hits.fetch_add(1, Ordering::Relaxed);
                Some(component)
            }
            Err(error) => {
                self.counters.failures.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(path = %path.display(), "sealed code does not load, compiling anew: {error:#}");
                None
            }
        }
    }

    fn unseal<'a>(&self, code: CodeHash, file: &'a [u8]) -> Option<&'a [u8]> {
        let (seal, compiled) = file.strip_prefix(MAGIC)?.split_first_chunk::<32>()?;
        // `blake3::Hash` compares in constant time.
        (self.seal(code, compiled) == blake3::Hash::from_bytes(*seal)).then_some(compiled)
    }

    /// Keeps the compiled form. A cache that cannot be written costs time, not function.
    pub(crate) fn store(&self, code: CodeHash, component: &Component) {
        let Some(path) = self.path(code) else { return };
        if let Err(text) = self.write(code, component, &path) {
            self.counters.failures.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(path = %path.display(), "cannot keep compiled code: {text}");
        }
    }

    fn write(&self, code: CodeHash, component: &Component, path: &std::path::Path) -> Result<(), String> {
        let compiled = component.serialize().map_err(|error| format!("{error:#}"))?;
        let seal = self.seal(code, &compiled);
        let dir = path.parent().expect("a path made by joining has a parent");
        fs::create_dir_all(dir).map_err(|error| error.to_string())?;
        let turn = self.writes.fetch_add(1, Ordering::Relaxed);
        let beside = dir.join(format!(".{code}.{}.{turn}.tmp", std::process::id()));
        let written = fs::File::create(&beside)
            .and_then(|mut file| {
                file.write_all(MAGIC)?;
                file.write_all(seal.as_bytes())?;
                file.write_all(&compiled)
            })
            .and_then(|()| fs::rename(&beside, path));
        written.map_err(|error| {
            let _ = fs::remove_file(&beside); // The first error is the one to report.
            error.to_string()
        })
    }
}

/// What compiled code depends on besides its source: runtime version, target, settings.
fn engine_hash(engine: &Engine) -> [u8; 32] {
    struct Digest(blake3::Hasher);
    impl Hasher for Digest {
        fn finish(&self) -> u64 {
            0 // Only the digest is read.
        }
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
    }
    let mut digest = Digest(blake3::Hasher::new());
    engine.precompile_compatibility_hash().hash(&mut digest);
    *digest.0.finalize().as_bytes()
}
