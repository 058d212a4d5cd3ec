//! Identities as items that peers exchange: each root event, grant, revocation and receipt is
//! one, named by the BLAKE3 of its bytes.
//!
//! The bytes are a kind, the identity, and the signed document.

use std::collections::HashMap;

use atlas_record::IdentityId;

use crate::archive::Part;
use crate::error::Refusal;
use crate::people::Piece;

const EVENT: u8 = 0;
const GRANT: u8 = 1;
const REVOCATION: u8 = 2;
const RECEIPT: u8 = 3;

/// The item of a part of an identity.
pub fn item(identity: &IdentityId, part: &Part) -> Option<Vec<u8>> {
    let (kind, bytes) = match part {
        Part::Identity(bytes) => (EVENT, &bytes[..]),
        Part::Event(bytes) => (EVENT, bytes.get(32..)?),
        Part::Grant(bytes) => (GRANT, &bytes[..]),
        Part::Revocation(bytes) => (REVOCATION, &bytes[..]),
        Part::Receipt(bytes) => (RECEIPT, &bytes[..]),
        _ => return None,
    };
    Some([&[kind][..], &identity.0, bytes].concat())
}

/// The id of an item.
pub fn id_of(item: &[u8]) -> [u8; 32] {
    *blake3::hash(item).as_bytes()
}

/// Items as they came, verified and by identity. A refusal for each that is none, by its place.
#[derive(Default)]
pub struct Sorted {
    /// The places and pieces of each identity.
    pub pieces: HashMap<IdentityId, Vec<(usize, Piece)>>,
    /// What is wrong with others.
    pub refused: Vec<(usize, Refusal)>,
}

impl Sorted {
    /// Reads and verifies. Signatures of events are verified together.
    pub fn of(items: &[Vec<u8>]) -> Self {
        let mut sorted = Self::default();
        let (mut places, mut events) = (Vec::new(), Vec::new());
        for (i, item) in items.iter().enumerate() {
            let Some((head, bytes)) = item.split_first_chunk::<33>() else {
                sorted.refused.push((i, Refusal::new("malformed", "an item of an identity is cut off")));
                continue;
            };
            let identity = IdentityId(*head.last_chunk().expect("33 bytes end in 32"));
            let piece = match head[0] {
                EVENT => {
                    places.push((i, identity));
                    events.push(bytes.to_vec());
                    continue;
                }
                GRANT => Piece::grant(bytes),
                REVOCATION => Piece::revocation(bytes),
                RECEIPT => Piece::receipt(bytes),
                _ => Err(Refusal::new("malformed", "an item of an identity is of no known kind")),
            };
            sorted.put(i, identity, piece);
        }
        for ((i, identity), piece) in places.into_iter().zip(Piece::events(&events)) {
            sorted.put(i, identity, piece);
        }
        sorted
    }

    fn put(&mut self, i: usize, identity: IdentityId, piece: Result<Piece, Refusal>) {
        let belongs = |piece: &Piece| match piece {
            Piece::Event(event) => event.identity().is_none_or(|genesis| genesis == identity),
            Piece::Grant(grant) => grant.statement().identity == identity,
            Piece::Revocation(revocation) => revocation.statement().identity == identity,
            Piece::Receipt(receipt, _) => receipt.identity == identity,
        };
        match piece {
            Ok(piece) if belongs(&piece) => self.pieces.entry(identity).or_default().push((i, piece)),
            Ok(_) => {
                let text = "an item of an identity names another identity than its document";
                self.refused.push((i, Refusal::new("malformed", text)));
            }
            Err(refusal) => self.refused.push((i, refusal)),
        }
    }
}
