//! Runs sandboxed WASM modules and says what they decide. Knows no policy.
//!
//! A module goes through these hands, in this order:
//!
//! 1. [`inspect`] reads what a component is and refuses it by name if it imports anything.
//! 2. The compiler turns it into machine code, once per [`CodeHash`] and off the path of
//!    whoever can wait ([`Engine::prepare`]); the result is kept on disk under a seal.
//! 3. [`Engine::validator`] sets it up for a [`Binding`]: configured, described, its rules
//!    checked.
//! 4. [`Validator::validate`] judges records. Each gets an [`Outcome`]: a verdict that every
//!    honest node shares, or a host fault, which is this machine's own and never a verdict.
//!
//! Modules of the other [`roles`] go the same way: [`Engine::bind`] sets one up, and
//! [`Bound::ask`] asks it, under the same meter, bounds and suspicion. [`laws`] holds any
//! module to what its role promises, with this engine.
//!
//! Verdicts are functions of the record because the [`profile`](Allocation) leaves a guest
//! nothing else to depend on: no imports, no clock, no threads, canonical NaNs, fuel under
//! a fixed schedule ([`meter`]), and memory whose refusal it cannot see. What a guest does
//! wrong within these bounds, it does wrong everywhere, so that is a verdict too.
//!
//! Speed comes from reusing instances for batches, where the reuse cannot be told; a
//! random sample checks that it cannot, and a module that is caught is quarantined with the
//! [`Evidence`].
//!
//! ```no_run
//! use atlas_engine::{Binding, CodeHash, Engine, EngineConfig, Outcome};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let engine = Engine::open(EngineConfig::default())?;
//! let bytes = std::fs::read("post.wasm")?;
//! let validator = engine.validator(&bytes, Binding::new(CodeHash::of(&bytes)))?;
//! for judgement in validator.validate(&[]) {
//!     match judgement.outcome {
//!         Outcome::Valid(entries) => println!("valid, {} index entries", entries.len()),
//!         Outcome::Invalid(cause) => println!("invalid: {cause}"),
//!         Outcome::Needs(ids) => println!("needs {}", ids.join(", ")),
//!         Outcome::Fault(fault) => println!("not judged here: {fault}"),
//!     }
//! }
//! # Ok(())
//! # }
//! ```

#![deny(unsafe_code)]

mod cache;
mod compile;
mod engine;
mod error;
mod health;
mod ids;
mod inspect;
pub mod laws;
mod limiter;
mod machine;
pub mod meter;
mod outcome;
mod panic_note;
mod profile;
mod quarantine;
pub mod roles;
mod stats;
#[cfg(feature = "testing")]
pub mod testing;
pub mod validator;

pub use cache::CacheStats;
pub use compile::{CodeState, Compiling};
pub use engine::{Engine, EngineConfig, EngineStats, MAX_CONFIG_BYTES};
pub use error::EngineError;
pub use ids::{Binding, CodeHash, ConfigHash, Meter, ModuleKey};
pub use inspect::{Inspection, MAX_CODE_BYTES, Role, Surface, inspect, surface};
pub use outcome::{Answered, Cause, HostFault, IllegalAnswer, Judgement, Outcome, TrapKind};
pub use profile::{Allocation, MAX_FUEL, MAX_MEMORY, Pooling, SETUP_FUEL};
pub use quarantine::{Contradiction, Evidence, Seen};
pub use roles::{Admission, Bound, Economy, Governance, Part, Ranker, Trust};
pub use stats::Stats;
pub use validator::{Candidate, Draft, Entry, IndexEntry, Reason, Refusal, Rules, Validator};
