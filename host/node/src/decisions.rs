//! Decisions under way, so that what is learned meanwhile is not overlooked.
//!
//! Whoever decides about a record looks at what is known, and what cannot be decided yet is stored as waiting.
//! Whoever learns something looks for what waits for it. Where both happen at once, the one could look too early for
//! the news and the other too early for what waits. So whoever has learned something lets the decisions end that had
//! begun by then, and looks only after that: they are stored and will be found, and later ones know. Nobody who
//! decides ever waits.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard};

/// What is being decided now.
#[derive(Debug, Default)]
pub struct Decisions {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    under_way: BTreeSet<u64>,
}

/// A decision; it ends when this is dropped.
#[derive(Debug)]
#[must_use = "it ends when this is dropped"]
pub struct Deciding<'a> {
    decisions: &'a Decisions,
    number: u64,
}

impl Decisions {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics with this lock")
    }

    /// Begins one, before anything is looked at; it has to be stored before it ends.
    pub fn begin(&self) -> Deciding<'_> {
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        state.under_way.insert(number);
        Deciding { decisions: self, number }
    }

    /// Waits for those that have begun by now, and for no later one. Not to be called by who decides.
    pub fn let_them_end(&self) {
        let mut state = self.state();
        let now = state.next;
        while state.under_way.first().is_some_and(|oldest| *oldest < now) {
            state = self.ended.wait(state).expect("no thread panics with this lock");
        }
    }
}

impl Drop for Deciding<'_> {
    fn drop(&mut self) {
        let mut state = self.decisions.state();
        let was_oldest = state.under_way.first() == Some(&self.number);
        state.under_way.remove(&self.number);
        drop(state);
        if was_oldest {
            self.decisions.ended.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use super::*;

    #[test]
    fn who_learns_waits_for_earlier_decisions_and_not_for_later_ones() {
        let decisions = Decisions::default();
        decisions.let_them_end();
        let earlier = decisions.begin();
        let other = decisions.begin();
        let waited = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                decisions.let_them_end();
                waited.store(true, Ordering::SeqCst);
            });
            std::thread::sleep(Duration::from_millis(50));
            // Begun after it: it does not hold the waiter up.
            let later = decisions.begin();
            drop(earlier);
            std::thread::sleep(Duration::from_millis(50));
            assert!(!waited.load(Ordering::SeqCst), "one that had begun is under way");
            drop(other);
            waiter.join().unwrap();
            drop(later);
        });
        assert!(decisions.state().under_way.is_empty());
    }
}
