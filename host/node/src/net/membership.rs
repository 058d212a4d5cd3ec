//! Private spaces: who is a member, and how a node shows that it serves one.
//!
//! A constitution whose parameter `private` is true is known to those alone whom its parameter
//! `members` lists, and to its founder and recorders. A proof is a device's signature over what
//! is true of one connection only (both peers, both nonces, the space) and an end; it brings
//! the identity along, so that a member can be recognised by a node that has not met it.

use std::collections::BTreeSet;

use atlas_record::cbor::{self, Value};
use atlas_record::id::PublicKey;
use atlas_record::identity::Identity;
use atlas_record::space::Constitution;
use atlas_record::{IdentityId, SpaceId, Timestamp, sign};

use super::pieces;
use crate::error::NodeError;
use crate::identities::Local;
use crate::node::Node;
use crate::people::Piece;

/// The parameter that makes a space private.
pub const PRIVATE: &str = "private";
/// The parameter that lists its members.
pub const MEMBERS: &str = "members";
/// Members of a space that a constitution can list.
pub const MOST_MEMBERS: usize = 1024;
/// How long a proof holds, in milliseconds. Clocks that differ by less agree on it.
const HOLDS_MS: u64 = 10 * 60 * 1000;
const DOMAIN: &[u8] = b"atlas/membership/1\0";
/// Items of an identity that a proof brings.
const MOST_PIECES: usize = 256;

/// Whether only members may know of the space.
pub fn is_private(constitution: &Constitution) -> bool {
    constitution.params.get(PRIVATE) == Some(&Value::Bool(true))
}

/// Whom the constitution lists.
pub fn members(constitution: &Constitution) -> BTreeSet<IdentityId> {
    let list = constitution.params.get(MEMBERS).and_then(Value::as_list).unwrap_or_default();
    list.iter().filter_map(|member| member.as_text()?.parse().ok()).collect()
}

/// Puts who is listed into the parameters.
pub fn set_members(constitution: &mut Constitution, members: &BTreeSet<IdentityId>) {
    let list = members.iter().map(|member| Value::Text(member.to_string())).collect();
    constitution.params.insert(MEMBERS, Value::List(list));
}

fn signed_bytes(transcript: &[u8], identity: &IdentityId, until: Timestamp) -> Vec<u8> {
    [DOMAIN, &identity.0, &until.to_be_bytes(), transcript].concat()
}

/// A proof for a device of a member.
pub fn prove(node: &Node, local: &Local, transcript: &[u8], now: Timestamp) -> Result<Option<Vec<u8>>, NodeError> {
    let Some(id) = local.identity else { return Ok(None) };
    let Some(identity) = node.identity(&id)? else { return Ok(None) };
    let until = now + HOLDS_MS;
    let signature = local.secret.sign(&signed_bytes(transcript, &id, until));
    // What is granted to apps is not asked for here.
    let log = identity.log().all().into_iter().map(|event| match event.identity() {
        Some(_) => crate::archive::Part::Identity(event.as_bytes().to_vec()),
        None => crate::archive::Part::Event([&id.0[..], event.as_bytes()].concat()),
    });
    let items = log.filter_map(|part| pieces::item(&id, &part)).take(MOST_PIECES).map(Value::Bytes).collect();
    let proof = vec![
        Value::Bytes(id.0.to_vec()),
        Value::Int(until.into()),
        Value::Bytes(local.key().0.to_vec()),
        Value::Bytes(signature.to_vec()),
        Value::List(items),
    ];
    Ok(Some(cbor::encode(&Value::List(proof))))
}

/// A proof, taken apart.
struct Proof {
    identity: IdentityId,
    until: Timestamp,
    key: PublicKey,
    signature: [u8; 64],
    items: Vec<Vec<u8>>,
}

impl Proof {
    fn decode(bytes: &[u8]) -> Option<Self> {
        let Value::List(parts) = cbor::decode(bytes).ok()? else { return None };
        let [
            Value::Bytes(identity),
            Value::Int(until),
            Value::Bytes(key),
            Value::Bytes(signature),
            Value::List(items),
            ..,
        ] = <[Value; 5]>::try_from(parts).ok()?
        else {
            return None;
        };
        let bytes = |item| match item {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        };
        Some(Self {
            identity: IdentityId(identity.try_into().ok()?),
            until: until.try_into().ok()?,
            key: PublicKey(key.try_into().ok()?),
            signature: signature.try_into().ok()?,
            items: items.into_iter().take(MOST_PIECES).map(bytes).collect::<Option<_>>()?,
        })
    }
}

/// Whether a proof shows that its maker is one of `allowed`.
pub fn holds(
    node: &Node,
    allowed: &BTreeSet<IdentityId>,
    transcript: &[u8],
    proof: &[u8],
    now: Timestamp,
) -> Result<bool, NodeError> {
    let Some(proof) = Proof::decode(proof) else { return Ok(false) };
    let in_time = proof.until >= now && proof.until <= now + 2 * HOLDS_MS;
    if !in_time || !allowed.contains(&proof.identity) {
        return Ok(false);
    }
    if !sign::verify(&proof.key, &signed_bytes(transcript, &proof.identity, proof.until), &proof.signature) {
        return Ok(false);
    }
    // Whom the constitution lists is worth knowing, whatever this one shows of them.
    let mut sorted = pieces::Sorted::of(&proof.items);
    if let Some(log) = sorted.pieces.remove(&proof.identity) {
        let log: Vec<Piece> = log.into_iter().map(|(_, piece)| piece).collect();
        node.learn(proof.identity, log)?;
    }
    Ok(node.identity(&proof.identity)?.is_some_and(|identity| speaks(&identity, &proof.key)))
}

/// Whether a key is a device of an identity now.
fn speaks(identity: &Identity, key: &PublicKey) -> bool {
    identity.log().ever_named(key) && identity.causes(key, None).is_empty()
}

/// Who is let into a private space: those it lists, its founder and its recorders.
pub fn allowed(node: &Node, space: &SpaceId) -> Option<BTreeSet<IdentityId>> {
    node.spaces().get(space).map(|space| super::roster::named(&space))
}
