//! The languages that a module can be written in with a template of ours. Any other that
//! makes components does as well: what counts is the component.

use crate::error::RegistryError;

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// Rust, with the SDK.
    Rust,
    /// JavaScript, in an embedded interpreter.
    JavaScript,
    /// Python, in an embedded interpreter.
    Python,
    /// C, without a standard library.
    C,
}

impl Language {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Rust, Self::JavaScript, Self::Python, Self::C];

    /// The word on the command line and in `module.toml`; also the folder of its templates.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::JavaScript => "js",
            Self::Python => "python",
            Self::C => "c",
        }
    }

    /// The extension of its source files.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Rust => "rs",
            Self::JavaScript => "js",
            Self::Python => "py",
            Self::C => "c",
        }
    }

    /// By its word.
    pub fn named(word: &str) -> Result<Self, RegistryError> {
        let found = match word {
            "javascript" => Some(Self::JavaScript),
            _ => Self::ALL.iter().copied().find(|language| language.name() == word),
        };
        found.ok_or_else(|| RegistryError::Unknown {
            what: "language",
            name: word.to_owned(),
            known: Self::ALL.iter().map(|language| language.name().to_owned()).collect(),
        })
    }
}
