//! How fast: a bucket that bounds, and a rate that is shown.

use super::types::Millis;

/// Tokens that come at a steady rate, up to a bound.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    tokens: f64,
    at: Millis,
}

impl Bucket {
    /// Full.
    pub fn new(now: Millis, most: f64) -> Self {
        Self { tokens: most, at: now }
    }

    /// How many of `wanted` are granted at `rate` a second and `most` at once.
    pub fn take(&mut self, now: Millis, (rate, most): (f64, f64), wanted: usize) -> usize {
        let passed = now.saturating_sub(self.at) as f64 / 1000.0;
        self.at = self.at.max(now);
        self.tokens = (self.tokens + passed * rate).min(most);
        let granted = (self.tokens.max(0.0) as usize).min(wanted);
        self.tokens -= granted as f64;
        granted
    }
}

/// Events a second, over the last ten seconds or so.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rate {
    sum: f64,
    at: Millis,
}

/// How long an event counts, in milliseconds.
const WINDOW: f64 = 10_000.0;

impl Rate {
    fn faded(&self, now: Millis) -> f64 {
        self.sum * (-(now.saturating_sub(self.at) as f64) / WINDOW).exp()
    }

    pub fn add(&mut self, now: Millis, events: usize) {
        self.sum = self.faded(now) + events as f64;
        self.at = self.at.max(now);
    }

    pub fn per_second(&self, now: Millis) -> f64 {
        self.faded(now) * 1000.0 / WINDOW
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_grants_its_rate_and_no_more() {
        let pace = (10.0, 20.0);
        let mut bucket = Bucket::new(0, pace.1);
        assert_eq!(bucket.take(0, pace, 50), 20);
        assert_eq!(bucket.take(0, pace, 50), 0);
        let granted: usize = (1..=100).map(|i| bucket.take(i * 100, pace, 50)).sum();
        assert!((99..=100).contains(&granted), "{granted}");
        assert_eq!(bucket.take(1_000_000, pace, 50), 20);
        // A clock that goes back grants nothing.
        assert_eq!(bucket.take(0, pace, 50), 0);
    }

    #[test]
    fn a_steady_rate_is_shown_as_it_is() {
        let mut rate = Rate::default();
        (0..1000).for_each(|i| rate.add(i * 100, 5));
        assert!((rate.per_second(100_000) - 50.0).abs() < 3.0, "{}", rate.per_second(100_000));
        assert!(rate.per_second(200_000) < 0.1);
    }
}
