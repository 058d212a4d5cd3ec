//! Comparing one set with one peer, over one stream.

use std::sync::Arc;

use atlas_record::SpaceId;
use futures_util::{AsyncRead, AsyncWrite};

use crate::negentropy::{Id, Initiator, Item, Limits, ReconcileError, Responder, Split};
use crate::overlay::Room;
use crate::replica::{Replica, ReplicaError, Snapshot};
use crate::swarm::OpenError;
use crate::wire::reconcile::{Reconcile, Summary};
use crate::wire::{FrameError, Set, Tag, frame};

/// Why a comparison did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// There was no stream for it.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It broke, or what came over it is no message.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The inner messages are not those of the protocol, or this node's set could not be read.
    #[error(transparent)]
    Inner(#[from] ReconcileError<ReplicaError>),
    /// This node could not do its part.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
    /// The peer does not compare this, in its own words.
    #[error("the peer declined: {0}")]
    Declined(String),
    /// A message that has no place there.
    #[error("the peer sent a message out of turn")]
    OutOfTurn,
}

impl CompareError {
    /// Whether it shows that the peer does not keep to the protocol.
    pub fn is_fault(&self) -> bool {
        match self {
            CompareError::Frame(error) => error.is_fault(),
            CompareError::Inner(ReconcileError::Malformed(_) | ReconcileError::Endless(_))
            | CompareError::OutOfTurn => true,
            _ => false,
        }
    }
}

/// What a comparison came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compared {
    /// This node's set when it began.
    pub ours: Summary,
    /// The peer's set then; this node's own, if both are equal.
    pub theirs: Summary,
    /// Members that only this node has.
    pub have: u64,
    /// Members that only the peer has, as far as it says.
    pub need: u64,
    /// Messages that went each way.
    pub rounds: u32,
    /// Bytes of messages that came.
    pub bytes: u64,
    /// Whether it ended early because nothing more was to be heard.
    pub stopped: bool,
}

/// Who hears what a comparison finds.
pub trait Findings: Send {
    /// Members that only this node has, and ids that only the peer has. Says whether to go on.
    fn found(&mut self, have: Vec<Item>, need: Vec<Id>) -> impl Future<Output = Result<Room, ReplicaError>> + Send;
}

impl Compared {
    /// Two digests that differ where no member was found to: a collision that someone has made, or
    /// a set that changed meanwhile. Comparing again, at other points, tells which.
    pub fn disagrees(&self) -> bool {
        !self.stopped && self.have == 0 && self.need == 0 && self.ours.digest != self.theirs.digest
    }
}

/// Runs what reads the disk away from the threads that serve connections.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ReplicaError> + Send + 'static,
) -> Result<T, ReplicaError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(_) => Err(ReplicaError("a task of this node failed: its log says where".into())),
    }
}

/// Compares as the side that learns. What is found is handed on message by message: members that
/// only this node has, and ids that only the peer has.
pub async fn compare<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    replica: &Arc<dyn Replica>,
    (space, set, tag): (SpaceId, Set, Tag),
    split: Split,
    findings: &mut impl Findings,
) -> Result<Compared, CompareError> {
    let reader = replica.clone();
    let name = set.clone();
    let (mut side, mut snapshot, first) = blocking(move || {
        let snapshot = reader.snapshot(&space, &name)?;
        let mut side = Initiator::new(Limits::default(), split);
        let first = side.start(&snapshot).map_err(own)?;
        Ok((side, snapshot, first))
    })
    .await?;
    let ours = snapshot.summary;
    let mut compared = Compared { ours, theirs: ours, have: 0, need: 0, rounds: 0, bytes: 0, stopped: false };
    frame::send(stream, &Reconcile::Begin { tag, set, summary: ours, inner: first }).await?;
    loop {
        let inner = match frame::expect(stream).await? {
            Reconcile::Equal if compared.rounds == 0 => return Ok(compared),
            Reconcile::Differs { summary, inner } if compared.rounds == 0 => {
                compared.theirs = summary;
                inner
            }
            Reconcile::More(inner) if compared.rounds > 0 => inner,
            Reconcile::Declined(reason) => return Err(CompareError::Declined(reason)),
            _ => return Err(CompareError::OutOfTurn),
        };
        compared.bytes += inner.len() as u64;
        let (step, back) = on_disk((side, snapshot), move |(side, snapshot)| side.step(snapshot, &inner)).await?;
        (side, snapshot) = back;
        compared.rounds = side.rounds();
        compared.have += step.have.len() as u64;
        compared.need += step.need.len() as u64;
        let found = !step.have.is_empty() || !step.need.is_empty();
        if found && findings.found(step.have, step.need).await? == Room::Full {
            compared.stopped = true;
            return Ok(compared);
        }
        match step.reply {
            Some(reply) => frame::send(stream, &Reconcile::More(reply)).await?,
            None => return Ok(compared),
        }
    }
}

/// A failure of this node's own set. The first message meets no other.
fn own(error: ReconcileError<ReplicaError>) -> ReplicaError {
    match error {
        ReconcileError::Items(error) => error,
        other => ReplicaError(other.to_string()),
    }
}

/// Takes a step on a thread that may block; gives back what it stepped with.
async fn on_disk<P: Send + 'static, T: Send + 'static>(
    mut parts: P,
    step: impl FnOnce(&mut P) -> Result<T, ReconcileError<ReplicaError>> + Send + 'static,
) -> Result<(T, P), CompareError> {
    let (outcome, parts) = blocking(move || {
        let outcome = step(&mut parts);
        Ok((outcome, parts))
    })
    .await?;
    Ok((outcome?, parts))
}

/// Compares as the side that answers, after the peer has begun.
pub async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    replica: &Arc<dyn Replica>,
    (space, set): (SpaceId, Set),
    split: Split,
    (theirs, first): (Summary, Vec<u8>),
) -> Result<(), CompareError> {
    let reader = replica.clone();
    let mut snapshot: Snapshot = blocking(move || reader.snapshot(&space, &set)).await?;
    if snapshot.summary == theirs {
        return Ok(frame::send(stream, &Reconcile::Equal).await?);
    }
    let summary = snapshot.summary;
    let mut side = Responder::new(Limits::default(), split);
    let mut inner = first;
    let mut begun = false;
    loop {
        let (reply, back) = on_disk((side, snapshot), move |(side, snapshot)| side.answer(snapshot, &inner)).await?;
        (side, snapshot) = back;
        let message = if begun { Reconcile::More(reply) } else { Reconcile::Differs { summary, inner: reply } };
        begun = true;
        frame::send(stream, &message).await?;
        inner = match frame::expect(stream).await {
            Ok(Reconcile::More(inner)) => inner,
            // The initiator knows all and says no more.
            Err(FrameError::Ended) => return Ok(()),
            Ok(_) => return Err(CompareError::OutOfTurn),
            Err(error) => return Err(error.into()),
        };
    }
}
