//! Decisions under way, so that what is learned meanwhile is not overlooked.
//!
//! Whoever decides about a record looks at what is known, and what cannot be decided yet is stored as waiting.
//! Whoever learns something looks for what waits for it. Where both happen at once, the one could look too early for
//! the news and the other too early for what waits. What is to be done about it depends on how often there is news:
//!
//! - *Records* come all the time, and wait for nobody. That they came is noted while anybody decides, once they are
//!   stored and before anybody looks for what waits for them; and whoever has stored a record as waiting then asks
//!   what [came meanwhile](Deciding::overlooked). One of the two finds the other.
//! - *Everything else* is rare. Whoever has learned it [lets the decisions end](Decisions::let_them_end) that had
//!   begun by then, and looks only after that: what waits is stored and will be found, and later decisions know.
//!
//! Nobody who decides ever waits.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard};

use atlas_record::RecordId;

/// Records that are noted at most: 40 bytes each. Beyond it, the oldest decisions take everything for news.
const MOST_NOTED: usize = 1 << 18;

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
    /// What came, after which decision had begun, in that order.
    came: VecDeque<(u64, RecordId)>,
    /// Something that came after this decision had begun is noted no more.
    forgotten: Option<u64>,
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

    /// Notes records that are stored now, before anybody looks for what waits for them.
    pub fn note(&self, came: &[RecordId]) {
        let mut state = self.state();
        let Some(&latest) = state.under_way.last() else { return };
        state.came.extend(came.iter().map(|id| (latest, *id)));
        while state.came.len() > MOST_NOTED {
            state.forgotten = state.came.pop_front().map(|(after, _)| after);
        }
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

impl Deciding<'_> {
    /// Which of these records, for which something waits that this decision has stored, came since it began. They
    /// may have looked for it too early.
    pub fn overlooked(&self, awaited: &HashSet<RecordId>) -> Vec<RecordId> {
        if awaited.is_empty() {
            return Vec::new();
        }
        let state = self.decisions.state();
        if state.forgotten.is_some_and(|after| after >= self.number) {
            return awaited.iter().copied().collect();
        }
        let since = state.came.partition_point(|(after, _)| *after < self.number);
        let came: HashSet<RecordId> = state.came.range(since..).map(|(_, id)| *id).collect();
        awaited.intersection(&came).copied().collect()
    }
}

impl Drop for Deciding<'_> {
    fn drop(&mut self) {
        let mut state = self.decisions.state();
        let was_oldest = state.under_way.first() == Some(&self.number);
        state.under_way.remove(&self.number);
        if was_oldest {
            let needed = state
                .under_way
                .first()
                .map_or(state.came.len(), |oldest| state.came.partition_point(|(after, _)| after < oldest));
            state.came.drain(..needed);
        }
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

    fn id(n: u32) -> RecordId {
        let mut id = [0; 32];
        id[..4].copy_from_slice(&n.to_be_bytes());
        RecordId(id)
    }

    #[test]
    fn what_came_since_it_began_is_news_to_a_decision() {
        let decisions = Decisions::default();
        let awaited = HashSet::from([id(0), id(1), id(2), id(3)]);
        decisions.note(&[id(0)]);
        let early = decisions.begin();
        decisions.note(&[id(1)]);
        let late = decisions.begin();
        decisions.note(&[id(2), id(9)]);
        let sorted = |mut ids: Vec<RecordId>| {
            ids.sort_unstable();
            ids
        };
        assert_eq!(sorted(early.overlooked(&awaited)), [id(1), id(2)]);
        assert_eq!(late.overlooked(&awaited), [id(2)]);
        assert!(late.overlooked(&HashSet::new()).is_empty());
        drop(early);
        assert_eq!(decisions.state().came.len(), 2, "only what the other may have overlooked is kept");
        assert_eq!(late.overlooked(&awaited), [id(2)]);
        drop(late);
        assert!(decisions.state().came.is_empty());
    }

    #[test]
    fn a_decision_that_takes_long_takes_everything_for_news_and_fills_no_memory() {
        let decisions = Decisions::default();
        let long = decisions.begin();
        let more = u32::try_from(MOST_NOTED).unwrap() + 1;
        decisions.note(&(0..more).map(id).collect::<Vec<_>>());
        let short = decisions.begin();
        let awaited = HashSet::from([id(0), id(more)]);
        assert_eq!(long.overlooked(&awaited).len(), 2);
        assert!(short.overlooked(&awaited).is_empty());
        assert_eq!(decisions.state().came.len(), MOST_NOTED);
    }

    /// Two threads write and look in the order that each has to keep; whatever the machine makes of it, nothing is left.
    #[test]
    fn one_of_the_two_finds_the_other() {
        for n in 0..2_000 {
            let decisions = Decisions::default();
            let (news, waiting) = (Mutex::new(false), Mutex::new(false));
            let found = AtomicBool::new(false);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let deciding = decisions.begin();
                    if *news.lock().unwrap() {
                        found.store(true, Ordering::SeqCst);
                        return;
                    }
                    *waiting.lock().unwrap() = true;
                    if !deciding.overlooked(&HashSet::from([id(7)])).is_empty() {
                        found.store(true, Ordering::SeqCst);
                    }
                });
                scope.spawn(|| {
                    *news.lock().unwrap() = true;
                    decisions.note(&[id(7)]);
                    if *waiting.lock().unwrap() {
                        found.store(true, Ordering::SeqCst);
                    }
                });
            });
            assert!(found.load(Ordering::SeqCst), "overlooked in round {n}");
        }
    }
}
