//! What the stub answers: one table over the functions of WASI 0.2.
//!
//! The clock stands at zero, random numbers are the same in every call, there are no files, no
//! arguments, no environment and no input, and what is written goes nowhere. Whatever is not
//! named gets the *least* answer of its type: zero, nothing, the empty list, and an error where
//! there may be one, `unsupported` or its like if it has that name.

use wit_parser::{InterfaceId, Resolve};

/// How a function is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The least value of the result's type.
    Least,
    /// Every number in the result is this one; a truth is true.
    Number(u64),
    /// The good case of a result, with this number in it.
    Good(u64),
    /// The bad case of a result, with the case of this name.
    Bad(&'static str),
    /// As many bytes as are asked for, always the same.
    Bytes,
    /// Everything that is polled is ready.
    AllReady,
    /// The call traps: there is nothing to go on with.
    Trap,
}

/// Where random numbers start. Any constant is as good.
pub const SEED: u64 = 0x61_74_6c_61_73_30_30_31;
/// Bytes that a stream takes at once.
const STREAM_TAKES: u64 = 64 << 10;

/// Whether an interface is one of WASI 0.2, the version that is answered for.
pub fn is_wasi(resolve: &Resolve, interface: InterfaceId) -> bool {
    let package = resolve.interfaces[interface].package.map(|package| &resolve.packages[package].name);
    package.is_some_and(|name| {
        name.namespace == "wasi"
            && name.version.as_ref().is_some_and(|version| (version.major, version.minor) == (0, 2))
    })
}

/// The answer of a function, by its package, interface and name.
pub fn answer(package: &str, interface: &str, function: &str) -> Answer {
    let method = function.strip_prefix("[method]").unwrap_or(function);
    match (package, interface, method) {
        ("cli", "exit", _) => Answer::Trap,
        ("clocks", _, "resolution" | "get-resolution") => Answer::Number(1),
        ("io", "poll", "pollable.ready") => Answer::Number(1),
        ("io", "poll", "poll") => Answer::AllReady,
        ("io", "streams", "output-stream.check-write") => Answer::Good(STREAM_TAKES),
        ("io", "streams", "output-stream.subscribe" | "input-stream.subscribe") => Answer::Least,
        ("io", "streams", _) if method.starts_with("output-stream.") => Answer::Good(0),
        ("io", "streams", _) if method.starts_with("input-stream.") => Answer::Bad("closed"),
        ("random", _, "get-random-bytes" | "get-insecure-random-bytes") => Answer::Bytes,
        ("random", _, _) => Answer::Number(SEED),
        _ => Answer::Least,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runtimes_ask_for_first_is_answered_in_words() {
        assert_eq!(answer("clocks", "monotonic-clock", "now"), Answer::Least);
        assert_eq!(answer("random", "random", "get-random-bytes"), Answer::Bytes);
        assert_eq!(answer("random", "insecure-seed", "insecure-seed"), Answer::Number(SEED));
        assert_eq!(answer("io", "streams", "[method]output-stream.blocking-write-and-flush"), Answer::Good(0));
        assert_eq!(answer("io", "streams", "[method]input-stream.read"), Answer::Bad("closed"));
        assert_eq!(answer("cli", "exit", "exit"), Answer::Trap);
        assert_eq!(answer("filesystem", "preopens", "get-directories"), Answer::Least);
    }
}
