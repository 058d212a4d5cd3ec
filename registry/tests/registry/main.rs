//! From source to package, with the real tools and the node's own engine.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod packing;
mod purifying;
mod support;
