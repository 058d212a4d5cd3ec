//! Identities, spaces and records of others: made with keys that the node under test does not
//! hold, so that everything reaches it as bytes from a stranger.

use std::collections::HashMap;

use atlas_node::{Node, NodeError};
use atlas_record::cbor::{Map, encode};
use atlas_record::chain;
use atlas_record::header::DELETES;
use atlas_record::identity::{Action, Establishment, Event, KeySet, NextKeys, SignedEvent};
use atlas_record::sign::SecretKey;
use atlas_record::space::{Amendment, Binding, Constitution, Genesis, Signed, Slot};
use atlas_record::{
    BlobId, Body, ConstitutionId, GrantId, Header, IdentityId, Key, Link, Op, Payload, Record, RecordId, Salt, SpaceId,
    Target, Timestamp, TypeName, Value,
};

/// When the test world begins. Milliseconds since the Unix epoch.
pub const T0: Timestamp = 1_750_000_000_000;

/// Someone who writes records, and their place in each chain.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Who.
    pub identity: FirstEvent,
    /// Signs records.
    pub device: SecretKey,
    /// Signs root events.
    pub root: SecretKey,
    /// Under which its records are signed, for apps.
    pub grant: Option<GrantId>,
    chains: HashMap<SpaceId, Vec<RecordId>>,
}

/// The genesis that a peer's identity begins with.
#[derive(Debug, Clone)]
pub struct FirstEvent(pub SignedEvent);

impl FirstEvent {
    /// The identity.
    pub fn id(&self) -> IdentityId {
        self.0.identity().expect("a genesis names an identity")
    }

    /// The signed bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// A record before it is signed.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The type.
    pub type_name: TypeName,
    /// The key, where the type has keys.
    pub key: Option<Key>,
    /// When.
    pub created: Timestamp,
    /// References.
    pub links: Vec<Link>,
    /// The content; none for a delete.
    pub body: Option<Map>,
    /// When the body may go.
    pub expires: Option<Timestamp>,
}

impl Draft {
    /// A draft of a type, created `after` milliseconds after [`T0`].
    pub fn new(type_name: &str, after: u64, body: Map) -> Self {
        Self {
            type_name: type_name.parse().expect("a legal type name"),
            key: None,
            created: T0 + after,
            links: Vec::new(),
            body: Some(body),
            expires: None,
        }
    }

    /// A post.
    pub fn post(text: &str, after: u64) -> Self {
        Self::new("atlas.post", after, Map::from_iter([("text", Value::from(text))]))
    }

    /// A package: keyed, and replaceable.
    pub fn package(name: &str, version: &str, after: u64) -> Self {
        let body = Map::from_iter([("name", Value::from(name)), ("version", Value::from(version))]);
        Self::new("atlas.package", after, body).key(name)
    }

    /// The same with a key.
    pub fn key(mut self, key: &str) -> Self {
        self.key = Some(key.parse().expect("a legal key"));
        self
    }

    /// The delete of what stands under a key.
    pub fn delete_key(type_name: &str, key: &str, after: u64) -> Self {
        Self { body: None, ..Self::new(type_name, after, Map::new()).key(key) }
    }

    /// The delete of a record without a key.
    pub fn delete_id(type_name: &str, id: RecordId, after: u64) -> Self {
        let relation = DELETES.parse().expect("a constant relation is legal");
        Self {
            body: None,
            links: vec![Link { relation, target: Target::from(id) }],
            ..Self::new(type_name, after, Map::new())
        }
    }
}

impl Peer {
    /// The peer of this number: the same one in every run.
    pub fn new(number: u8) -> Self {
        let keys = |role: u8| SecretKey::from_seed(&[number.wrapping_mul(3).wrapping_add(role) ^ 0x5a; 32]);
        let [root, next, device] = [keys(0), keys(1), keys(2)];
        Self::made_of(root, &next, device, [number; 16])
    }

    /// A peer of these keys.
    pub fn made_of(root: SecretKey, next: &SecretKey, device: SecretKey, nonce: [u8; 16]) -> Self {
        let establishment = Establishment {
            root: KeySet::single(root.public()),
            next: NextKeys::single(&next.public()),
            recovery: None,
            witnesses: None,
        };
        let action = Action::Genesis { establishment, devices: vec![device.public()], nonce };
        let genesis = Event { number: 0, prev: None, created: T0, action };
        let genesis = genesis.sign(&[&root]).expect("a genesis made here is well-formed");
        Self { identity: FirstEvent(genesis), device, root, grant: None, chains: HashMap::new() }
    }

    /// The same author with another key: a second device, or an app.
    pub fn with_key(&self, key: SecretKey, grant: Option<GrantId>) -> Self {
        Self { device: key, grant, chains: HashMap::new(), ..self.clone() }
    }

    /// The last record of this key's chain in a space, and its position.
    pub fn last(&self, space: &SpaceId) -> Option<(u64, RecordId)> {
        let chain = self.chains.get(space)?;
        Some((chain.len() as u64, *chain.last()?))
    }

    /// Forgets the end of its chain, so that what it writes next forks it.
    pub fn rewind(&mut self, space: &SpaceId, length: usize) {
        self.chains.entry(*space).or_default().truncate(length);
    }

    /// The header that a draft would have at the end of this peer's chain, and its payload.
    pub fn header(&self, space: SpaceId, constitution: ConstitutionId, draft: Draft) -> (Header, Option<Payload>) {
        let chain = self.chains.get(&space).map_or(&[][..], Vec::as_slice);
        let seq = chain.len() as u64 + 1;
        let at = |seq: u64| chain[seq as usize - 1];
        let payload = draft.body.map(|map| Payload {
            salt: Salt([seq as u8; 16]),
            body: Body::from_map(&map).expect("a test's body has a JSON form"),
        });
        let header = Header {
            space,
            type_name: draft.type_name,
            author: self.identity.id(),
            key: self.device.public(),
            grant: self.grant,
            seq,
            prev: (seq > 1).then(|| at(seq - 1)),
            skip: chain::has_skip(seq).then(|| at(chain::lipmaa(seq))),
            created: draft.created,
            constitution,
            record_key: draft.key,
            op: if payload.is_some() { Op::Put } else { Op::Delete },
            links: draft.links,
            blobs: Vec::new(),
            expires: draft.expires,
            body: payload.as_ref().map(|payload| payload.body.commit(&payload.salt)),
            ext: Vec::new(),
        };
        (header, payload)
    }

    /// Signs a header and moves the chain on to it.
    pub fn sign(&mut self, header: Header, payload: Option<Payload>) -> Record {
        let space = header.space;
        let record = Record::new(self.device.sign_header(header), payload).expect("header and payload belong together");
        self.chains.entry(space).or_default().push(record.id());
        record
    }

    /// Writes a draft into a community, under the constitution in force there.
    pub fn write(&mut self, community: &Community, draft: Draft) -> Record {
        let (header, payload) = self.header(community.space_id(), community.constitution_id(), draft);
        self.sign(header, payload)
    }
}

/// A space that was founded elsewhere.
#[derive(Debug, Clone)]
pub struct Community {
    /// Who founded it.
    pub founder: Peer,
    /// The document that founded it.
    pub genesis: Signed<Genesis>,
    /// Its amendments, in order.
    pub amendments: Vec<Signed<Amendment>>,
}

/// A binding of a component with the default bounds and no config.
pub fn binding(component: &[u8]) -> Binding {
    let bound = atlas_engine::Binding::new(atlas_engine::CodeHash::of(component));
    Binding {
        code: BlobId::of(component),
        config: None,
        meter: bound.meter.name().into(),
        fuel: bound.fuel,
        memory: bound.memory,
    }
}

/// The slot and binding of a standard module for a type.
pub fn standard(type_name: &str, module: &str) -> (Slot, Binding) {
    let module = atlas_prebuilt::get(module).expect("a module of the standard set");
    (Slot::Validator(type_name.parse().expect("a legal type name")), binding(module.bytes))
}

impl Community {
    /// Founds a space with these slots.
    pub fn found(name: &str, founder: Peer, slots: Vec<(Slot, Binding)>) -> Self {
        let constitution = Constitution {
            slots: slots.into_iter().collect(),
            recorders: vec![founder.identity.id()],
            ..Constitution::default()
        };
        let nonce = name.bytes().chain([0; 16]).take(16).collect::<Vec<_>>().try_into().expect("16 bytes were taken");
        let genesis =
            Genesis { founder: founder.identity.id(), name: name.to_owned(), created: T0, nonce, constitution };
        let genesis = Signed::new(genesis, &founder.device).expect("a genesis made here is well-formed");
        Self { founder, genesis, amendments: Vec::new() }
    }

    /// A space for packages and posts.
    pub fn usual(name: &str, founder: Peer) -> Self {
        Self::found(name, founder, vec![standard("atlas.package", "package"), standard("atlas.post", "post")])
    }

    /// The space's id.
    pub fn space_id(&self) -> SpaceId {
        self.genesis.space_id()
    }

    /// The constitution in force.
    pub fn constitution_id(&self) -> ConstitutionId {
        self.amendments.last().map_or(self.genesis.constitution_id(), Signed::constitution_id)
    }

    /// Binds one more slot, by an amendment.
    pub fn amend(&mut self, slot: Slot, binding: Binding) -> &Signed<Amendment> {
        let mut constitution = match self.amendments.last() {
            Some(last) => last.document().constitution.clone(),
            None => self.genesis.document().constitution.clone(),
        };
        constitution.slots.insert(slot, binding);
        let amendment = Amendment {
            space: self.space_id(),
            follows: self.constitution_id(),
            number: self.amendments.len() as u64 + 1,
            created: T0,
            constitution,
        };
        let signed = Signed::new(amendment, &self.founder.device).expect("an amendment made here is well-formed");
        self.amendments.push(signed);
        self.amendments.last().expect("pushed above")
    }

    /// Makes a node a member: founder, space and amendments, as an archive brings them.
    pub fn join(&self, node: &Node) -> Result<(), NodeError> {
        node.learn_identity(self.founder.identity.as_bytes())?;
        node.learn_space(None, self.genesis.as_bytes())?;
        for amendment in &self.amendments {
            node.learn_amendment(amendment.as_bytes())?;
        }
        Ok(())
    }
}

/// The transport form of a record whose parts may be wrong in any way.
pub fn transport(signed: &[u8], salt: Option<&[u8]>, body: Option<&[u8]>) -> Vec<u8> {
    let part = |bytes: Option<&[u8]>| bytes.map_or(Value::Null, |bytes| Value::Bytes(bytes.to_vec()));
    encode(&Value::List(vec![part(Some(signed)), part(salt), part(body)]))
}
