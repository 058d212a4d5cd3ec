//! The modules that this node has, and the validators that run from them.
//!
//! Code is named by its hash and kept as a blob; the standard set is part of the program.
//! A name is a local convenience: what a space binds is a hash, for good.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, RwLock};

use atlas_engine::{CodeHash, Engine, EngineError, Meter, Validator};
use atlas_prebuilt::Prebuilt;
use atlas_record::BlobId;
use atlas_record::space::Binding;
use atlas_store::{Batch, DocKind, Store, StoreError, WaitKey};
use serde::{Deserialize, Serialize};

use crate::error::NodeError;

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
}

/// Why a binding cannot judge now.
#[derive(Debug)]
pub enum Gap {
    /// Something has to arrive first.
    Missing(WaitKey),
    /// The module is here and does not work.
    Broken(EngineError),
    /// The store could not be read.
    Store(StoreError),
}

impl From<Gap> for NodeError {
    fn from(gap: Gap) -> Self {
        match gap {
            Gap::Missing(what) => NodeError::Unavailable(format!("a part of the module is not here yet: {what:?}")),
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
    standard: Vec<Standard>,
}

/// A standard module. What it says of itself takes compiling it, so it is asked only when
/// somebody wants to know: most commands concern one module, or none.
struct Standard {
    module: &'static Prebuilt,
    code: BlobId,
    info: OnceLock<ModuleInfo>,
}

impl Modules {
    /// On an engine and a store.
    pub fn new(engine: Engine, store: Store) -> Self {
        let standard =
            |module: &'static Prebuilt| Standard { module, code: BlobId::of(module.bytes), info: OnceLock::new() };
        let standard = atlas_prebuilt::all().iter().map(standard).collect();
        Self { engine, store, running: RwLock::default(), standard }
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The component of this hash.
    pub fn code(&self, id: &BlobId) -> Result<Option<Arc<[u8]>>, StoreError> {
        if let Some(standard) = self.standard.iter().find(|standard| standard.code == *id) {
            return Ok(Some(standard.module.bytes.into()));
        }
        Ok(self.store.blob(id)?.map(Into::into))
    }

    /// Every module: the standard set, then what was installed, by name.
    pub fn list(&self) -> Result<Vec<ModuleInfo>, NodeError> {
        let mut all =
            self.standard.iter().map(|standard| self.about(standard).cloned()).collect::<Result<Vec<_>, _>>()?;
        all.extend(self.installed()?);
        Ok(all)
    }

    /// What was installed, by name.
    fn installed(&self) -> Result<Vec<ModuleInfo>, NodeError> {
        let mut all = Vec::new();
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

    /// What a standard module says of itself.
    fn about<'a>(&self, standard: &'a Standard) -> Result<&'a ModuleInfo, NodeError> {
        if let Some(known) = standard.info.get() {
            return Ok(known);
        }
        let info = self.describe(standard.module.name, standard.module.bytes, true)?;
        Ok(standard.info.get_or_init(|| info))
    }

    /// By name or code hash.
    pub fn find(&self, name: &str) -> Result<ModuleInfo, NodeError> {
        let code: Option<BlobId> = name.parse().ok();
        let installed = self.installed()?;
        // What was installed under a name stands before the standard module of that name.
        if let Some(info) = installed.iter().rev().find(|m| m.name == name || Some(m.code) == code || m.module == name)
        {
            return Ok(info.clone());
        }
        let named = |standard: &&Standard| standard.module.name == name || Some(standard.code) == code;
        if let Some(standard) = self.standard.iter().find(named) {
            return self.about(standard).cloned();
        }
        if name.contains(':') {
            for standard in &self.standard {
                let info = self.about(standard)?;
                if info.module == name {
                    return Ok(info.clone());
                }
            }
        }
        let standard = self.standard.iter().map(|standard| standard.module.name);
        let names: Vec<_> = standard.chain(installed.iter().map(|m| m.name.as_str())).collect();
        let hint = format!("known here: {}; install one with `atlas module install FILE`", names.join(", "));
        Err(NodeError::missing("module", name, hint))
    }

    /// What each module is called here, by its code. A standard module's name comes first.
    pub fn names(&self) -> Result<HashMap<BlobId, String>, NodeError> {
        let mut names: HashMap<_, _> =
            self.standard.iter().map(|standard| (standard.code, standard.module.name.to_owned())).collect();
        for info in self.installed()? {
            names.entry(info.code).or_insert(info.name);
        }
        Ok(names)
    }

    /// Checks a component, compiles it and keeps it under a name (its own, if none is given).
    pub fn install(&self, name: Option<&str>, bytes: Vec<u8>) -> Result<ModuleInfo, NodeError> {
        let mut info = self.describe("", &bytes, false)?;
        info.name = match name {
            Some(name) => name.to_owned(),
            None => info.module.rsplit(':').next().unwrap_or(&info.module).to_owned(),
        };
        crate::identities::check_local_name("a module", &info.name)?;
        let mut batch = Batch::new();
        batch.put_blob(bytes);
        let doc = serde_json::to_vec(&info).expect("a module's entry is JSON");
        batch.put_doc(DocKind::Module, format!("name/{}", info.name), doc);
        self.store.commit(batch)?;
        Ok(info)
    }

    /// What a component says of itself.
    fn describe(&self, name: &str, bytes: &[u8], standard: bool) -> Result<ModuleInfo, NodeError> {
        let inspection = atlas_engine::inspect(bytes)?;
        let about = self.engine.describe(bytes)?;
        Ok(ModuleInfo {
            name: name.to_owned(),
            code: BlobId(inspection.code.0),
            role: inspection.role.name().to_owned(),
            module: about.name,
            version: about.version,
            summary: about.summary,
            size: inspection.size,
            standard,
        })
    }

    /// The validator that a binding names, running.
    pub fn validator(&self, binding: &Binding) -> Result<Arc<Validator>, Gap> {
        if let Some(validator) = self.running.read().expect("no thread panics with this lock").get(binding) {
            return Ok(validator.clone());
        }
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
        let validator = self.engine.validator(&code, bound).map_err(Gap::Broken)?;
        self.running.write().expect("no thread panics with this lock").insert(binding.clone(), validator.clone());
        Ok(validator)
    }

    /// The validators that run now.
    pub fn running(&self) -> Vec<Arc<Validator>> {
        self.running.read().expect("no thread panics with this lock").values().cloned().collect()
    }
}
