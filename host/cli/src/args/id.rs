//! What `atlas id` takes.

use clap::Subcommand;

use crate::time::Time;

/// Identity commands.
#[derive(Debug, Subcommand)]
pub enum Id {
    /// Make an identity: a root key, its successor, and a device key for this machine
    New {
        /// What to call it on this machine
        #[arg(required_unless_present_any = ["app", "device", "recovery"])]
        name: Option<String>,
        /// Make an app's key instead, and print the line by which it asks for a grant
        #[arg(long, value_name = "NAME", conflicts_with_all = ["name", "device", "recovery"])]
        app: Option<String>,
        /// Make a device key instead, for an identity whose root keys are on another machine, and
        /// print the line by which it asks to be added
        #[arg(long, value_name = "NAME", conflicts_with_all = ["name", "recovery"])]
        device: Option<String>,
        /// Make a recovery key instead, to stand in someone's recovery set
        #[arg(long, value_name = "NAME", conflicts_with = "name")]
        recovery: Option<String>,
        /// For an app: types that it asks for, as atlas.post
        #[arg(long, value_delimiter = ',', value_name = "TYPE,…", requires = "app")]
        types: Vec<String>,
        /// For an app: actions that it asks for: create, replace, delete
        #[arg(long, value_delimiter = ',', value_name = "ACTION,…", requires = "app")]
        actions: Vec<String>,
    },
    /// List the keys on this machine
    List,
    /// Show one identity and everything that happened to it, or an app and what it may do
    Show {
        /// Its name or id [default: the only identity here]
        name: Option<String>,
    },
    /// Write an identity for one other machine, sealed with a passphrase
    Export {
        /// Its name [default: the only identity here]
        name: Option<String>,
        /// Print a page with the root keys for paper instead. Not sealed: keep it like money
        #[arg(long, conflicts_with = "public")]
        sheet: bool,
        /// Print one line with what is public of the identity instead
        #[arg(long)]
        public: bool,
        /// Then take the root keys off this machine: what was written is where they are
        #[arg(long, conflicts_with = "public")]
        remove_root: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Take in a bundle, a recovery sheet, or a line that another machine printed
    Import {
        /// The file, the line itself, or `-` for standard input
        #[arg(value_name = "FILE|LINE|-")]
        from: String,
        /// What to call the keys on this machine [default: what they were called]
        #[arg(long)]
        name: Option<String>,
    },
    /// Replace the root keys by those that were committed to
    Rotate {
        /// The identity, by name or id [default: the only identity here]
        #[arg(long = "as", value_name = "IDENTITY")]
        identity: Option<String>,
        #[command(flatten)]
        root: Root,
    },
    /// Devices: keys that sign records
    #[command(subcommand)]
    Device(Device),
    /// Let an app act in an identity's name, within limits
    Grant {
        /// The line by which the app asks, or the name of an app on this machine
        request: String,
        /// Who grants, by name or id; an app can pass on a part of what it has [default: the only identity here]
        #[arg(long = "as", value_name = "IDENTITY")]
        identity: Option<String>,
        /// Exactly these types [default: what the app asks for]
        #[arg(long, value_delimiter = ',', value_name = "TYPE,…")]
        types: Vec<String>,
        /// Exactly these actions: create, replace, delete [default: what the app asks for]
        #[arg(long, value_delimiter = ',', value_name = "ACTION,…")]
        actions: Vec<String>,
        /// Types and actions from a named scope set: a record of type atlas.scope
        #[arg(long, value_name = "ADDRESS|ID")]
        scope: Option<String>,
        /// In exactly these spaces, by name or id [default: the only space here]
        #[arg(long = "space", value_delimiter = ',', value_name = "SPACE,…")]
        spaces: Vec<String>,
        /// Not before then: a duration from now, or a time
        #[arg(long, value_name = "TIME")]
        from: Option<Time>,
        /// Until then, 90 days at most: a duration from now, as 30d, or a time [default: 30d]
        #[arg(long, value_name = "TIME")]
        expires: Option<Time>,
        /// How many times it can be passed on, 2 at most
        #[arg(long, default_value_t = 0)]
        depth: u64,
        /// How often it may write, as 10/1min
        #[arg(long, value_name = "RECORDS/DURATION")]
        rate: Option<String>,
        /// Sign without asking
        #[arg(long)]
        yes: bool,
    },
    /// End what was granted to an app; what it wrote until now stays
    Revoke {
        /// The app's name, its key, or a grant's id
        app: String,
        /// Who revokes, by name or id [default: the only identity here]
        #[arg(long = "as", value_name = "IDENTITY")]
        identity: Option<String>,
        #[command(flatten)]
        keep: Keep,
        /// Why, in a sentence that everyone can read
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Take an identity back with recovery keys of this machine
    Recover {
        /// The identity's id, or its name here
        identity: String,
        /// What to call it on this machine, where it has no name yet
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        root: Root,
    },
    /// End an identity for good; what its devices signed until now stays
    Close {
        /// The identity, by name or id
        identity: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Print a token by which a program can use the API as an app, within its grants
    Token {
        /// The app's name
        app: String,
        /// End all of its tokens instead
        #[arg(long)]
        end: bool,
    },
    /// Set or change the passphrase of the keys on this machine
    Passphrase {
        /// Remove it: then the permissions of the files protect them
        #[arg(long)]
        remove: bool,
    },
}

/// Device commands.
#[derive(Debug, Subcommand)]
pub enum Device {
    /// Add a device, and print the line that it takes with `atlas id import`
    Add {
        /// The line by which it asks
        #[arg(required_unless_present = "here")]
        request: Option<String>,
        /// Make this machine a device
        #[arg(long, conflicts_with = "request")]
        here: bool,
        /// The identity, by name or id [default: the only identity here]
        #[arg(long = "as", value_name = "IDENTITY")]
        identity: Option<String>,
    },
    /// End a device for good; what it signed until now stays
    Remove {
        /// Its key, as `atlas id device list` shows it
        key: String,
        /// The identity, by name or id [default: the only identity here]
        #[arg(long = "as", value_name = "IDENTITY")]
        identity: Option<String>,
        #[command(flatten)]
        keep: Keep,
    },
    /// List an identity's devices
    List {
        /// The identity, by name or id [default: the only identity here]
        #[arg(long = "as", value_name = "IDENTITY")]
        identity: Option<String>,
    },
}

/// What stays of a key that ends.
#[derive(Debug, clap::Args)]
pub struct Keep {
    /// Keep what was created before then: a time, or a duration ago, as 2d
    #[arg(long, value_name = "TIME", conflicts_with = "keep_nothing")]
    pub keep_until: Option<Time>,
    /// Keep nothing of it
    #[arg(long)]
    pub keep_nothing: bool,
}

/// What changes with the root keys.
#[derive(Debug, Default, clap::Args)]
pub struct Root {
    /// A public key of the recovery set from now on; several times for several
    #[arg(long = "recovery", value_name = "KEY")]
    pub recovery: Vec<String>,
    /// How many of the recovery keys must sign [default: more than half]
    #[arg(long, value_name = "N", requires = "recovery")]
    pub recovery_threshold: Option<u64>,
    /// Remove the recovery set
    #[arg(long, conflicts_with = "recovery")]
    pub no_recovery: bool,
    /// A node that attests events from now on, by its public key; several times for several
    #[arg(long = "witness", value_name = "KEY")]
    pub witnesses: Vec<String>,
    /// How many of the witnesses must attest [default: more than half]
    #[arg(long, value_name = "N", requires = "witnesses")]
    pub witness_quorum: Option<u64>,
    /// Remove the witnesses
    #[arg(long, conflicts_with = "witnesses")]
    pub no_witnesses: bool,
    /// Put it beside this event, to nullify it where witnesses attest that it comes in time
    #[arg(long, value_name = "EVENT")]
    pub instead_of: Option<String>,
}
