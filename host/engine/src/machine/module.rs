//! What every pure world exports: `describe` and `configure`, in one place for all roles,
//! with the types that their packages share.

#![allow(missing_docs, reason = "generated; the WIT comments are carried over")]

wasmtime::component::bindgen!({
    path: "../../wit/types-0.1",
    inline: "package atlas:host; world module { export atlas:types/module@0.1.0; import atlas:types/types@0.1.0; }",
    world: "atlas:host/module",
    additional_derives: [PartialEq, Eq, serde::Serialize, serde::Deserialize],
});
