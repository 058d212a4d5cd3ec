//! Moving items and blobs, at the pace of whoever takes them in.
//!
//! What has come is handed on in portions, and the next is not read before the last is durable: a peer
//! that sends faster than this node judges waits in its own buffers.

use atlas_record::ancestry::MOST_STEPS;
use futures_util::{AsyncRead, AsyncWrite};

use crate::replica::{Ends, ReplicaError};
use crate::swarm::OpenError;
use crate::wire::fetch::{Answer, Request};
use crate::wire::{FrameError, Set, Tag, frame};

/// Bytes that are handed on together: enough records that judging and committing them together pays.
pub const PORTION_BYTES: usize = 2 << 20;
/// Bytes of one item: a record, or a document of an identity or a space, and what stands around it.
pub const ITEM_BYTES: usize = atlas_record::limits::DOCUMENT_BYTES + 1024;

/// Why nothing more came.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// There was no stream to ask on.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It broke, or what came over it is no message.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The peer gives nothing out, in its own words.
    #[error("the peer declined: {0}")]
    Declined(String),
    /// The peer sent something else than was asked for.
    #[error("the peer sent {0}")]
    Unrequested(&'static str),
    /// This node could not take it in.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
}

impl FetchError {
    /// Whether it shows that the peer does not keep to the protocol.
    pub fn is_fault(&self) -> bool {
        match self {
            FetchError::Frame(error) => error.is_fault(),
            FetchError::Unrequested(_) => true,
            _ => false,
        }
    }
}

/// Where what has come goes.
pub trait Intake: Send {
    /// Takes a portion in. What came is durable when this returns.
    fn take(&mut self, items: Vec<Vec<u8>>) -> impl Future<Output = Result<(), FetchError>> + Send;
}

/// What is asked for: members of a set, of records by the first bytes of their ids if the peer `reads_short` ones.
pub fn request(tag: Tag, set: Set, ids: Vec<[u8; 32]>, reads_short: bool) -> Request {
    match set {
        Set::Records(type_name) if reads_short => {
            let short = |id: [u8; 32]| *id.first_chunk().expect("an id has 32 bytes");
            Request::Records { tag, type_name, ids: ids.into_iter().map(short).collect(), whole: false }
        }
        set => Request::Items { tag, set, ids },
    }
}

/// Asks for members of a set, and hands on what comes in portions.
pub async fn items<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    request: Request,
    intake: &mut impl Intake,
) -> Result<(), FetchError> {
    let mut left = match &request {
        Request::Items { ids, .. } => ids.len(),
        Request::Records { ids, .. } => ids.len(),
        Request::Blob { .. } | Request::Path { .. } => 0,
    };
    frame::send(stream, &request).await?;
    let (mut portion, mut bytes) = (Vec::new(), 0);
    loop {
        match frame::expect(stream).await? {
            Answer::Items(items) => {
                left =
                    left.checked_sub(items.len()).ok_or(FetchError::Unrequested("more items than were asked for"))?;
                if items.iter().any(|item| item.len() > ITEM_BYTES) {
                    return Err(FetchError::Unrequested("an item larger than any can be"));
                }
                bytes += items.iter().map(Vec::len).sum::<usize>();
                portion.extend(items);
                if bytes >= PORTION_BYTES {
                    bytes = 0;
                    intake.take(std::mem::take(&mut portion)).await?;
                }
            }
            Answer::End => break,
            Answer::Declined(reason) => return Err(FetchError::Declined(reason)),
            Answer::Piece(_) => return Err(FetchError::Unrequested("a piece of a blob for members of a set")),
        }
    }
    if portion.is_empty() { Ok(()) } else { Ok(intake.take(portion).await?) }
}

/// Asks for the headers of a path; none if the peer does not have them all.
pub async fn path<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    tag: Tag,
    (last, record): Ends,
) -> Result<Option<Vec<Vec<u8>>>, FetchError> {
    frame::send(stream, &Request::Path { tag, last, record }).await?;
    let mut headers = Vec::new();
    loop {
        match frame::expect(stream).await? {
            Answer::Items(items) => {
                headers.extend(items);
                if headers.len() > MOST_STEPS || headers.iter().any(|header| header.len() > ITEM_BYTES) {
                    return Err(FetchError::Unrequested("more than a path has"));
                }
            }
            Answer::End => return Ok((!headers.is_empty()).then_some(headers)),
            Answer::Declined(reason) => return Err(FetchError::Declined(reason)),
            Answer::Piece(_) => return Err(FetchError::Unrequested("a piece of a blob for headers")),
        }
    }
}

/// Asks for a blob of at most so many bytes; none if the peer does not have it. What comes has the
/// hash that was asked for.
pub async fn blob<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    tag: Tag,
    id: [u8; 32],
    most: u64,
) -> Result<Option<Vec<u8>>, FetchError> {
    frame::send(stream, &Request::Blob { tag, id }).await?;
    let (mut bytes, mut any) = (Vec::new(), false);
    loop {
        match frame::expect(stream).await? {
            Answer::Piece(piece) => {
                any = true;
                if (bytes.len() + piece.len()) as u64 > most {
                    return Err(FetchError::Unrequested("a blob larger than this node takes"));
                }
                bytes.extend_from_slice(&piece);
            }
            Answer::End => break,
            Answer::Declined(reason) => return Err(FetchError::Declined(reason)),
            Answer::Items(_) => return Err(FetchError::Unrequested("members of a set for a blob")),
        }
    }
    if !any {
        return Ok(None);
    }
    if *blake3::hash(&bytes).as_bytes() != id {
        return Err(FetchError::Unrequested("other bytes than the hash names"));
    }
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_reads_short_ids_gets_them_and_only_for_records() {
        let records = Set::Records("atlas.post".parse().unwrap());
        let (tag, ids) = (Tag([1; 16]), vec![[7; 32], [8; 32]]);
        let short = Request::Records {
            tag,
            type_name: "atlas.post".parse().unwrap(),
            ids: vec![[7; 16], [8; 16]],
            whole: false,
        };
        assert_eq!(request(tag, records.clone(), ids.clone(), true), short);
        for (set, reads_short) in [(records, false), (Set::Laws, true), (Set::Identities, true)] {
            let whole = Request::Items { tag, set: set.clone(), ids: ids.clone() };
            assert_eq!(request(tag, set, ids.clone(), reads_short), whole);
        }
    }
}
