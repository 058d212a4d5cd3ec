//! Keys on this machine, and what is known of the identities that they belong to.

use atlas_keys::{EntryInfo, Kind, Role};
use atlas_record::identity::Asks;
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use serde::{Deserialize, Serialize};

use super::{Path, Problem, blocking, parse};
use crate::authority::when;
use crate::error::NodeError;
use crate::identities::Chapter;
use crate::node::Node;

/// Keys of this machine, without their secrets, which never leave the node unsealed.
#[derive(Serialize, utoipa::ToSchema)]
pub struct IdentityView {
    /// What it is called on this machine.
    name: String,
    /// `identity` or `app`.
    kind: &'static str,
    /// The identity's id; absent for apps, and for a device that was not added yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// When the identity was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<u64>,
    /// Its root keys.
    root: Vec<String>,
    /// How many of them must sign.
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<u64>,
    /// Keys that sign records for it.
    devices: Vec<String>,
    /// The key of this machine that signs records.
    #[serde(skip_serializing_if = "Option::is_none")]
    this_device: Option<String>,
    /// Public keys whose secrets are here, by role.
    keys: Vec<KeyView>,
    /// The line by which it asks for a grant, or to be a device.
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<String>,
    /// Why it is in doubt, where its log is.
    #[serde(skip_serializing_if = "Option::is_none")]
    disputed: Option<String>,
    /// What was granted to it, for apps.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    granted: Vec<GrantedView>,
    /// Everything that happened to it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    story: Vec<Chapter>,
}

/// A key whose secret is here.
#[derive(Serialize, utoipa::ToSchema)]
pub struct KeyView {
    /// `root`, `next-root`, `device`, `app` or `recovery`.
    role: &'static str,
    /// The public half.
    key: String,
}

/// A grant to an app.
#[derive(Serialize, utoipa::ToSchema)]
pub struct GrantedView {
    /// Its id.
    id: String,
    /// Who granted.
    by: String,
    /// What it allows, a line each.
    words: Vec<String>,
    /// Until when. Milliseconds since the Unix epoch.
    expires: u64,
    /// Why it does not hold, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<String>,
}

impl IdentityView {
    fn of(node: &Node, entry: EntryInfo, whole: bool) -> Result<Self, NodeError> {
        let role = if entry.kind == Kind::App { Role::App } else { Role::Device };
        let identity = match entry.identity.filter(|_| entry.kind == Kind::Identity) {
            Some(id) => node.identity(&id)?,
            None => None,
        };
        let mut view = Self {
            kind: if entry.kind == Kind::App { "app" } else { "identity" },
            id: entry.identity.filter(|_| entry.kind == Kind::Identity).map(|id| id.to_string()),
            created: None,
            root: Vec::new(),
            threshold: None,
            devices: Vec::new(),
            this_device: entry.in_role(role).next().map(|key| key.to_string()),
            keys: entry.keys.iter().map(|it| KeyView { role: it.role.as_str(), key: it.key.to_string() }).collect(),
            request: node.request_of(&entry.name)?.filter(|_| identity.is_none()),
            disputed: None,
            granted: Vec::new(),
            story: Vec::new(),
            name: entry.name.clone(),
        };
        if let Some(identity) = identity {
            let log = identity.log();
            let root = &log.establishment().root;
            view.created = log.events().first().map(|genesis| genesis.event().created);
            view.root = root.keys.iter().map(ToString::to_string).collect();
            view.threshold = Some(root.threshold);
            let active = log.state().devices.iter().filter(|(_, device)| device.removed.is_none());
            view.devices = active.map(|(key, _)| key.to_string()).collect();
            view.devices.sort();
            view.disputed = log.duplicity().map(|dispute| {
                let count = dispute.successors.len();
                format!("{count} events follow event {}: keys may be stolen", dispute.after)
            });
            if whole {
                view.story = node.story(&identity)?;
            }
        }
        if entry.kind == Kind::App {
            for key in entry.in_role(Role::App) {
                for (author, id) in node.people().granted_to(&key)? {
                    let Some(identity) = node.identity(&author)? else { continue };
                    let Some(grant) = identity.grant(&id).map(|signed| signed.statement()) else { continue };
                    let cause = identity.causes(&key, Some(&id));
                    let ended = cause.first().map(|cause| node.explain(&identity, cause));
                    let expired = (grant.scope.expires <= crate::clock::now())
                        .then(|| format!("expired on {}", when(grant.scope.expires)));
                    view.granted.push(GrantedView {
                        id: id.to_string(),
                        by: author.to_string(),
                        words: node.grant_words(grant),
                        expires: grant.scope.expires,
                        ended: ended.or(expired),
                    });
                }
            }
        }
        Ok(view)
    }
}

/// Keys to make.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewIdentity {
    /// What to call them on this machine.
    name: String,
    /// `identity` (the default), `app`, `device` (for an identity whose root keys are elsewhere)
    /// or `recovery` (to stand in someone's recovery set).
    kind: Option<String>,
    /// For an app: the types that it asks for.
    #[serde(default)]
    types: Vec<String>,
    /// For an app: the actions that it asks for.
    #[serde(default)]
    actions: Vec<String>,
}

/// Keys on this machine.
#[utoipa::path(get, path = "/v1/identities", responses((status = 200, body = Vec<IdentityView>), (status = 401, body = Problem)))]
pub async fn list(State(node): State<Node>) -> Result<Json<Vec<IdentityView>>, Problem> {
    blocking(move || node.identities().all().into_iter().map(|entry| IdentityView::of(&node, entry, false)).collect())
        .await
        .map(Json)
}

/// Makes keys: an identity (a root key, its successor, a device key), an app, a device or a
/// recovery key.
#[utoipa::path(post, path = "/v1/identities", request_body = NewIdentity, responses((status = 200, body = IdentityView), (status = 400, body = Problem), (status = 401, body = Problem), (status = 409, body = Problem), (status = 423, body = Problem)))]
pub async fn create(
    State(node): State<Node>,
    body: Result<Json<NewIdentity>, JsonRejection>,
) -> Result<Json<IdentityView>, Problem> {
    let Json(new) = body?;
    blocking(move || {
        let now = crate::clock::now();
        match new.kind.as_deref().unwrap_or("identity") {
            "identity" => drop(node.create_identity(&new.name, now)?),
            "app" => {
                let asks = Asks {
                    types: new.types.iter().map(|text| parse(text)).collect::<Result<_, _>>()?,
                    actions: new.actions.iter().map(|text| parse(text)).collect::<Result<_, _>>()?,
                };
                node.create_app(&new.name, asks, now)?;
            }
            "device" => drop(node.create_device(&new.name, now)?),
            "recovery" => drop(node.create_recovery(&new.name)?),
            other => {
                let text = format!("`{other}` is no kind of keys: say identity, app, device or recovery");
                return Err(NodeError::Misuse(text));
            }
        }
        IdentityView::of(&node, node.identities().entry(Some(&new.name))?, true)
    })
    .await
    .map(Json)
}

/// One entry, by its name on this machine or its identity's id, with its whole story.
#[utoipa::path(get, path = "/v1/identities/{name}", params(("name" = String, Path)), responses((status = 200, body = IdentityView), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn show(State(node): State<Node>, Path(name): Path<String>) -> Result<Json<IdentityView>, Problem> {
    // A stand-in for a name that was left out: no entry can be called so.
    let name = (name != "-").then_some(name);
    blocking(move || IdentityView::of(&node, node.identities().entry(name.as_deref())?, true)).await.map(Json)
}
