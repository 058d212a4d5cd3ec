//! Whether this node is whole: the store's own check, and what only the node knows.

use atlas_store::CheckProgress;
use serde::Serialize;

use crate::error::NodeError;
use crate::node::Node;

/// What was checked and what is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Diagnosis {
    /// Whether nothing is wrong.
    pub healthy: bool,
    /// Records whose bytes, hashes and rows were compared.
    pub records: u64,
    /// Index rows compared.
    pub rows: u64,
    /// Blobs hashed.
    pub blobs: u64,
    /// How many problems there are.
    pub problem_count: u64,
    /// The first of them, a sentence each.
    pub problems: Vec<String>,
    /// What is unusual, and no damage: quarantined modules, missing parts.
    pub notes: Vec<String>,
}

impl Node {
    /// Checks everything that is on the disk. Reads it all; writes nothing.
    pub fn diagnose(&self, progress: &mut dyn FnMut(CheckProgress)) -> Result<Diagnosis, NodeError> {
        let report = self.store().check(progress)?;
        let mut diagnosis = Diagnosis {
            healthy: report.is_clean(),
            records: report.records,
            rows: report.rows,
            blobs: report.blobs,
            problem_count: report.problem_count,
            problems: report.problems,
            notes: Vec::new(),
        };
        for space in self.spaces().all() {
            if self.identity(&space.founder())?.is_none() {
                diagnosis.problem(format!("the founder of space `{}` is not known here", space.name));
            }
            let (_, constitution) = space.current();
            for (slot, binding) in &constitution.slots {
                if let Err(gap) = self.modules().validator(binding) {
                    diagnosis.notes.push(format!(
                        "slot `{slot}` of space `{}` cannot judge: {}",
                        space.name,
                        NodeError::from(gap)
                    ));
                }
            }
        }
        for entry in self.identities().all() {
            if let Some(id) = entry.identity
                && self.identity(&id)?.is_none()
            {
                diagnosis.problem(format!("the log of identity `{}` ({id}) is not here, and its keys are", entry.name));
            }
        }
        for id in self.people().all()? {
            let Some(identity) = self.identity(&id)? else { continue };
            if let Some(dispute) = identity.log().duplicity() {
                let count = dispute.successors.len();
                diagnosis
                    .notes
                    .push(format!("the log of {id} is disputed: {count} events follow event {}", dispute.after));
            }
        }
        for module in self.modules().engine().quarantined() {
            diagnosis.notes.push(format!(
                "module {module:?} is in quarantine: it contradicted itself; the evidence is in {}",
                self.dir().join("evidence").display()
            ));
        }
        Ok(diagnosis)
    }
}

impl Diagnosis {
    fn problem(&mut self, text: String) {
        self.healthy = false;
        self.problem_count += 1;
        self.problems.push(text);
    }
}
