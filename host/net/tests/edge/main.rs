//! The edge with real sockets: several networks in one process, over loopback.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod common;
mod life;
mod limits;
mod local;
mod relays;
mod roots;
mod streams;
mod transports;
