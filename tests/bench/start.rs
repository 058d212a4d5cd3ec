//! Starting a node on a directory, in a process of its own, and leaving it idle.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use atlas_node::{Node, NodeConfig, serve};

use crate::report::Report;
use crate::{Failure, machine};

/// Starts a process on the directory, several times, and leaves the last one idle for a while.
pub fn measure(dir: &Path, report: &mut Report) -> Result<(), Failure> {
    let mut opened = Vec::new();
    let mut served = Vec::new();
    let mut memory = None;
    for (i, idle) in [0, 0, 0, 0, 15].into_iter().enumerate() {
        let start = Instant::now();
        let mut child = Command::new(std::env::current_exe()?)
            .arg("--child")
            .arg(dir)
            .args(["--idle", &idle.to_string()])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("standard output is a pipe")?).lines();
        let first = lines.next().ok_or("the child said nothing")??;
        let elapsed = start.elapsed().as_secs_f64() * 1e3;
        let told: serde_json::Value = serde_json::from_str(&first)?;
        if i > 0 {
            opened.push(told["opened_ms"].as_f64().unwrap_or(f64::NAN));
            served.push(elapsed);
        }
        if let Some(last) = lines.next() {
            memory = Some(serde_json::from_str::<serde_json::Value>(&last?)?);
        }
        child.wait()?;
    }
    report.add_runs("start", "node opened", opened, "ms", "aim < 300 ms at 1 M records");
    report.add_runs("start", "process started to API listening", served, "ms", "");
    let told = memory.unwrap_or_default();
    let figure = |name: &str| told[name].as_f64().unwrap_or(f64::NAN);
    report.add("start", "resident after 15 s idle", figure("resident_mib"), "MiB", "aim < 100 MiB");
    report.add("start", "resident at most, since the start", figure("most_mib"), "MiB", "");
    report.add(
        "start",
        "bytes on disk, settled",
        figure("disk_bytes") / report.records as f64,
        "B/record",
        "tables and journals",
    );
    Ok(())
}

/// Is the process that is started: opens the directory, serves it for a while, and says how that went.
pub fn child(dir: &Path, idle: Duration, started: Instant) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let open = Instant::now();
    let node = Node::open(NodeConfig::new(dir))?;
    let opened_ms = open.elapsed().as_secs_f64() * 1e3;
    let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = runtime.block_on(serve::listen(Some(any)))?;
    println!(
        "{}",
        serde_json::json!({ "opened_ms": opened_ms, "listening_ms": started.elapsed().as_secs_f64() * 1e3 })
    );
    let store = node.store().clone();
    runtime.block_on(serve::serve(node, listener, async move { tokio::time::sleep(idle).await }))?;
    if !idle.is_zero() {
        let (resident_mib, most_mib) = machine::resident_mib();
        println!(
            "{}",
            serde_json::json!({ "resident_mib": resident_mib, "most_mib": most_mib, "disk_bytes": store.stats().disk_bytes })
        );
    }
    Ok(())
}
