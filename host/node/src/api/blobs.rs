//! Blobs: stored by streaming, read whole or in part.
//!
//! What comes out is bytes that somebody uploaded, so no browser may take them for a page: they
//! are an attachment of unknown type, and are never sniffed.

use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use atlas_record::BlobId;
use atlas_store::BlobReader;
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::conditional::is_known;
use super::pieces::{self, PIECE_BYTES, PIECES};
use super::range::{self, Part};
use super::{Caller, Path, Problem, blocking, parse};
use crate::error::NodeError;
use crate::node::Node;

/// A blob that was stored.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(example = json!({ "id": "bafkr4igdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi", "size": 48213 }))]
pub struct StoredBlob {
    /// Its id: a CIDv1 (`raw`, BLAKE3), the digest that `b3sum` prints.
    id: String,
    /// Bytes.
    size: u64,
}

/// Stores a blob. The body is the blob, of any size, streamed. It is dropped again if no record
/// names it within 24 hours. An app needs a grant that lets it write; it may store 1 GiB at once,
/// and 4 GiB before records name what it stored.
#[utoipa::path(post, path = "/v1/blobs", request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses((status = 200, body = StoredBlob), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem), (status = 413, body = Problem), (status = 422, body = Problem), (status = 429, body = Problem), (status = 507, body = Problem)))]
pub async fn store(
    State(node): State<Node>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<Json<StoredBlob>, Problem> {
    let (pump, mut pieces) = pieces::reader(body);
    let work = blocking(move || {
        let bounds = caller.upload_bounds(&node)?;
        let blob = node.offer_blob(&mut pieces, bounds, crate::clock::now())?;
        Ok(StoredBlob { id: blob.id.to_string(), size: blob.size })
    });
    let (_, stored) = tokio::join!(pump, work);
    stored.map(Json)
}

/// A blob, whole or a range of its bytes. One of 64 MiB at most that a record names and that is not here is
/// fetched from peers of the record's space. Apps see those that a record in their spaces names.
#[utoipa::path(method(get, head), path = "/v1/blobs/{id}", params(("id" = String, Path, description = "The blob's id, a CID"), ("Range" = Option<String>, Header, description = "One range of bytes, as `bytes=0-1023`; anything else is ignored"), ("If-Range" = Option<String>, Header, description = "The `ETag` that the range belongs to"), ("If-None-Match" = Option<String>, Header, description = "The `ETag` of an earlier answer")), responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>, headers(("ETag" = String, description = "The blob's id; for `If-None-Match` and `If-Range`"), ("Accept-Ranges" = String, description = "`bytes`"))), (status = 206, description = "The bytes that were asked for", content_type = "application/octet-stream", body = Vec<u8>, headers(("ETag" = String, description = "The blob's id"), ("Content-Range" = String, description = "Which bytes of how many, as `bytes 0-1023/48213`"))), (status = 304, description = "It is what the client has"), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem), (status = 416, body = Problem)))]
pub async fn get(
    State(node): State<Node>,
    Extension(caller): Extension<Caller>,
    method: Method,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id: BlobId = parse(&id)?;
    let (asked, asking) = (node.clone(), caller.clone());
    blocking(move || asking.check_blob(&asked, &id)).await?;
    node.fetch_blob(id).await?;
    let (id, reader) = blocking(move || {
        let missing = || {
            let hint = "no peer that is connected has it either; store it with POST /v1/blobs";
            NodeError::missing("blob", id, hint)
        };
        if node.denied().has(&id.0) {
            return Err(NodeError::missing("blob", id, "this node does not hand it out: see `GET /v1/denied`"));
        }
        Ok((id, node.store().open_blob(&id)?.ok_or_else(missing)?))
    })
    .await?;
    let (etag, size) = (format!("\"{id}\""), reader.size());
    let mut response = if is_known(&headers, &etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let part = if method == Method::GET { range::part(&headers, &etag, size) } else { Part::Whole };
        let (status, bytes) = match part {
            Part::Whole => (StatusCode::OK, 0..size),
            Part::Bytes(bytes) => (StatusCode::PARTIAL_CONTENT, bytes),
            Part::Nowhere => {
                let mut problem =
                    Problem::new(416, "no-such-range", format!("the blob has {size} bytes")).into_response();
                problem.headers_mut().insert(header::CONTENT_RANGE, visible(format!("bytes */{size}")));
                return Ok(problem);
            }
        };
        let length = bytes.end - bytes.start;
        let range = (status == StatusCode::PARTIAL_CONTENT)
            .then(|| visible(format!("bytes {}-{}/{size}", bytes.start, bytes.end - 1)));
        let body = if method == Method::HEAD { Body::empty() } else { stream(reader, bytes) };
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_LENGTH, length.into());
        if let Some(range) = range {
            headers.insert(header::CONTENT_RANGE, range);
        }
        response
    };
    let fixed: [(HeaderName, &str); 5] = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CONTENT_DISPOSITION, "attachment"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::ACCEPT_RANGES, "bytes"),
        // The bytes never change; whether they are still here is asked every time.
        (header::CACHE_CONTROL, "private, no-cache"),
    ];
    let modified = response.status() != StatusCode::NOT_MODIFIED;
    for (name, value) in fixed.into_iter().filter(|(name, _)| modified || name == header::CACHE_CONTROL) {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response.headers_mut().insert(header::ETAG, visible(etag));
    Ok(response)
}

fn visible(text: String) -> HeaderValue {
    HeaderValue::from_str(&text).expect("numbers and ids are visible ASCII")
}

/// Part of a blob as a body. What cannot be read breaks it off, since the status is sent by then.
fn stream(mut reader: BlobReader, bytes: Range<u64>) -> Body {
    let (sender, sent) = mpsc::channel::<std::io::Result<Bytes>>(PIECES);
    tokio::task::spawn_blocking(move || {
        let mut left = bytes.end - bytes.start;
        let mut failed = reader.seek(SeekFrom::Start(bytes.start)).err();
        while left > 0 && failed.is_none() {
            let mut piece = vec![0; left.min(PIECE_BYTES as u64) as usize];
            failed = reader.read_exact(&mut piece).err();
            left -= piece.len() as u64;
            if failed.is_none() && sender.blocking_send(Ok(piece.into())).is_err() {
                return; // the client went away
            }
        }
        if let Some(error) = failed {
            tracing::error!("reading a blob: {error}");
            let _ = sender.blocking_send(Err(error));
        }
    });
    Body::from_stream(ReceiverStream::new(sent))
}
