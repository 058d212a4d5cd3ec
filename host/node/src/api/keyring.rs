//! How the keys of this machine are kept, and tokens that are bound to an app's key.

use atlas_keys::{Passphrase, Protection};
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use serde::{Deserialize, Serialize};

use super::moving::Forgotten;
use super::{Path, Problem, blocking};
use crate::error::NodeError;
use crate::node::Node;

/// How the keys of this machine are kept.
#[derive(Serialize, utoipa::ToSchema)]
pub struct KeyringView {
    /// `permissions` or `passphrase`.
    protection: &'static str,
    /// Whether a passphrase has to be given before anything can be signed.
    locked: bool,
}

/// A passphrase.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PassphraseRequest {
    /// The passphrase; none to protect the keys by permissions only.
    passphrase: Option<String>,
}

fn keyring_view(node: &Node) -> KeyringView {
    let keyring = node.identities().keyring();
    KeyringView {
        protection: match keyring.protection() {
            Protection::Permissions => "permissions",
            Protection::Passphrase => "passphrase",
        },
        locked: keyring.is_locked(),
    }
}

/// How the keys of this machine are kept.
#[utoipa::path(get, path = "/v1/keyring", responses((status = 200, body = KeyringView), (status = 401, body = Problem)))]
pub async fn keyring(State(node): State<Node>) -> Json<KeyringView> {
    Json(keyring_view(&node))
}

/// Opens the keys of this machine with their passphrase.
#[utoipa::path(post, path = "/v1/keyring/unlock", request_body = PassphraseRequest, responses((status = 200, body = KeyringView), (status = 400, body = Problem), (status = 401, body = Problem), (status = 423, body = Problem)))]
pub async fn unlock(
    State(node): State<Node>,
    body: Result<Json<PassphraseRequest>, JsonRejection>,
) -> Result<Json<KeyringView>, Problem> {
    let Json(request) = body?;
    blocking(move || {
        let passphrase = request.passphrase.ok_or_else(|| NodeError::Misuse("a passphrase opens the keys".into()))?;
        node.identities().keyring().unlock(&Passphrase::new(passphrase)?)?;
        Ok(keyring_view(&node))
    })
    .await
    .map(Json)
}

/// Sets, changes or removes the passphrase of the keys of this machine.
#[utoipa::path(put, path = "/v1/keyring", request_body = PassphraseRequest, responses((status = 200, body = KeyringView), (status = 400, body = Problem), (status = 401, body = Problem), (status = 423, body = Problem)))]
pub async fn protect(
    State(node): State<Node>,
    body: Result<Json<PassphraseRequest>, JsonRejection>,
) -> Result<Json<KeyringView>, Problem> {
    let Json(request) = body?;
    blocking(move || {
        let passphrase = request.passphrase.map(Passphrase::new).transpose()?;
        node.identities().keyring().set_passphrase(passphrase.as_ref())?;
        Ok(keyring_view(&node))
    })
    .await
    .map(Json)
}

/// A token.
#[derive(Serialize, utoipa::ToSchema)]
pub struct TokenView {
    /// For `Authorization: Bearer TOKEN`. Shown once: the node keeps its hash.
    token: String,
}

/// Makes a token by which a program can act as an app, within its grants.
#[utoipa::path(post, path = "/v1/identities/{name}/tokens", params(("name" = String, Path)), responses((status = 200, body = TokenView), (status = 401, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn create_token(State(node): State<Node>, Path(name): Path<String>) -> Result<Json<TokenView>, Problem> {
    blocking(move || Ok(TokenView { token: node.create_token(&name)?.to_string() })).await.map(Json)
}

/// Ends every token of an app.
#[utoipa::path(delete, path = "/v1/identities/{name}/tokens", params(("name" = String, Path)), responses((status = 200, body = Forgotten), (status = 401, body = Problem)))]
pub async fn drop_tokens(State(node): State<Node>, Path(name): Path<String>) -> Result<Json<Forgotten>, Problem> {
    blocking(move || Ok(Forgotten { keys: node.drop_tokens(&name)? })).await.map(Json)
}
