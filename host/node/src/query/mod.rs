//! Queries: one index answers, the rest of the conditions filter what it yields.
//!
//! The index is chosen in a fixed order, from the narrowest: full text, workflow state,
//! declared index, link, author, type, time. There is no full scan behind any of them: a query
//! without a condition reads the newest records of each type. An answer is cut when it is full,
//! or when its time or its rows are spent; its cursor goes on from there.
//!
//! [`conditions`] says how conditions are written, `source` walks what answers, `workflow` tells
//! what is the current state and what is contested, [`expand`] follows links, [`group`] counts,
//! [`live`] keeps on answering.

pub mod conditions;
pub mod expand;
pub mod group;
pub mod live;
mod source;
mod workflow;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use atlas_record::order::Rank;
use atlas_record::{Address, IdentityId, Timestamp, TypeName};
use atlas_store::{Status, StoreError, StoredRecord};

use crate::error::NodeError;
use crate::node::Node;
use crate::spaces::Space;
use crate::text::ask::Ask;
use conditions::Indexed;
pub use conditions::{IndexCondition, IndexRange, LinkCondition};
use source::Source;

/// In which order an answer comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// Newest (or highest) first.
    Newest,
    /// Oldest (or lowest) first.
    Oldest,
    /// The best match first; for queries by text.
    Best,
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
    /// In this state of its type's workflow, now.
    pub state: Option<String>,
    /// With these words.
    pub text: Option<Ask>,
    /// Created then or later.
    pub since: Option<Timestamp>,
    /// Created before then.
    pub until: Option<Timestamp>,
    /// The order; for queries by text the best match first where left out, otherwise the newest.
    pub order: Option<Order>,
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

impl Query {
    /// Everything of a space, newest first.
    pub fn new(space: Arc<Space>) -> Self {
        Self {
            space,
            type_name: None,
            author: None,
            link: None,
            index: None,
            state: None,
            text: None,
            since: None,
            until: None,
            order: None,
            limit: DEFAULT_LIMIT,
            cursor: None,
            budget: DEFAULT_BUDGET,
        }
    }

    /// The order that it is answered in.
    pub fn order(&self) -> Order {
        self.order.unwrap_or(if self.text.is_some() { Order::Best } else { Order::Newest })
    }
}

/// Why and where an answer ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct End {
    /// To go on, if there may be more.
    pub cursor: Option<String>,
    /// Why it ends, if not because it is full or there is no more: `time` or `rows`.
    pub cut: Option<&'static str>,
    /// Every record up to this number was considered.
    pub watermark: u64,
    /// For queries by text: every record up to this number was in the text index.
    pub text_watermark: Option<u64>,
    /// Beginnings of words, as `a*`, that stand for more words than were looked for.
    pub text_cut: Vec<String>,
}

/// One page of an answer.
#[derive(Debug)]
pub struct Page {
    /// The records.
    pub records: Vec<StoredRecord>,
    /// Numbers of those that lost a concurrent transition.
    pub contested: HashSet<u64>,
    /// Why and where it ends.
    pub end: End,
}

/// A query whose conditions were read as the types declare them.
pub(crate) struct Asked<'a> {
    pub query: &'a Query,
    /// Conditions on declared indexes.
    pub indexed: Vec<Indexed>,
    /// Whether only the current state counts: its type has a workflow, and a state is asked for.
    pub current: bool,
}

impl Asked<'_> {
    fn matches(&self, stored: &StoredRecord) -> bool {
        let expires = stored.record.header().expires;
        stored.status == Status::Visible
            && expires.is_none_or(|at| at > crate::clock::now())
            && holds(self.query, &self.indexed, stored)
    }
}

/// Whether a record, shown or not, holds every condition but those on its text and on what
/// follows it.
fn holds(query: &Query, indexed: &[Indexed], stored: &StoredRecord) -> bool {
    let header = stored.record.header();
    header.space == query.space.id
        && query.type_name.as_ref().is_none_or(|type_name| header.type_name == *type_name)
        && query.author.is_none_or(|author| header.author == author)
        && query.since.is_none_or(|since| header.created >= since)
        && query.until.is_none_or(|until| header.created < until)
        && indexed.iter().all(|indexed| indexed.holds(stored.entries()))
        && query.link.as_ref().is_none_or(|wanted| {
            header.links.iter().any(|link| {
                link.target == wanted.target
                    && wanted.relation.as_ref().is_none_or(|relation| link.relation == *relation)
            })
        })
}

impl Node {
    /// Reads the conditions of a query.
    pub(crate) fn asked<'a>(&self, query: &'a Query) -> Result<Asked<'a>, NodeError> {
        let type_name = query.type_name.as_ref();
        let mut indexed = Vec::new();
        if let Some(state) = &query.state {
            let condition = IndexCondition { name: workflow::STATE.into(), values: IndexRange::Is(state.clone()) };
            indexed.push(self.indexed(&query.space, type_name, "--state", &condition)?);
            self.check_state(query, state)?;
        }
        if let Some(index) = &query.index {
            indexed.push(self.indexed(&query.space, type_name, "--index", index)?);
        }
        if query.order == Some(Order::Best) && query.text.is_none() {
            return Err(NodeError::Misuse("the best match first needs words to match: give --text WORDS".into()));
        }
        let current = query.state.is_some() && type_name.is_some_and(|of| self.has_workflow(&query.space, of));
        Ok(Asked { query, indexed, current })
    }

    /// Records with these numbers that answer a query.
    fn load(&self, asked: &Asked<'_>, numbers: Vec<u64>) -> Result<Vec<StoredRecord>, NodeError> {
        let mut found = Vec::with_capacity(numbers.len());
        for stored in self.store().by_numbers(numbers)? {
            if asked.matches(&stored) && !(asked.current && self.is_followed(&stored)?) {
                found.push(stored);
            }
        }
        Ok(found)
    }

    /// Answers a query.
    pub fn query(&self, query: &Query) -> Result<Page, NodeError> {
        let started = Instant::now();
        let limit = query.limit.clamp(1, MOST_RECORDS);
        let asked = self.asked(query)?;
        let mut source = Source::open(self, &asked, limit, started)?;
        let mut records = Vec::with_capacity(limit.min(64));
        while records.len() < limit && !source.is_spent() {
            let numbers = source.next(self, limit - records.len())?;
            if numbers.is_empty() {
                break;
            }
            records.extend(self.load(&asked, numbers)?);
        }
        let contested = self.contested(&records)?;
        Ok(Page { records, contested, end: source.end() })
    }

    /// Everything written at an address, latest first, a page of it; and the cursor of the next.
    pub fn history(
        &self,
        address: &Address,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<(Vec<StoredRecord>, Option<String>), NodeError> {
        let before = cursor.map(|cursor| {
            let parts = cursor.split_once('-').ok_or(StoreError::BadCursor)?;
            match (parts.0.parse(), parts.1.parse()) {
                (Ok(created), Ok(id)) => Ok(Rank { created, id }),
                _ => Err(StoreError::BadCursor),
            }
        });
        let page = self.store().history_before(address, before.transpose()?, limit)?;
        Ok((page.records, page.next.map(|rank| format!("{}-{}", rank.created, rank.id))))
    }
}
