//! What the command line takes.

mod id;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::time::Time;
pub use id::{Device, Id, Keep, Root};

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
        /// When the body may be dropped: a duration from now, as 30d, or a time
        #[arg(long, value_name = "TIME")]
        expires: Option<Time>,
        #[command(flatten)]
        place: Place,
    },
    /// Show what stands at an address, or a record by its id
    Get {
        /// atlas://SPACE/AUTHOR/TYPE/KEY, or a record id
        #[arg(value_name = "ADDRESS|ID")]
        record: String,
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
            Command::Space(space) => matches!(space, Space::Create { .. }),
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
    },
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
