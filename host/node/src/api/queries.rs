//! Many records.

use std::time::Duration;

use atlas_record::Address;
use atlas_record::json::Fields;
use atlas_store::SetSummary;
use axum::Json;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::http::{HeaderValue, Uri, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::{Caller, Path, Problem, blocking, parse};
use crate::describe::TypeView;
use crate::error::NodeError;
use crate::node::Node;
use crate::query::expand::{self, Expanded};
use crate::query::group::GroupValue;
use crate::query::{self, End, Order};
use crate::view::{ById, RecordView};

/// What is asked. All conditions have to hold.
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
    /// In this state of the type's workflow now: nothing follows it.
    state: Option<String>,
    /// With these words, `"a phrase"`, `begin*`, and without `-these`.
    text: Option<String>,
    /// Created then or later. Milliseconds since the Unix epoch.
    since: Option<u64>,
    /// Created before then. Milliseconds since the Unix epoch.
    until: Option<u64>,
    /// `newest` (the default), `oldest`, or `best` first; `best` is for `text`, and the default there.
    order: Option<String>,
    /// Records at most: 1 to 1,000, 50 if left out.
    limit: Option<usize>,
    /// From an earlier answer to the same question.
    cursor: Option<String>,
    /// Milliseconds that the answer may take: 1 to 60,000, 500 if left out.
    budget: Option<u64>,
    /// Fields of the body, `,` between their paths: `name,hashes.sha256`.
    fields: Option<String>,
    /// Links to follow, `,` between paths of up to 4 steps: `depends.depends,~depends,author.atlas.profile`.
    expand: Option<String>,
    /// Only count: `true`.
    count: Option<bool>,
    /// Only count under each value of this index or field.
    group: Option<String>,
}

/// One page of an answer.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Answer<'a> {
    /// The records.
    records: Vec<RecordView<'a>>,
    /// To go on; absent at the end.
    cursor: Option<&'a str>,
    /// Every record that reached this node up to this number was considered.
    watermark: u64,
    /// How many records this page has, or how many there are, if only that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    /// Why the page ends early: `time`, `rows` or `groups`.
    #[serde(skip_serializing_if = "Option::is_none")]
    cut: Option<&'static str>,
    /// The set that was asked: two nodes with the same digest hold the same headers.
    set: SetView,
    /// For `text`: every record up to this number was in the text index.
    #[serde(skip_serializing_if = "Option::is_none")]
    text_watermark: Option<u64>,
    /// For `text`: beginnings that stand for more words than were looked for.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    text_cut: &'a [String],
    /// For `expand`: the records that came along, by id, each once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    expanded: Option<ById<'a>>,
    /// For `expand`: the bound that was reached: `records`, `fan-out` or `time`.
    #[serde(skip_serializing_if = "Option::is_none")]
    expanded_cut: Option<&'static str>,
    /// For `group`: the values, in order, with their counts. A value on the edge of two pages is
    /// in both: add them up.
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<Vec<GroupView>>,
}

/// A set of records.
#[derive(Serialize, utoipa::ToSchema)]
pub struct SetView {
    /// Digest of the ids and times of every header, in hex.
    digest: String,
    /// Headers of the replicated set.
    headers: u64,
    /// Records that queries show.
    records: u64,
}

impl From<SetSummary> for SetView {
    fn from(summary: SetSummary) -> Self {
        Self {
            digest: data_encoding::HEXLOWER.encode(&summary.digest),
            headers: summary.counts.total,
            records: summary.counts.visible,
        }
    }
}

/// How many records have a value.
#[derive(Serialize, utoipa::ToSchema)]
pub struct GroupView {
    /// The value: text, an integer or a boolean.
    #[schema(schema_with = crate::view::any_scalar)]
    value: GroupValue,
    /// How many records.
    count: u64,
}

/// What was written at an address.
#[derive(Serialize, utoipa::ToSchema)]
pub struct HistoryView<'a> {
    /// Latest first.
    records: Vec<RecordView<'a>>,
    /// To go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<&'a str>,
}

/// Which address.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub struct WhichAddress {
    /// `atlas://space/author/type/key`.
    address: String,
    /// Versions at most: 1 to 1,000, 50 if left out.
    limit: Option<usize>,
    /// From an earlier answer about the same address.
    cursor: Option<String>,
}

/// What follows is written while records are still in hand, away from the threads that serve
/// connections.
pub(super) fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("an answer is JSON")
}

pub(super) fn json_response(body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn order(text: &str) -> Result<Order, NodeError> {
    match text {
        "newest" => Ok(Order::Newest),
        "oldest" => Ok(Order::Oldest),
        "best" => Ok(Order::Best),
        other => Err(NodeError::Misuse(format!("order is `{other}`, expected newest, oldest or best"))),
    }
}

/// The conditions that one-time and live queries share, as they came.
pub(super) struct Asked<'a> {
    pub space: Option<&'a str>,
    pub type_name: Option<&'a str>,
    pub author: Option<&'a str>,
    pub link: Option<&'a str>,
    pub index: Option<&'a str>,
    pub state: Option<&'a str>,
    pub text: Option<&'a str>,
    pub since: Option<u64>,
}

impl Asked<'_> {
    pub fn query(&self, node: &Node) -> Result<query::Query, NodeError> {
        let author = match self.author {
            None => None,
            Some(text) => Some(match text.parse() {
                Ok(id) => id,
                Err(_) => node.identities().identity(text)?,
            }),
        };
        Ok(query::Query {
            type_name: self.type_name.map(parse).transpose()?,
            author,
            link: self.link.map(parse).transpose()?,
            index: self.index.map(parse).transpose()?,
            state: self.state.map(str::to_owned),
            text: self.text.map(parse).transpose()?,
            since: self.since,
            ..query::Query::new(node.spaces().resolve(self.space)?)
        })
    }
}

fn page_size(limit: Option<usize>) -> Result<usize, NodeError> {
    let limit = limit.unwrap_or(query::DEFAULT_LIMIT);
    if (1..=query::MOST_RECORDS).contains(&limit) {
        return Ok(limit);
    }
    Err(NodeError::Misuse(format!("limit is {limit}, expected 1 to {}", query::MOST_RECORDS)))
}

impl Conditions {
    fn query(&self, node: &Node) -> Result<query::Query, NodeError> {
        let limit = page_size(self.limit)?;
        let asked = Asked {
            space: self.space.as_deref(),
            type_name: self.r#type.as_deref(),
            author: self.author.as_deref(),
            link: self.link.as_deref(),
            index: self.index.as_deref(),
            state: self.state.as_deref(),
            text: self.text.as_deref(),
            since: self.since,
        };
        Ok(query::Query {
            until: self.until,
            order: self.order.as_deref().map(order).transpose()?,
            limit,
            cursor: self.cursor.clone(),
            budget: self.budget.map_or(query::DEFAULT_BUDGET, |ms| Duration::from_millis(ms.clamp(1, 60_000))),
            ..asked.query(node)?
        })
    }
}

/// An answer without records.
fn bare(set: SetView, end: &End) -> Answer<'_> {
    Answer {
        records: Vec::new(),
        cursor: end.cursor.as_deref(),
        watermark: end.watermark,
        count: None,
        cut: end.cut,
        set,
        text_watermark: end.text_watermark,
        text_cut: &end.text_cut,
        expanded: None,
        expanded_cut: None,
        groups: None,
    }
}

/// The bytes of an answer, and the cursor that goes on from it.
type Answered = (Vec<u8>, Option<String>);

fn answer(node: &Node, caller: &Caller, asked: &Conditions) -> Result<Answered, NodeError> {
    let query = asked.query(node)?;
    caller.check_read(node, &query.space.id)?;
    let fields: Option<Fields> = asked.fields.as_deref().map(parse).transpose()?;
    let paths = asked.expand.as_deref().map(expand::paths).transpose()?;
    let only_counts = asked.count == Some(true) || asked.group.is_some();
    if only_counts && (fields.is_some() || paths.is_some()) {
        return Err(NodeError::Misuse("counts have no records: leave out `fields` and `expand`".into()));
    }
    if asked.count == Some(true) && asked.group.is_some() {
        return Err(NodeError::Misuse("`group` counts already: leave out `count`".into()));
    }
    // Read first: what the answer then holds is at least this.
    let set = SetView::from(node.store().set_summary(&query.space.id, query.type_name.as_ref())?);
    if let Some(field) = &asked.group {
        let grouped = node.group(&query, field)?;
        let groups = grouped.groups.into_iter().map(|(value, count)| GroupView { value, count }).collect();
        let answer = to_json(&Answer { groups: Some(groups), ..bare(set, &grouped.end) });
        return Ok((answer, grouped.end.cursor));
    }
    if asked.count == Some(true) {
        let counted = node.count(&query)?;
        let answer = to_json(&Answer { count: Some(counted.count), ..bare(set, &counted.end) });
        return Ok((answer, counted.end.cursor));
    }
    let page = node.query(&query)?;
    let expanded = paths.as_ref().map(|paths| node.expand(&query, &page.records, paths)).transpose()?;
    let Expanded { records: mut along, resolved, cut } = expanded.unwrap_or_default();
    // Links lead anywhere; what is shown stays within what the caller may read.
    along.retain(|stored| caller.check_read(node, &stored.record.header().space).is_ok());
    let along_contested = node.contested(&along)?;
    let view = |stored, contested| {
        let view = RecordView::of(stored).contested(contested).resolved(resolved.get(&stored.n));
        match &fields {
            Some(fields) => view.only(fields),
            None => view,
        }
    };
    let records: Vec<_> = page.records.iter().map(|stored| view(stored, page.contested.contains(&stored.n))).collect();
    let along = along.iter().map(|stored| view(stored, along_contested.contains(&stored.n))).collect();
    let answer = to_json(&Answer {
        count: Some(records.len() as u64),
        records,
        expanded: paths.is_some().then_some(ById(along)),
        expanded_cut: cut,
        ..bare(set, &page.end)
    });
    Ok((answer, page.end.cursor))
}

/// The next page as a link (RFC 8288): the same question with the cursor of its answer.
fn next_page(asked: &Uri, cursor: &str) -> HeaderValue {
    let rest = asked.query().unwrap_or_default().split('&');
    let rest = rest.filter(|part| !part.is_empty() && part.split('=').next() != Some("cursor"));
    // These would end the link; a client may send them as they are.
    let rest: String = rest.map(|part| format!("{}&", part.replace('<', "%3C").replace('>', "%3E"))).collect();
    let link = format!("<{}?{rest}cursor={cursor}>; rel=\"next\"", asked.path());
    HeaderValue::from_str(&link).expect("a query is visible ASCII, and so is a cursor")
}

/// Records by words, state, index, link, author, type and time; with what they link to, cut down
/// to some fields, or only counted.
#[utoipa::path(get, path = "/v1/query", params(Conditions), responses((status = 200, body = Answer, headers(("Link" = String, description = "The next page, as `<URI>; rel=\"next\"`; absent at the end"))), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)))]
pub async fn query(
    State(node): State<Node>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
    conditions: Result<Query<Conditions>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(asked) = conditions?;
    let answered = blocking(move || answer(&node, &caller, &asked)).await?;
    Ok(paged(&uri, answered))
}

/// An answer with a link to the page that follows it.
fn paged(uri: &Uri, (body, cursor): Answered) -> Response {
    let mut response = json_response(body);
    if let Some(cursor) = cursor {
        response.headers_mut().insert(header::LINK, next_page(uri, &cursor));
    }
    response
}

/// Which space.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InSpace {
    /// By name or id; the only one here if left out.
    space: Option<String>,
}

/// What a type is: its key, lifecycle, indexes, text fields, workflow and fields, with examples.
#[utoipa::path(get, path = "/v1/types/{type}", params(("type" = String, Path), InSpace), responses((status = 200, body = TypeView), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn describe(
    State(node): State<Node>,
    Path(type_name): Path<String>,
    of: Result<Query<InSpace>, QueryRejection>,
) -> Result<Json<TypeView>, Problem> {
    let Query(of) = of?;
    blocking(move || {
        let space = node.spaces().resolve(of.space.as_deref())?;
        node.describe_type(&space, &parse(&type_name)?)
    })
    .await
    .map(Json)
}

/// Everything written at an address, with what became of it.
#[utoipa::path(get, path = "/v1/history", params(WhichAddress), responses((status = 200, body = HistoryView, headers(("Link" = String, description = "The next page, as `<URI>; rel=\"next\"`; absent at the end"))), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn history(
    State(node): State<Node>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
    which: Result<Query<WhichAddress>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(which) = which?;
    let answered = blocking(move || {
        let address: Address = parse(&which.address)?;
        caller.check_read(&node, &address.space)?;
        let limit = page_size(which.limit)?;
        let (records, next) = node.history(&address, limit, which.cursor.as_deref())?;
        if records.is_empty() && which.cursor.is_none() {
            return Err(NodeError::missing("record", which.address, "nothing was ever written there"));
        }
        let view = HistoryView { records: records.iter().map(RecordView::of).collect(), cursor: next.as_deref() };
        Ok((to_json(&view), next))
    })
    .await?;
    Ok(paged(&uri, answered))
}
