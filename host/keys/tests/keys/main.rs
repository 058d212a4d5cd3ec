//! What the crate promises, claim by claim, on real folders, files and texts.

#![allow(clippy::unwrap_used, reason = "tests")]

mod bundle;
mod keyring;
mod sheet;
