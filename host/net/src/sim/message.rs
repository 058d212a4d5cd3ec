//! What goes over a link. Only its size matters to the link; the real frames are written elsewhere.

use atlas_record::SpaceId;

use super::record::Record;
use crate::negentropy::Id;
use crate::overlay::{Entry, Token};

#[derive(Debug, Clone)]
pub(super) enum Message {
    /// Shares the one space.
    Hello,
    Neighbour {
        on: bool,
    },
    Announce {
        space: SpaceId,
        entries: Vec<Entry>,
        more: bool,
    },
    Ask {
        token: Token,
        ids: Vec<Id>,
    },
    Served {
        token: Token,
        records: Vec<(Id, Option<Record>)>,
    },
    Reconcile {
        token: Token,
        bytes: Vec<u8>,
    },
    Reconciled {
        token: Token,
        bytes: Vec<u8>,
    },
    /// The initiator knows all.
    Agreed,
    /// Bytes that are no frame.
    Garbage,
}

/// What a record takes on the wire.
const RECORD_BYTES: usize = 500;

impl Message {
    /// About how many bytes it has.
    pub fn bytes(&self) -> usize {
        20 + match self {
            Self::Hello | Self::Neighbour { .. } => 40,
            Self::Announce { entries, .. } => 32 + 40 * entries.len(),
            Self::Ask { ids, .. } => 32 * ids.len(),
            Self::Served { records, .. } => {
                records.iter().map(|(_, record)| if record.is_some() { RECORD_BYTES } else { 33 }).sum()
            }
            Self::Reconcile { bytes, .. } | Self::Reconciled { bytes, .. } => bytes.len(),
            Self::Agreed => 0,
            Self::Garbage => 1000,
        }
    }

    /// For the trace.
    pub fn kind(&self) -> u8 {
        match self {
            Self::Hello => 0,
            Self::Announce { .. } => 1,
            Self::Ask { .. } => 2,
            Self::Served { .. } => 3,
            Self::Reconcile { .. } => 4,
            Self::Reconciled { .. } => 5,
            Self::Agreed => 6,
            Self::Garbage => 7,
            Self::Neighbour { .. } => 8,
        }
    }
}
