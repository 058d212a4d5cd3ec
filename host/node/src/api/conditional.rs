//! Answers that the client has already are not sent again (RFC 9110, section 13).
//!
//! A route that knows a cheaper tag sets one itself, as records and blobs do. Every other answer
//! in JSON is tagged here by the hash of its bytes: that spares the way to the client, not the
//! work.

use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Problem;

/// Whether the client has it already (section 13.1.2; compared weakly).
pub(super) fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    known
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// Tags answers to `GET`, and holds back what the client has.
pub(super) async fn tag(request: Request, next: Next) -> Response {
    if request.method() != Method::GET {
        return next.run(request).await;
    }
    let asked = request.headers().clone();
    let response = next.run(request).await;
    let headers = response.headers();
    let is_json = headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    // What streams is not in memory, and stays so.
    let is_whole = response.body().size_hint().exact().is_some();
    if response.status() != StatusCode::OK || headers.contains_key(header::ETAG) || !is_json || !is_whole {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        return Problem::new(500, "internal", "the answer could not be read").into_response();
    };
    let etag = format!("\"{}\"", &blake3::hash(&bytes).to_hex()[..32]);
    let value = HeaderValue::from_str(&etag).expect("hex is visible ASCII");
    if is_known(&asked, &etag) {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, value)]).into_response();
    }
    parts.headers.insert(header::ETAG, value);
    Response::from_parts(parts, Body::from(bytes))
}
