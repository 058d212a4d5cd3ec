//! Modules on this node.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};

use super::{Path, Problem, blocking};
use crate::modules::ModuleInfo;
use crate::node::Node;
use crate::packages::{Allowed, Signer};

/// What to call it, and what it may take the place of.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub struct Naming {
    /// The module's own name if left out.
    name: Option<String>,
    /// Put an earlier version in the place of a later one.
    #[serde(default)]
    allow_downgrade: bool,
    /// Put a package of another signer, or of none, in the place of a signed one.
    #[serde(default)]
    allow_other_signer: bool,
}

/// A module in detail.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Inspection {
    #[serde(flatten)]
    info: ModuleInfo,
    /// Who signed its package, where somebody did, and whether the key is theirs.
    signed: Option<Signer>,
    /// What is installed here of the same module.
    installed: Option<ModuleInfo>,
    /// What its package says of it, where it carries a manifest.
    manifest: Option<ManifestView>,
    /// What it imports that is more than types: always empty for a module that can be bound.
    imports: Vec<String>,
    /// The interfaces it exports.
    exports: Vec<String>,
    /// What holds for its type, where it runs without a config.
    rules: Option<RulesView>,
    /// What judging costs.
    fuel: FuelProfile,
}

/// What a package says of itself beyond what its module says.
#[derive(Serialize, utoipa::ToSchema)]
struct ManifestView {
    /// The WIT package that it was built against.
    wit: String,
    /// SPDX expression.
    licence: String,
    /// Who wrote it.
    authors: Vec<String>,
    /// Where the source is.
    source: Option<String>,
    /// What it asks of the host.
    capabilities: Vec<String>,
}

impl From<atlas_registry::Manifest> for ManifestView {
    fn from(manifest: atlas_registry::Manifest) -> Self {
        let atlas_registry::Manifest { wit, licence, authors, source, capabilities, .. } = manifest;
        Self { wit, licence, authors, source, capabilities }
    }
}

/// What holds for a type.
#[derive(Serialize, utoipa::ToSchema)]
struct RulesView {
    /// `append`, `replaceable` or `ephemeral`.
    lifecycle: String,
    /// How records are keyed.
    key: String,
    /// Declared indexes and their kinds.
    indexes: Vec<String>,
    /// Fields for full text.
    text: Vec<String>,
    /// JSON Schema of the body.
    #[schema(value_type = Object)]
    schema: serde_json::Value,
}

/// What judging costs, in units of the meter.
#[derive(Serialize, utoipa::ToSchema)]
struct FuelProfile {
    /// The fuel schedule.
    meter: &'static str,
    /// Fuel for one record that a binding grants by default.
    default_limit: u64,
    /// Fuel that a record with an empty body takes, which most modules refuse at once.
    empty_record: Option<u64>,
    /// Fuel for one record on average, on this node so far; absent until it has judged some.
    average: Option<u64>,
    /// Records judged on this node since it started.
    records: u64,
}

/// Modules of this node: the standard set and what was installed.
#[utoipa::path(get, path = "/v1/modules", responses((status = 200, body = Vec<ModuleInfo>), (status = 401, body = Problem)))]
pub async fn list(State(node): State<Node>) -> Result<Json<Vec<ModuleInfo>>, Problem> {
    blocking(move || node.modules().list()).await.map(Json)
}

/// Checks a component and its signature, compiles it and keeps it. The body is the component.
#[utoipa::path(post, path = "/v1/modules", params(Naming), request_body(content = Vec<u8>, content_type = "application/wasm"), responses((status = 200, body = ModuleInfo), (status = 400, body = Problem), (status = 401, body = Problem), (status = 422, body = Problem)))]
pub async fn install(
    State(node): State<Node>,
    naming: Result<Query<Naming>, QueryRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<ModuleInfo>, Problem> {
    let (Query(naming), body) = (naming?, body?);
    let allowed = Allowed { downgrade: naming.allow_downgrade, other_signer: naming.allow_other_signer };
    blocking(move || node.install(naming.name.as_deref(), body.to_vec(), allowed)).await.map(Json)
}

/// A module's component.
#[utoipa::path(get, path = "/v1/modules/{name}/code", params(("name" = String, Path)), responses((status = 200, body = Vec<u8>, content_type = "application/wasm"), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn code(State(node): State<Node>, Path(name): Path<String>) -> Result<impl IntoResponse, Problem> {
    let code = blocking(move || {
        let info = node.modules().find(&name)?;
        let code = node.modules().code(&info.code)?;
        code.ok_or_else(|| crate::NodeError::missing("module code", info.code, "install the module's file again"))
    });
    Ok(([(header::CONTENT_TYPE, "application/wasm")], code.await?.to_vec()))
}

/// A module in detail: role, imports, size, signer, fuel profile, rules.
#[utoipa::path(get, path = "/v1/modules/{name}", params(("name" = String, Path)), responses((status = 200, body = Inspection), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn inspect(State(node): State<Node>, Path(name): Path<String>) -> Result<Json<Inspection>, Problem> {
    blocking(move || {
        let info = node.modules().find(&name)?;
        let code = node
            .modules()
            .code(&info.code)?
            .ok_or_else(|| crate::NodeError::missing("module code", info.code, "install the module's file again"))?;
        inspection(&node, info, &code)
    })
    .await
    .map(Json)
}

/// A component in detail, without keeping it. The body is the component.
#[utoipa::path(post, path = "/v1/packages/examine", request_body(content = Vec<u8>, content_type = "application/wasm"), responses((status = 200, body = Inspection), (status = 400, body = Problem), (status = 401, body = Problem), (status = 422, body = Problem)))]
pub async fn examine(
    State(node): State<Node>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Inspection>, Problem> {
    let body = body?;
    blocking(move || {
        let info = node.modules().describe(&body)?;
        inspection(&node, info, &std::sync::Arc::from(&body[..]))
    })
    .await
    .map(Json)
}

/// Forgets an installed module. One that a space binds stays.
#[utoipa::path(delete, path = "/v1/modules/{name}", params(("name" = String, Path)), responses((status = 200, body = ModuleInfo), (status = 401, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn remove(State(node): State<Node>, Path(name): Path<String>) -> Result<Json<ModuleInfo>, Problem> {
    blocking(move || node.remove_module(&name)).await.map(Json)
}

fn inspection(node: &Node, info: ModuleInfo, code: &std::sync::Arc<[u8]>) -> Result<Inspection, crate::NodeError> {
    let surface = atlas_engine::surface(code)?;
    let binding = atlas_engine::Binding::new(atlas_engine::CodeHash(info.code.0));
    let validator = node.modules().engine().validator(code, binding).ok();
    let rules = validator.as_ref().map(|validator| {
        let rules = validator.rules();
        RulesView {
            lifecycle: format!("{:?}", crate::judge::lifecycle(validator)).to_lowercase(),
            key: crate::judge::key_rule_text(&rules.key),
            indexes: rules
                .indexes
                .iter()
                .map(|index| format!("{} ({})", index.name, crate::judge::index_kind_text(index.kind)))
                .collect(),
            text: rules.text.iter().map(|field| field.path.clone()).collect(),
            schema: serde_json::from_str(&rules.schema).unwrap_or_else(|_| serde_json::json!({})),
        }
    });
    let running: Vec<_> = node.modules().running().into_iter().filter(|v| v.binding().code.0 == info.code.0).collect();
    let (records, fuel) = running.iter().map(|v| v.stats()).fold((0, 0), |(r, f), s| (r + s.records, f + s.fuel));
    let fuel = FuelProfile {
        meter: atlas_engine::Meter::V1.name(),
        default_limit: atlas_engine::Binding::DEFAULT_FUEL,
        empty_record: validator
            .as_ref()
            .and_then(|validator| validator.validate_alone(&crate::judge::empty_candidate()).fuel),
        average: fuel.checked_div(records),
        records,
    };
    Ok(Inspection {
        manifest: crate::modules::manifest(code)?.map(ManifestView::from),
        signed: node.signer(code)?,
        installed: node.installed(&info.module)?,
        imports: surface.foreign_imports,
        exports: surface.exports.into_iter().map(|(name, _)| name).collect(),
        info,
        rules,
        fuel,
    })
}
