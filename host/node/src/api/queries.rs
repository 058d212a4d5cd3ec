//! Many records.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};

use super::{Problem, blocking, parse};
use crate::node::Node;
use crate::query;
use crate::view::RecordView;

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
    /// Created then or later. Milliseconds since the Unix epoch.
    since: Option<u64>,
    /// Created before then. Milliseconds since the Unix epoch.
    until: Option<u64>,
    /// `newest` (the default) or `oldest` first.
    order: Option<String>,
    /// Records at most: 1 to 1,000, 50 if left out.
    limit: Option<usize>,
    /// From an earlier answer to the same question.
    cursor: Option<String>,
    /// Milliseconds that the answer may take; 500 if left out.
    budget: Option<u64>,
}

/// One page of an answer.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Answer {
    /// The records.
    records: Vec<RecordView>,
    /// To go on; absent at the end.
    cursor: Option<String>,
    /// Every record that reached this node up to this number was considered.
    watermark: u64,
    /// How many records this page has.
    count: usize,
    /// Why the page ends early: `time` or `rows`.
    #[serde(skip_serializing_if = "Option::is_none")]
    cut: Option<&'static str>,
}

/// What was written at an address.
#[derive(Serialize, utoipa::ToSchema)]
pub struct HistoryView {
    /// Latest first.
    records: Vec<RecordView>,
}

/// Which address.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub struct WhichAddress {
    /// `atlas://space/author/type/key`.
    address: String,
}

/// Records by type, author, link, declared index and time.
#[utoipa::path(get, path = "/v1/query", params(Conditions), responses((status = 200, body = Answer), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn query(
    State(node): State<Node>,
    conditions: Result<Query<Conditions>, QueryRejection>,
) -> Result<Json<Answer>, Problem> {
    let Query(asked) = conditions?;
    blocking(move || {
        let limit = asked.limit.unwrap_or(query::DEFAULT_LIMIT);
        if !(1..=query::MOST_RECORDS).contains(&limit) {
            return Err(crate::NodeError::Misuse(format!("limit is {limit}, expected 1 to {}", query::MOST_RECORDS)));
        }
        let author = match asked.author.as_deref() {
            None => None,
            Some(text) => Some(match text.parse() {
                Ok(id) => id,
                Err(_) => node.identities().identity(text)?,
            }),
        };
        let page = node.query(&query::Query {
            space: node.spaces().resolve(asked.space.as_deref())?,
            type_name: asked.r#type.as_deref().map(parse).transpose()?,
            author,
            link: asked.link.as_deref().map(parse).transpose()?,
            index: asked.index.as_deref().map(parse).transpose()?,
            since: asked.since,
            until: asked.until,
            ascending: match asked.order.as_deref() {
                None | Some("newest") => false,
                Some("oldest") => true,
                Some(other) => {
                    return Err(crate::NodeError::Misuse(format!("order is `{other}`, expected newest or oldest")));
                }
            },
            limit,
            cursor: asked.cursor,
            budget: asked.budget.map_or(query::DEFAULT_BUDGET, |ms| Duration::from_millis(ms.clamp(1, 60_000))),
        })?;
        Ok(Answer {
            count: page.records.len(),
            records: page.records.iter().map(RecordView::of).collect(),
            cursor: page.cursor,
            watermark: page.watermark,
            cut: page.cut,
        })
    })
    .await
    .map(Json)
}

/// Everything written at an address, with what became of it.
#[utoipa::path(get, path = "/v1/history", params(WhichAddress), responses((status = 200, body = HistoryView), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn history(
    State(node): State<Node>,
    which: Result<Query<WhichAddress>, QueryRejection>,
) -> Result<Json<HistoryView>, Problem> {
    let Query(which) = which?;
    blocking(move || {
        let records = node.history(&parse(&which.address)?)?;
        if records.is_empty() {
            return Err(crate::NodeError::missing("record", which.address, "nothing was ever written there"));
        }
        Ok(HistoryView { records: records.iter().map(RecordView::of).collect() })
    })
    .await
    .map(Json)
}
