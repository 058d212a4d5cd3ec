//! Modules that came from peers, held to the laws of their role.
//!
//! Whether a module may judge in a space is for that space's constitution to say. But whoever keeps the space should
//! know if one breaks what its role promises, before its verdicts differ somewhere. So what came is tried at the
//! side, once; a broken law warns, is shown with the binding, and leaves its evidence.

use std::path::PathBuf;

use atlas_engine::laws::{self, Options};
use atlas_engine::{Engine, EngineConfig};
use atlas_record::BlobId;
use atlas_record::space::Binding;
use atlas_store::{Batch, DocKind};

use crate::error::NodeError;
use crate::modules::Gap;
use crate::node::Node;
use crate::spaces::Space;

/// Made questions: enough for what is broken at all.
const RUNS: u32 = 64;
/// Bindings that grant more than this are not tried: so many questions would take minutes.
const MOST_FUEL: u64 = 10 * atlas_engine::Binding::DEFAULT_FUEL;

const PREFIX: &[u8] = b"laws/";

fn place(binding: &Binding) -> Vec<u8> {
    let config = binding.config.map_or([0; 32], |config| config.0);
    [PREFIX, &binding.code.0, &config].concat()
}

impl Node {
    /// Laws that a bound module was seen to break. None as well if it was not tried.
    pub fn broken_laws(&self, binding: &Binding) -> Result<Vec<String>, NodeError> {
        let known = self.store().doc(DocKind::Derived, &place(binding))?;
        Ok(known.and_then(|names| serde_json::from_slice(&names).ok()).unwrap_or_default())
    }

    /// Tries what a space binds and a blob that has just come is part of, on a thread of its own.
    pub(crate) fn hold_to_laws(&self, space: &Space, came: &BlobId) -> Result<(), NodeError> {
        let (_, constitution) = space.current();
        let part = |binding: &&Binding| binding.code == *came || binding.config == Some(*came);
        let mut bound: Vec<Binding> = constitution.slots.values().filter(part).cloned().collect();
        bound.dedup();
        for binding in bound {
            if self.store().doc(DocKind::Derived, &place(&binding))?.is_some() || binding.fuel > MOST_FUEL {
                continue;
            }
            let (node, name) = (self.downgrade(), space.name.clone());
            let hold = move || {
                let Some(node) = node.upgrade() else { return };
                if let Err(error) = node.hold(&name, &binding) {
                    tracing::warn!("module {} of space `{name}` was not held to its laws: {error}", binding.code);
                }
            };
            if let Err(error) = std::thread::Builder::new().name("atlas-laws".into()).spawn(hold) {
                tracing::warn!("no thread to hold a module to its laws: {error}");
            }
        }
        Ok(())
    }

    fn hold(&self, space: &str, binding: &Binding) -> Result<(), NodeError> {
        // One at a time: nothing waits for it.
        let _turn = self.trying_laws().lock().expect("no thread panics with this lock");
        let (code, bound) = match self.modules().bound(binding) {
            Ok(bound) => bound,
            Err(Gap::Missing(_)) => return Ok(()), // its other part comes later, and brings it here again
            Err(gap) => return Err(gap.into()),
        };
        // One of its own: what is tried here stops no work elsewhere.
        let engine = Engine::open(EngineConfig { sample_rate: 0, ..EngineConfig::default() })?;
        let report = laws::test(&engine, &code, &bound, &[], &Options { seed: 0, runs: RUNS })?;
        let mut broken = Vec::new();
        for finding in &report.laws {
            let Some(breach) = &finding.breach else { continue };
            let evidence = self.keep_evidence(finding.law.name(), binding, &breach.reproducer.document())?;
            let (law, claim, text) = (finding.law.name(), finding.claim, &breach.text);
            tracing::warn!(
                "space `{space}` binds module {}, which breaks the law {law} ({claim}): {text}; `atlas module test {}` shows it",
                binding.code,
                evidence.display()
            );
            broken.push(law);
        }
        let mut batch = Batch::new();
        batch.put_doc(DocKind::Derived, place(binding), serde_json::to_vec(&broken).expect("names are JSON"));
        self.store().commit(batch)?;
        Ok(())
    }

    fn keep_evidence(&self, law: &str, binding: &Binding, document: &str) -> Result<PathBuf, NodeError> {
        let folder = self.dir().join("evidence");
        let code = binding.code.to_string();
        let path = folder.join(format!("{law}-{}.json", &code[code.len().saturating_sub(16)..]));
        let cannot = |error| NodeError::File { what: "cannot write", path: path.clone(), error };
        std::fs::create_dir_all(&folder).map_err(cannot)?;
        std::fs::write(&path, document).map_err(cannot)?;
        Ok(path)
    }
}
