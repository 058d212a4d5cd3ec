//! Records: what a put, a new verdict or an erasure writes.
//!
//! [`crate::decide`] says what follows; here it becomes rows. One function, [`Group::rewrite`],
//! turns "the record was so and is now so" into row changes, so that every way in and out of
//! visibility keeps the same rows.

use std::borrow::Cow;
use std::ops::{Bound, ControlFlow};

use atlas_record::header::Header;
use atlas_record::order::{Lifecycle, Rank};
use atlas_record::{Key, Op, Payload, Record, RecordId, Target, Timestamp};

use crate::batch::{JudgedRecord, Limit, Outcome};
use crate::decide::{self, Judged, Place, Placed, Standing, Top};
use crate::error::StoreError;
use crate::group::{Group, RecordNames};
use crate::keys::{KeyBuf, Name, Parts, key};
use crate::kv::{Range, Table, after_prefix};
use crate::names::Kind;
use crate::rows::{HistoryRow, RecordRow, decode_standing, encode_standing, judged};
use crate::status::{Status, Verdict};
use crate::store::Change;

type Result<T> = std::result::Result<T, StoreError>;

/// What a rewritten record's row was before.
type Before<'a> = Option<&'a RecordRow<'static>>;

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

pub(crate) fn tombstone_key(names: RecordNames, target: &RecordId) -> KeyBuf {
    let mut row = key();
    row.name(names.space).name(names.type_name).name(names.author).bytes(&target.0);
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
    /// The number of a stored record.
    pub fn number_of(&self, id: &RecordId) -> Result<Option<u64>> {
        let Some(row) = self.get(Table::Ids, &id.0)? else { return Ok(None) };
        Parts(&row).number().map(Some).ok_or_else(|| StoreError::damaged(Table::Ids, "a number of another length"))
    }

    fn row(&self, n: u64) -> Result<RecordRow<'static>> {
        match self.get(Table::Records, &n.to_be_bytes())? {
            Some(bytes) => RecordRow::decode(n, &bytes),
            None => Err(StoreError::damaged(Table::Records, format!("record {n} is missing"))),
        }
    }

    pub fn put_record(&mut self, put: &JudgedRecord) -> Result<Outcome> {
        let JudgedRecord { record, lifecycle, verdict } = put;
        if *lifecycle == Lifecycle::Ephemeral {
            return Ok(Outcome::Ephemeral);
        }
        let id = record.id();
        if let Some(n) = self.number_of(&id)? {
            return Ok(Outcome::Duplicate { n });
        }
        if let Some(limit) = self.pending_limit(verdict, record) {
            self.refused += 1;
            return Ok(Outcome::Refused { limit });
        }
        let header = record.header();
        let names = self.record_names(header)?;
        self.state.last += 1;
        let n = self.state.last;

        let placed = self.place(names, header, id, n, *lifecycle, judged(verdict))?;
        let mut row = RecordRow {
            space: names.space,
            type_name: names.type_name,
            lifecycle: *lifecycle,
            superseded: placed.superseded,
            deleted: placed.deleted,
            expired: false,
            erased: false,
            verdict: Cow::Borrowed(verdict),
            signed: Cow::Borrowed(record.signed()),
            payload: record.payload().map(Cow::Borrowed),
        };
        self.writes.put(Table::Ids, &id.0, &n.to_be_bytes());
        if let (Some(at), Op::Put) = (header.expires, header.op) {
            self.put_ordered(Table::Expiry, key().number(at).number(n), &[]);
        }
        let forked = self.chain(names.space, header, id, n)?;
        let visible = self.rewrite(n, names.author, None, &mut row)?.is_visible();
        Ok(Outcome::Stored { n, visible, forked })
    }

    fn pending_limit(&self, verdict: &Verdict, record: &Record) -> Option<Limit> {
        let (totals, bounds) = (&self.state.totals, &self.config.pending);
        let body = record.payload().map_or(0, |payload| payload.body.as_bytes().len());
        let size = (record.signed().as_bytes().len() + body) as u64;
        match verdict {
            Verdict::Pending(_) if totals.pending >= bounds.count => Some(Limit::PendingCount),
            Verdict::Pending(_) if totals.pending_bytes + size > bounds.bytes => Some(Limit::PendingBytes),
            _ => None,
        }
    }

    /// Enters a record into its key's chain; whether another one has its position.
    fn chain(&mut self, space: Name, header: &Header, id: RecordId, n: u64) -> Result<bool> {
        if header.seq == 0 {
            return Ok(false);
        }
        let signer = self.name(Kind::Key, &header.key.0)?;
        let mut row = key();
        row.name(signer).name(space).number(header.seq);
        let Some(first) = self.get(Table::Chain, row.done())? else {
            self.put(Table::Chain, &row, key().number(n).bytes(&id.0).done());
            return Ok(false);
        };
        let mut parts = Parts(&first);
        let (Some(first), Some(first_id)) = (parts.number(), parts.array::<32>()) else {
            return Err(StoreError::damaged(Table::Chain, "a row is cut off"));
        };
        self.put(Table::Fork, row.clone().number(first), &first_id);
        self.put(Table::Fork, row.number(n), &id.0);
        Ok(true)
    }

    /// Gives a record its place at its address, or among what deletes name, and changes
    /// the records that this displaces or deletes.
    fn place(
        &mut self,
        names: RecordNames,
        header: &Header,
        id: RecordId,
        n: u64,
        lifecycle: Lifecycle,
        judged: Judged,
    ) -> Result<Placed> {
        let Some(record_key) = &header.record_key else {
            return self.place_unkeyed(names, header, id, n, judged);
        };
        let address = address_key(names, record_key);
        let rank = Rank { created: header.created, id };
        let before = self.standing(&address)?;
        let replaceable = lifecycle == Lifecycle::Replaceable;
        let history = HistoryRow { n, valid: judged == Judged::Valid, op: header.op, replaceable };
        if judged != Judged::Valid {
            self.put_ordered(Table::Address, &history_key(&address, &rank), &history.encode());
            return Ok(decide::arrive_unjudged(before, rank, header.op));
        }
        let arrival = decide::arrive(before, rank, n, header.op, lifecycle);
        if arrival.placed.place == Place::History {
            self.put_ordered(Table::Address, &history_key(&address, &rank), &history.encode());
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

    fn standing(&self, address: &KeyBuf) -> Result<Standing> {
        self.get(Table::Address, address.done())?.map_or(Ok(Standing::default()), |row| decode_standing(&row))
    }

    fn save_standing(&mut self, address: &KeyBuf, standing: &Standing) {
        match encode_standing(standing) {
            Some(row) => self.put(Table::Address, address, &row),
            None => self.remove(Table::Address, address),
        }
    }

    /// What stood joins the history.
    fn displace(&mut self, address: &KeyBuf, top: Top) -> Result<()> {
        let row = HistoryRow { n: top.n, valid: true, op: top.op, replaceable: top.replaceable };
        self.put_ordered(Table::Address, &history_key(address, &top.rank), &row.encode());
        if top.op == Op::Put && top.replaceable {
            self.update(top.n, |row| row.superseded = true)?;
        }
        Ok(())
    }

    /// A delete reaches every put of the history between two ranks, judged or not.
    fn delete_between(&mut self, address: &KeyBuf, above: Option<Rank>, below: Rank) -> Result<()> {
        let from = above.map_or_else(|| address.to_vec(), |rank| history_key(address, &rank).to_vec());
        let to = history_key(address, &below).to_vec();
        let range = Range { from: Bound::Excluded(from), to: Bound::Excluded(to), backward: false };
        let mut found = Vec::new();
        self.range(Table::Address, range, |_, value| {
            let row = HistoryRow::decode(value)?;
            if row.op == Op::Put {
                found.push(row.n);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        found.into_iter().try_for_each(|n| self.update(n, |row| row.deleted = true))
    }

    /// Unkeyed records stand for themselves; a delete names one by its id, in either order.
    fn place_unkeyed(
        &mut self,
        names: RecordNames,
        header: &Header,
        id: RecordId,
        n: u64,
        judged: Judged,
    ) -> Result<Placed> {
        let mut placed = Placed { place: Place::Top, deleted: false, superseded: false };
        let Some(target) = deletes_target(header) else {
            placed.deleted = self.get(Table::Tombstone, tombstone_key(names, &id).done())?.is_some();
            return Ok(placed);
        };
        if judged != Judged::Valid {
            return Ok(placed);
        }
        let tombstone = tombstone_key(names, &target);
        if self.get(Table::Tombstone, tombstone.done())?.is_none() {
            self.put(Table::Tombstone, &tombstone, &n.to_be_bytes());
        }
        if let Some(found) = self.number_of(&target)? {
            let row = self.row(found)?;
            let its = row.signed.header();
            let same = its.space == header.space && its.author == header.author && its.type_name == header.type_name;
            if same && its.record_key.is_none() && its.op == Op::Put {
                self.update(found, |row| row.deleted = true)?;
            }
        }
        Ok(placed)
    }

    /// A valid put is valid no longer: what ranks next stands again.
    fn withdraw(&mut self, names: RecordNames, before: &RecordRow<'_>, n: u64) -> Result<()> {
        let header = before.signed.header();
        let rank = before.rank();
        let Some(record_key) = &header.record_key else { return Ok(()) };
        let address = address_key(names, record_key);
        let mut standing = self.standing(&address)?;
        let replaceable = before.lifecycle == Lifecycle::Replaceable;
        let row = HistoryRow { n, valid: false, op: header.op, replaceable };
        self.put_ordered(Table::Address, &history_key(&address, &rank), &row.encode());
        if standing.top.is_none_or(|top| top.n != n) {
            return Ok(());
        }
        let range = Range { from: Bound::Excluded(address.to_vec()), to: after_prefix(address.done()), backward: true };
        let mut next = None;
        self.range(Table::Address, range, |row_key, value| {
            let row = HistoryRow::decode(value)?;
            let rank = row_key.get(address.done().len()..).and_then(|tail| Parts(tail).rank());
            let rank = rank.ok_or_else(|| StoreError::damaged(Table::Address, "a key of another length"))?;
            if row.valid {
                next = Some((rank, row));
                return Ok(ControlFlow::Break(()));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        standing.top = None;
        if let Some((rank, row)) = next {
            self.update(row.n, |row| row.superseded = false)?;
            self.remove(Table::Address, &history_key(&address, &rank));
            standing.top = Some(Top { rank, n: row.n, op: row.op, replaceable: row.replaceable });
        }
        self.save_standing(&address, &standing);
        Ok(())
    }

    /// A stored record gets another verdict, and its payload if that was missing.
    pub fn judge(&mut self, id: &RecordId, verdict: &Verdict, payload: Option<&Payload>) -> Result<Outcome> {
        let Some(n) = self.number_of(id)? else { return Ok(Outcome::Unknown) };
        let before = self.row(n)?;
        let (was, now) = (judged(&before.verdict), judged(verdict));
        if before.signed.header().op == Op::Delete && was == Judged::Valid {
            return Ok(Outcome::Unchanged { n });
        }
        // What is gone for good stays gone; its place at its address follows the verdict all the same.
        let is_gone = before.deleted || before.erased || before.expired;
        let payload = payload.filter(|_| before.payload.is_none() && !is_gone);
        if payload.is_some_and(|p| before.signed.header().body != Some(p.body.commit(&p.salt))) {
            return Ok(Outcome::WrongPayload);
        }
        let names = self.record_names(before.signed.header())?;
        let mut after = before.clone();
        after.verdict = Cow::Owned(verdict.clone());
        if let Some(payload) = payload {
            after.payload = Some(Cow::Owned(payload.clone()));
        }
        match (was == Judged::Valid, now == Judged::Valid) {
            (false, true) => {
                let header = before.signed.header();
                if let Some(record_key) = &header.record_key {
                    self.remove(Table::Address, &history_key(&address_key(names, record_key), &before.rank()));
                }
                let placed = self.place(names, header, *id, n, before.lifecycle, now)?;
                (after.superseded, after.deleted) = (placed.superseded, placed.deleted);
            }
            (true, false) => {
                self.withdraw(names, &before, n)?;
                after.superseded = false;
            }
            _ => {}
        }
        if after == before {
            return Ok(Outcome::Unchanged { n });
        }
        let visible = self.rewrite(n, names.author, Some(&before), &mut after)?.is_visible();
        Ok(Outcome::Changed { n, visible })
    }

    /// Drops a record's body on this node for good.
    pub fn erase(&mut self, id: &RecordId) -> Result<Outcome> {
        let Some(n) = self.number_of(id)? else { return Ok(Outcome::Unknown) };
        if self.row(n)?.erased {
            return Ok(Outcome::Unchanged { n });
        }
        self.update(n, |row| row.erased = true)?;
        Ok(Outcome::Changed { n, visible: false })
    }

    /// Drops bodies whose expiry has passed.
    pub fn erase_expired(&mut self, now: Timestamp, most: usize) -> Result<Outcome> {
        let range = Range {
            from: Bound::Unbounded,
            to: Bound::Included(key().number(now).number(u64::MAX).to_vec()),
            backward: false,
        };
        let mut due = Vec::new();
        let mut more = false;
        self.range(Table::Expiry, range, |row, _| {
            more = due.len() == most;
            if more {
                return Ok(ControlFlow::Break(()));
            }
            due.push(row.to_vec());
            Ok(ControlFlow::Continue(()))
        })?;
        for row in &due {
            let n = row.get(8..).and_then(|tail| Parts(tail).number());
            let n = n.ok_or_else(|| StoreError::damaged(Table::Expiry, "a key of another length"))?;
            self.update(n, |row| row.expired = true)?;
            self.writes.remove(Table::Expiry, row);
        }
        Ok(Outcome::Expired { dropped: due.len(), more })
    }

    /// Changes a stored record.
    fn update(&mut self, n: u64, change: impl FnOnce(&mut RecordRow<'static>)) -> Result<()> {
        let before = self.row(n)?;
        let mut after = before.clone();
        change(&mut after);
        if after != before {
            let author = self.name(Kind::Author, &before.signed.header().author.0)?;
            self.rewrite(n, author, Some(&before), &mut after)?;
        }
        Ok(())
    }

    /// Writes a record's row and every row that follows from it. Its new status.
    fn rewrite(&mut self, n: u64, author: Name, before: Before<'_>, after: &mut RecordRow<'_>) -> Result<Status> {
        if !after.facts().keeps_body() {
            after.payload = None;
        }
        let (was, now) = (before.map(RecordRow::status), after.status());
        let was_visible = was.is_some_and(Status::is_visible);
        let same_entries = before.is_some_and(|before| before.entries() == after.entries());
        if let Some(before) = before.filter(|_| was_visible && !(now.is_visible() && same_entries)) {
            self.visible_rows(n, author, before, false)?;
        }
        if now.is_visible() && !(was_visible && same_entries) {
            self.visible_rows(n, author, after, true)?;
        }
        if was != Some(now) {
            let mut row = key();
            row.name(after.space).name(after.type_name).rank(&after.rank());
            self.put(Table::Set, &row, key().number(n).byte(now as u8).done());
            self.changes.push(Change { n, before: was, now });
            self.note_shown(n, was, now);
        }
        self.count(before, after)?;
        self.track_pending(n, before, after);

        let mut value = std::mem::take(&mut self.scratch);
        value.clear();
        after.encode(&mut value);
        self.writes.put(Table::Records, &n.to_be_bytes(), &value);
        self.scratch = value;
        Ok(now)
    }

    fn count(&mut self, before: Before<'_>, after: &RecordRow<'_>) -> Result<()> {
        if before.is_none() {
            self.digest(after.space, after.type_name)?.add(&after.rank());
        }
        let counts = self.counts(after.space, after.type_name)?;
        counts.total += u64::from(before.is_none());
        if let Some(before) = before {
            counts.visible -= u64::from(before.status().is_visible());
            counts.body_bytes -= before.body_bytes();
        }
        counts.visible += u64::from(after.status().is_visible());
        counts.body_bytes += after.body_bytes();
        Ok(())
    }

    fn track_pending(&mut self, n: u64, before: Before<'_>, after: &RecordRow<'_>) {
        if let Some(before) = before
            && let Some(waiting) = before.waiting()
        {
            self.state.totals.pending -= 1;
            self.state.totals.pending_bytes -= before.size();
            self.pending_rows(n, waiting, false);
        }
        if let Some(waiting) = after.waiting() {
            self.state.totals.pending += 1;
            self.state.totals.pending_bytes += after.size();
            self.pending_rows(n, waiting, true);
        }
    }

    /// Writes or removes the rows by which queries find a record.
    fn visible_rows(&mut self, n: u64, author: Name, row: &RecordRow<'_>, put: bool) -> Result<()> {
        let mut at = key();
        for_visible_rows(n, author, row, &mut at, self, &mut |group, table, key| {
            match (put, table) {
                // Lets a query for links ask for a type without reading the record.
                (true, Table::Link) => group.writes.put(table, key, &row.type_name.to_be_bytes()),
                (true, _) => group.writes.put(table, key, &[]),
                (false, _) => group.writes.remove(table, key),
            }
            Ok(())
        })
    }
}

/// Where the numbers of names come from.
pub(crate) trait NameSource {
    /// The number of a name.
    fn number_for(&mut self, kind: Kind, name: &[u8]) -> Result<Name>;
}

impl NameSource for Group<'_> {
    fn number_for(&mut self, kind: Kind, name: &[u8]) -> Result<Name> {
        self.name(kind, name)
    }
}

/// Takes the keys of rows, together with the source of names.
pub(crate) type RowSink<'a, S> = &'a mut dyn FnMut(&mut S, Table, &[u8]) -> Result<()>;

/// The keys of the rows that a visible record has beyond its own.
pub(crate) fn for_visible_rows<S: NameSource>(
    n: u64,
    author: Name,
    row: &RecordRow<'_>,
    at: &mut KeyBuf,
    source: &mut S,
    each: RowSink<'_, S>,
) -> Result<()> {
    let header = row.signed.header();
    let created = header.created;
    at.start().name(row.space).name(author).name(row.type_name).number(created).number(n);
    each(source, Table::Author, at.done())?;
    for link in &header.links {
        let relation = source.number_for(Kind::Relation, link.relation.as_str().as_bytes())?;
        at.start().name(row.space).target(&link.target).name(relation).number(created).number(n);
        each(source, Table::Link, at.done())?;
    }
    for entry in row.entries() {
        let index = source.number_for(Kind::Index, entry.name.as_bytes())?;
        at.start().name(row.space).name(row.type_name).name(index).value(&entry.value);
        at.number(created).number(n);
        each(source, Table::Index, at.done())?;
    }
    Ok(())
}
