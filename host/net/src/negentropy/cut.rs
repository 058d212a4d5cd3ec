//! Where a range that differs is cut.

use std::ops::{ControlFlow, Range};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::items::Items;
use super::wire::{BOUND_BYTES, Bound, Payload, Writer};

/// Pieces that a range is cut into, at most. More would save a round trip in sets beyond millions and
/// cost bytes in all others.
const PIECES: u64 = 16;

/// Fixed points: fewer members than this are listed, as the first implementations do.
const FIXED_LIST: u64 = 2 * PIECES;

/// Random points: at most this many members are listed. A list goes both ways, 64 bytes a member; a
/// fingerprint costs some 22. So a lone difference among many is found with fewer bytes when lists
/// are short.
const SHORT_LIST: u64 = 4;

/// Random points: how many members a piece of a small range has, about.
const SMALL_PIECE: u64 = 3;

/// A cut never takes more bytes: a fixed list of 31 ids is the longest.
pub(super) const MOST_BYTES: usize = {
    let list = BOUND_BYTES + 2 + 32 * (FIXED_LIST as usize - 1);
    let pieces = PIECES as usize * (BOUND_BYTES + 1 + 16);
    if list > pieces { list } else { pieces }
};

/// How a side cuts its ranges. The other side neither knows nor cares.
#[derive(Debug)]
pub enum Split {
    /// 16 equal parts, lists of up to 31 ids: the same messages for the same sets, as other
    /// implementations of v1 write them.
    Fixed,
    /// Unequal parts that nobody can foresee, and short lists.
    Random(Box<StdRng>),
}

impl Split {
    /// Random points from a seed, which must not be known to others.
    pub fn random(seed: [u8; 32]) -> Self {
        Self::Random(Box::new(StdRng::from_seed(seed)))
    }

    /// The longest list of this kind.
    fn list(&self) -> u64 {
        match self {
            Self::Fixed => FIXED_LIST - 1,
            Self::Random(_) => SHORT_LIST,
        }
    }

    /// How many members each of the parts of a range of `count` has; none is empty.
    fn parts(&mut self, count: u64) -> Vec<u64> {
        match self {
            Self::Fixed => (0..PIECES).map(|i| count / PIECES + u64::from(i < count % PIECES)).collect(),
            Self::Random(rng) => {
                let pieces = count.div_ceil(SMALL_PIECE).min(PIECES);
                let width = count / pieces;
                let mut last = 0;
                (1..=pieces)
                    .map(|i| {
                        // Each end moves by less than half a width to either side, so ends stay in order.
                        let end = match i * count / pieces {
                            end if end == count => end,
                            end => end - width / 2 + rng.random_range(0..width),
                        };
                        end - std::mem::replace(&mut last, end)
                    })
                    .collect()
            }
        }
    }

    /// Says more about a range that differs: lists it if it is small, and sends fingerprints of its
    /// parts otherwise.
    pub(super) fn cut<I: Items>(
        &mut self,
        items: &I,
        range: Range<u64>,
        bound: &Bound,
        out: &mut Writer,
    ) -> Result<(), I::Error> {
        let count = range.end - range.start;
        if count <= self.list() {
            let mut ids = Vec::with_capacity(count as usize);
            items.for_each(range, &mut |item| {
                ids.push(item.id);
                ControlFlow::Continue(())
            })?;
            out.put(bound, Payload::Ids(&ids));
            return Ok(());
        }
        let mut start = range.start;
        for members in self.parts(count) {
            let end = start + members;
            let fingerprint = items.sum(start..end)?.fingerprint();
            let bound = if end == range.end { *bound } else { Bound::between(&items.at(end - 1)?, &items.at(end)?) };
            out.put(&bound, Payload::Fingerprint(fingerprint));
            start = end;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn parts_make_up_the_whole_and_none_is_empty(count in 5u64..100_000, seed: [u8; 32]) {
            let mut random = Split::random(seed);
            let parts = random.parts(count);
            prop_assert_eq!(parts.iter().sum::<u64>(), count);
            prop_assert!(parts.iter().all(|&part| part > 0) && parts.len() as u64 <= PIECES);
            let fixed = Split::Fixed.parts(count.max(FIXED_LIST));
            prop_assert_eq!(fixed.iter().sum::<u64>(), count.max(FIXED_LIST));
            prop_assert!(fixed.iter().max().unwrap_or(&0) - fixed.iter().min().unwrap_or(&0) <= 1);
        }
    }

    #[test]
    fn two_seeds_cut_in_other_places() {
        assert_ne!(Split::random([1; 32]).parts(10_000), Split::random([2; 32]).parts(10_000));
    }
}
