//! The header of a record: everything about it but its body.
//!
//! Canonical form: an array of 19 items in the order of the fields of [`Header`], ids as
//! 32 bytes, absent values as `null`. `docs/record-format.md` shows it byte by byte.

use crate::Timestamp;
use crate::cbor::{DecodeError, Fault, Reader, Value, Writer};
use crate::chain;
use crate::id::{BlobId, ConstitutionId, GrantId, IdentityId, PublicKey, RecordId, SpaceId};
use crate::limits;
use crate::name::{Key, Relation, TypeName};
use crate::target::{Link, Target};

/// The version of the format that this crate writes and reads.
pub const VERSION: u64 = 1;

/// How many items the header array has.
const FIELDS: usize = 19;

/// The relation by which a delete names a record that has no key.
pub const DELETES: &str = "deletes";

/// What a record does at its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// Writes a body.
    Put,
    /// Takes back what the author wrote there. Has no body.
    Delete,
}

/// A file that a record carries by reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BlobRef {
    /// The blob.
    pub id: BlobId,
    /// Its length in bytes.
    pub size: u64,
}

/// The header's commitment to a body that may be erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BodyHash {
    /// BLAKE3 of the 16-byte salt followed by the body.
    pub hash: [u8; 32],
    /// Length of the body in bytes, without the salt.
    pub size: u64,
}

/// Room for what comes later: named values that this version carries but does not read.
#[derive(Debug, Clone, PartialEq)]
pub struct Ext {
    /// The extension's name.
    pub name: Relation,
    /// Its value; 4 KiB encoded at most, and with a JSON form, as in bodies.
    pub value: Value,
}

/// What an author signs.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// The space that the record belongs to.
    pub space: SpaceId,
    /// What it is.
    pub type_name: TypeName,
    /// The identity that speaks.
    pub author: IdentityId,
    /// The key that signs for it.
    pub key: PublicKey,
    /// The grant that lets the key sign, or none where the key is a device of the author.
    pub grant: Option<GrantId>,
    /// Position in the key's chain in this space, from 1; 0 outside any chain.
    pub seq: u64,
    /// The record at `seq - 1`.
    pub prev: Option<RecordId>,
    /// The record at [`chain::lipmaa`]`(seq)`, where that is not the predecessor.
    pub skip: Option<RecordId>,
    /// The author's own time.
    pub created: Timestamp,
    /// The constitution in force for the author.
    pub constitution: ConstitutionId,
    /// The record key, for types that have keys.
    pub record_key: Option<Key>,
    /// Put or delete.
    pub op: Op,
    /// Typed references.
    pub links: Vec<Link>,
    /// Attached files.
    pub blobs: Vec<BlobRef>,
    /// The author asks that the body is dropped from then on.
    pub expires: Option<Timestamp>,
    /// The body; none for a delete.
    pub body: Option<BodyHash>,
    /// Extensions, sorted by name.
    pub ext: Vec<Ext>,
}

impl Header {
    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.array(FIELDS);
        w.uint(VERSION);
        w.bytes(&self.space.0);
        w.text(self.type_name.as_str());
        w.bytes(&self.author.0);
        w.bytes(&self.key.0);
        w.optional_bytes(self.grant.as_ref().map(|id| &id.0[..]));
        w.uint(self.seq);
        w.optional_bytes(self.prev.as_ref().map(|id| &id.0[..]));
        w.optional_bytes(self.skip.as_ref().map(|id| &id.0[..]));
        w.uint(self.created);
        w.bytes(&self.constitution.0);
        match &self.record_key {
            Some(key) => w.text(key.as_str()),
            None => w.null(),
        }
        w.uint(match self.op {
            Op::Put => 0,
            Op::Delete => 1,
        });
        w.array(self.links.len());
        for link in &self.links {
            w.array(2);
            w.text(link.relation.as_str());
            match &link.target {
                Target::Cid(cid) => w.link(cid),
                other => w.text(&other.to_string()),
            }
        }
        w.array(self.blobs.len());
        for blob in &self.blobs {
            w.array(2);
            w.bytes(&blob.id.0);
            w.uint(blob.size);
        }
        match self.expires {
            Some(at) => w.uint(at),
            None => w.null(),
        }
        w.optional_bytes(self.body.as_ref().map(|body| &body.hash[..]));
        w.uint(self.body.map_or(0, |body| body.size));
        w.array(self.ext.len());
        for ext in &self.ext {
            w.array(2);
            w.text(ext.name.as_str());
            w.value(&ext.value);
        }
        w.into_bytes()
    }

    /// Reads canonical bytes and checks every rule that needs nothing but the header.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        r.tuple(FIELDS, "a header of 19 items")?;
        let at = r.at();
        if r.uint()? != VERSION {
            return r.fail(at, Fault::Expected("format version 1"));
        }
        let header = Self {
            space: SpaceId(r.array_of("a space id of 32 bytes")?),
            type_name: r.parsed("a type name")?,
            author: IdentityId(r.array_of("an identity id of 32 bytes")?),
            key: PublicKey(r.array_of("a public key of 32 bytes")?),
            grant: r.optional(|r| r.array_of("a grant id of 32 bytes"))?.map(GrantId),
            seq: bounded(&mut r, limits::MAX_COUNT, "a position below 2^53")?,
            prev: r.optional(|r| r.array_of("a record id of 32 bytes"))?.map(RecordId),
            skip: r.optional(|r| r.array_of("a record id of 32 bytes"))?.map(RecordId),
            created: r.timestamp()?,
            constitution: ConstitutionId(r.array_of("a constitution id of 32 bytes")?),
            record_key: r.optional(|r| r.parsed("a record key"))?,
            op: op(&mut r)?,
            links: r.list(limits::LINKS, "1,024 links at most", link)?,
            blobs: r.list(limits::BLOBS, "64 blobs at most", blob)?,
            expires: r.optional(Reader::timestamp)?,
            body: body(&mut r)?,
            ext: ext(&mut r)?,
        };
        r.end()?;
        match header.broken_rule() {
            Some(rule) => r.fail(0, Fault::Expected(rule)),
            None => Ok(header),
        }
    }

    /// The first rule between fields that does not hold.
    pub fn broken_rule(&self) -> Option<&'static str> {
        let chained = match self.seq {
            0 => self.prev.is_none() && self.skip.is_none(),
            1 => self.prev.is_none() && self.skip.is_none(),
            seq => self.prev.is_some() && self.skip.is_some() == chain::has_skip(seq),
        };
        let bodied = match self.op {
            Op::Put => self.body.is_some_and(|body| body.size > 0),
            Op::Delete => self.body.is_none() && self.blobs.is_empty() && self.expires.is_none(),
        };
        let names_what_it_deletes = self.op == Op::Put
            || match (&self.record_key, &self.links[..]) {
                (Some(_), []) => true,
                (None, [link]) => {
                    link.relation.as_str() == DELETES
                        && matches!(&link.target, Target::Cid(cid) if RecordId::from_cid(cid).is_some())
                }
                _ => false,
            };
        if !chained {
            Some("a predecessor from position 2 on, and a skip exactly where the position has one")
        } else if !bodied {
            Some("a body for a put, and neither body, blobs nor expiry for a delete")
        } else if !names_what_it_deletes {
            Some("a delete to name its target: by its key without links, or by one `deletes` link to a record id")
        } else if self.expires.is_some_and(|at| at <= self.created) {
            Some("an expiry after the creation time")
        } else {
            None
        }
    }
}

impl Writer {
    pub(crate) fn optional_bytes(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.bytes(bytes),
            None => self.null(),
        }
    }
}

fn bounded(r: &mut Reader<'_>, most: u64, what: &'static str) -> Result<u64, DecodeError> {
    let at = r.at();
    match r.uint()? {
        value if value <= most => Ok(value),
        _ => r.fail(at, Fault::Expected(what)),
    }
}

fn op(r: &mut Reader<'_>) -> Result<Op, DecodeError> {
    let at = r.at();
    match r.uint()? {
        0 => Ok(Op::Put),
        1 => Ok(Op::Delete),
        _ => r.fail(at, Fault::Expected("an operation: 0 (put) or 1 (delete)")),
    }
}

fn link(r: &mut Reader<'_>) -> Result<Link, DecodeError> {
    const WHAT: &str = "a link target: a CID (tag 42), or text that is an address, id:CID or name:TEXT";
    r.tuple(2, "a link: relation and target")?;
    let relation = r.parsed("a relation")?;
    let at = r.at();
    let target = match r.if_text()? {
        // `name:` has one form only; no need to write it out and compare.
        Some(text) if text.starts_with("name:") => text.parse().ok(),
        // A CID as text would be a second form of the same link.
        Some(text) => {
            text.parse::<Target>().ok().filter(|target| !matches!(target, Target::Cid(_)) && target.to_string() == text)
        }
        None => match r.value()? {
            Value::Link(cid) => Some(Target::Cid(cid)),
            _ => None,
        },
    };
    let Some(target) = target else { return r.fail(at, Fault::Expected(WHAT)) };
    Ok(Link { relation, target })
}

fn blob(r: &mut Reader<'_>) -> Result<BlobRef, DecodeError> {
    r.tuple(2, "a blob: id and size")?;
    let id = BlobId(r.array_of("a blob id of 32 bytes")?);
    Ok(BlobRef { id, size: bounded(r, limits::MAX_COUNT, "a size below 2^53")? })
}

fn body(r: &mut Reader<'_>) -> Result<Option<BodyHash>, DecodeError> {
    let hash = r.optional(|r| r.array_of("a body hash of 32 bytes"))?;
    let at = r.at();
    let size = r.uint()?;
    match (hash, size) {
        (None, 0) => Ok(None),
        (None, _) => r.fail(at, Fault::Expected("size 0 where there is no body")),
        (Some(hash), size) => Ok(Some(BodyHash { hash, size })),
    }
}

fn ext(r: &mut Reader<'_>) -> Result<Vec<Ext>, DecodeError> {
    let at = r.at();
    let list = r.list(16, "16 extensions at most", |r| {
        r.tuple(2, "an extension: name and value")?;
        let name = r.parsed("an extension's name")?;
        let at = r.at();
        let value = r.value()?;
        if r.at() - at > limits::EXT_BYTES {
            return r.fail(at, Fault::Expected("an extension of 4 KiB at most"));
        }
        if value.check().is_err() {
            return r.fail(at, Fault::Expected("an extension that JSON can tell from a link or bytes"));
        }
        Ok(Ext { name, value })
    })?;
    if list.windows(2).all(|pair| pair[0].name < pair[1].name) {
        Ok(list)
    } else {
        r.fail(at, Fault::Expected("extensions sorted by name, each once"))
    }
}
