//! What two peers compare of a range: how many members it has, and the sum of their ids.
//!
//! Ids are read as 256-bit integers, least significant byte first, and summed modulo 2^256. A
//! sum can be kept up to date and taken apart again: that of a range is that of all before its
//! end less that of all before its start.

use atlas_record::RecordId;

/// The members of a range, counted and summed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    count: u64,
    /// Least significant first.
    limbs: [u64; 4],
}

impl Sum {
    /// How many members.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The sum of their ids, least significant byte first.
    pub fn ids(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.chunks_exact_mut(8).zip(self.limbs).for_each(|(part, limb)| part.copy_from_slice(&limb.to_le_bytes()));
        bytes
    }

    /// The same with one member more.
    #[must_use]
    pub fn with(self, id: &RecordId) -> Self {
        let (limbs, _) = id.0.as_chunks::<8>();
        let one = Self { count: 1, limbs: std::array::from_fn(|i| u64::from_le_bytes(limbs[i])) };
        self.plus(&one)
    }

    /// The members of both ranges, which have none in common.
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        let mut carry = false;
        for (limb, other) in self.limbs.iter_mut().zip(other.limbs) {
            (*limb, carry) = limb.carrying_add(other, carry);
        }
        self.count += other.count;
        self
    }

    /// The same without a range that is part of it.
    #[must_use]
    pub fn minus(mut self, part: &Self) -> Self {
        let mut borrow = false;
        for (limb, part) in self.limbs.iter_mut().zip(part.limbs) {
            (*limb, borrow) = limb.borrowing_sub(part, borrow);
        }
        self.count -= part.count;
        self
    }
}

impl<'a> FromIterator<&'a RecordId> for Sum {
    fn from_iter<I: IntoIterator<Item = &'a RecordId>>(ids: I) -> Self {
        ids.into_iter().fold(Self::default(), Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A byte at a time, as one learns it at school.
    fn at_school(ids: &[RecordId]) -> [u8; 32] {
        let mut sum = [0; 32];
        for id in ids {
            let mut carry = 0;
            for (digit, other) in sum.iter_mut().zip(id.0) {
                let total = u16::from(*digit) + u16::from(other) + carry;
                *digit = total as u8;
                carry = total >> 8;
            }
        }
        sum
    }

    fn ids() -> impl Strategy<Value = Vec<RecordId>> {
        let byte = prop_oneof![any::<u8>(), Just(0xff), Just(0)];
        prop::collection::vec(prop::collection::vec(byte, 32).prop_map(|b| RecordId(b.try_into().unwrap())), 0..8)
    }

    proptest! {
        #[test]
        fn sums_carry_from_the_first_byte_to_the_last(ids in ids()) {
            let sum = ids.iter().collect::<Sum>();
            prop_assert_eq!(sum.ids(), at_school(&ids));
            prop_assert_eq!(sum.count(), ids.len() as u64);
        }

        #[test]
        fn what_is_taken_away_again_leaves_the_rest(left in ids(), right in ids()) {
            let [left, right] = [left, right].map(|ids| ids.iter().collect::<Sum>());
            prop_assert_eq!(left.plus(&right).minus(&left), right);
        }
    }
}
