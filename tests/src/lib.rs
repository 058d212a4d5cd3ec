//! Support for the whole-system tests and the benchmarks.
//!
//! [`peer`] writes records as a stranger would, with keys that the node under test does not
//! hold. [`process`] runs the real `atlas` binary in a directory of its own. [`http`] talks to
//! its local API byte by byte. [`packages`] makes package indexes of any length.
//!
//! The tests themselves: `tests/received` and `tests/hostile` ask a node in the same process;
//! `host/cli/tests` and `tests/laboratory` run processes; `tests/bench` measures.

pub mod http;
pub mod packages;
pub mod peer;
pub mod process;

use std::io::Write;

/// Says that a test was skipped, and why, past the test harness, which hides what passing
/// tests print.
pub fn skipped(test: &str, why: &str) {
    // Nobody can be told that standard error is closed.
    let _ = writeln!(std::io::stderr(), "test {test} ... skipped: {why}");
}

/// A small generator of numbers that are the same in every run: what a test did can be
/// repeated from its seed. Source: xorshift64*, Vigna 2016.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }

    /// Another order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}
