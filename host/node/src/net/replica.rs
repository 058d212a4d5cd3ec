//! The node, as the network sees it.

use std::collections::{BTreeSet, HashSet};
use std::io::Read;
use std::ops::{ControlFlow, Range};
use std::sync::{Arc, Mutex};

use atlas_net::negentropy::{Item, Items, Memory, Sum};
use atlas_net::replica::{Blob, Ends, Outcome, Replica, ReplicaError, Shared, Snapshot, Taken};
use atlas_net::session::acquaintance::Members;
use atlas_net::wire::fetch::ShortId;
use atlas_net::wire::reconcile::Summary;
use atlas_net::wire::{Follows, Set};
use atlas_record::order::Rank;
use atlas_record::space::{Constitution, Slot};
use atlas_record::{BlobId, RecordId, SpaceId, TypeName};
use atlas_store::{Batch, Ranges, WaitKey};

use super::membership;
use super::participation::Participations;
use super::pieces::{Sorted, id_of};
use super::sets::{Held, IdentitySets, Law, items_of, law, laws, own};
use super::strangers::Strangers;
use crate::clock;
use crate::error::NodeError;
use crate::ingest::Fate;
use crate::ingest::peers::WRONG_SPACE;
use crate::node::Node;
use crate::spaces::Space;

/// Bytes of records that are read for a peer in one go.
const READ_BYTES: usize = 4 << 20;
/// The largest blob that is fetched, in bytes: it is in memory until its hash is known.
pub(crate) const BLOB_BYTES: u64 = 64 << 20;

/// A node that serves the network.
pub struct NodeReplica {
    node: Node,
    participations: Arc<Participations>,
    identities: Arc<IdentitySets>,
    strangers: Strangers,
    /// Code that came and cannot be used here: it is not asked for again.
    unfit: Mutex<HashSet<BlobId>>,
}

impl NodeReplica {
    /// For a node.
    pub fn new(node: Node, participations: Arc<Participations>, identities: Arc<IdentitySets>) -> Self {
        Self { node, participations, identities, strangers: Strangers::default(), unfit: Mutex::default() }
    }

    fn space(&self, id: &SpaceId) -> Option<Arc<Space>> {
        self.node.spaces().get(id)
    }

    fn held(&self, space: &SpaceId, set: &Set) -> Result<Arc<Held>, NodeError> {
        match (self.space(space), set) {
            (None, _) => Ok(Arc::default()),
            (Some(space), Set::Laws) => Ok(Arc::new(laws(&space))),
            (Some(space), _) => self.identities.of(&self.node, &space),
        }
    }

    /// Records in transport form, by ids or first bytes of them.
    fn records<const N: usize>(
        &self,
        space: &SpaceId,
        type_name: &TypeName,
        ids: &[[u8; N]],
        whole: bool,
    ) -> Result<Vec<Vec<u8>>, ReplicaError> {
        let (mut items, mut at) = (Vec::new(), 0);
        while at < ids.len() {
            let read = self.node.store().encoded(space, type_name, &ids[at..], whole, READ_BYTES);
            let read = read.map_err(|error| ReplicaError(error.to_string()))?;
            at += read.len();
            items.extend(read.into_iter().flatten());
        }
        Ok(items)
    }

    fn take_records(&self, space: &SpaceId, items: &[Vec<u8>]) -> Result<Vec<Outcome>, NodeError> {
        let arrived = self.node.ingest_from_peer(space, items, clock::now())?;
        let mut outcomes = Vec::with_capacity(arrived.len());
        for it in arrived {
            let taken = match (it.fate, it.rank) {
                (Fate::Accepted { .. } | Fate::Invalid { .. }, Some(rank)) => Taken::New(rank),
                (Fate::Parked { .. }, Some(rank)) if self.node.has_header(&rank.id)? => Taken::New(rank),
                (Fate::Parked { .. }, _) => Taken::Waits,
                (Fate::Duplicate, _) => Taken::Known,
                (Fate::Refused { code, .. }, _) if code == "malformed" || code == "bad-signature" => {
                    Taken::Forged { code }
                }
                (Fate::Refused { code, text }, rank) => {
                    let id = rank.map(|rank| rank.id);
                    tracing::debug!(%space, ?id, code, "a record that a peer sent is refused: {text}");
                    Taken::Refused { code }
                }
                (Fate::Accepted { .. } | Fate::Invalid { .. }, None) => {
                    unreachable!("bytes that are no record are refused")
                }
            };
            // One of another space is told by its own id all the same.
            let id = it.rank.map(|rank| rank.id.0);
            outcomes.push(Outcome { id, taken });
        }
        Ok(outcomes)
    }

    fn take_identities(&self, space: &SpaceId, items: &[Vec<u8>]) -> Result<Vec<Outcome>, NodeError> {
        let ids: Vec<[u8; 32]> = items.iter().map(|item| id_of(item)).collect();
        let mut outcomes: Vec<Outcome> = ids.iter().map(|id| Outcome { id: Some(*id), taken: Taken::Waits }).collect();
        let mut new = Vec::new();
        let sorted = Sorted::of(items);
        for (i, refusal) in sorted.refused {
            outcomes[i].taken = Taken::Forged { code: refusal.code };
        }
        let roster = match self.space(space) {
            Some(space) => self.identities.rosters().of(&self.node, &space)?,
            None => BTreeSet::new(),
        };
        for (identity, pieces) in sorted.pieces {
            let before: HashSet<[u8; 32]> = self.ids_of(&identity)?;
            if before.is_empty() && !self.strangers.admit(*space, identity, |id| roster.contains(id)) {
                tracing::debug!(%space, %identity, "too many identities have no part in the space: this one waits");
                continue;
            }
            let (places, pieces): (Vec<usize>, Vec<_>) = pieces.into_iter().unzip();
            let refused = self.node.learn(identity, pieces)?;
            let after = self.ids_of(&identity)?;
            for i in places {
                let (was, is) = (before.contains(&ids[i]), after.contains(&ids[i]));
                outcomes[i].taken = match (was, is, refused.first()) {
                    (true, _, _) => Taken::Known,
                    (false, true, _) => {
                        new.push(i);
                        Taken::Waits
                    }
                    (false, false, Some(refusal)) => Taken::Refused { code: refusal.code.clone() },
                    (false, false, None) => Taken::Waits,
                };
            }
        }
        self.identities.forget(space);
        // What this node cannot serve is not told to others. An identity that has no part in the space
        // yet is told of by the feed, together with the record that gives it one.
        let held = self.held(space, &Set::Identities)?;
        for i in new.into_iter().filter(|i| held.items.contains_key(&ids[*i])) {
            outcomes[i].taken = Taken::New(Rank { created: 0, id: RecordId(ids[i]) });
        }
        Ok(outcomes)
    }

    fn ids_of(&self, identity: &atlas_record::IdentityId) -> Result<HashSet<[u8; 32]>, NodeError> {
        Ok(items_of(&self.node, identity, None)?.iter().map(|item| id_of(item)).collect())
    }

    fn take_laws(&self, space: &SpaceId, items: &[Vec<u8>]) -> Result<Vec<Outcome>, NodeError> {
        let mut order: Vec<usize> = (0..items.len()).collect();
        // The genesis first, then amendments by number: one that does not follow is refused.
        let number = |i: &usize| match law(&items[*i]) {
            Some(Law::Genesis(_)) => 0,
            Some(Law::Amendment(bytes)) => {
                use atlas_record::space::{Amendment, Signed};
                Signed::<Amendment>::decode(bytes).map_or(u64::MAX, |it| it.document().number)
            }
            None => u64::MAX,
        };
        order.sort_by_cached_key(number);
        let mut outcomes = vec![None; items.len()];
        for i in order {
            outcomes[i] = Some(Outcome { id: Some(id_of(&items[i])), taken: self.take_law(space, &items[i])? });
        }
        Ok(outcomes.into_iter().flatten().collect())
    }

    fn take_law(&self, id: &SpaceId, item: &[u8]) -> Result<Taken, NodeError> {
        if self.held(id, &Set::Laws)?.items.contains_key(&id_of(item)) {
            return Ok(Taken::Known);
        }
        let (learned, time) = match law(item) {
            None => return Ok(Taken::Forged { code: "malformed".into() }),
            Some(Law::Genesis(bytes)) if SpaceId::of(bytes) != *id => {
                return Ok(Taken::Forged { code: WRONG_SPACE.into() });
            }
            Some(Law::Genesis(bytes)) => (self.found(id, bytes), 0),
            Some(Law::Amendment(bytes)) => {
                use atlas_record::space::{Amendment, Signed};
                match Signed::<Amendment>::decode(bytes) {
                    Ok(it) if it.document().space == *id => (self.node.learn_amendment(bytes), it.document().number),
                    Ok(_) => return Ok(Taken::Forged { code: WRONG_SPACE.into() }),
                    Err(_) => return Ok(Taken::Forged { code: "malformed".into() }),
                }
            }
        };
        match learned {
            Ok(_) => {
                self.identities.forget(id);
                Ok(Taken::New(Rank { created: time, id: RecordId(id_of(item)) }))
            }
            // The founder's identity, or an earlier law, may still be on its way.
            Err(NodeError::NotFound { .. }) => Ok(Taken::Waits),
            Err(NodeError::Refused(refusal)) if refusal.code == "stale-amendment" => Ok(Taken::Waits),
            Err(NodeError::Refused(refusal)) => Ok(Taken::Refused { code: refusal.code }),
            Err(error) => Err(error),
        }
    }

    /// Takes the genesis of a space that this node was invited to.
    fn found(&self, id: &SpaceId, bytes: &[u8]) -> Result<Arc<Space>, NodeError> {
        let participation = self.participations.of(id);
        let space = self.node.learn_space(participation.name.as_deref(), bytes)?;
        tracing::info!("joined space `{}` ({})", space.name, space.id);
        Ok(space)
    }

    /// Every blob that the constitutions of a space name, those of types that are not kept left out.
    fn named_blobs(&self, space: &Space, follow: &Follows) -> BTreeSet<BlobId> {
        let kept = |slot: &Slot| match slot {
            Slot::Validator(name) => follow.covers(&Set::Records(name.clone())),
            Slot::Other(_) => true,
        };
        constitutions(space)
            .flat_map(|constitution| constitution.slots.iter())
            .filter(|(slot, _)| kept(slot))
            .flat_map(|(_, binding)| [Some(binding.code), binding.config])
            .flatten()
            .collect()
    }

    /// Whether a blob is named as the code of a module.
    fn is_code(&self, space: &Space, id: &BlobId) -> bool {
        constitutions(space).flat_map(|it| it.slots.values()).any(|binding| binding.code == *id)
    }
}

fn constitutions(space: &Space) -> impl Iterator<Item = &Constitution> {
    std::iter::once(&space.genesis.document().constitution)
        .chain(space.amendments.iter().map(|amendment| &amendment.document().constitution))
}

impl Replica for NodeReplica {
    fn spaces(&self) -> Vec<Shared> {
        let known = self.node.spaces().all();
        let mut shared: Vec<Shared> = known
            .iter()
            .filter(|space| !self.participations.of(&space.id).left)
            .map(|space| Shared {
                id: space.id,
                follow: self.participations.of(&space.id).follow(),
                private: membership::is_private(space.current().1),
            })
            .collect();
        for (id, participation) in self.participations.all() {
            let invite = participation.invite();
            if let Some(invite) = invite.filter(|_| !known.iter().any(|space| space.id == id)) {
                shared.push(Shared { id, follow: participation.follow(), private: invite.private });
            }
        }
        shared
    }

    fn types(&self, space: &SpaceId) -> Vec<TypeName> {
        let Some(space) = self.space(space) else { return Vec::new() };
        let types: BTreeSet<TypeName> = constitutions(&space)
            .flat_map(|constitution| constitution.slots.keys())
            .filter_map(|slot| match slot {
                Slot::Validator(type_name) => Some(type_name.clone()),
                Slot::Other(_) => None,
            })
            .collect();
        types.into_iter().collect()
    }

    fn snapshot(&self, space: &SpaceId, set: &Set) -> Result<Snapshot, ReplicaError> {
        if let Set::Records(type_name) = set {
            let failed = |error: atlas_store::StoreError| ReplicaError(error.to_string());
            let ranges = self.node.store().ranges(space, type_name).map_err(failed)?;
            let summary = ranges.summary().map_err(failed)?;
            let summary = Summary { count: ranges.len(), digest: summary.digest };
            return Ok(Snapshot { summary, items: Box::new(Stored(ranges)) });
        }
        let held = self.held(space, set).map_err(own)?;
        Ok(Snapshot { summary: held.summary(), items: Box::new(InMemory(held)) })
    }

    fn has(&self, space: &SpaceId, id: &[u8; 32]) -> bool {
        // What cannot be told counts as had: comparing will show it once it can.
        let record = self.node.store().absent(&[RecordId(*id)]).map_or(true, |absent| absent.is_empty());
        let held = |set: &Set| self.held(space, set).is_ok_and(|held| held.items.contains_key(id));
        record || held(&Set::Identities) || held(&Set::Laws)
    }

    fn read(&self, space: &SpaceId, set: &Set, ids: &[[u8; 32]]) -> Result<Vec<Vec<u8>>, ReplicaError> {
        if let Set::Records(type_name) = set {
            return self.records(space, type_name, ids, false);
        }
        let held = self.held(space, set).map_err(own)?;
        Ok(ids.iter().filter_map(|id| held.items.get(id).cloned()).collect())
    }

    fn read_records(
        &self,
        space: &SpaceId,
        type_name: &TypeName,
        ids: &[ShortId],
        whole: bool,
    ) -> Result<Vec<Vec<u8>>, ReplicaError> {
        self.records(space, type_name, ids, whole)
    }

    fn without_bodies(&self, space: &SpaceId, most: usize) -> Result<Vec<(TypeName, [u8; 32])>, ReplicaError> {
        let seed: [u8; 32] = crate::identities::random();
        let lacking = self.node.store().without_bodies(space, seed, most);
        let lacking = lacking.map_err(|error| ReplicaError(error.to_string()))?;
        let follow = self.participations.of(space).follow();
        let wanted = |type_name: &TypeName, id: &RecordId| {
            !self.node.denied().has(&id.0) && follow.covers(&Set::Records(type_name.clone()))
        };
        Ok(lacking.into_iter().filter(|(of, id)| wanted(of, id)).map(|(of, id)| (of, id.0)).collect())
    }

    fn without_paths(&self, space: &SpaceId, most: usize) -> Result<Vec<Ends>, ReplicaError> {
        let open = self.node.open_questions(space, most).map_err(own)?;
        Ok(open.into_iter().map(|(last, record)| (last.0, record.0)).collect())
    }

    fn path(&self, space: &SpaceId, (last, record): Ends) -> Result<Option<Vec<Vec<u8>>>, ReplicaError> {
        let (last, record) = (RecordId(last), RecordId(record));
        for id in [&last, &record] {
            let stored = self.node.store().get(id).map_err(|error| ReplicaError(error.to_string()))?;
            if stored.is_none_or(|stored| stored.record.header().space != *space) {
                return Ok(None);
            }
        }
        match self.node.prove_ancestry(&last, &record) {
            Ok(proof) => Ok(Some(proof.headers().iter().map(|header| header.as_bytes().to_vec()).collect())),
            Err(NodeError::NotFound { .. } | NodeError::Refused(_)) => Ok(None),
            Err(error) => Err(own(error)),
        }
    }

    fn take_path(&self, space: &SpaceId, (last, record): Ends, path: Vec<Vec<u8>>) -> Result<bool, ReplicaError> {
        self.node.take_path(space, &RecordId(last), &RecordId(record), &path).map_err(own)
    }

    fn take(&self, space: &SpaceId, set: &Set, items: Vec<Vec<u8>>) -> Result<Vec<Outcome>, ReplicaError> {
        let outcomes = match set {
            Set::Records(_) => self.take_records(space, &items),
            Set::Identities => self.take_identities(space, &items),
            Set::Laws => self.take_laws(space, &items),
        };
        outcomes.map_err(own)
    }

    fn wanted_blobs(&self, space: &SpaceId) -> Result<Vec<BlobId>, ReplicaError> {
        let Some(space) = self.space(space) else { return Ok(Vec::new()) };
        let follow = self.participations.of(&space.id).follow();
        let unfit = self.unfit.lock().expect("no thread panics with this lock").clone();
        let mut wanted = Vec::new();
        for id in self.named_blobs(&space, &follow) {
            let here = self.node.modules().code(&id).map_err(|error| ReplicaError(error.to_string()))?.is_some();
            if !here && !unfit.contains(&id) && !self.node.denied().has(&id.0) {
                wanted.push(id);
            }
        }
        Ok(wanted)
    }

    fn blob(&self, space: &SpaceId, id: &BlobId) -> Result<Option<Blob>, ReplicaError> {
        let Some(space) = self.space(space) else { return Ok(None) };
        if self.node.denied().has(&id.0) {
            return Ok(None);
        }
        if !self.named_blobs(&space, &Follows::All).contains(id) {
            // What a record here names is handed out to whoever has the record.
            if !self.node.is_carried_in(id, |carrier| *carrier == space.id).map_err(own)? {
                return Ok(None);
            }
            let reader = self.node.store().open_blob(id).map_err(|error| ReplicaError(error.to_string()))?;
            return Ok(reader.map(|reader| (reader.size(), Box::new(reader) as Box<dyn Read + Send>)));
        }
        // A standard module need not be in the store.
        let bytes = self.node.modules().code(id).map_err(|error| ReplicaError(error.to_string()))?;
        Ok(bytes.map(|bytes| (bytes.len() as u64, Box::new(std::io::Cursor::new(bytes)) as Box<dyn Read + Send>)))
    }

    fn most_blob_bytes(&self) -> u64 {
        BLOB_BYTES
    }

    fn take_blob(&self, space: &SpaceId, bytes: Vec<u8>) -> Result<(), ReplicaError> {
        let id = BlobId::of(&bytes);
        let Some(space) = self.space(space) else { return Ok(()) };
        if !self.named_blobs(&space, &Follows::All).contains(&id) {
            return Ok(());
        }
        let code = self.is_code(&space, &id);
        if code {
            // Looked at and compiled before it judges anything. One that asks for what this node does not
            // give is not kept: its records wait, and nothing of it ever runs.
            let engine = self.node.modules().engine();
            if let Err(error) = engine.describe(&bytes) {
                tracing::warn!("space `{}` binds module {id}, which cannot be used here: {error}", space.name);
                self.unfit.lock().expect("no thread panics with this lock").insert(id);
                return Ok(());
            }
        }
        let mut batch = Batch::new();
        batch.put_blob(bytes);
        let failed = |error: NodeError| own(error);
        self.node.store().commit(batch).map_err(|error| failed(error.into()))?;
        let now = clock::now();
        for key in [WaitKey::Module(id), WaitKey::Blob(id)] {
            self.node.retry_waiting_for(&key, now).map_err(failed)?;
        }
        self.node.hold_to_laws(&space, &id).map_err(failed)?;
        Ok(())
    }

    fn prove_membership(&self, space: &SpaceId, transcript: &[u8]) -> Option<Vec<u8>> {
        let participation = self.participations.of(space);
        let allowed = membership::allowed(&self.node, space);
        let candidates: Vec<Option<String>> = match (&participation.member, &allowed) {
            (Some(name), _) => vec![Some(name.clone())],
            // On the way in, nobody knows yet who is listed.
            (None, None) => vec![None],
            (None, Some(allowed)) => {
                let ours = self.node.identities().all().into_iter();
                ours.filter(|entry| entry.identity.is_some_and(|id| allowed.contains(&id)))
                    .map(|it| Some(it.name))
                    .collect()
            }
        };
        for name in candidates {
            let local = match self.node.identities().resolve(name.as_deref()) {
                Ok(local) => local,
                Err(error) => {
                    tracing::warn!("this node cannot show that it may be in private space {space}: {error}");
                    continue;
                }
            };
            match membership::prove(&self.node, &local, transcript, clock::now()) {
                Ok(Some(proof)) => return Some(proof),
                Ok(None) => {}
                Err(error) => tracing::warn!("no proof of membership could be made for {space}: {error}"),
            }
        }
        None
    }

    fn is_member(&self, space: &SpaceId, transcript: &[u8], proof: &[u8]) -> bool {
        // On the way in there is nothing to keep from anyone, and no list to look at.
        let Some(allowed) = membership::allowed(&self.node, space) else { return true };
        membership::holds(&self.node, &allowed, transcript, proof, clock::now()).unwrap_or_else(|error| {
            tracing::warn!("a proof of membership of {space} could not be looked at: {error}");
            false
        })
    }
}

impl Members for NodeReplica {
    fn prove(&self, space: &SpaceId, transcript: &[u8]) -> Option<Vec<u8>> {
        self.prove_membership(space, transcript)
    }

    fn check(&self, space: &SpaceId, transcript: &[u8], proof: &[u8]) -> bool {
        self.is_member(space, transcript, proof)
    }
}

/// The replicated set in the store.
struct Stored(Ranges);

fn failed(error: atlas_store::StoreError) -> ReplicaError {
    ReplicaError(error.to_string())
}

impl Items for Stored {
    type Error = ReplicaError;

    fn len(&self) -> Result<u64, ReplicaError> {
        Ok(self.0.len())
    }

    fn at(&self, at: u64) -> Result<Item, ReplicaError> {
        self.0.at(at).map(Item::from).map_err(failed)
    }

    fn lower_bound(&self, bound: &Item) -> Result<u64, ReplicaError> {
        self.0.lower_bound(&Rank::from(*bound)).map_err(failed)
    }

    fn sum(&self, range: Range<u64>) -> Result<Sum, ReplicaError> {
        let sum = self.0.sum(range).map_err(failed)?;
        Ok(Sum { count: sum.count(), total: sum.ids() })
    }

    fn for_each(&self, range: Range<u64>, visit: &mut dyn FnMut(Item) -> ControlFlow<()>) -> Result<(), ReplicaError> {
        for rank in self.0.iter(range) {
            if visit(Item::from(rank.map_err(failed)?)).is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// A set that is held.
struct InMemory(Arc<Held>);

impl InMemory {
    fn members(&self) -> &Memory {
        &self.0.members
    }
}

/// Nothing can fail there.
fn sure<T>(it: Result<T, std::convert::Infallible>) -> Result<T, ReplicaError> {
    let Ok(it) = it;
    Ok(it)
}

impl Items for InMemory {
    type Error = ReplicaError;

    fn len(&self) -> Result<u64, ReplicaError> {
        sure(self.members().len())
    }

    fn at(&self, index: u64) -> Result<Item, ReplicaError> {
        sure(self.members().at(index))
    }

    fn lower_bound(&self, bound: &Item) -> Result<u64, ReplicaError> {
        sure(self.members().lower_bound(bound))
    }

    fn sum(&self, range: Range<u64>) -> Result<Sum, ReplicaError> {
        sure(self.members().sum(range))
    }

    fn for_each(&self, range: Range<u64>, visit: &mut dyn FnMut(Item) -> ControlFlow<()>) -> Result<(), ReplicaError> {
        sure(self.members().for_each(range, visit))
    }
}
