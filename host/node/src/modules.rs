//! The modules that this node has, and the validators that run from them.
//!
//! Code is named by its hash and kept as a blob; the standard set is part of the program.
//! A name is a local convenience: what a space binds is a hash, for good.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock, RwLock};

use atlas_engine::{CodeHash, Engine, EngineError, Meter, Validator};
use atlas_record::space::Binding;
use atlas_record::{BlobId, IdentityId};
use atlas_registry::Manifest;
use atlas_store::{Batch, DocKind, Item, Store, StoreError, WaitKey};
use serde::{Deserialize, Serialize};

use crate::error::{NodeError, Refusal};

/// A module that is here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ModuleInfo {
    /// The name it is bound and shown by on this node.
    pub name: String,
    /// BLAKE3 of the component, as the CID of a blob.
    #[schema(value_type = String)]
    pub code: BlobId,
    /// What it decides: `validator`.
    pub role: String,
    /// What it calls itself: `namespace:name`.
    pub module: String,
    /// Its own version.
    pub version: String,
    /// One sentence.
    pub summary: String,
    /// Bytes of the component.
    pub size: u64,
    /// Whether it is part of the program.
    pub standard: bool,
    /// The identity that signed the package, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub signer: Option<IdentityId>,
}

/// Bytes of a component up to which it is compiled where it is needed: well under a second.
/// Larger ones carry a language's runtime and take many seconds; what needs them can wait
/// for that at the side.
const COMPILED_AT_ONCE: usize = 512 << 10;

/// Why a binding cannot judge now.
#[derive(Debug)]
pub enum Gap {
    /// Something has to arrive first.
    Missing(WaitKey),
    /// The module is here and in the compiler, which takes its time over it.
    Compiling(BlobId),
    /// The module is here and does not work.
    Broken(EngineError),
    /// The store could not be read.
    Store(StoreError),
}

impl From<Gap> for NodeError {
    fn from(gap: Gap) -> Self {
        match gap {
            Gap::Missing(what) => NodeError::Unavailable(format!("a part of the module is not here yet: {what:?}")),
            Gap::Compiling(code) => NodeError::Unavailable(format!("module {code} is being compiled")),
            Gap::Broken(error) => error.into(),
            Gap::Store(error) => error.into(),
        }
    }
}

/// All modules of a node.
pub struct Modules {
    engine: Engine,
    store: Store,
    running: RwLock<HashMap<Binding, Arc<Validator>>>,
    standard: OnceLock<Vec<ModuleInfo>>,
    /// Code that somebody waits for, so that one is enough.
    awaited: Mutex<HashSet<BlobId>>,
}

impl Modules {
    /// On an engine and a store.
    pub fn new(engine: Engine, store: Store) -> Self {
        Self { engine, store, running: RwLock::default(), standard: OnceLock::new(), awaited: Mutex::default() }
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The component of this hash.
    pub fn code(&self, id: &BlobId) -> Result<Option<Arc<[u8]>>, StoreError> {
        if let Some(standard) = atlas_prebuilt::all().iter().find(|module| BlobId::of(module.bytes) == *id) {
            return Ok(Some(standard.bytes.into()));
        }
        Ok(self.store.blob(id)?.map(Into::into))
    }

    /// Every module: the standard set, then what was installed, by name.
    pub fn list(&self) -> Result<Vec<ModuleInfo>, NodeError> {
        let mut all = self.standard()?.to_vec();
        for doc in self.store.docs(DocKind::Module, b"name/") {
            let doc = doc?;
            match serde_json::from_slice(&doc.bytes) {
                Ok(info) => all.push(info),
                Err(_) => tracing::warn!(
                    "the entry of an installed module is damaged: {:?}",
                    String::from_utf8_lossy(&doc.key)
                ),
            }
        }
        Ok(all)
    }

    fn standard(&self) -> Result<&[ModuleInfo], NodeError> {
        if let Some(known) = self.standard.get() {
            return Ok(known);
        }
        let infos = standard_set()?;
        Ok(self.standard.get_or_init(|| infos))
    }

    /// By name or code hash.
    pub fn find(&self, name: &str) -> Result<ModuleInfo, NodeError> {
        let all = self.list()?;
        let code: Option<BlobId> = name.parse().ok();
        // What was installed under a name stands before the standard module of that name.
        all.iter().rev().find(|m| m.name == name || Some(m.code) == code || m.module == name).cloned().ok_or_else(
            || {
                let names: Vec<_> = all.iter().map(|m| m.name.as_str()).collect();
                NodeError::missing(
                    "module",
                    name,
                    format!("known here: {}; install one with `atlas module install FILE`", names.join(", ")),
                )
            },
        )
    }

    /// What each module is called here, by its code. A standard module's name comes first.
    pub fn names(&self) -> Result<HashMap<BlobId, String>, NodeError> {
        let mut names = HashMap::new();
        for info in self.list()? {
            names.entry(info.code).or_insert(info.name);
        }
        Ok(names)
    }

    /// Looks at a component, compiles it and asks it what it is.
    pub fn describe(&self, bytes: &[u8]) -> Result<ModuleInfo, NodeError> {
        describe(&self.engine, bytes)
    }

    /// Keeps what was looked at under a name (its own, if none is given).
    pub(crate) fn keep(
        &self,
        name: Option<&str>,
        mut info: ModuleInfo,
        bytes: Vec<u8>,
    ) -> Result<ModuleInfo, NodeError> {
        info.name = match name {
            Some(name) => name.to_owned(),
            None => info.module.rsplit(':').next().unwrap_or(&info.module).to_owned(),
        };
        crate::identities::check_local_name("a module", &info.name)?;
        let mut batch = Batch::new();
        batch.put_blob(bytes);
        // It may have come as the blob of a release that is taken back one day.
        batch.push(Item::KeepBlob(info.code));
        let doc = serde_json::to_vec(&info).expect("a module's entry is JSON");
        batch.put_doc(DocKind::Module, format!("name/{}", info.name), doc);
        self.store.commit(batch)?;
        Ok(info)
    }

    /// The validator that a binding names, running. Waits for the compiler, however long it
    /// takes: for callers that hold nothing up.
    pub fn validator(&self, binding: &Binding) -> Result<Arc<Validator>, Gap> {
        self.obtain(binding, |engine, code, bound| engine.validator(code, bound).map(Some))
    }

    /// The same for callers on the path of records: a large component that is not compiled yet
    /// is handed to the compiler, and the gap says so.
    pub fn validator_soon(&self, binding: &Binding) -> Result<Arc<Validator>, Gap> {
        self.obtain(binding, |engine, code, bound| {
            if code.len() <= COMPILED_AT_ONCE {
                return engine.validator(code, bound).map(Some);
            }
            let ready = engine.validator_if_ready(bound)?;
            if ready.is_none() {
                engine.prepare(code.clone());
            }
            Ok(ready)
        })
    }

    fn obtain(
        &self,
        binding: &Binding,
        open: impl FnOnce(&Engine, &Arc<[u8]>, atlas_engine::Binding) -> Result<Option<Arc<Validator>>, EngineError>,
    ) -> Result<Arc<Validator>, Gap> {
        if let Some(validator) = self.running.read().expect("no thread panics with this lock").get(binding) {
            return Ok(validator.clone());
        }
        let (code, bound) = self.bound(binding)?;
        let validator = open(&self.engine, &code, bound).map_err(Gap::Broken)?.ok_or(Gap::Compiling(binding.code))?;
        self.running.write().expect("no thread panics with this lock").insert(binding.clone(), validator.clone());
        Ok(validator)
    }

    /// The component that a binding names, and the binding as the engine takes it.
    pub(crate) fn bound(&self, binding: &Binding) -> Result<(Arc<[u8]>, atlas_engine::Binding), Gap> {
        let code = self.code(&binding.code).map_err(Gap::Store)?.ok_or(Gap::Missing(WaitKey::Module(binding.code)))?;
        let config = match &binding.config {
            None => Arc::from([]),
            Some(id) => self.store.blob(id).map_err(Gap::Store)?.ok_or(Gap::Missing(WaitKey::Blob(*id)))?.into(),
        };
        let bound = atlas_engine::Binding {
            code: CodeHash(binding.code.0),
            config,
            meter: binding.meter.parse::<Meter>().map_err(Gap::Broken)?,
            fuel: binding.fuel,
            memory: binding.memory,
        };
        Ok((code, bound))
    }

    /// Waits at the side until code is compiled, then does something once. If somebody waits for
    /// the same code already, theirs is enough: it has not begun yet.
    pub(crate) fn when_compiled(self: &Arc<Self>, id: BlobId, then: impl FnOnce() + Send + 'static) {
        if !self.awaited.lock().expect("no thread panics with this lock").insert(id) {
            return;
        }
        let modules = self.clone();
        let wait = move || {
            if let Ok(Some(code)) = modules.code(&id) {
                // Refused or not: whoever waits learns it when it asks again.
                let _ = modules.engine.prepare(code).wait();
            }
            modules.awaited.lock().expect("no thread panics with this lock").remove(&id);
            drop(modules);
            then();
        };
        if let Err(error) = std::thread::Builder::new().name("atlas-awaits-code".into()).spawn(wait) {
            tracing::warn!("no thread to wait for a module's compilation: {error}");
            self.awaited.lock().expect("no thread panics with this lock").remove(&id);
        }
    }

    /// The validators that run now.
    pub fn running(&self) -> Vec<Arc<Validator>> {
        self.running.read().expect("no thread panics with this lock").values().cloned().collect()
    }
}

/// What a component is and says of itself, without a node.
pub fn examine(bytes: &[u8]) -> Result<ModuleInfo, NodeError> {
    let config = atlas_engine::EngineConfig { pooling: atlas_engine::Pooling::Off, ..Default::default() };
    describe(&Engine::open(config)?, bytes)
}

/// What a component says of itself. One that carries a manifest must say the same in it.
fn describe(engine: &Engine, bytes: &[u8]) -> Result<ModuleInfo, NodeError> {
    let inspection = atlas_engine::inspect(bytes)?;
    let manifest = manifest(bytes)?;
    let about = engine.describe(bytes)?;
    let role = inspection.role.name();
    if let Some(manifest) = manifest {
        for (field, packed, found) in [
            ("name", manifest.name.as_str(), about.name.as_str()),
            ("version", manifest.version.as_str(), about.version.as_str()),
            ("role", manifest.role.as_str(), role),
        ] {
            if packed != found {
                let text = format!("the package's manifest says {field} `{packed}`, and the module itself `{found}`");
                return Err(Refusal::new("bad-manifest", text).into());
            }
        }
    }
    Ok(ModuleInfo {
        name: String::new(),
        code: BlobId(inspection.code.0),
        role: role.to_owned(),
        module: about.name,
        version: about.version,
        summary: about.summary,
        size: inspection.size,
        standard: false,
        signer: None,
    })
}

/// The id that a space would bind a package by.
pub fn code_id(package: &[u8]) -> String {
    BlobId::of(package).to_string()
}

/// The manifest of a package.
pub fn manifest(bytes: &[u8]) -> Result<Option<Manifest>, NodeError> {
    Manifest::of(bytes).map_err(|error| Refusal::new("bad-manifest", error.to_string()).into())
}

/// The standard set as its manifest describes it: asking the modules themselves would compile
/// them all, for a list.
fn standard_set() -> Result<Vec<ModuleInfo>, NodeError> {
    #[derive(Deserialize)]
    struct Manifest {
        modules: Vec<Entry>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Entry {
        name: String,
        code_id: BlobId,
        role: String,
        module: String,
        version: String,
        summary: String,
        size: u64,
    }
    let damaged = |error| NodeError::Unavailable(format!("the manifest of the standard modules is damaged: {error}"));
    let manifest: Manifest = serde_json::from_str(atlas_prebuilt::MANIFEST).map_err(damaged)?;
    let info = |Entry { name, code_id, role, module, version, summary, size }| ModuleInfo {
        name,
        code: code_id,
        role,
        module,
        version,
        summary,
        size,
        standard: true,
        signer: None,
    };
    Ok(manifest.modules.into_iter().map(info).collect())
}
