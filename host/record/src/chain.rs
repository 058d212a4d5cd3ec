//! Per-key chains: one per (signing key, space).
//!
//! Each record carries its position, its predecessor, and a *skip* further back, so that
//! "A is an ancestor of B" is shown with O(log n) headers. The skip is the lipmaa link of
//! the Bamboo log format; its certificate pool reaches any ancestor within about 2·log3(n)
//! steps. Positions count from 1; 0 marks records outside any chain (ephemeral ones).

use crate::id::RecordId;

/// Where the next record of a key goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// 1 for the first record.
    pub seq: u64,
    /// The record at `seq - 1`; none at 1.
    pub prev: Option<RecordId>,
    /// The record at `lipmaa(seq)`, where that is not the predecessor.
    pub skip: Option<RecordId>,
}

/// The position that `seq` skips back to: `seq - 1`, or further. 0 for position 1.
///
/// Source: the Bamboo specification, after Helger Lipmaa's simple certificate graphs. Call
/// `top(k) = (3^k - 1) / 2` the crowns. A crown skips `3^(k-1)` back, to the crown below it. Any
/// other position is reduced by the crowns below it, largest first, until nothing is left;
/// it skips the last crown that divided it, or one step where that was the first crown.
pub fn lipmaa(seq: u64) -> u64 {
    if seq <= 1 {
        return 0;
    }
    let seq = u128::from(seq); // the crown above a u64 does not fit one
    let crown = |power: u128| (power - 1) / 2;
    let mut power = 3;
    while crown(power) < seq {
        power *= 3;
    }
    let span = if crown(power) == seq {
        power / 3
    } else {
        let mut rest = seq;
        while rest != 0 {
            power /= 3;
            rest %= crown(power);
        }
        crown(power)
    };
    u64::try_from(seq - span).expect("a skip leads back")
}

/// Whether a record at `seq` carries a skip of its own, rather than leaning on `prev`.
pub fn has_skip(seq: u64) -> bool {
    seq > 1 && lipmaa(seq) != seq - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skips_are_those_of_the_bamboo_specification() {
        // Figure "lipmaa links" of the specification: from -> to.
        let table = [
            (1, 0),
            (2, 1),
            (3, 2),
            (4, 1),
            (5, 4),
            (6, 5),
            (7, 6),
            (8, 4),
            (9, 8),
            (10, 9),
            (11, 10),
            (12, 8),
            (13, 4),
            (14, 13),
            (15, 14),
            (16, 15),
            (17, 13),
            (21, 17),
            (25, 21),
            (26, 13),
            (39, 26),
            (40, 13),
        ];
        for (from, to) in table {
            assert_eq!(lipmaa(from), to, "from {from}");
        }
    }

    #[test]
    fn any_ancestor_is_reached_in_logarithmic_steps() {
        for from in [2u64, 41, 1_000, 99_999, 1 << 40] {
            for to in [1, from / 3, from / 2, from - 1] {
                let (mut at, mut steps) = (from, 0);
                while at > to.max(1) {
                    let skip = lipmaa(at);
                    at = if skip >= to.max(1) { skip } else { at - 1 };
                    steps += 1;
                }
                assert_eq!(at, to.max(1));
                assert!(steps <= 4 * (64 - from.leading_zeros()), "{from} -> {to}: {steps} steps");
            }
        }
    }

    #[test]
    fn the_last_position_has_a_skip_too() {
        assert!(lipmaa(u64::MAX) < u64::MAX);
    }
}
