//! The `atlas` command: arguments in, text or JSON out.
//!
//! Every command is a request to a node: the one that runs on the directory, or one opened
//! for the moment. Exit status: 0 done, 1 refused or failed, 2 misuse.

mod args;
mod artifacts;
mod asking;
mod blobs;
mod commands;
mod config;
mod id;
mod laws;
mod lock;
mod network;
mod output;
mod packages;
mod passphrase;
mod project;
mod time;
mod upgrade;
mod words;

use std::process::ExitCode;

use atlas_node::client::Failure;
use clap::Parser;

/// Gives freed memory back to the system, which a node that has imported much would otherwise
/// hold for good, and is faster under several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What is logged unless `ATLAS_LOG` says otherwise. libp2p warns of what is everyday in a network of
/// strangers; what of it matters to an operator, the node says itself.
const LOG: &str = "warn,libp2p=error";

fn main() -> ExitCode {
    let args = args::Args::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_env("ATLAS_LOG").unwrap_or_else(|_| LOG.into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
    let json = args.json;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => {
            let outcome = runtime.block_on(commands::run(args));
            // A thread may still wait for standard input: nobody needs what it would read.
            runtime.shutdown_background();
            outcome
        }
        Err(error) => Err(atlas_node::NodeError::Unavailable(format!("the runtime cannot start: {error}")).into()),
    };
    match outcome {
        Ok(code) => code,
        Err(failure) => fail(&failure, json),
    }
}

/// Says what went wrong and what to do, and with which exit status it ends.
fn fail(failure: &Failure, json: bool) -> ExitCode {
    let problem = match failure {
        Failure::Problem(problem) => (**problem).clone(),
        Failure::Local(error) => {
            let mut problem = atlas_node::api::Problem::new(error.status(), error.code(), error.to_string());
            problem.hint = error.hint().map(str::to_owned);
            problem
        }
    };
    if json {
        eprintln!("{}", serde_json::to_string(&problem).expect("a problem is JSON"));
    } else {
        eprintln!("error: {}", problem.detail);
        if let Some(hint) = &problem.hint {
            eprintln!("hint: {hint}");
        }
    }
    ExitCode::from(if problem.status == 400 { 2 } else { 1 })
}
