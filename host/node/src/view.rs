//! Records as JSON: the one shape that the API, `--json` and exports to other tools share.
//!
//! A view borrows the record and is written straight into the answer: ids as they are printed,
//! the body from its bytes.

mod ids;

use std::fmt::Display;

use atlas_record::header::{BlobRef, Header};
use atlas_record::json::{BodyJson, Fields};
use atlas_record::{ConstitutionId, IdentityId, Key, Link, Op, RecordId, SpaceId, Timestamp};
use atlas_store::{IndexEntry, IndexValue, Status, StoredRecord, Verdict};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::query::expand::Resolved;
use ids::IdText;

/// A record, readable.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(as = RecordView)]
pub struct RecordView<'a> {
    /// BLAKE3 of the signed header, as a CID.
    #[schema(value_type = String)]
    #[serde(serialize_with = "ids::id")]
    pub id: RecordId,
    /// `atlas://space/author/type/key`, for keyed records.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    address: Option<Text<AddressOf<'a>>>,
    /// The space's id.
    #[schema(value_type = String)]
    #[serde(serialize_with = "ids::id")]
    space: SpaceId,
    /// The type.
    #[serde(rename = "type")]
    type_name: &'a str,
    /// The author's id.
    #[schema(value_type = String)]
    #[serde(serialize_with = "ids::id")]
    author: IdentityId,
    /// The key, for keyed records.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    /// Milliseconds since the Unix epoch, by the author's clock.
    created: Timestamp,
    /// `put` or `delete`.
    op: &'static str,
    /// What the record is worth now: `visible`, `superseded`, `deleted`, …
    status: &'static str,
    /// Set where the record, or one that it follows, came second in a concurrent transition of
    /// its type's workflow.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    contested: bool,
    /// Typed references. Left out of projections, as are `blobs`, `signed` and `index`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<LinkView>>)]
    links: Option<Links<'a>>,
    /// Attached files.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<BlobView>>)]
    blobs: Option<Blobs<'a>>,
    /// When the body may go. Milliseconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<Timestamp>,
    /// The key that signed, its position in that key's chain, and the constitution.
    #[serde(skip_serializing_if = "Option::is_none")]
    signed: Option<SignedView>,
    /// Index values that the type's validator found.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<IndexView>>)]
    index: Option<Index<'a>>,
    /// Why the record is not shown, where its validator refused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    /// For expansions: step, then target, then the ids of the records there; the records are in
    /// the answer's `records` or `expanded`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    resolved: Option<&'a Resolved>,
    /// The content, in the AT Protocol's JSON form; absent where it was dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    body: Option<Body<'a>>,
}

/// A typed reference.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct LinkView<'a> {
    /// The relation.
    relation: &'a str,
    /// The target's text.
    #[schema(value_type = String)]
    target: Text<&'a atlas_record::Target>,
}

/// An attached file.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct BlobView {
    /// CIDv1 (`raw`, BLAKE3).
    #[schema(value_type = String)]
    #[serde(serialize_with = "ids::id")]
    id: atlas_record::BlobId,
    /// Bytes.
    size: u64,
}

/// Text, an integer or a boolean.
pub(crate) fn any_scalar() -> utoipa::openapi::Schema {
    use utoipa::openapi::schema::{Object, SchemaType, Type};
    let mut scalar = Object::new();
    scalar.schema_type = SchemaType::Array(vec![Type::String, Type::Integer, Type::Boolean]);
    scalar.into()
}

/// An index value.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct IndexView<'a> {
    /// The declared index.
    name: &'a str,
    /// Text or integer.
    #[schema(schema_with = any_scalar)]
    value: ValueView<'a>,
}

/// Who signed, and where in the key's chain.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(as = SignedView)]
pub struct SignedView {
    /// The public key, as a multikey.
    #[schema(value_type = String)]
    #[serde(serialize_with = "ids::id")]
    key: atlas_record::id::PublicKey,
    /// Position, from 1.
    seq: u64,
    /// The record before it.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "ids::optional_id")]
    #[schema(value_type = Option<String>)]
    prev: Option<RecordId>,
    /// The constitution that it was written under.
    #[schema(value_type = String)]
    #[serde(serialize_with = "ids::id")]
    constitution: ConstitutionId,
}

/// Anything that is shown as its text.
#[derive(Debug, Clone, Copy)]
struct Text<T>(T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&self.0)
    }
}

#[derive(Debug, Clone, Copy)]
struct AddressOf<'a>(&'a Header, &'a Key);

impl Display for AddressOf<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(header, key) = self;
        let prefix = atlas_record::name::ADDRESS_PREFIX;
        let (space, author) = (IdText::of(&header.space), IdText::of(&header.author));
        write!(f, "{prefix}{}/{}/{}/{key}", space.as_str(), author.as_str(), header.type_name)
    }
}

#[derive(Debug, Clone, Copy)]
struct Links<'a>(&'a [Link]);

impl Serialize for Links<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(
            self.0.iter().map(|link| LinkView { relation: link.relation.as_str(), target: Text(&link.target) }),
        )
    }
}

#[derive(Debug, Clone, Copy)]
struct Blobs<'a>(&'a [BlobRef]);

impl Serialize for Blobs<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(self.0.iter().map(|blob| BlobView { id: blob.id, size: blob.size }))
    }
}

#[derive(Debug, Clone, Copy)]
struct ValueView<'a>(&'a IndexValue);

impl Serialize for ValueView<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            IndexValue::Text(text) => s.serialize_str(text),
            IndexValue::Integer(integer) => s.serialize_i64(*integer),
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Index<'a>(&'a [IndexEntry]);

impl Serialize for Index<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(self.0.iter().map(|entry| IndexView { name: &entry.name, value: ValueView(&entry.value) }))
    }
}

#[derive(Debug, Clone, Copy)]
struct Body<'a>(BodyJson<'a>);

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(s)
    }
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

/// The address of a record, if it has a key.
pub fn address_of(stored: &StoredRecord) -> Option<String> {
    let header = stored.record.header();
    header.record_key.as_ref().map(|key| AddressOf(header, key).to_string())
}

impl<'a> RecordView<'a> {
    /// Of a stored record.
    pub fn of(stored: &'a StoredRecord) -> Self {
        let header = stored.record.header();
        Self {
            id: stored.record.id(),
            address: header.record_key.as_ref().map(|key| Text(AddressOf(header, key))),
            space: header.space,
            type_name: header.type_name.as_str(),
            author: header.author,
            key: header.record_key.as_ref().map(Key::as_str),
            created: header.created,
            op: match header.op {
                Op::Put => "put",
                Op::Delete => "delete",
            },
            status: status_name(stored.status),
            contested: false,
            links: Some(Links(&header.links)),
            blobs: Some(Blobs(&header.blobs)).filter(|blobs| !blobs.0.is_empty()),
            expires: header.expires,
            signed: Some(SignedView {
                key: header.key,
                seq: header.seq,
                prev: header.prev,
                constitution: header.constitution,
            }),
            index: Some(Index(stored.entries())).filter(|index| !index.0.is_empty()),
            reason: match &stored.verdict {
                Verdict::Invalid { text, .. } => Some(text),
                _ => None,
            },
            resolved: None,
            body: stored.record.payload().map(|payload| Body(BodyJson { body: &payload.body, fields: None })),
        }
    }

    /// Cut down to these fields of the body, and to what says which record it is.
    pub fn only(self, fields: &'a Fields) -> Self {
        let body = self.body.map(|Body(body)| Body(BodyJson { fields: Some(fields), ..body }));
        Self { links: None, blobs: None, signed: None, index: None, body, ..self }
    }

    /// With what expansions led to.
    pub fn resolved(self, resolved: Option<&'a Resolved>) -> Self {
        Self { resolved, ..self }
    }

    /// Marked, if it lost a concurrent transition.
    pub fn contested(self, contested: bool) -> Self {
        Self { contested, ..self }
    }
}

/// Records by their ids.
#[derive(Debug, Clone)]
pub struct ById<'a>(pub Vec<RecordView<'a>>);

impl Serialize for ById<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(Some(self.0.len()))?;
        for record in &self.0 {
            map.serialize_entry(IdText::of(&record.id).as_str(), record)?;
        }
        map.end()
    }
}
