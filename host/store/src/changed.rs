//! Which records came into or went out of sight since somebody last looked, durably.
//!
//! Whoever derives something from what is visible, such as an index for full text, follows new
//! records by number: everything above the number it has committed is looked at again. A record
//! that it has already seen can change later, and that a number does not show. So each time a
//! stored record comes into sight or goes out of it, a row says so, in the same commit; the
//! follower removes the row once what it derived is durable. A crash at any point leaves a row
//! too many, never one too few.

use crate::batch::{Item, Outcome};
use crate::error::StoreError;
use crate::group::Group;
use crate::keys::Parts;
use crate::kv::{Range, Table};
use crate::status::Status;
use crate::store::Store;

/// A stored record that came into sight or went out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shown {
    /// The record.
    pub n: u64,
    /// Whether queries show it now.
    pub visible: bool,
}

impl Group<'_> {
    /// Notes a change of status, if it is one that a follower has to know of.
    pub fn note_shown(&mut self, n: u64, was: Option<Status>, now: Status) {
        let visible = now.is_visible();
        if was.is_some_and(|was| was.is_visible() != visible) {
            self.writes.put(Table::Changed, &n.to_be_bytes(), &[u8::from(visible)]);
        }
    }

    /// Forgets changes that were followed, unless something happened to the record since.
    pub fn settle_shown(&mut self, followed: &[Shown]) -> Result<Outcome, StoreError> {
        for Shown { n, visible } in followed {
            let row = n.to_be_bytes();
            if self.get(Table::Changed, &row)?.as_deref() == Some(&[u8::from(*visible)]) {
                self.writes.remove(Table::Changed, &row);
            }
        }
        Ok(Outcome::Done)
    }
}

impl Store {
    /// Changes that nobody has settled yet, by number, `most` of them at most.
    pub fn shown(&self, most: usize) -> Result<Vec<Shown>, StoreError> {
        let read = |row: Result<crate::kv::Row, StoreError>| {
            let (key, value) = row?;
            match (Parts(&key).number(), &value[..]) {
                (Some(n), [visible @ (0 | 1)]) => Ok(Shown { n, visible: *visible == 1 }),
                _ => Err(StoreError::damaged(Table::Changed, "a row is malformed")),
            }
        };
        self.view().range(Table::Changed, Range::all()).take(most).map(read).collect()
    }

    /// Forgets changes that were followed, once what follows from them is durable.
    pub fn settle_shown(&self, followed: Vec<Shown>) -> Result<(), StoreError> {
        self.commit([Item::SettleShown(followed)].into_iter().collect()).map(drop)
    }
}
