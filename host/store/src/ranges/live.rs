//! The sets that somebody has asked for, kept up to date while records stream in.
//!
//! A reader wants buckets and a view of the tables as of one moment, and the committer must not
//! wait for readers. So the committer says before a write what it brings and afterwards that it
//! is in; a reader who takes a view in between sees from the last number in it on which side of
//! the write it stands. Buckets that have to be cut are read without the lock; what comes
//! meanwhile is noted, and added to what was cut.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use atlas_record::order::Rank;

use super::buckets::{Buckets, Span};
use crate::error::StoreError;
use crate::group::counted_number;
use crate::keys::Name;
use crate::kv::{Kv, View};

/// A space and a type.
pub(crate) type SetName = (Name, Name);

/// Members that one write brings.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    /// The last record number once they are in.
    pub last: u64,
    pub members: Vec<(SetName, Rank)>,
}

struct Live {
    buckets: Arc<Buckets>,
    /// What has come since a reader began to cut.
    since: Option<Vec<Rank>>,
    /// Held by the one reader who cuts.
    turn: Arc<Mutex<()>>,
}

#[derive(Default)]
struct State {
    sets: HashMap<SetName, Live>,
    /// On the way to the tables.
    coming: Option<Arrivals>,
}

/// Buckets of every set that was asked for since the start: some 90 bytes for each bucket.
#[derive(Default)]
pub(crate) struct LiveSets(Mutex<State>);

/// The buckets of a set and a view that sees the same members.
pub(crate) struct Moment {
    pub view: Box<dyn View>,
    pub buckets: Arc<Buckets>,
}

/// No caller's code runs under these locks but reads, and what a panic leaves is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn take_in(&mut self, arrivals: Arrivals) {
        for (set, member) in arrivals.members {
            let Some(live) = self.sets.get_mut(&set) else { continue };
            Arc::make_mut(&mut live.buckets).add(&member);
            if let Some(since) = &mut live.since {
                since.push(member);
            }
        }
    }
}

impl LiveSets {
    /// These are about to be written. What was said before and never came in is forgotten.
    pub fn coming(&self, arrivals: Arrivals) {
        lock(&self.0).coming = Some(arrivals);
    }

    /// What was about to be written is in the tables.
    pub fn came(&self) {
        let mut state = lock(&self.0);
        if let Some(arrivals) = state.coming.take() {
            state.take_in(arrivals);
        }
    }

    /// A set as of now, in buckets that fit. `read` lists members of a view in order.
    pub fn moment<I: Iterator<Item = Result<Rank, StoreError>>>(
        &self,
        set: SetName,
        kv: &dyn Kv,
        read: impl Fn(&dyn View, Span) -> I,
    ) -> Result<Moment, StoreError> {
        let turn = lock(&self.0).live(set).turn.clone();
        let _turn = lock(&turn);
        let now = self.view_of(set, kv)?;
        if now.buckets.fit() {
            return Ok(now);
        }
        let cut = now.buckets.cut(|span| read(&*now.view, span));
        let mut state = lock(&self.0);
        let live = state.live(set);
        let since = live.since.take().unwrap_or_default();
        let buckets = Arc::new(cut?);
        live.buckets = buckets.clone();
        if !since.is_empty() {
            let current = Arc::make_mut(&mut live.buckets);
            since.iter().for_each(|member| current.add(member));
        }
        Ok(Moment { view: now.view, buckets })
    }

    /// The buckets as they are, with a view of the same moment. If they do not fit, what comes
    /// from here on is noted.
    fn view_of(&self, set: SetName, kv: &dyn Kv) -> Result<Moment, StoreError> {
        let mut state = lock(&self.0);
        let view = kv.view();
        if let Some(coming) = &state.coming
            && counted_number(&*view)? >= coming.last
        {
            let arrivals = state.coming.take().expect("it was there");
            state.take_in(arrivals);
        }
        let live = state.live(set);
        live.since = (!live.buckets.fit()).then(Vec::new);
        Ok(Moment { view, buckets: live.buckets.clone() })
    }
}

impl State {
    fn live(&mut self, set: SetName) -> &mut Live {
        let fresh = || Live { buckets: Arc::new(Buckets::unread()), since: None, turn: Arc::default() };
        self.sets.entry(set).or_insert_with(fresh)
    }
}
