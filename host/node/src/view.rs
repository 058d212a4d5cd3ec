//! Records as JSON: the one shape that the API, `--json` and exports to other tools share.

use atlas_record::json::to_json;
use atlas_record::{Address, Op, Timestamp};
use atlas_store::{IndexValue, Status, StoredRecord, Verdict};
use serde::Serialize;
use serde_json::Value as Json;

/// A record, readable.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct RecordView {
    /// BLAKE3 of the signed header, as a CID.
    pub id: String,
    /// `atlas://space/author/type/key`, for keyed records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The space's id.
    pub space: String,
    /// The type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The author's id.
    pub author: String,
    /// The key, for keyed records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Milliseconds since the Unix epoch, by the author's clock.
    pub created: Timestamp,
    /// `put` or `delete`.
    pub op: &'static str,
    /// What the record is worth now: `visible`, `superseded`, `deleted`, …
    pub status: &'static str,
    /// Typed references.
    pub links: Vec<LinkView>,
    /// Attached files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blobs: Vec<BlobView>,
    /// When the body may go. Milliseconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// The key that signed, its position in that key's chain, and the constitution.
    pub signed: SignedView,
    /// Index values that the type's validator found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub index: Vec<IndexView>,
    /// Why the record is not shown, where its validator refused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The content, in the AT Protocol's JSON form; absent where it was dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub body: Option<Json>,
}

/// A typed reference.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct LinkView {
    /// The relation.
    pub relation: String,
    /// The target's text.
    pub target: String,
}

/// An attached file.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct BlobView {
    /// CIDv1 (`raw`, BLAKE3).
    pub id: String,
    /// Bytes.
    pub size: u64,
}

/// An index value.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct IndexView {
    /// The declared index.
    pub name: String,
    /// Text or integer.
    #[schema(value_type = String)]
    pub value: Json,
}

/// Who signed, and where in the key's chain.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct SignedView {
    /// The public key, as a multikey.
    pub key: String,
    /// Position, from 1.
    pub seq: u64,
    /// The record before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prev: Option<String>,
    /// The constitution that it was written under.
    pub constitution: String,
}

/// The name of a status.
pub fn status_name(status: Status) -> &'static str {
    match status {
        Status::Visible => "visible",
        Status::Superseded => "superseded",
        Status::Deleted => "deleted",
        Status::Delete => "delete",
        Status::Expired => "expired",
        Status::Erased => "erased",
        Status::Bodiless => "bodiless",
        Status::Invalid => "invalid",
        Status::Pending => "pending",
        Status::Revoked => "revoked",
    }
}

impl RecordView {
    /// Of a stored record.
    pub fn of(stored: &StoredRecord) -> Self {
        let header = stored.record.header();
        let address = header.record_key.as_ref().map(|key| {
            let address = Address {
                space: header.space,
                author: header.author,
                type_name: header.type_name.clone(),
                key: key.clone(),
            };
            address.to_string()
        });
        let index = stored.entries().iter().map(|entry| IndexView {
            name: entry.name.to_string(),
            value: match &entry.value {
                IndexValue::Text(text) => Json::from(&**text),
                IndexValue::Integer(integer) => Json::from(*integer),
            },
        });
        Self {
            id: stored.record.id().to_string(),
            address,
            space: header.space.to_string(),
            type_name: header.type_name.to_string(),
            author: header.author.to_string(),
            key: header.record_key.as_ref().map(ToString::to_string),
            created: header.created,
            op: match header.op {
                Op::Put => "put",
                Op::Delete => "delete",
            },
            status: status_name(stored.status),
            links: header
                .links
                .iter()
                .map(|link| LinkView { relation: link.relation.to_string(), target: link.target.to_string() })
                .collect(),
            blobs: header.blobs.iter().map(|blob| BlobView { id: blob.id.to_string(), size: blob.size }).collect(),
            expires: header.expires,
            signed: SignedView {
                key: header.key.to_string(),
                seq: header.seq,
                prev: header.prev.map(|id| id.to_string()),
                constitution: header.constitution.to_string(),
            },
            index: index.collect(),
            reason: match &stored.verdict {
                Verdict::Invalid { text, .. } => Some(text.to_string()),
                _ => None,
            },
            body: stored.record.payload().map(|payload| to_json(&payload.body.to_map().into())),
        }
    }
}
