//! What grants cost at ingest: the same posts by the same identities, once signed by devices and
//! once by apps under grants, in turns.

use std::path::Path;
use std::time::Instant;

use atlas_node::people::Piece;
use atlas_node::{Node, NodeConfig};
use atlas_record::identity::{Grant, Scope};
use atlas_record::sign::SecretKey;
use atlas_tests::peer::{Community, Draft, Peer, T0};

use crate::Failure;
use crate::report::{Report, median};

/// Who writes.
const IDENTITIES: usize = 1_000;
/// Records that come together.
const TOGETHER: usize = 1_024;
const NOW: u64 = T0 + 1_000_000_000;

/// A key of someone, by number and role.
pub fn key(number: usize, role: u8) -> SecretKey {
    let mut seed = [role; 32];
    seed[..8].copy_from_slice(&(number as u64).to_be_bytes());
    SecretKey::from_seed(&seed)
}

/// Everything that a node is given.
struct World {
    community: Community,
    people: Vec<(Peer, Piece)>,
    by_devices: Vec<Vec<u8>>,
    by_apps: Vec<Vec<u8>>,
}

fn world(records: usize) -> Result<World, Failure> {
    let community = Community::usual("granted", Peer::new(0));
    let (mut people, mut apps) = (Vec::new(), Vec::new());
    for number in 0..IDENTITIES {
        let nonce = (number as u128).to_be_bytes();
        let peer = Peer::made_of(key(number, 1), &key(number, 2), key(number, 3), nonce);
        let app = key(number, 4);
        let grant = Grant {
            identity: peer.identity.id(),
            issuer: peer.device.public(),
            parent: None,
            audience: app.public(),
            label: "notes".into(),
            scope: Scope {
                types: ["atlas.package".parse()?, "atlas.post".parse()?].into(),
                actions: ["create".parse()?, "delete".parse()?, "replace".parse()?].into(),
                spaces: [community.space_id()].into(),
                not_before: T0,
                expires: T0 + 30 * 24 * 60 * 60 * 1000,
                depth: 1,
                rate: None,
            },
            created: T0,
            nonce,
        };
        let grant = grant.sign(&peer.device)?;
        apps.push(peer.with_key(app, Some(grant.id())));
        people.push((peer, Piece::Grant(grant)));
    }
    let draft = |i: usize| Draft::post(&format!("post {i}, of an ordinary length for a post"), i as u64);
    let by_devices = (0..records)
        .map(|i| {
            let peer = &mut people[i % IDENTITIES].0;
            peer.write(&community, draft(i)).encode()
        })
        .collect();
    let by_apps = (0..records).map(|i| apps[i % IDENTITIES].write(&community, draft(i)).encode()).collect();
    Ok(World { community, people, by_devices, by_apps })
}

/// Records per second.
fn ingest(world: &World, records: &[Vec<u8>], dir: &Path) -> Result<f64, Failure> {
    let node = Node::open(NodeConfig::new(dir))?;
    world.community.join(&node)?;
    for (peer, grant) in &world.people {
        node.learn(peer.identity.id(), vec![Piece::Event(peer.identity.0.clone()), grant.clone()])?;
    }
    let start = Instant::now();
    for batch in records.chunks(TOGETHER) {
        node.ingest(batch, NOW)?;
    }
    let rate = records.len() as f64 / start.elapsed().as_secs_f64();
    let stored = node.store().watermark();
    if stored != records.len() as u64 {
        return Err(format!("{stored} of {} records were stored", records.len()).into());
    }
    drop(node);
    std::fs::remove_dir_all(dir)?;
    Ok(rate)
}

/// Adds the figures.
pub fn measure(report: &mut Report, records: usize, runs: usize, work: &Path) -> Result<(), Failure> {
    let world = world(records)?;
    let (mut devices, mut apps) = (Vec::new(), Vec::new());
    let dir = work.join("grants");
    for _ in 0..runs {
        devices.push(ingest(&world, &world.by_devices, &dir)?);
        apps.push(ingest(&world, &world.by_apps, &dir)?);
    }
    let share = 100.0 * median(&apps) / median(&devices);
    report.add_runs("grants", "posts by 1,000 identities, signed by devices", devices, "records/s", "");
    report.add_runs("grants", "the same under grants", apps, "records/s", "");
    report.add("grants", "share of the rate without grants", share, "%", "aim >= 85 %");
    Ok(())
}
