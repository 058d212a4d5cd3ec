//! What `bindgen!` makes of the `validator` world. Its record types are used as they
//! are; what a caller needs of them is re-exported by the module above.

#![allow(missing_docs, reason = "generated; the WIT comments are carried over")]

wasmtime::component::bindgen!({
    path: ["../../wit/types-0.1", "../../wit/validator-0.1"],
    world: "atlas:validator/validator",
    with: { "atlas:types/types@0.1.0": crate::machine::module::atlas::types::types },
    additional_derives: [PartialEq, Eq, serde::Serialize, serde::Deserialize],
});
