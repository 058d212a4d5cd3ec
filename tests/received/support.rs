//! A node that belongs to a community, and what can be asked of both.

use std::collections::BTreeMap;

use atlas_node::ingest::Fate;
use atlas_node::query::Query;
use atlas_node::{Node, NodeConfig};
use atlas_record::{Record, TypeName};
use atlas_store::{DocKind, StoredRecord};
use atlas_tests::peer::{Community, Peer, T0};

/// Long after every record of the tests, as far as they are not from the future.
pub const NOW: u64 = T0 + 1_000_000_000;

pub struct World {
    pub node: Node,
    pub community: Community,
    pub ada: Peer,
    _dir: tempfile::TempDir,
}

pub fn node() -> (tempfile::TempDir, Node) {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::open(NodeConfig::new(dir.path())).unwrap();
    (dir, node)
}

/// A node in a community for packages and posts, that knows Ada.
pub fn world() -> World {
    let (dir, node) = node();
    let community = Community::usual("somewhere", Peer::new(0));
    community.join(&node).unwrap();
    let ada = Peer::new(1);
    node.learn_identity(ada.identity.as_bytes()).unwrap();
    World { node, community, ada, _dir: dir }
}

pub const ACCEPTED: Fate = Fate::Accepted { forked: false };

impl World {
    pub fn ingest(&self, record: &Record) -> Fate {
        self.ingest_bytes(record.encode())
    }

    pub fn ingest_bytes(&self, bytes: Vec<u8>) -> Fate {
        self.node.ingest(&[bytes], NOW).unwrap().remove(0)
    }

    /// Records that queries show.
    pub fn visible(&self) -> u64 {
        self.node.store().counts(&self.community.space_id()).unwrap().iter().map(|of| of.counts.visible).sum()
    }

    pub fn find(&self, record: &Record) -> Option<StoredRecord> {
        self.node.store().get(&record.id()).unwrap()
    }

    pub fn assert_sound(&self) {
        let report = self.node.diagnose(&mut |_| ()).unwrap();
        assert!(report.healthy, "{:?}", report.problems);
    }
}

/// The code of a refusal.
#[track_caller]
pub fn refusal(fate: Fate) -> String {
    match fate {
        Fate::Refused { code, text } => {
            assert!(!text.is_empty(), "a refusal says why");
            code
        }
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[track_caller]
pub fn parked(fate: Fate) -> String {
    match fate {
        Fate::Parked { reason } => reason,
        other => panic!("expected to be parked, got {other:?}"),
    }
}

/// Everything of a community that a user can see, and the replicated set.
#[derive(Debug, PartialEq, Eq)]
pub struct Shown {
    /// Status by id, of every record that an address has or had, and of every visible one.
    pub records: BTreeMap<String, String>,
    /// The order in which queries give the visible records of each type.
    pub answers: BTreeMap<String, Vec<String>>,
    /// What stands at each address.
    pub standing: BTreeMap<String, String>,
    /// Ids of the replicated set, by type.
    pub set: BTreeMap<String, Vec<String>>,
    /// Digests of the replicated set, by type.
    pub digests: BTreeMap<String, [u8; 32]>,
    /// Visible, total, bytes of bodies; by type.
    pub counts: BTreeMap<String, (u64, u64, u64)>,
    /// Positions that a key signed for twice.
    pub forks: usize,
    /// Identities of others.
    pub people: usize,
}

pub fn shown(node: &Node, community: &Community, types: &[&str]) -> Shown {
    let space = node.spaces().get(&community.space_id()).unwrap();
    let mut shown = Shown {
        records: BTreeMap::new(),
        answers: BTreeMap::new(),
        standing: BTreeMap::new(),
        set: BTreeMap::new(),
        digests: BTreeMap::new(),
        counts: BTreeMap::new(),
        forks: node.store().forks(1000).unwrap().len(),
        people: node.store().docs(DocKind::IdentityEvent, b"").count(),
    };
    for name in types {
        let type_name: TypeName = name.parse().unwrap();
        let digest = node.store().set_summary(&space.id, Some(&type_name)).unwrap().digest;
        shown.digests.insert((*name).to_owned(), digest);
        let mut set = Vec::new();
        for row in node.store().admissible(&space.id, &type_name, None).unwrap() {
            let (rank, n) = row.unwrap();
            let stored = node.store().by_number(n).unwrap().unwrap();
            let mut told = format!("{:?} {:?}", stored.status, stored.verdict);
            if stored.record.payload().is_some() {
                told.push_str(" with its body");
            }
            shown.records.insert(rank.id.to_string(), told);
            if let Some(key) = &stored.record.header().record_key {
                let address = atlas_record::Address {
                    space: space.id,
                    author: stored.record.header().author,
                    type_name: type_name.clone(),
                    key: key.clone(),
                };
                let standing = node.store().current(&address).unwrap();
                let standing = standing.map_or("nothing".to_owned(), |it| it.record.id().to_string());
                shown.standing.insert(address.to_string(), standing);
            }
            set.push(rank.id.to_string());
        }
        shown.set.insert((*name).to_owned(), set);
        let (mut answer, mut cursor) = (Vec::new(), None);
        loop {
            let page = node
                .query(&Query { type_name: Some(type_name.clone()), cursor, limit: 7, ..everything(&space) })
                .unwrap();
            answer.extend(page.records.iter().map(|stored| stored.record.id().to_string()));
            cursor = page.end.cursor;
            if cursor.is_none() {
                break;
            }
        }
        // Records of one time may come in any order.
        answer.sort();
        shown.answers.insert((*name).to_owned(), answer);
    }
    for of in node.store().counts(&space.id).unwrap() {
        shown.counts.insert(of.type_name.to_string(), (of.counts.visible, of.counts.total, of.counts.body_bytes));
    }
    shown
}

pub fn everything(space: &std::sync::Arc<atlas_node::spaces::Space>) -> Query {
    Query { budget: std::time::Duration::from_secs(60), ..Query::new(space.clone()) }
}
