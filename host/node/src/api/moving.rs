//! Identities between machines: bundles, recovery sheets, public lines.

use atlas_keys::Passphrase;
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use serde::{Deserialize, Serialize};

use super::ownership::named;
use super::{Path, Problem, blocking};
use crate::error::{NodeError, Refusal};
use crate::node::Node;

/// In which form to export.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportRequest {
    /// `bundle` (sealed, with a device key for one other machine), `sheet` (root keys to print, not
    /// sealed) or `public` (no secret).
    form: String,
    /// What seals a bundle.
    passphrase: Option<String>,
}

/// A text that leaves the machine.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Exported {
    /// The text.
    text: String,
}

/// Writes an identity for another machine, for paper, or for everyone.
#[utoipa::path(post, path = "/v1/identities/{name}/export", params(("name" = String, Path)), request_body = ExportRequest, responses((status = 200, body = Exported), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem), (status = 423, body = Problem)))]
pub async fn export(
    State(node): State<Node>,
    Path(name): Path<String>,
    body: Result<Json<ExportRequest>, JsonRejection>,
) -> Result<Json<Exported>, Problem> {
    let Json(request) = body?;
    blocking(move || {
        let name = node.identities().entry(named(&name))?.name;
        let text = match request.form.as_str() {
            "bundle" => {
                let passphrase = request.passphrase.ok_or_else(|| {
                    Refusal::new("passphrase-needed", "a bundle is sealed with a passphrase")
                        .hint("set ATLAS_PASSPHRASE, or run this on a terminal to be asked for it")
                })?;
                node.export_bundle(&name, &Passphrase::new(passphrase)?)?
            }
            "sheet" => node.recovery_sheet(&name)?.to_string(),
            "public" => node.public_line(&node.own(Some(&name))?.1)?,
            other => return Err(NodeError::Misuse(format!("`{other}` is no form: say bundle, sheet or public"))),
        };
        Ok(Exported { text })
    })
    .await
    .map(Json)
}

/// Takes the root keys off this machine; they must be kept elsewhere by then.
#[utoipa::path(delete, path = "/v1/identities/{name}/root", params(("name" = String, Path)), responses((status = 200, body = Forgotten), (status = 401, body = Problem), (status = 404, body = Problem), (status = 423, body = Problem)))]
pub async fn forget_root(State(node): State<Node>, Path(name): Path<String>) -> Result<Json<Forgotten>, Problem> {
    blocking(move || {
        let name = node.identities().entry(named(&name))?.name;
        Ok(Forgotten { keys: node.forget_roots(&name)? })
    })
    .await
    .map(Json)
}

/// What is gone.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Forgotten {
    /// How many.
    pub(super) keys: usize,
}

/// Something to import.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportRequest {
    /// A bundle, a recovery sheet, or a public line.
    text: String,
    /// What opens a bundle.
    passphrase: Option<String>,
    /// What to call the keys on this machine.
    name: Option<String>,
}

/// What came of an import.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ImportedView {
    /// The name of the keys on this machine, if there were any.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<String>,
    /// What has to be done before it can sign, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Takes in a bundle, a recovery sheet, or what is public of an identity.
#[utoipa::path(post, path = "/v1/identity-imports", request_body = ImportRequest, responses((status = 200, body = ImportedView), (status = 400, body = Problem), (status = 401, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem), (status = 423, body = Problem)))]
pub async fn import(
    State(node): State<Node>,
    body: Result<Json<ImportRequest>, JsonRejection>,
) -> Result<Json<ImportedView>, Problem> {
    let Json(request) = body?;
    blocking(move || {
        let passphrase = request.passphrase.map(Passphrase::new).transpose()?;
        let imported = node.import_identity(&request.text, passphrase.as_ref(), request.name.as_deref())?;
        Ok(ImportedView {
            name: imported.name,
            identity: imported.identity.map(|id| id.to_string()),
            next: imported.next,
        })
    })
    .await
    .map(Json)
}
