//! What a type is, for somebody who meets it for the first time.

use atlas_record::TypeName;
use atlas_record::space::Slot;
use serde::Serialize;
use serde_json::Value as Json;

use crate::error::NodeError;
use crate::judge;
use crate::node::Node;
use crate::spaces::Space;

/// A type in a line.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct TypeLine {
    /// The type.
    #[serde(rename = "type")]
    type_name: String,
    /// What its module calls itself; absent where the module does not run here.
    module: Option<String>,
    /// What its module says of itself, in a sentence.
    summary: Option<String>,
    /// Records that queries show.
    records: u64,
}

/// A type and everything that its module declares.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct TypeView {
    /// The type.
    #[serde(rename = "type")]
    type_name: String,
    /// The space's name on this node.
    space: String,
    /// What the module says of itself, in a sentence.
    summary: String,
    /// What the module calls itself, and its version.
    module: String,
    /// BLAKE3 of the module.
    code: String,
    /// Records that queries show.
    records: u64,
    /// Headers of the replicated set.
    headers: u64,
    /// `append`: every record stays; `replaceable`: the latest at an address stands for it;
    /// `ephemeral`: never stored.
    lifecycle: String,
    /// How records are keyed: `none`, `any`, `literal:KEY`, `tid` or `nsid`.
    key: String,
    /// Declared indexes: what `index`, `group` and, if there is one called `state`, `state` take.
    indexes: Vec<IndexLine>,
    /// Fields that `text` looks in.
    text: Vec<TextLine>,
    /// States and moves between them, where the type has them.
    workflow: Option<WorkflowView>,
    /// Path of the field that names a record.
    title: Option<String>,
    /// Fields of the body, as far as the schema names them.
    fields: Vec<FieldLine>,
    /// JSON Schema of the body.
    #[schema(value_type = Object)]
    schema: Json,
    /// Commands to begin with.
    examples: Vec<String>,
}

/// A declared index.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
struct IndexLine {
    /// Its name.
    name: String,
    /// `text` or `integer`.
    kind: &'static str,
    /// What it holds.
    about: String,
}

/// A field for full text.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
struct TextLine {
    /// Its path.
    path: String,
    /// How much a word in it counts; 100 is ordinary.
    weight: u32,
}

/// States and legal moves.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
struct WorkflowView {
    /// Every state, first the one that records start in.
    states: Vec<String>,
    /// Moves as `BEFORE -> AFTER`; BEFORE is `(new)` for a first record.
    transitions: Vec<String>,
}

/// A field of the body.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
struct FieldLine {
    /// Its name.
    name: String,
    /// Its kind by the schema, as `string`.
    kind: String,
    /// Whether every record has it.
    required: bool,
    /// What it holds.
    about: Option<String>,
}

/// The fields that a JSON Schema names at its top.
fn fields(schema: &Json) -> Vec<FieldLine> {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    let kind = |field: &Json| match &field["type"] {
        Json::String(kind) => kind.clone(),
        Json::Array(kinds) => kinds.iter().filter_map(Json::as_str).collect::<Vec<_>>().join(" or "),
        _ if field["enum"].is_array() || field["const"].is_string() => "string".to_owned(),
        _ => field["$ref"].as_str().and_then(|path| path.rsplit('/').next()).unwrap_or("any").to_owned(),
    };
    let mut found: Vec<FieldLine> = schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, field)| FieldLine {
            name: name.clone(),
            kind: kind(field),
            required: required.contains(&name.as_str()),
            about: field["description"].as_str().map(str::to_owned),
        })
        .collect();
    found.sort_by_key(|field| !field.required);
    found
}

fn examples(
    space: &str,
    type_name: &TypeName,
    rules: &atlas_engine::validator::Rules,
    fields: &[FieldLine],
) -> Vec<String> {
    use atlas_engine::validator::{IndexKind, KeyRule};
    let query = format!("atlas query --space {space} --type {type_name}");
    let mut examples = Vec::new();
    if let Some(index) = rules.indexes.first() {
        let value = match index.kind {
            IndexKind::Text => "VALUE",
            IndexKind::Integer => "0..1000",
        };
        examples.push(format!("{query} --index {}={value}", index.name));
    }
    if !rules.text.is_empty() {
        examples.push(format!("{query} --text \"SOME WORDS\""));
    }
    if let Some(index) = rules.indexes.iter().find(|index| index.kind == IndexKind::Text) {
        examples.push(format!("{query} --group {}", index.name));
    }
    if let Some(state) = rules.workflow.as_ref().and_then(|workflow| workflow.states.first()) {
        examples.push(format!("{query} --state {state}"));
    }
    let body: serde_json::Map<String, Json> = fields
        .iter()
        .filter(|field| field.required)
        .map(|field| {
            let value = match field.kind.as_str() {
                "integer" | "number" => Json::from(1),
                "boolean" => Json::from(true),
                "array" => Json::Array(Vec::new()),
                "object" => Json::Object(serde_json::Map::new()),
                _ => Json::from("…"),
            };
            (field.name.clone(), value)
        })
        .collect();
    let key = if rules.key == KeyRule::Nsid { " --key NAME" } else { "" };
    examples.push(format!("atlas put {type_name} --space {space}{key} --body '{}'", Json::Object(body)));
    examples
}

impl Node {
    /// The types of a space, each in a line.
    pub fn types(&self, space: &Space) -> Result<Vec<TypeLine>, NodeError> {
        let counts = self.store().counts(&space.id)?;
        let (_, constitution) = space.current();
        let types = constitution.slots.iter().filter_map(|(slot, binding)| match slot {
            Slot::Validator(type_name) => Some((type_name, binding)),
            Slot::Other(_) => None,
        });
        Ok(types
            .map(|(type_name, binding)| {
                let validator = self.modules().validator(binding).ok();
                let description = validator.as_ref().map(|validator| validator.description());
                TypeLine {
                    type_name: type_name.to_string(),
                    module: description.map(|about| format!("{} {}", about.name, about.version)),
                    summary: description.map(|about| about.summary.clone()),
                    records: counts.iter().find(|of| of.type_name == *type_name).map_or(0, |of| of.counts.visible),
                }
            })
            .collect())
    }

    /// What a type is and how it is asked for.
    pub fn describe_type(&self, space: &Space, type_name: &TypeName) -> Result<TypeView, NodeError> {
        let binding = space.binding(type_name)?;
        let validator = self.modules().validator(binding)?;
        let (rules, about) = (validator.rules(), validator.description());
        let counts = self.store().set_summary(&space.id, Some(type_name))?.counts;
        let schema: Json = serde_json::from_str(&rules.schema).unwrap_or_else(|_| Json::Object(Default::default()));
        let fields = fields(&schema);
        let before = |text: &str| if text.is_empty() { "(new)".to_owned() } else { text.to_owned() };
        Ok(TypeView {
            type_name: type_name.to_string(),
            space: space.name.clone(),
            summary: about.summary.clone(),
            module: format!("{} {}", about.name, about.version),
            code: binding.code.to_string(),
            records: counts.visible,
            headers: counts.total,
            lifecycle: format!("{:?}", judge::lifecycle(&validator)).to_lowercase(),
            key: judge::key_rule_text(&rules.key),
            indexes: rules
                .indexes
                .iter()
                .map(|index| IndexLine {
                    name: index.name.clone(),
                    kind: judge::index_kind_text(index.kind),
                    about: index.about.clone(),
                })
                .collect(),
            text: rules.text.iter().map(|field| TextLine { path: field.path.clone(), weight: field.weight }).collect(),
            workflow: rules.workflow.as_ref().map(|workflow| WorkflowView {
                states: workflow.states.clone(),
                transitions: workflow
                    .transitions
                    .iter()
                    .map(|step| format!("{} -> {}", before(&step.before), step.after))
                    .collect(),
            }),
            title: rules.display.title.clone(),
            examples: examples(&space.name, type_name, rules, &fields),
            fields,
            schema,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_from_the_schema_required_ones_first() {
        let schema = serde_json::json!({
            "required": ["name"],
            "properties": {
                "a": { "type": ["string", "null"] },
                "name": { "type": "string", "description": "what it is called" },
                "other": { "$ref": "#/$defs/thing" },
                "x": {},
            },
        });
        let found: Vec<(String, String, bool)> =
            fields(&schema).into_iter().map(|field| (field.name, field.kind, field.required)).collect();
        let expected =
            [("name", "string", true), ("a", "string or null", false), ("other", "thing", false), ("x", "any", false)];
        assert_eq!(found, expected.map(|(name, kind, required)| (name.to_owned(), kind.to_owned(), required)));
        assert!(fields(&Json::Bool(true)).is_empty());
    }
}
