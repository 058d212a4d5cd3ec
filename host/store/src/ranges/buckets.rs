//! A set in order, cut into buckets: of each, where it begins and the sum of its members.
//!
//! The members themselves stay on the disk. A bucket is some hundred of them, so that a set of a
//! million is a megabyte of buckets, and what lies between the edge of a range and the next
//! bucket is a short read. Members are added one at a time and in any order; a bucket that has
//! grown too full is read and cut when somebody wants to read, not by whoever adds.

use atlas_record::RecordId;
use atlas_record::order::Rank;

use super::sum::Sum;

/// Members of a bucket at most, once it is cut.
pub(crate) const FULL: u64 = 128;
/// Members of a bucket that was just cut: fewer, so that the next few do not fill it.
const CUT: u64 = 96;

/// Where order begins.
const LOWEST: Rank = Rank { created: 0, id: RecordId([0; 32]) };

/// Members from a rank up to where the next bucket begins.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Bucket {
    from: Rank,
    sum: Sum,
    /// Its members were never read: the sum is none of theirs.
    unread: bool,
}

impl Bucket {
    fn fits(&self) -> bool {
        !self.unread && self.sum.count() <= FULL
    }
}

/// The buckets of a set. There is always one, and the first begins where order does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Buckets(Vec<Bucket>);

/// Members between two ranks, the second excluded; to the end of the set without it.
pub(crate) type Span = (Rank, Option<Rank>);

impl Buckets {
    /// Of a set that has no members.
    pub fn empty() -> Self {
        Self(vec![Bucket { from: LOWEST, sum: Sum::default(), unread: false }])
    }

    /// Of a set of which nothing is known yet: to be cut before it says anything.
    pub fn unread() -> Self {
        Self(vec![Bucket { from: LOWEST, sum: Sum::default(), unread: true }])
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The bucket in which a member of this rank is, or would be.
    pub fn of(&self, rank: &Rank) -> usize {
        self.0.partition_point(|bucket| bucket.from <= *rank) - 1
    }

    /// Where a bucket begins and ends.
    pub fn span(&self, bucket: usize) -> Span {
        (self.0[bucket].from, self.0.get(bucket + 1).map(|next| next.from))
    }

    /// For each bucket the sum of everything before it, and then that of the whole set.
    pub fn sums_before(&self) -> Vec<Sum> {
        let mut before = Vec::with_capacity(self.0.len() + 1);
        before.push(Sum::default());
        for bucket in &self.0 {
            before.push(before[before.len() - 1].plus(&bucket.sum));
        }
        before
    }

    /// A member that was not there before.
    pub fn add(&mut self, member: &Rank) {
        let bucket = self.of(member);
        let sum = &mut self.0[bucket].sum;
        *sum = sum.with(&member.id);
    }

    /// Whether no bucket has to be cut.
    pub fn fit(&self) -> bool {
        self.0.iter().all(Bucket::fits)
    }

    /// The same set in buckets that fit. `read` lists members in order.
    pub fn cut<E, I: Iterator<Item = Result<Rank, E>>>(&self, mut read: impl FnMut(Span) -> I) -> Result<Self, E> {
        let mut cut = Vec::with_capacity(self.0.len());
        let mut rest = &self.0[..];
        while let Some(first) = rest.first() {
            if first.fits() {
                cut.push(first.clone());
                rest = &rest[1..];
                continue;
            }
            // Neighbours are read in one go.
            let run = rest.iter().take_while(|bucket| !bucket.fits()).count();
            let (full, others) = rest.split_at(run);
            let piece = |from| Bucket { from, sum: Sum::default(), unread: false };
            let mut open = piece(first.from);
            for member in read((first.from, others.first().map(|next| next.from))) {
                let member = member?;
                if open.sum.count() == CUT {
                    cut.push(std::mem::replace(&mut open, piece(member)));
                }
                open.sum = open.sum.with(&member.id);
            }
            cut.push(open);
            let counted: u64 = full.iter().map(|bucket| bucket.sum.count()).sum();
            let found: u64 = cut.iter().rev().take_while(|piece| piece.from >= first.from).map(|p| p.sum.count()).sum();
            debug_assert!(full.iter().any(|bucket| bucket.unread) || counted == found, "buckets of another moment");
            rest = others;
        }
        Ok(Self(cut))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::convert::Infallible;

    use super::*;
    use proptest::prelude::*;

    fn member(number: u32) -> Rank {
        Rank { created: u64::from(number / 3), id: RecordId(*blake3::hash(&number.to_le_bytes()).as_bytes()) }
    }

    fn cut(buckets: &Buckets, set: &BTreeSet<Rank>) -> Buckets {
        let within = |(from, to): Span| {
            let members = set.range(from..).take_while(move |member| to.is_none_or(|to| **member < to));
            members.copied().map(Ok::<_, Infallible>).collect::<Vec<_>>().into_iter()
        };
        buckets.cut(within).unwrap()
    }

    fn assert_holds(buckets: &Buckets, set: &BTreeSet<Rank>) {
        let before = buckets.sums_before();
        for bucket in 0..buckets.len() {
            let (from, to) = buckets.span(bucket);
            let members = set.range(from..).take_while(|member| to.is_none_or(|to| **member < to));
            let sum = members.map(|member| &member.id).collect::<Sum>();
            assert_eq!(before[bucket + 1].minus(&before[bucket]), sum);
        }
        assert_eq!(before[buckets.len()].count(), set.len() as u64);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Members come in any order, and buckets are cut now and then.
        #[test]
        fn buckets_hold_what_was_added(
            known in prop::collection::btree_set(0..3000u32, 0..700),
            rounds in prop::collection::vec(prop::collection::btree_set(0..3000u32, 0..400), 0..5),
        ) {
            let mut set: BTreeSet<Rank> = known.iter().copied().map(member).collect();
            let mut buckets = cut(&Buckets::unread(), &set);
            assert_holds(&buckets, &set);
            for round in rounds {
                for number in round {
                    if set.insert(member(number)) {
                        buckets.add(&member(number));
                    }
                }
                assert_holds(&buckets, &set);
                buckets = cut(&buckets, &set);
                prop_assert!(buckets.fit());
                assert_holds(&buckets, &set);
            }
        }
    }

    #[test]
    fn a_set_that_grows_at_its_end_fills_its_buckets() {
        let mut set = BTreeSet::new();
        let mut buckets = Buckets::empty();
        for number in 0..10_000 {
            set.insert(member(number));
            buckets.add(&member(number));
            if number % 50 == 0 {
                buckets = cut(&buckets, &set);
            }
        }
        assert!(buckets.len() <= 10_000 / CUT as usize + 2, "{} buckets", buckets.len());
    }
}
