//! Identities: what any events in any order come to.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod authority;
mod hostile;
mod logs;
mod orders;

use atlas_record::identity::{
    Action, Establishment, Event, Grant, Identity, KeySet, NextKeys, Receipt, Revocation, Scope, Signed, SignedEvent,
    commitment,
};
use atlas_record::sign::SecretKey;
use atlas_record::{EventId, IdentityId, SpaceId, Timestamp};

pub const HOUR: u64 = 60 * 60 * 1000;
pub const DAY: u64 = 24 * HOUR;
pub const T0: Timestamp = 1_800_000_000_000;

pub fn key(seed: u16) -> SecretKey {
    let mut bytes = [7; 32];
    bytes[..2].copy_from_slice(&seed.to_be_bytes());
    SecretKey::from_seed(&bytes)
}

pub fn set(keys: &[&SecretKey], threshold: u64) -> KeySet {
    KeySet { keys: keys.iter().map(|key| key.public()).collect(), threshold }
}

pub fn next(keys: &[&SecretKey], threshold: u64) -> NextKeys {
    NextKeys { digests: keys.iter().map(|key| commitment(&key.public())).collect(), threshold }
}

/// Everyone of the stories: root keys 1, 2, 3, …, devices 100…, recoverers 200…, witnesses 300….
pub fn root(i: u16) -> SecretKey {
    key(i)
}

pub fn device(i: u16) -> SecretKey {
    key(100 + i)
}

pub fn recoverer(i: u16) -> SecretKey {
    key(200 + i)
}

pub fn witness(i: u16) -> SecretKey {
    key(300 + i)
}

pub fn app(i: u16) -> SecretKey {
    key(400 + i)
}

/// Root key `i` alone, key `i + 1` after it.
pub fn established(i: u16, witnessed: bool) -> Establishment {
    let watching: Vec<SecretKey> = (0..3).map(witness).collect();
    let watching: Vec<&SecretKey> = watching.iter().collect();
    let helpers: Vec<SecretKey> = (0..3).map(recoverer).collect();
    let helpers: Vec<&SecretKey> = helpers.iter().collect();
    Establishment {
        root: set(&[&root(i)], 1),
        next: next(&[&root(i + 1)], 1),
        recovery: Some(set(&helpers, 2)),
        witnesses: witnessed.then(|| set(&watching, 2)),
    }
}

pub fn genesis(witnessed: bool) -> SignedEvent {
    let action =
        Action::Genesis { establishment: established(1, witnessed), devices: vec![device(0).public()], nonce: [9; 16] };
    Event { number: 0, prev: None, created: T0, action }.sign(&[&root(1), &device(0)]).unwrap()
}

pub fn after(prev: &SignedEvent, action: Action, keys: &[&SecretKey]) -> SignedEvent {
    let number = prev.event().number + 1;
    Event { number, prev: Some(prev.id()), created: T0 + number, action }.sign(keys).unwrap()
}

pub fn add_device(prev: &SignedEvent, i: u16, by: u16) -> SignedEvent {
    after(prev, Action::AddDevice(device(i).public()), &[&root(by), &device(i)])
}

pub fn rotate(prev: &SignedEvent, to: u16, witnessed: bool) -> SignedEvent {
    after(prev, Action::Rotate(established(to, witnessed)), &[&root(to)])
}

pub fn receipt(id: IdentityId, of: EventId, witness_number: u16, seen: Timestamp) -> Receipt {
    Receipt::decode(&Receipt::sign(id, of.0, seen, &witness(witness_number))).unwrap()
}

pub fn space(i: u8) -> SpaceId {
    SpaceId([i; 32])
}

pub fn scope(depth: u64) -> Scope {
    Scope {
        types: ["atlas.label", "atlas.post"].iter().map(|it| it.parse().unwrap()).collect(),
        actions: ["create", "delete"].iter().map(|it| it.parse().unwrap()).collect(),
        spaces: [space(1), space(2)].into(),
        not_before: T0,
        expires: T0 + 30 * DAY,
        depth,
        rate: None,
    }
}

pub fn grant(id: IdentityId, issuer: &SecretKey, audience: &SecretKey, nonce: u8) -> Signed<Grant> {
    let grant = Grant {
        identity: id,
        issuer: issuer.public(),
        parent: None,
        audience: audience.public(),
        label: "notes".into(),
        scope: scope(1),
        created: T0,
        nonce: [nonce; 16],
    };
    grant.sign(issuer).unwrap()
}

/// What the world can see of an identity.
#[derive(Debug, PartialEq)]
pub struct Seen {
    pub head: EventId,
    pub closed: Option<EventId>,
    pub dispute: Option<(EventId, Vec<EventId>)>,
    pub aside: Vec<EventId>,
    pub grants: Vec<atlas_record::GrantId>,
    pub revocations: Vec<atlas_record::RevocationId>,
    pub causes: Vec<String>,
}

pub fn seen(identity: &Identity) -> Seen {
    let log = identity.log();
    let mut causes: Vec<String> = identity
        .subjects()
        .map(|(key, grant)| format!("{key} {grant:?} {:?}", identity.causes(&key, grant.as_ref())))
        .collect();
    causes.sort();
    Seen {
        head: log.state().head,
        closed: log.state().closed,
        dispute: log.duplicity().map(|it| (it.after, it.successors.clone())),
        aside: log.set_aside().iter().map(|event| event.id()).collect(),
        grants: identity.grants().iter().map(|grant| grant.id()).collect(),
        revocations: identity.revocations().iter().map(|it| it.id()).collect(),
        causes,
    }
}

pub fn revoke(
    id: IdentityId,
    issuer: &SecretKey,
    target: atlas_record::identity::Target,
    keep: atlas_record::identity::Keep,
) -> Signed<Revocation> {
    Revocation { identity: id, issuer: issuer.public(), target, keep, created: T0 + DAY, reason: String::new() }
        .sign(issuer)
        .unwrap()
}
