//! Expansion: the records at the other ends of links come along in the same answer.
//!
//! A path is followed step by step. `depends` goes to what a record points at by that relation,
//! `~depends` to the records that point at it, `author.TYPE` to what its author wrote of a type
//! (or, behind a link to an identity, what that identity wrote). Where a link leads is declared,
//! not guessed:
//!
//! | target | leads to |
//! |---|---|
//! | a record id | that record, whatever became of it |
//! | an address | what stands there now |
//! | `id:CID` | nothing by itself; `author.TYPE` goes on from there |
//! | `name:TEXT` | the records of the same type whose declared index `name` holds TEXT |
//!
//! The work is bounded on every side: steps of a path, records behind one target, records in
//! all, time. A bound that was reached is part of the answer.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Instant;

use atlas_record::{Address, IdentityId, RecordId, Relation, SpaceId, Target, TypeName};
use atlas_store::{By, IndexValue, Scan, Status, StoredRecord, Values};

use super::Query;
use crate::error::NodeError;
use crate::node::Node;

/// Steps of one path.
pub const MOST_STEPS: usize = 4;
/// Paths of one query.
pub const MOST_PATHS: usize = 8;
/// Records that come along in one answer.
pub const MOST_EXPANDED: usize = 1000;
/// Records behind one target.
pub const MOST_PER_TARGET: usize = 100;
/// The index whose values `name:TEXT` stands for.
const NAME: &str = "name";

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Step {
    /// To what a record points at.
    Out(Relation),
    /// To what points at a record.
    In(Relation),
    /// To what an identity wrote.
    Author(TypeName),
}

/// A way along links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path(Vec<Step>);

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Step::Out(relation) => write!(f, "{relation}"),
            Step::In(relation) => write!(f, "~{relation}"),
            Step::Author(type_name) => write!(f, "author.{type_name}"),
        }
    }
}

impl FromStr for Path {
    type Err = NodeError;

    fn from_str(text: &str) -> Result<Self, NodeError> {
        let wrong = |why: &dyn std::fmt::Display| {
            NodeError::Misuse(format!(
                "`{text}` is nothing to expand: {why}; write relations as depends, ~depends, reply.author.atlas.profile"
            ))
        };
        let (mut steps, mut rest) = (Vec::new(), Some(text));
        while let Some(path) = rest {
            if steps.len() == MOST_STEPS {
                return Err(wrong(&format_args!("it has more than {MOST_STEPS} steps")));
            }
            let (first, after) = path.split_once('.').map_or((path, None), |(first, after)| (first, Some(after)));
            // A type name has two segments at least, so `author.reply` is two relations.
            if first == "author"
                && let Some(Ok(type_name)) = after.map(str::parse)
            {
                steps.push(Step::Author(type_name));
                break;
            }
            steps.push(match first.strip_prefix('~') {
                Some(relation) => Step::In(relation.parse().map_err(|error| wrong(&error))?),
                None => Step::Out(first.parse().map_err(|error| wrong(&error))?),
            });
            rest = after;
        }
        Ok(Self(steps))
    }
}

/// Reads paths, `,` between them.
pub fn paths(text: &str) -> Result<Vec<Path>, NodeError> {
    let paths: Vec<Path> = text.split(',').map(str::parse).collect::<Result<_, _>>()?;
    match paths.len() {
        count if count > MOST_PATHS => {
            Err(NodeError::Misuse(format!("{count} paths to expand, expected {MOST_PATHS} at most")))
        }
        _ => Ok(paths),
    }
}

/// What the steps from one record led to: step, target, records.
pub type Resolved = BTreeMap<String, BTreeMap<String, Vec<RecordId>>>;

/// What came along.
#[derive(Debug, Default)]
pub struct Expanded {
    /// The records, each once, in the order in which they were found.
    pub records: Vec<StoredRecord>,
    /// By number of the record that the links are of.
    pub resolved: HashMap<u64, Resolved>,
    /// The bound that was reached, if one was: `records`, `fan-out` or `time`.
    pub cut: Option<&'static str>,
}

/// Where a path has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    /// At a record, by its number.
    Record(u64),
    /// At an identity that a record points at.
    Identity { from: u64, id: IdentityId },
}

struct Expansion<'a> {
    node: &'a Node,
    deadline: Instant,
    known: HashMap<u64, Arc<StoredRecord>>,
    /// Numbers of what comes along, in order.
    found: Vec<u64>,
    /// Numbers of all that is in the answer.
    answered: HashSet<u64>,
    resolved: HashMap<u64, Resolved>,
    /// What a step from a place led to: each is taken once.
    taken: HashMap<(Place, Step), Vec<Place>>,
    cut: Option<&'static str>,
}

impl Node {
    /// Follows paths from the records of an answer.
    pub fn expand(&self, query: &Query, roots: &[StoredRecord], paths: &[Path]) -> Result<Expanded, NodeError> {
        let mut expansion = Expansion {
            node: self,
            deadline: Instant::now() + query.budget,
            known: roots.iter().map(|root| (root.n, Arc::new(root.clone()))).collect(),
            found: Vec::new(),
            answered: roots.iter().map(|root| root.n).collect(),
            resolved: HashMap::new(),
            taken: HashMap::new(),
            cut: None,
        };
        for path in paths {
            let mut frontier: Vec<Place> = roots.iter().map(|root| Place::Record(root.n)).collect();
            for step in &path.0 {
                frontier = expansion.step(&frontier, step)?;
            }
        }
        let Expansion { mut known, found, resolved, cut, .. } = expansion;
        let records = found.iter().filter_map(|n| known.remove(n)).map(Arc::unwrap_or_clone).collect();
        Ok(Expanded { records, resolved, cut })
    }
}

impl Expansion<'_> {
    fn is_over(&mut self) -> bool {
        if matches!(self.cut, None | Some("fan-out")) && Instant::now() > self.deadline {
            self.cut = Some("time");
        }
        matches!(self.cut, Some("time" | "records"))
    }

    /// One step from every place; where it leads, each place once.
    fn step(&mut self, frontier: &[Place], step: &Step) -> Result<Vec<Place>, NodeError> {
        let (mut next, mut seen) = (Vec::new(), HashSet::new());
        for place in frontier {
            if self.is_over() {
                break;
            }
            let led = match self.taken.get(&(*place, step.clone())) {
                Some(led) => led.clone(),
                None => {
                    let led = self.take(*place, step)?;
                    self.taken.insert((*place, step.clone()), led.clone());
                    led
                }
            };
            next.extend(led.into_iter().filter(|place| seen.insert(*place)));
        }
        Ok(next)
    }

    fn take(&mut self, place: Place, step: &Step) -> Result<Vec<Place>, NodeError> {
        let (from, identity) = match place {
            Place::Record(n) => (n, None),
            Place::Identity { from, id } => (from, Some(id)),
        };
        let Some(record) = self.known.get(&from).cloned() else { return Ok(Vec::new()) };
        let header = record.record.header();
        match (step, identity) {
            (Step::Author(type_name), identity) => {
                let author = identity.unwrap_or(header.author);
                let by = By::Author { author, type_name: Some(type_name.clone()) };
                let numbers = self.scan(header.space, by)?;
                self.arrive(from, step, &Target::Identity(author), numbers)
            }
            // Nobody but records has links.
            (_, Some(_)) => Ok(Vec::new()),
            (Step::Out(relation), None) => {
                let mut led = Vec::new();
                for link in header.links.iter().filter(|link| link.relation == *relation) {
                    if self.is_over() {
                        break;
                    }
                    let numbers = self.behind(&record, &link.target)?;
                    led.extend(self.arrive(from, step, &link.target, numbers)?);
                    if let Target::Identity(id) = &link.target {
                        led.push(Place::Identity { from, id: *id });
                    }
                }
                Ok(led)
            }
            (Step::In(relation), None) => {
                let mut led = Vec::new();
                for (target, type_name) in names_of(&record) {
                    if self.is_over() {
                        break;
                    }
                    let by = By::LinkTo { relation: Some(relation.clone()), target: target.clone(), type_name };
                    let numbers = self.scan(header.space, by)?;
                    led.extend(self.arrive(from, step, &target, numbers)?);
                }
                Ok(led)
            }
        }
    }

    /// The numbers of the records that a target of a record's link stands for.
    fn behind(&mut self, record: &StoredRecord, target: &Target) -> Result<Vec<u64>, NodeError> {
        let store = self.node.store();
        Ok(match target {
            Target::Cid(cid) => match RecordId::from_cid(cid) {
                Some(id) => store.number(&id)?.into_iter().collect(),
                None => Vec::new(),
            },
            Target::Address(address) => {
                let stands = store.current(address)?.filter(|stored| stored.status == Status::Visible);
                stands.into_iter().map(|stored| stored.n).collect()
            }
            Target::Name(name) => {
                let header = record.record.header();
                let values = Values::Eq(IndexValue::Text(name.clone()));
                let by = By::Index { type_name: header.type_name.clone(), name: NAME.into(), values };
                self.scan(header.space, by)?
            }
            Target::Identity(_) => Vec::new(),
        })
    }

    /// The newest that an index yields, as many as one target may have.
    fn scan(&mut self, space: SpaceId, by: By) -> Result<Vec<u64>, NodeError> {
        let most_rows = Some(4 * MOST_PER_TARGET as u64);
        let mut hits = self.node.store().scan(&Scan { most_rows, ..Scan::new(space, by) })?;
        let mut numbers = Vec::new();
        for hit in hits.by_ref() {
            let hit = hit?;
            if numbers.len() == MOST_PER_TARGET {
                self.cut = self.cut.or(Some("fan-out"));
                break;
            }
            numbers.push(hit.n);
        }
        if hits.is_paused() {
            self.cut = self.cut.or(Some("fan-out"));
        }
        Ok(numbers)
    }

    /// Notes where a target leads, and takes the records along.
    fn arrive(&mut self, from: u64, step: &Step, target: &Target, numbers: Vec<u64>) -> Result<Vec<Place>, NodeError> {
        let unknown: Vec<u64> = numbers.iter().copied().filter(|n| !self.known.contains_key(n)).collect();
        let read = self.node.store().by_numbers(unknown)?;
        self.known.extend(read.into_iter().map(|stored| (stored.n, Arc::new(stored))));
        let now = crate::clock::now();
        let (mut ids, mut led) = (Vec::new(), Vec::new());
        for n in numbers {
            let Some(stored) = self.known.get(&n) else { continue };
            if stored.record.header().expires.is_some_and(|at| at <= now) {
                continue;
            }
            if !self.answered.contains(&n) {
                if self.found.len() == MOST_EXPANDED {
                    self.cut = Some("records");
                    break;
                }
                self.answered.insert(n);
                self.found.push(n);
            }
            ids.push(stored.record.id());
            led.push(Place::Record(n));
        }
        self.resolved.entry(from).or_default().entry(step.to_string()).or_default().insert(target.to_string(), ids);
        Ok(led)
    }
}

/// What links to a record can name it by, and of which type they then are.
fn names_of(record: &StoredRecord) -> Vec<(Target, Option<TypeName>)> {
    let header = record.record.header();
    let mut names = vec![(record.record.id().into(), None)];
    if let Some(key) = header.record_key.clone().filter(|_| record.status == Status::Visible) {
        let address = Address { space: header.space, author: header.author, type_name: header.type_name.clone(), key };
        names.push((Target::Address(address), None));
    }
    for entry in record.entries().iter().filter(|entry| &*entry.name == NAME) {
        if let IndexValue::Text(name) = &entry.value {
            names.push((Target::Name(name.clone()), Some(header.type_name.clone())));
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relations_both_ways_and_what_authors_wrote() {
        let shown = |text: &str| -> String {
            let Path(steps) = text.parse().unwrap();
            steps.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ")
        };
        assert_eq!(shown("depends"), "depends");
        assert_eq!(shown("depends.~depends"), "depends | ~depends");
        assert_eq!(shown("author.atlas.profile"), "author.atlas.profile");
        assert_eq!(shown("mentions.author.atlas.profile"), "mentions | author.atlas.profile");
        assert_eq!(shown("author.reply"), "author | reply", "one segment is no type");
        assert_eq!(paths("a,~b.c").unwrap().len(), 2);
    }

    #[test]
    fn what_is_no_path_or_too_long_is_misuse() {
        let many = ["a"; MOST_PATHS + 1].join(",");
        for text in ["", ".", "a..b", "~", "A", "a.b.c.d.e", "a,", "author.", "a b", &many] {
            assert!(matches!(paths(text), Err(NodeError::Misuse(_))), "{text}");
        }
    }
}
