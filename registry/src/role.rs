//! What a module can decide: a table, one row for each world.

use crate::error::RegistryError;

/// A role and the world that a module of it exports.
#[derive(Debug, PartialEq, Eq)]
pub struct Role {
    /// The word in bindings, on the command line and in manifests.
    pub name: &'static str,
    /// The world's name within its package.
    pub world: &'static str,
    /// The WIT package and version: what `wit` in a manifest says.
    pub wit: &'static str,
    /// The folder of the package in `wit/`.
    pub folder: &'static str,
    /// The interface by which a component shows its role, without a version.
    pub interface: &'static str,
    /// What a new module of this role starts from.
    pub start: Start,
}

/// What a new module starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// A folder in `examples/`, in every language and with cases, and what it is in words.
    Example(&'static str, &'static str),
    /// A standard module, by name. What it is in other languages than Rust, and its cases, are a
    /// folder in `examples/`.
    Standard(&'static str),
}

/// The row of a world whose package, world and folder are all called after the role.
const fn row(
    name: &'static str,
    wit: &'static str,
    folder: &'static str,
    interface: &'static str,
    start: Start,
) -> Role {
    Role { name, world: name, wit, folder, interface, start }
}

/// The folder of `wit/` with what every world shares.
#[cfg(feature = "author")]
pub(crate) const SHARED_WIT: &str = "types-0.1";

impl Role {
    /// All of them.
    pub const ALL: &[Self] = &[
        row(
            "validator",
            "atlas:validator@0.1.0",
            "validator-0.1",
            "atlas:validator/validation",
            Start::Example("recipe", "a type for recipes"),
        ),
        row("trust", "atlas:trust@0.1.0", "trust-0.1", "atlas:trust/trusting", Start::Standard("direct")),
        row(
            "ranker",
            "atlas:ranker@0.1.0",
            "ranker-0.1",
            "atlas:ranker/ranking",
            Start::Example("fresh", "an order by age and replies"),
        ),
        row(
            "governance",
            "atlas:governance@0.1.0",
            "governance-0.1",
            "atlas:governance/tallying",
            Start::Standard("majority"),
        ),
        row(
            "admission",
            "atlas:admission@0.1.0",
            "admission-0.1",
            "atlas:admission/admitting",
            Start::Standard("members"),
        ),
        row("economy", "atlas:economy@0.1.0", "economy-0.1", "atlas:economy/balancing", Start::Standard("balanced")),
    ];

    /// By its word.
    pub fn named(word: &str) -> Result<&'static Self, RegistryError> {
        Self::ALL.iter().find(|role| role.name == word).ok_or_else(|| RegistryError::Unknown {
            what: "role",
            name: word.to_owned(),
            known: Self::ALL.iter().map(|role| role.name.to_owned()).collect(),
        })
    }

    /// The role that a component with these exports has.
    pub fn of_exports<'a>(exports: impl IntoIterator<Item = &'a str>) -> Option<&'static Self> {
        let names: Vec<&str> = exports.into_iter().map(|name| name.split('@').next().unwrap_or(name)).collect();
        Self::ALL.iter().find(|role| names.contains(&role.interface))
    }
}
