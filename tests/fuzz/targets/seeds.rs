//! Writes good inputs to start from into `corpus/`: random bytes alone rarely get past the
//! first items of a header.

use std::path::Path;

use atlas_keys::sheet::{self, SheetContent};
use atlas_keys::{Bundle, Role, bundle};
use atlas_net::negentropy::{Item, wire};
use atlas_record::cbor::{self, Map};
use atlas_record::header::{BlobRef, Ext};
use atlas_record::identity::{Action, Establishment, Event, KeySet, NextKeys, SignedEvent};
use atlas_record::json::to_json;
use atlas_record::sign::SecretKey;
use atlas_record::space::{self, Binding, Constitution, Signed, Slot};
use atlas_record::{
    Address, BlobId, Body, ConstitutionId, GrantId, Header, IdentityId, Link, Op, Payload, Record, RecordId, Salt,
    SpaceId, Target, Value,
};

fn put(target: &str, name: &str, bytes: &[u8]) {
    let folder = Path::new("corpus").join(target);
    std::fs::create_dir_all(&folder).expect("the corpus can be written: run this in the fuzz crate's folder");
    std::fs::write(folder.join(name), bytes).expect("a seed can be written");
}

fn main() {
    let map: Map = [
        ("text", Value::from("Hello")),
        ("n", Value::Int(cbor::MIN_INT)),
        ("float", Value::Float(1.5)),
        ("bytes", Value::Bytes(vec![0, 1, 2])),
        ("link", Value::Link(RecordId([1; 32]).to_cid())),
        ("list", vec![Value::Null, true.into(), Map::new().into()].into()),
    ]
    .into_iter()
    .collect();
    put("cbor_decode", "map", &cbor::encode_map(&map));
    put("json_body", "map", to_json(&Value::Map(map.clone())).to_string().as_bytes());

    let secret = SecretKey::from_seed(&[1; 32]);
    let author = IdentityId([2; 32]);
    let address = Address {
        space: SpaceId([1; 32]),
        author,
        type_name: "atlas.post".parse().expect("a type"),
        key: "hello".parse().expect("a key"),
    };
    let targets = [
        Target::Cid(RecordId([1; 32]).to_cid()),
        Target::Address(address.clone()),
        Target::Identity(author),
        "name:libssl3".parse().expect("a name"),
    ];
    for (i, target) in targets.iter().enumerate() {
        put("address_and_target", &format!("target-{i}"), target.to_string().as_bytes());
    }
    put("address_and_target", "blob", BlobId([1; 32]).to_string().as_bytes());
    put("address_and_target", "key", secret.public().to_string().as_bytes());
    put("address_and_target", "slot", b"validator:atlas.post");
    put("address_and_target", "cid-v0", b"QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n");

    let body = Body::from_map(&map).expect("a fit map");
    let payload = Payload { salt: Salt([3; 16]), body };
    let header = Header {
        space: address.space,
        type_name: address.type_name.clone(),
        author,
        key: secret.public(),
        grant: Some(GrantId([4; 32])),
        seq: 4,
        prev: Some(RecordId([5; 32])),
        skip: Some(RecordId([6; 32])),
        created: 1_700_000_000_000,
        constitution: ConstitutionId([7; 32]),
        record_key: Some(address.key.clone()),
        op: Op::Put,
        links: targets
            .iter()
            .map(|target| Link { relation: "about".parse().expect("a relation"), target: target.clone() })
            .collect(),
        blobs: vec![BlobRef { id: BlobId([8; 32]), size: 9 }],
        expires: Some(1_800_000_000_000),
        body: Some(payload.body.commit(&payload.salt)),
        ext: vec![Ext { name: "note".parse().expect("a name"), value: Value::Map(map) }],
    };
    let delete = Header {
        seq: 1,
        prev: None,
        skip: None,
        op: Op::Delete,
        links: Vec::new(),
        blobs: Vec::new(),
        expires: None,
        body: None,
        ext: Vec::new(),
        ..header.clone()
    };
    for (name, header, payload) in [("put", header, Some(payload)), ("delete", delete, None)] {
        let signed = secret.sign_header(header);
        put("record_decode", &format!("{name}-header"), signed.as_bytes());
        let record = Record::new(signed, payload).expect("a whole record");
        put("record_decode", name, &record.encode());
        put("record_decode", &format!("{name}-erased"), &record.erased().encode());
    }

    let (root, next) = (SecretKey::from_seed(&[10; 32]), SecretKey::from_seed(&[11; 32]));
    let establishment = Establishment {
        root: KeySet::single(root.public()),
        next: NextKeys::single(&next.public()),
        recovery: None,
        witnesses: None,
    };
    let action = Action::Genesis { establishment, devices: vec![secret.public()], nonce: [0; 16] };
    let genesis = Event { number: 0, prev: None, created: 1, action }.sign(&[&root]).expect("a whole genesis");
    put("identity_document", "genesis", genesis.as_bytes());
    let identity = genesis.identity().expect("a genesis names an identity");
    let add = Event { number: 1, prev: Some(genesis.id()), created: 2, action: Action::AddDevice(next.public()) };
    let add = add.sign(&[&root]).expect("a whole event");
    put("identity_document", "add-device", add.as_bytes());
    let mut log = Vec::new();
    for event in [&genesis, &add] {
        log.push(0);
        log.extend_from_slice(&u16::try_from(event.as_bytes().len()).expect("a short event").to_be_bytes());
        log.extend_from_slice(event.as_bytes());
    }
    put("identity_log", "two-events", &log);

    let binding = Binding { code: BlobId([1; 32]), config: None, meter: "meter/1".into(), fuel: 1, memory: 65_536 };
    let constitution = Constitution {
        slots: [
            (Slot::Validator("atlas.post".parse().expect("a type")), binding.clone()),
            ("ranker:recent".parse().expect("a slot"), binding),
        ]
        .into(),
        recorders: vec![identity],
        params: [("x", Value::from(1u64))].into_iter().collect(),
    };
    let founded = space::Genesis {
        founder: identity,
        name: "a space".to_owned(),
        created: 1,
        nonce: [0; 16],
        constitution: constitution.clone(),
    };
    let founded = Signed::new(founded, &secret).expect("a whole genesis");
    put("space_document", "genesis", founded.as_bytes());
    let amendment = space::Amendment {
        space: SpaceId([1; 32]),
        follows: founded.constitution_id(),
        number: 1,
        created: 2,
        constitution,
    };
    put("space_document", "amendment", Signed::new(amendment, &secret).expect("a whole amendment").as_bytes());

    keys_and_paper(&genesis);
    reconciliation();
}

/// The first byte says which of the two the rest is.
fn keys_and_paper(genesis: &SignedEvent) {
    let identity = genesis.identity().expect("a genesis names an identity");
    let secrets =
        vec![(Role::Root, SecretKey::from_seed(&[10; 32])), (Role::Recovery, SecretKey::from_seed(&[12; 32]))];
    let log = vec![genesis.as_bytes().to_vec()];
    let sheet = SheetContent {
        name: "ada".to_owned(),
        identity: Some(identity),
        date: "today".to_owned(),
        secrets: secrets.clone(),
        log: log.clone(),
    };
    let page = sheet::print(&sheet).expect("a whole sheet");
    put("bundle_and_sheet", "sheet", &[&[1], page.as_bytes()].concat());
    let bundle = Bundle {
        purpose: bundle::Purpose::Recovery { roots: vec![SecretKey::from_seed(&[10; 32]).public()] },
        name: "ada".to_owned(),
        identity: Some(identity),
        log,
        statements: vec![b"a grant".to_vec()],
        secrets,
    };
    let content = bundle::encode_unsealed(&bundle).expect("a whole bundle");
    put("bundle_and_sheet", "bundle", &[&[0], &content[..]].concat());
}

/// A message with a range of every kind.
fn reconciliation() {
    let mut message = wire::Writer::new();
    let item = |time, first| {
        let mut id = [0; 32];
        id[0] = first;
        Item { time, id }
    };
    message.put(&wire::Bound::between(&item(1, 0), &item(3, 0)), wire::Payload::Skip);
    message.put(&wire::Bound::between(&item(5, 1), &item(5, 2)), wire::Payload::Fingerprint([7; 16]));
    message.put(&wire::Bound::before(item(9, 1)), wire::Payload::Ids(&[[1; 32], [2; 32]]));
    message.put(&wire::Bound::END, wire::Payload::Fingerprint([8; 16]));
    put("negentropy_message", "every-kind", &message.finish());
}
