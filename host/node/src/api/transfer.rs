//! Streams in and out: imports and exports.

use std::io::{BufReader, Write};

use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::IntoResponse;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::pieces::{self, PIECE_BYTES, PIECES};
use super::{Path, Problem, blocking, parse};
use crate::import::{self, Format, Rejection, Summary};
use crate::node::Node;

/// Where an import goes.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Into {
    /// The space, by name or id; the only one here if left out. Archives bring their own.
    space: Option<String>,
    /// The author, by name or id; the only identity here if left out. Archives bring their own.
    r#as: Option<String>,
}

/// Which space.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Of {
    /// By name or id; the only one here if left out.
    space: Option<String>,
}

/// Rejections that an answer names; the rest are counted.
const MOST_REJECTIONS: usize = 10_000;

/// Brings in a package index, lines of JSON or an archive. The body is the input, streamed.
/// Answers a line `{"rejected": …}` for each entry that was not taken (the first 10,000), then
/// a line with the counts.
#[utoipa::path(post, path = "/v1/import/{format}", params(("format" = String, Path, description = "debian, jsonl or atlas"), Into), request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses((status = 200, body = Summary, content_type = "application/x-ndjson"), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn import(
    State(node): State<Node>,
    Path(format): Path<String>,
    into: Result<Query<Into>, QueryRejection>,
    body: Body,
) -> Result<impl IntoResponse, Problem> {
    let Query(into) = into?;
    let (pump, pieces) = pieces::reader(body);
    let work = blocking(move || {
        let format: Format = parse(&format)?;
        let into = match format {
            Format::Atlas => None,
            _ => {
                Some((node.spaces().resolve(into.space.as_deref())?, node.identities().resolve(into.r#as.as_deref())?))
            }
        };
        let input = BufReader::with_capacity(1 << 18, pieces);
        let mut lines = Vec::new();
        let mut named = 0;
        let mut rejected = |rejection: Rejection| {
            named += 1;
            if named <= MOST_REJECTIONS {
                write_line(&mut lines, &serde_json::json!({ "rejected": rejection }));
            }
        };
        // Words follow from the first record on, so that the first question about them finds little
        // left to do: in a running node they do already.
        node.text().start()?;
        let summary = import::run(&node, format, input, into, &mut rejected)?;
        write_line(&mut lines, &summary);
        Ok(lines)
    });
    let (_, lines) = tokio::join!(pump, work);
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], lines?))
}

fn write_line(lines: &mut Vec<u8>, value: &impl serde::Serialize) {
    serde_json::to_writer(&mut *lines, value).expect("counts and reasons are JSON");
    lines.push(b'\n');
}

/// A space as an archive that another node can check and import.
#[utoipa::path(get, path = "/v1/export", params(Of), responses((status = 200, content_type = "application/cbor-seq"), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn export(
    State(node): State<Node>,
    of: Result<Query<Of>, QueryRejection>,
) -> Result<impl IntoResponse, Problem> {
    let Query(of) = of?;
    let space = node.spaces().resolve(of.space.as_deref())?;
    let (sender, pieces) = mpsc::channel(PIECES);
    tokio::task::spawn_blocking(move || {
        let mut out = Out { sender: sender.clone(), buffer: Vec::with_capacity(PIECE_BYTES) };
        let done = node
            .export(&space, &mut out)
            .and_then(|_| out.flush().map_err(|error| crate::NodeError::Unavailable(error.to_string())));
        if let Err(error) = done {
            // The status is sent already: breaking the stream off is what tells the reader.
            tracing::error!("export of {}: {error}", space.name);
            let _ = sender.blocking_send(Err(std::io::Error::other(error.to_string())));
        }
    });
    Ok(([(header::CONTENT_TYPE, "application/cbor-seq")], Body::from_stream(ReceiverStream::new(pieces))))
}

/// A writer whose bytes go out as a stream.
struct Out {
    sender: mpsc::Sender<std::io::Result<Bytes>>,
    buffer: Vec<u8>,
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= PIECE_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let piece = Bytes::from(std::mem::take(&mut self.buffer));
        let gone = || std::io::Error::new(std::io::ErrorKind::BrokenPipe, "the reader went away");
        self.sender.blocking_send(Ok(piece)).map_err(|_| gone())
    }
}
