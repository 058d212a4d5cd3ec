//! Private spaces: members find each other, and nobody else learns that there is anything.

use super::*;

#[test]
fn a_private_space_is_for_its_members() {
    let (ada, bob, eve) = (named("ada"), named("bob"), named("eve"));
    ada.json(&["space", "create", "debian", "--as", "ada", "--private", "--type", "atlas.post=post"]);
    let secret = post(&ada, "ada", "among us");
    let of = |atlas: &Atlas, name: &str| atlas.json(&["id", "show", name])["id"].as_str().unwrap().to_owned();
    ada.run(&["space", "member", "add", &of(&bob, "bob"), "--space", "debian", "--as", "ada"]).exits(0);
    let (_a, _b, _e) = (online(&ada), online(&bob), online(&eve));
    let line = invitation(&ada, "debian");
    assert!(line.contains(",private"), "{line}");
    for node in [&bob, &eve] {
        node.run(&["space", "join", &line]).exits(0);
    }
    until("the member has it", || shows(&bob, &secret));
    let answer = post(&bob, "bob", "I am here");
    until("and is heard", || shows(&ada, &answer));
    // Eve is connected to Ada all the while, and knows the id.
    until("Eve is connected", || !eve.json(&["peer", "list"])["peers"].as_array().unwrap().is_empty());
    let name = eve.json(&["peer", "list"])["peer"].clone();
    let peers = ada.json(&["peer", "list"])["peers"].clone();
    let of_eve = peers.as_array().unwrap().iter().find(|peer| peer["peer"] == name).expect("Eve is connected");
    assert_eq!(of_eve["spaces"].as_array().unwrap().len(), 0, "{of_eve}");
    assert!(!shows(&eve, &secret));
    assert_eq!(eve.json(&["space", "list"]).as_array().unwrap().len(), 0);
}
