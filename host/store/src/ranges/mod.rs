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

impl Ranges {
    fn new(view: Box<dyn View>, set: Option<SetName>, buckets: Arc<Buckets>) -> Self {
        Self { view, set, before: buckets.sums_before(), buckets, at_hand: Mutex::default() }
    }

    /// How many members.
    pub fn len(&self) -> usize {
        usize::try_from(self.before[self.buckets.len()].count()).expect("members have been counted one by one")
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
    pub fn at(&self, index: usize) -> Result<Rank> {
        assert!(index < self.len(), "index {index} of a set of {}", self.len());
        let bucket = self.bucket_at(index);
        Ok(self.members(bucket)?[index - self.first_of(bucket)])
    }

    /// The index of the first member of this rank or a higher one; the length if there is none.
    /// A prefix of an id, filled up with zeros, stands before every id that begins with it.
    pub fn lower_bound(&self, bound: &Rank) -> Result<usize> {
        let bucket = self.buckets.of(bound);
        let first = self.first_of(bucket);
        if self.buckets.span(bucket).0 == *bound {
            return Ok(first);
        }
        Ok(first + self.members(bucket)?.partition_point(|member| member < bound))
    }

    /// How many members are between two indexes, the second excluded, and the sum of their ids.
    ///
    /// # Panics
    ///
    /// If the range is not within the set.
    pub fn sum(&self, range: Range<usize>) -> Result<Sum> {
        assert!(range.start <= range.end && range.end <= self.len(), "{range:?} of a set of {}", self.len());
        Ok(self.sum_before(range.end)?.minus(&self.sum_before(range.start)?))
    }

    /// Members between two indexes, the second excluded, in order. Lazy; ends after an error.
    pub fn iter(&self, range: Range<usize>) -> impl Iterator<Item = Result<Rank>> {
        let end = range.end.min(self.len());
        let (mut next, mut failed) = (range.start, false);
        let mut page: (usize, Arc<[Rank]>) = (0, Arc::default());
        std::iter::from_fn(move || {
            if next >= end || failed {
                return None;
            }
            if !(page.0..page.0 + page.1.len()).contains(&next) {
                let bucket = self.bucket_at(next);
                match self.members(bucket) {
                    Ok(members) => page = (self.first_of(bucket), members),
                    Err(error) => {
                        failed = true;
                        return Some(Err(error));
                    }
                }
            }
            next += 1;
            Some(Ok(page.1[next - 1 - page.0]))
        })
    }

    /// The bucket that holds an index.
    fn bucket_at(&self, index: usize) -> usize {
        self.before.partition_point(|sum| sum.count() <= index as u64) - 1
    }

    /// The index of a bucket's first member.
    fn first_of(&self, bucket: usize) -> usize {
        usize::try_from(self.before[bucket].count()).expect("at most the length")
    }

    fn sum_before(&self, index: usize) -> Result<Sum> {
        if index == self.len() {
            return Ok(self.before[self.buckets.len()]);
        }
        let bucket = self.bucket_at(index);
        let (before, inside) = (self.before[bucket], index - self.first_of(bucket));
        if inside == 0 {
            return Ok(before);
        }
        let members = self.members(bucket)?;
        Ok(members[..inside].iter().fold(before, |sum, member| sum.with(&member.id)))
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
