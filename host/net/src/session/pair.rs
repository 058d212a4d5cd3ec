//! The two tasks of a gossip stream: one reads, one writes, and neither waits for the other.

use futures_util::io::{AsyncReadExt, BufReader, BufWriter};
use futures_util::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::swarm::PeerId;
use crate::wire::gossip::Gossip;
use crate::wire::{FrameError, frame};

/// Messages that wait to be written. A peer that lets more wait does not read.
const MOST_WAITING: usize = 256;

/// What came over a gossip stream.
#[derive(Debug)]
pub struct Heard {
    /// From whom.
    pub peer: PeerId,
    /// Which stream of that peer.
    pub stream: u64,
    /// A message, or why there will be no more.
    pub what: Result<Gossip, FrameError>,
}

/// A gossip stream. Dropping it ends both tasks.
#[derive(Debug)]
pub struct Pair {
    /// Which of the peer's streams this is.
    pub stream: u64,
    out: mpsc::Sender<Gossip>,
    reading: JoinHandle<()>,
}

impl Drop for Pair {
    fn drop(&mut self) {
        // The writer ends by itself once it has written what waits and the sender is gone.
        self.reading.abort();
    }
}

impl Pair {
    /// Takes a stream over. What comes is told to `inbox`, which slows the peer down when it is full.
    pub fn start<S>(transport: S, peer: PeerId, stream: u64, inbox: mpsc::Sender<Heard>) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (reader, writer) = transport.split();
        let (out, waiting) = mpsc::channel(MOST_WAITING);
        let failed = inbox.clone();
        tokio::spawn(async move {
            if let Err(error) = write(writer, waiting).await {
                let _ = failed.send(Heard { peer, stream, what: Err(error) }).await;
            }
        });
        let reading = tokio::spawn(async move {
            let mut reader = BufReader::new(reader);
            loop {
                let what = frame::read(&mut reader).await;
                let over = what.is_err();
                if inbox.send(Heard { peer, stream, what }).await.is_err() || over {
                    return;
                }
            }
        });
        Self { stream, out, reading }
    }

    /// Sends a message. False if the peer has stopped reading.
    pub fn send(&self, message: Gossip) -> bool {
        self.out.try_send(message).is_ok()
    }
}

async fn write(transport: impl AsyncWrite + Unpin, mut waiting: mpsc::Receiver<Gossip>) -> Result<(), FrameError> {
    let mut transport = BufWriter::with_capacity(64 << 10, transport);
    while let Some(message) = waiting.recv().await {
        frame::write(&mut transport, &message).await?;
        // What waits too goes out together.
        while let Ok(message) = waiting.try_recv() {
            frame::write(&mut transport, &message).await?;
        }
        tokio::time::timeout(frame::PATIENCE, transport.flush()).await.map_err(|_| FrameError::Slow)??;
    }
    let _ = tokio::time::timeout(frame::PATIENCE, transport.close()).await;
    Ok(())
}
