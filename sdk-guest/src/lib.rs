//! Write Atlas modules in Rust.
//!
//! A module is a sandboxed WebAssembly component that decides something for a community.
//! A **validator** decides which records of a type are valid: implement [`Validator`], put
//! [`export_validator!`] under it, and test it natively with [`testing`]; the README has a
//! whole one in 25 lines.
//!
//! Modules of the other roles are as small: [`trust`], [`ranker`], [`governance`],
//! [`admission`] and [`economy`] have a trait each, beside [`Module`], and an `export_…!`.
//!
//! What stands where: [`Validator`] and its arguments ([`Candidate`], [`Draft`]); what it
//! answers ([`Judgement`], [`Rules`], [`Description`]); bodies, read through [`Fields`]
//! (every refusal names the path of the field, what was found and what is expected) and
//! written with [`map!`]; what a type says of its links ([`LinkRule`]) and of the states
//! that its records move through ([`Workflow`], [`Step`]); refusals ([`Reason`],
//! [`reason!`], [`invalid!`], [`ensure!`]); and [`mod@panic`], how the message of a panic
//! reaches its author.
//!
//! The types mirror the WIT packages in `wit/`. On `wasm32` the crate also holds the
//! generated bindings; a native build has none, so that tests are plain Rust.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod admission;
#[cfg(all(target_arch = "wasm32", not(feature = "fold")))]
mod arena;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
#[allow(missing_docs, unsafe_op_in_unsafe_fn, clippy::all, reason = "generated from the WIT")]
pub mod bindings {
    wit_bindgen::generate!({
        path: ["../wit/types-0.1", "../wit/validator-0.1"],
        world: "atlas:validator/validator",
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "atlas_sdk::bindings",
    });
}
/// The bindings of the roles beside the validator's, one room each: their worlds share
/// `atlas:types` and nothing else.
macro_rules! worlds {
    ($($name:ident: $folder:literal, $world:literal, $path:literal;)*) => {
        $(
            #[cfg(target_arch = "wasm32")]
            #[doc(hidden)]
            #[allow(missing_docs, unsafe_op_in_unsafe_fn, clippy::all, reason = "generated from the WIT")]
            pub mod $name {
                wit_bindgen::generate!({
                    path: ["../wit/types-0.1", $folder],
                    world: $world,
                    with: { "atlas:types/types@0.1.0": crate::bindings::atlas::types::types },
                    generate_all,
                    pub_export_macro: true,
                    default_bindings_module: $path,
                });
            }
        )*
    };
}
worlds! {
    trust_world: "../wit/trust-0.1", "atlas:trust/trust", "atlas_sdk::trust_world";
    ranker_world: "../wit/ranker-0.1", "atlas:ranker/ranker", "atlas_sdk::ranker_world";
    governance_world: "../wit/governance-0.1", "atlas:governance/governance", "atlas_sdk::governance_world";
    admission_world: "../wit/admission-0.1", "atlas:admission/admission", "atlas_sdk::admission_world";
    economy_world: "../wit/economy-0.1", "atlas:economy/economy", "atlas_sdk::economy_world";
}
mod blobs;
pub mod config;
mod config_error;
pub mod economy;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod export;
mod fields;
pub mod governance;
mod links;
mod module;
pub mod panic;
pub mod ranker;
mod reason;
mod rules;
mod steps;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
mod text;
pub mod trust;
mod typed;
mod types;
mod validator;
mod value;
mod verdict;

pub use atlas_record::bundle;
pub use atlas_record::cbor::{self, Map, Value};
pub use atlas_record::space::Slot;
pub use atlas_record::{limits, name, target};
pub use config_error::ConfigError;
pub use fields::{Field, Fields};
pub use links::{LinkRule, To};
pub use module::Module;
pub use reason::{CODE_BYTES, Reason, TEXT_BYTES};
pub use rules::{Display, Index, IndexKind, KeyRule, Lifecycle, Rules, TextField, Transition, Workflow};
pub use steps::{FOLLOWS, STATE, Step};
pub use text::{TAG_CHARS, URL_BYTES, WORD_BYTES};
pub use typed::{Bytes, Integer, Items, Text, Typed};
pub use types::{Blob, Candidate, Description, Draft, Entry, Id, Link, Operation, Supplied, Timestamp};
pub use validator::Validator;
pub use value::IntoValue;
pub use verdict::{IndexEntry, IndexValue, Judgement, NotValid, Valid, Verdict};

/// What the `export_…!` macros of the roles have in common.
#[macro_export]
#[doc(hidden)]
macro_rules! __export_role {
    ($module:ty, $role:path, $world:ident, $running:ty) => {
        const _: () = {
            const fn plays<M: $role>() {}
            plays::<$module>();

            #[cfg(target_arch = "wasm32")]
            struct Export;

            #[cfg(target_arch = "wasm32")]
            impl $crate::export::Held for Export {
                type Module = $module;
                type Running = $running;

                fn holder() -> &'static $crate::export::Holder<$module, $running> {
                    static HOLDER: $crate::export::Holder<$module, $running> = $crate::export::Holder::new();
                    &HOLDER
                }
            }

            #[cfg(target_arch = "wasm32")]
    $crate::$world::export!(Export with_types_in $crate::$world);
        };
    };
}

/// The examples of the README, held to compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
