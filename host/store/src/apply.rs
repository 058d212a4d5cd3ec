//! Records: what a put, a new verdict, a revocation or an erasure writes.
//!
//! One function, [`Group::settle`], finds out what a change does to other records, by way of
//! [`crate::place`]. Another, [`Group::rewrite`], turns "the record was so and is now so" into
//! row changes, so that every way in and out of visibility keeps the same rows.

use std::borrow::Cow;
use std::ops::{Bound, ControlFlow};

use atlas_record::header::Header;
use atlas_record::order::Lifecycle;
use atlas_record::{Op, Payload, Record, RecordId, Timestamp};

use crate::batch::{JudgedRecord, Limit, Outcome};
use crate::error::StoreError;
use crate::group::Group;
use crate::keys::{KeyBuf, Name, Parts, key};
use crate::kv::{Range, Table};
use crate::names::Kind;
use crate::rows::RecordRow;
use crate::status::{Status, Verdict};
use crate::store::Change;

type Result<T> = std::result::Result<T, StoreError>;

/// What a rewritten record's row was before.
type Before<'a> = Option<&'a RecordRow<'static>>;

impl Group<'_> {
    /// The number of a stored record.
    pub fn number_of(&self, id: &RecordId) -> Result<Option<u64>> {
        let Some(row) = self.get(Table::Ids, &id.0)? else { return Ok(None) };
        Parts(&row).number().map(Some).ok_or_else(|| StoreError::damaged(Table::Ids, "a number of another length"))
    }

    pub fn row(&self, n: u64) -> Result<RecordRow<'static>> {
        match self.get(Table::Records, &n.to_be_bytes())? {
            Some(bytes) => RecordRow::decode(n, &bytes),
            None => Err(StoreError::damaged(Table::Records, format!("record {n} is missing"))),
        }
    }

    pub fn put_record(&mut self, put: &JudgedRecord) -> Result<Outcome> {
        let JudgedRecord { record, lifecycle, verdict, revoked, creates_only } = put;
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

        let mut row = RecordRow {
            space: names.space,
            type_name: names.type_name,
            lifecycle: *lifecycle,
            superseded: false,
            deleted: false,
            expired: false,
            erased: false,
            revoked: *revoked,
            // A delete creates nothing: what a grant says of replacing does not bear on it.
            creates_only: *creates_only && header.op == Op::Put,
            verdict: Cow::Borrowed(verdict),
            signed: Cow::Borrowed(record.signed()),
            payload: record.payload().map(Cow::Borrowed),
        };
        let placed = self.place(names, &row, n)?;
        (row.superseded, row.deleted) = (placed.superseded, placed.deleted);
        self.writes.put(Table::Ids, &id.0, &n.to_be_bytes());
        if let (Some(at), Op::Put) = (header.expires, header.op) {
            self.put_ordered(Table::Expiry, key().number(at).number(n), &[]);
        }
        if let Some(grant) = &header.grant {
            let grant = self.name(Kind::Grant, &grant.0)?;
            self.put(Table::Grant, key().name(grant).number(n), &[]);
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

    /// A stored record gets another verdict, and its payload if that was missing.
    pub fn judge(&mut self, id: &RecordId, verdict: &Verdict, payload: Option<&Payload>) -> Result<Outcome> {
        let Some(n) = self.number_of(id)? else { return Ok(Outcome::Unknown) };
        let before = self.row(n)?;
        // The body of what is gone is not taken; the place at its address follows the verdict all the same.
        let payload = payload.filter(|_| before.payload.is_none() && !before.facts().is_gone());
        if payload.is_some_and(|p| before.signed.header().body != Some(p.body.commit(&p.salt))) {
            return Ok(Outcome::WrongPayload);
        }
        let mut after = before.clone();
        after.verdict = Cow::Owned(verdict.clone());
        if let Some(payload) = payload {
            after.payload = Some(Cow::Owned(payload.clone()));
        }
        self.settle(n, &before, after)
    }

    /// Revocations take a stored record away, or do so no longer.
    pub fn set_revoked(&mut self, id: &RecordId, revoked: bool) -> Result<Outcome> {
        let Some(n) = self.number_of(id)? else { return Ok(Outcome::Unknown) };
        let before = self.row(n)?;
        let after = RecordRow { revoked, ..before.clone() };
        self.settle(n, &before, after)
    }

    /// Writes what is known of a record now, with all that follows from whether it is in force.
    fn settle(&mut self, n: u64, before: &RecordRow<'static>, mut after: RecordRow<'static>) -> Result<Outcome> {
        if after == *before {
            return Ok(Outcome::Unchanged { n });
        }
        let names = self.record_names(before.signed.header())?;
        match (before.is_in_force(), after.is_in_force()) {
            (false, true) => {
                let placed = self.place_again(names, &after, n)?;
                (after.superseded, after.deleted) = (placed.superseded, placed.deleted);
            }
            (true, false) => {
                self.withdraw(names, before, n)?;
                after.superseded = false;
            }
            _ => {}
        }
        let visible = self.rewrite(n, names.author, Some(before), &mut after)?.is_visible();
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
    pub fn update(&mut self, n: u64, change: impl FnOnce(&mut RecordRow<'static>)) -> Result<()> {
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
        self.carry(n, before, after)?;
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
            self.arrived.push(((after.space, after.type_name), after.rank()));
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
