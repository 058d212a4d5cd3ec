//! Live queries: an answer that goes on as records come.
//!
//! One thread, the *hub*, hears of every commit, reads each changed record once, and asks each
//! distinct question about it once, however many subscribers share the question. Subscribers
//! have bounded queues: one that does not read is cut off and told where it can go on, and it
//! never holds up the others, the hub, or a commit.
//!
//! Events carry a number: everything that arrived up to it was seen. Who comes back with it
//! gets what arrived since, from the store. What a number does not show is that an *earlier*
//! record came back into sight or went out of it: such events are told to those who listen,
//! and not repeated to those who come back.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use atlas_record::{RecordId, SpaceId, TypeName};
use atlas_store::{By, Change, Position, Scan, Status, Store, StoredRecord};
use tokio::sync::mpsc;

use super::conditions::Indexed;
use super::{Query, holds};
use crate::error::NodeError;
use crate::modules::Modules;
use crate::node::Node;
use crate::spaces::Spaces;
use crate::text::rules::TextRules;

/// Subscribers at once.
pub const MOST_SUBSCRIBERS: usize = 10_000;
/// Events that wait for one subscriber.
const QUEUE: usize = 256;
/// Commits that wait for the hub.
const COMMITS: usize = 1024;
/// Records that are read at once.
const PAGE: u64 = 256;
/// How long the hub waits for a commit before it looks whether it should stop.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Happened {
    /// A record that answers the question came, or came back into sight.
    Record(Arc<StoredRecord>),
    /// A record that answered it is shown no more.
    Gone {
        /// The record.
        id: RecordId,
        /// What it is worth now.
        status: Status,
    },
}

/// Something that happened, as those who asked one question are told.
#[derive(Debug)]
pub struct Event {
    /// Everything that arrived up to this number was seen.
    pub seen: u64,
    /// What happened.
    pub happened: Happened,
    /// Whether the record was new, and not one from before that came back.
    is_new: bool,
    /// The event as text; made by the first who needs it.
    pub text: OnceLock<String>,
}

/// Those who ask the same.
struct Topic {
    query: Query,
    indexed: Vec<Indexed>,
    subscribers: Vec<mpsc::Sender<Arc<Event>>>,
}

/// Questions by space and type, so that a record meets only those that can concern it.
type Topics = HashMap<(SpaceId, Option<TypeName>), HashMap<String, Topic>>;

struct Hub {
    store: Store,
    topics: Mutex<Topics>,
    subscribers: AtomicUsize,
    seen: AtomicU64,
    stopping: AtomicBool,
}

/// The live queries of a node.
pub struct Live {
    hub: Arc<Hub>,
    spaces: Arc<Spaces>,
    modules: Arc<Modules>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// A place among the subscribers; leaving it makes room for another.
pub struct Subscription {
    receiver: mpsc::Receiver<Arc<Event>>,
    hub: Arc<Hub>,
    /// Every record up to this number arrived before it.
    pub from: u64,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.hub.subscribers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a subscriber is told next.
#[derive(Debug)]
pub enum Told {
    /// Something happened.
    Event(Arc<Event>),
    /// Nothing happened for a while; everything that arrived up to this number was seen.
    Nothing(u64),
    /// Too much happened: the subscription is over, and goes on from where it was.
    Lagged,
    /// The node stops.
    Over,
}

impl Subscription {
    /// What happens next, or that nothing does within the time.
    pub async fn next(&mut self, patience: Duration) -> Told {
        match tokio::time::timeout(patience, self.next_event()).await {
            Ok(told) => told,
            Err(_) => {
                let seen = self.hub.seen.load(Ordering::Acquire);
                // What was told before `seen` was read is here by now.
                match self.receiver.try_recv() {
                    Ok(event) if self.concerns(&event) => Told::Event(event),
                    Ok(event) => Told::Nothing(event.seen),
                    Err(_) => Told::Nothing(seen.max(self.from)),
                }
            }
        }
    }

    async fn next_event(&mut self) -> Told {
        loop {
            match self.receiver.recv().await {
                Some(event) if self.concerns(&event) => return Told::Event(event),
                Some(_) => {}
                None if self.hub.stopping.load(Ordering::Acquire) => return Told::Over,
                None => return Told::Lagged,
            }
        }
    }

    /// What arrived before the subscription is told from the store.
    fn concerns(&self, event: &Event) -> bool {
        !(event.is_new && event.seen <= self.from)
    }
}

impl Hub {
    fn topics(&self) -> MutexGuard<'_, Topics> {
        // Nothing panics while it holds the lock; if it did, the values are still whole.
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, changes: &atlas_store::Changes, rules: &mut TextRules) {
        while !self.stopping.load(Ordering::Acquire) {
            let outcome = match changes.next(LOOK_EVERY) {
                Ok(changes) if changes.is_empty() => Ok(()),
                Ok(changes) => self.tell(&changes, rules),
                // Too many commits at once: what is new is in the store.
                Err(_) => self.catch_up(rules),
            };
            if let Err(error) = outcome {
                tracing::error!("live queries: {error}");
            }
        }
    }

    /// Tells of the records that arrived since the last one that was told of.
    fn catch_up(&self, rules: &mut TextRules) -> Result<(), NodeError> {
        let last = self.store.watermark();
        let first = self.seen.load(Ordering::Acquire) + 1;
        for from in (first..=last).step_by(usize::try_from(PAGE).expect("a small number")) {
            let changes: Vec<Change> =
                (from..=last.min(from + PAGE - 1)).map(|n| Change { n, before: None, now: Status::Visible }).collect();
            self.tell(&changes, rules)?;
        }
        Ok(())
    }

    fn tell(&self, changes: &[Change], rules: &mut TextRules) -> Result<(), NodeError> {
        let last = changes.iter().filter(|change| change.before.is_none()).map(|change| change.n).max().unwrap_or(0);
        // Changes are published just before the watermark moves. A subscriber that comes after
        // this must find them below the watermark.
        while self.store.watermark() < last && !self.stopping.load(Ordering::Acquire) {
            self.store.wait_beyond(last - 1, LOOK_EVERY);
        }
        let mut seen = self.seen.load(Ordering::Acquire);
        if !self.topics().is_empty() {
            let shown = |status: Option<Status>| status.is_some_and(Status::is_visible);
            for page in changes.chunks(usize::try_from(PAGE).expect("a small number")) {
                let wanted = page.iter().filter(|change| shown(change.before) || change.now.is_visible());
                let read = self.store.by_numbers(wanted.map(|change| change.n))?;
                let mut read: HashMap<u64, Arc<StoredRecord>> =
                    read.into_iter().map(|stored| (stored.n, Arc::new(stored))).collect();
                for change in page {
                    let is_new = change.before.is_none();
                    if is_new && change.n <= seen {
                        continue; // told of by `catch_up`
                    }
                    if is_new {
                        seen = change.n;
                    }
                    // Told as it is now: a later change of the same commit comes with it.
                    if let Some(stored) = read.remove(&change.n) {
                        self.tell_one(&stored, seen, is_new, rules);
                    }
                }
            }
        }
        self.seen.fetch_max(last, Ordering::AcqRel);
        Ok(())
    }

    fn tell_one(&self, stored: &Arc<StoredRecord>, seen: u64, is_new: bool, rules: &mut TextRules) {
        let header = stored.record.header();
        let visible = stored.status.is_visible();
        if is_new && !visible {
            return;
        }
        let mut words = None;
        let mut topics = self.topics();
        for type_name in [Some(header.type_name.clone()), None] {
            let place = (header.space, type_name);
            let Some(asked) = topics.get_mut(&place) else { continue };
            for topic in asked.values_mut() {
                if !holds(&topic.query, &topic.indexed, stored) {
                    continue;
                }
                // The words of what is gone are gone: whoever asked for words hears of it.
                if let Some(ask) = topic.query.text.as_ref().filter(|_| visible)
                    && !ask.matches(words.get_or_insert_with(|| rules.words_of(stored)))
                {
                    continue;
                }
                let happened = match visible {
                    true => Happened::Record(stored.clone()),
                    false => Happened::Gone { id: stored.record.id(), status: stored.status },
                };
                let event = Arc::new(Event { seen, happened, is_new, text: OnceLock::new() });
                topic.subscribers.retain(|subscriber| subscriber.try_send(event.clone()).is_ok());
            }
            asked.retain(|_, topic| !topic.subscribers.is_empty());
            if asked.is_empty() {
                topics.remove(&place);
            }
        }
    }
}

/// Tells questions apart. `also` is what the answer's form adds.
fn question(query: &Query, indexed: &[Indexed], also: &str) -> String {
    let text = query.text.as_ref().map(crate::text::ask::Ask::normal);
    format!("{:?}", (query.author, &query.link, indexed, text, query.since, query.until, also))
}

impl Live {
    /// Without subscribers.
    pub fn new(store: Store, spaces: Arc<Spaces>, modules: Arc<Modules>) -> Self {
        let hub = Hub {
            store,
            topics: Mutex::default(),
            subscribers: AtomicUsize::new(0),
            seen: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
        };
        Self { hub: Arc::new(hub), spaces, modules, thread: Mutex::default() }
    }

    /// How many listen.
    pub fn subscribers(&self) -> usize {
        self.hub.subscribers.load(Ordering::Relaxed)
    }

    fn start(&self) -> Result<(), NodeError> {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_some() {
            return Ok(());
        }
        let hub = self.hub.clone();
        // In this order: what is committed in between is below the watermark of every subscriber.
        hub.seen.store(hub.store.watermark(), Ordering::Release);
        let changes = hub.store.changes(COMMITS);
        let mut rules = TextRules::new(self.spaces.clone(), self.modules.clone());
        let started =
            std::thread::Builder::new().name("live-queries".into()).spawn(move || hub.run(&changes, &mut rules));
        let failed = |error| NodeError::Unavailable(format!("live queries cannot start: {error}"));
        *thread = Some(started.map_err(failed)?);
        Ok(())
    }

    /// Ends every subscription, because the node stops.
    pub fn stop(&self) {
        self.hub.stopping.store(true, Ordering::Release);
        self.hub.topics().clear();
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.stop();
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A panic there was reported by the hook.
            let _ = thread.join();
        }
    }
}

/// What arrived between two numbers, page by page.
#[derive(Debug)]
pub struct Arrived {
    /// The records that answer the question.
    pub records: Vec<StoredRecord>,
    /// To go on, if there may be more.
    pub next: Option<Position>,
}

impl Node {
    /// Listens for what answers a query. `also` tells apart subscribers that want another form.
    pub fn subscribe(&self, query: &Query, also: &str) -> Result<Subscription, NodeError> {
        let (live, asked) = (self.live(), self.asked(query)?);
        live.start()?;
        let hub = &live.hub;
        if hub.stopping.load(Ordering::Acquire) {
            return Err(NodeError::Unavailable("the node is stopping".into()));
        }
        if hub.subscribers.fetch_add(1, Ordering::Relaxed) >= MOST_SUBSCRIBERS {
            hub.subscribers.fetch_sub(1, Ordering::Relaxed);
            return Err(NodeError::Unavailable(format!(
                "{MOST_SUBSCRIBERS} live queries are running, which is as many as this node takes: end one, or ask again later"
            )));
        }
        let (sender, receiver) = mpsc::channel(QUEUE);
        {
            let mut topics = hub.topics();
            let place = topics.entry((query.space.id, query.type_name.clone())).or_default();
            let topic = place.entry(question(query, &asked.indexed, also)).or_insert_with(|| Topic {
                query: query.clone(),
                indexed: asked.indexed.clone(),
                subscribers: Vec::new(),
            });
            topic.subscribers.retain(|subscriber| !subscriber.is_closed());
            topic.subscribers.push(sender);
        }
        // Read after the place was taken: what arrives from now on is told, what arrived up to
        // here is in the store.
        let from = self.store().watermark();
        Ok(Subscription { receiver, hub: hub.clone(), from })
    }

    /// The records that answer a query and arrived after one number and up to another, in order
    /// of arrival.
    pub fn arrived(
        &self,
        query: &Query,
        (after, upto): (u64, u64),
        from: Option<Position>,
        rules: &mut TextRules,
    ) -> Result<Arrived, NodeError> {
        let asked = self.asked(query)?;
        let scan = Scan {
            newest_first: false,
            since: query.since,
            until: query.until,
            after: from,
            most_rows: Some(PAGE * 16),
            ..Scan::new(query.space.id, By::Arrival { after })
        };
        let mut hits = self.store().scan(&scan)?;
        let mut numbers = Vec::new();
        let mut over = false;
        while numbers.len() < usize::try_from(PAGE).expect("a small number") {
            match hits.next().transpose()? {
                Some(hit) if hit.n <= upto => numbers.push(hit.n),
                _ => {
                    over = !hits.is_paused();
                    break;
                }
            }
        }
        let mut records = self.load(&asked, numbers)?;
        if let Some(ask) = &query.text {
            records.retain(|stored| ask.matches(&rules.words_of(stored)));
        }
        Ok(Arrived { records, next: hits.position().filter(|_| !over) })
    }

    /// For [`arrived`](Self::arrived).
    pub fn text_rules(&self) -> TextRules {
        TextRules::new(self.live().spaces.clone(), self.live().modules.clone())
    }
}
