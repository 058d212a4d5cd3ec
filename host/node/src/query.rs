//! Queries: one index answers, the rest of the conditions filter what it yields.
//!
//! The index is chosen in a fixed order, from the narrowest: declared index, link, author,
//! type, time. There is no full scan behind any of them: a query without a condition reads
//! the newest records of each type. An answer is cut when it is full, or when its time or
//! its rows are spent; its cursor goes on from there.

use std::collections::BinaryHeap;
use std::ops::Bound;
use std::sync::Arc;
use std::time::{Duration, Instant};

use atlas_record::{Address, IdentityId, Relation, Target, Timestamp, TypeName};
use atlas_store::{By, Hit, Hits, IndexValue, Position, Scan, Status, StoredRecord, Values};
use data_encoding::BASE64URL_NOPAD;

use crate::error::NodeError;
use crate::node::Node;
use crate::spaces::Space;

/// A condition on a declared index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexCondition {
    /// The index.
    pub name: String,
    /// The values, as text; read by the kind that the type declares.
    pub values: IndexRange,
}

/// Values of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexRange {
    /// This one.
    Is(String),
    /// From the first, included, to the second, excluded; open where left out.
    Between(Option<String>, Option<String>),
}

impl std::str::FromStr for IndexCondition {
    type Err = NodeError;

    /// `NAME=VALUE`, or `NAME=FROM..TO` with either end left out for an open one.
    /// `NAME==VALUE` takes the value as it is, dots and all.
    fn from_str(text: &str) -> Result<Self, NodeError> {
        let Some((name, value)) = text.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Err(NodeError::Misuse(format!(
                "`{text}` is no index condition: write NAME=VALUE or NAME=FROM..TO"
            )));
        };
        let end = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let values = match (value.strip_prefix('='), value.split_once("..")) {
            (Some(exact), _) => IndexRange::Is(exact.to_owned()),
            (None, Some((from, to))) => IndexRange::Between(end(from), end(to)),
            (None, None) => IndexRange::Is(value.to_owned()),
        };
        Ok(Self { name: name.to_owned(), values })
    }
}

/// A condition on links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkCondition {
    /// The relation; any where left out.
    pub relation: Option<Relation>,
    /// What the record points at.
    pub target: Target,
}

impl std::str::FromStr for LinkCondition {
    type Err = NodeError;

    /// `REL=TARGET`, or `=TARGET` for any relation.
    fn from_str(text: &str) -> Result<Self, NodeError> {
        let wrong = |why: &dyn std::fmt::Display| {
            NodeError::Misuse(format!(
                "`{text}` is no link condition: {why}; write REL=TARGET, as depends=name:libssl3"
            ))
        };
        let (relation, target) = text.split_once('=').ok_or_else(|| wrong(&"there is no `=`"))?;
        let relation = match relation {
            "" => None,
            relation => Some(relation.parse().map_err(|error| wrong(&error))?),
        };
        Ok(Self { relation, target: target.parse().map_err(|error| wrong(&error))? })
    }
}

/// What is asked.
#[derive(Debug, Clone)]
pub struct Query {
    /// In this space.
    pub space: Arc<Space>,
    /// Of this type.
    pub type_name: Option<TypeName>,
    /// By this author.
    pub author: Option<IdentityId>,
    /// Pointing at this.
    pub link: Option<LinkCondition>,
    /// Found under this.
    pub index: Option<IndexCondition>,
    /// Created then or later.
    pub since: Option<Timestamp>,
    /// Created before then.
    pub until: Option<Timestamp>,
    /// Oldest (or lowest) first.
    pub ascending: bool,
    /// Records at most.
    pub limit: usize,
    /// From an earlier answer.
    pub cursor: Option<String>,
    /// Time that it may take.
    pub budget: Duration,
}

/// The most records of one answer.
pub const MOST_RECORDS: usize = 1000;
/// Records of an answer where nothing is said.
pub const DEFAULT_LIMIT: usize = 50;
/// Time that a query may take where nothing is said.
pub const DEFAULT_BUDGET: Duration = Duration::from_millis(500);
/// Index rows that one index may be asked for in one answer.
const MOST_ROWS: u64 = 200_000;
/// Rows between two looks at the clock.
const ROWS_PER_LOOK: u64 = 256;

/// One page of an answer.
#[derive(Debug)]
pub struct Page {
    /// The records.
    pub records: Vec<StoredRecord>,
    /// To go on, if there may be more.
    pub cursor: Option<String>,
    /// Every record up to this number was considered.
    pub watermark: u64,
    /// Why the page ends, if not because it is full or there is no more: `time` or `rows`.
    pub cut: Option<&'static str>,
}

/// What an index yielded last, ordered so that the heap gives out the next of all.
struct Next {
    hit: Hit,
    source: usize,
    ascending: bool,
}

impl PartialEq for Next {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Next {}

impl PartialOrd for Next {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Next {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let newest = (self.hit.created, self.hit.n).cmp(&(other.hit.created, other.hit.n));
        if self.ascending { newest.reverse() } else { newest }
    }
}

impl Node {
    /// Answers a query.
    pub fn query(&self, query: &Query) -> Result<Page, NodeError> {
        let started = Instant::now();
        let limit = query.limit.clamp(1, MOST_RECORDS);
        let scans = self.scans(query)?;
        let mut places = places(query.cursor.as_deref(), scans.len())?;
        let watermark = self.store().watermark();
        let mut sources: Vec<Hits> = Vec::with_capacity(scans.len());
        let mut heap = BinaryHeap::new();
        for (mut scan, place) in scans.into_iter().zip(&places) {
            scan.after.clone_from(place);
            sources.push(self.store().scan(&scan)?);
        }
        for (source, hits) in sources.iter_mut().enumerate() {
            pull(hits, source, query.ascending, &mut heap)?;
        }
        let (mut records, mut cut, mut rows) = (Vec::with_capacity(limit.min(64)), None, 0u64);
        while let Some(next) = heap.pop() {
            rows += 1;
            if let Some(stored) = self.store().by_number(next.hit.n)?
                && matches(query, &stored)
            {
                records.push(stored);
            }
            places[next.source] = Some(next.hit.position);
            pull(&mut sources[next.source], next.source, query.ascending, &mut heap)?;
            if records.len() == limit {
                break;
            }
            if rows.is_multiple_of(ROWS_PER_LOOK) && started.elapsed() > query.budget {
                cut = Some("time");
                break;
            }
        }
        let paused = sources.iter().any(Hits::is_paused);
        if heap.is_empty() && paused {
            cut = Some("rows");
            for (place, hits) in places.iter_mut().zip(&sources).filter(|(_, hits)| hits.is_paused()) {
                *place = hits.position();
            }
        }
        let more = !heap.is_empty() || paused;
        Ok(Page { records, cursor: more.then(|| cursor(&places)), watermark, cut })
    }

    /// The indexes that answer: one, or one for each type.
    fn scans(&self, query: &Query) -> Result<Vec<Scan>, NodeError> {
        let space = query.space.id;
        let by = if let Some(index) = &query.index {
            vec![self.by_index(query, index)?]
        } else if let Some(link) = &query.link {
            vec![By::LinkTo {
                relation: link.relation.clone(),
                target: link.target.clone(),
                type_name: query.type_name.clone(),
            }]
        } else if let Some(author) = query.author {
            vec![By::Author { author, type_name: query.type_name.clone() }]
        } else if let Some(type_name) = &query.type_name {
            vec![By::Type(type_name.clone())]
        } else {
            self.store().counts(&space)?.into_iter().map(|counts| By::Type(counts.type_name)).collect()
        };
        let scan = |by| Scan {
            newest_first: !query.ascending,
            since: query.since,
            until: query.until,
            most_rows: Some(MOST_ROWS),
            ..Scan::new(space, by)
        };
        Ok(by.into_iter().map(scan).collect())
    }

    fn by_index(&self, query: &Query, index: &IndexCondition) -> Result<By, NodeError> {
        use atlas_engine::validator::IndexKind;
        let Some(type_name) = &query.type_name else {
            return Err(NodeError::Misuse("--index belongs to a type: say which with --type".into()));
        };
        let validator = self.modules().validator(query.space.binding(type_name)?)?;
        let declared = &validator.rules().indexes;
        let Some(found) = declared.iter().find(|found| found.name == index.name) else {
            let names: Vec<_> = declared.iter().map(|index| index.name.as_str()).collect();
            let hint = if names.is_empty() {
                "it declares none".to_owned()
            } else {
                format!("it declares: {}", names.join(", "))
            };
            return Err(NodeError::missing("index", format!("{} of {type_name}", index.name), hint));
        };
        let value = |text: &String| match found.kind {
            IndexKind::Text => Ok(IndexValue::Text(text.as_str().into())),
            IndexKind::Integer => text
                .parse()
                .map(IndexValue::Integer)
                .map_err(|_| NodeError::Misuse(format!("index `{}` holds integers, and `{text}` is none", found.name))),
        };
        let values = match &index.values {
            IndexRange::Is(text) => Values::Eq(value(text)?),
            IndexRange::Between(from, to) => Values::Range(
                from.as_ref().map_or(Ok(Bound::Unbounded), |text| value(text).map(Bound::Included))?,
                to.as_ref().map_or(Ok(Bound::Unbounded), |text| value(text).map(Bound::Excluded))?,
            ),
        };
        Ok(By::Index { type_name: type_name.clone(), name: index.name.as_str().into(), values })
    }

    /// Everything written at an address, latest first.
    pub fn history(&self, address: &Address) -> Result<Vec<StoredRecord>, NodeError> {
        let (mut all, mut from) = (Vec::new(), None);
        loop {
            let page = self.store().history(address, from, 256)?;
            all.extend(page.records);
            match page.next {
                Some(next) if all.len() < 10_000 => from = Some(next),
                _ => break,
            }
        }
        all.reverse();
        Ok(all)
    }
}

fn pull(hits: &mut Hits, source: usize, ascending: bool, heap: &mut BinaryHeap<Next>) -> Result<(), NodeError> {
    if let Some(hit) = hits.next() {
        heap.push(Next { hit: hit?, source, ascending });
    }
    Ok(())
}

/// The conditions that the index did not answer.
fn matches(query: &Query, stored: &StoredRecord) -> bool {
    let header = stored.record.header();
    stored.status == Status::Visible
        && header.space == query.space.id
        && query.type_name.as_ref().is_none_or(|type_name| header.type_name == *type_name)
        && query.author.is_none_or(|author| header.author == author)
        && header.expires.is_none_or(|at| at > crate::clock::now())
        && query.link.as_ref().is_none_or(|wanted| {
            header.links.iter().any(|link| {
                link.target == wanted.target
                    && wanted.relation.as_ref().is_none_or(|relation| link.relation == *relation)
            })
        })
}

/// Places of all sources as text: for each, a length and bytes; length 0 for its start.
fn cursor(places: &[Option<Position>]) -> String {
    let mut bytes = Vec::new();
    for place in places {
        let place = place.as_ref().map(Position::to_bytes).unwrap_or_default();
        bytes.extend_from_slice(&u16::try_from(place.len()).expect("a position is short").to_be_bytes());
        bytes.extend_from_slice(&place);
    }
    BASE64URL_NOPAD.encode(&bytes)
}

fn places(cursor: Option<&str>, sources: usize) -> Result<Vec<Option<Position>>, NodeError> {
    let Some(cursor) = cursor else { return Ok(vec![None; sources]) };
    let wrong = || NodeError::from(atlas_store::StoreError::BadCursor);
    let bytes = BASE64URL_NOPAD.decode(cursor.as_bytes()).map_err(|_| wrong())?;
    let (mut rest, mut places) = (&bytes[..], Vec::new());
    while let Some((length, tail)) = rest.split_first_chunk::<2>() {
        let (place, tail) = tail.split_at_checked(u16::from_be_bytes(*length).into()).ok_or_else(wrong)?;
        places.push(if place.is_empty() { None } else { Some(Position::from_bytes(place)?) });
        rest = tail;
    }
    if rest.is_empty() && places.len() <= sources {
        places.resize(sources, None); // types that came since
        Ok(places)
    } else {
        Err(wrong())
    }
}
