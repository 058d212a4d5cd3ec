//! Arbitrary values, headers and records: all that the format allows, its edges often.
#![allow(dead_code)] // each test file takes what it needs

use atlas_record::cbor::Map;
use atlas_record::chain::has_skip;
use atlas_record::header::{BlobRef, BodyHash, Ext};
use atlas_record::id::{Cid, PublicKey};
use atlas_record::limits;
use atlas_record::sign::SecretKey;
use atlas_record::{
    Address, BlobId, Body, ConstitutionId, GrantId, Header, IdentityId, Key, Link, Op, Payload, Record, RecordId,
    Relation, Salt, SpaceId, Target, TypeName, Value,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

pub fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(byte);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}

pub fn cid() -> impl Strategy<Value = Cid> {
    let v1 =
        (0..1u64 << 63, 0..1u64 << 63, vec(any::<u8>(), 0..=limits::DIGEST_BYTES)).prop_map(|(codec, hash, digest)| {
            let length = varint(digest.len() as u64);
            Cid::from_bytes(&[vec![1], varint(codec), varint(hash), length, digest].concat()).expect("well-formed")
        });
    let v0 = any::<[u8; 32]>()
        .prop_map(|digest| Cid::from_bytes(&[&[0x12, 0x20], &digest[..]].concat()).expect("well-formed"));
    prop_oneof![
        3 => v1,
        1 => v0,
        1 => any::<[u8; 32]>().prop_map(|digest| RecordId(digest).to_cid()),
        1 => any::<[u8; 32]>().prop_map(|digest| BlobId(digest).to_cid()),
    ]
}

pub fn int() -> impl Strategy<Value = i128> {
    let edge = prop_oneof![
        Just(23i128),
        Just(24),
        Just(0xff),
        Just(0x100),
        Just(0xffff),
        Just(0x1_0000),
        Just(0xffff_ffff),
        Just(0x1_0000_0000),
        Just(1 << 53),
        Just(i128::from(u64::MAX)),
    ];
    let size = prop_oneof![edge, any::<u64>().prop_map(i128::from), (0..100i128)];
    (size, any::<bool>()).prop_map(|(size, negative)| if negative { -1 - size } else { size })
}

pub fn float() -> impl Strategy<Value = f64> {
    let edge = prop_oneof![
        Just(0.0),
        Just(1.0),
        Just(-1.0),
        Just(1e300),
        Just(-1e300),
        Just(5e-324),
        Just(f64::MAX),
        Just(f64::MIN_POSITIVE),
        Just(0.1),
        Just(9_007_199_254_740_993.0),
    ];
    prop_oneof![
        edge,
        any::<u64>()
            .prop_map(f64::from_bits)
            .prop_filter("has bytes", |float| float.is_finite() && float.to_bits() != (-0.0f64).to_bits())
    ]
}

pub fn text() -> impl Strategy<Value = String> {
    let odd = prop_oneof![
        Just("$link".to_owned()),
        Just("$bytes".to_owned()),
        Just("$type".to_owned()),
        Just("$serde_json::private::Number".to_owned()),
        Just("$serde_json::private::RawValue".to_owned()),
        Just("\u{0}\u{1f}\u{7f}\"\\/\u{2028}".to_owned()),
        Just("e\u{301}".to_owned()),
    ];
    prop_oneof![4 => any::<String>(), 2 => "[a-z]{0,30}", 1 => odd]
}

/// Values that a body may hold somewhere.
pub fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        int().prop_map(Value::Int),
        float().prop_map(Value::Float),
        vec(any::<u8>(), 0..40).prop_map(Value::Bytes),
        text().prop_map(Value::Text),
        cid().prop_map(Value::Link),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..8).prop_map(Value::List),
            vec((text(), inner), 0..8)
                .prop_map(|entries| Value::Map(entries.into_iter().collect()))
                .prop_filter("JSON can tell it from a link or bytes", |value| value.check().is_ok()),
        ]
    })
}

pub fn map() -> impl Strategy<Value = Map> {
    vec((text(), value()), 0..8)
        .prop_map(|entries| entries.into_iter().collect::<Map>())
        .prop_filter("JSON can tell it from a link or bytes", |map| map.check().is_ok())
}

pub fn type_name() -> impl Strategy<Value = TypeName> {
    "[a-z][a-z0-9]{0,10}(\\.[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?){0,3}\\.[a-zA-Z][a-zA-Z0-9]{0,20}"
        .prop_map(|text| text.parse().expect("the grammar"))
}

pub fn key() -> impl Strategy<Value = Key> {
    "[A-Za-z0-9._~!$&'()*+,;=:@-]{1,512}"
        .prop_filter("not reserved", |text| text != "." && text != "..")
        .prop_map(|text| text.parse().expect("the grammar"))
}

pub fn relation() -> impl Strategy<Value = Relation> {
    "[a-z][a-z0-9-]{0,63}".prop_map(|text| text.parse().expect("the grammar"))
}

pub fn address() -> impl Strategy<Value = Address> {
    (any::<[u8; 32]>(), any::<[u8; 32]>(), type_name(), key()).prop_map(|(space, author, type_name, key)| Address {
        space: SpaceId(space),
        author: IdentityId(author),
        type_name,
        key,
    })
}

pub fn target() -> impl Strategy<Value = Target> {
    prop_oneof![
        cid().prop_map(Target::Cid),
        address().prop_map(Target::Address),
        any::<[u8; 32]>().prop_map(|id| Target::Identity(IdentityId(id))),
        "\\PC{1,60}".prop_map(|name| Target::Name(name.into())),
    ]
}

pub fn link() -> impl Strategy<Value = Link> {
    (relation(), target()).prop_map(|(relation, target)| Link { relation, target })
}

fn ext() -> impl Strategy<Value = Vec<Ext>> {
    proptest::collection::btree_map(relation(), value(), 0..3).prop_map(|map| {
        map.into_iter()
            .filter(|(_, value)| atlas_record::cbor::encode(value).len() <= limits::EXT_BYTES)
            .map(|(name, value)| Ext { name, value })
            .collect()
    })
}

fn seq() -> impl Strategy<Value = u64> {
    prop_oneof![0..50u64, 0..=limits::MAX_COUNT, Just(limits::MAX_COUNT)]
}

/// Headers of puts that commit to `body`, and of deletes, signed by no one in particular.
pub fn header(key_of_author: PublicKey, body: BodyHash) -> impl Strategy<Value = Header> {
    let who = (any::<[u8; 32]>(), any::<[u8; 32]>(), any::<[u8; 32]>(), option::of(any::<[u8; 32]>()), type_name());
    let when = (seq(), any::<[u8; 32]>(), any::<[u8; 32]>(), 0..=limits::MAX_TIMESTAMP);
    let blob = (any::<[u8; 32]>(), 0..=limits::MAX_COUNT).prop_map(|(id, size)| BlobRef { id: BlobId(id), size });
    let what = (option::of(key()), vec(link(), 0..4), vec(blob, 0..3), option::of(1..1u64 << 40), ext());
    (who, when, what, 0..4u8, any::<[u8; 32]>()).prop_map(
        move |(
            (space, author, constitution, grant, type_name),
            (seq, prev, skip, created),
            (record_key, links, blobs, expires, ext),
            kind,
            deleted,
        )| {
            let mut header = Header {
                space: SpaceId(space),
                type_name,
                author: IdentityId(author),
                key: key_of_author,
                grant: grant.map(GrantId),
                seq,
                prev: (seq > 1).then_some(RecordId(prev)),
                skip: has_skip(seq).then_some(RecordId(skip)),
                created,
                constitution: ConstitutionId(constitution),
                record_key,
                op: Op::Put,
                links,
                blobs,
                expires: expires.map(|later| created + later).filter(|at| *at <= limits::MAX_TIMESTAMP),
                body: Some(body),
                ext,
            };
            if kind == 0 {
                header.op = Op::Delete;
                (header.blobs, header.expires, header.body) = (Vec::new(), None, None);
                header.links = match &header.record_key {
                    Some(_) => Vec::new(),
                    None => vec![Link {
                        relation: "deletes".parse().expect("a relation"),
                        target: RecordId(deleted).into(),
                    }],
                };
            }
            header
        },
    )
}

/// Signed records with their payload, where they have one.
pub fn record() -> impl Strategy<Value = Record> {
    (any::<[u8; 32]>(), map(), any::<[u8; 16]>()).prop_flat_map(|(seed, map, salt)| {
        let secret = SecretKey::from_seed(&seed);
        let payload = Payload { salt: Salt(salt), body: Body::from_map(&map).expect("arbitrary maps are fit") };
        header(secret.public(), payload.body.commit(&payload.salt)).prop_map(move |header| {
            let payload = header.body.map(|_| payload.clone());
            Record::new(secret.sign_header(header), payload).expect("arbitrary records are small and whole")
        })
    })
}

/// Texts made of the pieces that names are made of, so that near misses are frequent.
pub fn hostile_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("atlas://".to_owned()),
        Just("id:".to_owned()),
        Just("name:".to_owned()),
        Just("/".to_owned()),
        Just(".".to_owned()),
        Just("..".to_owned()),
        Just("%2F".to_owned()),
        Just("?#".to_owned()),
        Just("atlas.post".to_owned()),
        Just("\u{202e}\u{0}\n".to_owned()),
        any::<[u8; 32]>().prop_map(|id| RecordId(id).to_string()),
        any::<[u8; 32]>().prop_map(|id| RecordId(id).to_string().to_uppercase()),
        any::<[u8; 32]>().prop_map(|id| BlobId(id).to_string()),
        any::<[u8; 32]>().prop_map(|id| PublicKey(id).to_string()),
        cid().prop_map(|cid| cid.to_string()),
        "[a-zA-Z0-9:@=-]{0,20}",
        any::<String>(),
    ];
    vec(piece, 0..7).prop_map(|pieces| pieces.concat())
}
