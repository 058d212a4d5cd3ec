//! Peers: who is connected, and how it goes with each space.

use atlas_net::swarm::{Direction, Reachability};
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use serde::{Deserialize, Serialize};

use super::{Path, Problem, blocking};
use crate::error::NodeError;
use crate::net::{self, Net};
use crate::node::Node;

/// This node's part in the network.
#[derive(Serialize, utoipa::ToSchema)]
pub struct NetworkView {
    /// Its name on the network: that of its node key, which is no identity of a person.
    pub peer: String,
    /// Addresses that others may find it at.
    pub addresses: Vec<String>,
    /// Whether strangers can reach it: `unknown`, `private` or `public`.
    pub reachability: String,
    /// Bytes that came since the start.
    pub bytes_in: u64,
    /// Bytes that went out since the start.
    pub bytes_out: u64,
    /// Bytes that come in a second, over the last ten seconds or so.
    pub bytes_in_per_second: u64,
    /// Bytes that go out in a second, over the last ten seconds or so.
    pub bytes_out_per_second: u64,
    /// The peers.
    pub peers: Vec<PeerView>,
    /// The spaces.
    pub spaces: Vec<SyncView>,
    /// Peers that were left, and may not come back yet.
    pub left: Vec<LeftView>,
}

/// A peer.
#[derive(Serialize, utoipa::ToSchema)]
pub struct PeerView {
    /// Its name.
    pub peer: String,
    /// Where it is, as seen from here.
    pub address: String,
    /// Through a relay: good for finding a direct way, not for data.
    pub relayed: bool,
    /// Whether this node dialed.
    pub dialed: bool,
    /// Seconds since it was connected.
    pub connected_seconds: u64,
    /// Program and version, as it says.
    pub agent: String,
    /// Round trip in milliseconds, once it was measured.
    pub rtt_ms: Option<u64>,
    /// Spaces that both have, by id.
    pub spaces: Vec<String>,
    /// `good`, or `limited` after it misbehaved.
    pub standing: String,
    /// Why it is limited.
    pub reason: Option<String>,
    /// Records and other members of sets that it brought in a second, over the last ten seconds or so.
    pub arrivals_per_second: u64,
    /// Bytes that came from it.
    pub bytes_in: u64,
    /// Bytes that went to it.
    pub bytes_out: u64,
}

/// How far this node is with a space.
#[derive(Serialize, utoipa::ToSchema)]
pub struct SyncView {
    /// Its id.
    pub space: String,
    /// Its name here; none while it is being joined.
    pub name: Option<String>,
    /// `alone`, `joining`, `fetching`, `comparing` or `in-sync`.
    pub state: String,
    /// Peers that share it.
    pub peers: u64,
    /// Of these, those whose sets were the same when they were last compared.
    pub in_sync_with: u64,
    /// Members of its sets that are known to be lacking here.
    pub wanted: u64,
    /// When it was last compared with a peer, in milliseconds since the Unix epoch.
    pub compared: Option<u64>,
    /// What went wrong when it was last compared, if anything did.
    pub trouble: Option<String>,
}

/// A peer that was left.
#[derive(Serialize, utoipa::ToSchema)]
pub struct LeftView {
    /// Its name.
    pub peer: String,
    /// Why.
    pub reason: String,
    /// When it may come back, in milliseconds since the Unix epoch; never, if an operator blocked it.
    pub until: Option<u64>,
}

/// The network as it is now; none if this node takes no part in it.
pub async fn view(node: &Node) -> Result<Option<NetworkView>, NodeError> {
    let Some(net) = node.net() else { return Ok(None) };
    let status = net.status().await?;
    let network = net.network();
    let traffic = network.traffic();
    let connected = network.peers();
    let now = std::time::SystemTime::now();
    let peers = connected.iter().map(|peer| {
        let known = status.peers.get(&peer.peer);
        PeerView {
            peer: peer.peer.to_string(),
            address: peer.addr.to_string(),
            relayed: peer.relayed,
            dialed: matches!(peer.direction, Direction::Out),
            connected_seconds: now.duration_since(peer.since).unwrap_or_default().as_secs(),
            agent: peer.agent.clone().unwrap_or_default(),
            rtt_ms: peer.rtt.map(|rtt| u64::try_from(rtt.as_millis()).unwrap_or(u64::MAX)),
            spaces: known.map(|it| it.spaces.iter().map(ToString::to_string).collect()).unwrap_or_default(),
            standing: known.map_or("good".to_owned(), |it| it.standing.clone()),
            reason: known.and_then(|it| it.reason.clone()),
            arrivals_per_second: known.map_or(0, |it| it.arrivals.round() as u64),
            bytes_in: peer.traffic.0,
            bytes_out: peer.traffic.1,
        }
    });
    let spaces = status.spaces.iter().map(|(id, sync)| SyncView {
        space: id.to_string(),
        name: node.spaces().get(id).map(|space| space.name.clone()),
        state: if node.spaces().get(id).is_none() { "joining".to_owned() } else { sync.state().to_owned() },
        peers: sync.peers as u64,
        in_sync_with: sync.in_sync_with as u64,
        wanted: sync.wanted as u64,
        compared: sync.compared,
        trouble: sync.trouble.clone(),
    });
    let left = status.left.iter().map(|left| LeftView {
        peer: left.peer.to_string(),
        reason: left.reason.clone(),
        until: Some(left.until),
    });
    let blocked = node.blocked()?.into_iter().map(|peer| LeftView {
        peer: peer.to_string(),
        reason: "blocked by the operator".to_owned(),
        until: None,
    });
    Ok(Some(NetworkView {
        peer: net.peer_id().to_string(),
        addresses: net.addresses().iter().map(ToString::to_string).collect(),
        reachability: reachability(network.reachability()).to_owned(),
        bytes_in: traffic.received,
        bytes_out: traffic.sent,
        bytes_in_per_second: status.rates.received,
        bytes_out_per_second: status.rates.sent,
        peers: peers.collect(),
        spaces: spaces.collect(),
        left: left.chain(blocked).collect(),
    }))
}

fn reachability(it: Reachability) -> &'static str {
    match it {
        Reachability::Unknown => "unknown",
        Reachability::Private => "private",
        Reachability::Public => "public",
    }
}

fn running(node: &Node) -> Result<&Net, NodeError> {
    node.net().ok_or_else(|| {
        NodeError::Unavailable(
            "this node is not on the network: start it with `atlas up`, and without --offline".to_owned(),
        )
    })
}

/// This node, its peers and its spaces on the network.
#[utoipa::path(get, path = "/v1/peers", responses((status = 200, body = NetworkView), (status = 401, body = Problem), (status = 503, body = Problem)))]
pub async fn list(State(node): State<Node>) -> Result<Json<NetworkView>, Problem> {
    running(&node)?;
    let view = view(&node).await?;
    Ok(Json(view.ok_or_else(|| NodeError::Unavailable("the network has just stopped".to_owned()))?))
}

/// A peer to connect to.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct NewPeer {
    /// A multiaddr, as /ip4/192.0.2.1/tcp/7421, with `/p2p/` and the peer's name if that is known.
    address: String,
}

/// A peer.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Connected {
    /// Its name.
    peer: String,
}

/// Connects to a peer now, and remembers its address.
#[utoipa::path(post, path = "/v1/peers", request_body = NewPeer, responses((status = 200, body = Connected), (status = 400, body = Problem), (status = 401, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)))]
pub async fn add(
    State(node): State<Node>,
    body: Result<Json<NewPeer>, JsonRejection>,
) -> Result<Json<Connected>, Problem> {
    let Json(new) = body?;
    if new.address.is_empty() {
        return Err(
            NodeError::Misuse("an empty address leads nowhere: give one as /ip4/192.0.2.1/tcp/7421".into()).into()
        );
    }
    let address = net::address(&new.address)?;
    let peer = running(&node)?.connect(address).await?;
    Ok(Json(Connected { peer: peer.to_string() }))
}

/// Leaves a peer and lets it in no more, until it is unblocked.
#[utoipa::path(put, path = "/v1/peers/{peer}/block", params(("peer" = String, Path, description = "its name")), responses((status = 204), (status = 400, body = Problem), (status = 401, body = Problem), (status = 503, body = Problem)))]
pub async fn block(State(node): State<Node>, Path(peer): Path<String>) -> Result<axum::http::StatusCode, Problem> {
    set_blocked(node, peer, true).await
}

/// Lets a peer in again that was blocked.
#[utoipa::path(delete, path = "/v1/peers/{peer}/block", params(("peer" = String, Path, description = "its name")), responses((status = 204), (status = 400, body = Problem), (status = 401, body = Problem), (status = 503, body = Problem)))]
pub async fn unblock(State(node): State<Node>, Path(peer): Path<String>) -> Result<axum::http::StatusCode, Problem> {
    set_blocked(node, peer, false).await
}

async fn set_blocked(node: Node, peer: String, blocked: bool) -> Result<axum::http::StatusCode, Problem> {
    let peer = net::peer(&peer)?;
    running(&node)?;
    blocking(move || node.set_blocked(peer, blocked)).await?;
    Ok(axum::http::StatusCode::NO_CONTENT)
}
