//! Members of a set, their sums, and the trait behind which a set stands.

use std::convert::Infallible;
use std::ops::{ControlFlow, Range};

use atlas_record::RecordId;
use atlas_record::order::Rank;
use sha2::{Digest, Sha256};

use super::wire;

/// 32 bytes that name a member.
pub type Id = [u8; 32];

/// A member of a set. The order is that of the protocol and of [`Rank`]: by time, then by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Item {
    /// Any unit; Atlas uses milliseconds since the Unix epoch. `u64::MAX` means infinity and is no time
    /// of a member.
    pub time: u64,
    /// Breaks ties.
    pub id: Id,
}

impl Item {
    /// Where a set begins, as a bound.
    pub const START: Self = Self { time: 0, id: [0; 32] };
    /// Behind every member, as a bound.
    pub const END: Self = Self { time: u64::MAX, id: [0; 32] };
}

impl From<Rank> for Item {
    fn from(rank: Rank) -> Self {
        Self { time: rank.created, id: rank.id.0 }
    }
}

impl From<Item> for Rank {
    fn from(item: Item) -> Self {
        Self { created: item.time, id: RecordId(item.id) }
    }
}

/// How many members, and the sum of their ids as little-endian numbers modulo 2^256. Sums of adjacent
/// ranges add up, so a tree of them answers for any range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    /// Members.
    pub count: u64,
    /// Little-endian.
    pub total: [u8; 32],
}

/// A number of 256 bits as four digits, least significant first.
fn digits(bytes: &[u8; 32]) -> [u64; 4] {
    let (chunks, _) = bytes.as_chunks::<8>();
    std::array::from_fn(|i| u64::from_le_bytes(chunks[i]))
}

fn bytes(digits: [u64; 4]) -> [u8; 32] {
    let mut bytes = [0; 32];
    let (chunks, _) = bytes.as_chunks_mut::<8>();
    for (chunk, digit) in chunks.iter_mut().zip(digits) {
        *chunk = digit.to_le_bytes();
    }
    bytes
}

impl Sum {
    /// Takes one member in.
    pub fn add(&mut self, id: &Id) {
        *self = self.plus(&Self { count: 1, total: *id });
    }

    /// The sum of two disjoint ranges.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let (a, b) = (digits(&self.total), digits(&other.total));
        let mut carry = false;
        let total = std::array::from_fn(|i| {
            let (sum, first) = a[i].overflowing_add(b[i]);
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            carry = first || second;
            sum
        });
        Self { count: self.count + other.count, total: bytes(total) }
    }

    /// What is left of this range without `part` of it.
    #[must_use]
    pub fn minus(&self, part: &Self) -> Self {
        let (a, b) = (digits(&self.total), digits(&part.total));
        let mut borrow = false;
        let total = std::array::from_fn(|i| {
            let (difference, first) = a[i].overflowing_sub(b[i]);
            let (difference, second) = difference.overflowing_sub(u64::from(borrow));
            borrow = first || second;
            difference
        });
        Self { count: self.count - part.count, total: bytes(total) }
    }

    /// What goes over the wire.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut count = Vec::with_capacity(wire::NUMBER_BYTES);
        wire::put_number(&mut count, self.count);
        let digest = Sha256::new().chain_update(self.total).chain_update(&count).finalize();
        let mut fingerprint = [0; 16];
        fingerprint.copy_from_slice(&digest[..16]);
        fingerprint
    }
}

/// The first half of SHA-256 over a sum and its count.
pub type Fingerprint = [u8; 16];

/// A set that stands still while a message is read: an ordered list without duplicates, asked by
/// position. All of it is asked often and for small parts, so each answer should cost the logarithm
/// of the set, not the length of the range.
pub trait Items {
    /// Why the set cannot be read.
    type Error;

    /// How many members there are.
    fn len(&self) -> Result<u64, Self::Error>;

    /// Whether there are none.
    fn is_empty(&self) -> Result<bool, Self::Error> {
        Ok(self.len()? == 0)
    }

    /// The member at a position below [`Items::len`].
    fn at(&self, index: u64) -> Result<Item, Self::Error>;

    /// How many members come before `bound`, which need not be one.
    fn lower_bound(&self, bound: &Item) -> Result<u64, Self::Error>;

    /// The sum over positions.
    fn sum(&self, range: Range<u64>) -> Result<Sum, Self::Error>;

    /// Shows the members at these positions in order, until told to stop.
    fn for_each(&self, range: Range<u64>, visit: &mut dyn FnMut(Item) -> ControlFlow<()>) -> Result<(), Self::Error>;
}

/// A member whose time is `u64::MAX`, which the protocol keeps for "infinity".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a member of a set has the time 2^64 - 1, which means infinity: such a record must not be admitted")]
pub struct ReservedTime;

/// A set in memory: a sorted list and its running sums, 72 bytes a member.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    items: Vec<Item>,
    /// At `i`, the sum of the first `i + 1` members.
    sums: Vec<[u8; 32]>,
}

impl Memory {
    /// Sorts, and drops duplicates.
    pub fn new(mut items: Vec<Item>) -> Result<Self, ReservedTime> {
        items.sort_unstable();
        items.dedup();
        if items.last().is_some_and(|item| item.time == u64::MAX) {
            return Err(ReservedTime);
        }
        let mut running = Sum::default();
        let sums = items
            .iter()
            .map(|item| {
                running.add(&item.id);
                running.total
            })
            .collect();
        Ok(Self { items, sums })
    }

    /// The members in order.
    pub fn as_slice(&self) -> &[Item] {
        &self.items
    }

    fn below(&self, index: usize) -> Sum {
        match index.checked_sub(1) {
            None => Sum::default(),
            Some(last) => Sum { count: index as u64, total: self.sums[last] },
        }
    }
}

impl Items for Memory {
    type Error = Infallible;

    fn len(&self) -> Result<u64, Infallible> {
        Ok(self.items.len() as u64)
    }

    fn at(&self, index: u64) -> Result<Item, Infallible> {
        Ok(self.items[index as usize])
    }

    fn lower_bound(&self, bound: &Item) -> Result<u64, Infallible> {
        Ok(self.items.partition_point(|item| item < bound) as u64)
    }

    fn sum(&self, range: Range<u64>) -> Result<Sum, Infallible> {
        Ok(self.below(range.end as usize).minus(&self.below(range.start as usize)))
    }

    fn for_each(&self, range: Range<u64>, visit: &mut dyn FnMut(Item) -> ControlFlow<()>) -> Result<(), Infallible> {
        let _ = self.items[range.start as usize..range.end as usize].iter().try_for_each(|item| visit(*item));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(first: u8, last: u8) -> Id {
        let mut id = [0; 32];
        (id[0], id[31]) = (first, last);
        id
    }

    #[test]
    fn sums_carry_through_all_digits_and_wrap() {
        let mut sum = Sum::default();
        sum.add(&[0xff; 32]);
        sum.add(&id(1, 0));
        assert_eq!(sum, Sum { count: 2, total: [0; 32] });
        assert_eq!(sum.minus(&Sum { count: 1, total: id(1, 0) }), Sum { count: 1, total: [0xff; 32] });
    }

    #[test]
    fn the_time_that_means_infinity_is_no_time_of_a_member() {
        assert_eq!(Memory::new(vec![Item::START, Item::END]).map(|_| ()), Err(ReservedTime));
        assert_eq!(Memory::new(vec![Item::START, Item::START]).map(|memory| memory.items.len()), Ok(1));
    }
}
