//! Spaces that come from elsewhere and go elsewhere: invitations, joining, members.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use serde::{Deserialize, Serialize};

use super::{Path, Problem, blocking, parse};
use crate::net::invite::Invite;
use crate::node::Node;

/// An invitation.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Invitation {
    /// One line, for `atlas space join`.
    line: String,
    /// The space.
    space: String,
    /// Addresses of this node in it. None if it is not on the network.
    peers: Vec<String>,
}

/// An invitation to a space: who has it can ask this node for it. For a private space it lets nobody in
/// who is no member.
#[utoipa::path(get, path = "/v1/spaces/{space}/invite", params(("space" = String, Path)), responses((status = 200, body = Invitation), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn invite(State(node): State<Node>, Path(space): Path<String>) -> Result<Json<Invitation>, Problem> {
    let invite = blocking(move || node.invite(Some(&space))).await?;
    Ok(Json(Invitation { line: invite.to_string(), space: invite.space.to_string(), peers: invite.peers }))
}

/// A space to join.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct Join {
    /// An invitation, or a space's id.
    invite: String,
    /// What to call it here; as its founder calls it if left out.
    name: Option<String>,
    /// The types to keep; all of them if left out.
    types: Option<Vec<String>>,
    /// Who shows that this node may be in a private space, by local name.
    #[serde(rename = "as")]
    member: Option<String>,
}

/// A space that is on its way.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Joining {
    /// The space.
    space: String,
    /// Its name here, once it has come.
    name: Option<String>,
    /// Whether this node is on the network, so that it can come.
    online: bool,
}

/// Follows an invitation. The space comes once a peer that has it is reached; `GET /v1/peers` tells how far it is.
#[utoipa::path(post, path = "/v1/joined", request_body = Join, responses((status = 200, body = Joining), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn join(State(node): State<Node>, body: Result<Json<Join>, JsonRejection>) -> Result<Json<Joining>, Problem> {
    let Json(join) = body?;
    blocking(move || {
        let invite: Invite = parse(&join.invite)?;
        let types = join.types.map(|types| types.iter().map(|name| parse(name)).collect::<Result<Vec<_>, _>>());
        node.join(&invite, join.name, types.transpose()?, join.member)?;
        Ok(Joining {
            space: invite.space.to_string(),
            name: node.spaces().get(&invite.space).map(|space| space.name.clone()),
            online: node.net().is_some(),
        })
    })
    .await
    .map(Json)
}

/// A space that was left.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Left {
    /// The space.
    space: String,
    /// Its name here, where what came of it stays; none if it had not come yet.
    name: Option<String>,
}

/// Leaves a space: nothing of it is exchanged with peers any more. What is here stays and can be asked; joining it
/// again goes on from there. One that has not come yet is awaited no more.
#[utoipa::path(delete, path = "/v1/joined/{space}", params(("space" = String, Path, description = "its name or id")), responses((status = 200, body = Left), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn leave(State(node): State<Node>, Path(space): Path<String>) -> Result<Json<Left>, Problem> {
    let (space, name) = blocking(move || node.leave(&space)).await?;
    Ok(Json(Left { space: space.to_string(), name }))
}

/// Members of a private space.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Members {
    /// Whether only members may know of the space.
    private: bool,
    /// Their ids. The founder and the recorders are members whether they are listed or not.
    members: Vec<String>,
}

/// A change of who is a member.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct NewMembers {
    /// Identities to list, by local name or id.
    #[serde(default)]
    add: Vec<String>,
    /// Identities to list no more. They keep what they have.
    #[serde(default)]
    remove: Vec<String>,
    /// The founder, by name or id; the only identity here if left out.
    #[serde(rename = "as")]
    founder: Option<String>,
}

/// Who is a member of a space.
#[utoipa::path(get, path = "/v1/spaces/{space}/members", params(("space" = String, Path)), responses((status = 200, body = Members), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn members(State(node): State<Node>, Path(space): Path<String>) -> Result<Json<Members>, Problem> {
    blocking(move || {
        let space = node.spaces().resolve(Some(&space))?;
        Ok(listed(&space))
    })
    .await
    .map(Json)
}

fn listed(space: &crate::spaces::Space) -> Members {
    let (_, constitution) = space.current();
    Members {
        private: crate::net::membership::is_private(constitution),
        members: crate::net::membership::members(constitution).iter().map(ToString::to_string).collect(),
    }
}

/// Changes who is a member, by a new constitution.
#[utoipa::path(post, path = "/v1/spaces/{space}/members", params(("space" = String, Path)), request_body = NewMembers, responses((status = 200, body = Members), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn set_members(
    State(node): State<Node>,
    Path(space): Path<String>,
    body: Result<Json<NewMembers>, JsonRejection>,
) -> Result<Json<Members>, Problem> {
    let Json(new) = body?;
    blocking(move || {
        let space = node.spaces().resolve(Some(&space))?;
        let founder = node.identities().resolve(new.founder.as_deref())?;
        let ids =
            |names: &[String]| names.iter().map(|name| node.identities().identity(name)).collect::<Result<Vec<_>, _>>();
        let (add, remove) = (ids(&new.add)?, ids(&new.remove)?);
        Ok(listed(&*node.change_members(&space, &founder, &add, &remove)?))
    })
    .await
    .map(Json)
}
