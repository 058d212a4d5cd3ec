//! What this operator does not keep and does not hand out.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::{Path, Problem, blocking};
use crate::denied::Subject;
use crate::node::Node;

/// Something that is denied.
#[derive(Serialize, utoipa::ToSchema)]
pub struct DenialView {
    /// The record or blob.
    id: String,
    /// `record` or `blob`.
    kind: &'static str,
    /// In the operator's words.
    reason: String,
    /// Since when.
    since: u64,
}

/// Why something is denied.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct NewDenial {
    /// In the operator's words.
    #[serde(default)]
    reason: String,
}

/// Everything that this node does not keep and does not hand out.
#[utoipa::path(get, path = "/v1/denied", responses((status = 200, body = Vec<DenialView>), (status = 401, body = Problem)))]
pub async fn list(State(node): State<Node>) -> Json<Vec<DenialView>> {
    let view = |(subject, denial): (Subject, crate::denied::Denial)| DenialView {
        id: subject.to_string(),
        kind: if matches!(subject, Subject::Blob(_)) { "blob" } else { "record" },
        reason: denial.reason,
        since: denial.since,
    };
    Json(node.denied().all().into_iter().map(view).collect())
}

/// Drops a body or a blob from this node, and keeps it out. Its header stays: other nodes decide for themselves.
#[utoipa::path(put, path = "/v1/denied/{id}", params(("id" = String, Path, description = "a record's or a blob's id")), request_body = NewDenial, responses((status = 204), (status = 400, body = Problem), (status = 401, body = Problem)))]
pub async fn add(
    State(node): State<Node>,
    Path(id): Path<String>,
    body: Result<Json<NewDenial>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    let Json(new) = body?;
    blocking(move || node.denied().add(id.parse()?, &new.reason, crate::clock::now())).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets a body or a blob in again. What was dropped does not come back by itself.
#[utoipa::path(delete, path = "/v1/denied/{id}", params(("id" = String, Path, description = "a record's or a blob's id")), responses((status = 204), (status = 400, body = Problem), (status = 401, body = Problem)))]
pub async fn remove(State(node): State<Node>, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    blocking(move || node.denied().remove(id.parse()?).map(drop)).await?;
    Ok(StatusCode::NO_CONTENT)
}
