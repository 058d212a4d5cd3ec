//! One record: read it, write it, take it back.

use atlas_record::json::JsonBody;
use atlas_record::{Address, Body, Link, RecordId, Value};
use atlas_store::StoredRecord;
use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Extension, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::conditional::is_known;
use super::queries::{json_response, to_json};
use super::{Caller, Problem, blocking, parse};
use crate::author::{NewRecord, Written};
use crate::blobs::NamedBlob;
use crate::error::{NodeError, Refusal};
use crate::node::Node;
use crate::view::{RecordView, address_of, status_name};

/// Which record.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// An `atlas://` address, or a record id.
    r#ref: String,
}

/// Which record, and who takes it back.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub struct WhichAs {
    /// An `atlas://` address, or a record id.
    r#ref: String,
    /// The author, by name or id; the only identity here if left out.
    r#as: Option<String>,
}

/// A record to write.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRecordRequest {
    /// The space, by name or id; the only one here if left out.
    space: Option<String>,
    /// The author, by name or id; the only identity here if left out.
    r#as: Option<String>,
    /// The type.
    r#type: String,
    /// The key, for types that want one.
    key: Option<String>,
    /// Typed references; the type's module adds those that follow from the body.
    #[serde(default)]
    links: Vec<NewLink>,
    /// Files that the record carries; the body refers to them as its type says. 64 at most.
    #[serde(default)]
    blobs: Vec<NewBlob>,
    /// When the body may go. Milliseconds since the Unix epoch.
    expires: Option<u64>,
    /// The content, in the AT Protocol's JSON form.
    #[schema(value_type = Object)]
    body: JsonBody,
}

/// A typed reference to write.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLink {
    /// The relation.
    relation: String,
    /// A CID, an address, `id:CID` or `name:TEXT`.
    target: String,
}

/// A file for a record to carry.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBlob {
    /// The blob's id, a CID.
    id: String,
    /// Bytes. To be left out for a blob that is here; one that is elsewhere is named by it.
    size: Option<u64>,
}

/// A record that was written.
#[derive(Serialize, utoipa::ToSchema)]
pub struct WrittenView {
    /// Its id.
    id: String,
    /// Its address, for keyed records.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
}

/// Finds a record by address or id.
fn find(node: &Node, text: &str) -> Result<StoredRecord, NodeError> {
    let found = if text.starts_with(atlas_record::name::ADDRESS_PREFIX) {
        node.store().current(&parse::<Address>(text)?)?
    } else {
        node.store().get(&parse::<RecordId>(text)?)?
    };
    found.ok_or_else(|| NodeError::missing("record", text, "look for it with `atlas query`"))
}

/// What an answer with this record is told apart by: which record it is, and what it is worth.
fn etag(stored: &StoredRecord, contested: bool) -> String {
    let contested = if contested { "-contested" } else { "" };
    format!("\"{}{contested}-{}\"", status_name(stored.status), stored.record.id())
}

/// A record, by address (what stands there now) or id. Its `ETag` changes when another record
/// stands there or its status changes.
#[utoipa::path(get, path = "/v1/records", params(Which, ("If-None-Match" = Option<String>, Header, description = "The `ETag` of an earlier answer")), responses((status = 200, body = RecordView, headers(("ETag" = String, description = "For `If-None-Match`"))), (status = 304, description = "It is what the client has"), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn get(
    State(node): State<Node>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(which) = which?;
    let (etag, body) = blocking(move || {
        let stored = find(&node, &which.r#ref)?;
        caller.check_read(&node, &stored.record.header().space)?;
        let contested = !node.contested(std::slice::from_ref(&stored))?.is_empty();
        let etag = etag(&stored, contested);
        let body = (!is_known(&headers, &etag)).then(|| to_json(&RecordView::of(&stored).contested(contested)));
        Ok((etag, body))
    })
    .await?;
    let mut response = match body {
        Some(body) => json_response(body),
        None => StatusCode::NOT_MODIFIED.into_response(),
    };
    let etag = HeaderValue::from_str(&etag).expect("a status and an id are visible ASCII");
    response.headers_mut().insert(header::ETAG, etag);
    Ok(response)
}

/// Writes a record: completed and judged by its type's module, signed, stored durably.
#[utoipa::path(post, path = "/v1/records", request_body = NewRecordRequest, responses((status = 200, body = WrittenView), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem), (status = 429, body = Problem)))]
pub async fn put(
    State(node): State<Node>,
    Extension(caller): Extension<Caller>,
    body: Result<Json<NewRecordRequest>, JsonRejection>,
) -> Result<Json<WrittenView>, Problem> {
    let Json(request) = body?;
    blocking(move || {
        let space = node.spaces().resolve(request.space.as_deref())?;
        let author = node.identities().resolve(caller.writes_as(request.r#as.as_deref())?)?;
        let body = match request.body.0 {
            Value::Map(map) => Body::from_map(&map).map_err(|error| Refusal::new("malformed", error.to_string()))?,
            other => return Err(NodeError::Misuse(format!("the body is {}; expected an object", other.kind()))),
        };
        let links = request
            .links
            .iter()
            .map(|link| Ok(Link { relation: parse(&link.relation)?, target: parse(&link.target)? }));
        let named = |blob: &NewBlob| Ok(NamedBlob { id: parse(&blob.id)?, size: blob.size });
        let named = request.blobs.iter().map(named).collect::<Result<Vec<_>, NodeError>>()?;
        named.iter().try_for_each(|blob| caller.check_names(&node, &blob.id))?;
        let blobs = node.name_blobs(&named)?;
        let new = NewRecord {
            type_name: parse(&request.r#type)?,
            key: request.key.as_deref().map(parse).transpose()?,
            links: links.collect::<Result<_, NodeError>>()?,
            blobs,
            expires: request.expires,
            body,
        };
        Ok(match node.put(space, author, new)? {
            Written::Stored { id, address } => {
                WrittenView { id: id.to_string(), address: address.map(|a| a.to_string()) }
            }
            Written::Unchanged { id, address } => {
                WrittenView { id: id.to_string(), address: Some(address.to_string()) }
            }
        })
    })
    .await
    .map(Json)
}

/// Takes a record back: its body is erased, and queries show it no more.
#[utoipa::path(delete, path = "/v1/records", params(WhichAs), responses((status = 200, body = WrittenView), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem), (status = 429, body = Problem)))]
pub async fn delete(
    State(node): State<Node>,
    Extension(caller): Extension<Caller>,
    which: Result<Query<WhichAs>, QueryRejection>,
) -> Result<Json<WrittenView>, Problem> {
    let Query(which) = which?;
    blocking(move || {
        let stored = find(&node, &which.r#ref)?;
        let author = node.identities().resolve(caller.writes_as(which.r#as.as_deref())?)?;
        if !stored.status.is_visible() {
            let text = format!("there is nothing to take back: the record is {}", status_name(stored.status));
            return Err(Refusal::new("nothing-there", text).into());
        }
        let id = node.delete(&stored, &author)?;
        Ok(WrittenView { id: id.to_string(), address: address_of(&stored) })
    })
    .await
    .map(Json)
}
