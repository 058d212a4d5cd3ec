//! What goes wrong on the way: nodes that are killed, lines that are narrow, late and lossy.

use super::line::Line;
use super::*;

/// Bytes that have come to a node, as its status shows them.
#[track_caller]
fn received(node: &Node) -> u64 {
    node.json(&["status"])["network"]["bytes_in"].as_u64().unwrap()
}

#[test]
fn a_node_that_is_killed_under_load_goes_on_where_it_was() {
    let Some(lab) = Lab::new("a_node_that_is_killed_under_load_goes_on_where_it_was") else { return };
    let wire = lab.wire();
    let [a_place, b_place] = ["192.0.2.1", "198.51.100.1"].map(|address| lab.on(&wire, address).0);
    let (ada, bob) = (settled(&a_place, "ada", &packages::index(2_000)), node(&b_place, "bob"));
    let (a, b) = (online(&ada, &[]), online(&bob, &[]));
    join(&ada, &bob);
    until("something has come", || set(&bob).is_some_and(|set| set["headers"].as_u64() > Some(0)));
    b.kill();
    let b = online(&bob, &[]);
    // Then the one that serves.
    until("it goes on", || set(&bob).is_some_and(|set| set["headers"].as_u64() > Some(0)));
    a.kill();
    let _a = online(&ada, &[]);
    agree(PATIENCE, &ada, &bob);
    assert_eq!(records(&bob), 2_000);
    for node in [&ada, &bob] {
        assert_eq!(node.json(&["doctor"])["healthy"], true);
    }
    drop(b);
}

#[test]
fn a_narrow_line_is_filled_and_not_overrun() {
    let Some(lab) = Lab::new("a_narrow_line_is_filled_and_not_overrun") else { return };
    let wire = lab.wire();
    let [(a_place, plug), (b_place, _)] = ["192.0.2.1", "198.51.100.1"].map(|address| lab.on(&wire, address));
    let (ada, bob) = (settled(&a_place, "ada", &packages::index(2_000)), node(&b_place, "bob"));
    plug.narrow("2mbit");
    let _up = [&ada, &bob].map(|node| online(node, &[]));
    let begun = Instant::now();
    join(&ada, &bob);
    agree(PATIENCE, &ada, &bob);
    let (seconds, bytes) = (begun.elapsed().as_secs_f64(), received(&bob));
    told(&format!(
        "over 2 Mbit/s: 2000 records, {} KiB in {seconds:.1} s, {:.2} Mbit/s",
        bytes >> 10,
        bytes as f64 * 8e-6 / seconds
    ));
    let whole = ada.json(&["status"])["spaces"][0]["body_bytes"].as_u64().unwrap();
    assert!(bytes > whole / 8, "the status shows what came: {bytes} bytes");
    // A line that is full of bulk still carries what is new.
    let written = post(&bob, "bob", "the other way");
    until("it is there", || shows(&ada, &written));
}

#[test]
fn a_line_that_is_late_and_loses_datagrams_is_enough() {
    let Some(lab) = Lab::new("a_line_that_is_late_and_loses_datagrams_is_enough") else { return };
    let (near, far) = (lab.wire(), lab.wire());
    let (a_place, _) = lab.on(&far, "192.0.2.1");
    let (b_place, _) = lab.on(&near, "198.51.100.1");
    let between = lab.place();
    lab.plug(&between, &near, "198.51.100.9", "198.51.100.1");
    lab.plug(&between, &far, "192.0.2.9", "192.0.2.1");
    let line = Line { delay: Duration::from_millis(40), lost: 20 };
    line.carry(&between, "198.51.100.9:7421".parse().unwrap(), "192.0.2.1:7421".parse().unwrap());
    let (ada, bob) = (settled(&a_place, "ada", &packages::index(500)), node(&b_place, "bob"));
    let _up = [&ada, &bob].map(|node| online(node, &[]));
    let name = ada.json(&["peer", "list"])["peer"].as_str().unwrap().to_owned();
    bob.run(&["peer", "add", &format!("/ip4/198.51.100.9/udp/7421/quic-v1/p2p/{name}")]).exits(0);
    let begun = Instant::now();
    join(&ada, &bob);
    agree(PATIENCE, &ada, &bob);
    told(&format!("500 records over 80 ms and 2 % loss each way in {:.1} s", begun.elapsed().as_secs_f64()));
    let written = post(&ada, "ada", "through the line");
    until("it is there", || shows(&bob, &written));
    let shown = peers(&bob);
    assert!(shown.iter().all(|peer| peer["address"].as_str().unwrap().contains("198.51.100.9")), "{shown:?}");
}
