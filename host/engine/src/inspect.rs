//! What a component is, read from its bytes without compiling a line of it.
//!
//! This is where the sandbox is closed: a pure module may import nothing, so every import
//! that is more than a name for types is refused here, by name, before the compiler ever
//! sees the bytes.

use wasmparser::component_types::ComponentEntityType;
use wasmparser::types::TypesRef;
use wasmparser::{Encoding, Parser, Payload, ValidPayload, Validator, WasmFeatures};

use crate::error::EngineError;
use crate::ids::CodeHash;

/// Most bytes of a component. Guests that carry a language runtime have some 20 MB.
pub const MAX_CODE_BYTES: u64 = 64 << 20;

/// The world that a component's exports fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// `atlas:validator/validator@0.1`: judges the records of a type.
    Validator,
    /// `atlas:trust/trust@0.1`: scores identities.
    Trust,
    /// `atlas:ranker/ranker@0.1`: orders what is shown.
    Ranker,
    /// `atlas:governance/governance@0.1`: turns ballots into decisions.
    Governance,
    /// `atlas:admission/admission@0.1`: says who may write.
    Admission,
    /// `atlas:economy/economy@0.1`: sets priorities.
    Economy,
}

impl Role {
    /// Every role that this engine knows.
    pub const ALL: &[Self] =
        &[Self::Validator, Self::Trust, Self::Ranker, Self::Governance, Self::Admission, Self::Economy];

    /// The word used in bindings and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Validator => "validator",
            Self::Trust => "trust",
            Self::Ranker => "ranker",
            Self::Governance => "governance",
            Self::Admission => "admission",
            Self::Economy => "economy",
        }
    }

    /// The interface that sets a component of this role apart, with its functions.
    /// Without a patch number: a world's patches only add.
    const fn own(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Validator => ("atlas:validator/validation@0.1.", &["rules", "prepare", "validate"]),
            Self::Trust => ("atlas:trust/trusting@0.1.", &["init", "fold", "finish"]),
            Self::Ranker => ("atlas:ranker/ranking@0.1.", &["rules", "rank"]),
            Self::Governance => ("atlas:governance/tallying@0.1.", &["init", "fold", "finish"]),
            Self::Admission => ("atlas:admission/admitting@0.1.", &["admit"]),
            Self::Economy => ("atlas:economy/balancing@0.1.", &["weigh"]),
        }
    }

    /// The interfaces that a component of this role exports, with their functions.
    const fn exports(self) -> [(&'static str, &'static [&'static str]); 2] {
        [("atlas:types/module@0.1.", &["describe", "configure"]), self.own()]
    }
}

impl std::str::FromStr for Role {
    type Err = EngineError;

    fn from_str(text: &str) -> Result<Self, EngineError> {
        let known = Self::ALL.iter().copied().find(|role| role.name() == text);
        known.ok_or_else(|| EngineError::UnknownRole { name: text.to_owned() })
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What a component shows of itself from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// BLAKE3 of the bytes.
    pub code: CodeHash,
    /// Length in bytes.
    pub size: u64,
    /// The world it fits.
    pub role: Role,
    /// Names of all exports.
    pub exports: Vec<String>,
    /// Names of the imported interfaces that only name types, which are no capability.
    pub type_imports: Vec<String>,
}

/// What a component imports and exports, before anything is judged about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surface {
    /// BLAKE3 of the bytes.
    pub code: CodeHash,
    /// Length in bytes.
    pub size: u64,
    /// Imports that are more than types, by name.
    pub foreign_imports: Vec<String>,
    /// Imported interfaces that only name types.
    pub type_imports: Vec<String>,
    /// Every export: its name, and the functions in it if it is an interface.
    pub exports: Vec<(String, Vec<String>)>,
}

/// Reads the surface of a component. Fails only if it is no component; a tool that
/// replaces imports wants to see those that [`inspect`] refuses.
pub fn surface(bytes: &[u8]) -> Result<Surface, EngineError> {
    let size = bytes.len() as u64;
    if size > MAX_CODE_BYTES {
        return Err(EngineError::TooLarge { size, limit: MAX_CODE_BYTES });
    }
    if !bytes.starts_with(b"\0asm") {
        return Err(EngineError::NotWasm);
    }
    if Parser::is_core_wasm(bytes) {
        return Err(EngineError::CoreModule);
    }
    read(bytes).map_err(|error| EngineError::Malformed { text: error.to_string() })
}

/// Decides what a component is and that it imports nothing.
///
/// # Errors
/// `NotWasm`, `CoreModule`, `Malformed`, `TooLarge`; `ForeignImports` with every name;
/// `WrongWorld` with what is missing.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, EngineError> {
    let surface = surface(bytes)?;
    if !surface.foreign_imports.is_empty() {
        return Err(EngineError::ForeignImports { names: surface.foreign_imports });
    }
    let role = role_of(&surface.exports)?;
    Ok(Inspection {
        code: surface.code,
        size: surface.size,
        role,
        exports: surface.exports.into_iter().map(|(name, _)| name).collect(),
        type_imports: surface.type_imports,
    })
}

/// The role whose own interface is there. Where two are, the component has two masters, and
/// is refused; where none is, the nearest role says what it lacks.
fn role_of(exports: &[(String, Vec<String>)]) -> Result<Role, EngineError> {
    let found = || exports.iter().map(|(name, _)| name.clone()).collect();
    let has = |role: &Role| exports.iter().any(|(name, _)| name.starts_with(role.own().0));
    let mut claimed = Role::ALL.iter().copied().filter(has);
    match (claimed.next(), claimed.next()) {
        (Some(role), None) => match missing(role, exports) {
            missing if missing.is_empty() => Ok(role),
            missing => Err(EngineError::WrongWorld { missing, found: found() }),
        },
        (Some(one), Some(other)) => Err(EngineError::TwoRoles { one, other }),
        (None, _) => {
            let own = |role: &Role| format!("{}0", role.own().0);
            let any = Role::ALL.iter().map(own).collect::<Vec<_>>().join(" or ");
            Err(EngineError::WrongWorld { missing: vec![any], found: found() })
        }
    }
}

fn missing(role: Role, exports: &[(String, Vec<String>)]) -> Vec<String> {
    let mut missing = Vec::new();
    for (interface, functions) in role.exports() {
        match exports.iter().find(|(name, _)| name.starts_with(interface)) {
            None => missing.push(format!("{interface}0")),
            Some((name, present)) => missing.extend(
                functions
                    .iter()
                    .filter(|function| !present.iter().any(|name| name == *function))
                    .map(|function| format!("{name}#{function}")),
            ),
        }
    }
    missing
}

fn read(bytes: &[u8]) -> Result<Surface, wasmparser::Error> {
    let mut validator = Validator::new_with_features(features());
    let mut depth = 0_usize;
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        match &payload {
            Payload::Version { encoding, .. } => {
                debug_assert!(depth > 0 || *encoding == Encoding::Component);
                depth += 1;
            }
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section.clone() {
                    imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section.clone() {
                    exports.push(export?.name.name.to_owned());
                }
            }
            _ => {}
        }
        // Function bodies are left to the compiler, which validates them anyway.
        if let ValidPayload::End(types) = validator.payload(&payload)?
            && depth == 0
        {
            return Ok(gather(bytes, types.as_ref(), imports, exports));
        }
    }
    unreachable!("a parse that ends without an error ends with the end of the component")
}

fn gather(bytes: &[u8], types: TypesRef<'_>, imports: Vec<String>, exports: Vec<String>) -> Surface {
    let (type_imports, foreign_imports) = imports.into_iter().partition(|name| {
        // A world refers to types through interfaces, so nothing else is looked into.
        types.component_item_for_import(name).is_some_and(|item| {
            matches!(item.ty, ComponentEntityType::Instance(_)) && only_names_types(types, &item.ty)
        })
    });
    let exports = exports
        .into_iter()
        .map(|name| {
            let functions = types.component_item_for_export(&name).map(|item| functions(types, &item.ty));
            (name, functions.unwrap_or_default())
        })
        .collect();
    Surface { code: CodeHash::of(bytes), size: bytes.len() as u64, foreign_imports, type_imports, exports }
}

/// Value types are names; a resource type is a capability.
fn only_names_types(types: TypesRef<'_>, entity: &ComponentEntityType) -> bool {
    match entity {
        ComponentEntityType::Type { referenced, .. } => {
            matches!(referenced, wasmparser::component_types::ComponentAnyTypeId::Defined(_))
        }
        ComponentEntityType::Instance(id) => types[*id].exports.values().all(|item| only_names_types(types, &item.ty)),
        _ => false,
    }
}

fn functions(types: TypesRef<'_>, entity: &ComponentEntityType) -> Vec<String> {
    let ComponentEntityType::Instance(id) = entity else { return Vec::new() };
    types[*id]
        .exports
        .iter()
        .filter(|(_, item)| matches!(item.ty, ComponentEntityType::Func(_)))
        .map(|(name, _)| name.clone())
        .collect()
}

/// The proposals of the `pure` profile, as the parser names them.
fn features() -> WasmFeatures {
    WasmFeatures::WASM2 | WasmFeatures::EXTENDED_CONST | WasmFeatures::TAIL_CALL | WasmFeatures::COMPONENT_MODEL
}
