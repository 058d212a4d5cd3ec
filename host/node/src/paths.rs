//! Headers over which paths lead, of records that this node does not keep.
//!
//! A revocation keeps a position of a key's chain and what is before it; a path of headers shows what is. A node that
//! keeps some types of a space lacks those of the others, so it asks a peer for the paths that it needs, checks
//! them by hashing, and keeps their headers by themselves: they show the same again after a restart.

use atlas_record::ancestry::{Ancestry, Proof, Step, ancestry};
use atlas_record::{RecordId, SignedHeader, SpaceId};
use atlas_store::{Batch, DocKind, Store, StoredRecord};

use crate::error::NodeError;
use crate::node::Node;
use crate::overlay::Headers;

const LOOSE: &[u8] = b"loose/";

/// A header that is kept without its record.
pub(crate) fn loose(store: &Store, id: &RecordId) -> Result<Option<Step>, NodeError> {
    let Some(bytes) = store.doc(DocKind::Derived, &[LOOSE, &id.0].concat())? else { return Ok(None) };
    let header = SignedHeader::decode(&bytes);
    let damaged = |error| NodeError::Unavailable(format!("a header that is kept for a path is damaged: {error}"));
    Ok(Some(Step::of(header.map_err(damaged)?.header())))
}

impl Node {
    /// Positions that revocations keep, and records of a space of which it cannot be said whether they are before
    /// them: at most so many, others each time.
    pub fn open_questions(&self, space: &SpaceId, most: usize) -> Result<Vec<(RecordId, RecordId)>, NodeError> {
        let mut headers = Headers::new(self.store());
        let mut open = Vec::new();
        for id in self.unproven().waiting() {
            if open.len() == most {
                break;
            }
            let Some(stored) = self.store().get(&id)?.filter(|it| it.record.header().space == *space) else { continue };
            for (seq, last) in self.kept_of(&stored)? {
                let header = stored.record.header();
                let known = |id: &RecordId| headers.get(id);
                let answer = ancestry((seq, last), (header.seq, id), &header.key, space, known);
                headers.check()?;
                if matches!(answer, Ancestry::Unknown(_)) {
                    open.push((last, id));
                    break;
                }
            }
        }
        Ok(open)
    }

    /// Takes the headers of a path that was asked for, and looks again at what waited for them. Whether they show that
    /// the one record is before the other.
    pub fn take_path(
        &self,
        space: &SpaceId,
        last: &RecordId,
        record: &RecordId,
        path: &[Vec<u8>],
    ) -> Result<bool, NodeError> {
        let Some(stored) = self.store().get(record)?.filter(|it| it.record.header().space == *space) else {
            return Ok(true); // it was asked for, and is of no interest any more
        };
        let Some((seq, _)) = self.kept_of(&stored)?.into_iter().find(|(_, kept)| kept == last) else { return Ok(true) };
        let header = stored.record.header();
        let Ok(proof) = Proof::decode(path) else { return Ok(false) };
        if proof.check((seq, *last), (header.seq, *record), &header.key, space).is_err() {
            return Ok(false);
        }
        let (mut batch, mut came) = (Batch::new(), Vec::new());
        for signed in proof.headers() {
            let id = signed.id();
            if self.store().number(&id)?.is_none() {
                batch.put_doc(DocKind::Derived, [LOOSE, &id.0].concat(), signed.as_bytes());
            }
            came.push(id);
        }
        self.store().commit(batch)?;
        self.headers_came(&came)?;
        Ok(true)
    }

    /// What the causes that concern a record keep of its key's chain.
    fn kept_of(&self, stored: &StoredRecord) -> Result<Vec<(u64, RecordId)>, NodeError> {
        let header = stored.record.header();
        let Some(author) = self.identity(&header.author)? else { return Ok(Vec::new()) };
        let causes = author.causes(&header.key, header.grant.as_ref());
        let kept = causes.iter().filter_map(|cause| author.kept(cause, &header.key, &header.space));
        Ok(kept.map(|kept| (kept.seq, kept.record)).collect())
    }
}
