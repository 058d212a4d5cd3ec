//! What takes time: tasks that fetch and compare, and report to the mesh.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use atlas_record::SpaceId;
use tokio::sync::{Mutex, mpsc, oneshot};

use super::super::fetch::{self, FetchError, Intake};
use super::super::joint::{Finding, Joint, JointError, Report};
use super::super::reconcile::blocking;
use crate::negentropy::Id;
use crate::overlay::{End, Entry, Outcome, Refusal, Tally, Token};
use crate::replica::{self, Replica, ReplicaError, Taken};
use crate::swarm::{Network, OpenError, PeerId, Stream};
use crate::wire::{self, FrameError, Set, Tag};

/// What tasks report.
pub enum Told {
    /// A gossip stream was opened, or could not be.
    Opened(PeerId, Result<Stream, OpenError>),
    /// What became of members that a fetch brought.
    Fetched(Token, Vec<(Id, Outcome)>),
    /// What became of items of a fetch that cannot be named.
    Nameless(PeerId, Refusal, usize),
    /// A fetch ended. Whether the peer is at fault.
    FetchEnded(PeerId, Token, End, bool),
    /// A comparison found something.
    Found(PeerId, SpaceId, Token, Finding),
    /// A comparison ended. Whether the peer is at fault, and what went wrong.
    Compared(PeerId, SpaceId, Token, End, Tally, bool, Option<String>),
    /// What a fetch brought lacks bodies, or paths, that others may have.
    Unclear(SpaceId),
    /// A peer was asked for bodies, and so many came.
    Bodies(PeerId, SpaceId, usize),
    /// A peer was asked for paths, and so many came.
    Paths(PeerId, SpaceId, usize),
    /// A request of a peer was not one.
    BadRequest(PeerId, String),
    /// A peer compared a space with this node.
    Answered(PeerId, SpaceId),
}

/// How long a portion has been on its way into the store, over all tasks: while one takes long, nobody is
/// asked for more or blamed for what does not come.
#[derive(Debug, Default)]
pub struct Intakes {
    under_way: std::sync::Mutex<BTreeMap<u64, Instant>>,
    next: AtomicU64,
}

impl Intakes {
    fn begin(self: &Arc<Self>) -> Begun {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.under_way.lock().expect("no thread panics with this lock").insert(number, Instant::now());
        Begun(self.clone(), number)
    }

    /// When the oldest that is under way began.
    pub fn oldest(&self) -> Option<Instant> {
        self.under_way.lock().expect("no thread panics with this lock").values().min().copied()
    }
}

/// One portion on its way.
struct Begun(Arc<Intakes>, u64);

impl Drop for Begun {
    fn drop(&mut self) {
        self.0.under_way.lock().expect("no thread panics with this lock").remove(&self.1);
    }
}

/// What the overlay makes of what the node says of an item.
pub fn outcome(set: &Set, taken: Taken) -> Outcome {
    match taken {
        Taken::New(rank) => Outcome::New(Entry { set: set.clone(), item: rank.into() }),
        Taken::Known => Outcome::Known,
        Taken::Waits => Outcome::Parked,
        // This node's own bound: another time there may be room.
        Taken::Refused { code } if code == "too-much-waits" => Outcome::Parked,
        // News of a space that this node is just joining can come before its genesis: comparing will show it again.
        Taken::Refused { code } if code == "unknown-space" => Outcome::Parked,
        Taken::Refused { code } if code == "wrong-space" => Outcome::Refused(Refusal::WrongSpace),
        Taken::Refused { .. } => Outcome::Refused(Refusal::NotAdmissible),
        Taken::Forged { code } => Outcome::Refused(forged(&code)),
    }
}

fn forged(code: &str) -> Refusal {
    match code {
        "bad-signature" => Refusal::BadSignature,
        "wrong-space" => Refusal::WrongSpace,
        _ => Refusal::Malformed,
    }
}

/// One fetch that the overlay asked for.
pub struct Fetch {
    /// The network.
    pub network: Network,
    /// The node.
    pub replica: Arc<dyn Replica>,
    /// From whom.
    pub peer: PeerId,
    /// In which space.
    pub space: SpaceId,
    /// What we call it there.
    pub tag: Tag,
    /// Whether the peer can be asked for records by short ids.
    pub reads_short: bool,
    /// Whether this node keeps some types only.
    pub light: bool,
    /// Names the fetch.
    pub token: Token,
    /// What, most urgent first.
    pub wants: Vec<(Set, Id)>,
    /// To whom it is reported.
    pub reports: mpsc::Sender<Told>,
    /// Portions under way.
    pub intakes: Arc<Intakes>,
    /// Streams that are open and idle.
    pub streams: Arc<Streams>,
}

impl Fetch {
    /// Runs, and reports how it ended.
    pub async fn run(mut self) {
        let wants = std::mem::take(&mut self.wants);
        let outcome = self.fetch(wants).await;
        let (end, fault) = match &outcome {
            Ok(()) => (End::Complete, false),
            Err(FetchError::Frame(FrameError::Slow)) => (End::TimedOut, false),
            Err(error) => (End::Broken, error.is_fault()),
        };
        match outcome {
            Ok(()) if self.is_unclear().await => drop(self.reports.send(Told::Unclear(self.space)).await),
            Ok(()) => {}
            Err(error) => tracing::debug!(peer = %self.peer, space = %self.space, "a fetch ended: {error}"),
        }
        let _ = self.reports.send(Told::FetchEnded(self.peer, self.token, end, fault)).await;
    }

    /// Whether anything is here that comparing does not show to be incomplete.
    async fn is_unclear(&self) -> bool {
        let (replica, space, light) = (self.replica.clone(), self.space, self.light);
        let look = move || {
            let bodies = !replica.without_bodies(&space, 1)?.is_empty();
            Ok(bodies || (light && !replica.without_paths(&space, 1)?.is_empty()))
        };
        // A failure is told where it is in the way of something.
        blocking(look).await.unwrap_or(false)
    }

    async fn fetch(&self, wants: Vec<(Set, Id)>) -> Result<(), FetchError> {
        let mut stream = match self.streams.take(&self.peer).await {
            Some(stream) => stream,
            None => self.network.open(self.peer, wire::FETCH).await?,
        };
        // In their order, and each set in one request.
        let mut by_set: Vec<(Set, Vec<Id>)> = Vec::new();
        for (set, id) in wants {
            match by_set.iter_mut().find(|(name, _)| *name == set) {
                Some((_, ids)) => ids.push(id),
                None => by_set.push((set, vec![id])),
            }
        }
        for (set, ids) in by_set {
            let mut intake = Portions { fetch: self, set: &set };
            let request = fetch::request(self.tag, set.clone(), ids, self.reads_short);
            fetch::items(&mut stream, request, &mut intake).await?;
        }
        self.streams.put(self.peer, stream).await;
        Ok(())
    }
}

struct Portions<'a> {
    fetch: &'a Fetch,
    set: &'a Set,
}

impl Intake for Portions<'_> {
    async fn take(&mut self, items: Vec<Vec<u8>>) -> Result<(), FetchError> {
        let Fetch { replica, space, peer, token, reports, .. } = self.fetch;
        let (replica, space, set) = (replica.clone(), *space, self.set.clone());
        let begun = self.fetch.intakes.begin();
        let outcomes: Vec<replica::Outcome> = blocking(move || {
            // Held until it is done, though the task that waits for it may be given up.
            let _begun = begun;
            replica.take(&space, &set, items)
        })
        .await?;
        let mut named = Vec::with_capacity(outcomes.len());
        for it in outcomes {
            match it.id {
                Some(id) => named.push((id, outcome(self.set, it.taken))),
                None => {
                    if let Taken::Forged { code } = it.taken {
                        let _ = reports.send(Told::Nameless(*peer, forged(&code), 1)).await;
                    }
                }
            }
        }
        reports
            .send(Told::Fetched(*token, named))
            .await
            .map_err(|_| ReplicaError("the network is shutting down".into()))?;
        Ok(())
    }
}

/// Fetch streams that are open and idle: one request needs no new one.
#[derive(Default)]
pub struct Streams(Mutex<BTreeMap<PeerId, Vec<(Stream, Instant)>>>);

/// Idle streams of one peer that are kept.
const MOST_IDLE: usize = 4;
/// How long one is kept: well below the time after which the other side ends it.
const IDLE: Duration = Duration::from_secs(20);

impl Streams {
    async fn take(&self, peer: &PeerId) -> Option<Stream> {
        let mut idle = self.0.lock().await;
        let of_peer = idle.get_mut(peer)?;
        of_peer.retain(|(_, since)| since.elapsed() < IDLE);
        of_peer.pop().map(|(stream, _)| stream)
    }

    async fn put(&self, peer: PeerId, stream: Stream) {
        let mut idle = self.0.lock().await;
        let of_peer = idle.entry(peer).or_default();
        if of_peer.len() < MOST_IDLE {
            of_peer.push((stream, Instant::now()));
        }
    }

    /// A peer is gone, or is reached on another way now.
    pub async fn forget(&self, peer: &PeerId) {
        self.0.lock().await.remove(peer);
    }
}

/// Brings a space together with a peer, and reports.
pub async fn compare(joint: Joint, mut findings: mpsc::Receiver<Finding>, token: Token, reports: mpsc::Sender<Told>) {
    let (peer, space) = (joint.peer, joint.space);
    let (done, outcome) = oneshot::channel();
    let running = tokio::spawn(async move {
        let _ = done.send(joint.run().await);
    });
    // Given up with this task.
    let _ends = AbortOnDrop(running);
    while let Some(finding) = findings.recv().await {
        if reports.send(Told::Found(peer, space, token, finding)).await.is_err() {
            return;
        }
    }
    let outcome: Result<Report, Option<JointError>> = match outcome.await {
        Ok(outcome) => outcome.map_err(Some),
        Err(_) => Err(None),
    };
    let (end, tally, fault, trouble) = match outcome {
        Ok(report) => {
            if let Some(came) = report.bodies {
                let _ = reports.send(Told::Bodies(peer, space, came)).await;
            }
            if let Some(came) = report.paths {
                let _ = reports.send(Told::Paths(peer, space, came)).await;
            }
            let tally = Tally { bytes: report.bytes, differences: report.differences, stopped: report.stopped };
            let trouble = (!report.disagreeing.is_empty()).then(|| {
                let names: Vec<_> = report.disagreeing.iter().map(Set::as_str).collect();
                format!("the digests of {} differ, and no member was found to", names.join(", "))
            });
            (End::Complete, tally, false, trouble)
        }
        Err(Some(error)) => {
            let end = match &error {
                error if error.is_slow() => End::TimedOut,
                error if error.is_declined() => End::Declined,
                _ => End::Broken,
            };
            (end, Tally::default(), error.is_fault(), Some(error.to_string()))
        }
        Err(None) => {
            (End::Broken, Tally::default(), false, Some("a task of this node failed: its log says where".into()))
        }
    };
    let _ = reports.send(Told::Compared(peer, space, token, end, tally, fault, trouble)).await;
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: &str) -> Outcome {
        outcome(&Set::Laws, Taken::Refused { code: code.into() })
    }

    #[test]
    fn what_another_time_may_be_taken_is_not_refused_for_good() {
        for code in ["unknown-space", "too-much-waits"] {
            assert!(matches!(refused(code), Outcome::Parked), "{code}");
        }
        assert!(matches!(refused("wrong-space"), Outcome::Refused(Refusal::WrongSpace)));
        assert!(matches!(refused("unknown-type"), Outcome::Refused(Refusal::NotAdmissible)));
        let forged = |code: &str| outcome(&Set::Laws, Taken::Forged { code: code.into() });
        assert!(matches!(forged("bad-signature"), Outcome::Refused(Refusal::BadSignature)));
        assert!(matches!(forged("malformed"), Outcome::Refused(Refusal::Malformed)));
    }
}
