//! Live queries: what others write is told, once, to those who listen, and to nobody's harm.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use atlas_tests::http::authorised;
use atlas_tests::packages;
use atlas_tests::process::{Atlas, Up};
use serde_json::{Value as Json, json};

use crate::{assert_healthy, counts, settled};

const PATIENCE: Duration = Duration::from_secs(30);

/// `atlas query --live --json` in a process of its own.
struct Listener {
    child: Child,
    lines: mpsc::Receiver<Json>,
}

impl Listener {
    /// Starts it, and waits until it listens.
    fn start(atlas: &Atlas, conditions: &[&str]) -> Self {
        let mut child = atlas
            .command(&[&["query", "--live", "--json"], conditions].concat())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = mpsc::channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if sender.send(serde_json::from_str(&line).unwrap()).is_err() {
                    return;
                }
            }
        });
        let mut ready = String::new();
        let mut err = BufReader::new(child.stderr.take().unwrap());
        err.read_line(&mut ready).unwrap();
        assert!(ready.contains("ready"), "{ready}");
        std::thread::spawn(move || for _ in err.lines() {});
        Self { child, lines }
    }

    #[track_caller]
    fn next(&self) -> Json {
        self.lines.recv_timeout(PATIENCE).expect("something is told")
    }

    #[track_caller]
    fn stays_silent(&self) {
        assert_eq!(self.lines.recv_timeout(Duration::from_millis(300)).ok(), None);
    }

    fn interrupt(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn post(atlas: &Atlas, text: &str) -> String {
    let body = json!({ "text": text }).to_string();
    atlas.json(&["put", "atlas.post", "--body", &body])["id"].as_str().unwrap().to_owned()
}

#[test]
fn what_another_process_writes_is_printed() {
    let atlas = settled();
    let up = atlas.up();
    post(&atlas, "before");
    let posts = Listener::start(&atlas, &["--type", "atlas.post"]);
    let words = Listener::start(&atlas, &["--text", "\"hello world\" -cruel", "--fields", "text"]);
    let id = post(&atlas, "hello world");
    let told = posts.next();
    assert_eq!(
        (&told["id"], &told["body"]["text"], &told["status"]),
        (&json!(id), &json!("hello world"), &json!("visible"))
    );
    assert_eq!(words.next()["body"], json!({ "text": "hello world" }));
    post(&atlas, "hello cruel world");
    assert_eq!(posts.next()["body"]["text"], "hello cruel world");
    atlas.json(&["put", "atlas.package", "--body", r#"{"name":"x","version":"1"}"#]);
    atlas.json(&["rm", &id]);
    assert_eq!(posts.next(), json!({ "gone": id, "status": "deleted" }));
    assert_eq!(words.next()["gone"], json!(id));
    posts.stays_silent();
    let since = Listener::start(&atlas, &["--type", "atlas.post", "--since", "1h"]);
    assert_eq!([since.next(), since.next()].map(|it| it["body"]["text"].clone()), ["before", "hello cruel world"]);
    assert_eq!(posts.interrupt(), Some(0), "Ctrl-C is how it ends");
    drop((words, since));
    assert_eq!(up.terminate(), Some(0));
    assert_healthy(&atlas);
}

#[test]
fn without_a_running_node_the_listener_is_one() {
    let atlas = settled();
    let posts = Listener::start(&atlas, &["--type", "atlas.post"]);
    post(&atlas, "through the listener");
    assert_eq!(posts.next()["body"]["text"], "through the listener");
    assert_eq!(posts.interrupt(), Some(0));
    assert_eq!(counts(&atlas).0, 1);
}

#[test]
fn a_node_that_stops_says_so_to_its_listeners() {
    let atlas = settled();
    let up = atlas.up();
    let mut posts = Listener::start(&atlas, &["--type", "atlas.post"]);
    let started = Instant::now();
    assert_eq!(up.terminate(), Some(0));
    assert!(started.elapsed() < Duration::from_secs(8), "listeners do not hold it up");
    assert_eq!(posts.child.wait().unwrap().code(), Some(1));
}

/// A connection that reads server-sent events.
struct Events(BufReader<TcpStream>);

#[derive(Debug, Default, Clone, PartialEq)]
struct Event {
    name: String,
    id: Option<u64>,
    data: Json,
}

impl Events {
    fn open(up: &Up, atlas: &Atlas, query: &str, last: Option<u64>) -> Self {
        let mut events = Self::unread(up.address, &atlas.token(), query, last);
        let mut head = String::new();
        while events.0.read_line(&mut head).unwrap() > 2 {}
        assert!(head.starts_with("HTTP/1.1 200") && head.contains("text/event-stream"), "{head}");
        events
    }

    fn unread(address: SocketAddr, token: &str, query: &str, last: Option<u64>) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let last = last.map_or(String::new(), |last| format!("last-event-id: {last}\r\n"));
        let head = authorised(address, token);
        write!(stream, "GET /v1/live?{query} HTTP/1.1\r\n{head}{last}\r\n").unwrap();
        Self(BufReader::new(stream))
    }

    /// The next event; none where the stream ends.
    fn next(&mut self) -> Option<Event> {
        let mut event = Event::default();
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            // Chunk heads of the transfer stand on lines of their own, as do empty lines.
            let Some((field, value)) = line.trim_end().split_once(": ") else {
                if line == "\n" && !event.name.is_empty() {
                    return Some(event);
                }
                if line.trim_end() == "0" {
                    return None;
                }
                continue;
            };
            match field {
                "event" => event.name = value.to_owned(),
                "id" => event.id = value.parse().ok(),
                "data" => event.data = serde_json::from_str(value).unwrap(),
                _ => {}
            }
        }
    }
}

#[test]
fn who_comes_back_gets_what_was_missed_once_and_in_order() {
    let atlas = settled();
    let up = atlas.up();
    let mut events = Events::open(&up, &atlas, "type=atlas.post", None);
    assert_eq!(events.next().unwrap().name, "ready");
    post(&atlas, "one");
    let one = events.next().unwrap();
    assert_eq!((one.name.as_str(), &one.data["body"]["text"]), ("record", &json!("one")));
    drop(events);
    let missed: Vec<String> = (0..5).map(|i| post(&atlas, &format!("missed {i}"))).collect();
    atlas.json_with(&["import", "debian", "-"], packages::index(600).as_bytes());
    let mut events = Events::open(&up, &atlas, "type=atlas.post", one.id);
    let mut last = one.id;
    for id in &missed {
        let event = events.next().unwrap();
        assert_eq!((event.name.as_str(), &event.data["id"]), ("record", &json!(id)));
        assert!(event.id > last, "ids grow");
        last = event.id;
    }
    let ready = events.next().unwrap();
    assert_eq!((ready.name.as_str(), ready.id), ("ready", Some(606)));
    post(&atlas, "now");
    assert_eq!(events.next().unwrap().data["body"]["text"], "now");
    // From the very start, and from a number that never was.
    let mut all = Events::open(&up, &atlas, "type=atlas.post", Some(0));
    let texts: Vec<Json> = (0..7).map(|_| all.next().unwrap().data["body"]["text"].clone()).collect();
    assert_eq!((&texts[0], &texts[6]), (&json!("one"), &json!("now")));
    let mut beyond = Events::open(&up, &atlas, "type=atlas.post", Some(u64::MAX));
    assert_eq!(beyond.next().unwrap().name, "ready");
}

#[test]
fn nothing_is_lost_or_told_twice_while_much_is_written() {
    let atlas = settled();
    let up = atlas.up();
    let count = 700;
    let index = packages::index(count);
    let told = std::thread::scope(|scope| {
        let import = scope.spawn(|| atlas.json_with(&["import", "debian", "-"], index.as_bytes()));
        // Comes in the middle, leaves often, and comes back.
        let (mut told, mut last) = (Vec::new(), Some(0));
        while told.len() < count {
            let mut events = Events::open(&up, &atlas, "type=atlas.package&fields=name", last);
            for _ in 0..150 {
                if told.len() == count {
                    break;
                }
                let event = events.next().unwrap();
                last = event.id.or(last);
                if event.name == "record" {
                    told.push(event.data["body"]["name"].as_str().unwrap().to_owned());
                }
            }
        }
        import.join().unwrap();
        told
    });
    let distinct: std::collections::HashSet<&String> = told.iter().collect();
    assert_eq!((told.len(), distinct.len()), (count, count));
}

#[test]
fn a_subscriber_that_never_reads_harms_nobody_and_is_cut_off() {
    let atlas = settled();
    let up = atlas.up();
    let token = atlas.token();
    let deaf: Vec<Events> = (0..20).map(|_| Events::unread(up.address, &token, "type=atlas.package", None)).collect();
    let mut hearing = Events::open(&up, &atlas, "type=atlas.package&fields=name", None);
    assert_eq!(hearing.next().unwrap().name, "ready");
    let long = " a line of a description that goes on and on, as descriptions do\n".repeat(450);
    let count = 1200;
    let index: String = (0..count).map(|i| format!("Package: p{i}\nVersion: 1\nDescription: much\n{long}\n")).collect();
    let heard = std::thread::scope(|scope| {
        let heard = scope.spawn(move || {
            let mut names = std::collections::HashSet::new();
            while names.len() < count {
                let event = hearing.next().unwrap();
                assert_ne!(event.name, "lagged", "who reads is not cut off");
                if event.name != "record" {
                    continue;
                }
                names.insert(event.data["body"]["name"].as_str().map(str::to_owned));
            }
            names.len()
        });
        let summary = atlas.json_with(&["import", "debian", "-"], index.as_bytes());
        assert_eq!(summary["written"], count);
        heard.join().unwrap()
    });
    assert_eq!(heard, count);
    std::thread::sleep(Duration::from_secs(3));
    // Now one of them reads: what was kept for it, then that it was cut, and from where.
    let mut late = deaf.into_iter().next().unwrap();
    let (mut last, mut read) = (None, 0);
    let cut = loop {
        match late.next() {
            Some(event) if event.name == "lagged" => break event,
            Some(event) => {
                last = event.id.or(last);
                read += usize::from(event.name == "record");
            }
            None => panic!("the stream ended without a word after {read} records"),
        }
    };
    assert!(read < count && cut.id == last, "{read} {cut:?} {last:?}");
    let mut again = Events::open(&up, &atlas, "type=atlas.package&fields=name", cut.id);
    let mut rest = 0;
    while again.next().unwrap().name == "record" {
        rest += 1;
    }
    assert_eq!(read + rest, count, "nothing is lost");
}

#[test]
fn a_bad_live_question_gets_a_problem() {
    let atlas = settled();
    let up = atlas.up();
    for (path, headers, status) in [
        ("/v1/live?nonsense=1", "", 400),
        ("/v1/live?text=-", "", 400),
        ("/v1/live?type=atlas.post&index=none%3Dx", "", 404),
        ("/v1/live?fields=a..b", "", 400),
        ("/v1/live", "last-event-id: yesterday\r\n", 400),
    ] {
        let headers = authorised(up.address, &atlas.token()) + headers;
        let mut connection = atlas_tests::http::Connection::open(up.address).unwrap();
        let answer = connection.request("GET", path, &headers, b"").unwrap();
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.json().unwrap()["code"].is_string());
    }
    let wrong = ["query", "--live", "--cursor", "x"];
    atlas.run(&wrong).exits(2);
}

/// Files that this process, and a node started from it, may have open.
#[cfg(target_os = "linux")]
fn open_files() -> u64 {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    line.split_whitespace().nth(3).and_then(|soft| soft.parse().ok()).unwrap_or(u64::MAX)
}

#[cfg(target_os = "linux")]
#[test]
fn ten_thousand_listeners_are_told_and_the_next_is_sent_away() {
    const MOST: usize = 10_000;
    let test = "ten_thousand_listeners_are_told_and_the_next_is_sent_away";
    if std::env::var_os("ATLAS_TEST_LARGE").is_none() {
        return atlas_tests::skipped(test, "ATLAS_TEST_LARGE is not set");
    }
    if open_files() < MOST as u64 + 500 {
        return atlas_tests::skipped(test, "too few files may be open: `ulimit -n 11000`");
    }
    let atlas = settled();
    let mut up = atlas.up();
    let mut all: Vec<Events> = (0..MOST).map(|_| Events::open(&up, &atlas, "type=atlas.post", None)).collect();
    for events in &mut all {
        assert_eq!(events.next().unwrap().name, "ready");
    }
    let mut connection = atlas_tests::http::Connection::open(up.address).unwrap();
    let headers = authorised(up.address, &atlas.token());
    let answer = connection.request("GET", "/v1/live?type=atlas.post", &headers, b"").unwrap();
    assert_eq!((answer.status, answer.json().unwrap()["code"].clone()), (503, json!("unavailable")));
    assert!(answer.header("retry-after").is_some(), "{}", answer.head);
    let id = post(&atlas, "to all of you");
    for events in &mut all {
        let told = loop {
            let event = events.next().unwrap();
            if event.name != "watermark" {
                break event;
            }
        };
        assert_eq!((told.name.as_str(), &told.data["id"]), ("record", &json!(id)));
    }
    drop(all);
    // Whoever leaves makes room.
    let deadline = Instant::now() + PATIENCE;
    while atlas.json(&["status"])["live"] != 0 {
        assert!(Instant::now() < deadline, "listeners that left are still counted");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(up.runs());
    assert_eq!(Events::open(&up, &atlas, "type=atlas.post", None).next().unwrap().name, "ready");
}
