//! The memory allowance: one bound over all memories of an instance, and no refused
//! growth that a guest could see.
//!
//! WASM lets `memory.grow` answer -1, and a guest that saw it could decide by how much
//! memory its host has. So a refused growth ends the call instead. A growth that exceeds
//! the allowance is the guest's doing, the same everywhere: a verdict. A growth within
//! the allowance that the machine cannot serve is a host fault.

use wasmtime::ResourceLimiter;

use crate::profile::{MAX_CORE_INSTANCES, MAX_MEMORIES, MAX_TABLE_ELEMENTS, MAX_TABLES};

/// Why a growth ended the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("the guest asked for more memory than its allowance")]
    Allowance,
    #[error("the host could not serve memory within the allowance")]
    Host,
}

/// Counts what one instance holds.
#[derive(Debug)]
pub(crate) struct Limiter {
    allowance: usize,
    memory: usize,
    table_elements: usize,
}

impl Limiter {
    pub(crate) fn new(allowance: u64) -> Self {
        Self { allowance: usize::try_from(allowance).unwrap_or(usize::MAX), memory: 0, table_elements: 0 }
    }
}

/// Adds a growth to a sum, if it fits both its own declared maximum and the bound.
fn admit(sum: &mut usize, bound: usize, current: usize, desired: usize, declared: Option<usize>) -> bool {
    let Some(next) = sum.checked_add(desired.saturating_sub(current)) else { return false };
    if next > bound || declared.is_some_and(|declared| desired > declared) {
        return false;
    }
    *sum = next;
    true
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if admit(&mut self.memory, self.allowance, current, desired, maximum) {
            Ok(true)
        } else {
            Err(Refused::Allowance.into())
        }
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        // Beyond 4 GiB the runtime refuses by the memory's type and does not ask first.
        // That is more than any allowance, and the same everywhere. Whatever else fails
        // was admitted above, and fails because of this machine.
        let beyond_type = format!("{error}") == "memory growth exceeds memory type's limits";
        Err(if beyond_type { Refused::Allowance } else { Refused::Host }.into())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if admit(&mut self.table_elements, MAX_TABLE_ELEMENTS, current, desired, maximum) {
            Ok(true)
        } else {
            Err(Refused::Allowance.into())
        }
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        // Only sizes that no table can have come here without being asked about first.
        Err(Refused::Allowance.into())
    }

    fn instances(&self) -> usize {
        MAX_CORE_INSTANCES
    }

    fn tables(&self) -> usize {
        MAX_TABLES
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 64 << 10;

    #[test]
    fn the_allowance_is_one_sum_over_all_memories() {
        let mut limiter = Limiter::new(4 * PAGE as u64);
        assert!(limiter.memory_growing(0, 2 * PAGE, None).is_ok_and(|allowed| allowed));
        assert!(limiter.memory_growing(0, PAGE, None).is_ok_and(|allowed| allowed));
        assert!(limiter.memory_growing(PAGE, 2 * PAGE, None).is_ok_and(|allowed| allowed));
        let error = limiter.memory_growing(2 * PAGE, 3 * PAGE, None).expect_err("five pages are over the allowance");
        assert_eq!(error.downcast_ref(), Some(&Refused::Allowance));
    }

    #[test]
    fn no_refusal_is_an_answer_that_the_guest_could_read() {
        let mut limiter = Limiter::new(4 * PAGE as u64);
        assert!(limiter.memory_growing(PAGE, 2 * PAGE, Some(PAGE)).is_err());
        assert!(limiter.table_growing(0, MAX_TABLE_ELEMENTS + 1, None).is_err());
        assert!(limiter.table_growing(0, usize::MAX, None).is_err());
        assert!(limiter.memory_grow_failed(wasmtime::format_err!("the kernel says no")).is_err());
    }

    #[test]
    fn what_the_machine_cannot_serve_is_a_host_fault() {
        let mut limiter = Limiter::new(4 * PAGE as u64);
        let error = limiter.memory_grow_failed(wasmtime::format_err!("the kernel says no")).expect_err("it failed");
        assert_eq!(error.downcast_ref(), Some(&Refused::Host));
    }
}
