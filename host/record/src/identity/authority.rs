//! A log with its grants and revocations: what a key may sign, and what of it counts.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::Timestamp;
use crate::header::{Header, Op};
use crate::id::{EventId, GrantId, IdentityId, PublicKey, RevocationId, SpaceId};
use crate::name::TypeName;

use super::event::SignedEvent;
use super::kept::{Kept, kept_tag};
use super::log::{End, Inserted, Log, LogFault, MOST_WAITING};
use super::receipt::{Receipt, in_time};
use super::scope::{Action, Wider};
use super::statement::{Grant, Revocation, Signed, Target};

/// What became of a grant or a revocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Added {
    /// It is part of the set now.
    New,
    /// It was already.
    Known,
    /// Its issuer's authority has to come first: a root event, or another grant.
    Waits,
    /// It will never be part of the set.
    Refused(StatementFault),
}

/// Why a grant or revocation cannot count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementFault {
    /// It speaks of another identity.
    #[error("it is in the name of identity {0}")]
    Foreign(IdentityId),
    /// It passes on more than its parent has.
    #[error("the grant passes on more than its parent allows: {0}")]
    Wider(#[from] Wider),
    /// It passes on what was granted to another key.
    #[error("the grant's parent was granted to key {0}, and not to its issuer")]
    NotTheAudience(PublicKey),
    /// Too many statements wait for their issuers.
    #[error("it would have to wait for its issuer's authority, and too much waits already")]
    TooManyWait,
}

/// How a header is covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Covered<'a> {
    /// A device of the author signed it.
    Device,
    /// Under a grant.
    Grant(&'a Grant),
}

impl<'a> Covered<'a> {
    /// The grant, if that covers it.
    pub fn grant(&self) -> Option<&'a Grant> {
        match self {
            Covered::Device => None,
            Covered::Grant(grant) => Some(grant),
        }
    }

    /// Whether the key may only write where none of the author's records stands.
    pub fn creates_only(&self) -> bool {
        matches!(self, Covered::Grant(grant) if !grant.scope.allows(Action::REPLACE))
    }
}

/// Why a header is not covered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Uncovered {
    /// No event that is here names the key as a device. One may come.
    UnknownDevice,
    /// The grant is not here. It may come.
    UnknownGrant(GrantId),
    /// The grant does not cover it, and never will.
    No(NotCovered),
}

/// In which respect a grant does not cover a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotCovered {
    /// It is another key's.
    #[error("the grant is for key {0}")]
    Key(PublicKey),
    /// Another type.
    #[error("the grant does not cover type {0}")]
    Type(TypeName),
    /// Another action.
    #[error("the grant does not cover `{0}`")]
    Action(&'static str),
    /// Another space.
    #[error("the grant does not cover space {0}")]
    Space(SpaceId),
    /// Created before it holds.
    #[error("the grant holds from {0} ms on")]
    Early(Timestamp),
    /// Created after it ended.
    #[error("the grant expired at {0} ms")]
    Expired(Timestamp),
}

impl NotCovered {
    /// Stable, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            NotCovered::Key(_) => "grant-for-another-key",
            NotCovered::Type(_) => "type-not-granted",
            NotCovered::Action(_) => "action-not-granted",
            NotCovered::Space(_) => "space-not-granted",
            NotCovered::Early(_) => "grant-not-yet-valid",
            NotCovered::Expired(_) => "grant-expired",
        }
    }
}

/// Why what a key signs does not count, but for what the cause keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// The log, as far as nobody disputes it, does not name the device.
    NotOnLog,
    /// The device was removed, or the identity closed.
    Event(EventId),
    /// The key, or the grant, or one that it was passed on from, was revoked.
    Revoked(RevocationId),
}

/// An identity: its log, and the grants and revocations beside it.
#[derive(Debug, Clone)]
pub struct Identity {
    log: Log,
    grants: HashMap<GrantId, Arc<Signed<Grant>>>,
    revocations: BTreeMap<RevocationId, Arc<Signed<Revocation>>>,
    revoked: HashMap<Target, Vec<RevocationId>>,
    waiting_grants: Vec<Signed<Grant>>,
    waiting_revocations: Vec<Signed<Revocation>>,
}

impl Identity {
    /// Begins with a genesis.
    pub fn new(genesis: SignedEvent) -> Result<Self, LogFault> {
        Ok(Self {
            log: Log::new(genesis)?,
            grants: HashMap::new(),
            revocations: BTreeMap::new(),
            revoked: HashMap::new(),
            waiting_grants: Vec::new(),
            waiting_revocations: Vec::new(),
        })
    }

    /// The id.
    pub fn id(&self) -> IdentityId {
        self.log.identity()
    }

    /// The log.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Adds a root event.
    pub fn insert(&mut self, event: SignedEvent) -> Inserted {
        let inserted = self.log.insert(event);
        if inserted == Inserted::Attached {
            self.retry();
        }
        inserted
    }

    /// Adds a receipt; whether that may have changed the state.
    pub fn attest(&mut self, receipt: &Receipt) -> bool {
        receipt.identity == self.id() && self.log.attest(receipt)
    }

    /// Adds a grant.
    pub fn add_grant(&mut self, signed: Signed<Grant>) -> Added {
        if self.grants.contains_key(&signed.id()) {
            return Added::Known;
        }
        match self.judge_grant(signed.statement()) {
            Ok(true) => {
                self.grants.insert(signed.id(), Arc::new(signed));
                self.retry();
                Added::New
            }
            Ok(false) if self.waiting_grants.iter().any(|other| other.id() == signed.id()) => Added::Waits,
            Ok(false) if self.waiting_grants.len() < MOST_WAITING => {
                self.waiting_grants.push(signed);
                Added::Waits
            }
            Ok(false) => Added::Refused(StatementFault::TooManyWait),
            Err(fault) => Added::Refused(fault),
        }
    }

    /// Whether a grant's issuer has what it gives; no if that cannot be said yet.
    fn judge_grant(&self, grant: &Grant) -> Result<bool, StatementFault> {
        if grant.identity != self.id() {
            return Err(StatementFault::Foreign(grant.identity));
        }
        let Some(parent) = &grant.parent else { return Ok(self.log.ever_named(&grant.issuer)) };
        let Some(parent) = self.grants.get(parent) else { return Ok(false) };
        let parent = parent.statement();
        if parent.audience != grant.issuer {
            return Err(StatementFault::NotTheAudience(parent.audience));
        }
        grant.scope.within(&parent.scope)?;
        Ok(true)
    }

    /// Adds a revocation.
    pub fn add_revocation(&mut self, signed: Signed<Revocation>) -> Added {
        let id = signed.id();
        if self.revocations.contains_key(&id) {
            return Added::Known;
        }
        let revocation = signed.statement();
        if revocation.identity != self.id() {
            return Added::Refused(StatementFault::Foreign(revocation.identity));
        }
        if self.may_revoke(revocation) {
            self.revoked.entry(revocation.target).or_default().push(id);
            self.revocations.insert(id, Arc::new(signed));
            return Added::New;
        }
        if !self.waiting_revocations.iter().any(|other| other.id() == id) {
            if self.waiting_revocations.len() >= MOST_WAITING {
                return Added::Refused(StatementFault::TooManyWait);
            }
            self.waiting_revocations.push(signed);
        }
        Added::Waits
    }

    /// A device may revoke anything that was granted; an app, what it passed on itself.
    fn may_revoke(&self, revocation: &Revocation) -> bool {
        self.log.ever_named(&revocation.issuer)
            || matches!(revocation.target, Target::Grant(id)
                if self.grants.get(&id).is_some_and(|grant| grant.statement().issuer == revocation.issuer))
    }

    /// Looks again at what waits, until nothing more can be added.
    fn retry(&mut self) {
        loop {
            let waiting = std::mem::take(&mut self.waiting_grants);
            let before = waiting.len();
            for signed in waiting {
                match self.judge_grant(signed.statement()) {
                    Ok(true) => drop(self.grants.insert(signed.id(), Arc::new(signed))),
                    Ok(false) => self.waiting_grants.push(signed),
                    Err(_) => {}
                }
            }
            if self.waiting_grants.len() == before || self.waiting_grants.is_empty() {
                break;
            }
        }
        for signed in std::mem::take(&mut self.waiting_revocations) {
            self.add_revocation(signed);
        }
    }

    /// Whether a header may be in the replicated set. Depends on nothing that can change.
    pub fn covers(&self, header: &Header) -> Result<Covered<'_>, Uncovered> {
        let Some(id) = &header.grant else {
            return if self.log.ever_named(&header.key) { Ok(Covered::Device) } else { Err(Uncovered::UnknownDevice) };
        };
        let grant = self.grants.get(id).ok_or(Uncovered::UnknownGrant(*id))?.statement();
        covers(grant, header).map_err(Uncovered::No)?;
        Ok(Covered::Grant(grant))
    }

    /// Why what a key signs, itself or under a grant, does not count; nothing if it all does.
    pub fn causes(&self, key: &PublicKey, grant: Option<&GrantId>) -> Vec<Cause> {
        let mut causes = Vec::new();
        let Some(grant) = grant else {
            causes.extend(self.log.end_of(key).iter().map(cause_of));
            return causes;
        };
        // Up the chain of grants; what a cause leaves to the grant below does not reach it.
        let (mut at, mut below) = (Some(*grant), None::<GrantId>);
        while let Some(signed) = at.and_then(|id| self.grants.get(&id)) {
            let (id, link) = (signed.id(), signed.statement());
            let targets = [Target::Grant(id), Target::Key(link.audience)];
            for revocation in targets.iter().flat_map(|target| self.revoked.get(target)).flatten() {
                let keep = &self.revocations[revocation].statement().keep;
                let left = below.is_some_and(|below| keep.has_statement(&below.0));
                if !left && self.is_in_force(revocation) {
                    causes.push(Cause::Revoked(*revocation));
                }
            }
            if link.parent.is_none() {
                for end in self.log.end_of(&link.issuer) {
                    if !matches!(end, End::By { keep, .. } if keep.has_statement(&id.0)) {
                        causes.push(cause_of(&end));
                    }
                }
            }
            (at, below) = (link.parent, Some(id));
        }
        causes.sort_unstable();
        causes.dedup();
        causes
    }

    /// Whether a revocation counts. One by a device that was removed counts if the removal
    /// says so, or if witnesses attest that it is older than what a removal can nullify.
    fn is_in_force(&self, id: &RevocationId) -> bool {
        let revocation = self.revocations[id].statement();
        if !self.log.ever_named(&revocation.issuer) {
            return true; // an app's, over what it passed on
        }
        self.log.end_of(&revocation.issuer).iter().all(|end| match end {
            End::Disputed => false,
            End::By { event, keep } => {
                let seen = self.log.attested_before(event, &id.0);
                let nullifier = self.log.attested_before(event, &event.0);
                keep.has_statement(&id.0) || (seen.is_some() && !in_time(nullifier, seen))
            }
        })
    }

    /// The position up to which a cause keeps what a key signed in a space; none if it keeps
    /// nothing there.
    pub fn kept(&self, cause: &Cause, key: &PublicKey, space: &SpaceId) -> Option<Kept> {
        let keep = match cause {
            Cause::NotOnLog => return None,
            Cause::Event(id) => self.log.keep_of(id)?,
            Cause::Revoked(id) => &self.revocations.get(id)?.statement().keep,
        };
        keep.position(&kept_tag(key, space)).copied()
    }

    /// Everyone who may sign in this name: devices, and keys under their grants.
    pub fn subjects(&self) -> impl Iterator<Item = (PublicKey, Option<GrantId>)> {
        let devices = self.log.named().map(|key| (*key, None));
        let grants = self.grants.values().map(|grant| (grant.statement().audience, Some(grant.id())));
        devices.chain(grants)
    }

    /// A grant of the set.
    pub fn grant(&self, id: &GrantId) -> Option<&Signed<Grant>> {
        self.grants.get(id).map(|grant| &**grant)
    }

    /// All grants, by time and id.
    pub fn grants(&self) -> Vec<&Signed<Grant>> {
        let mut grants: Vec<_> = self.grants.values().map(|grant| &**grant).collect();
        grants.sort_unstable_by_key(|grant| (grant.statement().created, grant.id()));
        grants
    }

    /// The grants to a key.
    pub fn grants_to<'a>(&'a self, key: &'a PublicKey) -> impl Iterator<Item = &'a Signed<Grant>> {
        self.grants.values().map(|grant| &**grant).filter(move |grant| grant.statement().audience == *key)
    }

    /// A revocation of the set.
    pub fn revocation(&self, id: &RevocationId) -> Option<&Signed<Revocation>> {
        self.revocations.get(id).map(|revocation| &**revocation)
    }

    /// All revocations, by time and id.
    pub fn revocations(&self) -> Vec<&Signed<Revocation>> {
        let mut all: Vec<_> = self.revocations.values().map(|revocation| &**revocation).collect();
        all.sort_unstable_by_key(|revocation| (revocation.statement().created, revocation.id()));
        all
    }

    /// The grants and revocations that a key signed: what its removal may keep.
    pub fn statements_of(&self, key: &PublicKey) -> Vec<[u8; 32]> {
        let grants = self.grants.values().filter(|grant| grant.statement().issuer == *key).map(|grant| grant.id().0);
        let revocations =
            self.revocations.values().filter(|it| it.statement().issuer == *key).map(|revocation| revocation.id().0);
        grants.chain(revocations).collect()
    }
}

fn cause_of(end: &End<'_>) -> Cause {
    match end {
        End::Disputed => Cause::NotOnLog,
        End::By { event, .. } => Cause::Event(*event),
    }
}

/// Whether a grant covers a header.
fn covers(grant: &Grant, header: &Header) -> Result<(), NotCovered> {
    let scope = &grant.scope;
    let action = match header.op {
        Op::Put => Action::CREATE,
        Op::Delete => Action::DELETE,
    };
    if grant.audience != header.key {
        Err(NotCovered::Key(grant.audience))
    } else if !scope.types.contains(&header.type_name) {
        Err(NotCovered::Type(header.type_name.clone()))
    } else if !scope.allows(action) {
        Err(NotCovered::Action(action))
    } else if !scope.spaces.contains(&header.space) {
        Err(NotCovered::Space(header.space))
    } else if header.created < scope.not_before {
        Err(NotCovered::Early(scope.not_before))
    } else if header.created >= scope.expires {
        Err(NotCovered::Expired(scope.expires))
    } else {
        Ok(())
    }
}
