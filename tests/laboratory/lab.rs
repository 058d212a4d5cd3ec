//! Networks made of namespaces: places where nodes run, wires between them, routers that hide
//! what is behind them, narrow lines. Nothing of it touches the machine's own network, and all of
//! it goes when the test ends.
//!
//! ```text
//!   place ──┐                    ┌── place
//!   place ──┤ wire (a bridge in  ├── router (masquerades) ── wire ── place
//!   place ──┘ a namespace of its own)
//! ```
//!
//! On a wire everybody reaches everybody whatever the addresses: it is the internet of a test, and
//! its addresses come from the ranges for documentation.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

/// How namespaces of this program are called: `atlas-lab-PROCESS-LAB-NUMBER`.
const PREFIX: &str = "atlas-lab-";
/// Where `ip` keeps the names of namespaces.
const NAMES: &str = "/run/netns";

static LABS: AtomicUsize = AtomicUsize::new(0);

/// A network for one test.
pub struct Lab {
    mark: String,
    made: RefCell<Vec<String>>,
    plugs: Cell<usize>,
}

/// A machine, as far as its network goes.
#[derive(Debug, Clone)]
pub struct Place {
    namespace: String,
}

/// What machines are plugged into.
#[derive(Debug, Clone)]
pub struct Wire {
    namespace: String,
}

/// An end of a wire in a place.
#[derive(Debug, Clone)]
pub struct Plug {
    place: Place,
    device: String,
    reaches: String,
}

/// Runs a command that says what went wrong, if it does.
fn tried(program: &str, args: &[&str]) -> Result<(), String> {
    let ended = Command::new(program).args(args).stdin(Stdio::null()).output();
    let ended = ended.map_err(|error| format!("`{program}` cannot be run: {error}"))?;
    if ended.status.success() {
        return Ok(());
    }
    Err(format!("`{program} {}`: {}", args.join(" "), String::from_utf8_lossy(&ended.stderr).trim()))
}

#[track_caller]
fn ip(line: &str) {
    tried("ip", &line.split(' ').collect::<Vec<_>>()).unwrap();
}

impl Lab {
    /// A laboratory for this test. `None`, and visibly so, where namespaces cannot be made.
    pub fn new(test: &str) -> Option<Self> {
        sweep();
        let mark = format!("{PREFIX}{}-{}-", std::process::id(), LABS.fetch_add(1, Ordering::Relaxed));
        let lab = Self { mark, made: RefCell::default(), plugs: Cell::new(0) };
        let able = lab.try_namespace().and_then(|_| tried("nft", &["--version"])).and_then(|()| tried("tc", &["-V"]));
        match able {
            Ok(()) => Some(lab),
            Err(why) => {
                atlas_tests::skipped(test, &format!("no network namespaces here: {why}"));
                None
            }
        }
    }

    fn try_namespace(&self) -> Result<String, String> {
        let name = format!("{}{}", self.mark, self.made.borrow().len());
        tried("ip", &["netns", "add", &name])?;
        self.made.borrow_mut().push(name.clone());
        tried("ip", &["-n", &name, "link", "set", "lo", "up"])?;
        Ok(name)
    }

    /// A machine without any network.
    #[track_caller]
    pub fn place(&self) -> Place {
        Place { namespace: self.try_namespace().unwrap() }
    }

    /// A wire that nobody is plugged into.
    #[track_caller]
    pub fn wire(&self) -> Wire {
        let namespace = self.try_namespace().unwrap();
        ip(&format!("-n {namespace} link add bridge type bridge"));
        ip(&format!("-n {namespace} link set bridge up"));
        Wire { namespace }
    }

    /// Plugs a place into a wire at an address. `reaches` is what it reaches there, `default` for everything.
    #[track_caller]
    pub fn plug(&self, place: &Place, wire: &Wire, address: &str, reaches: &str) -> Plug {
        let n = self.plugs.replace(self.plugs.get() + 1);
        let (inside, outside) = (&place.namespace, &wire.namespace);
        ip(&format!("link add eth{n} netns {inside} type veth peer name port{n} netns {outside}"));
        ip(&format!("-n {outside} link set port{n} master bridge up"));
        ip(&format!("-n {inside} addr add {address}/32 dev eth{n}"));
        ip(&format!("-n {inside} link set eth{n} up"));
        ip(&format!("-n {inside} route add {reaches} dev eth{n}"));
        Plug { place: place.clone(), device: format!("eth{n}"), reaches: reaches.to_owned() }
    }

    /// A machine on a wire.
    #[track_caller]
    pub fn on(&self, wire: &Wire, address: &str) -> (Place, Plug) {
        let place = self.place();
        let plug = self.plug(&place, wire, address, "default");
        (place, plug)
    }

    /// A machine at home: behind a router that has `public` on the wire, gives what leaves its own address, and
    /// lets in only what answers.
    #[track_caller]
    pub fn at_home(&self, wire: &Wire, public: &str, private: &str) -> Place {
        let (router, home) = (self.place(), self.wire());
        let outside = self.plug(&router, wire, public, "default");
        let gateway = format!("{}.1", private.rsplit_once('.').unwrap().0);
        let inside = self.plug(&router, &home, &gateway, private);
        router.run("sh", &["-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"]);
        let (outside, inside) = (outside.device, inside.device);
        // Dropped and not refused, as routers at home do it: what knocks from outside before
        // something went out must not be told that nobody is there.
        let mut rules = vec![
            "add table ip home".to_owned(),
            "add chain ip home out { type nat hook postrouting priority 100; }".to_owned(),
            format!("add rule ip home out oifname {outside} masquerade"),
        ];
        for hook in ["input", "forward"] {
            rules.extend([
                format!("add chain ip home {hook} {{ type filter hook {hook} priority 0; policy drop; }}"),
                format!("add rule ip home {hook} ct state established,related accept"),
                format!("add rule ip home {hook} iifname {inside} accept"),
            ]);
        }
        for rule in rules {
            router.run("nft", &[&rule]);
        }
        let place = self.place();
        let plug = self.plug(&place, &home, private, &gateway);
        ip(&format!("-n {} route add default via {gateway} dev {}", place.namespace, plug.device));
        place
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // Devices go with the last process; a test that fails has its own message.
        for name in self.made.borrow().iter().rev() {
            let _ = tried("ip", &["netns", "del", name]);
        }
    }
}

/// Removes what a process left that was killed.
fn sweep() {
    for entry in std::fs::read_dir(NAMES).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let process = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            // Two runs may sweep at once.
            let _ = tried("ip", &["netns", "del", &name]);
        }
    }
}

impl Place {
    /// What `ip` calls it.
    pub fn name(&self) -> &str {
        &self.namespace
    }

    /// Runs a command here that has to succeed.
    #[track_caller]
    pub fn run(&self, program: &str, args: &[&str]) {
        tried("ip", &[&["netns", "exec", &self.namespace, program], args].concat()).unwrap();
    }

    /// Runs a thread here: what it opens and starts is of this place.
    pub fn thread<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> std::thread::JoinHandle<T> {
        let namespace = File::open(Path::new(NAMES).join(&self.namespace)).unwrap();
        std::thread::spawn(move || {
            // SAFETY: a call with a descriptor that is open for as long as the call takes. It
            // changes what this thread, and those that it starts, see of the network.
            let entered = unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) };
            assert_eq!(entered, 0, "{}", std::io::Error::last_os_error());
            work()
        })
    }
}

impl Plug {
    /// Takes the plug out.
    #[track_caller]
    pub fn pull(&self) {
        ip(&format!("-n {} link set {} down", self.place.namespace, self.device));
    }

    /// Puts it in again.
    #[track_caller]
    pub fn push(&self) {
        ip(&format!("-n {} link set {} up", self.place.namespace, self.device));
        // The kernel forgets the routes of a device that is down.
        ip(&format!("-n {} route add {} dev {}", self.place.namespace, self.reaches, self.device));
    }

    /// Lets out this many bits a second and no more.
    #[track_caller]
    pub fn narrow(&self, rate: &str) {
        let device = &self.device;
        self.place.run(
            "tc",
            &["qdisc", "add", "dev", device, "root", "tbf", "rate", rate, "burst", "16k", "latency", "200ms"],
        );
    }
}
