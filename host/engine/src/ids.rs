//! The names of what runs: code, config, and the binding that puts both in a slot.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::EngineError;

macro_rules! digest {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// The digest of these bytes.
            #[must_use]
            pub fn of(bytes: &[u8]) -> Self {
                Self(*blake3::hash(bytes).as_bytes())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = EngineError;

            fn from_str(text: &str) -> Result<Self, EngineError> {
                blake3::Hash::from_hex(text)
                    .map(|hash| Self(*hash.as_bytes()))
                    .map_err(|_| EngineError::BadHash { text: text.to_owned() })
            }
        }

        impl From<$name> for String {
            fn from(hash: $name) -> String {
                hash.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = EngineError;

            fn try_from(text: String) -> Result<Self, EngineError> {
                text.parse()
            }
        }
    };
}

digest! {
    /// BLAKE3 of a component's bytes: names behaviour. Text form: 64 hexadecimal digits.
    CodeHash
}

digest! {
    /// BLAKE3 of the config bytes bound to a slot.
    ConfigHash
}

/// A named fuel schedule. What a unit of fuel buys is fixed for ever by the name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Meter {
    /// `meter/1`, see [`crate::meter`].
    #[default]
    #[serde(rename = "meter/1")]
    V1,
}

impl Meter {
    /// The name that a constitution uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V1 => "meter/1",
        }
    }
}

impl fmt::Display for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Meter {
    type Err = EngineError;

    fn from_str(text: &str) -> Result<Self, EngineError> {
        match text {
            "meter/1" => Ok(Self::V1),
            _ => Err(EngineError::UnknownMeter { name: text.to_owned() }),
        }
    }
}

/// What a constitution binds to a slot: which code, told what, allowed how much.
#[derive(Clone, PartialEq, Eq)]
pub struct Binding {
    /// The component.
    pub code: CodeHash,
    /// Given once to the module's `configure`; empty where the slot binds none.
    pub config: Arc<[u8]>,
    /// What a unit of fuel is.
    pub meter: Meter,
    /// Fuel for one record in a fresh instance.
    pub fuel: u64,
    /// Bytes of linear memory, summed over all memories of an instance.
    pub memory: u64,
}

impl Binding {
    /// Fuel that suits ordinary validators: some tens of milliseconds at worst.
    pub const DEFAULT_FUEL: u64 = 50_000_000;
    /// Memory that suits ordinary validators.
    pub const DEFAULT_MEMORY: u64 = 64 << 20;

    /// A binding of `code` without config, under `meter/1` and ordinary allowances.
    #[must_use]
    pub fn new(code: CodeHash) -> Self {
        Self { code, config: Arc::from([]), meter: Meter::V1, fuel: Self::DEFAULT_FUEL, memory: Self::DEFAULT_MEMORY }
    }

    /// The same with a config.
    #[must_use]
    pub fn with_config(mut self, config: impl Into<Arc<[u8]>>) -> Self {
        self.config = config.into();
        self
    }

    /// The name of what misbehaves when this binding does: allowances left out.
    #[must_use]
    pub fn module(&self) -> ModuleKey {
        ModuleKey { code: self.code, config: ConfigHash::of(&self.config) }
    }
}

impl fmt::Debug for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Binding")
            .field("code", &self.code)
            .field("config", &format_args!("{} bytes", self.config.len()))
            .field("meter", &self.meter)
            .field("fuel", &self.fuel)
            .field("memory", &self.memory)
            .finish()
    }
}

/// Code and config together: the unit of quarantine and backoff.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ModuleKey {
    /// The component.
    pub code: CodeHash,
    /// What it was told.
    pub config: ConfigHash,
}

impl fmt::Display for ModuleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (config {})", self.code, self.config)
    }
}
