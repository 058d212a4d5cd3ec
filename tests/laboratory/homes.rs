//! Nodes behind routers: they are found through a relay, and go on without it.

use super::*;

/// The relay's address, as its operator vouches for it.
fn relay(wire: &lab::Wire, lab: &Lab, transport: &str) -> (Node, Up, String) {
    let (place, _) = lab.on(wire, "192.0.2.9");
    let relay = node(&place, "relay");
    let address = format!("/ip4/192.0.2.9/{transport}");
    let up = online(&relay, &["--relay", "on", "--external", &address]);
    let name = relay.json(&["peer", "list"])["peer"].as_str().unwrap().to_owned();
    (relay, up, format!("{address}/p2p/{name}"))
}

fn meet_behind_two_routers(lab: &Lab, transport: &str) {
    let wire = lab.wire();
    let (_relay, _r, address) = relay(&wire, lab, transport);
    let a_place = lab.at_home(&wire, "198.51.100.1", "10.1.0.2");
    let b_place = lab.at_home(&wire, "203.0.113.1", "10.2.0.2");
    let (ada, bob) = (settled(&a_place, "ada", &packages::index(300)), node(&b_place, "bob"));
    let _up = [&ada, &bob].map(|node| online(node, &["--peer", &address]));
    let begun = Instant::now();
    let line = invitation(&ada, |peer| peer.contains("/p2p-circuit"));
    told(&format!("{transport}: reachable through a relay after {:.1} s", begun.elapsed().as_secs_f64()));
    // Bob has to have been seen by somebody, to know how it looks from outside.
    until("Bob knows the relay", || peers(&bob).iter().any(|peer| address.ends_with(peer["peer"].as_str().unwrap())));
    let begun = Instant::now();
    bob.run(&["space", "join", &line]).exits(0);
    agree(PATIENCE, &ada, &bob);
    told(&format!("{transport}: two nodes behind routers agree after {:.1} s", begun.elapsed().as_secs_f64()));
    let name = bob.json(&["peer", "list"])["peer"].as_str().unwrap().to_owned();
    until("the way is direct", || peers(&ada).iter().any(|peer| peer["peer"] == *name && peer["relayed"] == false));
    told(&format!("{transport}: the connection is direct after {:.1} s", begun.elapsed().as_secs_f64()));
    let written = post(&bob, "bob", "from home to home");
    until("what Bob writes is with Ada", || shows(&ada, &written));
    agree(PATIENCE, &ada, &bob);
}

#[test]
fn two_nodes_behind_routers_meet_through_a_relay_and_go_on_without_it() {
    let Some(lab) = Lab::new("two_nodes_behind_routers_meet_through_a_relay_and_go_on_without_it") else { return };
    meet_behind_two_routers(&lab, "udp/7421/quic-v1");
}

#[test]
fn routers_are_passed_over_tcp_too() {
    let Some(lab) = Lab::new("routers_are_passed_over_tcp_too") else { return };
    meet_behind_two_routers(&lab, "tcp/7421");
}

#[test]
fn what_is_behind_a_router_is_not_reached_from_outside() {
    let Some(lab) = Lab::new("what_is_behind_a_router_is_not_reached_from_outside") else { return };
    let wire = lab.wire();
    let (outside, _) = lab.on(&wire, "192.0.2.9");
    let home = lab.at_home(&wire, "198.51.100.1", "10.1.0.2");
    let (port, listening) = std::sync::mpsc::channel();
    let server = home.thread(move || {
        let server = std::net::TcpListener::bind("10.1.0.2:0").unwrap();
        port.send(server.local_addr().unwrap()).unwrap();
        server.set_nonblocking(true).unwrap();
        std::thread::sleep(Duration::from_secs(4));
        server.accept().is_err()
    });
    let inside = listening.recv().unwrap();
    let knocks = outside.thread(move || {
        let at = |address: std::net::SocketAddr| {
            std::net::TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_err()
        };
        at(inside) && at((std::net::Ipv4Addr::new(198, 51, 100, 1), inside.port()).into())
    });
    assert!(knocks.join().unwrap(), "the router lets nobody in");
    assert!(server.join().unwrap());
    // And out again it goes.
    let served = outside.thread(|| {
        let server = std::net::TcpListener::bind("192.0.2.9:7000").unwrap();
        server.accept().unwrap().1.ip().to_string()
    });
    let out = home.thread(|| {
        let begun = Instant::now();
        while std::net::TcpStream::connect("192.0.2.9:7000").is_err() {
            assert!(begun.elapsed() < PATIENCE, "a router lets out what is behind it");
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    out.join().unwrap();
    assert_eq!(served.join().unwrap(), "198.51.100.1", "strangers see the router");
}
