//! Three nodes on one wire: what one has, all get; a cut loses and doubles nothing.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::mpsc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::*;

/// Posts that are timed.
const TIMED: usize = 20;

#[test]
fn three_nodes_of_which_one_is_cut_off_agree_again() {
    let Some(lab) = Lab::new("three_nodes_of_which_one_is_cut_off_agree_again") else { return };
    cut_and_heal(&lab, Duration::ZERO);
}

/// Long enough for connections to be given up, addresses to be tried in vain and waits to grow.
#[test]
fn a_cut_of_two_minutes_heals_like_a_short_one() {
    const NAME: &str = "a_cut_of_two_minutes_heals_like_a_short_one";
    if std::env::var_os("ATLAS_TEST_FULL").is_none() {
        return atlas_tests::skipped(NAME, "it takes minutes, and ATLAS_TEST_FULL is not set");
    }
    let Some(lab) = Lab::new(NAME) else { return };
    cut_and_heal(&lab, Duration::from_secs(120));
}

fn cut_and_heal(lab: &Lab, cut: Duration) {
    let wire = lab.wire();
    let [(a_place, _), (b_place, _), (c_place, plug)] =
        ["192.0.2.1", "198.51.100.1", "203.0.113.1"].map(|address| lab.on(&wire, address));
    let (index, patience) = corpus(1_500);
    let (ada, bob, eve) = (settled(&a_place, "ada", &index), node(&b_place, "bob"), node(&c_place, "eve"));
    let imported = records(&ada);
    let _up = [&ada, &bob, &eve].map(|node| online(node, &[]));
    let begun = Instant::now();
    join(&ada, &bob);
    join(&ada, &eve);
    agree(patience, &ada, &bob);
    agree(patience, &ada, &eve);
    told(&format!("{imported} records are with two nodes that joined after {:.1} s", begun.elapsed().as_secs_f64()));
    assert_eq!((records(&bob), records(&eve)), (imported, imported));
    propagation(&bob, &eve);
    for node in [&ada, &bob, &eve] {
        let shown = peers(node);
        assert!(shown.iter().all(|peer| peer["reason"].is_null()), "nobody here has done anything wrong: {shown:?}");
    }

    plug.pull();
    let mut written = Vec::new();
    for i in 0..5 {
        for (node, author) in [(&ada, "ada"), (&bob, "bob"), (&eve, "eve")] {
            written.push(post(node, author, &format!("{author} {i}")));
        }
    }
    assert!(!shows(&ada, written.last().unwrap()), "there is no way for it");
    std::thread::sleep(cut);
    plug.push();
    let begun = Instant::now();
    for node in [&ada, &bob, &eve] {
        until("everything that was written is everywhere", || written.iter().all(|id| shows(node, id)));
    }
    agree(PATIENCE, &ada, &bob);
    agree(PATIENCE, &ada, &eve);
    told(&format!("three nodes agree {:.1} s after a cut is healed", begun.elapsed().as_secs_f64()));
    let all = imported + (TIMED + written.len()) as u64;
    assert_eq!([&ada, &bob, &eve].map(records), [all; 3], "nothing lost, nothing twice");
}

/// How long records take from one node to a listener on another: told.
#[track_caller]
fn propagation(from: &Node, to: &Node) {
    let mut listener = to
        .command(&["query", "--live", "--json", "--space", "debian", "--type", "atlas.post"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    let mut err = BufReader::new(listener.stderr.take().unwrap());
    err.read_line(&mut ready).unwrap();
    assert!(ready.contains("ready"), "{ready}");
    let (sender, lines) = mpsc::channel();
    let out = BufReader::new(listener.stdout.take().unwrap());
    std::thread::spawn(move || {
        out.lines().map_while(Result::ok).try_for_each(|line| sender.send((SystemTime::now(), line)))
    });
    let mut times: Vec<u64> = (0..TIMED)
        .map(|i| {
            let id = post(from, "bob", &format!("timed {i}"));
            let (at, line) = lines.recv_timeout(PATIENCE).expect("what one writes is told on the other");
            assert!(line.contains(&id), "{line}");
            let record: Json = serde_json::from_str(&line).unwrap();
            let at = u64::try_from(at.duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
            at.saturating_sub(created(&record))
        })
        .collect();
    listener.kill().unwrap();
    listener.wait().unwrap();
    times.sort_unstable();
    told(&format!(
        "from a record's time to a listener on another node: median {} ms, longest {} ms",
        times[TIMED / 2],
        times[TIMED - 1]
    ));
}

/// When a record says that it was written, in milliseconds since the Unix epoch.
fn created(line: &Json) -> u64 {
    let record = if line["record"].is_object() { &line["record"] } else { line };
    record["created"].as_u64().unwrap_or_else(|| panic!("no time: {line}"))
}
