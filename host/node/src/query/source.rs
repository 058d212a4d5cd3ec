//! What answers a query: indexes of the store, merged by time, or the index for full text.
//!
//! Both give numbers of records, as many as are asked for and no more, so that the place they
//! have reached is always behind the last record that was looked at.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Instant;

use atlas_store::{By, Hit, Hits, Membership, Position, Scan, StoreError, Values};
use data_encoding::BASE64URL_NOPAD;

use super::{Asked, End, Order};
use crate::error::NodeError;
use crate::node::Node;
use crate::text::search::{self, Place, Search};

/// Index rows that one index may be asked for in one answer.
const MOST_ROWS: u64 = 200_000;
/// Hits of the text index that one answer looks at.
const MOST_TEXT_HITS: u64 = 50_000;
/// Rows between two looks at the clock.
const ROWS_PER_LOOK: u64 = 64;

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
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Next {
    fn cmp(&self, other: &Self) -> Ordering {
        let newest = (self.hit.created, self.hit.n).cmp(&(other.hit.created, other.hit.n));
        if self.ascending { newest.reverse() } else { newest }
    }
}

/// Indexes of the store.
struct Indexes {
    hits: Vec<Hits>,
    places: Vec<Option<Position>>,
    heap: BinaryHeap<Next>,
    ascending: bool,
    /// The other conditions, as far as indexes tell.
    others: Vec<Membership>,
}

/// The index for full text.
struct Text<'a> {
    asked: &'a Asked<'a>,
    /// Hits that are asked for at once.
    page: usize,
    waiting: VecDeque<(Place, u64)>,
    after: Option<Place>,
    more: bool,
}

enum Kind<'a> {
    Indexes(Indexes),
    Text(Text<'a>),
}

/// What answers a query.
pub(super) struct Source<'a> {
    kind: Kind<'a>,
    end: End,
    deadline: Instant,
    rows: u64,
}

/// Whether what the index yields is all that is asked for: no record has to be looked at.
pub(super) fn is_answered_by_index(asked: &Asked<'_>) -> bool {
    let query = asked.query;
    let others = [query.link.is_some(), query.author.is_some()].into_iter().filter(|is| *is).count();
    query.text.is_none() && !asked.current && (asked.indexed.len() + others) <= 1
}

impl<'a> Source<'a> {
    /// Chooses what answers, and goes to where the cursor says. `page` is how many records the
    /// caller wants at once.
    pub fn open(node: &Node, asked: &'a Asked<'a>, page: usize, started: Instant) -> Result<Self, NodeError> {
        let query = asked.query;
        let mut end = End { watermark: node.store().watermark(), ..End::default() };
        let kind = if query.text.is_some() {
            end.text_watermark = Some(node.text().catch_up()?);
            let after = query.cursor.as_deref().map(|cursor| text_place(asked, cursor)).transpose()?;
            Kind::Text(Text { asked, page: page.max(64), waiting: VecDeque::new(), after, more: true })
        } else {
            let ascending = query.order() == Order::Oldest;
            let Answering { by, others } = answering(node, asked)?;
            let scans: Vec<Scan> = by.into_iter().map(|by| scan(asked, by, ascending)).collect();
            let others =
                others.into_iter().filter_map(|by| node.store().membership(&scan(asked, by, ascending)).transpose());
            let places = places(query.cursor.as_deref(), scans.len())?;
            let mut indexes = Indexes {
                hits: Vec::with_capacity(scans.len()),
                places,
                heap: BinaryHeap::new(),
                ascending,
                others: others.collect::<Result<_, _>>()?,
            };
            for (mut scan, place) in scans.into_iter().zip(&indexes.places) {
                scan.after.clone_from(place);
                indexes.hits.push(node.store().scan(&scan)?);
            }
            (0..indexes.hits.len()).try_for_each(|source| indexes.pull(source))?;
            Kind::Indexes(indexes)
        };
        // Waiting for the text index is not part of the question's own time.
        let from = if query.text.is_some() { Instant::now() } else { started };
        Ok(Self { kind, end, deadline: from + query.budget, rows: 0 })
    }

    /// Whether its time or its rows are spent.
    pub fn is_spent(&self) -> bool {
        self.end.cut.is_some()
    }

    /// The numbers of the next records, `most` at most; none at the end.
    pub fn next(&mut self, node: &Node, most: usize) -> Result<Vec<u64>, NodeError> {
        let numbers = match &mut self.kind {
            Kind::Indexes(indexes) => {
                let mut numbers = Vec::with_capacity(most.min(1024));
                while numbers.len() < most
                    && let Some(next) = indexes.heap.pop()
                {
                    self.rows += 1;
                    if indexes.holds_others(&next.hit)? {
                        numbers.push(next.hit.n);
                    }
                    indexes.places[next.source] = Some(next.hit.position);
                    indexes.pull(next.source)?;
                    if self.rows.is_multiple_of(ROWS_PER_LOOK) && Instant::now() > self.deadline {
                        self.end.cut = Some("time");
                        break;
                    }
                }
                numbers
            }
            Kind::Text(text) => {
                if text.waiting.is_empty() && text.more {
                    let (found, watermark) = node.text().search(&text.search(self.deadline))?;
                    // What is committed meanwhile is in later pages only.
                    self.end.text_watermark = self.end.text_watermark.map(|first| first.min(watermark));
                    self.end.text_cut = found.cut;
                    text.more = found.more;
                    if found.late {
                        // Not all was seen, so nothing tells where to go on.
                        (self.end.cut, text.more) = (Some("time"), false);
                    }
                    text.waiting.extend(found.hits);
                }
                let count = most.min(text.waiting.len());
                let numbers: Vec<u64> = text
                    .waiting
                    .drain(..count)
                    .map(|(place, n)| {
                        text.after = Some(place);
                        n
                    })
                    .collect();
                self.rows += numbers.len() as u64;
                if self.end.cut.is_none() && (text.more || !text.waiting.is_empty()) {
                    if self.rows >= MOST_TEXT_HITS {
                        self.end.cut = Some("rows");
                    } else if Instant::now() > self.deadline {
                        self.end.cut = Some("time");
                    }
                }
                numbers
            }
        };
        Ok(numbers)
    }

    /// Why and where it ends.
    pub fn end(mut self) -> End {
        match self.kind {
            Kind::Indexes(mut indexes) => {
                let paused = indexes.hits.iter().any(Hits::is_paused);
                if indexes.heap.is_empty() && paused {
                    self.end.cut = Some("rows");
                    let spent = indexes.places.iter_mut().zip(&indexes.hits).filter(|(_, hits)| hits.is_paused());
                    spent.for_each(|(place, hits)| *place = hits.position());
                }
                let more = !indexes.heap.is_empty() || paused;
                self.end.cursor = more.then(|| cursor(&indexes.places));
            }
            Kind::Text(text) => {
                let more = text.more || !text.waiting.is_empty();
                self.end.cursor = text.after.filter(|_| more).map(|after| text_cursor(text.asked, after));
            }
        }
        self.end
    }
}

impl Indexes {
    fn holds_others(&self, hit: &Hit) -> Result<bool, NodeError> {
        for other in &self.others {
            if !other.has(hit.created, hit.n)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn pull(&mut self, source: usize) -> Result<(), NodeError> {
        if let Some(hit) = self.hits[source].next() {
            self.heap.push(Next { hit: hit?, source, ascending: self.ascending });
        }
        Ok(())
    }
}

impl Text<'_> {
    fn search(&self, deadline: Instant) -> Search<'_> {
        let query = self.asked.query;
        Search {
            ask: query.text.as_ref().expect("this source is for queries by text"),
            space: query.space.id,
            type_name: query.type_name.as_ref(),
            author: query.author,
            since: query.since,
            until: query.until,
            by: match query.order() {
                Order::Best => search::By::Score,
                Order::Newest => search::By::Newest,
                Order::Oldest => search::By::Oldest,
            },
            after: self.after,
            most: self.page,
            deadline,
        }
    }
}

/// What answers, and what is asked about each record that it finds.
struct Answering {
    /// One index, or one for each type.
    by: Vec<By>,
    others: Vec<By>,
}

fn answering(node: &Node, asked: &Asked<'_>) -> Result<Answering, NodeError> {
    let query = asked.query;
    let indexed = asked.indexed.iter().map(|indexed| By::Index {
        type_name: indexed.type_name.clone(),
        name: indexed.name.clone(),
        values: indexed.values.clone(),
    });
    let link = query.link.as_ref().map(|link| By::LinkTo {
        relation: link.relation.clone(),
        target: link.target.clone(),
        type_name: query.type_name.clone(),
    });
    let author = query.author.map(|author| By::Author { author, type_name: query.type_name.clone() });
    // A condition on one value is narrower than one on a range; what is asked about a record cannot be a range.
    let is_range = |by: &By| matches!(by, By::Index { values: Values::Range(..), .. });
    let mut indexed: Vec<By> = indexed.collect();
    indexed.sort_by_key(is_range);
    let mut conditions = indexed.into_iter().chain(link).chain(author);
    let by = match (conditions.next(), &query.type_name) {
        (Some(by), _) => vec![by],
        (None, Some(type_name)) => vec![By::Type(type_name.clone())],
        (None, None) => {
            node.store().counts(&query.space.id)?.into_iter().map(|counts| By::Type(counts.type_name)).collect()
        }
    };
    Ok(Answering { by, others: conditions.filter(|by| !is_range(by)).collect() })
}

fn scan(asked: &Asked<'_>, by: By, ascending: bool) -> Scan {
    let query = asked.query;
    Scan {
        newest_first: !ascending,
        since: query.since,
        until: query.until,
        most_rows: Some(MOST_ROWS),
        ..Scan::new(query.space.id, by)
    }
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

fn bad_cursor() -> NodeError {
    StoreError::BadCursor.into()
}

fn places(cursor: Option<&str>, sources: usize) -> Result<Vec<Option<Position>>, NodeError> {
    let Some(cursor) = cursor else { return Ok(vec![None; sources]) };
    let bytes = BASE64URL_NOPAD.decode(cursor.as_bytes()).map_err(|_| bad_cursor())?;
    let (mut rest, mut places) = (&bytes[..], Vec::new());
    while let Some((length, tail)) = rest.split_first_chunk::<2>() {
        let (place, tail) = tail.split_at_checked(u16::from_be_bytes(*length).into()).ok_or_else(bad_cursor)?;
        places.push(if place.is_empty() { None } else { Some(Position::from_bytes(place)?) });
        rest = tail;
    }
    if rest.is_empty() && places.len() <= sources {
        places.resize(sources, None); // types that came since
        Ok(places)
    } else {
        Err(bad_cursor())
    }
}

/// Identifies a question about text, so that its cursor is refused by another one.
fn fingerprint(asked: &Asked<'_>) -> [u8; 8] {
    let query = asked.query;
    let text = query.text.as_ref().map(crate::text::ask::Ask::normal);
    let question = (query.space.id, &query.type_name, query.author, text, query.order(), &query.link, &asked.indexed);
    blake3::hash(format!("{question:?}").as_bytes()).as_bytes()[..8].try_into().expect("8 of 32 bytes")
}

/// What the cursors of text queries begin with: no place in an index is that long.
const TEXT_CURSOR: [u8; 2] = [0xff, 0xff];

fn text_cursor(asked: &Asked<'_>, (rank, n): Place) -> String {
    let bytes = [&TEXT_CURSOR[..], &fingerprint(asked), &rank.to_be_bytes(), &n.to_be_bytes()].concat();
    BASE64URL_NOPAD.encode(&bytes)
}

fn text_place(asked: &Asked<'_>, cursor: &str) -> Result<Place, NodeError> {
    let bytes = BASE64URL_NOPAD.decode(cursor.as_bytes()).map_err(|_| bad_cursor())?;
    let rest = bytes.strip_prefix(&TEXT_CURSOR).ok_or_else(bad_cursor)?;
    let (of, place) = rest.split_first_chunk::<8>().ok_or_else(bad_cursor)?;
    if *of != fingerprint(asked) {
        return Err(StoreError::ForeignCursor.into());
    }
    let (rank, n) = place.split_first_chunk::<8>().ok_or_else(bad_cursor)?;
    let n: [u8; 8] = n.try_into().map_err(|_| bad_cursor())?;
    Ok((u64::from_be_bytes(*rank), u64::from_be_bytes(n)))
}
