//! The engine against honest and hostile guests. Claims are the names of the tests.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod allocations;
mod compiling;
mod inspecting;
mod laws;
mod new_guests;
mod old_guests;
mod probing;
mod reusing;
mod roles;
mod setting_up;
mod support;
mod verdicts;
mod worlds;
