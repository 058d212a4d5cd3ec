//! Asking the index: a query becomes terms, and the best of what it finds is kept in order.
//!
//! The work of one question is bounded: its words are few, a beginning stands for a bounded
//! number of words, and the time it may take is looked at while hits come in.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Instant;

use atlas_record::{IdentityId, SpaceId, Timestamp, TypeName};
use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::ColumnValues;
use tantivy::query::{
    BooleanQuery, BoostQuery, ConstScoreQuery, Occur, PhraseQuery, Query, RangeQuery, TermQuery, TermSetQuery,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocId, Score, Searcher, SegmentReader, Term};

use super::ask::{Ask, Part};
use super::schema::{CREATED, N, Schema};

/// Words that the beginnings of one query stand for, all together.
const MOST_EXPANSIONS: usize = 1024;
/// Hits between two looks at the clock.
const HITS_PER_LOOK: u32 = 4096;

/// The order of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The best match first.
    Score,
    /// Newest first.
    Newest,
    /// Oldest first.
    Oldest,
}

/// A hit's place in the order of an answer: what comes first is highest.
pub type Place = (u64, u64);

/// What is looked for.
#[derive(Debug)]
pub struct Search<'a> {
    /// The words.
    pub ask: &'a Ask,
    /// In this space.
    pub space: SpaceId,
    /// Of this type.
    pub type_name: Option<&'a TypeName>,
    /// By this author.
    pub author: Option<IdentityId>,
    /// Created then or later.
    pub since: Option<Timestamp>,
    /// Created before then.
    pub until: Option<Timestamp>,
    /// The order.
    pub by: By,
    /// Behind this place of the same question.
    pub after: Option<Place>,
    /// Hits at most.
    pub most: usize,
    /// When to stop.
    pub deadline: Instant,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// Places and numbers, in order.
    pub hits: Vec<(Place, u64)>,
    /// Whether there are more than were asked for.
    pub more: bool,
    /// Whether time ran out before all hits were seen.
    pub late: bool,
    /// Beginnings that stand for more words than were looked for.
    pub cut: Vec<String>,
}

impl Search<'_> {
    /// Asks the index.
    pub fn run(&self, schema: &Schema, searcher: &Searcher) -> tantivy::Result<Found> {
        let mut found = Found::default();
        let query = self.query(schema, searcher, &mut found.cut)?;
        let best = Best { by: self.by, after: self.after, most: self.most + 1, deadline: self.deadline };
        let (places, late) = searcher.search(&query, &best)?;
        found.more = places.len() > self.most;
        found.late = late;
        found.hits = places.into_iter().take(self.most).collect();
        Ok(found)
    }

    fn query(&self, schema: &Schema, searcher: &Searcher, cut: &mut Vec<String>) -> tantivy::Result<BooleanQuery> {
        let mut clauses: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        // Filters count nothing.
        let filter = |term| {
            let query = TermQuery::new(term, IndexRecordOption::Basic);
            (Occur::Must, Box::new(ConstScoreQuery::new(Box::new(query), 0.0)) as Box<dyn Query>)
        };
        clauses.push(filter(schema.space(&self.space)));
        clauses.extend(self.type_name.map(|type_name| filter(schema.type_name(type_name))));
        clauses.extend(self.author.map(|author| filter(schema.author(&author))));
        if self.since.is_some() || self.until.is_some() {
            let term = |at| Term::from_field_u64(schema.created, at);
            let range = RangeQuery::new(
                Bound::Included(term(self.since.unwrap_or(0))),
                self.until.map_or(Bound::Included(term(u64::MAX)), |until| Bound::Excluded(term(until))),
            );
            clauses.push((Occur::Must, Box::new(ConstScoreQuery::new(Box::new(range), 0.0))));
        }
        let mut left = MOST_EXPANSIONS;
        for part in &self.ask.wanted {
            clauses.push((Occur::Must, part_query(part, schema, searcher, &mut left, cut)?));
        }
        for part in &self.ask.unwanted {
            clauses.push((Occur::MustNot, part_query(part, schema, searcher, &mut left, cut)?));
        }
        Ok(BooleanQuery::new(clauses))
    }
}

/// A part in any of the fields.
fn part_query(
    part: &Part,
    schema: &Schema,
    searcher: &Searcher,
    left: &mut usize,
    cut: &mut Vec<String>,
) -> tantivy::Result<Box<dyn Query>> {
    let last = part.words.last().map_or("", String::as_str);
    let endings = if part.prefix { expand(last, schema, searcher, left, cut)? } else { BTreeSet::new() };
    let mut fields: Vec<(Occur, Box<dyn Query>)> = Vec::new();
    for (field, counts) in &schema.words {
        let query = match (&part.words[..], part.prefix) {
            ([word], false) => {
                let term = Term::from_field_text(*field, word);
                Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs)) as Box<dyn Query>
            }
            ([_], true) => Box::new(TermSetQuery::new(endings.iter().map(|word| Term::from_field_text(*field, word)))),
            (words, false) => phrase(*field, words),
            ([before @ .., _], true) => {
                let each = endings.iter().map(|ending| {
                    let words: Vec<String> = before.iter().chain([ending]).cloned().collect();
                    (Occur::Should, phrase(*field, &words))
                });
                Box::new(BooleanQuery::new(each.collect()))
            }
            ([], true) => continue,
        };
        fields.push((Occur::Should, Box::new(BoostQuery::new(query, *counts))));
    }
    Ok(Box::new(BooleanQuery::new(fields)))
}

fn phrase(field: Field, words: &[String]) -> Box<dyn Query> {
    Box::new(PhraseQuery::new(words.iter().map(|word| Term::from_field_text(field, word)).collect()))
}

/// The words of the index that begin so, as many as are left to look for.
fn expand(
    beginning: &str,
    schema: &Schema,
    searcher: &Searcher,
    left: &mut usize,
    cut: &mut Vec<String>,
) -> tantivy::Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let mut is_cut = false;
    for segment in searcher.segment_readers() {
        for (field, _) in &schema.words {
            let inverted = segment.inverted_index(*field)?;
            let mut stream = inverted.terms().range().ge(beginning.as_bytes()).into_stream()?;
            let mut walked = 0;
            while stream.advance() {
                let Ok(word) = std::str::from_utf8(stream.key()) else { continue };
                if !word.starts_with(beginning) {
                    break;
                }
                if walked == *left {
                    is_cut = true;
                    break;
                }
                walked += 1;
                found.insert(word.to_owned());
            }
        }
    }
    while found.len() > *left {
        is_cut = true;
        found.pop_last();
    }
    *left -= found.len();
    if is_cut {
        cut.push(format!("{beginning}*"));
    }
    Ok(found)
}

/// Keeps the highest places behind one.
struct Best {
    by: By,
    after: Option<Place>,
    most: usize,
    deadline: Instant,
}

struct SegmentBest {
    by: By,
    after: Option<Place>,
    most: usize,
    deadline: Instant,
    numbers: Arc<dyn ColumnValues<u64>>,
    times: Arc<dyn ColumnValues<u64>>,
    /// The lowest on top.
    heap: BinaryHeap<Reverse<(Place, u64)>>,
    seen: u32,
    late: bool,
}

impl Collector for Best {
    type Fruit = (Vec<(Place, u64)>, bool);
    type Child = SegmentBest;

    fn for_segment(&self, _: u32, segment: &SegmentReader) -> tantivy::Result<SegmentBest> {
        let column = |name| segment.fast_fields().u64(name).map(|column| column.first_or_default_col(0));
        Ok(SegmentBest {
            by: self.by,
            after: self.after,
            most: self.most,
            deadline: self.deadline,
            numbers: column(N)?,
            times: column(CREATED)?,
            heap: BinaryHeap::new(),
            seen: 0,
            late: false,
        })
    }

    fn requires_scoring(&self) -> bool {
        self.by == By::Score
    }

    fn merge_fruits(&self, fruits: Vec<Self::Fruit>) -> tantivy::Result<Self::Fruit> {
        let late = fruits.iter().any(|(_, late)| *late);
        let mut all: Vec<_> = fruits.into_iter().flat_map(|(places, _)| places).collect();
        all.sort_unstable_by(|a, b| b.cmp(a));
        all.truncate(self.most);
        Ok((all, late))
    }
}

impl SegmentCollector for SegmentBest {
    type Fruit = (Vec<(Place, u64)>, bool);

    fn collect(&mut self, doc: DocId, score: Score) {
        self.seen += 1;
        if self.late || (self.seen.is_multiple_of(HITS_PER_LOOK) && Instant::now() > self.deadline) {
            self.late = true;
            return;
        }
        let n = self.numbers.get_val(doc);
        let place = match self.by {
            // The bits of positive floats sort as they do.
            By::Score => (u64::from(score.max(0.0).to_bits()), n),
            By::Newest => (self.times.get_val(doc), n),
            By::Oldest => (!self.times.get_val(doc), !n),
        };
        if self.after.is_some_and(|after| place >= after) {
            return;
        }
        if self.heap.len() < self.most {
            self.heap.push(Reverse((place, n)));
        } else if let Some(mut lowest) = self.heap.peek_mut()
            && place > lowest.0.0
        {
            *lowest = Reverse((place, n));
        }
    }

    fn harvest(self) -> Self::Fruit {
        (self.heap.into_iter().map(|Reverse(hit)| hit).collect(), self.late)
    }
}
