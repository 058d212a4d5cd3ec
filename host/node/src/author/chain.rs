//! The chains that this node signs on: which position is next, and whose id it names.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use atlas_record::chain::{self, Position};
use atlas_record::id::PublicKey;
use atlas_record::order::Lifecycle;
use atlas_record::{Header, Payload, Record, RecordId, SpaceId};
use atlas_store::{Batch, Item, JudgedRecord, Store, StoreError, Verdict};

use crate::authority::Authority;
use crate::error::{NodeError, Refusal};
use crate::identities::Local;

/// The end of a key's chain, and enough of it to sign on before a batch is durable.
#[derive(Debug, Default)]
pub struct Tip {
    seq: u64,
    recent: VecDeque<(u64, RecordId)>,
}

/// More than can be on its way to the disk at once: older positions are read from the store.
const RECENT: usize = 64 * 1024;

/// The chains that this node signs on.
#[derive(Debug, Default)]
pub struct Chains(Mutex<HashMap<(PublicKey, SpaceId), SharedTip>>);

/// None until it is asked for, and again when what was signed did not reach the disk.
type SharedTip = Arc<Mutex<Option<Tip>>>;

impl Chains {
    pub(super) fn of(&self, key: PublicKey, space: SpaceId) -> SharedTip {
        self.0.lock().expect("no thread panics with this lock").entry((key, space)).or_default().clone()
    }
}

impl Tip {
    fn load(store: &Store, key: &PublicKey, space: &SpaceId) -> Result<Self, StoreError> {
        Ok(match store.chain_head(key, space)? {
            Some(head) => Self { seq: head.seq, recent: [(head.seq, head.id)].into() },
            None => Self::default(),
        })
    }

    fn next(&self, store: &Store, key: &PublicKey, space: &SpaceId) -> Result<Position, NodeError> {
        let seq = self.seq + 1;
        let prev = if seq > 1 { Some(self.id_at(seq - 1, store, key, space)?) } else { None };
        let skip = if chain::has_skip(seq) { Some(self.id_at(chain::lipmaa(seq), store, key, space)?) } else { None };
        Ok(Position { seq, prev, skip })
    }

    fn id_at(&self, seq: u64, store: &Store, key: &PublicKey, space: &SpaceId) -> Result<RecordId, NodeError> {
        if let Some((first, _)) = self.recent.front()
            && let Some((_, id)) = seq.checked_sub(*first).and_then(|i| self.recent.get(i as usize))
        {
            return Ok(*id);
        }
        store.chain_at(key, space, seq)?.first().map(|position| position.id).ok_or_else(|| {
            NodeError::Unavailable(format!(
                "position {seq} of the chain of {key} is not here: this node cannot sign on until it has synchronised"
            ))
        })
    }

    fn push(&mut self, id: RecordId) {
        self.seq += 1;
        self.recent.push_back((self.seq, id));
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
    }
}

/// The tip, for as long as positions are handed out.
pub(super) fn lock_tip(chain: &Mutex<Option<Tip>>) -> MutexGuard<'_, Option<Tip>> {
    chain.lock().expect("no thread panics with this lock")
}

/// Gives a header its position, signs it and adds it to a batch.
#[allow(clippy::too_many_arguments, reason = "the parts of one record, named where it is made")]
pub(super) fn sign_into(
    store: &Store,
    tip: &mut Option<Tip>,
    author: &Local,
    authority: &Authority,
    mut header: Header,
    payload: Option<Payload>,
    lifecycle: Lifecycle,
    verdict: Verdict,
    batch: &mut Batch,
) -> Result<RecordId, NodeError> {
    if tip.is_none() {
        *tip = Some(Tip::load(store, &header.key, &header.space)?);
    }
    let tip = tip.as_mut().expect("loaded above");
    if lifecycle != Lifecycle::Ephemeral {
        let position = tip.next(store, &header.key, &header.space)?;
        (header.seq, header.prev, header.skip) = (position.seq, position.prev, position.skip);
    }
    let signed = author.secret.sign_header(header);
    let record = Record::new(signed, payload).map_err(|error| Refusal::new("too-large", error.to_string()))?;
    let id = record.id();
    if lifecycle != Lifecycle::Ephemeral {
        tip.push(id);
    }
    batch.push(Item::Put(JudgedRecord {
        creates_only: authority.creates_only,
        ..JudgedRecord::new(record, lifecycle, verdict)
    }));
    Ok(id)
}
