//! Write Atlas modules in Rust.
//!
//! A module is a sandboxed WebAssembly component that decides something for a community.
//! A **validator** decides which records of a type are valid: implement [`Validator`], put
//! [`export_validator!`] under it, and test it natively with [`testing`]; the README has a
//! whole one in 25 lines.
//!
//! Modules of the other roles are as small: [`trust`], [`ranker`], [`governance`],
//! [`admission`] and [`economy`] have a trait each, beside [`Module`], and an `export_…!`. A
//! module has one role; beside the validator's it asks for it by a feature of that name.
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
    #[cfg(not(feature = "role"))]
    wit_bindgen::generate!({
        path: ["../wit/types-0.1", "../wit/validator-0.1"],
        world: "atlas:validator/validator",
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "atlas_sdk::bindings",
    });
    #[cfg(feature = "trust")]
    wit_bindgen::generate!({
        path: ["../wit/types-0.1", "../wit/trust-0.1"],
        world: "atlas:trust/trust",
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "atlas_sdk::bindings",
    });
    #[cfg(feature = "ranker")]
    wit_bindgen::generate!({
        path: ["../wit/types-0.1", "../wit/ranker-0.1"],
        world: "atlas:ranker/ranker",
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "atlas_sdk::bindings",
    });
    #[cfg(feature = "governance")]
    wit_bindgen::generate!({
        path: ["../wit/types-0.1", "../wit/governance-0.1"],
        world: "atlas:governance/governance",
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "atlas_sdk::bindings",
    });
    #[cfg(feature = "admission")]
    wit_bindgen::generate!({
        path: ["../wit/types-0.1", "../wit/admission-0.1"],
        world: "atlas:admission/admission",
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "atlas_sdk::bindings",
    });
    #[cfg(feature = "economy")]
    wit_bindgen::generate!({
        path: ["../wit/types-0.1", "../wit/economy-0.1"],
        world: "atlas:economy/economy",
        generate_all,
        pub_export_macro: true,
        default_bindings_module: "atlas_sdk::bindings",
    });
}
mod blobs;
#[cfg(all(target_arch = "wasm32", feature = "role"))]
#[doc(hidden)]
pub mod boundary;
pub mod config;
mod config_error;
pub mod economy;
#[cfg(all(target_arch = "wasm32", not(feature = "role")))]
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
#[cfg_attr(feature = "role", allow(dead_code, reason = "not every role needs what a validator needs"))]
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
    ($module:ty, $role:path, $running:ty) => {
        const _: () = {
            const fn plays<M: $role>() {}
            plays::<$module>();

            #[cfg(target_arch = "wasm32")]
            struct Export;

            #[cfg(target_arch = "wasm32")]
            impl $crate::boundary::Held for Export {
                type Module = $module;
                type Running = $running;

                fn holder() -> &'static $crate::boundary::Holder<$module, $running> {
                    static HOLDER: $crate::boundary::Holder<$module, $running> = $crate::boundary::Holder::new();
                    &HOLDER
                }
            }

            #[cfg(target_arch = "wasm32")]
    $crate::bindings::export!(Export with_types_in $crate::bindings);
        };
    };
}

/// The examples of the README, held to compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
