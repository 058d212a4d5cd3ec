//! Blobs that somebody on this node asks for: each peer of the space in turn, until one has it.

use atlas_record::BlobId;
use tokio::sync::oneshot;

use crate::session::fetch;
use crate::swarm::{Network, PeerId};
use crate::wire::{self, Tag};

/// Peers that are asked for one blob.
pub(super) const MOST_ASKED: usize = 8;

/// A question.
pub(super) struct Ask {
    /// The network.
    pub network: Network,
    /// Whom to ask, and what the space is called there.
    pub peers: Vec<(PeerId, Tag)>,
    /// The blob.
    pub id: BlobId,
    /// Bytes that it may have.
    pub most: u64,
    /// Who waits for it.
    pub answer: oneshot::Sender<Option<Vec<u8>>>,
}

impl Ask {
    /// Asks until it is here, nobody is left, or nobody waits any more.
    pub async fn run(self) {
        let Self { network, peers, id, most, mut answer } = self;
        let asking = async {
            for (peer, tag) in peers {
                let Ok(mut stream) = network.open(peer, wire::FETCH).await else { continue };
                match fetch::blob(&mut stream, tag, id.0, most).await {
                    Ok(Some(bytes)) => return Some(bytes),
                    Ok(None) => {}
                    Err(error) => tracing::debug!("blob {id} did not come from {peer}: {error}"),
                }
            }
            None
        };
        let found = tokio::select! {
            found = asking => found,
            () = answer.closed() => return,
        };
        let _ = answer.send(found);
    }
}
