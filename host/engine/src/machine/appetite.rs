//! How many records, or other questions, to hand to a warm instance at once. Pure arithmetic.
//!
//! A warm batch counts only if all of it stays within a quarter of what one record may
//! use, and costs a second run if it does not. So batches grow while they fit, shrink
//! when one does not, and records that are dear by nature are run alone from the start.

/// Records in a batch at most: beyond this the cost of the crossing no longer shows.
pub(crate) const MAX_BATCH: usize = 128;
/// Dear records in a row that are run canonically before a warm run is tried again.
const PATIENCE: u32 = 64;

/// How to run the next records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// This many in a warm instance.
    Warm(usize),
    /// The next one alone in a fresh instance.
    Canonical,
}

/// What is known of a module's appetite.
#[derive(Clone, Debug)]
pub(crate) struct Appetite {
    /// Fuel for a warm batch: a quarter of the slot's.
    budget: u64,
    /// Moving average of fuel per record; zero before the first.
    per_record: u64,
    /// Records the next batch may hold: doubles on success, halves on failure.
    window: usize,
    /// Canonical runs since the last warm one.
    waited: u32,
}

impl Appetite {
    pub(crate) fn new(budget: u64) -> Self {
        Self { budget, per_record: 0, window: 16, waited: 0 }
    }

    pub(crate) fn plan(&mut self, left: usize) -> Plan {
        if self.per_record > self.budget && self.waited < PATIENCE {
            self.waited += 1;
            return Plan::Canonical;
        }
        self.waited = 0;
        // Half the budget, so that records of twice the average still fit.
        let fits = (self.budget / 2).checked_div(self.per_record).map_or(MAX_BATCH, |fits| fits as usize);
        Plan::Warm(left.min(self.window).min(fits).clamp(1, MAX_BATCH))
    }

    /// A warm batch stayed within its budget.
    pub(crate) fn fitted(&mut self, records: usize, fuel: u64) {
        self.learn(fuel / records.max(1) as u64);
        if records >= self.window {
            self.window = (self.window * 2).min(MAX_BATCH);
        }
    }

    /// A warm batch did not count.
    pub(crate) fn failed(&mut self, records: usize) {
        self.window = (records.min(self.window) / 2).max(1);
    }

    /// A record ran alone and took this much.
    pub(crate) fn ran_alone(&mut self, fuel: u64) {
        self.learn(fuel);
    }

    /// Up fast, down slowly: an underestimate costs a second run, an overestimate little.
    fn learn(&mut self, fuel: u64) {
        let fuel = fuel.max(1);
        self.per_record = match self.per_record {
            0 => fuel,
            known if fuel > known => known / 2 + fuel / 2 + 1,
            known => known - (known - fuel) / 8,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cheap_records_come_to_full_batches() {
        let mut appetite = Appetite::new(1_000_000);
        for _ in 0..5 {
            let Plan::Warm(n) = appetite.plan(1000) else { panic!("cheap records run warm") };
            appetite.fitted(n, n as u64 * 100);
        }
        assert_eq!(appetite.plan(1000), Plan::Warm(MAX_BATCH));
        assert_eq!(appetite.plan(3), Plan::Warm(3));
    }

    #[test]
    fn a_batch_fits_half_the_budget_by_the_average() {
        let mut appetite = Appetite::new(1000);
        appetite.fitted(1, 100);
        assert_eq!(appetite.plan(1000), Plan::Warm(5));
    }

    #[test]
    fn dear_records_run_alone_and_are_tried_warm_now_and_then() {
        let mut appetite = Appetite::new(1000);
        appetite.ran_alone(3000);
        let canonical = (0..65).filter(|_| appetite.plan(10) == Plan::Canonical).count();
        assert_eq!(canonical, 64);
    }

    #[test]
    fn a_failure_halves_and_success_doubles() {
        let mut appetite = Appetite::new(1_000_000);
        appetite.failed(16);
        assert_eq!(appetite.plan(1000), Plan::Warm(8));
        appetite.fitted(8, 8);
        assert_eq!(appetite.plan(1000), Plan::Warm(16));
        for _ in 0..10 {
            appetite.failed(16);
        }
        assert_eq!(appetite.plan(1000), Plan::Warm(1));
    }
}
