//! Spaces and what they bind.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

use super::{Path, Problem, blocking, parse};
use crate::describe::TypeLine;
use crate::error::NodeError;
use crate::node::{NewBinding, Node, parse_type_binding};
use crate::spaces::Space;

/// A space and the constitution in force.
#[derive(Serialize, utoipa::ToSchema)]
pub struct SpaceView {
    /// Its name on this node.
    name: String,
    /// Its id.
    id: String,
    /// The founder's id.
    founder: String,
    /// The founder's name, if it is an identity of this machine.
    founder_name: Option<String>,
    /// When it was founded.
    created: u64,
    /// The constitution in force.
    constitution: String,
    /// How often the constitution was amended.
    amendments: u64,
    /// Who decides: `founder` until a governance module is bound.
    governance: String,
    /// Whether only its members may know of it.
    private: bool,
    /// Whether this node has left it: what is here stays, and nothing is exchanged with peers.
    left: bool,
    /// What is bound, by slot.
    slots: BTreeMap<String, BindingView>,
    /// The types, each in a line.
    types: Vec<TypeLine>,
}

/// What a slot is bound to.
#[derive(Serialize, utoipa::ToSchema)]
struct BindingView {
    /// The module's name on this node, if it has one.
    module: Option<String>,
    /// BLAKE3 of the component.
    code: String,
    /// BLAKE3 of the config.
    config: Option<String>,
    /// The fuel schedule.
    meter: String,
    /// Fuel for one record.
    fuel: u64,
    /// Bytes of memory.
    memory: u64,
    /// Laws of its role that it was seen to break, when it came from a peer.
    broken_laws: Vec<String>,
}

impl SpaceView {
    fn of(node: &Node, space: &Space) -> Result<Self, NodeError> {
        let (id, constitution) = space.current();
        let names = node.modules().names()?;
        let slots = constitution.slots.iter().map(|(slot, binding)| {
            let view = BindingView {
                module: names.get(&binding.code).cloned(),
                code: binding.code.to_string(),
                config: binding.config.map(|config| config.to_string()),
                meter: binding.meter.to_string(),
                fuel: binding.fuel,
                memory: binding.memory,
                broken_laws: node.broken_laws(binding)?,
            };
            Ok((slot.to_string(), view))
        });
        let slots = slots.collect::<Result<BTreeMap<_, _>, NodeError>>()?;
        Ok(Self {
            name: space.name.clone(),
            id: space.id.to_string(),
            founder: space.founder().to_string(),
            founder_name: node.identities().name_of(&space.founder()),
            created: space.genesis.document().created,
            constitution: id.to_string(),
            amendments: space.amendments.len() as u64,
            governance: slots.get("governance").map_or("founder".to_owned(), |binding| binding.code.clone()),
            private: crate::net::membership::is_private(constitution),
            left: node.participations().of(&space.id).left,
            slots,
            types: node.types(space)?,
        })
    }
}

/// A space to found.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct NewSpace {
    /// Its name, here and as a suggestion to others.
    name: String,
    /// The founding identity, by name or id; the only one here if left out.
    #[serde(rename = "as")]
    founder: Option<String>,
    /// `TYPE=MODULE` for each type.
    #[serde(default)]
    types: Vec<String>,
    /// Whether only its members may know of it.
    #[serde(default)]
    private: bool,
}

/// A slot to bind.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct NewSlot {
    /// As `validator:atlas.post`.
    slot: String,
    /// The module, by name or code hash.
    module: String,
    /// Its config, base64. One that takes several documents is a bundle of them.
    config: Option<String>,
    /// The identity that amends, by name or id; the only one here if left out.
    #[serde(rename = "as")]
    founder: Option<String>,
    /// Fuel for one record.
    fuel: Option<u64>,
    /// Bytes of memory.
    memory: Option<u64>,
    /// Whether config, fuel and memory of what is bound there now are kept, as far as they are left out.
    #[serde(default)]
    keep: bool,
}

impl NewSlot {
    /// What is to be bound.
    pub(super) fn binding(self, node: &Node, space: &Space) -> Result<NewBinding, NodeError> {
        let config = self.config.map(|text| {
            BASE64.decode(text.as_bytes()).map_err(|_| NodeError::Misuse("the config is not base64".into()))
        });
        let mut new = NewBinding {
            slot: parse(&self.slot)?,
            module: self.module,
            config: config.transpose()?,
            fuel: self.fuel,
            memory: self.memory,
        };
        if let (true, Some(bound)) = (self.keep, space.current().1.slots.get(&new.slot)) {
            let blob = bound.config.filter(|_| new.config.is_none());
            new.config = match blob {
                Some(id) => node.store().blob(&id)?,
                None => new.config,
            };
            new.fuel = new.fuel.or(Some(bound.fuel));
            new.memory = new.memory.or(Some(bound.memory));
        }
        Ok(new)
    }
}

/// Spaces of this node.
#[utoipa::path(get, path = "/v1/spaces", responses((status = 200, body = Vec<SpaceView>), (status = 401, body = Problem)))]
pub async fn list(State(node): State<Node>) -> Result<Json<Vec<SpaceView>>, Problem> {
    blocking(move || node.spaces().all().iter().map(|space| SpaceView::of(&node, space)).collect()).await.map(Json)
}

/// Founds a space.
#[utoipa::path(post, path = "/v1/spaces", request_body = NewSpace, responses((status = 200, body = SpaceView), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn create(
    State(node): State<Node>,
    body: Result<Json<NewSpace>, JsonRejection>,
) -> Result<Json<SpaceView>, Problem> {
    let Json(new) = body?;
    blocking(move || {
        let founder = node.identities().resolve(new.founder.as_deref())?;
        let bindings = new.types.iter().map(|text| parse_type_binding(text)).collect::<Result<_, _>>()?;
        let space = node.create_space(&new.name, &founder, bindings, new.private)?;
        SpaceView::of(&node, &space)
    })
    .await
    .map(Json)
}

/// One space, by its name on this node or its id.
#[utoipa::path(get, path = "/v1/spaces/{space}", params(("space" = String, Path)), responses((status = 200, body = SpaceView), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn show(State(node): State<Node>, Path(space): Path<String>) -> Result<Json<SpaceView>, Problem> {
    blocking(move || SpaceView::of(&node, &*node.spaces().resolve(Some(&space))?)).await.map(Json)
}

/// Binds a module to a slot, by a new constitution.
#[utoipa::path(post, path = "/v1/spaces/{space}/bindings", params(("space" = String, Path)), request_body = NewSlot, responses((status = 200, body = SpaceView), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn bind(
    State(node): State<Node>,
    Path(space): Path<String>,
    body: Result<Json<NewSlot>, JsonRejection>,
) -> Result<Json<SpaceView>, Problem> {
    let Json(new) = body?;
    blocking(move || {
        let founder = node.identities().resolve(new.founder.as_deref())?;
        let space = node.spaces().resolve(Some(&space))?;
        let binding = new.binding(&node, &space)?;
        SpaceView::of(&node, &*node.bind(&space, &founder, binding)?)
    })
    .await
    .map(Json)
}
