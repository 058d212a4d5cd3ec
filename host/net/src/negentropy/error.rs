//! Why a reconciliation cannot go on.

/// A message that no v1 peer sends, and what is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// More bytes than [`super::Limits::incoming`].
    #[error("a message of {bytes} bytes, where {limit} are the most")]
    TooLong {
        /// The message.
        bytes: usize,
        /// The bound.
        limit: usize,
    },
    /// Not even a version.
    #[error("an empty message")]
    Empty,
    /// The first byte names no version of the protocol.
    #[error("the first byte {0:#04x} is not a version")]
    NotAVersion(u8),
    /// The other side speaks another version only.
    #[error("the other side speaks version {0} only; this side speaks version 1")]
    OtherVersion(u8),
    /// The message ends inside a number.
    #[error("the message ends inside a number")]
    NumberCutOff,
    /// A number that does not fit 64 bits.
    #[error("a number does not fit 64 bits")]
    NumberTooLarge,
    /// A number that begins with a zero digit.
    #[error("a number is not in its shortest form")]
    NumberNotShortest,
    /// The sum of the differences passes the last time there is.
    #[error("a bound lies past the end of time")]
    TimeOverflow,
    /// More bytes of an id than an id has.
    #[error("a bound has {0} bytes of an id, which has 32")]
    PrefixTooLong(u64),
    /// The message ends inside a bound.
    #[error("the message ends inside a bound")]
    BoundCutOff,
    /// A range ends before it begins.
    #[error("a range ends before it begins")]
    NotAscending,
    /// Neither skip, fingerprint nor list.
    #[error("a range has the unknown mode {0}")]
    UnknownMode(u64),
    /// The message ends inside a fingerprint.
    #[error("the message ends inside a fingerprint")]
    FingerprintCutOff,
    /// A list claims more ids than the message has room for.
    #[error("a list claims {claimed} ids where the message has room for {room}")]
    IdsCutOff {
        /// What the list says.
        claimed: u64,
        /// What the rest of the message could hold.
        room: u64,
    },
}

/// Why a machine stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReconcileError<E> {
    /// The other side broke the protocol.
    #[error("malformed reconciliation message: {0}")]
    Malformed(#[from] Malformed),
    /// The other side kept the session going for longer than any set needs.
    #[error("no end after {0} rounds: the other side never agrees")]
    Endless(u32),
    /// The set could not be read.
    #[error("the set cannot be read: {0}")]
    Items(E),
}
