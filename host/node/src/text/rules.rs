//! Which fields of a record are text: what its type's module declared when it was written.

use std::collections::HashMap;
use std::sync::Arc;

use atlas_engine::validator::TextField;
use atlas_record::space::Slot;
use atlas_record::{ConstitutionId, Header, TypeName};
use atlas_store::StoredRecord;

use super::schema::texts_at;
use super::words::words;
use crate::modules::Modules;
use crate::spaces::Spaces;

/// Constitutions and types that are remembered.
const REMEMBERED: usize = 4096;

/// Text fields by constitution and type, as they are asked for. A record is bound to the
/// constitution it names for good, so its fields never change.
pub struct TextRules {
    spaces: Arc<Spaces>,
    modules: Arc<Modules>,
    known: HashMap<(ConstitutionId, TypeName), Arc<[TextField]>>,
}

impl TextRules {
    /// By what spaces bind.
    pub fn new(spaces: Arc<Spaces>, modules: Arc<Modules>) -> Self {
        Self { spaces, modules, known: HashMap::new() }
    }

    /// The text fields of a record; none where its module cannot be asked.
    pub fn of(&mut self, header: &Header) -> Arc<[TextField]> {
        let key = (header.constitution, header.type_name.clone());
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let space = self.spaces.get(&header.space);
        let binding = space.as_deref().and_then(|space| {
            let constitution = space.constitution(&header.constitution)?;
            constitution.slots.get(&Slot::Validator(header.type_name.clone()))
        });
        let validator = binding.map(|binding| self.modules.validator(binding));
        match validator {
            Some(Ok(validator)) => {
                let fields: Arc<[TextField]> = validator.rules().text.clone().into();
                if self.known.len() >= REMEMBERED {
                    self.known.clear();
                }
                self.known.insert(key, fields.clone());
                fields
            }
            Some(Err(gap)) => {
                let type_name = &header.type_name;
                tracing::warn!("a record of {type_name} has no text: its module cannot be asked: {gap:?}");
                Arc::from([])
            }
            None => Arc::from([]),
        }
    }

    /// The words of a record's texts, text by text.
    pub fn words_of(&mut self, stored: &StoredRecord) -> Vec<Vec<String>> {
        let fields = self.of(stored.record.header());
        let Some(payload) = stored.record.payload().filter(|_| !fields.is_empty()) else { return Vec::new() };
        let body = payload.body.to_map();
        fields.iter().flat_map(|field| texts_at(&body, &field.path)).map(words).collect()
    }
}
