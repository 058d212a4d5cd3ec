//! How a query is answered: one or more ranges of one table, merged by time.
//!
//! A query becomes streams. Each stream is one contiguous range of an index; most queries are
//! one stream. "Any type of this author" and "any relation to this target" are one stream per
//! type or relation, found by seeking from one to the next, never by walking. The place in an
//! answer is the tail of a row's key behind the stream's prefix, the same in all its streams.

use std::ops::Bound;

use atlas_record::Timestamp;

use crate::entry::IndexValue;
use crate::error::StoreError;
use crate::keys::{KeyBuf, Name, Parts, key};
use crate::kv::{Range, Rows, Table, View, after_prefix};
use crate::names::{self, Kind};
use crate::read::{space_number, type_number};
use crate::rows::row_head;
use crate::scan::{By, Hit, Position, Scan, Values};
use crate::status::Status;
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

/// Streams that one query merges at most.
const MOST_STREAMS: usize = 256;

/// How rows of a stream read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// (created, id) -> (n, status): rows of the replicated set, not all of them visible.
    Set,
    /// (created, n).
    Timed,
    /// (created, n) -> type, where only one type is wanted.
    Linked(Option<Name>),
    /// (value, created, n), with bounds on the time that no seek serves.
    Valued { since: Timestamp, until: Timestamp },
    /// n -> record, of one space.
    Arrived { space: Name, since: Timestamp, until: Timestamp },
}

/// The tail of a row, and the record that it names if it is a hit.
type Head = (Vec<u8>, Option<(u64, Timestamp)>);

struct Stream {
    rows: Rows,
    /// Length of the prefix that its keys share.
    prefix: usize,
    /// The next row.
    head: Option<Head>,
}

/// The hits of a query, lazily. Sees the store as of its start; drop it to stop.
pub struct Hits {
    streams: Vec<Stream>,
    shape: Shape,
    newest_first: bool,
    query: [u8; 8],
    last: Option<Vec<u8>>,
    examined: u64,
    most_rows: u64,
    paused: bool,
}

fn malformed(shape: Shape) -> StoreError {
    let table = match shape {
        Shape::Set => Table::Set,
        Shape::Timed => Table::Author,
        Shape::Linked(_) => Table::Link,
        Shape::Valued { .. } => Table::Index,
        Shape::Arrived { .. } => Table::Records,
    };
    StoreError::damaged(table, "a row is malformed")
}

impl Shape {
    /// What a row names, if it is a hit.
    fn read(self, tail: &[u8], value: &[u8]) -> Result<Option<(u64, Timestamp)>> {
        let parts = |mut tail: Parts<'_>| Some((tail.number()?, tail.number()?));
        let whole = |read: Option<(u64, u64)>| read.ok_or_else(|| malformed(self));
        Ok(match self {
            Self::Set => {
                let created = Parts(tail).time().ok_or_else(|| malformed(self))?;
                let mut value = Parts(value);
                let (Some(n), Some(status)) = (value.number(), value.byte().and_then(Status::from_byte)) else {
                    return Err(malformed(self));
                };
                status.is_visible().then_some((n, created))
            }
            Self::Timed => whole(parts(Parts(tail))).map(|(created, n)| Some((n, created)))?,
            Self::Linked(wanted) => {
                let (created, n) = whole(parts(Parts(tail)))?;
                let its = Parts(value).name();
                wanted.is_none_or(|wanted| its == Some(wanted)).then_some((n, created))
            }
            Self::Valued { since, until } => {
                let at = tail.len().checked_sub(16).ok_or_else(|| malformed(self))?;
                let (created, n) = whole(parts(Parts(&tail[at..])))?;
                (since..until).contains(&created).then_some((n, created))
            }
            Self::Arrived { space, since, until } => {
                let n = Parts(tail).number().ok_or_else(|| malformed(self))?;
                let head = row_head(n, value)?;
                let wanted = head.space == space && head.status.is_visible() && (since..until).contains(&head.created);
                wanted.then_some((n, head.created))
            }
        })
    }
}

impl Hits {
    /// Whether it stopped because of [`Scan::most_rows`], rather than at the end.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// The place reached, behind every row looked at, hit or not. `None` before the first.
    pub fn position(&self) -> Option<Position> {
        self.last.as_ref().map(|at| Position { query: self.query, at: at.clone() })
    }

    /// Rows looked at so far.
    pub fn examined(&self) -> u64 {
        self.examined
    }

    fn advance(shape: Shape, stream: &mut Stream) -> Result<()> {
        stream.head = match stream.rows.next() {
            None => None,
            Some(row) => {
                let (mut tail, value) = row?;
                tail.drain(..stream.prefix);
                let hit = shape.read(&tail, &value)?;
                Some((tail, hit))
            }
        };
        Ok(())
    }

    /// The stream whose next row comes first.
    fn first(&self) -> Option<usize> {
        let heads = self.streams.iter().enumerate().filter_map(|(i, stream)| Some((i, &stream.head.as_ref()?.0)));
        let first = if self.newest_first {
            heads.max_by(|(_, a), (_, b)| a.cmp(b))
        } else {
            heads.min_by(|(_, a), (_, b)| a.cmp(b))
        };
        first.map(|(i, _)| i)
    }

    fn step(&mut self) -> Result<Option<Hit>> {
        loop {
            let Some(first) = self.first() else { return Ok(None) };
            if self.examined >= self.most_rows {
                self.paused = true;
                return Ok(None);
            }
            self.examined += 1;
            let stream = &mut self.streams[first];
            let (tail, hit) = stream.head.take().expect("chosen by its head");
            Self::advance(self.shape, stream)?;
            // One record under two relations to one target is one hit.
            let again = self.last.as_ref() == Some(&tail);
            self.last = Some(tail.clone());
            if let Some((n, created)) = hit.filter(|_| !again) {
                return Ok(Some(Hit { n, created, position: Position { query: self.query, at: tail } }));
            }
        }
    }
}

impl Iterator for Hits {
    type Item = Result<Hit>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step();
        if step.is_err() {
            self.streams.clear();
        }
        step.transpose()
    }
}

/// A query in terms of rows.
pub(crate) struct Plan {
    pub table: Table,
    pub shape: Shape,
    pub prefixes: Vec<Vec<u8>>,
    /// Bounds on tails.
    from: Bound<Vec<u8>>,
    to: Bound<Vec<u8>>,
}

/// Prefixes one name longer than `prefix` that exist, by seeking from each to the next.
fn branches(view: &dyn View, table: Table, prefix: &KeyBuf, what: &'static str) -> Result<Vec<Vec<u8>>> {
    let length = prefix.done().len() + size_of::<Name>();
    let mut found: Vec<Vec<u8>> = Vec::new();
    let mut from = Bound::Included(prefix.to_vec());
    let end = after_prefix(prefix.done());
    while let Some(row) = view.range(table, Range { from, to: end.clone(), backward: false }).next() {
        let (mut row, _) = row?;
        if row.len() < length {
            return Err(StoreError::damaged(table, "a key is cut off"));
        }
        if found.len() == MOST_STREAMS {
            return Err(StoreError::TooBroad { what, found: found.len() + 1, most: MOST_STREAMS });
        }
        row.truncate(length);
        from = match after_prefix(&row) {
            Bound::Excluded(next) => Bound::Included(next),
            _ => break,
        };
        found.push(row);
        if Range::is_empty(&Range { from: from.clone(), to: end.clone(), backward: false }) {
            break;
        }
    }
    Ok(found)
}

/// The plan of a query; `None` if it names something that was never seen here.
pub(crate) fn plan(view: &dyn View, scan: &Scan) -> Result<Option<Plan>> {
    let (since, until) = (scan.since.unwrap_or(0), scan.until.unwrap_or(u64::MAX));
    let timed = (
        Bound::Included(since.to_be_bytes().to_vec()),
        if scan.until.is_some() { Bound::Excluded(until.to_be_bytes().to_vec()) } else { Bound::Unbounded },
    );
    let plan = |table, shape, prefixes, (from, to)| Ok(Some(Plan { table, shape, prefixes, from, to }));
    let Some(space) = space_number(view, &scan.space)? else { return Ok(None) };
    match &scan.by {
        By::Type(type_name) => {
            let Some(type_name) = type_number(view, type_name)? else { return Ok(None) };
            let prefix = key().name(space).name(type_name).to_vec();
            plan(Table::Set, Shape::Set, vec![prefix], timed)
        }
        By::Author { author, type_name } => {
            let Some(author) = names::number(view, Kind::Author, &author.0)? else { return Ok(None) };
            let mut prefix = key();
            prefix.name(space).name(author);
            let prefixes = match type_name {
                None => branches(view, Table::Author, &prefix, "types of this author")?,
                Some(type_name) => {
                    let Some(type_name) = type_number(view, type_name)? else { return Ok(None) };
                    vec![prefix.name(type_name).to_vec()]
                }
            };
            plan(Table::Author, Shape::Timed, prefixes, timed)
        }
        By::LinkTo { relation, target, type_name } => {
            let wanted = match type_name {
                None => None,
                Some(type_name) => match type_number(view, type_name)? {
                    None => return Ok(None),
                    some => some,
                },
            };
            let mut prefix = key();
            prefix.name(space).target(target);
            let prefixes = match relation {
                None => branches(view, Table::Link, &prefix, "relations to this target")?,
                Some(relation) => {
                    let relation = names::number(view, Kind::Relation, relation.as_str().as_bytes())?;
                    let Some(relation) = relation else { return Ok(None) };
                    vec![prefix.name(relation).to_vec()]
                }
            };
            plan(Table::Link, Shape::Linked(wanted), prefixes, timed)
        }
        By::Index { type_name, name, values } => {
            let type_name = type_number(view, type_name)?;
            let index = names::number(view, Kind::Index, name.as_bytes())?;
            let (Some(type_name), Some(index)) = (type_name, index) else { return Ok(None) };
            let mut prefix = key();
            prefix.name(space).name(type_name).name(index);
            match values {
                Values::Eq(value) => plan(Table::Index, Shape::Timed, vec![prefix.value(value).to_vec()], timed),
                Values::Range(from, to) => {
                    let shape = Shape::Valued { since, until };
                    plan(Table::Index, shape, vec![prefix.to_vec()], (lower(from, to), upper(from, to)))
                }
            }
        }
        By::Arrival { after } => {
            let from = Bound::Excluded(after.to_be_bytes().to_vec());
            plan(Table::Records, Shape::Arrived { space, since, until }, vec![Vec::new()], (from, Bound::Unbounded))
        }
    }
}

/// The first byte of the values of this kind, to bound a range that is open at one end.
fn kind_of(value: &IndexValue) -> u8 {
    key().value(value).done()[0]
}

fn value_of(bound: &Bound<IndexValue>) -> Option<&IndexValue> {
    match bound {
        Bound::Included(value) | Bound::Excluded(value) => Some(value),
        Bound::Unbounded => None,
    }
}

/// Tails begin with the value and go on with the time, so "behind this value" is behind
/// every tail that begins with it.
fn lower(from: &Bound<IndexValue>, to: &Bound<IndexValue>) -> Bound<Vec<u8>> {
    match from {
        Bound::Included(value) => Bound::Included(key().value(value).to_vec()),
        Bound::Excluded(value) => match after_prefix(key().value(value).done()) {
            Bound::Excluded(next) => Bound::Included(next),
            open => open,
        },
        Bound::Unbounded => value_of(to).map_or(Bound::Unbounded, |to| Bound::Included(vec![kind_of(to)])),
    }
}

fn upper(from: &Bound<IndexValue>, to: &Bound<IndexValue>) -> Bound<Vec<u8>> {
    match to {
        Bound::Included(value) => after_prefix(key().value(value).done()),
        Bound::Excluded(value) => Bound::Excluded(key().value(value).to_vec()),
        Bound::Unbounded => value_of(from).map_or(Bound::Unbounded, |from| Bound::Excluded(vec![kind_of(from) + 1])),
    }
}

impl Plan {
    /// Narrows the bounds to what comes behind a position, which may lie outside of them: the
    /// window of time can have moved since.
    fn resume(&mut self, at: &[u8], newest_first: bool) {
        let bound = if newest_first { &mut self.to } else { &mut self.from };
        let narrower = match &*bound {
            Bound::Unbounded => true,
            Bound::Included(end) | Bound::Excluded(end) if newest_first => at <= &end[..],
            Bound::Included(end) | Bound::Excluded(end) => at >= &end[..],
        };
        if narrower {
            *bound = Bound::Excluded(at.to_vec());
        }
    }

    fn range(&self, prefix: &[u8], backward: bool) -> Range {
        let join = |tail: &[u8]| [prefix, tail].concat();
        let from = match &self.from {
            Bound::Included(tail) => Bound::Included(join(tail)),
            Bound::Excluded(tail) => Bound::Excluded(join(tail)),
            Bound::Unbounded => Bound::Included(prefix.to_vec()),
        };
        let to = match &self.to {
            Bound::Included(tail) => Bound::Included(join(tail)),
            Bound::Excluded(tail) => Bound::Excluded(join(tail)),
            Bound::Unbounded => after_prefix(prefix),
        };
        Range { from, to, backward }
    }

    /// Whether bytes can be the tail of a key of this plan.
    fn takes(&self, at: &[u8]) -> bool {
        match self.shape {
            Shape::Set => at.len() == 40,
            Shape::Timed | Shape::Linked(_) => at.len() == 16,
            Shape::Valued { .. } => at.len() > 16,
            Shape::Arrived { .. } => at.len() == 8,
        }
    }
}

impl Store {
    /// Runs a query, lazily. Nothing is found under names that were never seen here.
    pub fn scan(&self, scan: &Scan) -> Result<Hits> {
        let query = scan.fingerprint();
        if scan.after.as_ref().is_some_and(|after| after.query != query) {
            return Err(StoreError::ForeignCursor);
        }
        let mut hits = Hits {
            streams: Vec::new(),
            shape: Shape::Timed,
            newest_first: scan.newest_first,
            query,
            last: scan.after.as_ref().map(|after| after.at.clone()),
            examined: 0,
            most_rows: scan.most_rows.unwrap_or(u64::MAX),
            paused: false,
        };
        let view = self.view();
        let Some(mut plan) = plan(&*view, scan)? else { return Ok(hits) };
        hits.shape = plan.shape;
        if let Some(after) = &scan.after {
            if !plan.takes(&after.at) {
                return Err(StoreError::BadCursor);
            }
            plan.resume(&after.at, scan.newest_first);
        }
        for prefix in &plan.prefixes {
            let rows = view.range(plan.table, plan.range(prefix, scan.newest_first));
            let mut stream = Stream { rows, prefix: prefix.len(), head: None };
            Hits::advance(plan.shape, &mut stream)?;
            hits.streams.push(stream);
        }
        Ok(hits)
    }
}
