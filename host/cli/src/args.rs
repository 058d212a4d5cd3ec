//! What the command line takes.

mod id;
mod network;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::time::Time;
pub use id::{Device, Id, Keep, Root};
pub use network::{Deny, Member, Network, Peer};

/// A peer-to-peer application layer: signed, typed records that communities judge by modules.
#[derive(Debug, Parser)]
#[command(name = "atlas", version, propagate_version = true, max_term_width = 100)]
pub struct Args {
    /// Where the node keeps everything [default: the user's data directory]
    #[arg(long, global = true, env = "ATLAS_DIR", value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Print JSON: results on standard output, problems on standard error
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a node until Ctrl-C or SIGTERM
    Up {
        /// Where the local API listens; loopback addresses only [default: 127.0.0.1:7420]
        #[arg(long, value_name = "ADDR:PORT")]
        api: Option<SocketAddr>,
        #[command(flatten)]
        network: Box<Network>,
    },
    /// Show spaces, store and modules in figures
    Status,
    /// Check everything on the disk: hashes, indexes against records, counts
    Doctor,
    /// Identities whose keys are on this machine
    #[command(subcommand)]
    Id(Id),
    /// Spaces: communities and their records
    #[command(subcommand)]
    Space(Space),
    /// Write a record
    Put {
        /// The type, as atlas.post
        #[arg(value_name = "TYPE")]
        type_name: String,
        /// The content as JSON; `-` reads it from standard input
        #[arg(long, value_name = "JSON|-")]
        body: String,
        /// The record key, for types that want one
        #[arg(long)]
        key: Option<String>,
        /// A typed reference: a CID, an address, id:CID or name:TEXT
        #[arg(long = "link", value_name = "REL=TARGET")]
        links: Vec<String>,
        /// A file that the record carries, called NAME (or by its own name) in the body: `{"$blob": NAME}`
        /// there becomes the blob, `{"$size": NAME}` its bytes, `{"$mediaType": NAME}` its type
        #[arg(long = "blob", value_name = "[NAME=]FILE[;type=MEDIA]")]
        blobs: Vec<crate::blobs::Named>,
        /// When the body may be dropped: a duration from now, as 30d, or a time
        #[arg(long, value_name = "TIME")]
        expires: Option<Time>,
        #[command(flatten)]
        place: Place,
    },
    /// Show what stands at an address, or a record by its id; or fetch a blob
    Get {
        /// atlas://SPACE/AUTHOR/TYPE/KEY, or a record id
        #[arg(value_name = "ADDRESS|ID", required_unless_present = "blob")]
        record: Option<String>,
        /// A blob instead, by its id
        #[arg(long, value_name = "ID", conflicts_with = "record")]
        blob: Option<String>,
        /// The file that the blob is written to [default: standard output]
        #[arg(long, short, value_name = "FILE", requires = "blob")]
        output: Option<PathBuf>,
    },
    /// Take a record back: its body is erased, and queries show it no more
    Rm {
        /// atlas://SPACE/AUTHOR/TYPE/KEY, or a record id
        #[arg(value_name = "ADDRESS|ID")]
        record: String,
        /// The author, by name or id [default: the only identity here]
        #[arg(long = "as", value_name = "IDENTITY")]
        author: Option<String>,
    },
    /// Find records; all conditions have to hold
    Query(Box<crate::asking::Query>),
    /// Show everything that was written at an address
    History {
        /// atlas://SPACE/AUTHOR/TYPE/KEY
        address: String,
    },
    /// Bring in a package index, lines of JSON, or a space that was exported
    Import {
        /// What the input is: debian, jsonl or atlas
        format: String,
        /// The file; `-` for standard input
        file: PathBuf,
        #[command(flatten)]
        place: Place,
    },
    /// Write a space as an archive that another node can check and import
    Export {
        /// The space, by name or id [default: the only space here]
        #[arg(long)]
        space: Option<String>,
        /// The file [default: standard output]
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Peers: other nodes on the network
    #[command(subcommand)]
    Peer(Peer),
    /// Bodies and blobs that this node does not keep and does not hand out
    #[command(subcommand)]
    Deny(Deny),
    /// Modules: what spaces bind to decide
    #[command(subcommand)]
    Module(Module),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual pages into a directory
    Man {
        /// The directory
        dir: PathBuf,
    },
}

impl Command {
    /// Whether it needs secret keys, so that they have to be opened first.
    pub fn signs(&self) -> bool {
        match self {
            Command::Put { .. } | Command::Rm { .. } | Command::Import { .. } => true,
            Command::Space(space) => {
                matches!(space, Space::Create { .. } | Space::Member(Member::Add { .. } | Member::Remove { .. }))
            }
            Command::Module(module) => matches!(
                module,
                Module::Bind { .. }
                    | Module::Sign { .. }
                    | Module::Publish { .. }
                    | Module::Yank { .. }
                    | Module::Upgrade { .. }
            ),
            Command::Id(id) => !matches!(id, Id::List | Id::Show { .. } | Id::Device(Device::List { .. })),
            _ => false,
        }
    }
}

/// Where a record goes and who writes it.
#[derive(Debug, clap::Args)]
pub struct Place {
    /// The space, by name or id [default: the only space here]
    #[arg(long)]
    pub space: Option<String>,
    /// The author, by name or id [default: the only identity here]
    #[arg(long = "as", value_name = "IDENTITY")]
    pub author: Option<String>,
}

/// Space commands.
#[derive(Debug, Subcommand)]
pub enum Space {
    /// Found a space
    Create {
        /// Its name, here and as a suggestion to others
        name: String,
        /// A type and the module that judges its records, as atlas.post=post
        #[arg(long = "type", value_name = "TYPE=MODULE")]
        types: Vec<String>,
        /// The founder, by name or id [default: the only identity here]
        #[arg(long = "as", value_name = "IDENTITY")]
        founder: Option<String>,
        /// Let only members know of it: `atlas space member add` lists them
        #[arg(long)]
        private: bool,
    },
    /// Print an invitation: one line that `atlas space join` takes on another machine
    Invite {
        /// Its name or id [default: the only space here]
        name: Option<String>,
    },
    /// Join a space by an invitation, or by its id alone
    Join {
        /// The line that `atlas space invite` printed, or a space's id
        invite: String,
        /// What to call it here [default: as its founder calls it]
        #[arg(long)]
        name: Option<String>,
        /// Keep records of these types only
        #[arg(long, value_name = "TYPE", value_delimiter = ',')]
        types: Option<Vec<String>>,
        /// Who shows that this node may be in a private space [default: the only identity here]
        #[arg(long = "as", value_name = "IDENTITY")]
        member: Option<String>,
    },
    /// Leave a space: exchange nothing of it with peers any more, and keep what is here
    Leave {
        /// Its name or id
        name: String,
    },
    /// Who may be in a private space
    #[command(subcommand)]
    Member(Member),
    /// List the spaces of this node
    List,
    /// Show a space and what it binds
    Show {
        /// Its name or id [default: the only space here]
        name: Option<String>,
    },
}

/// Module commands.
#[derive(Debug, Subcommand)]
pub enum Module {
    /// Write a new module's project: source, cases, manifest, README
    New {
        /// What it decides: validator, ranker, trust, governance, admission or economy
        role: String,
        /// NAME or NAMESPACE:NAME
        name: String,
        /// The language: rust, js, python or c
        #[arg(long, value_name = "LANGUAGE")]
        lang: String,
        /// Where to write it [default: a folder of its name, here]
        #[arg(long, value_name = "FOLDER")]
        path: Option<PathBuf>,
    },
    /// Build a project's component with its language's own tools
    Build {
        /// The project's folder [default: this one]
        #[arg(long, value_name = "FOLDER")]
        path: Option<PathBuf>,
    },
    /// Make a package of a component: pure, with the project's manifest inside
    Pack {
        /// The component [default: what `module build` made]
        file: Option<PathBuf>,
        /// The project's folder, with its module.toml [default: this one]
        #[arg(long, value_name = "FOLDER")]
        path: Option<PathBuf>,
        /// The package [default: dist/NAMESPACE-NAME-VERSION.wasm]
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// List the modules of this node
    List,
    /// Show a module's role, imports, size, fuel profile and rules
    Inspect {
        /// Its name or code hash
        module: String,
    },
    /// Bind a module to a slot of a space
    Bind {
        /// The slot, as validator:atlas.post
        slot: String,
        /// The module, by name or code hash
        module: String,
        /// A file that the module is configured with; documents that it refers to are packed with it
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Fuel for one record
        #[arg(long)]
        fuel: Option<u64>,
        /// Bytes of memory
        #[arg(long)]
        memory: Option<u64>,
        #[command(flatten)]
        place: Place,
    },
    /// Hold a module to the laws of its role, with the engine that nodes run
    ///
    /// Asks it the author's cases, questions made from a seed, and damaged relatives of both. A
    /// broken law is named, with the smallest questions that show it; they are kept as evidence, a
    /// file that `atlas module test` runs again wherever it is.
    Test {
        /// A component (.wasm), a module of this node by name, or evidence (.json) to run again
        module: String,
        /// Also compare with this module on the same questions
        #[arg(long, value_name = "FILE|NAME")]
        against: Option<String>,
        /// Do it again whenever the component or a case changes, until Ctrl-C
        #[arg(long)]
        watch: bool,
        /// Where to keep evidence of broken laws
        #[arg(long, value_name = "DIR", default_value = "evidence")]
        evidence: PathBuf,
        #[command(flatten)]
        questions: Questions,
    },
    /// Ask two modules the same, and show where they differ
    Compare {
        /// A component (.wasm), or a module of this node by name
        one: String,
        /// Another of the same role
        other: String,
        #[command(flatten)]
        questions: Questions,
    },
    /// Show what a package is, and keep it
    ///
    /// Role, signer, imports, what it asks for, size, fuel and the laws that it holds are shown before anything
    /// is done.
    Install {
        /// A file (.wasm), a release of the spaces here (NAMESPACE:NAME or NAMESPACE:NAME@VERSION), or an artifact
        /// (oci://HOST/REPOSITORY, and :VERSION or @sha256:DIGEST behind it)
        #[arg(value_name = "FILE|NAME[@VERSION]|oci://…", required_unless_present = "locked")]
        from: Option<String>,
        /// What to call it here [default: its own name]
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        installing: Installing,
    },
    /// Install a later package of a module that a space binds, and bind it there
    ///
    /// Shows first what changes: role, capabilities, rules, schema, and how many of the records that are stored would
    /// be judged otherwise.
    Upgrade {
        /// A file (.wasm), a release (NAMESPACE:NAME or NAMESPACE:NAME@VERSION), or an artifact (oci://…)
        #[arg(value_name = "FILE|NAME[@VERSION]|oci://…")]
        from: String,
        /// Show what would change, and change nothing
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        place: Upgrading,
        #[command(flatten)]
        installing: Installing,
    },
    /// Forget an installed module
    Remove {
        /// Its name or code hash
        module: String,
    },
    /// Write which package each installed module is, for `module install --locked`
    Lock {
        /// The file
        #[arg(long, short, value_name = "FILE", default_value = "modules.lock")]
        output: PathBuf,
    },
    /// Sign a package in the name of an identity of this machine
    Sign {
        /// The package (.wasm)
        file: PathBuf,
        /// Who vouches for it, by name or id [default: the only identity here]
        #[arg(long = "as", value_name = "IDENTITY")]
        author: Option<String>,
        /// Where to write it [default: in its place]
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Publish a package in a space: others find it with `module search`
    ///
    /// The space needs the type atlas.moduleRelease. A package that is not signed is signed on the way.
    Publish {
        /// The package (.wasm)
        file: PathBuf,
        /// What is new
        #[arg(long)]
        notes: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// Give a package to a registry of OCI artifacts
    ///
    /// In the form that tools of WebAssembly use. Accounts are those of `docker login`; registries on this machine are
    /// spoken to without encryption.
    Push {
        /// The package (.wasm)
        file: PathBuf,
        /// Where to: oci://HOST/REPOSITORY[:TAG] [default tag: the package's version]
        #[arg(value_name = "oci://…")]
        to: String,
        /// Speak HTTP without encryption
        #[arg(long)]
        plain_http: bool,
    },
    /// Get a package from a registry of OCI artifacts, and write it to a file
    Pull {
        /// Which: oci://HOST/REPOSITORY, and :TAG or @sha256:DIGEST behind it [default: the highest version]
        #[arg(value_name = "oci://…")]
        from: String,
        /// The file [default: its name and version]
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Speak HTTP without encryption
        #[arg(long)]
        plain_http: bool,
    },
    /// Withdraw a release: nobody picks it anew, and what binds it goes on
    Yank {
        /// NAMESPACE:NAME@VERSION
        release: String,
        /// Why
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        place: Place,
    },
    /// Look for releases of modules, or for types, spaces and names, in the spaces of this node
    Search {
        /// Words that have to occur
        words: Vec<String>,
        /// What to look for: module, type, space or name
        #[arg(long, default_value = "module")]
        kind: String,
        /// Releases of this module
        #[arg(long, value_name = "NAMESPACE:NAME")]
        name: Option<String>,
        /// Releases of this role
        #[arg(long)]
        role: Option<String>,
        /// Releases by this identity
        #[arg(long, value_name = "IDENTITY")]
        signer: Option<String>,
        /// Releases by those whom this identity states trust in
        #[arg(long, value_name = "IDENTITY")]
        trusted_by: Option<String>,
        /// In this space [default: all that are here]
        #[arg(long)]
        space: Option<String>,
        /// Withdrawn ones, too
        #[arg(long)]
        yanked: bool,
    },
}

/// Where an upgrade is bound, and by whom.
#[derive(Debug, Clone, clap::Args)]
pub struct Upgrading {
    /// The space whose slots are bound anew [default: the only space here]
    #[arg(long)]
    pub space: Option<String>,
    /// The founder, by name or id [default: the only identity here]
    #[arg(long = "as", value_name = "IDENTITY")]
    pub author: Option<String>,
}

/// What an installation may do, and how sure it has to be.
#[derive(Debug, Clone, clap::Args)]
pub struct Installing {
    /// Ask nobody
    #[arg(long, short)]
    pub yes: bool,
    /// Grant this capability, if the package asks for it; repeatable
    #[arg(long, value_name = "CAPABILITY")]
    pub grant: Vec<String>,
    /// Take a release by this identity only
    #[arg(long, value_name = "IDENTITY")]
    pub signer: Option<String>,
    /// Take a release of this space only
    #[arg(long, value_name = "SPACE")]
    pub registry: Option<String>,
    /// Put an earlier version in the place of a later one
    #[arg(long)]
    pub allow_downgrade: bool,
    /// Put a package of another signer, or of none, in the place of a signed one
    #[arg(long)]
    pub allow_other_signer: bool,
    /// Do not hold it to the laws of its role first
    #[arg(long)]
    pub no_test: bool,
    /// Speak HTTP without encryption to a registry of artifacts
    #[arg(long)]
    pub plain_http: bool,
    /// Install exactly what a lock file names
    #[arg(long, value_name = "FILE")]
    pub locked: Option<PathBuf>,
}

/// What a module is asked when it is tested.
#[derive(Debug, Clone, clap::Args)]
pub struct Questions {
    /// A folder of cases, one JSON file each
    #[arg(long, value_name = "DIR")]
    pub cases: Option<PathBuf>,
    /// A file that the module is configured with
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where made questions come from: the same seed makes the same questions
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// How many questions to make
    #[arg(long, default_value_t = 256)]
    pub runs: u32,
    /// Fuel for one question
    #[arg(long)]
    pub fuel: Option<u64>,
}
