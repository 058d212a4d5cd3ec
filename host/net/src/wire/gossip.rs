//! Messages of the gossip stream.
//!
//! Both sides begin with [`Gossip::Hello`]. Then each names its public spaces by tags that only
//! someone who knows the space can read, and opens those that the other named too. For a
//! private space nothing is named: a member shows a proof, and a peer that does not know the
//! space sees sixteen bytes that mean nothing.

use atlas_record::Value;
use atlas_record::order::Rank;

use super::fields::{Fields, message, pack_ranks, set, tag};
use super::{Follows, Message, Set, Tag, WireError};

/// Spaces that are named in one message.
pub const MOST_SPACES: usize = 4096;
/// Types that a light node follows in a space.
pub const MOST_TYPES: usize = 1024;
/// Ranks in one announcement, over all of its sets.
pub const MOST_RANKS: usize = 4096;
/// Sets in one announcement.
pub const MOST_SETS: usize = 256;
/// Bytes of a proof of membership, with the identity that it is about.
pub const PROOF_BYTES: usize = 256 << 10;
/// Bytes of an agent's name, and of a reason.
const TEXT_BYTES: usize = 256;

/// An ability: fetches of records [by short ids](super::fetch::Request::Records) are answered.
pub const SHORT_IDS: u64 = 1;

/// An ability: questions for [paths](super::fetch::Request::Path) are answered.
pub const PATHS: u64 = 2;
/// What this version can.
pub const ABILITIES: u64 = SHORT_IDS | PATHS;

/// What is new in a space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// The space.
    pub tag: Tag,
    /// New members, by set.
    pub sets: Vec<(Set, Vec<Rank>)>,
    /// There is more than is named here: comparing will show it.
    pub more: bool,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gossip {
    /// The first on either side.
    Hello {
        /// Program and version, for people.
        agent: String,
        /// Makes tags and proofs of this connection differ from those of any other.
        nonce: [u8; 32],
        /// What the sender can beyond the first release of this version, a bit each: what others may send it.
        abilities: u64,
    },
    /// The public spaces of the sender. Replaces what it named before.
    Spaces(Vec<Tag>),
    /// A space that both have, and what the sender keeps of it.
    Open {
        /// The space.
        tag: Tag,
        /// What is kept.
        follow: Follows,
    },
    /// A private space: the sender is a member. Answered in kind, or not at all.
    Member {
        /// The space.
        tag: Tag,
        /// What is kept.
        follow: Follows,
        /// Shows it; for the space to check.
        proof: Vec<u8>,
    },
    /// The sender has left a space.
    Close(Tag),
    /// What is new.
    Announce(Announcement),
    /// The sender ends the connection, and why.
    Goodbye(String),
    /// The sender counts on announcements in a space, or no longer does.
    Neighbour {
        /// The space.
        tag: Tag,
        /// Whether it does from now on.
        on: bool,
    },
}

fn follow(follow: &Follows) -> Value {
    match follow {
        Follows::All => Value::Null,
        Follows::Types(types) => Value::List(types.iter().map(|name| Value::Text(name.as_str().to_owned())).collect()),
    }
}

fn read_follow(fields: &mut Fields) -> Result<Follows, WireError> {
    Ok(fields.types(MOST_TYPES)?.map_or(Follows::All, |types| Follows::Types(types.into_iter().collect())))
}

impl Message for Gossip {
    fn encode(&self) -> Vec<u8> {
        match self {
            Gossip::Hello { agent, nonce, abilities } => {
                let mut items = vec![agent.as_str().into(), Value::Bytes(nonce.to_vec())];
                if *abilities != 0 {
                    items.push(Value::Int((*abilities).into()));
                }
                message(0, items)
            }
            Gossip::Spaces(tags) => message(1, vec![Value::List(tags.iter().map(tag).collect())]),
            Gossip::Open { tag: space, follow: kept } => message(2, vec![tag(space), follow(kept)]),
            Gossip::Member { tag: space, follow: kept, proof } => {
                message(3, vec![tag(space), follow(kept), Value::Bytes(proof.clone())])
            }
            Gossip::Close(space) => message(4, vec![tag(space)]),
            Gossip::Announce(Announcement { tag: space, sets, more }) => {
                let part = |(name, ranks): &(Set, Vec<Rank>)| Value::List(vec![set(name), pack_ranks(ranks)]);
                message(5, vec![tag(space), Value::List(sets.iter().map(part).collect()), Value::Bool(*more)])
            }
            Gossip::Goodbye(reason) => message(6, vec![reason.as_str().into()]),
            Gossip::Neighbour { tag: space, on } => message(7, vec![tag(space), Value::Bool(*on)]),
        }
    }

    fn decode(bytes: &[u8]) -> Result<Option<Self>, WireError> {
        let (kind, mut fields) = Fields::of(bytes)?;
        Ok(Some(match kind {
            0 => Gossip::Hello {
                agent: fields.text("agent", TEXT_BYTES)?,
                nonce: fields.array("nonce of 32 bytes")?,
                abilities: fields.later_uint("abilities")?,
            },
            1 => {
                let mut list = fields.within("spaces", MOST_SPACES)?;
                let mut tags = Vec::new();
                while !list.is_empty() {
                    tags.push(list.tag()?);
                }
                Gossip::Spaces(tags)
            }
            2 => Gossip::Open { tag: fields.tag()?, follow: read_follow(&mut fields)? },
            3 => {
                let (tag, follow, proof) = (fields.tag()?, read_follow(&mut fields)?, fields.bytes("proof")?);
                if proof.len() > PROOF_BYTES {
                    return Err(WireError::TooMany { what: "bytes of proof", count: proof.len(), most: PROOF_BYTES });
                }
                Gossip::Member { tag, follow, proof }
            }
            4 => Gossip::Close(fields.tag()?),
            5 => {
                let tag = fields.tag()?;
                let mut list = fields.within("sets", MOST_SETS)?;
                let (mut sets, mut room) = (Vec::new(), MOST_RANKS);
                while !list.is_empty() {
                    let mut part = list.within("set", usize::MAX)?;
                    let (name, ranks) = (part.set()?, part.ranks(room)?);
                    room -= ranks.len();
                    sets.push((name, ranks));
                }
                Gossip::Announce(Announcement { tag, sets, more: fields.bool("whether there is more")? })
            }
            6 => Gossip::Goodbye(fields.text("reason", TEXT_BYTES)?),
            7 => Gossip::Neighbour { tag: fields.tag()?, on: fields.bool("whether it is on")? },
            _ => return Ok(None),
        }))
    }
}

#[cfg(test)]
mod tests {
    use atlas_record::{RecordId, TypeName};
    use proptest::prelude::*;

    use super::*;

    fn tags() -> impl Strategy<Value = Tag> {
        any::<[u8; 16]>().prop_map(Tag)
    }

    fn types() -> impl Strategy<Value = TypeName> {
        "[a-z]{1,8}\\.[a-z]{1,8}".prop_map(|text| TypeName::new(&text).unwrap())
    }

    fn follows() -> impl Strategy<Value = Follows> {
        prop_oneof![Just(Follows::All), prop::collection::btree_set(types(), 0..4).prop_map(Follows::Types)]
    }

    fn announcements() -> impl Strategy<Value = Announcement> {
        let ranks = (any::<u64>(), any::<[u8; 32]>()).prop_map(|(created, id)| Rank { created, id: RecordId(id) });
        let sets = prop_oneof![Just(Set::Laws), Just(Set::Identities), types().prop_map(Set::Records)];
        let sets = prop::collection::vec((sets, prop::collection::vec(ranks, 0..20)), 0..4);
        (tags(), sets, any::<bool>()).prop_map(|(tag, sets, more)| Announcement { tag, sets, more })
    }

    pub fn messages() -> impl Strategy<Value = Gossip> {
        prop_oneof![
            ("[ -~]{0,40}", any::<[u8; 32]>(), any::<u64>()).prop_map(|(agent, nonce, abilities)| Gossip::Hello {
                agent,
                nonce,
                abilities
            }),
            prop::collection::vec(tags(), 0..20).prop_map(Gossip::Spaces),
            (tags(), follows()).prop_map(|(tag, follow)| Gossip::Open { tag, follow }),
            (tags(), follows(), any::<Vec<u8>>()).prop_map(|(tag, follow, proof)| Gossip::Member {
                tag,
                follow,
                proof
            }),
            tags().prop_map(Gossip::Close),
            announcements().prop_map(Gossip::Announce),
            "[ -~]{0,40}".prop_map(Gossip::Goodbye),
            (tags(), any::<bool>()).prop_map(|(tag, on)| Gossip::Neighbour { tag, on }),
        ]
    }

    proptest! {
        #[test]
        fn every_message_is_read_back(message in messages()) {
            prop_assert_eq!(Gossip::decode(&message.encode()), Ok(Some(message)));
        }

        #[test]
        fn no_bytes_upset_the_reader(bytes in any::<Vec<u8>>()) {
            let _ = Gossip::decode(&bytes);
        }
    }

    #[test]
    fn later_versions_may_add_kinds_and_items() {
        assert_eq!(Gossip::decode(&message(99, vec![])), Ok(None));
        let longer = message(4, vec![tag(&Tag([7; 16])), "later".into()]);
        assert_eq!(Gossip::decode(&longer), Ok(Some(Gossip::Close(Tag([7; 16])))));
    }

    #[test]
    fn an_announcement_of_too_much_is_refused_over_all_its_sets() {
        let ranks = vec![Rank { created: 1, id: RecordId([2; 32]) }; MOST_RANKS / 2 + 1];
        let sets = vec![(Set::Laws, ranks.clone()), (Set::Identities, ranks)];
        let refused = Gossip::decode(&Gossip::Announce(Announcement { tag: Tag([0; 16]), sets, more: false }).encode());
        assert!(matches!(refused, Err(WireError::TooMany { what: "ranks", .. })));
    }
}
