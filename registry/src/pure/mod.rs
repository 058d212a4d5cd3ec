//! Makes a component pure: whatever of WASI a language's runtime still imports is answered by
//! a stub inside it, and nothing is imported any more.
//!
//! Runtimes of JavaScript, Go or C ask for clocks, random numbers, files and streams before the
//! author's first line runs. A pure module may have none of them, and mostly does not need
//! them: it needs the imports to be *there*. So a stub is made that answers each imported
//! function in a way that never differs ([`answers`]) and is composed with the component
//! ([`compose`]). It holds no state: the same question gets the same answer in the first call
//! and in the thousandth, so that a module cannot tell a fresh instance from a warm one by it.
//!
//! The stub is not a file: it is generated ([`stub`]) from the very imports of the component,
//! whatever patch version of WASI 0.2 they name. Anything else that is imported is refused
//! with the list: no answer could be right for it. That goes for WASI 0.3 as well, whose calls
//! wait for the world outside.

pub mod answers;
mod compose;
mod image;
mod stub;

use wit_parser::decoding::DecodedWasm;
use wit_parser::{Resolve, TypeDefKind, TypeId, WorldId, WorldItem, WorldKey};

use crate::error::RegistryError;
use crate::role::Role;

/// A component that imports no function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pure {
    /// Its bytes: those that were given where nothing had to be answered for.
    pub component: Vec<u8>,
    /// What it decides.
    pub role: &'static Role,
    /// The interfaces that the stub answers for.
    pub stubbed: Vec<String>,
}

/// A component taken apart as far as its surface goes.
pub(crate) struct Surface {
    resolve: Resolve,
    world: WorldId,
}

/// An imported interface that can be answered for.
struct Import {
    name: String,
    key: WorldKey,
    item: WorldItem,
    /// Otherwise it only names types.
    is_wasi: bool,
}

impl Surface {
    pub(crate) fn of(component: &[u8]) -> Result<Self, RegistryError> {
        let no = |why: String| RegistryError::Component(why);
        if component.starts_with(b"\0asm\x01\0\0\0") {
            let why = "this is a core WebAssembly module and no component: `atlas module build` makes one";
            return Err(no(why.to_owned()));
        }
        match wit_parser::decoding::decode(component) {
            Ok(DecodedWasm::Component(resolve, world)) => Ok(Self { resolve, world }),
            Ok(DecodedWasm::WitPackage(..)) => Err(no("this is a WIT package and no component".to_owned())),
            Err(error) => Err(no(format!("this is no component: {error:#}"))),
        }
    }

    /// What is imported: WASI, and interfaces that only name types. Fails with every import that
    /// is neither.
    fn imports(&self) -> Result<Vec<Import>, RegistryError> {
        let (mut imports, mut foreign) = (Vec::new(), Vec::new());
        for (key, item) in &self.resolve.worlds[self.world].imports {
            let name = self.resolve.name_world_key(key);
            match item {
                WorldItem::Function(_) => foreign.push(name),
                WorldItem::Type { id, .. } => {
                    if self.is_resource(*id) {
                        foreign.push(name);
                    }
                }
                WorldItem::Interface { id, .. } if answers::is_wasi(&self.resolve, *id) => {
                    imports.push(Import { name, key: key.clone(), item: item.clone(), is_wasi: true });
                }
                WorldItem::Interface { id, .. } => {
                    let interface = &self.resolve.interfaces[*id];
                    let before = foreign.len();
                    foreign.extend(interface.functions.keys().map(|function| format!("{name}#{function}")));
                    let resources = interface.types.iter().filter(|(_, id)| self.is_resource(**id));
                    foreign.extend(resources.map(|(resource, _)| format!("{name}#{resource}")));
                    if foreign.len() == before {
                        imports.push(Import { name, key: key.clone(), item: item.clone(), is_wasi: false });
                    }
                }
            }
        }
        if foreign.is_empty() { Ok(imports) } else { Err(RegistryError::Foreign(foreign)) }
    }

    fn is_resource(&self, id: TypeId) -> bool {
        matches!(self.resolve.types[id].kind, TypeDefKind::Resource)
    }

    pub(crate) fn exports(&self) -> Vec<String> {
        let exports = self.resolve.worlds[self.world].exports.keys();
        exports.map(|key| self.resolve.name_world_key(key)).collect()
    }

    #[cfg(feature = "oci")]
    pub(crate) fn import_names(&self) -> Vec<String> {
        let imports = self.resolve.worlds[self.world].imports.keys();
        imports.map(|key| self.resolve.name_world_key(key)).collect()
    }
}

/// Makes a component of a role pure.
///
/// # Errors
/// `Foreign` with every import that cannot be answered for; `Component` for anything that is
/// no component of a known role.
pub fn purify(component: &[u8]) -> Result<Pure, RegistryError> {
    let surface = Surface::of(component)?;
    let imports = surface.imports()?;
    let exports = surface.exports();
    let Some(role) = Role::of_exports(exports.iter().map(String::as_str)) else {
        let roles: Vec<_> = Role::ALL.iter().map(|role| format!("{} (a {})", role.interface, role.name)).collect();
        let why = format!(
            "the component exports no world of Atlas: found {}; expected {}",
            if exports.is_empty() { "nothing".to_owned() } else { exports.join(", ") },
            roles.join(", ")
        );
        return Err(RegistryError::Component(why));
    };
    let names = |wasi: bool| {
        let named = imports.iter().filter(|import| import.is_wasi == wasi).map(|import| import.name.clone());
        named.collect::<Vec<_>>()
    };
    let (stubbed, types) = (names(true), names(false));
    if stubbed.is_empty() {
        return Ok(Pure { component: component.to_vec(), role, stubbed });
    }
    let stub = stub::make(&surface.resolve, surface.world, &imports)?;
    // Tools leave exports of their own; only those of Atlas are a module's.
    let kept: Vec<String> = exports.into_iter().filter(|name| name.starts_with("atlas:")).collect();
    let all: Vec<String> = imports.into_iter().map(|import| import.name).collect();
    Ok(Pure { component: compose::compose(component, &stub, &all, &types, &kept), role, stubbed })
}
