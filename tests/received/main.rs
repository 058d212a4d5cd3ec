//! Records that come from elsewhere: each meets the fate that its bytes deserve, and the same
//! set of records ends in the same state however it comes.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod arriving;
mod compiling;
mod converging;
mod following;
mod listening;
mod proving;
mod racing;
mod refusing;
mod revoking;
mod support;
mod taking_back;
mod waiting;
