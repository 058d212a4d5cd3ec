//! Acts on an identity: root events, grants, revocations.

use std::collections::BTreeSet;

use atlas_record::EventId;
use atlas_record::id::PublicKey;
use atlas_record::identity::{Rate, RequestKind};
use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};

use super::{Path, Problem, blocking, parse};
use crate::error::NodeError;
use crate::identities::{Changes, KeepUntil, NewGrant};
use crate::node::Node;

/// A stand-in for a name that was left out: no entry can be called so.
pub(super) fn named(name: &str) -> Option<&str> {
    (name != "-").then_some(name)
}

/// What was signed.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Signed {
    /// The id of the event, grant or revocation.
    id: String,
    /// A line for `atlas id import` on another machine: what is public of the identity now.
    line: String,
}

fn signed(node: &Node, name: &str, id: impl ToString) -> Result<Signed, NodeError> {
    let (_, identity) = node.own(named(name))?;
    Ok(Signed { id: id.to_string(), line: node.public_line(&identity)? })
}

/// Keys of which some number must sign.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeySetRequest {
    /// Public keys; none removes the set.
    keys: Vec<String>,
    /// How many of them must sign.
    threshold: u64,
}

/// What a rotation or a recovery changes beside the root keys.
#[derive(Deserialize, Default, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RootChange {
    /// The recovery set from now on.
    recovery: Option<KeySetRequest>,
    /// The witnesses from now on.
    witnesses: Option<KeySetRequest>,
    /// An event beside which this one is put, to nullify it where witnesses attest it in time.
    instead_of: Option<String>,
    /// For a recovery: the identity's id.
    identity: Option<String>,
}

impl RootChange {
    fn changes(&self) -> Result<Changes, NodeError> {
        let set = |set: &Option<KeySetRequest>| -> Result<Option<(Vec<PublicKey>, u64)>, NodeError> {
            let Some(set) = set else { return Ok(None) };
            let keys = set.keys.iter().map(|key| parse(key)).collect::<Result<_, NodeError>>()?;
            Ok(Some((keys, set.threshold)))
        };
        Ok(Changes {
            recovery: set(&self.recovery)?,
            witnesses: set(&self.witnesses)?,
            instead_of: self.instead_of.as_deref().map(parse::<EventId>).transpose()?,
        })
    }
}

/// Replaces the root keys by those that were committed to, and commits to new ones.
#[utoipa::path(post, path = "/v1/identities/{name}/rotate", params(("name" = String, Path)), request_body = RootChange, responses((status = 200, body = Signed), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem), (status = 423, body = Problem)))]
pub async fn rotate(
    State(node): State<Node>,
    Path(name): Path<String>,
    body: Result<Json<RootChange>, JsonRejection>,
) -> Result<Json<Signed>, Problem> {
    let Json(change) = body?;
    blocking(move || {
        let id = node.rotate(named(&name), change.changes()?)?;
        signed(&node, &name, id)
    })
    .await
    .map(Json)
}

/// Takes an identity back with the recovery keys of this machine; its new root keys are kept
/// under this name.
#[utoipa::path(post, path = "/v1/identities/{name}/recover", params(("name" = String, Path)), request_body = RootChange, responses((status = 200, body = Signed), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem), (status = 423, body = Problem)))]
pub async fn recover(
    State(node): State<Node>,
    Path(name): Path<String>,
    body: Result<Json<RootChange>, JsonRejection>,
) -> Result<Json<Signed>, Problem> {
    let Json(change) = body?;
    blocking(move || {
        let identity = node.identities().identity(change.identity.as_deref().unwrap_or(&name))?;
        let id = node.recover(identity, &name, change.changes()?)?;
        let now = node
            .identity(&identity)?
            .ok_or_else(|| NodeError::missing("identity", identity, "import its bundle again"))?;
        Ok(Signed { id: id.to_string(), line: node.public_line(&now)? })
    })
    .await
    .map(Json)
}

/// Ends an identity for good. What its devices signed until now stays.
#[utoipa::path(post, path = "/v1/identities/{name}/close", params(("name" = String, Path)), responses((status = 200, body = Signed), (status = 401, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem), (status = 423, body = Problem)))]
pub async fn close(State(node): State<Node>, Path(name): Path<String>) -> Result<Json<Signed>, Problem> {
    blocking(move || {
        let id = node.close_identity(named(&name))?;
        signed(&node, &name, id)
    })
    .await
    .map(Json)
}

/// A device to add.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDevice {
    /// The line by which it asks; left out, this machine becomes a device.
    request: Option<String>,
}

/// Lets a key sign records for an identity.
#[utoipa::path(post, path = "/v1/identities/{name}/devices", params(("name" = String, Path)), request_body = NewDevice, responses((status = 200, body = Signed), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem), (status = 423, body = Problem)))]
pub async fn add_device(
    State(node): State<Node>,
    Path(name): Path<String>,
    body: Result<Json<NewDevice>, JsonRejection>,
) -> Result<Json<Signed>, Problem> {
    let Json(new) = body?;
    blocking(move || {
        let id = match &new.request {
            None => {
                node.add_this_device(named(&name))?;
                node.own(named(&name))?.1.log().state().head
            }
            Some(text) => {
                let request = node.find_request(text)?;
                if request.kind != RequestKind::Device {
                    return Err(NodeError::Misuse("this is an app's request: answer it with `atlas id grant`".into()));
                }
                node.add_device(named(&name), request.key)?
            }
        };
        signed(&node, &name, id)
    })
    .await
    .map(Json)
}

/// How much stays.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub struct Keeping {
    /// What was created before then stays. Milliseconds since the Unix epoch; all that this node
    /// has seen if left out.
    keep_until: Option<u64>,
    /// Nothing stays.
    #[serde(default)]
    keep_nothing: bool,
}

fn until(time: Option<u64>, nothing: bool) -> KeepUntil {
    match (time, nothing) {
        (_, true) => KeepUntil::Nothing,
        (Some(time), false) => KeepUntil::Time(time),
        (None, false) => KeepUntil::Now,
    }
}

/// Ends a device for good.
#[utoipa::path(delete, path = "/v1/identities/{name}/devices/{key}", params(("name" = String, Path), ("key" = String, Path), Keeping), responses((status = 200, body = Signed), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem), (status = 423, body = Problem)))]
pub async fn remove_device(
    State(node): State<Node>,
    Path((name, key)): Path<(String, String)>,
    keeping: Result<Query<Keeping>, QueryRejection>,
) -> Result<Json<Signed>, Problem> {
    let Query(keeping) = keeping?;
    blocking(move || {
        let id = node.remove_device(named(&name), parse(&key)?, until(keeping.keep_until, keeping.keep_nothing))?;
        signed(&node, &name, id)
    })
    .await
    .map(Json)
}

/// How often a key may write.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RateRequest {
    /// Records.
    records: u64,
    /// In any stretch of this many milliseconds.
    per_ms: u64,
}

/// A grant to sign.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGrantRequest {
    /// An app's request, or the name of an app on this machine.
    to: String,
    /// Types; what the request asks for if left out.
    types: Option<Vec<String>>,
    /// Actions; what the request asks for if left out.
    actions: Option<Vec<String>>,
    /// Spaces, by name or id; the only one here if left out.
    spaces: Option<Vec<String>>,
    /// A named scope set (a record of type `atlas.scope`) to take types and actions from.
    scope: Option<String>,
    /// From when. Milliseconds since the Unix epoch.
    not_before: Option<u64>,
    /// Until when. Milliseconds since the Unix epoch.
    expires: Option<u64>,
    /// How many times it can be passed on.
    #[serde(default)]
    depth: u64,
    /// How often it may write.
    rate: Option<RateRequest>,
    /// Whether to sign; otherwise only the words are given.
    #[serde(default)]
    sign: bool,
}

/// A grant, in words and signed.
#[derive(Serialize, utoipa::ToSchema)]
pub struct GrantAnswer {
    /// What it allows, a line each.
    words: Vec<String>,
    /// Its id, if it was signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// A line for `atlas id import` where the app is, if it was signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<String>,
}

fn texts<T: std::str::FromStr<Err: std::fmt::Display> + Ord>(list: &[String]) -> Result<BTreeSet<T>, NodeError> {
    list.iter().map(|text| parse(text)).collect()
}

/// Lets an app's key act in an identity's name, within a scope.
#[utoipa::path(post, path = "/v1/identities/{name}/grants", params(("name" = String, Path)), request_body = NewGrantRequest, responses((status = 200, body = GrantAnswer), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem), (status = 423, body = Problem)))]
pub async fn grant(
    State(node): State<Node>,
    Path(name): Path<String>,
    body: Result<Json<NewGrantRequest>, JsonRejection>,
) -> Result<Json<GrantAnswer>, Problem> {
    let Json(new) = body?;
    blocking(move || {
        let request = node.find_request(&new.to)?;
        if request.kind != RequestKind::App {
            return Err(NodeError::Misuse("this is a device's request: answer it with `atlas id device add`".into()));
        }
        let issuer = node.identities().resolve(named(&name))?;
        let named_set = new.scope.as_deref().map(|text| node.scope_set(text)).transpose()?;
        let (mut types, mut actions) =
            named_set.unwrap_or_else(|| (request.asks.types.clone(), request.asks.actions.clone()));
        if let Some(list) = &new.types {
            types = texts(list)?;
        }
        if let Some(list) = &new.actions {
            actions = texts(list)?;
        }
        let spaces = match &new.spaces {
            Some(list) => {
                list.iter().map(|text| Ok(node.spaces().resolve(Some(text))?.id)).collect::<Result<_, NodeError>>()?
            }
            None => [node.spaces().resolve(None)?.id].into(),
        };
        let grant = NewGrant {
            audience: request.key,
            label: request.label,
            types,
            actions,
            spaces,
            not_before: new.not_before,
            expires: new.expires,
            depth: new.depth,
            rate: new.rate.as_ref().map(|rate| Rate { records: rate.records, per_ms: rate.per_ms }),
        };
        let grant = node.plan_grant(&issuer, grant, crate::clock::now())?;
        let words = node.grant_words(&grant);
        if !new.sign {
            return Ok(GrantAnswer { words, id: None, line: None });
        }
        let signed = node.grant(&issuer, &grant)?;
        let identity = node
            .identity(&grant.identity)?
            .ok_or_else(|| NodeError::missing("identity", grant.identity, "import its bundle again"))?;
        Ok(GrantAnswer { words, id: Some(signed.id().to_string()), line: Some(node.public_line(&identity)?) })
    })
    .await
    .map(Json)
}

/// Something to end.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRevocation {
    /// An app's name, a key, or a grant's id.
    target: String,
    /// What was created before then stays; all that this node has seen if left out.
    keep_until: Option<u64>,
    /// Nothing stays.
    #[serde(default)]
    keep_nothing: bool,
    /// Why, in a sentence that everyone can read.
    #[serde(default)]
    reason: String,
}

/// Ends what was granted.
#[utoipa::path(post, path = "/v1/identities/{name}/revocations", params(("name" = String, Path)), request_body = NewRevocation, responses((status = 200, body = Signed), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem), (status = 423, body = Problem)))]
pub async fn revoke(
    State(node): State<Node>,
    Path(name): Path<String>,
    body: Result<Json<NewRevocation>, JsonRejection>,
) -> Result<Json<Signed>, Problem> {
    let Json(new) = body?;
    blocking(move || {
        let issuer = node.identities().resolve(named(&name))?;
        let author = match issuer.identity {
            Some(id) => id,
            None => node.people().granted_to(&issuer.key())?.first().map(|(id, _)| *id).ok_or_else(|| {
                NodeError::Misuse(format!("`{}` was granted nothing, so it has passed nothing on", issuer.name))
            })?,
        };
        let identity =
            node.identity(&author)?.ok_or_else(|| NodeError::missing("identity", author, "import its bundle again"))?;
        let target = node.find_target(&identity, &new.target)?;
        let id = node.revoke(&issuer, &identity, target, until(new.keep_until, new.keep_nothing), &new.reason)?;
        let identity = node.identity(&author)?.unwrap_or(identity);
        Ok(Signed { id: id.to_string(), line: node.public_line(&identity)? })
    })
    .await
    .map(Json)
}
