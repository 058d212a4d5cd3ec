//! What goes over a stream: frames, and in each frame one message.
//!
//! A [frame] is a length of four bytes, big-endian, and that many bytes of deterministic CBOR. A
//! message is a list that begins with its kind, a small number. Whoever reads leaves out items
//! that it does not know at the end of a list, and whole messages of kinds that it does not
//! know, so that a later version may add both; anything else that does not fit is a defect of
//! the sender, and is named.
//!
//! The version of a protocol is in its name, which libp2p negotiates.

pub mod fetch;
mod fields;
pub mod frame;
pub mod gossip;
pub mod reconcile;

use atlas_record::cbor::DecodeError;
use atlas_record::{SpaceId, TypeName};

pub use crate::overlay::{Follows, Set};
pub use frame::FrameError;

/// One long-lived stream between two peers: who is there, which spaces, what is new.
pub const GOSSIP: &str = "/atlas/gossip/1";
/// One stream for each comparison of two sets.
pub const RECONCILE: &str = "/atlas/reconcile/1";
/// Requests by id, answered at the pace of the reader.
pub const FETCH: &str = "/atlas/fetch/1";
/// Every protocol.
pub const ALL: [&str; 3] = [GOSSIP, RECONCILE, FETCH];

/// Why a message is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Bytes that break a rule of CBOR.
    #[error("the message is {0}")]
    Format(#[from] DecodeError),
    /// Well-formed, and not what stands there.
    #[error("the message has no {0} where one belongs")]
    Expected(&'static str),
    /// More of something than is taken.
    #[error("the message has {count} {what}; {most} at most are taken")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many came.
        count: usize,
        /// The bound.
        most: usize,
    },
}

/// Names a space on one connection: who does not know the space's id cannot tell which it is,
/// and the name is another on every connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(pub [u8; 16]);

impl Tag {
    /// The tag that the peer whose nonce is `first` gives a space on a connection.
    pub fn of(space: &SpaceId, first: &[u8; 32], second: &[u8; 32]) -> Self {
        let mut hasher = blake3::Hasher::new_keyed(&space.0);
        hasher.update(b"atlas/tag/1\0").update(first).update(second);
        let mut tag = [0; 16];
        hasher.finalize_xof().fill(&mut tag);
        Self(tag)
    }
}

impl Set {
    /// The name on the wire. No type has one without a dot.
    pub fn as_str(&self) -> &str {
        match self {
            Set::Identities => "identities",
            Set::Laws => "laws",
            Set::Records(type_name) => type_name.as_str(),
        }
    }

    /// Reads the name on the wire.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "identities" => Some(Set::Identities),
            "laws" => Some(Set::Laws),
            _ => TypeName::new(text).ok().map(Set::Records),
        }
    }
}

impl std::fmt::Display for Set {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A message that has a byte form.
pub trait Message: Sized {
    /// The bytes of a frame.
    fn encode(&self) -> Vec<u8>;
    /// Reads a frame. None for a kind that this version does not know.
    fn decode(bytes: &[u8]) -> Result<Option<Self>, WireError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_says_nothing_without_the_space_and_differs_by_connection_and_side() {
        let (space, other) = (SpaceId([1; 32]), SpaceId([2; 32]));
        let tag = Tag::of(&space, &[3; 32], &[4; 32]);
        assert_eq!(tag, Tag::of(&space, &[3; 32], &[4; 32]));
        for different in [
            Tag::of(&other, &[3; 32], &[4; 32]),
            Tag::of(&space, &[5; 32], &[4; 32]),
            Tag::of(&space, &[4; 32], &[3; 32]),
        ] {
            assert_ne!(tag, different);
        }
    }

    #[test]
    fn names_of_sets_are_read_back_and_nothing_else_is() {
        let post = Set::Records(TypeName::new("atlas.post").unwrap());
        for set in [Set::Identities, Set::Laws, post] {
            assert_eq!(Set::parse(set.as_str()), Some(set));
        }
        assert_eq!(Set::parse("people"), None);
    }
}
