//! The real `atlas` binary, in a directory of its own.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value as Json;

/// A binary and a directory to run it on.
#[derive(Debug, Clone)]
pub struct Atlas {
    binary: PathBuf,
    dir: PathBuf,
    namespace: Option<String>,
}

/// How a command ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// What was run, for messages.
    pub command: String,
    /// The exit status; none if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: Vec<u8>,
    /// Standard error.
    pub err: String,
}

impl Ended {
    /// Standard output as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.out).into_owned()
    }

    /// The lines of standard output as JSON.
    #[track_caller]
    pub fn lines(&self) -> Vec<Json> {
        let parse = |line: &str| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{}: `{line}` is not JSON: {error}", self.command))
        };
        self.text().lines().map(parse).collect()
    }

    /// The last line of standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Json {
        self.lines().pop().unwrap_or_else(|| panic!("{} printed nothing; standard error: {}", self.command, self.err))
    }

    /// The problem on standard error, as `--json` prints it.
    #[track_caller]
    pub fn problem(&self) -> Json {
        let last = self.err.lines().last().unwrap_or_default();
        serde_json::from_str(last)
            .unwrap_or_else(|_| panic!("{}: no problem in JSON on standard error: {}", self.command, self.err))
    }

    /// Checks the exit status.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "{}\nstandard output: {}\nstandard error: {}",
            self.command,
            self.text(),
            self.err
        );
        self
    }
}

impl Atlas {
    /// `binary` on `dir`.
    pub fn new(binary: impl Into<PathBuf>, dir: impl Into<PathBuf>) -> Self {
        Self { binary: binary.into(), dir: dir.into(), namespace: None }
    }

    /// The same in a network namespace, where its API is on that namespace's loopback.
    pub fn in_namespace(self, name: impl Into<String>) -> Self {
        Self { namespace: Some(name.into()), ..self }
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A command that is yet to be run.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = match &self.namespace {
            None => Command::new(&self.binary),
            Some(name) => {
                // `ip` becomes the binary: the child's id is the node's.
                let mut command = Command::new("ip");
                command.args(["netns", "exec", name]).arg(&self.binary);
                command
            }
        };
        command.env("ATLAS_DIR", &self.dir).args(args);
        for variable in ["ATLAS_LOG", "ATLAS_PASSPHRASE", "ATLAS_NEW_PASSPHRASE"] {
            command.env_remove(variable);
        }
        command
    }

    /// Runs a command to its end, without input.
    #[track_caller]
    pub fn run(&self, args: &[&str]) -> Ended {
        self.run_with(args, b"")
    }

    /// Runs a command to its end on this input.
    #[track_caller]
    pub fn run_with(&self, args: &[&str], input: &[u8]) -> Ended {
        run(self.command(args), args, input)
    }

    /// Runs a command to its end in this environment, without input.
    #[track_caller]
    pub fn run_env(&self, args: &[&str], variables: &[(&str, &str)]) -> Ended {
        let mut command = self.command(args);
        command.envs(variables.iter().copied());
        run(command, args, b"")
    }

    /// Runs a command with `--json` that has to succeed; the last line that it prints.
    #[track_caller]
    pub fn json(&self, args: &[&str]) -> Json {
        self.json_with(args, b"")
    }

    /// As [`json`](Self::json), on this input.
    #[track_caller]
    pub fn json_with(&self, args: &[&str], input: &[u8]) -> Json {
        self.run_with(&[args, &["--json"]].concat(), input).exits(0).json()
    }

    /// Runs a command with `--json` that has to fail with this status; the problem.
    #[track_caller]
    pub fn problem(&self, code: i32, args: &[&str]) -> Json {
        self.run(&[args, &["--json"]].concat()).exits(code).problem()
    }

    /// Starts `atlas up` on any free port, off the network, and waits until it answers.
    #[track_caller]
    pub fn up(&self) -> Up {
        self.up_with(&["--offline"])
    }

    /// Starts `atlas up` on the network of this machine alone: on any free port of loopback.
    #[track_caller]
    pub fn up_online(&self, more: &[&str]) -> Up {
        let alone = ["--mdns", "off", "--closed-network", "--listen", "/ip4/127.0.0.1/tcp/0"];
        self.up_with(&[&alone[..], more].concat())
    }

    /// Starts `atlas up` on any free port and waits until it answers.
    #[track_caller]
    pub fn up_with(&self, more: &[&str]) -> Up {
        let mut child = self
            .command(&[&["up", "--api", "127.0.0.1:0", "--json"], more].concat())
            // What a node logs is seen beside its test's output.
            .envs(std::env::var_os("ATLAS_TEST_LOG").map(|filter| ("ATLAS_LOG", filter)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the binary was built with the tests");
        let mut out = BufReader::new(child.stdout.take().expect("standard output is a pipe"));
        let mut line = String::new();
        out.read_line(&mut line).expect("the pipe can be read");
        let started: Json =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("`atlas up --json` printed `{line}`"));
        let address =
            started["api"].as_str().and_then(|api| api.strip_prefix("http://")).and_then(|api| api.parse().ok());
        let address = address.unwrap_or_else(|| panic!("`atlas up --json` printed no address: {line}"));
        let deadline = Instant::now() + Duration::from_secs(20);
        let answers = || match &self.namespace {
            None => std::net::TcpStream::connect(address).is_ok(),
            // It cannot be connected to from here: a command is asked, which asks the node.
            Some(_) => self.run(&["space", "list"]).code == Some(0),
        };
        while !self.dir.join("api.json").exists() || !answers() {
            assert!(Instant::now() < deadline, "the API at {address} does not answer");
            thread::sleep(Duration::from_millis(20));
        }
        Up { child, _out: out, address }
    }

    /// The token of the local API.
    #[track_caller]
    pub fn token(&self) -> String {
        std::fs::read_to_string(self.dir.join("api.token")).expect("a node was opened here").trim().to_owned()
    }

    /// Every record that a query finds, page by page, and how many pages there were.
    #[track_caller]
    pub fn all(&self, conditions: &[&str], limit: usize) -> (Vec<Json>, usize) {
        let (mut records, mut pages, mut cursor) = (Vec::new(), 0, None::<String>);
        loop {
            let limit = limit.to_string();
            let mut args = [&["query", "--limit", &limit], conditions].concat();
            if let Some(cursor) = &cursor {
                args.extend(["--cursor", cursor]);
            }
            let mut page = self.json(&args);
            pages += 1;
            records.append(page["records"].as_array_mut().expect("an answer has records"));
            match page["cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return (records, pages),
            }
        }
    }
}

fn run(mut command: Command, args: &[&str], input: &[u8]) -> Ended {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary was built with the tests");
    let mut stdin = child.stdin.take().expect("standard input is a pipe");
    let output = thread::scope(|scope| {
        scope.spawn(move || {
            // A command that needs no input, or fails, closes the pipe early.
            let _ = stdin.write_all(input);
        });
        child.wait_with_output().expect("a child can be waited for")
    });
    Ended {
        command: format!("atlas {}", args.join(" ")),
        code: output.status.code(),
        out: output.stdout,
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A running `atlas up`. Dropped, it is killed.
#[derive(Debug)]
pub struct Up {
    child: Child,
    /// Kept open: a closed pipe would end the process.
    _out: BufReader<ChildStdout>,
    /// Where its API listens.
    pub address: SocketAddr,
}

impl Up {
    /// Asks the API with a token; the status and the answer as JSON.
    #[track_caller]
    pub fn http_with(&self, token: &str, method: &str, path: &str, body: Option<&Json>) -> (u16, Json) {
        let body = body.map(Json::to_string).unwrap_or_default();
        // HTTP/1.0: the answer comes whole, and ends with the connection.
        let request = format!(
            "{method} {path} HTTP/1.0\r\nhost: {}\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        let mut stream = std::net::TcpStream::connect(self.address).expect("the API listens");
        stream.write_all(request.as_bytes()).expect("the API reads");
        let mut answer = String::new();
        std::io::Read::read_to_string(&mut stream, &mut answer).expect("the API answers");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no HTTP answer: {answer}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status: {head}"));
        (status, serde_json::from_str(body).unwrap_or_else(|_| panic!("no JSON: {answer}")))
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().expect("the process is ours");
        self.child.wait().expect("a child can be waited for");
    }

    /// SIGTERM; the exit status.
    #[track_caller]
    pub fn terminate(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().expect("`kill` is part of every Unix");
        assert!(sent.success(), "SIGTERM could not be sent");
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                return status.code();
            }
            assert!(Instant::now() < deadline, "SIGTERM did not end `atlas up`");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
