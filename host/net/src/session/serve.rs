//! Answering requests: comparisons and fetches that peers begin.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use atlas_record::{BlobId, SpaceId};
use futures_util::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::Semaphore;

use super::reconcile::{CompareError, answer, blocking};
use super::table::{Entry, Table};
use crate::negentropy::Split;
use crate::replica::{Replica, ReplicaError};
use crate::swarm::PeerId;
use crate::wire::fetch::{Answer, FRAME_BYTES, PIECE_BYTES, Request, ShortId};
use crate::wire::reconcile::Reconcile;
use crate::wire::{FrameError, Tag, frame};

/// How long a fetch stream without a request stays open.
const IDLE: Duration = Duration::from_secs(60);
/// Items that are read from the disk together.
const READ_AT_ONCE: usize = 256;
/// What a peer hears that asks for a space it does not share with this node.
const UNKNOWN: &str = "unknown space";
const BUSY: &str = "busy: ask again later";

/// Comparisons that this node answers at a time: each holds a view of the store.
const MOST_COMPARISONS: usize = 16;
/// Requests that are read from the disk at a time.
const MOST_READS: usize = 8;

/// What inbound streams share.
#[derive(Clone)]
pub struct Server {
    replica: Arc<dyn Replica>,
    table: Table,
    comparisons: Arc<Semaphore>,
    reads: Arc<Semaphore>,
}

/// How a stream ended that was not to.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// It broke, or what came over it is no message.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A comparison failed.
    #[error(transparent)]
    Compare(#[from] CompareError),
    /// This node could not do its part.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
    /// A message that has no place there.
    #[error("a stream for comparing did not begin with a beginning")]
    OutOfTurn,
}

impl ServeError {
    /// Whether it shows that the peer does not keep to the protocol.
    pub fn is_fault(&self) -> bool {
        match self {
            ServeError::Frame(error) => error.is_fault(),
            ServeError::Compare(error) => error.is_fault(),
            ServeError::OutOfTurn => true,
            ServeError::Replica(_) => false,
        }
    }
}

impl Server {
    /// On a node and what its peers' tags mean.
    pub fn new(replica: Arc<dyn Replica>, table: Table) -> Self {
        let permits = |most| Arc::new(Semaphore::new(most));
        Self { replica, table, comparisons: permits(MOST_COMPARISONS), reads: permits(MOST_READS) }
    }

    /// What a peer means by a tag, and may have of that set: whoever does not follow a type may still ask
    /// for it.
    fn meant(&self, peer: &PeerId, tag: &Tag) -> Option<Entry> {
        self.table.meant(peer, tag)
    }

    /// Answers one comparison; of which space, if it was one.
    pub async fn reconcile<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        peer: PeerId,
        mut stream: S,
    ) -> Result<Option<SpaceId>, ServeError> {
        let Reconcile::Begin { tag, set, summary, inner } = frame::expect(&mut stream).await? else {
            return Err(ServeError::OutOfTurn);
        };
        let Some(entry) = self.meant(&peer, &tag) else {
            decline(&mut stream, &Reconcile::Declined(UNKNOWN.into())).await?;
            return Ok(None);
        };
        let Ok(_permit) = self.comparisons.try_acquire() else {
            decline(&mut stream, &Reconcile::Declined(BUSY.into())).await?;
            return Ok(None);
        };
        let split = Split::random(fresh());
        answer(&mut stream, &self.replica, (entry.space, set), split, (summary, inner)).await?;
        // The peer has said all it had to say: how the stream closes is of no interest.
        let _ = stream.close().await;
        Ok(Some(entry.space))
    }

    /// Answers requests until the peer has no more.
    pub async fn fetch<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        peer: PeerId,
        mut stream: S,
    ) -> Result<(), ServeError> {
        loop {
            let request = match tokio::time::timeout(IDLE, frame::read(&mut stream)).await {
                Ok(Ok(request)) => request,
                Err(_) | Ok(Err(FrameError::Ended)) => return Ok(()),
                Ok(Err(error)) => return Err(error.into()),
            };
            let (Request::Items { tag, .. }
            | Request::Records { tag, .. }
            | Request::Path { tag, .. }
            | Request::Blob { tag, .. }) = &request;
            let Some(entry) = self.meant(&peer, tag) else {
                frame::send(&mut stream, &Answer::Declined(UNKNOWN.into())).await?;
                continue;
            };
            match request {
                Request::Items { set, ids, .. } => {
                    let read = move |replica: &dyn Replica, ids: &[[u8; 32]]| replica.read(&entry.space, &set, ids);
                    self.send_items(&mut stream, read, &ids).await?;
                }
                Request::Records { type_name, ids, whole, .. } => {
                    let read = move |replica: &dyn Replica, ids: &[ShortId]| {
                        replica.read_records(&entry.space, &type_name, ids, whole)
                    };
                    self.send_items(&mut stream, read, &ids).await?;
                }
                Request::Path { last, record, .. } => {
                    let replica = self.replica.clone();
                    let permit = self.reads.acquire().await.expect("the semaphore is never closed");
                    let path = blocking(move || replica.path(&entry.space, (last, record))).await?;
                    drop(permit);
                    if let Some(headers) = path {
                        write_items(&mut stream, headers).await?;
                    }
                }
                Request::Blob { id, .. } => self.send_blob(&mut stream, entry.space, BlobId(id)).await?,
            }
            frame::send(&mut stream, &Answer::End).await?;
        }
    }

    async fn send_items<I: Clone + Send + 'static>(
        &self,
        stream: &mut (impl AsyncWrite + Unpin),
        read: impl Fn(&dyn Replica, &[I]) -> Result<Vec<Vec<u8>>, ReplicaError> + Clone + Send + 'static,
        ids: &[I],
    ) -> Result<(), ServeError> {
        for ids in ids.chunks(READ_AT_ONCE) {
            let (replica, read, ids) = (self.replica.clone(), read.clone(), ids.to_vec());
            let permit = self.reads.acquire().await.expect("the semaphore is never closed");
            let items = blocking(move || read(&*replica, &ids)).await?;
            drop(permit);
            write_items(stream, items).await?;
        }
        Ok(())
    }

    async fn send_blob(
        &self,
        stream: &mut (impl AsyncWrite + Unpin),
        space: SpaceId,
        id: BlobId,
    ) -> Result<(), ServeError> {
        let replica = self.replica.clone();
        let Some((size, reader)) = blocking(move || replica.blob(&space, &id)).await? else { return Ok(()) };
        let mut reader = Some(reader);
        let mut sent = 0;
        loop {
            let mut source = reader.take().expect("put back after every piece");
            let (piece, back) = blocking(move || {
                let mut piece = Vec::with_capacity(PIECE_BYTES);
                source
                    .by_ref()
                    .take(PIECE_BYTES as u64)
                    .read_to_end(&mut piece)
                    .map_err(|error| ReplicaError(format!("blob {id} cannot be read: {error}")))?;
                Ok((piece, source))
            })
            .await?;
            reader = Some(back);
            // A blob of no bytes is one piece of none.
            if piece.is_empty() && sent > 0 {
                return Ok(());
            }
            sent += piece.len() as u64;
            let last = piece.is_empty() || sent >= size;
            frame::write(stream, &Answer::Piece(piece)).await?;
            if last {
                return Ok(());
            }
        }
    }
}

/// Writes items in frames of a moderate size.
async fn write_items(stream: &mut (impl AsyncWrite + Unpin), items: Vec<Vec<u8>>) -> Result<(), FrameError> {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    for item in items {
        if bytes + item.len() > FRAME_BYTES && !batch.is_empty() {
            frame::write(stream, &Answer::Items(std::mem::take(&mut batch))).await?;
            bytes = 0;
        }
        bytes += item.len();
        batch.push(item);
    }
    if batch.is_empty() { Ok(()) } else { frame::write(stream, &Answer::Items(batch)).await }
}

async fn decline(
    stream: &mut (impl AsyncWrite + Unpin),
    message: &impl crate::wire::Message,
) -> Result<(), ServeError> {
    frame::send(stream, message).await?;
    Ok(stream.close().await.map_err(FrameError::from)?)
}

/// A seed that no peer can guess.
pub(crate) fn fresh<const N: usize>() -> [u8; N] {
    let mut seed = [0; N];
    getrandom::fill(&mut seed).expect("the operating system gives random bytes");
    seed
}
