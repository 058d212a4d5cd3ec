//! A group: the batches that one commit writes, while it is put together.
//!
//! Reads see what the group has written so far, then the tables as of its start. Only the
//! committer makes groups, one after the other, so what it reads cannot change under it.

use std::collections::{BTreeSet, HashMap};
use std::ops::{Bound, ControlFlow};

use atlas_record::header::Header;
use atlas_record::order::Rank;

use crate::config::Config;
use crate::digest::SetState;
use crate::error::StoreError;
use crate::keys::{KeyBuf, Name, Parts, key};
use crate::kv::{Kv, Range, Table, View, Writes};
use crate::names::{self, Kind};
use crate::rows::{decode_counts, encode_counts};
use crate::stats::Counts;
use crate::store::Change;

/// Totals that bounds are checked against. Kept in a row, so that a start need not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub parked: u64,
    pub parked_bytes: u64,
    pub pending: u64,
    pub pending_bytes: u64,
    pub blobs: u64,
    pub blob_bytes: u64,
}

/// Row of the highest record number, in [`Table::Meta`].
pub(crate) const LAST_NUMBER: &[u8] = b"last-number";
/// Row of the [`Totals`], in [`Table::Meta`].
pub(crate) const TOTALS: &[u8] = b"totals";

impl Totals {
    fn encode(&self) -> Vec<u8> {
        [self.parked, self.parked_bytes, self.pending, self.pending_bytes, self.blobs, self.blob_bytes]
            .iter()
            .flat_map(|value| value.to_be_bytes())
            .collect()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut parts = Parts(bytes);
        Some(Self {
            parked: parts.number()?,
            parked_bytes: parts.number()?,
            pending: parts.number()?,
            pending_bytes: parts.number()?,
            blobs: parts.number()?,
            blob_bytes: parts.number()?,
        })
    }

    /// As the tables have it.
    pub fn load(view: &dyn View) -> Result<Self, StoreError> {
        match view.get(Table::Meta, TOTALS)? {
            None => Ok(Self::default()),
            Some(row) => Self::decode(&row).ok_or_else(|| StoreError::damaged(Table::Meta, "the totals are cut off")),
        }
    }
}

/// What the committer keeps between groups. All of it can be read from the tables again.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// The highest record number given.
    pub last: u64,
    pub totals: Totals,
    saved_totals: Totals,
    names: names::Cache,
    last_names: [Name; names::KINDS.len()],
    counts: HashMap<(Name, Name), (Counts, bool)>,
    digests: HashMap<(Name, Name), (SetState, bool)>,
}

/// Pairs of space and type whose counts are kept in memory.
const COUNTS_KEPT: usize = 4096;
/// Pairs of space and type whose digest is kept in memory: 2 KiB each.
const DIGESTS_KEPT: usize = 512;

impl State {
    /// Reads what is needed from the tables.
    pub fn load(view: &dyn View) -> Result<Self, StoreError> {
        let totals = Totals::load(view)?;
        Ok(Self {
            last: last_number(view)?,
            totals,
            saved_totals: totals,
            last_names: names::last_numbers(view)?,
            ..Self::default()
        })
    }
}

/// The highest record number: what the records say, and what the counter says, if that is more.
pub(crate) fn last_number(view: &dyn View) -> Result<u64, StoreError> {
    let counted = counted_number(view)?;
    let stored = match view.range(Table::Records, Range::all().backward()).next() {
        None => 0,
        Some(row) => {
            Parts(&row?.0).number().ok_or_else(|| StoreError::damaged(Table::Records, "a key of another length"))?
        }
    };
    if counted != stored {
        tracing::error!(counted, stored, "records are missing or were not counted: run `atlas doctor`");
    }
    Ok(counted.max(stored))
}

/// The highest record number, as the counter has it.
pub(crate) fn counted_number(view: &dyn View) -> Result<u64, StoreError> {
    match view.get(Table::Meta, LAST_NUMBER)? {
        None => Ok(0),
        Some(row) => Parts(&row).number().ok_or_else(|| StoreError::damaged(Table::Meta, "the last number is cut off")),
    }
}

/// The numbers that most rows of a record begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordNames {
    pub space: Name,
    pub type_name: Name,
    pub author: Name,
}

/// One group under construction.
pub(crate) struct Group<'a> {
    pub state: &'a mut State,
    pub config: &'a Config,
    pub changes: Vec<Change>,
    /// Blobs whose files may go once the group is written.
    pub removed_blobs: Vec<atlas_record::BlobId>,
    /// New members of replicated sets.
    pub arrived: Vec<((Name, Name), Rank)>,
    /// Records refused because too much waits.
    pub refused: u64,
    pub writes: &'a mut Writes,
    view: Box<dyn View>,
    first: u64,
    /// Keys written to tables that are read by range, so that those reads find them.
    ordered: BTreeSet<(Table, Vec<u8>)>,
    pub scratch: Vec<u8>,
}

impl<'a> Group<'a> {
    pub fn new(kv: &dyn Kv, state: &'a mut State, config: &'a Config, writes: &'a mut Writes) -> Self {
        writes.clear();
        Self {
            first: state.last,
            state,
            config,
            changes: Vec::new(),
            removed_blobs: Vec::new(),
            arrived: Vec::new(),
            refused: 0,
            writes,
            view: kv.view(),
            ordered: BTreeSet::new(),
            scratch: Vec::new(),
        }
    }

    /// The value under a key.
    pub fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.writes.get(table, key) {
            Some(written) => Ok(written.map(<[u8]>::to_vec)),
            None => self.view.get(table, key),
        }
    }

    pub fn put(&mut self, table: Table, key: &KeyBuf, value: &[u8]) {
        self.writes.put(table, key.done(), value);
    }

    /// Puts a row that a later range read of the same group must find.
    pub fn put_ordered(&mut self, table: Table, key: &KeyBuf, value: &[u8]) {
        self.ordered.insert((table, key.to_vec()));
        self.writes.put(table, key.done(), value);
    }

    pub fn remove(&mut self, table: Table, key: &KeyBuf) {
        self.writes.remove(table, key.done());
    }

    /// Walks the rows between two bounds. Finds rows of this group only where they were
    /// written with [`Group::put_ordered`].
    pub fn range(
        &self,
        table: Table,
        range: Range,
        mut each: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<(), StoreError> {
        if range.is_empty() {
            return Ok(());
        }
        let bound = |bound: &Bound<Vec<u8>>, unbounded| match bound {
            Bound::Included(key) => Bound::Included((table, key.clone())),
            Bound::Excluded(key) => Bound::Excluded((table, key.clone())),
            Bound::Unbounded => unbounded,
        };
        let next_table = Table::ALL.get(table as usize + 1);
        let from = bound(&range.from, Bound::Included((table, Vec::new())));
        let to = bound(&range.to, next_table.map_or(Bound::Unbounded, |next| Bound::Excluded((*next, Vec::new()))));
        let mut written: Vec<&[u8]> = self.ordered.range((from, to)).map(|(_, key)| &key[..]).collect();
        if !range.backward {
            written.reverse(); // taken from the end
        }
        let backward = range.backward;
        let mut stored = self.view.range(table, range).peekable();
        loop {
            if let Some(Err(error)) = stored.peek() {
                return Err(error.clone());
            }
            let next_stored = stored.peek().and_then(|row| row.as_ref().ok());
            let take_written = match (written.last(), next_stored) {
                (None, None) => return Ok(()),
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (Some(written), Some((stored, _))) => (*written < &stored[..]) != backward,
            };
            let flow = if take_written {
                let key = written.pop().expect("taken above");
                match self.writes.get(table, key) {
                    Some(Some(value)) => each(key, value)?,
                    _ => ControlFlow::Continue(()),
                }
            } else {
                let (key, value) = stored.next().expect("peeked above")?;
                // A key of both is told by what was written.
                if self.writes.get(table, &key).is_some() { ControlFlow::Continue(()) } else { each(&key, &value)? }
            };
            if flow.is_break() {
                return Ok(());
            }
        }
    }

    /// The number of a name; a new one if it has none.
    pub fn name(&mut self, kind: Kind, name: &[u8]) -> Result<Name, StoreError> {
        if let Some(number) = self.state.names.get(kind, name) {
            return Ok(number);
        }
        let row = names::forward(kind, name);
        let number = match self.writes.get(Table::Names, &row) {
            Some(Some(number)) => Parts(number).name(),
            _ => names::number(&*self.view, kind, name)?,
        };
        let number = match number {
            Some(number) => number,
            None => {
                let last = &mut self.state.last_names[kind as usize];
                *last = last.checked_add(1).expect("fewer than 2^32 names fit on a disk");
                let number = *last;
                self.writes.put(Table::Names, &row, &number.to_be_bytes());
                self.writes.put(Table::Names, &names::backward(kind, number), name);
                number
            }
        };
        self.state.names.insert(kind, name, number);
        Ok(number)
    }

    /// The numbers of a record's space, type and author.
    pub fn record_names(&mut self, header: &Header) -> Result<RecordNames, StoreError> {
        Ok(RecordNames {
            space: self.name(Kind::Space, &header.space.0)?,
            type_name: self.name(Kind::Type, header.type_name.as_str().as_bytes())?,
            author: self.name(Kind::Author, &header.author.0)?,
        })
    }

    /// The counts of a space and type, to be changed.
    pub fn counts(&mut self, space: Name, type_name: Name) -> Result<&mut Counts, StoreError> {
        use std::collections::hash_map::Entry;
        match self.state.counts.entry((space, type_name)) {
            Entry::Occupied(entry) => {
                let (counts, dirty) = entry.into_mut();
                *dirty = true;
                Ok(counts)
            }
            Entry::Vacant(entry) => {
                let row = self.view.get(Table::Counts, key().name(space).name(type_name).done())?;
                let counts = row.map_or(Ok(Counts::default()), |row| decode_counts(&row))?;
                Ok(&mut entry.insert((counts, true)).0)
            }
        }
    }

    /// The state of the digest of a space and type, to be changed.
    pub fn digest(&mut self, space: Name, type_name: Name) -> Result<&mut SetState, StoreError> {
        use std::collections::hash_map::Entry;
        match self.state.digests.entry((space, type_name)) {
            Entry::Occupied(entry) => {
                let (state, dirty) = entry.into_mut();
                *dirty = true;
                Ok(state)
            }
            Entry::Vacant(entry) => {
                let row = self.view.get(Table::Digest, key().name(space).name(type_name).done())?;
                let state = row.map_or(Ok(SetState::default()), |row| SetState::from_bytes(&row))?;
                Ok(&mut entry.insert((state, true)).0)
            }
        }
    }

    /// Adds the rows that are written once per group.
    pub fn finish(&mut self) {
        let State { last, totals, saved_totals, counts, digests, .. } = &mut *self.state;
        if *last != self.first {
            self.writes.put(Table::Meta, LAST_NUMBER, &last.to_be_bytes());
        }
        if totals != saved_totals {
            self.writes.put(Table::Meta, TOTALS, &totals.encode());
            *saved_totals = *totals;
        }
        for ((space, type_name), (counts, dirty)) in counts.iter_mut().filter(|(_, (_, dirty))| *dirty) {
            self.writes.put(Table::Counts, key().name(*space).name(*type_name).done(), &encode_counts(counts));
            *dirty = false;
        }
        if counts.len() > COUNTS_KEPT {
            counts.clear();
        }
        for ((space, type_name), (state, dirty)) in digests.iter_mut().filter(|(_, (_, dirty))| *dirty) {
            self.writes.put(Table::Digest, key().name(*space).name(*type_name).done(), &state.to_bytes());
            *dirty = false;
        }
        if digests.len() > DIGESTS_KEPT {
            digests.clear();
        }
    }
}
