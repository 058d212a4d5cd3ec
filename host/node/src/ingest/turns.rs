//! How many portions of records are judged at once: one core less than there are, which is the committer's.
//!
//! Without a bound all portions that have come are judged together, are done together, and then all wait for one
//! commit, during which no core judges. With it, some are committed while others are judged.

use std::num::NonZero;
use std::sync::{Condvar, Mutex};
use std::thread::available_parallelism;

/// The turns of a node.
#[derive(Debug)]
pub struct Turns {
    free: Mutex<usize>,
    given_back: Condvar,
}

/// A turn; given back when dropped.
#[derive(Debug)]
#[must_use = "it is given back when dropped"]
pub struct Turn<'a>(&'a Turns);

impl Default for Turns {
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, NonZero::get);
        Self { free: Mutex::new((cores - 1).max(1)), given_back: Condvar::new() }
    }
}

impl Turns {
    /// Waits for one.
    pub fn take(&self) -> Turn<'_> {
        let mut free = self.free.lock().expect("no thread panics with this lock");
        while *free == 0 {
            free = self.given_back.wait(free).expect("no thread panics with this lock");
        }
        *free -= 1;
        Turn(self)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().expect("no thread panics with this lock") += 1;
        self.0.given_back.notify_one();
    }
}
