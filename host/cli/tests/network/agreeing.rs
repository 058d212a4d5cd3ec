//! What one node has, the others get; whatever breaks in between, nothing is lost or doubled.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::mpsc;

use atlas_engine::testing::{Behaviour, guest};

use super::*;

#[test]
fn a_node_that_joins_gets_everything_and_what_either_writes_reaches_the_other() {
    let (ada, bob) = (settled(300), named("bob"));
    let (_a, _b) = (online(&ada), online(&bob));
    join(&ada, &bob);
    agree(&ada, &bob, "debian");
    assert_eq!(set(&bob, "debian").unwrap()["records"], 300);

    let from_bob = post(&bob, "bob", "hello from bob");
    until("Bob's post is with Ada", || shows(&ada, &from_bob));
    let from_ada = post(&ada, "ada", "hello from ada");
    until("Ada's post is with Bob", || shows(&bob, &from_ada));
    agree(&ada, &bob, "debian");
    let status = bob.json(&["status"]);
    assert_eq!(status["network"]["peers"].as_array().unwrap().len(), 1, "{status}");
    assert_eq!(status["network"]["spaces"][0]["name"], "debian", "{status}");
}

#[test]
fn a_live_query_on_one_node_tells_what_another_writes() {
    let (ada, bob) = (settled(5), named("bob"));
    let (_a, _b) = (online(&ada), online(&bob));
    join(&ada, &bob);
    agree(&ada, &bob, "debian");
    let mut listener = ada
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
    std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    let id = post(&bob, "bob", "told across the network");
    let line = lines.recv_timeout(PATIENCE).expect("something is told");
    assert!(line.contains(&id) && line.contains("told across the network"), "{line}");
    listener.kill().unwrap();
    listener.wait().unwrap();
}

#[test]
fn three_nodes_of_which_one_was_away_agree_again() {
    let (ada, bob, eve) = (settled(50), named("bob"), named("eve"));
    let (a, b) = (online(&ada), online(&bob));
    let mut e = Some(online(&eve));
    join(&ada, &bob);
    // Eve asks Bob, who has it from Ada.
    agree(&ada, &bob, "debian");
    join(&bob, &eve);
    agree(&ada, &eve, "debian");

    e.take().unwrap().kill();
    let mut written = vec![post(&eve, "eve", "while I was away")];
    for i in 0..20 {
        written.push(post(&ada, "ada", &format!("ada {i}")));
        written.push(post(&bob, "bob", &format!("bob {i}")));
    }
    let _e = online(&eve);
    for node in [&ada, &bob, &eve] {
        until("everything that was written is everywhere", || written.iter().all(|id| shows(node, id)));
    }
    agree(&ada, &bob, "debian");
    agree(&ada, &eve, "debian");
    assert_eq!(set(&eve, "debian").unwrap()["records"], 50 + 41, "nothing twice, nothing lost");
    drop((a, b));
}

#[test]
fn a_node_that_is_killed_while_it_joins_goes_on_where_it_was() {
    let (ada, bob) = (settled(2_000), named("bob"));
    let _a = online(&ada);
    let b = online(&bob);
    join(&ada, &bob);
    until("something has come", || set(&bob, "debian").is_some_and(|set| set["headers"].as_u64() > Some(0)));
    b.kill();
    let _b = online(&bob);
    agree(&ada, &bob, "debian");
    assert!(bob.json(&["doctor"])["healthy"] == true);
}

#[test]
fn a_light_node_keeps_the_types_it_follows_and_moves_little_else() {
    let (ada, bob) = (settled(400), named("bob"));
    let wanted: Vec<String> = (0..3).map(|i| post(&ada, "ada", &format!("post {i}"))).collect();
    let (_a, _b) = (online(&ada), online(&bob));
    let line = invitation(&ada, "debian");
    bob.run(&["space", "join", &line, "--types", "atlas.post"]).exits(0);
    until("the posts are here", || wanted.iter().all(|id| shows(&bob, id)));
    let later = post(&ada, "ada", "later");
    until("a later one is here", || shows(&bob, &later));
    let types = bob.json(&["status"])["spaces"][0]["types"].clone();
    assert!(types.as_array().unwrap().iter().all(|of| of["type"] != "atlas.package"), "{types}");
    let whole = ada.json(&["status"])["spaces"][0]["body_bytes"].as_u64().unwrap();
    let moved = bob.json(&["peer", "list"])["bytes_in"].as_u64().unwrap();
    assert!(moved < whole, "{moved} bytes came, and the whole space has {whole} of bodies");
}

#[test]
fn revocations_and_bindings_reach_others() {
    let (ada, bob) = (settled(5), named("bob"));
    let (_a, _b) = (online(&ada), online(&bob));
    join(&ada, &bob);
    agree(&ada, &bob, "debian");
    // An app of Ada's writes, and is revoked without keeping anything.
    let request = ada.run(&["id", "new", "--app", "notes"]).exits(0).text();
    let scope = ["--types", "atlas.post", "--actions", "create", "--space", "debian", "--expires", "30d", "--yes"];
    ada.run(&[&["id", "grant", request.trim(), "--as", "ada"], &scope[..]].concat()).exits(0);
    let id = post(&ada, "notes", "written by an app");
    until("what the app wrote is with Bob", || shows(&bob, &id));
    ada.run(&["id", "revoke", "notes", "--as", "ada", "--keep-nothing"]).exits(0);
    until("it is gone with Bob too", || !shows(&bob, &id));
    // Another type is bound, and used at once.
    ada.run(&["module", "bind", "--space", "debian", "--as", "ada", "validator:atlas.label", "label"]).exits(0);
    until("Bob knows the type", || {
        bob.json(&["space", "show", "debian"])["slots"].get("validator:atlas.label").is_some()
    });
}

/// What a space binds judges there, whatever a node thinks of it; the node says what it thinks.
#[test]
fn a_module_that_comes_from_a_peer_and_breaks_a_law_is_pointed_out() {
    let (ada, bob) = (settled(3), named("bob"));
    for (behaviour, name, type_name) in
        [(Behaviour::Valid, "honest", "example.fine"), (Behaviour::KeepsState, "odd", "example.odd")]
    {
        let file = ada.dir().join(name);
        std::fs::write(&file, guest(behaviour)).unwrap();
        ada.run(&["module", "install", file.to_str().unwrap(), "--yes", "--no-test", "--name", name]).exits(0);
        ada.run(&["module", "bind", &format!("validator:{type_name}"), name, "--as", "ada"]).exits(0);
    }
    let (_a, _b) = (online(&ada), online(&bob));
    join(&ada, &bob);
    agree(&ada, &bob, "debian");
    let broken = |type_name: &str| {
        let shown = bob.json(&["space", "show", "debian"]);
        shown["slots"][format!("validator:{type_name}")]["broken_laws"].clone()
    };
    until("the law is named", || broken("example.odd").as_array().is_some_and(|laws| !laws.is_empty()));
    assert_eq!(broken("example.odd"), serde_json::json!(["stateless"]));
    assert_eq!(broken("example.fine"), serde_json::json!([]));
    let told = bob.run(&["space", "show", "debian"]).exits(0).text();
    assert!(told.contains("breaks laws of its role: stateless"), "{told}");
    let evidence = std::fs::read_dir(bob.dir().join("evidence")).unwrap().next().unwrap().unwrap().path();
    let again = bob.run(&["module", "test", evidence.to_str().unwrap()]).exits(1).text();
    assert!(again.contains("BROKEN  stateless"), "{again}");
}

#[test]
fn joining_off_the_network_is_remembered_and_done_later() {
    let (ada, bob) = (settled(5), named("bob"));
    let _a = online(&ada);
    let line = invitation(&ada, "debian");
    let noted = bob.run(&["space", "join", &line]).exits(0).text();
    assert!(noted.contains("atlas up"), "{noted}");
    let _b = online(&bob);
    agree(&ada, &bob, "debian");
}

/// What an app wrote stays after it is revoked. A node that keeps posts alone lacks the packages between them, over
/// which the chain leads that shows it.
#[test]
fn a_light_node_asks_what_a_revocation_keeps() {
    let (ada, bob) = (settled(3), named("bob"));
    let request = ada.run(&["id", "new", "--app", "notes"]).exits(0).text();
    let types = ["--types", "atlas.post,atlas.package", "--actions", "create"];
    let scope = ["--space", "debian", "--expires", "30d", "--yes"];
    ada.run(&[&["id", "grant", request.trim(), "--as", "ada"], &types[..], &scope[..]].concat()).exits(0);
    let package = |i: usize| {
        let body = serde_json::json!({ "name": format!("tool-{i}"), "version": "1" }).to_string();
        ada.json(&["put", "atlas.package", "--space", "debian", "--as", "notes", "--body", &body]);
    };
    let mut posts = Vec::new();
    for i in 0..12 {
        posts.push(post(&ada, "notes", &format!("post {i}")));
        package(i);
    }
    ada.run(&["id", "revoke", "notes", "--as", "ada"]).exits(0);
    assert!(posts.iter().all(|id| shows(&ada, id)), "what was written until now stays");

    let (_a, b) = (online(&ada), online(&bob));
    let line = invitation(&ada, "debian");
    bob.run(&["space", "join", &line, "--types", "atlas.post"]).exits(0);
    until("the posts are here", || set(&bob, "debian").is_some_and(|set| set["headers"] == 12));
    until("it is shown that they were kept", || posts.iter().all(|id| shows(&bob, id)));
    // And it needs nobody to be shown again.
    b.kill();
    assert!(posts.iter().all(|id| shows(&bob, id)));
    assert!(bob.json(&["doctor"])["healthy"] == true);
}

#[test]
fn a_body_that_one_peer_keeps_back_comes_from_another() {
    let (ada, censor, bob) = (settled(20), named("censor"), named("bob"));
    let kept_back = post(&ada, "ada", "not everybody likes this");
    let a = online(&ada);
    let c = online(&censor);
    join(&ada, &censor);
    agree(&ada, &censor, "debian");
    censor.run(&["deny", "add", &kept_back]).exits(0);
    a.kill();

    let b = online(&bob);
    join(&censor, &bob);
    agree(&censor, &bob, "debian");
    until("Bob has the header", || set(&bob, "debian").is_some_and(|set| set["headers"] == 21));
    assert!(!shows(&bob, &kept_back), "the body is not handed out");
    c.kill();

    let _a = online(&ada);
    join(&ada, &bob);
    until("the body has come from Ada", || shows(&bob, &kept_back));
    agree(&ada, &bob, "debian");
    drop(b);
}

#[test]
fn a_space_that_is_left_is_exchanged_no_more_until_it_is_joined_again() {
    let (ada, bob) = (settled(5), named("bob"));
    let (_a, _b) = (online(&ada), online(&bob));
    join(&ada, &bob);
    agree(&ada, &bob, "debian");
    let said = bob.run(&["space", "leave", "debian"]).exits(0).text();
    assert!(said.contains("what is here stays"), "{said}");
    assert_eq!(bob.json(&["space", "list"])[0]["left"], true);
    until("Ada sees it", || ada.json(&["peer", "list"])["spaces"][0]["peers"] == 0);
    assert!(bob.json(&["peer", "list"])["spaces"].as_array().unwrap().is_empty());
    let problem = bob.problem(2, &["space", "invite", "debian"]);
    assert!(problem["detail"].as_str().unwrap().contains("atlas space join"), "{problem}");

    let (from_ada, from_bob) = (post(&ada, "ada", "Bob is away"), post(&bob, "bob", "to myself"));
    assert!(shows(&bob, &from_bob), "what is here can be asked and written");
    // Long enough for what is announced and what is compared.
    std::thread::sleep(Duration::from_secs(3));
    assert!(!shows(&bob, &from_ada) && !shows(&ada, &from_bob));

    let line = invitation(&ada, "debian");
    bob.run(&["space", "join", &line]).exits(0);
    until("both have both", || shows(&bob, &from_ada) && shows(&ada, &from_bob));
    agree(&ada, &bob, "debian");
    assert_eq!(bob.json(&["space", "list"])[0]["left"], false);
}

#[test]
fn a_space_that_has_not_come_is_awaited_no_more() {
    let bob = named("bob");
    let id = "bafyr4iavvfvj7bzkbum7ok2r7unjh4azr3mdeg2nzdmceyg7x2wkiumqkm";
    bob.run(&["space", "join", &format!("atlas:{id},name=nowhere")]).exits(0);
    let said = bob.run(&["space", "leave", "nowhere"]).exits(0).text();
    assert!(said.contains(id) && said.contains("awaited no more"), "{said}");
    let problem = bob.problem(1, &["space", "leave", "nowhere"]);
    assert!(problem["hint"].as_str().unwrap().contains("atlas space list"), "{problem}");
    let _b = online(&bob);
    assert!(bob.json(&["peer", "list"])["spaces"].as_array().unwrap().is_empty());
}

#[test]
fn what_is_no_invitation_is_refused_in_words() {
    let bob = named("bob");
    let problem = bob.problem(2, &["space", "join", "atlas:debian"]);
    assert!(problem["detail"].as_str().unwrap().contains("atlas space invite"), "{problem}");
    let problem = bob.problem(1, &["peer", "list"]);
    assert!(problem["detail"].as_str().unwrap().contains("atlas up"), "{problem}");
}
