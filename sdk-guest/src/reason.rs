//! Why something is refused: a code for programs, a sentence for people.

use std::fmt;

/// Most bytes of a [`Reason`]'s code.
pub const CODE_BYTES: usize = 64;
/// Most bytes of a [`Reason`]'s text.
pub const TEXT_BYTES: usize = 1000;

/// Why something was refused.
///
/// The code is stable: lower-case words joined by `-`, [`CODE_BYTES`] at most. The text
/// says what is wrong, where, and what would be right; what exceeds [`TEXT_BYTES`] is cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// For programs.
    pub code: &'static str,
    /// For people.
    pub text: String,
}

impl Reason {
    /// A reason with this code and sentence. See also [`reason!`](crate::reason!).
    pub fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self::cut(code, text.into())
    }

    /// What [`reason!`](crate::reason!) calls: one place for all formatting, off the hot path.
    #[doc(hidden)]
    #[cold]
    #[inline(never)]
    pub fn from_format(code: &'static str, text: fmt::Arguments<'_>) -> Self {
        Self::cut(code, fmt::format(text))
    }

    #[inline(never)]
    fn cut(code: &'static str, mut text: String) -> Self {
        text.truncate(text.floor_char_boundary(TEXT_BYTES));
        Self { code, text }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.text)
    }
}

impl std::error::Error for Reason {}

/// Makes a [`Reason`] from a code and a format string.
///
/// ```
/// let reason = atlas_sdk::reason!("odd-total", "the votes add up to {}, expected 100", 90);
/// assert_eq!(reason.text, "the votes add up to 90, expected 100");
/// ```
#[macro_export]
macro_rules! reason {
    ($code:expr, $($text:tt)+) => {
        $crate::Reason::from_format($code, ::core::format_args!($($text)+))
    };
}

/// Leaves the function with a [`Reason`]: `invalid!("odd-total", "the votes add up to {sum}")`.
#[macro_export]
macro_rules! invalid {
    ($code:expr, $($text:tt)+) => {
        return ::core::result::Result::Err($crate::reason!($code, $($text)+).into())
    };
}

/// [`invalid!`](crate::invalid!) unless a condition holds:
/// `ensure!(sum == 100, "odd-total", "the votes add up to {sum}, expected 100")`.
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $code:expr, $($text:tt)+) => {
        if !$condition {
            $crate::invalid!($code, $($text)+);
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let reason = Reason::new("x", "é".repeat(600));
        assert_eq!(reason.text.len(), TEXT_BYTES);
        let reason = Reason::new("x", format!("a{}", "é".repeat(600)));
        assert_eq!(reason.text.len(), TEXT_BYTES - 1);
    }
}
