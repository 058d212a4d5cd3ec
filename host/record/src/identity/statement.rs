//! Grants and revocations: what devices, and apps that may pass on, sign beside the log.
//!
//! They form a set without an order, so that two devices that never meet cannot conflict.

use crate::Timestamp;
use crate::cbor::{Fault, Reader, Writer};
use crate::id::{GrantId, IdentityId, PublicKey, RevocationId};
use crate::sign::SecretKey;

use super::kept::Keep;
use super::keys::sound_key;
use super::scope::Scope;
use super::signed::{IdentityError, check, read_sealed, seal};

const GRANT_DOMAIN: &[u8] = b"atlas/grant/1\0";
const REVOCATION_DOMAIN: &[u8] = b"atlas/revocation/1\0";
const VERSION: u64 = 1;
/// Bytes of an app's name, and of the words of a revocation.
pub const TEXT_BYTES: usize = 256;

/// Lets a key do something in an identity's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// In whose name.
    pub identity: IdentityId,
    /// Who grants: a device, or the audience of the parent.
    pub issuer: PublicKey,
    /// The grant that this one passes on a part of.
    pub parent: Option<GrantId>,
    /// The key that may act.
    pub audience: PublicKey,
    /// What the audience is called, for people.
    pub label: String,
    /// What it may do.
    pub scope: Scope,
    /// When, by the issuer's clock.
    pub created: Timestamp,
    /// Makes two grants of the same scope different.
    pub nonce: [u8; 16],
}

impl Grant {
    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.array(9);
        w.uint(VERSION);
        w.bytes(&self.identity.0);
        w.bytes(&self.issuer.0);
        w.optional_bytes(self.parent.as_ref().map(|id| &id.0[..]));
        w.bytes(&self.audience.0);
        w.text(&self.label);
        self.scope.write(&mut w);
        w.uint(self.created);
        w.bytes(&self.nonce);
        w.into_bytes()
    }

    /// Signs it with the issuer's key.
    pub fn sign(&self, issuer: &SecretKey) -> Result<Signed<Self>, IdentityError> {
        Signed::decode(&seal(&self.encode(), GRANT_DOMAIN, issuer))
    }
}

/// What a revocation ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// Everything that was granted to a key.
    Key(PublicKey),
    /// One grant.
    Grant(GrantId),
}

/// Ends a key's authority, and says what stays of what it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// In whose name.
    pub identity: IdentityId,
    /// Who revokes: a device; or for a grant, who issued it.
    pub issuer: PublicKey,
    /// What ends.
    pub target: Target,
    /// What stays.
    pub keep: Keep,
    /// When, by the issuer's clock. For people: nothing is decided by it.
    pub created: Timestamp,
    /// Why, in the issuer's words; may be empty.
    pub reason: String,
}

impl Revocation {
    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.array(7);
        w.uint(VERSION);
        w.bytes(&self.identity.0);
        w.bytes(&self.issuer.0);
        w.array(2);
        match &self.target {
            Target::Key(key) => {
                w.uint(0);
                w.bytes(&key.0);
            }
            Target::Grant(id) => {
                w.uint(1);
                w.bytes(&id.0);
            }
        }
        self.keep.write(&mut w);
        w.uint(self.created);
        w.text(&self.reason);
        w.into_bytes()
    }

    /// Signs it with the issuer's key.
    pub fn sign(&self, issuer: &SecretKey) -> Result<Signed<Self>, IdentityError> {
        Signed::decode(&seal(&self.encode(), REVOCATION_DOMAIN, issuer))
    }
}

/// What is signed by one key, its issuer.
pub trait Statement: Sized {
    /// What names it.
    type Id: Copy + Eq + std::hash::Hash + Ord + std::fmt::Debug;
    #[doc(hidden)]
    const DOMAIN: &'static [u8];
    #[doc(hidden)]
    const WHAT: &'static str;
    #[doc(hidden)]
    fn read(r: &mut StatementReader<'_, '_>) -> Result<Self, crate::cbor::DecodeError>;
    #[doc(hidden)]
    fn id_of(content: &[u8]) -> Self::Id;
    /// Who signed.
    fn issuer(&self) -> &PublicKey;
}

/// Reads statements; its parts are the crate's own.
pub struct StatementReader<'a, 'b>(&'a mut Reader<'b>);

fn version(r: &mut Reader<'_>) -> Result<(), crate::cbor::DecodeError> {
    let at = r.at();
    if r.uint()? == VERSION { Ok(()) } else { r.fail(at, Fault::Expected("statement format version 1")) }
}

/// Text for people: bounded, and without what could hide or fake other text.
pub(super) fn plain_text(r: &mut Reader<'_>) -> Result<String, crate::cbor::DecodeError> {
    let at = r.at();
    let text = r.text()?;
    if text.len() <= TEXT_BYTES && !text.chars().any(is_deceptive) {
        Ok(text.to_owned())
    } else {
        r.fail(at, Fault::Expected("text of 256 bytes at most, without control or direction characters"))
    }
}

/// Characters that can make a terminal or a page show something else than what is signed.
pub(super) fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

impl Statement for Grant {
    type Id = GrantId;
    const DOMAIN: &'static [u8] = GRANT_DOMAIN;
    const WHAT: &'static str = "grant";

    fn read(StatementReader(r): &mut StatementReader<'_, '_>) -> Result<Self, crate::cbor::DecodeError> {
        r.tuple(9, "a grant of 9 items")?;
        version(r)?;
        Ok(Self {
            identity: IdentityId(r.array_of("an identity id of 32 bytes")?),
            issuer: PublicKey(r.array_of("a key of 32 bytes")?),
            parent: r.optional(|r| r.array_of("a grant id of 32 bytes"))?.map(GrantId),
            audience: sound_key(r)?,
            label: plain_text(r)?,
            scope: Scope::read(r)?,
            created: r.timestamp()?,
            nonce: r.array_of("a nonce of 16 bytes")?,
        })
    }

    fn id_of(content: &[u8]) -> GrantId {
        GrantId::of(content)
    }

    fn issuer(&self) -> &PublicKey {
        &self.issuer
    }
}

impl Statement for Revocation {
    type Id = RevocationId;
    const DOMAIN: &'static [u8] = REVOCATION_DOMAIN;
    const WHAT: &'static str = "revocation";

    fn read(StatementReader(r): &mut StatementReader<'_, '_>) -> Result<Self, crate::cbor::DecodeError> {
        r.tuple(7, "a revocation of 7 items")?;
        version(r)?;
        let identity = IdentityId(r.array_of("an identity id of 32 bytes")?);
        let issuer = PublicKey(r.array_of("a key of 32 bytes")?);
        r.tuple(2, "a target: kind and id")?;
        let at = r.at();
        let target = match r.uint()? {
            0 => Target::Key(PublicKey(r.array_of("a key of 32 bytes")?)),
            1 => Target::Grant(GrantId(r.array_of("a grant id of 32 bytes")?)),
            _ => return r.fail(at, Fault::Expected("a target: 0 (key) or 1 (grant)")),
        };
        Ok(Self { identity, issuer, target, keep: Keep::read(r)?, created: r.timestamp()?, reason: plain_text(r)? })
    }

    fn id_of(content: &[u8]) -> RevocationId {
        RevocationId::of(content)
    }

    fn issuer(&self) -> &PublicKey {
        &self.issuer
    }
}

/// A statement whose signature is its issuer's. Whether the issuer had the authority is for
/// the [identity](super::Identity) to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed<S: Statement> {
    statement: S,
    id: S::Id,
    bytes: Box<[u8]>,
}

impl<S: Statement> Signed<S> {
    /// Reads canonical bytes and verifies the signature.
    pub fn decode(bytes: &[u8]) -> Result<Self, IdentityError> {
        let (signed, content, signature) = Self::parse(bytes)?;
        check(signed.statement.issuer(), &[S::DOMAIN, content].concat(), &signature)?;
        Ok(signed)
    }

    /// Reads bytes that were verified when they came.
    pub fn read_back(bytes: &[u8]) -> Result<Self, IdentityError> {
        Self::parse(bytes).map(|(signed, ..)| signed)
    }

    fn parse(bytes: &[u8]) -> Result<(Self, &[u8], [u8; 64]), IdentityError> {
        let (statement, content, signature) = read_sealed(bytes, S::WHAT, |r| S::read(&mut StatementReader(r)))?;
        Ok((Self { statement, id: S::id_of(content), bytes: bytes.into() }, content, signature))
    }

    /// What is stated.
    pub fn statement(&self) -> &S {
        &self.statement
    }

    /// Its name.
    pub fn id(&self) -> S::Id {
        self.id
    }

    /// The bytes as received.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}
