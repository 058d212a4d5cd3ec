//! Two nodes over loopback: one joins, one was away, one lacks a little of everything. Both run in this process, so they
//! share its cores; bytes are those of the connection, both ways.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use atlas_node::archive::{Part, Parts, write_archive, write_part};
use atlas_node::import::{self, Format};
use atlas_node::net::{self, NetConfig};
use atlas_node::node::parse_type_binding;
use atlas_node::{Node, NodeConfig, NodeError};
use atlas_store::StoreError;

use crate::corpus::Corpus;
use crate::report::Report;
use crate::{Failure, machine, note};

/// One record in so many is lacking.
const LACKING: usize = 100;
/// After this long without an end something is wrong.
const MOST: Duration = Duration::from_secs(1800);

/// What an exchange cost.
struct Cost {
    seconds: f64,
    cpu_seconds: f64,
    bytes: u64,
}

/// Makes a node with the corpus, and lets others come to agree with it.
pub fn measure(corpus: &Corpus, records: usize, work: &Path, report: &mut Report) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let _inside = runtime.enter();
    let first = Side { dir: work.join("sync-first") };
    let node = first.open()?;
    let ada = node.create_identity("ada", atlas_node::clock::now())?;
    let space = node.create_space("corpus", &ada, vec![parse_type_binding("atlas.package=package")?], false)?;
    note("sync: importing the corpus");
    let started = Instant::now();
    let mut refused = |_: import::Rejection| {};
    import::run(&node, Format::Debian, corpus.read(0..records), Some((space.clone(), ada.clone())), &mut refused)?;
    let imported = started.elapsed().as_secs_f64();
    report.add("sync", "written, judged and signed anew", imported, "s", "what joining is held against");
    let lacking = first.dir.with_file_name("lacking.atlas");
    let (missing, missing_bytes) = leave_out(&node, &space, &lacking)?;

    note("sync: a fresh node joins");
    online(&node)?;
    let fresh = Side { dir: work.join("sync-fresh") };
    let joining = fresh.open()?;
    let cost = agree(&node, &joining, &runtime)?;
    report.add("sync", "a fresh node joins, complete", cost.seconds, "s", format!("{imported:.1} s to write it anew"));
    report.add(
        "sync",
        "processor time of both meanwhile",
        cost.cpu_seconds,
        "s",
        "of two or more cores that both share",
    );
    report.add("sync", "bytes of a record on the wire", cost.bytes as f64 / records as f64, "B/record", "both ways");
    drop(joining);
    fresh.remove();

    note("sync: a node that lacks one in a hundred");
    let second = Side { dir: work.join("sync-second") };
    let other = second.open()?;
    import::run(&other, Format::Atlas, BufReader::with_capacity(1 << 20, File::open(&lacking)?), None, &mut refused)?;
    let cost = agree(&node, &other, &runtime)?;
    let overhead = cost.bytes.saturating_sub(missing_bytes) as f64;
    report.add(
        "sync",
        "1 % lacking, spread evenly: complete",
        cost.seconds,
        "s",
        "aim < 5 s at 1 M, reconciling alone",
    );
    report.add(
        "sync",
        "1 % lacking, spread evenly: beyond the records",
        overhead / missing as f64,
        "B/record",
        "aim <= 1,100 of a difference",
    );
    runtime.block_on(leave(&other));
    drop(other);

    note("sync: a node that was away");
    let more = corpus.read(records..records + records / LACKING);
    let before = node.store().watermark();
    import::run(&node, Format::Debian, more, Some((space, ada)), &mut refused)?;
    let missing_bytes = bytes_since(&node, before)?;
    let other = second.open()?;
    let cost = agree(&node, &other, &runtime)?;
    let overhead = cost.bytes.saturating_sub(missing_bytes) as f64;
    report.add("sync", "the last 1 % lacking: complete", cost.seconds, "s", "aim < 5 s at 1 M, reconciling alone");
    report.add(
        "sync",
        "the last 1 % lacking: beyond the records",
        100.0 * overhead / missing_bytes as f64,
        "%",
        "aim < 5 % of the bytes that lack",
    );
    runtime.block_on(leave(&node));
    drop((node, other));
    first.remove();
    second.remove();
    std::fs::remove_file(lacking)?;
    Ok(())
}

/// A node's directory.
struct Side {
    dir: PathBuf,
}

impl Side {
    /// Opens the node, once what an earlier one still did in the background has ended.
    fn open(&self) -> Result<Node, Failure> {
        let started = Instant::now();
        loop {
            match Node::open(NodeConfig::new(&self.dir)) {
                Err(NodeError::Store(StoreError::InUse { .. })) if started.elapsed() < MOST => {
                    std::thread::sleep(Duration::from_millis(100));
                }
                opened => return Ok(opened?),
            }
        }
    }

    /// Best effort: what a node still does in the background may be at it, and the whole folder goes at the end.
    fn remove(&self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Goes on a network of this machine alone.
fn online(node: &Node) -> Result<(), Failure> {
    let listen = vec![net::address("/ip4/127.0.0.1/tcp/0")?];
    Ok(node.go_online(NetConfig { listen, mdns: false, dht: false, closed: true, ..NetConfig::default() })?)
}

async fn leave(node: &Node) {
    if let Some(net) = node.net() {
        net.stop().await;
    }
}

/// Brings the second to the first, and waits until it has everything.
fn agree(first: &Node, second: &Node, runtime: &tokio::runtime::Runtime) -> Result<Cost, Failure> {
    let space = first.spaces().resolve(None)?.id;
    let invite = loop {
        let invite = first.invite(None)?;
        if !invite.peers.is_empty() {
            break invite;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let (started, cpu) = (Instant::now(), machine::cpu_seconds());
    online(second)?;
    second.join(&invite, None, None, None)?;
    let (mut told, most) = (started, first.store().watermark());
    while second.store().watermark() < most {
        if told.elapsed() > Duration::from_secs(1) {
            told = Instant::now();
            note(&format!("sync: {} of {most}", second.store().watermark()));
        }
        if started.elapsed() > MOST {
            return Err("the nodes did not come to agree".into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let cost = Cost {
        seconds: started.elapsed().as_secs_f64(),
        cpu_seconds: machine::cpu_seconds() - cpu,
        bytes: second.net().map_or(0, |net| {
            let traffic = net.network().traffic();
            traffic.received + traffic.sent
        }),
    };
    let digests = [first, second].map(|node| node.store().set_summary(&space, None).map(|set| set.digest));
    let [one, other] = digests;
    if one? != other? {
        return Err("both have as much, and not the same".into());
    }
    runtime.block_on(leave(second));
    Ok(cost)
}

/// Writes all but one record in a hundred as an archive; how many are left out, and their bytes.
fn leave_out(node: &Node, space: &atlas_node::spaces::Space, to: &Path) -> Result<(usize, u64), Failure> {
    let whole = to.with_extension("whole");
    let mut out = BufWriter::new(File::create(&whole)?);
    node.export(space, &mut out)?;
    out.flush()?;
    drop(out);
    let mut out = BufWriter::with_capacity(1 << 20, File::create(to)?);
    let mut head = Vec::new();
    write_archive(&mut head, &[]);
    out.write_all(&head)?;
    let (mut records, mut missing, mut bytes) = (0, 0, 0);
    for part in Parts::new(BufReader::with_capacity(1 << 20, File::open(&whole)?)) {
        let part = part?;
        if let Part::Record(record) = &part {
            records += 1;
            if records % LACKING == LACKING / 2 {
                missing += 1;
                bytes += record.len() as u64;
                continue;
            }
        }
        write_part(&mut out, &part)?;
    }
    out.flush()?;
    std::fs::remove_file(whole)?;
    Ok((missing, bytes))
}

/// Bytes in transport form of what came after a watermark.
fn bytes_since(node: &Node, watermark: u64) -> Result<u64, Failure> {
    let mut bytes = 0;
    let last = node.store().watermark();
    let mut from = watermark + 1;
    while from <= last {
        let until = last.min(from + 1_000);
        for stored in node.store().by_numbers(from..=until)? {
            bytes += stored.record.encode().len() as u64;
        }
        from = until + 1;
    }
    Ok(bytes)
}
