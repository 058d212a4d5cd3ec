//! The world that is asked: packages and their later versions, and tasks that move through
//! states, by some hundred authors over most of a year, received and stored as from strangers.

use std::path::{Path, PathBuf};
use std::time::Instant;

use atlas_node::people::Piece;
use atlas_node::{Node, NodeConfig};
use atlas_package::Package;
use atlas_record::cbor::Map;
use atlas_record::{Link, RecordId, Target, Value};
use atlas_sdk::Validator;
use atlas_tests::Dice;
use atlas_tests::peer::{Community, Draft, Peer, T0, standard};

use super::variants::{Variants, revise};
use crate::Failure;
use crate::corpus::Corpus;
use crate::grants::key;

/// Who writes.
const AUTHORS: usize = 250;
/// Records that come together.
const TOGETHER: usize = 1_024;
/// Over how long they were written: 300 days, in milliseconds.
const SPAN: u64 = 300 * DAY;
const DAY: u64 = 24 * 60 * 60 * 1000;
/// One record in so many is a later version of an earlier one.
const UPDATES: usize = 32;
/// One record in so many is a task, or the next state of one.
const TASKS: usize = 20;

/// A directory with a node's data.
pub struct World {
    /// The node's directory.
    pub dir: PathBuf,
    /// Records per second as they were taken in; none where an earlier run did that.
    pub rate: Option<f64>,
}

/// What can be written again.
struct Earlier {
    what: usize,
    author: usize,
    created: u64,
}

/// A task as it stands.
struct Task {
    key: String,
    author: usize,
    created: u64,
    state: &'static str,
    id: RecordId,
    title: String,
}

struct Writing<'a> {
    community: Community,
    authors: Vec<Peer>,
    variants: Variants<'a>,
    dice: Dice,
    packages: Vec<Earlier>,
    tasks: Vec<Task>,
    titles: Vec<String>,
    next_package: usize,
}

/// States that a task moves on to.
fn next_state(state: &str) -> &'static str {
    match state {
        "open" => "doing",
        "doing" => "done",
        _ => "open",
    }
}

fn links(links: &[atlas_sdk::Link]) -> Result<Vec<Link>, Failure> {
    links.iter().map(|link| Ok(Link { relation: link.relation.parse()?, target: link.target.parse()? })).collect()
}

impl Writing<'_> {
    /// Some write much and most write little.
    fn author(&mut self) -> usize {
        let at = self.dice.below(1 << 20) as f64 / f64::from(1 << 20);
        (AUTHORS as f64 * at * at * at) as usize
    }

    /// About when record `i` of `count` was written: within half a day of its turn.
    fn time(&mut self, i: usize, count: usize) -> u64 {
        T0 + DAY + SPAN * i as u64 / count as u64 + self.dice.below(DAY as usize) as u64 - DAY / 2
    }

    fn record(&mut self, i: usize, count: usize) -> Result<Option<Vec<u8>>, Failure> {
        let time = self.time(i, count);
        if i % TASKS == TASKS - 1 && !self.titles.is_empty() {
            return self.task(i, time).map(Some);
        }
        if i % UPDATES == UPDATES - 1 && self.packages.len() > TOGETHER {
            // Versions in one batch would race for nothing: what is revised is some way back.
            let at = self.dice.below(self.packages.len() - TOGETHER);
            let Some(mut body) = self.variants.package(self.packages[at].what) else { return Ok(None) };
            revise(&mut body, &format!("+u{i}"));
            let earlier = &mut self.packages[at];
            earlier.created = time.max(earlier.created + 1);
            let (author, created) = (earlier.author, earlier.created);
            return self.package(body, author, created);
        }
        let what = self.next_package;
        self.next_package += 1;
        let Some(body) = self.variants.package(what) else { return Ok(None) };
        let author = self.author();
        if i.is_multiple_of(7)
            && let Some(summary) = body.get("summary").and_then(Value::as_text)
        {
            self.titles.push(summary.chars().take(200).collect());
        }
        let package = self.package(body, author, time)?;
        if package.is_some() {
            self.packages.push(Earlier { what, author, created: time });
        }
        Ok(package)
    }

    /// The package as a record, unless the type refuses it: a few have more relations than it allows.
    fn package(&mut self, body: Map, author: usize, created: u64) -> Result<Option<Vec<u8>>, Failure> {
        let mut draft = atlas_sdk::Draft { key: None, links: Vec::new(), body };
        if Package.prepare(&mut draft).is_err() {
            return Ok(None);
        }
        let draft = Draft {
            key: draft.key.map(|key| key.parse()).transpose()?,
            links: links(&draft.links)?,
            created,
            ..Draft::new("atlas.package", 0, draft.body)
        };
        Ok(Some(self.authors[author].write(&self.community, draft).encode()))
    }

    fn task(&mut self, i: usize, time: u64) -> Result<Vec<u8>, Failure> {
        let moves = self.tasks.len() > 2 * TOGETHER / TASKS && self.dice.below(5) < 2;
        let mut task = if moves {
            let at = self.dice.below(self.tasks.len() - TOGETHER / TASKS);
            let task = self.tasks.remove(at);
            Task { created: time.max(task.created + 1), state: next_state(task.state), ..task }
        } else {
            let title = self.titles[self.dice.below(self.titles.len())].clone();
            let (key, author) = (format!("task-{i}"), self.author());
            Task { key, author, created: time, state: "open", id: RecordId([0; 32]), title }
        };
        let body = Map::from_iter([
            ("title", Value::from(task.title.as_str())),
            ("state", Value::from(task.state)),
            ("priority", Value::from(1 + (i % 5) as u64)),
        ]);
        let mut links = vec![Link { relation: "state".parse()?, target: format!("name:{}", task.state).parse()? }];
        if moves {
            links.push(Link { relation: "follows".parse()?, target: Target::from(task.id) });
        }
        let draft = Draft { links, created: task.created, ..Draft::new("atlas.task", 0, body).key(&task.key) };
        let record = self.authors[task.author].write(&self.community, draft);
        task.id = record.id();
        self.tasks.push(task);
        Ok(record.encode())
    }
}

/// An author of the world: the same one in every run.
pub fn author(number: usize) -> Peer {
    let nonce = (number as u128).to_be_bytes();
    Peer::made_of(key(number, 1), &key(number, 2), key(number, 3), nonce)
}

/// The space of the world.
pub fn community() -> Community {
    let slots =
        vec![standard("atlas.package", "package"), standard("atlas.post", "post"), standard("atlas.task", "task")];
    Community::found("world", Peer::new(0), slots)
}

/// Makes the world, unless an earlier run left it in this directory.
pub fn make(corpus: &Corpus, records: usize, work: &Path) -> Result<World, Failure> {
    let (dir, done) = (work.join("world"), work.join("world.done"));
    if done.exists() {
        return Ok(World { dir, rate: None });
    }
    let community = community();
    let node = Node::open(NodeConfig::new(&dir))?;
    community.join(&node)?;
    let authors: Vec<Peer> = (0..AUTHORS).map(author).collect();
    for peer in &authors {
        node.learn(peer.identity.id(), vec![Piece::Event(peer.identity.0.clone())])?;
    }
    let (sender, batches) = std::sync::mpsc::sync_channel::<Vec<Vec<u8>>>(4);
    let rate = std::thread::scope(|scope| -> Result<f64, Failure> {
        let writing = scope.spawn(move || -> Result<(), Failure> {
            let mut writing = Writing {
                community,
                authors,
                variants: Variants::new(corpus, records),
                dice: Dice::new(23),
                packages: Vec::new(),
                tasks: Vec::new(),
                titles: Vec::new(),
                next_package: 0,
            };
            let mut batch = Vec::with_capacity(TOGETHER);
            for i in 0..records {
                batch.extend(writing.record(i, records)?);
                if batch.len() == TOGETHER || i + 1 == records {
                    sender.send(std::mem::take(&mut batch)).map_err(|_| "the node stopped taking records in")?;
                }
            }
            Ok(())
        });
        let now = T0 + 2 * SPAN;
        let (mut taken, mut started) = (0, None);
        for batch in batches {
            started.get_or_insert_with(Instant::now);
            node.ingest(&batch, now)?;
            taken += batch.len();
        }
        writing.join().map_err(|_| "the writer of the world failed")??;
        Ok(taken as f64 / started.map_or(f64::NAN, |started| started.elapsed().as_secs_f64()))
    })?;
    let pending = node.store().pending_count();
    if pending > 0 || node.store().watermark() * 100 < records as u64 * 99 {
        return Err(
            format!("{} of {records} records were stored, {pending} of them wait", node.store().watermark()).into()
        );
    }
    node.store().flush()?;
    drop(node);
    std::fs::write(done, "")?;
    Ok(World { dir, rate: Some(rate) })
}
