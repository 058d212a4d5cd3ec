//! Blobs: bytes of any size that records name.
//!
//! The header of a record names a blob by hash and size; whether the bytes are here is no part
//! of whether the record is valid, so a received one is taken either way. Bytes come first: an
//! upload is *loose* until a record names it, and is dropped if none has for a day. From then on
//! it lives as long as a body that needs it (`atlas_store::carried`). Modules and the configs of
//! constitutions are blobs too, and are kept for their own sake.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Read};

use atlas_record::header::BlobRef;
use atlas_record::{BlobId, SpaceId, Timestamp, limits};
use atlas_store::{Batch, Item, StoreError};

use crate::error::{NodeError, Refusal};
use crate::net::BLOB_BYTES;
use crate::node::Node;

/// How long an upload waits for a record that names it, in milliseconds.
pub const GRACE_MS: Timestamp = 24 * 3_600_000;

/// What an app may upload. The operator's own uploads are bounded by the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadBounds {
    /// Bytes of one blob.
    pub one: u64,
    /// Bytes of all blobs that no record names yet, whoever sent them.
    pub loose: u64,
}

impl UploadBounds {
    /// For apps.
    pub const APP: Self = Self { one: 1 << 30, loose: 4 << 30 };
    /// For the operator.
    pub const NONE: Self = Self { one: limits::MAX_COUNT, loose: u64::MAX };
}

/// A blob that a new record is to name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedBlob {
    /// The blob.
    pub id: BlobId,
    /// Its size; asked of the blob itself where left out.
    pub size: Option<u64>,
}

/// A reader that ends in an error instead of giving more than it may.
struct Bounded<'a> {
    from: &'a mut dyn Read,
    left: u64,
    exceeded: bool,
}

impl Read for Bounded<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.from.read(into)?;
        match self.left.checked_sub(length as u64) {
            Some(left) => self.left = left,
            None => {
                self.exceeded = true;
                return Err(io::Error::other("more bytes than are taken"));
            }
        }
        Ok(length)
    }
}

/// Records that are asked whether they show a blob to somebody.
const MOST_CARRIERS: usize = 4096;

/// What has to be done to have a blob.
enum Wanted {
    /// Nothing: it is here, or it is not to be.
    Here,
    /// Peers of these spaces can be asked, for so many bytes.
    From(BTreeMap<SpaceId, u64>),
}

impl Node {
    /// Stores an upload, which is loose until a record names it.
    pub fn offer_blob(&self, from: &mut dyn Read, bounds: UploadBounds, now: Timestamp) -> Result<BlobRef, NodeError> {
        if bounds.loose < u64::MAX {
            let loose = self.store().loose_blobs()?;
            if loose.iter().map(|blob| blob.size).sum::<u64>() > bounds.loose {
                let oldest = loose.iter().map(|blob| blob.since).min().unwrap_or(now);
                let text = format!("uploads that no record names yet hold more than {} bytes", bounds.loose);
                let mut refusal = Refusal::new("too-much-loose", text).hint("write the records that name them first");
                refusal.retry_ms = Some((oldest + GRACE_MS).saturating_sub(now).max(1));
                return Err(refusal.into());
            }
        }
        let mut from = Bounded { from, left: bounds.one, exceeded: false };
        match self.store().offer_blob(&mut from, now) {
            Ok((id, _)) if self.denied().has(&id.0) => {
                self.store().commit([Item::RemoveBlob(id)].into_iter().collect())?;
                let text = format!("blob {id} is on the list of what this node does not keep");
                Err(Refusal::new("denied", text).hint("its operator can lift that: `atlas deny`").into())
            }
            Ok((id, size)) => Ok(BlobRef { id, size }),
            Err(_) if from.exceeded => Err(NodeError::TooLarge { what: "blob", most: bounds.one }),
            // Nothing of the node's own was read: whoever sends broke off.
            Err(StoreError::Io { action: "read", cause, .. }) => {
                Err(NodeError::Misuse(format!("the upload broke off: {cause}; send it again")))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What a record's header says of blobs. A size that is left out, or that is wrong, shows on
    /// a blob that is here; one that is not here is named by the author's word.
    pub fn name_blobs(&self, named: &[NamedBlob]) -> Result<Vec<BlobRef>, NodeError> {
        let name = |&NamedBlob { id, size }: &NamedBlob| match (size, self.store().has_blob(&id)?) {
            (None, Some(size)) => Ok(BlobRef { id, size }),
            (None, None) => Err(NodeError::missing(
                "blob",
                id,
                "upload it first (POST /v1/blobs), or say its size to name one that is elsewhere",
            )),
            (Some(said), Some(size)) if said != size => {
                let text = format!("blob {id} has {size} bytes, and {said} are said: leave the size out");
                Err(Refusal::new("wrong-size", text).into())
            }
            (Some(size), _) => Ok(BlobRef { id, size }),
        };
        named.iter().map(name).collect()
    }

    /// Fetches a blob that a record here names from a peer of its space, unless it is here. Whether it is
    /// here now. Peers that are not connected are not waited for.
    pub async fn fetch_blob(&self, id: BlobId) -> Result<bool, NodeError> {
        let node = self.clone();
        let wanted = tokio::task::spawn_blocking(move || node.wanted_blob(&id));
        let spaces = match wanted.await.map_err(|error| NodeError::Unavailable(error.to_string()))?? {
            Wanted::Here => return Ok(true),
            Wanted::From(spaces) => spaces,
        };
        let Some(net) = self.net() else { return Ok(false) };
        for (space, size) in spaces {
            if size > BLOB_BYTES {
                continue;
            }
            if let Some(bytes) = net.blob(space, id, size).await? {
                let node = self.clone();
                let keep = move || {
                    let mut batch = Batch::new();
                    batch.put_blob(bytes);
                    node.store().commit(batch)
                };
                let kept = tokio::task::spawn_blocking(keep).await;
                kept.map_err(|error| NodeError::Unavailable(error.to_string()))??;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn wanted_blob(&self, id: &BlobId) -> Result<Wanted, NodeError> {
        if self.store().has_blob(id)?.is_some() || self.denied().has(&id.0) {
            return Ok(Wanted::Here);
        }
        let mut spaces = BTreeMap::new();
        for stored in self.store().by_numbers(self.store().carriers(id, MOST_CARRIERS)?)? {
            let header = stored.record.header();
            let size = header.blobs.iter().find(|blob| blob.id == *id).map_or(0, |blob| blob.size);
            spaces.entry(header.space).or_insert(size);
        }
        Ok(Wanted::From(spaces))
    }

    /// Whether a record that is here, in one of these spaces, carries a blob.
    pub fn is_carried_in(&self, id: &BlobId, spaces: impl Fn(&SpaceId) -> bool) -> Result<bool, NodeError> {
        let carriers = self.store().carriers(id, MOST_CARRIERS)?;
        Ok(self.store().by_numbers(carriers)?.iter().any(|stored| spaces(&stored.record.header().space)))
    }

    /// Drops blobs that nothing needs: uploads that no record came to name within
    /// [`GRACE_MS`], and what the last record that named it let go of. How many were looked at
    /// and dropped.
    pub fn sweep_loose(&self, now: Timestamp) -> Result<usize, NodeError> {
        let due = |since: Timestamp| since == 0 || since + GRACE_MS <= now;
        let loose: Vec<_> = self.store().loose_blobs()?.into_iter().filter(|blob| due(blob.since)).collect();
        if loose.is_empty() {
            return Ok(0);
        }
        let kept = self.kept_blobs()?;
        let item = |blob: &atlas_store::LooseBlob| match kept.contains(&blob.id) {
            true => Item::KeepBlob(blob.id),
            false => Item::SweepBlob(*blob),
        };
        let batch: Batch = loose.iter().map(item).collect();
        self.store().commit(batch)?;
        let gone = |blob: &&atlas_store::LooseBlob| !matches!(self.store().has_blob(&blob.id), Ok(Some(_)));
        Ok(loose.iter().filter(gone).count())
    }

    /// Whether nothing here needs a blob: no record, constitution or installed module.
    pub(crate) fn is_needless(&self, id: &BlobId) -> Result<bool, NodeError> {
        Ok(self.store().carriers(id, 1)?.is_empty() && !self.kept_blobs()?.contains(id))
    }

    /// Blobs that are kept whatever records say: code and configs of every constitution, past
    /// ones too, and installed modules.
    fn kept_blobs(&self) -> Result<HashSet<BlobId>, NodeError> {
        let mut kept: HashSet<BlobId> = self.modules().list()?.iter().map(|module| module.code).collect();
        for space in self.spaces().all() {
            let constitutions = std::iter::once(&space.genesis.document().constitution)
                .chain(space.amendments.iter().map(|amendment| &amendment.document().constitution));
            let bound = constitutions.flat_map(|constitution| constitution.slots.values());
            kept.extend(bound.flat_map(|binding| std::iter::once(binding.code).chain(binding.config)));
        }
        Ok(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::NodeConfig;

    const NOW: Timestamp = 1_700_000_000_000;

    fn node() -> (Node, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        (Node::open(NodeConfig::new(dir.path())).unwrap(), dir)
    }

    fn offer(node: &Node, bytes: &[u8], bounds: UploadBounds, now: Timestamp) -> Result<BlobId, NodeError> {
        node.offer_blob(&mut &bytes[..], bounds, now).map(|blob| blob.id)
    }

    #[test]
    fn an_upload_waits_a_day_for_its_record_and_a_module_for_ever() {
        let (node, _dir) = node();
        let upload = offer(&node, b"mine", UploadBounds::NONE, NOW).unwrap();
        // Somebody uploads what the node needs anyway.
        let module = node.modules().list().unwrap()[0].code;
        let bytes = node.modules().code(&module).unwrap().unwrap();
        assert_eq!(offer(&node, &bytes, UploadBounds::NONE, NOW).unwrap(), module);
        assert_eq!(node.sweep_loose(NOW + GRACE_MS - 1).unwrap(), 0);
        assert!(node.store().has_blob(&upload).unwrap().is_some());
        assert_eq!(node.sweep_loose(NOW + GRACE_MS).unwrap(), 1);
        assert_eq!(node.store().has_blob(&upload).unwrap(), None);
        assert_eq!(node.store().has_blob(&module).unwrap(), Some(bytes.len() as u64));
        assert!(node.store().loose_blobs().unwrap().is_empty());
    }

    #[test]
    fn an_app_stores_so_much_at_once_and_so_much_before_it_writes() {
        let (node, _dir) = node();
        let bounds = UploadBounds { one: 10, loose: 15 };
        assert!(matches!(offer(&node, &[1; 11], bounds, NOW), Err(NodeError::TooLarge { most: 10, .. })));
        assert_eq!(node.store().stats().blobs, 0, "what is too large leaves nothing");
        offer(&node, &[2; 10], bounds, NOW).unwrap();
        offer(&node, &[3; 10], bounds, NOW + 1).unwrap();
        match offer(&node, &[4; 1], bounds, NOW + 1000) {
            Err(NodeError::Refused(refusal)) => {
                assert_eq!((&*refusal.code, refusal.retry_ms), ("too-much-loose", Some(GRACE_MS - 1000)));
            }
            other => panic!("{other:?}"),
        }
        offer(&node, &[4; 1], UploadBounds::NONE, NOW + 1000).unwrap();
    }
}
