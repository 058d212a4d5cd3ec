//! What each module costs this host.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counters of one validator since it was opened.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Stats {
            $($(#[$doc])* pub $name: u64,)*
            /// Time spent in the module, setting up fresh instances included.
            pub time: Duration,
        }

        #[derive(Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: Counter,)*
            pub(crate) nanos: Counter,
        }

        impl Counters {
            pub(crate) fn snapshot(&self) -> Stats {
                Stats {
                    $($name: self.$name.get(),)*
                    time: Duration::from_nanos(self.nanos.get()),
                }
            }
        }
    };
}

counters! {
    /// Calls into the module.
    calls,
    /// Records judged, whatever came of it.
    records,
    /// Fuel used by calls that answered.
    fuel,
    /// Calls that ended in a trap, without fuel or beyond memory.
    traps,
    /// Host faults.
    faults,
    /// Warm batches that did not count and were run again.
    reruns,
    /// Records run alone in a fresh instance.
    canonical_runs,
    /// Fresh instances made.
    instances,
    /// Warm verdicts checked against a fresh instance.
    probes,
}

#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
