//! Backoff of modules that make this host fault, so that one of them costs the others
//! little. Pure: time is an argument.

use std::time::{Duration, Instant};

/// Faults in a row before a module rests.
const TOLERATED: u32 = 3;
const FIRST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(300);

/// How a module fares with this host.
#[derive(Clone, Debug, Default)]
pub(crate) struct Health {
    faults: u32,
    resting_until: Option<Instant>,
}

impl Health {
    /// How long the module still rests, if it does.
    pub(crate) fn rest_left(&self, now: Instant) -> Option<Duration> {
        self.resting_until.and_then(|until| until.checked_duration_since(now)).filter(|left| !left.is_zero())
    }

    /// The host faulted while running it.
    pub(crate) fn faulted(&mut self, now: Instant) {
        self.faults = self.faults.saturating_add(1);
        if let Some(beyond) = self.faults.checked_sub(TOLERATED) {
            let rest = FIRST_REST.saturating_mul(1 << beyond.min(16)).min(LONGEST_REST);
            self.resting_until = Some(now + rest);
        }
    }

    /// It ran to a verdict.
    pub(crate) fn served(&mut self) {
        if self.faults > 0 {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_grow_with_faults_in_a_row_and_end_with_a_verdict() {
        let start = Instant::now();
        let mut health = Health::default();
        health.faulted(start);
        health.faulted(start);
        assert_eq!(health.rest_left(start), None);
        health.faulted(start);
        assert_eq!(health.rest_left(start), Some(Duration::from_secs(1)));
        assert_eq!(health.rest_left(start + Duration::from_secs(1)), None);
        health.faulted(start);
        assert_eq!(health.rest_left(start), Some(Duration::from_secs(2)));
        for _ in 0..100 {
            health.faulted(start);
        }
        assert_eq!(health.rest_left(start), Some(LONGEST_REST));
        health.served();
        assert_eq!(health.rest_left(start), None);
    }
}
