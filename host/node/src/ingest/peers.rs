//! Records that a peer sent for a space: as [`Node::ingest`], and each is named, so that the network
//! knows what came of which.

use atlas_record::order::Rank;
use atlas_record::{Record, RecordId, SpaceId, Timestamp};
use rayon::prelude::*;

use super::{Fate, decode};
use crate::error::NodeError;
use crate::node::Node;

/// What came of a record that a peer sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// Which record; none if the bytes are no record.
    pub rank: Option<Rank>,
    /// What came of it.
    pub fate: Fate,
}

/// The code of a record that belongs to another space than the one that it was sent for.
pub const WRONG_SPACE: &str = "wrong-space";

impl Node {
    /// Takes in what a peer sent as records of a space.
    pub fn ingest_from_peer(
        &self,
        space: &SpaceId,
        records: &[Vec<u8>],
        now: Timestamp,
    ) -> Result<Vec<Arrived>, NodeError> {
        let decoded: Vec<Result<Record, Fate>> = records
            .par_iter()
            .map(|bytes| {
                let record = decode(bytes)?;
                if record.header().space == *space {
                    return Ok(record);
                }
                let text = format!("record {} is of space {}", record.id(), record.header().space);
                Err(Fate::Refused { code: WRONG_SPACE.to_owned(), text })
            })
            .collect();
        let rank = |record: &Record| Rank { created: record.header().created, id: record.id() };
        let ranks: Vec<Option<Rank>> = decoded.iter().map(|record| record.as_ref().ok().map(rank)).collect();
        let fates = self.ingest_decoded(decoded, now)?;
        Ok(ranks.into_iter().zip(fates).map(|(rank, fate)| Arrived { rank, fate }).collect())
    }

    /// Whether a record's header is here, whatever became of its body.
    pub fn has_header(&self, id: &RecordId) -> Result<bool, NodeError> {
        Ok(self.store().number(id)?.is_some())
    }
}
