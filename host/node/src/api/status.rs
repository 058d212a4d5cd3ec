//! How the node is.

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::peers::{self, NetworkView};
use super::{Problem, blocking};
use crate::doctor::Diagnosis;
use crate::error::NodeError;
use crate::node::Node;

/// The node in figures.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Status {
    /// Version of the program.
    version: &'static str,
    /// Where the data is.
    dir: String,
    /// Seconds since the node was opened.
    uptime_seconds: u64,
    /// Resident memory in bytes, where the system tells.
    memory_bytes: Option<u64>,
    /// Identities whose keys are here.
    identities: Vec<String>,
    /// The spaces.
    spaces: Vec<SpaceStatus>,
    /// The store.
    store: StoreStatus,
    /// The index for full text; absent until it is first needed.
    text: Option<TextView>,
    /// Live queries under way.
    live: usize,
    /// This node on the network; absent if it is not.
    network: Option<NetworkView>,
    /// The modules that run.
    modules: Vec<ModuleStatus>,
    /// How module instances get their memory: `pooling`, `on-demand` or `frugal`.
    allocation: &'static str,
    /// Modules in quarantine.
    quarantined: usize,
}

/// A space in figures.
#[derive(Serialize, utoipa::ToSchema)]
struct SpaceStatus {
    /// Its name on this node.
    name: String,
    /// Its id.
    id: String,
    /// Records that queries show.
    records: u64,
    /// Headers of the replicated set.
    headers: u64,
    /// Bytes of bodies.
    body_bytes: u64,
    /// By type.
    types: Vec<TypeStatus>,
}

/// A type in figures.
#[derive(Serialize, utoipa::ToSchema)]
struct TypeStatus {
    /// The type.
    #[serde(rename = "type")]
    type_name: String,
    /// Records that queries show.
    records: u64,
    /// Headers of the replicated set.
    headers: u64,
}

/// The store in figures.
#[derive(Serialize, utoipa::ToSchema)]
struct StoreStatus {
    /// Records ever stored: the watermark.
    watermark: u64,
    /// Bytes on disk, blob files aside.
    disk_bytes: u64,
    /// Blobs.
    blobs: u64,
    /// Bytes of blobs.
    blob_bytes: u64,
    /// Records that wait to be admitted.
    parked: u64,
    /// Records that wait to be judged.
    pending: u64,
    /// Records refused because too much waits.
    refused: u64,
    /// Microseconds that the last commit took.
    last_commit_us: u64,
    /// Microseconds of the longest commit.
    longest_commit_us: u64,
}

/// The index for full text in figures.
#[derive(Serialize, utoipa::ToSchema)]
struct TextView {
    /// Every record up to this number was looked at.
    watermark: u64,
    /// Records in it.
    documents: u64,
    /// What keeps it from following, if anything does.
    failure: Option<String>,
}

/// A running module in figures.
#[derive(Serialize, utoipa::ToSchema)]
struct ModuleStatus {
    /// What it calls itself.
    module: String,
    /// Its version.
    version: String,
    /// Its code.
    code: String,
    /// Records judged.
    records: u64,
    /// Traps.
    traps: u64,
    /// Host faults.
    faults: u64,
    /// Verdicts that were checked against a fresh instance.
    probes: u64,
    /// Microseconds spent in it.
    time_us: u64,
}

/// Resident memory of this process.
fn resident() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(statm.split(' ').nth(1)?.parse::<u64>().ok()? * 4096)
}

fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// The node, its spaces and its modules in figures.
#[utoipa::path(get, path = "/v1/status", responses((status = 200, body = Status), (status = 401, body = Problem)))]
pub async fn status(State(node): State<Node>) -> Result<Json<Status>, Problem> {
    let network = peers::view(&node).await?;
    blocking(move || {
        let store = node.store().stats();
        let mut spaces = Vec::new();
        for space in node.spaces().all() {
            let counts = node.store().counts(&space.id)?;
            spaces.push(SpaceStatus {
                name: space.name.clone(),
                id: space.id.to_string(),
                records: counts.iter().map(|of| of.counts.visible).sum(),
                headers: counts.iter().map(|of| of.counts.total).sum(),
                body_bytes: counts.iter().map(|of| of.counts.body_bytes).sum(),
                types: counts
                    .iter()
                    .map(|of| TypeStatus {
                        type_name: of.type_name.to_string(),
                        records: of.counts.visible,
                        headers: of.counts.total,
                    })
                    .collect(),
            });
        }
        let engine = node.modules().engine();
        let modules = node.modules().running().into_iter().map(|validator| {
            let stats = validator.stats();
            ModuleStatus {
                module: validator.description().name.clone(),
                version: validator.description().version.clone(),
                code: atlas_record::BlobId(validator.binding().code.0).to_string(),
                records: stats.records,
                traps: stats.traps,
                faults: stats.faults,
                probes: stats.probes,
                time_us: micros(stats.time),
            }
        });
        Ok::<_, NodeError>(Status {
            version: env!("CARGO_PKG_VERSION"),
            dir: node.dir().display().to_string(),
            uptime_seconds: node.started().elapsed().as_secs(),
            memory_bytes: resident(),
            identities: node.identities().all().iter().map(|local| local.name.clone()).collect(),
            spaces,
            store: StoreStatus {
                watermark: node.store().watermark(),
                disk_bytes: store.disk_bytes,
                blobs: store.blobs,
                blob_bytes: store.blob_bytes,
                parked: store.parked,
                pending: store.pending,
                refused: store.refused,
                last_commit_us: micros(store.last_commit),
                longest_commit_us: micros(store.longest_commit),
            },
            text: node.text().status().map(|text| TextView {
                watermark: text.watermark,
                documents: text.documents,
                failure: text.failure,
            }),
            live: node.live().subscribers(),
            network,
            modules: modules.collect(),
            allocation: engine.allocation().name(),
            quarantined: engine.quarantined().len(),
        })
    })
    .await
    .map(Json)
}

/// Checks everything on the disk: hashes, indexes against records, counts.
#[utoipa::path(post, path = "/v1/doctor", responses((status = 200, body = Diagnosis), (status = 401, body = Problem)))]
pub async fn doctor(State(node): State<Node>) -> Result<Json<Diagnosis>, Problem> {
    blocking(move || node.diagnose(&mut |_| ())).await.map(Json)
}
