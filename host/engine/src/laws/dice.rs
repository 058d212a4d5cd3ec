//! Numbers from a seed, the same in every run and on every machine: what a test did can be
//! repeated. Source: SplitMix64, Steele, Lea and Flood 2014.

/// A small generator.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 where that is 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.number() % (end.max(1) as u64)).expect("below a usize")
    }

    /// True once in so many times.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// A number from a range.
    pub(crate) fn within(&mut self, from: i64, to: i64) -> i64 {
        let span = (i128::from(to) - i128::from(from) + 1).max(1);
        let offset = i128::from(self.number()) % span;
        i64::try_from(i128::from(from) + offset).expect("within the range")
    }

    /// A number as life has them: mostly small, now and then at the end of the scale.
    pub(crate) fn lifelike(&mut self) -> u64 {
        match self.below(12) {
            0 => 0,
            1 => u64::MAX,
            2 => u64::MAX >> self.below(64),
            _ => self.number() >> (20 + self.below(44)),
        }
    }

    /// One of several.
    pub(crate) fn one_of<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// Another order of `0..count`.
    pub(crate) fn order(&mut self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        for i in (1..count).rev() {
            order.swap(i, self.below(i + 1));
        }
        order
    }

    /// Bytes without sense.
    pub(crate) fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most + 1)).map(|_| self.number() as u8).collect()
    }

    /// The id of some record, or of some identity.
    pub(crate) fn id(&mut self) -> String {
        const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        // A CIDv1 of DAG-CBOR and BLAKE3; the first digit after its head and the last one hold three
        // bits of the digest only.
        let mut id = "bafyr4i".to_owned();
        id.push(char::from(DIGITS[self.below(8)]));
        id.extend((0..50).map(|_| char::from(DIGITS[self.below(32)])));
        id.push(char::from(DIGITS[self.below(8) * 4]));
        id
    }
}

#[cfg(test)]
mod tests {
    use super::Dice;

    #[test]
    fn a_seed_fixes_everything_that_follows() {
        let roll = |seed| {
            let mut dice = Dice::new(seed);
            (dice.number(), dice.order(9), dice.bytes(9), dice.id(), dice.within(-3, 3))
        };
        assert_eq!(roll(7), roll(7));
        assert_ne!(roll(7), roll(8));
        let mut order = Dice::new(1).order(50);
        order.sort_unstable();
        assert!(order.into_iter().eq(0..50));
    }

    #[test]
    fn ids_are_those_of_blake3_and_dag_cbor() {
        for seed in 0..50 {
            let id = Dice::new(seed).id();
            assert!(id.parse::<atlas_record::RecordId>().is_ok(), "{id}");
        }
    }
}
