//! Parts of identities, gathered so that a long log is verified and kept in one go.

use atlas_record::IdentityId;
use atlas_record::identity::SignedEvent;

use crate::archive::Part;
use crate::error::{NodeError, Refusal};
use crate::node::Node;
use crate::people::Piece;

/// Parts that are gathered before they are put to the node.
const MOST: usize = 4096;

/// What has been gathered.
#[derive(Default)]
pub struct Pieces {
    /// The identity, while its parts come.
    of: Option<IdentityId>,
    events: Vec<Vec<u8>>,
    others: Vec<Part>,
    refused: Vec<Refusal>,
}

impl Pieces {
    /// Takes a part that belongs to an identity; gives back any other, and one that begins
    /// another identity than the one at hand after having asked for [`learn`](Self::learn).
    pub fn take(&mut self, part: Part) -> Option<Part> {
        match part {
            Part::Identity(bytes) => match SignedEvent::read_back(&bytes).ok().and_then(|event| event.identity()) {
                Some(id) => {
                    self.of = Some(id);
                    self.events.push(bytes);
                }
                None => self.refuse("an identity that does not begin with its genesis"),
            },
            Part::Event(bytes) => match bytes.split_first_chunk::<32>() {
                Some((id, event)) if self.of == Some(IdentityId(*id)) => self.events.push(event.to_vec()),
                _ => self.refuse("an event that does not follow its identity"),
            },
            part @ (Part::Grant(_) | Part::Revocation(_) | Part::Receipt(_)) => self.others.push(part),
            other => return Some(other),
        }
        None
    }

    fn refuse(&mut self, what: &str) {
        self.refused.push(Refusal::new("malformed", format!("the archive holds {what}")));
    }

    /// Whose parts come.
    pub fn identity(&self) -> Option<IdentityId> {
        self.of
    }

    /// Whether enough has been gathered, or the next part begins something else.
    pub fn is_due(&self, next: &Part) -> bool {
        let gathered = self.events.len() + self.others.len();
        gathered >= MOST || (gathered > 0 && matches!(next, Part::Identity(_)))
    }

    /// Verifies what was gathered and puts it to the node; what was refused, and why.
    pub fn learn(&mut self, node: &Node) -> Result<Vec<Refusal>, NodeError> {
        let mut refused = std::mem::take(&mut self.refused);
        let events = std::mem::take(&mut self.events);
        let others = std::mem::take(&mut self.others);
        let Some(id) = self.of else {
            refused.extend(
                others.first().map(|_| Refusal::new("malformed", "the archive holds a statement of no identity")),
            );
            return Ok(refused);
        };
        let others = others.into_iter().map(|part| match part {
            Part::Grant(bytes) => Piece::grant(&bytes),
            Part::Revocation(bytes) => Piece::revocation(&bytes),
            Part::Receipt(bytes) => Piece::receipt(&bytes),
            _ => unreachable!("only statements and receipts are gathered there"),
        });
        let mut pieces = Vec::new();
        for piece in Piece::events(&events).into_iter().chain(others) {
            match piece {
                Ok(piece) => pieces.push(piece),
                Err(refusal) => refused.push(refusal),
            }
        }
        if !pieces.is_empty() {
            refused.extend(node.learn(id, pieces)?);
        }
        Ok(refused)
    }
}
