//! One space and one peer, brought together: every set compared, in the order in which things
//! depend on each other.
//!
//! Identities, laws and modules are fetched here and now, since nothing can be judged without
//! them. Records are only found out about: what is lacking goes to the overlay, which fetches it from
//! whoever has it.

use std::sync::Arc;

use atlas_record::SpaceId;
use futures_util::StreamExt;
use tokio::sync::mpsc;

use super::fetch::{self, FetchError};
use super::reconcile::{CompareError, Compared, blocking, compare};
use super::serve::fresh;
use crate::negentropy::{Id, Item, Split};
use crate::replica::{Outcome, Replica, ReplicaError, Taken};
use crate::swarm::{Network, PeerId};
use crate::wire::{self, Follow, SetName, Tag};

/// Types that are compared at a time.
const AT_ONCE: usize = 4;
/// Rounds of fetching what laws need: a law that has come may name more.
const MOST_ROUNDS: usize = 4;

/// What a comparison found, as it goes.
#[derive(Debug)]
pub enum Finding {
    /// The peer lacks these, and keeps sets of this kind.
    Lacks(SetName, Vec<Item>),
    /// The peer has these, and this node does not.
    Has(SetName, Vec<Id>),
    /// These were fetched and taken in.
    Took(SetName, Vec<Outcome>),
}

/// Why a space could not be brought together.
#[derive(Debug, thiserror::Error)]
pub enum JointError {
    /// A comparison failed.
    #[error("comparing {0}: {1}")]
    Compare(SetName, CompareError),
    /// What the rest depends on could not be fetched.
    #[error("fetching {0}: {1}")]
    Fetch(SetName, FetchError),
    /// This node could not do its part.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
    /// The mesh has stopped.
    #[error("the network is shutting down")]
    Stopped,
}

impl JointError {
    /// Whether it shows that the peer does not keep to the protocol.
    pub fn is_fault(&self) -> bool {
        match self {
            JointError::Compare(_, error) => error.is_fault(),
            JointError::Fetch(_, error) => error.is_fault(),
            JointError::Replica(_) | JointError::Stopped => false,
        }
    }
}

/// What it came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Sets that were compared.
    pub sets: usize,
    /// Those of them that were equal.
    pub equal: usize,
    /// Members that only this node had.
    pub have: u64,
    /// Members that only the peer had.
    pub need: u64,
    /// Sets whose digests differ although no member was found to.
    pub disagreeing: Vec<SetName>,
    /// Items that the peer should not have sent.
    pub forged: u64,
}

impl Report {
    fn count(&mut self, set: &SetName, compared: &Compared) {
        self.sets += 1;
        self.equal += usize::from(compared.ours == compared.theirs);
        self.have += compared.have;
        self.need += compared.need;
        if compared.disagrees() {
            self.disagreeing.push(set.clone());
        }
    }
}

/// One space with one peer.
#[derive(Clone)]
pub struct Joint {
    /// The network.
    pub network: Network,
    /// The node.
    pub replica: Arc<dyn Replica>,
    /// The peer.
    pub peer: PeerId,
    /// The space.
    pub space: SpaceId,
    /// What we call it there.
    pub tag: Tag,
    /// What the peer keeps.
    pub theirs: Follow,
    /// What this node keeps.
    pub ours: Follow,
}

impl Joint {
    /// Compares every set, and fetches what the rest depends on.
    pub async fn run(self, found: mpsc::Sender<Finding>) -> Result<Report, JointError> {
        let mut report = Report::default();
        for set in [SetName::Identities, SetName::Laws] {
            self.bring(set, &found, &mut report).await?;
        }
        self.modules().await?;
        let replica = self.replica.clone();
        let space = self.space;
        let types = blocking(move || Ok(replica.types(&space))).await?;
        let sets = types.into_iter().map(SetName::Records);
        let wanted = sets.filter(|set| self.ours.wants(set));
        let mut comparing = futures_util::stream::iter(wanted.map(|set| self.compare(set, &found))).buffer_unordered(AT_ONCE);
        while let Some(compared) = comparing.next().await {
            let (set, compared) = compared?;
            report.count(&set, &compared);
        }
        Ok(report)
    }

    async fn compare(&self, set: SetName, found: &mpsc::Sender<Finding>) -> Result<(SetName, Compared), JointError> {
        let compared = self
            .find(&set, async |have, need| {
                if !have.is_empty() && self.theirs.wants(&set) {
                    tell(found, Finding::Lacks(set.clone(), have)).await?;
                }
                if need.is_empty() { Ok(()) } else { tell(found, Finding::Has(set.clone(), need)).await }
            })
            .await?;
        Ok((set, compared))
    }

    /// Compares a set that the rest depends on, and fetches what is lacking of it.
    async fn bring(
        &self,
        set: SetName,
        found: &mpsc::Sender<Finding>,
        report: &mut Report,
    ) -> Result<(), JointError> {
        let mut lacking: Vec<Id> = Vec::new();
        let compared = self
            .find(&set, async |have, need| {
                lacking.extend(need);
                if have.is_empty() { Ok(()) } else { tell(found, Finding::Lacks(set.clone(), have)).await }
            })
            .await?;
        report.count(&set, &compared);
        if lacking.is_empty() {
            return Ok(());
        }
        let failed = |error| JointError::Fetch(set.clone(), error);
        let mut stream = self.network.open(self.peer, wire::FETCH).await.map_err(|error| failed(error.into()))?;
        for ids in lacking.chunks(wire::fetch::MOST_IDS) {
            let forged = &mut report.forged;
            let take = async |items| {
                let (replica, space, name) = (self.replica.clone(), self.space, set.clone());
                let outcomes = blocking(move || replica.take(&space, &name, items)).await?;
                *forged += outcomes.iter().filter(|it| matches!(it.taken, Taken::Forged { .. })).count() as u64;
                tell(found, Finding::Took(set.clone(), outcomes)).await
            };
            fetch::items(&mut stream, self.tag, set.clone(), ids.to_vec(), take).await.map_err(failed)?;
        }
        Ok(())
    }

    async fn find(
        &self,
        set: &SetName,
        found: impl AsyncFnMut(Vec<Item>, Vec<Id>) -> Result<(), ReplicaError>,
    ) -> Result<Compared, JointError> {
        let failed = |error| JointError::Compare(set.clone(), error);
        let mut stream = self.network.open(self.peer, wire::RECONCILE).await.map_err(|error| failed(error.into()))?;
        let what = (self.space, set.clone(), self.tag);
        compare(&mut stream, &self.replica, what, Split::random(fresh()), found).await.map_err(failed)
    }

    /// Fetches the modules and configs that the space's laws name. One that the peer lacks another may have.
    async fn modules(&self) -> Result<(), JointError> {
        let failed = |error| JointError::Fetch(SetName::Laws, error);
        let mut missing = Vec::new();
        for _ in 0..MOST_ROUNDS {
            let (replica, space) = (self.replica.clone(), self.space);
            let mut wanted = blocking(move || replica.wanted_blobs(&space)).await?;
            wanted.retain(|id| !missing.contains(id));
            if wanted.is_empty() {
                return Ok(());
            }
            let mut stream = self.network.open(self.peer, wire::FETCH).await.map_err(|error| failed(error.into()))?;
            for id in wanted {
                let most = self.replica.most_blob_bytes();
                match fetch::blob(&mut stream, self.tag, id.0, most).await.map_err(failed)? {
                    Some(bytes) => {
                        let (replica, space) = (self.replica.clone(), self.space);
                        blocking(move || replica.take_blob(&space, bytes)).await?;
                    }
                    None => missing.push(id),
                }
            }
        }
        Ok(())
    }
}

async fn tell(found: &mpsc::Sender<Finding>, finding: Finding) -> Result<(), ReplicaError> {
    found.send(finding).await.map_err(|_| ReplicaError("the network is shutting down".into()))
}
