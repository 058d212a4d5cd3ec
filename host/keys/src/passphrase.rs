//! Passphrases, and what guessing one costs.

use std::fmt;

use age::secrecy::SecretString;

use crate::KeyError;

/// What a person remembers. Wiped when dropped, never printed.
#[derive(Clone)]
pub struct Passphrase(SecretString);

impl Passphrase {
    /// Takes a text as it is: nothing is trimmed. An empty one is an error.
    pub fn new(text: String) -> Result<Self, KeyError> {
        if text.is_empty() { Err(KeyError::EmptyPassphrase) } else { Ok(Self(text.into())) }
    }

    pub(crate) fn secret(&self) -> SecretString {
        self.0.clone()
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

/// How much work one guess at a passphrase takes: scrypt with N = 2^`log2`, r = 8, p = 1.
/// It needs 2^`log2` KiB of memory, and is written in the file, so that any factor up to
/// [`WorkFactor::MOST`] opens again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WorkFactor(u8);

impl WorkFactor {
    /// 256 MiB and about a second, as the age tools choose. Fixed rather than measured, so
    /// that a slow build or a busy machine does not make weak files.
    pub const NORMAL: Self = Self(18);
    /// The most that is done for a file from elsewhere: 1 GiB and a few seconds.
    pub const MOST: Self = Self(20);

    /// 2^`log2`, from 1 to [`WorkFactor::MOST`]. Below [`WorkFactor::NORMAL`] a passphrase is
    /// easier to guess: that is for tests, and for machines without 256 MiB to spare.
    pub const fn new(log2: u8) -> Option<Self> {
        if log2 >= 1 && log2 <= Self::MOST.0 { Some(Self(log2)) } else { None }
    }

    pub(crate) fn log2(self) -> u8 {
        self.0
    }
}

impl Default for WorkFactor {
    fn default() -> Self {
        Self::NORMAL
    }
}
