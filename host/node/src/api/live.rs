//! Live queries as server-sent events.
//!
//! `event: record` brings a record, `gone` says that one is shown no more, `ready` that
//! everything up to now was told (again, after more came at once than was kept for the client, and
//! was read from the store), `watermark` that nothing happened for a while, `lagged` that
//! the client was too slow. `id` is the number up to which everything that arrived was told:
//! whoever sends it back in `Last-Event-ID` goes on from there.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use atlas_record::json::Fields;
use atlas_store::{Position, StoredRecord};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event as Sent, Sse};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use super::queries::Asked;
use super::{Caller, Problem, blocking, parse};
use crate::error::NodeError;
use crate::node::Node;
use crate::query::live::{Arrived, Event, Happened, Subscription, Told};
use crate::query::{MOST_RECORDS, Order, Query as Question};
use crate::view::{RecordView, status_name};

/// What is listened for. All conditions have to hold.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Conditions {
    /// The space, by name or id; the only one here if left out.
    space: Option<String>,
    /// Of this type.
    r#type: Option<String>,
    /// By this identity: an id, or the name of one on this machine.
    author: Option<String>,
    /// `REL=TARGET`, or `=TARGET` for any relation.
    link: Option<String>,
    /// `NAME=VALUE`, `NAME=FROM..TO`, or `NAME==VALUE` where the value holds dots.
    index: Option<String>,
    /// In this state of the type's workflow.
    state: Option<String>,
    /// With these words, `"a phrase"`, `begin*`, and without `-these`.
    text: Option<String>,
    /// First what was created then or later, oldest first. Milliseconds since the Unix epoch.
    since: Option<u64>,
    /// Fields of the body, `,` between their paths.
    fields: Option<String>,
}

/// The header by which a client says what it saw last.
const LAST_EVENT_ID: &str = "last-event-id";
/// After this long without an event, the client hears up to where everything was told.
const PATIENCE: Duration = Duration::from_secs(15);
/// A client that lets an event wait for longer is slow: it is cut off when its queue is full. One
/// that reads gets what did not fit from the store.
const SLOW: Duration = Duration::from_secs(2);
/// Events on their way into one connection.
const ON_THE_WAY: usize = 8;

/// A record that is shown no more.
#[derive(Serialize, utoipa::ToSchema)]
pub struct GoneView {
    /// Its id.
    id: String,
    /// What it is worth now.
    status: &'static str,
}

/// Up to where everything was told.
#[derive(Serialize, utoipa::ToSchema)]
pub struct WatermarkView {
    /// Every record that reached this node up to this number.
    watermark: u64,
}

/// The client is told nothing more: it went away, or was told why.
struct Left;

struct Telling {
    node: Node,
    query: Arc<Question>,
    fields: Option<Arc<Fields>>,
    /// The fields as they were given: subscribers with others are told another text.
    also: String,
    out: mpsc::Sender<Sent>,
    /// Everything that arrived up to this number was told.
    told: u64,
    /// Whether the client let an event wait for longer than [`SLOW`].
    slow: bool,
}

/// A live query, as server-sent events: `record`, `gone`, `ready`, `watermark`, `lagged`.
#[utoipa::path(get, path = "/v1/live", params(Conditions, ("Last-Event-ID" = Option<u64>, Header, description = "The `id` of the last event that was read: what arrived since comes first")), responses((status = 200, content_type = "text/event-stream", body = String), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)))]
pub async fn live(
    State(node): State<Node>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    conditions: Result<Query<Conditions>, QueryRejection>,
) -> Result<Sse<impl futures_util::Stream<Item = Result<Sent, Infallible>>>, Problem> {
    let Query(asked) = conditions?;
    let resume = match headers.get(LAST_EVENT_ID).map(|value| value.to_str().ok().and_then(|id| id.parse().ok())) {
        None => None,
        Some(Some(id)) => Some(id),
        Some(None) => return Err(NodeError::Misuse("Last-Event-ID is the number of an earlier event".into()).into()),
    };
    let (query, fields, node, subscription) = blocking(move || {
        let conditions = Asked {
            space: asked.space.as_deref(),
            type_name: asked.r#type.as_deref(),
            author: asked.author.as_deref(),
            link: asked.link.as_deref(),
            index: asked.index.as_deref(),
            state: asked.state.as_deref(),
            text: asked.text.as_deref(),
            since: asked.since,
        };
        let query = conditions.query(&node)?;
        caller.check_read(&node, &query.space.id)?;
        let fields: Option<Fields> = asked.fields.as_deref().map(parse).transpose()?;
        let also = asked.fields.unwrap_or_default();
        let subscription = node.subscribe(&query, &also)?;
        Ok((query, (fields.map(Arc::new), also), node, subscription))
    })
    .await?;
    let (fields, also) = fields;
    let (out, events) = mpsc::channel(ON_THE_WAY);
    let told = resume.unwrap_or(subscription.from).min(subscription.from);
    let telling = Telling { node, query: Arc::new(query), fields, also, out, told, slow: false };
    tokio::spawn(telling.run(subscription, resume.is_some()));
    Ok(Sse::new(ReceiverStream::new(events).map(Ok)))
}

impl Telling {
    async fn run(mut self, subscription: Subscription, resumes: bool) {
        let told = async {
            if resumes {
                self.tell_arrived(subscription.from).await?;
            } else if self.query.since.is_some() {
                self.tell_since().await?;
            }
            let mut subscription = subscription;
            loop {
                self.told = self.told.max(subscription.from);
                let ready = self.watermark("ready");
                self.send(ready).await?;
                self.follow(subscription).await?;
                // More came at once than the queue holds: the rest is in the store.
                let (node, query, also) = (self.node.clone(), self.query.clone(), self.also.clone());
                subscription = match blocking(move || node.subscribe(&query, &also)).await {
                    Ok(next) => next,
                    Err(problem) => return self.fail(problem).await,
                };
                self.tell_arrived(subscription.from).await?;
            }
        };
        // Nobody is left to be told that the client went away.
        let _: Result<(), Left> = told.await;
    }

    async fn send(&mut self, event: Sent) -> Result<(), Left> {
        let started = Instant::now();
        let sent = self.out.send(event).await.map_err(|_| Left);
        self.slow |= started.elapsed() > SLOW;
        sent
    }

    fn watermark(&self, name: &str) -> Sent {
        let data = serde_json::to_string(&WatermarkView { watermark: self.told }).expect("a number is JSON");
        Sent::default().event(name).id(self.told.to_string()).data(data)
    }

    fn record(&self, stored: &StoredRecord) -> String {
        let view = RecordView::of(stored);
        let view = match &self.fields {
            Some(fields) => view.only(fields),
            None => view,
        };
        serde_json::to_string(&view).expect("a record is JSON")
    }

    fn text(&self, event: &Event) -> String {
        match &event.happened {
            Happened::Record(stored) => self.record(stored),
            Happened::Gone { id, status } => {
                let gone = GoneView { id: id.to_string(), status: status_name(*status) };
                serde_json::to_string(&gone).expect("two texts are JSON")
            }
        }
    }

    async fn fail(&mut self, problem: Problem) -> Result<(), Left> {
        let data = serde_json::to_string(&problem).expect("a problem is JSON");
        self.send(Sent::default().event("problem").data(data)).await?;
        Err(Left)
    }

    /// What arrived since the last event that the client read, in the order of arrival.
    async fn tell_arrived(&mut self, upto: u64) -> Result<(), Left> {
        let (after, mut from) = (self.told, None::<Position>);
        loop {
            let (node, query, place) = (self.node.clone(), self.query.clone(), from.take());
            let page = blocking(move || {
                let mut rules = node.text_rules();
                node.arrived(&query, (after, upto), place, &mut rules)
            });
            let Arrived { records, next } = match page.await {
                Ok(page) => page,
                Err(problem) => return self.fail(problem).await,
            };
            for stored in &records {
                let event = Sent::default().event("record").id(stored.n.to_string()).data(self.record(stored));
                self.send(event).await?;
            }
            match next {
                Some(next) => from = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// What was created since the time that was asked for. These events carry no id: they come
    /// in the order of creation, which no number of arrival can resume.
    async fn tell_since(&mut self) -> Result<(), Left> {
        let mut query = Question { order: Some(Order::Oldest), limit: MOST_RECORDS, ..Question::clone(&self.query) };
        loop {
            let (node, asked) = (self.node.clone(), query.clone());
            let page = match blocking(move || node.query(&asked)).await {
                Ok(page) => page,
                Err(problem) => return self.fail(problem).await,
            };
            let upto = self.told;
            for stored in page.records.iter().filter(|stored| stored.n <= upto) {
                let event = Sent::default().event("record").data(self.record(stored));
                self.send(event).await?;
            }
            match page.end.cursor {
                Some(cursor) => query.cursor = Some(cursor),
                None => return Ok(()),
            }
        }
    }

    /// Tells what happens, until the client leaves or its queue is full.
    async fn follow(&mut self, mut subscription: Subscription) -> Result<(), Left> {
        loop {
            let told = tokio::select! {
                told = subscription.next(PATIENCE) => told,
                () = self.out.closed() => return Err(Left),
            };
            match told {
                Told::Event(event) => {
                    self.told = self.told.max(event.seen);
                    let text = event.text.get_or_init(|| self.text(&event)).clone();
                    let name = match event.happened {
                        Happened::Record(_) => "record",
                        Happened::Gone { .. } => "gone",
                    };
                    self.send(Sent::default().event(name).id(self.told.to_string()).data(text)).await?;
                }
                Told::Nothing(seen) => {
                    self.told = self.told.max(seen);
                    let event = self.watermark("watermark");
                    self.send(event).await?;
                }
                Told::Lagged if self.slow => {
                    let event = self.watermark("lagged");
                    self.send(event).await?;
                    return Err(Left);
                }
                Told::Lagged => return Ok(()),
                Told::Over => return Err(Left),
            }
        }
    }
}
