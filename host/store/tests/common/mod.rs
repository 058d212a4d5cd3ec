//! Records for tests. The store does not verify signatures: that is done before.
#![allow(dead_code, clippy::unwrap_used)]

use atlas_record::cbor::Map;
use atlas_record::header::{BlobRef, DELETES, Header};
use atlas_record::id::PublicKey;
use atlas_record::order::Lifecycle;
use atlas_record::{
    Address, BlobId, Body, ConstitutionId, GrantId, IdentityId, Key, Link, Op, Payload, Record, RecordId, Relation,
    Salt, SignedHeader, SpaceId, Target, TypeName,
};
use atlas_store::{Batch, By, IndexEntry, Item, JudgedRecord, Outcome, Scan, Status, Store, Verdict};

pub const POST: &str = "test.post";
pub const PAGE: &str = "test.page";

pub fn space() -> SpaceId {
    SpaceId([1; 32])
}

pub fn author(number: u8) -> IdentityId {
    IdentityId([number; 32])
}

pub fn type_name(text: &str) -> TypeName {
    TypeName::new(text).unwrap()
}

pub fn name(text: &str) -> Target {
    Target::Name(text.into())
}

pub fn address(by: u8, of: &str, key: &str) -> Address {
    Address { space: space(), author: author(by), type_name: type_name(of), key: Key::new(key).unwrap() }
}

/// A record in the making.
#[derive(Clone, Debug)]
pub struct Draft {
    pub header: Header,
    pub text: String,
}

/// A put by author 1 that may be changed before it is made.
pub fn draft(of: &str, created: u64, text: &str) -> Draft {
    let header = Header {
        space: space(),
        type_name: type_name(of),
        author: author(1),
        key: PublicKey([1; 32]),
        grant: None,
        seq: 0,
        prev: None,
        skip: None,
        created,
        constitution: ConstitutionId([9; 32]),
        record_key: None,
        op: Op::Put,
        links: Vec::new(),
        blobs: Vec::new(),
        expires: None,
        body: None,
        ext: Vec::new(),
    };
    Draft { header, text: text.to_owned() }
}

impl Draft {
    pub fn by(mut self, number: u8) -> Self {
        self.header.author = author(number);
        self.header.key = PublicKey([number; 32]);
        self
    }

    pub fn key(mut self, key: &str) -> Self {
        self.header.record_key = Some(Key::new(key).unwrap());
        self
    }

    pub fn link(mut self, relation: &str, target: Target) -> Self {
        self.header.links.push(Link { relation: Relation::new(relation).unwrap(), target });
        self
    }

    pub fn grant(mut self, number: u8) -> Self {
        self.header.grant = Some(GrantId([number; 32]));
        self
    }

    pub fn blob(mut self, id: BlobId, size: u64) -> Self {
        self.header.blobs.push(BlobRef { id, size });
        self
    }

    pub fn expires(mut self, at: u64) -> Self {
        self.header.expires = Some(at);
        self
    }

    pub fn seq(mut self, seq: u64) -> Self {
        self.header.seq = seq;
        self.header.prev = (seq > 1).then_some(RecordId([7; 32]));
        self.header.skip = atlas_record::chain::has_skip(seq).then_some(RecordId([7; 32]));
        self
    }

    /// A delete of a key, or of a record.
    pub fn deletes(mut self, target: Option<RecordId>) -> Self {
        self.header.op = Op::Delete;
        self.header.links.clear();
        self.header.blobs.clear();
        self.header.expires = None;
        match target {
            None => self,
            Some(id) => self.link(DELETES, id.into()),
        }
    }

    pub fn make(mut self) -> Record {
        // The signature stands for everything that makes two deletes differ.
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(blake3::hash(self.text.as_bytes()).as_bytes());
        if self.header.op == Op::Delete {
            return Record::new(SignedHeader::new(self.header, &signature), None).unwrap();
        }
        let body = Body::from_map(&Map::from_iter([("text", self.text.as_str().into())])).unwrap();
        let payload = Payload { salt: Salt([3; 16]), body };
        self.header.body = Some(payload.body.commit(&payload.salt));
        let bytes = SignedHeader::new(self.header, &signature);
        // Through the decoder, so that a test cannot make what no peer could send.
        Record::new(SignedHeader::decode(bytes.as_bytes()).unwrap(), Some(payload)).unwrap()
    }
}

pub fn valid() -> Verdict {
    Verdict::Valid(Vec::new())
}

pub fn found_under(entries: &[(&str, &str)]) -> Verdict {
    Verdict::Valid(entries.iter().map(|(name, value)| IndexEntry::new(name, *value)).collect())
}

pub fn invalid() -> Verdict {
    Verdict::Invalid { code: "no".into(), text: "not like this".into() }
}

pub fn lifecycle(of: &str) -> Lifecycle {
    if of == PAGE { Lifecycle::Replaceable } else { Lifecycle::Append }
}

/// A record with a verdict, neither revoked nor create-only.
pub fn judged(record: &Record, verdict: Verdict) -> JudgedRecord {
    JudgedRecord::new(record.clone(), lifecycle(record.header().type_name.as_str()), verdict)
}

/// Commits one item.
pub fn commit(store: &Store, item: Item) -> Outcome {
    store.commit(Batch::from_iter([item])).unwrap().remove(0)
}

pub fn put(store: &Store, record: &Record, verdict: Verdict) -> Outcome {
    commit(store, Item::Put(judged(record, verdict)))
}

/// Puts a valid record that was revoked before it came.
pub fn put_revoked(store: &Store, record: &Record) -> Outcome {
    commit(store, Item::Put(JudgedRecord { revoked: true, ..judged(record, valid()) }))
}

/// Puts a valid record that may create and not replace.
pub fn create(store: &Store, record: &Record) -> Outcome {
    commit(store, Item::Put(JudgedRecord { creates_only: true, ..judged(record, valid()) }))
}

/// Gives a record a verdict, and its body again.
pub fn judge(store: &Store, record: &Record, verdict: Verdict) -> Outcome {
    commit(store, Item::Judge { id: record.id(), verdict, payload: record.payload().cloned() })
}

pub fn revoke(store: &Store, record: &Record) -> Outcome {
    commit(store, Item::SetRevoked { id: record.id(), revoked: true })
}

pub fn restore(store: &Store, record: &Record) -> Outcome {
    commit(store, Item::SetRevoked { id: record.id(), revoked: false })
}

pub fn status(store: &Store, record: &Record) -> Status {
    store.get(&record.id()).unwrap().unwrap().status
}

pub fn has_body(store: &Store, record: &Record) -> bool {
    store.get(&record.id()).unwrap().unwrap().record.payload().is_some()
}

/// The texts that a query finds, in order.
pub fn texts(store: &Store, scan: &Scan) -> Vec<String> {
    store.scan(scan).unwrap().map(|hit| text(&store.by_number(hit.unwrap().n).unwrap().unwrap().record)).collect()
}

pub fn text(record: &Record) -> String {
    let map = record.payload().unwrap().body.to_map();
    map.get("text").and_then(|text| text.as_text()).unwrap().to_owned()
}

pub fn by_type(of: &str) -> Scan {
    Scan::new(space(), By::Type(type_name(of)))
}

pub fn assert_whole(store: &Store) {
    let report = store.check(&mut |_| {}).unwrap();
    assert!(report.is_clean(), "{:#?}", report.problems);
}
