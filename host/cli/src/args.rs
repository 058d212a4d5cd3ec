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
            Command::Module(module) => matches!(module, Module::Bind { .. }),
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
        /// What it decides: validator
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
    /// Check a component and keep it
    Install {
        /// The component (.wasm)
        file: PathBuf,
        /// What to call it here [default: its own name]
        #[arg(long)]
        name: Option<String>,
    },
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
