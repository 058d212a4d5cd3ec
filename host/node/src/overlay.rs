//! What counts of what a key signed: revocation as an overlay on records that are here.
//!
//! A cause (a removal, a revocation, a dispute) keeps a position of the key's chain, or nothing.
//! A record stands if it survives every cause: for each, it is the kept position or is shown
//! to be before it. What cannot be shown yet does not stand, and is looked at again when the
//! header that the path lacks comes. So the same records stand on every node that has the same
//! headers and statements, in whatever order they came.

use std::collections::HashMap;
use std::sync::Mutex;

use atlas_record::ancestry::{Ancestry, Proof, Step, ancestry};
use atlas_record::id::PublicKey;
use atlas_record::identity::{Cause, Identity};
use atlas_record::{GrantId, Header, IdentityId, RecordId, SpaceId};
use atlas_store::{Batch, DocKind, Item, Store, StoredRecord};

use crate::error::NodeError;
use crate::node::Node;
use crate::paths::loose;
use crate::people::{DUE, Subject};

/// Whether a record counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It does.
    Stands,
    /// It does not.
    Revoked(Cause),
    /// It does not as long as this record is not here.
    Unproven(RecordId),
}

/// Records that are changed together.
const AT_ONCE: usize = 1024;
/// Headers kept in memory while a chain is looked at.
const STEPS_KEPT: usize = 1 << 20;

/// Headers by id, read once.
pub struct Headers<'a> {
    store: &'a Store,
    steps: HashMap<RecordId, Option<Step>>,
    failed: Option<NodeError>,
}

impl<'a> Headers<'a> {
    /// From a store.
    pub fn new(store: &'a Store) -> Self {
        Self { store, steps: HashMap::new(), failed: None }
    }

    /// A header that is not stored yet, or was just read.
    pub fn know(&mut self, id: RecordId, header: &Header) {
        if self.steps.len() < STEPS_KEPT {
            self.steps.insert(id, Some(Step::of(header)));
        }
    }

    /// A header, if it is here. [`check`](Self::check) says whether it could be read.
    pub(crate) fn get(&mut self, id: &RecordId) -> Option<Step> {
        if let Some(step) = self.steps.get(id) {
            return *step;
        }
        let stored = self.store.get(id).map_err(NodeError::from);
        let found = stored.and_then(|stored| match stored {
            Some(stored) => Ok(Some(Step::of(stored.record.header()))),
            None => loose(self.store, id),
        });
        match found {
            Ok(step) => {
                if self.steps.len() < STEPS_KEPT {
                    self.steps.insert(*id, step);
                }
                step
            }
            Err(error) => {
                self.failed = Some(error);
                None
            }
        }
    }

    /// What went wrong when headers were read.
    pub(crate) fn check(&mut self) -> Result<(), NodeError> {
        self.failed.take().map_or(Ok(()), Err)
    }
}

/// Whether a record counts, as far as its author's identity is known.
pub fn standing(
    identity: &Identity,
    header: &Header,
    id: RecordId,
    headers: &mut Headers<'_>,
) -> Result<Standing, NodeError> {
    let mut unproven = None;
    for cause in identity.causes(&header.key, header.grant.as_ref()) {
        let Some(kept) = identity.kept(&cause, &header.key, &header.space) else {
            return Ok(Standing::Revoked(cause));
        };
        let last = (kept.seq, kept.record);
        let answer = ancestry(last, (header.seq, id), &header.key, &header.space, |id| headers.get(id));
        headers.check()?;
        match answer {
            Ancestry::Within => {}
            Ancestry::Outside => return Ok(Standing::Revoked(cause)),
            // Goes on: another cause may say no for good.
            Ancestry::Unknown(missing) => unproven = Some(missing),
        }
    }
    Ok(unproven.map_or(Standing::Stands, Standing::Unproven))
}

/// Records that wait for a header that a path lacks: by that, who waits. Kept on disk as well.
#[derive(Debug, Default)]
pub struct Unproven(Mutex<HashMap<RecordId, Vec<RecordId>>>);

const UNPROVEN: &[u8] = b"unproven";

fn unproven_key(missing: &RecordId, waiting: &RecordId) -> Vec<u8> {
    [UNPROVEN, &missing.0, &waiting.0].concat()
}

impl Unproven {
    /// As the store has it.
    pub fn open(store: &Store) -> Result<Self, NodeError> {
        let mut waiting: HashMap<RecordId, Vec<RecordId>> = HashMap::new();
        for doc in store.docs(DocKind::Derived, UNPROVEN) {
            let doc = doc?;
            let ids = doc.key.get(UNPROVEN.len()..).unwrap_or_default();
            if let (Some(missing), Some(record)) = (ids.first_chunk(), ids.get(32..).and_then(<[u8]>::first_chunk)) {
                waiting.entry(RecordId(*missing)).or_default().push(RecordId(*record));
            }
        }
        Ok(Self(Mutex::new(waiting)))
    }

    /// Notes that a record waits for another, in a batch.
    pub fn wait(&self, missing: RecordId, waiting: RecordId, batch: &mut Batch) {
        let mut all = self.0.lock().expect("no thread panics with this lock");
        let those = all.entry(missing).or_default();
        if !those.contains(&waiting) {
            those.push(waiting);
            batch.put_doc(DocKind::Derived, unproven_key(&missing, &waiting), b"");
        }
    }

    /// All that wait, from another one on each time.
    pub fn waiting(&self) -> Vec<RecordId> {
        let all = self.0.lock().expect("no thread panics with this lock");
        let mut waiting: Vec<RecordId> = all.values().flatten().copied().collect();
        let middle = u64::from_le_bytes(crate::identities::random()) as usize % waiting.len().max(1);
        waiting.rotate_left(middle);
        waiting
    }

    /// Those that waited for records that came.
    fn take(&self, came: &[RecordId], batch: &mut Batch) -> Vec<RecordId> {
        let mut all = self.0.lock().expect("no thread panics with this lock");
        if all.is_empty() {
            return Vec::new();
        }
        let mut waited = Vec::new();
        for missing in came {
            for waiting in all.remove(missing).unwrap_or_default() {
                batch.push(Item::RemoveDoc { kind: DocKind::Derived, key: unproven_key(missing, &waiting) });
                waited.push(waiting);
            }
        }
        waited
    }
}

impl Node {
    /// As [`reconsider`](Self::reconsider), for a change that `due` notes on disk until it is done.
    pub(crate) fn reconsider_due(
        &self,
        author: &IdentityId,
        subjects: &[Subject],
        due: Vec<u8>,
    ) -> Result<(), NodeError> {
        // Whoever weighed records by what was known before has handed them to the committer once
        // this lock was free, and they are written once a later commit is.
        self.decisions().let_them_end();
        let mut behind = Batch::new();
        behind.put_doc(DocKind::Derived, &due[..], b"");
        self.store().commit(behind)?;
        self.reconsider(author, subjects)?;
        self.store().commit([Item::RemoveDoc { kind: DocKind::Derived, key: due }].into_iter().collect())?;
        Ok(())
    }

    /// Does what a crash left undone.
    pub(crate) fn reconsider_left(&self) -> Result<(), NodeError> {
        let left: Vec<_> = self.store().docs(DocKind::Derived, DUE).collect::<Result<_, _>>()?;
        for doc in left {
            let id = doc.key.get(DUE.len()..).and_then(<[u8]>::first_chunk).copied().map(IdentityId);
            let Some(id) = id else { continue };
            let Some(identity) = self.identity(&id)? else { continue };
            let subjects: Vec<Subject> = identity.subjects().collect();
            self.reconsider_due(&id, &subjects, doc.key)?;
        }
        Ok(())
    }

    /// Looks again at what these subjects signed; how many records changed.
    pub(crate) fn reconsider(&self, author: &IdentityId, subjects: &[Subject]) -> Result<u64, NodeError> {
        let Some(identity) = self.identity(author)? else { return Ok(0) };
        let mut headers = Headers::new(self.store());
        let mut changed = 0;
        for (key, grant) in subjects {
            match grant {
                Some(grant) => changed += self.reconsider_grant(&identity, grant, &mut headers)?,
                None => {
                    for space in self.store().chain_spaces(key)? {
                        changed += self.reconsider_chain(&identity, key, &space, &mut headers)?;
                    }
                }
            }
        }
        Ok(changed)
    }

    fn reconsider_grant(
        &self,
        identity: &Identity,
        grant: &GrantId,
        headers: &mut Headers<'_>,
    ) -> Result<u64, NodeError> {
        let (mut changed, mut from) = (0, 0);
        loop {
            let numbers = self.store().by_grant(grant, from, AT_ONCE)?;
            let Some(last) = numbers.last() else { return Ok(changed) };
            from = last + 1;
            let records = self.store().by_numbers(numbers)?;
            changed += self.settle_standing(identity, records, headers)?;
        }
    }

    fn reconsider_chain(
        &self,
        identity: &Identity,
        key: &PublicKey,
        space: &SpaceId,
        headers: &mut Headers<'_>,
    ) -> Result<u64, NodeError> {
        let mut changed = 0;
        let mut chain = self.store().chain(key, space, 0)?.peekable();
        while chain.peek().is_some() {
            let numbers: Vec<u64> =
                chain.by_ref().take(AT_ONCE).map(|it| it.map(|it| it.n)).collect::<Result<_, _>>()?;
            let mut records = self.store().by_numbers(numbers)?;
            // Others may have granted something to the same key: theirs to end.
            records.retain(|stored| {
                let header = stored.record.header();
                header.author == identity.id() && header.grant.is_none()
            });
            changed += self.settle_standing(identity, records, headers)?;
        }
        Ok(changed)
    }

    fn settle_standing(
        &self,
        identity: &Identity,
        records: Vec<StoredRecord>,
        headers: &mut Headers<'_>,
    ) -> Result<u64, NodeError> {
        let mut batch = Batch::new();
        let mut changed = 0;
        for stored in &records {
            headers.know(stored.record.id(), stored.record.header());
        }
        for stored in &records {
            let id = stored.record.id();
            let standing = standing(identity, stored.record.header(), id, headers)?;
            if let Standing::Unproven(missing) = standing {
                self.unproven().wait(missing, id, &mut batch);
            }
            let revoked = standing != Standing::Stands;
            if revoked != stored.revoked {
                changed += 1;
                batch.push(Item::SetRevoked { id, revoked });
            }
        }
        self.store().commit(batch)?;
        Ok(changed)
    }

    /// Looks again at records whose path led over records that came.
    pub(crate) fn headers_came(&self, came: &[RecordId]) -> Result<(), NodeError> {
        self.decisions().note(came);
        let mut batch = Batch::new();
        let waited = self.unproven().take(came, &mut batch);
        if waited.is_empty() {
            return Ok(());
        }
        let mut headers = Headers::new(self.store());
        let mut by_author: HashMap<IdentityId, Vec<StoredRecord>> = HashMap::new();
        for id in waited {
            if let Some(stored) = self.store().get(&id)? {
                by_author.entry(stored.record.header().author).or_default().push(stored);
            }
        }
        for (author, records) in by_author {
            if let Some(identity) = self.identity(&author)? {
                self.settle_standing(&identity, records, &mut headers)?;
            }
        }
        // Last, so that a crash before only means looking once more.
        self.store().commit(batch)?;
        Ok(())
    }

    /// The headers that show that one record of a key's chain is before another: what a peer
    /// that does not hold the chain can be given.
    pub fn prove_ancestry(&self, last: &RecordId, record: &RecordId) -> Result<Proof, NodeError> {
        let find = |id: &RecordId| {
            let stored = self.store().get(id)?;
            stored.ok_or_else(|| NodeError::missing("record", id, "a proof needs both ends here"))
        };
        let (last, record) = (find(last)?, find(record)?);
        let (from, to) = (last.record.header(), record.record.header());
        let mut failed = None;
        let proof = Proof::collect((from.seq, last.record.id()), to.seq, |id| match self.store().get(id) {
            Ok(stored) => stored.map(|stored| stored.record.signed().clone()),
            Err(error) => {
                failed = Some(error);
                None
            }
        });
        if let Some(error) = failed {
            return Err(error.into());
        }
        let proof = proof.map_err(|missing| {
            NodeError::missing("record", missing, "the chain between the two records is not all here")
        })?;
        let ends = ((from.seq, last.record.id()), (to.seq, record.record.id()));
        proof.check(ends.0, ends.1, &from.key, &from.space).map_err(|error| {
            crate::Refusal::new("not-an-ancestor", format!("{error}: {} is not before {}", ends.1.1, ends.0.1))
        })?;
        Ok(proof)
    }
}
