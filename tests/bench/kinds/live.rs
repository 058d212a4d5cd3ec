//! How long it takes until a live query is told of a record: in this process and through the API.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use atlas_node::Node;
use atlas_node::people::Piece;
use atlas_node::query::Query;
use atlas_node::query::live::Told;
use atlas_record::sign::SecretKey;
use atlas_tests::peer::{Draft, Peer, T0};

use super::world;
use crate::Failure;
use crate::report::{Report, median, quantile};

/// Records that are told of.
const TOLD: u64 = 300;
/// Records before the clock runs.
const WARM_UP: u64 = 30;
/// Who waits longer waits in vain.
const PATIENCE: Duration = Duration::from_secs(10);

/// Posts by someone who is not in the world yet.
struct Source {
    community: atlas_tests::peer::Community,
    peer: Peer,
    next: u64,
}

impl Source {
    fn new(node: &Node) -> Result<Self, Failure> {
        // Someone new each time: the chain of an earlier run cannot be gone on with.
        let seed = |role: u8| -> SecretKey {
            let mut seed = [role; 32];
            seed[..8].copy_from_slice(&atlas_node::clock::now().to_be_bytes());
            SecretKey::from_seed(&seed)
        };
        let peer = Peer::made_of(seed(1), &seed(2), seed(3), [9; 16]);
        node.learn(peer.identity.id(), vec![Piece::Event(peer.identity.0.clone())])?;
        Ok(Self { community: world::community(), peer, next: 0 })
    }

    fn post(&mut self) -> Vec<u8> {
        self.next += 1;
        let draft = Draft::post(&format!("post {} of a live bench", self.next), self.next);
        self.peer.write(&self.community, draft).encode()
    }
}

/// Times from the call until it was durable, and until a subscriber had it, in milliseconds.
fn tell(node: &Node, source: &mut Source, heard: &mpsc::Receiver<Instant>) -> Result<(Vec<f64>, Vec<f64>), Failure> {
    let (mut durable, mut told) = (Vec::new(), Vec::new());
    for i in 0..WARM_UP + TOLD {
        let record = source.post();
        let start = Instant::now();
        node.ingest(&[record], T0 + (1 << 40))?;
        let spent = start.elapsed();
        let at = heard.recv_timeout(PATIENCE)?;
        if i >= WARM_UP {
            durable.push(spent.as_secs_f64() * 1e3);
            told.push(at.saturating_duration_since(start).as_secs_f64() * 1e3);
        }
    }
    Ok((durable, told))
}

fn add(report: &mut Report, what: &str, times: &[f64], beside: &str) {
    report.add("live", format!("{what} p50"), median(times), "ms", beside);
    report.add("live", format!("{what} p99"), quantile(times, 0.99), "ms", "");
}

/// Adds the figures.
pub fn measure(node: &Node, address: SocketAddr, headers: &str, report: &mut Report) -> Result<(), Failure> {
    let mut source = Source::new(node)?;
    let space = node.spaces().resolve(None)?;
    let query = Query { type_name: Some("atlas.post".parse()?), ..Query::new(space.clone()) };
    let mut subscription = node.subscribe(&query, "")?;
    let (sender, heard) = mpsc::channel();
    let listening = std::thread::spawn(move || -> std::io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            while let Told::Event(_) = subscription.next(PATIENCE).await {
                if sender.send(Instant::now()).is_err() {
                    break;
                }
            }
        });
        Ok(())
    });
    let (durable, told) = tell(node, &mut source, &heard)?;
    add(report, "received until durable", &durable, "one record at a time");
    add(report, "received until told, in process", &told, "in what was durable before");
    drop(heard);

    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    write!(stream, "GET /v1/live?space={}&type=atlas.post HTTP/1.1\r\n{headers}\r\n", space.id)?;
    let (sender, heard) = mpsc::channel();
    let (ready, is_ready) = mpsc::channel();
    let events = std::thread::spawn(move || -> std::io::Result<()> {
        for line in BufReader::new(stream).lines() {
            match line?.strip_prefix("event:").map(str::trim) {
                Some("ready") => drop(ready.send(())),
                Some("record") => {
                    if sender.send(Instant::now()).is_err() {
                        break;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    });
    is_ready.recv_timeout(PATIENCE)?;
    let (_, told) = tell(node, &mut source, &heard)?;
    add(report, "received until told, API", &told, "server-sent events on one connection");
    drop(heard);
    // Each ends with the next record, which it has nobody to tell of.
    node.ingest(&[source.post()], T0 + (1 << 40))?;
    for thread in [listening, events] {
        thread.join().map_err(|_| "a subscriber failed")??;
    }
    Ok(())
}
