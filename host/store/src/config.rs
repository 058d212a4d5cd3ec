//! What an operator may tune, with defaults for a small machine.

use crate::kv::fjall::FjallConfig;

/// Bounds on records that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitBounds {
    /// How many records.
    pub count: u64,
    /// Their bytes together.
    pub bytes: u64,
}

/// How the store is run. None of it is part of the format: it may change between starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// The engine's sizes.
    pub fjall: FjallConfig,
    /// Batches that may wait for the committer before writers are held up.
    pub queue: usize,
    /// Items that the committer takes into one group at most, unless one batch has more.
    pub group_items: usize,
    /// Records parked at most.
    pub parked: WaitBounds,
    /// Records without a verdict at most.
    pub pending: WaitBounds,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            fjall: FjallConfig::for_machine(),
            queue: 256,
            group_items: 1000,
            parked: WaitBounds { count: 20_000, bytes: 64 << 20 },
            pending: WaitBounds { count: 100_000, bytes: 256 << 20 },
        }
    }
}
