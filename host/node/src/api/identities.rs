//! Identities whose keys are on this machine.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};

use super::{Problem, blocking};
use crate::identities::LocalIdentity;
use crate::node::Node;

/// An identity. Its secrets never leave the node.
#[derive(Serialize, utoipa::ToSchema)]
pub struct IdentityView {
    /// What it is called on this machine.
    name: String,
    /// Its id.
    id: String,
    /// When it was made.
    created: u64,
    /// Its root keys.
    root: Vec<String>,
    /// Keys that may sign records.
    devices: Vec<String>,
    /// The device key on this machine.
    this_device: String,
}

impl IdentityView {
    fn of(local: &LocalIdentity) -> Self {
        let genesis = local.identity.genesis();
        Self {
            name: local.name.clone(),
            id: local.identity.id().to_string(),
            created: genesis.created,
            root: genesis.root.iter().map(ToString::to_string).collect(),
            devices: genesis.devices.iter().map(ToString::to_string).collect(),
            this_device: local.device.public().to_string(),
        }
    }
}

/// An identity to make.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct NewIdentity {
    /// What to call it on this machine.
    name: String,
}

/// Identities whose keys are here.
#[utoipa::path(get, path = "/v1/identities", responses((status = 200, body = Vec<IdentityView>), (status = 401, body = Problem)))]
pub async fn list(State(node): State<Node>) -> Json<Vec<IdentityView>> {
    Json(node.identities().all().iter().map(|local| IdentityView::of(local)).collect())
}

/// Makes an identity: a root key, its successor, and a device key for this machine.
#[utoipa::path(post, path = "/v1/identities", request_body = NewIdentity, responses((status = 200, body = IdentityView), (status = 400, body = Problem), (status = 401, body = Problem), (status = 409, body = Problem)))]
pub async fn create(
    State(node): State<Node>,
    body: Result<Json<NewIdentity>, JsonRejection>,
) -> Result<Json<IdentityView>, Problem> {
    let Json(new) = body?;
    let local = blocking(move || node.identities().create(&new.name, crate::clock::now())).await?;
    Ok(Json(IdentityView::of(&local)))
}

/// One identity, by its name on this machine or its id.
#[utoipa::path(get, path = "/v1/identities/{name}", params(("name" = String, Path)), responses((status = 200, body = IdentityView), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn show(State(node): State<Node>, Path(name): Path<String>) -> Result<Json<IdentityView>, Problem> {
    Ok(Json(IdentityView::of(&*node.identities().resolve(Some(&name))?)))
}
