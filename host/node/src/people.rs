//! The identities that this node knows, its own and others': logs, grants and revocations, on
//! disk and in memory.
//!
//! What comes is verified, put to the pure state machine ([`Identity`]), and stored if that
//! took it. Readers hold a snapshot that never changes under them; a writer makes the next one.
//! What a piece changes for records that are here is told to the caller as the list of
//! *subjects* (a key, and the grant it signs under) whose causes differ from before.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, RwLock};

use atlas_record::id::PublicKey;
use atlas_record::identity::scope::DEEPEST;
use atlas_record::identity::{
    Added, Cause, Grant, Identity, IdentityError, Inserted, Receipt, Revocation, Signed, SignedEvent,
};
use atlas_record::{GrantId, IdentityId};
use atlas_store::{Batch, DocKind, Store};

use crate::error::{NodeError, Refusal};
use crate::identities::random;

/// A part of an identity, verified.
#[derive(Debug, Clone)]
pub enum Piece {
    /// A root event.
    Event(SignedEvent),
    /// A grant.
    Grant(Signed<Grant>),
    /// A revocation.
    Revocation(Signed<Revocation>),
    /// A witness's receipt, with its signed bytes.
    Receipt(Receipt, Vec<u8>),
}

/// Who signs: a key, by itself or under a grant.
pub type Subject = (PublicKey, Option<GrantId>);

/// What came of some pieces.
#[derive(Debug)]
pub struct Learned {
    /// The identity as it is now.
    pub identity: Arc<Identity>,
    /// Pieces that were not here before.
    pub added: usize,
    /// Grants among them, and those that waited for them.
    pub grants: Vec<GrantId>,
    /// Whom records of theirs have to be looked at again for.
    pub changed: Vec<Subject>,
    /// The document that says so until it is done, where there is something to do: a crash in
    /// between must not leave records standing that were revoked.
    pub due: Option<Vec<u8>>,
    /// Pieces that were refused, each with the reason.
    pub refused: Vec<Refusal>,
    /// How many wait for others to come first.
    pub waiting: usize,
}

/// How documents begin that name an identity whose records have to be looked at again.
pub(crate) const DUE: &[u8] = b"reconsider";

/// Pieces of identities whose genesis has not come: at most this many are kept, in memory.
const MOST_ORPHANS: usize = 4096;

/// All identities that this node knows.
pub struct People {
    store: Store,
    known: RwLock<HashMap<IdentityId, Arc<Identity>>>,
    /// Held while an identity changes; holds what waits for a genesis.
    changing: Mutex<Vec<(IdentityId, Piece)>>,
}

fn malformed(error: &IdentityError) -> Refusal {
    let code = if matches!(error, IdentityError::Signature(_)) { "bad-signature" } else { "malformed" };
    Refusal::new(code, error.to_string())
}

impl Piece {
    /// Verifies a root event.
    pub fn event(bytes: &[u8]) -> Result<Self, Refusal> {
        SignedEvent::decode(bytes).map(Self::Event).map_err(|error| malformed(&error))
    }

    /// Verifies a grant.
    pub fn grant(bytes: &[u8]) -> Result<Self, Refusal> {
        Signed::decode(bytes).map(Self::Grant).map_err(|error| malformed(&error))
    }

    /// Verifies a revocation.
    pub fn revocation(bytes: &[u8]) -> Result<Self, Refusal> {
        Signed::decode(bytes).map(Self::Revocation).map_err(|error| malformed(&error))
    }

    /// Verifies a receipt.
    pub fn receipt(bytes: &[u8]) -> Result<Self, Refusal> {
        let receipt = Receipt::decode(bytes).map_err(|error| malformed(&error))?;
        Ok(Self::Receipt(receipt, bytes.to_vec()))
    }

    /// Verifies many root events together.
    pub fn events(events: &[Vec<u8>]) -> Vec<Result<Self, Refusal>> {
        let decoded = SignedEvent::decode_all(events.iter().map(|bytes| &bytes[..]));
        decoded.into_iter().map(|event| event.map(Self::Event).map_err(|error| malformed(&error))).collect()
    }

    fn put(&self, identity: &IdentityId, batch: &mut Batch) {
        match self {
            Piece::Event(event) => {
                let key = [&identity.0[..], &event.event().number.to_be_bytes(), &event.id().0].concat();
                batch.put_doc(DocKind::IdentityEvent, key, event.as_bytes());
            }
            Piece::Grant(grant) => {
                batch.put_doc(DocKind::Grant, [identity.0, grant.id().0].concat(), grant.as_bytes());
                // Finds an app's grants without reading every identity.
                let audience = grant.statement().audience;
                let key = [b"audience".as_slice(), &audience.0, &identity.0, &grant.id().0].concat();
                batch.put_doc(DocKind::Derived, key, b"");
            }
            Piece::Revocation(revocation) => {
                batch.put_doc(DocKind::Revocation, [identity.0, revocation.id().0].concat(), revocation.as_bytes());
            }
            Piece::Receipt(receipt, bytes) => {
                let key = [&identity.0[..], &receipt.of, &receipt.witness.0, &receipt.seen.to_be_bytes()].concat();
                batch.put_doc(DocKind::Receipt, key, &bytes[..]);
            }
        }
    }
}

fn damaged(id: &IdentityId, what: impl std::fmt::Display) -> NodeError {
    NodeError::Unavailable(format!("identity {id} in the store is damaged ({what}); run `atlas doctor`"))
}

/// What does not count, for everyone who signs in an identity's name.
fn causes(identity: &Identity) -> BTreeMap<Subject, Vec<Cause>> {
    identity.subjects().map(|(key, grant)| ((key, grant), identity.causes(&key, grant.as_ref()))).collect()
}

impl People {
    /// On a store.
    pub fn new(store: Store) -> Self {
        Self { store, known: RwLock::default(), changing: Mutex::default() }
    }

    /// An identity, if its genesis is here.
    pub fn get(&self, id: &IdentityId) -> Result<Option<Arc<Identity>>, NodeError> {
        if let Some(identity) = self.known.read().expect("no thread panics with this lock").get(id) {
            return Ok(Some(identity.clone()));
        }
        let Some(identity) = self.load(id)? else { return Ok(None) };
        let mut known = self.known.write().expect("no thread panics with this lock");
        // Whoever was first counts: a writer may have gone on from it.
        Ok(Some(known.entry(*id).or_insert_with(|| Arc::new(identity)).clone()))
    }

    /// Reads an identity back. Its signatures were verified when it came.
    fn load(&self, id: &IdentityId) -> Result<Option<Identity>, NodeError> {
        let mut identity: Option<Identity> = None;
        for doc in self.store.docs(DocKind::IdentityEvent, &id.0) {
            let event = SignedEvent::read_back(&doc?.bytes).map_err(|error| damaged(id, error))?;
            match &mut identity {
                None => identity = Some(Identity::new(event).map_err(|error| damaged(id, error))?),
                Some(identity) => drop(identity.insert(event)),
            }
        }
        let Some(mut identity) = identity else { return Ok(None) };
        for doc in self.store.docs(DocKind::Grant, &id.0) {
            identity.add_grant(Signed::read_back(&doc?.bytes).map_err(|error| damaged(id, error))?);
        }
        for doc in self.store.docs(DocKind::Revocation, &id.0) {
            identity.add_revocation(Signed::read_back(&doc?.bytes).map_err(|error| damaged(id, error))?);
        }
        for doc in self.store.docs(DocKind::Receipt, &id.0) {
            identity.attest(&Receipt::decode(&doc?.bytes).map_err(|error| damaged(id, error))?);
        }
        Ok(Some(identity))
    }

    /// The identities whose genesis is here.
    pub fn all(&self) -> Result<Vec<IdentityId>, NodeError> {
        let mut ids: Vec<IdentityId> = Vec::new();
        for doc in self.store.docs(DocKind::IdentityEvent, b"") {
            let id = doc?.key.first_chunk::<32>().copied().map(IdentityId);
            ids.extend(id.filter(|id| ids.last() != Some(id)));
        }
        Ok(ids)
    }

    /// Who granted something to a key.
    pub fn granted_to(&self, audience: &PublicKey) -> Result<Vec<(IdentityId, GrantId)>, NodeError> {
        let prefix = [b"audience".as_slice(), &audience.0].concat();
        let mut found = Vec::new();
        for doc in self.store.docs(DocKind::Derived, &prefix) {
            let doc = doc?;
            let tail = doc.key.get(prefix.len()..).unwrap_or_default();
            if let (Some(identity), Some(grant)) = (tail.first_chunk(), tail.get(32..).and_then(<[u8]>::first_chunk)) {
                found.push((IdentityId(*identity), GrantId(*grant)));
            }
        }
        Ok(found)
    }

    /// Adds pieces of an identity, in any order. What is new is durable when this returns.
    /// None if the genesis has not come: then they wait, in memory and with a bound.
    pub fn learn(&self, id: IdentityId, mut pieces: Vec<Piece>) -> Result<Option<Learned>, NodeError> {
        let mut orphans = self.changing.lock().expect("no thread panics with this lock");
        let before = self.get(&id)?;
        // Events by number, so that a log comes in order and nothing of it has to wait.
        pieces.sort_by_key(|piece| match piece {
            Piece::Event(event) => (0, event.event().number),
            // What is passed on comes after what it is passed on from.
            Piece::Grant(grant) => (1, DEEPEST - grant.statement().scope.depth),
            Piece::Revocation(_) => (2, 0),
            Piece::Receipt(..) => (3, 0),
        });
        let mut batch = Batch::new();
        let mut identity = match (&before, pieces.first()) {
            (Some(identity), _) => Identity::clone(identity),
            (None, Some(Piece::Event(genesis))) if genesis.identity() == Some(id) => {
                let identity = Identity::new(genesis.clone())
                    .map_err(|fault| Refusal::new("identity-refused", fault.to_string()))?;
                pieces[0].put(&id, &mut batch);
                pieces.remove(0);
                let (came, others): (Vec<_>, Vec<_>) = orphans.drain(..).partition(|(of, _)| *of == id);
                *orphans = others;
                pieces.extend(came.into_iter().map(|(_, piece)| piece));
                identity
            }
            _ => {
                let room = MOST_ORPHANS.saturating_sub(orphans.len());
                orphans.extend(pieces.into_iter().take(room).map(|piece| (id, piece)));
                return Ok(None);
            }
        };
        let (mut added, mut waiting) = (batch.len(), 0);
        let mut refused = Vec::new();
        let mut refuse =
            |error: &dyn std::fmt::Display| refused.push(Refusal::new("identity-refused", error.to_string()));
        for piece in pieces {
            // What waits is stored too, so that it is there when what it waits for comes.
            let new = match &piece {
                Piece::Event(event) => match identity.insert(event.clone()) {
                    Inserted::Attached => true,
                    Inserted::Waits(_) => {
                        waiting += 1;
                        true
                    }
                    Inserted::Known => false,
                    Inserted::Refused(fault) => {
                        refuse(&fault);
                        false
                    }
                },
                Piece::Grant(grant) => settle(identity.add_grant(grant.clone()), &mut waiting, &mut refuse),
                Piece::Revocation(it) => settle(identity.add_revocation(it.clone()), &mut waiting, &mut refuse),
                Piece::Receipt(receipt, _) => identity.attest(receipt),
            };
            if new {
                piece.put(&id, &mut batch);
                added += 1;
            }
        }
        let old = before.as_deref().map(causes).unwrap_or_default();
        let changed: Vec<Subject> = causes(&identity)
            .into_iter()
            .filter(|(subject, now)| old.get(subject).map_or(!now.is_empty(), |before| before != now))
            .map(|(subject, _)| subject)
            .collect();
        let grants = identity
            .grants()
            .iter()
            .map(|grant| grant.id())
            .filter(|grant| before.as_ref().is_none_or(|before| before.grant(grant).is_none()))
            .collect();
        let due = (!changed.is_empty()).then(|| [DUE, &id.0, &random::<8>()].concat());
        if let Some(due) = &due {
            batch.put_doc(DocKind::Derived, &due[..], b"");
        }
        if !batch.is_empty() {
            self.store.commit(batch)?;
        }
        let identity = Arc::new(identity);
        self.known.write().expect("no thread panics with this lock").insert(id, identity.clone());
        Ok(Some(Learned { identity, added, grants, changed, due, refused, waiting }))
    }
}

fn settle(added: Added, waiting: &mut usize, refuse: &mut impl FnMut(&dyn std::fmt::Display)) -> bool {
    match added {
        Added::New => true,
        Added::Waits => {
            *waiting += 1;
            true
        }
        Added::Known => false,
        Added::Refused(fault) => {
            refuse(&fault);
            false
        }
    }
}
