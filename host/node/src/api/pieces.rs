//! Bodies of requests as readers, for threads that may block.

use std::io::{self, Read};

use axum::body::{Body, Bytes};
use futures_util::StreamExt;
use tokio::sync::mpsc;

/// Pieces of a stream that wait for their reader.
pub(super) const PIECES: usize = 16;
/// Bytes of a piece that is sent.
pub(super) const PIECE_BYTES: usize = 64 * 1024;

/// A body as a reader, and what feeds it: to be awaited beside the work that reads.
pub(super) fn reader(body: Body) -> (impl Future<Output = ()> + Send, Pieces) {
    let (sender, pieces) = mpsc::channel(PIECES);
    let pump = async move {
        let mut stream = body.into_data_stream();
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(|error| io::Error::other(error.to_string())).map(Some);
            let failed = piece.is_err();
            if sender.send(piece).await.is_err() || failed {
                return; // the work ended early: its answer says why
            }
        }
        // Whoever reads learns that this was all. A connection that breaks drops the sender
        // without this, and half a body must not pass for a whole one.
        let _ = sender.send(Ok(None)).await;
    };
    (pump, Pieces { pieces, current: Bytes::new(), ended: false })
}

/// A stream of pieces as a reader.
pub(super) struct Pieces {
    pieces: mpsc::Receiver<io::Result<Option<Bytes>>>,
    current: Bytes,
    ended: bool,
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() && !self.ended {
            match self.pieces.blocking_recv() {
                Some(piece) => match piece? {
                    Some(piece) => self.current = piece,
                    None => self.ended = true,
                },
                None => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection broke")),
            }
        }
        let length = self.current.len().min(into.len());
        into[..length].copy_from_slice(&self.current.split_to(length));
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_body_does_not_pass_for_a_whole_one() {
        let (sender, pieces) = mpsc::channel(4);
        let mut pieces = Pieces { pieces, current: Bytes::new(), ended: false };
        sender.blocking_send(Ok(Some(Bytes::from_static(b"half")))).unwrap();
        drop(sender);
        let mut read = Vec::new();
        assert_eq!(pieces.read_to_end(&mut read).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(read, b"half");
    }

    #[tokio::test]
    async fn a_whole_body_ends() {
        let (pump, mut pieces) = reader(Body::from("whole"));
        pump.await;
        let read = tokio::task::spawn_blocking(move || {
            let mut read = String::new();
            pieces.read_to_string(&mut read).map(|_| read)
        });
        assert_eq!(read.await.unwrap().unwrap(), "whole");
    }
}
