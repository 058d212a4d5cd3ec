//! Places: where a record stands at its address or among what deletes name, and which other
//! records change when it comes into force or loses it.
//!
//! [`crate::decide`] says what follows; here it becomes rows. What an address needs is one row
//! for what stands, then its history by rank. A record without a key has no address: it stands
//! for itself, and a delete names it by its id.

use std::ops::{Bound, ControlFlow};

use atlas_record::header::Header;
use atlas_record::order::Rank;
use atlas_record::{Key, Op, RecordId, Target};

use crate::decide::{self, Contender, Place, Placed, Standing};
use crate::error::StoreError;
use crate::group::{Group, RecordNames};
use crate::keys::{KeyBuf, key};
use crate::kv::{Range, Table, after_prefix};
use crate::rows::{HistoryRow, RecordRow, decode_standing, encode_standing};

type Result<T> = std::result::Result<T, StoreError>;

/// The row of what stands at an address; its history follows it, by rank.
pub(crate) fn address_key(names: RecordNames, record_key: &Key) -> KeyBuf {
    let RecordNames { space, type_name, author } = names;
    let mut address = key();
    // Keys hold no zero byte, so none is a prefix of another with its terminator.
    address.name(space).name(author).name(type_name).bytes(record_key.as_str().as_bytes()).byte(0);
    address
}

fn history_key(address: &KeyBuf, rank: &Rank) -> KeyBuf {
    let mut row = address.clone();
    row.rank(rank);
    row
}

/// The row that says whether deletes name a record: what every arrival asks, so it is one
/// lookup. The deletes follow it, each with a row of its own, by [`tombstone_key`].
pub(crate) fn tombstone_mark(names: RecordNames, target: &RecordId) -> KeyBuf {
    let mut mark = key();
    mark.name(names.space).name(names.type_name).name(names.author).bytes(&target.0);
    mark
}

/// The length of a mark.
pub(crate) const MARK_BYTES: usize = 3 * size_of::<crate::keys::Name>() + 32;

/// The row of one delete that names a record.
pub(crate) fn tombstone_key(mark: &KeyBuf, n: u64) -> KeyBuf {
    let mut row = mark.clone();
    row.number(n);
    row
}

/// The record that an unkeyed delete names.
pub(crate) fn deletes_target(header: &Header) -> Option<RecordId> {
    match (&header.record_key, header.op, &header.links[..]) {
        (None, Op::Delete, [link]) => match &link.target {
            Target::Cid(cid) => RecordId::from_cid(cid),
            _ => None,
        },
        _ => None,
    }
}

impl Group<'_> {
    /// Gives a record its place, and changes the records that this displaces or deletes.
    pub fn place(&mut self, names: RecordNames, row: &RecordRow<'_>, n: u64) -> Result<Placed> {
        let Some(record_key) = &row.signed.header().record_key else {
            return self.place_unkeyed(names, row, n);
        };
        let address = address_key(names, record_key);
        let before = self.standing(&address)?;
        let record = row.contender(n);
        if !row.is_in_force() {
            self.save_history(&address, record, false);
            return Ok(decide::arrive_without_force(before, record));
        }
        let arrival = decide::arrive(before, record);
        if arrival.placed.place == Place::History {
            self.save_history(&address, record, true);
        }
        if let Some(top) = arrival.displaced {
            self.displace(&address, top)?;
        }
        if let Some((above, below)) = arrival.deletes {
            self.delete_between(&address, above, below)?;
        }
        self.save_standing(&address, &arrival.standing);
        Ok(arrival.placed)
    }

    /// A record comes into force: it gets a place anew.
    pub fn place_again(&mut self, names: RecordNames, row: &RecordRow<'_>, n: u64) -> Result<Placed> {
        if let Some(record_key) = &row.signed.header().record_key {
            self.remove(Table::Address, &history_key(&address_key(names, record_key), &row.rank()));
        }
        self.place(names, row, n)
    }

    /// A record is in force no longer: what it deleted comes back, and what ranks next stands.
    pub fn withdraw(&mut self, names: RecordNames, row: &RecordRow<'_>, n: u64) -> Result<()> {
        let Some(record_key) = &row.signed.header().record_key else {
            return self.withdraw_unkeyed(names, row, n);
        };
        let address = address_key(names, record_key);
        let record = row.contender(n);
        let before = self.standing(&address)?;
        let mut standing = before;
        self.save_history(&address, record, false);
        if standing.deleted_below == Some(record.rank) {
            standing.deleted_below = self.undelete_below(&address, record.rank)?;
        }
        if standing.top.is_some_and(|top| top.n == n) {
            standing.top = self.raise_next(&address, record)?;
        }
        if standing != before {
            self.save_standing(&address, &standing);
        }
        Ok(())
    }

    fn standing(&self, address: &KeyBuf) -> Result<Standing> {
        self.get(Table::Address, address.done())?.map_or(Ok(Standing::default()), |row| decode_standing(&row))
    }

    fn save_standing(&mut self, address: &KeyBuf, standing: &Standing) {
        match encode_standing(standing) {
            Some(row) => self.put(Table::Address, address, &row),
            None => self.remove(Table::Address, address),
        }
    }

    fn save_history(&mut self, address: &KeyBuf, record: Contender, in_force: bool) {
        let row = HistoryRow { record, in_force };
        self.put_ordered(Table::Address, &history_key(address, &record.rank), &row.encode());
    }

    /// What stood joins the history.
    fn displace(&mut self, address: &KeyBuf, top: Contender) -> Result<()> {
        self.save_history(address, top, true);
        if top.op == Op::Put && top.replaceable {
            self.update(top.n, |row| row.superseded = true)?;
        }
        Ok(())
    }

    /// Walks the history of an address between two ranks; `None` for its ends.
    fn walk_history(
        &self,
        address: &KeyBuf,
        above: Option<Rank>,
        below: Option<Rank>,
        backward: bool,
        mut each: impl FnMut(HistoryRow) -> ControlFlow<()>,
    ) -> Result<()> {
        let from = above.map_or_else(|| address.to_vec(), |rank| history_key(address, &rank).to_vec());
        let to = match below {
            Some(rank) => Bound::Excluded(history_key(address, &rank).to_vec()),
            None => after_prefix(address.done()),
        };
        // The row of what stands has the address alone for its key, and is left out with it.
        let range = Range { from: Bound::Excluded(from), to, backward };
        self.range(Table::Address, range, |key, value| Ok(each(HistoryRow::decode(address.done().len(), key, value)?)))
    }

    /// A delete reaches every put of the history between two ranks, in force or not.
    fn delete_between(&mut self, address: &KeyBuf, above: Option<Rank>, below: Rank) -> Result<()> {
        let mut reached = Vec::new();
        self.walk_history(address, above, Some(below), false, |row| {
            reached.extend((row.record.op == Op::Put).then_some(row.record.n));
            ControlFlow::Continue(())
        })?;
        reached.into_iter().try_for_each(|n| self.update(n, |row| row.deleted = true))
    }

    /// The highest delete is in force no longer: it gives back every put down to the delete
    /// before it, whose rank is returned. None of them can stand now: a delete stood above.
    fn undelete_below(&mut self, address: &KeyBuf, delete: Rank) -> Result<Option<Rank>> {
        let (mut returned, mut next) = (Vec::new(), None);
        self.walk_history(address, None, Some(delete), true, |row| match row.record.op {
            Op::Put => {
                returned.push(row.record.n);
                ControlFlow::Continue(())
            }
            Op::Delete if row.in_force => {
                next = Some(row.record.rank);
                ControlFlow::Break(())
            }
            Op::Delete => ControlFlow::Continue(()),
        })?;
        returned.into_iter().try_for_each(|n| self.update(n, |row| row.deleted = false))?;
        Ok(next)
    }

    /// What stood is in force no longer: the record of the next standing rank leaves the
    /// history and stands.
    fn raise_next(&mut self, address: &KeyBuf, withdrawn: Contender) -> Result<Option<Contender>> {
        let Some(next) = self.next_in_force(address, withdrawn)? else { return Ok(None) };
        self.remove(Table::Address, &history_key(address, &next.rank));
        self.update(next.n, |row| row.superseded = false)?;
        Ok(Some(next))
    }

    fn next_in_force(&self, address: &KeyBuf, withdrawn: Contender) -> Result<Option<Contender>> {
        // The walks begin where the withdrawn record was: it ranked highest, so nothing of its
        // kind on the other side is in force. Revoking many records in order of time, up or
        // down, is linear that way.
        if withdrawn.creates_only {
            return self.earliest_creation(address, Some(withdrawn.rank));
        }
        let mut next = None;
        self.walk_history(address, None, Some(withdrawn.rank), true, |row| {
            if row.in_force && !row.record.creates_only {
                next = Some(row.record);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        next.map_or_else(|| self.earliest_creation(address, None), |next| Ok(Some(next)))
    }

    fn earliest_creation(&self, address: &KeyBuf, above: Option<Rank>) -> Result<Option<Contender>> {
        let mut earliest = None;
        self.walk_history(address, above, None, false, |row| {
            if row.in_force && row.record.creates_only {
                earliest = Some(row.record);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        Ok(earliest)
    }

    /// Unkeyed records stand for themselves; a delete names one by its id, in either order.
    fn place_unkeyed(&mut self, names: RecordNames, row: &RecordRow<'_>, n: u64) -> Result<Placed> {
        let mut placed = Placed { place: Place::Top, deleted: false, superseded: false };
        let header = row.signed.header();
        match deletes_target(header) {
            None => {
                let mark = tombstone_mark(names, &row.signed.id());
                placed.deleted = self.get(Table::Tombstone, mark.done())?.is_some();
            }
            Some(target) if row.is_in_force() => {
                let mark = tombstone_mark(names, &target);
                self.put(Table::Tombstone, &mark, &[]);
                self.put_ordered(Table::Tombstone, &tombstone_key(&mark, n), &[]);
                self.set_deleted(header, &target, true)?;
            }
            Some(_) => {}
        }
        Ok(placed)
    }

    /// An unkeyed record is in force no longer. If it is a delete, and no other names its
    /// target, that comes back.
    fn withdraw_unkeyed(&mut self, names: RecordNames, row: &RecordRow<'_>, n: u64) -> Result<()> {
        let header = row.signed.header();
        let Some(target) = deletes_target(header) else { return Ok(()) };
        let mark = tombstone_mark(names, &target);
        self.remove(Table::Tombstone, &tombstone_key(&mark, n));
        let mut others = false;
        let rest = Range { from: Bound::Excluded(mark.to_vec()), to: after_prefix(mark.done()), backward: false };
        self.range(Table::Tombstone, rest, |_, _| {
            others = true;
            Ok(ControlFlow::Break(()))
        })?;
        if others {
            return Ok(());
        }
        self.remove(Table::Tombstone, &mark);
        self.set_deleted(header, &target, false)
    }

    /// Whether the record that a delete names is deleted, if it is here and the delete may say so.
    fn set_deleted(&mut self, delete: &Header, target: &RecordId, deleted: bool) -> Result<()> {
        let Some(n) = self.number_of(target)? else { return Ok(()) };
        let row = self.row(n)?;
        let its = row.signed.header();
        let same = its.space == delete.space && its.author == delete.author && its.type_name == delete.type_name;
        if same && its.record_key.is_none() && its.op == Op::Put {
            self.update(n, |row| row.deleted = deleted)?;
        }
        Ok(())
    }
}
