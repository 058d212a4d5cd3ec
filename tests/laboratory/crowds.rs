//! A crowd from one subnet does not shut a node off from everybody else.

use std::sync::mpsc;

use atlas_net::swarm::{Config, Multiaddr, Network};
use atlas_net::wire;
use zeroize::Zeroizing;

use super::*;

/// More than a node takes from one subnet, by far.
const HOSTILE: usize = 40;

fn stranger() -> Config {
    let mut key = [0; 32];
    getrandom::fill(&mut key).unwrap();
    Config::new(Zeroizing::new(key))
}

#[test]
fn a_crowd_from_one_subnet_leaves_room_for_others() {
    let Some(lab) = Lab::new("a_crowd_from_one_subnet_leaves_room_for_others") else { return };
    let wire = lab.wire();
    let [a_place, b_place] = ["192.0.2.1", "198.51.100.1"].map(|address| lab.on(&wire, address).0);
    let (ada, bob) = (settled(&a_place, "ada", &packages::index(100)), node(&b_place, "bob"));
    let _a = online(&ada, &[]);
    let name = ada.json(&["peer", "list"])["peer"].as_str().unwrap().to_owned();
    let address: Multiaddr = format!("/ip4/192.0.2.1/tcp/7421/p2p/{name}").parse().unwrap();

    // Eight machines of one /24 with five nodes each, which come, stay, and come again when they are refused.
    let (tell, told_by) = mpsc::channel();
    let crowd: Vec<_> = (1..=8)
        .map(|host| {
            let place = lab.on(&wire, &format!("203.0.113.{host}")).0;
            let (tell, address) = (tell.clone(), address.clone());
            place.thread(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                let mut nodes: Vec<_> =
                    (0..HOSTILE / 8).map(|_| Network::start(stranger(), &wire::ALL).unwrap()).collect();
                runtime.block_on(async {
                    loop {
                        let mut refused = 0;
                        for (network, _events) in &mut nodes {
                            refused += usize::from(network.dial(address.clone()).await.is_err());
                        }
                        if tell.send((host, refused)).is_err() {
                            break;
                        }
                        tokio::time::sleep(Duration::from_millis(500)).await;
                    }
                });
            })
        })
        .collect();
    let mut refused = std::collections::BTreeMap::new();
    while refused.len() < 8 || refused.values().sum::<usize>() == 0 {
        let (host, times) = told_by.recv_timeout(PATIENCE).expect("the crowd comes");
        *refused.entry(host).or_insert(0) += times;
    }
    let inside = |peer: &Json| peer["address"].as_str().unwrap().contains("/203.0.113.");
    until("the crowd has taken what it can", || peers(&ada).iter().any(inside));

    let _b = online(&bob, &[]);
    join(&ada, &bob);
    agree(PATIENCE, &ada, &bob);
    let written = post(&bob, "bob", "through the crowd");
    until("it is there", || shows(&ada, &written));
    let (crowded, all) = (peers(&ada).into_iter().filter(|peer| inside(peer)).count(), peers(&ada).len());
    told(&format!("{HOSTILE} hostile nodes of one /24 hold {crowded} of {all} connections"));
    assert!(crowded <= 8, "one subnet has its limit");
    drop(told_by);
    crowd.into_iter().for_each(|thread| thread.join().unwrap());
}
