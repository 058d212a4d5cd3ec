//! What a key is for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a key may sign. The names are part of the file formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Signs root events of an identity. Cold: read when it is used, and never kept.
    Root,
    /// May replace a root key; the identity has committed to its digest only.
    NextRoot,
    /// Signs records and grants from this machine.
    Device,
    /// Signs records of one application, under a grant.
    App,
    /// Takes an identity back when its other keys are lost or stolen.
    Recovery,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 5] = [Self::Root, Self::NextRoot, Self::Device, Self::App, Self::Recovery];

    /// The name in files and on paper.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::NextRoot => "next-root",
            Self::Device => "device",
            Self::App => "app",
            Self::Recovery => "recovery",
        }
    }

    /// Whether the key signs day by day, so that it pays to keep it in memory.
    pub(crate) fn is_hot(self) -> bool {
        matches!(self, Self::Device | Self::App)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a role of keys: expected root, next-root, device, app or recovery")]
pub struct UnknownRole;

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(UnknownRole)
    }
}

/// Whose keys an entry holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// An identity's own.
    Identity,
    /// An application's, which act for an identity under grants.
    App,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_has_one_name_everywhere() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
            assert_eq!(serde_json::to_string(&role).unwrap(), format!("\"{role}\""));
        }
        assert_eq!("Root".parse::<Role>(), Err(UnknownRole));
    }
}
