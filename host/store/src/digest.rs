//! A digest of a set that can be kept up to date: whoever holds the same set has the same
//! digest, whatever the order in which its members came.
//!
//! It is a homomorphic hash (LtHash16: Bellare and Micciancio 1997; Lewi, Kim, Maykov and Weis
//! 2019). Each member becomes 1,024 lanes of 16 bits by BLAKE3's extendable output, and the
//! state of a set is the sum of its members, lane by lane. Adding and removing cost the same
//! wherever the member stands, and the states of two disjoint sets add up to that of both.
//! Finding another set with the same state is a lattice problem; at this size it is believed to
//! be out of reach. What is shown is the BLAKE3 hash of the state.
//!
//! One state is kept beside the counts of each space and type, over the (created, id) of every
//! header of the replicated set.

use atlas_record::SpaceId;
use atlas_record::TypeName;
use atlas_record::order::Rank;

use crate::error::StoreError;
use crate::group::counted_number;
use crate::keys::key;
use crate::kv::{Range, Table, View};
use crate::read::{space_number, type_number};
use crate::rows::decode_counts;
use crate::stats::Counts;
use crate::store::Store;

const LANES: usize = 1024;
/// Bytes of a state.
pub(crate) const STATE_BYTES: usize = 2 * LANES;

/// The state of a set.
#[derive(Clone, PartialEq, Eq)]
pub struct SetState(Box<[u16; LANES]>);

impl std::fmt::Debug for SetState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SetState({})", blake3::Hash::from(self.digest()))
    }
}

impl Default for SetState {
    /// Of the empty set.
    fn default() -> Self {
        Self(Box::new([0; LANES]))
    }
}

/// The lanes of a member.
fn lanes(member: &Rank) -> [u8; STATE_BYTES] {
    let mut bytes = [0; STATE_BYTES];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&member.created.to_be_bytes()).update(&member.id.0);
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}

fn lane(bytes: &[u8]) -> u16 {
    u16::from_le_bytes([bytes[0], bytes[1]])
}

impl SetState {
    /// Puts a member in. One that is in already is then in twice: the caller knows.
    pub fn add(&mut self, member: &Rank) {
        self.each(&lanes(member), u16::wrapping_add);
    }

    /// Takes a member out.
    pub fn remove(&mut self, member: &Rank) {
        self.each(&lanes(member), u16::wrapping_sub);
    }

    /// Puts every member of another set in.
    pub fn join(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0.iter()).for_each(|(lane, other)| *lane = lane.wrapping_add(*other));
    }

    fn each(&mut self, bytes: &[u8; STATE_BYTES], op: fn(u16, u16) -> u16) {
        self.0.iter_mut().zip(bytes.chunks_exact(2)).for_each(|(at, bytes)| *at = op(*at, lane(bytes)));
    }

    /// What two nodes compare.
    pub fn digest(&self) -> [u8; 32] {
        *blake3::hash(&self.to_bytes()).as_bytes()
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|lane| lane.to_le_bytes()).collect()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, StoreError> {
        if bytes.len() != STATE_BYTES {
            return Err(StoreError::damaged(Table::Digest, "a state of another length"));
        }
        let mut state = Self::default();
        state.0.iter_mut().zip(bytes.chunks_exact(2)).for_each(|(at, bytes)| *at = lane(bytes));
        Ok(state)
    }
}

/// How much there is in a set of headers, and which set it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetSummary {
    /// Every record up to this number is in.
    pub watermark: u64,
    /// Digest of the (created, id) of every header of the replicated set.
    pub digest: [u8; 32],
    /// Records shown, headers and bytes.
    pub counts: Counts,
}

impl Store {
    /// Digest and counts of a type in a space, or of all its types together, as of now.
    pub fn set_summary(&self, space: &SpaceId, type_name: Option<&TypeName>) -> Result<SetSummary, StoreError> {
        let view = self.view();
        let prefix = match (space_number(&*view, space)?, type_name) {
            (None, _) => None,
            (Some(space), None) => Some(key().name(space).to_vec()),
            (Some(space), Some(type_name)) => {
                type_number(&*view, type_name)?.map(|number| key().name(space).name(number).to_vec())
            }
        };
        summary(&*view, prefix)
    }
}

/// Digest and counts of the sets whose rows begin with a prefix, together; of none without it.
pub(crate) fn summary(view: &dyn View, prefix: Option<Vec<u8>>) -> Result<SetSummary, StoreError> {
    let watermark = counted_number(view)?;
    let mut sum = (SetState::default(), Counts::default());
    if let Some(prefix) = prefix {
        for row in view.range(Table::Digest, Range::prefix(&prefix)) {
            let (row, state) = row?;
            sum.0.join(&SetState::from_bytes(&state)?);
            if let Some(counts) = view.get(Table::Counts, &row)? {
                let counts = decode_counts(&counts)?;
                sum.1.visible += counts.visible;
                sum.1.total += counts.total;
                sum.1.body_bytes += counts.body_bytes;
            }
        }
    }
    Ok(SetSummary { watermark, digest: sum.0.digest(), counts: sum.1 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use atlas_record::RecordId;
    use proptest::prelude::*;

    fn member(number: u64) -> Rank {
        Rank { created: number / 3, id: RecordId([number as u8; 32]) }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn the_order_does_not_matter(mut numbers in prop::collection::vec(0..200u64, 0..20), turn in 0..20usize) {
            let of = |numbers: &[u64]| {
                let mut state = SetState::default();
                numbers.iter().for_each(|number| state.add(&member(*number)));
                state
            };
            let before = of(&numbers);
            let turn = turn.min(numbers.len());
            numbers.rotate_left(turn);
            prop_assert_eq!(&of(&numbers), &before);
            let (left, right) = numbers.split_at(turn);
            let mut joined = of(left);
            joined.join(&of(right));
            prop_assert_eq!(joined, before);
        }

        #[test]
        fn what_is_taken_out_again_was_never_in(numbers in prop::collection::vec(0..200u64, 0..20)) {
            let mut state = SetState::default();
            numbers.iter().for_each(|number| state.add(&member(*number)));
            numbers.iter().rev().for_each(|number| state.remove(&member(*number)));
            prop_assert_eq!(state, SetState::default());
        }
    }

    #[test]
    fn sets_that_differ_have_other_digests_and_states_survive_the_disk() {
        let mut one = SetState::default();
        one.add(&member(1));
        let mut two = one.clone();
        two.add(&member(2));
        let digests = [SetState::default().digest(), one.digest(), two.digest()];
        assert!(digests[0] != digests[1] && digests[1] != digests[2] && digests[0] != digests[2]);
        assert_eq!(SetState::from_bytes(&two.to_bytes()).unwrap(), two);
        assert!(SetState::from_bytes(&[0; 7]).is_err());
    }
}
