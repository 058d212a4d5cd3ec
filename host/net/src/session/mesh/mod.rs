//! The one task that owns the overlay machine: events go in, what it decides is done.
//!
//! It runs on a thread of its own, since it asks the store whether ids are known. Everything that takes
//! time (fetching, comparing, serving, dialing) is a task of its own that reports to the mesh's inbox; the
//! inbox is bounded, so a mesh that is behind slows its tasks down, and they slow their peers.

mod actor;
mod blobs;
mod contacts;
mod questions;
mod rates;
mod status;
mod work;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use atlas_record::{BlobId, SpaceId};
use tokio::sync::{mpsc, oneshot};

use super::acquaintance::Members;
use crate::negentropy::Item;
use crate::replica::Replica;
use crate::swarm::{Events, Multiaddr, Network, PeerId};
use crate::wire::Set;

pub use status::{LeftPeer, MeshStatus, PeerState, SpaceState};

/// Reports of tasks that wait for the mesh.
const INBOX: usize = 1024;
/// Members that were told of and have not been looked at. Beyond this, peers are told to compare.
const MOST_TOLD: usize = 65_536;

/// Why the mesh does nothing.
#[derive(Debug, Clone, thiserror::Error)]
pub enum MeshError {
    /// Its thread could not be started.
    #[error("the thread of the network could not be started: {0}")]
    Thread(String),
    /// It was stopped.
    #[error("this node has left the network")]
    Stopped,
}

/// What the node asks of the mesh.
pub(super) enum Command {
    /// New members of a set, that did not come through the mesh itself.
    Committed(SpaceId, Set, Vec<Item>),
    /// News of a space was lost: peers have to compare.
    Missed(SpaceId),
    /// The node keeps other spaces, or keeps them otherwise.
    SpacesChanged,
    /// Peers that are said to have a space.
    Reach(SpaceId, Vec<Multiaddr>),
    /// Peers that are let in no more, or again.
    Blocked(PeerId, bool),
    /// A blob of a space, of so many bytes at most.
    Blob(SpaceId, BlobId, u64, oneshot::Sender<Option<Vec<u8>>>),
    /// How it goes.
    Status(oneshot::Sender<MeshStatus>),
    /// The end.
    Stop(oneshot::Sender<()>),
}

/// A running mesh. Cheap to clone.
#[derive(Clone)]
pub struct Mesh {
    commands: mpsc::UnboundedSender<Command>,
    /// Members that are on their way to the mesh.
    told: Arc<AtomicUsize>,
}

impl Mesh {
    /// Starts on a network. `clock` tells milliseconds since the Unix epoch.
    pub fn start(
        network: Network,
        events: Events,
        replica: Arc<dyn Replica>,
        members: Arc<dyn Members + Send + Sync>,
        clock: fn() -> u64,
    ) -> Result<Self, MeshError> {
        let (commands, inbox) = mpsc::unbounded_channel();
        let told = Arc::new(AtomicUsize::new(0));
        let runtime = tokio::runtime::Handle::current();
        let actor = actor::Actor::new(network, replica, members, told.clone(), clock);
        std::thread::Builder::new()
            .name("net-mesh".to_owned())
            .spawn(move || runtime.block_on(actor.run(events, inbox)))
            .map_err(|error| MeshError::Thread(error.to_string()))?;
        Ok(Self { commands, told })
    }

    fn command(&self, command: Command) {
        // After the end there is nobody to tell, and nothing to do.
        let _ = self.commands.send(command);
    }

    /// New members of a set, that did not come through the mesh itself or came long ago.
    pub fn committed(&self, space: SpaceId, set: Set, items: Vec<Item>) {
        if self.told.fetch_add(items.len(), Ordering::Relaxed) > MOST_TOLD {
            self.told.fetch_sub(items.len(), Ordering::Relaxed);
            return self.missed(space);
        }
        self.command(Command::Committed(space, set, items));
    }

    /// News of a space was lost: peers will find it when they compare.
    pub fn missed(&self, space: SpaceId) {
        self.command(Command::Missed(space));
    }

    /// The node keeps other spaces, or keeps them otherwise.
    pub fn spaces_changed(&self) {
        self.command(Command::SpacesChanged);
    }

    /// Asks at these addresses for a space, now and until peers of it are found.
    pub fn reach(&self, space: SpaceId, addresses: Vec<Multiaddr>) {
        self.command(Command::Reach(space, addresses));
    }

    /// Lets a peer in no more, or again.
    pub fn set_blocked(&self, peer: PeerId, blocked: bool) {
        self.command(Command::Blocked(peer, blocked));
    }

    /// A blob that a record or the laws of a space name, from whoever has it: the bytes of that hash, or
    /// nothing if no peer of the space that is connected hands it out, or it has more bytes than `most`.
    pub async fn blob(&self, space: SpaceId, id: BlobId, most: u64) -> Result<Option<Vec<u8>>, MeshError> {
        let (answer, found) = oneshot::channel();
        self.command(Command::Blob(space, id, most, answer));
        found.await.map_err(|_| MeshError::Stopped)
    }

    /// How it goes.
    pub async fn status(&self) -> Result<MeshStatus, MeshError> {
        let (answer, status) = oneshot::channel();
        self.command(Command::Status(answer));
        status.await.map_err(|_| MeshError::Stopped)
    }

    /// Ends it: peers are told, and what was under way is given up.
    pub async fn stop(&self) {
        let (answer, done) = oneshot::channel();
        self.command(Command::Stop(answer));
        let _ = done.await;
    }
}
