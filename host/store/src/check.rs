//! Whether the store is whole: every row is compared with what it follows from.
//!
//! Reading a record for each of its sixteen rows, and each row for its record, would seek for
//! minutes. Instead each table is read once, in order: the records say which rows there must
//! be, and both sides add up a keyed hash per row. Equal sums mean equal sets. Only for a
//! table whose sums differ are its rows looked up one by one, to name the bad ones.

mod tables;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use atlas_record::Op;

use crate::apply::{NameSource, for_visible_rows};
use crate::carried::carried_keys;
use crate::decide::Contender;
use crate::digest::SetState;
use crate::error::StoreError;
use crate::group::{RecordNames, Totals, counted_number};
use crate::keys::{KeyBuf, Name, Parts, key, wait_key};
use crate::kv::{Range, Table, View};
use crate::names::{self, Kind};
use crate::parked::{self, PARKED, PENDING};
use crate::place::{address_key, deletes_target, tombstone_key, tombstone_mark};
use crate::rows::RecordRow;
use crate::stats::Counts;
use crate::store::Store;
use crate::waiting::{WaitKey, Waiting};

type Result<T> = std::result::Result<T, StoreError>;

/// Problems that are spelled out.
const SPELLED_OUT: usize = 100;

/// What was looked at and what is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Records looked at.
    pub records: u64,
    /// Rows looked at, in all tables.
    pub rows: u64,
    /// Blobs looked at.
    pub blobs: u64,
    /// The first problems, one sentence each.
    pub problems: Vec<String>,
    /// How many problems there are in all.
    pub problem_count: u64,
}

impl CheckReport {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.problem_count == 0
    }

    fn problem(&mut self, what: impl Into<String>) {
        self.problem_count += 1;
        if self.problems.len() < SPELLED_OUT {
            self.problems.push(what.into());
        }
    }
}

/// How far a check has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckProgress {
    /// What is being looked at.
    pub stage: &'static str,
    /// Rows done in this stage.
    pub done: u64,
    /// Rows of this stage, where known.
    pub total: Option<u64>,
}

/// Rows between two reports of progress.
const REPORT_EVERY: u64 = 4096;

/// Numbers of names, from the tables.
struct Names<'a> {
    view: &'a dyn View,
    cache: names::Cache,
}

impl NameSource for Names<'_> {
    fn number_for(&mut self, kind: Kind, name: &[u8]) -> Result<Name> {
        if let Some(number) = self.cache.get(kind, name) {
            return Ok(number);
        }
        let number = names::number(self.view, kind, name)?
            .ok_or_else(|| StoreError::damaged(Table::Names, format!("a name of kind {kind:?} has no number")))?;
        self.cache.insert(kind, name, number);
        Ok(number)
    }
}

/// A sum over rows, and their number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sum(u64, u64);

impl Sum {
    fn add(&mut self, hash: u64) {
        self.0 = self.0.wrapping_add(hash);
        self.1 += 1;
    }
}

/// The tables whose rows are exactly what records say, byte by byte.
const DERIVED: [Table; 9] = [
    Table::Ids,
    Table::Set,
    Table::Author,
    Table::Link,
    Table::Index,
    Table::Grant,
    Table::Expiry,
    Table::Carried,
    Table::Waiting,
];

struct Check<'a> {
    view: &'a dyn View,
    progress: &'a mut dyn FnMut(CheckProgress),
    report: CheckReport,
    names: Names<'a>,
    hasher: RandomState,
    expected: HashMap<Table, Sum>,
    places: Sum,
    chains: Sum,
    counts: HashMap<(Name, Name), Counts>,
    digests: HashMap<(Name, Name), SetState>,
    totals: Totals,
}

/// A record's place at its address, as both sides see it.
#[derive(Hash)]
struct PlaceView<'a> {
    address: &'a [u8],
    record: Contender,
    in_force: bool,
    deleted: bool,
    superseded: bool,
}

impl Store {
    /// Compares every row with what it follows from, for `doctor`. Sees the store as of its
    /// start; others may go on writing.
    pub fn check(&self, progress: &mut dyn FnMut(CheckProgress)) -> Result<CheckReport> {
        let view = self.view();
        let mut check = Check {
            view: &*view,
            progress,
            report: CheckReport::default(),
            names: Names { view: &*view, cache: names::Cache::default() },
            hasher: RandomState::new(),
            expected: HashMap::new(),
            places: Sum::default(),
            chains: Sum::default(),
            counts: HashMap::new(),
            digests: HashMap::new(),
            totals: Totals::default(),
        };
        check.records()?;
        check.parked()?;
        for table in DERIVED {
            check.derived(table)?;
        }
        check.addresses()?;
        check.chain()?;
        check.tombstones()?;
        check.counted()?;
        check.digested()?;
        check.changed()?;
        check.named()?;
        check.blobs(self)?;
        Ok(check.report)
    }
}

impl Check<'_> {
    fn step(&mut self, stage: &'static str, done: u64, total: Option<u64>) {
        self.report.rows += 1;
        if done.is_multiple_of(REPORT_EVERY) {
            (self.progress)(CheckProgress { stage, done, total });
        }
    }

    fn records(&mut self) -> Result<()> {
        let last = counted_number(self.view)?;
        let mut expected = 1;
        for row in self.view.range(Table::Records, Range::all()) {
            let (row, value) = row?;
            let Some(n) = Parts(&row).number() else {
                self.report.problem("`records` has a key of another length");
                continue;
            };
            if n != expected {
                self.report.problem(format!("records {expected} to {} are missing", n - 1));
            }
            expected = n + 1;
            self.report.records += 1;
            self.step("records", n, Some(last));
            match self.record(n, &value) {
                Err(StoreError::Damaged { what, .. }) => self.report.problem(format!("record {n}: {what}")),
                other => other?,
            }
        }
        if last + 1 > expected {
            self.report.problem(format!("records {expected} to {last} are missing"));
        } else if last + 1 < expected {
            self.report.problem(format!("the last number is {last}, and there is a record {}", expected - 1));
        }
        Ok(())
    }

    /// One record: itself, and what it says about other tables.
    fn record(&mut self, n: u64, value: &[u8]) -> Result<()> {
        let row = RecordRow::decode(n, value)?;
        let mut rows = Vec::new();
        let names = expected_rows(&mut self.names, n, &row, &mut |table, key, value| {
            rows.push((table, self.hasher.hash_one((key, value))));
        })?;
        for (table, hash) in rows {
            self.expected.entry(table).or_default().add(hash);
        }
        let header = row.signed.header();
        let counts = self.counts.entry((row.space, row.type_name)).or_default();
        counts.total += 1;
        counts.visible += u64::from(row.status().is_visible());
        counts.body_bytes += row.body_bytes();
        self.digests.entry((row.space, row.type_name)).or_default().add(&row.rank());
        if row.waiting().is_some() {
            self.totals.pending += 1;
            self.totals.pending_bytes += row.size();
        }
        if header.seq > 0 {
            let signer = self.names.number_for(Kind::Key, &header.key.0)?;
            self.chains.add(self.hasher.hash_one((signer, row.space, header.seq, n, row.signed.id().0)));
        }
        match &header.record_key {
            Some(record_key) => {
                let address = address_key(names, record_key);
                let place = PlaceView {
                    address: address.done(),
                    record: row.contender(n),
                    in_force: row.is_in_force(),
                    deleted: row.deleted,
                    superseded: row.superseded,
                };
                self.places.add(self.hasher.hash_one(place));
            }
            None => self.unkeyed(n, names, &row)?,
        }
        Ok(())
    }

    /// Whether a record without a key is deleted, as its row and the mark of its deletes say.
    fn unkeyed(&mut self, n: u64, names: RecordNames, row: &RecordRow<'_>) -> Result<()> {
        if row.signed.header().op == Op::Delete {
            return Ok(());
        }
        let mark = self.view.get(Table::Tombstone, tombstone_mark(names, &row.signed.id()).done())?;
        if mark.is_some() != row.deleted {
            self.report.problem(format!("record {n}: `tombstone` and its status differ on whether it is deleted"));
        }
        Ok(())
    }

    fn parked(&mut self) -> Result<()> {
        for (done, row) in (1..).zip(self.view.range(Table::Parked, Range::all())) {
            let (id, value) = row?;
            self.step("parked", done, None);
            self.totals.parked += 1;
            self.totals.parked_bytes += value.len() as u64;
            match parked::decode(&value) {
                Ok(parked) => {
                    if parked.record.id().0[..] != id[..] {
                        self.report.problem(format!("parked record {}: its row has another id", parked.record.id()));
                    }
                    waiting_rows(PARKED, &parked.waiting, &id, &mut |table, key, value| {
                        let hash = self.hasher.hash_one((key, value));
                        self.expected.entry(table).or_default().add(hash);
                    });
                }
                Err(error) => self.report.problem(error.to_string()),
            }
        }
        Ok(())
    }
}

/// Takes rows: table, key, value.
type EachRow<'a> = &'a mut dyn FnMut(Table, &[u8], &[u8]);

fn waiting_rows(who: u8, waiting: &Waiting, owner: &[u8], each: EachRow<'_>) {
    let mut keys: Vec<WaitKey> = waiting.on.iter().copied().chain(waiting.give_up.map(WaitKey::Until)).collect();
    keys.sort_unstable();
    keys.dedup();
    for on in keys {
        let mut row = key();
        wait_key(&mut row, who, &on);
        each(Table::Waiting, row.bytes(owner).done(), &[]);
    }
}

/// Every row of the derived tables that a record calls for.
fn expected_rows<S: NameSource>(source: &mut S, n: u64, row: &RecordRow<'_>, each: EachRow<'_>) -> Result<RecordNames> {
    let header = row.signed.header();
    let names = RecordNames {
        space: source.number_for(Kind::Space, &header.space.0)?,
        type_name: source.number_for(Kind::Type, header.type_name.as_str().as_bytes())?,
        author: source.number_for(Kind::Author, &header.author.0)?,
    };
    if (names.space, names.type_name) != (row.space, row.type_name) {
        return Err(StoreError::damaged(Table::Records, "its space or type has another number"));
    }
    let number = n.to_be_bytes();
    each(Table::Ids, &row.signed.id().0, &number);
    let mut at: KeyBuf = key();
    at.name(row.space).name(row.type_name).rank(&row.rank());
    each(Table::Set, at.done(), key().number(n).byte(row.status() as u8).done());
    if let (Some(expires), Op::Put, false) = (header.expires, header.op, row.expired) {
        each(Table::Expiry, key().number(expires).number(n).done(), &[]);
    }
    if let Some(grant) = &header.grant {
        let grant = source.number_for(Kind::Grant, &grant.0)?;
        each(Table::Grant, key().name(grant).number(n).done(), &[]);
    }
    if let Some(target) = deletes_target(header).filter(|_| row.is_in_force()) {
        each(Table::Tombstone, tombstone_key(&tombstone_mark(names, &target), n).done(), &[]);
    }
    for row in carried_keys(n, row) {
        each(Table::Carried, row.done(), &[]);
    }
    if let Some(waiting) = row.waiting() {
        waiting_rows(PENDING, waiting, &number, each);
    }
    if row.status().is_visible() {
        // A link or an entry that is given twice is one row.
        let mut rows = Vec::new();
        for_visible_rows(n, names.author, row, &mut at, source, &mut |_, table, key| {
            rows.push((table, key.to_vec()));
            Ok(())
        })?;
        rows.sort_unstable();
        rows.dedup();
        let type_name = row.type_name.to_be_bytes();
        for (table, key) in rows {
            each(table, &key, if table == Table::Link { &type_name[..] } else { &[] });
        }
    }
    Ok(names)
}
