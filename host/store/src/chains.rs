//! Reads of chains: what a key signed in a space, position by position, forks included.
//!
//! [`Table::Chain`] has the record that came first at a position, so that the usual case is
//! one row. Where others came too, [`Table::Fork`] has all of them, the first one again.

use std::ops::Bound;

use atlas_record::id::PublicKey;
use atlas_record::{RecordId, SpaceId};

use crate::error::StoreError;
use crate::keys::{KeyBuf, Name, Parts, key};
use crate::kv::{Range, Table, View, after_prefix};
use crate::names::{self, Kind};
use crate::read::space_number;
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

/// A record at a position of a key's chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainPosition {
    /// The position.
    pub seq: u64,
    /// The record.
    pub id: RecordId,
    /// Its number.
    pub n: u64,
}

/// Proof that a key signed more than one record for a position of its chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fork {
    /// The key.
    pub key: PublicKey,
    /// The space.
    pub space: SpaceId,
    /// The position.
    pub seq: u64,
    /// The records, by arrival.
    pub records: Vec<RecordId>,
}

/// What lists a chain.
pub type Chain = Box<dyn Iterator<Item = Result<ChainPosition>> + Send>;

impl Store {
    fn chain_prefix(view: &dyn View, signer: &PublicKey, space: &SpaceId) -> Result<Option<KeyBuf>> {
        let signer = names::number(view, Kind::Key, &signer.0)?;
        Ok(signer.zip(space_number(view, space)?).map(|(signer, space)| {
            let mut prefix = key();
            prefix.name(signer).name(space);
            prefix
        }))
    }

    /// The last position of a key's chain in a space. At a fork, the first that came.
    pub fn chain_head(&self, signer: &PublicKey, space: &SpaceId) -> Result<Option<ChainPosition>> {
        let view = self.view();
        let Some(prefix) = Self::chain_prefix(&*view, signer, space)? else { return Ok(None) };
        let last = view.range(Table::Chain, Range::prefix(prefix.done()).backward()).next();
        last.map(|row| chain_position(&row?)).transpose()
    }

    /// The records at a position of a chain, by arrival; more than one is a fork.
    pub fn chain_at(&self, signer: &PublicKey, space: &SpaceId, seq: u64) -> Result<Vec<ChainPosition>> {
        let view = self.view();
        let Some(mut row) = Self::chain_prefix(&*view, signer, space)? else { return Ok(Vec::new()) };
        row.number(seq);
        let forked: Vec<ChainPosition> = view
            .range(Table::Fork, Range::prefix(row.done()))
            .map(|row| fork_row(&row?).map(|(_, _, position)| position))
            .collect::<Result<_>>()?;
        if !forked.is_empty() {
            return Ok(forked);
        }
        let single = view.get(Table::Chain, row.done())?;
        single.map(|value| chain_position(&(row.to_vec(), value))).into_iter().collect()
    }

    /// Positions for which a key signed more than one record, `most` of them at most.
    pub fn forks(&self, most: usize) -> Result<Vec<Fork>> {
        let view = self.view();
        let mut forks: Vec<Fork> = Vec::new();
        let mut last = None;
        for row in view.range(Table::Fork, Range::all()) {
            let (signer, space, position) = fork_row(&row?)?;
            if last == Some((signer, space, position.seq)) {
                forks.last_mut().expect("pushed with `last`").records.push(position.id);
                continue;
            }
            if forks.len() == most {
                break;
            }
            last = Some((signer, space, position.seq));
            forks.push(Fork {
                key: PublicKey(name_array(&*view, Kind::Key, signer)?),
                space: SpaceId(name_array(&*view, Kind::Space, space)?),
                seq: position.seq,
                records: vec![position.id],
            });
        }
        Ok(forks)
    }

    /// Every record of a key's chain in a space from a position on, in order; the records of a
    /// fork by arrival. Lazy; sees the store as of now.
    pub fn chain(&self, signer: &PublicKey, space: &SpaceId, from_seq: u64) -> Result<Chain> {
        let view = self.view();
        let Some(prefix) = Self::chain_prefix(&*view, signer, space)? else {
            return Ok(Box::new(std::iter::empty()));
        };
        let from = Bound::Included(prefix.clone().number(from_seq).to_vec());
        let range = Range { from, to: after_prefix(prefix.done()), backward: false };
        let mut firsts = view.range(Table::Chain, range.clone()).map(|row| chain_position(&row?)).peekable();
        let mut forked =
            view.range(Table::Fork, range).map(|row| fork_row(&row?).map(|(_, _, position)| position)).peekable();
        // Two lists in order, merged; what is in both is told once.
        Ok(Box::new(std::iter::from_fn(move || match (firsts.peek(), forked.peek()) {
            (Some(Ok(first)), Some(Ok(other))) => {
                if (first.seq, first.n) == (other.seq, other.n) {
                    forked.next();
                    firsts.next()
                } else if (first.seq, first.n) < (other.seq, other.n) {
                    firsts.next()
                } else {
                    forked.next()
                }
            }
            (None, _) | (Some(Ok(_)), Some(Err(_))) => forked.next(),
            _ => firsts.next(),
        })))
    }

    /// The spaces in which a key has a chain, in the order in which this node first met them.
    pub fn chain_spaces(&self, signer: &PublicKey) -> Result<Vec<SpaceId>> {
        let view = self.view();
        let Some(signer) = names::number(&*view, Kind::Key, &signer.0)? else { return Ok(Vec::new()) };
        let prefix = key().name(signer).to_vec();
        let (mut from, to) = (Bound::Included(prefix.clone()), after_prefix(&prefix));
        let mut spaces = Vec::new();
        // One seek per space, over its positions to the next.
        while let Some(row) = view.range(Table::Chain, Range { from, to: to.clone(), backward: false }).next() {
            let (row, _) = row?;
            let space = row.get(prefix.len()..).and_then(|tail| Parts(tail).name());
            let space = space.ok_or_else(|| StoreError::damaged(Table::Chain, "a key is cut off"))?;
            spaces.push(SpaceId(name_array(&*view, Kind::Space, space)?));
            from = match after_prefix(key().name(signer).name(space).done()) {
                Bound::Excluded(next) => Bound::Included(next),
                _ => break,
            };
        }
        Ok(spaces)
    }
}

fn name_array(view: &dyn View, kind: Kind, number: Name) -> Result<[u8; 32]> {
    let name = names::text(view, kind, number)?;
    name.try_into().map_err(|_| StoreError::damaged(Table::Names, "an id of another length"))
}

/// Reads (key, space, seq) -> (n, id).
fn chain_position((row, value): &crate::kv::Row) -> Result<ChainPosition> {
    let parts = || {
        let mut value = Parts(value);
        Some(ChainPosition { seq: Parts(row.get(8..)?).number()?, n: value.number()?, id: RecordId(value.array()?) })
    };
    parts().ok_or_else(|| StoreError::damaged(Table::Chain, "a row is malformed"))
}

/// Reads (key, space, seq, n) -> id.
fn fork_row((row, value): &crate::kv::Row) -> Result<(Name, Name, ChainPosition)> {
    let parts = || {
        let mut row = Parts(row);
        let (signer, space) = (row.name()?, row.name()?);
        let (seq, n) = (row.number()?, row.number()?);
        Some((signer, space, ChainPosition { seq, n, id: RecordId(Parts(value).array()?) }))
    };
    parts().ok_or_else(|| StoreError::damaged(Table::Fork, "a row is malformed"))
}
