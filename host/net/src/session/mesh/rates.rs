//! How fast bytes come and go.

use crate::overlay::{Millis, Rate};
use crate::swarm::Traffic;

/// Between two looks at the counters, in milliseconds.
const LOOK_EVERY: Millis = 500;

/// Bytes a second, over the last ten seconds or so.
#[derive(Debug, Default)]
pub struct Rates {
    looked: Millis,
    seen: Traffic,
    received: Rate,
    sent: Rate,
}

impl Rates {
    /// Takes the counters in, if it is time.
    pub fn look(&mut self, now: Millis, traffic: impl FnOnce() -> Traffic) {
        if now < self.looked + LOOK_EVERY {
            return;
        }
        let traffic = traffic();
        let more = |is: u64, was: u64| usize::try_from(is.saturating_sub(was)).unwrap_or(usize::MAX);
        self.received.add(now, more(traffic.received, self.seen.received));
        self.sent.add(now, more(traffic.sent, self.seen.sent));
        (self.looked, self.seen) = (now, traffic);
    }

    /// Received and sent in a second.
    pub fn per_second(&self, now: Millis) -> Traffic {
        let whole = |rate: &Rate| rate.per_second(now).round() as u64;
        Traffic { received: whole(&self.received), sent: whole(&self.sent) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_over_the_wire_is_told_by_the_second_and_fades() {
        let mut rates = Rates::default();
        for i in 1..=600 {
            rates.look(i * 100, || Traffic { received: i * 1000, sent: i * 10 });
        }
        let now = rates.per_second(60_000);
        assert!(now.received.abs_diff(10_000) < 500 && now.sent.abs_diff(100) < 10, "{now:?}");
        assert_eq!(rates.per_second(300_000), Traffic::default());
    }
}
