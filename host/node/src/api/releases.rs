//! Releases of modules: publishing, finding, fetching, withdrawing; and rehearsals.

use atlas_record::IdentityId;
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::IntoResponse;
use serde::Deserialize;

use super::spaces::NewSlot;
use super::{Path, Problem, blocking, parse};
use crate::error::NodeError;
use crate::node::Node;
use crate::packages::rehearsal::Rehearsal;
use crate::packages::releases::{Find, Release};

/// Which releases.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// In this space, by name or id; in all of this node where left out.
    space: Option<String>,
    /// With these words, as in text queries.
    text: Option<String>,
    /// Of this module: `namespace:name`.
    name: Option<String>,
    /// The one that this version means: `1.2.3`, `1.2`, `^1`. Needs a name; the answer is one release at most.
    version: Option<String>,
    /// Of this role.
    role: Option<String>,
    /// Written by this identity, by name or id.
    signer: Option<String>,
    /// Whose author this identity states trust in, by name or id.
    trusted_by: Option<String>,
    /// With those that were withdrawn.
    #[serde(default)]
    yanked: bool,
}

/// Where and as whom to publish.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Publishing {
    /// The space, by name or id; the only one here if left out.
    space: Option<String>,
    /// The author, by name or id; the only identity here if left out.
    r#as: Option<String>,
    /// What is new.
    notes: Option<String>,
}

/// Who signs.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Signing {
    /// The identity, by name or id; the only one here if left out.
    r#as: Option<String>,
}

/// A release to withdraw.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Yank {
    /// The module: `namespace:name`.
    name: String,
    /// The version.
    version: String,
    /// Why.
    reason: String,
    /// The space, by name or id; the only one here if left out.
    space: Option<String>,
    /// The author, by name or id; the only identity here if left out.
    r#as: Option<String>,
}

fn identity(node: &Node, name: Option<String>) -> Result<Option<IdentityId>, NodeError> {
    name.map(|name| node.identities().identity(&name)).transpose()
}

/// Looks for releases in the spaces of this node: the best matches first where words are given, otherwise
/// by name, the latest version first.
#[utoipa::path(get, path = "/v1/releases", params(Wanted), responses((status = 200, body = Vec<Release>), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn list(
    State(node): State<Node>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Vec<Release>>, Problem> {
    let Query(wanted) = wanted?;
    blocking(move || {
        let find = Find {
            space: wanted.space,
            words: wanted.text,
            name: wanted.name,
            role: wanted.role,
            author: identity(&node, wanted.signer)?,
            trusted_by: identity(&node, wanted.trusted_by)?,
            yanked: wanted.yanked,
        };
        match (&wanted.version, &find.name) {
            (None, _) => node.releases(&find),
            (Some(version), Some(_)) => Ok(vec![node.resolve_release(&find, (version != "*").then_some(version))?]),
            (Some(_), None) => Err(NodeError::Misuse("a version belongs to a module: say which with `name`".into())),
        }
    })
    .await
    .map(Json)
}

/// The package of a release, from here or from a peer of its space, checked: its hash, its signature by
/// whoever wrote the release, and that it says what the release says.
#[utoipa::path(get, path = "/v1/releases/{record}/package", params(("record" = String, Path, description = "The release's record id")), responses((status = 200, body = Vec<u8>, content_type = "application/wasm"), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn package(State(node): State<Node>, Path(record): Path<String>) -> Result<impl IntoResponse, Problem> {
    let at = node.clone();
    let release = blocking(move || at.release(&parse(&record)?)).await?;
    let package = node.release_package(release).await?;
    Ok(([(header::CONTENT_TYPE, "application/wasm")], package))
}

/// Publishes a package: stores it, signs it if it is not signed, and writes a release that names it. The
/// body is the package.
#[utoipa::path(post, path = "/v1/releases", params(Publishing), request_body(content = Vec<u8>, content_type = "application/wasm"), responses((status = 200, body = Release), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem), (status = 429, body = Problem)))]
pub async fn publish(
    State(node): State<Node>,
    publishing: Result<Query<Publishing>, QueryRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Release>, Problem> {
    let (Query(publishing), body) = (publishing?, body?);
    blocking(move || {
        let space = node.spaces().resolve(publishing.space.as_deref())?;
        let author = node.identities().resolve(publishing.r#as.as_deref())?;
        node.publish_package(space, author, body.to_vec(), publishing.notes.as_deref())
    })
    .await
    .map(Json)
}

/// Withdraws a release. What binds its code goes on; nobody picks it anew.
#[utoipa::path(post, path = "/v1/releases/yank", request_body = Yank, responses((status = 200, body = Release), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem), (status = 429, body = Problem)))]
pub async fn yank(State(node): State<Node>, body: Result<Json<Yank>, JsonRejection>) -> Result<Json<Release>, Problem> {
    let Json(yank) = body?;
    blocking(move || {
        let space = node.spaces().resolve(yank.space.as_deref())?;
        let author = node.identities().resolve(yank.r#as.as_deref())?;
        node.yank(space, author, (&yank.name, &yank.version), &yank.reason)
    })
    .await
    .map(Json)
}

/// Signs a package in the name of an identity of this machine. Body and answer are the package.
#[utoipa::path(post, path = "/v1/packages/sign", params(Signing), request_body(content = Vec<u8>, content_type = "application/wasm"), responses((status = 200, body = Vec<u8>, content_type = "application/wasm"), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn sign(
    State(node): State<Node>,
    signing: Result<Query<Signing>, QueryRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Result<impl IntoResponse, Problem> {
    let (Query(signing), body) = (signing?, body?);
    let signed = blocking(move || {
        let by = node.identities().resolve(signing.r#as.as_deref())?;
        node.sign_package(&body, &by)
    });
    Ok(([(header::CONTENT_TYPE, "application/wasm")], signed.await?))
}

/// What a module would say of the records that a slot's type has, before it is bound there.
#[utoipa::path(post, path = "/v1/spaces/{space}/rehearsals", params(("space" = String, Path)), request_body = NewSlot, responses((status = 200, body = Rehearsal), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn rehearse(
    State(node): State<Node>,
    Path(space): Path<String>,
    body: Result<Json<NewSlot>, JsonRejection>,
) -> Result<Json<Rehearsal>, Problem> {
    let Json(new) = body?;
    blocking(move || {
        let space = node.spaces().resolve(Some(&space))?;
        let binding = new.binding(&node, &space)?;
        node.rehearse(&space, binding)
    })
    .await
    .map(Json)
}
