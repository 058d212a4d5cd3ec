//! Ranges of the replicated set, counted and summed without reading them: what reconciliation
//! asks for.
//!
//! Two peers find where their sets differ by comparing ever smaller ranges, so each has to say
//! of any range of a set in order how many members it has and what their ids add up to. Nothing
//! is kept on the disk for that. The first who asks for a set has its keys read once, into
//! [`buckets`] that are kept up to date from then on ([`live`]); an answer adds up whole buckets
//! by a table of running sums, and reads the members of one bucket at each edge.
//!
//! [`Ranges`] is a set as of one moment: it stays what it was while records stream in.

mod buckets;
mod live;
mod sum;

use std::ops::{Bound, Range};
use std::sync::{Arc, Mutex, PoisonError};

use atlas_record::order::Rank;
use atlas_record::{SpaceId, TypeName};

use crate::digest::{self, SetSummary};
use crate::error::StoreError;
use crate::keys::{Parts, key};
use crate::kv::{self, Table, View, after_prefix};
use crate::read::{space_number, type_number};
use crate::store::Store;
use buckets::{Buckets, Span};
use live::SetName;

pub(crate) use live::{Arrivals, LiveSets};
pub use sum::Sum;

type Result<T> = std::result::Result<T, StoreError>;

/// Buckets whose members are kept at hand: questions come in order, and each edge of a range
/// is an edge of the next. Some 4 KiB each.
const AT_HAND: usize = 16;

/// The replicated set of a type in a space, in order of (created, id), as of one moment.
pub struct Ranges {
    view: Box<dyn View>,
    /// `None` if nothing of this space or type was ever stored.
    set: Option<SetName>,
    buckets: Arc<Buckets>,
    /// The sum of everything before each bucket, and then of everything.
    before: Vec<Sum>,
    /// Buckets whose members were read, the last one used last.
    at_hand: Mutex<Vec<(usize, Arc<[Rank]>)>>,
}

/// Members of a set between two ranks, in order.
fn members(view: &dyn View, set: SetName, (from, to): Span) -> impl Iterator<Item = Result<Rank>> + use<> {
    let mut prefix = key();
    prefix.name(set.0).name(set.1);
    let to = match to {
        Some(to) => Bound::Excluded(prefix.clone().rank(&to).to_vec()),
        None => after_prefix(prefix.done()),
    };
    let range = kv::Range { from: Bound::Included(prefix.rank(&from).to_vec()), to, backward: false };
    view.range(Table::Set, range).map(|row| {
        let (row, _) = row?;
        let rank = row.get(8..).and_then(|tail| Parts(tail).rank());
        rank.ok_or_else(|| StoreError::damaged(Table::Set, "a key of another length"))
    })
}

impl Store {
    /// The replicated set of a type in a space as of now, for questions about its ranges. The
    /// first time since the start it reads the keys of the whole set: not for async threads.
    pub fn ranges(&self, space: &SpaceId, type_name: &TypeName) -> Result<Ranges> {
        let view = self.view();
        let (Some(space), Some(type_name)) = (space_number(&*view, space)?, type_number(&*view, type_name)?) else {
            return Ok(Ranges::new(view, None, Arc::new(Buckets::empty())));
        };
        let set = (space, type_name);
        let shared = self.shared();
        let now = shared.live.moment(set, &*shared.kv, |view, span| members(view, set, span))?;
        Ok(Ranges::new(now.view, Some(set), now.buckets))
    }
}

/// A bucket, and a member's index in it.
struct Place {
    bucket: usize,
    inside: usize,
}

impl Ranges {
    fn new(view: Box<dyn View>, set: Option<SetName>, buckets: Arc<Buckets>) -> Self {
        Self { view, set, before: buckets.sums_before(), buckets, at_hand: Mutex::default() }
    }

    /// How many members.
    pub fn len(&self) -> u64 {
        self.before[self.buckets.len()].count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Counts and digest of the same set at the same moment.
    pub fn summary(&self) -> Result<SetSummary> {
        let prefix = self.set.map(|(space, type_name)| key().name(space).name(type_name).to_vec());
        digest::summary(&*self.view, prefix)
    }

    /// The member at an index.
    ///
    /// # Panics
    ///
    /// If the index is not below [`Ranges::len`].
    pub fn at(&self, index: u64) -> Result<Rank> {
        assert!(index < self.len(), "index {index} of a set of {}", self.len());
        let Place { bucket, inside } = self.place(index);
        Ok(self.members(bucket)?[inside])
    }

    /// The index of the first member of this rank or a higher one; the length if there is none.
    /// A prefix of an id, filled up with zeros, stands before every id that begins with it.
    pub fn lower_bound(&self, bound: &Rank) -> Result<u64> {
        let bucket = self.buckets.of(bound);
        let first = self.before[bucket].count();
        if self.buckets.span(bucket).0 == *bound {
            return Ok(first);
        }
        Ok(first + self.members(bucket)?.partition_point(|member| member < bound) as u64)
    }

    /// How many members are between two indexes, the second excluded, and the sum of their ids.
    ///
    /// # Panics
    ///
    /// If the range is not within the set.
    pub fn sum(&self, range: Range<u64>) -> Result<Sum> {
        assert!(range.start <= range.end && range.end <= self.len(), "{range:?} of a set of {}", self.len());
        Ok(self.sum_before(range.end)?.minus(&self.sum_before(range.start)?))
    }

    /// Members between two indexes, the second excluded, in order. Lazy; ends after an error.
    pub fn iter(&self, range: Range<u64>) -> impl Iterator<Item = Result<Rank>> {
        let end = range.end.min(self.len());
        let (mut next, mut page, mut at) = (range.start, <Arc<[Rank]>>::default(), 0);
        std::iter::from_fn(move || {
            if next >= end {
                return None;
            }
            if at == page.len() {
                let place = self.place(next);
                match self.members(place.bucket) {
                    Ok(members) => (page, at) = (members, place.inside),
                    Err(error) => {
                        next = end;
                        return Some(Err(error));
                    }
                }
            }
            (next, at) = (next + 1, at + 1);
            Some(Ok(page[at - 1]))
        })
    }

    /// Where the member at an index is.
    fn place(&self, index: u64) -> Place {
        let bucket = self.before.partition_point(|sum| sum.count() <= index) - 1;
        Place { bucket, inside: (index - self.before[bucket].count()) as usize }
    }

    fn sum_before(&self, index: u64) -> Result<Sum> {
        if index == self.len() {
            return Ok(self.before[self.buckets.len()]);
        }
        let Place { bucket, inside } = self.place(index);
        let before = self.before[bucket];
        if inside == 0 {
            return Ok(before);
        }
        Ok(self.members(bucket)?[..inside].iter().fold(before, |sum, member| sum.with(&member.id)))
    }

    /// The members of a bucket.
    fn members(&self, bucket: usize) -> Result<Arc<[Rank]>> {
        let Some(set) = self.set else { return Ok(Arc::default()) };
        let mut at_hand = self.at_hand.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = at_hand.iter().position(|(known, _)| *known == bucket) {
            at_hand[at..].rotate_left(1);
            return Ok(at_hand[at_hand.len() - 1].1.clone());
        }
        let found: Arc<[Rank]> = members(&*self.view, set, self.buckets.span(bucket)).collect::<Result<_>>()?;
        if found.len() as u64 != self.before[bucket + 1].count() - self.before[bucket].count() {
            return Err(StoreError::damaged(Table::Set, "rows went missing since they were counted"));
        }
        if at_hand.len() == AT_HAND {
            at_hand.remove(0);
        }
        at_hand.push((bucket, found.clone()));
        Ok(found)
    }
}
