//! How often a key may write: a sliding window for each grant.
//!
//! The rate is no part of validity, because no two nodes see the same window. It is kept where
//! the app writes, and by each receiver for itself: there it delays, and never refuses.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;

use atlas_record::identity::Rate;
use atlas_record::{GrantId, Timestamp};

/// Times kept for one grant. A rate of more records is kept in a window shorter by as much.
const MOST_TIMES: u64 = 65_536;

/// The last times of one grant, oldest first.
#[derive(Debug, Default, Clone)]
pub struct Window(VecDeque<Timestamp>);

/// What fits [`MOST_TIMES`].
fn bounded(rate: &Rate) -> (usize, u64) {
    let records = rate.records.clamp(1, MOST_TIMES);
    let per_ms = u128::from(rate.per_ms) * u128::from(records) / u128::from(rate.records.max(1));
    (usize::try_from(records).unwrap_or(usize::MAX), u64::try_from(per_ms).unwrap_or(u64::MAX).max(1))
}

impl Window {
    /// How long until one more fits, in milliseconds; none if it does now.
    pub fn wait(&self, rate: &Rate, now: Timestamp) -> Option<u64> {
        let (records, per_ms) = bounded(rate);
        // Of the last `records` times, the first has to be out of the window.
        let first = self.0.len().checked_sub(records).and_then(|at| self.0.get(at))?;
        let free = first.saturating_add(per_ms);
        (free > now).then(|| free - now)
    }

    /// Notes one.
    pub fn add(&mut self, rate: &Rate, at: Timestamp) {
        let (records, _) = bounded(rate);
        // Clocks step back; the window does not.
        let at = self.0.back().map_or(at, |last| at.max(*last));
        self.0.push_back(at);
        while self.0.len() > records {
            self.0.pop_front();
        }
    }
}

/// Windows by grant.
#[derive(Debug, Default)]
pub struct Rates(Mutex<HashMap<GrantId, Window>>);

/// Grants whose windows are kept: those that were used last are not told apart, all are
/// dropped together, which lets each through once more.
const MOST_GRANTS: usize = 65_536;

impl Rates {
    /// Takes one place in a grant's window, or says how long it takes until there is one.
    /// `load` gives the times before this node was started.
    pub fn take(
        &self,
        grant: &GrantId,
        rate: &Rate,
        now: Timestamp,
        load: impl FnOnce() -> Vec<Timestamp>,
    ) -> Result<(), u64> {
        let mut windows = self.0.lock().expect("no thread panics with this lock");
        if windows.len() >= MOST_GRANTS && !windows.contains_key(grant) {
            windows.clear();
        }
        let window = windows.entry(*grant).or_insert_with(|| {
            let mut window = Window::default();
            load().into_iter().for_each(|at| window.add(rate, at));
            window
        });
        match window.wait(rate, now) {
            Some(wait) => Err(wait),
            None => {
                window.add(rate, now);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { records: 3, per_ms: 1000 };
    const GRANT: GrantId = GrantId([1; 32]);

    #[test]
    fn in_any_window_at_most_so_many() {
        let rates = Rates::default();
        let mut taken = Vec::new();
        for now in (0..5000).step_by(70) {
            if rates.take(&GRANT, &RATE, now, Vec::new).is_ok() {
                taken.push(now);
            }
        }
        assert!(taken.len() >= 13, "{taken:?}");
        for four in taken.windows(4) {
            assert!(four[3] - four[0] >= 1000, "{four:?}");
        }
    }

    #[test]
    fn it_says_when_to_come_again_and_that_is_true() {
        let rates = Rates::default();
        for now in [0, 100, 200] {
            assert_eq!(rates.take(&GRANT, &RATE, now, Vec::new), Ok(()));
        }
        let wait = rates.take(&GRANT, &RATE, 300, Vec::new).unwrap_err();
        assert_eq!(wait, 700);
        assert!(rates.take(&GRANT, &RATE, 300 + wait - 1, Vec::new).is_err());
        assert_eq!(rates.take(&GRANT, &RATE, 300 + wait, Vec::new), Ok(()));
    }

    #[test]
    fn a_restart_does_not_open_a_new_window() {
        let rates = Rates::default();
        assert_eq!(rates.take(&GRANT, &RATE, 500, || vec![0, 100, 200]), Err(500));
    }

    #[test]
    fn a_clock_that_steps_back_frees_nothing() {
        let rates = Rates::default();
        for now in [5000, 100, 100] {
            assert!(rates.take(&GRANT, &RATE, now, Vec::new).is_ok());
        }
        assert!(rates.take(&GRANT, &RATE, 200, Vec::new).is_err());
    }

    #[test]
    fn a_rate_of_millions_takes_bounded_memory() {
        let rate = Rate { records: 10_000_000, per_ms: 10_000_000 };
        let mut window = Window::default();
        (0..200_000).for_each(|at| window.add(&rate, at));
        assert_eq!(window.0.len() as u64, MOST_TIMES);
    }
}
