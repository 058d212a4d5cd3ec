//! Proofs about a key's chain, for whoever does not hold it.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};

use super::{Problem, blocking, parse};
use crate::node::Node;

/// Two records of one chain.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub struct Ends {
    /// The later record.
    last: String,
    /// The earlier one.
    record: String,
}

/// A proof.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ProofView {
    /// The signed headers on the path, latest first, in base64.
    headers: Vec<String>,
}

/// The headers that show that one record of a key's chain is before another.
#[utoipa::path(get, path = "/v1/proofs", params(Ends), responses((status = 200, body = ProofView), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn proof(
    State(node): State<Node>,
    ends: Result<Query<Ends>, QueryRejection>,
) -> Result<Json<ProofView>, Problem> {
    let Query(ends) = ends?;
    blocking(move || {
        let proof = node.prove_ancestry(&parse(&ends.last)?, &parse(&ends.record)?)?;
        Ok(ProofView { headers: proof.headers().iter().map(|it| crate::base64(it.as_bytes())).collect() })
    })
    .await
    .map(Json)
}
