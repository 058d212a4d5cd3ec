//! One space and one peer, brought together: every set compared, in the order in which things
//! depend on each other.
//!
//! Identities, laws and modules are fetched here and now, since nothing can be judged without
//! them. Records are only found out about: what is lacking goes to the overlay, which fetches it
//! from whoever has it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use atlas_record::{SpaceId, TypeName};
use futures_util::StreamExt;
use tokio::sync::{mpsc, oneshot};

use super::fetch::{self, FetchError, Intake};
use super::reconcile::{CompareError, Compared, Findings, blocking, compare};
use super::serve::fresh;
use crate::negentropy::{Id, Item, Split};
use crate::overlay::Room;
use crate::replica::{Outcome, Replica, ReplicaError, Taken};
use crate::swarm::{Network, PeerId};
use crate::wire::fetch::Request;
use crate::wire::{self, Follows, Set, Tag};

/// Types that are compared at a time.
const AT_ONCE: usize = 4;
/// Rounds of fetching what laws need: a law that has come may name more.
const MOST_ROUNDS: usize = 4;
/// Bodies that a peer is asked for after one comparison.
const MOST_BODIES: usize = 1024;
/// Paths that a peer is asked for after one comparison.
const MOST_PATHS: usize = 256;

/// What a comparison found, as it goes.
#[derive(Debug)]
pub enum Finding {
    /// The peer lacks these, and keeps sets of this kind.
    Lacks(Set, Vec<Item>),
    /// The peer has these, and this node does not. Answered with whether more are wanted.
    Has(Set, Vec<Id>, oneshot::Sender<Room>),
    /// These were fetched and taken in.
    Took(Set, Vec<Outcome>),
}

/// Why a space could not be brought together.
#[derive(Debug, thiserror::Error)]
pub enum JointError {
    /// A comparison failed.
    #[error("comparing {0}: {1}")]
    Compare(Set, CompareError),
    /// What the rest depends on could not be fetched.
    #[error("fetching {0}: {1}")]
    Fetch(Set, FetchError),
    /// This node could not do its part.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
}

impl JointError {
    /// Whether it shows that the peer does not keep to the protocol.
    pub fn is_fault(&self) -> bool {
        match self {
            JointError::Compare(_, error) => error.is_fault(),
            JointError::Fetch(_, error) => error.is_fault(),
            JointError::Replica(_) => false,
        }
    }

    /// Whether the peer did not take it up, in its own words.
    pub fn is_declined(&self) -> bool {
        matches!(
            self,
            JointError::Compare(_, CompareError::Declined(_)) | JointError::Fetch(_, FetchError::Declined(_))
        )
    }

    /// Whether the peer was too slow.
    pub fn is_slow(&self) -> bool {
        use wire::FrameError::Slow;
        matches!(
            self,
            JointError::Compare(_, CompareError::Frame(Slow)) | JointError::Fetch(_, FetchError::Frame(Slow))
        )
    }
}

/// What it came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Sets that were compared.
    pub sets: usize,
    /// Members that only one side had.
    pub differences: u64,
    /// Bytes that comparing took from the peer.
    pub bytes: u64,
    /// Whether it ended early because nothing more was to be heard.
    pub stopped: bool,
    /// Sets whose digests differ although no member was found to.
    pub disagreeing: Vec<Set>,
    /// Bodies that came for headers that were here without them, if the peer was asked for any.
    pub bodies: Option<usize>,
    /// Paths that came, if the peer was asked for any.
    pub paths: Option<usize>,
}

impl Report {
    fn count(&mut self, set: &Set, compared: &Compared) {
        self.sets += 1;
        self.differences += compared.have + compared.need;
        self.bytes += compared.bytes;
        self.stopped |= compared.stopped;
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
    pub theirs: Follows,
    /// What this node keeps.
    pub ours: Follows,
    /// Whether the peer is to be asked for bodies that are lacking here.
    pub ask_bodies: bool,
    /// Whether the peer is to be asked for paths.
    pub ask_paths: bool,
    /// Who hears what is found.
    pub found: mpsc::Sender<Finding>,
}

fn stopping<T>(_: T) -> ReplicaError {
    ReplicaError("the network is shutting down".into())
}

impl Joint {
    /// Compares every set, and fetches what the rest depends on.
    pub async fn run(self) -> Result<Report, JointError> {
        let mut report = Report::default();
        for set in [Set::Identities, Set::Laws] {
            self.bring(set, &mut report).await?;
        }
        self.modules().await?;
        let (replica, space) = (self.replica.clone(), self.space);
        let types = blocking(move || Ok(replica.types(&space))).await?;
        let wanted: Vec<Set> = types.into_iter().map(Set::Records).filter(|set| self.ours.covers(set)).collect();
        let mut comparing = futures_util::stream::iter(wanted).map(|set| self.records(set)).buffer_unordered(AT_ONCE);
        while let Some(compared) = comparing.next().await {
            let (set, compared) = compared?;
            report.count(&set, &compared);
        }
        // A body stays away if whoever served the header had none, or kept it back: others may have it. Not while
        // whole records are lacking.
        if self.ask_bodies && !report.stopped {
            report.bodies = self.bodies().await?;
        }
        // Whoever keeps everything gets the headers of a path with everything else.
        if self.ask_paths && !report.stopped && self.ours != Follows::All {
            report.paths = self.paths().await?;
        }
        Ok(report)
    }

    /// Asks for bodies of headers that are here without them; how many came. None if none is lacking.
    async fn bodies(&self) -> Result<Option<usize>, JointError> {
        let (replica, space) = (self.replica.clone(), self.space);
        let lacking = blocking(move || replica.without_bodies(&space, MOST_BODIES)).await?;
        if lacking.is_empty() {
            return Ok(None);
        }
        let mut by_type: BTreeMap<TypeName, BTreeSet<Id>> = BTreeMap::new();
        for (type_name, id) in lacking {
            by_type.entry(type_name).or_default().insert(id);
        }
        let mut came = 0;
        for (type_name, ids) in by_type {
            let set = Set::Records(type_name.clone());
            let failed = |error| JointError::Fetch(set.clone(), error);
            let mut stream = self.network.open(self.peer, wire::FETCH).await.map_err(|error| failed(error.into()))?;
            let short = ids.iter().map(|id| *id.first_chunk().expect("an id has 32 bytes")).collect();
            let request = Request::Records { tag: self.tag, type_name, ids: short, whole: true };
            let mut intake = Embodied { took: Took { joint: self, set: &set }, asked: &ids, came: 0 };
            fetch::items(&mut stream, request, &mut intake).await.map_err(failed)?;
            came += intake.came;
        }
        Ok(Some(came))
    }

    /// Asks for headers that show what revocations keep; how many paths came. None if none is lacking.
    async fn paths(&self) -> Result<Option<usize>, JointError> {
        let (replica, space) = (self.replica.clone(), self.space);
        let lacking = blocking(move || replica.without_paths(&space, MOST_PATHS)).await?;
        if lacking.is_empty() {
            return Ok(None);
        }
        let failed = |error| JointError::Fetch(Set::Identities, error);
        let mut stream = self.network.open(self.peer, wire::FETCH).await.map_err(|error| failed(error.into()))?;
        let mut came = 0;
        for ends in lacking {
            let Some(path) = fetch::path(&mut stream, self.tag, ends).await.map_err(failed)? else { continue };
            let (replica, space) = (self.replica.clone(), self.space);
            if !blocking(move || replica.take_path(&space, ends, path)).await? {
                return Err(failed(FetchError::Unrequested("headers that are not those of the path")));
            }
            came += 1;
        }
        Ok(Some(came))
    }

    async fn records(&self, set: Set) -> Result<(Set, Compared), JointError> {
        let mut findings = Told { joint: self, set: &set };
        let compared = self.find(&set, &mut findings).await?;
        Ok((set, compared))
    }

    /// Compares a set that the rest depends on, and fetches what is lacking of it.
    async fn bring(&self, set: Set, report: &mut Report) -> Result<(), JointError> {
        let mut kept = Kept { joint: self, set: &set, lacking: Vec::new() };
        let compared = self.find(&set, &mut kept).await?;
        let lacking = kept.lacking;
        report.count(&set, &compared);
        if lacking.is_empty() {
            return Ok(());
        }
        let failed = |error| JointError::Fetch(set.clone(), error);
        let mut stream = self.network.open(self.peer, wire::FETCH).await.map_err(|error| failed(error.into()))?;
        let mut intake = Took { joint: self, set: &set };
        for ids in lacking.chunks(wire::fetch::MOST_IDS) {
            let request = fetch::request(self.tag, set.clone(), ids.to_vec(), false);
            fetch::items(&mut stream, request, &mut intake).await.map_err(failed)?;
        }
        Ok(())
    }

    async fn find(&self, set: &Set, findings: &mut impl Findings) -> Result<Compared, JointError> {
        let failed = |error| JointError::Compare(set.clone(), error);
        let mut stream = self.network.open(self.peer, wire::RECONCILE).await.map_err(|error| failed(error.into()))?;
        let what = (self.space, set.clone(), self.tag);
        compare(&mut stream, &self.replica, what, Split::random(fresh()), findings).await.map_err(failed)
    }

    /// Fetches the modules and configs that the space's laws name. One that the peer lacks another
    /// may have.
    async fn modules(&self) -> Result<(), JointError> {
        let failed = |error| JointError::Fetch(Set::Laws, error);
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

    async fn tell(&self, finding: Finding) -> Result<(), ReplicaError> {
        self.found.send(finding).await.map_err(stopping)
    }

    async fn lacks(&self, set: &Set, have: Vec<Item>) -> Result<(), ReplicaError> {
        if have.is_empty() || !self.theirs.covers(set) {
            return Ok(());
        }
        self.tell(Finding::Lacks(set.clone(), have)).await
    }
}

/// What is found about records goes to the overlay.
struct Told<'a> {
    joint: &'a Joint,
    set: &'a Set,
}

impl Findings for Told<'_> {
    async fn found(&mut self, have: Vec<Item>, need: Vec<Id>) -> Result<Room, ReplicaError> {
        self.joint.lacks(self.set, have).await?;
        if need.is_empty() {
            return Ok(Room::Open);
        }
        let (answer, room) = oneshot::channel();
        self.joint.tell(Finding::Has(self.set.clone(), need, answer)).await?;
        room.await.map_err(stopping)
    }
}

/// What the rest depends on is kept, to be fetched at once.
struct Kept<'a> {
    joint: &'a Joint,
    set: &'a Set,
    lacking: Vec<Id>,
}

/// Pieces of identities and laws that are fetched in one go. What is beyond comes the next time.
const MOST_KEPT: usize = 262_144;

impl Findings for Kept<'_> {
    async fn found(&mut self, have: Vec<Item>, need: Vec<Id>) -> Result<Room, ReplicaError> {
        self.joint.lacks(self.set, have).await?;
        self.lacking.extend(need);
        self.lacking.truncate(MOST_KEPT);
        Ok(if self.lacking.len() < MOST_KEPT { Room::Open } else { Room::Full })
    }
}

/// What is fetched is taken in, and told.
struct Took<'a> {
    joint: &'a Joint,
    set: &'a Set,
}

impl Took<'_> {
    async fn take_in(&self, items: Vec<Vec<u8>>) -> Result<Vec<Outcome>, ReplicaError> {
        let (replica, space, set) = (self.joint.replica.clone(), self.joint.space, self.set.clone());
        let outcomes = blocking(move || replica.take(&space, &set, items)).await?;
        self.joint.tell(Finding::Took(self.set.clone(), outcomes.clone())).await?;
        Ok(outcomes)
    }
}

impl Intake for Took<'_> {
    async fn take(&mut self, items: Vec<Vec<u8>>) -> Result<(), FetchError> {
        self.take_in(items).await?;
        Ok(())
    }
}

/// Bodies that were asked for are taken in, told and counted.
struct Embodied<'a> {
    took: Took<'a>,
    asked: &'a BTreeSet<Id>,
    came: usize,
}

impl Intake for Embodied<'_> {
    async fn take(&mut self, items: Vec<Vec<u8>>) -> Result<(), FetchError> {
        let outcomes = self.took.take_in(items).await?;
        if outcomes.iter().filter_map(|outcome| outcome.id).any(|id| !self.asked.contains(&id)) {
            return Err(FetchError::Unrequested("other records than those whose bodies were asked for"));
        }
        self.came += outcomes.iter().filter(|outcome| matches!(outcome.taken, Taken::New(_))).count();
        Ok(())
    }
}
